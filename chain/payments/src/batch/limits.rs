//! What a batch may take on L1 (PAY-LIMITS): the bytes of the call, chunks, gas.
//!
//! A batch that does not fit cannot be posted, and everything proven for it is lost: the builder therefore refuses what would not
//! fit, the fee credit at its end always reckoned in. Figures of L1 are upper bounds, argued at each constant.

use super::circuits::{Circuits, Cut, cut_signatures};
use crate::data::ELEMENT_BYTES;
use crate::operation::SignatureKind;

/// Bounds of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// The call's input, in bytes. Default 120 KiB: L1 nodes relay no transaction of more than 128 KiB (blobs apart).
    pub call_bytes_max: u64,
    /// Apply proofs. Default 64, of the large circuit 32.4 million constraints and, if all slots are transfers, another 6.5 million of Authorise: a
    /// quarter of an hour of one prover at the speed by which deadlines are reckoned ([`CONSTRAINTS_PER_S`](super::CONSTRAINTS_PER_S)), half of that at the
    /// measured one. Of huge ones the bytes bind first, and whoever builds batches has to see to the time ([`Circuits::apply_proofs_within`]).
    pub apply_proofs_max: u64,
    /// Gas of the transaction by the formula of [`Load::l1_gas`]. Default 15,000,000: a transaction may take 2^24 (EIP-7825), and a
    /// tenth is left for what the formula does not see.
    pub l1_gas_max: u64,
}

impl BatchLimits {
    /// What every prover takes.
    pub const DEFAULT: Self = Self { call_bytes_max: 120 << 10, apply_proofs_max: 64, l1_gas_max: 15_000_000 };

    /// Most elements of data that the call has room for, were there no proofs beside them. Every operation and every message posts one at least, so that no
    /// batch has more of both, whatever circuits it is cut for.
    pub const fn elements_max(&self) -> usize {
        let bytes = self.call_bytes_max.saturating_sub(CALL_HEAD_BYTES) as usize;
        bytes / ELEMENT_BYTES
    }
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The bound of a batch that an operation would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Bytes of the call.
    CallBytes,
    /// The number of Apply proofs.
    ApplyProofs,
    /// Gas on L1.
    L1Gas,
}

/// Selector, the arguments of fixed size, offsets and lengths: fewer than 32 words.
const CALL_HEAD_BYTES: u64 = 1024;
/// An Apply chunk in calldata: circuit, root, counts, fee, two digests, three evaluations, product, and a proof of eight words.
const APPLY_CHUNK_BYTES: u64 = 18 * 32;
/// An Authorise chunk in calldata: circuit, digest, product, and a proof of eight words.
const AUTHORISE_CHUNK_BYTES: u64 = 11 * 32;

/// The transaction (21,000), the pairing precompile's base (45,000), a dozen storage slots written for the first time (12 * 22,100), the
/// key set's code read and checked against its hash, reads of schedule, inbox and queue, the event, and 200,000 for what grows with
/// memory.
const BASE_GAS: u64 = 700_000;
/// An Apply key that is used: three pairings (102,000), 20 points of inputs (123,000), one of alpha (6,000).
const APPLY_KEY_GAS: u64 = 231_000;
/// An Authorise key that is used: three pairings, at most six points of inputs, one of alpha.
const AUTHORISE_KEY_GAS: u64 = 145_000;
/// An Apply chunk: its pairing and the points A and C times the coefficient (46,300), 576 bytes of calldata (at most 9,216), some 5,000
/// for checks and hashing, and a margin. More than the floor of 40 gas for each of these bytes (EIP-7623).
const APPLY_GAS: u64 = 80_000;
/// An Authorise chunk: 46,300, 352 bytes of calldata (at most 5,632), some 3,000 for checks and hashing, and a margin.
const AUTHORISE_GAS: u64 = 65_000;
/// A posted byte: the floor of EIP-7623 for one that is not zero. The other way of reckoning, 16 for calldata and at most 24 for
/// evaluating, hashing and, of withdrawals, building the tree (less than 750 for 31 bytes), is not more.
const BYTE_GAS: u64 = 40;

/// What a batch takes, its end reckoned in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Elements of effects, withdrawals and messages.
    pub elements: [usize; 3],
    /// Apply proofs of the small and the large circuit.
    pub apply: [usize; 2],
    /// Authorise proofs of the small and the large circuits: session, Ethereum, register.
    pub authorise: [[usize; 2]; 3],
}

impl Load {
    /// Of slots as they are cut, and as many signatures of each kind.
    pub(super) fn new(circuits: &Circuits, cut: Cut, elements: [usize; 3], signatures: [usize; 3]) -> Self {
        let authorise = |kind: SignatureKind, count| {
            let Some([small, large]) = circuits.authorise(kind) else { return [0; 2] };
            let cut = cut_signatures(count, [small, large]);
            let smalls = cut.iter().filter(|circuit| **circuit == small).count();
            [smalls, cut.len().saturating_sub(smalls)]
        };
        let [session, ethereum, register] = signatures;
        Self {
            elements,
            apply: cut.proofs(circuits.apply),
            authorise: [
                authorise(SignatureKind::Session, session),
                authorise(SignatureKind::Ethereum, ethereum),
                authorise(SignatureKind::Register, register),
            ],
        }
    }

    /// How many Apply proofs it takes, of both sizes.
    pub fn apply_proofs(&self) -> u64 {
        sum(self.apply)
    }

    /// How many Authorise proofs it takes, of all kinds and sizes.
    pub fn authorise_proofs(&self) -> u64 {
        self.authorise.into_iter().map(sum).fold(0, u64::saturating_add)
    }

    /// Bytes of the segments.
    pub fn segment_bytes(&self) -> u64 {
        self.elements
            .into_iter()
            .map(|count| count as u64)
            .fold(0, u64::saturating_add)
            .saturating_mul(ELEMENT_BYTES as u64)
    }

    /// Bytes of the call's input, at most.
    pub fn call_bytes(&self) -> u64 {
        CALL_HEAD_BYTES
            .saturating_add(self.segment_bytes())
            .saturating_add(APPLY_CHUNK_BYTES.saturating_mul(self.apply_proofs()))
            .saturating_add(AUTHORISE_CHUNK_BYTES.saturating_mul(self.authorise_proofs()))
    }

    /// Gas of the transaction, at most: a base, and for each key used, each chunk and each posted byte.
    pub fn l1_gas(&self) -> u64 {
        let used = |counts: &[usize]| counts.iter().filter(|count| **count > 0).count() as u64;
        BASE_GAS
            .saturating_add(APPLY_KEY_GAS.saturating_mul(used(&self.apply)))
            .saturating_add(AUTHORISE_KEY_GAS.saturating_mul(used(self.authorise.as_flattened())))
            .saturating_add(APPLY_GAS.saturating_mul(self.apply_proofs()))
            .saturating_add(AUTHORISE_GAS.saturating_mul(self.authorise_proofs()))
            .saturating_add(BYTE_GAS.saturating_mul(self.segment_bytes()))
    }

    /// The bound that it exceeds, if any.
    pub fn exceeds(&self, limits: &BatchLimits) -> Option<Bound> {
        [
            (self.call_bytes() > limits.call_bytes_max, Bound::CallBytes),
            (self.apply_proofs() > limits.apply_proofs_max, Bound::ApplyProofs),
            (self.l1_gas() > limits.l1_gas_max, Bound::L1Gas),
        ]
        .into_iter()
        .find_map(|(exceeded, bound)| exceeded.then_some(bound))
    }
}

fn sum(counts: [usize; 2]) -> u64 {
    let [small, large] = counts;
    small.saturating_add(large) as u64
}
