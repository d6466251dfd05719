//! The commands on a payments chain: what `tandem bridge`, `tandem escape`, `tandem status` and `tandem replica` do there, with L1 alone. Rules: PAY-MESSAGE, PAY-CLAIM, PAY-FREEZE, PAY-ESCAPE.
//!
//! Everything is read from L1 and recomputed (`tandem_l1::payments`), so that nobody need be believed or be there. What a node says ([`node`]) is told as its word.

pub mod bridge;
mod claim;
pub mod escape;
pub mod keys;
pub mod node;
pub mod replica;
pub mod spec;
pub mod status;

use alloy::primitives::Address;
use serde_json::{Value, json};
use tandem_chain::ChainKind;
use tandem_l1::payments::{History, read};

use crate::chain::Ground;

/// Most blocks of L1 asked for at a time; an endpoint that refuses is asked for fewer.
const LOG_BLOCKS_MAX: u64 = 10_000;

/// A command that the chain's kind does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongKind {
    /// A payments chain has no such thing.
    #[error("`{command}` does not go with a payments chain: {instead}")]
    Payments {
        /// What was asked for.
        command: &'static str,
        /// What to do there instead.
        instead: &'static str,
    },
    /// An EVM chain has no such thing.
    #[error("`{command}` is for payments chains, and the deployment names an EVM chain")]
    Evm {
        /// What was asked for.
        command: &'static str,
    },
}

/// Refuses a command that payments chains alone have.
pub fn check_payments(ground: &Ground, command: &'static str) -> Result<(), WrongKind> {
    match ground.deployment.chain.kind {
        ChainKind::Payments => Ok(()),
        ChainKind::Evm => Err(WrongKind::Evm { command }),
    }
}

/// All events of queue and settlement, checked.
async fn history(ground: &Ground) -> anyhow::Result<History> {
    Ok(read(&ground.l1, &ground.deployment.chain, ground.deployment.start_block, LOG_BLOCKS_MAX).await?)
}

/// A token in an answer: its address, or `ETH`.
fn token_name(token: Address) -> Value {
    if token.is_zero() { json!("ETH") } else { json!(token) }
}
