//! What every transaction of a chain is executed under: the fork, the block as code sees it, and the least work. Rules: EVM-ENV-1, EVM-ENV-2, EVM-WORK-1.

use alloy_consensus::Header;
use alloy_primitives::U256;
use revm::{
    context::{BlockEnv, CfgEnv},
    context_interface::block::BlobExcessGasAndPrice,
    primitives::hardfork::SpecId,
};

/// The pinned fork (EVM-ENV-1): Ethereum's Osaka.
pub const FORK: SpecId = SpecId::OSAKA;
/// Least that a decoded transaction costs of the batch's work budget, executed or not (EVM-WORK-1).
pub const MIN_WORK_GAS: u64 = 21_000;

/// The rules that signed transactions are executed under (EVM-ENV-1).
pub fn cfg_env(l2_chain_id: u64) -> CfgEnv {
    CfgEnv::new_with_spec(FORK).with_chain_id(l2_chain_id)
}

/// The rules that deposits are executed under (EVM-DEP-3).
pub fn deposit_cfg_env(l2_chain_id: u64) -> CfgEnv {
    let mut cfg = cfg_env(l2_chain_id);
    cfg.disable_nonce_check = true;
    cfg.disable_base_fee = true;
    cfg.disable_eip3607 = true;
    cfg
}

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
