//! What streams, subjects and buckets of a chain are called in the engine. All of it follows from the chain's configuration, so that chains share a server and do not mix.
//!
//! ```text
//! stream tandem-CHAIN-jobs       tandem.CHAIN.jobs.BATCH.CHUNK.ATTEMPT
//! stream tandem-CHAIN-results    tandem.CHAIN.results.BATCH.CHUNK.WORKER
//! not stored                     tandem.CHAIN.alive.BATCH.CHUNK.WORKER
//! bucket tandem-CHAIN-witnesses  BATCH/CHUNK
//! bucket tandem-CHAIN-keys       KEYSET/set, KEYSET/CIRCUIT
//! ```
//!
//! A worker's name is part of the subjects on which it speaks, since the engine can be told who may publish where: then nobody speaks for another.

use std::{fmt, str::FromStr};

use alloy::{hex, primitives::B256};

/// The longest name of a worker, in bytes.
const WORKER_NAME_BYTES_MAX: usize = 64;
/// The consumer of jobs that all workers share.
pub const WORKERS: &str = "workers";

/// A worker's name: letters, digits, `-` and `_`, at most 64 of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerName(String);

/// A name that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a worker's name has 1 to {WORKER_NAME_BYTES_MAX} letters, digits, `-` and `_`")]
pub struct NoWorkerName;

impl WorkerName {
    /// A name for this process: the machine's, and the process's number.
    pub fn of_process() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let is_allowed = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
        let host: String = host.trim().chars().filter(is_allowed).take(WORKER_NAME_BYTES_MAX / 2).collect();
        Self(format!("{host}-{}", std::process::id()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WorkerName {
    type Err = NoWorkerName;

    fn from_str(text: &str) -> Result<Self, NoWorkerName> {
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        let is_name = !text.is_empty() && text.len() <= WORKER_NAME_BYTES_MAX && text.chars().all(is_allowed);
        if is_name { Ok(Self(text.into())) } else { Err(NoWorkerName) }
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A chunk of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the batch claims, as a hash.
    pub batch: B256,
    /// Number of the chunk.
    pub chunk: u32,
}

/// The names of one chain. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Hash of the configuration, as hex.
    chain: String,
}

impl Names {
    /// Those of the chain whose configuration has this hash (L1-CFG-1).
    pub fn new(config_hash: B256) -> Self {
        Self { chain: hex::encode(config_hash) }
    }

    /// The stream of jobs.
    pub fn jobs(&self) -> String {
        format!("tandem-{}-jobs", self.chain)
    }

    /// The stream of results.
    pub fn results(&self) -> String {
        format!("tandem-{}-results", self.chain)
    }

    /// The bucket of witnesses.
    pub fn witnesses(&self) -> String {
        format!("tandem-{}-witnesses", self.chain)
    }

    /// The bucket of keys.
    pub fn keys(&self) -> String {
        format!("tandem-{}-keys", self.chain)
    }

    /// Subjects of all jobs.
    pub fn all_jobs(&self) -> String {
        format!("tandem.{}.jobs.>", self.chain)
    }

    /// Subjects of a batch's jobs.
    pub fn jobs_of(&self, batch: B256) -> String {
        format!("tandem.{}.jobs.{}.>", self.chain, hex::encode(batch))
    }

    /// Subjects of a chunk's jobs, of all attempts.
    pub fn jobs_at(&self, place: Place) -> String {
        format!("tandem.{}.jobs.{}.{}.*", self.chain, hex::encode(place.batch), place.chunk)
    }

    /// Subject of a job. The attempt is part of it, so that a list of subjects tells which job of a chunk is out.
    pub fn job(&self, place: Place, attempt: u32) -> String {
        format!("tandem.{}.jobs.{}.{}.{attempt}", self.chain, hex::encode(place.batch), place.chunk)
    }

    /// Subjects of all results.
    pub fn all_results(&self) -> String {
        format!("tandem.{}.results.>", self.chain)
    }

    /// Subjects of a batch's results.
    pub fn results_of(&self, batch: B256) -> String {
        format!("tandem.{}.results.{}.>", self.chain, hex::encode(batch))
    }

    /// Subject of a worker's result.
    pub fn result(&self, place: Place, worker: &WorkerName) -> String {
        format!("tandem.{}.results.{}.{}.{worker}", self.chain, hex::encode(place.batch), place.chunk)
    }

    /// Subjects on which workers say that they are at work on a batch.
    pub fn alive_of(&self, batch: B256) -> String {
        format!("tandem.{}.alive.{}.>", self.chain, hex::encode(batch))
    }

    /// Subject on which a worker says so.
    pub fn alive(&self, place: Place, worker: &WorkerName) -> String {
        format!("tandem.{}.alive.{}.{}.{worker}", self.chain, hex::encode(place.batch), place.chunk)
    }

    /// Chunk and attempt of a job's subject; none if it is no such subject of this chain.
    pub fn place_of_job(&self, subject: &str) -> Option<(Place, u32)> {
        match self.parts(subject, "jobs")?.as_slice() {
            [batch, chunk, attempt] => Some((place(batch, chunk)?, attempt.parse().ok()?)),
            _ => None,
        }
    }

    /// Chunk and worker of a subject on which workers speak; none if it is no such subject of this chain.
    pub fn place_of_worker(&self, subject: &str) -> Option<(Place, WorkerName)> {
        let parts = self.parts(subject, "results").or_else(|| self.parts(subject, "alive"))?;
        match parts.as_slice() {
            [batch, chunk, worker] => Some((place(batch, chunk)?, worker.parse().ok()?)),
            _ => None,
        }
    }

    /// What follows `tandem.CHAIN.KIND.` in a subject.
    fn parts<'a>(&self, subject: &'a str, kind: &str) -> Option<Vec<&'a str>> {
        let rest = subject.strip_prefix("tandem.")?.strip_prefix(&self.chain)?.strip_prefix('.')?;
        Some(rest.strip_prefix(kind)?.strip_prefix('.')?.split('.').collect())
    }
}

/// Name of the object with a chunk's witness.
pub fn witness(place: Place) -> String {
    format!("{}/{}", hex::encode(place.batch), place.chunk)
}

/// Name of the object with the verifying keys of a set.
pub fn key_set(keys_hash: B256) -> String {
    format!("{}/set", hex::encode(keys_hash))
}

/// Name of the object with a circuit's proving key.
pub fn proving_key(keys_hash: B256, circuit: &str) -> String {
    format!("{}/{circuit}", hex::encode(keys_hash))
}

fn place(batch: &str, chunk: &str) -> Option<Place> {
    // As it is written here and in no other way: 64 digits without a prefix.
    let batch = hex::decode_to_array::<_, 32>(batch).ok().filter(|_| batch.len() == 64)?;
    Some(Place { batch: B256::new(batch), chunk: chunk.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_tell_their_chunk_and_nothing_of_another_chain() {
        let (names, other) = (Names::new(B256::repeat_byte(1)), Names::new(B256::repeat_byte(2)));
        let place = Place { batch: B256::repeat_byte(0xab), chunk: 7 };
        let worker: WorkerName = "left-4711".parse().unwrap();
        assert_eq!(names.place_of_job(&names.job(place, 3)), Some((place, 3)));
        for subject in [names.result(place, &worker), names.alive(place, &worker)] {
            assert_eq!(names.place_of_worker(&subject), Some((place, worker.clone())));
            assert_eq!((other.place_of_worker(&subject), names.place_of_job(&subject)), (None, None));
        }
        assert_eq!(other.place_of_job(&names.job(place, 3)), None);
        let batch = hex::encode(place.batch);
        let chain = hex::encode(B256::repeat_byte(1));
        for wrong in [
            format!("tandem.{chain}.jobs.{batch}"),
            format!("tandem.{chain}.jobs.{batch}.1"),
            format!("tandem.{chain}.jobs.{batch}.x.1"),
            format!("tandem.{chain}.jobs.{batch}.1.x"),
            format!("tandem.{chain}.jobs.0x{batch}.1.1"),
            format!("tandem.{chain}.jobs.ab.1.1"),
            format!("tandem.{chain}.jobs.{batch}.1.2.3"),
            format!("tandem.{chain}.{batch}.1.1"),
            String::new(),
        ] {
            assert_eq!(names.place_of_job(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_is_a_part_of_a_subject() {
        for wrong in ["", "a.b", "a b", "*", ">", "ä", &"x".repeat(65)] {
            assert_eq!(wrong.parse::<WorkerName>(), Err(NoWorkerName), "{wrong}");
        }
        let own = WorkerName::of_process();
        assert_eq!(own.as_str().parse(), Ok(own.clone()));
    }
}
