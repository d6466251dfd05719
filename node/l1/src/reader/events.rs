//! Logs into typed events. Rules L1-MSG-6, L1-CP-3, L1-BATCH-1, L1-BATCH-8, L1-EPOCH-1, L1-CLAIM-1, L1-CLAIM-4, L1-CLAIM-5.

use super::{
    bad_event::BadEvent,
    config::ReaderConfig,
    dispute::{self, DisputeLog},
    error::ReaderError,
};
use crate::{
    bindings::{FraudSettlement, FraudSettlement::ClaimStatus, Inbox},
    client::{BlockRef, L1Header},
};
use alloy::{
    primitives::{Address, B256, TxHash, U256},
    rpc::types::Log,
    sol_types::SolEvent,
};
use tandem_chain::{BatchHeader, Checkpoint, Message, OutputFields, output::claim_id};

/// A message as it was enqueued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// Position in the queue.
    pub index: u64,
    /// The queue's hash after it, as the event says.
    pub queue_hash: B256,
    /// The message as it was enqueued.
    pub message: Message,
}

/// A batch as it was appended; its payload is fetched by [`crate::PayloadFetcher`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostedBatch {
    /// The header that L1 fixed.
    pub header: BatchHeader,
    /// The checkpoint that it names.
    pub checkpoint: Checkpoint,
    /// The transaction that appended it.
    pub transaction_hash: TxHash,
}

/// An epoch that closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedEpoch {
    /// Number of the epoch; the first is 1.
    pub epoch: u64,
    /// Index of its last batch.
    pub last_batch: u64,
}

/// What happened to claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a few per block; a copy is simpler than a box")]
pub enum ClaimEvent {
    /// A claim was posted.
    Posted {
        /// Id of the claim.
        claim_id: B256,
        /// Id of the slot that it is in.
        slot_id: B256,
        /// The claim that it builds on.
        parent: B256,
        /// The epoch that it ends.
        epoch: u64,
        /// The output that it claims.
        output: OutputFields,
        /// The account that posted it.
        claimant: Address,
    },
    /// A claim became final: its output settles every batch up to the end of its epoch.
    Finalized {
        /// Id of the claim.
        claim_id: B256,
        /// Hash of the output.
        output: B256,
        /// The epoch that it ends.
        epoch: u64,
    },
    /// Two claims contradict each other.
    Contested {
        /// Id of the slot that both are in.
        slot_id: B256,
    },
    /// A dispute was decided.
    Decided {
        /// Id of the slot that was decided.
        slot_id: B256,
        /// The claim that is right; posted by nobody, if nobody claimed the output.
        winner: B256,
        /// Hash of the right output.
        output: B256,
    },
    /// A dispute found that the fraud-proof program has no answer: nothing above the slot's parent becomes final until the owner replaces it.
    Failed {
        /// Id of the slot that failed.
        slot_id: B256,
    },
    /// A claim is out.
    Discarded {
        /// Id of the claim.
        claim_id: B256,
        /// How it ended: defeated, or void.
        status: ClaimStatus,
        /// Wei of its bond that burned.
        burned: U256,
    },
}

/// An L1 block with everything in it that concerns the chain, each list in the order of the logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L1Block {
    /// Number of the L1 block.
    pub number: u64,
    /// Hash of the L1 block.
    pub hash: B256,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Time of the L1 block, in seconds since the Unix epoch.
    pub timestamp: u64,
    /// Messages enqueued. A batch of the same block may consume them.
    pub messages: Vec<QueuedMessage>,
    /// Batches that the block appended.
    pub batches: Vec<PostedBatch>,
    /// Checkpoints stored (of this block).
    pub checkpoints: Vec<Checkpoint>,
    /// Epochs that closed in the block.
    pub epochs: Vec<ClosedEpoch>,
    /// What happened to claims in the block.
    pub claims: Vec<ClaimEvent>,
    /// What happened in the dispute contracts that the reader was told of.
    pub disputes: Vec<DisputeLog>,
}

impl L1Block {
    /// Number and hash of the block.
    pub fn id(&self) -> BlockRef {
        BlockRef { number: self.number, hash: self.hash }
    }
}

/// Topics of the events that [`collect`] knows.
pub(super) fn topics(config: &ReaderConfig) -> Vec<B256> {
    let mut topics = vec![
        Inbox::MessageEnqueued::SIGNATURE_HASH,
        Inbox::CheckpointStored::SIGNATURE_HASH,
        Inbox::BatchAppended::SIGNATURE_HASH,
        Inbox::EpochClosed::SIGNATURE_HASH,
        FraudSettlement::ClaimPosted::SIGNATURE_HASH,
        FraudSettlement::ClaimFinalized::SIGNATURE_HASH,
        FraudSettlement::SlotContested::SIGNATURE_HASH,
        FraudSettlement::SlotDecided::SIGNATURE_HASH,
        FraudSettlement::SlotFailed::SIGNATURE_HASH,
        FraudSettlement::ClaimDiscarded::SIGNATURE_HASH,
    ];
    if !config.disputes.is_empty() {
        topics.extend(dispute::topics());
    }
    topics
}

/// The block of `header` with its logs, which must all be its own.
pub(super) fn collect(header: &L1Header, config: &ReaderConfig, mut logs: Vec<Log>) -> Result<L1Block, ReaderError> {
    let mut block = L1Block {
        number: header.id.number,
        hash: header.id.hash,
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
        ..L1Block::default()
    };
    logs.sort_by_key(|log| log.log_index);
    for log in &logs {
        add(&mut block, config, log).map_err(|reason| ReaderError::BadEvent {
            block: header.id.number,
            transaction: log.transaction_hash.unwrap_or_default(),
            reason: Box::new(reason),
        })?;
    }
    Ok(block)
}

fn add(block: &mut L1Block, config: &ReaderConfig, log: &Log) -> Result<(), BadEvent> {
    if log.removed || log.block_hash != Some(block.hash) {
        return Err(BadEvent::WrongBlock);
    }
    let Some(topic) = log.topic0() else { return Ok(()) };
    if log.address() == config.inbox {
        match *topic {
            Inbox::MessageEnqueued::SIGNATURE_HASH => block.messages.push(message(log)?),
            Inbox::BatchAppended::SIGNATURE_HASH => block.batches.push(batch(log)?),
            Inbox::CheckpointStored::SIGNATURE_HASH => {
                block
                    .checkpoints
                    .push(Inbox::CheckpointStored::decode_log_validate(&log.inner)?.data.checkpoint.into());
            }
            Inbox::EpochClosed::SIGNATURE_HASH => {
                let Inbox::EpochClosed { epoch, lastBatch: last_batch } =
                    Inbox::EpochClosed::decode_log_validate(&log.inner)?.data;
                block.epochs.push(ClosedEpoch { epoch, last_batch });
            }
            _ => {}
        }
    } else if log.address() == config.settlement {
        block.claims.extend(claim(*topic, log)?);
    } else if config.disputes.contains(&log.address()) {
        block.disputes.extend(dispute::read(*topic, log)?);
    }
    Ok(())
}

/// The batch of a `BatchAppended` log of the Inbox; none if the log is no such event.
pub(crate) fn posted_batch(log: &Log) -> Option<PostedBatch> {
    batch(log).ok()
}

fn message(log: &Log) -> Result<QueuedMessage, BadEvent> {
    let event = Inbox::MessageEnqueued::decode_log_validate(&log.inner)?.data;
    Ok(QueuedMessage { index: event.index, queue_hash: event.queueHash, message: Message::decode(&event.message)? })
}

fn batch(log: &Log) -> Result<PostedBatch, BadEvent> {
    let event = Inbox::BatchAppended::decode_log_validate(&log.inner)?.data;
    let header = BatchHeader::try_from(event.header)?;
    check_hash(event.batchHash, header.hash())?;
    let checkpoint = Checkpoint::from(event.checkpoint);
    check_hash(header.checkpoint_hash, checkpoint.hash())?;
    Ok(PostedBatch { header, checkpoint, transaction_hash: log.transaction_hash.ok_or(BadEvent::NoTransaction)? })
}

fn claim(topic: B256, log: &Log) -> Result<Option<ClaimEvent>, BadEvent> {
    Ok(match topic {
        FraudSettlement::ClaimPosted::SIGNATURE_HASH => {
            let event = FraudSettlement::ClaimPosted::decode_log_validate(&log.inner)?.data;
            let output = OutputFields::from(event.fields);
            check_hash(event.output, output.hash())?;
            check_hash(event.claimId, claim_id(event.slotId, event.output))?;
            Some(ClaimEvent::Posted {
                claim_id: event.claimId,
                slot_id: event.slotId,
                parent: event.parent,
                epoch: event.epoch,
                output,
                claimant: event.claimant,
            })
        }
        FraudSettlement::ClaimFinalized::SIGNATURE_HASH => {
            let event = FraudSettlement::ClaimFinalized::decode_log_validate(&log.inner)?.data;
            Some(ClaimEvent::Finalized { claim_id: event.claimId, output: event.output, epoch: event.epoch })
        }
        FraudSettlement::SlotContested::SIGNATURE_HASH => {
            let event = FraudSettlement::SlotContested::decode_log_validate(&log.inner)?.data;
            Some(ClaimEvent::Contested { slot_id: event.slotId })
        }
        FraudSettlement::SlotDecided::SIGNATURE_HASH => {
            let event = FraudSettlement::SlotDecided::decode_log_validate(&log.inner)?.data;
            check_hash(event.winner, claim_id(event.slotId, event.output))?;
            Some(ClaimEvent::Decided { slot_id: event.slotId, winner: event.winner, output: event.output })
        }
        FraudSettlement::SlotFailed::SIGNATURE_HASH => {
            let event = FraudSettlement::SlotFailed::decode_log_validate(&log.inner)?.data;
            Some(ClaimEvent::Failed { slot_id: event.slotId })
        }
        FraudSettlement::ClaimDiscarded::SIGNATURE_HASH => {
            let event = FraudSettlement::ClaimDiscarded::decode_log_validate(&log.inner)?.data;
            Some(ClaimEvent::Discarded { claim_id: event.claimId, status: event.status, burned: event.burned })
        }
        _ => None,
    })
}

fn check_hash(named: B256, found: B256) -> Result<(), BadEvent> {
    if named == found { Ok(()) } else { Err(BadEvent::WrongHash { named, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Bytes, LogData};
    use tandem_chain::DataKind;

    const INBOX: Address = Address::repeat_byte(1);

    fn config() -> ReaderConfig {
        ReaderConfig::new(INBOX, Address::repeat_byte(2), 1)
    }

    fn header() -> L1Header {
        L1Header {
            id: BlockRef { number: 7, hash: B256::repeat_byte(7) },
            parent_hash: B256::repeat_byte(6),
            timestamp: 70,
            base_fee: 1,
        }
    }

    fn log(data: LogData) -> Log {
        Log {
            inner: alloy::primitives::Log { address: INBOX, data },
            block_hash: Some(header().id.hash),
            block_number: Some(7),
            transaction_hash: Some(B256::repeat_byte(9)),
            ..Log::default()
        }
    }

    fn appended() -> Inbox::BatchAppended {
        let checkpoint = Checkpoint { number: 3, ..Checkpoint::default() };
        let header = BatchHeader {
            index: 1,
            parent_hash: B256::ZERO,
            parent_content_hash: B256::ZERO,
            data_kind: DataKind::Calldata,
            data_hash: B256::repeat_byte(1),
            queue_end: 0,
            queue_hash: B256::ZERO,
            checkpoint_hash: checkpoint.hash(),
            config_hash: B256::repeat_byte(2),
            work_gas: 5,
            posted_at: 70,
        };
        Inbox::BatchAppended {
            index: 1,
            batchHash: header.hash(),
            header: header.into(),
            checkpoint: checkpoint.into(),
        }
    }

    fn reason(logs: Vec<Log>) -> BadEvent {
        match collect(&header(), &config(), logs) {
            Err(ReaderError::BadEvent { reason, block: 7, .. }) => *reason,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn events_come_out_in_the_order_of_the_logs() {
        let enqueued = |index, log_index| Log {
            log_index: Some(log_index),
            ..log(Inbox::MessageEnqueued { index, queueHash: B256::ZERO, message: Message::default().encode().into() }
                .encode_log_data())
        };
        let block =
            collect(&header(), &config(), vec![enqueued(1, 8), log(appended().encode_log_data()), enqueued(0, 2)])
                .unwrap();
        assert_eq!(block.messages.iter().map(|message| message.index).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(block.batches[0].header.hash(), appended().batchHash);
        assert_eq!(block.id(), header().id);
    }

    #[test]
    fn a_batch_that_does_not_hash_to_its_name_is_refused() {
        let mut event = appended();
        event.header.content.queueEnd = 1;
        assert!(matches!(reason(vec![log(event.encode_log_data())]), BadEvent::WrongHash { .. }));
        let mut event = appended();
        event.checkpoint.timestamp = 1;
        assert!(matches!(reason(vec![log(event.encode_log_data())]), BadEvent::WrongHash { .. }));
    }

    #[test]
    fn a_batch_of_unknown_kind_is_refused() {
        let mut event = appended();
        event.header.content.dataKind = 9;
        assert!(matches!(reason(vec![log(event.encode_log_data())]), BadEvent::DataKind(_)));
    }

    #[test]
    fn a_truncated_message_is_refused() {
        let event = Inbox::MessageEnqueued { index: 0, queueHash: B256::ZERO, message: Bytes::from_static(&[0; 100]) };
        assert!(matches!(reason(vec![log(event.encode_log_data())]), BadEvent::Message(_)));
    }

    #[test]
    fn what_becomes_of_claims_is_told_in_order() {
        let settled = |data, log_index| {
            let mut log = Log { log_index: Some(log_index), ..log(data) };
            log.inner.address = config().settlement;
            log
        };
        let (slot_id, output) = (B256::repeat_byte(3), B256::repeat_byte(4));
        let winner = claim_id(slot_id, output);
        let decided = FraudSettlement::SlotDecided { slotId: slot_id, winner, output };
        let failed = FraudSettlement::SlotFailed { slotId: slot_id };
        let discarded =
            FraudSettlement::ClaimDiscarded { claimId: winner, status: ClaimStatus::Defeated, burned: U256::from(5) };
        let logs = vec![
            settled(discarded.encode_log_data(), 3),
            settled(decided.encode_log_data(), 1),
            settled(failed.encode_log_data(), 2),
        ];
        assert_eq!(
            collect(&header(), &config(), logs).unwrap().claims,
            [
                ClaimEvent::Decided { slot_id, winner, output },
                ClaimEvent::Failed { slot_id },
                ClaimEvent::Discarded { claim_id: winner, status: ClaimStatus::Defeated, burned: U256::from(5) },
            ]
        );
        for known in [decided.encode_log_data(), failed.encode_log_data(), discarded.encode_log_data()] {
            assert!(topics(&config()).contains(&known.topics()[0]), "the reader asks for it");
        }
        let wrong = FraudSettlement::SlotDecided { slotId: slot_id, winner: slot_id, output };
        assert!(matches!(reason(vec![settled(wrong.encode_log_data(), 1)]), BadEvent::WrongHash { .. }));
    }

    #[test]
    fn broken_abi_is_refused() {
        let mut data = appended().encode_log_data();
        data.data = data.data.slice(..64);
        assert!(matches!(reason(vec![log(data)]), BadEvent::Abi(_)));
    }

    #[test]
    fn logs_of_other_blocks_are_refused() {
        let foreign = Log { block_hash: Some(B256::ZERO), ..log(appended().encode_log_data()) };
        assert!(matches!(reason(vec![foreign]), BadEvent::WrongBlock));
        let removed = Log { removed: true, ..log(appended().encode_log_data()) };
        assert!(matches!(reason(vec![removed]), BadEvent::WrongBlock));
        let loose = Log { transaction_hash: None, ..log(appended().encode_log_data()) };
        assert!(matches!(reason(vec![loose]), BadEvent::NoTransaction));
    }

    #[test]
    fn logs_of_other_contracts_are_ignored() {
        let mut foreign = log(appended().encode_log_data());
        foreign.inner.address = Address::repeat_byte(5);
        assert!(collect(&header(), &config(), vec![foreign]).unwrap().batches.is_empty());
    }
}
