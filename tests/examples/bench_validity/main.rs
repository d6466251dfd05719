//! `make bench-validity`: what a payments chain costs on L1, measured on batches that are really proven and posted to an L1 node; and how soon, and how much, the whole
//! service proves ([`service`]). Prints JSON lines and writes them to `target/bench/validity.json`. Twenty-five minutes of two cores.
//!
//! Batches of transfers between existing accounts, in large chunks. Gas is the whole transaction's. *Data* is what its segments' bytes cost as calldata
//! (EIP-2028); the rest, chunks and proofs included, is *verification*. Of the two batches the greater one less the smaller one is what transfers cost *at full chunks*,
//! for which there is a target.
//! A batch of as many messages as one may take (PAY-MESSAGE-GAS) must fit a transaction (EIP-7825). *Bound* is what the builder reckons with (PAY-LIMITS).
//! With `--service` alone: the service, written to `validity-service.json`. With `--full` instead: the greatest batch of transfers that L1 takes, six minutes of two
//! cores, written to `validity-full.json`. With `--third-size` instead: time and memory of chunks four times as large (2^21 and 2^19 constraints), and what they save.

mod service;
mod third_size;

use std::{fs, path::PathBuf};

use alloy::{primitives::Address, rpc::types::TransactionReceipt, signers::local::PrivateKeySigner};
use serde_json::{Value, json};
use tandem_l1::{
    ChainSpec,
    bindings::{PaymentsBridge, ValiditySettlement},
};
use tandem_payments::{
    batch::{BatchLimits, Circuits},
    ledger::Refused,
    operation::Call,
};
use tandem_tests::payments::{Chain, Draft, ESCAPE_DELAY, ETHER, Proving, WINDOW, append_call, eth, exit};

/// Accounts that send to each other.
const ACCOUNTS: usize = 3;
/// Transfers that fill four large Apply chunks, and sixteen: the last slot credits the fee, and two of the first batch make the operator's leaf.
const TRANSFERS: [usize; 2] = [105, 431];
/// Targets: gas of a transfer at full chunks, and bytes in a whole batch, at most.
const GAS_MAX: f64 = 5_000.0;
const BYTES_MAX: f64 = 70.0;

/// Share of what a prover alone proves that the whole service has to prove.
const RATIO_MIN: f64 = 0.9;

/// Slots that the messages of one batch can take (PAY-MESSAGE-GAS, L1-SCHED-5).
const FORCED_SLOTS: usize = 400;
/// Message gas of a slot (PAY-MESSAGE-GAS).
const SLOT_MESSAGE_GAS: u64 = 100_000;
/// Gas that a transaction can take (EIP-7825).
const TRANSACTION_GAS_MAX: f64 = 16_777_216.0;

/// What a posted batch took.
struct Posted {
    transfers: f64,
    gas: f64,
    gas_bound: f64,
    data_gas: f64,
    bytes: f64,
    seconds: f64,
    chunks: usize,
}

impl Posted {
    /// By what it is more than a smaller one.
    fn beyond(&self, less: &Self) -> Self {
        Self {
            transfers: self.transfers - less.transfers,
            gas: self.gas - less.gas,
            gas_bound: self.gas_bound - less.gas_bound,
            data_gas: self.data_gas - less.data_gas,
            bytes: self.bytes - less.bytes,
            seconds: self.seconds - less.seconds,
            chunks: self.chunks - less.chunks,
        }
    }

    /// Gas of each transfer, and what it is made of.
    fn add_per_transfer(&self, figures: &mut Vec<Value>, name: &str) {
        let verification = self.gas - self.data_gas;
        add(figures, name, self.gas / self.transfers, "gas");
        add(figures, &format!("{name}.data"), self.data_gas / self.transfers, "gas");
        add(figures, &format!("{name}.verification"), verification / self.transfers, "gas");
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target");
    let mut figures = Vec::new();
    let is_given = |flag: &str| std::env::args().any(|argument| argument == flag);
    if is_given("--third-size") {
        third_size::measure(&target, &mut figures).await;
        return write(&target.join("bench"), "validity-third-size", &figures);
    }
    eprintln!("making or reading the keys");
    let proving: &'static Proving = Box::leak(Box::new(Proving::new(Circuits::STANDARD, target.join("devnet-keys"))));
    if is_given("--full") {
        let found = full_batch(proving, &mut figures).await?;
        write(&target.join("bench"), "validity-full", &figures)?;
        return check(found);
    }
    let only_service = is_given("--service");
    let found = if only_service { Vec::new() } else { on_l1(proving, &mut figures).await? };
    let ratio = service::measure(proving, &target, &mut figures).await;
    write(&target.join("bench"), if only_service { "validity-service" } else { "validity" }, &figures)?;
    let ratio = ratio?;
    check(found)?;
    anyhow::ensure!(
        ratio >= RATIO_MIN,
        "the service proves {ratio:.2} of what a prover alone does, at least {RATIO_MIN}"
    );
    Ok(())
}

/// A figure's name, what was found, and what it may be at most.
type Bound = (&'static str, f64, f64);

/// Says which target is missed.
fn check(found: Vec<Bound>) -> anyhow::Result<()> {
    for (name, found, max) in found {
        anyhow::ensure!(found <= max, "{found:.2} {name}, at most {max}");
    }
    Ok(())
}

/// What batches cost on L1.
async fn on_l1(proving: &'static Proving, figures: &mut Vec<Value>) -> anyhow::Result<Vec<Bound>> {
    let mut chain = with_accounts(proving, |spec| {
        spec.chain.max_messages_per_batch = FORCED_SLOTS as u64;
        spec.chain.max_message_gas_per_batch = FORCED_SLOTS as u64 * SLOT_MESSAGE_GAS;
    })
    .await;
    let mut posted = Vec::new();
    for transfers in TRANSFERS {
        eprintln!("proving {transfers} transfers");
        posted.push(post(&mut chain, transfers).await);
    }
    let [small, large] = posted.as_slice() else { unreachable!("as many as there are sizes") };
    let full_chunks = large.beyond(small);
    large.add_per_transfer(figures, "validity.l1_gas_per_transfer");
    full_chunks.add_per_transfer(figures, "validity.l1_gas_per_transfer.at_full_chunks");
    add(figures, "validity.bytes_per_transfer", large.bytes / large.transfers, "bytes");
    let bytes = full_chunks.bytes / full_chunks.transfers;
    add(figures, "validity.bytes_per_transfer.at_full_chunks", bytes, "bytes");
    add(figures, "validity.batch_gas", large.gas, "gas");
    add(figures, "validity.batch_gas_bound", large.gas_bound, "gas");
    add(figures, "validity.batch_proofs", large.chunks as f64, "proofs");
    add(figures, "validity.batch_proven_s", large.seconds, "s");

    let forced = force(&mut chain).await;
    add(figures, "validity.forced_batch_gas", forced.gas, "gas");
    add(figures, "validity.forced_batch_gas_bound", forced.gas_bound, "gas");
    add(figures, "validity.forced_batch_bytes", forced.bytes, "bytes");
    add(figures, "validity.forced_batch_proofs", forced.chunks as f64, "proofs");
    add(figures, "validity.forced_batch_proven_s", forced.seconds, "s");

    // The end: what an account pays to leave, whoever calls.
    chain.deposit_eth(0, 1).await;
    chain.wait(WINDOW + ESCAPE_DELAY + 60).await;
    let stranger = chain.stranger().clone();
    let (settlement, bridge) = (chain.chain().settlement, chain.chain().bridge);
    let frozen = chain.call(&stranger, settlement, 0, ValiditySettlement::freezeCall {}).await;
    add(figures, "validity.freeze_gas", gas(&frozen.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?), "gas");
    let (account, token) = (chain.user(0).address(), Address::ZERO);
    let index = chain.state.find(eth(chain.user(1).address())).expect("it has ether");
    let left = chain.call(&stranger, bridge, 0, exit(&chain, index)).await;
    add(figures, "validity.escape_exit_gas", gas(&left.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?), "gas");
    let index = chain.queue.len() as u64 - 1;
    let refund = PaymentsBridge::refundDepositCall { index, account, token, amount: 1, to: account };
    let refunded = chain.call(&stranger, bridge, 0, refund).await;
    add(figures, "validity.refund_gas", gas(&refunded.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?), "gas");

    Ok(vec![
        ("gas per transfer at full chunks", full_chunks.gas / full_chunks.transfers, GAS_MAX),
        ("bytes per transfer", large.bytes / large.transfers, BYTES_MAX),
        ("gas of a forced batch", forced.gas, TRANSACTION_GAS_MAX),
        ("times the bound is the gas of a batch", large.gas / large.gas_bound, 1.0),
        ("times the bound is the gas of a forced batch", forced.gas / forced.gas_bound, 1.0),
    ])
}

/// The greatest batch of transfers that L1 takes (PAY-LIMITS): a transaction of some eight million gas (EIP-7825 allows 2^24) and of 108 kB (L1 nodes relay 128 KiB).
async fn full_batch(proving: &'static Proving, figures: &mut Vec<Value>) -> anyhow::Result<Vec<Bound>> {
    let mut chain = with_accounts(proving, |_| ()).await;
    // Makes the operator's leaf, which a chain at work has.
    post(&mut chain, 1).await;
    let (mut draft, mut transfers) = (chain.draft().await, 0);
    let refused = loop {
        match transfer(&chain, &mut draft, transfers) {
            Ok(()) => transfers += 1,
            Err(refused) => break refused,
        }
    };
    anyhow::ensure!(matches!(refused, Refused::BatchFull { .. }), "transfer {transfers}: {refused:?}");
    eprintln!("proving {transfers} transfers");
    let poster = chain.sequencer().clone();
    let full = prove_and_post(&mut chain, draft, poster, transfers).await;
    add(figures, "validity.full_batch.transfers", full.transfers, "transfers");
    full.add_per_transfer(figures, "validity.full_batch.l1_gas_per_transfer");
    add(figures, "validity.full_batch.bytes_per_transfer", full.bytes / full.transfers, "bytes");
    add(figures, "validity.full_batch.gas", full.gas, "gas");
    add(figures, "validity.full_batch.gas_bound", full.gas_bound, "gas");
    add(figures, "validity.full_batch.bytes", full.bytes, "bytes");
    add(figures, "validity.full_batch.proofs", full.chunks as f64, "proofs");
    add(figures, "validity.full_batch.proven_s", full.seconds, "s");
    Ok(vec![
        ("gas per transfer in a full batch", full.gas / full.transfers, GAS_MAX),
        ("bytes per transfer in a full batch", full.bytes / full.transfers, BYTES_MAX),
        ("gas of a full batch", full.gas, TRANSACTION_GAS_MAX),
        ("bytes of a full batch", full.bytes, BatchLimits::DEFAULT.call_bytes_max as f64),
        ("times the bound is the gas of a full batch", full.gas / full.gas_bound, 1.0),
    ])
}

/// A chain with accounts that can send.
async fn with_accounts(proving: &'static Proving, change: impl FnOnce(&mut ChainSpec)) -> Chain {
    let mut chain = Chain::start_with(proving, change).await;
    for i in 0..ACCOUNTS {
        chain.deposit_eth(i, 10 * ETHER).await;
        chain.set_session_key(i).await;
    }
    chain.consume().await;
    chain
}

/// Proves a batch of nothing but messages, as many as it may take, and posts it as a stranger: forced withdrawals,
/// of which the first pays.
async fn force(chain: &mut Chain) -> Posted {
    eprintln!("queueing {FORCED_SLOTS} messages");
    for _ in 0..FORCED_SLOTS {
        chain.force_withdrawal(0, Address::ZERO).await;
    }
    chain.wait(WINDOW + 1).await;
    let mut draft = chain.draft().await;
    chain.take_messages(&mut draft);
    eprintln!("proving {FORCED_SLOTS} messages");
    let poster = chain.stranger().clone();
    prove_and_post(chain, draft, poster, 0).await
}

/// Proves a batch of transfers and posts it.
async fn post(chain: &mut Chain, transfers: usize) -> Posted {
    let mut draft = chain.draft().await;
    for n in 0..transfers {
        transfer(chain, &mut draft, n).expect("the batch has room");
    }
    let poster = chain.sequencer().clone();
    prove_and_post(chain, draft, poster, transfers).await
}

/// The nth transfer of a batch, between accounts that exist.
fn transfer(chain: &Chain, draft: &mut Draft, n: usize) -> Result<(), Refused> {
    let recipient = chain.user((n + 1) % ACCOUNTS).address();
    chain.try_operate(draft, n % ACCOUNTS, Call::Transfer { recipient, amount: 1_000 })
}

async fn prove_and_post(chain: &mut Chain, draft: Draft, poster: PrivateKeySigner, transfers: usize) -> Posted {
    let gas_bound = draft.builder.load().l1_gas() as f64;
    let started = std::time::Instant::now();
    let proven = chain.prove(draft);
    let seconds = started.elapsed().as_secs_f64();
    let call = append_call(chain.args(proven.messages).await, &proven);
    let (chunks, segments) = (proven.batch.proofs.len(), proven.batch.segments.concat());
    let receipt = chain.post_as(poster, proven).await.expect("L1 takes the batch");
    Posted {
        transfers: transfers as f64,
        gas: gas(&receipt),
        gas_bound,
        data_gas: segments.iter().map(|byte| if *byte == 0 { 4.0 } else { 16.0 }).sum(),
        bytes: call.len() as f64,
        seconds,
        chunks,
    }
}

fn gas(receipt: &TransactionReceipt) -> f64 {
    receipt.gas_used as f64
}

fn add(figures: &mut Vec<Value>, name: &str, value: f64, unit: &str) {
    let figure = json!({ "name": name, "value": (value * 1_000.0).round() / 1_000.0, "unit": unit });
    println!("{figure}");
    figures.push(figure);
}

fn write(folder: &std::path::Path, name: &str, figures: &[Value]) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let lines: Vec<String> = figures.iter().map(Value::to_string).collect();
    fs::write(folder.join(format!("{name}.json")), lines.join("\n") + "\n")?;
    Ok(())
}
