//! Batches: slots in order, cut into the chunks that single proofs cover (PAY-CHAIN, PAY-GROUP, PAY-PUBLIC).
//!
//! Twin: `prover/circuits/src/apply/mod.rs`. Groups (a created leaf and what credits it, the two halves of a token
//! transfer) never cross a chunk's end.

use crate::data::{Element, Message};
use crate::digest::digest;
use crate::field::{address_integer, fr};
use crate::ledger::{Env, Ledger, Refused};
use crate::operation::{Authority, Operation, SignatureKind};
use crate::slot::Slot;
use crate::state::State;
use crate::tags;
use crate::tree::{Cap, cap_root};
use alloc::vec;
use alloc::vec::Vec;
use alloy_primitives::{Address, U256};
use ark_bn254::Fr;
use ark_ff::{One, Zero};

/// Slots of the longest group.
pub const GROUP_SLOTS_MAX: usize = 3;

/// A circuit of the Apply family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApplyCircuit {
    /// The circuit's number in the header (PAY-CIRCUIT).
    pub id: u64,
    /// Slots in a chunk.
    pub slots: usize,
}

impl ApplyCircuit {
    /// The small circuit, for the tail of a batch.
    pub const SMALL: Self = Self { id: 1, slots: 6 };
    /// The large circuit, whose keys take the most memory.
    pub const LARGE: Self = Self { id: 2, slots: 27 };
}

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

/// Builds a batch operation by operation.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    ledger: Ledger,
    large: ApplyCircuit,
    small: ApplyCircuit,
    done: Vec<Chunk>,
    open: Chunk,
    data: [Vec<Element>; 3],
}

impl BatchBuilder {
    /// A batch on `state` whose first message has this index, in chunks of the standard sizes.
    pub fn new(state: State, env: Env, dom: Fr, message_index: u64) -> Self {
        Self::with_circuits(state, env, dom, message_index, [ApplyCircuit::SMALL, ApplyCircuit::LARGE])
    }

    /// The same in chunks of two given circuits, the smaller first.
    ///
    /// # Panics
    /// If the larger one does not hold a group.
    pub fn with_circuits(
        state: State,
        env: Env,
        dom: Fr,
        message_index: u64,
        [small, large]: [ApplyCircuit; 2],
    ) -> Self {
        assert!(large.slots >= GROUP_SLOTS_MAX && small.slots <= large.slots);
        let counts = Counts { message_index, leaf_count: state.leaf_count(), ..Counts::default() };
        let cap = state.cap();
        let open = Chunk {
            circuit: large,
            env,
            dom,
            cap_in: cap,
            cap_out: cap,
            counts_in: counts,
            counts_out: counts,
            fee_in: 0,
            fee_out: 0,
            slots: Vec::new(),
        };
        let ledger = Ledger::new(state, env, dom);
        Self { ledger, large, small, done: Vec::new(), open, data: Default::default() }
    }

    /// The ledger as it stands.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Applies a signed operation.
    pub fn user(&mut self, operation: &Operation, kind: SignatureKind, price: u64) -> Result<(), Refused> {
        self.record(|ledger| ledger.user(operation, kind, price))
    }

    /// Registers a public key.
    pub fn register(&mut self, address: Address, key_hash: Fr) -> Result<(), Refused> {
        self.record(|ledger| Ok(vec![ledger.register(address, key_hash)?]))
    }

    /// Consumes the next message.
    pub fn message(&mut self, message: &Message) -> Result<(), Refused> {
        self.record(|ledger| ledger.message(message))
    }

    /// Credits the fees, pads the last chunk, and ends the batch: it, and the state after it. A batch has at least
    /// one chunk.
    ///
    /// # Errors
    /// If there are fees and the operator's leaf neither exists nor can be created.
    pub fn finish(mut self) -> Result<(Batch, State), Refused> {
        self.record(Ledger::settle_fees)?;
        if self.open.slots.len() <= self.small.slots {
            self.open.circuit = self.small;
        }
        if !self.open.slots.is_empty() || self.done.is_empty() {
            self.seal(self.ledger.padding());
        }
        let [effects, withdrawals, messages] = self.data;
        Ok((Batch { chunks: self.done, effects, withdrawals, messages }, self.ledger.into_state()))
    }

    fn seal(&mut self, padding: Slot) {
        self.open.slots.resize(self.open.circuit.slots, padding);
        let next = Chunk {
            circuit: self.large,
            cap_in: self.open.cap_out,
            counts_in: self.open.counts_out,
            fee_in: self.open.fee_out,
            slots: Vec::new(),
            ..self.open.clone()
        };
        self.done.push(core::mem::replace(&mut self.open, next));
    }

    /// Applies a group and adds it to the open chunk, or to a new one if it does not fit.
    fn record(&mut self, group: impl FnOnce(&mut Ledger) -> Result<Vec<Slot>, Refused>) -> Result<(), Refused> {
        let padding = self.ledger.padding();
        let slots = group(&mut self.ledger)?;
        if self.open.slots.len().saturating_add(slots.len()) > self.large.slots {
            self.seal(padding);
        }
        for slot in slots {
            for (at, element) in slot.items.iter().enumerate() {
                if let Some(data) = self.data.get_mut(segment(at)) {
                    data.extend(*element);
                }
            }
            self.open.slots.push(slot);
        }
        let start = self.done.first().unwrap_or(&self.open).counts_in;
        let [effects, withdrawals, messages] = self.data.each_ref().map(Vec::len);
        self.open.counts_out = Counts {
            effects: effects as u32,
            withdrawals: withdrawals as u32,
            message_index: start.message_index.saturating_add(messages as u64 / 2),
            leaf_count: self.ledger.state().leaf_count(),
        };
        self.open.cap_out = self.ledger.state().cap();
        self.open.fee_out = self.ledger.fee();
        Ok(())
    }
}
