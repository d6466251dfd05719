//! Provers that bring what L1 verifies and has no room for, that keep the engine busy, and that are gone with a batch.

use std::time::Duration;

use alloy::primitives::B256;
use tandem_payments::batch::{ApplyCircuit, AuthoriseCircuit};
use tandem_sequencer::payments::{
    draft::Sealed,
    engine::{NotProven, ProvenBatch, Taken},
};
use tandem_support::l1::wait_until;

use super::rig::{ETHER, L1, Rig, config, id, proven};

async fn rig() -> (Rig, L1, tempfile::TempDir) {
    let (mut l1, directory) = (L1::new(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    let rig = Rig::start(directory.path(), config(), &l1).await;
    rig.settle_next(&mut l1).await;
    (rig, l1, directory)
}

/// PAY-CUT: L1 takes any division, and so a hostile prover could choose one that no block has the gas for.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_batchs_own_cut_is_taken() {
    let (rig, l1, _directory) = rig().await;
    for nonce in 0..9 {
        rig.transfer(1, nonce, 2, 7).await;
    }
    let block = rig.next().await.unwrap();
    let sealed = l1.derive(&block);
    let (small, large) = (ApplyCircuit::SMALL.id, ApplyCircuit::LARGE.id);
    let session = AuthoriseCircuit::SESSION_SMALL.id;
    let own = [sealed.circuits[0].as_slice(), sealed.circuits[1].as_slice()];
    assert_eq!(own, [&[large][..], &[session, session]], "nine transfers");
    let other = |family, expected, found| NotProven::OtherCut { family, expected, found };
    for (circuits, refusal) in [
        ([vec![small; 150], vec![session; 2]], other("Apply", 1, 150)),
        ([vec![small], vec![session; 2]], other("Apply", 1, 1)),
        ([vec![large, small], vec![session; 2]], other("Apply", 1, 2)),
        ([vec![large], vec![session; 9]], other("Authorise", 2, 9)),
        ([vec![large], vec![session, AuthoriseCircuit::SESSION_LARGE.id]], other("Authorise", 2, 2)),
        ([vec![large], Vec::new()], other("Authorise", 2, 0)),
        ([Vec::new(), vec![session; 2]], NotProven::NoChunks),
    ] {
        let offered = proven(&block, &Sealed { circuits, ..sealed.clone() });
        assert_eq!(rig.engine.proven(offered).await.unwrap(), Err(refusal));
    }
    assert!(rig.engine.next_to_post().await.unwrap().is_none());
    assert_eq!(rig.bring_back(&block, &sealed).await, Taken::Kept);
}

/// The open batch closes at its age though the engine is never without something to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_commands_does_not_keep_the_batch_open() {
    let (rig, l1, _directory) = rig().await;
    rig.transfer(1, 0, 2, 7).await;
    let unwanted = ProvenBatch {
        id: id(&l1.batches[0].block),
        arguments: vec![0_u8; 1 << 10].into(),
        root_after: B256::ZERO,
        verifier: B256::ZERO,
    };
    let streams: Vec<_> = (0..32)
        .map(|_| {
            let (engine, unwanted) = (rig.engine.clone(), unwanted.clone());
            tokio::spawn(async move { while engine.proven(unwanted.clone()).await.is_ok() {} })
        })
        .collect();
    rig.clock.advance(Duration::from_secs(12));
    wait_until("it is old", || async { rig.records.heads().latest == 2 }).await;
    streams.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A batch that was handed out is not taken back from its prover by a question, and who hands it out again gives it no more time.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_in_work_is_left_for_a_third_of_its_time() {
    let (rig, mut l1, _directory) = rig().await;
    rig.transfer(1, 0, 2, 7).await;
    l1.timestamp += 1_000;
    l1.number += 1;
    rig.tell(&l1).await;
    let handed = rig.next().await.unwrap();
    for _ in 0..3 {
        l1.timestamp += 399;
        l1.number += 1;
        rig.tell(&l1).await;
        rig.clock.advance(Duration::from_secs(399));
        assert_eq!(rig.next().await.unwrap(), handed);
    }
    l1.timestamp += 10;
    l1.number += 1;
    rig.tell(&l1).await;
    rig.clock.advance(Duration::from_secs(10));
    let fresh = rig.engine.next_batch(Some(id(&handed))).await.unwrap().unwrap();
    assert_eq!((fresh.number, fresh.timestamp), (handed.number, l1.timestamp), "its prover gets it anew");
    rig.settle_next(&mut l1).await;
}
