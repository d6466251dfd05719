//! Keys that were made elsewhere: what can be checked of a proving key is checked before it is used.
//!
//! Every byte is adversarial. Checked are the encoding, curve and subgroup of every point, the counts of points, that no part of the verifying key is the identity, beta, gamma and delta differ pairwise up to sign (two of them equal: a deployed
//! mistake that let anybody forge) and neither beta nor delta is the generator (PAY-KEY; twin: `contracts/src/payments/VerifyingKeys.sol`), both
//! halves of beta, of delta and of the B query agree, and a proof of one real chunk verifies.
//!
//! What this does not say: that the key was made for this circuit. The digest that comes with a key is a claim, and a key for a weaker
//! circuit with as many variables and constraints, which the trial chunk satisfies too, passes every check here. Nor can it be seen
//! whether somebody knows the key's secrets. Both are for whoever verifies the ceremony from its transcript, `docs/ceremony.md`.

use super::{
    defect::{KeyDefect, check_key},
    devnet,
    key::Key,
    prover::{ProveError, Prover},
    shape::Shape,
};
use crate::circuit::Chunk;
use alloy_primitives::{B256, keccak256};
use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM, pairing::Pairing};
use ark_ff::PrimeField;
use ark_groth16::ProvingKey;
use ark_relations::gr1cs::SynthesisError;
use ark_serialize::{CanonicalDeserialize, SerializationError};

/// Why a key is refused.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The circuit cannot be synthesised.
    #[error("synthesis: {0}")]
    Synthesis(#[from] SynthesisError),
    /// The key is claimed to be for another circuit.
    #[error("the key is claimed to be for circuit {claimed}, this one is {expected}")]
    Circuit {
        /// Digest that came with the key.
        claimed: B256,
        /// Digest of the circuit.
        expected: B256,
    },
    /// Not an encoding of a key, or with points off the curve or outside the subgroup.
    #[error("encoding: {0}")]
    Encoding(#[from] SerializationError),
    /// Bytes follow the key.
    #[error("{0} bytes follow the key")]
    TrailingBytes(usize),
    /// A part has the wrong number of points.
    #[error("{part} has {found} points, not {expected}")]
    Count {
        /// The part of the key, by name.
        part: &'static str,
        /// How many points the part has.
        found: usize,
        /// Points the circuit asks for.
        expected: usize,
    },
    /// Anybody could forge proofs under it, or an input is not part of what is proven.
    #[error(transparent)]
    Defect(#[from] KeyDefect),
    /// Two parts that encode the same secret do not agree.
    #[error("{0} do not agree")]
    Disagree(&'static str),
    /// The key has a secret that the public devnet label gives.
    #[error("the key has a secret of the devnet's")]
    Devnet,
    /// The trial proof failed.
    #[error("trial proof: {0}")]
    Trial(#[from] ProveError),
}

/// Reads a proving key (arkworks, compressed or not) that came with a claim of which circuit it is for, and checks what can be checked
/// without the ceremony's transcript (see the module's page).
///
/// `trial` is a chunk with a satisfying witness, for the trial proof: it shows that the key proves this chunk, not that it proves no
/// false one.
pub fn import_key<C: Chunk + Clone + Send>(
    prover: &Prover,
    bytes: &[u8],
    compressed: bool,
    claimed_circuit: B256,
    trial: C,
) -> Result<Key, ImportError> {
    let shape = Shape::of(trial.clone())?;
    if claimed_circuit != shape.digest() {
        return Err(ImportError::Circuit { claimed: claimed_circuit, expected: shape.digest() });
    }
    let mut reader = bytes;
    let key = if compressed {
        ProvingKey::<Bn254>::deserialize_compressed(&mut reader)?
    } else {
        ProvingKey::<Bn254>::deserialize_uncompressed(&mut reader)?
    };
    if !reader.is_empty() {
        return Err(ImportError::TrailingBytes(reader.len()));
    }
    check_counts(&shape, &key)?;
    check_secrets(&key)?;
    check_queries(&key, bytes)?;
    let marks = devnet::generate_marks(&shape);
    if marks.iter().zip([key.vk.alpha_g1, key.beta_g1, key.delta_g1]).any(|(mark, found)| *mark == found) {
        return Err(ImportError::Devnet);
    }
    let key = Key::new(trial.circuit_id(), shape, key);
    prover.prove(&key, trial, &mut |_| ())?;
    Ok(key)
}

fn check_counts(shape: &Shape, key: &ProvingKey<Bn254>) -> Result<(), ImportError> {
    let variables = shape.instances() + shape.witnesses();
    let counts = [
        ("gamma_abc_g1", key.vk.gamma_abc_g1.len(), shape.instances()),
        ("a_query", key.a_query.len(), variables),
        ("b_g1_query", key.b_g1_query.len(), variables),
        ("b_g2_query", key.b_g2_query.len(), variables),
        ("h_query", key.h_query.len(), shape.domain_size() - 1),
        ("l_query", key.l_query.len(), shape.witnesses()),
    ];
    match counts.into_iter().find(|(_, found, expected)| found != expected) {
        Some((part, found, expected)) => Err(ImportError::Count { part, found, expected }),
        None => Ok(()),
    }
}

/// Refuses secrets under which anybody could forge (PAY-KEY), and halves of one that do not agree.
fn check_secrets(key: &ProvingKey<Bn254>) -> Result<(), ImportError> {
    let vk = &key.vk;
    check_key(vk)?;
    if !same_ratio(key.beta_g1, vk.beta_g2) {
        return Err(ImportError::Disagree("the halves of beta"));
    }
    if !same_ratio(key.delta_g1, vk.delta_g2) {
        return Err(ImportError::Disagree("the halves of delta"));
    }
    Ok(())
}

/// Whether two points hold the same multiple of their generators.
fn same_ratio(g1: impl Into<G1Affine>, g2: impl Into<G2Affine>) -> bool {
    let (g1, g2): (G1Affine, G2Affine) = (g1.into(), g2.into());
    Bn254::pairing(g1, G2Affine::generator()) == Bn254::pairing(G1Affine::generator(), g2)
}

/// The two B queries hold the same values: compared at a random combination, drawn after the key is fixed.
fn check_queries(key: &ProvingKey<Bn254>, bytes: &[u8]) -> Result<(), ImportError> {
    let seed = keccak256(bytes);
    let weights: Vec<_> = (0..key.b_g1_query.len() as u64)
        .map(|i| {
            let hash = keccak256([seed.as_slice(), &i.to_be_bytes()].concat());
            Fr::from_be_bytes_mod_order(&hash[16..]).into_bigint()
        })
        .collect();
    let g1 = G1Projective::msm_bigint(&key.b_g1_query, &weights);
    let g2 = G2Projective::msm_bigint(&key.b_g2_query, &weights);
    if same_ratio(g1.into_affine(), g2.into_affine()) {
        Ok(())
    } else {
        Err(ImportError::Disagree("the two B queries"))
    }
}
