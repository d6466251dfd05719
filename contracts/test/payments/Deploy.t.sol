// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { BridgeBase } from "../../src/l1/BridgeBase.sol";
import { BridgeProxy } from "../../src/l1/BridgeProxy.sol";
import { Inbox } from "../../src/l1/Inbox.sol";
import { Notice } from "../../src/l1/Notice.sol";
import { Schedule } from "../../src/l1/Schedule.sol";
import { ChainConfig, Rules } from "../../src/l1/Types.sol";
import { PaymentsBridge } from "../../src/payments/PaymentsBridge.sol";
import { ValiditySettlement } from "../../src/payments/ValiditySettlement.sol";
import { VerifyingKeys } from "../../src/payments/VerifyingKeys.sol";
import { vm } from "../utils/Vm.sol";
import { Chain } from "./Chain.sol";
import { FixtureKeys } from "./FixtureKeys.sol";
import { ModelSettlement, ProofModel } from "./ProofModel.sol";

/// @title Contracts that name each other, on any L1 but a devnet: what their constructors refuse.
contract PaymentsDeployTest is Chain {
    /// @dev From the sum of PAY-NOTICE: what the notice has to be beside window and escape delay.
    uint64 private constant NOTICE_SECONDS = 51 days + 1 hours;

    uint64 private _windowSeconds = FORCED_SECONDS;
    uint64 private _delaySeconds = DELAY_SECONDS;

    function notice() internal view override returns (Notice memory) {
        return Notice(_windowSeconds, _delaySeconds, GRACE_SECONDS);
    }

    function test_deploy_namesEachOther() external view {
        vm.assertEq(settlement.schedule(), address(schedule));
        vm.assertEq(settlement.inbox(), address(inbox));
        vm.assertEq(settlement.escapeDelaySeconds(), ESCAPE_SECONDS);
        vm.assertEq(settlement.timestamp(), GENESIS_SECONDS);
        vm.assertEq(settlement.leafCount(), 1);
        vm.assertEq(inbox.bridge(), address(bridge));
        vm.assertEq(inbox.validitySettlement(), address(settlement));
        vm.assertEq(address(bridge.inbox()), address(inbox));
        vm.assertEq(address(bridge.settlement()), address(settlement));
        vm.assertEq(address(bridge.schedule()), address(schedule));
        vm.assertEq(gate.proxy(), address(bridge));
        vm.assertEq(bridge.guardian(), guardian);
        vm.assertEq(bridge.pauseSecondsLeft(), PAUSE_SECONDS);
    }

    function test_initialize_onlyOnce() external {
        vm.expectRevert();
        bridge.initialize(mallory, 1);
        vm.expectRevert();
        implementation.initialize(mallory, 1);
    }

    /// @notice A Bridge for another address, or whose settlement is not there, never begins.
    function test_initialize_revertsUnlessNamed() external {
        bytes memory initialization = abi.encodeCall(BridgeBase.initialize, (guardian, PAUSE_SECONDS));
        address other = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_WrongAddress.selector, address(bridge), other));
        new BridgeProxy(address(implementation), address(gate), initialization);

        proofs = new ProofModel();
        deploySchedule();
        settlement = makeSettlement(ESCAPE_SECONDS);
        implementation = new PaymentsBridge(address(schedule));
        _skipNonce();
        vm.etch(address(settlement), "");
        vm.expectRevert(
            abi.encodeWithSelector(BridgeBase.Bridge_WrongAddress.selector, address(settlement), address(0))
        );
        new BridgeProxy(address(implementation), address(gate), initialization);
    }

    /// @dev Takes the gate's place in the order.
    function _skipNonce() private {
        new ProofModel();
    }

    function test_constructor_revertsUnlessNamed() external {
        address other = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.expectRevert(
            abi.encodeWithSelector(
                ValiditySettlement.ValiditySettlement_WrongAddress.selector, address(settlement), other
            )
        );
        new ModelSettlement(address(schedule), ESCAPE_SECONDS, proofs);
    }

    function test_constructor_revertsForOtherKinds() external {
        ChainConfig memory chain = configAt(vm.getNonce(address(this)));
        Rules memory evm = rules();
        deploySchedule();
        vm.mockCall(address(schedule), abi.encodeCall(schedule.kind, ()), abi.encode(uint8(0)));
        vm.expectRevert(abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_OtherChainKind.selector, uint8(0)));
        makeSettlement(ESCAPE_SECONDS);
        chain.kind = 2;
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_UnknownKind.selector, uint8(2)));
        new Schedule(owner, notice(), chain, evm);
    }

    /// @notice PAY-KEYS: every batch has an Apply chunk.
    function test_storeKeys_refusesASetWithoutApply() external {
        bytes memory all = keys();
        uint256 length = 512 + 4 * 64; // a key of three inputs, the last one of the set
        bytes memory last = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            last[i] = all[all.length - length + i];
        }
        vm.expectRevert(VerifyingKeys.Keys_NoApply.selector);
        settlement.storeKeys(last);
    }

    function test_initialize_refusesAnEvmChain() external {
        bytes memory initialization = abi.encodeCall(BridgeBase.initialize, (guardian, PAUSE_SECONDS));
        deploySchedule();
        settlement = makeSettlement(ESCAPE_SECONDS);
        implementation = new PaymentsBridge(address(schedule));
        _skipNonce();
        vm.mockCall(address(schedule), abi.encodeCall(schedule.kind, ()), abi.encode(uint8(0)));
        vm.expectRevert(abi.encodeWithSelector(PaymentsBridge.Bridge_OtherChainKind.selector, uint8(0)));
        new BridgeProxy(address(implementation), address(gate), initialization);
    }

    function testFuzz_constructor_boundsTheEscapeDelay(uint64 escapeSeconds) external {
        _delaySeconds = 3650 days;
        deploySchedule();
        bool isIn = escapeSeconds >= 1 days && escapeSeconds <= 30 days;
        if (!isIn) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ValiditySettlement.ValiditySettlement_EscapeDelayOutOfRange.selector, escapeSeconds, 1 days, 30 days
                )
            );
        }
        makeSettlement(escapeSeconds);
    }

    function test_constructor_boundsTheEscapeDelayAtItsEdges() external {
        _delaySeconds = 3650 days;
        uint64[4] memory delays = [uint64(1 days - 1), 1 days, 30 days, 30 days + 1];
        for (uint256 i = 0; i < 4; ++i) {
            this.testFuzz_constructor_boundsTheEscapeDelay(delays[i]);
        }
    }

    /// @notice PAY-NOTICE: a second less than the message, the window, the escape delay, what ends the wait and the claim may take together is refused.
    function testFuzz_constructor_needsTheNotice(uint64 windowSeconds, uint64 escapeSeconds, uint64 lacking) external {
        _windowSeconds = uint64(bound(windowSeconds, 1, 30 days));
        escapeSeconds = uint64(bound(escapeSeconds, 1 days, 30 days));
        uint64 neededSeconds = NOTICE_SECONDS + _windowSeconds + escapeSeconds;
        // The schedule itself refuses less than its own part of it.
        _delaySeconds = neededSeconds - uint64(bound(lacking, 1, escapeSeconds));
        deploySchedule();
        vm.expectRevert(
            abi.encodeWithSelector(
                ValiditySettlement.ValiditySettlement_NoticeTooShort.selector, _delaySeconds, neededSeconds
            )
        );
        makeSettlement(escapeSeconds);
        _delaySeconds = neededSeconds;
        deploySchedule();
        makeSettlement(escapeSeconds);
    }

    function test_constructor_revertsBeforeGenesis() external {
        deploySchedule();
        vm.warp(GENESIS_SECONDS - 1);
        vm.expectRevert(
            abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_NotStarted.selector, GENESIS_SECONDS)
        );
        makeSettlement(ESCAPE_SECONDS);
    }

    function test_storeKeys_onceForEachSet() external {
        bytes32 keysHash = keccak256(otherKeys());
        vm.assertEq(settlement.keySetOf(keysHash), address(0));
        address expected = vm.computeCreateAddress(address(settlement), vm.getNonce(address(settlement)));
        vm.expectEmit(address(settlement));
        emit ValiditySettlement.KeysStored(keysHash, expected);
        vm.prank(mallory);
        address set = settlement.storeKeys(otherKeys());
        vm.assertEq(set, expected);
        vm.assertEq(settlement.keySetOf(keysHash), set);
        vm.assertEq(keccak256(set.code), keccak256(bytes.concat(hex"00", otherKeys())));
        vm.recordLogs();
        vm.assertEq(settlement.storeKeys(otherKeys()), set);
        vm.assertEq(vm.getRecordedLogs().length, 0);
        vm.assertTrue(settlement.keySetOf(keccak256(keys())) != set);
    }

    function test_storeKeys_refusesMalformedSets() external {
        vm.expectRevert(VerifyingKeys.Keys_Truncated.selector);
        settlement.storeKeys("");
        bytes memory broken = bytes.concat(keys(), hex"00");
        vm.expectRevert(VerifyingKeys.Keys_Truncated.selector);
        settlement.storeKeys(broken);
        vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_NotAscending.selector, 1));
        settlement.storeKeys(bytes.concat(FixtureKeys.SESSION_SMALL, FixtureKeys.APPLY_SMALL));
        broken = FixtureKeys.APPLY_SMALL;
        broken[0x5f] ^= 0x01; // alpha leaves the curve
        vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_InvalidPoint.selector, 1));
        settlement.storeKeys{ gas: 10_000_000 }(broken);
        vm.assertEq(settlement.keySetOf(keccak256(broken)), address(0));
    }
}

/// @title On a devnet times are short, and still what they are.
contract PaymentsDevnetTest is Chain {
    uint64 private _delaySeconds = 4000;

    function setUp() public override {
        l1ChainId = 31_337;
        super.setUp();
    }

    function notice() internal view override returns (Notice memory) {
        return Notice(FORCED_SECONDS, _delaySeconds, 1);
    }

    function makeSettlement(uint64) internal override returns (ValiditySettlement) {
        return new ModelSettlement(address(schedule), 400, proofs);
    }

    function test_devnet_freezesSoon() external {
        append();
        force(alice, ETH);
        skipTime(FORCED_SECONDS + 401);
        settlement.freeze();
        vm.assertTrue(settlement.isFrozen());
    }

    function test_devnet_boundsTheEscapeDelay() external {
        deploySchedule();
        vm.expectRevert(
            abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_EscapeDelayOutOfRange.selector, 0, 1, 30 days)
        );
        new ModelSettlement(address(schedule), 0, proofs);
        deploySchedule();
        vm.expectRevert(
            abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_NoticeTooShort.selector, 4000, 4001)
        );
        new ModelSettlement(address(schedule), 401, proofs);
        deploySchedule();
        new ModelSettlement(address(schedule), 1, proofs);
    }
}
