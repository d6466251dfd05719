//! Steps of the committed guest on a real epoch, call data and blob, in `tests/vectors/vm/step-guest.json`: of each kind of instruction one
//! from either half of the run. `contracts/test/vm` steps them too.
//!
//! Witnesses are put together here from the fast machine's memory, the way that VM-8 tells, and not by the reference.
//! The file depends on the guest: after building another one, `TANDEM_WRITE_VECTORS=1 cargo test --workspace --test guest_steps`.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, TxKind, bytes};
use serde::{Deserialize, Serialize};
use sha2::Digest;
use tandem_chain::blob;
use tandem_support::{
    chain::{User, block, deposit},
    epochs::{Epoch, Run, guest, payload},
    machine::{
        Kzg,
        mnemonic::mnemonic,
        vectors::{GUEST_FILE, Steps, committed},
    },
};
use tandem_vm::{Machine, Oracle, OracleKey, State, kzg::BlobOracle, state::syscall, verify};

/// Steps at the start that are looked at one by one: the whole first batch. Then places in the run, and steps at each.
const FIRST_STEPS: u64 = 10_000_000;
const WINDOWS: u64 = 160;
const WINDOW_STEPS: u64 = 4_000;
/// Instructions that occur by name, and calls and reads.
const KINDS_MIN: usize = 45;

/// Steps of a run, the first among them, and what its initial state is made of (VM-3).
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct GuestSteps {
    initial: Initial,
    #[serde(flatten)]
    steps: Steps,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Initial {
    memory_root: B256,
    previous_output: B256,
    first_batch_hash: B256,
    last_batch_hash: B256,
}

impl Initial {
    fn state(&self) -> State {
        let inputs = OracleKey::inputs(self.previous_output, self.first_batch_hash, self.last_batch_hash);
        State::initial(self.memory_root, inputs)
    }
}

fn versioned_hash(blob: &[u8]) -> B256 {
    let blob = c_kzg::Blob::from_bytes(blob).unwrap();
    let commitment = c_kzg::ethereum_kzg_settings(0).blob_to_kzg_commitment(&blob).unwrap();
    let mut hash = B256::from_slice(&sha2::Sha256::digest(commitment.to_bytes().into_inner()));
    hash.0[0] = 1;
    hash
}

/// A deposit, a transfer, a contract that calls precompiles; then a transfer whose batch lies in a blob.
fn epoch() -> (Run, BlobOracle) {
    let alice = User::new(1);
    let mut epoch = Epoch::genesis();
    // Returns what keccak256, ecrecover, sha256 and modexp say, and keeps it.
    let code = bytes!(
        "6000600052602060002060005560206000600060006001610bb8f15060206000600060006002610bb8f15060206000600060006005610bb8f150600051600155"
    );
    let create = alice.sign(alloy_consensus::TxEip1559 {
        to: TxKind::Create,
        input: code,
        gas_limit: 500_000,
        ..alice.template(2)
    });
    let transfer = |nonce| alice.transfer(nonce, Address::repeat_byte(0xb0), 1234);
    let blocks = vec![block(1_000, 1, vec![]), block(1_001, 0, vec![transfer(1), create])];
    epoch.calldata(vec![deposit(alice.address(), 1_000_000_000_000_000_000)], payload(blocks));
    let time = epoch.chain.header.posted_at;
    let bytes = payload(vec![block(time, 0, vec![transfer(3)])]);
    let blobs = blob::pack(&bytes);
    let hashes: Vec<B256> = blobs.iter().map(|blob| versioned_hash(blob)).collect();
    epoch.blobs_with_hashes(vec![], bytes, blobs.clone(), hashes.clone());
    let run = epoch.check();
    let mut oracle = BlobOracle::default();
    oracle.preimages = run.oracle.clone();
    hashes.into_iter().zip(blobs).for_each(|(hash, blob)| oracle.insert_blob(hash, &blob).unwrap());
    (run, oracle)
}

/// The instruction that the machine executes next.
fn instruction(machine: &Machine) -> u32 {
    let (pc, _) = machine.registers();
    let leaf = machine.leaf((pc / 32) as u32);
    u32::from_le_bytes(leaf[(pc % 32) as usize..][..4].try_into().unwrap())
}

/// What distinguishes instructions that are executed differently: their names, and what a call is about.
fn kind(machine: &Machine) -> String {
    match mnemonic(instruction(machine)).expect("the guest does not trap") {
        "ECALL" => match machine.registers().1[17] {
            syscall::READ => {
                let (key, offset) = machine.oracle();
                let what = if offset == 0 { "for its length" } else { "within" };
                format!("read of kind {} {what}", key.0[0])
            }
            number => format!("call {number}"),
        },
        name => name.to_owned(),
    }
}

/// `packed state ‖ code ‖ extra` for a step that does not trap.
fn witness(machine: &mut Machine, oracle: &mut BlobOracle) -> (State, Vec<u8>) {
    let (before, word) = (machine.state().clone(), instruction(machine));
    let mut bytes = before.pack().to_vec();
    let mut prove = |address: u64| {
        let index = (address / 32) as u32;
        bytes.extend(machine.leaf(index));
        bytes.extend(machine.siblings(index).iter().flatten());
    };
    prove(before.pc);
    let base = before.registers[(word >> 15 & 31) as usize];
    match word & 0x7f {
        0x03 => prove(base.wrapping_add_signed(i64::from(word as i32 >> 20))),
        0x23 => prove(base.wrapping_add_signed(i64::from((word as i32 >> 25 << 5) | (word >> 7 & 31) as i32))),
        0x73 if before.registers[17] == syscall::READ => match before.oracle_key.0[0] {
            1 => bytes.extend_from_slice(&oracle.preimage(before.oracle_key).unwrap()),
            _ => bytes.extend(oracle.blob_proof(before.oracle_key).unwrap().encode()),
        },
        _ => {}
    }
    (before, bytes)
}

fn sample() -> GuestSteps {
    let (run, mut oracle) = epoch();
    let total = run.machine.steps();
    let initial = Initial {
        memory_root: guest().memory_root(),
        previous_output: run.inputs.previous_output,
        first_batch_hash: run.inputs.first_batch_hash,
        last_batch_hash: run.inputs.last_batch_hash,
    };
    let mut machine = Machine::new(&guest(), initial.state().oracle_key);
    let (mut steps, mut seen) = (Steps::default(), BTreeSet::new());
    for window in 0..=WINDOWS {
        // The last one ends with the run.
        let start = (total * window / WINDOWS).min(total - WINDOW_STEPS);
        machine.run(start.saturating_sub(machine.steps()), &mut oracle);
        let end = if window == 0 { FIRST_STEPS } else { start + WINDOW_STEPS };
        while machine.steps() < end {
            let kind = kind(&machine);
            if !seen.insert((kind.clone(), 2 * window > WINDOWS)) {
                machine.run(1, &mut oracle);
                continue;
            }
            let (before, witness) = witness(&mut machine, &mut oracle);
            machine.run(1, &mut oracle);
            let name = format!("{kind} at step {}", before.step);
            let after = verify(before.hash(), &witness, &Kzg).expect("the witness is right");
            assert_eq!(after, *machine.state(), "{name}");
            steps.accept(name, before.hash(), &after, &witness);
        }
    }
    assert!(machine.exited());
    assert_eq!(machine.state().result(), run.machine.clone().state().result());
    GuestSteps { initial, steps }
}

#[test]
fn steps_of_the_guest() {
    let GuestSteps { initial, steps } = committed(GUEST_FILE, &sample());
    assert_eq!(initial.state().hash(), steps.pre[0], "the first step is from the initial state");
    steps.replay();
    let count = |kind: &str| steps.names.iter().filter(|name| name.starts_with(kind)).count();
    assert!(steps.names.len() >= 64, "{} steps", steps.names.len());
    for (kind, least) in
        [("call 93 ", 1), ("call 1001 ", 1), ("call 1002 ", 2), ("read of kind 1 ", 2), ("read of kind 2 ", 2)]
    {
        assert!(count(kind) >= least, "{} of {kind}", count(kind));
    }
    let kinds: BTreeSet<&str> = steps.names.iter().map(|name| name.split(' ').next().unwrap()).collect();
    assert!(kinds.len() >= KINDS_MIN, "{kinds:?}");
}
