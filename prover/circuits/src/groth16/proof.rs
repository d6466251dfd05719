//! A proof with its public inputs, and the words in which L1 reads points.

use crate::circuit::{CircuitId, Family};
use alloy_primitives::U256;
use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, PrimeField};

/// Words of a proof: A, B, C.
pub const PROOF_WORDS: usize = 8;

/// A proof of one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The circuit that the proof is of.
    pub circuit: CircuitId,
    /// The public inputs that it is for (PAY-PUBLIC).
    pub inputs: Vec<Fr>,
    /// The proof's point A.
    pub a: G1Affine,
    /// The proof's point B.
    pub b: G2Affine,
    /// The proof's point C.
    pub c: G1Affine,
}

impl Proof {
    /// A, B, C in the pairing precompile's encoding.
    pub fn words(&self) -> [U256; PROOF_WORDS] {
        let [a0, a1] = g1_words(&self.a);
        let [b0, b1, b2, b3] = g2_words(&self.b);
        let [c0, c1] = g1_words(&self.c);
        [a0, a1, b0, b1, b2, b3, c0, c1]
    }

    /// The public inputs after the challenge, z and z' left out (PAY-TRANSCRIPT, T2).
    pub fn late_inputs(&self) -> &[Fr] {
        let challenges = match self.circuit.family() {
            Family::Apply => 2,
            Family::Session => 1,
        };
        self.inputs.get(self.circuit.inputs_before_challenge() + challenges..).unwrap_or(&[])
    }
}

fn word(element: Fq) -> U256 {
    U256::from_limbs(element.into_bigint().0)
}

/// (x, y) of a point, (0, 0) for the identity (EIP-196).
pub fn g1_words(point: &G1Affine) -> [U256; 2] {
    point.xy().map_or([U256::ZERO; 2], |(x, y)| [word(x), word(y)])
}

/// Imaginary before real parts, x before y, zeros for the identity (EIP-197).
pub fn g2_words(point: &G2Affine) -> [U256; 4] {
    point.xy().map_or([U256::ZERO; 4], |(x, y)| [word(x.c1), word(x.c0), word(y.c1), word(y.c0)])
}

fn base(word: U256) -> Option<Fq> {
    Fq::from_bigint(BigInt(word.into_limbs()))
}

/// The point with these words; none if a coordinate is not canonical or the point not on the curve, whose order is prime.
pub(super) fn point_g1(words: [U256; 2]) -> Option<G1Affine> {
    if words == [U256::ZERO; 2] {
        return Some(G1Affine::identity());
    }
    let [x, y] = words.map(base);
    let point = G1Affine::new_unchecked(x?, y?);
    point.is_on_curve().then_some(point)
}

/// The point with these words; none if a coordinate is not canonical or the point not of the subgroup.
pub(super) fn point_g2(words: [U256; 4]) -> Option<G2Affine> {
    if words == [U256::ZERO; 4] {
        return Some(G2Affine::identity());
    }
    let [x1, x0, y1, y0] = words.map(base);
    let point = G2Affine::new_unchecked(Fq2::new(x0?, x1?), Fq2::new(y0?, y1?));
    (point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve()).then_some(point)
}
