//! The program that a fraud proof settles: the batches of one epoch, from the previous output to the last batch's.
//!
//! Rules L1-OUT-1, L1-BATCH-1 to L1-BATCH-3, L1-MSG-2, L1-CP-1, L1-CFG-1; VM-3, VM-7 (`docs/spec/vm.md`). The same code runs natively and in
//! the machine: everything is reached by hash from three words that L1 fixes, so only the source knows where bytes come from.
//! Pre-images are adversarial in content as far as they are payloads and messages; formats that L1 hashed itself are well-formed
//! unless the previous output is invented, and then the epoch has no result.

mod host;
pub mod limits;

pub use host::{EpochPreimages, EpochSourceError, Recorder};

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256};
use core::cell::RefCell;

use crate::{
    BatchHeader, BatchInput, ChainConfig, ChainKind, Checkpoint, DataKind, Message, OutputFields, PreimageSource,
    StateMachine, TransitionError,
    blob::{self, BLOB_BYTES},
    output::OUTPUT_VERSION,
};

/// What names an epoch's result, and everything that it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochInputs {
    /// Output of the batch before.
    pub previous_output: B256,
    /// Hash of the epoch's first batch.
    pub first_batch_hash: B256,
    /// The last batch; the same as the first if there is one only.
    pub last_batch_hash: B256,
}

impl EpochInputs {
    /// The bytes whose keccak key the machine starts with (VM-3).
    pub fn encode(&self) -> [u8; 96] {
        let mut bytes = [0; 96];
        let words = [self.previous_output, self.first_batch_hash, self.last_batch_hash];
        bytes.chunks_exact_mut(32).zip(words).for_each(|(chunk, word)| chunk.copy_from_slice(word.as_slice()));
        bytes
    }

    /// Reads what [`EpochInputs::encode`] wrote; nothing if it is anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let ([previous_output, first, last], []) = bytes.as_chunks::<32>() else { return None };
        Some(Self {
            previous_output: previous_output.into(),
            first_batch_hash: first.into(),
            last_batch_hash: last.into(),
        })
    }
}

/// A source of everything an epoch needs: pre-images by keccak hash, and elements of blobs.
pub trait EpochSource: PreimageSource {
    /// Element `index`, below 4096, of the blob with this versioned hash (VM-7).
    fn blob_element(&self, versioned_hash: B256, index: u64) -> Result<B256, Self::Error>;
}

/// The output of an epoch's last batch.
pub fn run<M: StateMachine, S: EpochSource>(
    machine: &M,
    inputs: &EpochInputs,
    source: &S,
) -> Result<OutputFields, TransitionError<S::Error>> {
    let reader = Reader { source, written: RefCell::default() };
    let mut output = reader.output(inputs.previous_output)?;
    for header in reader.headers(inputs)? {
        let batch = reader.batch(header, output.queue_index)?;
        let transition = machine.transition(&output, &batch, &reader)?;
        output = transition.output;
        reader.written.borrow_mut().extend(transition.preimages);
    }
    Ok(output)
}

/// The source, and what earlier batches of the epoch wrote.
struct Reader<'a, S> {
    source: &'a S,
    written: RefCell<BTreeMap<B256, Bytes>>,
}

impl<S: PreimageSource> PreimageSource for Reader<'_, S> {
    type Error = S::Error;

    fn preimage(&self, hash: B256) -> Result<Bytes, S::Error> {
        if let Some(bytes) = self.written.borrow().get(&hash) {
            return Ok(bytes.clone());
        }
        self.source.preimage(hash)
    }
}

impl<S: EpochSource> Reader<'_, S> {
    /// The pre-image of a hash, read by `decode`; corrupt if that refuses.
    fn decoded<T>(&self, hash: B256, decode: impl FnOnce(&[u8]) -> Option<T>) -> Result<T, TransitionError<S::Error>> {
        let bytes = self.preimage(hash).map_err(TransitionError::Source)?;
        decode(&bytes).ok_or(TransitionError::Corrupt(hash))
    }

    fn output(&self, hash: B256) -> Result<OutputFields, TransitionError<S::Error>> {
        self.decoded(hash, |bytes| {
            let mut words = Words::of(bytes, 7)?;
            words.uint::<u64>().filter(|version| *version == OUTPUT_VERSION)?;
            Some(OutputFields {
                config_hash: words.word()?,
                batch_hash: words.word()?,
                last_block_hash: words.word()?,
                state_root: words.word()?,
                message_root: words.word()?,
                queue_index: words.uint()?,
            })
        })
    }

    /// The batches' headers in order, found from the last one backwards.
    fn headers(&self, inputs: &EpochInputs) -> Result<Vec<BatchHeader>, TransitionError<S::Error>> {
        let mut headers = Vec::new();
        let mut hash = inputs.last_batch_hash;
        loop {
            let header = self.header(hash)?;
            headers.push(header);
            if hash == inputs.first_batch_hash {
                headers.reverse();
                return Ok(headers);
            }
            hash = header.parent_hash;
        }
    }

    /// The batch with this hash, which is that of its content, its parent and its time (L1-BATCH-1).
    fn header(&self, hash: B256) -> Result<BatchHeader, TransitionError<S::Error>> {
        let (content_hash, parent_hash, posted_at) = self.decoded(hash, |bytes| {
            let mut words = Words::of(bytes, 3)?;
            Some((words.word()?, words.word()?, words.uint()?))
        })?;
        let content = self.decoded(content_hash, decode_content)?;
        Ok(BatchHeader { parent_hash, posted_at, ..content })
    }

    fn batch(&self, header: BatchHeader, queue_index: u64) -> Result<BatchInput, TransitionError<S::Error>> {
        Ok(BatchInput {
            config: self.decoded(header.config_hash, decode_config)?,
            checkpoint: self.decoded(header.checkpoint_hash, decode_checkpoint)?,
            messages: self.messages(&header, queue_index)?,
            payload: self.payload(&header)?,
            header,
        })
    }

    /// The messages that the batch consumes, found from the last one backwards.
    fn messages(&self, header: &BatchHeader, queue_index: u64) -> Result<Vec<Message>, TransitionError<S::Error>> {
        let mut messages = Vec::new();
        let mut queue_hash = header.queue_hash;
        for _ in queue_index..header.queue_end {
            let [before, message_hash] = self.decoded(queue_hash, |bytes| match bytes.as_chunks::<32>() {
                ([before, message], []) => Some([B256::from(*before), B256::from(*message)]),
                _ => None,
            })?;
            messages.push(self.decoded(message_hash, |bytes| Message::decode(bytes).ok())?);
            queue_hash = before;
        }
        messages.reverse();
        Ok(messages)
    }

    fn payload(&self, header: &BatchHeader) -> Result<Bytes, TransitionError<S::Error>> {
        if header.data_kind == DataKind::None {
            return Ok(Bytes::new());
        }
        let parts: Vec<B256> = self.decoded(header.data_hash, |bytes| match bytes.as_chunks::<32>() {
            (parts, []) => Some(parts.iter().map(B256::from).collect()),
            _ => None,
        })?;
        let mut payload = Vec::new();
        if header.data_kind == DataKind::Calldata {
            for hash in parts {
                payload.extend_from_slice(&self.preimage(hash).map_err(TransitionError::Source)?);
            }
            return Ok(payload.into());
        }
        let blobs = parts.into_iter().map(|hash| self.blob(hash)).collect::<Result<Vec<_>, _>>();
        Ok(blob::unpack(&blobs.map_err(TransitionError::Source)?).unwrap_or_default().into())
    }

    fn blob(&self, versioned_hash: B256) -> Result<Vec<u8>, S::Error> {
        let mut blob = Vec::with_capacity(BLOB_BYTES);
        for index in 0..BLOB_BYTES as u64 / 32 {
            blob.extend_from_slice(self.source.blob_element(versioned_hash, index)?.as_slice());
        }
        Ok(blob)
    }
}

/// A header without parent and time.
fn decode_content(bytes: &[u8]) -> Option<BatchHeader> {
    let mut words = Words::of(bytes, 9)?;
    Some(BatchHeader {
        index: words.uint()?,
        parent_hash: B256::ZERO,
        parent_content_hash: words.word()?,
        data_kind: DataKind::try_from(words.uint::<u8>()?).ok()?,
        data_hash: words.word()?,
        queue_end: words.uint()?,
        queue_hash: words.word()?,
        checkpoint_hash: words.word()?,
        config_hash: words.word()?,
        work_gas: words.uint()?,
        posted_at: 0,
    })
}

fn decode_checkpoint(bytes: &[u8]) -> Option<Checkpoint> {
    let mut words = Words::of(bytes, 4)?;
    Some(Checkpoint {
        number: words.uint()?,
        timestamp: words.uint()?,
        base_fee: words.uint()?,
        blob_base_fee: words.uint()?,
    })
}

fn decode_config(bytes: &[u8]) -> Option<ChainConfig> {
    let mut words = Words::of(bytes, 19)?;
    Some(ChainConfig {
        version: words.uint()?,
        kind: match words.uint::<u8>()? {
            0 => ChainKind::Evm,
            1 => ChainKind::Payments,
            _ => return None,
        },
        l1_chain_id: words.uint()?,
        l2_chain_id: words.uint()?,
        inbox: words.address()?,
        settlement: words.address()?,
        bridge: words.address()?,
        l1_fee_recipient: words.address()?,
        genesis_timestamp: words.uint()?,
        fork: words.uint()?,
        block_gas_limit: words.uint()?,
        max_blocks_per_batch: words.uint()?,
        max_transactions_per_batch: words.uint()?,
        max_payload_bytes: words.uint()?,
        max_messages_per_batch: words.uint()?,
        max_message_gas_per_batch: words.uint()?,
        max_work_gas_per_batch: words.uint()?,
        min_base_fee: words.uint()?,
        max_timestamp_drift: words.uint()?,
    })
}

/// Static `abi.encode` data, word by word; nothing where a word is no value of its type.
struct Words<'a>(core::slice::Iter<'a, [u8; 32]>);

impl<'a> Words<'a> {
    fn of(bytes: &'a [u8], count: usize) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<32>();
        (rest.is_empty() && words.len() == count).then(|| Self(words.iter()))
    }

    fn word(&mut self) -> Option<B256> {
        self.0.next().map(B256::from)
    }

    fn uint<T: TryFrom<U256>>(&mut self) -> Option<T> {
        U256::from_be_bytes(*self.0.next()?).try_into().ok()
    }

    fn address(&mut self) -> Option<Address> {
        let word = self.word()?;
        let address = Address::from_word(word);
        (address.into_word() == word).then_some(address)
    }
}
