//! A second chain kind on the same seam: it adds up what its batches say. Shows that derivation and the seam know nothing of the EVM.

use std::{cell::RefCell, collections::HashMap};

use alloy_primitives::{B256, Bytes, U256, keccak256};
use tandem_chain::{
    BatchHeader, BatchInput, ChainConfig, ChainKind, Checkpoint, DataKind, Derivation, DerivationError, L1Batch,
    L1Data, Message, OutputFields, PreimageSource, StateMachine, Transition, TransitionError,
    batch::{blobs_hash, calldata_hash},
    blob,
    derive::{Policy, genesis_output},
    message::queue_hash_after,
};

/// State: one number. A payload of eight bytes is added, every message adds its value; anything else is skipped.
struct Adder;

impl StateMachine for Adder {
    type Block = U256;

    fn transition<S: PreimageSource>(
        &self,
        previous: &OutputFields,
        batch: &BatchInput,
        source: &S,
    ) -> Result<Transition<U256>, TransitionError<S::Error>> {
        let before = source.preimage(previous.state_root).map_err(TransitionError::Source)?;
        let before = U256::try_from_be_slice(&before).ok_or(TransitionError::Corrupt(previous.state_root))?;
        let posted: Option<[u8; 8]> = batch.payload.as_ref().try_into().ok();
        let posted = U256::from(posted.map_or(0, u64::from_be_bytes));
        let after =
            batch.messages.iter().fold(before.wrapping_add(posted), |sum, message| sum.wrapping_add(message.mint));
        let bytes = Bytes::from(after.to_be_bytes_vec());
        let state_root = keccak256(&bytes);
        let output = OutputFields {
            batch_hash: batch.header.hash(),
            last_block_hash: state_root,
            state_root,
            queue_index: batch.header.queue_end,
            ..*previous
        };
        Ok(Transition { output, blocks: vec![after], preimages: vec![(state_root, bytes)] })
    }
}

#[derive(Default)]
struct Memory(RefCell<HashMap<B256, Bytes>>);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("missing {0}")]
struct Missing(B256);

impl PreimageSource for Memory {
    type Error = Missing;

    fn preimage(&self, hash: B256) -> Result<Bytes, Missing> {
        self.0.borrow().get(&hash).cloned().ok_or(Missing(hash))
    }
}

fn config() -> ChainConfig {
    ChainConfig { kind: ChainKind::Payments, ..tandem_support::config() }
}

fn message(mint: u64) -> Message {
    Message { mint: U256::from(mint), ..Default::default() }
}

/// What the Inbox would emit for the next batch.
fn batch(parent: Option<&BatchHeader>, messages: &[Message], data: L1Data) -> L1Batch {
    let checkpoint = Checkpoint::default();
    let (data_kind, data_hash) = match &data {
        L1Data::None => (DataKind::None, B256::ZERO),
        L1Data::Calldata(payload) => (DataKind::Calldata, calldata_hash(payload)),
        L1Data::Blobs { versioned_hashes, .. } => (DataKind::Blobs, blobs_hash(versioned_hashes)),
    };
    let queue_hash = messages.iter().fold(parent.map_or(B256::ZERO, |parent| parent.queue_hash), |hash, message| {
        queue_hash_after(hash, message.hash())
    });
    let header = BatchHeader {
        index: parent.map_or(1, |parent| parent.index + 1),
        parent_hash: parent.map_or(B256::ZERO, BatchHeader::hash),
        parent_content_hash: parent.map_or(B256::ZERO, BatchHeader::content_hash),
        data_kind,
        data_hash,
        queue_end: parent.map_or(0, |parent| parent.queue_end) + messages.len() as u64,
        queue_hash,
        checkpoint_hash: checkpoint.hash(),
        config_hash: config().hash(),
        work_gas: 0,
        posted_at: 7,
    };
    L1Batch { header, checkpoint, data }
}

fn calldata(number: u64) -> L1Data {
    L1Data::Calldata(number.to_be_bytes().into())
}

#[test]
fn another_chain_runs_on_the_same_derivation() {
    let memory = Memory::default();
    let zero = Bytes::from(U256::ZERO.to_be_bytes_vec());
    memory.0.borrow_mut().insert(keccak256(&zero), zero.clone());
    let mut output = genesis_output(&config(), B256::ZERO, keccak256(&zero));
    let mut derivation = Derivation::genesis(config());
    let blobs: Vec<Bytes> = blob::pack(&40u64.to_be_bytes()).into_iter().map(Into::into).collect();
    let data = [
        (vec![], calldata(2)),
        (vec![message(300)], L1Data::None),
        (vec![message(1_000), message(5_000)], L1Data::Blobs { versioned_hashes: vec![B256::repeat_byte(1)], blobs }),
        (vec![], L1Data::Calldata(Bytes::from_static(b"garbage"))),
    ];
    let mut parent = None;
    let mut sums = Vec::new();
    for (messages, data) in data {
        for message in &messages {
            derivation.enqueue(derivation.messages_known(), message.clone()).unwrap();
        }
        let batch = batch(parent.as_ref(), &messages, data);
        parent = Some(batch.header);
        let input = derivation.next(batch).unwrap();
        let transition = Adder.transition(&output, &input, &memory).unwrap();
        memory.0.borrow_mut().extend(transition.preimages);
        output = transition.output;
        sums.extend(transition.blocks);
    }
    assert_eq!(sums, [2, 302, 6_342, 6_342].map(U256::from));
    assert_eq!(output.queue_index, 3);
    let resumed = Derivation::after(config(), parent.as_ref().unwrap());
    assert_eq!((resumed.batch_hash(), resumed.messages_known()), (derivation.batch_hash(), 3));
}

#[test]
fn what_does_not_chain_is_refused_and_changes_nothing() {
    let mut derivation = Derivation::genesis(config());
    derivation.enqueue(0, message(1)).unwrap();
    assert!(matches!(
        derivation.enqueue(0, message(1)),
        Err(DerivationError::MessageOutOfOrder { expected: 1, found: 0 })
    ));
    let good = batch(None, &[message(1)], calldata(5));
    type Tamper = fn(&mut L1Batch);
    let tampered: [(Tamper, Policy); 9] = [
        (|batch| batch.header.index = 2, Policy::Reset),
        (|batch| batch.header.parent_hash = B256::repeat_byte(1), Policy::Reset),
        (|batch| batch.header.config_hash = B256::repeat_byte(1), Policy::Fatal),
        (|batch| batch.checkpoint.number = 1, Policy::Reset),
        (|batch| batch.data = calldata(6), Policy::Retry),
        (|batch| batch.data = L1Data::None, Policy::Retry),
        (|batch| batch.header.queue_end = 2, Policy::Retry),
        (|batch| batch.header.queue_end = 0, Policy::Reset),
        (|batch| batch.header.queue_hash = B256::repeat_byte(1), Policy::Reset),
    ];
    for (index, (tamper, policy)) in tampered.into_iter().enumerate() {
        let mut bad = good.clone();
        tamper(&mut bad);
        let error = derivation.next(bad).unwrap_err();
        assert_eq!(error.policy(), policy, "tampering {index}: {error}");
    }
    assert_eq!(derivation.next(good).unwrap().messages.len(), 1, "the right one still fits");
    let back =
        batch(Some(&BatchHeader { queue_end: 1, ..batch(None, &[message(1)], calldata(5)).header }), &[], calldata(1));
    let mut back = back;
    back.header.queue_end = 0;
    assert!(matches!(derivation.next(back), Err(DerivationError::QueueMovedBack { .. })));
}
