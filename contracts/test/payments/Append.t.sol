// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Inbox } from "../../src/l1/Inbox.sol";
import { BatchContent, BatchHeader, ChainConfig, OutputFields, Rules } from "../../src/l1/Types.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { Groth16Batch } from "../../src/payments/Groth16Batch.sol";
import { PaymentsProof } from "../../src/payments/PaymentsProof.sol";
import { Withdrawal } from "../../src/payments/Records.sol";
import { Transcript } from "../../src/payments/Transcript.sol";
import { BatchEnv, ValiditySettlement } from "../../src/payments/ValiditySettlement.sol";
import { VerifyingKeys } from "../../src/payments/VerifyingKeys.sol";
import { vm } from "../utils/Vm.sol";
import { Batch, Chain } from "./Chain.sol";
import { ProofModel } from "./ProofModel.sol";

/// @title A contract that sends a batch on.
contract Relay {
    function send(address callee, bytes calldata data) external {
        (bool success, bytes memory answer) = callee.call(data);
        if (success) return;
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }
}

/// @title A contract that sends a batch while it has no code yet.
contract NewbornRelay {
    constructor(address callee, bytes memory data) {
        (bool success, bytes memory answer) = callee.call(data);
        if (success) return;
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }
}

abstract contract AppendFixture is Chain {
    function setUp() public virtual override {
        super.setUp();
        proofs.set(111, 2);
    }

    function encoded(Batch memory made, uint256 authorised) internal pure returns (bytes memory) {
        (PaymentsProof.ApplyChunk[] memory apply_, PaymentsProof.AuthoriseChunk[] memory authorise) =
            chunks(1, authorised);
        return abi.encodeCall(ValiditySettlement.append, (made.args, made.env, made.segments, apply_, authorise));
    }

    function notSequencer(address caller) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_NotSequencer.selector, caller);
    }

    function notPlain(address caller) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_NotPlainAccount.selector, caller);
    }

    /// @dev A message that is just overdue, and a checkpoint to name.
    function overdue() internal {
        force(alice, ETH);
        skipTime(FORCED_SECONDS);
        storeCheckpoint();
    }
}

/// @title Who may append: PAY-APPEND, 1.
contract AppendCallerTest is AppendFixture {
    function test_append_bySequencer() external {
        post(sequencer, batch());
        vm.assertEq(inbox.batchCount(), 1);
        vm.assertEq(settlement.stateRoot(), 111);
        vm.assertEq(settlement.leafCount(), 2);
        vm.assertEq(settlement.timestamp(), vm.getBlockTimestamp());
    }

    function testFuzz_append_revertsForStrangers(address caller, uint256 age) external {
        vm.assume(caller != sequencer && caller.code.length == 0);
        refused(caller, batch(), 0, notSequencer(caller));
        force(alice, ETH);
        skipTime(bound(age, 0, FORCED_SECONDS - 12));
        storeCheckpoint(); // twelve seconds
        refused(caller, batch(), 0, notSequencer(caller));
    }

    function testFuzz_append_byAnybodyOnceOverdue(address caller) external {
        vm.assume(caller != sequencer && caller.code.length == 0);
        overdue();
        Batch memory made = batch();
        post(caller, made, 0);
        vm.assertEq(inbox.queueConsumed(), 1);
        // Nothing is overdue any more.
        storeCheckpoint();
        refused(caller, batch(), 0, notSequencer(caller));
    }

    function testFuzz_append_strangersBringNoSignatures(address caller, uint256 count) external {
        vm.assume(caller != sequencer && caller.code.length == 0);
        count = bound(count, 1, 5);
        overdue();
        refused(
            caller,
            batch(),
            count,
            abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_ForcedWithOperations.selector, count)
        );
        post(sequencer, batch(), count);
    }

    /// @notice Whoever forces must take what is overdue: no empty batch keeps others out.
    function test_append_strangersTakeWhatIsOverdue() external {
        overdue();
        Batch memory empty = batch(0, "");
        refused(mallory, empty, 0, abi.encodeWithSelector(Inbox.Inbox_OverdueMessageLeft.selector, 0));
        refused(sequencer, empty, 1, abi.encodeWithSelector(Inbox.Inbox_OverdueMessageLeft.selector, 0));
    }

    function testFuzz_append_revertsForContracts(bool late) external {
        if (late) overdue();
        Relay relay = new Relay();
        bytes memory call_ = encoded(batch(), 0);
        vm.expectRevert(notPlain(address(relay)));
        vm.prank(sequencer, sequencer);
        relay.send(address(settlement), call_);
        vm.expectRevert(notPlain(vm.computeCreateAddress(sequencer, vm.getNonce(sequencer))));
        vm.prank(sequencer, sequencer);
        new NewbornRelay(address(settlement), call_);
    }

    /// @notice The sequencer's contract is none, even if it is named; nor is an account whose code is delegated (EIP-7702).
    function testFuzz_append_revertsForCode(bool late, address delegate) external {
        if (late) overdue();
        Batch memory made = batch();
        vm.etch(sequencer, abi.encodePacked(hex"ef0100", delegate));
        refused(sequencer, made, 1, notPlain(sequencer));
        vm.etch(mallory, abi.encodePacked(hex"ef0100", delegate));
        refused(mallory, made, 0, notPlain(mallory));
        vm.etch(sequencer, "");
        post(sequencer, made);
    }

    function testFuzz_append_revertsForOtherOrigins(address origin) external {
        vm.assume(origin != sequencer);
        bytes memory call_ = encoded(batch(), 1);
        vm.prank(sequencer, origin);
        (bool success, bytes memory answer) = address(settlement).call(call_);
        vm.assertFalse(success);
        vm.assertEq(answer, notPlain(sequencer));
    }

    /// @notice Who was the sequencer is a stranger.
    function test_append_followsTheRole() external {
        vm.prank(owner);
        inbox.setSequencer(bob);
        refused(sequencer, batch(), 1, notSequencer(sequencer));
        post(bob, batch());
    }

    /// @notice The owner has no way in of his own.
    function test_append_revertsForTheOwner() external {
        refused(owner, batch(), 0, notSequencer(owner));
        Batch memory made = batch();
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_NotSettlement.selector, owner));
        vm.prank(owner, owner);
        inbox.appendProven(made.args, 0);
    }
}

/// @title What a batch has to be: PAY-APPEND, 2; L1-BATCH-4, L1-BATCH-6, L1-BATCH-9; PAY-CONTENT.
contract AppendContentTest is AppendFixture {
    using Hashing for *;

    function setUp() public override {
        super.setUp();
        deposit(alice, 7);
        deposit(bob, 8);
        force(alice, ETH);
        setKey(bob, type(uint256).max);
        storeCheckpoint();
    }

    function _otherMessages(Batch memory made, bytes32 actual) private {
        refused(
            made,
            abi.encodeWithSelector(
                ValiditySettlement.ValiditySettlement_OtherMessages.selector, made.args.queueHash, actual
            )
        );
    }

    function _chain(bytes memory segment) private pure returns (bytes32 queueHash) {
        bytes32[] memory leaves = leavesOf(segment);
        for (uint256 i = 0; i < leaves.length; ++i) {
            queueHash = keccak256(abi.encode(queueHash, leaves[i]));
        }
    }

    function testFuzz_append_takesAnyPrefixOfTheQueue(uint64 first) external {
        first = uint64(bound(first, 0, 4));
        Batch memory made = batch(first, "");
        post(sequencer, made);
        vm.assertEq(inbox.queueConsumed(), first);
        storeCheckpoint();
        post(sequencer, batch(4, ""));
        vm.assertEq(inbox.queueConsumed(), 4);
    }

    function testFuzz_append_refusesAnyOtherByte(uint256 place, uint8 change) external {
        Batch memory made = batch();
        place = bound(place, 0, made.segments[2].length - 1);
        made.segments[2][place] ^= bytes1(uint8(bound(change, 1, 255)));
        _otherMessages(made, _chain(made.segments[2]));
    }

    function test_append_refusesMissingMoreAndReordered() external {
        Batch memory made = batch(3, "");
        made.segments[2] = messages(0, 2);
        _otherMessages(made, inbox.queueHashOf(2));
        made.segments[2] = messages(0, 4);
        _otherMessages(made, inbox.queueHashOf(4));
        made.segments[2] = messages(1, 3);
        _otherMessages(made, _chain(made.segments[2]));
        made.segments[2] = bytes.concat(records[0], records[2], records[1]);
        _otherMessages(made, _chain(made.segments[2]));
        made.segments[2] = bytes.concat(records[0], records[1], records[2], records[2]);
        _otherMessages(made, _chain(made.segments[2]));
        made.segments[2] = "";
        _otherMessages(made, 0);
    }

    /// @notice The second batch goes on where the first one ended, and nowhere else.
    function test_append_consumesNothingTwice() external {
        post(sequencer, batch(2, ""));
        storeCheckpoint();
        Batch memory made = batch(3, "");
        made.segments[2] = messages(0, 3);
        refused(
            made,
            abi.encodeWithSelector(
                ValiditySettlement.ValiditySettlement_OtherMessages.selector,
                made.args.queueHash,
                inbox.queueHashOf(2).extendQueue(keccak256(records[0])).extendQueue(keccak256(records[1]))
                    .extendQueue(keccak256(records[2]))
            )
        );
        made = batch(1, "");
        made.segments[2] = "";
        refused(
            made,
            abi.encodeWithSelector(
                ValiditySettlement.ValiditySettlement_OtherMessages.selector, made.args.queueHash, inbox.queueHashOf(2)
            )
        );
    }

    /// @notice A queue end that the segment does not reach, named with the hash that it does reach, is the Inbox's to refuse.
    function testFuzz_append_refusesAnotherQueueEnd(uint64 end) external {
        vm.assume(end != 2);
        Batch memory made = batch(2, "");
        made.args.queueEnd = end;
        refused(
            made,
            end > 4
                ? abi.encodeWithSelector(Inbox.Inbox_QueueEndOutOfRange.selector, end, 0, 4)
                : abi.encodeWithSelector(
                    Inbox.Inbox_WrongQueueHash.selector, inbox.queueHashOf(end), made.args.queueHash
                )
        );
    }

    function test_append_refusesMessagesThatDoNotExist() external {
        Batch memory made = batch();
        made.segments[2] = bytes.concat(made.segments[2], depositRecord(mallory, ETH, 1 ether));
        made.args.queueHash = _chain(made.segments[2]);
        made.args.queueEnd = 5;
        refused(made, abi.encodeWithSelector(Inbox.Inbox_QueueEndOutOfRange.selector, 5, 0, 4));
        made.args.queueEnd = 4;
        refused(
            made, abi.encodeWithSelector(Inbox.Inbox_WrongQueueHash.selector, inbox.queueHashOf(4), made.args.queueHash)
        );
    }

    function testFuzz_append_refusesPartialRecords(uint256 length, bool ofWithdrawals) external {
        length = bound(length, 1, 1000);
        vm.assume(length % 62 != 0);
        Batch memory made = batch(0, "");
        uint256 segment = ofWithdrawals ? 1 : 2;
        made.segments[segment] = new bytes(length);
        refused(
            made, abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_PartialRecord.selector, segment, length)
        );
    }

    function testFuzz_append_refusesAnotherPlace(uint64 index, bytes32 parent) external {
        Batch memory made = batch();
        vm.assume(index != 1 && parent != 0);
        made.args.index = index;
        refused(made, abi.encodeWithSelector(Inbox.Inbox_WrongIndex.selector, 1, index));
        made.args.index = 1;
        made.args.parentContentHash = parent;
        refused(made, abi.encodeWithSelector(Inbox.Inbox_WrongParent.selector, 0, parent));
    }

    /// @notice A batch lands once.
    function test_append_refusesTheSameAgain() external {
        Batch memory made = batch(0, "");
        post(sequencer, made);
        refused(made, abi.encodeWithSelector(Inbox.Inbox_WrongIndex.selector, 2, 1));
        made.args.index = 2;
        refused(made, abi.encodeWithSelector(Inbox.Inbox_WrongParent.selector, inbox.lastContentHash(), 0));
    }

    function test_append_refusesOtherCheckpoints() external {
        Batch memory made = batch();
        made.args.checkpoint.number += 1;
        refused(made, abi.encodeWithSelector(Inbox.Inbox_CheckpointNotEarlier.selector, made.args.checkpoint.number));
        made.args.checkpoint.number -= 1;
        made.args.checkpoint.baseFee += 1;
        refused(made, abi.encodeWithSelector(Inbox.Inbox_UnknownCheckpoint.selector, made.args.checkpoint.number));
        made = batch();
        vm.warp(named.timestamp + CHECKPOINT_AGE_SECONDS + 1);
        made.env.timestamp = now64();
        refused(
            made,
            abi.encodeWithSelector(
                Inbox.Inbox_CheckpointTooOld.selector, named.timestamp, uint64(CHECKPOINT_AGE_SECONDS)
            )
        );
    }

    function testFuzz_append_declaresNoWork(uint64 workGas) external {
        vm.assume(workGas != 0);
        Batch memory made = batch();
        made.args.workGas = workGas;
        refused(made, abi.encodeWithSelector(Inbox.Inbox_WorkWithoutData.selector, workGas));
    }

    function test_append_holdsAtMostSoManyMessages() external {
        for (uint256 i = 0; i < 5; ++i) {
            force(bob, ETH);
        }
        storeCheckpoint();
        refused(batch(9, ""), abi.encodeWithSelector(Inbox.Inbox_TooManyMessages.selector, 9, 8));
        post(sequencer, batch(8, ""));
    }

    /// @notice A message leaves a batch only for want of room; the next one has to take it.
    function test_append_leavesOverdueMessagesForWantOfRoomAlone() external {
        for (uint256 i = 0; i < 5; ++i) {
            force(bob, ETH);
        }
        skipTime(FORCED_SECONDS);
        storeCheckpoint();
        refused(batch(7, ""), abi.encodeWithSelector(Inbox.Inbox_OverdueMessageLeft.selector, 7));
        post(sequencer, batch(8, ""));
        storeCheckpoint();
        refused(batch(8, ""), abi.encodeWithSelector(Inbox.Inbox_OverdueMessageLeft.selector, 8));
        post(mallory, batch(9, ""), 0);
    }

    function test_append_refusesWhatIsNotProven() external {
        proofs.refuse();
        refused(batch(), abi.encodeWithSelector(ProofModel.ProofModel_Invalid.selector));
        vm.assertEq(inbox.batchCount(), 0);
        vm.assertEq(inbox.queueConsumed(), 0);
        vm.assertEq(settlement.leafCount(), 1);
        vm.assertEq(settlement.outputOf(1), bytes32(0));
    }

    /// @notice PAY-CONTENT, and L1-BATCH-1 with it, from their definitions.
    function testFuzz_append_commitsToEnvironmentAndSegments(bytes memory effects, address operator_, uint256 count)
        external
    {
        bytes memory withdrawals;
        for (uint256 i = 0; i < count % 4; ++i) {
            withdrawals = bytes.concat(withdrawals, withdrawalRecord(Withdrawal(bob, ETH, uint128(i))));
        }
        Batch memory made = batch(2, withdrawals);
        made.segments[0] = effects;
        made.env.operator = operator_;
        bytes32 dataHash = keccak256(
            bytes.concat(
                bytes4(0),
                operatorWord(operator_, made.env.timestamp), // 32 bytes
                abi.encode(effects.length, keccak256(effects)),
                abi.encode(withdrawals.length, keccak256(withdrawals)),
                abi.encode(uint256(124), keccak256(bytes.concat(records[0], records[1])))
            )
        );
        BatchContent memory content = BatchContent({
            index: 1,
            parentContentHash: 0,
            dataKind: 3,
            dataHash: dataHash,
            queueEnd: 2,
            queueHash: inbox.queueHashOf(2),
            checkpointHash: named.hash(),
            configHash: deployedConfig().hash(),
            workGas: 0
        });
        BatchHeader memory header = BatchHeader(content, 0, now64());
        vm.expectEmit(address(inbox));
        emit Inbox.BatchAppended(1, header.hash(), header, named);
        post(sequencer, made);
        vm.assertEq(inbox.batchHashOf(1), header.hash());
        vm.assertEq(inbox.lastContentHash(), content.hash());
    }

    /// @dev The lower 28 bytes of `env`: operator, then time.
    function operatorWord(address operator_, uint64 timestamp) private pure returns (bytes28) {
        return bytes28(abi.encodePacked(operator_, timestamp));
    }

    function test_append_dataHashByHand() external {
        vm.assertEq(vm.getBlockTimestamp(), 0x6553f118);
        Batch memory made = batch(0, "");
        made.env.operator = 0x00112233445566778899AABbCCdDeeFf00112233;
        made.segments[0] = hex"c0ffee";
        bytes32 dataHash = keccak256(
            bytes.concat(
                hex"00000000",
                hex"00112233445566778899aabbccddeeff00112233",
                hex"000000006553f118",
                bytes32(uint256(3)),
                keccak256(hex"c0ffee"),
                bytes32(0),
                hex"c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
                bytes32(0),
                hex"c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
            )
        );
        vm.expectCall(address(inbox), abi.encodeCall(Inbox.appendProven, (made.args, dataHash)));
        post(sequencer, made);
    }
}

/// @title What is proven: the header of PAY-TRANSCRIPT is what L1 knows (PAY-APPEND, 4), in the right domain (PAY-OPHASH).
contract AppendHeaderTest is AppendFixture {
    using Hashing for *;

    /// @dev Expects this header, these segments and these keys to be what the next batch proves.
    function _expectProven(Transcript.Header memory header, Batch memory made, bytes memory keySet) private {
        (PaymentsProof.ApplyChunk[] memory apply_, PaymentsProof.AuthoriseChunk[] memory authorise) = chunks(1, 1);
        address set = settlement.keySetOf(keccak256(keySet));
        vm.assertTrue(set != address(0));
        vm.expectCall(
            address(proofs), abi.encodeCall(ProofModel.verify, (header, made.segments, apply_, authorise, set))
        );
    }

    function _dom() private view returns (uint256) {
        bytes32 hash = keccak256(abi.encode(uint256(5455), deployedConfig().hash()));
        return uint256(hash) & (2 ** 248 - 1);
    }

    function _header(Batch memory made, uint256 rootIn, uint256 leafCountIn)
        private
        view
        returns (Transcript.Header memory)
    {
        return Transcript.Header({
            configHash: deployedConfig().hash(),
            index: made.args.index,
            rootIn: rootIn,
            leafCountIn: leafCountIn,
            queueStart: inbox.queueConsumed(),
            queueHashStart: inbox.queueHashOf(inbox.queueConsumed()),
            queueEnd: made.args.queueEnd,
            queueHashEnd: inbox.queueHashOf(made.args.queueEnd),
            env: uint256(made.env.timestamp) + uint256(uint160(made.env.operator)) * 2 ** 64,
            dom: _dom()
        });
    }

    function test_dom_isOfChainAndGenesis() external view {
        vm.assertEq(settlement.dom(), _dom());
        vm.assertEq(settlement.dom() >> 248, 0);
    }

    function testFuzz_append_provesWhatIsStored(uint256 root, uint40 leafCount, uint64 first, address operator_)
        external
    {
        for (uint256 i = 0; i < 4; ++i) {
            deposit(alice, uint128(i + 1));
        }
        storeCheckpoint();
        first = uint64(bound(first, 0, 4));
        uint256 genesisRoot = settlement.stateRoot();
        Batch memory made = batch(first, withdrawalRecord(Withdrawal(alice, ETH, 5)));
        made.env.operator = operator_;
        _expectProven(_header(made, genesisRoot, 1), made, keys());
        proofs.set(root, leafCount);
        post(sequencer, made);

        storeCheckpoint();
        made = batch(4, "");
        _expectProven(_header(made, root, leafCount), made, keys());
        post(sequencer, made);
    }

    /// @notice Configuration and keys are those of the entry that begins with this very batch; the domain stays.
    function testFuzz_append_provesUnderTheEntryInForce(uint256 late) external {
        settlement.storeKeys(otherKeys());
        ChainConfig memory chain = deployedConfig();
        chain.version = 2;
        Rules memory changed = rules();
        changed.keysHash = keccak256(otherKeys());
        vm.prank(owner);
        schedule.schedule(chain, changed);
        vm.warp(schedule.record(1).maturesAt - 13);
        storeCheckpoint();
        Batch memory made = batch();
        _expectProven(_header(made, settlement.stateRoot(), 1), made, keys());
        post(sequencer, made);
        vm.assertEq(settlement.outputOf(1), fieldsOf[1].hash());
        vm.assertEq(fieldsOf[1].configHash, deployedConfig().hash());

        skipTime(bound(late, 1, 400 days));
        storeCheckpoint();
        made = batch();
        Transcript.Header memory header = _header(made, 111, 2);
        header.configHash = chain.hash();
        _expectProven(header, made, otherKeys());
        post(sequencer, made);
        vm.assertEq(fieldsOf[2].configHash, chain.hash());
        vm.assertEq(settlement.outputOf(2), fieldsOf[2].hash());
        (, bytes32 entryHash) = schedule.entryOf(2);
        vm.assertEq(entryHash, schedule.record(1).entryHash);
        vm.assertEq(settlement.dom(), _dom());
    }
}

/// @title Time: PAY-TIME.
contract AppendTimeTest is AppendFixture {
    function _refusedTime(uint64 timestamp, uint64 min) private {
        Batch memory made = batch();
        made.env.timestamp = timestamp;
        refused(
            made,
            abi.encodeWithSelector(
                ValiditySettlement.ValiditySettlement_TimeOutOfRange.selector, timestamp, min, now64()
            )
        );
    }

    function testFuzz_append_refusesTheFuture(uint64 timestamp) external {
        _refusedTime(uint64(bound(timestamp, vm.getBlockTimestamp() + 1, type(uint64).max)), GENESIS_SECONDS);
    }

    function testFuzz_append_refusesTimeBeforeTheLast(uint64 back) external {
        _refusedTime(uint64(bound(back, 0, GENESIS_SECONDS - 1)), GENESIS_SECONDS);
        skipTime(100);
        post(sequencer, batch());
        uint64 last = now64();
        skipTime(100);
        _refusedTime(uint64(bound(back, 0, last - 1)), last);
    }

    function testFuzz_append_refusesOldTime(uint64 back) external {
        skipTime(10 days);
        storeCheckpoint();
        uint64 min = now64() - CHECKPOINT_AGE_SECONDS;
        _refusedTime(uint64(bound(back, 0, min - 1)), min);
    }

    function testFuzz_append_takesBothEdges(bool old, bool late) external {
        if (old) skipTime(10 days);
        storeCheckpoint();
        Batch memory made = batch();
        uint64 min = old ? now64() - CHECKPOINT_AGE_SECONDS : GENESIS_SECONDS;
        made.env.timestamp = late ? now64() : min;
        post(sequencer, made);
        vm.assertEq(settlement.timestamp(), made.env.timestamp);
        // The same time again, in the same block.
        storeCheckpoint();
        Batch memory next = batch();
        next.env.timestamp = old && !late ? made.env.timestamp + 12 : made.env.timestamp;
        post(sequencer, next);
    }

    /// @notice The age is that of the entry in force, the one that begins with the batch included.
    function testFuzz_append_ageIsTheEntrys(uint32 age) external {
        age = uint32(bound(age, 1 hours, 1 days));
        Rules memory changed = rules();
        changed.maxCheckpointAgeSeconds = age;
        ChainConfig memory chain = deployedConfig();
        vm.prank(owner);
        schedule.schedule(chain, changed);
        skipTime(DELAY_SECONDS);
        storeCheckpoint();
        _refusedTime(now64() - age - 1, now64() - age);
        Batch memory made = batch();
        made.env.timestamp = now64() - age;
        post(sequencer, made);
    }
}

/// @title Calls whose segments lie where the ABI's offsets lead backwards.
/// @notice Solidity follows them, and many a decoder does not: a batch that nobody can read again would keep everybody from claiming and leaving.
contract AppendOffsetsTest is AppendFixture {
    function _tail(bytes memory segment) private pure returns (bytes memory) {
        return abi.encodePacked(segment.length, segment, new bytes((32 - segment.length % 32) % 32));
    }

    /// @dev The batch with the tails of its segments before their heads, `forward` as the ABI's encoders would have it.
    function _call(Batch memory made, bool forward) private pure returns (bytes memory) {
        bytes memory tails;
        uint256[3] memory starts;
        for (uint256 i = 0; i < 3; ++i) {
            starts[i] = tails.length;
            tails = bytes.concat(tails, _tail(made.segments[i]));
        }
        bytes memory heads;
        for (uint256 i = 0; i < 3; ++i) {
            heads = bytes.concat(
                heads, forward ? bytes32(96 + starts[i]) : bytes32(uint256(int256(starts[i]) - int256(tails.length)))
            );
        }
        bytes memory chunk = abi.encode(new PaymentsProof.ApplyChunk[](1));
        uint256 length = chunk.length - 32;
        assembly ("memory-safe") {
            chunk := add(chunk, 0x20)
            mstore(chunk, length)
        }
        uint256 segments = 448 + (forward ? 0 : tails.length);
        uint256 applied = segments + 96 + (forward ? tails.length : 0);
        bytes memory head = abi.encode(made.args, made.env, segments, applied, applied + chunk.length);
        bytes memory body = forward ? bytes.concat(heads, tails) : bytes.concat(tails, heads);
        return bytes.concat(ValiditySettlement.append.selector, head, body, chunk, bytes32(0));
    }

    function test_append_refusesOffsetsThatLeadBackwards() external {
        force(alice, ETH);
        storeCheckpoint();
        Batch memory made = batch();
        vm.prank(sequencer, sequencer);
        (bool taken, bytes memory reason) = address(settlement).call(_call(made, false));
        vm.assertFalse(taken);
        vm.assertEq(bytes4(reason), ValiditySettlement.ValiditySettlement_OffsetOutOfRange.selector);
        vm.prank(sequencer, sequencer);
        (taken,) = address(settlement).call(_call(made, true));
        vm.assertTrue(taken);
        vm.assertEq(inbox.batchCount(), 1);
    }
}

/// @title The settlement as it is, with the proofs' own checks: what it hands them is what they check.
contract AppendProofTest is AppendFixture {
    function makeSettlement(uint64 escapeSeconds) internal override returns (ValiditySettlement) {
        return new ValiditySettlement(address(schedule), escapeSeconds);
    }

    function _chunk() private view returns (PaymentsProof.ApplyChunk memory chunk) {
        chunk.circuit = 1;
        chunk.rootOut = settlement.stateRoot();
        chunk.product = 1;
    }

    function _refused(Batch memory made, PaymentsProof.ApplyChunk[] memory applied, bytes memory expected) private {
        vm.prank(sequencer, sequencer);
        vm.expectRevert(expected);
        settlement.append(made.args, made.env, made.segments, applied, new PaymentsProof.AuthoriseChunk[](0));
    }

    function test_append_needsAChunk() external {
        _refused(
            batch(), new PaymentsProof.ApplyChunk[](0), abi.encodeWithSelector(PaymentsProof.Proof_NoApply.selector)
        );
    }

    /// @notice A stranger's batch proves nothing that anybody signed: the products of a chunk with an operation are not one.
    function test_append_signedOperationsNeedTheirProofs() external {
        PaymentsProof.ApplyChunk[] memory applied = new PaymentsProof.ApplyChunk[](1);
        applied[0] = _chunk();
        applied[0].product = 5;
        Batch memory made = batch();
        _refused(made, applied, abi.encodeWithSelector(PaymentsProof.Proof_ProductsDiffer.selector, 5, 1));
    }

    /// @notice Counts begin with the stored leaf count and queue index, and end with the segments.
    function test_append_countsEndWithTheQueue() external {
        deposit(alice, 1);
        storeCheckpoint();
        Batch memory made = batch();
        made.segments[0] = "";
        PaymentsProof.ApplyChunk[] memory applied = new PaymentsProof.ApplyChunk[](1);
        applied[0] = _chunk();
        // Any evaluation is wrong but that of the record, whose challenge depends on the chunk: counts are not reached.
        _refused(made, applied, abi.encodeWithSelector(PaymentsProof.Proof_EvaluationDiffers.selector, 2));
        made = batch(0, "");
        made.segments[0] = "";
        applied[0].countsOut = 2 ** 128 + 2 ** 64;
        _refused(
            made,
            applied,
            abi.encodeWithSelector(PaymentsProof.Proof_CountsDiffer.selector, applied[0].countsOut, uint256(0))
        );
    }

    /// @notice Everything fits but the proof itself.
    function test_append_refusesAnInventedProof() external {
        Batch memory made = batch(0, "");
        made.segments[0] = "";
        PaymentsProof.ApplyChunk[] memory applied = new PaymentsProof.ApplyChunk[](1);
        applied[0] = _chunk();
        applied[0].countsOut = 2 ** 128;
        // Three points at infinity, which the precompiles take; the pairing is not one.
        _refused(made, applied, abi.encodeWithSelector(Groth16Batch.Groth16_InvalidProof.selector));
    }

    /// @notice At genesis an entry can name keys that nobody has stored yet: no batch is appended until somebody stores them.
    function test_append_needsStoredKeys() external {
        proofs = new ProofModel();
        deploySchedule();
        settlement = makeSettlement(ESCAPE_SECONDS);
        storeCheckpoint();
        Batch memory made = batch(0, "");
        made.segments[0] = "";
        PaymentsProof.ApplyChunk[] memory applied = new PaymentsProof.ApplyChunk[](1);
        applied[0] = _chunk();
        applied[0].countsOut = 2 ** 128 - 1;
        _refused(made, applied, abi.encodeWithSelector(VerifyingKeys.Keys_NotStored.selector));
        settlement.storeKeys(keys());
        _refused(
            made,
            applied,
            abi.encodeWithSelector(PaymentsProof.Proof_CountsDiffer.selector, applied[0].countsOut, uint256(0))
        );
    }
}
