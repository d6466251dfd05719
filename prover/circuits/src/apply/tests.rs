//! Native ledger and circuit against each other.

mod scenario;

use super::*;
use crate::testing::System;
use scenario::{every_variant, systems};
use std::collections::BTreeSet;
use tandem_payments::kind::Variant;

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

#[test]
fn constraint_counts_are_pinned() {
    let constraints = |slots| {
        let apply = Apply::blank(ApplyCircuit { id: 0x100, slots });
        System::new(|cs| apply.generate_constraints(cs)).constraints()
    };
    assert_eq!(
        [constraints(1), constraints(2), constraints(3)],
        [22_545, 40_927, 59_873]
    );
}
