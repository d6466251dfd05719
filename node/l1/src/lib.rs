//! Everything that talks to L1: contract bindings, events, payloads and blobs, transactions, and derivation from L1 alone.
//!
//! Nothing here knows what an EVM chain's blocks are: the replica of a chain whose outputs are claimed takes any `tandem_chain::StateMachine`. A payments chain, whose
//! batches come with their proofs, is followed by [`payments`] instead. [`deploy`] tells the two kinds apart, and [`bindings`] has the contracts of both.
//!
//! * [`L1Client`]: a connection whose requests all have a time limit.
//! * [`Reader`]: what the contracts emitted, block by block, with reorgs.
//! * [`PayloadFetcher`]: the payload of a batch, from calldata or blobs, checked and archived.
//! * [`Replica`]: the chain derived from L1 alone, through any state machine into any store.
//! * [`payments::rebuild`]: the state of a payments chain from L1 alone.
//! * [`Submitter`]: one key's transactions, journaled, with fee bumping, until L1 has them or refuses them.
//! * [`Appender`]: posting batches, each at most once.
//! * [`payments::ProvenAppend`]: the call that appends a proven batch.
//! * [`checkpoint`]: what batches name of L1's blocks, stored and found.
//! * [`deploy::deploy`]: a new chain's contracts.
//! * [`anvil::Anvil`]: the L1 of tests and of the devnet.

pub mod anvil;
pub mod append;
mod backoff;
pub mod bindings;
pub mod checkpoint;
pub mod client;
pub mod defaults;
pub mod deploy;
pub mod deployment;
mod key;
pub mod payload;
pub mod payments;
pub mod reader;
pub mod replica;
pub mod submit;

pub use append::{Append, AppendData, AppendOutcome, Appender};
pub use backoff::Backoff;
pub use client::{BlockRef, L1Client, L1Header, RpcFailure};
pub use deploy::ChainSpec;
pub use deployment::{Deployment, DeploymentError};
pub use key::{BadKey, PrivateKey};
pub use payload::{Archive, BeaconClient, BlobSource, PayloadError, PayloadFetcher};
pub use reader::{
    ClaimEvent, ClosedEpoch, DisputeEvent, DisputeLog, L1Block, L1Heads, L1Update, PostedBatch, QueuedMessage, Reader,
    ReaderConfig, ReaderError,
};
pub use replica::{
    DerivedBatch, MemoryStore, Replica, ReplicaConfig, ReplicaError, ReplicaHandle, ReplicaHead, ReplicaStore,
};
pub use submit::{
    FeeLimits, FileJournal, Journal, JournalError, L1Call, MemoryJournal, Outcome, SubmitError, Submitter,
    SubmitterConfig,
};
