//! Methods that every kind of chain answers alike.

use alloy::primitives::{Bytes, keccak256};
use serde_json::{Map, Value, json};

use super::{Params, RpcError, Service, filters, json};
use crate::sync_state::SyncState;

/// The answer to such a method; none if it is another. Reads, and may block.
pub(crate) fn answer(service: &impl Service, method: &str, params: &Params) -> Option<Result<Value, RpcError>> {
    let chain = service.chain();
    Some(match method {
        "web3_clientVersion" => Ok(concat!("tandem/", env!("CARGO_PKG_VERSION")).into()),
        "web3_sha3" => sha3(params),
        "net_version" => Ok(chain.l2_chain_id.to_string().into()),
        "net_listening" => Ok(true.into()),
        "net_peerCount" => Ok("0x0".into()),
        "rpc_modules" => Ok(modules(service)),
        "eth_chainId" => json::quantity(chain.l2_chain_id),
        "eth_syncing" => syncing(service),
        "eth_accounts" => Ok(Value::Array(Vec::new())),
        "eth_blockNumber" => service.head_number().and_then(json::quantity),
        "eth_newFilter" => filters::new_filter(service, params),
        "eth_newBlockFilter" => filters::new_block_filter(service),
        "eth_newPendingTransactionFilter" => filters::new_pending_transaction_filter(service, params),
        "eth_getFilterChanges" => filters::filter_changes(service, params),
        "eth_getFilterLogs" => filters::filter_logs(service, params),
        "eth_uninstallFilter" => filters::uninstall_filter(service, params),
        // Over a WebSocket these are answered where the connection is.
        "eth_subscribe" | "eth_unsubscribe" => Err(RpcError::NoNotifications),
        "rollup_config" => json::value(chain).map(|config| json!({ "config": config, "configHash": chain.hash() })),
        _ => return None,
    })
}

fn sha3(params: &Params) -> Result<Value, RpcError> {
    let data: Bytes = params.required(0, "hex data")?;
    json::value(&keccak256(data))
}

/// The namespaces that are answered, each with its version.
fn modules(service: &impl Service) -> Value {
    let versions = service.namespaces().into_iter().map(|name| (name.to_owned(), json!("1.0")));
    versions.collect::<Map<_, _>>().into()
}

/// False, or how far the node has read while L1 is not read to its end. How far that is, nobody knows before.
fn syncing(service: &impl Service) -> Result<Value, RpcError> {
    if *service.watch_sync().borrow() == SyncState::Synced {
        return Ok(false.into());
    }
    let head = json::quantity(service.head_number()?)?;
    Ok(json!({ "startingBlock": "0x0", "currentBlock": head, "highestBlock": head }))
}
