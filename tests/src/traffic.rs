//! Users who send without pause, through whatever happens to the chain, and remember what was acknowledged.
//!
//! Each transfers to an account of its own, so that every sum can be checked to the wei. A transaction whose answer got lost is sent again, byte
//! for byte, until the sequencer acknowledges it or is past its nonce.

use std::time::Duration;

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    network::TxSignerSync,
    primitives::{Address, Bytes, TxHash, TxKind, U256, keccak256},
    providers::Provider,
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_cli::chain::ask;
use tandem_l1::L1Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{World, world::wait_until};

/// Wei of every transfer.
const VALUE: u64 = 1_000_000_007;
/// Far above any base fee of a devnet.
const MAX_FEE_PER_GAS: u128 = 100_000_000_000;
const RETRY: Duration = Duration::from_millis(100);

/// Traffic that runs until it is ended.
pub struct Traffic {
    users: JoinSet<anyhow::Result<Sent>>,
    cancel: CancellationToken,
}

/// What one user sent, all of it acknowledged.
struct Sent {
    user: Address,
    to: Address,
    transactions: Vec<TxHash>,
    balance_before: U256,
}

/// What came of the traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Transactions that the sequencer acknowledged.
    pub acknowledged: usize,
    /// Those of them that are in a block.
    pub included: usize,
    /// Acknowledged and in no block.
    pub lost: usize,
    /// Transactions that were in more than one block.
    pub doubled: usize,
}

impl Traffic {
    /// Every user sends, and waits `pause` after each acknowledgement.
    pub async fn start(world: &World, pause: Duration) -> anyhow::Result<Self> {
        let cancel = CancellationToken::new();
        let mut users = JoinSet::new();
        for key in world.devnet.users.clone() {
            let l2 = world.devnet.l2.clone();
            let (user, to) = (key.address(), sink(key.address()));
            let nonce = l2.request(l2.provider().get_transaction_count(user)).await?;
            let balance_before = world.l2_balance(user).await?;
            ensure!(world.l2_balance(to).await?.is_zero(), "the traffic of {user} was already there");
            let chain_id = world.devnet.deployment.chain.l2_chain_id;
            let ended = cancel.clone();
            users.spawn(async move {
                let transactions = send_until(&ended, &l2, &key, chain_id, nonce, to, pause).await?;
                Ok(Sent { user, to, transactions, balance_before })
            });
        }
        Ok(Self { users, cancel })
    }

    /// Ends it; waits until everything acknowledged is in a block, and counts. Fails where a balance is not exact.
    pub async fn finish(mut self, world: &World) -> anyhow::Result<Tally> {
        self.cancel.cancel();
        let mut tally = Tally::default();
        let mut all = Vec::new();
        while let Some(sent) = self.users.join_next().await {
            all.push(sent??);
        }
        for sent in &all {
            tally.acknowledged += sent.transactions.len();
            let last = sent.transactions.len() as u64;
            let nonce = || async {
                let l2 = &world.devnet.l2;
                Ok((l2.request(l2.provider().get_transaction_count(sent.user)).await? >= last).then_some(()))
            };
            wait_until(&format!("the {last} transactions of {} are executed", sent.user), nonce).await?;
            for transaction in &sent.transactions {
                let receipt: Value = world.ask("eth_getTransactionReceipt", json!([transaction])).await?;
                tally.included += usize::from(receipt["status"] == "0x1");
            }
        }
        tally.lost = tally.acknowledged - tally.included;
        tally.doubled = doubled(world).await?;
        for sent in all {
            sent.check(world).await?;
        }
        Ok(tally)
    }
}

impl Sent {
    /// The user paid for every transfer once, and the other side got it once.
    async fn check(&self, world: &World) -> anyhow::Result<()> {
        let sum = U256::from(VALUE) * U256::from(self.transactions.len());
        let received = world.l2_balance(self.to).await?;
        ensure!(received == sum, "{} has {received} wei instead of {sum}", self.to);
        let mut cost = sum;
        for transaction in &self.transactions {
            cost += crate::money::l2_fee(world, *transaction).await?;
        }
        let balance = world.l2_balance(self.user).await?;
        let expected = self.balance_before.checked_sub(cost).context("a user spent more than there was")?;
        ensure!(balance == expected, "{} has {balance} wei instead of {expected}", self.user);
        Ok(())
    }
}

/// Where a user sends to.
fn sink(user: Address) -> Address {
    Address::from_word(keccak256(user))
}

/// Transactions that are in more than one block of the chain as it is now.
async fn doubled(world: &World) -> anyhow::Result<usize> {
    let head = world.status().await?.latest.number;
    let mut seen = std::collections::HashSet::new();
    let mut doubled = 0;
    for number in 1..=head {
        let block: Value = world.ask("eth_getBlockByNumber", json!([format!("{number:#x}"), false])).await?;
        for hash in block["transactions"].as_array().into_iter().flatten() {
            doubled += usize::from(!seen.insert(hash.as_str().context("a hash")?.to_owned()));
        }
    }
    Ok(doubled)
}

async fn send_until(
    ended: &CancellationToken,
    l2: &L1Client,
    key: &PrivateKeySigner,
    chain_id: u64,
    first_nonce: u64,
    to: Address,
    pause: Duration,
) -> anyhow::Result<Vec<TxHash>> {
    let mut sent = Vec::new();
    for nonce in first_nonce.. {
        if ended.is_cancelled() {
            break;
        }
        let (hash, raw) = transfer(key, chain_id, nonce, to)?;
        while !is_acknowledged(l2, hash, &raw).await? {
            tokio::time::sleep(RETRY).await;
        }
        sent.push(hash);
        tokio::select! {
            () = ended.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    Ok(sent)
}

/// Whether the sequencer has taken the transaction, now or when its answer got lost. Fails if it refuses it.
async fn is_acknowledged(l2: &L1Client, hash: TxHash, raw: &Bytes) -> anyhow::Result<bool> {
    let sending = l2.provider().raw_request::<_, TxHash>("eth_sendRawTransaction".into(), json!([raw]));
    let error = match l2.request(sending).await {
        Ok(answer) => {
            ensure!(answer == hash, "the sequencer names {answer} what is {hash}");
            return Ok(true);
        }
        Err(error) => error,
    };
    if error.error_response().is_none() {
        return Ok(false); // It is not there.
    }
    // Known already, or executed already: it was taken, if it can be found.
    let found: anyhow::Result<Value> = ask(l2, "eth_getTransactionByHash", json!([hash])).await;
    match found {
        Ok(found) if found["hash"] == json!(hash) => Ok(true),
        // A node that has just started may not have read its journal, or the pool may be full for a moment.
        Ok(_) | Err(_) => Ok(false),
    }
}

fn transfer(key: &PrivateKeySigner, chain_id: u64, nonce: u64, to: Address) -> anyhow::Result<(TxHash, Bytes)> {
    let mut transaction = TxEip1559 {
        chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: MAX_FEE_PER_GAS,
        max_priority_fee_per_gas: 0,
        to: TxKind::Call(to),
        value: U256::from(VALUE),
        ..Default::default()
    };
    let signature = key.sign_transaction_sync(&mut transaction)?;
    let envelope = TxEnvelope::from(transaction.into_signed(signature));
    Ok((*envelope.tx_hash(), envelope.encoded_2718().into()))
}
