// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { ProxyAdmin } from "@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol";
import {
    ITransparentUpgradeableProxy
} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";
import { Bridge } from "../../src/l1/Bridge.sol";
import { BridgeBase } from "../../src/l1/BridgeBase.sol";
import { ClaimId, FraudSettlement } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { Schedule } from "../../src/l1/Schedule.sol";
import { ChainConfig, L2Message, OutputFields, Rules } from "../../src/l1/Types.sol";
import { UpgradeGate } from "../../src/l1/UpgradeGate.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm } from "../utils/Vm.sol";
import { DisputeFixture } from "./SettlementClaim.t.sol";

/// @title What an owner who wants the escrow tries, and how it ends: L1-NOTICE-1, L1-NOTICE-3, L1-GATE-1.
contract HostileOwnerTest is DisputeFixture {
    using Hashing for *;

    ClaimId private _right;
    OutputFields private _invented;

    function setUp() public override {
        super.setUp();
        vm.deal(alice, 10 ether);
        vm.prank(alice, alice);
        bridge.depositETH{ value: 10 ether }(alice, alice);
    }

    /// @notice Thirty days to decide, then L1 keeps the message waiting for as long as it may, then the sequencer, then L1 the batch that
    /// anybody forces: it is still one of the old rules, and of the old Bridge. So is every exit that begins earlier, or is hindered less.
    function testFuzz_owner_exitWithinTheNoticeMeetsTheOldRules(uint256 early) external {
        ChainConfig memory chain = deployedConfig();
        chain.version = 2;
        vm.startPrank(owner);
        schedule.schedule(chain, rules());
        gate.propose(address(new Bridge(address(schedule), address(executor))), "");
        vm.stopPrank();
        uint256 decidesAt = vm.getBlockTimestamp() + 30 days - bound(early, 0, 30 days);
        vm.warp(decidesAt + 7 days);
        enqueue(100_000);
        vm.warp(vm.getBlockTimestamp() + FORCED_SECONDS + 12); // the first block in which it is overdue
        vm.warp(vm.getBlockTimestamp() + 7 days);
        storeCheckpoint();
        inbox.appendForced(appendArgs(consumable()));
        vm.assertEq(inbox.queueConsumed(), inbox.queueLength());
        (, bytes32 entryHash) = schedule.entryOf(1);
        vm.assertEq(entryHash, schedule.record(0).entryHash);
        vm.expectPartialRevert(UpgradeGate.UpgradeGate_Immature.selector);
        gate.mark();
    }

    /// @dev An entry with the shortest window matures while a right claim is disputed; an invented claim stands on top of it, and pays
    /// everything to its maker.
    function _quickEntryDuringADispute() private returns (ClaimId child, L2Message memory theft) {
        ChainConfig memory chain = deployedConfig();
        chain.version = 2;
        Rules memory quick = rules();
        quick.claimWindowSeconds = 1;
        vm.prank(owner);
        schedule.schedule(chain, quick);
        skipTime(DELAY_SECONDS - 100);
        (_right,) = contested();
        skipTime(100);
        append();
        theft = sendFromL2(mallory, mallory, 10 ether, 100_000, "");
        _invented = wrongFields(2);
        _invented.configHash = chain.hash();
        child = claimAs(makeAddr("accomplice"), _right, _invented);
        skipTime(1);
        dispute.set(slotOfClaim(_right), IDispute.Verdict.Output, settlement.claimOf(_right).output, bob);
    }

    /// @notice The verdict frees the whole line at once, the grace does not: whoever has a withdrawal under the old rules takes it.
    function testFuzz_owner_quickEntryDuringADispute(uint256 late, uint256 age) external {
        (ClaimId child, L2Message memory theft) = _quickEntryDuringADispute();
        skipTime(bound(late, 0, 400 days)); // however long the dispute takes
        settlement.decide(slotOfClaim(_right));
        settlement.finalize(_right);
        uint256 endsAt = vm.getBlockTimestamp() + GRACE_SECONDS;
        vm.warp(vm.getBlockTimestamp() + bound(age, 0, GRACE_SECONDS - 1));
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_GraceRuns.selector, _right, endsAt));
        settlement.finalize(child);
        bytes memory proof = proofOf(_invented, 0);
        vm.expectPartialRevert(BridgeBase.Bridge_NotProven.selector);
        bridge.executeMessage(_invented.hash(), theft, proof);
        vm.warp(endsAt);
        settlement.finalize(child); // those who stayed accepted the new rules, and nobody rivalled under them
    }

    /// @notice Grace is due where the rules change, and only there.
    function test_owner_graceIsForTheFirstEpochAlone() external {
        (ClaimId child,) = _quickEntryDuringADispute();
        append();
        OutputFields memory fields = fieldsOf(3);
        fields.configHash = _invented.configHash;
        ClaimId grandchild = claimAs(alice, child, fields, pathOf(child));
        settlement.decide(slotOfClaim(_right));
        settlement.finalize(_right);
        skipTime(GRACE_SECONDS);
        settlement.finalize(child);
        settlement.finalize(grandchild);
    }

    /// @notice Not by the admin, which the gate never hands over, and not by the gate, which makes one call.
    function testFuzz_owner_takesNoProxyAdmin(address heir) external {
        ProxyAdmin admin = gate.admin();
        bytes memory handover = abi.encodeCall(admin.transferOwnership, (heir));
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, owner));
        admin.transferOwnership(heir);
        // As an "implementation" the admin is no code that runs as the gate; as data the handover runs as the Bridge.
        gate.propose(address(admin), handover);
        vm.stopPrank();
        skipTime(DELAY_SECONDS);
        gate.mark();
        skipTime(GRACE_SECONDS);
        ClaimId claimId = settlement.genesisClaim();
        vm.expectRevert();
        gate.execute(ClaimId.unwrap(claimId));
        vm.assertEq(admin.owner(), address(gate));
    }
}

/// @title The upgrade of the Bridge: L1-GATE-1, L1-GATE-2, L1-GATE-3.
contract UpgradeGateTest is DisputeFixture {
    Bridge private _next;

    function setUp() public override {
        super.setUp();
        _next = new Bridge(address(schedule), address(executor));
    }

    function _propose() private {
        vm.prank(owner);
        gate.propose(address(_next), "");
    }

    function _implementation() private view returns (address) {
        bytes32 slot = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);
        return address(uint160(uint256(vm.load(address(bridge), slot))));
    }

    function testFuzz_propose_revertsUnlessOwner(address caller) external {
        vm.assume(caller != owner);
        vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_NotOwner.selector, caller));
        vm.prank(caller);
        gate.propose(address(_next), "");
        vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_NotOwner.selector, caller));
        vm.prank(caller);
        gate.cancel();
    }

    function test_propose_revertsOnNothing() external {
        vm.startPrank(owner);
        vm.expectRevert(UpgradeGate.UpgradeGate_ZeroAddress.selector);
        gate.propose(address(0), "");
        vm.expectRevert(UpgradeGate.UpgradeGate_NothingProposed.selector);
        gate.cancel();
        vm.stopPrank();
        vm.expectRevert(UpgradeGate.UpgradeGate_NothingProposed.selector);
        gate.mark();
        vm.expectRevert(UpgradeGate.UpgradeGate_NothingProposed.selector);
        gate.execute(0);
    }

    /// @notice Delay, last batch, its finality however late, grace; the state of the Bridge stays.
    function testFuzz_execute_waitsForTheLastBatchOfTheOldBridge(uint256 late, uint256 lacking) external {
        vm.deal(alice, 1 ether);
        vm.prank(alice, alice);
        bridge.depositETH{ value: 1 ether }(alice, alice);
        (, ClaimId before) = settle();
        _propose();
        skipTime(DELAY_SECONDS);
        append(); // the last batch of the old Bridge
        gate.mark();
        vm.assertEq(gate.upgradeUnderWay().epoch, 2);
        append();
        skipTime(bound(late, 0, 400 days)); // nobody claims, or a dispute lasts
        vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_EpochNotFinal.selector, 2, 1));
        gate.execute(ClaimId.unwrap(before));
        ClaimId last = claimAs(alice, before, fieldsOf(2));
        vm.expectPartialRevert(FraudSettlement.FraudSettlement_NotFinal.selector);
        gate.execute(ClaimId.unwrap(last));
        skipTime(WINDOW_SECONDS);
        settlement.finalize(last);
        uint256 endsAt = vm.getBlockTimestamp() + GRACE_SECONDS;
        vm.warp(endsAt - bound(lacking, 1, GRACE_SECONDS));
        vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_GraceRuns.selector, endsAt));
        gate.execute(ClaimId.unwrap(last));
        vm.warp(endsAt);
        vm.expectEmit(address(gate));
        emit UpgradeGate.UpgradeExecuted(address(_next));
        gate.execute(ClaimId.unwrap(last));
        vm.assertEq(_implementation(), address(_next));
        vm.assertEq(address(bridge).balance, 1 ether);
        vm.assertEq(bridge.guardian(), guardian);
        vm.assertEq(bridge.pauseSecondsLeft(), PAUSE_SECONDS);
        vm.expectRevert(UpgradeGate.UpgradeGate_NothingProposed.selector);
        gate.execute(ClaimId.unwrap(last));
    }

    function testFuzz_mark_revertsBeforeTheDelay(uint256 lacking) external {
        _propose();
        uint64 maturesAt = gate.upgradeUnderWay().maturesAt;
        vm.warp(maturesAt - bound(lacking, 1, DELAY_SECONDS));
        vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_Immature.selector, maturesAt));
        gate.mark();
        vm.expectRevert(UpgradeGate.UpgradeGate_NotMarked.selector);
        gate.execute(0);
    }

    /// @notice Else anybody could move the end of the wait for ever, or the owner back.
    function test_mark_onlyOnce() external {
        _propose();
        skipTime(DELAY_SECONDS);
        gate.mark();
        append();
        vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_AlreadyMarked.selector, 0));
        gate.mark();
    }

    /// @notice What is proposed anew waits anew, and another proposal does not inherit the wait.
    function testFuzz_propose_againWaitsAgain(bool cancelled) external {
        _propose();
        skipTime(DELAY_SECONDS);
        gate.mark();
        skipTime(GRACE_SECONDS);
        if (cancelled) {
            vm.prank(owner);
            gate.cancel();
        }
        _next = new Bridge(address(schedule), address(executor));
        _propose();
        vm.expectRevert(UpgradeGate.UpgradeGate_NotMarked.selector);
        gate.execute(0);
        vm.expectPartialRevert(UpgradeGate.UpgradeGate_Immature.selector);
        gate.mark();
    }

    /// @notice Open epochs count as the one that they will be.
    function test_mark_namesTheOpenEpoch() external {
        Rules memory slow = rules();
        slow.epochWeightGas = 250_000; // two batches
        vm.prank(owner);
        schedule.schedule(deployedConfig(), slow);
        _propose();
        skipTime(DELAY_SECONDS);
        append();
        gate.mark();
        vm.assertEq(gate.upgradeUnderWay().epoch, 1);
        vm.assertEq(inbox.epochCount(), 0);
    }
}
