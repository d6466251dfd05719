//! Closing batches: beside the engine, so that no block waits for it.
//!
//! ```text
//! engine: blocks ... | batch full or due: what is closed is fixed, and on record | blocks of the next batch ... | job recorded
//! closer:                                   encode, derive again ------------------------------------------------^
//! ```
//! Compressing a batch thoroughly and deriving it again take seconds. Once a batch's last block is decided, nothing about it changes, so both are
//! done on a thread of their own, from what the engine hands over. The engine records the result as a job if the batch's blocks are still those of
//! the chain; what L1 overruled meanwhile is dropped. Until then the record of open batches names the batch with its last block, so that a process
//! that is killed meanwhile closes the same batch again.

use std::{
    sync::{
        Arc, Weak,
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread::JoinHandle,
};

use alloy::primitives::B256;
use tandem_chain::{BatchHeader, BatchInput, ChainConfig, DataKind, Message, OutputFields, batch::calldata_hash};
use tandem_store::Store;
use tracing::error;

use super::EngineError;
use crate::evm::{self, OpenBatch};

/// A batch whose last block is decided, on its way to become a job.
pub(super) struct Closing {
    pub batch: Arc<OpenBatch>,
    pub last_block: u64,
    pub last_hash: B256,
    /// Date of the last block.
    pub timestamp: u64,
    pub queue_end: u64,
    /// Why it was closed, for the log.
    pub reason: &'static str,
    /// What the closer was told; nothing yet while messages are not at hand.
    pub order: Option<Arc<Order>>,
}

/// All that it takes to close a batch. Not begun when nobody waits for it any more.
pub(super) struct Order {
    pub batch: Arc<OpenBatch>,
    pub last_block: u64,
    pub last_hash: B256,
    pub timestamp: u64,
    /// The output before the batch.
    pub previous: OutputFields,
    /// That the batch consumes.
    pub messages: Vec<Message>,
    pub queue_end: u64,
    pub queue_hash: B256,
}

/// A closed batch, by the hash of its last block.
pub(super) struct Closed {
    pub last_hash: B256,
    pub payload: Result<Vec<u8>, EngineError>,
}

/// The thread that closes batches, one after the other. Ends with the engine.
pub(super) struct Closer {
    orders: Option<Sender<Weak<Order>>>,
    closed: Receiver<Closed>,
    thread: Option<JoinHandle<()>>,
}

impl Closer {
    /// Starts the thread that closes batches.
    pub fn start(chain: ChainConfig, store: Store) -> Self {
        let (orders, received) = channel::<Weak<Order>>();
        let (done, closed) = channel();
        let work = move || {
            while let Ok(order) = received.recv() {
                let Some(order) = order.upgrade() else { continue };
                let (last_hash, payload) = (order.last_hash, close(&chain, &store, &order));
                drop(order);
                if done.send(Closed { last_hash, payload }).is_err() {
                    return;
                }
            }
        };
        Self { orders: Some(orders), closed, thread: Some(std::thread::spawn(work)) }
    }

    /// Hands a batch over.
    pub fn order(&self, order: &Arc<Order>) {
        if let Some(orders) = &self.orders {
            // The thread ends before its end of the channel only by a panic, which shows when results are asked for.
            let _ = orders.send(Arc::downgrade(order));
        }
    }

    /// What is done, if anything is.
    pub fn take(&self) -> Result<Option<Closed>, EngineError> {
        match self.closed.try_recv() {
            Ok(closed) => Ok(Some(closed)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(EngineError::CloserGone),
        }
    }
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.orders = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the thread that closes batches panicked: please report it");
        }
    }
}

/// Encodes a batch and checks that it derives to the blocks that were promised.
fn close(chain: &ChainConfig, store: &Store, order: &Order) -> Result<Vec<u8>, EngineError> {
    let payload = evm::encode(chain, store, &order.batch, &order.previous)?;
    check_derivation(chain, store, order, payload.clone())?;
    Ok(payload)
}

fn check_derivation(chain: &ChainConfig, store: &Store, order: &Order, payload: Vec<u8>) -> Result<(), EngineError> {
    let Order { batch, previous, queue_end, queue_hash, .. } = order;
    let header = BatchHeader {
        index: 0,
        parent_hash: previous.batch_hash,
        parent_content_hash: B256::ZERO,
        data_kind: DataKind::Calldata,
        data_hash: calldata_hash(&payload),
        queue_end: *queue_end,
        queue_hash: *queue_hash,
        checkpoint_hash: batch.checkpoint.hash(),
        config_hash: chain.hash(),
        work_gas: batch.work_gas(),
        posted_at: order.timestamp,
    };
    let input = BatchInput {
        header,
        config: chain.clone(),
        checkpoint: batch.checkpoint,
        messages: order.messages.clone(),
        payload: payload.into(),
    };
    let derived = evm::derive(previous, &input, store)?.output;
    if derived.last_block_hash == order.last_hash && derived.queue_index == *queue_end {
        return Ok(());
    }
    Err(EngineError::DerivationDiffers {
        first_block: batch.first_block,
        last_block: order.last_block,
        derived: derived.last_block_hash,
        sequenced: order.last_hash,
    })
}
