//! Schemas (`tandem/v1/*.proto`) as Rust types, clients and servers.
#![allow(missing_docs, reason = "generated; the schemas document themselves")]

/// The block feed, the batches that a sequencer hands to a prover, the work of provers, and what a farm of them tells each other, version 1.
#[allow(clippy::large_enum_variant, reason = "generated; a job is decoded once and not kept in numbers")]
#[allow(clippy::allow_attributes_without_reason, reason = "generated; tonic gives none for its own")]
pub mod v1 {
    tonic::include_proto!("tandem.v1");
}
