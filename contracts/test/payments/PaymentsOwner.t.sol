// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { UpgradeGate } from "../../src/l1/UpgradeGate.sol";
import { ChainConfig, Rules } from "../../src/l1/Types.sol";
import { PaymentsBridge } from "../../src/payments/PaymentsBridge.sol";
import { Withdrawal } from "../../src/payments/Records.sol";
import { ValiditySettlement } from "../../src/payments/ValiditySettlement.sol";
import { vm } from "../utils/Vm.sol";
import { LedgerChain } from "./LedgerChain.sol";

/// @title A Bridge that gives everything to whoever asks.
contract ThievingBridge is PaymentsBridge {
    constructor(address schedule_) PaymentsBridge(schedule_) { }

    function steal(address payable to) external {
        (bool success,) = to.call{ value: address(this).balance }("");
        require(success);
    }
}

/// @title An owner who is the sequencer too, knows the trapdoor of keys of his own, and wants the escrow: PAY-NOTICE, L1-GATE-2.
/// @notice He proposes a Bridge and schedules keys, and proves nothing any more; from the block in which the keys hold he can prove anything. Alice has a
/// leaf. She decides on the thirtieth day; L1 keeps each of her transactions waiting for the censorship bound.
abstract contract HostileOwnerFixture is LedgerChain {
    uint64 internal constant CENSORSHIP_SECONDS = 7 days;

    ThievingBridge internal thieving;
    uint256 internal startsAt;
    uint256 internal maturesAt;

    function setUp() public override {
        super.setUp();
        queueDeposit(alice, ETH, 10 ether);
        queueDeposit(bob, ETH, 5 ether);
        settle();
        settlement.storeKeys(otherKeys());
        ChainConfig memory chain = deployedConfig();
        chain.version = 2;
        Rules memory changed = rules();
        changed.keysHash = keccak256(otherKeys());
        thieving = new ThievingBridge(address(schedule));
        vm.startPrank(owner);
        schedule.schedule(chain, changed);
        gate.propose(address(thieving), "");
        inbox.setSequencer(owner);
        vm.stopPrank();
        sequencer = owner;
        startsAt = vm.getBlockTimestamp();
        maturesAt = startsAt + DELAY_SECONDS;
        vm.assertEq(schedule.waitingMaturesAt(), maturesAt);
        vm.assertEq(gate.upgradeUnderWay().maturesAt, maturesAt);
    }

    /// @dev Goes to the first block at or after `time`.
    function goTo(uint256 time) internal {
        skipTime(time - vm.getBlockTimestamp());
    }

    /// @dev Under keys of his own he proves a batch that pays everything to him.
    function stealByProof() internal {
        goTo(maturesAt);
        storeCheckpoint();
        uint128 all = uint128(bridge.escrowOf(ETH));
        Withdrawal memory paid = Withdrawal(owner, ETH, all);
        uint64 end = consumable();
        proofs.set(666, 1);
        post(owner, batch(end, withdrawalRecord(paid)), 1);
        claim(inbox.batchCount(), 0, paid, owner, owner);
    }
}

/// @title The worst order of events, and every milder one.
contract PaymentsHostileOwnerTest is HostileOwnerFixture {
    /// @dev Her message, decided on day thirty at the latest and included seven days later.
    function _forceLate(uint256 early) private returns (uint256 decidedAt) {
        decidedAt = startsAt + 30 days - early;
        goTo(decidedAt + CENSORSHIP_SECONDS);
        queueForced(alice, ETH);
    }

    /// @notice He proves nothing: she ends the chain before his keys hold, whatever he does then, and has the grace for her way out.
    function testFuzz_owner_whoProvesNothingEndsTheChain(uint256 early, uint256 censored) external {
        _forceLate(bound(early, 0, 30 days));
        goTo(settlement.freezableAt() + 1); // her transaction, and L1 keeps it
        skipTime(bound(censored, 0, CENSORSHIP_SECONDS));
        vm.assertLt(vm.getBlockTimestamp(), maturesAt);
        settlement.freeze();
        uint256 frozenAt = vm.getBlockTimestamp();

        goTo(maturesAt);
        storeCheckpoint();
        proofs.set(666, 1);
        refused(
            owner,
            batch(consumable(), withdrawalRecord(Withdrawal(owner, ETH, 15 ether))),
            1,
            abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_Frozen.selector, uint64(frozenAt))
        );
        gate.mark();
        bytes32 last = bytes32(uint256(inbox.batchCount()));
        vm.warp(frozenAt + GRACE_SECONDS - 1);
        vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_GraceRuns.selector, frozenAt + GRACE_SECONDS));
        gate.execute(last);
        // The last moment of the grace; she had two weeks.
        escape(indexOfLeaf(alice, ETH), alice, alice);
        vm.assertEq(alice.balance, 10 ether);
        vm.warp(frozenAt + GRACE_SECONDS);
        gate.execute(last);
        ThievingBridge(payable(address(bridge))).steal(payable(owner));
        vm.assertEq(owner.balance, 5 ether); // of Bob, who did nothing in all that time
    }

    /// @notice He waits until her transaction that ends the chain is about to land, and takes her message then: the claim that this leaves to her may be
    /// kept waiting once more, and lands before his keys hold.
    function testFuzz_owner_whoTakesTheMessageAtTheLastMoment(uint256 early, uint256 first, uint256 second) external {
        _forceLate(bound(early, 0, 30 days));
        goTo(settlement.freezableAt() + 1);
        skipTime(bound(first, 0, CENSORSHIP_SECONDS));
        uint64 index = settle();
        vm.expectRevert(ValiditySettlement.ValiditySettlement_NothingUnproven.selector);
        settlement.freeze();
        skipTime(bound(second, 0, CENSORSHIP_SECONDS));
        vm.assertLt(vm.getBlockTimestamp(), maturesAt);
        claim(index, 0, Withdrawal(alice, ETH, 10 ether));
        vm.assertEq(alice.balance, 10 ether);
        stealByProof();
        vm.assertEq(owner.balance, 5 ether);
    }

    /// @notice Somebody proves the forced batch, which nobody has to be trusted for.
    function testFuzz_owner_whoIsForced(uint256 early, uint256 first, uint256 second) external {
        _forceLate(bound(early, 0, 30 days));
        skipTime(FORCED_SECONDS + 1);
        skipTime(bound(first, 0, CENSORSHIP_SECONDS));
        uint64 index = settle(mallory, 0);
        skipTime(bound(second, 0, CENSORSHIP_SECONDS));
        vm.assertLt(vm.getBlockTimestamp(), maturesAt);
        claim(index, 0, Withdrawal(alice, ETH, 10 ether));
        stealByProof();
        vm.assertEq(alice.balance, 10 ether);
    }

    /// @notice By the Bridge alone: what is final within the delay has the grace, in whichever order mark and batch come.
    function testFuzz_owner_upgradeWaitsForTheLastBatch(uint256 late) external {
        _forceLate(0);
        goTo(maturesAt - bound(late, 13, 10 days));
        uint64 index = settle();
        uint256 finalAt = vm.getBlockTimestamp();
        goTo(maturesAt);
        gate.mark();
        vm.assertEq(gate.upgradeUnderWay().epoch, index);
        vm.warp(finalAt + GRACE_SECONDS - 1);
        vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_EpochNotFinal.selector, index, index - 1));
        gate.execute(bytes32(uint256(index - 1)));
        vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_GraceRuns.selector, finalAt + GRACE_SECONDS));
        gate.execute(bytes32(uint256(index)));
        claim(index, 0, Withdrawal(alice, ETH, 10 ether));
        vm.warp(finalAt + GRACE_SECONDS);
        gate.execute(bytes32(uint256(index)));
    }

    /// @notice What his keys can do if everybody stays.
    function test_owner_getsWhatIsStillThere() external {
        stealByProof();
        vm.assertEq(owner.balance, 15 ether);
    }

    /// @notice Not a second before.
    function test_owner_keysHoldNotASecondBefore() external {
        goTo(maturesAt - 25);
        storeCheckpoint();
        skipTime(12);
        vm.assertEq(vm.getBlockTimestamp(), maturesAt - 1);
        proofs.set(666, 1);
        post(owner, batch(), 1);
        vm.assertEq(schedule.activeId(), 0);
    }
}

/// @title The gate and the end of the chain, in every order: L1-GATE-2, L1-GATE-3, PAY-FREEZE.
contract GateAndFreezeTest is HostileOwnerFixture {
    function _waiting() private {
        queueForced(alice, ETH);
        skipTime(FORCED_SECONDS + ESCAPE_SECONDS + 1);
    }

    function _escapes() private {
        escape(indexOfLeaf(alice, ETH), alice, alice);
        vm.assertEq(alice.balance, 10 ether);
    }

    /// @dev Executes at the end of the grace after `frozenAt`, and not before.
    function _executes(uint256 frozenAt) private {
        bytes32 last = bytes32(uint256(inbox.batchCount()));
        uint256 endsAt = frozenAt + GRACE_SECONDS;
        if (vm.getBlockTimestamp() < endsAt) {
            vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_GraceRuns.selector, endsAt));
            gate.execute(last);
            vm.warp(endsAt - 1);
            vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_GraceRuns.selector, endsAt));
            gate.execute(last);
        }
        _escapes();
        vm.warp(endsAt);
        gate.execute(last);
    }

    function test_gate_frozenBeforeMark() external {
        goTo(maturesAt - 10 days);
        _waiting();
        settlement.freeze();
        uint256 frozenAt = vm.getBlockTimestamp();
        goTo(maturesAt);
        gate.mark();
        _executes(frozenAt);
    }

    function test_gate_frozenAfterMark() external {
        goTo(maturesAt);
        gate.mark();
        _waiting();
        settlement.freeze();
        _executes(vm.getBlockTimestamp());
    }

    /// @notice The grace was over already, and nobody had executed: the end of the chain begins it anew.
    function test_gate_frozenAfterTheGrace() external {
        goTo(maturesAt);
        gate.mark();
        skipTime(100 days);
        _waiting();
        settlement.freeze();
        _executes(vm.getBlockTimestamp());
    }

    /// @notice In one block: whoever comes first; the other finds out.
    function test_gate_frozenInTheSameBlockAsExecuted() external {
        goTo(maturesAt);
        gate.mark();
        skipTime(100 days);
        _waiting();
        bytes32 last = bytes32(uint256(inbox.batchCount()));
        uint256 state = vm.snapshotState();
        settlement.freeze();
        vm.expectPartialRevert(UpgradeGate.UpgradeGate_GraceRuns.selector);
        gate.execute(last);
        vm.revertToState(state);
        gate.execute(last); // the notice of 51 days, and grace, were over long before
        settlement.freeze();
        vm.assertTrue(settlement.isFrozen());
    }

    /// @notice A proposal after the end waits for all of its notice, which is longer than the grace.
    function test_gate_proposedAfterTheEnd() external {
        _waiting();
        settlement.freeze();
        vm.prank(owner);
        gate.propose(address(thieving), "");
        uint64 matures = gate.upgradeUnderWay().maturesAt;
        vm.assertEq(matures, vm.getBlockTimestamp() + DELAY_SECONDS);
        vm.warp(matures - 1);
        vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_Immature.selector, matures));
        gate.mark();
        _escapes();
    }

    /// @notice Genesis is a batch as far as the gate is concerned.
    function testFuzz_gate_invented(bytes32 claimId) external {
        goTo(maturesAt);
        gate.mark();
        vm.assume(uint256(claimId) > 1);
        vm.expectRevert(abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_NotFinal.selector, claimId));
        gate.execute(claimId);
        vm.expectRevert(abi.encodeWithSelector(UpgradeGate.UpgradeGate_EpochNotFinal.selector, 1, 0));
        gate.execute(0);
        gate.execute(bytes32(uint256(1)));
        ThievingBridge(payable(address(bridge))).steal(payable(owner));
        vm.assertEq(owner.balance, 15 ether);
    }
}
