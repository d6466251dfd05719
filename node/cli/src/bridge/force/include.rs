//! Takes a message into a batch where no sequencer does. Rules: L1-BATCH-4, L1-BATCH-6, L1-BATCH-7, L1-CP-2.

use alloy::primitives::B256;
use anyhow::Context;
use tandem_chain::Checkpoint;
use tandem_l1::{
    Append, AppendData, L1Call,
    bindings::{Inbox, Schedule},
    checkpoint,
};
use tandem_service::Report;

use crate::{
    chain::Ground,
    wallet::{Call, Wallet, WalletError},
};

/// Waits until batches have consumed the message, and appends them wherever the first that waits is overdue.
pub(super) async fn until_consumed(ground: &Ground, wallet: &Wallet, index: u64, report: Report) -> anyhow::Result<()> {
    let inbox = Inbox::new(ground.deployment.chain.inbox, ground.l1.provider());
    let consumed = || async {
        if inbox.queueConsumed().call().await? > index {
            return Ok(Some(()));
        }
        if inbox.isForcible().call().await? {
            report.progress("messages are overdue and no batch takes them: appending one");
            if let Some(transaction) = append_forced(ground, wallet).await? {
                report.progress(format_args!("appended by {transaction}"));
            }
        }
        Ok(None)
    };
    ground.wait(&format!("a batch has message {index} (go on with --message {index})"), consumed).await
}

/// Appends a batch without sequencer data that takes as many waiting messages as fit; its transaction. None if L1 refuses it, since somebody
/// else was first or nothing is overdue any more.
pub async fn append_forced(ground: &Ground, wallet: &Wallet) -> anyhow::Result<Option<B256>> {
    let checkpoint = store_checkpoint(ground, wallet).await?;
    let inbox = Inbox::new(ground.deployment.chain.inbox, ground.l1.provider());
    let last = inbox.batchCount().call().await?;
    let queue_end = queue_end(ground).await?;
    let append = Append {
        index: last.saturating_add(1),
        parent_content_hash: inbox.lastContentHash().call().await?,
        queue_end,
        queue_hash: inbox.queueHashOf(queue_end).call().await?,
        checkpoint,
        work_gas: 0,
        data: AppendData::Forced,
    };
    match wallet.send(for_wallet(append.to_call(*inbox.address())?)).await {
        Ok(receipt) => Ok(Some(receipt.transaction_hash)),
        Err(error @ (WalletError::Refused(_) | WalletError::Reverted(_))) => {
            tracing::info!(%error, "the batch is not taken");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// A checkpoint of an earlier block than the next.
async fn store_checkpoint(ground: &Ground, wallet: &Wallet) -> anyhow::Result<Checkpoint> {
    let inbox = ground.deployment.chain.inbox;
    let receipt = wallet.send(for_wallet(checkpoint::call(inbox))).await?;
    let number = receipt.block_number.context("the receipt has no block")?;
    let stored = checkpoint::stored_by(&ground.l1, inbox, &receipt).await?.context("no checkpoint was stored")?;
    let later = || async { Ok((ground.l1.latest().await?.id.number > number).then_some(())) };
    ground.wait("L1 has another block", later).await?;
    Ok(stored)
}

/// A call as the wallet takes it, which sends no blobs: neither a checkpoint nor a forced batch has any.
fn for_wallet(call: L1Call) -> Call {
    let L1Call { to, input, value, gas_limit, purpose: _, blobs: _ } = call;
    Call { to, input, value, gas_limit }
}

/// The furthest queue end that a batch may name (L1-BATCH-6).
async fn queue_end(ground: &Ground) -> anyhow::Result<u64> {
    let inbox = Inbox::new(ground.deployment.chain.inbox, ground.l1.provider());
    let schedule = Schedule::new(ground.deployment.schedule, ground.l1.provider());
    let entry = schedule.activeEntry().call().await?;
    let start = inbox.queueConsumed().call().await?;
    let last = inbox.queueLength().call().await?.min(start.saturating_add(entry.maxMessagesPerBatch));
    let mut end = start;
    while end < last
        && inbox.queuedGas(start, end.saturating_add(1)).call().await?
            <= alloy::primitives::U256::from(entry.maxMessageGasPerBatch)
    {
        end = end.saturating_add(1);
    }
    Ok(end)
}
