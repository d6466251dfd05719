//! `tandem status` of a payments chain: what is proven is final, so that L1 alone tells all of it. What is not proven yet is a node's word, if one is named.

use serde_json::{Value, json};
use tandem_l1::bindings::{Inbox, ValiditySettlement};

use super::node::Node;
use crate::chain::Ground;

/// How far the chain is, and whether it has ended or can be ended.
pub async fn status(ground: &Ground) -> anyhow::Result<Value> {
    let (chain, provider) = (&ground.deployment.chain, ground.l1.provider());
    let inbox = Inbox::new(chain.inbox, provider);
    let settlement = ValiditySettlement::new(chain.settlement, provider);
    let head = ground.l1.latest().await?;
    let (consumed, queued) = (inbox.queueConsumed().call().await?, inbox.queueLength().call().await?);
    let batches = inbox.batchCount().call().await?;
    let mut told = json!({
        "kind": "payments",
        "l2ChainId": chain.l2_chain_id,
        "genesisHash": chain.hash(),
        "batches": batches,
        "output": settlement.outputOf(batches).call().await?,
        "batchTimestamp": settlement.timestamp().call().await?,
        "leaves": settlement.leafCount().call().await?,
        "messagesIn": format!("{consumed} of {queued} proven"),
        "overdue": inbox.isForcible().call().await?,
        "frozen": settlement.isFrozen().call().await?,
        "freezableAfter": u64::try_from(settlement.freezableAt().call().await?).ok().filter(|at| *at != 0),
        "l1Head": head.id.number,
        "l1Timestamp": head.timestamp,
    });
    if let Some(node) = of_node(ground).await {
        told["node"] = node;
    }
    Ok(told)
}

/// What the node says, or why it says nothing: L1's part is told whether there is a node or not.
async fn of_node(ground: &Ground) -> Option<Value> {
    let (chain, url) = (&ground.deployment.chain, ground.l2_rpc()?);
    let asked = async { Node::connect(url, chain.l2_chain_id, chain.hash()).await?.status().await };
    Some(match asked.await {
        Ok(status) => json!({
            "latestBatch": status.latest.number,
            "settledBatch": status.settled,
            "unprovenBatches": status.unproven_batches,
            "pending": status.pending_transactions,
            "waiting": status.waiting_transactions,
            "messagesIn": status.queue_index,
        }),
        Err(error) => json!({ "error": error.to_string() }),
    })
}
