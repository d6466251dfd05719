//! Balances and nonces, at the moments whose state is kept.

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, U256},
};
use serde_json::{Value, json};
use tandem_payments::{
    ethereum::{ACCOUNTS, BRIDGE},
    leaf::Key,
};

use super::{chain::Named, context::PaymentsContext};
use crate::{
    payments::view::Moment,
    rpc::{Params, RpcError},
};

impl PaymentsContext {
    /// The moment of the state after a block; `latest` if none is named.
    ///
    /// # Errors
    /// If the block does not exist, or its state is not kept.
    pub(super) fn moment(&self, id: Option<BlockId>) -> Result<Moment, RpcError> {
        let heads = self.records.heads();
        match self.named(id.unwrap_or(BlockNumberOrTag::Latest.into()))? {
            Some(Named::Pending) => Ok(Moment::Pending),
            Some(Named::Number(number)) if number == heads.latest => Ok(Moment::Latest),
            Some(Named::Number(number)) if number == heads.settled => Ok(Moment::Settled),
            Some(Named::Number(_)) => {
                Err(RpcError::NotHere("states are kept for pending, latest and safe; those of other blocks are not"))
            }
            None => Err(RpcError::UnknownBlock),
        }
    }
}

/// What an account holds, in wei.
pub fn balance(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let account: Address = params.required(0, "an address")?;
    let moment = context.moment(params.block(1)?)?;
    let leaf = context.records.leaf(Key::eth(account), moment);
    Ok(json!(U256::from(leaf.map_or(0, |leaf| leaf.balance))))
}

/// How many operations an account has signed; at `pending` what waits without a gap counts.
pub fn transaction_count(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let account: Address = params.required(0, "an address")?;
    let moment = context.moment(params.block(1)?)?;
    Ok(json!(U256::from(context.records.nonce(account, moment))))
}

/// Accounts have no code; where withdrawals and session keys are called there is one byte, so that wallets know it for a contract.
pub fn code(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let account: Address = params.required(0, "an address")?;
    context.moment(params.block(1)?)?;
    Ok(json!(if [BRIDGE, ACCOUNTS].contains(&account) { "0xfe" } else { "0x" }))
}
