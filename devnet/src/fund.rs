//! First money: ether and a token for the users, all of it by transactions on L1, since genesis allocates none.

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::Provider,
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::json;
use tandem_chain::ChainKind;
use tandem_cli::{
    chain::ask,
    contracts::DevnetToken,
    deploy::ether,
    wallet::{Call, Wallet},
};
use tandem_l1::{
    Deployment, L1Client,
    bindings::{Bridge, Inbox, PaymentsBridge},
};

use crate::{START_PATIENCE, session};

/// Ether of each user on L2.
const USER_ETHER: u64 = 100;
/// Ether that the faucet may give away.
const FAUCET_ETHER: u64 = 5_000;
/// Tokens of each user on L1.
const USER_TOKENS: u64 = 1_000_000;

/// Deposits for the users and the faucet, a token that the users hold, and a first checkpoint: all in one L1 block; on a payments chain their session keys after
/// that. Returns the token.
pub async fn on_l1(
    l1: &L1Client,
    faucet: &PrivateKeySigner,
    users: &[PrivateKeySigner],
    deployment: &Deployment,
) -> anyhow::Result<Address> {
    let wallet = Wallet::connect(l1.clone(), faucet.clone(), START_PATIENCE).await?;
    let artifact: serde_json::Value = serde_json::from_str(include_str!("../../contracts/artifacts/DevnetToken.json"))?;
    let creation: Bytes =
        serde_json::from_value(artifact["bytecode"]["object"].clone()).context("artifact of DevnetToken")?;
    let token = wallet.address().create(l1.nonce(wallet.address()).await?);
    let mut calls = vec![Call { input: creation, gas_limit: Some(2_000_000), ..Call::default() }];
    calls.push(Call::new(deployment.chain.inbox, Inbox::checkpointCall {}.abi_encode()).gas_limit(200_000));
    let accounts = users.iter().map(|user| (user.address(), USER_ETHER)).chain([(wallet.address(), FAUCET_ETHER)]);
    for (to, amount) in accounts {
        let deposit = match deployment.chain.kind {
            ChainKind::Evm => Bridge::depositETHCall { to, refund: to }.abi_encode(),
            ChainKind::Payments => PaymentsBridge::depositETHCall { account: to }.abi_encode(),
        };
        calls.push(Call::new(deployment.chain.bridge, deposit).value(ether(amount)).gas_limit(400_000));
    }
    for user in users {
        let mint = DevnetToken::mintCall { to: user.address(), amount: ether(USER_TOKENS) }.abi_encode();
        calls.push(Call::new(token, mint).gas_limit(200_000));
    }
    wallet.send_all(calls).await.context("funding the accounts")?;
    if deployment.chain.kind == ChainKind::Payments {
        session::register(l1, users.iter().chain([faucet]), &deployment.chain).await.context("setting session keys")?;
    }
    Ok(token)
}

/// What `rollup_status` says of the queue on a chain of either kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    queue_index: u64,
    /// Whether a payments chain's node still reads what L1 has.
    #[serde(default)]
    syncing: bool,
}

/// How many L1 messages blocks have taken, once the node has read what L1 has.
pub async fn queue_index(l2: &L1Client) -> anyhow::Result<u64> {
    let status = ask::<Status>(l2, "rollup_status", json!([])).await?;
    ensure!(!status.syncing, "the node still reads L1");
    Ok(status.queue_index)
}

/// Whether all of it is on L2.
pub async fn has_arrived(
    l1: &L1Client,
    l2: &L1Client,
    users: &[PrivateKeySigner],
    deployment: &Deployment,
) -> anyhow::Result<bool> {
    let queued = Inbox::new(deployment.chain.inbox, l1.provider()).queueLength().call().await?;
    if queued < users.len() as u64 || queue_index(l2).await? < queued {
        return Ok(false);
    }
    for user in users {
        if l2.request(l2.provider().get_balance(user.address())).await? < U256::ONE {
            return Ok(false);
        }
    }
    Ok(true)
}
