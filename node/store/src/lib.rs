//! RocksDB storage of nodes of both kinds of chain: blocks, state, the journal of admitted transactions, what L1
//! taught, and the batches in flight.
//!
//! * [`Store`]: what a node of an EVM chain keeps. Cheap to clone; any thread may read. Blocks and journal, L1, and
//!   batches are each written by one task. Its tables, each with key and value, stand in one block in [`schema`].
//! * [`SequencedStore`]: what the sequencer of a payments chain keeps, in a database of its own: some of those tables,
//!   and two more in `sequenced.rs`.
//! * [`LedgerStore`]: a payments chain as L1 alone tells it, with its state, in a database of its own: two of those
//!   tables, and more in `ledger/rows.rs`.
//!
//! What survives: a write that returned survives the end of the process, `kill -9` included, because
//! the write-ahead log is with the operating system by then. With [`Options::sync`] it survives the
//! end of the machine as well.
//!
//! Invariants: every method that writes is one atomic write. In a [`Store`] blocks are contiguous from genesis to
//! the head and chain by parent hash; blocks of a batch on L1 are not unwound before the batch is.
//! Whatever is in `preimages` hashes to its key (the writer vouches for it), and is never removed.
//!
//! Adversarial inputs: none here; what L1 or users supply was checked before. A value that does not
//! decode, by a defect or a broken disk, gives [`StoreError::Corrupt`] naming table and key.

mod batches;
mod blocks;
mod changes;
mod codec;
mod error;
mod journal;
mod keys;
mod l1;
mod ledger;
mod log_index;
mod message_tree;
mod records;
pub mod schema;
mod sequenced;
mod store;

pub use codec::{Codec, CodecError, Json, Nothing, Raw, Rlp, RowKey};
pub use error::{MissingPreimage, StoreError};
pub use keys::{LogPlace, LogTerm, NodePlace};
pub use ledger::{
    AppliedBatch, LedgerPoll, LedgerRows, LedgerStore, UNDO_MAX, Unwound,
    rows::{Fixed, ProvenRow, QueueRow, UndoRow},
};
pub use log_index::{LogSearch, Searched};
pub use message_tree::MessageProof;
pub use records::{
    BatchJob, BatchRecord, BlockBody, Head, Identity, JobSummary, JournalEntry, L1BlockHead, L1BlockRecord, L1Message,
    L2MessageRow, Marker, OpenBatchRecord, TxPlace,
};
pub use schema::Table;
pub use sequenced::{Admitted, NewBlock, ProvenCall, ProvenCalls, Sequenced, SequencedStore};
pub use store::{Options, Order, Row, Store};
