// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Hashing } from "../l1/Hashing.sol";
import { Notices } from "../l1/Notice.sol";
import { AppendArgs, ChainKind, Entry, OutputFields } from "../l1/Types.sol";
import { IFailure } from "../l1/interfaces/IFailure.sol";
import { IFinality } from "../l1/interfaces/IFinality.sol";
import { IInbox } from "../l1/interfaces/IInbox.sol";
import { IKeySets } from "../l1/interfaces/IKeySets.sol";
import { ISchedule } from "../l1/interfaces/ISchedule.sol";
import { ISettlement } from "../l1/interfaces/ISettlement.sol";
import { ILeaves } from "./ILeaves.sol";
import { PaymentsProof } from "./PaymentsProof.sol";
import { Records } from "./Records.sol";
import { Leaf, StateTree } from "./StateTree.sol";
import { Transcript } from "./Transcript.sol";
import { VerifyingKeys } from "./VerifyingKeys.sol";
import { WithdrawalTree } from "./WithdrawalTree.sol";

/// @notice What every slot of a batch shares (PAY-PUBLIC, env).
/// @param timestamp time that expiries are held against, seconds
/// @param operator whose leaf gets the fees
struct BatchEnv {
    uint64 timestamp;
    address operator;
}

/// @title What is final on a payments chain: batches that come with their proofs.
/// @notice Rules: PAY-APPEND, PAY-TIME, PAY-CONTENT, PAY-OUTPUT, PAY-FREEZE, PAY-ESCAPE. A batch is appended, proven and final in one call, by the
/// sequencer, or by anybody once messages are overdue. If these stay unproven, anybody ends the chain, and every leaf of its last state leaves by its path.
/// There are no other roles. Immutable. Invariant: the stored state is the result of proven operations on that of genesis. Adversarial: everybody who appends.
contract ValiditySettlement is ISettlement, IFailure, IFinality, IKeySets, ILeaves {
    using Hashing for *;

    /// @dev A batch that is final.
    struct Finished {
        bytes32 output;
        uint64 finalAt; // seconds
    }

    /// @notice Root of the tree in which the sentinel stands alone (PAY-TREE).
    uint256 public constant GENESIS_ROOT = 0x2d573e0593a9c9f31d5a702fa0317ac81e19418b54c026bbd0557f7e3d817be0;
    /// @notice Least time that messages may stay unproven, off the devnets: a prover that broke must be repairable.
    uint64 public constant MIN_ESCAPE_DELAY_SECONDS = 1 days;
    /// @notice Greatest such time, on every L1.
    uint64 public constant MAX_ESCAPE_DELAY_SECONDS = 30 days;

    address public immutable schedule;
    address public immutable inbox;
    /// @notice How long overdue messages may stay unproven before anybody can freeze the chain, seconds.
    uint64 public immutable escapeDelaySeconds;
    /// @notice Knows the state tree, for whoever leaves a frozen chain.
    StateTree public immutable stateTree;
    /// @notice The domain in which operations are signed (PAY-OPHASH). The same for ever.
    uint256 public immutable dom;
    uint64 private immutable _windowSeconds;

    /// @notice Root of the last final state.
    uint256 public stateRoot;
    /// @notice Leaves in it, the sentinel included.
    uint64 public leafCount;
    /// @notice Time of the last batch, seconds; that of genesis before the first.
    uint64 public timestamp;
    /// @notice When the chain was frozen, seconds; zero while it is not.
    uint64 public frozenAt;

    mapping(uint64 batch => Finished) private _finished;
    /// @inheritdoc IKeySets
    mapping(bytes32 keysHash => address) public keySetOf;

    event BatchProven(
        uint64 indexed index, bytes32 indexed output, OutputFields fields, BatchEnv env, uint64 leafCount
    );
    event KeysStored(bytes32 indexed keysHash, address set);
    event Frozen(uint64 lastBatch, uint64 queueIndex);

    error ValiditySettlement_WrongAddress(address expected, address actual);
    error ValiditySettlement_OtherChainKind(uint8 kind);
    error ValiditySettlement_EscapeDelayOutOfRange(uint64 seconds_, uint64 min, uint64 max);
    error ValiditySettlement_NoticeTooShort(uint64 delaySeconds, uint256 neededSeconds);
    error ValiditySettlement_NotStarted(uint64 genesisTimestamp);
    error ValiditySettlement_Frozen(uint64 frozenAt);
    error ValiditySettlement_NotPlainAccount(address caller);
    error ValiditySettlement_NotSequencer(address caller);
    error ValiditySettlement_ForcedWithOperations(uint256 authoriseChunks);
    error ValiditySettlement_TimeOutOfRange(uint64 timestamp, uint64 min, uint64 max);
    error ValiditySettlement_OtherMessages(bytes32 expected, bytes32 actual);
    error ValiditySettlement_PartialRecord(uint256 segment, uint256 length);
    error ValiditySettlement_OffsetOutOfRange(uint256 segment, uint256 offset);
    error ValiditySettlement_NotFreezable(uint256 freezableAt);
    error ValiditySettlement_NothingUnproven();
    error ValiditySettlement_NotFinal(bytes32 batch);

    /// @param schedule_ names this contract, its Inbox and its rules
    /// @param escapeDelaySeconds_ how long overdue messages may stay unproven
    /// @dev The owner's notice must be long enough to leave before anything new holds (PAY-NOTICE): else keys of his own making could come into force, and
    /// empty the escrow at once, before a message was queued, had become overdue and stayed unproven, a call was to end the chain, and, if a batch took
    /// the message just before that, the withdrawal was claimed. L1 may keep each of these three transactions waiting for the censorship bound.
    constructor(address schedule_, uint64 escapeDelaySeconds_) {
        ISchedule named = ISchedule(schedule_);
        if (named.settlement() != address(this)) {
            revert ValiditySettlement_WrongAddress(named.settlement(), address(this));
        }
        if (named.kind() != ChainKind.PAYMENTS) revert ValiditySettlement_OtherChainKind(named.kind());
        uint64 min = Notices.isDevnet() ? 1 : MIN_ESCAPE_DELAY_SECONDS;
        if (escapeDelaySeconds_ < min || escapeDelaySeconds_ > MAX_ESCAPE_DELAY_SECONDS) {
            revert ValiditySettlement_EscapeDelayOutOfRange(escapeDelaySeconds_, min, MAX_ESCAPE_DELAY_SECONDS);
        }
        schedule = schedule_;
        inbox = named.inbox();
        escapeDelaySeconds = escapeDelaySeconds_;
        _windowSeconds = named.forcedInclusionWindowSeconds();
        uint256 neededSeconds = uint256(_windowSeconds) + escapeDelaySeconds_;
        if (!Notices.isDevnet()) neededSeconds += Notices.MIN_NOTICE_SECONDS + Notices.CENSORSHIP_SECONDS;
        if (named.delaySeconds() < neededSeconds) {
            revert ValiditySettlement_NoticeTooShort(named.delaySeconds(), neededSeconds);
        }
        timestamp = named.genesisTimestamp();
        if (timestamp > block.timestamp) revert ValiditySettlement_NotStarted(timestamp);
        Transcript.Header memory genesis;
        genesis.configHash = named.activeEntry().configHash;
        dom = uint248(uint256(keccak256(abi.encode(uint256(named.l2ChainId()), genesis.configHash))));
        stateTree = new StateTree();
        // The sentinel alone, whose fields are all zero.
        (stateRoot, leafCount) = (GENESIS_ROOT, 1);
        _finish(genesis, 0, 0);
    }

    /// @notice Checks a key set and stores it (PAY-KEY), so that an entry of the schedule can name it. Caller: anyone.
    /// @return set its data contract, of which there is one for each set
    function storeKeys(bytes calldata keys) external returns (address set) {
        bytes32 keysHash = keccak256(keys);
        set = keySetOf[keysHash];
        if (set != address(0)) return set;
        set = VerifyingKeys.store(keys);
        keySetOf[keysHash] = set;
        emit KeysStored(keysHash, set);
    }

    /// @notice Appends a batch with its proofs, which makes it final (PAY-APPEND). Caller: the sequencer, calling directly; anybody once messages are
    /// overdue, with a batch in which nobody signed anything.
    /// @param args where it lands (L1-BATCH-4); declares no work
    /// @param segments effects, withdrawals, messages: whole records
    function append(
        AppendArgs calldata args,
        BatchEnv calldata env,
        bytes[3] calldata segments,
        PaymentsProof.ApplyChunk[] calldata applied,
        PaymentsProof.AuthoriseChunk[] calldata authorised
    ) external {
        if (frozenAt != 0) revert ValiditySettlement_Frozen(frozenAt);
        _checkCaller(authorised.length);
        _checkOffsets(segments);
        Transcript.Header memory header = _header(args, env);
        (bytes32 batchHash, address keySet) = _land(args, header, segments);
        PaymentsProof.Result memory result = _verify(header, segments, applied, authorised, keySet);
        (stateRoot, leafCount, timestamp) = (result.root, uint64(result.leafCount), env.timestamp);
        _finish(header, batchHash, WithdrawalTree.rootOf(segments[1]));
    }

    /// @notice Ends the chain for good: its first unproven message has been overdue for the whole escape delay (PAY-FREEZE). Caller: anyone.
    function freeze() external {
        if (frozenAt != 0) revert ValiditySettlement_Frozen(frozenAt);
        uint256 fromSeconds = freezableAt();
        if (fromSeconds == 0) revert ValiditySettlement_NothingUnproven();
        if (block.timestamp <= fromSeconds) revert ValiditySettlement_NotFreezable(fromSeconds);
        frozenAt = uint64(block.timestamp);
        emit Frozen(IInbox(inbox).batchCount(), IInbox(inbox).queueConsumed());
    }

    /// @notice After which time anybody can freeze the chain if nothing is proven until then, seconds; zero if no message waits.
    function freezableAt() public view returns (uint256) {
        uint256 enqueuedAt = IInbox(inbox).enqueuedAt(IInbox(inbox).queueConsumed());
        return enqueuedAt == 0 ? 0 : enqueuedAt + _windowSeconds + escapeDelaySeconds;
    }

    /// @inheritdoc ILeaves
    function isFrozen() external view returns (bool) {
        return frozenAt != 0;
    }

    /// @inheritdoc ILeaves
    function verifyLeaf(uint32 index, Leaf calldata leaf, uint256[3][16] calldata siblings)
        external
        view
        returns (bool)
    {
        return frozenAt != 0 && stateTree.rootOf(index, leaf, siblings) == stateRoot;
    }

    /// @inheritdoc ISettlement
    /// @param proof `abi.encode(OutputFields fields, bytes32[] siblings)`, siblings from the leaf upwards (PAY-WITHDRAWAL-ROOT)
    function verifyMessage(bytes32 output, uint64 index, bytes32 messageHash, bytes calldata proof)
        external
        view
        returns (bool)
    {
        if (output == 0 || messageHash == 0 || outputOf(index >> 32) != output) return false;
        (OutputFields memory fields, bytes32[] memory siblings) = abi.decode(proof, (OutputFields, bytes32[]));
        if (fields.hash() != output) return false;
        bytes32 root = WithdrawalTree.rootFrom(uint32(index), messageHash, siblings);
        return root != 0 && root == fields.messageRoot;
    }

    /// @notice The state after a batch as a hash (L1-OUT-1); zero if there is no such batch.
    function outputOf(uint64 batch) public view returns (bytes32) {
        return _finished[batch].output;
    }

    /// @inheritdoc IFinality
    /// @dev The id is the batch's index. Whoever has to leave a frozen chain has the grace from its end on.
    function finality(bytes32 claimId) external view returns (uint64 epoch, uint64 finalAt) {
        if (uint256(claimId) > type(uint64).max) revert ValiditySettlement_NotFinal(claimId);
        epoch = uint64(uint256(claimId));
        finalAt = _finished[epoch].finalAt;
        if (finalAt == 0) revert ValiditySettlement_NotFinal(claimId);
        if (frozenAt > finalAt) finalAt = frozenAt;
    }

    /// @inheritdoc IFailure
    /// @dev There is no program here that could fail.
    function failedFrom() external pure returns (uint64) {
        return 0;
    }

    /// @dev Has the Inbox append the batch: it holds it to its place, to the queue and to forced inclusion, and lets an entry that waits begin with it. Then
    /// what holds for the batch is known, and enters the header.
    function _land(AppendArgs calldata args, Transcript.Header memory header, bytes[3] calldata segments)
        private
        returns (bytes32 batchHash, address keySet)
    {
        bytes32 queueHash = _extendQueue(header.queueHashStart, segments[2]);
        if (queueHash != args.queueHash) revert ValiditySettlement_OtherMessages(args.queueHash, queueHash);
        batchHash = IInbox(inbox).appendProven(args, _dataHash(header.env, segments));
        Entry memory entry = ISchedule(schedule).activeEntry();
        _checkTime(uint64(header.env), entry.rules.maxCheckpointAgeSeconds);
        header.configHash = entry.configHash;
        keySet = keySetOf[entry.rules.keysHash];
    }

    /// @dev Alone, so that tests can put a model in the place of proofs.
    function _verify(
        Transcript.Header memory header,
        bytes[3] calldata segments,
        PaymentsProof.ApplyChunk[] calldata applied,
        PaymentsProof.AuthoriseChunk[] calldata authorised,
        address keySet
    ) internal view virtual returns (PaymentsProof.Result memory) {
        return PaymentsProof.verify(header, segments, applied, authorised, keySet);
    }

    /// @dev The segments are the transaction's own input, where everybody finds them again: a plain account calls only directly.
    function _checkCaller(uint256 authoriseChunks) private view {
        if (msg.sender != tx.origin || msg.sender.code.length != 0) {
            revert ValiditySettlement_NotPlainAccount(msg.sender);
        }
        if (msg.sender == IInbox(inbox).sequencer()) return;
        if (!IInbox(inbox).isForcible()) revert ValiditySettlement_NotSequencer(msg.sender);
        if (authoriseChunks != 0) revert ValiditySettlement_ForcedWithOperations(authoriseChunks);
    }

    /// @dev Inside the array the ABI's offsets may lead backwards, as numbers modulo 2^256, where many a decoder does not follow. What is final must be found again by
    /// everybody, so they lead into the call.
    function _checkOffsets(bytes[3] calldata segments) private pure {
        for (uint256 i = 0; i < 3; ++i) {
            uint256 offset;
            assembly ("memory-safe") {
                offset := calldataload(add(segments, mul(i, 0x20)))
            }
            if (offset > msg.data.length) revert ValiditySettlement_OffsetOutOfRange(i, offset);
        }
    }

    /// @dev The header, from storage and from what the Inbox will check; the configuration is not known yet.
    function _header(AppendArgs calldata args, BatchEnv calldata env)
        private
        view
        returns (Transcript.Header memory header)
    {
        uint64 start = IInbox(inbox).queueConsumed();
        header.index = args.index;
        header.rootIn = stateRoot;
        header.leafCountIn = leafCount;
        header.queueStart = start;
        header.queueHashStart = IInbox(inbox).queueHashOf(start);
        header.queueEnd = args.queueEnd;
        header.queueHashEnd = args.queueHash;
        header.env = uint256(env.timestamp) | (uint256(uint160(env.operator)) << 64);
        header.dom = dom;
    }

    /// @dev The queue hash after the messages in the segment (L1-MSG-2).
    function _extendQueue(bytes32 queueHash, bytes calldata messages) private pure returns (bytes32) {
        if (messages.length % Records.BYTES != 0) revert ValiditySettlement_PartialRecord(2, messages.length);
        for (uint256 start = 0; start < messages.length; start += Records.BYTES) {
            queueHash = queueHash.extendQueue(keccak256(messages[start:start + Records.BYTES]));
        }
        return queueHash;
    }

    /// @dev What the content of the batch commits to (PAY-CONTENT).
    function _dataHash(uint256 env, bytes[3] calldata segments) private pure returns (bytes32) {
        if (segments[1].length % Records.BYTES != 0) revert ValiditySettlement_PartialRecord(1, segments[1].length);
        return keccak256(
            abi.encode(
                env,
                segments[0].length,
                keccak256(segments[0]),
                segments[1].length,
                keccak256(segments[1]),
                segments[2].length,
                keccak256(segments[2])
            )
        );
    }

    /// @dev PAY-TIME: it neither runs ahead of L1, nor back, nor stands still to keep expired signatures alive.
    function _checkTime(uint64 named, uint32 maxAgeSeconds) private view {
        uint64 max = uint64(block.timestamp);
        uint64 min = timestamp;
        // An age beyond the clock's own is no limit; it must not stop the chain either.
        if (maxAgeSeconds < max && max - maxAgeSeconds > min) min = max - maxAgeSeconds;
        if (named < min || named > max) revert ValiditySettlement_TimeOutOfRange(named, min, max);
    }

    /// @dev Makes the batch with this header final, its state being stored already (PAY-OUTPUT).
    function _finish(Transcript.Header memory header, bytes32 batchHash, bytes32 withdrawalRoot) private {
        OutputFields memory fields = OutputFields({
            configHash: header.configHash,
            batchHash: batchHash,
            lastBlockHash: keccak256(abi.encode(timestamp, leafCount)),
            stateRoot: bytes32(stateRoot),
            messageRoot: withdrawalRoot,
            queueIndex: uint64(header.queueEnd)
        });
        uint64 batch = uint64(header.index);
        bytes32 output = fields.hash();
        _finished[batch] = Finished(output, uint64(block.timestamp));
        emit BatchProven(batch, output, fields, BatchEnv(timestamp, address(uint160(header.env >> 64))), leafCount);
    }
}
