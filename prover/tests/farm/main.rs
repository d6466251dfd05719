//! A farm of provers on a real `nats-server`: several workers, kills of each part, liars, malformed jobs, and two chains on one server.
//!
//! The batches are of the small circuit, whose proof takes a second or so. The coordinator's own kill -9, as a process with L1 behind it, is in `tests/tests/validity/farm.rs`.

mod rig;
mod tls;

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use alloy::{
    hex,
    primitives::{Address, B256, keccak256},
};
use async_nats::jetstream::{self, consumer::PullConsumer};
use futures::StreamExt;
use tandem_circuits::groth16::ProverConfig;
use tandem_l1::Deployment;
use tandem_prover::validity::farm::{
    FarmFailure, FarmJob, FarmLogin, FarmResult, Place, WorkerName,
    engine::{Engine, purge, subjects},
    keys::share,
    names::{key_set, proving_key, witness},
    objects::put,
};
use tandem_support::l1::wait_until;

use self::rig::{LEASE, Rig, VERIFYING, chain, find, jobs, keys_folder, proof};

const CHAIN: u64 = 901;

/// A worker as an operator runs it.
struct WorkerProcess(Child);

impl WorkerProcess {
    fn start(rig: &Rig, name: &str) -> Self {
        let deployment = Deployment {
            chain: chain(CHAIN),
            schedule: Address::ZERO,
            executor: Address::ZERO,
            gate: Address::ZERO,
            dispute: Address::ZERO,
            start_block: 0,
            abis: serde_json::Map::new(),
        };
        let file = rig.path("deployment.json");
        std::fs::write(&file, serde_json::to_vec(&deployment).unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem-prover"));
        command.arg("work").arg("--deployment").arg(file).arg("--data-dir").arg(rig.path(name));
        command.args(["--farm", &rig.nats.url(), "--name", name, "--keys"]).arg(keys_folder());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Ends it as kill -9 does.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // Dead already, most of the time.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Takes a job, as a worker does that speaks for itself.
async fn take(queue: &PullConsumer) -> (jetstream::Message, FarmJob) {
    let mut asked = queue.batch().max_messages(1).expires(Duration::from_secs(60)).messages().await.unwrap();
    let message = asked.next().await.expect("a job").unwrap();
    let job = FarmJob::decode(&message.payload).unwrap();
    (message, job)
}

/// Says what became of a job in the name of a worker, and acknowledges it.
async fn answer(
    engine: &Engine,
    name: &str,
    (message, job): (jetstream::Message, FarmJob),
    outcome: Result<Vec<u8>, FarmFailure>,
) {
    let FarmJob { config_hash, batch, chunk, attempt, .. } = job;
    let result = FarmResult { config_hash, batch, chunk, attempt, worker: "honest".into(), outcome };
    let subject = engine.names().result(Place { batch, chunk }, &name.parse().unwrap());
    engine.publish(subject, &engine.unique(), result.encode()).await.unwrap();
    message.double_ack().await.unwrap();
}

/// One of them has no proving keys but those of the farm; and nothing is left when the batch is proven.
#[tokio::test(flavor = "multi_thread")]
async fn several_workers_prove_a_batch() {
    let (rig, chain, folder) = (Rig::start(), chain(CHAIN), keys_folder());
    let left = rig.worker(&chain, "left", Some(&folder));
    let right = rig.worker(&chain, "right", None);
    let coordinating = rig.coordinate(&chain, 12, "one", true).await;
    let chunks = jobs(&chain, 12).len();
    assert_eq!(coordinating.proofs().await, chunks);
    let engine = rig.engine(&chain, "looker").await;
    let (halls, _) = find(&engine).await;
    assert!(subjects(&halls.jobs, engine.names().all_jobs()).await.unwrap().is_empty());
    assert!(subjects(&halls.results, engine.names().all_results()).await.unwrap().is_empty());
    // Who has fetched keys proves the next batch with them alone.
    let left = left.stop().await;
    wait_until("nothing is at work", || async { right.status().at_work == 0 }).await;
    let before = right.status().proven;
    assert!(left.proven + before >= chunks as u64);
    assert_eq!(rig.coordinate(&chain, 3, "two", false).await.proofs().await, 1);
    assert_eq!(right.stop().await.proven, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_costs_its_proof() {
    let (rig, chain, folder) = (Rig::start(), chain(CHAIN), keys_folder());
    let mut killed = WorkerProcess::start(&rig, "killed");
    let coordinating = rig.coordinate(&chain, 6, "one", false).await;
    wait_until("it proves", || async { coordinating.has_said("Stage") }).await;
    killed.kill();
    let other = rig.worker(&chain, "other", Some(&folder));
    assert_eq!(coordinating.proofs().await, 2);
    assert!(other.stop().await.proven >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_loses_nothing_that_it_has_confirmed() {
    let (mut rig, chain, folder) = (Rig::start(), chain(CHAIN), keys_folder());
    let worker = rig.worker(&chain, "left", Some(&folder));
    let coordinating = rig.coordinate(&chain, 12, "one", false).await;
    wait_until("a proof", || async { coordinating.has_said("Proven") }).await;
    rig.nats.kill();
    rig.nats.restart();
    assert_eq!(coordinating.proofs().await, jobs(&chain, 12).len());
    // And on an empty store, which has forgotten everything.
    let coordinating = rig.coordinate(&chain, 12, "two", false).await;
    wait_until("a proof", || async { coordinating.has_said("Proven") }).await;
    rig.nats.kill();
    std::fs::remove_dir_all(rig.path("store")).unwrap();
    rig.nats.restart();
    assert_eq!(coordinating.proofs().await, jobs(&chain, 12).len());
    worker.stop().await;
}

/// The one that comes after it has an empty disk, and finds in the engine what was proven.
#[tokio::test(flavor = "multi_thread")]
async fn another_coordinator_has_nothing_proven_again() {
    let (rig, chain, folder) = (Rig::start(), chain(CHAIN), keys_folder());
    let worker = rig.worker(&chain, "left", Some(&folder));
    let first = rig.coordinate(&chain, 12, "one", false).await;
    wait_until("a proof", || async { first.has_said("Proven") }).await;
    first.end.cancel();
    first.token.cancel();
    assert!(first.task.await.unwrap().unwrap_err().is_end());
    // The process ends, and leaves its jobs: what was at work is stored too, and so is what waited.
    let engine = rig.engine(&chain, "looker").await;
    let (halls, _) = find(&engine).await;
    wait_until("nothing is at work", || async {
        subjects(&halls.jobs, engine.names().all_jobs()).await.unwrap().is_empty() && worker.status().at_work == 0
    })
    .await;
    let before = worker.status().proven;
    let second = rig.coordinate(&chain, 12, "two", false).await;
    let chunks = jobs(&chain, 12).len();
    assert_eq!(second.proofs().await, chunks);
    let total = worker.stop().await.proven;
    assert!(before >= 1 && total == chunks as u64, "{before} before, {total} in all");
}

/// Garbage, the proof of another chunk, and of another batch; then it is silent with a job in its hands.
#[tokio::test(flavor = "multi_thread")]
async fn a_liar_costs_only_time() {
    let (rig, chain, folder) = (Rig::start(), chain(CHAIN), keys_folder());
    let coordinating = rig.coordinate(&chain, 6, "one", false).await;
    let engine = rig.engine(&chain, "evil").await;
    // Made before a lease begins.
    let proofs = |deposits| jobs(&chain, deposits).iter().map(proof).collect::<Vec<_>>();
    let (own, other) = (proofs(6), proofs(5));
    let (_, queue) = find(&engine).await;
    let another = |chunk: u32| own[1 - chunk as usize].clone();
    let of_another_batch = |chunk: u32| other[chunk as usize].clone();
    let lies: [&dyn Fn(u32) -> Vec<u8>; 4] = [&|_| vec![7; 300], &another, &of_another_batch, &|_| Vec::new()];
    for lie in lies {
        let taken = take(&queue).await;
        let proof = lie(taken.1.chunk);
        answer(&engine, "evil", taken, Ok(proof)).await;
    }
    drop(take(&queue).await);
    wait_until("all lies are found", || async { coordinating.figures().refused == 4 }).await;
    assert!(coordinating.has_said("dismissed: true") && !coordinating.has_said("Proven"));
    assert_eq!(coordinating.figures().workers_seen, 1, "the name in its subject counts");
    let honest = rig.worker(&chain, "honest", Some(&folder));
    assert_eq!(coordinating.proofs().await, 2);
    assert_eq!(honest.stop().await.proven, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_none_is_answered_and_does_not_come_again() {
    let (rig, chain, folder) = (Rig::start(), chain(CHAIN), keys_folder());
    let engine = rig.engine(&chain, "evil").await;
    wait_until("a connection", || async { engine.is_connected() }).await;
    let halls = engine.make(LEASE).await.unwrap();
    let worker = rig.worker(&chain, "left", Some(&folder));
    let name: WorkerName = "left".parse().unwrap();
    let (batch, job_hash) = (B256::repeat_byte(5), B256::repeat_byte(6));
    let place = |chunk| Place { batch, chunk };
    let job = |chunk| FarmJob {
        config_hash: chain.hash(),
        keys_hash: tandem_circuits::groth16::key_set_hash(&VERIFYING),
        batch_index: 1,
        batch,
        chunk,
        circuit: tandem_circuits::circuit::CircuitId::ApplySmall,
        object: witness(place(chunk)),
        job_hash,
        attempt: 0,
        lease: LEASE,
    };
    share(&halls.keys, &VERIFYING, job(0).keys_hash, None).await.unwrap();
    // No message; of another chain; without a witness; and with one that is not the one it names.
    put(&halls.witnesses, &witness(place(3)), &[1, 2, 3]).await.unwrap();
    let other = FarmJob { config_hash: B256::ZERO, ..job(1) };
    let payloads = [vec![0xff; 300], other.encode(), job(2).encode(), job(3).encode(), vec![0; 3_000]];
    for (chunk, payload) in (0..).zip(payloads) {
        engine.publish(engine.names().job(place(chunk), 0), &engine.unique(), payload).await.unwrap();
    }
    let unnamed = engine.names().all_jobs().replace('>', "nobody.x");
    engine.publish(unnamed, &engine.unique(), job(0).encode()).await.unwrap();
    wait_until("all are answered", || async { worker.status().failed == 5 }).await;
    wait_until("none is left", || async { subjects(&halls.jobs, engine.names().all_jobs()).await.unwrap().is_empty() })
        .await;
    let expected = [FarmFailure::Job, FarmFailure::Job, FarmFailure::Witness, FarmFailure::Witness, FarmFailure::Job];
    for (chunk, failure) in (0..).zip(expected) {
        let subject = engine.names().result(place(chunk), &name);
        let stored = halls.results.get_last_raw_message_by_subject(&subject).await.unwrap();
        assert_eq!(FarmResult::decode(&stored.payload).unwrap().outcome, Err(failure), "{chunk}");
    }
    purge(&halls.results, engine.names().all_results()).await.unwrap();
    // And it is none the worse for it.
    assert_eq!(rig.coordinate(&chain, 3, "one", false).await.proofs().await, 1);
    // And one whose bytes are those that were promised, and none of a chunk.
    put(&halls.witnesses, &witness(place(6)), &[1, 2, 3]).await.unwrap();
    let hollow = FarmJob { job_hash: keccak256([1, 2, 3]), ..job(6) };
    engine.publish(engine.names().job(place(6), 0), &engine.unique(), hollow.encode()).await.unwrap();
    wait_until("it is answered", || async { worker.status().failed == 6 }).await;
    assert_eq!(worker.stop().await.proven, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_keys_gives_its_jobs_back() {
    let (rig, chain, folder) = (Rig::start(), chain(CHAIN), keys_folder());
    let keyless = rig.worker(&chain, "keyless", None);
    let coordinating = rig.coordinate(&chain, 3, "one", false).await;
    wait_until("it gives it back", || async { keyless.status().returned > 0 }).await;
    assert_eq!(keyless.stop().await.failed, 0);
    let worker = rig.worker(&chain, "left", Some(&folder));
    assert_eq!((coordinating.proofs().await, worker.stop().await.proven), (1, 1));
}

/// It says so of itself, and rests: whoever has the memory gets the job, which did not fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_memory_gives_its_jobs_back() {
    let (rig, chain, folder) = (Rig::start(), chain(CHAIN), keys_folder());
    let limits = ProverConfig { memory_bytes_max: 1 << 20, ..ProverConfig::default() };
    let small = rig.worker_with(&chain, "small", Some(&folder), limits);
    let coordinating = rig.coordinate(&chain, 3, "one", false).await;
    wait_until("it gives it back", || async { small.status().returned > 0 }).await;
    let reasons = small.readiness.reasons();
    assert!(reasons.len() == 1 && reasons[0].starts_with("this machine: "), "{reasons:?}");
    let worker = rig.worker(&chain, "left", Some(&folder));
    assert_eq!(coordinating.figures().refused, 0);
    assert_eq!((coordinating.proofs().await, worker.stop().await.proven), (1, 1));
    assert_eq!(small.stop().await.failed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_chains_on_one_server_do_not_mix() {
    let (rig, left, right, folder) = (Rig::start(), chain(CHAIN), chain(CHAIN + 1), keys_folder());
    let (of_left, of_right) =
        (rig.coordinate(&left, 6, "left", false).await, rig.coordinate(&right, 3, "right", false).await);
    let worker = rig.worker(&left, "of-left", Some(&folder));
    assert_eq!(of_left.proofs().await, 2);
    assert!(!of_right.has_said("Stage"), "nobody is there for it");
    let other = rig.worker(&right, "of-right", Some(&folder));
    assert_eq!(of_right.proofs().await, 1);
    assert_eq!((worker.stop().await.proven, other.stop().await.proven), (2, 1));
}

/// What docs/operations.md has an operator let a worker do is enough, and it keeps it from speaking for another, and from making anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_needs_what_is_documented_and_speaks_for_nobody_else() {
    let chain = chain(CHAIN);
    let documented = include_str!("../../../docs/operations.md").split_once("permissions: {").unwrap().1;
    let permissions = documented.split_once("\n  }\n").unwrap().0.replace("CHAIN", &hex::encode(chain.hash()));
    let left = format!("{{ user: left, password: left, permissions: {{ {permissions} }} }}");
    let rig = Rig::with_users(&format!(
        "authorization: {{ users: [ {{ user: coordinator, password: coordinator }}, {left} ] }}"
    ));
    let coordinating = rig.coordinate(&chain, 3, "one", true).await;
    // Without keys of its own, so that it reads both buckets.
    let worker = rig.worker(&chain, "left", None);
    assert_eq!(coordinating.proofs().await, 1);
    assert_eq!(worker.stop().await.proven, 1);
    let engine = rig.engine(&chain, "left").await;
    let (halls, _) = find(&engine).await;
    let place = Place { batch: B256::repeat_byte(5), chunk: 0 };
    let other: WorkerName = "right".parse().unwrap();
    assert!(engine.publish(engine.names().result(place, &other), &engine.unique(), vec![1]).await.is_err());
    assert!(engine.publish(engine.names().job(place, 0), &engine.unique(), vec![1]).await.is_err());
    assert!(purge(&halls.jobs, engine.names().all_jobs()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_let_in_with_their_password_alone() {
    let chain = chain(CHAIN);
    let rig = Rig::with_users("authorization: { users: [ { user: coordinator, password: coordinator } ] }");
    let engine = rig.engine(&chain, "coordinator").await;
    wait_until("it is let in", || async { engine.is_connected() }).await;
    assert_eq!(engine.obstacle(), None);
    // A worker of another name, and so with a password that nobody has.
    let worker = rig.worker(&chain, "nobody", None);
    wait_until("it is told", || async { !worker.readiness.reasons().is_empty() }).await;
    let reasons = worker.readiness.reasons();
    assert!(reasons.len() == 1 && reasons[0].starts_with("the farm's user: "), "{reasons:?}");
    worker.stop().await;
    // And one that shows itself as nobody.
    let mut address = rig.address("coordinator");
    let password = "another".parse().unwrap();
    for login in [None, Some(FarmLogin { user: "coordinator".into(), password })] {
        address.login = login;
        let engine = Engine::connect(&address, "looker", engine.names().clone()).await.unwrap();
        wait_until("it is refused", || async { engine.obstacle().is_some_and(|obstacle| obstacle.is_refusal) }).await;
        assert!(!engine.is_connected());
    }
}

/// It comes back after a pause, each longer than the one before, and is told as soon as nobody is left who was ever of use.
#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_no_worker_can_prove_is_a_trouble() {
    let (rig, chain, folder) = (Rig::start(), chain(CHAIN), keys_folder());
    let coordinating = rig.coordinate(&chain, 3, "one", false).await;
    let engine = rig.engine(&chain, "broken").await;
    let (_, queue) = find(&engine).await;
    let (mut pauses, mut answered) = (Vec::new(), None);
    for attempt in 0..3 {
        let taken = take(&queue).await;
        assert_eq!(taken.1.attempt, attempt);
        pauses.extend(answered.map(|answered: Instant| answered.elapsed()));
        answer(&engine, "broken", taken, Err(FarmFailure::Prove)).await;
        answered = Some(Instant::now());
    }
    assert!(pauses[0] >= Duration::from_millis(900) && pauses[1] >= Duration::from_millis(1_900), "{pauses:?}");
    let is_told = || coordinating.readiness.reasons().iter().any(|reason| reason.starts_with("the farm's proofs: "));
    wait_until("it is told", || async { is_told() }).await;
    let reasons = coordinating.readiness.reasons().concat();
    assert!(reasons.contains("chunk 1 of batch 1 failed 3 times; the last, broken: "), "{reasons}");
    // Whoever can prove it ends that.
    let worker = rig.worker(&chain, "left", Some(&folder));
    let readiness = coordinating.readiness.clone();
    assert_eq!((coordinating.proofs().await, worker.stop().await.proven), (1, 1));
    assert!(readiness.reasons().is_empty());
}

/// As anybody can who may take jobs at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_acknowledged_without_a_result_goes_out_again() {
    let (rig, chain) = (Rig::start(), chain(CHAIN));
    let coordinating = rig.coordinate_with(&chain, 3, "one", false, Duration::from_secs(1)).await;
    let engine = rig.engine(&chain, "evil").await;
    let (_, queue) = find(&engine).await;
    let (message, first) = take(&queue).await;
    message.double_ack().await.unwrap();
    let (_, second) = take(&queue).await;
    assert_eq!((first.attempt, second.attempt, first.lease), (0, 1, Duration::from_secs(1)));
    assert!(!coordinating.has_said("Faulty"), "nobody is known to have had it");
    coordinating.token.cancel();
    assert!(coordinating.task.await.unwrap().unwrap_err().is_end());
}

/// Under the names of both keys, of the verifying ones and of the proving one.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_object_under_the_name_of_a_key_is_replaced() {
    let (rig, chain) = (Rig::start(), chain(CHAIN));
    let engine = rig.engine(&chain, "evil").await;
    wait_until("a connection", || async { engine.is_connected() }).await;
    let halls = engine.make(LEASE).await.unwrap();
    let keys_hash = tandem_circuits::groth16::key_set_hash(&VERIFYING);
    let key = proving_key(keys_hash, tandem_circuits::circuit::CircuitId::ApplySmall.name());
    put(&halls.keys, &key_set(keys_hash), &[1; 300]).await.unwrap();
    put(&halls.keys, "other", &[2; 300]).await.unwrap();
    let other = halls.keys.get("other").await.unwrap();
    halls.keys.add_link(&key, &other).await.unwrap();
    let worker = rig.worker(&chain, "left", None);
    assert_eq!(rig.coordinate(&chain, 3, "one", true).await.proofs().await, 1);
    assert_eq!(worker.stop().await.proven, 1);
    // And between two batches.
    put(&halls.keys, &key, &[3; 300]).await.unwrap();
    let worker = rig.worker(&chain, "right", None);
    assert_eq!(rig.coordinate(&chain, 6, "two", true).await.proofs().await, 2);
    assert_eq!(worker.stop().await.proven, 2);
}

/// The same with a key that was torn on a worker's own disk: it alone is fetched anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_damaged_on_the_disk_is_fetched_anew() {
    let (rig, chain) = (Rig::start(), chain(CHAIN));
    let worker = rig.worker(&chain, "left", None);
    assert_eq!(rig.coordinate(&chain, 3, "one", true).await.proofs().await, 1);
    worker.stop().await;
    let set = rig.path("left").join(hex::encode(tandem_circuits::groth16::key_set_hash(&VERIFYING)));
    let file = std::fs::read_dir(set).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::metadata(&file).unwrap().len();
    std::fs::write(&file, [7; 100]).unwrap();
    let worker = rig.worker(&chain, "left", None);
    assert_eq!(rig.coordinate(&chain, 6, "two", false).await.proofs().await, 2);
    worker.stop().await;
    assert_eq!(std::fs::metadata(&file).unwrap().len(), whole);
}
