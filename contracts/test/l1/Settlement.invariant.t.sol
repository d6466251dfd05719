// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ClaimId, ClaimStatus, FraudSettlement, SlotId, SlotStatus } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { OutputFields } from "../../src/l1/Types.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm } from "../utils/Vm.sol";
import { DisputeFixture } from "./SettlementClaim.t.sol";

/// @title The claim tree under claims, verdicts, finalizations and clean-up in any order: L1-CLAIM-2, L1-CLAIM-3, L1-CLAIM-4,
/// L1-CLAIM-5, L1-STAKE-1, L1-STAKE-5.
contract SettlementInvariantTest is DisputeFixture {
    using Hashing for *;

    uint256 private constant EPOCHS_MAX = 6;

    address[3] private _actors;
    ClaimId[] private _claims; // genesis first
    uint256 private _finalized;
    uint256 private _discarded;

    function setUp() public override {
        super.setUp();
        _actors = [alice, bob, mallory];
        _claims.push(genesis());
        append();
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = this.actAppend.selector;
        selectors[1] = this.actClaim.selector;
        selectors[2] = this.actWait.selector;
        selectors[3] = this.actFinalize.selector;
        selectors[4] = this.actDecide.selector;
        selectors[5] = this.actDiscard.selector;
        selectors[6] = this.actWithdraw.selector;
        selectors[7] = this.actFollow.selector;
        selectors[8] = this.actUnstake.selector;
        targetContract(address(this));
        targetSelector(address(this), selectors);
    }

    function actAppend() external {
        if (inbox.epochCount() < EPOCHS_MAX) append();
    }

    /// @dev Under any parent, one of three states: some claims are first, some rivals, some refused.
    function actClaim(uint256 parent, uint256 state, uint256 who) external {
        ClaimId parentId = _claims[bound(parent, 0, _claims.length - 1)];
        uint64 epoch = settlement.claimOf(parentId).epoch + 1;
        if (epoch > inbox.epochCount()) return;
        OutputFields memory fields = fieldsOf(epoch);
        fields.stateRoot = bytes32(bound(state, 1, 3));
        address claimant = _actors[bound(who, 0, 2)];
        uint256 lacking = settlement.stakeOf(claimant).amount < BOND ? BOND - settlement.stakeOf(claimant).amount : 0;
        vm.deal(claimant, lacking);
        ClaimId[] memory path = _pathTo(claimant, parentId);
        bool isNew = _isNew(parentId, fields);
        vm.prank(claimant);
        try settlement.claim{ value: lacking }(parentId, fields, path) returns (ClaimId claimId) {
            if (isNew) _claims.push(claimId);
        } catch { }
    }

    function _isNew(ClaimId parent, OutputFields memory fields) private view returns (bool) {
        SlotId slotId = settlement.slotIdOf(parent, schedule.record(0).entryHash, fields.batchHash);
        return status(settlement.claimIdOf(slotId, fields.hash())) == ClaimStatus.None;
    }

    /// @dev From below the account's tip to a claim, if that lies below it; otherwise all the way up, which is refused unless free.
    function _pathTo(address account, ClaimId to) private view returns (ClaimId[] memory path) {
        ClaimId tip = settlement.stakeOf(account).tip;
        uint256 length;
        for (ClaimId up = to; !_same(up, tip) && !_same(up, genesis()); up = _parent(up)) {
            ++length;
        }
        path = new ClaimId[](length);
        for (ClaimId up = to; length > 0; up = _parent(up)) {
            path[--length] = up;
        }
    }

    function _parent(ClaimId claimId) private view returns (ClaimId) {
        return settlement.slotOf(slotOfClaim(claimId)).parent;
    }

    function _same(ClaimId a, ClaimId b) private pure returns (bool) {
        return ClaimId.unwrap(a) == ClaimId.unwrap(b);
    }

    /// @dev To any claim, if it lies below the tip.
    function actFollow(uint256 which, uint256 who) external {
        address account = _actors[bound(who, 0, 2)];
        ClaimId[] memory path = _pathTo(account, _claims[bound(which, 0, _claims.length - 1)]);
        vm.prank(account);
        try settlement.follow(path) { } catch { }
    }

    function actUnstake(uint256 who) external {
        address account = _actors[bound(who, 0, 2)];
        vm.prank(account);
        try settlement.unstake() { } catch { }
    }

    function actWait(uint256 seconds_) external {
        skipTime(bound(seconds_, 1, WINDOW_SECONDS));
    }

    function actFinalize(uint256 which) external {
        ClaimId claimId = _claims[bound(which, 0, _claims.length - 1)];
        FraudSettlement.Slot memory slot = settlement.slotOf(slotOfClaim(claimId));
        bool alone = slot.status == SlotStatus.Single && block.timestamp >= slot.closesAt;
        bool won = slot.status == SlotStatus.Decided && ClaimId.unwrap(slot.winner) == ClaimId.unwrap(claimId);
        bool already = status(claimId) == ClaimStatus.Final;
        bool allowed = already
            || (status(claimId) == ClaimStatus.Pending && status(slot.parent) == ClaimStatus.Final && (alone || won));
        try settlement.finalize(claimId) {
            vm.assertTrue(allowed, "final against the rules");
            if (!already) ++_finalized;
        } catch {
            vm.assertFalse(allowed, "refused against the rules");
        }
    }

    /// @dev The verdict may name one of the two claims, a third output, or none; it never changes.
    function actDecide(uint256 which, uint256 state, bool fails, bool championJoined) external {
        ClaimId claimId = _claims[bound(which, 0, _claims.length - 1)];
        SlotId slotId = slotOfClaim(claimId);
        if (settlement.slotOf(slotId).status != SlotStatus.Contested) return;
        OutputFields memory fields = fieldsOf(settlement.claimOf(claimId).epoch);
        fields.stateRoot = bytes32(bound(state, 1, 3));
        bytes32 output = fields.hash();
        IDispute.Verdict verdict = fails ? IDispute.Verdict.Failed : IDispute.Verdict.Output;
        dispute.set(slotId, verdict, output, championJoined ? bob : address(0));
        ClaimId winner = settlement.claimIdOf(slotId, output);
        bool missing = status(winner) == ClaimStatus.None;
        settlement.decide(slotId);
        if (!fails && missing) _claims.push(winner);
    }

    function actDiscard(uint256 which) external {
        try settlement.discard(_claims[bound(which, 0, _claims.length - 1)]) {
            ++_discarded;
        } catch { }
    }

    function actWithdraw(uint256 who) external {
        address actor = _actors[bound(who, 0, 2)];
        if (settlement.creditOf(actor) == 0) return;
        vm.prank(actor);
        settlement.withdraw(actor);
    }

    /// @dev One final claim per epoch at most, on a final parent, whose output the Bridge may act on; nobody else's.
    function invariant_finalClaimsAreAChain() external view {
        uint256[EPOCHS_MAX + 1] memory finals;
        for (uint256 i = 0; i < _claims.length; ++i) {
            FraudSettlement.Claim memory claim = settlement.claimOf(_claims[i]);
            bool final_ = claim.status == ClaimStatus.Final;
            if (final_) {
                vm.assertEq(++finals[claim.epoch], 1, "two final claims of one epoch");
                vm.assertTrue(settlement.isFinal(claim.output));
            }
            if (i == 0) continue;
            FraudSettlement.Slot memory slot = settlement.slotOf(claim.slot);
            if (final_) vm.assertTrue(status(slot.parent) == ClaimStatus.Final, "final on a parent that is not");
            if (slot.status == SlotStatus.Contested || slot.status == SlotStatus.Failed) vm.assertFalse(final_);
        }
        uint64 last = settlement.claimOf(settlement.lastFinalClaim()).epoch;
        for (uint256 epoch = 0; epoch <= EPOCHS_MAX; ++epoch) {
            vm.assertEq(finals[epoch], epoch <= last ? 1 : 0, "a gap in the final chain");
        }
    }

    function invariant_balanceIsStakesAndCredits() external view {
        uint256 owed;
        for (uint256 i = 0; i < 3; ++i) {
            owed += settlement.creditOf(_actors[i]) + settlement.stakeOf(_actors[i]).amount;
        }
        vm.assertEq(address(settlement).balance, owed);
    }

    /// @dev L1-STAKE-5: an account's pending claims lie on one path, at its tip or above it; so of all claims below a final one it contests
    /// one slot at most. A free stake stands behind nothing that is pending. Whoever was defeated has no old stake left.
    function invariant_pendingClaimsAreOnePath() external view {
        for (uint256 i = 0; i < 3; ++i) {
            ClaimId tip = settlement.stakeOf(_actors[i]).tip;
            uint256 above;
            for (ClaimId up = tip; status(up) == ClaimStatus.Pending; up = _parent(up)) {
                if (settlement.claimOf(up).claimant == _actors[i]) ++above;
            }
            uint256 pending;
            for (uint256 j = 0; j < _claims.length; ++j) {
                FraudSettlement.Claim memory claim = settlement.claimOf(_claims[j]);
                if (claim.status == ClaimStatus.Pending && claim.claimant == _actors[i]) ++pending;
            }
            vm.assertEq(pending, above, "a pending claim off the path of its stake");
        }
    }

    /// @notice The actions reach every kind of end: a run by hand.
    function test_settlement_reachesEveryEnd() external {
        this.actClaim(0, 1, 0); // 1: becomes the defeated one
        this.actClaim(0, 2, 1); // 2: rival
        this.actAppend();
        this.actClaim(1, 1, 2); // 3: below the defeated
        this.actDecide(1, 3, false, true); // 4: a third output wins
        this.actFinalize(4);
        for (uint256 i = 1; i < 4; ++i) {
            this.actDiscard(i);
        }
        vm.assertEq(_finalized, 1);
        vm.assertEq(_discarded, 3);
        vm.assertEq(settlement.creditOf(bob), 2 * (BOND / 4));
        this.invariant_finalClaimsAreAChain();
        this.invariant_balanceIsStakesAndCredits();
        this.invariant_pendingClaimsAreOnePath();
    }
}
