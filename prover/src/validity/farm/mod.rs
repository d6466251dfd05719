//! Provers on many machines, behind an engine that exists: NATS with JetStream. One coordinator (`tandem-prover prove --farm`), any number of workers (`tandem-prover work`).
//!
//! ```text
//!  coordinator: Coordinator, BatchFile                       worker, killed at any moment
//!     | witness --> bucket --------------------------------------> reads it, checks its hash
//!     | FarmJob --> stream of jobs (work queue) --pull, lease----> proves, says so at every stage (keeps the lease)
//!     |                                                               | FarmAlive, not stored: for the log and the figures
//!     | <--------- stream of results <------FarmResult, stored--------+
//!     |                                                               | acknowledges the job, which is gone then
//!     v each proof verified, then on disk
//!  all there: jobs, witnesses, results deleted
//! ```
//!
//! What is a lease in [`coordinator`](super::coordinator) is the engine's acknowledgement wait here: a job whose worker says nothing for so long goes to the next that asks.
//! A job is acknowledged after its result is stored, and a result counts after its proof verified and is on disk. So a kill -9 costs, of a worker, its proof under way; of the
//! engine, nothing that it had confirmed; of the coordinator, nothing: when it comes back it derives the same batch, names it by the same hash, and finds jobs and results.
//!
//! Adversarial: workers, and whoever else may publish there. They can take jobs and return nothing, acknowledge or give back what another has, return what is no proof, and speak
//! in others' names unless the engine is told who may publish on whose subject. All of it costs time: a job without a result goes out again, the more rarely the more often that
//! happened (`board`), and nothing is used that does not verify. The coordinator is one for each chain: it deletes the jobs of batches that are not its own.

pub mod address;
mod board;
mod cache;
pub mod config;
pub mod crew;
pub mod engine;
pub mod error;
mod flags;
pub mod keys;
pub mod message;
pub mod names;
pub mod objects;
mod people;
mod reader;
mod shift;
mod troubles;
pub mod work;

pub use address::{FarmAddress, FarmLogin, Password};
pub use config::FarmConfig;
pub use crew::FarmCrew;
pub use engine::Engine;
pub use error::FarmError;
pub use flags::{FarmLoginFlags, FarmServer};
pub use message::{FarmAlive, FarmFailure, FarmJob, FarmResult};
pub use names::{Names, Place, WorkerName};
pub use work::{WorkerConfig, WorkerError, run_worker};
