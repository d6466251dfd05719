//! Signing an operation. Rules: PAY-USER, PAY-SESSION-TX.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy::primitives::Address;
use tandem_payments::{
    eddsa::{SecretKey, SessionTransaction},
    operation::{Call, GAS_SLACK_BITS, Operation},
};

use super::{chain_name::ChainName, error::SessionError};

/// An operation that is not given a time of expiry is good for so many seconds: through any time for which an honest operator's prover may be away.
const EXPIRY_S: u64 = 86_400;

/// What an operation may cost, and until when it may be applied.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nonce that the account is at.
    pub nonce: u64,
    /// Highest price per gas, in wei.
    pub max_fee_per_gas: u64,
    /// Most gas; what the operation can take if absent.
    pub gas_limit: Option<u64>,
    /// Last timestamp at which it may be applied, in seconds; a day from now if absent.
    pub expiry: Option<u64>,
}

/// Signs a call of the sender's.
///
/// # Errors
/// If no ledger would ever apply it.
pub fn sign(
    chain: ChainName,
    limits: Limits,
    call: Call,
    sender: Address,
    key: &SecretKey,
) -> Result<SessionTransaction, SessionError> {
    let least = call.kind().gas();
    let gas_limit = limits.gas_limit.unwrap_or_else(|| call.kind().gas_after(true));
    let most = least + (1 << GAS_SLACK_BITS) - 1;
    if !(least..=most).contains(&gas_limit) {
        return Err(SessionError::GasLimit { gas_limit, least, most });
    }
    if limits.nonce == u64::MAX {
        return Err(SessionError::Nonce);
    }
    let expiry = limits.expiry.unwrap_or_else(|| now().saturating_add(EXPIRY_S));
    let operation =
        Operation { sender, nonce: limits.nonce, call, gas_limit, max_fee_per_gas: limits.max_fee_per_gas, expiry };
    Ok(SessionTransaction::sign(chain.chain_id, chain.genesis, operation, key)?)
}

/// The machine's time, in seconds since the Unix epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}
