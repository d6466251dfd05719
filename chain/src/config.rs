//! A chain's configuration: what all its nodes and contracts agree on. Rule L1-CFG-1; twin: `FraudSettlement.sol`.

use crate::abi::Words;
use alloc::vec::Vec;
use alloy_primitives::{Address, B256};

/// Which state machine a chain runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
#[repr(u8)]
pub enum ChainKind {
    /// EVM, settled by fraud proofs.
    Evm = 0,
    /// Payments, settled by validity proofs.
    Payments = 1,
}

/// Version of the configuration format.
pub const CONFIG_VERSION: u32 = 1;
/// Ethereum's Osaka, the only fork so far.
pub const FORK_OSAKA: u64 = 1;

/// Protocol parameters; `configHash` covers every field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
pub struct ChainConfig {
    /// [`CONFIG_VERSION`].
    pub version: u32,
    /// State machine.
    pub kind: ChainKind,
    /// L1 chain id.
    pub l1_chain_id: u64,
    /// L2 chain id.
    pub l2_chain_id: u64,
    /// Inbox on L1.
    pub inbox: Address,
    /// Settlement on L1.
    pub settlement: Address,
    /// Bridge on L1.
    pub bridge: Address,
    /// Receives what the fee vault withdraws, on L1.
    pub l1_fee_recipient: Address,
    /// Time of the genesis block, in seconds.
    pub genesis_timestamp: u64,
    /// Fork rules; [`FORK_OSAKA`].
    pub fork: u64,
    /// Gas limit of every block.
    pub block_gas_limit: u64,
    /// Most blocks that a payload may carry.
    pub max_blocks_per_batch: u64,
    /// Most transactions that a payload may carry.
    pub max_transactions_per_batch: u64,
    /// Most bytes of a decompressed payload.
    pub max_payload_bytes: u64,
    /// Most L1 messages of a batch.
    pub max_messages_per_batch: u64,
    /// Most gas of the L1 messages of a batch.
    pub max_message_gas_per_batch: u64,
    /// Work budget of a batch, in gas.
    pub max_work_gas_per_batch: u64,
    /// Lowest base fee, in wei.
    pub min_base_fee: u64,
    /// Seconds by which a block may be dated after its batch was posted.
    pub max_timestamp_drift: u64,
}

impl ChainConfig {
    /// `configHash` (L1-CFG-1).
    pub fn hash(&self) -> B256 {
        self.words().hash()
    }

    /// The bytes that are hashed.
    pub fn encode(&self) -> Vec<u8> {
        self.words().encode()
    }

    fn words(&self) -> Words {
        Words::default()
            .uint(self.version)
            .uint(self.kind as u8)
            .uint(self.l1_chain_id)
            .uint(self.l2_chain_id)
            .address(self.inbox)
            .address(self.settlement)
            .address(self.bridge)
            .address(self.l1_fee_recipient)
            .uint(self.genesis_timestamp)
            .uint(self.fork)
            .uint(self.block_gas_limit)
            .uint(self.max_blocks_per_batch)
            .uint(self.max_transactions_per_batch)
            .uint(self.max_payload_bytes)
            .uint(self.max_messages_per_batch)
            .uint(self.max_message_gas_per_batch)
            .uint(self.max_work_gas_per_batch)
            .uint(self.min_base_fee)
            .uint(self.max_timestamp_drift)
    }
}
