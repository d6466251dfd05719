//! Events as the ledger's store keeps them.

use super::{
    BatchEvent, QueuedRecord,
    history::{BadRecord, message_of},
};
use crate::bindings::payments::BatchEnv;
use tandem_store::{ProvenRow, QueueRow};

impl From<&QueuedRecord> for QueueRow {
    fn from(queued: &QueuedRecord) -> Self {
        Self { queue_hash: queued.queue_hash, record: queued.record.clone(), block: queued.block }
    }
}

impl QueuedRecord {
    /// A message as it was kept.
    pub(super) fn kept(index: u64, row: QueueRow) -> Result<Self, BadRecord> {
        let QueueRow { queue_hash, record, block } = row;
        let message = message_of(&record)?;
        Ok(Self { index, queue_hash, record, message, block })
    }
}

impl From<&BatchEvent> for ProvenRow {
    fn from(event: &BatchEvent) -> Self {
        Self {
            fields: event.fields,
            output: event.output,
            timestamp: event.env.timestamp,
            operator: event.env.operator,
            leaf_count: event.leaf_count,
            transaction: event.transaction,
            block_hash: event.block_hash,
            block: event.block,
        }
    }
}

impl BatchEvent {
    /// A batch as it was kept.
    pub(super) fn kept(index: u64, row: ProvenRow) -> Self {
        let ProvenRow { fields, output, timestamp, operator, leaf_count, transaction, block_hash, block } = row;
        let env = BatchEnv { timestamp, operator };
        Self { index, output, fields, env, leaf_count, transaction, block_hash, block }
    }
}
