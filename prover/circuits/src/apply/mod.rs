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
use tandem_payments::batch::{ApplyCircuit, BatchBuilder, BatchLimits, Challenges, Chunk, Circuits, Evaluations};
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
    inputs: Vec<Fr>,
}

impl Apply {
    /// The circuit of a chunk under the challenges; `start` is where its evaluations begin.
    pub fn new(chunk: Chunk, challenges: Challenges, start: Evaluations) -> Self {
        let (after, _) = chunk.inputs_after(challenges, start);
        let inputs = chunk.inputs_before().into_iter().chain(after).collect();
        Self { chunk, inputs }
    }

    /// What the circuit proves.
    pub(crate) fn chunk(&self) -> &Chunk {
        &self.chunk
    }

    /// The challenges that it was made for.
    pub(crate) fn challenges(&self) -> Challenges {
        let [data, values] = self.after([0, 1]);
        Challenges { data, values }
    }

    /// Where its evaluations begin.
    pub(crate) fn start(&self) -> Evaluations {
        self.after([2, 4, 6])
    }

    /// Public inputs by their places from the challenges on.
    fn after<const N: usize>(&self, places: [usize; N]) -> [Fr; N] {
        places.map(|place| self.inputs[APPLY_INPUTS_BEFORE + place])
    }

    /// A circuit for key generation: a chunk of padding.
    pub fn blank(circuit: ApplyCircuit) -> Self {
        let env = Env { operator: alloy_primitives::Address::ZERO, timestamp: 0 };
        let large = ApplyCircuit { slots: circuit.slots.max(tandem_payments::batch::GROUP_SLOTS_MAX), ..circuit };
        let circuits = Circuits { apply: [circuit, large], ..Circuits::STANDARD };
        let limits = BatchLimits::default();
        let (batch, _) = BatchBuilder::with(State::default(), env, Fr::zero(), 0, circuits, limits).finish();
        let [chunk] = <[Chunk; 1]>::try_from(batch.chunks).expect("an empty batch has one chunk");
        let challenges = Challenges { data: Fr::zero(), values: Fr::zero() };
        Self::new(chunk, challenges, [Fr::zero(); 3])
    }
}

impl circuit::Chunk for Apply {
    /// # Panics
    /// If the chunk was cut for a circuit of other than the standard sizes.
    fn circuit_id(&self) -> CircuitId {
        CircuitId::numbered(self.chunk.circuit.id).expect("a chunk of a standard size")
    }

    fn public_inputs(&self) -> Vec<Fr> {
        self.inputs.clone()
    }
}

impl ConstraintSynthesizer<Fr> for Apply {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let inputs = Inputs::new(&cs, &self.inputs)?;
        let outputs = lay_out(&cs, &self.chunk, &inputs)?;
        outputs.into_iter().try_for_each(|(output, input)| output.enforce_equal(&input))
    }
}

/// The public inputs (PAY-PUBLIC).
struct Inputs {
    root_in: FpVar<Fr>,
    root_out: FpVar<Fr>,
    counts_in: FpVar<Fr>,
    counts_out: FpVar<Fr>,
    fee_in: FpVar<Fr>,
    fee_out: FpVar<Fr>,
    data_digest: FpVar<Fr>,
    value_digest: FpVar<Fr>,
    dom: FpVar<Fr>,
    env: FpVar<Fr>,
    z: FpVar<Fr>,
    z_values: FpVar<Fr>,
    sums: [[FpVar<Fr>; 2]; 3],
    product: FpVar<Fr>,
}

impl Inputs {
    /// Allocates them in order.
    fn new(cs: &ConstraintSystemRef<Fr>, values: &[Fr]) -> Result<Self, SynthesisError> {
        let mut values = values.iter();
        let mut input = || {
            let value = values.next().ok_or(SynthesisError::AssignmentMissing)?;
            FpVar::new_input(cs.clone(), || Ok(value))
        };
        Ok(Self {
            root_in: input()?,
            root_out: input()?,
            counts_in: input()?,
            counts_out: input()?,
            fee_in: input()?,
            fee_out: input()?,
            data_digest: input()?,
            value_digest: input()?,
            dom: input()?,
            env: input()?,
            z: input()?,
            z_values: input()?,
            sums: [[input()?, input()?], [input()?, input()?], [input()?, input()?]],
            product: input()?,
        })
    }
}

/// What a chunk computes, and the public input that it must equal.
type Output = (FpVar<Fr>, FpVar<Fr>);

/// Lays out a chunk.
fn lay_out(cs: &ConstraintSystemRef<Fr>, chunk: &Chunk, inputs: &Inputs) -> Result<Vec<Output>, SynthesisError> {
    let (operator, timestamp) = unpack_env(cs, &inputs.env, chunk.env)?;
    let (base, leaf_count) = unpack_counts(cs, &inputs.counts_in, chunk.counts_in.pack())?;
    let point = Point::new(&inputs.z);
    let (dom, z_values) = (inputs.dom.clone(), inputs.z_values.clone());
    let shared = Shared { dom, operator, timestamp, point, z_values };
    let cap = CapVar::new_witness(cs, &chunk.cap_in)?;
    let root_in = cap.root()?;
    let mut running = Running {
        cap,
        effects: FpVar::zero(),
        withdrawals: FpVar::zero(),
        messages: FpVar::zero(),
        leaf_count,
        fee: inputs.fee_in.clone(),
        sums: inputs.sums.each_ref().map(|[start, _]| start.clone()),
        product: FpVar::one(),
        before: None,
        items: Vec::new(),
        values: Vec::new(),
    };
    assert_eq!(chunk.slots.len(), chunk.circuit.slots, "a chunk fills its circuit");
    for slot in &chunk.slots {
        slot::synthesise(cs, &shared, &mut running, slot)?;
    }
    if let Some(before) = &running.before {
        before.enforce_complete()?;
    }
    let counts = base
        + running.effects
        + running.withdrawals * power_of_two(32)
        + running.messages * power_of_two(64)
        + running.leaf_count * power_of_two(128);
    let id = chunk.circuit.id;
    let mut outputs = vec![
        (root_in, inputs.root_in.clone()),
        (running.cap.root()?, inputs.root_out.clone()),
        (counts, inputs.counts_out.clone()),
        (running.fee, inputs.fee_out.clone()),
        (digest(tags::DIGEST_DATA, id, &running.items)?, inputs.data_digest.clone()),
        (digest(tags::DIGEST_VALUES, id, &running.values)?, inputs.value_digest.clone()),
        (running.product, inputs.product.clone()),
    ];
    let ends = inputs.sums.iter().map(|[_, end]| end.clone());
    outputs.extend(running.sums.into_iter().zip(ends));
    Ok(outputs)
}

/// Operator and timestamp, 160 and 64 bits: 225 constraints.
fn unpack_env(
    cs: &ConstraintSystemRef<Fr>,
    env: &FpVar<Fr>,
    values: Env,
) -> Result<(FpVar<Fr>, FpVar<Fr>), SynthesisError> {
    let operator = UInt::<160>::new_witness(cs.clone(), || Ok(fr(address_integer(values.operator))))?;
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
