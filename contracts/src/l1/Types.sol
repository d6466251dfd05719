// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// The structs that cross contract borders, in the order of fields that their hashes fix (docs/spec/l1.md).
// Twins: the types of the rulebook in `chain/`. Units stand last in names; amounts without a unit are wei.

/// @title Kinds of chains (L1-CFG-1).
library ChainKind {
    /// @notice An optimistic chain that runs the EVM.
    uint8 internal constant EVM = 0;
    /// @notice A ledger of payments with validity proofs.
    uint8 internal constant PAYMENTS = 1;
}

/// @notice A message from L1 to L2 (L1-MSG-1). Hashed packed, not ABI-encoded.
/// @param kind 0: a call on the EVM chain. Other kinds belong to other chains.
/// @param sender who acts on L2; aliased if a contract sent it (L1-MSG-3)
/// @param to the callee on L2
/// @param mint wei sent along, credited to `sender` on L2
/// @param value wei that the call passes on, out of all that `sender` has on L2 then; 2^256 - 1: everything (L1-MSG-4)
/// @param gasLimit L2 gas of the call
/// @param refund who gets `mint` on L2 if the call fails
/// @param data input of the call
struct Message {
    uint8 kind;
    address sender;
    address to;
    uint256 mint;
    uint256 value;
    uint64 gasLimit;
    address refund;
    bytes data;
}

/// @notice What L2 knows of an L1 block (L1-CP-1).
struct Checkpoint {
    uint64 number;
    uint64 timestamp;
    uint256 baseFee;
    uint256 blobBaseFee;
}

/// @notice What an append names so that it lands on the content it was built for, or nowhere (L1-BATCH-4).
/// @param workGas the work that the batch declares; zero without data (L1-WORK-1)
struct AppendArgs {
    uint64 index;
    bytes32 parentContentHash;
    uint64 queueEnd;
    bytes32 queueHash;
    uint64 workGas;
    Checkpoint checkpoint;
}

/// @notice A batch but for when it was posted, as it is hashed (L1-BATCH-1).
struct BatchContent {
    uint64 index;
    bytes32 parentContentHash;
    uint8 dataKind;
    bytes32 dataHash;
    uint64 queueEnd;
    bytes32 queueHash;
    bytes32 checkpointHash;
    bytes32 configHash;
    uint64 workGas;
}

/// @notice A batch on L1 (L1-BATCH-1).
struct BatchHeader {
    BatchContent content;
    bytes32 parentHash;
    uint64 postedAt;
}

/// @notice The state after a batch, without the version word (L1-OUT-1).
struct OutputFields {
    bytes32 configHash;
    bytes32 batchHash;
    bytes32 lastBlockHash;
    bytes32 stateRoot;
    bytes32 messageRoot;
    uint64 queueIndex;
}

/// @notice A message from L2 to L1 (L1-WD-1).
struct L2Message {
    uint64 index;
    address sender;
    address target;
    uint256 value;
    uint64 gasLimit;
    bytes data;
}

/// @notice The configuration of a chain (L1-CFG-1).
struct ChainConfig {
    uint32 version;
    uint8 kind;
    uint64 l1ChainId;
    uint64 l2ChainId;
    address inbox;
    address settlement;
    address bridge;
    address l1FeeRecipient;
    uint64 genesisTimestamp;
    uint64 fork;
    uint64 blockGasLimit;
    uint64 maxBlocksPerBatch;
    uint64 maxTransactionsPerBatch;
    uint64 maxPayloadBytes;
    uint64 maxMessagesPerBatch;
    uint64 maxMessageGasPerBatch;
    uint64 maxWorkGasPerBatch;
    uint64 minBaseFee;
    uint64 maxTimestampDrift;
}

/// @notice What L1 applies to the batches of an entry beyond their configuration (L1-SCHED-1).
/// @param guestHash memory root of the fault-proof program
/// @param keysHash hash of the verification keys; zero on a chain without validity proofs
/// @param dispute contract that decides contested slots; zero: they stay contested
/// @param epochWeightGas an epoch closes before its batches weigh more together (L1-EPOCH-1)
/// @param epochSeconds an epoch may close so long after its first batch
/// @param maxCheckpointAgeSeconds a batch names a checkpoint at most so old
/// @param claimWindowSeconds a first claim can be rivalled for so long
/// @param claimBond wei locked by a claim
struct Rules {
    bytes32 guestHash;
    bytes32 keysHash;
    address dispute;
    uint64 epochWeightGas;
    uint32 epochSeconds;
    uint32 maxCheckpointAgeSeconds;
    uint32 claimWindowSeconds;
    uint128 claimBond;
}

/// @notice One entry of the schedule: what holds for a range of batches (L1-SCHED-1).
struct Entry {
    bytes32 configHash;
    uint64 maxMessagesPerBatch;
    uint64 maxMessageGasPerBatch;
    Rules rules;
}
