// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Initializable } from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import { ProxyAdmin } from "@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol";
import {
    ITransparentUpgradeableProxy
} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Bridge } from "../../src/l1/Bridge.sol";
import { BridgeBase } from "../../src/l1/BridgeBase.sol";
import { BridgeProxy } from "../../src/l1/BridgeProxy.sol";
import { ClaimId, ClaimStatus, FraudSettlement } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { Inbox } from "../../src/l1/Inbox.sol";
import { MessageExecutor } from "../../src/l1/MessageExecutor.sol";
import { Schedule } from "../../src/l1/Schedule.sol";
import { ChainConfig, OutputFields } from "../../src/l1/Types.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";

/// @title The order of deployment, and what each constructor refuses.
contract DeployTest is Fixture {
    using Hashing for *;

    bytes32 private constant ADMIN_SLOT = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);

    function _mockAddress(address callee, string memory signature, address answer) private {
        vm.mockCall(callee, abi.encodeWithSignature(signature), abi.encode(answer));
    }

    function test_deploy_contractsNameEachOther() external view {
        vm.assertEq(schedule.inbox(), address(inbox));
        vm.assertEq(schedule.settlement(), address(settlement));
        vm.assertEq(schedule.bridge(), address(bridge));
        vm.assertEq(inbox.schedule(), address(schedule));
        vm.assertEq(inbox.bridge(), address(bridge));
        vm.assertEq(address(bridge.inbox()), address(inbox));
        vm.assertEq(address(bridge.settlement()), address(settlement));
        vm.assertEq(address(bridge.executor()), address(executor));
        vm.assertEq(executor.bridge(), address(bridge));
        vm.assertEq(schedule.record(0).entry.configHash, deployedConfig().hash());
    }

    /// @notice The genesis output is final from the start (L1-OUT-2).
    function test_deploy_genesisIsFinal() external view {
        OutputFields memory fields = genesisFields(deployedConfig());
        vm.assertTrue(settlement.isFinal(fields.hash()));
        eq(settlement.lastFinalClaim(), settlement.genesisClaim());
        ClaimId claimId = ClaimId.wrap(keccak256(abi.encode(bytes32(0), fields.hash())));
        eq(claimId, settlement.genesisClaim());
        vm.assertTrue(settlement.claimOf(claimId).status == ClaimStatus.Final);
    }

    /// @notice The proxy's admin obeys the gate, and nobody else.
    function test_deploy_bridgeIsBehindTheGate() external {
        ProxyAdmin admin = ProxyAdmin(address(uint160(uint256(vm.load(address(bridge), ADMIN_SLOT)))));
        vm.assertEq(address(gate.admin()), address(admin));
        vm.assertEq(gate.proxy(), address(bridge));
        vm.assertEq(admin.owner(), address(gate));
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, owner));
        vm.prank(owner);
        admin.upgradeAndCall(ITransparentUpgradeableProxy(address(bridge)), address(implementation), "");
    }

    function test_initialize_onlyOnce() external {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        bridge.initialize(mallory, 1);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(mallory, 1);
    }

    /// @notice L1-BR-6: whoever deploys cannot give the guardian more than the ceiling.
    function testFuzz_bridgeInitialize_revertsBeyondThePauseCeiling(uint64 seconds_) external {
        seconds_ = uint64(bound(seconds_, 30 days + 1, type(uint64).max));
        address self = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        _mockAddress(address(schedule), "bridge()", self);
        _mockAddress(address(inbox), "bridge()", self);
        _mockAddress(address(executor), "bridge()", self);
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_PauseTooLong.selector, seconds_, 30 days));
        new BridgeProxy(
            address(implementation), address(gate), abi.encodeCall(BridgeBase.initialize, (guardian, seconds_))
        );
    }

    function testFuzz_inboxConstructor_revertsUnlessNamed(address inbox_) external {
        address self = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.assume(inbox_ != self);
        _mockAddress(address(schedule), "inbox()", inbox_);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_WrongAddress.selector, inbox_, self));
        new Inbox(address(schedule), sequencer);
    }

    function testFuzz_settlementConstructor_revertsUnlessNamed(address settlement_) external {
        OutputFields memory genesis = genesisFields(deployedConfig());
        address self = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.assume(settlement_ != self);
        _mockAddress(address(schedule), "settlement()", settlement_);
        vm.expectRevert(
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_WrongAddress.selector, settlement_, self)
        );
        new FraudSettlement(address(schedule), genesis);
    }

    /// @notice The Inbox obeys another schedule.
    function testFuzz_settlementConstructor_revertsOnForeignInbox(address other) external {
        vm.assume(other != address(schedule));
        OutputFields memory genesis = genesisFields(deployedConfig());
        address self = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        _mockAddress(address(schedule), "settlement()", self);
        _mockAddress(address(inbox), "schedule()", other);
        vm.expectRevert(
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_WrongAddress.selector, address(schedule), other)
        );
        new FraudSettlement(address(schedule), genesis);
    }

    /// @notice L1-OUT-2: nothing can be withdrawn from genesis, and it is the state of the first entry.
    function testFuzz_settlementConstructor_revertsOnOtherGenesis(uint256 which, bytes32 wrong) external {
        ChainConfig memory chain = configAt(vm.getNonce(address(this)));
        Schedule other = new Schedule(owner, notice(), chain, rules());
        new Inbox(address(other), sequencer);
        OutputFields memory genesis = genesisFields(chain);
        which = bound(which, 0, 3);
        vm.assume(wrong != 0 && uint64(uint256(wrong)) != 0);
        if (which == 0) genesis.configHash = wrong;
        if (which == 1) genesis.batchHash = wrong;
        if (which == 2) genesis.messageRoot = wrong;
        if (which == 3) genesis.queueIndex = uint64(uint256(wrong));
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_WrongGenesis.selector, genesis));
        new FraudSettlement(address(other), genesis);
    }

    /// @notice Each contract before it names the proxy, and the settlement exists.
    function testFuzz_bridgeInitialize_revertsUnlessNamed(uint256 which, address other) external {
        bytes memory initialization = abi.encodeCall(BridgeBase.initialize, (guardian, PAUSE_SECONDS));
        address self = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.assume(other != self && other != address(schedule));
        _mockAddress(address(schedule), "bridge()", self);
        _mockAddress(address(inbox), "bridge()", self);
        _mockAddress(address(executor), "bridge()", self);
        which = bound(which, 0, 4);
        (address expected, address actual) = (other, self);
        if (which == 0) _mockAddress(address(schedule), "bridge()", other);
        if (which == 1) _mockAddress(address(inbox), "bridge()", other);
        if (which == 2) _mockAddress(address(inbox), "schedule()", other);
        if (which == 2) actual = address(schedule);
        if (which == 3) _mockAddress(address(executor), "bridge()", other);
        if (which == 4) vm.etch(address(settlement), "");
        if (which == 4) (expected, actual) = (address(settlement), address(0));
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_WrongAddress.selector, expected, actual));
        new BridgeProxy(address(implementation), address(gate), initialization);
    }

    function testFuzz_scheduleConstructor_revertsOnOtherL1(uint64 l1ChainId) external {
        vm.assume(l1ChainId != block.chainid);
        ChainConfig memory chain = deployedConfig();
        chain.l1ChainId = l1ChainId;
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_WrongChainId.selector, l1ChainId));
        new Schedule(owner, notice(), chain, rules());
    }
}
