//! The configuration that tests begin with.

use alloy_primitives::Address;
use tandem_chain::{
    ChainConfig, ChainKind,
    config::{CONFIG_VERSION, FORK_OSAKA},
};

/// An EVM chain with ample limits that a dispute can still hold.
pub fn config() -> ChainConfig {
    ChainConfig {
        version: CONFIG_VERSION,
        kind: ChainKind::Evm,
        l1_chain_id: 31337,
        l2_chain_id: 4242,
        inbox: Address::repeat_byte(0xa1),
        settlement: Address::repeat_byte(0xa2),
        bridge: Address::repeat_byte(0xa3),
        l1_fee_recipient: Address::repeat_byte(0xa4),
        genesis_timestamp: 1_000,
        fork: FORK_OSAKA,
        block_gas_limit: 30_000_000,
        max_blocks_per_batch: 4_096,
        max_transactions_per_batch: 20_000,
        max_payload_bytes: 4_000_000,
        max_messages_per_batch: 64,
        max_message_gas_per_batch: 64_000_000,
        max_work_gas_per_batch: 300_000_000,
        min_base_fee: 10_000_000,
        max_timestamp_drift: 600,
    }
}
