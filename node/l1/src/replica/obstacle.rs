//! What keeps a replica from deriving: said in the log, once and again, and where readiness is told.

use super::head::ReplicaHead;
use std::{
    fmt::Display,
    time::{Duration, Instant},
};
use tandem_service::{Readiness, Reminder, Trouble};

/// Reorganisations and short failures are nothing to speak of.
const GRACE: Duration = Duration::from_secs(10);
/// Catching up may take so long before it is worth a line.
const CATCH_UP_MAX: Duration = Duration::from_secs(60);
/// Up to so many L1 blocks behind counts as keeping up, beyond the confirmation depth.
pub const LAG_BLOCKS_MAX: u64 = 16;

/// What is in a replica's way, how long it has been, and what was said of it.
#[derive(Debug)]
pub(super) struct Obstacle {
    trouble: Trouble,
    /// It is past once this L1 block is read.
    past_at: u64,
    behind: Reminder,
    lag_blocks_max: u64,
}

impl Obstacle {
    pub fn new(readiness: &Readiness, confirmations: u64) -> Self {
        Self {
            trouble: readiness.trouble("derivation", GRACE),
            past_at: 0,
            behind: Reminder::after(CATCH_UP_MAX),
            lag_blocks_max: LAG_BLOCKS_MAX.saturating_add(confirmations),
        }
    }

    /// Derivation ended with this, in this L1 block if it was in one.
    pub fn met(&mut self, l1_block: Option<u64>, error: &dyn Display) {
        self.past_at = l1_block.unwrap_or(self.past_at);
        if let Some(lasts) = self.trouble.holds(|| error.to_string()) {
            tracing::warn!(
                %error,
                ?lasts,
                "derivation does not get on: if a payload is missing, add a blob source or an archive that has it, else look after L1's \
                 endpoint; trying on"
            );
        }
    }

    /// Derivation ended before a batch in this L1 block, which follows rules that the replica was not given.
    pub fn met_end(&mut self, l1_block: u64, error: &dyn Display) {
        self.past_at = l1_block;
        if let Some(lasts) = self.trouble.holds(|| error.to_string()) {
            tracing::error!(
                %error,
                ?lasts,
                "L1 follows rules that this program was not given: it derives no further, and answers for what came before; take what is on L2 out \
                 while the grace runs, or run a version that knows the rules"
            );
        }
    }

    /// Whether L1 was read beyond everything that was met.
    pub fn is_past(&self) -> bool {
        self.past_at == 0
    }

    /// L1 was read up to here.
    pub fn read(&mut self, head: ReplicaHead) {
        if head.l1_block.number >= self.past_at {
            self.past_at = 0;
            if let Some(lasted) = self.trouble.is_over() {
                tracing::info!(?lasted, "derivation gets on again");
            }
        }
        let (lag_blocks, now) = (head.lag_blocks(), Instant::now());
        if lag_blocks <= self.lag_blocks_max {
            if let Some(lasted) = self.behind.is_over(now) {
                tracing::info!(?lasted, "derivation keeps up with L1 again");
            }
        } else if let Some(lasts) = self.behind.holds(now) {
            tracing::warn!(
                lag_blocks,
                ?lasts,
                "derivation is behind L1: it catches up, unless this machine is too slow for the chain"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BlockRef;

    fn at(l1_block: u64) -> ReplicaHead {
        let l1_block = BlockRef { number: l1_block, ..BlockRef::default() };
        ReplicaHead { l1_block, ..ReplicaHead::default() }
    }

    #[test]
    fn it_lasts_until_the_block_that_shows_it_is_read() {
        let readiness = Readiness::default();
        let mut obstacle =
            Obstacle { trouble: readiness.trouble("derivation", Duration::ZERO), ..Obstacle::new(&readiness, 0) };
        obstacle.met(Some(7), &"no source has blob 1");
        for block in [5, 6] {
            obstacle.read(at(block));
            assert_eq!(
                readiness.reasons(),
                ["derivation: no source has blob 1 (for 0 s)"],
                "block {block} was read before"
            );
        }
        // Meanwhile the endpoint fails too.
        obstacle.met(None, &"no answer");
        obstacle.read(at(6));
        assert_eq!(readiness.reasons(), ["derivation: no answer (for 0 s)"]);
        obstacle.read(at(7));
        assert!(readiness.reasons().is_empty());

        obstacle.met(None, &"no answer");
        obstacle.read(at(1));
        assert!(readiness.reasons().is_empty(), "any answer ends silence");
    }
}
