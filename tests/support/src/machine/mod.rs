//! What the machine's tests share: programs, random instructions, blob proofs, and three implementations in lockstep.

pub mod edges;
pub mod loops;
pub mod mnemonic;
pub mod precompiles;
pub mod programs;
pub mod qemu;
pub mod rewriting;
pub mod vectors;

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock},
};

use alloy_primitives::{B256, keccak256};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tandem_vm::{
    Image, Machine, Oracle, OracleKey, PACKED_SIZE, Reference, State, asm, fast::Stop, oracle::BlobProof,
    reference::PointEvaluation, verify,
};

/// Reads of a key of this kind trap, so programs that never set a key still meet the oracle.
pub const NO_KEY: OracleKey = OracleKey(B256::repeat_byte(3));

pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// One step done by all three; what the last two agree on.
pub struct Checked {
    pub before: State,
    pub witness: Vec<u8>,
    pub after: State,
}

impl Checked {
    /// The instruction; nothing when the witness shows none.
    pub fn word(&self) -> Option<u32> {
        let leaf = self.witness.get(PACKED_SIZE..PACKED_SIZE + 32)?;
        Some(u32::from_le_bytes(leaf[(self.before.pc % 32) as usize..][..4].try_into().unwrap()))
    }
}

/// The fast machine, the reference and the verifier side by side.
pub struct Lockstep<O> {
    pub fast: Machine,
    pub reference: Reference,
    pub oracle: O,
    pub kzg: Kzg,
}

impl<O: Oracle> Lockstep<O> {
    pub fn new(image: &Image, inputs: OracleKey, oracle: O) -> Self {
        Self { fast: Machine::new(image, inputs), reference: Reference::new(image, inputs), oracle, kzg: Kzg }
    }

    /// From any state; its memory root is replaced by the image's.
    pub fn at(mut state: State, image: &Image, oracle: O) -> Self {
        state.memory_root = image.memory_root();
        let fast = Machine::resume(state.clone(), image).unwrap();
        Self { fast, reference: Reference::resume(state, image.memory()), oracle, kzg: Kzg }
    }

    pub fn step(&mut self) -> Checked {
        let before = self.reference.state.clone();
        let witness = self.reference.step(&mut self.oracle).expect("the pre-image is there");
        let after = verify(before.hash(), &witness.0, &self.kzg).expect("the witness is right");
        assert_eq!(after, self.reference.state, "verifier and reference differ after {before:?}");
        let stop = self.fast.run(1, &mut self.oracle);
        assert_eq!(stop == Stop::Exited, after.exited);
        assert_eq!(*self.fast.state(), after, "fast machine and reference differ after {before:?}");
        Checked { before, witness: witness.0, after }
    }

    /// Steps until halted, and once more; at most so many.
    pub fn run(&mut self, steps: usize) -> Vec<Checked> {
        let mut done = Vec::new();
        while done.len() < steps {
            done.push(self.step());
            if done.last().is_some_and(|step: &Checked| step.before.exited) {
                break;
            }
        }
        done
    }
}

/// A random instruction, mostly a defined one, that uses few registers so that values flow.
pub fn random_instruction(rng: &mut impl Rng) -> u32 {
    let [rd, rs1, rs2] = [(); 3].map(|()| rng.random_range(0..12));
    let f3 = rng.random_range(0..8);
    let f7 = [0, 0, 1, 1, 0x20][rng.random_range(0..5)];
    let imm = rng.random_range(-2048..2048);
    match rng.random_range(0..100) {
        0..25 => asm::r(0x33, f3, f7, rd, rs1, rs2),
        25..40 => asm::r(0x3b, f3, f7, rd, rs1, rs2),
        40..50 => asm::i(0x13, [0, 2, 3, 4, 6, 7][rng.random_range(0..6)], rd, rs1, imm),
        50..52 => asm::i(0x13, 1, rd, rs1, rng.random_range(0..64)),
        52..56 => asm::i(0x13, 5, rd, rs1, rng.random_range(0..64) | (0x400 * i32::from(rng.random::<bool>()))),
        56..62 => asm::i(0x1b, [0, 1, 5][rng.random_range(0..3)], rd, rs1, rng.random_range(0..32)),
        62..72 => {
            asm::i(0x03, f3 % 7, rd, DATA_REGISTER, imm & !7 | rng.random_range(0..8) & !((1 << ((f3 % 7) & 3)) - 1))
        }
        72..82 => asm::s(f3 & 3, DATA_REGISTER, rs2, imm & !7 | rng.random_range(0..8) & !((1 << (f3 & 3)) - 1)),
        82..90 => asm::b([0, 1, 4, 5, 6, 7][rng.random_range(0..6)], rs1, rs2, 4 * rng.random_range(1..6)),
        90..93 => asm::jal(rd, 4 * rng.random_range(1..6)),
        93..96 => asm::u(0x37, rd, rng.random()),
        96..99 => asm::u(0x17, rd, rng.random()),
        _ => 0x0f,
    }
}

/// x20 points at data; no random instruction changes it.
pub const DATA_REGISTER: u32 = 20;
/// The address that it points at.
pub const DATA_ADDRESS: u64 = 0x2_0800;

/// c-kzg as the verifier's precompile and as the prover of elements.
#[derive(Clone, Copy)]
pub struct Kzg;

/// The point of an element, from its definition and not as the implementations compute it.
pub fn point(index: u64) -> B256 {
    use alloy_primitives::U256;
    let modulus: U256 = "0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001".parse().unwrap();
    let root = U256::from(7).pow_mod((modulus - U256::from(1)) / U256::from(4096), modulus);
    let reversed = (index as u16).reverse_bits() >> 4;
    root.pow_mod(U256::from(reversed), modulus).into()
}

impl PointEvaluation for Kzg {
    fn holds(&self, versioned_hash: B256, index: u64, value: B256, commitment: &[u8; 48], proof: &[u8; 48]) -> bool {
        let settings = c_kzg::ethereum_kzg_settings(0);
        let bytes = |point: &[u8; 48]| c_kzg::Bytes48::new(*point);
        let scalar = |word: B256| c_kzg::Bytes32::new(word.0);
        settings
            .verify_kzg_proof(&bytes(commitment), &scalar(point(index)), &scalar(value), &bytes(proof))
            .unwrap_or(false)
            && versioned_hash == versioned(commitment)
    }
}

fn versioned(commitment: &[u8; 48]) -> B256 {
    use sha2::Digest;
    let mut hash = B256::from_slice(&sha2::Sha256::digest(commitment));
    hash.0[0] = 1;
    hash
}

/// A blob whose elements differ, and its commitment.
fn blob() -> &'static (c_kzg::Blob, [u8; 48]) {
    static BLOB: OnceLock<(c_kzg::Blob, [u8; 48])> = OnceLock::new();
    BLOB.get_or_init(|| {
        let mut data = vec![0; c_kzg::BYTES_PER_BLOB];
        for (number, element) in data.chunks_exact_mut(32).enumerate() {
            element[1..].copy_from_slice(&keccak256((number as u64).to_be_bytes())[1..]);
        }
        let blob = c_kzg::Blob::from_bytes(&data).unwrap();
        let commitment = c_kzg::ethereum_kzg_settings(0).blob_to_kzg_commitment(&blob).unwrap();
        (blob, commitment.to_bytes().into_inner())
    })
}

/// Says that the blob's value at this point is the element with this index. Remembered, for it takes long.
pub fn blob_proof(index: u64, at: B256) -> BlobProof {
    static PROOFS: Mutex<BTreeMap<(u64, B256), BlobProof>> = Mutex::new(BTreeMap::new());
    PROOFS.lock().unwrap().entry((index, at)).or_insert_with(|| compute_blob_proof(index, at)).clone()
}

fn compute_blob_proof(index: u64, at: B256) -> BlobProof {
    let settings = c_kzg::ethereum_kzg_settings(0);
    let &(ref blob, commitment) = blob();
    let (proof, value) = settings.compute_kzg_proof(blob, &c_kzg::Bytes32::new(at.0)).unwrap();
    let proof = proof.to_bytes().into_inner();
    BlobProof {
        versioned_hash: versioned(&commitment),
        index,
        value: B256::from_slice(value.as_slice()),
        commitment,
        proof,
    }
}
