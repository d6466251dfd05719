//! The service with a sequencer over real gRPC: honest ones, liars, those that go away; and kills. Proofs are real, of the small circuits, each made once.

use std::fs;

use alloy::{
    primitives::{Bytes, U256},
    sol_types::SolValue,
};
use tandem_circuits::groth16::{ApplyChunk, AuthoriseChunk, BatchEnv};
use tandem_payments::Fr;
use tandem_proto::v1::{ClosedBatch, Entry, proven_response::Outcome};
use tempfile::TempDir;
use tonic::Status as GrpcStatus;

use super::{
    closed::{Closed, ENTRIES_MAX, NotClosed},
    derive::{Derived, Unprovable, derive},
    settled::{Base, Settled},
    testing::*,
};

type Arguments = (BatchEnv, [Bytes; 3], Vec<ApplyChunk>, Vec<AuthoriseChunk>);

/// Tests PAY-APPEND: from a closed batch to the call, one on the other, and what is told of it.
#[tokio::test(flavor = "multi_thread")]
async fn closed_batches_come_back_proven_while_the_next_are_prepared() {
    let (folder, mut author) = (TempDir::new().unwrap(), Author::default());
    let on = author.settled();
    let first = author.close(2, 0);
    let landed = author.settled();
    let second = author.close(0, 1);
    let fake = Fake::start([first.clone(), second.clone()]).await;
    let (crew, gate) = TestCrew::gated();
    let service = Running::start(&fake, folder.path(), crew.clone(), on);
    // While the first is proven, the second is prepared.
    service.until("two are held", |status| (status.held_batches, status.proving_batch) == (2, 1)).await;
    drop(gate);
    fake.has(2).await;
    assert_eq!(fake.proven(), [(1, first.id.clone()), (2, second.id.clone())]);
    service.until("both are brought back", |status| status.brought_back_batches == 2).await;
    {
        let book = fake.book.lock().unwrap();
        assert!(book.asked.starts_with(&[0, 1]), "{:?}", book.asked);
        for (proven, (closed, [applied, authorised])) in book.proven.iter().zip([(&first, [1, 0]), (&second, [1, 1])]) {
            let (env, _, apply, authorise) = Arguments::abi_decode_params(&proven.arguments).unwrap();
            assert_eq!((env.timestamp, env.operator.as_slice()), (closed.timestamp, &closed.operator[..]));
            assert_eq!((apply.len(), authorise.len()), (applied, authorised));
            assert_eq!(apply.last().unwrap().rootOut, U256::from_be_slice(&closed.root_after));
            assert_eq!(proven.root_after, closed.root_after);
        }
    }
    let status = service.status.borrow().clone();
    assert_eq!(crew.proved(), [0, 0, 1]);
    assert_eq!((status.proven_batches, status.refused_batches, status.unwanted_batches), (2, 0, 0));
    let proofs: Vec<_> = status.circuits.iter().map(|(name, proofs)| (*name, proofs.proofs)).collect();
    assert_eq!(proofs, [("apply-small", 2), ("session-small", 1)]);
    // What L1 has for good is not kept.
    let file = |index: u64| folder.path().join(format!("batch-{index}.assembly"));
    assert!(file(1).exists() && file(2).exists());
    service.settle(landed);
    service.until("the first is on L1", |status| status.settled_batch == 1).await;
    assert!(!file(1).exists() && file(2).exists());
    service.stop(folder.path()).await;
}

fn derived(on: &Settled, batch: &ClosedBatch) -> Result<Derived, Unprovable> {
    derive(&chain(), on, &on.base, &Closed::try_from(batch.clone()).unwrap())
}

/// Tests PAY-SESSION-TX, PAY-TREE, PAY-TIME, PAY-LIMITS, PAY-MESSAGE-GAS, L1-MSG-2: each lie alone, in a batch that is right otherwise.
#[test]
fn every_lie_is_found_and_named() {
    let mut author = Author::default();
    author.close(2, 0);
    let on = author.settled();
    let right = author.close(1, 2);
    assert_eq!(derived(&on, &right).unwrap().after.root(), author.base.root());
    let lie = |change: &dyn Fn(&mut ClosedBatch)| {
        let mut batch = right.clone();
        change(&mut batch);
        derived(&on, &batch).unwrap_err()
    };
    let operation = |batch: &mut ClosedBatch, change: &dyn Fn(&mut Vec<u8>, &mut u64)| {
        let Some(tandem_proto::v1::entry::Entry::Operation(operation)) = &mut batch.entries[1].entry else {
            panic!("the second entry is an operation")
        };
        change(&mut operation.envelope, &mut operation.price);
    };
    type Lie<'a> = (&'a dyn Fn(&mut ClosedBatch), fn(&Unprovable) -> bool, &'a str);
    let lies: [Lie<'_>; 20] = [
        (&|b| b.config_hash[0] ^= 1, |e| matches!(e, Unprovable::OtherEntry { .. }), "another"),
        (&|b| b.keys_hash[0] ^= 1, |e| matches!(e, Unprovable::OtherEntry { .. }), "another"),
        (&|b| b.root_after[31] ^= 1, |e| matches!(e, Unprovable::RootAfter { .. }), "its entries give"),
        (&|b| b.root_before[31] ^= 1, |e| matches!(e, Unprovable::RootBefore { .. }), "the state has"),
        (&|b| b.queue_hash_end[0] ^= 1, |e| matches!(e, Unprovable::QueueHash { .. }), "L1 has"),
        (
            &|b| b.queue_start = 1,
            |e| matches!(e, Unprovable::QueueStart { claimed: 1, found: 2 }),
            "message 1, 2 is next",
        ),
        (&|b| b.queue_end = 0, |e| matches!(e, Unprovable::QueueEnd { claimed: 0, .. }), "before message 0"),
        (&|b| b.queue_end = 9, |e| matches!(e, Unprovable::MessagesAhead { end: 9, queued: 5 }), "L1 has 5"),
        (&|b| b.queue_end = u64::MAX, |e| matches!(e, Unprovable::Messages { .. }), "L1 takes 64"),
        // More messages than it says, and fewer.
        (&|b| b.entries.insert(0, messages(1)), |e| matches!(e, Unprovable::QueueEnd { .. }), "before 4"),
        (&|b| b.entries.insert(0, messages(u32::MAX)), |e| matches!(e, Unprovable::QueueEnd { .. }), "end before"),
        (&|b| drop(b.entries.remove(0)), |e| matches!(e, Unprovable::QueueEnd { found: 2, .. }), "before 2"),
        // Another operation, none, one twice, one of another key, one that is dearer than was signed.
        (&|b| drop(b.entries.pop()), |e| matches!(e, Unprovable::RootAfter { .. }), "its entries give"),
        (&|b| b.entries.push(b.entries[2].clone()), |e| matches!(e, Unprovable::Refused { entry: 3, .. }), "entry 3"),
        (
            &|b| operation(b, &|e, _| *e = transfer(9).encode()),
            |e| matches!(e, Unprovable::Refused { entry: 1, .. }),
            "nonce 9",
        ),
        (
            &|b| operation(b, &|e, _| *e.last_mut().unwrap() ^= 1),
            |e| matches!(e, Unprovable::Envelope { entry: 1, .. }),
            "entry 1",
        ),
        (&|b| operation(b, &|_, price| *price = 3), |e| matches!(e, Unprovable::Refused { entry: 1, .. }), "price 3"),
        (&|b| b.operator = vec![0; 20], |e| matches!(e, Unprovable::Refused { .. }), "entry 1"),
        (&|b| b.timestamp = NOW + 1, |e| matches!(e, Unprovable::TimeAhead { .. }), "L1 is at"),
        (&|b| b.timestamp = NOW - 3_601, |e| matches!(e, Unprovable::TimeBehind { .. }), "L1 takes none before"),
    ];
    for (number, (change, is_it, words)) in lies.into_iter().enumerate() {
        let why = lie(change);
        assert!(is_it(&why) && why.to_string().contains(words), "lie {number}: {why:?}: {why}");
        let passes = matches!(
            why,
            Unprovable::OtherEntry { .. } | Unprovable::MessagesAhead { .. } | Unprovable::TimeAhead { .. }
        );
        assert_eq!(why.may_pass(), passes, "{why}");
    }
    let mut frozen = on.clone();
    frozen.frozen_at = 9;
    assert!(matches!(derived(&frozen, &right), Err(Unprovable::Frozen(9))));
    let mut tight = on.clone();
    tight.rules.message_gas_max = 200_000;
    assert!(derived(&tight, &right).is_ok());
    tight.rules.message_gas_max = 199_999;
    assert!(matches!(derived(&tight, &right), Err(Unprovable::MessageGas { found: 200_000, max: 199_999 })));
    let mut keyless = on.clone();
    keyless.keys = Default::default();
    assert!(matches!(derived(&keyless, &right), Err(Unprovable::NoCircuits(_))));
}

/// What is false on L1's own batch may be the truth on one that L1 does not have, as far as it says what that batch left; and no further.
#[test]
fn what_a_batch_says_of_one_that_l1_does_not_have_may_pass() {
    let mut author = Author::default();
    let on = author.settled();
    author.close(2, 0);
    let (landed, before) = (author.settled(), author.base.clone());
    let right = author.close(1, 0);
    let found = |on: &Settled, change: &dyn Fn(&mut ClosedBatch)| {
        let mut batch = right.clone();
        change(&mut batch);
        derive(&chain(), on, &before, &Closed::try_from(batch).unwrap()).unwrap_err()
    };
    let of_before: [&dyn Fn(&mut ClosedBatch); 3] =
        [&|b| b.root_before[31] ^= 1, &|b| b.queue_start = 1, &|b| b.timestamp = before.timestamp - 1];
    for change in of_before {
        let (open, settled) = (found(&on, change), found(&landed, change));
        assert!(open.may_pass() && !settled.may_pass(), "{open}: {settled}");
        assert!(open.to_string().starts_with(&settled.to_string()), "{open}: {settled}");
    }
    let of_its_own: [&dyn Fn(&mut ClosedBatch); 2] = [&|b| b.root_after[31] ^= 1, &|b| b.queue_hash_end[0] ^= 1];
    for change in of_its_own {
        let why = found(&on, change);
        assert!(!why.may_pass(), "{why}");
    }
    // So old that L1 would not take it, whatever it follows.
    let (early, mut old) = (Base { timestamp: NOW - 4_000, ..before.clone() }, right.clone());
    old.timestamp = NOW - 3_601;
    let why = derive(&chain(), &on, &early, &Closed::try_from(old).unwrap()).unwrap_err();
    assert!(matches!(why, Unprovable::TimeBehind { .. }), "{why}");
    let why = found(&on, &|batch| batch.timestamp = 0);
    assert!(matches!(why, Unprovable::TimeBehind { .. }), "{why}");
}

fn messages(count: u32) -> Entry {
    Entry { entry: Some(tandem_proto::v1::entry::Entry::Messages(count)) }
}

/// Tests PAY-LIMITS: what has no form is not looked into.
#[test]
fn what_is_no_batch_is_refused() {
    let right = Author::default().close(2, 0);
    let refused = |change: &dyn Fn(&mut ClosedBatch)| {
        let mut batch = right.clone();
        change(&mut batch);
        Closed::try_from(batch).unwrap_err()
    };
    let length = |field, found, expected| NotClosed::Length { field, found, expected };
    assert_eq!(refused(&|b| b.index = 0), NotClosed::Genesis);
    assert_eq!(refused(&|b| b.id.push(0)), length("id", 33, 32));
    assert_eq!(refused(&|b| b.operator.clear()), length("operator", 0, 20));
    assert_eq!(refused(&|b| b.queue_hash_end.truncate(31)), length("queue_hash_end", 31, 32));
    assert_eq!(refused(&|b| b.root_before = vec![0xff; 32]), NotClosed::Element("root_before"));
    assert_eq!(refused(&|b| b.root_after = vec![0xff; 32]), NotClosed::Element("root_after"));
    assert_eq!(refused(&|b| b.entries.push(Entry { entry: None })), NotClosed::Empty(1));
    assert_eq!(refused(&|b| b.entries.push(messages(0))), NotClosed::Empty(1));
    let found = ENTRIES_MAX + 1;
    assert_eq!(refused(&|b| b.entries = vec![messages(1); found]), NotClosed::Entries { found });
    // The greatest batches of transfers: of small, the usual, large and huge circuits (`a_call_holds_the_greatest_batch_of_each_set_of_circuits`).
    for entries in [383, 1_706, 1_727, 3_135, ENTRIES_MAX] {
        let closed = Closed::try_from(ClosedBatch { entries: vec![messages(1); entries], ..right.clone() });
        assert_eq!(closed.map(|closed| closed.entries.len()), Ok(entries));
    }
    let long = |b: &mut ClosedBatch| {
        let operation = tandem_proto::v1::SignedOperation { envelope: vec![0x73; 401], price: 1 };
        b.entries.push(Entry { entry: Some(tandem_proto::v1::entry::Entry::Operation(operation)) });
    };
    assert_eq!(refused(&long), NotClosed::Envelope { entry: 1, found: 401 });
}

/// A liar costs nothing but the question: nothing is proven, it is told, and the truth is proven when it comes.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_proven_of_a_lie() {
    let (folder, mut author) = (TempDir::new().unwrap(), Author::default());
    let on = author.settled();
    let right = author.close(2, 0);
    let mut false_root = right.clone();
    false_root.root_after[31] ^= 1;
    let mut endless = right.clone();
    endless.entries = vec![messages(1); 400_000];
    let mut jump = right.clone();
    jump.index = 7;
    let fake = Fake::start([false_root]).await;
    let crew = TestCrew::good();
    let service = Running::start(&fake, folder.path(), crew.clone(), on);
    service.unready("false batch: batch 1: it claims root").await;
    let hand_out = |batch: ClosedBatch| {
        let mut book = fake.book.lock().unwrap();
        book.closed.clear();
        book.closed.insert(batch.index, batch);
    };
    hand_out(endless);
    service.unready("false batch: batch 1: it has 400000 entries").await;
    // A batch far ahead may be right one day: it is asked on, and nothing is said for a minute.
    let asked = || fake.book.lock().unwrap().asked.len();
    hand_out(jump);
    let before = asked();
    wait_until("it asks on", || asked() > before + 2).await;
    let status = service.status.borrow().clone();
    assert!(status.refused_batches >= 2 && status.proven_batches == 0 && crew.proved().is_empty(), "{status:?}");
    hand_out(right.clone());
    fake.has(1).await;
    assert_eq!(fake.proven(), [(1, right.id)]);
    service.ready().await;
    service.stop(folder.path()).await;
}

/// The sequencer closes other batches than before: what stood on the old ones is dropped, and the proof that is under way with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_unwanted_batch_is_dropped_for_the_one_in_its_place() {
    let (folder, mut author) = (TempDir::new().unwrap(), Author::default());
    let on = author.settled();
    let mut other = author.clone();
    other.timestamp += 1;
    let (first, second, instead) = (author.close(2, 0), author.close(0, 1), other.close(2, 0));
    assert!(first.id != instead.id && first.root_after == instead.root_after);
    let fake = Fake::start([first, second]).await;
    let (crew, gate) = TestCrew::gated();
    let service = Running::start(&fake, folder.path(), crew, on);
    service.until("the first is proven", |status| (status.held_batches, status.proving_batch) == (2, 1)).await;
    fake.book.lock().unwrap().closed.remove(&2);
    fake.hand_out(instead.clone());
    service.until("both are dropped", |status| (status.unwanted_batches, status.held_batches) == (2, 1)).await;
    drop(gate);
    fake.has(1).await;
    assert_eq!(fake.proven(), [(1, instead.id)]);
    service.until("it is brought back", |status| status.brought_back_batches == 1).await;
    assert_eq!(service.status.borrow().proven_batches, 1, "the first was not proven on");
    service.stop(folder.path()).await;
}

/// Tests PAY-APPEND: a stranger's batch lands in the place of one that was brought back, and the sequencer sees it before L1 is looked at here. It goes on honestly, and is asked on
/// without a word; what it says of the batch before is a lie once that is on L1 here, and is not so.
#[tokio::test(flavor = "multi_thread")]
async fn a_sequencer_that_sees_another_batch_on_l1_first_is_no_liar() {
    let (folder, mut author) = (TempDir::new().unwrap(), Author::default());
    let on = author.settled();
    let mut stranger = author.clone();
    let fake = Fake::start([author.close(2, 0)]).await;
    let service = Running::start(&fake, folder.path(), TestCrew::good(), on);
    service.until("its own is brought back", |status| status.brought_back_batches == 1).await;
    stranger.close(1, 0);
    let landed = stranger.settled();
    let next = stranger.close(2, 0);
    let asked = || fake.book.lock().unwrap().asked.len();
    fake.hand_out(next.clone());
    let before = asked();
    wait_until("it asks on", || asked() > before + 2).await;
    let (status, reasons) = (service.status.borrow().clone(), service.readiness.reasons());
    assert!(status.refused_batches == 0 && reasons.is_empty(), "{status:?}: {reasons:?}");
    let mut lie = next.clone();
    lie.root_before[31] ^= 1;
    fake.hand_out(lie);
    service.settle(landed);
    service.unready("false batch: batch 2: it claims root").await;
    fake.hand_out(next.clone());
    fake.has(2).await;
    assert_eq!(fake.proven()[1], (2, next.id));
    service.ready().await;
    service.stop(folder.path()).await;
}

/// Ends between two proofs, between proof and delivery, and after it: nothing is proven twice, nothing is lost, and the chain is known beyond L1.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_proves_nothing_again() {
    let (folder, mut author) = (TempDir::new().unwrap(), Author::default());
    let on = author.settled();
    let (first, second) = (author.close(2, 0), author.close(0, 1));
    let fake = Fake::start([first]).await;
    let crew = TestCrew::good();
    let service = Running::start(&fake, folder.path(), crew.clone(), on.clone());
    service.until("the first is brought back", |status| status.brought_back_batches == 1).await;
    service.stop(folder.path()).await;

    // L1 does not have the first; what stands on it is derived all the same. One of its two proofs is made.
    fake.hand_out(second.clone());
    let (crew, gate) = TestCrew::gated();
    gate.send(()).unwrap();
    let service = Running::start(&fake, folder.path(), crew.clone(), on.clone());
    service.until("a chunk is missing", |status| (status.proving_batch, status.missing_chunks) == (2, 1)).await;
    service.stop(folder.path()).await;
    drop(gate);
    let path = folder.path().join("batch-2.assembly");
    fs::write(path.with_extension("partial"), &fs::read(&path).unwrap()[..99]).unwrap();

    // The sequencer is away when the last proof is made, and loses what it took before.
    let away = fake.stop().await;
    let fake = Fake::again(away).await;
    let away = GrpcStatus::unavailable("restarting");
    fake.book.lock().unwrap().refusals.extend([Err(away.clone()), Err(away)]);
    let crew = TestCrew::good();
    let service = Running::start(&fake, folder.path(), crew.clone(), on.clone());
    fake.has(2).await;
    assert_eq!(crew.proved(), [1]);
    service.until("it is brought back", |status| status.brought_back_batches == 1).await;
    fake.book.lock().unwrap().proven.clear();
    fake.has(2).await;
    assert_eq!((crew.proved(), fake.proven().len()), (vec![1], 2));
    service.stop(folder.path()).await;

    // Files that are damaged help nobody, and harm nobody: the batch is derived once L1 has the one before, and proven again.
    for index in 1..=2 {
        fs::write(folder.path().join(format!("batch-{index}.assembly")), [7; 99]).unwrap();
    }
    fake.book.lock().unwrap().proven.retain(|proven| proven.index == 1);
    let service = Running::start(&fake, folder.path(), TestCrew::good(), on);
    let asked = fake.book.lock().unwrap().asked.len();
    wait_until("it asks on", || fake.book.lock().unwrap().asked.len() > asked + 2).await;
    assert_eq!(service.status.borrow().held_batches, 0);
    let mut landed = Author::default();
    landed.close(2, 0);
    service.settle(landed.settled());
    fake.has(2).await;
    assert_eq!(fake.proven()[1], (2, second.id));
    service.stop(folder.path()).await;
}

/// The sequencer goes away while a batch is proven, and comes back: the proofs wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn proofs_wait_for_a_sequencer_that_is_away() {
    let (folder, mut author) = (TempDir::new().unwrap(), Author::default());
    let on = author.settled();
    let fake = Fake::start([author.close(2, 0)]).await;
    let (crew, gate) = TestCrew::gated();
    let service = Running::start(&fake, folder.path(), crew, on);
    service.until("it is proven", |status| status.proving_batch == 1).await;
    let away = fake.stop().await;
    drop(gate);
    service.until("it has its proofs", |status| status.proven_batches == 1).await;
    service.ready().await;
    let fake = Fake::again(away).await;
    fake.has(1).await;
    service.stop(folder.path()).await;
}

/// Tests PAY-OPHASH: the domain names the chain.
#[tokio::test(flavor = "multi_thread")]
async fn a_sequencer_of_another_chain_is_told() {
    let (folder, mut author) = (TempDir::new().unwrap(), Author::default());
    let on = author.settled();
    let fake = Fake::start([author.close(2, 0)]).await;
    let service = Running::start_for(Fr::from(9u64), &fake, folder.path(), TestCrew::good(), on);
    service.unready("sequencer's refusal: it refuses (FailedPrecondition): another chain").await;
    assert!(fake.book.lock().unwrap().asked.is_empty());
    service.stop(folder.path()).await;
}

/// Whatever the sequencer says to a proven batch.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_a_proven_batch_is_heard() {
    let (folder, mut author) = (TempDir::new().unwrap(), Author::default());
    let on = author.settled();
    let batch = author.close(2, 0);
    let fake = Fake::start([]).await;
    let refusal = GrpcStatus::invalid_argument("the root after it is another");
    fake.book.lock().unwrap().refusals.extend([
        Err(refusal.clone()),
        Ok(Outcome::Unspecified),
        Ok(Outcome::Unwanted),
        Err(refusal),
    ]);
    fake.hand_out(batch);
    let crew = TestCrew::good();
    let service = Running::start(&fake, folder.path(), crew.clone(), on);
    service.unready("the root after it is another").await;
    service.until("it is not wanted", |status| status.unwanted_batches == 1).await;
    fake.has(1).await;
    service.ready().await;
    assert_eq!(crew.proved(), [0], "it is derived again, and not proven again");
    service.until("it is told once", |status| status.brought_back_batches == 1).await;
    service.stop(folder.path()).await;
}

/// Tests PAY-APPEND: workers that lie until none is left, and better ones after them.
#[tokio::test(flavor = "multi_thread")]
async fn bad_workers_cost_time() {
    let (folder, mut author) = (TempDir::new().unwrap(), Author::default());
    let on = author.settled();
    let fake = Fake::start([author.close(2, 0)]).await;
    let service = Running::start(&fake, folder.path(), TestCrew::bad(2), on);
    fake.has(1).await;
    service.until("their faults are counted", |status| status.faults.values().sum::<u64>() >= 3).await;
    service.ready().await;
    service.stop(folder.path()).await;
}

/// What workers fail to prove, or the sequencer to take, is a trouble for as long as it is wanted: no more once the sequencer has nothing or another batch in its place, or
/// L1 has one there.
#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_no_trouble_once_it_is_not_wanted() {
    let mut author = Author::default();
    let on = author.settled();
    let mut other = author.clone();
    other.timestamp += 1;
    let (batch, instead) = (author.close(2, 0), other.close(2, 0));
    let folder = TempDir::new().unwrap();
    let fake = Fake::start([batch.clone()]).await;
    let service = Running::start(&fake, folder.path(), TestCrew::hopeless(2), on.clone());
    service.unready("workers: batch 1").await;
    fake.book.lock().unwrap().closed.clear();
    service.ready().await;
    fake.hand_out(batch.clone());
    service.unready("workers: batch 1").await;
    service.settle(author.settled());
    service.ready().await;
    service.stop(folder.path()).await;

    let folder = TempDir::new().unwrap();
    let fake = Fake::start([batch.clone()]).await;
    let (crew, gate) = TestCrew::bad_and_gated(2);
    let service = Running::start(&fake, folder.path(), crew, on.clone());
    service.unready("workers: batch 1").await;
    fake.hand_out(instead);
    service.ready().await;
    assert_eq!(service.status.borrow().proven_batches, 0, "it is over though nothing was proven");
    drop(gate);
    fake.has(1).await;
    service.stop(folder.path()).await;

    let folder = TempDir::new().unwrap();
    let fake = Fake::start([batch]).await;
    let refusal = GrpcStatus::invalid_argument("the root after it is another");
    fake.book.lock().unwrap().refusals.extend(vec![Err(refusal); 1_000]);
    let service = Running::start(&fake, folder.path(), TestCrew::good(), on);
    service.unready("proven batch: batch 1").await;
    fake.book.lock().unwrap().closed.clear();
    service.ready().await;
    service.stop(folder.path()).await;
}

/// Tests PAY-FREEZE: that a chain has ended is no lie of the sequencer's. What was begun is dropped and nothing is proven, which is told, until L1 takes it back.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_proven_for_a_chain_that_has_ended() {
    let (folder, mut author) = (TempDir::new().unwrap(), Author::default());
    let on = author.settled();
    let fake = Fake::start([author.close(2, 0)]).await;
    let (crew, gate) = TestCrew::gated();
    let service = Running::start(&fake, folder.path(), crew, on.clone());
    service.until("it is proven", |status| status.proving_batch == 1).await;
    service.settle(Settled { frozen_at: NOW, ..on.clone() });
    service.unready("chain: it was frozen at 1800000000").await;
    service.until("it is dropped", |status| (status.unwanted_batches, status.held_batches) == (1, 0)).await;
    drop(gate);
    service.until("nobody is at work", |status| status.proving_batch == 0).await;
    let asked = || fake.book.lock().unwrap().asked.len();
    let before = asked();
    wait_until("it asks on", || asked() > before + 2).await;
    let reasons = service.readiness.reasons();
    assert!(reasons.len() == 1 && reasons[0].starts_with("chain: "), "{reasons:?}");
    let status = service.status.borrow().clone();
    // What its crew may have finished all the same is brought to nobody.
    assert_eq!((status.refused_batches, status.held_batches, status.brought_back_batches), (0, 0, 0));
    service.settle(on);
    fake.has(1).await;
    service.ready().await;
    service.stop(folder.path()).await;
}

/// Other rules, or another batch, on L1: what was prepared for the old ones is dropped and prepared again.
#[tokio::test(flavor = "multi_thread")]
async fn what_l1_does_not_take_any_more_is_prepared_again() {
    let (folder, mut author) = (TempDir::new().unwrap(), Author::default());
    let mut on = author.settled();
    let fake = Fake::start([author.close(2, 0)]).await;
    let (crew, gate) = TestCrew::gated();
    let right = on.clone();
    on.rules.messages_max -= 1;
    let service = Running::start(&fake, folder.path(), crew, on);
    service.until("it is proven", |status| status.proving_batch == 1).await;
    service.settle(right);
    service.until("it is dropped", |status| status.unwanted_batches == 1).await;
    drop(gate);
    fake.has(1).await;
    service.until("once", |status| status.brought_back_batches == 1).await;
    service.stop(folder.path()).await;
}
