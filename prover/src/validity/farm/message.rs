//! What is said in a farm (`proto/tandem/v1/farm.proto`): jobs, results, and word that somebody is at work.
//!
//! Every byte is adversarial: lengths are checked before anything is decoded, and each field after that. What a job or a proof means is not decided here.

use std::time::Duration;

use alloy::primitives::B256;
use prost::Message;
use tandem_circuits::{
    circuit::CircuitId,
    groth16::{PROOF_BYTES_MAX, Stage},
};
use tandem_proto::v1::{self, farm_result};

/// The longest message, in bytes: a proof, names and hashes take less than half of it.
pub const MESSAGE_BYTES_MAX: usize = 2_048;
/// The version of all messages, which each of them names first.
const VERSION: u32 = 1;
/// The longest name of an object or a worker, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// The shortest lease of a job that is believed, and the longest: what the coordinator's flags and tests allow, in milliseconds.
const LEASE_MS: (u64, u64) = (100, 3_600_000);
/// Stages of a proof, in their order.
const STAGES: [Stage; 6] = [Stage::Witness, Stage::Quotient, Stage::A, Stage::B, Stage::C, Stage::Verify];

/// Why bytes are no message of a farm.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Longer than any message.
    #[error("{bytes} bytes, a message of a farm has at most {MESSAGE_BYTES_MAX}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Not an encoding of a message.
    #[error(transparent)]
    Encoding(#[from] prost::DecodeError),
    /// The message is of another version.
    #[error("version {0}, this program speaks {VERSION}")]
    Version(u32),
    /// A field has another length, or is missing.
    #[error("{field} has {found} bytes")]
    Length {
        /// The field's name.
        field: &'static str,
        /// How long it is.
        found: usize,
    },
    /// A field has a value that means nothing.
    #[error("{field} is {found}")]
    Value {
        /// The field's name.
        field: &'static str,
        /// What it holds.
        found: u32,
    },
}

/// A chunk that waits for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FarmJob {
    /// The chain, by the hash of its configuration.
    pub config_hash: B256,
    /// The keys that judge the proof.
    pub keys_hash: B256,
    /// Index of the batch on L1.
    pub batch_index: u64,
    /// What the batch claims, as a hash.
    pub batch: B256,
    /// Number of the chunk.
    pub chunk: u32,
    /// The circuit that proves it.
    pub circuit: CircuitId,
    /// Name of the object with the job's bytes.
    pub object: String,
    /// Keccak of these bytes.
    pub job_hash: B256,
    /// How often the chunk was put out before.
    pub attempt: u32,
    /// How long its worker may be silent before it goes to another; read, it is between a tenth of a second and an hour.
    pub lease: Duration,
}

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FarmResult {
    /// The chain, by the hash of its configuration.
    pub config_hash: B256,
    /// What the batch claims, as a hash.
    pub batch: B256,
    /// Number of the chunk.
    pub chunk: u32,
    /// The attempt of the job, as the job says.
    pub attempt: u32,
    /// Name of the worker, as it says.
    pub worker: String,
    /// The bytes of a `ChunkProof`, or why there are none.
    pub outcome: Result<Vec<u8>, FarmFailure>,
}

/// A worker is at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FarmAlive {
    /// What the batch claims, as a hash.
    pub batch: B256,
    /// Number of the chunk.
    pub chunk: u32,
    /// The attempt of the job, as the job says.
    pub attempt: u32,
    /// Name of the worker, as it says.
    pub worker: String,
    /// The stage of the proof that it is at.
    pub stage: Stage,
}

/// Why a worker of a farm has no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FarmFailure {
    /// Something that this program does not know.
    #[error("it does not say why")]
    Unknown,
    /// The job is none, or not of this chain.
    #[error("the job is none that it can read")]
    Job,
    /// Its object is not there, or another one.
    #[error("the job's witness is not in the object store, or another one is")]
    Witness,
    /// The chunk could not be proven.
    #[error("the chunk could not be proven")]
    Prove,
    /// The worker panicked.
    #[error("it panicked")]
    Panic,
}

impl From<v1::FarmFailure> for FarmFailure {
    fn from(failure: v1::FarmFailure) -> Self {
        match failure {
            v1::FarmFailure::Unspecified => Self::Unknown,
            v1::FarmFailure::Job => Self::Job,
            v1::FarmFailure::Witness => Self::Witness,
            v1::FarmFailure::Prove => Self::Prove,
            v1::FarmFailure::Panic => Self::Panic,
        }
    }
}

impl From<FarmFailure> for v1::FarmFailure {
    fn from(failure: FarmFailure) -> Self {
        match failure {
            FarmFailure::Unknown => Self::Unspecified,
            FarmFailure::Job => Self::Job,
            FarmFailure::Witness => Self::Witness,
            FarmFailure::Prove => Self::Prove,
            FarmFailure::Panic => Self::Panic,
        }
    }
}

impl FarmJob {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let message = v1::FarmJob {
            version: VERSION,
            config_hash: self.config_hash.to_vec(),
            keys_hash: self.keys_hash.to_vec(),
            batch_index: self.batch_index,
            batch: self.batch.to_vec(),
            chunk: self.chunk,
            circuit: self.circuit as u32,
            object: self.object.clone(),
            job_hash: self.job_hash.to_vec(),
            attempt: self.attempt,
            lease_ms: u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX),
        };
        message.encode_to_vec()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let message = v1::FarmJob::decode(limited(bytes)?)?;
        check_version(message.version)?;
        let circuit = CircuitId::ALL.into_iter().find(|circuit| *circuit as u32 == message.circuit);
        Ok(Self {
            config_hash: hash("config_hash", &message.config_hash)?,
            keys_hash: hash("keys_hash", &message.keys_hash)?,
            batch_index: message.batch_index,
            batch: hash("batch", &message.batch)?,
            chunk: message.chunk,
            circuit: circuit.ok_or(MessageError::Value { field: "circuit", found: message.circuit })?,
            object: name("object", message.object)?,
            job_hash: hash("job_hash", &message.job_hash)?,
            attempt: message.attempt,
            lease: Duration::from_millis(message.lease_ms.clamp(LEASE_MS.0, LEASE_MS.1)),
        })
    }
}

impl FarmResult {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let outcome = match &self.outcome {
            Ok(proof) => farm_result::Outcome::Proof(proof.clone()),
            Err(failure) => farm_result::Outcome::Failure(v1::FarmFailure::from(*failure).into()),
        };
        let message = v1::FarmResult {
            version: VERSION,
            config_hash: self.config_hash.to_vec(),
            batch: self.batch.to_vec(),
            chunk: self.chunk,
            attempt: self.attempt,
            worker: self.worker.clone(),
            outcome: Some(outcome),
        };
        message.encode_to_vec()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// If the bytes are none. Whether the proof is one is not looked at.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let message = v1::FarmResult::decode(limited(bytes)?)?;
        check_version(message.version)?;
        let outcome = match message.outcome.ok_or(MessageError::Length { field: "outcome", found: 0 })? {
            farm_result::Outcome::Proof(proof) if proof.len() > PROOF_BYTES_MAX => {
                return Err(MessageError::Length { field: "proof", found: proof.len() });
            }
            farm_result::Outcome::Proof(proof) => Ok(proof),
            farm_result::Outcome::Failure(failure) => {
                Err(v1::FarmFailure::try_from(failure).map_or(FarmFailure::Unknown, FarmFailure::from))
            }
        };
        Ok(Self {
            config_hash: hash("config_hash", &message.config_hash)?,
            batch: hash("batch", &message.batch)?,
            chunk: message.chunk,
            attempt: message.attempt,
            worker: name("worker", message.worker)?,
            outcome,
        })
    }
}

impl FarmAlive {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let stage = (1..).zip(STAGES).find(|(_, stage)| *stage == self.stage).map_or(0, |(number, _)| number);
        let message = v1::FarmAlive {
            version: VERSION,
            batch: self.batch.to_vec(),
            chunk: self.chunk,
            attempt: self.attempt,
            worker: self.worker.clone(),
            stage,
        };
        message.encode_to_vec()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let message = v1::FarmAlive::decode(limited(bytes)?)?;
        check_version(message.version)?;
        let stage = (1..).zip(STAGES).find(|(number, _)| *number == message.stage).map(|(_, stage)| stage);
        Ok(Self {
            batch: hash("batch", &message.batch)?,
            chunk: message.chunk,
            attempt: message.attempt,
            worker: name("worker", message.worker)?,
            stage: stage.ok_or(MessageError::Value { field: "stage", found: message.stage })?,
        })
    }
}

fn limited(bytes: &[u8]) -> Result<&[u8], MessageError> {
    if bytes.len() > MESSAGE_BYTES_MAX { Err(MessageError::TooLong { bytes: bytes.len() }) } else { Ok(bytes) }
}

fn check_version(version: u32) -> Result<(), MessageError> {
    if version == VERSION { Ok(()) } else { Err(MessageError::Version(version)) }
}

fn hash(field: &'static str, bytes: &[u8]) -> Result<B256, MessageError> {
    B256::try_from(bytes).map_err(|_| MessageError::Length { field, found: bytes.len() })
}

fn name(field: &'static str, name: String) -> Result<String, MessageError> {
    let found = name.len();
    if found == 0 || found > NAME_BYTES_MAX { Err(MessageError::Length { field, found }) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> FarmJob {
        FarmJob {
            config_hash: B256::repeat_byte(1),
            keys_hash: B256::repeat_byte(2),
            batch_index: 3,
            batch: B256::repeat_byte(4),
            chunk: 5,
            circuit: CircuitId::SessionLarge,
            object: "a/5".into(),
            job_hash: B256::repeat_byte(6),
            attempt: 7,
            lease: Duration::from_secs(60),
        }
    }

    fn result(outcome: Result<Vec<u8>, FarmFailure>) -> FarmResult {
        let (config_hash, batch) = (B256::repeat_byte(1), B256::repeat_byte(4));
        FarmResult { config_hash, batch, chunk: 5, attempt: 7, worker: "left-1".into(), outcome }
    }

    #[test]
    fn what_is_said_is_heard() {
        assert_eq!(FarmJob::decode(&job().encode()).unwrap(), job());
        for (said, heard) in [(Duration::ZERO, 100), (Duration::MAX, 3_600_000)] {
            let found = FarmJob::decode(&FarmJob { lease: said, ..job() }.encode()).unwrap();
            assert_eq!(found.lease, Duration::from_millis(heard), "a lease is bounded");
        }
        let proof = vec![9; PROOF_BYTES_MAX];
        for outcome in [Ok(proof), Err(FarmFailure::Witness), Err(FarmFailure::Panic), Err(FarmFailure::Unknown)] {
            let said = result(outcome);
            assert_eq!(FarmResult::decode(&said.encode()).unwrap(), said);
        }
        for stage in STAGES {
            let said = FarmAlive { batch: B256::ZERO, chunk: 0, attempt: 0, worker: "w".into(), stage };
            assert_eq!(FarmAlive::decode(&said.encode()).unwrap(), said);
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert!(matches!(FarmJob::decode(&[0; MESSAGE_BYTES_MAX + 1]), Err(MessageError::TooLong { bytes: 2_049 })));
        assert!(matches!(FarmJob::decode(&[]), Err(MessageError::Version(0))));
        assert!(matches!(FarmJob::decode(&[0xff; 40]), Err(MessageError::Encoding(_))));
        let bytes = job().encode();
        // Whatever is cut off, or flipped, is refused or read as another job, and nothing panics.
        for end in 0..bytes.len() {
            assert!(FarmJob::decode(&bytes[..end]).map_or(true, |found| found != job()), "{end}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x80;
            assert!(FarmJob::decode(&flipped).map_or(true, |found| found != job()), "{at}");
        }
        let long = FarmJob { object: "x".repeat(129), ..job() };
        assert!(matches!(FarmJob::decode(&long.encode()), Err(MessageError::Length { field: "object", found: 129 })));
        let long = result(Ok(vec![0; PROOF_BYTES_MAX + 1]));
        assert!(matches!(FarmResult::decode(&long.encode()), Err(MessageError::Length { field: "proof", .. })));
        assert!(FarmAlive::decode(&job().encode()).is_err());
    }
}
