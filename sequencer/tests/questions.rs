//! Whoever asks without end, asks in vain if he wants blocks to wait.

mod common;

use std::time::{Duration, Instant};

use common::{config, node::Node};
use tandem_sequencer::engine::{EngineConfig, HeadInfo};
use tandem_support::callers::Callers;
use tokio::sync::watch;

/// Connections that ask in a closed loop: as many as a node takes by default.
const CONNECTIONS: usize = 256;
const WATCHED: Duration = Duration::from_secs(4);
const BLOCK_TIME: Duration = Duration::from_millis(250);

/// An empty block every block time.
fn config_of_blocks() -> EngineConfig {
    let block_time_ms = BLOCK_TIME.as_millis() as u64;
    EngineConfig { block_time_ms, heartbeat_ms: block_time_ms / 2, ..config(3_600_000) }
}

/// The median of the times between blocks.
async fn median_interval(heads: &mut watch::Receiver<HeadInfo>) -> Duration {
    let (until, mut last, mut intervals) = (Instant::now() + WATCHED, None::<Instant>, Vec::new());
    while Instant::now() < until {
        if tokio::time::timeout_at(until.into(), heads.changed()).await.is_err() {
            break;
        }
        heads.borrow_and_update();
        let now = Instant::now();
        intervals.extend(last.replace(now).map(|last| now - last));
    }
    intervals.sort_unstable();
    let median = intervals.get(intervals.len() / 2).copied();
    median.unwrap_or_else(|| panic!("at most one block in {WATCHED:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_in_a_closed_loop_do_not_delay_blocks() {
    let mut node = Node::start(config_of_blocks(), [1_000_000_000, 1]).await;
    let alice = node.rich(1).await.address();
    let mut heads = node.rig.engine.head();
    let pending =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_getTransactionCount","params":["{alice}","pending"]}}"#);
    let status = r#"{"jsonrpc":"2.0","id":2,"method":"txpool_status","params":[]}"#;
    let callers = Callers::start(node.address(), CONNECTIONS, &[&pending, status]);
    let median = median_interval(&mut heads).await;
    let answers = callers.answers();
    callers.stop().await.unwrap();
    println!("{answers} answers in {WATCHED:?}; half of the blocks came within {median:?}");
    assert!(answers > CONNECTIONS as u64, "only {answers} answers");
    assert!(median < 2 * BLOCK_TIME, "{median:?}");
}

/// What L1 says goes through the engine, and is never refused. A group of commands ends nevertheless.
#[tokio::test(flavor = "multi_thread")]
async fn commands_in_a_closed_loop_do_not_delay_blocks() {
    let mut node = Node::start(config_of_blocks(), [1_000_000_000, 1]).await;
    // The L1 blocks that a deposit takes lie on the first checkpoint, which blocks wait for.
    node.rich(1).await;
    let mut heads = node.rig.engine.head();
    let askers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let engine = node.rig.engine.clone();
            tokio::spawn(async move { while engine.synced().await.is_ok() {} })
        })
        .collect();
    let median = median_interval(&mut heads).await;
    askers.iter().for_each(|asker| asker.abort());
    assert!(median < 2 * BLOCK_TIME, "{median:?}");
}
