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
    cell::RefCell,
    sync::{
        Arc, Weak,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

use alloy::primitives::{Address, B256};
use tandem_chain::{
    BatchHeader, BatchInput, ChainConfig, DataKind, Message, OutputFields, StateMachine, batch::calldata_hash,
};
use tandem_evm::{Evm, WorldState};
use tandem_store::{BatchJob, Store};
use tracing::{error, info};

use super::{Engine, EngineError};
use crate::batch::OpenBatch;

/// Batches that may wait for the closer. Their blocks are in memory; with so many, blocks wait too.
pub(super) const CLOSING_MAX: usize = 4;

/// A batch whose last block is decided, on its way to become a job.
pub(super) struct Closing {
    pub batch: Arc<OpenBatch>,
    pub last_block: u64,
    last_hash: B256,
    /// Date of the last block.
    timestamp: u64,
    queue_end: u64,
    /// Why it was closed, for the log.
    reason: &'static str,
    /// What the closer was told; nothing yet while messages are not at hand.
    order: Option<Arc<Order>>,
}

/// All that it takes to close a batch. Not begun when nobody waits for it any more.
pub(super) struct Order {
    batch: Arc<OpenBatch>,
    last_block: u64,
    last_hash: B256,
    timestamp: u64,
    /// Before the batch.
    previous: OutputFields,
    /// That the batch consumes.
    messages: Vec<Message>,
    queue_end: u64,
    queue_hash: B256,
}

/// A closed batch, by the hash of its last block.
struct Closed {
    last_hash: B256,
    payload: Result<Vec<u8>, EngineError>,
}

/// The thread that closes batches, one after the other. Ends with the engine.
pub(super) struct Closer {
    orders: Option<Sender<Weak<Order>>>,
    closed: Receiver<Closed>,
    thread: Option<JoinHandle<()>>,
}

impl Closer {
    /// Starts the thread.
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
    fn order(&self, order: &Arc<Order>) {
        if let Some(orders) = &self.orders {
            // The thread ends before its end of the channel only by a panic, which shows when results are asked for.
            let _ = orders.send(Arc::downgrade(order));
        }
    }

    /// What is done, if anything is.
    fn take(&self) -> Result<Option<Closed>, EngineError> {
        match self.closed.try_recv() {
            Ok(closed) => Ok(Some(closed)),
            Err(std::sync::mpsc::TryRecvError::Empty) => Ok(None),
            Err(std::sync::mpsc::TryRecvError::Disconnected) => Err(EngineError::CloserGone),
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

impl Engine {
    /// Decides that the open batch ends with the head. Says whether it did: not while too many batches are on their way.
    pub(super) fn close_batch(&mut self, reason: &'static str) -> Result<bool, EngineError> {
        if self.closing.len() >= CLOSING_MAX {
            return Ok(false);
        }
        let Some(open) = self.open.take() else { return Ok(false) };
        self.push_closing(open, self.head.number, reason)?;
        self.record_open_batches()?;
        self.state.forget();
        self.order_closings()?;
        Ok(true)
    }

    /// A batch ends with block `last_block`.
    pub(super) fn push_closing(
        &mut self,
        batch: OpenBatch,
        last_block: u64,
        reason: &'static str,
    ) -> Result<(), EngineError> {
        let missing = EngineError::BlockMissing { number: last_block };
        let Some(header) = self.store.header(last_block)? else { return Err(missing) };
        let Some(last_hash) = self.store.block_hash(last_block)? else { return Err(missing) };
        let Some(queue_end) = self.store.queue_index_after(last_block)? else { return Err(missing) };
        let (batch, timestamp) = (Arc::new(batch), header.timestamp);
        self.closing.push_back(Closing { batch, last_block, last_hash, timestamp, queue_end, reason, order: None });
        Ok(())
    }

    /// Hands closing batches to the closer. After an L1 reorganisation they wait until their messages are read again.
    pub(super) fn order_closings(&mut self) -> Result<(), EngineError> {
        for place in 0..self.closing.len() {
            // The chain may be taken back on the way, and with it what was closing.
            let Some(closing) = self.closing.get(place) else { break };
            if closing.order.is_some() {
                continue;
            }
            let (first_block, queue_end) = (closing.batch.first_block, closing.queue_end);
            let previous = self.output_at(first_block - 1)?;
            let Some(messages) = self.consumed_messages(previous.queue_index, queue_end)? else { break };
            let Some(queue_hash) = self.queue_hash(queue_end)? else { break };
            // L1 may have replaced one that the watcher has stored and not told of yet.
            let indexed: Vec<(u64, Message)> = (previous.queue_index..).zip(messages.clone()).collect();
            if !self.check_messages(&indexed)? {
                break;
            }
            if let Some(closing) = self.closing.get_mut(place) {
                let Closing { last_block, last_hash, timestamp, .. } = *closing;
                let batch = closing.batch.clone();
                let order =
                    Order { batch, last_block, last_hash, timestamp, previous, messages, queue_end, queue_hash };
                self.closer.order(closing.order.insert(Arc::new(order)));
            }
        }
        Ok(())
    }

    /// Makes jobs of what the closer has done.
    pub(super) fn adopt_closed(&mut self) -> Result<(), EngineError> {
        while let Some(Closed { last_hash, payload }) = self.closer.take()? {
            // It works in order. What is not awaited was taken back meanwhile.
            let Some(closing) = self.closing.pop_front_if(|closing| closing.last_hash == last_hash) else { continue };
            let Some(order) = closing.order else { continue };
            let payload = payload?;
            let (payload_bytes, sequence) = (payload.len(), self.next_sequence()?);
            let Order { batch, last_block, queue_end, queue_hash, .. } = &*order;
            self.store.put_job(&BatchJob {
                sequence,
                first_block: batch.first_block,
                last_block: *last_block,
                checkpoint: batch.checkpoint,
                queue_end: *queue_end,
                queue_hash: *queue_hash,
                payload: payload.into(),
                tx: None,
            })?;
            self.record_open_batches()?;
            info!(
                sequence,
                first_block = batch.first_block,
                last_block,
                transactions = batch.transaction_count,
                messages = batch.message_count,
                payload_bytes,
                reason = closing.reason,
                "batch closed"
            );
            self.closed.notify_one();
        }
        Ok(())
    }
}

/// Encodes a batch and checks that it derives to the blocks that were promised.
fn close(chain: &ChainConfig, store: &Store, order: &Order) -> Result<Vec<u8>, EngineError> {
    let payload = encode(chain, store, order)?;
    check_derivation(chain, store, order, payload.clone())?;
    Ok(payload)
}

/// The payload as it is posted, with the names that the address table gives at the state before the batch (EVM-PL-5).
fn encode(chain: &ChainConfig, store: &Store, order: &Order) -> Result<Vec<u8>, EngineError> {
    let table = RefCell::new(WorldState::open(order.previous.state_root, store));
    let failed = RefCell::new(None);
    let index_of = |address: &Address| {
        table.borrow_mut().table_index(*address).unwrap_or_else(|error| {
            failed.replace(Some(error));
            None
        })
    };
    let payload = order.batch.encode(chain, index_of)?;
    failed.into_inner().map_or(Ok(payload), |error| Err(error.into()))
}

fn check_derivation(chain: &ChainConfig, store: &Store, order: &Order, payload: Vec<u8>) -> Result<(), EngineError> {
    let Order { batch, previous, queue_end, queue_hash, .. } = order;
    let header = BatchHeader {
        index: 0,
        parent_hash: previous.batch_hash,
        data_kind: DataKind::Calldata,
        data_hash: calldata_hash(&payload),
        queue_end: *queue_end,
        queue_hash: *queue_hash,
        checkpoint_hash: batch.checkpoint.hash(),
        config_hash: chain.hash(),
        posted_at: order.timestamp,
    };
    let input = BatchInput {
        header,
        config: chain.clone(),
        checkpoint: batch.checkpoint,
        messages: order.messages.clone(),
        payload: payload.into(),
    };
    let derived = Evm.transition(previous, &input, store)?.output;
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
