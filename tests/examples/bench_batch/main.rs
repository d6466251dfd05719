//! `make bench-batch`: bytes on L1 per transaction, measured on batches that a sequencer really posted to a devnet's L1, beside raw RLP, the
//! same RLP through the same compressor, and what the chain's fee estimate charges for. Prints JSON lines and writes them to
//! `target/bench/batch.json`.
//!
//! It fails if a transfer of ether takes more than it may ([`BYTES_MAX`]).
//!
//! Then what empty blocks take. A batch counts if all its transactions are of one kind of traffic. What counts is the whole input of the L1 transaction.

mod empty;
mod workload;

use std::{collections::HashMap, fs, path::Path};

use alloy::{
    consensus::TxEnvelope,
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256},
    providers::Provider,
    sol_types::SolCall,
};
use anyhow::{Context, bail, ensure};
use futures::{TryStreamExt, stream};
use serde_json::{Value, json};
use tandem_cli::wallet::Call;
use tandem_evm::{fee_estimate::estimate_posted_bytes, predeploys::ADDRESS_TABLE};
use tandem_l1::L1Client;
use tandem_tests::{World, WorldOptions, world::wait_until};
use workload::{Accounts, TOKENS, Traffic};

alloy::sol! {
    function mint(address to, uint256 amount) external;
    function register(address account) external returns (uint64 index);
}

/// Batches that are measured.
const BATCHES: usize = 2;
/// What a transfer of ether may take on L1: names of figures, and bytes.
const BYTES_MAX: [(&str, f64); 2] =
    [("batch.bytes_per_eth_transfer", 86.0), ("batch.bytes_per_eth_transfer.address_table", 69.0)];
/// Enough to fill them behind whatever was sent before.
const TRANSACTIONS: usize = 6_000;
/// The compressor's level when it counts, as the sequencer has it.
const LEVEL: i32 = 19;
/// Requests under way at the same time.
const CONCURRENT: usize = 48;
/// Transactions of one account under way at the same time; below the mempool's limit.
const UNDER_WAY: usize = 200;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let world = World::start(WorldOptions { data: "calldata", batch_age_ms: 7_200_000, ..Default::default() }).await?;
    let chain_id = world.devnet.deployment.chain.l2_chain_id;
    let mut accounts = Accounts::new(chain_id, tokens(&world).await?);
    eprintln!("giving ether and tokens to {} accounts", workload::ACCOUNTS);
    fund(&world, &accounts).await?;

    let mut figures = Vec::new();
    for (noun, traffic) in [
        ("eth_transfer", Traffic::EthTransfers),
        ("erc20_transfer", Traffic::Erc20Transfers),
        ("mixed_call", Traffic::MixedCalls),
    ] {
        figures.extend(measure(&world, &mut accounts, noun, traffic).await?);
    }
    eprintln!("registering the accounts in the address table");
    register(&world, &accounts).await?;
    // What is named by index is what was registered before the batch: a batch of the traffic alone begins after it.
    for (noun, traffic) in [
        ("eth_transfer.address_table", Traffic::EthTransfers),
        ("erc20_transfer.address_table", Traffic::Erc20Transfers),
    ] {
        figures.extend(measure(&world, &mut accounts, noun, traffic).await?.into_iter().take(1));
    }
    world.stop().await;
    figures.extend(empty::measure(&mut accounts, chain_id)?);
    write(&figures)?;
    check(&figures)
}

fn check(figures: &[Value]) -> anyhow::Result<()> {
    for (name, max) in BYTES_MAX {
        let figure = figures.iter().find(|figure| figure["name"] == name);
        let found = figure.and_then(|figure| figure["value"].as_f64()).with_context(|| format!("no {name}"))?;
        ensure!(found <= max, "{name} is {found}, and may be {max} at most");
    }
    Ok(())
}

/// Deploys the tokens that the traffic moves.
async fn tokens(world: &World) -> anyhow::Result<Vec<Address>> {
    let artifact: Value = serde_json::from_str(include_str!("../../../contracts/artifacts/DevnetToken.json"))?;
    let creation: Bytes = serde_json::from_value(artifact["bytecode"]["object"].clone())?;
    let create = Call { input: creation, gas_limit: Some(2_000_000), ..Call::default() };
    let receipts = world.l2_wallet(0).await?.send_all(vec![create; TOKENS]).await?;
    receipts.iter().map(|receipt| receipt.contract_address.context("no token was created")).collect()
}

async fn fund(world: &World, accounts: &Accounts) -> anyhow::Result<()> {
    let token = |index| accounts.token_of(index);
    let ether = accounts.addresses().map(|to| Call {
        to: TxKind::Call(to),
        value: U256::from(20_000_000_000_000_000u64),
        gas_limit: Some(21_000),
        ..Call::default()
    });
    let tokens = accounts.addresses().enumerate().map(|(index, to)| {
        let mint = mintCall { to, amount: U256::from(10).pow(U256::from(24)) };
        Call::new(token(index), mint.abi_encode()).gas_limit(100_000)
    });
    by_all_users(world, ether.chain(tokens).collect()).await
}

async fn register(world: &World, accounts: &Accounts) -> anyhow::Result<()> {
    let tokens = (0..TOKENS).map(|index| accounts.token_of(index));
    let calls = tokens
        .chain(accounts.addresses())
        .map(|account| Call::new(ADDRESS_TABLE, registerCall { account }.abi_encode()).gas_limit(150_000));
    by_all_users(world, calls.collect()).await
}

/// Spreads calls over the devnet's users and waits for all of them.
async fn by_all_users(world: &World, calls: Vec<Call>) -> anyhow::Result<()> {
    let users = world.devnet.users.len();
    let share = calls.len().div_ceil(users);
    let work = calls.chunks(share).enumerate().map(|(user, calls)| async move {
        let wallet = world.l2_wallet(user).await?;
        for calls in calls.chunks(UNDER_WAY) {
            wallet.send_all(calls.to_vec()).await?;
        }
        anyhow::Ok(())
    });
    futures::future::try_join_all(work).await?;
    Ok(())
}

/// Sends traffic of one kind and measures the batches that hold nothing else.
async fn measure(world: &World, accounts: &mut Accounts, noun: &str, traffic: Traffic) -> anyhow::Result<Vec<Value>> {
    eprintln!("sending {TRANSACTIONS} of {noun}");
    let transactions: Vec<TxEnvelope> = (0..TRANSACTIONS).map(|_| accounts.transaction(traffic)).collect();
    let mut index = batch_count(world).await?;
    send(&world.devnet.l2, &transactions).await?;
    let sent: HashMap<B256, Vec<u8>> =
        transactions.iter().map(|transaction| (*transaction.tx_hash(), transaction.encoded_2718())).collect();
    let mut posted = Posted::default();
    // Batches that were closed before this traffic may still be on their way.
    while posted.batch_count < BATCHES {
        index += 1;
        wait_until("the next batch is on L1", || async { Ok((batch_count(world).await? >= index).then_some(())) })
            .await?;
        posted.add(world, index, &sent).await?;
    }
    posted.figures(noun)
}

/// Sends, and waits until no transaction waits for a block.
async fn send(l2: &L1Client, transactions: &[TxEnvelope]) -> anyhow::Result<()> {
    stream::iter(transactions.iter().map(anyhow::Ok))
        .try_for_each_concurrent(CONCURRENT, |transaction| async move {
            let raw = transaction.encoded_2718();
            l2.request(async { l2.provider().send_raw_transaction(&raw).await.map(|_| ()) }).await?;
            Ok(())
        })
        .await?;
    let executed = || async {
        let pool: Value = tandem_cli::chain::ask(l2, "txpool_status", json!([])).await?;
        Ok((pool == json!({ "pending": "0x0", "queued": "0x0" })).then_some(()))
    };
    wait_until("all are in blocks", executed).await
}

async fn batch_count(world: &World) -> anyhow::Result<u64> {
    let inbox = tandem_l1::bindings::Inbox::new(world.devnet.deployment.chain.inbox, world.devnet.l1.provider());
    Ok(inbox.batchCount().call().await?)
}

/// Batches on L1 that hold traffic of one kind alone.
#[derive(Default)]
struct Posted {
    batch_count: usize,
    transaction_count: usize,
    l1_bytes: usize,
    rlp_bytes: usize,
    rlp_zstd_bytes: usize,
    estimate_bytes: u64,
}

impl Posted {
    async fn add(&mut self, world: &World, index: u64, sent: &HashMap<B256, Vec<u8>>) -> anyhow::Result<()> {
        let landed = || async {
            let batch: Value = world.ask("rollup_batch", json!([U256::from(index)])).await?;
            Ok((!batch.is_null()).then_some(batch))
        };
        let batch = wait_until("the sequencer has seen the batch on L1", landed).await?;
        let mut rlp = Vec::new();
        for number in batch["firstBlock"].as_u64().unwrap_or(1)..=batch["lastBlock"].as_u64().unwrap_or(0) {
            let block: Value = world.ask("eth_getBlockByNumber", json!([U256::from(number), true])).await?;
            for transaction in block["transactions"].as_array().into_iter().flatten() {
                if transaction["type"] == "0x7e" {
                    continue; // a deposit or the checkpoint: nothing of it is posted
                }
                let hash: B256 = serde_json::from_value(transaction["hash"].clone())?;
                let Some(bytes) = sent.get(&hash) else { return Ok(()) };
                rlp.push(bytes);
            }
        }
        let l1_transaction: B256 = serde_json::from_value(batch["l1Transaction"].clone())?;
        let input: Value =
            tandem_cli::chain::ask(&world.devnet.l1, "eth_getTransactionByHash", json!([l1_transaction])).await?;
        let input: Bytes = serde_json::from_value(input["input"].clone())?;
        if rlp.is_empty() || input.is_empty() {
            bail!("batch {index} is empty");
        }
        let raw: Vec<u8> = rlp.iter().copied().flatten().copied().collect();
        self.batch_count += 1;
        self.transaction_count += rlp.len();
        self.l1_bytes += input.len();
        self.rlp_bytes += raw.len();
        self.rlp_zstd_bytes += zstd::bulk::compress(&raw, LEVEL)?.len();
        self.estimate_bytes += rlp.iter().map(|bytes| estimate_posted_bytes(bytes)).sum::<u64>();
        Ok(())
    }

    fn figures(&self, noun: &str) -> anyhow::Result<Vec<Value>> {
        let figure = |name: &str, bytes: usize| {
            let value = (bytes as f64 / self.transaction_count as f64 * 1_000.0).round() / 1_000.0;
            json!({ "name": format!("batch.{name}_per_{noun}"), "value": value, "unit": "bytes",
                "batches": self.batch_count, "transactions": self.transaction_count })
        };
        Ok(vec![
            figure("bytes", self.l1_bytes),
            figure("estimate_bytes", usize::try_from(self.estimate_bytes)?),
            figure("rlp_bytes", self.rlp_bytes),
            figure("rlp_zstd_bytes", self.rlp_zstd_bytes),
        ])
    }
}

fn write(figures: &[Value]) -> anyhow::Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    fs::create_dir_all(&directory)?;
    let lines: String = figures.iter().map(|figure| format!("{figure}\n")).collect();
    print!("{lines}");
    fs::write(directory.join("batch.json"), lines)?;
    Ok(())
}
