//! What subscriptions and filters are told of: batches as they close and as they are taken back, with their logs, and operations as they arrive.

use std::sync::Arc;

use alloy::primitives::B256;
use serde_json::{Value, json};
use tandem_store::StoreError;

use super::{context::PaymentsContext, json as shown};
use crate::{
    follow::{Chain, Followed},
    payments::{records::Block, signed::Signed, view::Records},
    rpc::{BlockNews, RpcError},
    sync_state::SyncState,
};

impl Chain for Records {
    type Block = Arc<Block>;

    fn hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        Self::hash(self, number)
    }

    fn block(&self, number: u64) -> Result<Option<Followed<Arc<Block>>>, StoreError> {
        let block = Self::block(self, number)?;
        Ok(block.map(|block| Followed { hash: block.hash, parent_hash: block.parent_hash, block }))
    }
}

/// Follows the chain, for ever, once L1 was read to its end: what was closed before that is no news.
pub async fn follow(context: PaymentsContext) {
    let mut changes = context.records.watch();
    while !context.is_synced() {
        if changes.changed().await.is_err() {
            return;
        }
    }
    context.sync.send_replace(SyncState::Synced);
    let heads = context.records.heads();
    let (news, records) = (context.news.clone(), context.records.clone());
    let announce = move |block: &Arc<Block>| announce(&context, block);
    news.follow(records, (heads.latest, heads.latest_hash), announce, changes).await;
}

/// A block as subscribers are told of it. The logs of one whose transactions are not known are not known either.
fn announce(context: &PaymentsContext, block: &Block) -> Result<BlockNews, RpcError> {
    Ok(BlockNews {
        number: block.number,
        hash: block.hash,
        bloom: shown::bloom(block),
        head: shown::header(block, context.shown())?,
        logs: block.transactions.is_some().then(|| shown::logs(block)),
    })
}

/// An operation that arrived: its hash, or all of it.
pub fn arrival(context: &PaymentsContext, signed: &Signed, full: bool) -> Result<Value, RpcError> {
    match full {
        true => shown::transaction(&signed.record(context.config.gas_price), context.chain.l2_chain_id, None),
        false => Ok(json!(signed.hash)),
    }
}
