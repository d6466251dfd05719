//! Right witnesses with a state, a proof, an extra or a length that chance changed, and what becomes of them.

use alloy_primitives::{B256, hex, keccak256};
use rand::{Rng, rngs::StdRng};
use tandem_vm::{Machine, PACKED_SIZE, State, fast::Stop, verify};

use super::super::{
    Kzg, Lockstep,
    programs::{self, Case, random_value},
    rng,
};
use super::Steps;

const CASES: usize = 240;
const CODE_END: usize = PACKED_SIZE + 896;

/// One program of each shape of witness; others are random.
const NAMES: [&str; 8] = [
    "already trapped",
    "pc one",
    "output",
    "load 2 at 0",
    "store 1 at 10",
    "read 8 bytes at 8",
    "read element 1 at 16",
    "read element 4095 at 32",
];

/// A witness in its parts.
#[derive(Clone)]
struct Parts {
    state: Vec<u8>,
    code: Vec<u8>,
    extra: Vec<u8>,
    /// What it is said to be about, when that is not its own state.
    pre: Option<B256>,
}

impl Parts {
    fn new(witness: &[u8]) -> Self {
        let code_end = witness.len().min(CODE_END);
        let [state, code, extra] = [0..PACKED_SIZE, PACKED_SIZE..code_end, code_end..witness.len()];
        Self { state: witness[state].into(), code: witness[code].into(), extra: witness[extra].into(), pre: None }
    }

    fn witness(&self) -> Vec<u8> {
        [&self.state[..], &self.code, &self.extra].concat()
    }

    fn pre(&self) -> B256 {
        self.pre.unwrap_or_else(|| keccak256(&self.state))
    }

    fn mutate(&mut self, rng: &mut StdRng) {
        match rng.random_range(0..16) {
            0..7 if !self.extra.is_empty() => flip(&mut self.extra, rng),
            0..12 => self.mutate_state(rng),
            12 => flip(&mut self.code, rng),
            13 => self.pre = Some(keccak256(rng.random::<[u8; 8]>())),
            14 => cut([&mut self.extra, &mut self.code][rng.random_range(0..2)], rng),
            _ => self.extra.extend(vec![0; [1, 32, 192, 896][rng.random_range(0..4)]]),
        }
    }

    /// One field of VM-1's table.
    fn mutate_state(&mut self, rng: &mut StdRng) {
        let word = random_value(rng).to_be_bytes();
        let mut put = |at: usize, bytes: &[u8]| self.state[at..at + bytes.len()].copy_from_slice(bytes);
        match rng.random_range(0..12) {
            0 => put(rng.random_range(0..32), &[rng.random()]),
            1 => put(32, &[rng.random_range(0..4)]),
            2 => put(rng.random_range(32..64), &[rng.random()]),
            3 => put(rng.random_range(64..96), &[rng.random()]),
            4 => put(104, &word),
            5 => put(104 + 7, &[rng.random()]),
            6 => put([96, 112, 120][rng.random_range(0..3)], &word),
            7 => put(128 + 7, &[rng.random_range(0..2)]),
            8 => put(384, &[[0, 1, 2, 0xff][rng.random_range(0..4)]]),
            9 => put(128 + 8 * 17, &[93_u64, 1001, 1002, 1003][rng.random_range(0..4)].to_be_bytes()),
            _ => put(128 + 8 * rng.random_range(1..32), &word),
        }
    }
}

fn flip(bytes: &mut [u8], rng: &mut StdRng) {
    if !bytes.is_empty() {
        bytes[rng.random_range(0..bytes.len())] ^= 1 << rng.random_range(0..8);
    }
}

fn cut(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    bytes.truncate(rng.random_range(0..bytes.len().max(1)));
}

/// Seeded, so that they are the same every time.
pub fn mutations() -> Steps {
    let mut rng = rng(14);
    let mut steps = Steps::default();
    let mut resumed = 0;
    for number in 0..CASES {
        let case = match number % 12 {
            at if at < NAMES.len() => programs::named(NAMES[at]),
            _ => programs::random_state(&mut rng),
        };
        let right = Lockstep::at(case.state.clone(), &case.image, case.oracle.clone()).step();
        let mut parts = Parts::new(&right.witness);
        for _ in 0..rng.random_range(1..3) {
            parts.mutate(&mut rng);
        }
        let (pre, witness) = (parts.pre(), parts.witness());
        let name = format!("{}, mutation {number}", case.name);
        match verify(pre, &witness, &Kzg) {
            Ok(after) => {
                resumed += u32::from(fast_machine_agrees(case, &parts.state, &after));
                steps.accept(name, pre, &after, &witness);
                steps.reasons.push(String::new());
            }
            Err(error) => {
                steps.names.push(name);
                steps.pre.push(pre);
                steps.post.push(B256::ZERO);
                steps.witnesses.push(hex::encode_prefixed(&witness));
                steps.reasons.push(error.reason().into());
            }
        }
    }
    assert!(resumed > 60, "{resumed} steps of the fast machine");
    steps
}

/// Whether the fast machine can be in this state, in which case it takes the same step.
fn fast_machine_agrees(mut case: Case, packed: &[u8], after: &State) -> bool {
    let state = State::unpack(packed.try_into().unwrap()).unwrap();
    let Ok(mut fast) = Machine::resume(state, &case.image) else { return false };
    let stop = fast.run(1, &mut case.oracle);
    assert!(!matches!(stop, Stop::MissingPreimage(_)), "the witness has it");
    assert_eq!(fast.state(), after, "{}", case.name);
    true
}
