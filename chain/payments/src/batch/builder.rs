//! Builds a batch operation by operation.
//!
//! Groups (a created leaf and what credits it, the two halves of a token transfer) never cross a chunk's end. What is refused changes
//! nothing; what was taken can be ended at any moment, within the limits, with the fees credited.

use super::circuits::{ApplyCircuit, Circuits, Cut, GROUP_SLOTS_MAX, Tail};
use super::limits::{BatchLimits, Load};
use super::{Batch, Chunk, Counts, segment};
use crate::data::{Element, Message};
use crate::kind::Kind;
use crate::ledger::{Env, Ledger, Refused};
use crate::operation::{Operation, SignatureKind, Signer};
use crate::slot::Slot;
use crate::state::State;
use crate::tree::Cap;
use alloc::vec;
use alloc::vec::Vec;
use alloy_primitives::Address;
use ark_bn254::Fr;

/// What a group takes at most.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    slots: usize,
    /// Elements of effects, withdrawals, messages.
    elements: [usize; 3],
}

impl Group {
    /// One slot of a kind, with so many elements of withdrawals and messages.
    fn of(kind: Kind, withdrawals: usize, messages: usize) -> Self {
        Self { slots: 1, elements: [kind.effect_elements(), withdrawals, messages] }
    }

    /// The slots of both.
    fn and(self, other: Self) -> Self {
        let [a, b, c] = self.elements;
        let [d, e, f] = other.elements;
        Self {
            slots: self.slots.saturating_add(other.slots),
            elements: [a.saturating_add(d), b.saturating_add(e), c.saturating_add(f)],
        }
    }

    /// With the slot before it that creates a leaf, if there is one.
    fn after(self, create: bool) -> Self {
        if create { Self::of(Kind::Create, 0, 0).and(self) } else { self }
    }
}

/// The end of a group at which the open chunk can be divided.
#[derive(Clone, Debug)]
struct Mark {
    slots: usize,
    cap: Cap,
    counts: Counts,
    fee: u128,
    /// What fills a chunk that ends here.
    padding: Slot,
}

/// Builds a batch operation by operation.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    ledger: Ledger,
    circuits: Circuits,
    limits: BatchLimits,
    done: Vec<Chunk>,
    open: Chunk,
    mark: Mark,
    data: [Vec<Element>; 3],
    /// Signatures so far: session, Ethereum, register.
    signatures: [usize; 3],
}

impl BatchBuilder {
    /// A batch on `state` whose first message has this index, for the circuits that exist, within the default limits.
    pub fn new(state: State, env: Env, dom: Fr, message_index: u64) -> Self {
        Self::with(state, env, dom, message_index, Circuits::STANDARD, BatchLimits::default())
    }

    /// The same for given circuits and limits. Signatures of a kind that none of the circuits verifies are refused.
    ///
    /// # Panics
    /// If the larger Apply circuit does not hold a group, or is the smaller.
    pub fn with(state: State, env: Env, dom: Fr, message_index: u64, circuits: Circuits, limits: BatchLimits) -> Self {
        let [small, large] = circuits.apply;
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
        let mark = Mark { slots: 0, cap, counts, fee: 0, padding: ledger.padding() };
        let (done, data) = (Vec::new(), Default::default());
        Self { ledger, circuits, limits, done, open, mark, data, signatures: [0; 3] }
    }

    /// The ledger as it stands.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What the batch takes on L1 if it ends now.
    pub fn load(&self) -> Load {
        let settle = if self.ledger.fee() > 0 { self.settlement() } else { Group::default() };
        self.load_after(&[settle], None)
    }

    /// Applies an operation that `signer` signed.
    ///
    /// # Errors
    /// `NoCircuit` if nothing proves such signatures, `BatchFull` if there is no room left, and what the ledger refuses.
    pub fn user(&mut self, operation: &Operation, signer: Signer, price: u64) -> Result<(), Refused> {
        let kind = operation.call.kind();
        let withdrawals = if matches!(kind, Kind::WithdrawEth | Kind::WithdrawToken) { 2 } else { 0 };
        let mut group = Group::of(kind, withdrawals, 0).after(self.ledger.creates(operation));
        if kind == Kind::TokenTransfer {
            group = group.and(Group::of(Kind::TokenCredit, 0, 0));
        }
        self.check_room(&[group, self.settlement()], Some(signer.kind), &self.limits)?;
        self.record(|ledger| ledger.user(operation, signer, price))?;
        self.count(signer.kind);
        // From here on the operator has a leaf whenever there are fees: whatever follows can neither fill the tree nor the batch.
        if self.ledger.fee() > 0 && !self.ledger.operator_has_leaf() {
            self.settle();
        }
        Ok(())
    }

    /// Registers a public key.
    ///
    /// # Errors
    /// As [`Self::user`].
    pub fn register(&mut self, address: Address, key_hash: Fr) -> Result<(), Refused> {
        let kind = SignatureKind::Register;
        self.check_room(&[Group::of(Kind::Register, 0, 0), self.settlement()], Some(kind), &self.limits)?;
        self.record(|ledger| Ok(vec![ledger.register(address, key_hash)?]))?;
        self.count(kind);
        Ok(())
    }

    /// Consumes the next message, however many proofs that takes: of what is overdue L1 asks for all that its own bounds let into one batch (L1-BATCH-6), and takes none with less.
    ///
    /// # Errors
    /// `BatchFull`: every message can be consumed, by the next batch if not by this one.
    pub fn message(&mut self, message: &Message) -> Result<(), Refused> {
        let (kind, create) = match message {
            Message::Deposit { key, .. } => (Kind::Deposit, self.ledger.creates_for_deposit(*key)),
            Message::Forced { .. } => (Kind::Forced, false),
            Message::L1Key { .. } => (Kind::L1Key, false),
        };
        let withdrawals = if create || kind == Kind::L1Key { 0 } else { 2 };
        let group = Group::of(kind, withdrawals, 2).after(create);
        let settle = if self.ledger.fee() > 0 { self.settlement() } else { Group::default() };
        let first = self.ledger.settles_before(message);
        let limits = BatchLimits { apply_proofs_max: u64::MAX, ..self.limits };
        self.check_room(&if first { [settle, group] } else { [group, settle] }, None, &limits)?;
        if first {
            self.settle();
        }
        self.record(|ledger| ledger.message(message))
    }

    /// Credits the fees, pads the last chunk, and ends the batch: it, and the state after it. A batch has at least
    /// one chunk.
    pub fn finish(mut self) -> (Batch, State) {
        self.settle();
        let [small, large] = self.circuits.apply;
        let padding = self.ledger.padding();
        match self.cut().tail(self.circuits.apply) {
            Tail::Empty => {}
            Tail::Small => self.seal(small, padding),
            Tail::Large => self.seal(large, padding),
            Tail::TwoSmall => {
                let whole = self.open.clone();
                let rest = self.open.slots.split_off(self.mark.slots.min(self.open.slots.len()));
                self.open.cap_out = self.mark.cap;
                self.open.counts_out = self.mark.counts;
                self.open.fee_out = self.mark.fee;
                self.seal(small, self.mark.padding.clone());
                self.open.slots = rest;
                self.open.cap_out = whole.cap_out;
                self.open.counts_out = whole.counts_out;
                self.open.fee_out = whole.fee_out;
                self.seal(small, padding);
            }
        }
        let [effects, withdrawals, messages] = self.data;
        (Batch { chunks: self.done, effects, withdrawals, messages }, self.ledger.into_state())
    }

    /// What crediting the operator takes.
    fn settlement(&self) -> Group {
        Group::of(Kind::FeeCredit, 0, 0).after(!self.ledger.operator_has_leaf())
    }

    /// Credits the fees, if there are any.
    #[allow(clippy::expect_used, reason = "the ledger takes no fee that it could not credit (PAY-FEE)")]
    fn settle(&mut self) {
        if self.ledger.fee() > 0 {
            self.record(Ledger::settle_fees).expect("fees can be credited");
        }
    }

    fn count(&mut self, kind: SignatureKind) {
        let [session, ethereum, register] = &mut self.signatures;
        let count = match kind {
            SignatureKind::Session => session,
            SignatureKind::Ethereum => ethereum,
            SignatureKind::Register => register,
        };
        *count = count.saturating_add(1);
    }

    fn cut(&self) -> Cut {
        Cut { sealed: self.done.len(), open: self.open.slots.len(), mark: self.mark.slots }
    }

    /// What the batch takes after further groups, the last of them its end.
    fn load_after(&self, groups: &[Group], signature: Option<SignatureKind>) -> Load {
        let mut cut = self.cut();
        let mut elements = self.data.each_ref().map(Vec::len);
        for group in groups.iter().filter(|group| group.slots > 0) {
            cut = cut.add(group.slots, self.circuits.apply);
            elements.iter_mut().zip(group.elements).for_each(|(sum, more)| *sum = sum.saturating_add(more));
        }
        let [session, ethereum, register] = self.signatures;
        let more = |kind| usize::from(signature == Some(kind));
        let signatures = [
            session.saturating_add(more(SignatureKind::Session)),
            ethereum.saturating_add(more(SignatureKind::Ethereum)),
            register.saturating_add(more(SignatureKind::Register)),
        ];
        Load::new(&self.circuits, cut, elements, signatures)
    }

    /// Whether there are circuits, and room within limits.
    fn check_room(
        &self,
        groups: &[Group],
        signature: Option<SignatureKind>,
        limits: &BatchLimits,
    ) -> Result<(), Refused> {
        if let Some(kind) = signature
            && self.circuits.authorise(kind).is_none()
        {
            return Err(Refused::NoCircuit { kind });
        }
        match self.load_after(groups, signature).exceeds(limits) {
            Some(bound) => Err(Refused::BatchFull { bound }),
            None => Ok(()),
        }
    }

    /// Fills the open chunk for a circuit, and opens the next one.
    fn seal(&mut self, circuit: ApplyCircuit, padding: Slot) {
        let [_, large] = self.circuits.apply;
        self.open.circuit = circuit;
        self.open.slots.resize(circuit.slots, padding.clone());
        let (cap, counts, fee) = (self.open.cap_out, self.open.counts_out, self.open.fee_out);
        let next = Chunk {
            circuit: large,
            cap_in: cap,
            counts_in: counts,
            fee_in: fee,
            slots: Vec::new(),
            ..self.open.clone()
        };
        self.done.push(core::mem::replace(&mut self.open, next));
        self.mark = Mark { slots: 0, cap, counts, fee, padding };
    }

    /// Applies a group and adds it to the open chunk, or to a new one if it does not fit.
    fn record(&mut self, group: impl FnOnce(&mut Ledger) -> Result<Vec<Slot>, Refused>) -> Result<(), Refused> {
        let padding = self.ledger.padding();
        let slots = group(&mut self.ledger)?;
        let [small, large] = self.circuits.apply;
        if self.open.slots.len().saturating_add(slots.len()) > large.slots {
            self.seal(large, padding);
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
        if self.open.slots.len() <= small.slots {
            self.mark = Mark {
                slots: self.open.slots.len(),
                cap: self.open.cap_out,
                counts: self.open.counts_out,
                fee: self.open.fee_out,
                padding: self.ledger.padding(),
            };
        }
        Ok(())
    }
}
