//! Authorise: chunks that verify signatures, one circuit per kind of signature, in any order.
//!
//! A chunk publishes the digest of its values v and, for the challenge z', the product of `active ? z' + v : 1`
//! (PAY-JOIN). L1 compares that product with the one of the Apply chunks.

pub mod session;

use crate::gadgets::digest::digest;
use ark_bn254::Fr;
use ark_ff::One;
use ark_r1cs_std::{
    boolean::Boolean,
    fields::{FieldVar, fp::FpVar},
};
use ark_relations::gr1cs::SynthesisError;
use tandem_payments::tags;

/// The values of a chunk's slots as they are joined: what the digest absorbs, and the running product.
pub(crate) struct Join {
    challenge: FpVar<Fr>,
    product: FpVar<Fr>,
    items: Vec<FpVar<Fr>>,
}

impl Join {
    pub(crate) fn new(challenge: FpVar<Fr>) -> Self {
        Self { challenge, product: FpVar::one(), items: Vec::new() }
    }

    /// Adds a slot: 3 constraints.
    ///
    /// The digest absorbs `active * v`, hence `active` is fixed before the challenge: an item of zero is an inactive
    /// slot (an active one would need a value of zero, a pre-image of Poseidon), and its factor is one.
    pub(crate) fn push(&mut self, active: &Boolean<Fr>, value: &FpVar<Fr>) {
        let active = FpVar::from(active.clone());
        let item = &active * value;
        let factor = &item + &active * (&self.challenge - Fr::one()) + Fr::one();
        self.product *= factor;
        self.items.push(item);
    }

    /// Digest of the values, and their product.
    pub(crate) fn finish(self, circuit_id: u64) -> Result<(FpVar<Fr>, FpVar<Fr>), SynthesisError> {
        Ok((digest(tags::DIGEST_VALUES, circuit_id, &self.items)?, self.product))
    }
}

/// The product that a chunk publishes of its active values, natively.
pub fn product(values: impl IntoIterator<Item = Fr>, challenge: Fr) -> Fr {
    values.into_iter().map(|value| challenge + value).product()
}
