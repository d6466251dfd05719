//! What this node runs and holds: `eth_config` (EIP-7910) and `eth_capabilities`.

use std::collections::BTreeMap;

use alloy::primitives::{Address, U256, hex};
use revm::precompile::{PrecompileSpecId, Precompiles};
use serde_json::{Value, json};
use tandem_evm::block::FORK;

use super::json;
use crate::rpc::{RpcContext, RpcError};

/// The rules in force, which are those of genesis: there is no fork before or after that a node could know of from its configuration.
pub fn config(context: &RpcContext) -> Result<Value, RpcError> {
    let genesis = context.store.block_hash(0)?.ok_or(RpcError::UnknownBlock)?;
    let names = |precompile: &revm::precompile::Precompile| (precompile.id().name().to_owned(), *precompile.address());
    let precompiles: BTreeMap<String, Address> =
        Precompiles::new(PrecompileSpecId::from_spec_id(FORK)).inner().values().map(names).collect();
    Ok(json!({
        "current": {
            "activationTime": 0,
            // No blobs (EVM-ENV-2).
            "blobSchedule": null,
            "chainId": json::quantity(context.chain.l2_chain_id)?,
            // EIP-6122, of a chain without forks.
            "forkId": hex::encode_prefixed(crc32(genesis.as_slice()).to_be_bytes()),
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

/// The checksum of Ethernet, which fork ids are made of.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(!0, byte)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::b256;

    use super::*;

    #[test]
    fn fork_ids_are_those_of_other_nodes() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        // EIP-2124: Ethereum's main network at its genesis.
        let mainnet = b256!("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
        assert_eq!(crc32(mainnet.as_slice()), 0xfc64_ec04);
    }
}
