//! `tandem status` of a payments chain: what is proven is final, so that L1 alone tells all of it.

use serde_json::{Value, json};
use tandem_l1::bindings::{Inbox, ValiditySettlement};

use crate::chain::Ground;

/// How far the chain is, and whether it has ended or can be ended.
pub async fn status(ground: &Ground) -> anyhow::Result<Value> {
    let (chain, provider) = (&ground.deployment.chain, ground.l1.provider());
    let inbox = Inbox::new(chain.inbox, provider);
    let settlement = ValiditySettlement::new(chain.settlement, provider);
    let head = ground.l1.latest().await?;
    let (consumed, queued) = (inbox.queueConsumed().call().await?, inbox.queueLength().call().await?);
    let batches = inbox.batchCount().call().await?;
    Ok(json!({
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
    }))
}
