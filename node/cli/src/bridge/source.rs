//! Who tells what L2 did: the sequencer, or L1 alone, from which a replica in memory derives all of it.
//!
//! The sequencer is not believed: a proof is checked against an output that L1 holds final ([`Proof::check`]), and what it does not tell, or tells
//! wrong, L1 alone gives. Deriving takes as long as executing the chain does, and its blocks and state stay in memory.

use std::time::Duration;

use alloy::{
    primitives::{B256, U64},
    rpc::types::Log,
};
use anyhow::Context;
use serde_json::json;
use tandem_chain::{L2Message, MessageTree};
use tandem_evm::{Evm, EvmBlock, predeploys};
use tandem_l1::{
    Archive, BeaconClient, BlobSource, L1Client, MemoryStore, PayloadFetcher, ReaderConfig, Replica, ReplicaConfig,
    ReplicaHandle, bindings::Inbox, replica::WaitError,
};
use tandem_service::Report;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::proof::Proof;
use crate::chain::{Ground, RollupStatus, ask};

const BEACON_TIMEOUT: Duration = Duration::from_secs(20);

/// Where blocks and proofs come from; the module says which to prefer.
#[derive(Debug)]
pub enum Source {
    /// The sequencer, asked over its JSON-RPC.
    Sequencer(L1Client),
    /// L1 alone, derived in this process.
    L1(Derived),
}

/// What became of a message from L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// Whether its call succeeded.
    pub succeeded: bool,
    /// Messages to L1 that it sent.
    pub sent: Vec<L2Message>,
}

/// A receipt, as far as it is read.
#[derive(Debug, serde::Deserialize)]
struct Receipt {
    status: U64,
    logs: Vec<Log>,
}

impl Source {
    /// The sequencer, unless L1 alone is asked for or the sequencer does not answer.
    pub async fn open(ground: &Ground, from_l1: bool, report: Report) -> anyhow::Result<Self> {
        if !from_l1 {
            match ground.sequencer().await {
                Ok(l2) => return Ok(Self::Sequencer(l2)),
                Err(error) => report.progress(format_args!("no sequencer ({error:#}): deriving the chain from L1")),
            }
        }
        Ok(Self::L1(Derived::start(ground)?))
    }

    /// How many messages to L1 there are, as far as batches on L1 have them or the sequencer has promised them.
    pub async fn message_count(&self, ground: &Ground) -> anyhow::Result<u64> {
        match self {
            Self::Sequencer(l2) => Ok(ask::<RollupStatus>(l2, "rollup_status", json!([])).await?.message_count),
            Self::L1(derived) => {
                let last = derived.catch_up(ground).await?;
                Ok(derived.messages_until(last)?.len() as u64)
            }
        }
    }

    /// The first batch on L1 that has the message to L1, if there is one yet.
    pub async fn batch_of(&self, ground: &Ground, index: u64) -> anyhow::Result<Option<u64>> {
        match self {
            Self::Sequencer(l2) => {
                let proof = ask::<Option<Proof>>(l2, "rollup_getMessageProof", json!([format!("{index:#x}")])).await?;
                Ok(proof.map(|proof| proof.batch_index))
            }
            Self::L1(derived) => {
                let last = derived.catch_up(ground).await?;
                derived.batch_of(index, last)
            }
        }
    }

    /// The message to L1 with its place in the output of a batch, or of the last before it whose rules are known here; unchecked, if it is the
    /// sequencer's.
    pub async fn proof(&self, ground: &Ground, index: u64, batch: u64) -> anyhow::Result<Proof> {
        match self {
            Self::Sequencer(l2) => {
                let params = json!([format!("{index:#x}"), format!("{batch:#x}")]);
                let proof = ask::<Option<Proof>>(l2, "rollup_getMessageProof", params).await?;
                proof.context("the sequencer has no proof")
            }
            Self::L1(derived) => {
                let batch = derived.until(batch, ground.patience).await?;
                derived.proof(index, batch)
            }
        }
    }

    /// What became of the deposit transaction with this hash, if a block has it.
    pub async fn executed(&self, ground: &Ground, transaction: B256) -> anyhow::Result<Option<Executed>> {
        match self {
            Self::Sequencer(l2) => {
                let receipt = ask::<Option<Receipt>>(l2, "eth_getTransactionReceipt", json!([transaction])).await?;
                Ok(receipt.map(|receipt| Executed {
                    succeeded: receipt.status == U64::ONE,
                    sent: receipt.logs.iter().filter_map(|log| predeploys::message_from_log(&log.inner)).collect(),
                }))
            }
            Self::L1(derived) => {
                let last = derived.catch_up(ground).await?;
                Ok(derived.executed(transaction, last))
            }
        }
    }
}

/// A replica that lives as long as its command.
#[derive(Debug)]
pub struct Derived {
    store: MemoryStore<EvmBlock>,
    handle: ReplicaHandle<MemoryStore<EvmBlock>>,
    _running: DropGuard,
}

impl Derived {
    /// Begins to derive from genesis.
    pub fn start(ground: &Ground) -> anyhow::Result<Self> {
        let chain = ground.deployment.chain.clone();
        let genesis = tandem_evm::genesis(&chain).context("genesis")?;
        let store = MemoryStore::new(genesis.preimages);
        let beacon = BlobSource::Beacon(BeaconClient::new(ground.l1_beacon.clone(), BEACON_TIMEOUT)?);
        let archive = Archive::new(&ground.payloads);
        let payloads = PayloadFetcher::new(ground.l1.clone(), chain.inbox, vec![beacon], archive);
        let reader = ReaderConfig::new(chain.inbox, chain.settlement, ground.deployment.start_block);
        let config = ReplicaConfig { chain, genesis: genesis.output, reader };
        let (replica, handle) = Replica::new(Evm, store.clone(), ground.l1.clone(), payloads, config);
        let token = CancellationToken::new();
        let running = replica.run(token.clone());
        tokio::spawn(async move {
            if let Err(error) = running.await {
                tracing::error!(%error, "cannot derive the chain from L1");
            }
        });
        Ok(Self { store, handle, _running: token.drop_guard() })
    }

    /// Derives up to a batch, or up to the last one before it under the rules that are known here; which of them. An output before a change
    /// of rules stays final after it, and proves what it held.
    async fn until(&self, batch: u64, patience: Duration) -> anyhow::Result<u64> {
        match self.handle.wait_until(batch, patience).await {
            Ok(_) => Ok(batch),
            Err(WaitError::OtherRules { first, .. }) => Ok(first.saturating_sub(1)),
            Err(error) => Err(error).context("deriving the chain from L1"),
        }
    }

    /// Derives every batch that L1 has now, as far as the rules go that are known here; the last.
    async fn catch_up(&self, ground: &Ground) -> anyhow::Result<u64> {
        let inbox = Inbox::new(ground.deployment.chain.inbox, ground.l1.provider());
        self.until(inbox.batchCount().call().await?, ground.patience).await
    }

    fn blocks(&self, batch: u64) -> anyhow::Result<Vec<EvmBlock>> {
        self.store.blocks(batch).with_context(|| format!("L1 reorganised, and batch {batch} is not derived yet"))
    }

    fn messages_of(&self, batch: u64) -> anyhow::Result<Vec<L2Message>> {
        let blocks = self.blocks(batch)?;
        let logs = blocks.iter().flat_map(|block| &block.receipts).flat_map(|receipt| &receipt.logs);
        Ok(logs.filter_map(predeploys::message_from_log).collect())
    }

    /// Every message to L1 up to the end of a batch, in order.
    fn messages_until(&self, batch: u64) -> anyhow::Result<Vec<L2Message>> {
        let mut messages = Vec::new();
        for batch in 1..=batch {
            messages.append(&mut self.messages_of(batch)?);
        }
        Ok(messages)
    }

    fn batch_of(&self, index: u64, last: u64) -> anyhow::Result<Option<u64>> {
        let mut count = 0;
        for batch in 1..=last {
            count += self.messages_of(batch)?.len() as u64;
            if count > index {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    fn proof(&self, index: u64, batch: u64) -> anyhow::Result<Proof> {
        let fields = self.handle.output(batch)?.with_context(|| format!("batch {batch} is not derived"))?;
        let messages = self.messages_until(batch)?;
        let place = usize::try_from(index)?;
        let message = messages.get(place).with_context(|| format!("batch {batch} has no message {index}"))?.clone();
        let tree = MessageTree::new(messages.iter().map(L2Message::hash).collect());
        let siblings = tree.prove(index).with_context(|| format!("batch {batch} has no message {index}"))?;
        Ok(Proof { message, fields, siblings, output: fields.hash(), batch_index: batch })
    }

    fn executed(&self, transaction: B256, last: u64) -> Option<Executed> {
        // The newest first: it is there that a message is looked for.
        let blocks = (1..=last).rev().filter_map(|batch| self.store.blocks(batch)).flatten();
        blocks.into_iter().find_map(|block| {
            let place = block.transactions.iter().position(|found| found.hash() == transaction)?;
            let receipt = block.receipts.get(place)?;
            let sent = receipt.logs.iter().filter_map(predeploys::message_from_log).collect();
            Some(Executed { succeeded: receipt.success, sent })
        })
    }
}
