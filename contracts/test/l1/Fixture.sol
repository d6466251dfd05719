// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Bridge } from "../../src/l1/Bridge.sol";
import { BridgeBase } from "../../src/l1/BridgeBase.sol";
import { BridgeProxy } from "../../src/l1/BridgeProxy.sol";
import { ClaimId, FraudSettlement, SlotId } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { Inbox } from "../../src/l1/Inbox.sol";
import { MessageExecutor } from "../../src/l1/MessageExecutor.sol";
import { MessageTree } from "../../src/l1/MessageTree.sol";
import { Notice } from "../../src/l1/Notice.sol";
import { Schedule } from "../../src/l1/Schedule.sol";
import { AppendArgs, ChainConfig, Checkpoint, L2Message, Message, OutputFields, Rules } from "../../src/l1/Types.sol";
import { UpgradeGate } from "../../src/l1/UpgradeGate.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";
import { MessageTreeModel } from "./MessageTreeModel.sol";

/// @title A deployed chain and the actions of its people.
/// @notice `deploy` is the order of deployment of docs/spec/l1.md.
abstract contract Fixture is Test {
    using Hashing for *;
    using MessageTreeModel for bytes32[];

    uint64 internal constant FORCED_SECONDS = 3600;
    uint32 internal constant WINDOW_SECONDS = 1800;
    uint64 internal constant DELAY_SECONDS = 44 days + 1 hours + FORCED_SECONDS;
    uint64 internal constant GRACE_SECONDS = 14 days;
    uint64 internal constant PAUSE_SECONDS = 7 days;
    uint64 internal constant MAX_MESSAGES = 8;
    uint64 internal constant MAX_MESSAGE_GAS = 16_000_000;
    /// @dev Every batch is an epoch.
    uint64 internal constant EPOCH_WEIGHT_GAS = 1;
    uint32 internal constant EPOCH_SECONDS = 600;
    uint32 internal constant CHECKPOINT_AGE_SECONDS = 7200;
    uint128 internal constant BOND = 1 ether;

    address internal owner = makeAddr("owner");
    address internal sequencer = makeAddr("sequencer");
    address internal guardian = makeAddr("guardian");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal mallory = makeAddr("mallory");

    Schedule internal schedule;
    Inbox internal inbox;
    FraudSettlement internal settlement;
    MessageExecutor internal executor;
    Bridge internal implementation;
    UpgradeGate internal gate;
    Bridge internal bridge;

    /// @dev The checkpoint that appends name unless a test says otherwise.
    Checkpoint internal named;
    /// @dev Leaves of the modelled L2 message tree.
    bytes32[] internal leaves;

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        vm.roll(20_000_000);
        vm.fee(10 gwei);
        deploy();
        storeCheckpoint();
    }

    function config() internal view returns (ChainConfig memory) {
        return ChainConfig({
            version: 1,
            kind: 0,
            l1ChainId: uint64(block.chainid),
            l2ChainId: 5454,
            inbox: address(0),
            settlement: address(0),
            bridge: address(0),
            l1FeeRecipient: address(0xfee),
            genesisTimestamp: 1_700_000_000,
            fork: 1,
            blockGasLimit: 30_000_000,
            maxBlocksPerBatch: 1024,
            maxTransactionsPerBatch: 10_000,
            maxPayloadBytes: 786_432,
            maxMessagesPerBatch: MAX_MESSAGES,
            maxMessageGasPerBatch: MAX_MESSAGE_GAS,
            maxWorkGasPerBatch: 300_000_000,
            minBaseFee: 1_000_000,
            maxTimestampDrift: 600
        });
    }

    function rules() internal view virtual returns (Rules memory) {
        return Rules({
            guestHash: keccak256("guest"),
            keysHash: 0,
            dispute: address(0),
            epochWeightGas: EPOCH_WEIGHT_GAS,
            epochSeconds: EPOCH_SECONDS,
            maxCheckpointAgeSeconds: CHECKPOINT_AGE_SECONDS,
            claimWindowSeconds: WINDOW_SECONDS,
            claimBond: BOND
        });
    }

    function notice() internal pure returns (Notice memory) {
        return Notice(FORCED_SECONDS, DELAY_SECONDS, GRACE_SECONDS);
    }

    /// @notice The configuration with the addresses that `deploy` gives if it starts at `nonce`.
    function configAt(uint256 nonce) internal view returns (ChainConfig memory predicted) {
        predicted = config();
        predicted.inbox = vm.computeCreateAddress(address(this), nonce + 1);
        predicted.settlement = vm.computeCreateAddress(address(this), nonce + 2);
        predicted.bridge = vm.computeCreateAddress(address(this), nonce + 6);
    }

    /// @notice The configuration of the deployed chain.
    function deployedConfig() internal view returns (ChainConfig memory deployed) {
        deployed = config();
        deployed.inbox = address(inbox);
        deployed.settlement = address(settlement);
        deployed.bridge = address(bridge);
    }

    function genesisFields(ChainConfig memory chain) internal pure returns (OutputFields memory) {
        return OutputFields({
            configHash: chain.hash(),
            batchHash: 0,
            lastBlockHash: keccak256("genesis block"),
            stateRoot: keccak256("genesis state"),
            messageRoot: MessageTree.emptyRoot(),
            queueIndex: 0
        });
    }

    function deploy() internal {
        ChainConfig memory chain = configAt(vm.getNonce(address(this)));
        schedule = new Schedule(owner, notice(), chain, rules());
        inbox = new Inbox(address(schedule), sequencer);
        settlement = new FraudSettlement(address(schedule), genesisFields(chain));
        executor = new MessageExecutor(chain.bridge);
        implementation = new Bridge(address(schedule), address(executor));
        gate = new UpgradeGate(address(schedule));
        bridge = Bridge(
            payable(new BridgeProxy(
                    address(implementation),
                    address(gate),
                    abi.encodeCall(BridgeBase.initialize, (guardian, PAUSE_SECONDS))
                ))
        );
    }

    // ---- L1 actions ----

    /// @dev Stores the checkpoint of this block, remembers it, and goes to the next block.
    function storeCheckpoint() internal {
        named =
            Checkpoint(uint64(vm.getBlockNumber()), uint64(vm.getBlockTimestamp()), block.basefee, block.blobbasefee);
        inbox.checkpoint();
        nextBlock();
    }

    function appendArgs(uint64 queueEnd) internal view returns (AppendArgs memory) {
        uint64 index = inbox.batchCount() + 1;
        return AppendArgs(index, inbox.lastContentHash(), queueEnd, inbox.queueHashOf(queueEnd), 0, named);
    }

    /// @dev The sequencer appends a batch with a payload that consumes as much of the queue as a batch holds.
    function append() internal returns (bytes32 batchHash) {
        return append(consumable());
    }

    function append(uint64 queueEnd) internal returns (bytes32 batchHash) {
        storeCheckpoint();
        AppendArgs memory args = appendArgs(queueEnd);
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, "payload");
        return inbox.batchHashOf(args.index);
    }

    /// @dev The furthest queue end that the next batch can name.
    function consumable() internal view returns (uint64 end) {
        end = inbox.queueConsumed();
        uint64 start = end;
        while (
            end < inbox.queueLength() && end - start < MAX_MESSAGES
                && inbox.queuedGas(start, end + 1) <= MAX_MESSAGE_GAS
        ) ++end;
    }

    /// @dev A message that the Bridge would queue.
    function message(uint64 gasLimit, bytes memory data) internal view returns (Message memory) {
        return Message(0, alice, bob, 0, 0, gasLimit, alice, data);
    }

    function enqueue(uint64 gasLimit) internal {
        vm.prank(address(bridge));
        inbox.enqueue(message(gasLimit, ""));
    }

    // ---- claims ----

    /// @dev The state that the model gives to the last batch of `epoch`, with the message root as it stands.
    function fieldsOf(uint64 epoch) internal view returns (OutputFields memory) {
        uint64 lastBatch = inbox.epochEnd(epoch);
        return OutputFields({
            configHash: deployedConfig().hash(),
            batchHash: inbox.batchHashOf(lastBatch),
            lastBlockHash: keccak256(abi.encode("block", lastBatch)),
            stateRoot: keccak256(abi.encode("state", lastBatch)),
            messageRoot: leaves.root(),
            queueIndex: inbox.queueConsumed()
        });
    }

    /// @dev With one bond at stake in all, which stands at `parent` or is free.
    function claimAs(address claimant, ClaimId parent, OutputFields memory fields) internal returns (ClaimId) {
        return claimAs(claimant, parent, fields, new ClaimId[](0));
    }

    function claimAs(address claimant, ClaimId parent, OutputFields memory fields, ClaimId[] memory path)
        internal
        returns (ClaimId)
    {
        uint256 lacking = BOND - settlement.stakeOf(claimant).amount;
        vm.deal(claimant, claimant.balance + lacking);
        vm.prank(claimant, claimant);
        return settlement.claim{ value: lacking }(parent, fields, path);
    }

    function unstakeAs(address claimant) internal {
        vm.prank(claimant);
        settlement.unstake();
    }

    function pathOf(ClaimId one) internal pure returns (ClaimId[] memory path) {
        path = new ClaimId[](1);
        path[0] = one;
    }

    /// @dev Appends a batch, claims the state after it, and waits until the claim is final.
    function settle() internal returns (OutputFields memory fields, ClaimId claimId) {
        append();
        uint64 epoch = inbox.epochCount();
        fields = fieldsOf(epoch);
        claimId = claimAs(alice, settlement.lastFinalClaim(), fields);
        skipTime(WINDOW_SECONDS);
        settlement.finalize(claimId);
    }

    // ---- L2 model ----

    /// @dev A message that L2 sends, and its leaf.
    function sendFromL2(address sender, address target, uint256 value, uint64 gasLimit, bytes memory data)
        internal
        returns (L2Message memory sent)
    {
        sent = L2Message(uint64(leaves.length), sender, target, value, gasLimit, data);
        leaves.push(sent.hash());
    }

    function proofOf(OutputFields memory fields, uint64 index) internal view returns (bytes memory) {
        return abi.encode(fields, leaves.siblings(index));
    }

    function eq(ClaimId a, ClaimId b) internal pure {
        vm.assertEq(ClaimId.unwrap(a), ClaimId.unwrap(b));
    }

    function slotOfClaim(ClaimId claimId) internal view returns (SlotId) {
        return settlement.claimOf(claimId).slot;
    }
}
