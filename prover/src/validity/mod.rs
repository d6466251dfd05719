//! Proving batches of a payments chain: one coordinator, any number of workers, and who stands behind them on L1.
//!
//! ```text
//!  L1 --rebuild--> state, queue --build--> PreparedBatch
//!                                            | split
//!                     Coordinator <----------+
//!   BatchFile <------  Assembly               jobs, leased --ChunkJob bytes--> Worker
//!   (after each        each proof verified  <------------ ChunkProof bytes --- (here a thread, elsewhere a process)
//!    proof)                  | all there
//!                            v
//!                       ProvenBatch --append--> L1
//! ```
//!
//! Workers on other machines stand behind an engine, NATS, which keeps jobs and leases: [`farm`].
//!
//! Batches come from two: [`service`] proves those that the sequencer closes, and [`force`] makes the one that takes what he leaves.
//!
//! Everything that counts lies in the batch's assembly: it takes no proof that does not verify under L1's own keys, so that a bad worker costs only time, and its
//! bytes are on disk before the next job goes out, so that a kill costs the proofs that were under way and no others. Rules: PAY-APPEND, PAY-TRANSCRIPT, PAY-KEYS.

pub mod coordinator;
pub mod crew;
pub mod farm;
pub mod file;
pub mod force;
pub mod import;
pub mod key_set;
pub mod keys;
pub mod local;
pub mod pool;
mod progress;
pub mod service;
#[cfg(test)]
mod tests;
pub mod worker;

pub use coordinator::{Coordinator, CoordinatorConfig, Fault, NoJob, WorkerId};
pub use file::{BatchFile, BatchFileError, BatchFolder, Stored};
pub use local::LocalWorker;
pub use pool::{Event, ProvingError, prove};
pub use worker::{WorkFailed, Worker};
