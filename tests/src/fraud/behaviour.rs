//! The ways in which people are dishonest.

use super::{
    lie::Divergence,
    player::{Habits, Move},
};

/// What somebody dishonest does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Claims a wrong output, and plays for a run that comes to it and leaves the right one there.
    Lies(Divergence),
    /// Claims a wrong output, and plays for the right run.
    HonestTrace,
    /// Claims a wrong output, and plays for a run that comes to a third one, which nobody has claimed.
    UnclaimedOutput,
    /// Claims and joins, and does nothing from this move on.
    SilentAt(Move),
    /// Claims, and plays for so many wrong runs with several accounts.
    Sybils(u8),
    /// Claims a wrong output, and another one that builds on it.
    WrongParent,
    /// Claims when the window of the right claim is about to close.
    LastSecond,
    /// Claims two wrong outputs with two accounts, and plays for both.
    SelfRivalry,
    /// Claims with `cast`, and plays for nothing.
    ByHand,
}

/// What else happens while the dispute goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    /// Nothing happens but the dispute.
    Nothing,
    /// The honest party's process is killed, and started again.
    Kill,
    /// L1 drops so many blocks, and nothing of them returns by itself.
    Reorg(u64),
    /// L1's base fee is suddenly far above what the dispute's bonds reckon with, and falls as L1's rules let it.
    FeeSpike,
    /// The owner schedules other rules, which come into force.
    RulesChange,
    /// A second honest party does the same as the first.
    TwoHonest,
}

impl Behaviour {
    /// Every behaviour, and everything that may happen meanwhile: what `make e2e-fraud` plays.
    pub fn all() -> Vec<(Self, Meanwhile)> {
        let lies = Divergence::WRONG.map(Self::Lies);
        let silences = [
            Move::Join,
            Move::Advance(0, 20),
            Move::Advance(0, 11),
            Move::Seal(0),
            Move::JoinInner,
            Move::Advance(1, 20),
            Move::Advance(1, 11),
            Move::Seal(1),
        ]
        .map(Self::SilentAt);
        let others = [
            Self::HonestTrace,
            Self::UnclaimedOutput,
            Self::Sybils(6),
            Self::WrongParent,
            Self::LastSecond,
            Self::SelfRivalry,
            Self::ByHand,
        ];
        let alone = lies.into_iter().chain(silences).chain(others).map(|behaviour| (behaviour, Meanwhile::Nothing));
        let with =
            [Meanwhile::Kill, Meanwhile::Reorg(3), Meanwhile::FeeSpike, Meanwhile::RulesChange, Meanwhile::TwoHonest]
                .map(|meanwhile| (Self::Lies(Divergence::Middle), meanwhile));
        alone.chain(with).collect()
    }

    /// The wrong runs that are played for: where each leaves the right one, and which of the wrong outputs it comes to, by number.
    pub fn runs(self) -> Vec<(Divergence, u64)> {
        match self {
            Self::Lies(divergence) => vec![(divergence, 0)],
            Self::HonestTrace => vec![(Divergence::Never, 0)],
            Self::UnclaimedOutput => vec![(Divergence::Middle, 9)],
            Self::SilentAt(_) | Self::WrongParent | Self::LastSecond => vec![(Divergence::Middle, 0)],
            Self::Sybils(count) => (0..count)
                .map(|sybil| (Divergence::WRONG[usize::from(sybil) % Divergence::WRONG.len()], sybil.into()))
                .collect(),
            Self::SelfRivalry => vec![(Divergence::Middle, 0), (Divergence::FirstStep, 1)],
            Self::ByHand => Vec::new(),
        }
    }

    /// How many wrong outputs are claimed in the contested slot, each by an account of its own.
    pub fn claims(self) -> u64 {
        if self == Self::SelfRivalry { 2 } else { 1 }
    }

    /// What those who play do not do.
    pub fn habits(self) -> Habits {
        match self {
            Self::SilentAt(silent_at) => {
                // The lowest node is always side two's to open.
                let joins_second = matches!(silent_at, Move::Seal(_) | Move::Advance(_, 11));
                Habits { silent_at: Some(silent_at), joins_second }
            }
            _ => Habits::default(),
        }
    }
}
