//! Native ledger and circuit against each other.

mod agree;
mod clauses;
mod forge;
mod members;
mod scenario;

use super::*;
use crate::testing::System;
use alloy_primitives::Address;
use scenario::{every_variant, systems};
use std::collections::BTreeSet;
use tandem_payments::kind::Variant;
use tandem_payments::leaf::Key;
use tandem_payments::operation::Call;
use tandem_payments::testing::{ENV, ETHER, apply, builder, deposit, funded, l1_key};

#[test]
fn chunks_of_every_variant_satisfy() {
    let mut seen = BTreeSet::new();
    for batch in every_variant() {
        for (chunk, system) in batch.chunks.iter().zip(systems(&batch)) {
            seen.extend(chunk.slots.iter().map(|slot| slot.variant));
            let variants: Vec<_> = chunk.slots.iter().map(|slot| slot.variant).collect();
            assert!(system.is_satisfied(), "{variants:?}");
        }
    }
    assert_eq!(seen, Variant::ALL.into_iter().collect());
}

/// One account in every part: it sends to itself what it earns the fee of, and withdraws.
#[test]
fn sender_recipient_and_operator_may_be_one() {
    let mut builder = builder(funded());
    builder.message(&deposit(ENV.operator, Address::ZERO, ETHER)).unwrap();
    builder.message(&l1_key(0xee)).unwrap();
    apply(&mut builder, 0xee, Call::Transfer { recipient: ENV.operator, amount: 5 });
    apply(&mut builder, 0xee, Call::WithdrawEth { recipient: ENV.operator, amount: 5 });
    let (batch, state) = builder.finish();
    assert_eq!(state.get(Key::eth(ENV.operator)).unwrap().balance, ETHER - 5);
    assert!(systems(&batch).all(|system| system.is_satisfied()));
}

#[test]
fn constraint_counts_are_pinned() {
    let constraints = |slots| {
        let apply = Apply::blank(ApplyCircuit { id: 0x100, slots, constraints: 0 });
        System::new(|cs| apply.generate_constraints(cs)).constraints()
    };
    assert_eq!([constraints(1), constraints(2), constraints(3)], [22_545, 40_927, 59_873]);
}

#[test]
fn no_witness_variable_is_free() {
    let mut seen = BTreeSet::new();
    for batch in every_variant() {
        for (chunk, mut system) in batch.chunks.iter().zip(systems(&batch)) {
            let variants: Vec<_> = chunk.slots.iter().map(|slot| slot.variant).collect();
            if variants.iter().all(|variant| seen.contains(variant)) {
                continue;
            }
            // none, by constraint: even the inverse hint of a zero is fixed (logic.rs), and an unused lane is zero
            assert_eq!(system.unbound(), Vec::<usize>::new(), "{variants:?}");
            // where nothing is signed, the signing domain and z' enter nothing
            let signed = chunk.authorities().next().is_some();
            let free = if signed { vec![] } else { vec![9, 12] };
            assert_eq!(system.unbound_instances(), free, "{variants:?}");
            seen.extend(variants);
        }
    }
    assert_eq!(seen.len(), Variant::ALL.len());
}
