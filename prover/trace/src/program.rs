//! What the machine runs for an epoch: the guest, the epoch's inputs, and all that it will ask for.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{B256, Bytes};
use tandem_chain::{
    BatchInput, L1Data, OutputFields, PreimageSource, StateMachine,
    epoch::{self, EpochInputs, EpochPreimages, EpochSourceError, Recorder},
    machine::TransitionError,
};
use tandem_vm::{Image, Machine, Oracle, OracleKey, fast::Stop, kzg::BlobOracle, oracle::BlobProof};

use crate::TraceError;

/// An epoch as L1 holds it.
#[derive(Clone, Debug)]
pub struct EpochData {
    /// The output before the first batch.
    pub previous: OutputFields,
    /// The queue's hash before the first batch.
    pub queue_hash: B256,
    /// All batches in order, at least one, each with its data as L1 carries them.
    pub batches: Vec<(BatchInput, L1Data)>,
}

impl EpochData {
    /// The three words that name the run.
    pub fn inputs(&self) -> EpochInputs {
        let hash = |batch: Option<&(BatchInput, L1Data)>| batch.map_or(B256::ZERO, |(batch, _)| batch.header.hash());
        EpochInputs {
            previous_output: self.previous.hash(),
            first_batch_hash: hash(self.batches.first()),
            last_batch_hash: hash(self.batches.last()),
        }
    }
}

/// Why an epoch cannot be run: the native run lacks something.
pub type ProgramError<E> = TransitionError<EpochSourceError<E>>;

/// A run that can be repeated on any thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Program {
    guest: Arc<Image>,
    inputs: OracleKey,
    preimages: Arc<Preimages>,
}

#[derive(Debug, Default)]
struct Preimages {
    /// Pre-images of all kinds.
    by_key: BTreeMap<OracleKey, Arc<[u8]>>,
    /// Which blob an element is of.
    elements: BTreeMap<OracleKey, B256>,
    blobs: BTreeMap<B256, Bytes>,
}

impl Program {
    /// Runs the epoch natively, which finds what the machine will ask for, since it runs the same code; the output of the native run beside it.
    ///
    /// `state` has the state before the epoch.
    pub fn prepare<M: StateMachine, S: PreimageSource>(
        machine: &M,
        guest: Arc<Image>,
        data: &EpochData,
        state: S,
    ) -> Result<(Self, OutputFields), ProgramError<S::Error>> {
        let inputs = data.inputs();
        let mut source = EpochPreimages::new(state, &data.previous);
        let mut queue_hash = data.queue_hash;
        let mut blobs = BTreeMap::new();
        for (batch, l1_data) in &data.batches {
            queue_hash = source.add_batch(batch, l1_data, queue_hash);
            if let L1Data::Blobs { versioned_hashes, blobs: found } = l1_data {
                blobs.extend(versioned_hashes.iter().copied().zip(found.iter().cloned()));
            }
        }
        let recorder = Recorder::new(source);
        let output = epoch::run(machine, &inputs, &recorder)?;
        let (preimages, elements) = recorder.into_answers();
        let words = [inputs.previous_output, inputs.first_batch_hash, inputs.last_batch_hash];
        let mut all = vec![Bytes::copy_from_slice(&inputs.encode())];
        all.extend(preimages.into_values());
        let mut known = Preimages { by_key: by_key(all), elements: BTreeMap::new(), blobs };
        for ((hash, index), value) in elements {
            let key = OracleKey::blob(hash, index);
            known.by_key.insert(key, value.as_slice().into());
            known.elements.insert(key, hash);
        }
        let inputs = OracleKey::inputs(words[0], words[1], words[2]);
        Ok((Self { guest, inputs, preimages: Arc::new(known) }, output))
    }

    /// A run of any program; the pre-images are named by their hashes.
    pub fn new(guest: Arc<Image>, inputs: OracleKey, preimages: impl IntoIterator<Item = Bytes>) -> Self {
        let known = Preimages { by_key: by_key(preimages), ..Preimages::default() };
        Self { guest, inputs, preimages: Arc::new(known) }
    }

    /// The machine before its first step.
    pub fn machine(&self) -> Machine {
        Machine::new(&self.guest, self.inputs)
    }

    /// Runs a machine of this program for so many steps, or until it halts.
    pub(crate) fn run(&self, machine: &mut Machine, steps: u64) -> Result<(), TraceError> {
        match machine.run(steps, &mut self.clone()) {
            Stop::MissingPreimage(key) => Err(TraceError::MissingPreimage { key }),
            Stop::Budget | Stop::Exited => Ok(()),
        }
    }
}

fn by_key(preimages: impl IntoIterator<Item = Bytes>) -> BTreeMap<OracleKey, Arc<[u8]>> {
    preimages.into_iter().map(|bytes| (OracleKey::of_data(&bytes), Arc::from(bytes.as_ref()))).collect()
}

impl Oracle for Program {
    fn preimage(&mut self, key: OracleKey) -> Option<Arc<[u8]>> {
        self.preimages.by_key.get(&key).cloned()
    }

    fn blob_proof(&mut self, key: OracleKey) -> Option<BlobProof> {
        let hash = *self.preimages.elements.get(&key)?;
        // One proof in a dispute's life: nothing is kept for it.
        let mut oracle = BlobOracle::default();
        oracle.insert_blob(hash, self.preimages.blobs.get(&hash)?).ok()?;
        oracle.blob_proof(key)
    }
}
