//! Users of a payments chain who send transfers as fast as its sequencer admits them, and remember what was acknowledged; and whoever watches what becomes of it.
//!
//! Each pays an account of its own, so that every sum can be checked to the wei. A transfer that is refused because the prover is behind, or whose answer got lost, is
//! sent again, byte for byte, until the sequencer acknowledges it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256, Bytes, TxHash, U64, keccak256},
    providers::Provider,
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tandem_chain::ChainConfig;
use tandem_cli::{
    chain::ask,
    session::{ChainName, KeyFlags},
};
use tandem_l1::{L1Client, PrivateKey};
use tandem_payments::{
    eddsa::{SecretKey, SessionTransaction},
    operation::{Call, Operation},
};
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

/// Wei of every transfer.
pub const VALUE: u128 = 1_000_000_007;
/// Of a transfer that makes the recipient's leaf.
const GAS_LIMIT: u64 = 42_000;
/// In wei; far above the price of a devnet.
const MAX_FEE_PER_GAS: u64 = 100_000_000_000;
/// How the refusal begins while as many batches wait for proofs as may (docs/rpc.md).
pub const BEHIND: &str = "the prover is behind";
/// How it begins while all of them are proven, and L1 has yet to take them.
const L1_BEHIND: &str = "L1 is behind";
/// The refusal of a node that has just started.
const SYNCING: &str = "the node reads L1";
/// Too much is asked for at once.
const OVERLOADED: i64 = -32_005;
/// Seldom, so that whoever measures proofs measures no refusals.
const RETRY: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(100);

/// Somebody with money, a session key and somebody to pay.
pub struct Payer {
    /// The account that pays.
    pub account: Address,
    /// The account that is paid.
    pub to: Address,
    key: SecretKey,
    nonce: u64,
}

/// A transfer that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Paid {
    /// The account that pays.
    pub account: Address,
    /// Hash of the transaction.
    pub hash: TxHash,
    /// When it was sent: the last time, which was not refused.
    pub sent_at: Instant,
}

/// A refusal, as JSON-RPC brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error's code.
    pub code: i64,
    /// What it says to a person.
    pub message: String,
}

/// How far a flood is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Transfers that were acknowledged.
    pub acknowledged: usize,
    /// The first refusal because the prover is behind.
    pub refusal: Option<Refusal>,
}

/// What comes of a transfer that is sent.
enum Answer {
    Taken,
    Behind(Refusal),
    /// Nobody is there, or nobody who can say.
    Away,
}

impl Payer {
    /// Whoever has this session key, and has used it so often.
    pub fn new(account: Address, key: SecretKey, nonce: u64) -> Self {
        Self { account, to: Address::from_word(keccak256(account)), key, nonce }
    }

    /// An account of a devnet, which has set the first session key of its wallet.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn of_devnet(owner: &PrivateKeySigner, chain: &ChainConfig, l2: &L1Client) -> anyhow::Result<Self> {
        let wallet: PrivateKey = B256::from(owner.to_bytes()).to_string().parse()?;
        let first = KeyFlags { chain_id: None, genesis: None, index: 0, account: None, wallet_signature: None };
        let name = ChainName { chain_id: chain.l2_chain_id, genesis: chain.hash() };
        let (account, key) = first.derive(name, Some(&wallet))?;
        Ok(Self::new(account, key, l2.request(l2.provider().get_transaction_count(account)).await?))
    }

    /// The next transfer, as it is sent.
    fn transfer(&self, chain: &ChainConfig) -> anyhow::Result<(TxHash, Bytes)> {
        let operation = Operation {
            sender: self.account,
            nonce: self.nonce,
            call: Call::Transfer { recipient: self.to, amount: VALUE },
            gas_limit: GAS_LIMIT,
            max_fee_per_gas: MAX_FEE_PER_GAS,
            expiry: u64::MAX,
        };
        let signed = SessionTransaction::sign(chain.l2_chain_id, chain.hash(), operation, &self.key)?;
        Ok((signed.hash(), signed.encode().into()))
    }

    /// Sends one transfer, until it is acknowledged or the flood `ended`; none in that case.
    ///
    /// # Errors
    /// If it is refused for another reason than that the prover is behind.
    pub async fn pay(
        &mut self,
        l2: &L1Client,
        chain: &ChainConfig,
        progress: &watch::Sender<Progress>,
        ended: &CancellationToken,
    ) -> anyhow::Result<Option<Paid>> {
        let (hash, raw) = self.transfer(chain)?;
        while !ended.is_cancelled() {
            let sent_at = Instant::now();
            match offer(l2, hash, &raw).await? {
                Answer::Taken => {
                    self.nonce += 1;
                    progress.send_modify(|progress| progress.acknowledged += 1);
                    return Ok(Some(Paid { account: self.account, hash, sent_at }));
                }
                Answer::Behind(refusal) => {
                    progress.send_if_modified(|progress| {
                        let is_first = progress.refusal.is_none();
                        progress.refusal.get_or_insert(refusal);
                        is_first
                    });
                }
                Answer::Away => {}
            }
            tokio::time::sleep(RETRY).await;
        }
        Ok(None)
    }
}

/// Sends a transfer once.
async fn offer(l2: &L1Client, hash: TxHash, raw: &Bytes) -> anyhow::Result<Answer> {
    let sending = l2.provider().raw_request::<_, TxHash>("eth_sendRawTransaction".into(), json!([raw]));
    let error = match l2.request(sending).await {
        Ok(answer) => {
            ensure!(answer == hash, "the sequencer names {answer} what is {hash}");
            return Ok(Answer::Taken);
        }
        Err(error) => error,
    };
    let Some(refusal) = error.error_response() else { return Ok(Answer::Away) };
    let refusal = Refusal { code: refusal.code, message: refusal.message.to_string() };
    if refusal.message.starts_with(BEHIND) {
        return Ok(Answer::Behind(refusal));
    }
    if [SYNCING, L1_BEHIND].iter().any(|words| refusal.message.starts_with(words)) || refusal.code == OVERLOADED {
        return Ok(Answer::Away);
    }
    // Known already, or applied already: it was taken, and the answer got lost.
    match ask::<Value>(l2, "eth_getTransactionByHash", json!([hash])).await {
        Ok(found) if found["hash"] == json!(hash) => Ok(Answer::Taken),
        Ok(_) => bail!("transfer {hash} is refused: {} ({})", refusal.message, refusal.code),
        Err(_) => Ok(Answer::Away),
    }
}

/// Payers at work, each of whom sends one transfer after the other.
pub struct Flood {
    payers: JoinSet<anyhow::Result<Vec<Paid>>>,
    progress: watch::Receiver<Progress>,
    ended: CancellationToken,
}

impl Flood {
    /// Has each payer send `count` transfers.
    pub fn start(l2: &L1Client, chain: &ChainConfig, payers: Vec<Payer>, count: usize) -> Self {
        let (sender, progress) = watch::channel(Progress::default());
        let (sender, ended) = (Arc::new(sender), CancellationToken::new());
        let mut tasks = JoinSet::new();
        for mut payer in payers {
            let (l2, chain, sender, ended) = (l2.clone(), chain.clone(), sender.clone(), ended.clone());
            tasks.spawn(async move {
                let mut paid = Vec::new();
                while paid.len() < count
                    && let Some(next) = payer.pay(&l2, &chain, &sender, &ended).await?
                {
                    paid.push(next);
                }
                Ok(paid)
            });
        }
        Self { payers: tasks, progress, ended }
    }

    /// Waits until it is so far.
    ///
    /// # Errors
    /// If it is not within the time, or all payers have ended before.
    pub async fn until(
        &mut self,
        what: &str,
        time: Duration,
        is_so: impl FnMut(&Progress) -> bool,
    ) -> anyhow::Result<Progress> {
        let found = timeout(time, self.progress.wait_for(is_so)).await;
        let found = found.with_context(|| format!("not within {time:?}: {what}"))?;
        Ok(found.with_context(|| format!("the flood has ended before: {what}"))?.clone())
    }

    /// Has the payers send nothing more.
    pub fn end(&self) {
        self.ended.cancel();
    }

    /// Waits until every payer has ended; what was acknowledged, in order of each payer.
    ///
    /// # Errors
    /// If one fails, or they do not end within the time.
    pub async fn finish(mut self, time: Duration) -> anyhow::Result<Vec<Paid>> {
        let all = async {
            let mut paid = Vec::new();
            while let Some(one) = self.payers.join_next().await {
                paid.extend(one??);
            }
            Ok(paid)
        };
        timeout(time, all).await.with_context(|| format!("the payers did not end within {time:?}"))?
    }
}

/// The most that waited at any time it was looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Closed batches that L1 does not have.
    pub closed_batches_max: u64,
    /// Transactions in the open batch, and those that wait for a place.
    pub open_transactions_max: u64,
}

/// Looks at the backlog until it has ended, and once more. A node that is away for a moment is asked on.
pub async fn watch_backlog(l2: L1Client, ended: CancellationToken) -> Backlog {
    let mut found = Backlog::default();
    loop {
        let is_last = ended.is_cancelled();
        if let Ok(status) = ask::<Value>(&l2, "rollup_status", json!([])).await {
            let count = |name: &str| status[name].as_u64().unwrap_or(u64::MAX);
            let open = count("pendingTransactions").saturating_add(count("waitingTransactions"));
            found.closed_batches_max = found.closed_batches_max.max(count("closedBatches"));
            found.open_transactions_max = found.open_transactions_max.max(open);
        }
        if is_last {
            return found;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A batch that L1 has.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Index of the batch.
    pub batch: u64,
    /// When the sequencer was first seen to say so.
    pub seen_at: Instant,
    /// What is in it.
    pub transactions: Vec<TxHash>,
}

/// Looks at which batches above `last` come to be on L1, until it has ended, and once more.
///
/// # Errors
/// If a batch that is said to be there cannot be read.
pub async fn watch_settled(l2: L1Client, mut last: u64, ended: CancellationToken) -> anyhow::Result<Vec<Settled>> {
    let mut found = Vec::new();
    loop {
        let is_last = ended.is_cancelled();
        if let Ok(status) = ask::<Value>(&l2, "rollup_status", json!([])).await {
            let settled = status["settled"].as_u64().context("a status tells what is settled")?;
            let seen_at = Instant::now();
            while last < settled {
                let batch = last + 1;
                let transactions = transactions(&l2, batch).await?;
                found.push(Settled { batch, seen_at, transactions });
                last = batch;
            }
        }
        if is_last {
            return Ok(found);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Hashes of what is in a batch, messages among it.
///
/// # Errors
/// If the node does not know it.
pub async fn transactions(l2: &L1Client, batch: u64) -> anyhow::Result<Vec<TxHash>> {
    let block: Value = ask(l2, "eth_getBlockByNumber", json!([U64::from(batch), false])).await?;
    serde_json::from_value(block["transactions"].clone()).with_context(|| format!("the transactions of batch {batch}"))
}
