//! Whether a transaction may be executed: what the builder asks before it executes one, and what admission asks before it promises to.
//!
//! Rules: EVM-TX-1, EVM-FEE-4, EVM-WORK-1 (`docs/spec/evm.md`). The EVM's own rules are asked of the EVM, here as in the builder. Admission leaves
//! out only what may be right later: the nonce's turn, the base fee, and funds, which it compares with [`cost_max`]. So whatever it accepts is
//! executed once its turn comes and its sender can still pay.
//!
//! Adversarial: the transaction.

use alloy_consensus::Header;
use alloy_primitives::U256;
use core::error::Error;
use revm::{
    context::{CfgEnv, result::InvalidTransaction},
    context_interface::Transaction as _,
};
use tandem_chain::{ChainConfig, PreimageSource};

use crate::{
    env::{FORK, MIN_WORK_GAS, block_env},
    execute::validate,
    fees::{DataCharge, data_gas},
    predeploys,
    rejected::Rejected,
    state::WorldState,
    transaction::{CHECKPOINT_GAS, Recovered, unrecovered_env},
};

/// Refuses a transaction that no block of the chain would execute, on this state of its sender, whatever its turn, the base fee and its sender's
/// funds will be. Changes nothing.
pub fn validate_waiting<S: PreimageSource>(
    config: &ChainConfig,
    state: &mut WorldState<S>,
    transaction: &Recovered,
) -> Result<(), Rejected<S::Error>> {
    // The first block of a batch stores the checkpoint.
    let block_gas = config.block_gas_limit.saturating_sub(CHECKPOINT_GAS);
    check_room(transaction, block_gas, config.max_work_gas_per_batch)?;
    check_signer(transaction)?;
    let tx = unrecovered_env(transaction);
    // Without its check of funds the EVM would panic at a sum that overflows.
    tx.max_balance_spending().map_err(Rejected::Invalid)?;
    let lowest = Header {
        gas_limit: config.block_gas_limit,
        base_fee_per_gas: Some(config.min_base_fee),
        beneficiary: predeploys::FEE_VAULT,
        ..Default::default()
    };
    let mut cfg = CfgEnv::new_with_spec(FORK).with_chain_id(config.l2_chain_id);
    cfg.disable_nonce_check = true;
    cfg.disable_balance_check = true;
    let charge = DataCharge { gas: data_gas(&transaction.transaction().encode_2718()), ..Default::default() };
    validate(state, block_env(&lowest), cfg, tx, charge)
}

/// The most that a transaction takes from its sender, in wei: the price of gas has the data's in it (EVM-FEE-5). Saturates: nobody has 2^256 wei.
pub fn cost_max(transaction: &Recovered) -> U256 {
    unrecovered_env(transaction).max_balance_spending().unwrap_or(U256::MAX)
}

/// Refuses what wants more gas than a block, or a batch's work budget, has left (EVM-TX-1, EVM-WORK-1).
pub(crate) fn check_room<E: Error + Send + Sync + 'static>(
    transaction: &Recovered,
    gas_left: u64,
    work_gas_left: u64,
) -> Result<(), Rejected<E>> {
    let gas_limit = transaction.transaction().fields().gas_limit();
    if gas_limit > gas_left {
        return Err(Rejected::BlockFull { gas_limit, gas_left });
    }
    if gas_limit.max(MIN_WORK_GAS) > work_gas_left {
        return Err(Rejected::BatchFull { gas_limit, gas_left: work_gas_left });
    }
    Ok(())
}

/// Refuses reserved signers (PRE-3).
pub(crate) fn check_signer<E: Error + Send + Sync + 'static>(transaction: &Recovered) -> Result<(), Rejected<E>> {
    if predeploys::is_reserved(transaction.signer()) {
        return Err(Rejected::Invalid(InvalidTransaction::Str("a reserved address signs nothing".into())));
    }
    Ok(())
}
