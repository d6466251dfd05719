//! What provers get, what they may bring back, and what becomes of batches that wait for them.

use std::{net::SocketAddr, time::Duration};

use alloy::primitives::{B256, Bytes};
use tandem_payments::{eddsa::domain, field::integer};
use tandem_proto::v1::{
    NextBatchRequest, ProvenRequest, entry::Entry, proven_response::Outcome, proving_client::ProvingClient,
};
use tandem_sequencer::payments::{
    engine::{BatchId, EngineConfig, Hopeless, NotProven, ProvenBatch, Taken},
    proving::ProvingService,
    view::Place,
};
use tandem_support::l1::wait_until;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tonic::{Code, transport::Channel};

use super::rig::{ETHER, L1, Rig, chain, config, id, operation, proven, signed, transfer};

async fn rig(config: EngineConfig) -> (Rig, L1, tempfile::TempDir) {
    let (mut l1, directory) = (L1::new(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    let rig = Rig::start(directory.path(), config, &l1).await;
    rig.settle_next(&mut l1).await;
    (rig, l1, directory)
}

/// A batch closes for a prover that is free; one that holds a batch hears of the next when it is closed for another reason.
#[tokio::test(flavor = "multi_thread")]
async fn batches_close_for_whoever_is_free_or_when_they_are_old() {
    let (rig, _l1, _directory) = rig(config()).await;
    assert!(rig.next().await.is_none(), "idle chains make no batches");
    rig.transfer(1, 0, 2, 7).await;
    let first = rig.next().await.unwrap();
    assert_eq!(rig.next().await.unwrap(), first, "handed out until it is proven");
    rig.transfer(1, 1, 2, 7).await;
    let held = Some(id(&first));
    assert!(rig.engine.next_batch(held).await.unwrap().is_none(), "the open batch stays open for who is busy");
    rig.clock.advance(Duration::from_secs(12));
    wait_until("it is old", || async { rig.records.heads().latest == 3 }).await;
    let second = rig.engine.next_batch(held).await.unwrap().unwrap();
    assert_eq!((second.number, second.parent_hash), (3, first.hash));
    // Who holds what is no batch here is told the oldest.
    let stranger = Some(BatchId { number: 2, hash: B256::ZERO });
    assert_eq!(rig.engine.next_batch(stranger).await.unwrap().unwrap(), first);
}

/// Only the batch itself is taken back, in one encoding.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_batch_is_refused() {
    let (rig, l1, _directory) = rig(config()).await;
    rig.transfer(1, 0, 2, 7).await;
    let block = rig.next().await.unwrap();
    let sealed = l1.derive(&block);
    let good = proven(&block, &sealed);
    let mut env = (*block).clone();
    env.timestamp += 1;
    let mut root = (*block).clone();
    root.state_root = B256::ZERO;
    let mut other = sealed.clone();
    other.segments[0].pop();
    let expected = sealed.segments[0].len();
    let padded = Bytes::from([good.arguments.as_ref(), &[0; 32]].concat());
    for (offered, refusal) in [
        (proven(&env, &sealed), NotProven::OtherEnv),
        (proven(&block, &other), NotProven::OtherSegment { segment: 0, expected, found: expected - 1 }),
        (proven(&root, &sealed), NotProven::OtherRoot { expected: block.state_root, found: B256::ZERO }),
        (
            ProvenBatch { root_after: B256::ZERO, ..good.clone() },
            NotProven::OtherRoot { expected: block.state_root, found: B256::ZERO },
        ),
        (ProvenBatch { arguments: padded, ..good.clone() }, NotProven::Malformed),
        (ProvenBatch { arguments: Bytes::new(), ..good.clone() }, NotProven::Malformed),
        (
            ProvenBatch { arguments: good.arguments.slice(..good.arguments.len() - 32), ..good.clone() },
            NotProven::Malformed,
        ),
    ] {
        let offered = ProvenBatch { id: id(&block), ..offered };
        assert_eq!(rig.engine.proven(offered).await.unwrap(), Err(refusal));
    }
    let unknown = ProvenBatch { id: BatchId { number: 2, hash: B256::ZERO }, ..good.clone() };
    assert_eq!(rig.engine.proven(unknown).await.unwrap(), Ok(Taken::Unwanted));
    assert!(rig.engine.next_to_post().await.unwrap().is_none());
    assert_eq!(rig.engine.proven(good.clone()).await.unwrap(), Ok(Taken::Kept));

    // L1 finds the proofs bad: they are forgotten for good, the batch is not.
    rig.engine.give_up(id(&block), Hopeless::Proofs).await.unwrap();
    assert!(!rig.store.proven_hashes().unwrap().contains(&block.hash));
    assert_eq!(rig.next().await.unwrap(), block);
    assert_eq!(rig.engine.proven(good).await.unwrap(), Ok(Taken::Kept));
}

/// PAY-TIME: a batch that waited too long goes to provers with a new time, and what is in it stays.
#[tokio::test(flavor = "multi_thread")]
async fn time_that_runs_out_costs_no_operation() {
    let (rig, mut l1, _directory) = rig(config()).await;
    let hash = rig.transfer(1, 0, 2, 7).await;
    let old = rig.next().await.unwrap();
    l1.timestamp += 1_801;
    l1.number += 1;
    rig.tell(&l1).await;
    let held = Some(id(&old));
    assert!(rig.engine.next_batch(held).await.unwrap().is_none(), "its prover may still bring it back");
    assert_eq!(rig.next().await.unwrap(), old, "whoever else asks");
    rig.clock.advance(Duration::from_secs(1_200));
    let fresh = rig.next().await.unwrap();
    assert_eq!((fresh.number, fresh.timestamp), (2, l1.timestamp));
    assert!(matches!(rig.records.transaction(hash).unwrap(), Some(Place::Block(block, 0)) if block.hash == fresh.hash));
    // Nor does it when L1 says so.
    rig.engine.give_up(id(&fresh), Hopeless::Batch).await.unwrap();
    assert!(matches!(rig.records.transaction(hash).unwrap(), Some(Place::Pending(..))));
    rig.settle_next(&mut l1).await;
}

/// A node without a prover says so once a batch has waited for a minute, and until somebody asks; where nothing waits, nobody has to.
#[tokio::test(flavor = "multi_thread")]
async fn that_no_prover_asks_is_told_while_a_batch_waits() {
    let (rig, l1, _directory) = rig(config()).await;
    let told = |rig: &Rig| rig.readiness.reasons().iter().any(|reason| reason.starts_with("proving: 1 closed batches"));
    // The engine has gone on by then.
    let looked = async |rig: &Rig| {
        for _ in 0..2 {
            rig.engine.next_to_post().await.unwrap();
        }
    };
    rig.clock.advance(Duration::from_secs(3_600));
    rig.transfer(1, 0, 2, 7).await;
    rig.clock.advance(Duration::from_secs(12));
    wait_until("it is old", || async { rig.records.heads().latest == 2 }).await;
    rig.clock.advance(Duration::from_secs(60));
    looked(&rig).await;
    assert!(!told(&rig), "it has waited for a minute, and nobody for longer than it");
    rig.clock.advance(Duration::from_secs(1));
    wait_until("it is told", || async { told(&rig) }).await;

    let batch = rig.next().await.unwrap();
    wait_until("somebody asked", || async { !told(&rig) }).await;
    // Who is at work asks all the same: one that is gone is told too.
    rig.clock.advance(Duration::from_secs(61));
    wait_until("it is told again", || async { told(&rig) }).await;
    rig.bring_back(&batch, &l1.derive(&batch)).await;
    wait_until("nothing waits", || async { !told(&rig) }).await;
    rig.clock.advance(Duration::from_secs(3_600));
    looked(&rig).await;
    assert!(!told(&rig));
}

async fn client(rig: &Rig, askers_max: usize) -> (ProvingClient<Channel>, CancellationToken) {
    let (address, cancel) = serve(rig, askers_max).await;
    (ProvingClient::connect(format!("http://{address}")).await.unwrap(), cancel)
}

async fn serve(rig: &Rig, askers_max: usize) -> (SocketAddr, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = ProvingService::new(&chain(), rig.engine.clone(), rig.records.clone(), askers_max);
    let cancel = CancellationToken::new();
    tokio::spawn(service.serve(listener, cancel.clone()));
    (address, cancel)
}

fn free() -> NextBatchRequest {
    let dom = integer(domain(chain().l2_chain_id, chain().hash())).to_be_bytes_vec();
    NextBatchRequest { dom, held_index: 0, held_id: Vec::new() }
}

/// The service itself: a question waits for a batch, bytes that are no fields are refused, and whoever is one too many is told.
#[tokio::test(flavor = "multi_thread")]
async fn provers_are_served_over_grpc() {
    let (rig, l1, _directory) = rig(config()).await;
    let (mut client, _cancel) = client(&rig, 1).await;
    let refused = |request| {
        let mut client = client.clone();
        async move { client.next_batch(request).await.unwrap_err().code() }
    };
    assert_eq!(refused(NextBatchRequest { dom: vec![0; 32], ..free() }).await, Code::FailedPrecondition);
    assert_eq!(refused(NextBatchRequest { dom: vec![0; 31], ..free() }).await, Code::InvalidArgument);
    assert_eq!(refused(NextBatchRequest { held_index: 1, ..free() }).await, Code::InvalidArgument);

    let mut waiting = client.clone();
    // The other question, below, may have the place for a moment.
    let waits = tokio::spawn(async move {
        loop {
            match waiting.next_batch(free()).await {
                Ok(answer) => break answer.into_inner().batch,
                Err(error) => assert_eq!(error.code(), Code::ResourceExhausted),
            }
        }
    });
    let is_taken = || {
        let mut client = client.clone();
        async move {
            let asked = tokio::time::timeout(Duration::from_millis(100), client.next_batch(free())).await;
            asked.is_ok_and(|answer| answer.is_err_and(|error| error.code() == Code::ResourceExhausted))
        }
    };
    wait_until("the place is taken", is_taken).await;
    let envelope = signed(1, operation(1, 0, transfer(2, 7)));
    rig.send(&envelope).await.unwrap();
    let batch = waits.await.unwrap().expect("it closed for the question");
    let [entry] = &batch.entries[..] else { panic!("{batch:?}") };
    let Some(Entry::Operation(sent)) = &entry.entry else { panic!("{entry:?}") };
    assert_eq!(sent.envelope, envelope.to_vec());
    let block = rig.records.block(2).unwrap().unwrap();
    assert_eq!((batch.index, batch.id.as_slice()), (2, block.hash.as_slice()));
    assert_eq!(batch.root_after, block.state_root.to_vec());

    let sealed = l1.derive(&block);
    let good = proven(&block, &sealed);
    let request = |arguments: Vec<u8>, id: &[u8]| ProvenRequest {
        index: 2,
        id: id.to_vec(),
        arguments,
        root_after: block.state_root.to_vec(),
        config_hash: batch.config_hash.clone(),
        keys_hash: batch.keys_hash.clone(),
    };
    for bad in
        [request(Vec::new(), &batch.id), request(vec![0; (128 << 10) + 1], &batch.id), request(Vec::new(), &[0; 3])]
    {
        assert_eq!(client.proven(bad).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let huge = request(vec![0; 200 << 10], &batch.id);
    assert_eq!(client.proven(huge).await.unwrap_err().code(), Code::OutOfRange, "not even read");
    let answer = client.proven(request(good.arguments.to_vec(), &batch.id)).await.unwrap();
    assert_eq!(answer.into_inner().outcome(), Outcome::Taken);
    let answer = client.proven(request(good.arguments.to_vec(), &[7; 32])).await.unwrap();
    assert_eq!(answer.into_inner().outcome(), Outcome::Unwanted);
}

/// Whoever opens connections and says nothing on them takes no more of the node's files than the bound; whoever comes then waits until one is closed.
#[tokio::test(flavor = "multi_thread")]
async fn connections_of_provers_are_bounded() {
    let (rig, _l1, _directory) = rig(config()).await;
    let (address, _cancel) = serve(&rig, 1).await;
    // As many as requests are served at a time: one question that waits, and sixteen beyond.
    let mut held = Vec::new();
    for _ in 0..17 {
        held.push(TcpStream::connect(address).await.unwrap());
    }
    let mut asks = tokio::spawn(async move {
        let mut client = ProvingClient::connect(format!("http://{address}")).await.unwrap();
        client.next_batch(NextBatchRequest { dom: vec![0; 32], ..free() }).await.unwrap_err().code()
    });
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut asks).await.is_err(), "served beyond the bound");
    held.pop();
    assert_eq!(asks.await.unwrap(), Code::FailedPrecondition);
}
