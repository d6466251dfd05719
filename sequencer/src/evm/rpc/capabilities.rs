//! What this node runs and holds: `eth_config` (EIP-7910) and `eth_capabilities`.

use std::collections::BTreeMap;

use alloy::{
    eips::eip2124::ForkHash,
    primitives::{Address, U256, hex},
};
use serde_json::{Value, json};

use super::{json, precompiles::precompiles};
use crate::rpc::{RpcContext, RpcError};

/// The rules in force, which are those of genesis: there is no fork before or after that a node could know of from its configuration.
pub fn config(context: &RpcContext) -> Result<Value, RpcError> {
    let genesis = context.store.block_hash(0)?.ok_or(RpcError::UnknownBlock)?;
    let names = |precompile: &revm::precompile::Precompile| (precompile.id().name().to_owned(), *precompile.address());
    let precompiles: BTreeMap<String, Address> = precompiles().inner().values().map(names).collect();
    Ok(json!({
        "current": {
            "activationTime": 0,
            // No blobs (EVM-ENV-2).
            "blobSchedule": null,
            "chainId": json::quantity(context.chain.l2_chain_id)?,
            // EIP-6122, of a chain without forks.
            "forkId": hex::encode_prefixed(ForkHash::from(genesis).0),
            "precompiles": precompiles,
            // Of Ethereum's there is only this one (EVM-ENV-3, EVM-ENV-4).
            "systemContracts": { "HISTORY_STORAGE_ADDRESS": alloy::eips::eip2935::HISTORY_STORAGE_ADDRESS },
        },
        "next": null,
        "last": null,
    }))
}

/// Everything from genesis on, and nothing is ever thrown away.
pub fn capabilities(context: &RpcContext) -> Result<Value, RpcError> {
    let head = context.head()?;
    let whole = json!({ "disabled": false, "oldestBlock": "0x0" });
    let held = ["state", "tx", "logs", "receipts", "blocks", "stateproofs"];
    let mut answer: serde_json::Map<String, Value> =
        held.into_iter().map(|resource| (resource.to_owned(), whole.clone())).collect();
    answer.insert("head".into(), json!({ "number": U256::from(head.number), "hash": head.hash }));
    Ok(answer.into())
}
