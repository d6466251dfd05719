//! A node that is measured: its accounts, a contract with logs, and what is asked of it.

use std::{net::SocketAddr, time::Duration};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    network::TxSignerSync,
    primitives::{Address, B256, Bytes, TxKind, U256},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use anyhow::Context;
use serde_json::{Value, json};
use tandem_tests::world::wait_until;
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::caller::Caller;

alloy::sol! {
    function mint(address to, uint256 amount) external;
    function balanceOf(address account) external view returns (uint256);
}

/// Connections that send at a time, each from an account of its own.
const SENDERS: usize = 4;
/// Transfers of each of them in a round.
const TRANSFERS: usize = 60;
/// Transfers in a round that are followed to their receipt, one after the other.
const FOLLOWED: usize = 12;
/// Time between two looks for a receipt.
const LOOK: Duration = Duration::from_millis(2);
/// Connections that read at a time.
const READERS: usize = 8;
/// Questions of each kind that each of them asks in a round.
const QUESTIONS: usize = 100;
/// Time between two transfers of the account that sends while others read.
const PAUSE: Duration = Duration::from_millis(20);
/// Tokens that are minted, each with a log.
const MINTS: usize = 200;

/// How long answers took.
#[derive(Default)]
pub struct Times {
    pub send: Vec<Duration>,
    pub receipt: Vec<Duration>,
    pub call: Vec<Duration>,
    pub logs: Vec<Duration>,
    pub block: Vec<Duration>,
}

struct Account {
    key: PrivateKeySigner,
    nonce: u64,
}

impl Account {
    fn sign(&mut self, chain_id: u64, to: TxKind, gas_limit: u64, input: Vec<u8>) -> anyhow::Result<Bytes> {
        let mut transaction = TxEip1559 {
            chain_id,
            nonce: self.nonce,
            gas_limit,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1,
            to,
            value: U256::ZERO,
            input: input.into(),
            ..Default::default()
        };
        self.nonce += 1;
        let signature = self.key.sign_transaction_sync(&mut transaction)?;
        Ok(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into())
    }
}

pub struct Subject {
    pub times: Times,
    address: SocketAddr,
    chain_id: u64,
    accounts: Vec<Account>,
    token: Address,
    first_log: u64,
}

impl Subject {
    /// Deploys a token, and mints: what reads ask for.
    pub async fn prepare(url: &Url, keys: &[PrivateKeySigner]) -> anyhow::Result<Self> {
        let address = *url.socket_addrs(|| None)?.first().context("no address")?;
        let mut caller = Caller::connect(address).await?;
        let chain_id = number(&caller.ask("eth_chainId", json!([])).await?.0)?;
        let mut accounts = Vec::new();
        for key in keys {
            let nonce = caller.ask("eth_getTransactionCount", json!([key.address(), "latest"])).await?.0;
            accounts.push(Account { key: key.clone(), nonce: number(&nonce)? });
        }
        let artifact: Value = serde_json::from_str(include_str!("../../../contracts/artifacts/DevnetToken.json"))?;
        let creation: Bytes = serde_json::from_value(artifact["bytecode"]["object"].clone())?;
        let (token, minter) = (accounts[0].key.address().create(accounts[0].nonce), accounts[0].key.address());
        let created = accounts[0].sign(chain_id, TxKind::Create, 2_000_000, creation.to_vec())?;
        let hash = caller.ask("eth_sendRawTransaction", json!([created])).await?.0;
        let receipt = receipt(address, hash).await?;
        let first_log = number(&receipt["blockNumber"])?;
        let mut last = Value::Null;
        for _ in 0..MINTS {
            let mint = mintCall { to: minter, amount: U256::ONE }.abi_encode();
            let minted = accounts[0].sign(chain_id, token.into(), 200_000, mint)?;
            last = caller.ask("eth_sendRawTransaction", json!([minted])).await?.0;
        }
        self::receipt(address, last).await?;
        Ok(Self { times: Times::default(), address, chain_id, accounts, token, first_log })
    }

    /// One round of everything; what took how long is added to the times.
    pub async fn measure(&mut self) -> anyhow::Result<()> {
        self.send().await?;
        self.follow().await?;
        self.read().await
    }

    async fn send(&mut self) -> anyhow::Result<()> {
        let mut senders = JoinSet::new();
        for account in self.accounts.iter_mut().skip(1).take(SENDERS) {
            let transfer = |_| account.sign(self.chain_id, Address::with_last_byte(0xaa).into(), 60_000, Vec::new());
            let signed = (0..TRANSFERS).map(transfer).collect::<anyhow::Result<Vec<_>>>()?;
            let mut caller = Caller::connect(self.address).await?;
            senders.spawn(async move {
                let (mut times, mut last) = (Vec::new(), Value::Null);
                for transaction in signed {
                    let (hash, took) = caller.ask("eth_sendRawTransaction", json!([transaction])).await?;
                    times.push(took);
                    last = hash;
                }
                anyhow::Ok((times, last))
            });
        }
        while let Some(sent) = senders.join_next().await {
            let (times, last) = sent??;
            self.times.send.extend(times);
            receipt(self.address, last).await?;
        }
        Ok(())
    }

    async fn follow(&mut self) -> anyhow::Result<()> {
        let mut caller = Caller::connect(self.address).await?;
        for _ in 0..FOLLOWED {
            let account = &mut self.accounts[SENDERS + 1];
            let transfer = account.sign(self.chain_id, Address::with_last_byte(0xaa).into(), 60_000, Vec::new())?;
            let begun = Instant::now();
            let hash = caller.ask("eth_sendRawTransaction", json!([transfer])).await?.0;
            while caller.ask("eth_getTransactionReceipt", json!([hash])).await?.0.is_null() {
                tokio::time::sleep(LOOK).await;
            }
            self.times.receipt.push(begun.elapsed());
        }
        Ok(())
    }

    /// Reads while somebody sends.
    async fn read(&mut self) -> anyhow::Result<()> {
        let cancel = CancellationToken::new();
        let (address, chain_id) = (self.address, self.chain_id);
        let mut sender = self.take_account();
        let stop = cancel.clone();
        let sending = tokio::spawn(async move {
            let mut caller = Caller::connect(address).await?;
            while !stop.is_cancelled() {
                let transfer = sender.sign(chain_id, Address::with_last_byte(0xaa).into(), 60_000, Vec::new())?;
                caller.ask("eth_sendRawTransaction", json!([transfer])).await?;
                tokio::time::sleep(PAUSE).await;
            }
            anyhow::Ok(sender)
        });
        let call = balanceOfCall { account: self.accounts[0].key.address() }.abi_encode();
        let call = json!([{ "to": self.token, "data": Bytes::from(call) }, "latest"]);
        let first_log = format!("{:#x}", self.first_log);
        let logs = json!([{ "address": self.token, "fromBlock": first_log, "toBlock": "latest" }]);
        let questions = [("eth_call", call), ("eth_getLogs", logs), ("eth_getBlockByNumber", json!(["latest", true]))];
        let mut readers = JoinSet::new();
        for _ in 0..READERS {
            let (questions, mut caller) = (questions.clone(), Caller::connect(self.address).await?);
            readers.spawn(async move {
                let mut times = [const { Vec::new() }; 3];
                for _ in 0..QUESTIONS {
                    for ((method, params), times) in questions.iter().zip(&mut times) {
                        times.push(caller.ask(method, params.clone()).await?.1);
                    }
                }
                anyhow::Ok(times)
            });
        }
        while let Some(read) = readers.join_next().await {
            let [call, logs, block] = read??;
            self.times.call.extend(call);
            self.times.logs.extend(logs);
            self.times.block.extend(block);
        }
        cancel.cancel();
        self.accounts.push(sending.await??);
        Ok(())
    }

    /// The last account, which whoever takes it gives back.
    fn take_account(&mut self) -> Account {
        self.accounts.pop().unwrap_or_else(|| Account { key: PrivateKeySigner::random(), nonce: 0 })
    }
}

async fn receipt(address: SocketAddr, hash: Value) -> anyhow::Result<Value> {
    let hash: B256 = serde_json::from_value(hash)?;
    let found = || async {
        let mut caller = Caller::connect(address).await?;
        let receipt = caller.ask("eth_getTransactionReceipt", json!([hash])).await?.0;
        Ok((!receipt.is_null()).then_some(receipt))
    };
    wait_until("the transaction is included", found).await
}

fn number(value: &Value) -> anyhow::Result<u64> {
    Ok(serde_json::from_value::<U256>(value.clone())?.to())
}
