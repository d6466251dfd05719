//! Outputs that L1 made final, as batches of this node.

use std::time::Duration;

use alloy::primitives::B256;
use tandem_service::{Readiness, Trouble};
use tandem_store::{Store, StoreError};
use tracing::{error, info};

/// An output that belongs to no batch may be that of a batch which the endpoint left out: L1 is read again for so long.
const DOUBT_MAX: Duration = Duration::from_secs(60);

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
    Ok(Settled::Unknown)
}

/// An output is final that belongs to no batch: either L1's endpoint left the batch out, or something is wrong with this node or with L1.
#[derive(Debug)]
pub struct Doubt(Trouble);

impl Doubt {
    /// The doubt before there is any.
    pub fn new(readiness: &Readiness) -> Self {
        Self(readiness.trouble("settlement", DOUBT_MAX))
    }

    /// Whether the node goes on after what L1 block `l1_number` made final. If not, L1 is to be read again; it is an alarm once that has not
    /// helped.
    pub fn passes(&mut self, settled: Settled, l1_number: u64, output: B256) -> bool {
        if settled != Settled::Unknown {
            self.is_void();
            return true;
        }
        let why =
            || format!("output {output}, final since L1 block {l1_number}, follows from none of L1's batches here");
        if let Some(lasts) = self.0.holds(why) {
            error!(
                %output,
                l1_number,
                ?lasts,
                "L1 made an output final that follows from none of its batches here: do not trust this node, compare it with a replica"
            );
        }
        self.0.is_told()
    }

    /// What raised it is gone.
    pub fn is_void(&mut self) {
        if let Some(lasted) = self.0.is_over() {
            info!(?lasted, "what L1 makes final follows from its batches again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_output_without_a_batch_is_an_alarm_once_reading_again_has_not_helped() {
        let (readiness, output) = (Readiness::default(), B256::repeat_byte(1));
        let mut doubt = Doubt::new(&readiness);
        assert!(doubt.passes(Settled::Genesis, 1, output) && doubt.passes(Settled::Batch(1), 2, output));
        assert!(!doubt.passes(Settled::Unknown, 3, output), "L1 is read again");
        assert!(!doubt.passes(Settled::Unknown, 3, output) && readiness.reasons().is_empty(), "and again");
        assert!(doubt.passes(Settled::Batch(2), 3, output), "the batch was left out");

        doubt.0 = readiness.trouble("settlement", Duration::ZERO);
        assert!(doubt.passes(Settled::Unknown, 4, output), "the node follows L1 all the same");
        assert!(readiness.reasons()[0].contains("follows from none of L1's batches here"));
        assert!(doubt.passes(Settled::Unknown, 5, output) && !readiness.reasons().is_empty());
        doubt.is_void();
        assert!(readiness.reasons().is_empty());
    }
}
