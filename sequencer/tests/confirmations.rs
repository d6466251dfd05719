//! Empty blocks that follow a block with transactions, for tools that count confirmations.

mod common;

use std::time::Duration;

use alloy::primitives::Address;
use common::{config, steps::Steps, transfer, user};
use tandem_sequencer::{clock::ManualClock, engine::EngineConfig};

const SECOND: Duration = Duration::from_secs(1);

fn config_of_confirmations() -> EngineConfig {
    EngineConfig { heartbeat_ms: 12_000, confirmation_blocks: 3, ..config(3_600_000) }
}

/// Which of so many seconds bring a block.
fn seconds_with_blocks(steps: &mut Steps, count: usize) -> Vec<usize> {
    (1..=count).filter(|_| steps.tick_after(SECOND) > 0).collect()
}

#[tokio::test]
async fn a_transaction_on_an_idle_chain_is_confirmed_second_by_second() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    let mut steps = Steps::funded(directory.path(), config_of_confirmations(), &[alice.address()]).await;
    // The deposit is confirmed like a transaction.
    assert_eq!(seconds_with_blocks(&mut steps, 30), [1, 2, 3, 15, 27]);

    steps.submit(transfer(&alice, 1, bob, 5)).await.unwrap();
    assert_eq!(steps.tick(), 1);
    assert_eq!(steps.tick_after(SECOND / 2), 0, "no faster than that");
    assert_eq!(steps.tick_after(SECOND / 2), 1);
    // Another one begins it anew.
    steps.submit(transfer(&alice, 2, bob, 5)).await.unwrap();
    assert_eq!(steps.tick(), 1);
    let last = steps.head();
    assert_eq!(seconds_with_blocks(&mut steps, 16), [1, 2, 3, 15]);
    let dates: Vec<u64> = (last..=last + 4).map(|number| steps.block(number).header.timestamp).collect();
    assert!(dates.iter().map(|date| date - dates[0]).eq([0, 1, 2, 3, 15]), "{dates:?}");
}

#[tokio::test]
async fn a_restart_owes_what_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let mut steps = Steps::funded(directory.path(), config_of_confirmations(), &[user(1).address()]).await;
    assert_eq!(steps.tick_after(SECOND), 1);
    let now_s = steps.clock.unix_s();
    drop(steps);

    let mut steps = Steps::start(directory.path(), config_of_confirmations(), ManualClock::at(now_s)).await;
    assert_eq!(seconds_with_blocks(&mut steps, 14), [1, 2, 14]);
}
