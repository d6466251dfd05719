//! Commitments of a real epoch: against the plain machine, after ends at any moment, and over damaged files.

use std::{fs, path::Path, sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, keccak256};
use tandem_chain::OutputFields;
use tandem_dispute::{HEIGHT, Tree, ancestor};
use tandem_evm::Evm;
use tandem_support::{
    chain::{Memory, TestChain, User, block, deposit},
    config,
    epochs::{Epoch, guest, payload},
};
use tandem_trace::{CoarseRun, EpochData, Halt, MachineTrace, Program, Progress, Store, Trace, TraceError};
use tandem_vm::{
    Commitment, Image, OracleKey, State, asm,
    commit::{COARSE_STRIDE, LEAVES},
    kzg::Kzg,
    verify,
};

const ETHER: u64 = 1_000_000_000_000_000_000;

/// An epoch of two batches, one of them in a blob, and its native output.
fn epoch() -> (Program, OutputFields) {
    let alice = User::new(1);
    let chain = TestChain::new(config());
    let (previous, before) = (chain.output, chain.memory.0.clone());
    let mut epoch = Epoch::after(chain);
    let first =
        payload(vec![block(1_000, 1, vec![]), block(1_001, 0, vec![alice.transfer(1, Address::repeat_byte(2), 3)])]);
    epoch.calldata(vec![deposit(alice.address(), ETHER)], first);
    let time = epoch.chain.header.posted_at;
    let second = payload(vec![block(time, 0, vec![alice.transfer(2, Address::repeat_byte(4), 5)])]);
    let blobs = tandem_chain::blob::pack(&second);
    let hashes = blobs.iter().map(|blob| tandem_l1::payload::versioned_hash(blob).unwrap()).collect();
    epoch.blobs_with_hashes(vec![], second, blobs, hashes);
    let batches = epoch.batches().to_vec();
    let data = EpochData { previous, queue_hash: B256::ZERO, batches };
    Program::prepare(&Evm, Arc::new(guest()), &data, Memory(before)).unwrap()
}

fn store(directory: &Path) -> Store {
    Store::new(directory).snapshot_every(Duration::ZERO)
}

fn finish(run: &mut CoarseRun) {
    while let Progress::Running { .. } = run.advance(64).unwrap() {}
}

#[test]
fn commitments_are_those_of_the_plain_machine() {
    let (program, output) = epoch();
    let directory = tempfile::tempdir().unwrap();
    let trace = MachineTrace::new(program.clone(), Store::new(directory.path()), 3, Halt::default());
    let mut machine = program.machine();
    assert_eq!(trace.start(), machine.hash());
    let plain = Commitment::run(&mut machine, COARSE_STRIDE, &mut program.clone()).unwrap();
    let coarse = trace.coarse().unwrap();
    assert_eq!(*coarse, plain);

    let last = trace.last_state().unwrap();
    assert_eq!(State::unpack(&last).unwrap().result(), Some(output.hash()));
    assert_eq!(keccak256(last), coarse.leaf(LEAVES - 1));
    let path = coarse.last_path();
    assert_eq!(ancestor(keccak256(last), u64::MAX, &path, HEIGHT - 1), Ok(coarse.children(HEIGHT, 0).right));

    let strides = machine.steps() / COARSE_STRIDE;
    assert!(strides > 3, "{strides} strides");
    // The last one is shorter than a stride, and there is one that has halted before it begins.
    for stride in [strides, LEAVES - 1] {
        let mut machine = program.machine();
        machine.run(stride.min(strides + 1) * COARSE_STRIDE, &mut program.clone());
        let plain = Commitment::run(&mut machine, 1, &mut program.clone()).unwrap();
        let fine = trace.fine(stride).unwrap();
        assert_eq!(*fine, plain, "stride {stride}");
        assert_eq!(fine.leaf(LEAVES - 1), coarse.leaf(stride), "stride {stride}");
        // Another trace finds it on disk.
        let again = MachineTrace::new(program.clone(), Store::new(directory.path()), 1, Halt::default());
        assert_eq!(*again.fine(stride).unwrap(), plain, "stride {stride}");
    }
}

/// Steps of every kind that L1 distinguishes, pre-images and an element of a blob among them: the witness is accepted, and leads to the next leaf.
#[test]
fn witnesses_prove_the_step_from_one_leaf_to_the_next() {
    let (program, _) = epoch();
    let directory = tempfile::tempdir().unwrap();
    let trace = MachineTrace::new(program.clone(), store(directory.path()), 2, Halt::default());
    let mut steps: Vec<(u64, u64)> = vec![(0, 0), (0, 1), (1, 0), (1, 77), (2, COARSE_STRIDE - 1), (LEAVES - 1, 5)];
    let reads = reads(&program);
    assert!(reads.len() == 2, "one read of each kind");
    steps.extend(reads.iter().map(|(step, _)| (step / COARSE_STRIDE, step % COARSE_STRIDE)));
    for (stride, step) in steps {
        let mut plain = program.machine();
        plain.run(stride * COARSE_STRIDE + step, &mut program.clone());
        let agreed = plain.hash();
        plain.run(1, &mut program.clone());
        let (witness, successor) = trace.step(stride, step).unwrap();
        assert_eq!(successor, plain.hash(), "stride {stride}, step {step}");
        assert_eq!(verify(agreed, &witness.0, &Kzg).unwrap().hash(), successor, "stride {stride}, step {step}");
    }
}

/// The first step that reads a pre-image of a kind, for each kind.
fn reads(program: &Program) -> Vec<(u64, u8)> {
    use tandem_vm::{Oracle, fast::Stop, oracle::BlobProof};
    /// Does not have what it is asked for first of a kind.
    struct Lacking(Program, u8);
    impl Oracle for Lacking {
        fn preimage(&mut self, key: OracleKey) -> Option<Arc<[u8]>> {
            if key.0[0] == self.1 { None } else { self.0.preimage(key) }
        }
        fn blob_proof(&mut self, _: OracleKey) -> Option<BlobProof> {
            None
        }
    }
    let first = |kind| {
        let mut machine = program.machine();
        let stop = machine.run(u64::MAX, &mut Lacking(program.clone(), kind));
        assert!(matches!(stop, Stop::MissingPreimage(key) if key.0[0] == kind), "{stop:?}");
        (machine.steps(), kind)
    };
    vec![first(1), first(2)]
}

/// Whatever a killed process left is continued: no leaf is computed twice but those since the last snapshot.
#[test]
fn a_run_goes_on_after_an_end_at_any_moment() {
    let (program, _) = epoch();
    let directory = tempfile::tempdir().unwrap();
    let mut whole = CoarseRun::resume(program.clone(), store(&directory.path().join("whole"))).unwrap();
    finish(&mut whole);
    let whole = whole.finish().unwrap();

    let interrupted = store(&directory.path().join("interrupted"));
    let mut strides = 0;
    loop {
        let mut run = CoarseRun::resume(program.clone(), interrupted.clone()).unwrap();
        let (Progress::Running { strides: at } | Progress::Ended { strides: at }) = run.progress();
        assert_eq!(at, strides, "everything that was kept is there");
        match run.advance(1).unwrap() {
            Progress::Running { strides: at } => strides = at,
            Progress::Ended { .. } => break,
        }
        // A write that did not come to its end.
        let run = directory.path().join("interrupted").join(alloy_primitives::hex::encode(run.start()));
        fs::write(run.join(".snapshot-9"), b"half").unwrap();
    }
    let mut run = CoarseRun::resume(program, interrupted).unwrap();
    assert!(matches!(run.progress(), Progress::Ended { .. }), "nothing is left to compute");
    assert!(matches!(run.advance(1).unwrap(), Progress::Ended { .. }));
    assert_eq!(run.finish().unwrap(), whole);
}

#[test]
fn damaged_files_are_computed_again() {
    let (program, _) = epoch();
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let mut run = CoarseRun::resume(program.clone(), store.clone()).unwrap();
    finish(&mut run);
    let files = directory.path().join(alloy_primitives::hex::encode(run.start()));
    let whole = run.finish().unwrap();
    let trace = || MachineTrace::new(program.clone(), store.clone(), 2, Halt::default());
    let short = trace().coarse().unwrap().leaf(LEAVES - 1);
    let stride = (0..LEAVES).find(|stride| whole.0.leaf(*stride) == short).unwrap();
    let fine = trace().fine(stride).unwrap();

    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        |bytes| bytes[0] ^= 1,
        |bytes| bytes.truncate(bytes.len() / 2),
        Vec::clear,
    ];
    for damage in damages {
        let names: Vec<_> = fs::read_dir(&files).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(names.len() > 8, "{names:?}");
        for name in &names {
            let mut bytes = fs::read(name).unwrap();
            damage(&mut bytes);
            fs::write(name, bytes).unwrap();
        }
        let trace = trace();
        assert_eq!(trace.coarse().unwrap().root(), whole.0.root());
        assert_eq!(trace.last_state().unwrap(), whole.1);
        assert_eq!(trace.fine(stride).unwrap(), fine);
    }
    store.label(trace().start(), 7).unwrap();
    store.forget_before(7).unwrap();
    assert_eq!(store.runs().unwrap(), vec![trace().start()]);
    store.forget_before(8).unwrap();
    assert!(store.runs().unwrap().is_empty());
}

/// A file that holds leaves of another run, with a right checksum: nothing that was run again agrees with it.
#[test]
fn leaves_of_another_run_are_noticed_before_they_are_joined_for() {
    let (program, _) = epoch();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path());
    let mut run = CoarseRun::resume(program.clone(), store.clone()).unwrap();
    finish(&mut run);
    let (files, strides) = (
        directory.path().join(alloy_primitives::hex::encode(run.start())),
        match run.progress() {
            Progress::Ended { strides } | Progress::Running { strides } => strides,
        },
    );
    let end = run.finish().unwrap().1;
    let mut leaves = vec![B256::repeat_byte(7); strides as usize - 1];
    leaves.push(keccak256(end));
    let bytes = leaves.concat();
    fs::write(files.join("leaves-0"), [bytes.as_slice(), keccak256(&bytes).as_slice()].concat()).unwrap();
    let trace = MachineTrace::new(program, store, 2, Halt::default());
    assert!(matches!(trace.fine(1), Err(TraceError::Differs { stride: 1 })));
}

#[test]
fn who_waits_can_be_told_to_end() {
    let image = asm::image(&[asm::jal(0, 0)]).unwrap();
    let program = Program::new(Arc::new(Image::clone(&image)), OracleKey::of_data(b"none"), []);
    let (directory, halt) = (tempfile::tempdir().unwrap(), Halt::default());
    let trace = MachineTrace::new(program, Store::new(directory.path()), 1, halt.clone());
    halt.halt();
    assert!(matches!(trace.coarse(), Err(TraceError::Halted)));
}
