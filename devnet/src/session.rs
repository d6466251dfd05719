//! Session keys of the devnet's accounts on a payments chain: those that `tandem session key` derives from their wallets, set from L1.

use alloy::{primitives::B256, signers::local::PrivateKeySigner, sol_types::SolCall};
use tandem_chain::ChainConfig;
use tandem_cli::{
    session::{ChainName, KeyFlags},
    wallet::{Call, Wallet},
};
use tandem_l1::{L1Client, PrivateKey, bindings::PaymentsBridge};
use tandem_payments::{eddsa::SecretKey, field::integer};
use tokio::task::JoinSet;

use crate::START_PATIENCE;

/// Which key is meant, of whichever account.
pub fn first_key() -> KeyFlags {
    KeyFlags { chain_id: None, genesis: None, index: 0, account: None, wallet_signature: None }
}

/// The first session key of an account.
fn key(owner: &PrivateKeySigner, chain: &ChainConfig) -> anyhow::Result<SecretKey> {
    let wallet: PrivateKey = B256::from(owner.to_bytes()).to_string().parse()?;
    let name = ChainName { chain_id: chain.l2_chain_id, genesis: chain.hash() };
    Ok(first_key().derive(name, Some(&wallet))?.1)
}

/// Has each owner set his key, all at once.
pub async fn register(
    l1: &L1Client,
    owners: impl Iterator<Item = &PrivateKeySigner>,
    chain: &ChainConfig,
) -> anyhow::Result<()> {
    let mut calls = JoinSet::new();
    for owner in owners {
        let set = PaymentsBridge::setSessionKeyCall { keyHash: integer(key(owner, chain)?.public().hash()) };
        let call = Call::new(chain.bridge, set.abi_encode());
        let (l1, owner) = (l1.clone(), owner.clone());
        calls.spawn(async move { Wallet::connect(l1, owner, START_PATIENCE).await?.send(call).await });
    }
    while let Some(sent) = calls.join_next().await {
        sent??;
    }
    Ok(())
}
