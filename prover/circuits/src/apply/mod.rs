//! The Apply circuits: a chunk of slots, applied in order (docs/spec/payments.md).
//!
//! Statement. Public: [`APPLY_INPUTS_BEFORE`] inputs before and [`APPLY_INPUTS_AFTER`] from the challenges on (PAY-PUBLIC). Private: the
//! slots. Native check: `tandem_payments::ledger` builds exactly the chunks that satisfy. One file per rule; each names
//! its native twin. Nothing here trusts the prover: every hint is determined by what it hints at.

mod authority;
mod flags;
mod items;
mod lanes;
mod leaf;
mod logic;
mod movement;
mod order;
mod slot;
#[cfg(test)]
mod tests;
mod tree;

use crate::circuit::{self, CircuitId};
use crate::gadgets::digest::digest;
use crate::gadgets::uint::{UInt, power_of_two};
use alloy_primitives::U256;
use ark_bn254::Fr;
use ark_ff::Zero;
use ark_r1cs_std::{
    alloc::AllocVar,
    eq::EqGadget,
    fields::{FieldVar, fp::FpVar},
};
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystemRef, SynthesisError};
use items::Point;
use slot::{Running, Shared};
use tandem_payments::batch::{ApplyCircuit, BatchBuilder, Challenges, Chunk, Evaluations};
use tandem_payments::field::{address_integer, fr};
use tandem_payments::ledger::Env;
use tandem_payments::state::State;
use tandem_payments::tags;
use tree::CapVar;

pub use tandem_payments::batch::{APPLY_INPUTS_AFTER, APPLY_INPUTS_BEFORE};

/// An Apply circuit with its witness.
#[derive(Clone, Debug)]
pub struct Apply {
    chunk: Chunk,
    challenges: Challenges,
    start: Evaluations,
}

impl Apply {
    /// The circuit of a chunk under the challenges; `start` is where its evaluations begin.
    pub fn new(chunk: Chunk, challenges: Challenges, start: Evaluations) -> Self {
        Self {
            chunk,
            challenges,
            start,
        }
    }

    /// A circuit for key generation: a chunk of padding.
    pub fn blank(circuit: ApplyCircuit) -> Self {
        let env = Env {
            operator: alloy_primitives::Address::ZERO,
            timestamp: 0,
        };
        let large = ApplyCircuit {
            slots: circuit.slots.max(tandem_payments::batch::GROUP_SLOTS_MAX),
            ..circuit
        };
        let builder =
            BatchBuilder::with_circuits(State::default(), env, Fr::zero(), 0, [circuit, large]);
        let (batch, _) = builder.finish().expect("a batch without fees settles");
        let [chunk] = <[Chunk; 1]>::try_from(batch.chunks).expect("an empty batch has one chunk");
        let challenges = Challenges {
            data: Fr::zero(),
            values: Fr::zero(),
        };
        Self::new(chunk, challenges, [Fr::zero(); 3])
    }

    /// The inputs in order.
    fn inputs(&self) -> Vec<Fr> {
        let (after, _) = self.chunk.inputs_after(self.challenges, self.start);
        self.chunk
            .inputs_before()
            .into_iter()
            .chain(after)
            .collect()
    }
}

impl circuit::Chunk for Apply {
    /// # Panics
    /// If the chunk was cut for a circuit of other than the standard sizes.
    fn circuit_id(&self) -> CircuitId {
        let id = self.chunk.circuit.id;
        CircuitId::ALL
            .into_iter()
            .find(|circuit| circuit.number() == id)
            .expect("a chunk of a standard size")
    }

    fn public_inputs(&self) -> Vec<Fr> {
        self.inputs()
    }
}

/// Allocates the public inputs in order as they are asked for.
struct Inputs<'a> {
    cs: &'a ConstraintSystemRef<Fr>,
    values: std::vec::IntoIter<Fr>,
}

impl Inputs<'_> {
    fn next(&mut self) -> Result<FpVar<Fr>, SynthesisError> {
        let value = self
            .values
            .next()
            .ok_or(SynthesisError::AssignmentMissing)?;
        FpVar::new_input(self.cs.clone(), || Ok(value))
    }
}

impl ConstraintSynthesizer<Fr> for Apply {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let mut inputs = Inputs {
            cs: &cs,
            values: self.inputs().into_iter(),
        };
        let mut input = || inputs.next();
        let (root_in, root_out, counts_in, counts_out) = (input()?, input()?, input()?, input()?);
        let (fee_in, fee_out, data_digest, value_digest) = (input()?, input()?, input()?, input()?);
        let (dom, env, z, z_values) = (input()?, input()?, input()?, input()?);
        let (sums_in, sums_out): (Vec<_>, Vec<_>) = (0..3)
            .map(|_| Ok((input()?, input()?)))
            .collect::<Result<Vec<_>, SynthesisError>>()?
            .into_iter()
            .unzip();
        let product = input()?;
        let chunk = self.chunk;

        let (operator, timestamp) = unpack_env(&cs, &env, chunk.env)?;
        let shared = Shared {
            dom,
            operator,
            timestamp,
            point: Point::new(&z),
            z_values,
        };
        let (base, leaf_count) = unpack_counts(&cs, &counts_in, chunk.counts_in.pack())?;
        let cap = CapVar::new_witness(&cs, &chunk.cap_in)?;
        cap.root()?.enforce_equal(&root_in)?;

        let mut running = Running {
            cap,
            effects: FpVar::zero(),
            withdrawals: FpVar::zero(),
            messages: FpVar::zero(),
            leaf_count,
            fee: fee_in,
            sums: core::array::from_fn(|i| sums_in[i].clone()),
            product: FpVar::one(),
            before: None,
            items: Vec::new(),
            values: Vec::new(),
        };
        assert_eq!(
            chunk.slots.len(),
            chunk.circuit.slots,
            "a chunk fills its circuit"
        );
        for slot in &chunk.slots {
            slot::synthesise(&cs, &shared, &mut running, slot)?;
        }

        if let Some(before) = &running.before {
            before.enforce_complete()?;
        }
        running.cap.root()?.enforce_equal(&root_out)?;
        let counts = base
            + running.effects
            + running.withdrawals * power_of_two(32)
            + running.messages * power_of_two(64)
            + running.leaf_count * power_of_two(128);
        counts.enforce_equal(&counts_out)?;
        running.fee.enforce_equal(&fee_out)?;
        for (sum, expected) in running.sums.iter().zip(&sums_out) {
            sum.enforce_equal(expected)?;
        }
        running.product.enforce_equal(&product)?;
        let id = chunk.circuit.id;
        digest(tags::DIGEST_DATA, id, &running.items)?.enforce_equal(&data_digest)?;
        digest(tags::DIGEST_VALUES, id, &running.values)?.enforce_equal(&value_digest)
    }
}

/// Operator and timestamp, 160 and 64 bits: 225 constraints.
fn unpack_env(
    cs: &ConstraintSystemRef<Fr>,
    env: &FpVar<Fr>,
    values: Env,
) -> Result<(FpVar<Fr>, FpVar<Fr>), SynthesisError> {
    let operator =
        UInt::<160>::new_witness(cs.clone(), || Ok(fr(address_integer(values.operator))))?;
    let timestamp = UInt::<64>::new_witness(cs.clone(), || Ok(Fr::from(values.timestamp)))?;
    (timestamp.fp() + operator.fp() * power_of_two(64)).enforce_equal(env)?;
    Ok((operator.fp().clone(), timestamp.fp().clone()))
}

/// The low 128 bits of the counts, and the leaf count, 40 bits: 169 constraints.
fn unpack_counts(
    cs: &ConstraintSystemRef<Fr>,
    counts: &FpVar<Fr>,
    value: U256,
) -> Result<(FpVar<Fr>, FpVar<Fr>), SynthesisError> {
    let low = value & U256::from(u128::MAX);
    let base = UInt::<128>::new_witness(cs.clone(), || Ok(fr(low)))?;
    let leaf_count = UInt::<40>::new_witness(cs.clone(), || Ok(fr(value >> 128)))?;
    (base.fp() + leaf_count.fp() * power_of_two(128)).enforce_equal(counts)?;
    Ok((base.fp().clone(), leaf_count.fp().clone()))
}
