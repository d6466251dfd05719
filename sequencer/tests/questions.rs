//! Whoever asks without end, asks in vain if he wants blocks to wait.

mod common;

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Wake, Waker},
    time::{Duration, Instant},
};

use alloy::primitives::U256;
use common::{DEADLINE, config, node::Node, steps::Steps, user};
use tandem_sequencer::engine::{EngineConfig, HeadInfo, L1Tip};
use tandem_support::callers::Callers;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Connections that ask in a closed loop: as many as a node takes by default.
const CONNECTIONS: usize = 256;
const WATCHED: Duration = Duration::from_secs(4);
const BLOCK_TIME: Duration = Duration::from_millis(250);

/// An empty block every block time.
fn config_of_blocks() -> EngineConfig {
    let block_time_ms = BLOCK_TIME.as_millis() as u64;
    EngineConfig { block_time_ms, heartbeat_ms: block_time_ms / 2, ..config(3_600_000) }
}

/// Notes what happened, on the thread that made it happen.
struct Note {
    what: &'static str,
    told: Arc<Mutex<Vec<&'static str>>>,
}

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.told.lock().unwrap().push(self.what);
    }
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
    // On a loaded machine the connections take a while.
    let deadline = Instant::now() + DEADLINE;
    while callers.answers() <= CONNECTIONS as u64 {
        assert!(Instant::now() < deadline, "only {} answers", callers.answers());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = callers.answers();
    let median = median_interval(&mut heads).await;
    let answers = callers.answers() - before;
    callers.stop().await.unwrap();
    println!("{answers} answers in {WATCHED:?}; half of the blocks came within {median:?}");
    assert!(median < 2 * BLOCK_TIME, "{median:?}");
}

/// What L1 says goes through the engine, and is never refused. However much of it is there before the engine begins, a block that is due comes in
/// between.
#[tokio::test]
async fn commands_that_wait_do_not_keep_a_block_waiting() {
    const COMMANDS: usize = 2_000;
    let directory = tempfile::tempdir().unwrap();
    let config = EngineConfig { block_time_ms: 1, heartbeat_ms: 0, ..config(3_600_000) };
    let Steps { engine, handle, clock, .. } = Steps::funded(directory.path(), config, &[user(1).address()]).await;
    // The engine's thread notes itself what it answers and when it tells of a block, so that no other thread's pace matters.
    let told = Arc::new(Mutex::new(Vec::new()));
    let noting = |what: &'static str| Waker::from(Arc::new(Note { what, told: told.clone() }));
    let mut head = handle.head();
    head.borrow_and_update();
    let mut block = pin!(head.changed());
    assert!(block.as_mut().poll(&mut Context::from_waker(&noting("block"))).is_pending());
    let tip = L1Tip { timestamp: clock.unix_s(), base_fee: U256::from(1) };
    let mut commands: Vec<_> = (0..COMMANDS).map(|_| Box::pin(handle.l1_block(vec![], tip))).collect();
    for command in &mut commands {
        assert!(command.as_mut().poll(&mut Context::from_waker(&noting("answer"))).is_pending());
    }

    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let running = std::thread::spawn(move || engine.run(&token).unwrap());
    let deadline = Instant::now() + DEADLINE;
    while told.lock().unwrap().len() <= COMMANDS {
        assert!(Instant::now() < deadline, "{} of {COMMANDS} answers and a block", told.lock().unwrap().len());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cancel.cancel();
    running.join().unwrap();
    let answered = told.lock().unwrap().iter().take_while(|what| **what == "answer").count();
    assert!(answered < COMMANDS, "all were answered before the block");
}
