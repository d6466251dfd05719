//! `tandem replica`: the ledger of a payments chain from L1 alone, and whether a node has the same. Rules: PAY-CHAIN, PAY-TREE, PAY-OUTPUT.
//!
//! Each run reads every batch since the deployment, applies it, and holds each root against L1's: nothing is kept, and nobody is believed. Adversarial: the node, whose words are
//! compared and never used.

use alloy::{
    eips::BlockId,
    primitives::{Address, B256},
};
use serde_json::{Value, json};
use tandem_l1::{
    L1Header,
    bindings::PaymentsBridge,
    payments::{Ledger, Rebuilt, rebuild},
};
use tandem_payments::{
    field::integer,
    leaf::{Key, Leaf},
};
use tandem_service::Report;
use url::Url;

use super::{
    LOG_BLOCKS_MAX, check_payments,
    node::{BatchBlock, Node, NodeError},
    token_name,
};
use crate::chain::{ChainFlags, Ground};

/// What is told of the ledger besides its roots.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct ReplicaFlags {
    /// An account: its balance, nonce and session key
    #[arg(long)]
    pub account: Option<Address>,
    /// The token on L1 whose balances are told; ether if absent
    #[arg(long)]
    pub token: Option<Address>,
}

/// Why a node's chain is not that of L1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// It says something else of a batch than what L1 gives.
    #[error(
        "the node at {url} has another chain than L1: by its {method} batch {index} has block hash {} and state root {}, by L1, read at block {l1_block}, hash {} and root {}. \
         What L1 says is final: do not trust that node",
        .found.hash, .found.state_root, .expected.hash, .expected.state_root
    )]
    OtherBatch {
        /// The node's address.
        url: Url,
        /// What it was asked.
        method: &'static str,
        /// Index of the batch.
        index: u64,
        /// The last block of L1 that was read.
        l1_block: u64,
        /// What L1 gives.
        expected: Box<BatchBlock>,
        /// What the node says.
        found: Box<BatchBlock>,
    },
    /// L1 has another block there than the one that was read last.
    #[error("L1 block {l1_block} changed while the node was asked: run it again")]
    Moved {
        /// Number of that block.
        l1_block: u64,
    },
}

/// Runs `tandem replica`.
pub async fn run(flags: ReplicaFlags, chain: &ChainFlags, report: Report) -> anyhow::Result<()> {
    let ground = Ground::open(chain).await?;
    check_payments(&ground, "tandem replica")?;
    report.result(&replica(&ground, flags, report).await?);
    Ok(())
}

/// The ledger after the last batch that L1 has, and what a node says of that batch, if one is named.
///
/// # Errors
/// If L1 cannot be read, or the node has another chain.
pub async fn replica(ground: &Ground, flags: ReplicaFlags, report: Report) -> anyhow::Result<Value> {
    report.progress("reading every batch from L1");
    let chain = &ground.deployment.chain;
    let rebuilt = rebuild(&ground.l1, chain, ground.deployment.start_block, LOG_BLOCKS_MAX).await?;
    let (ledger, token) = (&rebuilt.ledger, flags.token.unwrap_or(Address::ZERO));
    let output = ledger.output();
    let bridge = PaymentsBridge::new(chain.bridge, ground.l1.provider());
    let escrow = bridge.escrowOf(token).block(BlockId::hash(rebuilt.head.id.hash)).call().await?;
    let mut told = json!({
        "batch": ledger.index(),
        "blockHash": rebuilt.block_hash,
        "stateRoot": output.state_root,
        "leaves": ledger.state().leaf_count(),
        "queueIndex": output.queue_index,
        "output": output.hash(),
        "l1Block": rebuilt.head.id.number,
        "token": token_name(token),
        "held": held(ledger, token).to_string(),
        "escrow": escrow.to_string(),
    });
    if let Some(address) = flags.account {
        told["account"] = account(ledger, Key { address, token });
    }
    if let Some(url) = ground.l2_rpc() {
        report.progress("asking the node for the same batch");
        told["node"] = compare(ground, url, &rebuilt).await?;
    }
    Ok(told)
}

/// What all accounts hold of a token, in its smallest unit.
fn held(ledger: &Ledger, token: Address) -> u128 {
    let leaves = ledger.leaves().filter(|(_, leaf)| leaf.key.token == token);
    leaves.fold(0_u128, |sum, (_, leaf)| sum.saturating_add(leaf.balance))
}

/// What an account holds of a token, and what counts for whatever it signs, which is in its leaf of ether.
fn account(ledger: &Ledger, key: Key) -> Value {
    let state = ledger.state();
    let Leaf { nonce, session_hash, .. } = state.get(Key::eth(key.address)).copied().unwrap_or_default();
    let session = Some(B256::from(integer(session_hash))).filter(|hash| !hash.is_zero());
    json!({
        "address": key.address,
        "leaf": state.find(key),
        "balance": state.get(key).map_or(0, |leaf| leaf.balance).to_string(),
        "nonce": nonce,
        "sessionKeyHash": session,
    })
}

/// Whether a node has the last batch as L1 has it. One that gives no answer, or has not read as far, is none that disagrees: what keeps it is told.
async fn compare(ground: &Ground, url: &Url, rebuilt: &Rebuilt) -> anyhow::Result<Value> {
    let index = rebuilt.ledger.index();
    let found = match ask(ground, url, index).await {
        // It serves another chain, which is told as such.
        Err(error @ (NodeError::OtherChainId { .. } | NodeError::OtherGenesis { .. })) => return Err(error.into()),
        Err(error) => return Ok(json!({ "error": error.to_string() })),
        Ok(found) => found,
    };
    let expected = BatchBlock { hash: rebuilt.block_hash, state_root: rebuilt.ledger.output().state_root };
    for (method, found) in found {
        let Some(found) = found else {
            let error = format!("the node has not read batch {index} from L1 yet: run it again in a moment");
            return Ok(json!({ "error": error }));
        };
        if found != expected {
            let L1Header { id, .. } = rebuilt.head;
            let l1_block = id.number;
            // The node may have seen L1 take back what was read here.
            let stands = ground.l1.header(BlockId::number(l1_block)).await?.is_some_and(|header| header.id == id);
            if !stands {
                return Err(Disagreement::Moved { l1_block }.into());
            }
            let (url, expected, found) = (url.clone(), Box::new(expected), Box::new(found));
            return Err(Disagreement::OtherBatch { url, method, index, l1_block, expected, found }.into());
        }
    }
    Ok(json!({ "agrees": true }))
}

/// What a node says of a batch, by what it was asked: of what it has read on L1 first, since a block of its own may stand in the place of one that it has not read.
async fn ask(ground: &Ground, url: &Url, index: u64) -> Result<Vec<(&'static str, Option<BatchBlock>)>, NodeError> {
    let chain = &ground.deployment.chain;
    let node = Node::connect(url, chain.l2_chain_id, chain.hash()).await?;
    let mut found = Vec::new();
    // Genesis is no batch.
    if index > 0 {
        found.push(("rollup_batch", node.batch(index).await?));
    }
    found.push(("eth_getBlockByNumber", node.block(index).await?));
    Ok(found)
}
