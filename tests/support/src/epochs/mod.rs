//! Epochs of a chain in memory, run natively and in the machine.

pub mod worst;

use std::{collections::HashMap, fs, path::PathBuf};

use alloy_primitives::{B256, Bytes, keccak256};
use tandem_chain::{
    BatchInput, DataKind, L1Data, Message, OutputFields,
    batch::{blobs_hash, calldata_hash},
    epoch::{self, EpochInputs, EpochPreimages, Recorder, limits::EPOCH_STEPS_MAX},
};
use tandem_evm::{
    Evm, EvmBlock,
    payload::{Payload, PayloadBlock, encode},
};
use tandem_vm::{Image, Machine, OracleKey, PreimageMap, fast::Stop};

use crate::{
    chain::{Memory, TestChain},
    config,
};

/// The committed program that judges epochs.
pub fn guest() -> Image {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../prover/guest/elf/epoch.elf"].iter().collect();
    Image::from_elf(&fs::read(path).unwrap()).unwrap()
}

/// Batches of one epoch, on a chain whose L1 is a test.
pub struct Epoch {
    pub chain: TestChain,
    previous: OutputFields,
    queue_hash: B256,
    /// Pre-images of the state before the epoch.
    before: HashMap<B256, Bytes>,
    batches: Vec<(BatchInput, L1Data)>,
    /// Gas used by all blocks.
    pub gas: u64,
}

/// What a run in the machine took.
pub struct Run {
    pub machine: Machine,
    pub oracle: PreimageMap,
    pub inputs: EpochInputs,
    /// Gas used by all blocks.
    pub gas: u64,
}

impl Epoch {
    pub fn after(chain: TestChain) -> Self {
        let before = chain.memory.0.clone();
        Self { previous: chain.output, queue_hash: chain.header.queue_hash, before, batches: Vec::new(), gas: 0, chain }
    }

    pub fn genesis() -> Self {
        Self::after(TestChain::new(config()))
    }

    /// Adds a batch with its payload in calldata; nothing of it needs to be valid.
    pub fn calldata(&mut self, messages: Vec<Message>, payload: Vec<u8>) -> Vec<EvmBlock> {
        let data_hash = calldata_hash(&payload);
        let data = L1Data::Calldata(payload.clone().into());
        self.push(messages, payload.into(), DataKind::Calldata, data_hash, data)
    }

    pub fn blobs(&mut self, messages: Vec<Message>, payload: Vec<u8>, blobs: Vec<Vec<u8>>) {
        // The machine takes the oracle's word for what is in a blob; only witnesses need hashes of commitments.
        let versioned_hashes = blobs.iter().map(keccak256).collect();
        self.blobs_with_hashes(messages, payload, blobs, versioned_hashes);
    }

    pub fn blobs_with_hashes(
        &mut self,
        messages: Vec<Message>,
        payload: Vec<u8>,
        blobs: Vec<Vec<u8>>,
        versioned_hashes: Vec<B256>,
    ) {
        let data_hash = blobs_hash(&versioned_hashes);
        let blobs = blobs.into_iter().map(Bytes::from).collect();
        self.push(messages, payload.into(), DataKind::Blobs, data_hash, L1Data::Blobs { versioned_hashes, blobs });
    }

    pub fn forced(&mut self, messages: Vec<Message>) {
        self.push(messages, Bytes::new(), DataKind::None, B256::ZERO, L1Data::None);
    }

    pub fn push(
        &mut self,
        messages: Vec<Message>,
        payload: Bytes,
        kind: DataKind,
        data_hash: B256,
        data: L1Data,
    ) -> Vec<EvmBlock> {
        let mut batch = self.chain.input(messages, payload);
        (batch.header.data_kind, batch.header.data_hash) = (kind, data_hash);
        let blocks = self.chain.apply(&batch);
        self.gas += blocks.iter().map(|block| block.header.gas_used).sum::<u64>();
        self.batches.push((batch, data));
        blocks
    }

    /// The batches so far, as L1 holds them.
    pub fn batches(&self) -> &[(BatchInput, L1Data)] {
        &self.batches
    }

    /// Runs natively and in the machine; both must say what the chain says.
    pub fn check(self) -> Run {
        let run = check(&self.previous, self.queue_hash, self.before, &self.batches, &self.chain.output);
        Run { gas: self.gas, ..run }
    }
}

/// Runs batches after `previous` natively and in the machine; both must come to `expected`.
pub fn check(
    previous: &OutputFields,
    mut queue_hash: B256,
    before: HashMap<B256, Bytes>,
    batches: &[(BatchInput, L1Data)],
    expected: &OutputFields,
) -> Run {
    let hash = |batch: Option<&(BatchInput, L1Data)>| batch.unwrap().0.header.hash();
    let inputs = EpochInputs {
        previous_output: previous.hash(),
        first_batch_hash: hash(batches.first()),
        last_batch_hash: hash(batches.last()),
    };
    let mut preimages = EpochPreimages::new(Memory(before), previous);
    for (batch, data) in batches {
        queue_hash = preimages.add_batch(batch, data, queue_hash);
    }
    let recorder = Recorder::new(preimages);
    let native = epoch::run(&Evm, &inputs, &recorder).unwrap();
    assert_eq!(native, *expected);

    let mut oracle = PreimageMap::default();
    oracle.insert(&inputs.encode());
    let (preimages, elements) = recorder.into_answers();
    assert!(preimages.values().all(|bytes| bytes.len() <= 100_000), "each loads in one transaction");
    preimages.into_values().for_each(|bytes| _ = oracle.insert(&bytes));
    elements.into_iter().for_each(|((hash, index), element)| oracle.insert_blob_element(hash, index, element));
    let key = OracleKey::inputs(inputs.previous_output, inputs.first_batch_hash, inputs.last_batch_hash);
    let mut machine = Machine::new(&guest(), key);
    assert_eq!(machine.run(EPOCH_STEPS_MAX, &mut oracle), Stop::Exited);
    let state = machine.state();
    assert_eq!(state.result(), Some(native.hash()), "exit code {}", state.exit_code);
    Run { machine, oracle, inputs, gas: 0 }
}

pub fn payload(blocks: Vec<PayloadBlock>) -> Vec<u8> {
    encode(&Payload { blocks }, config().l2_chain_id, |_| None).unwrap().compressed(3)
}
