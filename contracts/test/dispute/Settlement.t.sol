// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Dispute } from "../../src/dispute/Dispute.sol";
import { MatchRef } from "../../src/dispute/Match.sol";
import { Moves } from "../../src/dispute/Moves.sol";
import { Terms } from "../../src/dispute/Terms.sol";
import { TournamentStatus } from "../../src/dispute/Tournament.sol";
import { Children } from "../../src/dispute/Tree.sol";
import { ClaimId, ClaimStatus, FraudSettlement, SlotId, SlotStatus } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { OutputFields, Rules } from "../../src/l1/Types.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { Step } from "../../src/vm/Step.sol";
import { Fixture as ChainFixture } from "../l1/Fixture.sol";
import { vm } from "../utils/Vm.sol";
import { Run, Runs } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title The dispute and the real settlement, of a chain whose program is the tiny machine's.
contract DisputeSettlementTest is ChainFixture {
    using Hashing for *;

    uint32 private constant ALLOWANCE = 7 days + 12 hours;
    uint32 private constant COMPUTE_0 = 6 hours;

    Dispute private _dispute;
    Step private _machine;

    /// @dev The dispute is deployed first, so it foresees the settlement, and the schedule names it.
    function setUp() public override {
        _machine = new Step();
        address foreseen = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 3);
        Terms memory terms = Terms(ALLOWANCE, COMPUTE_0, 1 hours, 30 minutes, 3 hours, 50);
        _dispute = new Dispute(foreseen, address(_machine), terms);
        super.setUp();
        vm.assertEq(address(settlement), foreseen);
    }

    function rules() internal view override returns (Rules memory changed) {
        changed = super.rules();
        (changed.guestHash,) = TinyMachine.code();
        changed.dispute = address(_dispute);
        changed.claimWindowSeconds = _dispute.claimWindowSecondsMin();
        vm.assertLe(_dispute.claimBondMin(), BOND);
    }

    function _wrong(uint64 epoch, uint256 salt) private view returns (OutputFields memory fields) {
        fields = fieldsOf(epoch);
        fields.stateRoot = keccak256(abi.encode("invented", salt));
    }

    /// @dev Two wrong claims on one parent, and their dispute.
    function _contest(ClaimId parent, uint64 epoch) private returns (ClaimId one, ClaimId two, bytes32 slot) {
        one = _claim(mallory, parent, epoch, 1);
        two = _claim(makeAddr("eve"), parent, epoch, 2);
        slot = SlotId.unwrap(slotOfClaim(one));
        _dispute.open(slot);
    }

    function _claim(address who, ClaimId parent, uint64 epoch, uint256 salt) private returns (ClaimId) {
        return claimAs(who, parent, _wrong(epoch, salt));
    }

    /// @dev Alone, with a run that ends in this state everywhere.
    function _join(address who, bytes32 slot, bytes memory last) private returns (bytes32 root) {
        return _joinRun(who, slot, Runs.uniform(keccak256(last)), last);
    }

    function _joinRun(address who, bytes32 slot, Run memory run, bytes memory last) private returns (bytes32 root) {
        bytes32 id = _dispute.tournamentIdOf(slot, 0);
        uint256 bond = _dispute.bondOf(0);
        vm.deal(who, who.balance + bond);
        vm.prank(who);
        _dispute.join{ value: bond }(id, run.children(20, 0), last, run.path(2 ** 20 - 1, 19));
        return run.root();
    }

    function _inputs(bytes32 parentOutput, uint64 batch) private view returns (bytes32) {
        bytes32 hash = inbox.batchHashOf(batch);
        return keccak256(abi.encodePacked(parentOutput, hash, hash));
    }

    function _trapped() private pure returns (bytes memory) {
        return TinyMachine.invented(1, true, type(uint64).max, 0);
    }

    /// @notice Two wrong claims: the run decides for an output that nobody claimed, which becomes a claim; both stakes are lost, a quarter of
    /// each to who joined for the run.
    function test_settlement_runDecides() external {
        append();
        (ClaimId one, ClaimId two, bytes32 slot) = _contest(settlement.genesisClaim(), 1);
        bytes32 inputs = _inputs(settlement.claimOf(settlement.genesisClaim()).output, 1);
        vm.assertEq(_dispute.slotDisputeOf(slot).start, keccak256(TinyMachine.stateOf(inputs, 0)));
        _join(alice, slot, TinyMachine.stateOf(inputs, 6));
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_Undecided.selector, slot));
        settlement.decide(SlotId.wrap(slot));
        skipTime(uint256(COMPUTE_0) + ALLOWANCE);
        _dispute.decide(slot);
        settlement.decide(SlotId.wrap(slot));
        ClaimId right = settlement.claimIdOf(SlotId.wrap(slot), TinyMachine.OUTPUT);
        settlement.finalize(right);
        vm.assertTrue(settlement.isFinal(TinyMachine.OUTPUT));
        settlement.discard(one);
        settlement.discard(two);
        vm.assertEq(settlement.creditOf(alice), 2 * (BOND / 4));
        vm.assertEq(_dispute.creditOf(alice), _dispute.bondOf(0));
    }

    /// @notice Under an invented parent anyone can win a trap. That is no evidence: nothing can be replaced, and the right lineage goes on.
    function test_settlement_trapUnderInventedParent() external {
        append();
        append();
        (ClaimId one, ClaimId two, bytes32 slot) = _contest(settlement.genesisClaim(), 1);
        ClaimId child = _claim(alice, one, 2, 1);
        _claim(bob, one, 2, 2);
        bytes32 below = SlotId.unwrap(slotOfClaim(child));
        _dispute.open(below);
        _join(mallory, below, _trapped());
        _join(alice, slot, TinyMachine.stateOf(_inputs(settlement.claimOf(settlement.genesisClaim()).output, 1), 6));
        skipTime(uint256(COMPUTE_0) + ALLOWANCE);
        _dispute.decide(below);
        settlement.decide(SlotId.wrap(below));
        vm.assertTrue(settlement.slotOf(SlotId.wrap(below)).status == SlotStatus.Failed);
        vm.assertEq(settlement.failedFrom(), 0);
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_ClaimAlive.selector, child));
        settlement.discard(child);
        _dispute.decide(slot);
        settlement.decide(SlotId.wrap(slot));
        settlement.finalize(settlement.claimIdOf(SlotId.wrap(slot), TinyMachine.OUTPUT));
        vm.assertEq(settlement.failedFrom(), 0);
        settlement.discard(one);
        settlement.discard(two);
        settlement.discard(child);
        vm.assertTrue(settlement.claimOf(child).status == ClaimStatus.Void);
    }

    /// @notice A program without an answer fails its slot; the entry is replaced, and disputes below are about nothing any more.
    function test_settlement_replacedInMidDispute() external {
        append();
        append();
        (ClaimId one,, bytes32 slot) = _contest(settlement.genesisClaim(), 1);
        ClaimId child = _claim(alice, one, 2, 1);
        _claim(bob, one, 2, 2);
        bytes32 below = SlotId.unwrap(slotOfClaim(child));
        _dispute.open(below);
        bytes32 id = _dispute.tournamentIdOf(below, 0);
        bytes32 first = _join(bob, below, TinyMachine.invented(2, true, 0, "a"));
        bytes32 second = _join(mallory, below, TinyMachine.invented(3, true, 0, "b"));
        _join(mallory, slot, _trapped());
        skipTime(uint256(COMPUTE_0) + ALLOWANCE);
        _dispute.decide(slot);
        settlement.decide(SlotId.wrap(slot));
        vm.assertTrue(settlement.slotOf(SlotId.wrap(slot)).status == SlotStatus.Failed);
        vm.assertEq(settlement.failedFrom(), 1);
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_Alive.selector, id));
        _dispute.kill(id);
        vm.prank(owner);
        schedule.replace(keccak256("better guest"), address(_dispute));
        skipTime(DELAY_SECONDS);
        _dispute.kill(id);
        _dispute.reclaimMatch(MatchRef(id, first, second));
        vm.assertEq(_dispute.creditOf(bob), _dispute.bondOf(0));
        vm.assertEq(_dispute.creditOf(mallory), 2 * _dispute.bondOf(0));
        vm.assertEq(address(_dispute).balance, 3 * _dispute.bondOf(0));
        // Fresh slots take claims again.
        settlement.discard(one);
        ClaimId fresh = _claim(mallory, settlement.genesisClaim(), 1, 9);
        vm.assertTrue(SlotId.unwrap(slotOfClaim(fresh)) != slot);
    }

    /// @notice A thousand claims below a wrong one: they hinder nothing, and each is cleaned up by a call of the same cost.
    function test_settlement_thousandVoidDescendants() external {
        append();
        (ClaimId one, ClaimId two, bytes32 slot) = _contest(settlement.genesisClaim(), 1);
        ClaimId[] memory below = new ClaimId[](1000);
        ClaimId tip = one;
        for (uint64 i = 0; i < below.length; ++i) {
            append();
            tip = _claim(mallory, tip, i + 2, 1);
            below[i] = tip;
        }
        // The deepest is contested as well, and played.
        _claim(bob, below[998], 1001, 2);
        bytes32 deepest = SlotId.unwrap(slotOfClaim(tip));
        _dispute.open(deepest);
        bytes32 id = _dispute.tournamentIdOf(deepest, 0);
        _join(bob, deepest, TinyMachine.invented(2, true, 0, "a"));
        bytes32 inputs = _inputs(settlement.claimOf(settlement.genesisClaim()).output, 1);
        _join(alice, slot, TinyMachine.stateOf(inputs, 6));
        skipTime(uint256(COMPUTE_0) + ALLOWANCE);
        _dispute.decide(slot);
        settlement.decide(SlotId.wrap(slot));
        settlement.finalize(settlement.claimIdOf(SlotId.wrap(slot), TinyMachine.OUTPUT));
        settlement.discard(one);
        settlement.discard(two);
        uint256 most;
        for (uint256 i = 0; i < below.length; ++i) {
            uint256 before = gasleft();
            settlement.discard(below[i]);
            uint256 gas = before - gasleft();
            most = gas > most ? gas : most;
        }
        vm.assertLt(most, 60_000);
        vm.assertTrue(settlement.claimOf(tip).status == ClaimStatus.Void);
        // The deepest slot's own parent is void now.
        _dispute.kill(id);
        _dispute.reclaimWaiting(id, 0);
        vm.assertEq(_dispute.creditOf(bob), _dispute.bondOf(0));
    }
}
