//! Several chunks at once, on one prover.
//!
//! Parts of a proof are work for one core: its witness, the last windows of a multiplication. So that the others are not idle meanwhile, as many chunks are in work as
//! the prover has threads, if memory allows:
//!
//! ```text
//! core 1   witness 0 | multiplications of chunk 0 ...                        | witness 2 | multiplications of chunk 2 ...
//! core 2   witness 1 | multiplications of chunk 1 ... | the rest of chunk 0's         ... | the rest of chunk 2's ...
//! ```
//!
//! Threads of this module only wait: work is done by the prover's pool, whose tasks any of its threads takes over.

use super::{
    job::{ChunkJob, ChunkProof},
    key::Key,
    prover::{ProveError, Prover, Stage},
};
use std::{
    sync::{Mutex, PoisonError, mpsc},
    thread,
};

/// What happened to a chunk.
#[allow(clippy::large_enum_variant, reason = "a few hundred bytes for each chunk")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A stage of the chunk of this number begins. Those of one chunk come in their order, between them those of others.
    Begun(u32, Stage),
    /// The chunk is proven.
    Proven(ChunkProof),
}

/// Proves chunks, each under its key; `heard` is told of everything, on the thread that calls this. The chunks begin in the order given and end in any.
///
/// # Errors
/// The first that a chunk or `heard` gives. Chunks in work at that moment are finished and dropped, the others do not begin.
pub fn prove_chunks<E: From<ProveError>>(
    prover: &Prover,
    chunks: Vec<(ChunkJob, &Key)>,
    heard: &mut dyn FnMut(Progress) -> Result<(), E>,
) -> Result<(), E> {
    let at_once = prover.threads().min(chunks.len());
    // Protects the order in which chunks begin: whoever is free takes the next. The standard library's channels have one reader only.
    let waiting = Mutex::new(chunks.into_iter());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let (sender, receiver) = mpsc::sync_channel(at_once);
    thread::scope(|scope| {
        for _ in 0..at_once {
            let sender = sender.clone();
            scope.spawn(move || {
                while let Some((chunk, key)) = next() {
                    let number = chunk.number;
                    // Nobody hears it after an error; then the last message of the chunk is not taken either, and this ends.
                    let mut begun = |stage| drop(sender.send(Ok(Progress::Begun(number, stage))));
                    let proven = chunk.prove(prover, key, &mut begun);
                    let failed = proven.is_err();
                    if sender.send(proven.map(Progress::Proven)).is_err() || failed {
                        return;
                    }
                }
            });
        }
        drop(sender);
        receiver.into_iter().try_for_each(|message| heard(message?))
    })
}
