//! Blocks.

use alloy::eips::{BlockId, BlockNumberOrTag};
use serde_json::Value;

use super::{context::PaymentsContext, json};
use crate::{
    payments::records::Block,
    rpc::{Params, RpcError},
};

/// What a block id means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// The open batch.
    Pending,
    /// A closed one, by its number.
    Number(u64),
}

impl PaymentsContext {
    /// What a block id means, if that block exists.
    pub(super) fn named(&self, id: BlockId) -> Result<Option<Named>, RpcError> {
        let heads = self.records.heads();
        let number = match id {
            BlockId::Hash(hash) => return Ok(self.records.number(hash.block_hash)?.map(Named::Number)),
            BlockId::Number(BlockNumberOrTag::Pending) => return Ok(Some(Named::Pending)),
            BlockId::Number(BlockNumberOrTag::Latest) => heads.latest,
            BlockId::Number(BlockNumberOrTag::Earliest) => 0,
            BlockId::Number(BlockNumberOrTag::Safe) => heads.settled,
            BlockId::Number(BlockNumberOrTag::Finalized) => heads.finalized,
            BlockId::Number(BlockNumberOrTag::Number(number)) => number,
        };
        Ok((number <= heads.latest).then_some(Named::Number(number)))
    }

    /// A closed batch by number; the chain's beginning, which is none, as an empty one.
    pub(super) fn closed(&self, number: u64) -> Result<Option<Block>, RpcError> {
        if number > 0 {
            return Ok(self.records.block(number)?.map(std::sync::Arc::unwrap_or_clone));
        }
        Ok(self.records.landed(0).map(|landed| Block::clone(&landed.block)))
    }
}

/// A block, or the open batch.
pub fn block(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let is_whole = params.optional(1, "true or false")?.unwrap_or(false);
    match context.named(params.required_block(0)?)? {
        Some(Named::Number(number)) => match context.closed(number)? {
            Some(block) => json::block(context, &block, is_whole),
            None => Ok(Value::Null),
        },
        Some(Named::Pending) => pending(context, is_whole),
        None => Ok(Value::Null),
    }
}

fn pending(context: &PaymentsContext, is_whole: bool) -> Result<Value, RpcError> {
    let Some(pending) = context.records.pending() else {
        let latest = context.closed(context.records.heads().latest)?;
        return latest.map_or(Ok(Value::Null), |block| json::block(context, &block, is_whole));
    };
    let operator = context.config.operator;
    let mut object = json::header(context, pending.number, pending.timestamp, operator, &pending.transactions);
    object["parentHash"] = serde_json::json!(context.records.heads().latest_hash);
    object["transactions"] = json::listed(context, &pending.transactions, is_whole, None)?;
    Ok(object)
}
