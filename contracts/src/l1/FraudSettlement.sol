// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Multicall } from "@openzeppelin/contracts/utils/Multicall.sol";
import { Hashing } from "./Hashing.sol";
import { MessageTree } from "./MessageTree.sol";
import { ClaimId, Stake } from "./StakeBook.sol";
import { Entry, OutputFields } from "./Types.sol";
import { IDispute } from "./interfaces/IDispute.sol";
import { IFailure } from "./interfaces/IFailure.sol";
import { IFinality } from "./interfaces/IFinality.sol";
import { IInbox } from "./interfaces/IInbox.sol";
import { ClaimTerms, ISchedule } from "./interfaces/ISchedule.sol";
import { ISettlement } from "./interfaces/ISettlement.sol";

type SlotId is bytes32;

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
/// @notice Rules: L1-OUT-*, L1-CLAIM-*, L1-STAKE-*, L1-NOTICE-3, L1-WD-2, L1-WD-3. A claim names the state after one epoch, on top of a
/// parent claim. Alone in its slot for the whole window it becomes final after its parent; a second claim makes the slot
/// contested, and then only the dispute contract that the epoch's schedule entry names can decide it. One stake carries an
/// account along a path of claims. There are no roles. Immutable. Calls can be bundled (`multicall`, which takes no ether, L1-CLAIM-6), and a
/// copy that came first makes none of them revert. Invariant: balance = stakes + credits. Adversarial: everybody who claims.
contract FraudSettlement is ISettlement, IFailure, IFinality, Multicall {
    using Hashing for *;

    struct Slot {
        ClaimId parent;
        ClaimId winner; // if Decided
        address dispute; // of the entry; zero: contested slots fail
        uint40 epoch;
        uint40 closesAt; // when nobody can rival the first claim any more, seconds
        SlotStatus status;
        bool startsEntry; // the parent's epoch is under another entry
        uint40 contestedAt; // seconds; zero unless contested
        address champion; // gets a share of losing stakes, if Decided; may be zero
    }

    struct Claim {
        SlotId slot;
        bytes32 output;
        uint40 epoch;
        uint40 finalAt; // seconds; zero unless Final
        ClaimStatus status;
        bool burns; // if Void: the stakes of this claim and those below burn
        address claimant; // whose stake stands behind it; zero if a verdict made it
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

    /// @dev What L1 fixes about a closed epoch.
    struct Epoch {
        uint64 number;
        uint64 lastBatch;
        bytes32 lastBatchHash;
        bool startsEntry; // the epoch before it is under another entry
        ClaimTerms terms;
    }

    /// @notice One part in so many of a losing stake goes to the winner's champion; the rest burns.
    uint256 public constant CHAMPION_SHARE_DIVISOR = 4;
    /// @notice Bytes of `abi.encode(OutputFields, bytes32[32])`.
    uint256 private constant PROOF_BYTES = 192 + 32 * MessageTree.DEPTH;

    address public immutable schedule;
    address public immutable inbox;
    /// @notice How long a claim under a new entry waits after its parent, seconds (L1-NOTICE-3).
    uint64 public immutable graceSeconds;
    ClaimId public immutable genesisClaim;

    mapping(SlotId => Slot) private _slots;
    mapping(ClaimId => Claim) private _claims;
    mapping(address account => Stake) private _stakes;
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
    event SlotContested(SlotId indexed slotId, ClaimId indexed rival);
    event SlotDecided(SlotId indexed slotId, ClaimId indexed winner, bytes32 output);
    event SlotFailed(SlotId indexed slotId);
    event ClaimFinalized(ClaimId indexed claimId, bytes32 indexed output, uint64 indexed epoch);
    event ClaimDiscarded(ClaimId indexed claimId, ClaimStatus status, uint256 burned);
    event StakeMoved(address indexed account, ClaimId indexed tip);
    event Unstaked(address indexed account, uint256 amount);
    event Credited(address indexed account, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    error FraudSettlement_WrongAddress(address expected, address actual);
    error FraudSettlement_WrongGenesis(OutputFields fields);
    error FraudSettlement_DeadParent(ClaimId parent, ClaimStatus status);
    error FraudSettlement_ParentCannotWin(ClaimId parent, SlotId slotId);
    error FraudSettlement_EpochOpen(uint64 epoch);
    error FraudSettlement_WrongBatch(bytes32 expected, bytes32 actual);
    error FraudSettlement_WrongConfig(bytes32 expected, bytes32 actual);
    error FraudSettlement_StakeElsewhere(address account, ClaimId tip);
    error FraudSettlement_NoStake(address account);
    error FraudSettlement_WindowClosed(SlotId slotId);
    error FraudSettlement_SlotClosed(SlotId slotId, SlotStatus status);
    error FraudSettlement_NotPending(ClaimId claimId, ClaimStatus status);
    error FraudSettlement_NotFinal(ClaimId claimId, ClaimStatus status);
    error FraudSettlement_WindowOpen(SlotId slotId);
    error FraudSettlement_GraceRuns(ClaimId parent, uint256 endsAt);
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
        graceSeconds = ISchedule(schedule_).graceSeconds();
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

    /// @notice Claims the state after the epoch that follows `parent`'s. Caller: anyone whose stake, with what he sends along, reaches the
    /// entry's bond.
    /// @dev The first claim of a slot opens its window. A second one, different and in time, makes it contested; a contested slot takes
    /// every further one until it is decided, so that wrong claims never keep the right one out, nor those that build on it. Claims
    /// decide nothing there. Refuses what L1 itself sees to be wrong. If the same was claimed before, the stake follows.
    /// @param path the claims from below the caller's tip to `parent`, whoever made them (L1-STAKE-2); empty if the tip is `parent` or settled
    function claim(ClaimId parent, OutputFields calldata fields, ClaimId[] calldata path)
        external
        payable
        returns (ClaimId claimId)
    {
        Epoch memory epoch = _epoch(_checkParent(parent) + 1);
        if (fields.batchHash != epoch.lastBatchHash) {
            revert FraudSettlement_WrongBatch(epoch.lastBatchHash, fields.batchHash);
        }
        if (fields.configHash != epoch.terms.configHash) {
            revert FraudSettlement_WrongConfig(epoch.terms.configHash, fields.configHash);
        }
        SlotId slotId = slotIdOf(parent, epoch.terms.entryHash, epoch.lastBatchHash);
        claimId = claimIdOf(slotId, fields.hash());
        ClaimStatus status = _claims[claimId].status;
        bool isNew = status == ClaimStatus.None;
        _stakes[msg.sender].topUp(msg.value, isNew ? epoch.terms.claimBond : 0);
        if (status == ClaimStatus.Final) return claimId;
        if (status == ClaimStatus.Defeated || status == ClaimStatus.Void) {
            revert FraudSettlement_NotPending(claimId, status);
        }
        _move(_stakes[msg.sender], parent, claimId, path);
        if (!isNew) return claimId;
        _enter(slotId, parent, claimId, epoch);
        _post(slotId, parent, claimId, epoch.number, fields);
    }

    /// @notice Moves the caller's stake to a pending claim that others made below its tip. Caller: anyone.
    /// @param path the claims from below the tip to the new one (L1-STAKE-2); the new one alone if the tip is settled
    function follow(ClaimId[] calldata path) external {
        ClaimId to = path.length == 0 ? ClaimId.wrap(0) : path[path.length - 1];
        _pending(to);
        _move(_stakes[msg.sender], to, to, path);
        emit StakeMoved(msg.sender, to);
    }

    /// @notice Credits the caller's stake, if no claim of his can be lost any more: its tip is settled. Caller: anyone.
    function unstake() external {
        Stake storage stake = _stakes[msg.sender];
        if (_claims[stake.tip].status == ClaimStatus.Pending) {
            revert FraudSettlement_StakeElsewhere(msg.sender, stake.tip);
        }
        uint256 amount = stake.take();
        if (amount == 0) revert FraudSettlement_NoStake(msg.sender);
        emit Unstaked(msg.sender, amount);
        _credit(msg.sender, amount);
    }

    /// @notice Makes a claim final; does nothing if it is. Caller: anyone (L1-CLAIM-3).
    function finalize(ClaimId claimId) external {
        if (_claims[claimId].status == ClaimStatus.Final) return;
        Claim storage pending = _pending(claimId);
        Slot storage slot = _slots[pending.slot];
        Claim storage parent = _claims[slot.parent];
        if (parent.status != ClaimStatus.Final) revert FraudSettlement_NotFinal(slot.parent, parent.status);
        if (slot.status == SlotStatus.Single) {
            if (block.timestamp < slot.closesAt) revert FraudSettlement_WindowOpen(pending.slot);
        } else if (slot.status != SlotStatus.Decided || slot.winner != claimId) {
            revert FraudSettlement_NotWinner(pending.slot, slot.status);
        }
        if (slot.startsEntry && block.timestamp < parent.finalAt + graceSeconds) {
            revert FraudSettlement_GraceRuns(slot.parent, parent.finalAt + graceSeconds);
        }
        _finalize(claimId, pending);
    }

    /// @notice Takes over the verdict on a contested slot. Caller: anyone.
    /// @dev A right output that nobody claimed becomes a claim without a stake. Asks the entry's dispute contract and nobody else; where
    /// there is none nobody can answer, and the slot fails.
    function decide(SlotId slotId) external {
        Slot storage slot = _slots[slotId];
        if (slot.status != SlotStatus.Contested) revert FraudSettlement_NotContested(slotId, slot.status);
        IDispute.Verdict verdict = IDispute.Verdict.Failed;
        bytes32 output;
        address champion;
        if (slot.dispute != address(0)) {
            (verdict, output, champion) = IDispute(slot.dispute).verdictOf(SlotId.unwrap(slotId));
        }
        if (verdict == IDispute.Verdict.None) revert FraudSettlement_Undecided(slotId);
        if (verdict == IDispute.Verdict.Failed) {
            slot.status = SlotStatus.Failed;
            emit SlotFailed(slotId);
            return;
        }
        ClaimId winner = claimIdOf(slotId, output);
        if (_claims[winner].status == ClaimStatus.None) {
            _claims[winner] = Claim(slotId, output, slot.epoch, 0, ClaimStatus.Pending, false, address(0));
        }
        slot.status = SlotStatus.Decided;
        slot.winner = winner;
        slot.champion = champion;
        emit SlotDecided(slotId, winner, output);
    }

    /// @notice Ends a claim that cannot become final, and perhaps the stake behind it. Caller: anyone, parents before children.
    /// @dev Defeated, which needs a final parent (under an invented one anybody could defeat himself and take the share): a quarter to the
    /// champion, the rest burns, wherever the stake has moved. Below a defeated claim: burns. In a failed slot, once the parent is
    /// final, and below one: the stake is free again when its tip has ended too.
    function discard(ClaimId claimId) external {
        Claim storage pending = _pending(claimId);
        Slot storage slot = _slots[pending.slot];
        Claim storage parent = _claims[slot.parent];
        if (parent.status == ClaimStatus.Defeated || parent.status == ClaimStatus.Void) {
            pending.burns = parent.status == ClaimStatus.Defeated || parent.burns;
            _end(claimId, pending, ClaimStatus.Void, pending.burns, address(0));
        } else if (parent.status != ClaimStatus.Final) {
            revert FraudSettlement_ClaimAlive(claimId);
        } else if (slot.status == SlotStatus.Failed) {
            _end(claimId, pending, ClaimStatus.Void, false, address(0));
        } else if (slot.status == SlotStatus.Decided && slot.winner != claimId) {
            _end(claimId, pending, ClaimStatus.Defeated, true, slot.champion);
        } else {
            revert FraudSettlement_ClaimAlive(claimId);
        }
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

    /// @notice What an account has staked, and the last claim that it stands behind.
    function stakeOf(address account) external view returns (Stake memory) {
        return _stakes[account];
    }

    /// @inheritdoc IFinality
    function finality(bytes32 claimId) external view returns (uint64 epoch, uint64 finalAt) {
        Claim storage found = _claims[ClaimId.wrap(claimId)];
        if (found.status != ClaimStatus.Final) revert FraudSettlement_NotFinal(ClaimId.wrap(claimId), found.status);
        return (found.epoch, found.finalAt);
    }

    /// @inheritdoc IFailure
    /// @dev The last final claim is the only possible final parent of what is not settled.
    function failedFrom() external view returns (uint64 firstBatch) {
        uint64 settled = _claims[lastFinalClaim].epoch;
        if (IInbox(inbox).epochEnd(settled + 1) == 0) return 0;
        Epoch memory epoch = _epoch(settled + 1);
        SlotId slotId = slotIdOf(lastFinalClaim, epoch.terms.entryHash, epoch.lastBatchHash);
        if (_slots[slotId].status != SlotStatus.Failed) return 0;
        return IInbox(inbox).epochEnd(settled) + 1;
    }

    /// @notice Whether moves in the dispute of a slot can still matter: it is contested, and neither is its parent known to be dead
    /// nor its entry replaced.
    function isPlayable(SlotId slotId) external view returns (bool) {
        Slot storage slot = _slots[slotId];
        if (slot.status != SlotStatus.Contested) return false;
        ClaimStatus parentStatus = _claims[slot.parent].status;
        if (parentStatus != ClaimStatus.Pending && parentStatus != ClaimStatus.Final) return false;
        return _isSlot(slotId, slot, _epoch(slot.epoch));
    }

    /// @notice What the dispute of a contested slot is about. Reverts once the slot's entry has been replaced: then it is about nothing.
    function disputeOf(SlotId slotId) external view returns (Dispute memory) {
        Slot storage slot = _slots[slotId];
        if (slot.contestedAt == 0) revert FraudSettlement_NotContested(slotId, slot.status);
        Epoch memory epoch = _epoch(slot.epoch);
        if (!_isSlot(slotId, slot, epoch)) revert FraudSettlement_EntryReplaced(slotId);
        (Entry memory entry,) = ISchedule(schedule).entryOf(epoch.lastBatch);
        uint64 firstBatch = IInbox(inbox).epochEnd(slot.epoch - 1) + 1;
        return Dispute({
            parentOutput: _claims[slot.parent].output,
            firstBatchHash: IInbox(inbox).batchHashOf(firstBatch),
            lastBatchHash: epoch.lastBatchHash,
            entryHash: epoch.terms.entryHash,
            guestHash: entry.rules.guestHash,
            contestedAt: slot.contestedAt
        });
    }

    /// @notice The id of the slot of an epoch on a parent claim (L1-CLAIM-1).
    function slotIdOf(ClaimId parent, bytes32 entryHash, bytes32 lastBatchHash) public pure returns (SlotId) {
        return SlotId.wrap(keccak256(abi.encode(parent, entryHash, lastBatchHash)));
    }

    /// @notice The id of the claim of an output in a slot (L1-CLAIM-1).
    function claimIdOf(SlotId slotId, bytes32 output) public pure returns (ClaimId) {
        return ClaimId.wrap(keccak256(abi.encode(slotId, output)));
    }

    /// @dev Whether the schedule still names the entry under which a slot was opened. If not, the slot lies below a failed one.
    function _isSlot(SlotId slotId, Slot storage slot, Epoch memory epoch) private view returns (bool) {
        SlotId current = slotIdOf(slot.parent, epoch.terms.entryHash, epoch.lastBatchHash);
        return SlotId.unwrap(current) == SlotId.unwrap(slotId);
    }

    /// @dev What L1 fixes about a closed epoch. The schedule alone says which entry holds, so that a replacement after a failed slot
    /// (L1-SCHED-7) gives fresh slots.
    function _epoch(uint64 number) private view returns (Epoch memory epoch) {
        uint64 lastBatch = IInbox(inbox).epochEnd(number);
        if (lastBatch == 0) revert FraudSettlement_EpochOpen(number);
        ClaimTerms memory terms = ISchedule(schedule).claimTermsOf(lastBatch);
        bool startsEntry = terms.since != 0 && terms.since > IInbox(inbox).epochEnd(number - 1);
        return Epoch(number, lastBatch, IInbox(inbox).batchHashOf(lastBatch), startsEntry, terms);
    }

    /// @dev A new claim enters its slot (L1-CLAIM-2).
    function _enter(SlotId slotId, ClaimId parent, ClaimId claimId, Epoch memory epoch) private {
        Slot storage slot = _slots[slotId];
        if (slot.status == SlotStatus.Empty) {
            slot.parent = parent;
            slot.dispute = epoch.terms.dispute;
            slot.epoch = uint40(epoch.number);
            slot.closesAt = uint40(block.timestamp + epoch.terms.claimWindowSeconds);
            slot.status = SlotStatus.Single;
            slot.startsEntry = epoch.startsEntry;
        } else if (slot.status == SlotStatus.Single) {
            if (block.timestamp >= slot.closesAt) revert FraudSettlement_WindowClosed(slotId);
            slot.status = SlotStatus.Contested;
            slot.contestedAt = uint40(block.timestamp);
            emit SlotContested(slotId, claimId);
        } else if (slot.status != SlotStatus.Contested) {
            revert FraudSettlement_SlotClosed(slotId, slot.status);
        }
    }

    /// @dev The claim comes to be.
    function _post(SlotId slotId, ClaimId parent, ClaimId claimId, uint64 epoch, OutputFields calldata fields) private {
        bytes32 output = fields.hash();
        _claims[claimId] = Claim(slotId, output, uint40(epoch), 0, ClaimStatus.Pending, false, msg.sender);
        emit ClaimPosted(claimId, slotId, parent, epoch, output, msg.sender, fields);
    }

    /// @dev The epoch of a claim that can still become final; others take no claims (L1-STAKE-4).
    function _checkParent(ClaimId parent) private view returns (uint64) {
        Claim storage found = _claims[parent];
        if (found.status == ClaimStatus.Final) return found.epoch;
        if (found.status != ClaimStatus.Pending) revert FraudSettlement_DeadParent(parent, found.status);
        Slot storage slot = _slots[found.slot];
        bool cannotWin =
            slot.status == SlotStatus.Failed || (slot.status == SlotStatus.Decided && slot.winner != parent);
        if (cannotWin) revert FraudSettlement_ParentCannotWin(parent, found.slot);
        return found.epoch;
    }

    /// @dev L1-STAKE-2: to `to`, through `through`, which is reached from the tip by `path`, child by child. A stake whose tip is settled is
    /// free and needs none.
    function _move(Stake storage stake, ClaimId through, ClaimId to, ClaimId[] calldata path) private {
        ClaimId reached = stake.tip;
        if (reached == to) return;
        if (_claims[reached].status == ClaimStatus.Pending) {
            for (uint256 i = 0; i < path.length; ++i) {
                Claim storage next = _claims[path[i]];
                bool isChild = next.status == ClaimStatus.Pending && _slots[next.slot].parent == reached;
                if (!isChild) revert FraudSettlement_StakeElsewhere(msg.sender, stake.tip);
                reached = path[i];
            }
            if (reached != through) revert FraudSettlement_StakeElsewhere(msg.sender, stake.tip);
        }
        stake.tip = to;
    }

    /// @dev Ends a claim; if its stake is `lost`, a share goes to `champion` and the rest burns.
    function _end(ClaimId claimId, Claim storage ended, ClaimStatus status, bool lost, address champion) private {
        ended.status = status;
        uint256 amount = lost ? _stakes[ended.claimant].take() : 0;
        uint256 share = champion == address(0) ? 0 : amount / CHAMPION_SHARE_DIVISOR;
        _credit(champion, share);
        emit ClaimDiscarded(claimId, status, amount - share);
        _pay(address(0), amount - share);
    }

    function _pending(ClaimId claimId) private view returns (Claim storage pending) {
        pending = _claims[claimId];
        if (pending.status != ClaimStatus.Pending) revert FraudSettlement_NotPending(claimId, pending.status);
    }

    function _finalize(ClaimId claimId, Claim storage finished) private {
        finished.status = ClaimStatus.Final;
        finished.finalAt = uint40(block.timestamp);
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
