//! Where every payments chain begins. Rule: PAY-OUTPUT.

use alloy::primitives::B256;
use tandem_chain::{ChainConfig, OutputFields};
use tandem_payments::{content::last_block_hash, field::integer, state::State};

/// The state before the first batch (PAY-OUTPUT): what the settlement computes for itself, for [`deploy`](crate::deploy::deploy) to compare.
pub fn genesis(chain: &ChainConfig) -> Result<OutputFields, core::convert::Infallible> {
    let state = State::default();
    Ok(OutputFields {
        config_hash: chain.hash(),
        batch_hash: B256::ZERO,
        last_block_hash: last_block_hash(chain.genesis_timestamp, state.leaf_count()),
        state_root: integer(state.root()).into(),
        message_root: B256::ZERO,
        queue_index: 0,
    })
}
