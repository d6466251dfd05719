//! The transcript from which challenges and coefficients are drawn (PAY-TRANSCRIPT).
//!
//! Twin: `contracts/src/payments/Transcript.sol`. T0 absorbs what is known of the batch before any proof, T1 the inputs
//! of every chunk that do not depend on a challenge, T2 the rest of them and the proofs.

use super::proof::Proof;
use crate::circuit::CircuitId;
use alloy_primitives::{B256, Keccak256, U256, keccak256};
use ark_bn254::Fr;
use ark_ff::PrimeField;
use tandem_payments::field::{fr, integer};

/// The label that opens the transcript.
const TAG: &[u8] = b"tandem.payments.transcript.v1";

/// What L1 knows of a batch without its proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Hash of the chain's configuration.
    pub config_hash: B256,
    /// Hash of the verifying keys.
    pub key_set_hash: B256,
    /// Index of the batch.
    pub index: u64,
    /// State root before it.
    pub root_in: Fr,
    /// Leaf count before it.
    pub leaf_count_in: u64,
    /// First message it consumes.
    pub queue_start: u64,
    /// Queue hash before that message.
    pub queue_hash_start: B256,
    /// First message it leaves.
    pub queue_end: u64,
    /// Queue hash before that one.
    pub queue_hash_end: B256,
    /// Timestamp and operator, packed (PAY-PUBLIC).
    pub env: U256,
    /// Signing domain (PAY-OPHASH), a public input of the chunks.
    pub dom: Fr,
}

/// A posted data segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Length of the segment in bytes.
    pub length: u64,
    /// Keccak of the bytes.
    pub hash: B256,
}

impl Segment {
    /// The segment with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len() as u64, hash: keccak256(bytes) }
    }
}

/// What an Apply chunk adds to T1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApplyTurn {
    /// Id of the chunk's circuit (PAY-CIRCUIT).
    pub circuit: CircuitId,
    /// State root after it.
    pub root_out: Fr,
    /// The packed counters after the chunk.
    pub counts_out: Fr,
    /// Fee accumulator after it.
    pub fee_out: Fr,
    /// Digest of its data.
    pub data_digest: Fr,
    /// Digest of its values.
    pub value_digest: Fr,
}

/// What an Authorise chunk adds to T1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthoriseTurn {
    /// Id of the chunk's circuit (PAY-CIRCUIT).
    pub circuit: CircuitId,
    /// Digest of its values.
    pub value_digest: Fr,
}

/// Keccak over 32-byte words.
struct Words(Keccak256);

impl Words {
    fn new(first: B256) -> Self {
        let mut hasher = Keccak256::new();
        hasher.update(first);
        Self(hasher)
    }

    fn word(&mut self, word: impl Into<U256>) -> &mut Self {
        self.0.update(word.into().to_be_bytes::<32>());
        self
    }

    fn hash(&mut self, hash: B256) -> &mut Self {
        self.0.update(hash);
        self
    }

    fn element(&mut self, element: Fr) -> &mut Self {
        self.word(integer(element))
    }

    fn finish(self) -> B256 {
        self.0.finalize()
    }
}

/// T0: everything before the chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transcript(B256);

impl Transcript {
    /// Begins with header, segments (effects, withdrawals, messages) and the numbers of chunks.
    pub fn new(header: &Header, segments: &[Segment; 3], apply_count: usize, authorise_count: usize) -> Self {
        let mut words = Words::new(keccak256(TAG));
        words.hash(header.config_hash).hash(header.key_set_hash).word(U256::from(header.index));
        words.element(header.root_in).word(U256::from(header.leaf_count_in));
        words.word(U256::from(header.queue_start)).hash(header.queue_hash_start);
        words.word(U256::from(header.queue_end)).hash(header.queue_hash_end).word(header.env).element(header.dom);
        for segment in segments {
            words.word(U256::from(segment.length)).hash(segment.hash);
        }
        words.word(U256::from(apply_count)).word(U256::from(authorise_count));
        Self(words.finish())
    }

    /// Absorbs what the chunks publish before the challenges.
    pub fn chunks(&self, apply: &[ApplyTurn], authorise: &[AuthoriseTurn]) -> T1 {
        let mut words = Words::new(self.0);
        for turn in apply {
            words.word(U256::from(turn.circuit.number())).element(turn.root_out).element(turn.counts_out);
            words.element(turn.fee_out).element(turn.data_digest).element(turn.value_digest);
        }
        for turn in authorise {
            words.word(U256::from(turn.circuit.number())).element(turn.value_digest);
        }
        T1(words.finish())
    }
}

/// T1: the challenges are drawn from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct T1(B256);

impl T1 {
    fn challenge(&self, number: u64) -> Fr {
        let mut words = Words::new(self.0);
        words.word(U256::from(number));
        fr(U256::from_be_bytes(words.finish().0))
    }

    /// z, at which data is evaluated.
    pub fn z(&self) -> Fr {
        self.challenge(1)
    }

    /// z', of the join.
    pub fn z_join(&self) -> Fr {
        self.challenge(2)
    }

    /// Absorbs the proofs with the inputs that follow the challenge, Apply first.
    pub fn proofs(&self, proofs: &[Proof]) -> T2 {
        let mut words = Words::new(self.0);
        for proof in proofs {
            proof.late_inputs().iter().for_each(|input| {
                words.element(*input);
            });
            proof.words().iter().for_each(|word| {
                words.word(*word);
            });
        }
        T2(words.finish())
    }
}

/// T2: the coefficients are drawn from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct T2(B256);

impl T2 {
    /// The coefficient of a proof: 128 bits, none if zero.
    pub fn coefficient(&self, index: usize) -> Option<Fr> {
        let mut words = Words::new(self.0);
        words.word(U256::from(index));
        let hash = words.finish();
        let low = u128::from_be_bytes(std::array::from_fn(|i| hash[16 + i]));
        (low != 0).then(|| Fr::from(low))
    }
}

const _: () = assert!(Fr::MODULUS_BIT_SIZE == 254);
