//! A prover without scruples: fills in a chunk around whatever slots it is given, so that nothing but the rule that they
//! break stands against it.

use super::scenario::challenges;
use crate::apply::{Apply, Inputs, lay_out};
use crate::testing::System;
use ark_bn254::Fr;
use ark_ff::Zero;
use ark_r1cs_std::{GR1CSVar, eq::EqGadget};
use std::collections::BTreeMap;
use tandem_payments::batch::{ApplyCircuit, Chunk, Counts};
use tandem_payments::field::{address_fr, fr, integer, low_address};
use tandem_payments::kind::CREATE_GAS;
use tandem_payments::kind::Variant::*;
use tandem_payments::leaf::{Key, Leaf};
use tandem_payments::ledger::Env;
use tandem_payments::slot::Slot;
use tandem_payments::state::State;
use tandem_payments::testing::{ENV, dom};
use tandem_payments::tree::Tree;
use tandem_payments::{poseidon, tags};

type Fields = [Fr; 8];

/// Places of what `lay_out` computes among the public inputs, in its order.
const OUTPUTS: [usize; 10] = [0, 1, 3, 5, 6, 7, 18, 13, 15, 17];

/// A chunk to be.
#[derive(Clone)]
pub struct Forge {
    pub leaves: BTreeMap<u32, Leaf>,
    pub leaf_count: u64,
    pub fee: u128,
    pub env: Env,
    pub slots: Vec<Slot>,
}

impl Forge {
    /// Slots on a state.
    pub fn new(state: &State, slots: Vec<Slot>) -> Self {
        let leaves = (0..=u32::from(u8::MAX)).filter_map(|index| Some((index, *state.leaf(index)?))).collect();
        Self { leaves, leaf_count: state.leaf_count(), fee: 0, env: ENV, slots }
    }

    /// The chunk: every opening is what the leaves then are, every write what the circuit makes of it.
    pub fn chunk(&self) -> Chunk {
        let mut tree = Tree::default();
        let mut leaves = self.leaves.clone();
        for (&index, leaf) in &leaves {
            tree.set(index, leaf.hash());
        }
        let cap_in = tree.cap();
        let mut slots = self.slots.clone();
        let mut created = false;
        for slot in &mut slots {
            slot.a.leaf = leaves.get(&slot.a.index).copied().unwrap_or_default();
            slot.a.path = tree.path(slot.a.index);
            let after = after_a(slot, created);
            tree.set(slot.a.index, hash(&after));
            leaves.insert(slot.a.index, leaf(&after));
            if slot.variant != Create {
                slot.b.leaf = leaves.get(&slot.b.index).copied().unwrap_or_default();
            }
            slot.b.path = tree.path(slot.b.index);
            let after = after_b(slot);
            tree.set(slot.b.index, hash(&after));
            leaves.insert(slot.b.index, leaf(&after));
            created = slot.variant == Create;
        }
        let counts = Counts { leaf_count: self.leaf_count, ..Counts::default() };
        Chunk {
            circuit: ApplyCircuit { id: 0x100, slots: slots.len(), constraints: 0 },
            env: self.env,
            dom: dom(),
            cap_in,
            cap_out: tree.cap(),
            counts_in: counts,
            counts_out: counts,
            fee_in: self.fee,
            fee_out: 0,
            slots,
        }
    }

    /// The system, with the public inputs that it computes itself; and these.
    pub fn system(&self) -> (System, Vec<Fr>) {
        let apply = Apply::new(self.chunk(), challenges(), [Fr::zero(); 3]);
        let mut values = apply.inputs.clone();
        let mut system = System::new(|cs| {
            let inputs = Inputs::new(&cs, &apply.inputs)?;
            let outputs = lay_out(&cs, &apply.chunk, &inputs)?;
            for ((output, input), place) in outputs.iter().zip(OUTPUTS) {
                values[place] = output.value()?;
                output.enforce_equal(input)?;
            }
            Ok(())
        });
        for (i, value) in values.iter().enumerate() {
            *system.instance(i + 1) = *value;
        }
        (system, values)
    }

    /// Rows that do not hold.
    pub fn broken(&self) -> usize {
        self.system().0.broken()
    }
}

fn after_a(slot: &Slot, created: bool) -> Fields {
    let [address, token, next_address, next_token, nonce, balance, key_hash, session_hash] = slot.a.leaf.fields();
    let kind = slot.variant.kind();
    let lanes = slot.lanes;
    let user = [Transfer, TokenTransfer, WithdrawEth, WithdrawToken, SetSession].contains(&slot.variant);
    let create = slot.variant == Create;
    let paid = created && [Transfer, TokenTransfer].contains(&slot.variant);
    let gas = if user { kind.gas() + if paid { CREATE_GAS } else { 0 } } else { 0 };
    let price = low_u48(lanes.bid);
    let eth = if [Transfer, WithdrawEth].contains(&slot.variant) { Fr::from(lanes.amount) } else { Fr::zero() };
    let high = if slot.variant.kind() == L1KeySet.kind() { lanes.after_a } else { lanes.after_b };
    let new_key = fr(high) * fr(alloy_primitives::U256::from(1) << 128) + Fr::from(lanes.amount);
    let sets = [SetSession, L1KeySet].contains(&slot.variant);
    [
        address,
        token,
        if create { fr(lanes.account) } else { next_address },
        if create { fr(lanes.after_a) } else { next_token },
        nonce + Fr::from(user),
        balance - Fr::from(gas) * Fr::from(price) - eth,
        if slot.variant == Register { new_key } else { key_hash },
        if sets { new_key } else { session_hash },
    ]
}

fn after_b(slot: &Slot) -> Fields {
    let mut fields = slot.b.leaf.fields();
    let amount = Fr::from(slot.lanes.amount);
    match slot.variant {
        Transfer | TokenCredit | DepositCredited | FeeCredit => fields[5] += amount,
        TokenTransfer | WithdrawToken | ForcedPaid => fields[5] -= amount,
        _ => {}
    }
    fields
}

fn low_u48(bid: alloy_primitives::U256) -> u64 {
    bid.as_limbs()[0] & ((1 << 48) - 1)
}

fn hash(fields: &Fields) -> Fr {
    poseidon::hash_tagged(tags::LEAF, fields)
}

/// Fields back as a leaf, cut to their widths.
fn leaf(fields: &Fields) -> Leaf {
    let key =
        |address: Fr, token: Fr| Key { address: low_address(integer(address)), token: low_address(integer(token)) };
    let leaf = Leaf {
        key: key(fields[0], fields[1]),
        next: key(fields[2], fields[3]),
        nonce: integer(fields[4]).as_limbs()[0],
        balance: tandem_payments::field::low_u128(integer(fields[5])),
        key_hash: fields[6],
        session_hash: fields[7],
    };
    debug_assert_eq!(leaf.fields()[0], address_fr(leaf.key.address));
    leaf
}
