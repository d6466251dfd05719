//! Blocks beside callers who never stop asking about the pool.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};
use tandem_l1::L1Heads;
use tandem_sequencer::{
    evm::rpc::METHODS,
    rpc::{RpcContext, RpcLimits, serve},
};
use tandem_support::callers::Callers;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    l1::{Chain, chain_config},
    load::Senders,
    p99, watch,
};

/// As many as a node takes by default.
const CONNECTIONS: usize = 256;
/// How long blocks are watched, with and without questions, each twice, so that a change of the machine meanwhile shows in both.
const WATCHED: Duration = Duration::from_secs(30);
const ROUNDS: usize = 2;

/// Watches blocks under light traffic, alone and while every connection asks.
pub async fn delays() -> anyhow::Result<Vec<Value>> {
    let directory = tempfile::tempdir()?;
    let mut senders = Senders::new(64);
    let mut chain = Chain::start(directory.path(), true).await?;
    senders.fund(&mut chain).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (_sender, l1_heads) = watch::channel(L1Heads::default());
    let (store, engine) = (chain.store.clone(), chain.engine.clone());
    let context = RpcContext::new(METHODS, chain_config(), store, engine, l1_heads, RpcLimits::default());
    let server = tokio::spawn(serve(listener, context, chain.cancel.clone()));
    let asked = senders.address(0);
    let requests = [
        r#"{"jsonrpc":"2.0","id":1,"method":"txpool_status","params":[]}"#.to_owned(),
        format!(r#"{{"jsonrpc":"2.0","id":2,"method":"eth_getTransactionCount","params":["{asked}","pending"]}}"#),
    ];

    let (mut quiet, mut busy, mut answers) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        quiet.extend(watch(&chain, &mut senders, || Ok(started.elapsed() > WATCHED)).await?);
        let callers = Callers::start(address, CONNECTIONS, &requests.each_ref().map(String::as_str));
        let started = Instant::now();
        busy.extend(watch(&chain, &mut senders, || Ok(started.elapsed() > WATCHED)).await?);
        answers += callers.answers();
        callers.stop().await?;
    }
    chain.stop()?;
    server.await??;
    ensure!(!quiet.is_empty() && !busy.is_empty(), "no blocks were watched");
    let (quiet_p99, busy_p99) = (p99(quiet), p99(busy));
    let answers_per_s = answers as f64 / (WATCHED * ROUNDS as u32).as_secs_f64();
    Ok(vec![
        json!({ "name": "engine.questions_per_s", "value": answers_per_s.round(), "unit": "1/s", "connections": CONNECTIONS }),
        json!({ "name": "engine.block_interval_p99.questions", "value": busy_p99.round(), "unit": "ms", "without": quiet_p99.round() }),
        json!({ "name": "engine.block_delay_ratio.questions", "value": busy_p99 / quiet_p99, "unit": "1" }),
    ])
}
