//! An epoch as L1 holds it, ready to be run by the machine: from L1 alone, as every party to a dispute has it.

use std::{path::Path, sync::Arc, time::Duration};

use alloy::primitives::B256;
use anyhow::{Context, ensure};
use tandem_chain::{Derivation, OutputFields, StateMachine};
use tandem_evm::Evm;
use tandem_l1::{
    Archive, BeaconClient, BlobSource, L1Update, MemoryStore, PayloadFetcher, Reader, ReaderConfig, Replica,
    ReplicaConfig, bindings::Inbox,
};
use tandem_trace::{EpochData, Halt, MachineTrace, Program, Store};
use tandem_vm::Image;
use tokio_util::sync::CancellationToken;

use crate::{derivation::Chain, wait::DEADLINE};

/// An epoch that has closed, and what is so about it.
pub struct Epoch {
    /// The epoch's number; the first one is 1.
    pub number: u64,
    /// The output before it.
    pub previous: OutputFields,
    /// The right output.
    pub output: OutputFields,
    /// What the machine runs for it.
    pub program: Program,
    /// The right run.
    pub honest: Arc<MachineTrace>,
}

/// The epoch with this number, which must have closed. Commitments are kept in `dir`.
pub async fn read(at: Chain<'_>, number: u64, dir: &Path) -> anyhow::Result<Epoch> {
    let chain = at.deployment.chain.clone();
    let inbox = Inbox::new(chain.inbox, at.l1.provider());
    let first = inbox.epochEnd(number - 1).call().await? + 1;
    let last = inbox.epochEnd(number).call().await?;
    ensure!(last >= first, "epoch {number} has not closed");
    let genesis = tandem_evm::genesis(&chain)?;
    let store: MemoryStore<<Evm as StateMachine>::Block> = MemoryStore::new(genesis.preimages.clone());
    let archive = tempfile::tempdir()?;
    let beacon = BlobSource::Beacon(BeaconClient::new(at.l1_rpc.clone(), Duration::from_secs(20))?);
    let payloads = PayloadFetcher::new(at.l1.clone(), chain.inbox, vec![beacon], Archive::new(archive.path()));
    let mut reader = ReaderConfig::new(chain.inbox, chain.settlement, at.deployment.start_block);
    reader.poll_interval = Duration::from_millis(100);

    let config = ReplicaConfig { chain: chain.clone(), genesis: genesis.output, reader: reader.clone() };
    let (replica, handle) = Replica::new(Evm, store.clone(), at.l1.clone(), payloads.clone(), config);
    let token = CancellationToken::new();
    let task = tokio::spawn(replica.run(token.clone()));
    let derived = handle.wait_until(last, DEADLINE).await;
    token.cancel();
    task.await??;
    let output = derived?;
    let previous = handle.output(first - 1)?.context("the output before the epoch was not derived")?;

    let data = inputs(Reader::new(at.l1.clone(), reader), &payloads, Derivation::genesis(chain), first, last).await?;
    let data = EpochData { previous, ..data };
    let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/../prover/guest/elf/epoch.elf");
    let guest = Arc::new(Image::from_elf(&std::fs::read(guest)?)?);
    let (program, native) = tokio::task::spawn_blocking(move || Program::prepare(&Evm, guest, &data, store)).await??;
    ensure!(native == output, "epoch {number} comes out differently when its batches run together");
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let honest = MachineTrace::new(program.clone(), Store::new(dir), threads, Halt::default());
    Ok(Epoch { number, previous, output, program, honest: Arc::new(honest) })
}

/// The inputs of the batches from `first` to `last`; the previous output is the caller's to fill in.
async fn inputs(
    mut reader: Reader,
    payloads: &PayloadFetcher,
    mut derivation: Derivation,
    first: u64,
    last: u64,
) -> anyhow::Result<EpochData> {
    let mut data = EpochData { previous: OutputFields::default(), queue_hash: B256::ZERO, batches: Vec::new() };
    while derivation.batch_index() < last {
        let L1Update::Block(block) = reader.next().await else { continue };
        for queued in &block.messages {
            derivation.enqueue(queued.index, queued.message.clone())?;
        }
        for posted in &block.batches {
            let batch = payloads.fetch(posted, block.number, block.timestamp).await?;
            let l1_data = batch.data.clone();
            let input = derivation.next(batch)?;
            let index = input.header.index;
            if index < first {
                data.queue_hash = input.header.queue_hash;
            } else if index <= last {
                data.batches.push((input, l1_data));
            }
        }
    }
    Ok(data)
}
