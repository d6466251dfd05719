//! What keeps the engine from building blocks: said in the log and by `/readyz`.

use std::time::{Duration, Instant};

use tandem_service::{Readiness, Trouble};
use tracing::{info, warn};

/// Blocks may wait for a batch to be closed for so long.
const CLOSING_MAX: Duration = Duration::from_secs(10);
/// L1 may be without a checkpoint that can be named for so long: the poster has stored one by then, and it is deep enough.
const CHECKPOINT_MAX: Duration = Duration::from_secs(120);

/// What blocks wait for, how long they have, and what was said of it.
#[derive(Debug)]
pub(super) struct Troubles {
    full: Trouble,
    checkpoint: Trouble,
}

impl Troubles {
    pub fn new(readiness: &Readiness) -> Self {
        Self {
            full: readiness.trouble("batches", CLOSING_MAX),
            checkpoint: readiness.trouble("checkpoint", CHECKPOINT_MAX),
        }
    }

    /// Whether there is room in a batch; if not, so many wait to be closed, and so many to be posted.
    pub fn has_room(&mut self, now: Instant, has_room: bool, closing: usize, unposted: usize) {
        if has_room {
            if let Some(lasted) = self.full.is_over() {
                info!(?lasted, "blocks go on");
            }
        } else if let Some(lasts) =
            self.full.holds_at(now, || format!("blocks wait: {closing} are being closed, {unposted} wait for L1"))
        {
            warn!(
                closing,
                unposted,
                ?lasts,
                "blocks wait: batches fill faster than they are closed or than L1 takes them, or L1 reorganised and their messages are not read again yet"
            );
        }
    }

    /// Whether L1 has a checkpoint that a batch can name.
    pub fn has_checkpoint(&mut self, now: Instant, has_checkpoint: bool) {
        if has_checkpoint {
            if let Some(lasted) = self.checkpoint.is_over() {
                info!(?lasted, "blocks go on: L1 has a checkpoint again");
            }
        } else if let Some(lasts) =
            self.checkpoint.holds_at(now, || "blocks wait for one on L1 that can be named".into())
        {
            warn!(
                ?lasts,
                "blocks wait: L1 has no checkpoint that is deep enough and young enough to be named; the poster stores one: see that its transactions get to L1"
            );
        }
    }
}
