// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { BridgeBase } from "../../src/l1/BridgeBase.sol";
import { BridgeProxy } from "../../src/l1/BridgeProxy.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { Inbox } from "../../src/l1/Inbox.sol";
import { Notice } from "../../src/l1/Notice.sol";
import { Schedule } from "../../src/l1/Schedule.sol";
import { AppendArgs, ChainConfig, Checkpoint, OutputFields, Rules } from "../../src/l1/Types.sol";
import { UpgradeGate } from "../../src/l1/UpgradeGate.sol";
import { PaymentsBridge } from "../../src/payments/PaymentsBridge.sol";
import { PaymentsProof } from "../../src/payments/PaymentsProof.sol";
import { Withdrawal } from "../../src/payments/Records.sol";
import { Transcript } from "../../src/payments/Transcript.sol";
import { BatchEnv, ValiditySettlement } from "../../src/payments/ValiditySettlement.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";
import { FixtureKeys } from "./FixtureKeys.sol";
import { ModelSettlement, ProofModel } from "./ProofModel.sol";

/// @notice What a call of `append` names, but for the proofs.
struct Batch {
    AppendArgs args;
    BatchEnv env;
    bytes[3] segments;
}

/// @title A deployed payments chain off the devnets, and the actions of its people.
/// @notice `deploy` is the order of deployment of docs/spec/validity.md. A model stands in the place of the proofs.
abstract contract Chain is Test {
    using Hashing for *;

    uint64 internal constant FORCED_SECONDS = 3600;
    uint64 internal constant ESCAPE_SECONDS = 3 days;
    uint64 internal constant DELAY_SECONDS = 51 days + 1 hours + FORCED_SECONDS + ESCAPE_SECONDS;
    uint64 internal constant GRACE_SECONDS = 14 days;
    uint64 internal constant PAUSE_SECONDS = 7 days;
    uint64 internal constant MAX_MESSAGES = 8;
    uint64 internal constant MAX_MESSAGE_GAS = 40_000_000;
    uint32 internal constant CHECKPOINT_AGE_SECONDS = 7200;
    uint64 internal constant GENESIS_SECONDS = 1_700_000_000;
    address internal constant ETH = address(0);

    address internal owner = makeAddr("owner");
    address internal sequencer = makeAddr("sequencer");
    address internal guardian = makeAddr("guardian");
    address internal operator = makeAddr("operator");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal mallory = makeAddr("mallory");

    /// @dev The L1's chain id; a devnet's makes times short.
    uint64 internal l1ChainId = 1;

    Schedule internal schedule;
    Inbox internal inbox;
    ValiditySettlement internal settlement;
    PaymentsBridge internal implementation;
    UpgradeGate internal gate;
    PaymentsBridge internal bridge;
    ProofModel internal proofs;

    /// @dev The checkpoint that appends name unless a test says otherwise.
    Checkpoint internal named;
    /// @dev Every record that the fixture has put into the queue, by index.
    bytes[] internal records;
    /// @dev Records of the withdrawals of each batch, and the fields of its output.
    mapping(uint64 batch => bytes) internal withdrawalsOf;
    mapping(uint64 batch => OutputFields) internal fieldsOf;

    function setUp() public virtual {
        vm.chainId(l1ChainId);
        vm.warp(GENESIS_SECONDS);
        vm.roll(20_000_000);
        vm.fee(10 gwei);
        deploy();
        settlement.storeKeys(keys());
        storeCheckpoint();
    }

    // ---- deployment ----

    /// @notice The key set of the fixture's entries.
    function keys() internal pure returns (bytes memory) {
        return bytes.concat(FixtureKeys.APPLY_SMALL, FixtureKeys.SESSION_SMALL);
    }

    /// @notice Another set, which an entry may name later.
    function otherKeys() internal pure returns (bytes memory) {
        return FixtureKeys.APPLY_SMALL;
    }

    function config() internal view returns (ChainConfig memory) {
        return ChainConfig({
            version: 1,
            kind: 1,
            l1ChainId: l1ChainId,
            l2ChainId: 5455,
            inbox: address(0),
            settlement: address(0),
            bridge: address(0),
            l1FeeRecipient: address(0xfee),
            genesisTimestamp: GENESIS_SECONDS,
            fork: 1,
            blockGasLimit: 0,
            maxBlocksPerBatch: 0,
            maxTransactionsPerBatch: 0,
            maxPayloadBytes: 0,
            maxMessagesPerBatch: MAX_MESSAGES,
            maxMessageGasPerBatch: MAX_MESSAGE_GAS,
            maxWorkGasPerBatch: 0,
            minBaseFee: 0,
            maxTimestampDrift: 0
        });
    }

    function rules() internal pure returns (Rules memory) {
        return Rules({
            guestHash: 0,
            keysHash: keccak256(keys()),
            dispute: address(0),
            epochWeightGas: 0,
            epochSeconds: 0,
            maxCheckpointAgeSeconds: CHECKPOINT_AGE_SECONDS,
            claimWindowSeconds: 0,
            claimBond: 0
        });
    }

    function notice() internal view virtual returns (Notice memory) {
        return Notice(FORCED_SECONDS, DELAY_SECONDS, GRACE_SECONDS);
    }

    /// @notice The configuration with the addresses that `deploy` gives if it starts at `nonce`.
    function configAt(uint256 nonce) internal view returns (ChainConfig memory predicted) {
        predicted = config();
        predicted.inbox = vm.computeCreateAddress(address(this), nonce + 1);
        predicted.settlement = vm.computeCreateAddress(address(this), nonce + 2);
        predicted.bridge = vm.computeCreateAddress(address(this), nonce + 5);
    }

    /// @notice The configuration of the deployed chain.
    function deployedConfig() internal view returns (ChainConfig memory deployed) {
        deployed = config();
        deployed.inbox = address(inbox);
        deployed.settlement = address(settlement);
        deployed.bridge = address(bridge);
    }

    function deploy() internal {
        proofs = new ProofModel();
        deploySchedule();
        settlement = makeSettlement(ESCAPE_SECONDS);
        implementation = new PaymentsBridge(address(schedule));
        gate = new UpgradeGate(address(schedule));
        bytes memory initialization = abi.encodeCall(BridgeBase.initialize, (guardian, PAUSE_SECONDS));
        bridge = PaymentsBridge(payable(new BridgeProxy(address(implementation), address(gate), initialization)));
    }

    /// @dev The first two contracts.
    function deploySchedule() internal {
        schedule = new Schedule(owner, notice(), configAt(vm.getNonce(address(this))), rules());
        inbox = new Inbox(address(schedule), sequencer);
    }

    function makeSettlement(uint64 escapeSeconds) internal virtual returns (ValiditySettlement) {
        return new ModelSettlement(address(schedule), escapeSeconds, proofs);
    }

    // ---- records, put together from integers (PAY-MESSAGE, PAY-WITHDRAWAL) ----

    function pack(uint256 kind, address account, address token, uint128 amount) internal pure returns (bytes memory) {
        return bytes.concat(
            bytes31(uint248(kind << 240 | uint256(uint160(account)) << 80 | amount >> 64)),
            bytes31(uint248(uint256(uint160(token)) << 88 | uint64(amount)))
        );
    }

    function depositRecord(address account, address token, uint128 amount) internal pure returns (bytes memory) {
        return pack(0x09, account, token, amount);
    }

    function forcedRecord(address account, address token) internal pure returns (bytes memory) {
        return pack(0x0a, account, token, 0);
    }

    function keyRecord(address account, uint256 keyHash) internal pure returns (bytes memory) {
        return bytes.concat(
            bytes31(uint248(0x0b << 240 | uint256(uint160(account)) << 80 | keyHash >> 176)),
            bytes31(uint248(keyHash & (2 ** 176 - 1)))
        );
    }

    function withdrawalRecord(Withdrawal memory paid) internal pure returns (bytes memory) {
        return pack(0x01, paid.recipient, paid.token, paid.amount);
    }

    // ---- users ----

    /// @dev ETH of nobody else's into the account's leaf.
    function deposit(address account, uint128 amount) internal returns (uint64 index) {
        vm.deal(account, account.balance + amount);
        vm.prank(account, account);
        index = bridge.depositETH{ value: amount }(account);
        records.push(depositRecord(account, ETH, amount));
    }

    function force(address account, address token) internal returns (uint64 index) {
        vm.prank(account, account);
        index = bridge.forceWithdrawal(token);
        records.push(forcedRecord(account, token));
    }

    function setKey(address account, uint256 keyHash) internal returns (uint64 index) {
        vm.prank(account, account);
        index = bridge.setSessionKey(keyHash);
        records.push(keyRecord(account, keyHash));
    }

    function pause() internal {
        vm.prank(guardian);
        bridge.pauseDeposits(1 days);
    }

    // ---- batches ----

    /// @dev Stores the checkpoint of this block, remembers it, and goes to the next block.
    function storeCheckpoint() internal {
        named =
            Checkpoint(uint64(vm.getBlockNumber()), uint64(vm.getBlockTimestamp()), block.basefee, block.blobbasefee);
        inbox.checkpoint();
        nextBlock();
    }

    function now64() internal view returns (uint64) {
        return uint64(vm.getBlockTimestamp());
    }

    /// @dev The furthest queue end that the next batch can name.
    function consumable() internal view returns (uint64 end) {
        uint64 start = inbox.queueConsumed();
        end = inbox.queueLength();
        if (end > start + MAX_MESSAGES) end = start + MAX_MESSAGES;
    }

    /// @dev The queue's records from `start` to before `end`.
    function messages(uint64 start, uint64 end) internal view returns (bytes memory segment) {
        for (uint64 i = start; i < end; ++i) {
            segment = bytes.concat(segment, records[i]);
        }
    }

    function batch() internal view returns (Batch memory) {
        return batch(consumable(), "");
    }

    /// @dev A batch for the block at hand, with as much of the queue as it is told to take.
    function batch(uint64 queueEnd, bytes memory withdrawals) internal view returns (Batch memory made) {
        made.args = AppendArgs(
            inbox.batchCount() + 1, inbox.lastContentHash(), queueEnd, inbox.queueHashOf(queueEnd), 0, named
        );
        made.env = BatchEnv(now64(), operator);
        made.segments = [bytes("effects"), withdrawals, messages(inbox.queueConsumed(), queueEnd)];
    }

    function chunks(uint256 applied, uint256 authorised)
        internal
        pure
        returns (PaymentsProof.ApplyChunk[] memory, PaymentsProof.AuthoriseChunk[] memory)
    {
        return (new PaymentsProof.ApplyChunk[](applied), new PaymentsProof.AuthoriseChunk[](authorised));
    }

    /// @dev Sends the batch with one chunk of each family, and remembers what `withdraw` will need.
    function post(address sender, Batch memory made) internal {
        post(sender, made, 1);
    }

    function post(address sender, Batch memory made, uint256 authorised) internal {
        (PaymentsProof.ApplyChunk[] memory apply_, PaymentsProof.AuthoriseChunk[] memory authorise) =
            chunks(1, authorised);
        vm.prank(sender, sender);
        settlement.append(made.args, made.env, made.segments, apply_, authorise);
        withdrawalsOf[made.args.index] = made.segments[1];
        fieldsOf[made.args.index] = fieldsAfter(made);
    }

    /// @dev PAY-OUTPUT of the batch that was just posted, from the rule.
    function fieldsAfter(Batch memory made) internal view returns (OutputFields memory) {
        return OutputFields({
            configHash: schedule.activeEntry().configHash,
            batchHash: inbox.batchHashOf(made.args.index),
            lastBlockHash: keccak256(abi.encode(made.env.timestamp, settlement.leafCount())),
            stateRoot: bytes32(settlement.stateRoot()),
            messageRoot: treeRoot(made.segments[1]),
            queueIndex: made.args.queueEnd
        });
    }

    /// @dev Expects the next call to revert with this, and sends the batch.
    function refused(address sender, Batch memory made, uint256 authorised, bytes memory expected) internal {
        (PaymentsProof.ApplyChunk[] memory apply_, PaymentsProof.AuthoriseChunk[] memory authorise) =
            chunks(1, authorised);
        vm.prank(sender, sender);
        vm.expectRevert(expected);
        settlement.append(made.args, made.env, made.segments, apply_, authorise);
    }

    function refused(Batch memory made, bytes memory expected) internal {
        refused(sequencer, made, 1, expected);
    }

    /// @dev A batch of the sequencer that takes what it can of the queue, and makes these withdrawals.
    function append(bytes memory withdrawals) internal returns (uint64 index) {
        storeCheckpoint();
        index = inbox.batchCount() + 1;
        proofs.set(uint256(keccak256(abi.encode("root", index))) >> 3, uint256(index) + 1);
        post(sequencer, batch(consumable(), withdrawals));
    }

    function append() internal returns (uint64 index) {
        return append("");
    }

    /// @dev Lets a message wait until anybody can end the chain, and does.
    function freeze() internal {
        if (inbox.queueConsumed() == inbox.queueLength()) force(mallory, ETH);
        skipTime(FORCED_SECONDS + ESCAPE_SECONDS + 1);
        settlement.freeze();
    }

    // ---- withdrawals, beside a naive twin of their tree (PAY-WITHDRAWAL-ROOT) ----

    function leavesOf(bytes memory segment) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](segment.length / 62);
        for (uint256 i = 0; i < leaves.length; ++i) {
            bytes32 leaf;
            assembly ("memory-safe") {
                leaf := keccak256(add(add(segment, 0x20), mul(i, 62)), 62)
            }
            leaves[i] = leaf;
        }
    }

    /// @dev The node at `position` of `level`, levels counting from the leaves.
    function treeNode(bytes32[] memory leaves, uint256 level, uint256 position) internal pure returns (bytes32) {
        if (level == 0) return position < leaves.length ? leaves[position] : bytes32(0);
        return keccak256(
            abi.encode(treeNode(leaves, level - 1, 2 * position), treeNode(leaves, level - 1, 2 * position + 1))
        );
    }

    function heightOf(uint256 count) internal pure returns (uint256 height) {
        while (1 << height < count) ++height;
    }

    function treeRoot(bytes memory segment) internal pure returns (bytes32) {
        bytes32[] memory leaves = leavesOf(segment);
        return leaves.length == 0 ? bytes32(0) : treeNode(leaves, heightOf(leaves.length), 0);
    }

    function siblingsOf(bytes memory segment, uint256 position) internal pure returns (bytes32[] memory siblings) {
        bytes32[] memory leaves = leavesOf(segment);
        siblings = new bytes32[](heightOf(leaves.length));
        for (uint256 level = 0; level < siblings.length; ++level) {
            siblings[level] = treeNode(leaves, level, (position >> level) ^ 1);
        }
    }

    function indexOf(uint64 batch_, uint256 position) internal pure returns (uint64) {
        return batch_ * 2 ** 32 + uint64(position);
    }

    function proofOf(uint64 batch_, uint256 position) internal view returns (bytes memory) {
        return abi.encode(fieldsOf[batch_], siblingsOf(withdrawalsOf[batch_], position));
    }

    /// @dev Claims the withdrawal at this position of this batch.
    function claim(uint64 batch_, uint256 position, Withdrawal memory paid, address sender, address to) internal {
        bytes32 output = fieldsOf[batch_].hash();
        bytes memory proof = proofOf(batch_, position);
        vm.prank(sender, sender);
        bridge.withdraw(output, indexOf(batch_, position), paid, proof, to);
    }

    function claim(uint64 batch_, uint256 position, Withdrawal memory paid) internal {
        claim(batch_, position, paid, mallory, paid.recipient);
    }

    function refusedClaim(uint64 batch_, uint256 position, Withdrawal memory paid, bytes memory expected) internal {
        bytes32 output = fieldsOf[batch_].hash();
        bytes memory proof = proofOf(batch_, position);
        vm.expectRevert(expected);
        vm.prank(mallory, mallory);
        bridge.withdraw(output, indexOf(batch_, position), paid, proof, paid.recipient);
    }

    function notProven(uint64 batch_, uint256 position) internal view returns (bytes memory) {
        return abi.encodeWithSelector(
            BridgeBase.Bridge_NotProven.selector, fieldsOf[batch_].hash(), indexOf(batch_, position)
        );
    }
}
