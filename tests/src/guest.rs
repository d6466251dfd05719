//! A chain's batches once more, in the fraud-proof machine with the committed program: it must come to what derivation came to.

use std::path::PathBuf;

use alloy::primitives::B256;
use anyhow::{Context, ensure};
use tandem_chain::{
    BatchInput, Derivation, L1Data, OutputFields,
    epoch::{self, EpochInputs, EpochPreimages, Recorder, limits::EPOCH_STEPS_MAX},
};
use tandem_evm::{Evm, EvmBlock};
use tandem_l1::{L1Update, MemoryStore, PayloadFetcher, Reader};
use tandem_vm::{Image, Machine, OracleKey, PreimageMap, fast::Stop};

/// What loads in one transaction on L1 (VM-7).
const PREIMAGE_BYTES_MAX: usize = 100_000;

/// Runs every batch that L1 has, each as an epoch of its own. `outputs` are those of derivation, that of genesis first; `store` has the states.
pub async fn check(
    mut reader: Reader,
    payloads: &PayloadFetcher,
    mut derivation: Derivation,
    store: &MemoryStore<EvmBlock>,
    outputs: &[OutputFields],
) -> anyhow::Result<()> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../prover/guest/elf/epoch.elf"].iter().collect();
    let guest = Image::from_elf(&std::fs::read(path)?)?;
    ensure!(outputs.len() > 1, "there is no batch to run");
    let mut queue_hash = B256::ZERO;
    let mut pairs = outputs.windows(2);
    let mut next = pairs.next();
    while next.is_some() {
        let L1Update::Block(block) = reader.next().await else { continue };
        for queued in &block.messages {
            derivation.enqueue(queued.index, queued.message.clone())?;
        }
        for posted in &block.batches {
            let Some([previous, expected]) = next else { break };
            let batch = payloads.fetch(posted, block.number, block.timestamp).await?;
            let (index, data) = (batch.header.index, batch.data.clone());
            let input = derivation.next(batch)?;
            let found = run(&guest, store, previous, &input, &data, queue_hash);
            ensure!(
                found.with_context(|| format!("batch {index}"))? == expected.hash(),
                "batch {index} comes out differently in the machine"
            );
            queue_hash = input.header.queue_hash;
            next = pairs.next();
        }
    }
    Ok(())
}

/// The hash of the output that the machine comes to after one batch.
fn run(
    guest: &Image,
    store: &MemoryStore<EvmBlock>,
    previous: &OutputFields,
    batch: &BatchInput,
    data: &L1Data,
    queue_hash: B256,
) -> anyhow::Result<B256> {
    let hash = batch.header.hash();
    let inputs = EpochInputs { previous_output: previous.hash(), first_batch_hash: hash, last_batch_hash: hash };
    let mut preimages = EpochPreimages::new(store.clone(), previous);
    preimages.add_batch(batch, data, queue_hash);
    let recorder = Recorder::new(preimages);
    epoch::run(&Evm, &inputs, &recorder)?;
    let mut oracle = PreimageMap::default();
    oracle.insert(&inputs.encode());
    let (preimages, elements) = recorder.into_answers();
    ensure!(
        preimages.values().all(|bytes| bytes.len() <= PREIMAGE_BYTES_MAX),
        "a pre-image is too long for one transaction"
    );
    preimages.into_values().for_each(|bytes| _ = oracle.insert(&bytes));
    elements.into_iter().for_each(|((hash, index), element)| oracle.insert_blob_element(hash, index, element));
    let mut machine = Machine::new(guest, OracleKey::inputs(inputs.previous_output, hash, hash));
    let stop = machine.run(EPOCH_STEPS_MAX, &mut oracle);
    ensure!(stop == Stop::Exited, "the machine stopped with {stop:?}");
    let state = machine.state();
    state.result().with_context(|| format!("the program ended with exit code {}", state.exit_code))
}
