//! Groth16 over BN254 for the chunks: keys, proofs, and verification as L1 does it.
//!
//! Proofs are made without the blinding that gives zero knowledge (r = s = 0): nothing in a witness is secret, a proof
//! becomes a function of key and witness, and one multi-scalar multiplication goes away. Soundness does not depend on it.
//!
//! A batch goes through these hands (the service that proves them calls exactly this):
//!
//! ```text
//! Batch, signatures -> PreparedBatch -> ChunkJob ... --bytes--> prover: ChunkJob::prove
//!                           |                                        |
//!                           v                                        v
//!                       Assembly <------------- bytes ---------- ChunkProof ...
//!                           | all there, each verified
//!                           v
//!                       ProvenBatch -> Calldata -> ValiditySettlement.append
//! ```
//!
//! Twins: `contracts/src/payments/` (verification, transcript).

mod assembly;
mod batch;
mod calldata;
mod defect;
mod devnet;
mod import;
mod imported;
mod job;
mod key;
mod key_set;
mod memory;
mod msm;
mod pipeline;
mod proof;
mod proven;
mod prover;
mod shape;
mod solidity;
mod statement;
mod transcript;
mod verify;
mod wire;

pub use assembly::{Assembly, AssemblyError, VerifyingKeys};
pub use batch::{BatchProveError, PreparedBatch};
pub use calldata::{ApplyChunk, AuthoriseChunk, BatchEnv, Calldata};
pub use defect::KeyDefect;
pub use devnet::{DEVNET_CHAIN_IDS, DevnetKeyError, DevnetKeys, devnet_marks};
pub use import::{ImportError, import_key};
pub use imported::{ImportedKeyError, ImportedKeys};
pub use job::{ChunkJob, ChunkProof};
pub use key::{Key, KeyFileError};
pub use key_set::{KeySetError, check_key_set, read_key_set};
pub use msm::msm;
pub use pipeline::{Progress, prove_chunks};
pub use proof::{PROOF_WORDS, Proof, g1_words, g2_words};
pub use proven::ProvenBatch;
pub use prover::{ProveError, Prover, ProverConfig, Stage};
pub use shape::{Shape, Unsatisfied};
pub use solidity::{key_set_bytes, key_set_hash, key_words, render_key_library};
pub use statement::{ApplyStatement, AuthoriseStatement, Claim, Statement};
pub use transcript::{ApplyTurn, AuthoriseTurn, Header, Segment, T1, T2, Transcript};
pub use verify::{BatchError, verify, verify_batch};
pub use wire::{ASSEMBLY_BYTES_MAX, ASSEMBLY_STATEMENTS_MAX, JOB_BYTES_MAX, PROOF_BYTES_MAX, WireError};

#[cfg(test)]
mod tests;
