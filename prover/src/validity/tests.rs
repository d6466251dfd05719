//! Bad workers, lost ones, torn files and kills: what each costs is time. With real proofs of the small circuit, made once.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, LazyLock, mpsc},
    time::{Duration, Instant},
};

use alloy::primitives::B256;
use tandem_circuits::{
    apply::Apply,
    circuit::CircuitId,
    groth16::{
        Assembly, AssemblyError, ChunkJob, ChunkProof, DevnetKeys, PreparedBatch, ProveError, Prover, ProverConfig,
        Stage, VerifyingKeys, WireError,
    },
};
use tandem_payments::batch::ApplyCircuit;
use tandem_support::payments::prepared;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;

const CONFIG_HASH: B256 = B256::repeat_byte(1);

/// A batch of two chunks, and what a good worker makes of them.
struct Scene {
    prepared: PreparedBatch,
    proofs: [Vec<u8>; 2],
    keys: VerifyingKeys,
}

static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let keys = DevnetKeys::new(31_337, std::env::temp_dir().join("tandem-devnet-keys")).unwrap();
    let key = keys.key(&Apply::blank(ApplyCircuit::SMALL)).unwrap();
    let keys = VerifyingKeys::from([(key.circuit(), key.verifying().clone())]);
    let prepared = prepared(&keys, CONFIG_HASH, 4);
    let mut worker = LocalWorker::new(
        Prover::new(ProverConfig::default()).unwrap(),
        Arc::new(BTreeMap::from([(CircuitId::ApplySmall, key)])),
    );
    let (_, jobs) = prepared.clone().split();
    let proofs: Vec<Vec<u8>> = jobs.iter().map(|job| worker.prove(&job.encode(), &mut |_| ()).unwrap()).collect();
    Scene { prepared, proofs: proofs.try_into().unwrap(), keys }
});

const ONE: WorkerId = WorkerId(1);
const TWO: WorkerId = WorkerId(2);

fn coordinator(config: CoordinatorConfig) -> Coordinator {
    let (assembly, jobs) = SCENE.prepared.clone().split();
    Coordinator::new(assembly, jobs, SCENE.keys.clone(), config).unwrap()
}

#[test]
fn a_job_is_leased_to_one_worker_and_goes_out_again_when_that_is_lost() {
    let config = CoordinatorConfig::default();
    let (mut coordinator, start) = (coordinator(config), Instant::now());
    let chunk = |coordinator: &mut Coordinator, worker, now| {
        let assignment = coordinator.assign(worker, now)?;
        assert_eq!(ChunkJob::decode(&assignment.job).unwrap().number, assignment.chunk);
        Some((assignment.chunk, assignment.lost_by))
    };
    assert_eq!(chunk(&mut coordinator, ONE, start), Some((0, None)));
    assert_eq!(chunk(&mut coordinator, TWO, start), Some((1, None)));
    assert_eq!(chunk(&mut coordinator, WorkerId(3), start), None, "each has its worker");

    // Whoever says something keeps its job.
    let tick = Duration::from_secs(1);
    coordinator.is_alive(ONE, 0, start + config.lease - tick);
    coordinator.is_alive(ONE, 1, start + config.lease - tick);
    let later = start + config.lease;
    assert_eq!(coordinator.lost(later), Some((1, TWO)));
    assert_eq!(chunk(&mut coordinator, WorkerId(3), later), Some((1, Some(TWO))));
    assert_eq!((coordinator.lost(later), chunk(&mut coordinator, WorkerId(4), later)), (None, None));

    // A late proof is as good as any, from whomever; a second one changes nothing.
    assert!(coordinator.deliver(TWO, 1, Ok(SCENE.proofs[1].clone())).unwrap());
    assert!(!coordinator.deliver(WorkerId(3), 1, Ok(SCENE.proofs[1].clone())).unwrap());
    assert_eq!(coordinator.missing(), 1);
    assert!(coordinator.deliver(ONE, 0, Ok(SCENE.proofs[0].clone())).unwrap());
    assert_eq!(chunk(&mut coordinator, ONE, later), None);
    coordinator.into_assembly().finish().unwrap();
}

#[test]
fn what_is_no_proof_of_the_chunk_is_a_fault_and_too_many_of_them_end_the_trust() {
    let mut coordinator = coordinator(CoordinatorConfig::default());
    let [first, second] = &SCENE.proofs;
    let now = Instant::now();
    // Renumbered, the second is a proof that does not verify for the first chunk.
    let mut renumbered = ChunkProof::decode(second).unwrap();
    renumbered.number = 0;
    for (round, returned) in [
        Ok(vec![1, 2, 3]),
        Ok(second.clone()),
        Ok(renumbered.encode()),
        Err(WorkFailed::Prove(ProveError::Invalid)),
        Ok(Vec::new()),
    ]
    .into_iter()
    .enumerate()
    {
        let worker = WorkerId(round as u32);
        assert_eq!(coordinator.assign(worker, now).unwrap().chunk, 0);
        let fault = coordinator.deliver(worker, 0, returned).unwrap_err();
        let is_right = match round {
            0 | 4 => matches!(fault, Fault::Encoding(_)),
            1 => matches!(fault, Fault::OtherChunk { given: 0, found: 1 }),
            2 => matches!(fault, Fault::Refused(AssemblyError::Invalid { number: 0 })),
            _ => matches!(fault, Fault::Failed(WorkFailed::Prove(ProveError::Invalid))),
        };
        assert!(is_right && coordinator.trusts(worker), "{round}: {fault:?}");
        assert_eq!((coordinator.missing(), coordinator.assembly().proofs().count()), (2, 0));
    }
    // A good proof is worth a new start; three faults in a row are not.
    let fail = |coordinator: &mut Coordinator| {
        assert_eq!(coordinator.assign(ONE, now).unwrap().chunk, 0);
        coordinator.deliver(ONE, 0, Ok(Vec::new())).unwrap_err();
    };
    fail(&mut coordinator);
    assert!(coordinator.deliver(ONE, 1, Ok(second.clone())).unwrap());
    (0..3).for_each(|_| fail(&mut coordinator));
    assert!(!coordinator.trusts(ONE) && coordinator.assign(ONE, now).is_none());
    assert_eq!(coordinator.assign(TWO, now).unwrap().chunk, 0);
    coordinator.gone(TWO);
    assert!(coordinator.assign(TWO, now).is_none());
    assert_eq!(coordinator.assign(WorkerId(9), now).unwrap().lost_by, None);
    assert!(coordinator.deliver(WorkerId(9), 0, Ok(first.clone())).unwrap());
}

/// Restarting after a kill at any moment: whole, or not there.
#[test]
fn a_file_holds_a_whole_batch_or_none() {
    let directory = TempDir::new().unwrap();
    let file = BatchFile::open(directory.path()).unwrap();
    assert!(matches!(file.load(&SCENE.keys).unwrap(), Stored::Nothing));
    assert!(matches!(BatchFile::open(directory.path()), Err(BatchFileError::InUse { .. })));
    let mut coordinator = coordinator(CoordinatorConfig::default());
    file.store(coordinator.assembly()).unwrap();
    coordinator.deliver(ONE, 1, Ok(SCENE.proofs[1].clone())).unwrap();
    file.store(coordinator.assembly()).unwrap();
    let path = file.path().to_owned();
    drop(file);

    let file = BatchFile::open(directory.path()).unwrap();
    let bytes = fs::read(&path).unwrap();
    // A write that a kill cut short leaves another file, which nobody reads.
    fs::write(path.with_extension("partial"), &bytes[..bytes.len() / 2]).unwrap();
    let loaded = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        file.load(&SCENE.keys).unwrap()
    };
    let Stored::Batch(assembly) = loaded(&bytes) else { panic!("a whole file is taken") };
    assert_eq!(assembly.missing().collect::<Vec<_>>(), [0]);
    for length in [0, 1, 31, 32, bytes.len() / 2, bytes.len() - 1] {
        assert!(matches!(loaded(&bytes[..length]), Stored::Unusable(WireError::Damaged)), "{length} bytes");
    }
    let mut damaged = bytes.clone();
    damaged[40] ^= 1;
    assert!(matches!(loaded(&damaged), Stored::Unusable(WireError::Damaged)));
    assert!(matches!(loaded(&vec![7; 5 << 20]), Stored::Unusable(WireError::TooLong { .. })));
    // Of other keys: the proof in it is none.
    fs::write(&path, &bytes).unwrap();
    let unusable = file.load(&VerifyingKeys::new()).unwrap();
    assert!(matches!(unusable, Stored::Unusable(WireError::Assembly(AssemblyError::NoKey(_)))));
    file.remove().unwrap();
    file.remove().unwrap();
    assert!(matches!(file.load(&SCENE.keys).unwrap(), Stored::Nothing));
}

/// A worker that does what a test says.
struct Does<F>(F);

impl<F: FnMut(u32) -> Result<Vec<u8>, WorkFailed> + Send + 'static> Worker for Does<F> {
    fn prove(&mut self, job: &[u8], alive: &mut (dyn FnMut(Stage) + Send)) -> Result<Vec<u8>, WorkFailed> {
        alive(Stage::Witness);
        (self.0)(ChunkJob::decode(job)?.number)
    }
}

fn does(what: impl FnMut(u32) -> Result<Vec<u8>, WorkFailed> + Send + 'static) -> Box<dyn Worker> {
    Box::new(Does(what))
}

fn honest() -> Box<dyn Worker> {
    does(|chunk| Ok(SCENE.proofs[chunk as usize].clone()))
}

/// A liar, one that panics, and one that never answers; the batch is proven all the same.
#[test]
fn bad_workers_cost_time_and_nothing_else() {
    let (directory, token) = (TempDir::new().unwrap(), CancellationToken::new());
    let file = BatchFile::open(directory.path()).unwrap();
    let liar = || does(|_| Ok(SCENE.proofs[1].clone().into_iter().rev().collect()));
    let (_never, forever) = mpsc::channel::<()>();
    let deaf = does(move |_| {
        let _ = forever.recv();
        Ok(Vec::new())
    });
    // Leases that end at once: what a worker has goes to the next that is free.
    let config = CoordinatorConfig { lease: Duration::ZERO, faults_max: 2 };
    let workers = vec![deaf, does(|_| panic!("a worker that panics")), liar(), honest()];
    let mut faults = 0;
    let proven = prove(coordinator(config), &file, workers, &token, &mut |event| {
        faults += u32::from(matches!(event, Event::Faulty { .. }));
    });
    assert_eq!(proven.unwrap().proofs.len(), 2);
    assert!(faults > 0);
    let Stored::Batch(assembly) = file.load(&SCENE.keys).unwrap() else { panic!("the batch is on disk") };
    assert_eq!(assembly.missing().count(), 0);

    // With nobody else it ends, and says why; what there is is kept.
    let mut dismissed = 0;
    let alone = prove(coordinator(CoordinatorConfig::default()), &file, vec![liar()], &token, &mut |event| {
        dismissed += u32::from(matches!(event, Event::Faulty { dismissed: true, .. }));
    });
    let error = alone.unwrap_err();
    assert!(matches!(&error, ProvingError::NoWorkers { missing: 2, last: Some((_, Fault::Encoding(_))) }), "{error:?}");
    assert!(dismissed == 1 && error.to_string().contains("worker 0"), "{error}");
    let nobody = prove(coordinator(CoordinatorConfig::default()), &file, Vec::new(), &token, &mut |_| ());
    assert!(matches!(nobody, Err(ProvingError::NoWorkers { missing: 2, last: None })));
}

/// The end between two proofs, and the start after it: nothing is proven again.
#[test]
fn what_was_proven_is_not_proven_again() {
    let (directory, token) = (TempDir::new().unwrap(), CancellationToken::new());
    let file = BatchFile::open(directory.path()).unwrap();
    let config = CoordinatorConfig::default();
    let cut = prove(coordinator(config), &file, vec![honest()], &token, &mut |event| {
        if matches!(event, Event::Proven { .. }) {
            token.cancel();
        }
    });
    assert!(matches!(cut, Err(ProvingError::Cancelled { missing: 1 })), "{cut:?}");
    drop(file);

    let file = BatchFile::open(directory.path()).unwrap();
    let Stored::Batch(assembly) = file.load(&SCENE.keys).unwrap() else { panic!("the batch is on disk") };
    let (_, jobs) = SCENE.prepared.clone().split();
    let (asked, asks) = mpsc::channel();
    let counting = does(move |chunk| {
        asked.send(chunk).unwrap();
        Ok(SCENE.proofs[chunk as usize].clone())
    });
    let coordinator = Coordinator::new(*assembly, jobs, SCENE.keys.clone(), config).unwrap();
    let proven = prove(coordinator, &file, vec![counting], &CancellationToken::new(), &mut |_| ()).unwrap();
    assert_eq!(proven.proofs.len(), 2);
    assert_eq!(asks.iter().collect::<Vec<_>>(), [1]);
}

/// Jobs of another batch are none of this one's: either they do not reach it, or their proofs do not verify.
#[test]
fn jobs_of_another_batch_prove_nothing_here() {
    let (assembly, _) = SCENE.prepared.clone().split();
    let (_, short) = prepared(&SCENE.keys, CONFIG_HASH, 2).split();
    let found = Coordinator::new(assembly, short, SCENE.keys.clone(), CoordinatorConfig::default());
    assert_eq!(found.unwrap_err(), NoJob(1));
    let (mut other, _): (Assembly, _) = prepared(&SCENE.keys, CONFIG_HASH, 3).split();
    let proof = ChunkProof::decode(&SCENE.proofs[0]).unwrap();
    assert_eq!(other.insert(&proof, &SCENE.keys), Err(AssemblyError::Invalid { number: 0 }));
}
