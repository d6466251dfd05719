//! What operations cost: a chunk's constraints divided by its slots, times the slots that the operation takes.
//!
//! In the large circuits, everything included: slots of Apply, and for what a session key signs a slot of Authorise. The
//! benchmark prints these figures and a test pins them.

use crate::any::AnyChunk;
use crate::circuit::CircuitId;
use ark_bn254::Fr;
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystem, SynthesisError, SynthesisMode};
use tandem_payments::batch::{ApplyCircuit, AuthoriseCircuit};

/// Size of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many constraints there are.
    pub constraints: usize,
    /// Public inputs and the constant one.
    pub instances: usize,
}

impl Size {
    /// Of a circuit, whatever its values, as keys are made for it.
    pub fn of(circuit: impl ConstraintSynthesizer<Fr>) -> Result<Self, SynthesisError> {
        let cs = ConstraintSystem::new_ref();
        cs.set_mode(SynthesisMode::Setup);
        circuit.generate_constraints(cs.clone())?;
        Ok(Self { constraints: cs.num_constraints(), instances: cs.num_instance_variables() })
    }

    /// Size of the evaluation domain, a power of two.
    pub fn domain(self) -> usize {
        (self.constraints + self.instances).next_power_of_two()
    }
}

/// An operation, by what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Name of its figure.
    pub name: &'static str,
    /// How many slots of Apply it takes.
    pub slots: usize,
    /// How many session signatures it takes.
    pub signatures: usize,
}

const fn operation(name: &'static str, slots: usize, signatures: usize) -> Operation {
    Operation { name, slots, signatures }
}

/// The operations that have figures. A test holds slots and signatures to the ledger's.
pub const OPERATIONS: [Operation; 9] = [
    operation("session_transfer", 1, 1),
    operation("session_transfer_new_account", 2, 1),
    operation("session_token_transfer", 2, 1),
    operation("session_token_transfer_new_account", 3, 1),
    operation("session_withdrawal", 1, 1),
    operation("session_token_withdrawal", 1, 1),
    operation("deposit", 1, 0),
    operation("deposit_new_account", 2, 0),
    operation("forced_withdrawal", 1, 0),
];

/// The sizes of all circuits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The Apply circuit with the most slots.
    pub apply_huge: Size,
    /// The Apply circuit with many slots.
    pub apply_large: Size,
    /// The Apply circuit with few slots.
    pub apply_small: Size,
    /// Authorise for session keys, the most slots.
    pub session_huge: Size,
    /// Authorise for session keys, many slots.
    pub session_large: Size,
    /// Authorise for session keys, few slots.
    pub session_small: Size,
}

impl Figures {
    /// Synthesises every circuit and counts.
    pub fn measure() -> Result<Self, SynthesisError> {
        let size = |circuit| Size::of(AnyChunk::blank(circuit));
        Ok(Self {
            apply_huge: size(CircuitId::ApplyHuge)?,
            apply_large: size(CircuitId::ApplyLarge)?,
            apply_small: size(CircuitId::ApplySmall)?,
            session_huge: size(CircuitId::SessionHuge)?,
            session_large: size(CircuitId::SessionLarge)?,
            session_small: size(CircuitId::SessionSmall)?,
        })
    }

    /// Constraints of an operation, to the nearest integer.
    pub fn constraints(&self, operation: Operation) -> usize {
        let apply = (operation.slots * self.apply_large.constraints) as f64 / ApplyCircuit::LARGE.slots as f64;
        let session = (operation.signatures * self.session_large.constraints) as f64
            / AuthoriseCircuit::SESSION_LARGE.slots as f64;
        (apply + session).round() as usize
    }

    /// Every figure by name: circuits, slots, operations.
    pub fn all(&self) -> Vec<(&'static str, usize)> {
        let circuits = [
            ("apply_huge", self.apply_huge.constraints),
            ("apply_large", self.apply_large.constraints),
            ("apply_small", self.apply_small.constraints),
            ("session_huge", self.session_huge.constraints),
            ("session_large", self.session_large.constraints),
            ("session_small", self.session_small.constraints),
            ("apply_slot", self.constraints(operation("", 1, 0))),
            ("session_slot", self.constraints(operation("", 0, 1))),
        ];
        let operations = OPERATIONS.map(|operation| (operation.name, self.constraints(operation)));
        circuits.into_iter().chain(operations).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tandem_payments::batch::BatchBuilder;
    use tandem_payments::data::Message;
    use tandem_payments::kind::Variant;
    use tandem_payments::leaf::Key;
    use tandem_payments::operation::Call;
    use tandem_payments::testing::{ETHER, account, apply, builder, deposit, funded, token};

    /// What `make bench-circuits` prints.
    #[test]
    fn every_figure_is_pinned() {
        let figures = Figures::measure().unwrap();
        assert_eq!(
            figures.all(),
            [
                ("apply_huge", 2_091_711),
                ("apply_large", 506_681),
                ("apply_small", 115_583),
                ("session_huge", 522_938),
                ("session_large", 131_015),
                ("session_small", 30_122),
                ("apply_slot", 18_766),
                ("session_slot", 3_743),
                ("session_transfer", 22_509),
                ("session_transfer_new_account", 41_275),
                ("session_token_transfer", 41_275),
                ("session_token_transfer_new_account", 60_041),
                ("session_withdrawal", 22_509),
                ("session_token_withdrawal", 22_509),
                ("deposit", 18_766),
                ("deposit_new_account", 37_532),
                ("forced_withdrawal", 18_766),
            ]
        );
        assert!(figures.constraints(OPERATIONS[0]) <= 25_000, "the target of a session transfer");
    }

    /// What the batch builder takes for granted of the circuits, and that they have as many slots as their domain holds.
    #[test]
    fn the_ledgers_circuits_are_these() {
        let apply = ApplyCircuit::ALL.map(|circuit| (circuit.id, circuit.slots, circuit.constraints));
        let session = AuthoriseCircuit::SESSION.map(|circuit| (circuit.id, circuit.slots, circuit.constraints));
        let domains = [17, 19, 21, 15, 17, 19].map(|bits| 1 << bits);
        for ((id, slots, constraints), domain) in apply.into_iter().chain(session).zip(domains) {
            let circuit = CircuitId::numbered(id).unwrap();
            let size = Size::of(AnyChunk::blank(circuit)).unwrap();
            assert_eq!((size.constraints as u64, size.domain()), (constraints, domain), "{}", circuit.name());
            assert!(size.constraints + size.constraints / slots > domain, "{}: one more would fit", circuit.name());
        }
    }

    /// The slots and values of what `act` does.
    fn taken(act: impl FnOnce(&mut BatchBuilder)) -> (usize, usize) {
        let mut builder = builder(funded());
        act(&mut builder);
        let (batch, _) = builder.finish();
        let slots = batch.chunks.iter().flat_map(|chunk| &chunk.slots);
        let housekeeping = [Variant::Padding, Variant::FeeCredit];
        (slots.filter(|slot| !housekeeping.contains(&slot.variant)).count(), batch.authorities().count())
    }

    #[test]
    fn operations_take_what_their_figures_count() {
        let eth = alloy_primitives::Address::ZERO;
        let transfer = |to, amount| taken(|b| apply(b, 1, Call::Transfer { recipient: account(to), amount }));
        let token_transfer = |to| {
            let call = Call::TokenTransfer { token: token(1), recipient: account(to), amount: 5 };
            taken(|b| apply(b, 1, call))
        };
        let queued = |message: Message| {
            taken(|b| {
                b.message(&message).unwrap();
            })
        };
        let measured = BTreeMap::from([
            ("session_transfer", transfer(2, ETHER)),
            ("session_transfer_new_account", transfer(9, ETHER)),
            ("session_token_transfer", token_transfer(2)),
            ("session_token_transfer_new_account", token_transfer(9)),
            ("session_withdrawal", taken(|b| apply(b, 1, Call::WithdrawEth { recipient: account(1), amount: 5 }))),
            (
                "session_token_withdrawal",
                taken(|b| apply(b, 1, Call::WithdrawToken { token: token(1), recipient: account(1), amount: 5 })),
            ),
            ("deposit", queued(deposit(account(1), eth, 5))),
            ("deposit_new_account", queued(deposit(account(9), eth, 5))),
            ("forced_withdrawal", queued(Message::Forced { key: Key::eth(account(1)) })),
        ]);
        assert_eq!(measured.len(), OPERATIONS.len());
        for Operation { name, slots, signatures } in OPERATIONS {
            assert_eq!(measured.get(name), Some(&(slots, signatures)), "{name}");
        }
    }
}
