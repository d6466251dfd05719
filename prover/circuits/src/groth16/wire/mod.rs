//! Jobs, proofs and assemblies as bytes (`proto/tandem/v1/prover.proto`).
//!
//! Every byte is adversarial: lengths, ranges and curve are checked, and bytes beyond a limit are not looked at. What a job means is not
//! checked here but by the circuit, and what a proof is worth by the assembly.

mod assembly;
mod error;
mod fields;
mod job;

pub use assembly::{ASSEMBLY_BYTES_MAX, ASSEMBLY_STATEMENTS_MAX, PROOF_BYTES_MAX};
pub use error::WireError;
pub use job::JOB_BYTES_MAX;
