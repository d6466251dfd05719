//! The engine beside clocks that are wrong: the machine's, L1's, or one of them all of a sudden.

mod common;

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy::primitives::Address;
use common::{ETHER, Rig, START_S, chain, config, steps::Steps, transfer, user};
use tandem_sequencer::{clock::ManualClock, engine::EngineConfig};
use tandem_service::Readiness;
use tandem_store::Store;

const HOUR_S: u64 = 3_600;
/// Age at which batches close here.
const BATCH_AGE: Duration = Duration::from_secs(300);

fn config_of_clocks() -> EngineConfig {
    EngineConfig { heartbeat_ms: 12_000, ..config(BATCH_AGE.as_millis() as u64) }
}

fn head_s(store: &Store) -> u64 {
    store.header(store.head().unwrap().number).unwrap().unwrap().timestamp
}

fn has_job(store: &Store) -> bool {
    !store.jobs().unwrap().is_empty()
}

/// A machine and an L1, each with its clock.
struct Clocks {
    machine: ManualClock,
    l1: ManualClock,
}

impl Clocks {
    fn new(machine_s: u64) -> Self {
        Self { machine: ManualClock::at(machine_s), l1: ManualClock::at(START_S) }
    }

    async fn start(&self, directory: &std::path::Path) -> Rig {
        Rig::start_at(directory, config_of_clocks(), self.machine.clock(), self.l1.clock()).await
    }

    fn advance(&self, duration: Duration) {
        self.machine.advance(duration);
        self.l1.advance(duration);
    }
}

#[tokio::test]
async fn blocks_and_batches_go_on_whatever_the_machine_believes_the_date_to_be() {
    for machine_s in [START_S, START_S - HOUR_S, START_S + HOUR_S, 0] {
        let directory = tempfile::tempdir().unwrap();
        let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
        let clocks = Clocks::new(machine_s);
        let mut rig = clocks.start(directory.path()).await;
        rig.deposit(alice.address(), ETHER).await;
        let before_s = head_s(&rig.store);
        assert!((START_S..=START_S + chain().max_timestamp_drift).contains(&before_s), "{before_s}");

        clocks.advance(Duration::from_secs(8));
        let hash = rig.engine.submit(transfer(&alice, 1, bob, 5)).await.unwrap();
        rig.wait_included(hash).await;
        assert_eq!(head_s(&rig.store), before_s + 8, "time goes on between L1's blocks");

        clocks.advance(BATCH_AGE);
        rig.wait("batch closed", has_job).await;
        rig.land().await;
        assert!(rig.store.last_batch().unwrap().is_some(), "L1 dates no block anew");
        rig.stop();
    }
}

#[tokio::test]
async fn l1_that_leaps_ahead_takes_the_chain_along() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    let clocks = Clocks::new(START_S);
    let mut rig = clocks.start(directory.path()).await;
    rig.deposit(alice.address(), ETHER).await;
    // As `evm_increaseTime` does.
    clocks.l1.advance(Duration::from_secs(HOUR_S));
    rig.l1_block(vec![]).await;
    for nonce in 1..=2 {
        let before_s = head_s(&rig.store);
        clocks.advance(Duration::from_secs(5));
        let hash = rig.engine.submit(transfer(&alice, nonce, bob, 5)).await.unwrap();
        rig.wait_included(hash).await;
        let after_s = head_s(&rig.store);
        assert!(after_s >= START_S + HOUR_S && after_s >= before_s + 5, "{after_s} after {before_s}");
    }
    clocks.advance(BATCH_AGE);
    rig.wait("batch closed", has_job).await;
    rig.land().await;
    assert!(rig.store.last_batch().unwrap().is_some());
    rig.stop();
}

#[tokio::test]
async fn a_date_that_is_set_back_stops_no_heartbeat() {
    let directory = tempfile::tempdir().unwrap();
    let clocks = Clocks::new(START_S);
    let mut rig = clocks.start(directory.path()).await;
    rig.deposit(user(1).address(), ETHER).await;
    clocks.machine.set_unix_s(START_S - HOUR_S);
    for _ in 0..3 {
        let head = rig.store.head().unwrap().number;
        clocks.advance(Duration::from_secs(12));
        rig.wait("heartbeat", |store| store.head().unwrap().number > head).await;
    }
    assert!(head_s(&rig.store) >= START_S + 36);
    rig.stop();
}

#[tokio::test]
async fn a_batch_does_not_become_young_by_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let alice = user(1);
    let mut clocks = Clocks::new(START_S);
    let mut rig = clocks.start(directory.path()).await;
    rig.deposit(alice.address(), ETHER).await;
    for _ in 0..4 {
        clocks.advance(BATCH_AGE / 5);
        let head = rig.store.head().unwrap().number;
        rig.l1_block(vec![]).await;
        rig.wait("heartbeat", |store| store.head().unwrap().number > head).await;
        rig.stop();
        // Another process: its waits begin anew, and its date is wrong.
        clocks.machine = ManualClock::at(START_S - HOUR_S);
        rig = clocks.start(directory.path()).await;
        assert!(!has_job(&rig.store));
    }
    clocks.advance(BATCH_AGE / 5);
    rig.wait("batch closed", has_job).await;
    rig.stop();
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_machine_whose_date_is_wrong_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut steps = Steps::funded(directory.path(), config_of_clocks(), &[user(1).address()]).await;
    for (machine_s, words) in
        [(START_S + HOUR_S, "is ahead of L1's newest"), (START_S - HOUR_S, "is behind L1's newest")]
    {
        steps.clock.set_unix_s(machine_s);
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || steps.tick_after(Duration::from_secs(600)));
        let told = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(told.contains("WARN") && told.contains(words), "{told}");
    }
}

/// After hours without a word of L1: the newest checkpoint is too old to be named, and the next one not deep enough yet.
#[tokio::test]
async fn that_blocks_wait_for_a_checkpoint_is_told_while_it_lasts() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    let mut steps = Steps::funded(directory.path(), config_of_clocks(), &[alice.address()]).await;
    let readiness = Readiness::default();
    steps.engine = steps.engine.with_readiness(&readiness);
    steps.clock.advance(Duration::from_secs(5 * HOUR_S));
    steps.l1_block(vec![]).await;
    let hash = steps.submit(transfer(&alice, 1, bob, 5)).await.unwrap();
    let is_included = |steps: &Steps| steps.store.transaction_place(hash).unwrap().is_some();
    assert_eq!((steps.tick(), readiness.reasons()), (0, vec![]), "that passes with L1's next block");
    assert_eq!(steps.tick_after(Duration::from_secs(130)), 0);
    assert_eq!(readiness.reasons(), ["checkpoint: blocks wait for one on L1 that can be named (for 0 s)"]);
    assert!(!is_included(&steps));
    steps.l1_block(vec![]).await;
    assert!(steps.tick() > 0 && is_included(&steps) && readiness.reasons().is_empty());
}
