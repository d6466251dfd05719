// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Hashing } from "../../src/l1/Hashing.sol";
import { Inbox } from "../../src/l1/Inbox.sol";
import { MessageMeter } from "../../src/l1/MessageMeter.sol";
import { Schedule } from "../../src/l1/Schedule.sol";
import { AppendArgs, BatchContent, BatchHeader, ChainConfig, Entry, Rules } from "../../src/l1/Types.sol";
import { IKeySets } from "../../src/l1/interfaces/IKeySets.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";

/// @title A settlement by validity proofs, as far as schedule and Inbox see it.
contract ProvenSettlementModel is IKeySets {
    Inbox private immutable _INBOX;
    mapping(bytes32 keysHash => address) public keySetOf;

    constructor(Inbox inbox_) {
        _INBOX = inbox_;
    }

    function store(bytes32 keysHash) external {
        keySetOf[keysHash] = address(this);
    }

    function append(AppendArgs calldata args, bytes32 dataHash) external returns (bytes32) {
        return _INBOX.appendProven(args, dataHash);
    }

    function failedFrom() external pure returns (uint64) {
        return 0;
    }
}

/// @title Schedule and Inbox of a payments chain: L1-BATCH-9, L1-MSG-8, L1-SCHED-5.
abstract contract ProvenFixture is Fixture {
    bytes32 internal constant KEYS = keccak256("keys");
    address internal constant BRIDGE = address(0xb41d6e);

    ProvenSettlementModel internal proven;

    function setUp() public virtual override {
        vm.warp(1_700_000_000);
        vm.roll(20_000_000);
        vm.fee(10 gwei);
        schedule = new Schedule(owner, notice(), provenConfig(), provenRules());
        inbox = new Inbox(address(schedule), sequencer);
        proven = new ProvenSettlementModel(inbox);
        storeCheckpoint();
    }

    /// @dev Before the deployment its addresses are those to come, after it those that are there.
    function provenConfig() internal view returns (ChainConfig memory chain) {
        chain = config();
        chain.kind = 1;
        chain.blockGasLimit = 0;
        bool isDeployed = address(proven) != address(0);
        uint256 nonce = vm.getNonce(address(this));
        chain.inbox = isDeployed ? address(inbox) : vm.computeCreateAddress(address(this), nonce + 1);
        chain.settlement = isDeployed ? address(proven) : vm.computeCreateAddress(address(this), nonce + 2);
        chain.bridge = BRIDGE;
    }

    function provenRules() internal pure returns (Rules memory changed) {
        changed.keysHash = KEYS;
        changed.maxCheckpointAgeSeconds = CHECKPOINT_AGE_SECONDS;
    }

    function enqueueRecord(bytes memory record, uint64 gasLimit) internal {
        vm.prank(BRIDGE);
        inbox.enqueueRecord(record, gasLimit);
    }
}

/// @title `Inbox` of a payments chain.
contract ProvenInboxTest is ProvenFixture {
    using Hashing for *;

    function test_constructor_namesTheSettlement() external view {
        vm.assertEq(inbox.validitySettlement(), address(proven));
        vm.assertEq(inbox.bridge(), BRIDGE);
    }

    /// @notice None of the other three, whoever calls, whatever is overdue; nor is there an epoch to close.
    function testFuzz_appends_refuse(address caller, bool late) external {
        if (late) {
            enqueueRecord("record", 100_000);
            skipTime(FORCED_SECONDS + 1);
            storeCheckpoint();
        }
        AppendArgs memory args = appendArgs(inbox.queueLength());
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = bytes32(uint256(1));
        vm.blobhashes(hashes);
        for (uint256 i = 0; i < 3; ++i) {
            address sender = i == 0 ? caller : i == 1 ? sequencer : address(proven);
            vm.startPrank(sender, sender);
            vm.expectRevert(Inbox.Inbox_OtherChainKind.selector);
            inbox.appendCalldata(args, "");
            vm.expectRevert(Inbox.Inbox_OtherChainKind.selector);
            inbox.appendBlobs(args);
            vm.expectRevert(Inbox.Inbox_OtherChainKind.selector);
            inbox.appendForced(args);
            vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_EpochNotClosable.selector, 1));
            inbox.closeEpoch();
            vm.stopPrank();
        }
    }

    function testFuzz_enqueue_refuses(address caller) external {
        vm.expectRevert(Inbox.Inbox_OtherChainKind.selector);
        vm.prank(caller);
        inbox.enqueue(message(100_000, ""));
        vm.expectRevert(Inbox.Inbox_OtherChainKind.selector);
        vm.prank(BRIDGE);
        inbox.enqueue(message(100_000, ""));
    }

    function testFuzz_enqueueRecord_chainsHashes(bytes calldata first, bytes calldata second, uint64 gasLimit)
        external
    {
        gasLimit = uint64(bound(gasLimit, 100_000, 8_000_000));
        bytes32 afterFirst = keccak256(abi.encode(bytes32(0), keccak256(first)));
        vm.expectEmit(address(inbox));
        emit Inbox.MessageEnqueued(0, afterFirst, first);
        vm.prank(BRIDGE);
        vm.assertEq(inbox.enqueueRecord(first, gasLimit), 0);
        nextBlock();
        vm.prank(BRIDGE);
        vm.assertEq(inbox.enqueueRecord(second, 100_000), 1);
        vm.assertEq(inbox.queueHashOf(1), afterFirst);
        vm.assertEq(inbox.queueHashOf(2), keccak256(abi.encode(afterFirst, keccak256(second))));
        vm.assertEq(inbox.queueLength(), 2);
        vm.assertEq(inbox.queuedGas(0, 2), uint256(gasLimit) + 100_000);
        vm.assertEq(inbox.enqueuedAt(1), vm.getBlockTimestamp());
    }

    function testFuzz_enqueueRecord_revertsUnlessBridge(address caller) external {
        vm.assume(caller != BRIDGE);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_NotBridge.selector, caller));
        vm.prank(caller);
        inbox.enqueueRecord("record", 100_000);
    }

    function testFuzz_enqueueRecord_revertsOnGasOutOfRange(uint64 gasLimit) external {
        vm.assume(gasLimit < 100_000 || gasLimit > 8_000_000);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_MessageGasOutOfRange.selector, gasLimit, 100_000, 8_000_000));
        vm.prank(BRIDGE);
        inbox.enqueueRecord("record", gasLimit);
    }

    function testFuzz_enqueueRecord_burnsWhatItSays(uint64 gasLimit, uint256 before_) external {
        gasLimit = uint64(bound(gasLimit, 100_000, 8_000_000));
        for (uint256 i = 0; i < before_ % 8; ++i) {
            enqueueRecord("record", 8_000_000);
            nextBlock();
        }
        uint256 burn = inbox.messageBurnGas(gasLimit);
        vm.prank(BRIDGE);
        uint256 startGas = gasleft();
        inbox.enqueueRecord("record", gasLimit);
        uint256 used = startGas - gasleft();
        vm.assertGe(used, burn);
        vm.assertLe(used, burn + 150_000, "more burned than told");
    }

    function test_enqueueRecord_revertsBeyondBlock() external {
        enqueueRecord("record", 8_000_000);
        enqueueRecord("record", 8_000_000);
        vm.expectRevert(abi.encodeWithSelector(MessageMeter.MessageMeter_BlockFull.selector, 16_100_000, 16_000_000));
        vm.prank(BRIDGE);
        inbox.enqueueRecord("record", 100_000);
    }

    function testFuzz_appendProven_revertsUnlessSettlement(address caller) external {
        vm.assume(caller != address(proven));
        AppendArgs memory args = appendArgs(0);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_NotSettlement.selector, caller));
        vm.prank(caller, caller);
        inbox.appendProven(args, 0);
    }

    function testFuzz_appendProven_declaresNoWork(uint64 workGas) external {
        vm.assume(workGas != 0);
        AppendArgs memory args = appendArgs(0);
        args.workGas = workGas;
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_WorkWithoutData.selector, workGas));
        proven.append(args, 0);
    }

    function testFuzz_appendProven_chainsBatches(bytes32 dataHash, uint64 queueEnd) external {
        for (uint256 i = 0; i < 3; ++i) {
            enqueueRecord(abi.encode(i), 100_000);
        }
        storeCheckpoint();
        queueEnd = uint64(bound(queueEnd, 0, 3));
        AppendArgs memory args = appendArgs(queueEnd);
        BatchContent memory content = BatchContent({
            index: 1,
            parentContentHash: 0,
            dataKind: 3,
            dataHash: dataHash,
            queueEnd: queueEnd,
            queueHash: inbox.queueHashOf(queueEnd),
            checkpointHash: named.hash(),
            configHash: provenConfig().hash(),
            workGas: 0
        });
        BatchHeader memory header = BatchHeader(content, 0, uint64(vm.getBlockTimestamp()));
        vm.expectEmit(address(inbox));
        emit Inbox.BatchAppended(1, header.hash(), header, named);
        vm.assertEq(proven.append(args, dataHash), header.hash());
        vm.assertEq(inbox.batchHashOf(1), header.hash());
        vm.assertEq(inbox.lastContentHash(), content.hash());
        vm.assertEq(inbox.queueConsumed(), queueEnd);
        vm.assertEq(inbox.lastCheckpointNumber(), named.number);
    }

    /// @notice Every batch is an epoch, whatever the time, and tells nothing of closing one.
    function testFuzz_epochs_areBatches(uint256 count, uint64 beyond) external {
        vm.assertEq(inbox.epochCount(), 0);
        vm.assertEq(inbox.epochEnd(0), 0);
        count = bound(count, 1, 6);
        for (uint256 i = 0; i < count; ++i) {
            skipTime(i * 1000);
            storeCheckpoint();
            vm.recordLogs();
            proven.append(appendArgs(0), 0);
            vm.assertEq(vm.getRecordedLogs().length, 2); // the batch, and this block's checkpoint
        }
        vm.assertEq(inbox.epochCount(), count);
        for (uint64 i = 0; i <= count; ++i) {
            vm.assertEq(inbox.epochEnd(i), i);
        }
        vm.assertEq(inbox.epochEnd(uint64(bound(beyond, count + 1, type(uint64).max))), 0);
        skipTime(30 days);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_EpochNotClosable.selector, count + 1));
        inbox.closeEpoch();
    }

    /// @notice L1-BATCH-4 and L1-BATCH-6 hold here too.
    function test_appendProven_holdsToTheQueue() external {
        for (uint256 i = 0; i < 9; ++i) {
            enqueueRecord(abi.encode(i), 100_000);
        }
        storeCheckpoint();
        AppendArgs memory args = appendArgs(9);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_TooManyMessages.selector, 9, MAX_MESSAGES));
        proven.append(args, 0);
        args = appendArgs(2);
        args.queueHash = inbox.queueHashOf(3);
        vm.expectRevert(
            abi.encodeWithSelector(Inbox.Inbox_WrongQueueHash.selector, inbox.queueHashOf(2), args.queueHash)
        );
        proven.append(args, 0);
        args = appendArgs(2);
        args.index = 2;
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_WrongIndex.selector, 1, 2));
        proven.append(args, 0);
        skipTime(FORCED_SECONDS + 1);
        storeCheckpoint();
        args = appendArgs(7);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_OverdueMessageLeft.selector, 7));
        proven.append(args, 0);
        vm.assertTrue(inbox.isForcible());
        proven.append(appendArgs(8), 0);
        vm.assertTrue(inbox.isForcible()); // the ninth
        storeCheckpoint();
        proven.append(appendArgs(9), 0);
        vm.assertFalse(inbox.isForcible());
    }
}

/// @title `Inbox` of an EVM chain: what belongs to payments chains refuses.
contract EvmInboxTest is Fixture {
    function test_constructor_namesNoSettlement() external view {
        vm.assertEq(inbox.validitySettlement(), address(0));
    }

    function testFuzz_appendProven_refuses(address caller) external {
        AppendArgs memory args = appendArgs(0);
        address[4] memory callers = [caller, sequencer, address(settlement), address(0)];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(Inbox.Inbox_OtherChainKind.selector);
            vm.prank(callers[i]);
            inbox.appendProven(args, 0);
        }
    }

    function testFuzz_enqueueRecord_refuses(address caller) external {
        address[2] memory callers = [caller, address(bridge)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(Inbox.Inbox_OtherChainKind.selector);
            vm.prank(callers[i]);
            inbox.enqueueRecord("record", 100_000);
        }
    }
}

/// @title `Schedule` of a payments chain: L1-SCHED-5, PAY-KEYS.
contract ProvenScheduleTest is ProvenFixture {
    using Hashing for *;

    function _refused(ChainConfig memory chain, Rules memory changed, bytes memory expected) private {
        vm.expectRevert(expected);
        vm.prank(owner);
        schedule.schedule(chain, changed);
        vm.expectRevert(expected);
        new Schedule(owner, notice(), chain, changed);
    }

    function _otherKind(Rules memory changed) private {
        _refused(provenConfig(), changed, abi.encodeWithSelector(Schedule.Schedule_RulesOfOtherKind.selector, changed));
    }

    /// @notice What belongs to claims, field by field.
    function testFuzz_schedule_refusesRulesOfClaims(uint32 value) external {
        proven.store(KEYS);
        value = uint32(bound(value, 1, type(uint32).max));
        Rules memory changed = provenRules();
        changed.guestHash = bytes32(uint256(value));
        _otherKind(changed);
        changed = provenRules();
        changed.dispute = address(uint160(value));
        _otherKind(changed);
        changed = provenRules();
        changed.epochWeightGas = value;
        _otherKind(changed);
        changed = provenRules();
        changed.epochSeconds = value;
        _otherKind(changed);
        changed = provenRules();
        changed.claimWindowSeconds = value;
        _otherKind(changed);
        changed = provenRules();
        changed.claimBond = value;
        _otherKind(changed);
    }

    function test_schedule_boundsMessagesAndAge() external {
        proven.store(KEYS);
        ChainConfig memory chain = provenConfig();
        chain.maxMessagesPerBatch = 7;
        _refused(
            chain,
            provenRules(),
            abi.encodeWithSelector(
                Schedule.Schedule_MessageLimitsTooSmall.selector, uint64(7), chain.maxMessageGasPerBatch
            )
        );
        chain.maxMessagesPerBatch = 8;
        Rules memory rules_ = provenRules();
        rules_.maxCheckpointAgeSeconds = 1 days + 1;
        _refused(
            chain,
            rules_,
            abi.encodeWithSelector(Schedule.Schedule_CheckpointAgeTooLong.selector, rules_.maxCheckpointAgeSeconds)
        );
    }

    function testFuzz_schedule_boundsMessageGas(uint64 messageGas) external {
        proven.store(KEYS);
        ChainConfig memory chain = provenConfig();
        chain.maxMessageGasPerBatch = uint64(bound(messageGas, 40_000_001, type(uint64).max));
        _refused(
            chain,
            provenRules(),
            abi.encodeWithSelector(Schedule.Schedule_MessageLimitTooLarge.selector, chain.maxMessageGasPerBatch)
        );
        chain.maxMessageGasPerBatch = uint64(bound(messageGas, 0, 7_999_999));
        _refused(
            chain,
            provenRules(),
            abi.encodeWithSelector(
                Schedule.Schedule_MessageLimitsTooSmall.selector, MAX_MESSAGES, chain.maxMessageGasPerBatch
            )
        );
        chain.maxMessageGasPerBatch = 40_000_000;
        vm.prank(owner);
        schedule.schedule(chain, provenRules());
    }

    function testFuzz_schedule_boundsTheCheckpointsAge(uint32 age) external {
        proven.store(KEYS);
        Rules memory changed = provenRules();
        changed.maxCheckpointAgeSeconds = age % 3600;
        _refused(
            provenConfig(),
            changed,
            abi.encodeWithSelector(Schedule.Schedule_CheckpointAgeTooShort.selector, age % 3600)
        );
    }

    /// @notice There is no entry under which nothing could be proven: keys are stored before they are named.
    function testFuzz_schedule_needsStoredKeys(bytes32 keysHash) external {
        vm.assume(keysHash != 0);
        Rules memory changed = provenRules();
        changed.keysHash = keysHash;
        ChainConfig memory chain = provenConfig();
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_NoKeys.selector, keysHash));
        vm.prank(owner);
        schedule.schedule(chain, changed);
        proven.store(keysHash);
        vm.prank(owner);
        schedule.schedule(chain, changed);
        vm.assertEq(schedule.record(1).entry.rules.keysHash, keysHash);
    }

    function test_schedule_needsKeysEvenAtGenesis() external {
        proven.store(0);
        Rules memory changed = provenRules();
        changed.keysHash = 0;
        _refused(provenConfig(), changed, abi.encodeWithSelector(Schedule.Schedule_NoKeys.selector, 0));
        // Those of genesis are stored later: the settlement does not exist yet.
        Schedule other = new Schedule(owner, notice(), provenConfig(), provenRules());
        vm.assertEq(other.record(0).entry.rules.keysHash, KEYS);
        vm.assertEq(proven.keySetOf(KEYS), address(0));
    }

    function testFuzz_constructor_refusesUnknownKinds(uint8 kind) external {
        ChainConfig memory chain = provenConfig();
        chain.kind = uint8(bound(kind, 2, 255));
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_UnknownKind.selector, chain.kind));
        new Schedule(owner, notice(), chain, provenRules());
    }

    function test_schedule_keepsTheKind() external {
        proven.store(KEYS);
        ChainConfig memory chain = provenConfig();
        chain.kind = 0;
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_WrongConfig.selector, chain));
        vm.prank(owner);
        schedule.schedule(chain, rules());
        // An EVM chain does not become one of payments either.
        chain = config();
        chain.inbox = address(1);
        Schedule evm = new Schedule(owner, notice(), chain, rules());
        chain.kind = 1;
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_WrongConfig.selector, chain));
        vm.prank(owner);
        evm.schedule(chain, provenRules());
    }

    /// @notice The rules of one kind are refused by the other.
    function test_schedule_refusesTheOtherKindsRules() external {
        ChainConfig memory chain = config();
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_EmptyEpoch.selector, 0, 0));
        new Schedule(owner, notice(), chain, provenRules());
        chain = provenConfig();
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_RulesOfOtherKind.selector, rules()));
        new Schedule(owner, notice(), chain, rules());
    }

    /// @notice No program can fail here, so that nothing can be replaced without the notice.
    function testFuzz_replace_isImpossible(bytes32 guestHash, address dispute) external {
        vm.expectRevert(Schedule.Schedule_NothingFailed.selector);
        vm.prank(owner);
        schedule.replace(guestHash, dispute);
        proven.append(appendArgs(0), 0);
        vm.expectRevert(Schedule.Schedule_NothingFailed.selector);
        vm.prank(owner);
        schedule.replace(guestHash, dispute);
    }

    /// @notice An entry begins with the first batch after the delay, here as everywhere.
    function test_schedule_beginsWithABatch() external {
        bytes32 others = keccak256("other keys");
        proven.store(others);
        ChainConfig memory chain = provenConfig();
        chain.version = 2;
        Rules memory changed = provenRules();
        changed.keysHash = others;
        vm.prank(owner);
        schedule.schedule(chain, changed);
        proven.append(appendArgs(0), 0);
        skipTime(DELAY_SECONDS);
        storeCheckpoint();
        vm.assertEq(schedule.activeEntry().rules.keysHash, KEYS);
        proven.append(appendArgs(0), 0);
        vm.assertEq(schedule.activeEntry().rules.keysHash, others);
        (Entry memory entry,) = schedule.entryOf(1);
        vm.assertEq(entry.rules.keysHash, KEYS);
        (entry,) = schedule.entryOf(2);
        vm.assertEq(entry.configHash, chain.hash());
    }
}
