//! Where the devnet's blobs stay. Anvil holds the blobs of every block in memory, and writes them out with every dump: four gigabytes of
//! memory after a day of traffic. Here each is written to an archive when its block is seen, and Anvil is made to forget it when its
//! block is [`KEPT_BLOCKS`] old, by giving it the same block once more without them. Nothing else of the block changes: what is given is
//! checked to hash to the block that it replaces.

use std::collections::VecDeque;

use alloy::{
    consensus::{Header, transaction::SignerRecoverable},
    hex,
    primitives::{Address, B256, Bytes},
    rpc::types::Transaction,
};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_cli::chain::ask;
use tandem_l1::{Archive, BlockRef, L1Client, payload::versioned_hash};

/// So many blocks keep their state and their blobs in Anvil's memory.
pub const KEPT_BLOCKS: u64 = 64;
/// Blocks that are looked at after a start: whatever is older had its blobs taken away before Anvil's last dump.
const START_BLOCKS: u64 = 4 * KEPT_BLOCKS;
/// Members of a transaction that are its blobs and what proves them.
const SIDECAR: [&str; 4] = ["blobs", "commitments", "proofs", "cellProofs"];
/// Members of a block, as JSON-RPC tells it, that are not in its header.
const BESIDE_HEADER: [&str; 6] = ["hash", "size", "totalDifficulty", "uncles", "transactions", "withdrawals"];

/// Follows Anvil's chain and moves its blobs into an archive.
#[derive(Debug)]
pub struct Blobs {
    l1: L1Client,
    archive: Archive,
    /// The last blocks that were looked at, oldest first.
    seen: VecDeque<BlockRef>,
    /// Those of them and before whose blobs Anvil still holds.
    holding: VecDeque<BlockRef>,
}

impl Blobs {
    /// Begins with the blocks that Anvil may still hold blobs of.
    pub fn new(l1: L1Client, archive: Archive) -> Self {
        Self { l1, archive, seen: VecDeque::new(), holding: VecDeque::new() }
    }

    /// Archives the blobs of new blocks, whatever reorganisation came before them, and takes old ones from Anvil.
    pub async fn look(&mut self) -> anyhow::Result<()> {
        let head = self.l1.latest().await?.id;
        let floor = match self.seen.front() {
            Some(oldest) => oldest.number,
            None => head.number.saturating_sub(START_BLOCKS),
        };
        let mut fresh = Vec::new();
        let mut number = head.number;
        while number > floor {
            let header = self.l1.header(number).await?.context("L1 became shorter")?;
            if self.seen.iter().rev().any(|block| *block == header.id) {
                break;
            }
            fresh.push(header.id);
            number -= 1;
        }
        while self.seen.back().is_some_and(|block| block.number > number) {
            self.seen.pop_back();
        }
        self.holding.retain(|block| block.number <= number);
        for block in fresh.into_iter().rev() {
            if self.archive_block(block).await? {
                self.holding.push_back(block);
            }
            self.seen.push_back(block);
        }
        while self.seen.len() as u64 > START_BLOCKS {
            self.seen.pop_front();
        }
        self.forget_old(head).await
    }

    /// Blocks whose blobs Anvil holds.
    pub fn held_blocks(&self) -> usize {
        self.holding.len()
    }

    /// Whether the block has blobs, which are archived now.
    async fn archive_block(&self, block: BlockRef) -> anyhow::Result<bool> {
        let found = self.block(block.number).await?;
        ensure!(found["hash"] == json!(block.hash), "L1 reorganised while block {} was read", block.number);
        let mut has_blobs = false;
        for transaction in transactions(&found) {
            let Some(blobs) = transaction["blobs"].as_array() else { continue };
            for blob in blobs {
                let blob: Bytes = serde_json::from_value(blob.clone())?;
                let checked = blob.clone();
                let hash = tokio::task::spawn_blocking(move || versioned_hash(&checked)).await?;
                self.archive.put_blob(hash.context("Anvil holds a blob that is none")?, &blob).await?;
                has_blobs = true;
            }
        }
        Ok(has_blobs)
    }

    /// Takes the blobs of old blocks from Anvil, a few blocks at a time.
    async fn forget_old(&mut self, head: BlockRef) -> anyhow::Result<()> {
        let is_old = |block: &BlockRef| block.number + KEPT_BLOCKS <= head.number;
        while let Some(block) = self.holding.front().copied().filter(is_old) {
            let whole = self.block(block.number).await?;
            if let Some(bare) = without_blobs(&whole, block)? {
                // Anvil computes its next fees from the newest block that it is given.
                let newest = self.block(head.number).await?;
                let Some(newest) = without_blobs(&newest, head)?.filter(|_| !has_blobs(&newest)) else { return Ok(()) };
                let state = json!({
                    "block": null, "best_block_number": null, "accounts": {}, "transactions": [], "historical_states": null,
                    "blocks": [bare, newest],
                });
                let state = hex::encode_prefixed(serde_json::to_vec(&state)?);
                ensure!(ask::<bool>(&self.l1, "anvil_loadState", json!([state])).await?, "Anvil refuses a block");
                let now = self.block(block.number).await?;
                ensure!(
                    now["hash"] == whole["hash"] && hashes(&now) == hashes(&whole),
                    "Anvil changed block {} when its blobs were taken from it",
                    block.number
                );
            }
            self.holding.pop_front();
        }
        Ok(())
    }

    async fn block(&self, number: u64) -> anyhow::Result<Value> {
        ask(&self.l1, "eth_getBlockByNumber", json!([format!("{number:#x}"), true])).await
    }
}

fn transactions(block: &Value) -> impl Iterator<Item = &Value> {
    block["transactions"].as_array().into_iter().flatten()
}

fn hashes(block: &Value) -> Vec<&Value> {
    transactions(block).map(|transaction| &transaction["hash"]).collect()
}

fn has_blobs(block: &Value) -> bool {
    transactions(block).any(|transaction| !transaction["blobs"].is_null())
}

/// A block as Anvil's dumps have it, without its blobs; none if a transaction is of a sender that Anvil impersonated, which cannot be told
/// from its bytes. Fails if it would be another block than `expected`.
fn without_blobs(block: &Value, expected: BlockRef) -> anyhow::Result<Option<Value>> {
    let mut header = block.clone();
    let members = header.as_object_mut().context("a block is no object")?;
    members.retain(|name, _| !BESIDE_HEADER.contains(&name.as_str()));
    let parsed: Header = serde_json::from_value(header.clone()).context("header of an L1 block")?;
    ensure!(parsed.hash_slow() == expected.hash, "the header of L1 block {} is not what Anvil tells", expected.number);
    let mut bare = Vec::new();
    for transaction in transactions(block) {
        let mut transaction = transaction.clone();
        let members = transaction.as_object_mut().context("a transaction is no object")?;
        members.retain(|name, _| !SIDECAR.contains(&name.as_str()));
        if !is_signed(&transaction) {
            return Ok(None);
        }
        bare.push(json!({ "transaction": transaction, "impersonated_sender": null }));
    }
    Ok(Some(json!({ "header": header, "transactions": bare, "ommers": [] })))
}

/// Whether the sender that Anvil names has signed it, and its hash is that of its bytes.
fn is_signed(transaction: &Value) -> bool {
    let Ok(parsed) = serde_json::from_value::<Transaction>(transaction.clone()) else { return false };
    let hash: Option<B256> = serde_json::from_value(transaction["hash"].clone()).ok();
    let from: Option<Address> = serde_json::from_value(transaction["from"].clone()).ok();
    hash == Some(*parsed.inner.tx_hash()) && from.is_some() && parsed.inner.inner().recover_signer().ok() == from
}
