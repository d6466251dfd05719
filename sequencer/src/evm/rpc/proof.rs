//! The method `eth_getProof` (EIP-1186).

use alloy::{
    primitives::{Address, B256, KECCAK256_EMPTY, U256},
    rpc::types::{EIP1186AccountProofResponse, EIP1186StorageProof},
    serde::JsonStorageKey,
};
use serde_json::Value;
use tandem_chain::TransitionError;
use tandem_evm::StateError;

use super::json;
use crate::rpc::{Params, RpcContext, RpcError, flag};

pub fn get_proof(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.required(0, "an address")?;
    let keys: Vec<JsonStorageKey> = params.required(1, "an array of storage slots")?;
    let limit = context.limits.proof_slots_max;
    if keys.len() > limit {
        return Err(RpcError::LimitExceeded { what: "storage slots", limit: limit as u64, flag: flag::PROOF_SLOTS });
    }
    let (_, mut state) = context.state(params.block(2)?)?;
    let trie = state.trie_mut();
    let unreadable = |error| RpcError::from(TransitionError::from(StateError::Trie(error)));
    let account = trie.account(address).map_err(unreadable)?;
    let account_proof = trie.prove_account(address).map_err(unreadable)?;
    let mut storage_proof = Vec::with_capacity(keys.len());
    for key in keys {
        let slot = U256::from_be_bytes(key.as_b256().0);
        let value = trie.storage(address, slot).map_err(unreadable)?;
        let proof = trie.prove_storage(address, slot).map_err(unreadable)?;
        storage_proof.push(EIP1186StorageProof { key, value, proof });
    }
    json::value(&EIP1186AccountProofResponse {
        address,
        balance: account.map_or(U256::ZERO, |account| account.balance),
        nonce: account.map_or(0, |account| account.nonce),
        code_hash: account.map_or(KECCAK256_EMPTY, |account| account.code_hash),
        storage_hash: account.map_or(alloy::consensus::EMPTY_ROOT_HASH, |account: tandem_trie::TrieAccount| -> B256 {
            account.storage_root
        }),
        account_proof,
        storage_proof,
    })
}
