//! The circuits that batches are cut for (PAY-CIRCUIT), and how slots and signatures are divided among them (PAY-CUT).
//!
//! Proving takes time in proportion to constraints. A batch is cut for two circuits of each family: a large one, which is the cheaper per slot on L1, and a
//! small one for what is left over: the tail takes one small proof, two of them if they cost less than a large one, or a large one. There are three sizes, of which a
//! chain has the smallest and the greatest of which L1 has keys.

use crate::operation::SignatureKind;
use alloc::vec::Vec;

/// Constraints that a prover of two cores proves in a second at least, by which deadlines are reckoned: half of what was measured, some 85,000.
pub const CONSTRAINTS_PER_S: u64 = 43_000;

/// Slots of the longest group.
pub const GROUP_SLOTS_MAX: usize = 3;

/// A circuit of the Apply family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApplyCircuit {
    /// The circuit's number in the header (PAY-CIRCUIT).
    pub id: u64,
    /// Slots in a chunk.
    pub slots: usize,
    /// What a proof costs, in constraints.
    pub constraints: u64,
}

impl ApplyCircuit {
    /// The small circuit, for the tail of a batch.
    pub const SMALL: Self = Self { id: 1, slots: 6, constraints: 115_583 };
    /// The large circuit.
    pub const LARGE: Self = Self { id: 2, slots: 27, constraints: 506_681 };
    /// The huge circuit, for chains whose provers have the memory: a quarter of the large one's gas per slot.
    pub const HUGE: Self = Self { id: 9, slots: 112, constraints: 2_091_711 };
    /// All of them, by size.
    pub const ALL: [Self; 3] = [Self::SMALL, Self::LARGE, Self::HUGE];
}

/// A circuit of the Authorise family: it verifies signatures of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuthoriseCircuit {
    /// The circuit's number in the header (PAY-CIRCUIT).
    pub id: u64,
    /// Signatures in a chunk.
    pub slots: usize,
    /// What a proof costs, in constraints.
    pub constraints: u64,
}

impl AuthoriseCircuit {
    /// Session signatures, few slots.
    pub const SESSION_SMALL: Self = Self { id: 3, slots: 8, constraints: 30_122 };
    /// Session signatures, many slots.
    pub const SESSION_LARGE: Self = Self { id: 4, slots: 35, constraints: 131_015 };
    /// Session signatures, as many as go with a huge chunk of Apply.
    pub const SESSION_HUGE: Self = Self { id: 10, slots: 140, constraints: 522_938 };
    /// All circuits of session signatures, by size.
    pub const SESSION: [Self; 3] = [Self::SESSION_SMALL, Self::SESSION_LARGE, Self::SESSION_HUGE];
}

/// The circuits that a batch is cut for. Of each family the small circuit comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circuits {
    /// The pair that applies operations to the state.
    pub apply: [ApplyCircuit; 2],
    /// Authorise, session signatures.
    pub session: Option<[AuthoriseCircuit; 2]>,
    /// Authorise, Ethereum signatures.
    pub ethereum: Option<[AuthoriseCircuit; 2]>,
    /// Authorise, registrations of public keys.
    pub register: Option<[AuthoriseCircuit; 2]>,
}

impl Circuits {
    /// The circuits that a chain has by default. Ethereum signatures and registrations have none yet, so that nothing they authorise can be in a
    /// batch, set session key (07) and register public key (08) among it.
    pub const STANDARD: Self = Self {
        apply: [ApplyCircuit::SMALL, ApplyCircuit::LARGE],
        session: Some([AuthoriseCircuit::SESSION_SMALL, AuthoriseCircuit::SESSION_LARGE]),
        ethereum: None,
        register: None,
    };

    /// Those that L1 has keys of, by their numbers: of each family the smallest and the greatest. A family of which it has one key is cut for that circuit
    /// alone. None without a circuit of Apply.
    pub fn among(has: impl Fn(u64) -> bool) -> Option<Self> {
        let apply = ends(ApplyCircuit::ALL, |circuit| has(circuit.id))?;
        let session = ends(AuthoriseCircuit::SESSION, |circuit| has(circuit.id));
        Some(Self { apply, session, ..Self::STANDARD })
    }

    /// Those that take the least memory: of the usual ones those that L1 has keys of, or, if it has none of Apply among them, all others. For whoever proves a
    /// batch once and is no operator. None without a circuit of Apply.
    pub fn frugal(has: impl Fn(u64) -> bool) -> Option<Self> {
        let Self { apply, session, .. } = Self::STANDARD;
        let is_usual = |id: u64| {
            apply.iter().any(|circuit| circuit.id == id) || session.iter().flatten().any(|circuit| circuit.id == id)
        };
        Self::among(|id| is_usual(id) && has(id)).or_else(|| Self::among(&has))
    }

    /// How many large Apply proofs an ordinary prover makes in some time, in seconds; at least one.
    pub fn apply_proofs_within(&self, seconds: u64) -> u64 {
        let [_, large] = self.apply;
        seconds.saturating_mul(CONSTRAINTS_PER_S).checked_div(large.constraints).unwrap_or(1).max(1)
    }

    /// The circuits that verify signatures of a kind, none if nothing does.
    pub const fn authorise(&self, kind: SignatureKind) -> Option<[AuthoriseCircuit; 2]> {
        match kind {
            SignatureKind::Session => self.session,
            SignatureKind::Ethereum => self.ethereum,
            SignatureKind::Register => self.register,
        }
    }
}

/// The first and the last of a family that are known; none if none is.
fn ends<C: Copy>(family: [C; 3], is_known: impl Fn(&C) -> bool) -> Option<[C; 2]> {
    let mut known = family.into_iter().filter(is_known);
    let first = known.next()?;
    Some([first, known.next_back().unwrap_or(first)])
}

/// Whether two small proofs cost less than a large one.
const fn two_small_cost_less(small: u64, large: u64) -> bool {
    small.saturating_mul(2) < large
}

/// The circuits that `count` signatures take, in order; of each the next signatures, as many as it has slots or as are left.
pub fn cut_signatures(count: usize, [small, large]: [AuthoriseCircuit; 2]) -> Vec<AuthoriseCircuit> {
    let two = two_small_cost_less(small.constraints, large.constraints);
    let tail = if two { small.slots.saturating_mul(2) } else { small.slots };
    let mut rest = count;
    let mut circuits = Vec::new();
    while rest > 0 {
        let next = if rest > tail { large } else { small };
        rest = rest.saturating_sub(next.slots.max(1));
        circuits.push(next);
    }
    circuits
}

/// How many slots a batch has, as they are cut: sealed large chunks, and the one that is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cut {
    /// Large chunks that are full, or that the next group did not fit.
    pub(super) sealed: usize,
    /// Slots in the open chunk.
    pub(super) open: usize,
    /// The most of these that end with a group and fit a small chunk.
    pub(super) mark: usize,
}

/// What proves the open chunk in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing is left.
    Empty,
    /// One small proof.
    Small,
    /// Two small proofs, divided at the mark.
    TwoSmall,
    /// One large proof.
    Large,
}

impl Cut {
    /// After one more group.
    pub(super) fn add(self, group: usize, [small, large]: [ApplyCircuit; 2]) -> Self {
        let open = self.open.saturating_add(group);
        let next = if open > large.slots {
            Self { sealed: self.sealed.saturating_add(1), open: group, mark: 0 }
        } else {
            Self { open, ..self }
        };
        if next.open <= small.slots { Self { mark: next.open, ..next } } else { next }
    }

    /// How the open chunk ends. A batch has at least one chunk.
    pub(super) fn tail(self, [small, large]: [ApplyCircuit; 2]) -> Tail {
        if self.open == 0 && self.sealed > 0 {
            Tail::Empty
        } else if self.open <= small.slots {
            Tail::Small
        } else if self.open.saturating_sub(self.mark) <= small.slots
            && two_small_cost_less(small.constraints, large.constraints)
        {
            Tail::TwoSmall
        } else {
            Tail::Large
        }
    }

    /// How many proofs of each circuit it takes, the small one first.
    pub(super) fn proofs(self, circuits: [ApplyCircuit; 2]) -> [usize; 2] {
        match self.tail(circuits) {
            Tail::Empty => [0, self.sealed],
            Tail::Small => [1, self.sealed],
            Tail::TwoSmall => [2, self.sealed],
            Tail::Large => [0, self.sealed.saturating_add(1)],
        }
    }
}
