//! The border between coordinator and workers: a job's bytes go out, a proof's bytes come back, and nothing else crosses it.

use tandem_circuits::groth16::{ProveError, Stage, WireError};

use super::farm::message::FarmFailure;

/// Proves chunks: in this process, or somewhere else behind the same bytes.
///
/// Adversarial: what it returns is verified before it is used. If it never returns, its job goes to another worker.
pub trait Worker: Send + 'static {
    /// Proves a job, given as the bytes of a `ChunkJob`, and returns the bytes of a `ChunkProof`. `alive` hears of every stage as it begins, which keeps
    /// the lease.
    ///
    /// # Errors
    /// If there is no proof; the job goes out again.
    fn prove(&mut self, job: &[u8], alive: &mut (dyn FnMut(Stage) + Send)) -> Result<Vec<u8>, WorkFailed>;
}

/// Why a worker has no proof.
#[derive(Debug, thiserror::Error)]
pub enum WorkFailed {
    /// The bytes that it was given are no job to it.
    #[error("the job: {0}")]
    Job(#[from] WireError),
    /// It has no key for the job's circuit.
    #[error("it has no key for the {0} circuit")]
    NoKey(&'static str),
    /// The chunk could not be proven.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// Its batch was given up while it waited for its turn.
    #[error("another batch is proven in the place of its own")]
    Displaced,
    /// It is a worker of a farm, and says so.
    #[error("on another machine: {0}")]
    Farm(#[from] FarmFailure),
}
