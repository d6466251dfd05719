//! Has L1 check and keep the verifying keys of a payments chain. Rules: PAY-KEYS.

use super::{
    error::DeployError,
    keys::KeySet,
    send::{Sent, priced},
};
use crate::{bindings::ValiditySettlement, client::L1Client, submit::suggest_fees};
use alloy::{
    consensus::TxEip1559,
    primitives::{Address, Bytes},
    providers::Provider,
    rpc::types::{TransactionInput, TransactionRequest},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use std::time::{Duration, Instant};

/// Added to what storing is estimated to take, in percent.
const GAS_MARGIN_PERCENT: u64 = 25;

/// Has the settlement check and store a key set, unless it has it. L1 refuses points that are none (PAY-KEY).
pub async fn store_keys(
    client: &L1Client,
    payer: &PrivateKeySigner,
    settlement: Address,
    keys: &KeySet,
    poll_interval: Duration,
    patience: Duration,
) -> Result<(), DeployError> {
    let contract = ValiditySettlement::new(settlement, client.provider());
    let keys_hash = keys.hash();
    if !client.call(async { contract.keySetOf(keys_hash).call().await }).await?.is_zero() {
        return Ok(());
    }
    let input: Bytes = ValiditySettlement::storeKeysCall { keys: keys.bytes().clone() }.abi_encode().into();
    let request = TransactionRequest {
        from: Some(payer.address()),
        to: Some(settlement.into()),
        input: TransactionInput::both(input.clone()),
        ..TransactionRequest::default()
    };
    let gas = client.request(client.provider().estimate_gas(request)).await?;
    let transaction = TxEip1559 {
        chain_id: client.chain_id().await?,
        nonce: client.nonce(payer.address()).await?,
        gas_limit: gas.saturating_add(gas.saturating_mul(GAS_MARGIN_PERCENT) / 100),
        to: settlement.into(),
        input,
        ..priced(suggest_fees(client, false).await?)
    };
    let sent = Sent::new(client, payer, transaction).await?;
    tracing::debug!(%keys_hash, transaction = ?sent.hashes, "storing verifying keys");
    sent.wait(client, payer, "the data contract of the keys", Instant::now(), poll_interval, patience).await
}
