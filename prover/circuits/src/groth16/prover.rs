//! Proving: from a chunk's witness to a proof that verifies.

use super::{
    key::Key,
    memory::{Memory, TooMuch},
    msm::msm,
    proof::Proof,
    shape::Unsatisfied,
    verify::verify,
};
use crate::circuit::{Chunk, CircuitId};
use alloy_primitives::B256;
use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{FftField, Field, PrimeField};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystem, OptimizationGoal, SynthesisError, SynthesisMode};
use rayon::prelude::*;

/// Limits of a prover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProverConfig {
    /// Threads; none for one per core.
    pub threads: Option<usize>,
    /// Memory for all proofs that are made at once, each with its key, in bytes.
    pub memory_bytes_max: u64,
}

impl Default for ProverConfig {
    fn default() -> Self {
        Self { threads: None, memory_bytes_max: 4 << 30 }
    }
}

/// Where a proof stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The circuit computes its witness.
    Witness,
    /// The witness is checked and divided into the quotient polynomial.
    Quotient,
    /// The multi-scalar multiplication of A.
    A,
    /// The multi-scalar multiplication of B, in G2.
    B,
    /// The two multi-scalar multiplications of C.
    C,
    /// The proof is verified before it leaves.
    Verify,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The key is another circuit's.
    #[error("the key is for {key:?}, the chunk for {chunk:?}")]
    WrongKey {
        /// Circuit of the key.
        key: CircuitId,
        /// Circuit of the chunk.
        chunk: CircuitId,
    },
    /// The circuit that the chunk synthesises is not the key's.
    #[error("the chunk has {found} variables, the circuit of digest {digest} has {expected}")]
    Shape {
        /// How many variables the chunk's circuit has.
        found: usize,
        /// Variables of the key.
        expected: usize,
        /// Digest of the key's circuit.
        digest: B256,
    },
    /// Key and proof would not fit the limit.
    #[error("a proof takes {needed} bytes, the limit is {limit}")]
    Memory {
        /// Bytes of key and proof.
        needed: u64,
        /// The prover's limit of memory, in bytes.
        limit: u64,
    },
    /// The thread pool cannot be made.
    #[error("threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The circuit cannot be synthesised.
    #[error("synthesis: {0}")]
    Synthesis(#[from] SynthesisError),
    /// The witness is wrong.
    #[error(transparent)]
    Unsatisfied(#[from] Unsatisfied),
    /// The finished proof does not verify: the key is damaged, or this machine.
    #[error("the finished proof does not verify")]
    Invalid,
}

/// Proves chunks on a pool of its own: as many at once as there are callers, as far as memory allows.
#[derive(Debug)]
pub struct Prover {
    pool: rayon::ThreadPool,
    memory: Memory,
}

impl Prover {
    /// A prover with these limits.
    pub fn new(config: ProverConfig) -> Result<Self, ProveError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(config.threads.unwrap_or(0)).build()?;
        Ok(Self { pool, memory: Memory::new(config.memory_bytes_max) })
    }

    /// Threads that prove.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Proves a chunk, as soon as other proofs leave enough memory; `progress` hears of every stage as it begins.
    ///
    /// # Errors
    /// If the chunk is not of the key's circuit, memory does not suffice, or the witness breaks a constraint.
    pub fn prove<C: Chunk + Send>(
        &self,
        key: &Key,
        chunk: C,
        progress: &mut (dyn FnMut(Stage) + Send),
    ) -> Result<Proof, ProveError> {
        let circuit = chunk.circuit_id();
        if key.circuit != circuit {
            return Err(ProveError::WrongKey { key: key.circuit, chunk: circuit });
        }
        let needed = key.memory_bytes() + key.proof_memory_bytes();
        let taken = self.memory.take(needed);
        let _share = taken.map_err(|TooMuch { bytes_max }| ProveError::Memory { needed, limit: bytes_max })?;
        self.pool.install(|| {
            progress(Stage::Witness);
            let assignment = assign(chunk)?;
            let expected = key.shape.instances() + key.shape.witnesses();
            if assignment.len() != expected {
                return Err(ProveError::Shape { found: assignment.len(), expected, digest: key.shape.digest() });
            }
            progress(Stage::Quotient);
            let quotient = quotient(key, &assignment)?;
            let inputs = assignment[1..key.shape.instances()].to_vec();
            let proof = multiply(key, circuit, inputs, &assignment, &quotient, progress);
            progress(Stage::Verify);
            if verify(&key.verifying, &proof) { Ok(proof) } else { Err(ProveError::Invalid) }
        })
    }
}

/// The values of all variables, the constant one first. No matrices are built.
fn assign(circuit: impl ConstraintSynthesizer<Fr>) -> Result<Vec<Fr>, SynthesisError> {
    let cs = ConstraintSystem::new_ref();
    cs.set_optimization_goal(OptimizationGoal::Constraints);
    cs.set_mode(SynthesisMode::Prove { construct_matrices: false, generate_lc_assignments: false });
    circuit.generate_constraints(cs.clone())?;
    let system = cs.into_inner().ok_or(SynthesisError::MissingCS)?;
    let mut assignment = system.assignments.instance_assignment;
    assignment.extend(system.assignments.witness_assignment);
    Ok(assignment)
}

/// Coefficients of h = (a b - c) / (x^n - 1).
///
/// On the coset of g, where x^n is g^n, a b is c + h (g^n - 1) at every point; both h and c have less than n coefficients, so these are those of the product there,
/// less c, by the constant. Therefore c itself is never evaluated on the coset.
fn quotient(key: &Key, assignment: &[Fr]) -> Result<Vec<<Fr as PrimeField>::BigInt>, ProveError> {
    let [mut a, mut b, mut c] = key.shape.evaluate(assignment)?;
    let constraints = key.shape.constraints();
    // Groth16's own rows, one per public input, that keep the inputs' polynomials independent.
    a[constraints..constraints + key.shape.instances()].copy_from_slice(&assignment[..key.shape.instances()]);
    let domain = Radix2EvaluationDomain::<Fr>::new(a.len()).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
    let coset = domain.get_coset(Fr::GENERATOR).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
    domain.ifft_in_place(&mut c);
    for values in [&mut a, &mut b] {
        domain.ifft_in_place(values);
        coset.fft_in_place(values);
    }
    a.par_iter_mut().zip(&b).for_each(|(a, b)| *a *= b);
    drop(b);
    coset.ifft_in_place(&mut a);
    let vanishing = domain.evaluate_vanishing_polynomial(Fr::GENERATOR);
    let inverse = vanishing.inverse().ok_or(SynthesisError::DivisionByZero)?;
    Ok(a.par_iter().zip(&c).map(|(a, c)| ((*a - c) * inverse).into_bigint()).collect())
}

fn multiply(
    key: &Key,
    circuit: CircuitId,
    inputs: Vec<Fr>,
    assignment: &[Fr],
    quotient: &[<Fr as PrimeField>::BigInt],
    progress: &mut (dyn FnMut(Stage) + Send),
) -> Proof {
    let scalars: Vec<_> = assignment.par_iter().map(|x| x.into_bigint()).collect();
    progress(Stage::A);
    let a = msm(&key.a.points, &key.a.scalars(&scalars)) + key.verifying.alpha_g1;
    progress(Stage::B);
    let b = msm(&key.b.points, &key.b.scalars(&scalars)) + key.verifying.beta_g2;
    progress(Stage::C);
    let witnesses = &scalars[key.shape.instances()..];
    // The quotient has a coefficient less than the domain has points, and so a last one that is zero.
    let c = msm(&key.l, witnesses) + msm(&key.h, quotient);
    debug_assert!(!key.verifying.alpha_g1.is_zero());
    Proof { circuit, inputs, a: a.into_affine(), b: b.into_affine(), c: c.into_affine() }
}
