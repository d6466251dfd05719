//! What all circuits of the payments chain have in common (PAY-CIRCUIT, PAY-PUBLIC).

use ark_bn254::Fr;
use ark_relations::gr1cs::ConstraintSynthesizer;
use tandem_payments::batch::{ApplyCircuit, AuthoriseCircuit};

/// The circuits, by the id that digests and transcript carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CircuitId {
    /// The Apply circuit of six slots.
    ApplySmall = 1,
    /// The Apply circuit of 27 slots.
    ApplyLarge = 2,
    /// Session-key signatures, few slots.
    SessionSmall = 3,
    /// Session-key signatures, many slots.
    SessionLarge = 4,
    /// The Apply circuit of 112 slots, which takes more memory than the others.
    ApplyHuge = 9,
    /// Session-key signatures, 140 slots.
    SessionHuge = 10,
}

/// What a circuit proves, whatever its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Operations, applied to the state.
    Apply,
    /// Signatures of session keys.
    Session,
}

impl CircuitId {
    /// All circuits that exist.
    pub const ALL: [Self; 6] = [
        Self::ApplySmall,
        Self::ApplyLarge,
        Self::SessionSmall,
        Self::SessionLarge,
        Self::ApplyHuge,
        Self::SessionHuge,
    ];
    /// Those that a chain has unless its operator chooses others.
    pub const STANDARD: [Self; 4] = [Self::ApplySmall, Self::ApplyLarge, Self::SessionSmall, Self::SessionLarge];

    /// The circuit of a number, if there is one.
    pub fn numbered(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|circuit| circuit.number() == number)
    }

    /// The circuit of a name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|circuit| circuit.name() == name)
    }

    /// How many operations or signatures a chunk has.
    pub const fn slots(self) -> usize {
        self.size().0
    }

    /// What a proof costs, in constraints.
    pub const fn constraints(self) -> u64 {
        self.size().1
    }

    const fn size(self) -> (usize, u64) {
        const fn apply(circuit: ApplyCircuit) -> (usize, u64) {
            (circuit.slots, circuit.constraints)
        }
        const fn session(circuit: AuthoriseCircuit) -> (usize, u64) {
            (circuit.slots, circuit.constraints)
        }
        match self {
            Self::ApplySmall => apply(ApplyCircuit::SMALL),
            Self::ApplyLarge => apply(ApplyCircuit::LARGE),
            Self::ApplyHuge => apply(ApplyCircuit::HUGE),
            Self::SessionSmall => session(AuthoriseCircuit::SESSION_SMALL),
            Self::SessionLarge => session(AuthoriseCircuit::SESSION_LARGE),
            Self::SessionHuge => session(AuthoriseCircuit::SESSION_HUGE),
        }
    }

    /// What it proves.
    pub const fn family(self) -> Family {
        match self {
            Self::ApplySmall | Self::ApplyLarge | Self::ApplyHuge => Family::Apply,
            Self::SessionSmall | Self::SessionLarge | Self::SessionHuge => Family::Session,
        }
    }

    /// The id as it enters hashes.
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// A name for files and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApplySmall => "apply-small",
            Self::ApplyLarge => "apply-large",
            Self::SessionSmall => "session-small",
            Self::SessionLarge => "session-large",
            Self::ApplyHuge => "apply-huge",
            Self::SessionHuge => "session-huge",
        }
    }

    /// Public inputs that the transcript absorbs before the challenges are drawn; the others follow.
    pub const fn inputs_before_challenge(self) -> usize {
        match self.family() {
            Family::Apply => 10,
            Family::Session => 1,
        }
    }

    /// How many public inputs the circuit has.
    pub const fn inputs(self) -> usize {
        match self.family() {
            Family::Apply => 19,
            Family::Session => 3,
        }
    }
}

/// A chunk that can be proven: its constraints with a witness, or without one for key generation.
pub trait Chunk: ConstraintSynthesizer<Fr> {
    /// The circuit that the chunk belongs to.
    fn circuit_id(&self) -> CircuitId;

    /// The public inputs in the order of PAY-PUBLIC.
    fn public_inputs(&self) -> Vec<Fr>;
}
