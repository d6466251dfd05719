//! `tandem status`: how far the chain is, from the sequencer and from L1.

use serde_json::json;
use tandem_chain::ChainKind;
use tandem_l1::{
    Deployment, L1Client,
    bindings::{FraudSettlement, Inbox},
};
use tandem_service::Report;

use crate::{
    chain::{Chain, ChainFlags, Ground, RollupStatus},
    payments,
};

/// Runs `tandem status`.
pub async fn run(flags: &ChainFlags, report: Report) -> anyhow::Result<()> {
    let ground = Ground::open(flags).await?;
    if ground.deployment.chain.kind == ChainKind::Payments {
        report.result(&payments::status::status(&ground).await?);
        return Ok(());
    }
    let chain = Chain::open(flags).await?;
    let status: RollupStatus = chain.ask("rollup_status", json!([])).await?;
    let inbox = Inbox::new(chain.deployment.chain.inbox, chain.l1.provider());
    report.result(&json!({
        "latestBlock": status.latest.number,
        "safeBlock": status.safe,
        "finalizedBlock": status.finalized,
        "batches": inbox.batchCount().call().await?,
        "settledBatch": settled_batch(&chain.l1, &chain.deployment).await?,
        "l1Head": chain.l1.latest().await?.id.number,
        "messagesIn": format!("{} of {} executed", status.queue_index, inbox.queueLength().call().await?),
        "messagesOut": status.message_count,
    }));
    Ok(())
}

/// The last batch whose output is final in the settlement; 0 is genesis.
pub async fn settled_batch(l1: &L1Client, deployment: &Deployment) -> anyhow::Result<u64> {
    let settlement = FraudSettlement::new(deployment.chain.settlement, l1.provider());
    let last = settlement.lastFinalClaim().call().await?;
    let epoch = settlement.finality(last).call().await?.epoch;
    Ok(if epoch == 0 { 0 } else { Inbox::new(deployment.chain.inbox, l1.provider()).epochEnd(epoch).call().await? })
}
