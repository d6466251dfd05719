//! Outputs that L1 made final, as batches of this node.

use alloy::primitives::B256;
use tandem_store::{Store, StoreError};
use tracing::{error, info};

/// What an output that L1 made final is to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The chain's beginning, which L1 makes final when the contracts are deployed.
    Genesis,
    /// The output after this batch.
    Batch(u64),
    /// Nothing that follows from L1's batches here.
    Unknown,
}

/// What `output` is, which L1 block `l1_number` made final. `genesis` is the output that the chain begins with.
pub fn find(store: &Store, genesis: B256, l1_number: u64, output: B256) -> Result<Settled, StoreError> {
    if output == genesis {
        return Ok(Settled::Genesis);
    }
    let first = store.last_settled()?.map_or(1, |batch| batch.header.index);
    let last = store.last_batch()?.map_or(0, |batch| batch.header.index);
    for batch_index in first..=last {
        if store.batch(batch_index)?.is_some_and(|batch| batch.output.hash() == output) {
            info!(batch_index, l1_number, "settled");
            return Ok(Settled::Batch(batch_index));
        }
    }
    error!(
        %output,
        l1_number,
        "L1 made an output final that follows from none of its batches here: do not trust this node, compare it with a replica"
    );
    Ok(Settled::Unknown)
}
