//! The chain derived from L1 alone, in memory, compared block by block with what the sequencer says, and batch by batch with the machine.

use std::time::Duration;

use alloy::primitives::B256;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_chain::{Derivation, OutputFields, StateMachine};
use tandem_cli::chain::ask;
use tandem_evm::Evm;
use tandem_l1::{
    Archive, BeaconClient, BlobSource, Deployment, L1Client, MemoryStore, PayloadFetcher, Reader, ReaderConfig,
    Replica, ReplicaConfig, bindings::Inbox,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    guest,
    wait::{DEADLINE, wait_until},
};

/// What was derived of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The hashes of the blocks, in order.
    pub blocks: Vec<B256>,
    /// How many L1 messages they consumed.
    pub messages: u64,
    /// Transactions that users signed.
    pub transactions: usize,
}

/// Where a chain is found.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    /// The chain's contracts and configuration.
    pub deployment: &'a Deployment,
    /// The connection to L1.
    pub l1: &'a L1Client,
    /// Where L1's blobs are served.
    pub l1_rpc: &'a Url,
    /// The connection to the sequencer.
    pub l2: &'a L1Client,
}

/// A chain derived from L1 alone.
struct Derived {
    batches: Vec<Batch>,
    /// The genesis output, then that of each batch.
    outputs: Vec<OutputFields>,
    store: MemoryStore<<Evm as StateMachine>::Block>,
    payloads: PayloadFetcher,
    reader: ReaderConfig,
    // The payloads are in there.
    _archive: tempfile::TempDir,
}

/// Derives everything that L1 has now, and fails unless the sequencer has the same blocks at the same places, and the machine comes to the
/// same outputs. Returns the batches.
pub async fn check(at: Chain<'_>) -> anyhow::Result<Vec<Batch>> {
    let derived = derive(at).await?;
    let reader = Reader::new(at.l1.clone(), derived.reader);
    let derivation = Derivation::genesis(at.deployment.chain.clone());
    guest::check(reader, &derived.payloads, derivation, &derived.store, &derived.outputs).await?;
    Ok(derived.batches)
}

/// The same without the machine, which takes minutes where there are hundreds of batches.
pub async fn check_blocks(at: Chain<'_>) -> anyhow::Result<Vec<Batch>> {
    Ok(derive(at).await?.batches)
}

async fn derive(at: Chain<'_>) -> anyhow::Result<Derived> {
    let chain = at.deployment.chain.clone();
    let count = Inbox::new(chain.inbox, at.l1.provider()).batchCount().call().await?;
    let genesis = tandem_evm::genesis(&chain)?;
    let store: MemoryStore<<Evm as StateMachine>::Block> = MemoryStore::new(genesis.preimages.clone());
    let archive = tempfile::tempdir()?;
    let beacon = BlobSource::Beacon(BeaconClient::new(at.l1_rpc.clone(), Duration::from_secs(20))?);
    let payloads = PayloadFetcher::new(at.l1.clone(), chain.inbox, vec![beacon], Archive::new(archive.path()));
    let again = payloads.clone();
    let reader = ReaderConfig::new(chain.inbox, chain.settlement, at.deployment.start_block);
    let reader = ReaderConfig { poll_interval: Duration::from_millis(100), ..reader };
    let config = ReplicaConfig { chain, genesis: genesis.output, reader: reader.clone() };
    let (replica, handle) = Replica::new(Evm, store.clone(), at.l1.clone(), payloads, config);
    let token = CancellationToken::new();
    let task = tokio::spawn(replica.run(token.clone()));
    let derived = handle.wait_until(count, DEADLINE).await;
    token.cancel();
    task.await??;
    derived?;

    let mut batches = Vec::new();
    let mut outputs = vec![genesis.output];
    let (mut number, mut queue_index) = (0, 0);
    for index in 1..=count {
        let blocks = store.blocks(index).with_context(|| format!("batch {index} was not derived"))?;
        for block in &blocks {
            number += 1;
            ensure!(
                block.header.number == number,
                "batch {index} continues with block {} instead of {number}",
                block.header.number
            );
            let said = || async {
                let said: Value = ask(at.l2, "eth_getBlockByNumber", json!([format!("{number:#x}"), false])).await?;
                Ok((said["hash"] == json!(block.hash)).then_some(()))
            };
            wait_until(&format!("the sequencer's block {number} is that of batch {index}, {}", block.hash), said)
                .await?;
        }
        let output = handle.output(index)?.with_context(|| format!("batch {index} has no output"))?;
        outputs.push(output);
        let messages = output.queue_index - queue_index;
        queue_index = output.queue_index;
        let said = || async {
            let said: Value = ask(at.l2, "rollup_batch", json!([format!("{index:#x}")])).await?;
            Ok((said["output"] == json!(output.hash())).then_some(()))
        };
        wait_until(&format!("the sequencer's output {index} is {}", output.hash()), said).await?;
        let signed = |block: &tandem_evm::EvmBlock| {
            block.transactions.iter().filter(|tx| matches!(tx, tandem_evm::Transaction::Signed(_))).count()
        };
        batches.push(Batch {
            blocks: blocks.iter().map(|block| block.hash).collect(),
            messages,
            transactions: blocks.iter().map(signed).sum(),
        });
    }
    Ok(Derived { batches, outputs, store, payloads: again, reader, _archive: archive })
}
