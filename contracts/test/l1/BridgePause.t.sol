// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { BridgeBase } from "../../src/l1/BridgeBase.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";

/// @title `Bridge.pauseDeposits`, `resumeDeposits`, `setGuardian`: L1-BR-6.
contract BridgePauseTest is Fixture {
    function testFuzz_pauseDeposits_spendsTheBudget(uint64 first, uint64 second) external {
        first = uint64(bound(first, 1, PAUSE_SECONDS - 1));
        second = uint64(bound(second, 1, PAUSE_SECONDS - first));
        vm.expectEmit(address(bridge));
        emit BridgeBase.DepositsPaused(uint64(vm.getBlockTimestamp()) + first, PAUSE_SECONDS - first);
        vm.prank(guardian);
        bridge.pauseDeposits(first);
        skipTime(first);
        vm.prank(guardian);
        bridge.pauseDeposits(second);
        vm.assertEq(bridge.pauseSecondsLeft(), PAUSE_SECONDS - first - second);
        vm.assertEq(bridge.pausedUntil(), vm.getBlockTimestamp() + second);
    }

    function testFuzz_pauseDeposits_revertsBeyondTheBudget(uint64 seconds_) external {
        seconds_ = uint64(bound(seconds_, PAUSE_SECONDS + 1, type(uint64).max));
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_PauseTooLong.selector, seconds_, PAUSE_SECONDS));
        vm.prank(guardian);
        bridge.pauseDeposits(seconds_);
    }

    function testFuzz_pauseDeposits_revertsWhilePaused(uint64 age) external {
        vm.prank(guardian);
        bridge.pauseDeposits(1 days);
        uint64 until = bridge.pausedUntil();
        vm.warp(vm.getBlockTimestamp() + bound(age, 0, 1 days - 1));
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_AlreadyPaused.selector, until));
        vm.prank(guardian);
        bridge.pauseDeposits(1);
    }

    function testFuzz_pauseDeposits_revertsUnlessGuardian(address caller) external {
        vm.assume(caller != guardian);
        // The proxy's admin cannot call the implementation at all.
        bytes32 adminSlot = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);
        vm.assume(caller != address(uint160(uint256(vm.load(address(bridge), adminSlot)))));
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_NotGuardian.selector, caller));
        vm.prank(caller);
        bridge.pauseDeposits(1);
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_NotGuardian.selector, caller));
        vm.prank(caller);
        bridge.resumeDeposits();
    }

    /// @notice However it pauses and resumes, the guardian stops deposits for no longer than the budget.
    function testFuzz_resumeDeposits_givesBackWhatIsLeft(uint64 seconds_, uint64 age) external {
        seconds_ = uint64(bound(seconds_, 1, PAUSE_SECONDS));
        age = uint64(bound(age, 0, seconds_ - 1));
        vm.prank(guardian);
        bridge.pauseDeposits(seconds_);
        vm.warp(vm.getBlockTimestamp() + age);
        vm.prank(guardian);
        bridge.resumeDeposits();
        vm.assertEq(bridge.pauseSecondsLeft(), PAUSE_SECONDS - age);
        vm.deal(alice, 1);
        vm.prank(alice, alice);
        bridge.depositETH{ value: 1 }(alice, alice);
    }

    function testFuzz_resumeDeposits_revertsUnlessPaused(uint64 late) external {
        vm.expectRevert(BridgeBase.Bridge_NotPaused.selector);
        vm.prank(guardian);
        bridge.resumeDeposits();
        vm.prank(guardian);
        bridge.pauseDeposits(1 days);
        vm.warp(vm.getBlockTimestamp() + bound(late, 1 days, 1e9));
        vm.expectRevert(BridgeBase.Bridge_NotPaused.selector);
        vm.prank(guardian);
        bridge.resumeDeposits();
    }

    function test_setGuardian_byOwner() external {
        vm.expectEmit(address(bridge));
        emit BridgeBase.GuardianChanged(guardian, alice);
        vm.prank(owner);
        bridge.setGuardian(alice);
        vm.assertEq(bridge.guardian(), alice);
        vm.assertEq(bridge.pauseSecondsLeft(), PAUSE_SECONDS);
    }

    function testFuzz_setGuardian_revertsUnlessOwner(address caller) external {
        bytes32 adminSlot = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);
        vm.assume(caller != owner && caller != address(uint160(uint256(vm.load(address(bridge), adminSlot)))));
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_NotOwner.selector, caller));
        vm.prank(caller);
        bridge.setGuardian(caller);
    }
}
