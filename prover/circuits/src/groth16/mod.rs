//! Groth16 over BN254 for the chunks: keys, proofs, and verification as L1 does it.
//!
//! Proofs are made without the blinding that gives zero knowledge (r = s = 0): nothing in a witness is secret, a proof
//! becomes a function of key and witness, and one multi-scalar multiplication goes away. Soundness does not depend on it.
//! Twins: `contracts/src/payments/` (verification, transcript).

mod batch;
mod devnet;
mod import;
mod key;
mod proof;
mod prover;
mod shape;
mod solidity;
mod transcript;
mod verify;

pub use batch::{BatchProveError, PreparedBatch, ProvenBatch};
pub use devnet::{DEVNET_CHAIN_IDS, DevnetKeyError, DevnetKeys};
pub use import::{ImportError, import_key};
pub use key::{Key, KeyFileError};
pub use proof::{PROOF_WORDS, Proof, g1_words, g2_words};
pub use prover::{ProveError, Prover, ProverConfig, Stage};
pub use shape::{Shape, Unsatisfied};
pub use solidity::{key_set_hash, key_words, render_key_library};
pub use transcript::{ApplyTurn, AuthoriseTurn, Header, Segment, T1, T2, Transcript};
pub use verify::{BatchError, verify, verify_batch};

#[cfg(test)]
mod tests;
