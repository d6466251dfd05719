// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Hashing } from "./Hashing.sol";
import { MessageTree } from "./MessageTree.sol";
import { Entry, OutputFields } from "./Types.sol";
import { IDispute } from "./interfaces/IDispute.sol";
import { IFailure } from "./interfaces/IFailure.sol";
import { IInbox } from "./interfaces/IInbox.sol";
import { ISchedule } from "./interfaces/ISchedule.sol";
import { ISettlement } from "./interfaces/ISettlement.sol";

type SlotId is bytes32;
type ClaimId is bytes32;

/// @notice Empty -> Single -> Contested -> Decided | Failed. A slot is the place of one claim: one parent, entry and last batch.
enum SlotStatus {
    Empty,
    Single,
    Contested,
    Decided,
    Failed
}

/// @notice None -> Pending -> Final | Defeated | Void.
enum ClaimStatus {
    None,
    Pending,
    Final,
    Defeated, // its slot was decided otherwise
    Void // its parent was defeated or void, or its slot failed
}

/// @title What is final, by claims that anyone may rival.
/// @notice Rules: L1-OUT-*, L1-CLAIM-*, L1-WD-2, L1-WD-3. A claim names the state after one epoch, on top of a parent claim. Alone in
/// its slot for the whole window it becomes final after its parent; a second claim makes the slot contested, and then only
/// the dispute contract that the epoch's schedule entry names can decide it. There are no roles. Immutable.
/// Invariant: balance = bonds of pending claims + credits. Adversarial: everybody who claims.
contract FraudSettlement is ISettlement, IFailure {
    using Hashing for *;

    struct Slot {
        ClaimId parent;
        ClaimId first;
        ClaimId winner; // if Decided
        address dispute; // of the entry; zero: contested slots stay contested
        uint64 epoch;
        SlotStatus status;
        uint64 firstAt; // seconds
        uint64 contestedAt; // seconds; zero unless contested
        uint64 windowSeconds;
        address champion; // gets a share of losing bonds, if Decided; may be zero
    }

    struct Claim {
        SlotId slot;
        bytes32 output;
        uint64 epoch;
        ClaimStatus status;
        bool burns; // if Void: bonds of this claim and those below burn
        address claimant;
        uint128 bond; // wei
    }

    /// @notice What a dispute is about: the start of the guest program's input, and the program.
    struct Dispute {
        bytes32 parentOutput;
        bytes32 firstBatchHash;
        bytes32 lastBatchHash;
        bytes32 entryHash;
        bytes32 guestHash;
        uint64 contestedAt; // seconds; the first round opens then
    }

    /// @notice One part in so many of a losing claim's bond goes to the winner's champion; the rest burns.
    uint256 public constant CHAMPION_SHARE_DIVISOR = 4;
    /// @notice Bytes of `abi.encode(OutputFields, bytes32[32])`.
    uint256 private constant PROOF_BYTES = 192 + 32 * MessageTree.DEPTH;

    address public immutable schedule;
    address public immutable inbox;
    ClaimId public immutable genesisClaim;

    mapping(SlotId => Slot) private _slots;
    mapping(ClaimId => Claim) private _claims;
    /// @notice Whether the Bridge may act on an output.
    mapping(bytes32 output => bool) public isFinal;
    /// @notice The final claim of the highest epoch.
    ClaimId public lastFinalClaim;
    /// @notice Wei that an account may withdraw.
    mapping(address account => uint256) public creditOf;

    event ClaimPosted(
        ClaimId indexed claimId,
        SlotId indexed slotId,
        ClaimId indexed parent,
        uint64 epoch,
        bytes32 output,
        address claimant,
        OutputFields fields
    );
    event SlotContested(SlotId indexed slotId, ClaimId indexed first, ClaimId indexed rival);
    event SlotDecided(SlotId indexed slotId, ClaimId indexed winner, bytes32 output);
    event SlotFailed(SlotId indexed slotId);
    event ClaimFinalized(ClaimId indexed claimId, bytes32 indexed output, uint64 indexed epoch);
    event ClaimDiscarded(ClaimId indexed claimId, ClaimStatus status, uint256 burned);
    event Credited(address indexed account, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    error FraudSettlement_WrongAddress(address expected, address actual);
    error FraudSettlement_WrongGenesis(OutputFields fields);
    error FraudSettlement_DeadParent(ClaimId parent, ClaimStatus status);
    error FraudSettlement_EpochOpen(uint64 epoch);
    error FraudSettlement_WrongBatch(bytes32 expected, bytes32 actual);
    error FraudSettlement_WrongConfig(bytes32 expected, bytes32 actual);
    error FraudSettlement_WrongBond(uint256 expected, uint256 actual);
    error FraudSettlement_ClaimExists(ClaimId claimId);
    error FraudSettlement_WindowClosed(SlotId slotId);
    error FraudSettlement_SlotClosed(SlotId slotId, SlotStatus status);
    error FraudSettlement_NotPending(ClaimId claimId, ClaimStatus status);
    error FraudSettlement_ParentNotFinal(ClaimId parent);
    error FraudSettlement_WindowOpen(SlotId slotId);
    error FraudSettlement_NotWinner(SlotId slotId, SlotStatus status);
    error FraudSettlement_NotContested(SlotId slotId, SlotStatus status);
    error FraudSettlement_EntryReplaced(SlotId slotId);
    error FraudSettlement_Undecided(SlotId slotId);
    error FraudSettlement_ClaimAlive(ClaimId claimId);
    error FraudSettlement_NoCredit(address account);
    error FraudSettlement_PayoutFailed(address to);

    /// @param schedule_ names this contract and the Inbox, which must exist
    /// @param genesis the state before the first batch; final from the start (L1-OUT-2)
    constructor(address schedule_, OutputFields memory genesis) {
        if (ISchedule(schedule_).settlement() != address(this)) {
            revert FraudSettlement_WrongAddress(ISchedule(schedule_).settlement(), address(this));
        }
        schedule = schedule_;
        inbox = ISchedule(schedule_).inbox();
        if (IInbox(inbox).schedule() != schedule_) {
            revert FraudSettlement_WrongAddress(schedule_, IInbox(inbox).schedule());
        }
        (Entry memory entry,) = ISchedule(schedule_).entryOf(1);
        if (
            genesis.configHash != entry.configHash || genesis.batchHash != 0 || genesis.queueIndex != 0
                || genesis.messageRoot != MessageTree.emptyRoot()
        ) revert FraudSettlement_WrongGenesis(genesis);

        bytes32 output = genesis.hash();
        ClaimId claimId = claimIdOf(SlotId.wrap(0), output);
        genesisClaim = claimId;
        Claim storage created = _claims[claimId];
        created.output = output;
        created.status = ClaimStatus.Pending;
        emit ClaimPosted(claimId, SlotId.wrap(0), ClaimId.wrap(0), 0, output, address(0), genesis);
        _finalize(claimId, created);
    }

    /// @notice Claims the state after the epoch that follows `parent`'s. Caller: anyone, with exactly the entry's bond.
    /// @dev The first claim of a slot opens its window. A second one, different and in time, makes it contested; a contested slot takes
    /// every further one until it is decided, so that wrong claims never keep the right one out, nor those that build on it. Claims
    /// decide nothing there. Refuses what L1 itself sees to be wrong.
    function claim(ClaimId parent, OutputFields calldata fields) external payable returns (ClaimId claimId) {
        ClaimStatus parentStatus = _claims[parent].status;
        if (parentStatus != ClaimStatus.Pending && parentStatus != ClaimStatus.Final) {
            revert FraudSettlement_DeadParent(parent, parentStatus);
        }
        uint64 epoch = _claims[parent].epoch + 1;
        (SlotId slotId, Entry memory entry) = _checkedSlot(parent, epoch, fields);
        bytes32 output = fields.hash();
        claimId = claimIdOf(slotId, output);
        if (_claims[claimId].status != ClaimStatus.None) revert FraudSettlement_ClaimExists(claimId);

        Slot storage slot = _slots[slotId];
        if (slot.status == SlotStatus.Empty) {
            slot.parent = parent;
            slot.first = claimId;
            slot.dispute = entry.rules.dispute;
            slot.epoch = epoch;
            slot.status = SlotStatus.Single;
            slot.firstAt = uint64(block.timestamp);
            slot.windowSeconds = entry.rules.claimWindowSeconds;
        } else if (slot.status == SlotStatus.Single) {
            if (_isWindowClosed(slot)) revert FraudSettlement_WindowClosed(slotId);
            slot.status = SlotStatus.Contested;
            slot.contestedAt = uint64(block.timestamp);
            emit SlotContested(slotId, slot.first, claimId);
        } else if (slot.status != SlotStatus.Contested) {
            revert FraudSettlement_SlotClosed(slotId, slot.status);
        }
        _claims[claimId] = Claim(slotId, output, epoch, ClaimStatus.Pending, false, msg.sender, uint128(msg.value));
        emit ClaimPosted(claimId, slotId, parent, epoch, output, msg.sender, fields);
    }

    /// @notice Makes a claim final and credits its bond. Caller: anyone (L1-CLAIM-3).
    function finalize(ClaimId claimId) external {
        Claim storage pending = _pending(claimId);
        Slot storage slot = _slots[pending.slot];
        if (_claims[slot.parent].status != ClaimStatus.Final) revert FraudSettlement_ParentNotFinal(slot.parent);
        if (slot.status == SlotStatus.Single) {
            if (!_isWindowClosed(slot)) revert FraudSettlement_WindowOpen(pending.slot);
        } else if (slot.status != SlotStatus.Decided || ClaimId.unwrap(slot.winner) != ClaimId.unwrap(claimId)) {
            revert FraudSettlement_NotWinner(pending.slot, slot.status);
        }
        uint256 bond = pending.bond;
        pending.bond = 0;
        _finalize(claimId, pending);
        _credit(pending.claimant, bond);
    }

    /// @notice Takes over the verdict on a contested slot. Caller: anyone.
    /// @dev A right output that nobody claimed becomes a claim without a bond. Asks the entry's dispute contract and nobody else.
    function decide(SlotId slotId) external {
        Slot storage slot = _slots[slotId];
        if (slot.status != SlotStatus.Contested) revert FraudSettlement_NotContested(slotId, slot.status);
        if (slot.dispute == address(0)) revert FraudSettlement_Undecided(slotId);
        (IDispute.Verdict verdict, bytes32 output, address champion) =
            IDispute(slot.dispute).verdictOf(SlotId.unwrap(slotId));
        if (verdict == IDispute.Verdict.None) revert FraudSettlement_Undecided(slotId);
        if (verdict == IDispute.Verdict.Failed) {
            slot.status = SlotStatus.Failed;
            emit SlotFailed(slotId);
            return;
        }
        ClaimId winner = claimIdOf(slotId, output);
        Claim storage winning = _claims[winner];
        if (winning.status == ClaimStatus.None) {
            winning.slot = slotId;
            winning.output = output;
            winning.epoch = slot.epoch;
            winning.status = ClaimStatus.Pending;
        }
        slot.status = SlotStatus.Decided;
        slot.winner = winner;
        slot.champion = champion;
        emit SlotDecided(slotId, winner, output);
    }

    /// @notice Ends a claim that cannot become final, and its bond with it. Caller: anyone, parents before children.
    /// @dev Defeated: a quarter to the champion, the rest burns. Below a defeated claim: burns. In a failed slot, once the parent is
    /// final, and below one: goes back.
    function discard(ClaimId claimId) external {
        Claim storage pending = _pending(claimId);
        Slot storage slot = _slots[pending.slot];
        Claim storage parent = _claims[slot.parent];
        uint256 bond = pending.bond;
        pending.bond = 0;
        uint256 refund = 0;
        if (parent.status == ClaimStatus.Defeated || parent.status == ClaimStatus.Void) {
            pending.status = ClaimStatus.Void;
            pending.burns = parent.status == ClaimStatus.Defeated || parent.burns;
            if (!pending.burns) refund = bond;
            _credit(pending.claimant, refund);
        } else if (slot.status == SlotStatus.Failed && parent.status == ClaimStatus.Final) {
            pending.status = ClaimStatus.Void;
            refund = bond;
            _credit(pending.claimant, refund);
        } else if (slot.status == SlotStatus.Decided && ClaimId.unwrap(slot.winner) != ClaimId.unwrap(claimId)) {
            pending.status = ClaimStatus.Defeated;
            if (slot.champion != address(0)) refund = bond / CHAMPION_SHARE_DIVISOR;
            _credit(slot.champion, refund);
        } else {
            revert FraudSettlement_ClaimAlive(claimId);
        }
        emit ClaimDiscarded(claimId, pending.status, bond - refund);
        _pay(address(0), bond - refund);
    }

    /// @notice Pays out the caller's credit to `to`.
    function withdraw(address to) external {
        uint256 amount = creditOf[msg.sender];
        if (amount == 0) revert FraudSettlement_NoCredit(msg.sender);
        creditOf[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amount);
        _pay(to, amount);
    }

    /// @inheritdoc ISettlement
    /// @param proof `abi.encode(OutputFields fields, bytes32[32] siblings)`, siblings from the leaf upwards (L1-WD-3)
    function verifyMessage(bytes32 output, uint64 index, bytes32 messageHash, bytes calldata proof)
        external
        view
        returns (bool)
    {
        if (!isFinal[output] || messageHash == 0 || proof.length != PROOF_BYTES) return false;
        if (index >= 1 << MessageTree.DEPTH) return false;
        (OutputFields memory fields, bytes32[32] memory siblings) = abi.decode(proof, (OutputFields, bytes32[32]));
        if (fields.hash() != output) return false;
        // A zero root proves nothing: no path hashes to zero.
        return MessageTree.rootOf(index, messageHash, siblings) == fields.messageRoot;
    }

    /// @notice Everything about a slot.
    function slotOf(SlotId slotId) external view returns (Slot memory) {
        return _slots[slotId];
    }

    /// @notice Everything about a claim.
    function claimOf(ClaimId claimId) external view returns (Claim memory) {
        return _claims[claimId];
    }

    /// @inheritdoc IFailure
    /// @dev The last final claim is the only possible final parent of what is not settled.
    function failedFrom() external view returns (uint64 firstBatch) {
        uint64 settled = _claims[lastFinalClaim].epoch;
        if (IInbox(inbox).epochEnd(settled + 1) == 0) return 0;
        (, bytes32 entryHash, bytes32 lastBatchHash) = _epoch(settled + 1);
        if (_slots[slotIdOf(lastFinalClaim, entryHash, lastBatchHash)].status != SlotStatus.Failed) return 0;
        return IInbox(inbox).epochEnd(settled) + 1;
    }

    /// @notice Whether moves in the dispute of a slot can still matter: it is contested, and neither is its parent known to be dead
    /// nor its entry replaced.
    function isPlayable(SlotId slotId) external view returns (bool) {
        Slot storage slot = _slots[slotId];
        if (slot.status != SlotStatus.Contested) return false;
        ClaimStatus parentStatus = _claims[slot.parent].status;
        if (parentStatus != ClaimStatus.Pending && parentStatus != ClaimStatus.Final) return false;
        (, bytes32 entryHash, bytes32 lastBatchHash) = _epoch(slot.epoch);
        return _isSlot(slotId, slot, entryHash, lastBatchHash);
    }

    /// @notice What the dispute of a contested slot is about. Reverts once the slot's entry has been replaced: then it is about nothing.
    function disputeOf(SlotId slotId) external view returns (Dispute memory) {
        Slot storage slot = _slots[slotId];
        if (slot.contestedAt == 0) revert FraudSettlement_NotContested(slotId, slot.status);
        (Entry memory entry, bytes32 entryHash, bytes32 lastBatchHash) = _epoch(slot.epoch);
        if (!_isSlot(slotId, slot, entryHash, lastBatchHash)) revert FraudSettlement_EntryReplaced(slotId);
        uint64 firstBatch = IInbox(inbox).epochEnd(slot.epoch - 1) + 1;
        return Dispute({
            parentOutput: _claims[slot.parent].output,
            firstBatchHash: IInbox(inbox).batchHashOf(firstBatch),
            lastBatchHash: lastBatchHash,
            entryHash: entryHash,
            guestHash: entry.rules.guestHash,
            contestedAt: slot.contestedAt
        });
    }

    /// @notice L1-CLAIM-1.
    function slotIdOf(ClaimId parent, bytes32 entryHash, bytes32 lastBatchHash) public pure returns (SlotId) {
        return SlotId.wrap(keccak256(abi.encode(parent, entryHash, lastBatchHash)));
    }

    /// @notice L1-CLAIM-1.
    function claimIdOf(SlotId slotId, bytes32 output) public pure returns (ClaimId) {
        return ClaimId.wrap(keccak256(abi.encode(slotId, output)));
    }

    /// @dev The slot of a claim whose fields and bond agree with what L1 knows.
    function _checkedSlot(ClaimId parent, uint64 epoch, OutputFields calldata fields)
        private
        view
        returns (SlotId, Entry memory)
    {
        (Entry memory entry, bytes32 entryHash, bytes32 lastBatchHash) = _epoch(epoch);
        if (fields.batchHash != lastBatchHash) revert FraudSettlement_WrongBatch(lastBatchHash, fields.batchHash);
        if (fields.configHash != entry.configHash) {
            revert FraudSettlement_WrongConfig(entry.configHash, fields.configHash);
        }
        if (msg.value != entry.rules.claimBond) {
            revert FraudSettlement_WrongBond(entry.rules.claimBond, msg.value);
        }
        return (slotIdOf(parent, entryHash, lastBatchHash), entry);
    }

    /// @dev Whether the schedule still names the entry under which a slot was opened. If not, the slot lies below a failed one.
    function _isSlot(SlotId slotId, Slot storage slot, bytes32 entryHash, bytes32 lastBatchHash)
        private
        view
        returns (bool)
    {
        return SlotId.unwrap(slotIdOf(slot.parent, entryHash, lastBatchHash)) == SlotId.unwrap(slotId);
    }

    /// @dev The entry and the last batch of a closed epoch. The schedule alone says which entry holds, so that a replacement after a
    /// failed slot (L1-SCHED-7) gives fresh slots.
    function _epoch(uint64 epoch) private view returns (Entry memory entry, bytes32 entryHash, bytes32 lastBatchHash) {
        uint64 lastBatch = IInbox(inbox).epochEnd(epoch);
        if (lastBatch == 0) revert FraudSettlement_EpochOpen(epoch);
        (entry, entryHash) = ISchedule(schedule).entryOf(lastBatch);
        lastBatchHash = IInbox(inbox).batchHashOf(lastBatch);
    }

    function _pending(ClaimId claimId) private view returns (Claim storage pending) {
        pending = _claims[claimId];
        if (pending.status != ClaimStatus.Pending) revert FraudSettlement_NotPending(claimId, pending.status);
    }

    function _isWindowClosed(Slot storage slot) private view returns (bool) {
        return block.timestamp >= slot.firstAt + slot.windowSeconds;
    }

    function _finalize(ClaimId claimId, Claim storage finished) private {
        finished.status = ClaimStatus.Final;
        isFinal[finished.output] = true;
        lastFinalClaim = claimId;
        emit ClaimFinalized(claimId, finished.output, finished.epoch);
    }

    function _credit(address account, uint256 amount) private {
        if (amount == 0) return;
        creditOf[account] += amount;
        emit Credited(account, amount);
    }

    function _pay(address to, uint256 amount) private {
        if (amount == 0) return;
        (bool success,) = to.call{ value: amount }("");
        if (!success) revert FraudSettlement_PayoutFailed(to);
    }
}
