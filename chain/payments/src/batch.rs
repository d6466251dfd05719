//! Batches: slots in order, cut into the chunks that single proofs cover (PAY-CHAIN, PAY-GROUP, PAY-PUBLIC).
//!
//! Twin: `prover/circuits/src/apply/mod.rs`. `circuits.rs` has the sizes of the circuits and how slots and signatures are divided
//! among them, `limits.rs` what a batch may take on L1, `builder.rs` the builder.

mod builder;
mod circuits;
mod limits;
#[cfg(test)]
mod tests;

pub use builder::BatchBuilder;
pub use circuits::{ApplyCircuit, AuthoriseCircuit, CONSTRAINTS_PER_S, Circuits, GROUP_SLOTS_MAX, cut_signatures};
pub use limits::{BatchLimits, Bound, Load};

use crate::data::Element;
use crate::digest::digest;
use crate::field::{address_integer, fr};
use crate::ledger::Env;
use crate::operation::Authority;
use crate::slot::Slot;
use crate::tags;
use crate::tree::{Cap, cap_root};
use alloc::vec::Vec;
use alloy_primitives::U256;
use ark_bn254::Fr;
use ark_ff::{One, Zero};

/// The counters that chunks chain (PAY-PUBLIC, counts).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many elements the effects segment has.
    pub effects: u32,
    /// How many elements the withdrawals segment has.
    pub withdrawals: u32,
    /// The next message of the queue.
    pub message_index: u64,
    /// Leaves in the tree.
    pub leaf_count: u64,
}

impl Counts {
    /// As the public input.
    #[allow(clippy::arithmetic_side_effects, reason = "fields of an integer, shifted within its 256 bits")]
    pub fn pack(&self) -> U256 {
        U256::from(self.effects)
            | U256::from(self.withdrawals) << 32
            | U256::from(self.message_index) << 64
            | U256::from(self.leaf_count) << 128
    }
}

impl Env {
    /// As the public input.
    #[allow(clippy::arithmetic_side_effects, reason = "fields of an integer, shifted within its 256 bits")]
    pub fn pack(&self) -> U256 {
        U256::from(self.timestamp) | address_integer(self.operator) << 64
    }
}

/// The challenges: z of the data, z' of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenges {
    /// Where segments are evaluated.
    pub data: Fr,
    /// What is added to values.
    pub values: Fr,
}

/// Evaluations of the segments so far: effects, withdrawals, messages.
pub type Evaluations = [Fr; 3];

/// Public inputs of an Apply circuit that are known before the challenges.
pub const APPLY_INPUTS_BEFORE: usize = 10;
/// Public inputs of an Apply circuit from the challenges on.
pub const APPLY_INPUTS_AFTER: usize = 9;

/// What one Apply proof covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The circuit that proves this chunk.
    pub circuit: ApplyCircuit,
    /// What every slot shares.
    pub env: Env,
    /// The domain that signatures of this chain are made for.
    pub dom: Fr,
    /// The top of the tree before.
    pub cap_in: Cap,
    /// The top of the tree after.
    pub cap_out: Cap,
    /// The lengths of the segments before this chunk.
    pub counts_in: Counts,
    /// The lengths of the segments after this chunk.
    pub counts_out: Counts,
    /// The fees collected before this chunk, in wei.
    pub fee_in: u128,
    /// The fees collected after this chunk, in wei.
    pub fee_out: u128,
    /// As many as the circuit has.
    pub slots: Vec<Slot>,
}

impl Chunk {
    /// The digest of data.
    pub fn data_digest(&self) -> Fr {
        let items: Vec<Fr> = self.slots.iter().flat_map(Slot::item_values).collect();
        digest(tags::DIGEST_DATA, self.circuit.id, &items)
    }

    /// The digest of values.
    pub fn value_digest(&self) -> Fr {
        let values: Vec<Fr> = self.slots.iter().map(Slot::value).collect();
        digest(tags::DIGEST_VALUES, self.circuit.id, &values)
    }

    /// The public inputs before the challenges, in order.
    pub fn inputs_before(&self) -> [Fr; APPLY_INPUTS_BEFORE] {
        [
            cap_root(&self.cap_in),
            cap_root(&self.cap_out),
            fr(self.counts_in.pack()),
            fr(self.counts_out.pack()),
            fr(U256::from(self.fee_in)),
            fr(U256::from(self.fee_out)),
            self.data_digest(),
            self.value_digest(),
            self.dom,
            fr(self.env.pack()),
        ]
    }

    /// The public inputs from the challenges on, and the evaluations at the chunk's end.
    pub fn inputs_after(&self, challenges: Challenges, start: Evaluations) -> ([Fr; APPLY_INPUTS_AFTER], Evaluations) {
        let Challenges { data: z, values } = challenges;
        let mut sums = start;
        for slot in &self.slots {
            for (at, element) in slot.items.iter().enumerate() {
                if let (Some(element), Some(sum)) = (element, sums.get_mut(segment(at))) {
                    *sum = *sum * z + element.fr();
                }
            }
        }
        let ([start_0, start_1, start_2], [sum_0, sum_1, sum_2]) = (start, sums);
        let inputs = [z, values, start_0, sum_0, start_1, sum_1, start_2, sum_2, self.product(values)];
        (inputs, sums)
    }

    /// The product over active slots of `z' + v` (PAY-JOIN).
    pub fn product(&self, z: Fr) -> Fr {
        product(z, self.authorities())
    }

    /// What must be authorised, in order.
    pub fn authorities(&self) -> impl Iterator<Item = Authority> {
        self.slots.iter().filter_map(|slot| slot.authority)
    }
}

/// The segment that an item of a slot belongs to: effects, withdrawals and messages have two each.
const fn segment(item: usize) -> usize {
    item / 2
}

/// The product of `z' + v`.
pub fn product(z: Fr, authorities: impl Iterator<Item = Authority>) -> Fr {
    authorities.fold(Fr::one(), |product, authority| product * (z + authority.value()))
}

/// A whole batch, ready to be proven and posted.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its Apply chunks, in order.
    pub chunks: Vec<Chunk>,
    /// The effects segment, in the order of the slots.
    pub effects: Vec<Element>,
    /// The withdrawals segment, in the order of the slots.
    pub withdrawals: Vec<Element>,
    /// The bodies of the consumed messages.
    pub messages: Vec<Element>,
}

impl Batch {
    /// What must be authorised, in order.
    pub fn authorities(&self) -> impl Iterator<Item = Authority> {
        self.chunks.iter().flat_map(Chunk::authorities)
    }

    /// Every chunk's public inputs under the challenges, in order.
    pub fn inputs(&self, challenges: Challenges) -> Vec<Vec<Fr>> {
        let mut sums = [Fr::zero(); 3];
        let inputs = |chunk: &Chunk| {
            let (after, end) = chunk.inputs_after(challenges, sums);
            sums = end;
            chunk.inputs_before().into_iter().chain(after).collect()
        };
        self.chunks.iter().map(inputs).collect()
    }
}
