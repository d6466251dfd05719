//! Who proves which chunk, and what has been proven: decisions alone, with time given by the caller.
//!
//! A job is leased to one worker at a time. It goes out again when the lease ends without a word, when the worker says that it failed, and when its proof does not
//! verify. Each of these is a fault of the worker; after a few in a row it gets nothing more. A late proof that verifies is taken from whomever it comes.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use tandem_circuits::groth16::{Assembly, AssemblyError, ChunkJob, ChunkProof, VerifyingKeys, WireError};

use super::worker::WorkFailed;

/// Names a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkerId(pub u32);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {}", self.0)
    }
}

/// How long workers are waited for, and how often they may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoordinatorConfig {
    /// A job goes out again if its worker says nothing for so long.
    pub lease: Duration,
    /// A worker that failed so often in a row gets nothing more.
    pub faults_max: u32,
}

impl Default for CoordinatorConfig {
    fn default() -> Self {
        Self { lease: Duration::from_secs(300), faults_max: 3 }
    }
}

/// What a worker did wrong. It costs the time that the job took, and nothing else.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It said nothing for as long as a lease.
    #[error("it was not heard of any more")]
    Lost,
    /// The worker ended by itself.
    #[error("it ended")]
    Ended,
    /// It has no proof.
    #[error(transparent)]
    Failed(#[from] WorkFailed),
    /// What it returned is no proof.
    #[error("it returned no proof: {0}")]
    Encoding(#[from] WireError),
    /// It returned the proof of another chunk than it was given.
    #[error("it was given chunk {given} and returned a proof of chunk {found}")]
    OtherChunk {
        /// The chunk of its job.
        given: u32,
        /// The chunk that the proof names.
        found: u32,
    },
    /// The proof is not one of this batch's.
    #[error(transparent)]
    Refused(#[from] AssemblyError),
}

/// A chunk that is to be proven, and for which there is no job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no job for chunk {0}")]
pub struct NoJob(pub u32);

/// A job on its way to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Number of the chunk in the batch.
    pub chunk: u32,
    /// The bytes of its `ChunkJob`.
    pub job: Vec<u8>,
    /// The worker that lost the job before: its lease ended without a word.
    pub lost_by: Option<WorkerId>,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    worker: WorkerId,
    ends: Instant,
}

/// The proofs of one batch, as they are gathered.
#[derive(Debug)]
pub struct Coordinator {
    assembly: Assembly,
    keys: VerifyingKeys,
    config: CoordinatorConfig,
    /// Jobs of the chunks without a proof.
    open: BTreeMap<u32, ChunkJob>,
    leases: BTreeMap<u32, Lease>,
    /// Faults in a row, of workers that had any.
    faults: BTreeMap<WorkerId, u32>,
}

impl Coordinator {
    /// Gathers what the assembly lacks. `keys` are those by which proofs are judged: L1's.
    ///
    /// # Errors
    /// If the jobs are not those of the batch.
    pub fn new(
        assembly: Assembly,
        jobs: Vec<ChunkJob>,
        keys: VerifyingKeys,
        config: CoordinatorConfig,
    ) -> Result<Self, NoJob> {
        let mut jobs: BTreeMap<u32, ChunkJob> = jobs.into_iter().map(|job| (job.number, job)).collect();
        let missing: Vec<u32> = assembly.missing().collect();
        let open = missing.into_iter().map(|chunk| Ok((chunk, jobs.remove(&chunk).ok_or(NoJob(chunk))?)));
        let open = open.collect::<Result<_, _>>()?;
        Ok(Self { assembly, keys, config, open, leases: BTreeMap::new(), faults: BTreeMap::new() })
    }

    /// The batch with its proofs so far.
    pub fn assembly(&self) -> &Assembly {
        &self.assembly
    }

    /// The same, when nothing more is to be done.
    pub fn into_assembly(self) -> Assembly {
        self.assembly
    }

    /// How many chunks have no proof yet.
    pub fn missing(&self) -> usize {
        self.open.len()
    }

    /// The job of a chunk that has no proof yet; none if it has one, or there is no such chunk. For whoever leaves leases to somebody else.
    pub fn job(&self, chunk: u32) -> Option<&ChunkJob> {
        self.open.get(&chunk)
    }

    /// Whether a worker gets jobs.
    pub fn trusts(&self, worker: WorkerId) -> bool {
        self.faults.get(&worker).is_none_or(|faults| *faults < self.config.faults_max)
    }

    /// The next job for a worker that has nothing to do; none if all are leased, or proven, or the worker gets nothing more. What it still has a
    /// lease for it has lost.
    pub fn assign(&mut self, worker: WorkerId, now: Instant) -> Option<Assignment> {
        if !self.trusts(worker) {
            return None;
        }
        let is_free = |chunk: &u32| self.leases.get(chunk).is_none_or(|l| l.ends <= now || l.worker == worker);
        let (&chunk, job) = self.open.iter().find(|(chunk, _)| is_free(chunk))?;
        let job = job.encode();
        let lease = Lease { worker, ends: now + self.config.lease };
        let lost_by = self.leases.insert(chunk, lease).map(|lease| lease.worker);
        if let Some(loser) = lost_by {
            self.blame(loser);
        }
        Some(Assignment { chunk, job, lost_by })
    }

    /// A worker said that it is at work on a chunk.
    pub fn is_alive(&mut self, worker: WorkerId, chunk: u32, now: Instant) {
        if let Some(lease) = self.leases.get_mut(&chunk).filter(|lease| lease.worker == worker) {
            lease.ends = now + self.config.lease;
        }
    }

    /// Takes what a worker returned for a chunk that it was given; whether it is a proof that was missing.
    ///
    /// # Errors
    /// If it is no proof of that chunk: the job goes out again.
    pub fn deliver(
        &mut self,
        worker: WorkerId,
        chunk: u32,
        returned: Result<Vec<u8>, WorkFailed>,
    ) -> Result<bool, Fault> {
        let taken = returned.map_err(Fault::from).and_then(|bytes| self.take(chunk, &bytes));
        self.release(worker, chunk);
        match taken {
            Ok(_) => drop(self.faults.remove(&worker)),
            Err(_) => self.blame(worker),
        }
        taken
    }

    /// A worker is gone for good: what it had goes out again.
    pub fn gone(&mut self, worker: WorkerId) {
        self.leases.retain(|_, lease| lease.worker != worker);
        self.faults.insert(worker, self.config.faults_max);
    }

    /// The chunk that waits longest for word of its worker, if none is left to give it to.
    pub fn lost(&self, now: Instant) -> Option<(u32, WorkerId)> {
        let ended = self.leases.iter().filter(|(_, lease)| lease.ends <= now);
        ended.min_by_key(|(_, lease)| lease.ends).map(|(chunk, lease)| (*chunk, lease.worker))
    }

    fn take(&mut self, given: u32, bytes: &[u8]) -> Result<bool, Fault> {
        let proof = ChunkProof::decode(bytes)?;
        if proof.number != given {
            return Err(Fault::OtherChunk { given, found: proof.number });
        }
        self.assembly.insert(&proof, &self.keys)?;
        self.leases.remove(&given);
        Ok(self.open.remove(&given).is_some())
    }

    fn release(&mut self, worker: WorkerId, chunk: u32) {
        if self.leases.get(&chunk).is_some_and(|lease| lease.worker == worker) {
            self.leases.remove(&chunk);
        }
    }

    fn blame(&mut self, worker: WorkerId) {
        let faults = self.faults.entry(worker).or_default();
        *faults = faults.saturating_add(1);
    }
}
