//! The shape of a circuit: its matrices, compact, and the digest that ties keys to it.

use alloy_primitives::{B256, Keccak256};
use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField, Zero};
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystem, OptimizationGoal, R1CS_PREDICATE_LABEL, SynthesisError, SynthesisMode,
};
use rayon::prelude::*;
use std::collections::HashMap;

/// A witness breaks a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the witness breaks constraint {constraint}")]
pub struct Unsatisfied {
    /// The first broken one.
    pub constraint: usize,
}

/// A circuit without its values.
#[derive(Clone, Debug)]
pub struct Shape {
    instances: usize,
    witnesses: usize,
    coefficients: Vec<Fr>,
    matrices: [Rows; 3],
    digest: B256,
}

/// A sparse matrix: entries are (coefficient index, variable).
#[derive(Clone, Debug, Default)]
struct Rows {
    ends: Vec<u32>,
    entries: Vec<(u32, u32)>,
}

impl Rows {
    fn row(&self, index: usize) -> &[(u32, u32)] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.entries[start..self.ends[index] as usize]
    }
}

impl Shape {
    /// Synthesises a circuit, whatever its values.
    pub fn of(circuit: impl ConstraintSynthesizer<Fr>) -> Result<Self, SynthesisError> {
        let cs = ConstraintSystem::new_ref();
        cs.set_optimization_goal(OptimizationGoal::Constraints);
        cs.set_mode(SynthesisMode::Setup);
        circuit.generate_constraints(cs.clone())?;
        cs.finalize();
        assert_eq!(cs.num_predicates(), 1, "Groth16 proves R1CS constraints alone: others would stay unproven");
        let matrices = cs.to_matrices()?.remove(R1CS_PREDICATE_LABEL).unwrap_or_default();
        let [a, b, c]: [_; 3] = matrices.try_into().map_err(|_| SynthesisError::Unsatisfiable)?;
        let mut interned = HashMap::new();
        let mut coefficients = Vec::new();
        let matrices = [a, b, c].map(|matrix| {
            let mut rows = Rows::default();
            for row in matrix {
                for (coefficient, variable) in row.into_iter().filter(|(c, _)| !c.is_zero()) {
                    let index = *interned.entry(coefficient).or_insert_with(|| {
                        coefficients.push(coefficient);
                        coefficients.len() as u32 - 1
                    });
                    rows.entries.push((index, variable as u32));
                }
                rows.ends.push(rows.entries.len() as u32);
            }
            rows
        });
        let (instances, witnesses) = (cs.num_instance_variables(), cs.num_witness_variables());
        let mut shape = Self { instances, witnesses, coefficients, matrices, digest: B256::ZERO };
        shape.digest = shape.compute_digest();
        Ok(shape)
    }

    fn compute_digest(&self) -> B256 {
        let mut hasher = Keccak256::new();
        for count in [self.instances, self.witnesses, self.constraints(), self.coefficients.len()] {
            hasher.update((count as u64).to_be_bytes());
        }
        for coefficient in &self.coefficients {
            hasher.update(coefficient.into_bigint().to_bytes_be());
        }
        for matrix in &self.matrices {
            let mut bytes = Vec::with_capacity(matrix.ends.len() * 4 + matrix.entries.len() * 8);
            matrix.ends.iter().for_each(|end| bytes.extend_from_slice(&end.to_be_bytes()));
            for (coefficient, variable) in &matrix.entries {
                bytes.extend_from_slice(&coefficient.to_be_bytes());
                bytes.extend_from_slice(&variable.to_be_bytes());
            }
            hasher.update(&bytes);
        }
        hasher.finalize()
    }

    /// Hash of everything above: equal for equal circuits only.
    pub fn digest(&self) -> B256 {
        self.digest
    }

    /// Public inputs and the constant one.
    pub fn instances(&self) -> usize {
        self.instances
    }

    /// How many witness variables there are.
    pub fn witnesses(&self) -> usize {
        self.witnesses
    }

    /// How many constraints there are.
    pub fn constraints(&self) -> usize {
        self.matrices[0].ends.len()
    }

    /// Size of the evaluation domain.
    pub fn domain_size(&self) -> usize {
        (self.constraints() + self.instances).next_power_of_two()
    }

    /// Entries of the three matrices.
    pub fn entries(&self) -> usize {
        self.matrices.iter().map(|matrix| matrix.entries.len()).sum()
    }

    /// The three products matrix times assignment, with place for the domain's size; the witness must satisfy.
    pub(super) fn evaluate(&self, assignment: &[Fr]) -> Result<[Vec<Fr>; 3], Unsatisfied> {
        let size = self.domain_size();
        let product = |matrix: &Rows| {
            let mut values: Vec<Fr> = (0..self.constraints())
                .into_par_iter()
                .map(|row| {
                    let term = |&(c, v): &(u32, u32)| {
                        let value = assignment[v as usize];
                        if c == 0 && self.coefficients[0] == Fr::from(1u64) {
                            value
                        } else {
                            value * self.coefficients[c as usize]
                        }
                    };
                    matrix.row(row).iter().map(term).sum()
                })
                .collect();
            values.resize(size, Fr::zero());
            values
        };
        let [a, b, c] = self.matrices.each_ref().map(product);
        match (0..self.constraints()).into_par_iter().find_first(|&i| a[i] * b[i] != c[i]) {
            Some(constraint) => Err(Unsatisfied { constraint }),
            None => Ok([a, b, c]),
        }
    }
}
