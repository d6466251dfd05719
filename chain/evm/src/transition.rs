//! The EVM chain as a state machine: from an output and a batch to the next output.
//!
//! Rules: EVM-BATCH-1, EVM-BATCH-2, EVM-BATCH-3, EVM-BATCH-4, EVM-WORK-1 (`docs/spec/evm.md`). Everything in the batch is adversarial; the result is defined for all of it.

use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::Decodable;
use core::cell::RefCell;
use tandem_chain::{
    BatchInput, ChainConfig, OutputFields, PreimageSource, Preimages, StateMachine, Transition, TransitionError,
    derive::genesis_output,
};

use crate::{
    block::{BlockAttributes, BlockBuilder, EvmBlock, MIN_WORK_GAS, Rejected},
    fees::BaseFee,
    genesis::genesis_accounts,
    payload::{self, AddressBook, DecodeError, Measured, PayloadBlock, PayloadLimits, SignedTransaction},
    predeploys::FEE_VAULT,
    state::{StateError, WorldState},
    transaction::Recovered,
};

/// The EVM chain's state machine; it has no state of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evm;

impl StateMachine for Evm {
    type Block = EvmBlock;

    fn transition<S: PreimageSource>(
        &self,
        previous: &OutputFields,
        batch: &BatchInput,
        source: &S,
    ) -> Result<Transition<EvmBlock>, TransitionError<S::Error>> {
        let header = source.preimage(previous.last_block_hash).map_err(TransitionError::Source)?;
        let parent =
            Header::decode(&mut header.as_ref()).map_err(|_| TransitionError::Corrupt(previous.last_block_hash))?;
        let mut state = WorldState::open(previous.state_root, source);
        let work_gas = work_gas_of(batch);
        let Measured { payload, work_gas: payload_work_gas } = decode_payload(batch, work_gas, &mut state)?;
        let mut run = Run {
            batch,
            state,
            parent,
            parent_hash: previous.last_block_hash,
            queue_index: previous.queue_index,
            consumed: 0,
            work_gas_left: work_gas.saturating_sub(payload_work_gas),
            blocks: Vec::new(),
            preimages: Vec::new(),
        };
        for block in payload.blocks {
            run.block_from_payload(block)?;
        }
        while run.consumed < batch.messages.len() {
            run.block_from_queue()?;
        }
        run.finish()
    }
}

/// The work that a batch may take: what it declares, within the configuration's (EVM-WORK-1). Beyond that it declared in vain.
fn work_gas_of(batch: &BatchInput) -> u64 {
    batch.header.work_gas.min(batch.config.max_work_gas_per_batch)
}

/// The payload's blocks; none if it is garbage, or takes more than the batch's work by itself (EVM-BATCH-2).
fn decode_payload<S: PreimageSource>(
    batch: &BatchInput,
    work_gas: u64,
    state: &mut WorldState<&S>,
) -> Result<Measured, TransitionError<S::Error>> {
    match payload::decode_measured(
        &batch.payload,
        &payload_limits(&batch.config, work_gas),
        batch.config.l2_chain_id,
        &StateAddressBook(RefCell::new(state)),
    ) {
        Ok(payload) => Ok(payload),
        Err(DecodeError::Invalid(_)) => Ok(Measured::default()),
        Err(DecodeError::AddressBook(error)) => Err(error.into()),
    }
}

/// The decoder's caps under a configuration, for a batch of so much work.
pub fn payload_limits(config: &ChainConfig, work_gas: u64) -> PayloadLimits {
    let bounded = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    PayloadLimits {
        decompressed_bytes_max: bounded(config.max_payload_bytes),
        blocks_max: bounded(config.max_blocks_per_batch),
        transactions_max: bounded(config.max_transactions_per_batch),
        work_gas_max: work_gas,
    }
}

/// The address table of the state before the batch.
pub struct StateAddressBook<'a, S>(pub RefCell<&'a mut WorldState<S>>);

impl<S: PreimageSource> AddressBook for StateAddressBook<'_, S> {
    type Error = StateError<S::Error>;

    fn address(&self, index: u64) -> Result<Option<Address>, Self::Error> {
        self.0.borrow_mut().table_address(index)
    }
}

/// A batch under execution.
struct Run<'a, S> {
    batch: &'a BatchInput,
    state: WorldState<&'a S>,
    parent: Header,
    parent_hash: B256,
    queue_index: u64,
    /// Messages of the batch that blocks have consumed.
    consumed: usize,
    work_gas_left: u64,
    blocks: Vec<EvmBlock>,
    preimages: Preimages,
}

impl<S: PreimageSource> Run<'_, S> {
    fn block_from_payload(&mut self, block: PayloadBlock) -> Result<(), TransitionError<S::Error>> {
        let latest = self.batch.header.posted_at.saturating_add(self.batch.config.max_timestamp_drift);
        self.block(block.timestamp.min(latest), u64::from(block.message_count), block.transactions)
    }

    /// A block for messages that no block of the payload consumes (EVM-BATCH-4).
    fn block_from_queue(&mut self) -> Result<(), TransitionError<S::Error>> {
        self.block(self.batch.header.posted_at, u64::MAX, Vec::new())
    }

    fn block(
        &mut self,
        timestamp: u64,
        message_count: u64,
        transactions: Vec<SignedTransaction>,
    ) -> Result<(), TransitionError<S::Error>> {
        let attributes = BlockAttributes {
            timestamp: timestamp.max(self.batch.checkpoint.timestamp).max(self.parent.timestamp),
            checkpoint: self.batch.checkpoint,
            first_of_batch: self.blocks.is_empty(),
        };
        let mut builder =
            BlockBuilder::begin(&self.batch.config, &self.parent, self.parent_hash, attributes, &mut self.state)?;
        let waiting = self.batch.messages.get(self.consumed..).unwrap_or_default();
        for (message, _) in waiting.iter().zip(0..message_count) {
            if !builder.push_message(self.queue_index, message)? {
                break;
            }
            self.queue_index = self.queue_index.saturating_add(1);
            self.consumed = self.consumed.saturating_add(1);
        }
        for transaction in transactions {
            self.work_gas_left =
                self.work_gas_left.saturating_sub(work(&mut builder, transaction, self.work_gas_left)?);
        }
        let (block, mut preimages) = builder.seal()?;
        self.preimages.append(&mut preimages);
        self.parent = block.header.clone();
        self.parent_hash = block.hash;
        self.blocks.push(block);
        Ok(())
    }

    fn finish(mut self) -> Result<Transition<EvmBlock>, TransitionError<S::Error>> {
        let output = OutputFields {
            config_hash: self.batch.header.config_hash,
            batch_hash: self.batch.header.hash(),
            last_block_hash: self.parent_hash,
            state_root: self.state.root(),
            message_root: self.state.message_root()?,
            queue_index: self.queue_index,
        };
        Ok(Transition { output, blocks: self.blocks, preimages: self.preimages })
    }
}

/// Executes or skips a transaction of the payload; returns the work that it cost (EVM-WORK-1).
fn work<S: PreimageSource>(
    builder: &mut BlockBuilder<'_, S>,
    transaction: SignedTransaction,
    work_gas_left: u64,
) -> Result<u64, TransitionError<S::Error>> {
    if work_gas_left < MIN_WORK_GAS {
        return Ok(0);
    }
    let Ok(recovered) = Recovered::new(transaction) else { return Ok(MIN_WORK_GAS) };
    match builder.push_transaction(recovered, work_gas_left) {
        Ok(work) => Ok(work),
        Err(Rejected::State(error)) => Err(error.into()),
        Err(_) => Ok(MIN_WORK_GAS),
    }
}

/// The chain before its first block.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// The header of block 0.
    pub header: Header,
    /// Keccak of that header's RLP.
    pub hash: B256,
    /// The output before batch 1 (L1-OUT-2).
    pub output: OutputFields,
    /// State nodes, code, and the header.
    pub preimages: Preimages,
}

/// A source that knows nothing: genesis reads nothing.
#[derive(Clone, Copy, Debug)]
struct Nothing;

/// Nothing was asked for that genesis does not itself write.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the empty state has no pre-image {0}")]
pub struct NothingThere(pub B256);

impl PreimageSource for Nothing {
    type Error = NothingThere;

    fn preimage(&self, hash: B256) -> Result<Bytes, NothingThere> {
        Err(NothingThere(hash))
    }
}

/// Builds the genesis of a configuration (EVM-GEN-1).
pub fn genesis(config: &ChainConfig) -> Result<Genesis, TransitionError<NothingThere>> {
    let mut state = WorldState::open(alloy_consensus::EMPTY_ROOT_HASH, Nothing);
    for (address, account) in genesis_accounts(config) {
        state.insert(address, account.nonce, account.balance, &account.code, &account.storage);
    }
    let (state_root, mut preimages) = state.seal()?;
    let base_fee = BaseFee { execution: config.min_base_fee, data: 0 };
    let header = Header {
        beneficiary: FEE_VAULT,
        state_root,
        gas_limit: config.block_gas_limit,
        timestamp: config.genesis_timestamp,
        base_fee_per_gas: Some(base_fee.total()),
        extra_data: base_fee.extra_data(),
        withdrawals_root: Some(alloy_consensus::EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH),
        ..Default::default()
    };
    let encoded = alloy_rlp::encode(&header);
    let hash = alloy_primitives::keccak256(&encoded);
    preimages.push((hash, encoded.into()));
    Ok(Genesis { output: genesis_output(config, hash, state_root), header, hash, preimages })
}
