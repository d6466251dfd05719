//! What every transaction of a chain is executed under: the fork, the block as code sees it, and the least work. Rules: EVM-ENV-1, EVM-ENV-2, EVM-WORK-1.

use alloy_consensus::Header;
use alloy_primitives::U256;
use revm::{context::BlockEnv, context_interface::block::BlobExcessGasAndPrice, primitives::hardfork::SpecId};

/// The pinned fork (EVM-ENV-1): Ethereum's Osaka.
pub const FORK: SpecId = SpecId::OSAKA;
/// Least that a decoded transaction costs of the batch's work budget, executed or not (EVM-WORK-1).
pub const MIN_WORK_GAS: u64 = 21_000;

/// The environment that a block's code sees (EVM-ENV-1, EVM-ENV-2: a blob base fee of 1).
pub fn block_env(header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: U256::ZERO,
        prevrandao: Some(header.mix_hash),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
        slot_num: 0,
    }
}
