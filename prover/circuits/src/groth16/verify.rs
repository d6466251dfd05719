//! Verification, of one proof and of a batch as L1 does it.
//!
//! Twin: `contracts/src/payments/Groth16Batch.sol`. With coefficients c_j drawn after all proofs and inputs, a batch holds
//! if the product over proofs of e(-c_j A_j, B_j) and over keys of e(sum c_j alpha, beta) e(sum c_j L_j, gamma)
//! e(sum c_j C_j, delta) is one, L_j the proof's combination of inputs.

use super::{proof::Proof, transcript::T2};
use crate::circuit::CircuitId;
use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{CurveGroup, pairing::Pairing};
use ark_ff::{One, Zero};
use ark_groth16::VerifyingKey;
use std::collections::BTreeMap;

/// Why a batch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// There is nothing to verify.
    #[error("the batch has no proof")]
    Empty,
    /// A circuit without a key.
    #[error("there is no key for {0:?}")]
    NoKey(CircuitId),
    /// The wrong number of public inputs.
    #[error("proof {index} has {found} inputs, not {expected}")]
    Inputs {
        /// Place of the proof in the batch, from 0.
        index: usize,
        /// How many inputs the proof has.
        found: usize,
        /// Inputs its circuit has.
        expected: usize,
    },
    /// A coefficient came out as zero.
    #[error("coefficient {0} is zero")]
    ZeroCoefficient(usize),
    /// The equation does not hold.
    #[error("the pairing equation does not hold")]
    Invalid,
}

/// The combination of the inputs' points, scaled.
fn inputs_point(key: &VerifyingKey<Bn254>, first: Fr, inputs: &[Fr]) -> G1Projective {
    let (constant, points) = key.gamma_abc_g1.split_first().expect("a key has a constant point");
    inputs.iter().zip(points).fold(*constant * first, |sum, (x, point)| sum + *point * x)
}

fn pairs_to_one(pairs: &[(G1Projective, G2Affine)]) -> bool {
    let g1: Vec<G1Affine> = pairs.iter().map(|pair| pair.0.into_affine()).collect();
    Bn254::multi_pairing(g1, pairs.iter().map(|pair| pair.1)).0.is_one()
}

/// Whether one proof holds under a key.
pub fn verify(key: &VerifyingKey<Bn254>, proof: &Proof) -> bool {
    proof.inputs.len() + 1 == key.gamma_abc_g1.len()
        && pairs_to_one(&[
            (-G1Projective::from(proof.a), proof.b),
            (key.alpha_g1.into(), key.beta_g2),
            (inputs_point(key, Fr::one(), &proof.inputs), key.gamma_g2),
            (proof.c.into(), key.delta_g2),
        ])
}

/// Verifies a batch with the coefficients of its transcript.
pub fn verify_batch(
    keys: &BTreeMap<CircuitId, VerifyingKey<Bn254>>,
    proofs: &[Proof],
    transcript: &T2,
) -> Result<(), BatchError> {
    if proofs.is_empty() {
        return Err(BatchError::Empty);
    }
    struct Sums {
        coefficient: Fr,
        inputs: Vec<Fr>,
        c: G1Projective,
    }
    let mut pairs = Vec::new();
    let mut sums: BTreeMap<CircuitId, Sums> = BTreeMap::new();
    for (index, proof) in proofs.iter().enumerate() {
        let key = keys.get(&proof.circuit).ok_or(BatchError::NoKey(proof.circuit))?;
        let expected = key.gamma_abc_g1.len() - 1;
        if proof.inputs.len() != expected {
            return Err(BatchError::Inputs { index, found: proof.inputs.len(), expected });
        }
        let coefficient = transcript.coefficient(index).ok_or(BatchError::ZeroCoefficient(index))?;
        pairs.push((-(proof.a * coefficient), proof.b));
        let sum = sums.entry(proof.circuit).or_insert_with(|| Sums {
            coefficient: Fr::zero(),
            inputs: vec![Fr::zero(); expected],
            c: G1Projective::zero(),
        });
        sum.coefficient += coefficient;
        sum.inputs.iter_mut().zip(&proof.inputs).for_each(|(sum, input)| *sum += coefficient * input);
        sum.c += proof.c * coefficient;
    }
    for (circuit, sum) in sums {
        let key = &keys[&circuit];
        pairs.push((key.alpha_g1 * sum.coefficient, key.beta_g2));
        pairs.push((inputs_point(key, sum.coefficient, &sum.inputs), key.gamma_g2));
        pairs.push((sum.c, key.delta_g2));
    }
    if pairs_to_one(&pairs) { Ok(()) } else { Err(BatchError::Invalid) }
}
