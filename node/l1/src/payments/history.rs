//! The events of queue and settlement up to a block, in bounded ranges. Rules: L1-MSG-2, L1-MSG-6, L1-MSG-8, PAY-OUTPUT.

use super::genesis;
use crate::{
    bindings::{Inbox, ValiditySettlement, payments::BatchEnv},
    client::{L1Client, L1Header, RpcFailure},
};
use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, TxHash, keccak256},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use tandem_chain::{ChainConfig, OutputFields, message::queue_hash_after};
use tandem_payments::data::{DataError, Message, elements};

/// A message of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedRecord {
    /// Its position in the queue.
    pub index: u64,
    /// The queue's hash after it (L1-MSG-2).
    pub queue_hash: B256,
    /// The bytes that are hashed, and that the messages segment of a batch holds.
    pub record: Bytes,
    /// What they say.
    pub message: Message,
    /// Number of the L1 block that has it.
    pub block: u64,
}

/// What the settlement says of a batch that is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchEvent {
    /// Index of the batch; 0 is genesis, which has no transaction of its own.
    pub index: u64,
    /// The output's hash (L1-OUT-1).
    pub output: B256,
    /// The output after the batch (PAY-OUTPUT).
    pub fields: OutputFields,
    /// Time and operator of the batch.
    pub env: BatchEnv,
    /// Leaves after it, the sentinel included.
    pub leaf_count: u64,
    /// The transaction whose input the segments are.
    pub transaction: TxHash,
    /// The L1 block that has it.
    pub block_hash: B256,
    /// Number of that block.
    pub block: u64,
}

/// Everything that queue and settlement said up to a block.
#[derive(Clone, Debug)]
pub struct History {
    /// The last block that was read.
    pub head: L1Header,
    /// Every message, by index.
    pub messages: Vec<QueuedRecord>,
    /// Every batch, by index, genesis first.
    pub batches: Vec<BatchEvent>,
}

/// Why the events cannot be had, or are none.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// L1 reorganised while it was read: try again.
    #[error("L1 block {number} changed while the events were read; run it again")]
    Moved {
        /// The last block that was to be read.
        number: u64,
    },
    /// A log of a block that was not asked for.
    #[error(
        "the L1 endpoint gives an event of block {found}, and was asked for those of blocks {first} to {last}; use another --l1-rpc"
    )]
    OtherBlock {
        /// Number of the first block that was asked for.
        first: u64,
        /// Number of the last one.
        last: u64,
        /// Number of the block that the log names.
        found: u64,
    },
    /// A log that no contract of this chain emits.
    #[error("the L1 endpoint gives a broken event in block {block:?} ({transaction:?}): {source}")]
    Event {
        /// Number of the L1 block, as the log names it.
        block: Option<u64>,
        /// Hash of the L1 transaction, as the log names it.
        transaction: Option<TxHash>,
        /// What is wrong with it.
        source: Box<BadRecord>,
    },
    /// Events are missing that the contracts have counted.
    #[error(
        "the L1 endpoint gives {found} {what}, the contracts have {expected}: it leaves some out, or --deployment names a later start block; use another --l1-rpc"
    )]
    Missing {
        /// What is missing, in words for people.
        what: &'static str,
        /// How many the contracts count.
        expected: u64,
        /// How many the endpoint gave.
        found: u64,
    },
    /// The Inbox has another queue than the events tell.
    #[error(
        "the Inbox has queue hash {found} after {length} messages, its events say {expected}; use another --l1-rpc"
    )]
    OtherQueue {
        /// How many messages there are.
        length: u64,
        /// The queue's hash by the events.
        expected: B256,
        /// The hash in the Inbox.
        found: B256,
    },
    /// The settlement holds another output than its last event tells.
    #[error("the settlement has output {found} after batch {index}, its event says {expected}; use another --l1-rpc")]
    OtherOutput {
        /// Index of the last batch.
        index: u64,
        /// The output in the event.
        expected: B256,
        /// The output in the settlement.
        found: B256,
    },
}

impl HistoryError {
    /// Whether events do not go together with those that are known: then either may be what is wrong.
    pub(super) fn is_mismatch(&self) -> bool {
        match self {
            Self::Rpc(_) | Self::Moved { .. } | Self::OtherBlock { .. } => false,
            Self::Event { .. } | Self::Missing { .. } | Self::OtherQueue { .. } | Self::OtherOutput { .. } => true,
        }
    }
}

/// Why a log is no event of this chain.
#[derive(Debug, thiserror::Error)]
pub enum BadRecord {
    /// It does not decode.
    #[error(transparent)]
    Abi(#[from] alloy::sol_types::Error),
    /// No block or no transaction is named.
    #[error("it names no block")]
    Pending,
    /// Not the next one.
    #[error("it has index {found}, {expected} is next")]
    Index {
        /// The next index.
        expected: u64,
        /// The index that the event names.
        found: u64,
    },
    /// The record is none (PAY-MESSAGE).
    #[error("message: {0}")]
    Message(#[from] DataError),
    /// A record that is not one message.
    #[error("the message has {length} bytes")]
    Length {
        /// Bytes of the record.
        length: usize,
    },
    /// The chain on L1 began with another configuration than the deployment file's, or with other contracts.
    #[error(
        "the chain began with output {found}, by the deployment file it is {expected}: name the file that `tandem deploy` wrote, whose configuration is that of the schedule's first entry, and stays so whatever entry is in force"
    )]
    Genesis {
        /// What the deployment file gives.
        expected: B256,
        /// What the settlement has.
        found: B256,
    },
    /// Event and hash do not go together.
    #[error("its hash is {found}, and should be {expected}")]
    Hash {
        /// What its content hashes to.
        expected: B256,
        /// What the event names.
        found: B256,
    },
}

/// All events from `start_block` to the newest block, as far as they belong to `chain`.
pub async fn read(
    client: &L1Client,
    chain: &ChainConfig,
    start_block: u64,
    blocks_max: u64,
) -> Result<History, HistoryError> {
    let (head, mut events) = (client.latest().await?, Events::default());
    events.read(client, chain, start_block, head, blocks_max).await?;
    Ok(History { head, messages: events.messages, batches: events.batches })
}

/// The logs of all ranges, in order. A range that the endpoint refuses is halved.
async fn logs(
    client: &L1Client,
    chain: &ChainConfig,
    start_block: u64,
    head: u64,
    blocks_max: u64,
) -> Result<Vec<Log>, HistoryError> {
    let filter = Filter::new()
        .address(vec![chain.inbox, chain.settlement])
        .event_signature(vec![Inbox::MessageEnqueued::SIGNATURE_HASH, ValiditySettlement::BatchProven::SIGNATURE_HASH]);
    let (mut all, mut first, mut blocks) = (Vec::new(), start_block, blocks_max);
    while first <= head {
        let last = first.saturating_add(blocks.saturating_sub(1)).min(head);
        match client.logs(&filter.clone().from_block(first).to_block(last)).await {
            Ok(mut logs) => {
                check_blocks(&logs, first, last)?;
                logs.sort_by_key(|log| (log.block_number, log.log_index));
                all.extend(logs);
                first = last.saturating_add(1);
                blocks = blocks.saturating_mul(2).min(blocks_max);
            }
            Err(error) if error.error_response().is_some() && blocks > 1 => blocks /= 2,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(all)
}

/// Every log that names a block names one that was asked for: by that number it is decided later whether the event still stands.
pub(super) fn check_blocks(logs: &[Log], first: u64, last: u64) -> Result<(), HistoryError> {
    let other = logs.iter().filter_map(|log| log.block_number).find(|number| !(first..=last).contains(number));
    other.map_or(Ok(()), |found| Err(HistoryError::OtherBlock { first, last, found }))
}

/// The events behind some that are known.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Messages that are known.
    messages_before: u64,
    /// The queue's hash after the last message, of the known ones or of these (L1-MSG-2).
    queue_hash: B256,
    /// Batches that are known, genesis included.
    batches_before: u64,
    /// Index and output of the last batch, of the known ones or of these.
    last_output: Option<(u64, B256)>,
    /// The messages that follow, in order.
    pub messages: Vec<QueuedRecord>,
    /// The batches that follow, in order.
    pub batches: Vec<BatchEvent>,
}

impl Events {
    /// Behind so many messages with the last of them, and so many batches with theirs.
    pub(super) fn after(
        (messages_before, last_message): (usize, Option<&QueuedRecord>),
        (batches_before, last_batch): (usize, Option<&BatchEvent>),
    ) -> Self {
        Self {
            messages_before: messages_before as u64,
            queue_hash: last_message.map_or(B256::ZERO, |last| last.queue_hash),
            batches_before: batches_before as u64,
            last_output: last_batch.map(|last| (last.index, last.output)),
            ..Self::default()
        }
    }

    /// Reads on from block `first` to `head`. After an error, what was read of it may be there.
    pub(super) async fn read(
        &mut self,
        client: &L1Client,
        chain: &ChainConfig,
        first: u64,
        head: L1Header,
        blocks_max: u64,
    ) -> Result<(), HistoryError> {
        let logs = logs(client, chain, first, head.id.number, blocks_max.max(1)).await?;
        let again = client.header(BlockId::number(head.id.number)).await?;
        if again.is_none_or(|header| header.id != head.id) {
            return Err(HistoryError::Moved { number: head.id.number });
        }
        for log in &logs {
            self.push(chain, log).map_err(|source| HistoryError::Event {
                block: log.block_number,
                transaction: log.transaction_hash,
                source: source.into(),
            })?;
        }
        self.check_complete(client, chain, head).await
    }

    fn message_count(&self) -> u64 {
        self.messages_before.saturating_add(self.messages.len() as u64)
    }

    fn batch_count(&self) -> u64 {
        self.batches_before.saturating_add(self.batches.len() as u64)
    }

    fn push(&mut self, chain: &ChainConfig, log: &Log) -> Result<(), BadRecord> {
        let is_of = |address: Address, signature| log.address() == address && log.topic0() == Some(&signature);
        if is_of(chain.inbox, Inbox::MessageEnqueued::SIGNATURE_HASH) {
            let record = self.message(log)?;
            self.queue_hash = record.queue_hash;
            self.messages.push(record);
        } else if is_of(chain.settlement, ValiditySettlement::BatchProven::SIGNATURE_HASH) {
            let batch = self.batch(chain, log)?;
            self.last_output = Some((batch.index, batch.output));
            self.batches.push(batch);
        }
        Ok(())
    }

    fn message(&self, log: &Log) -> Result<QueuedRecord, BadRecord> {
        let Inbox::MessageEnqueued { index, queueHash: found, message: record } =
            Inbox::MessageEnqueued::decode_log(&log.inner)?.data;
        check_index(self.message_count(), index)?;
        let expected = queue_hash_after(self.queue_hash, keccak256(&record));
        if found != expected {
            return Err(BadRecord::Hash { expected, found });
        }
        let message = message_of(&record)?;
        let block = log.block_number.ok_or(BadRecord::Pending)?;
        Ok(QueuedRecord { index, queue_hash: found, record, message, block })
    }

    fn batch(&self, chain: &ChainConfig, log: &Log) -> Result<BatchEvent, BadRecord> {
        let event = ValiditySettlement::BatchProven::decode_log(&log.inner)?.data;
        check_index(self.batch_count(), event.index)?;
        let fields = OutputFields::from(event.fields);
        // That of genesis is known, so that a foreign chain is noticed at its first event.
        let Ok(genesis) = genesis(chain);
        let (found, known) = (event.output, genesis.hash());
        if event.index == 0 && found != known {
            return Err(BadRecord::Genesis { expected: known, found });
        }
        let expected = fields.hash();
        if event.index > 0 && found != expected {
            return Err(BadRecord::Hash { expected, found });
        }
        Ok(BatchEvent {
            index: event.index,
            output: event.output,
            fields,
            env: event.env,
            leaf_count: event.leafCount,
            transaction: log.transaction_hash.ok_or(BadRecord::Pending)?,
            block_hash: log.block_hash.ok_or(BadRecord::Pending)?,
            block: log.block_number.ok_or(BadRecord::Pending)?,
        })
    }

    /// Nothing is missing, and nothing is another: the contracts count what they emitted, and have the queue's hash and the last output, at the last block that was read.
    async fn check_complete(&self, client: &L1Client, chain: &ChainConfig, head: L1Header) -> Result<(), HistoryError> {
        let head = BlockId::hash(head.id.hash);
        let inbox = Inbox::new(chain.inbox, client.provider());
        let queued = client.call(async { inbox.queueLength().block(head).call().await }).await?;
        let appended = client.call(async { inbox.batchCount().block(head).call().await }).await?.saturating_add(1);
        let messages = ("messages", queued, self.message_count());
        let batches = ("batches, genesis included,", appended, self.batch_count());
        for (what, expected, found) in [messages, batches] {
            if found != expected {
                return Err(HistoryError::Missing { what, expected, found });
            }
        }
        let found = client.call(async { inbox.queueHashOf(queued).block(head).call().await }).await?;
        if found != self.queue_hash {
            return Err(HistoryError::OtherQueue { length: queued, expected: self.queue_hash, found });
        }
        let settlement = ValiditySettlement::new(chain.settlement, client.provider());
        if let Some((index, expected)) = self.last_output {
            let found = client.call(async { settlement.outputOf(index).block(head).call().await }).await?;
            if found != expected {
                return Err(HistoryError::OtherOutput { index, expected, found });
            }
        }
        Ok(())
    }
}

/// The one message that a record is (PAY-MESSAGE).
pub(super) fn message_of(record: &[u8]) -> Result<Message, BadRecord> {
    match Message::decode_all(&elements(record)?)?[..] {
        [message] => Ok(message),
        _ => Err(BadRecord::Length { length: record.len() }),
    }
}

fn check_index(expected: u64, found: u64) -> Result<(), BadRecord> {
    if found == expected { Ok(()) } else { Err(BadRecord::Index { expected, found }) }
}

#[cfg(test)]
pub(super) fn history_of(chain: &ChainConfig, logs: &[Log]) -> Result<History, BadRecord> {
    let (mut events, head) = (
        Events::default(),
        L1Header { id: crate::client::BlockRef::default(), parent_hash: B256::ZERO, timestamp: 0, base_fee: 0 },
    );
    for log in logs {
        events.push(chain, log)?;
    }
    Ok(History { head, messages: events.messages, batches: events.batches })
}
