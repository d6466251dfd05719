//! Pairing by rank: DISP-PAIR-1 to DISP-PAIR-4, DISP-END-1.
//!
//! Twin: `contracts/src/dispute/Tournament.sol`. Invariant: every joined root waits, is in one match, has fallen, or got its bond back.

use std::collections::BTreeMap;

use alloy_primitives::B256;

use crate::{Commitment, CommitmentStatus, DisputeError, Match, MatchRef, TournamentStatus};

/// What happens at one rank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rank {
    /// Who waits for an equal.
    pub waiting: Option<B256>,
    /// Matches of commitments of this rank.
    pub live: u32,
}

/// An elimination among commitments about one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tournament {
    /// Level 0: the slot. Level 1: the tournament of the match that this one decides.
    pub parent: B256,
    /// Level 1: that match.
    pub of: Option<MatchRef>,
    /// The state before the first leaf.
    pub start: B256,
    /// No clock runs before, seconds.
    pub starts_at: u64,
    /// Nobody joins from then on, seconds.
    pub closes_at: u64,
    /// Whether it is open, over or dead.
    pub status: TournamentStatus,
    /// Who waits and how many play, by rank.
    pub ranks: BTreeMap<u8, Rank>,
    /// All that joined, by root.
    pub commitments: BTreeMap<B256, Commitment>,
    /// The matches that live.
    pub matches: BTreeMap<MatchRef, Match>,
}

impl Tournament {
    /// 0, or 1 inside a match.
    pub const fn level(&self) -> u8 {
        self.of.is_some() as u8
    }

    /// Ranks at which somebody waits, as bits.
    pub fn waiting_ranks(&self) -> u64 {
        self.bits(|rank| rank.waiting.is_some())
    }

    /// Ranks at which a match lives, as bits.
    pub fn live_ranks(&self) -> u64 {
        self.bits(|rank| rank.live != 0)
    }

    fn bits(&self, holds: impl Fn(&Rank) -> bool) -> u64 {
        self.ranks.iter().filter(|(_, rank)| holds(rank)).map(|(index, _)| 1 << index).sum()
    }

    /// A commitment that is in no match comes to its rank: it waits there, or meets who waits.
    pub(crate) fn enter(&mut self, now: u64, tournament: B256, root: B256) {
        let rank = self.rank_of(root);
        let place = self.ranks.entry(rank).or_default();
        let Some(one) = place.waiting.take() else {
            place.waiting = Some(root);
            self.set_status(root, CommitmentStatus::Waiting);
            return;
        };
        place.live += 1;
        let of = MatchRef { tournament, one, two: root };
        let begun = Match::begin(now, one, &self.commitments[&one], &self.commitments[&root], self.starts_at);
        self.set_status(one, CommitmentStatus::Playing);
        self.set_status(root, CommitmentStatus::Playing);
        self.matches.insert(of, begun);
    }

    /// A match is over; its commitments' rank has one less.
    pub(crate) fn depart(&mut self, of: &MatchRef) {
        let rank = self.rank_of(of.one);
        if let Some(place) = self.ranks.get_mut(&rank) {
            place.live -= 1;
        }
        self.matches.remove(of);
    }

    /// The lowest that waits gains a rank without a match.
    pub(crate) fn bye(&mut self, now: u64) -> Result<B256, DisputeError> {
        if now < self.closes_at {
            return Err(DisputeError::Joining { closes_at: self.closes_at });
        }
        let refused = DisputeError::NoBye { waiting: self.waiting_ranks(), live: self.live_ranks() };
        if !self.has_bye() {
            return Err(refused);
        }
        let root = self.ranks.values_mut().find_map(|rank| rank.waiting.take()).ok_or(refused)?;
        self.lift(root);
        Ok(root)
    }

    /// Whether [`Tournament::bye`] would be refused only for want of time, or not at all.
    pub fn has_bye(&self) -> bool {
        let (waiting, live) = (self.waiting_ranks(), self.live_ranks());
        let lowest = 1 << waiting.trailing_zeros().min(63);
        let can_meet = live & (lowest | (lowest - 1)) != 0;
        let is_alone = (waiting | live) & !lowest == 0;
        waiting != 0 && !can_meet && !is_alone
    }

    /// Ends it, if joining has closed, no match lives, and at most one waits.
    pub(crate) fn finish(&mut self, now: u64) -> Result<Option<B256>, DisputeError> {
        if now < self.closes_at {
            return Err(DisputeError::Joining { closes_at: self.closes_at });
        }
        let (waiting, live) = (self.waiting_ranks(), self.live_ranks());
        if live != 0 || waiting.count_ones() > 1 {
            return Err(DisputeError::Unfinished { waiting, live });
        }
        self.status = TournamentStatus::Over;
        let winner = self.ranks.values().find_map(|rank| rank.waiting);
        if let Some(root) = winner {
            self.set_status(root, CommitmentStatus::Returned);
        }
        Ok(winner)
    }

    /// Whether [`Tournament::finish`] would be refused only for want of time, or not at all.
    pub fn is_decided(&self) -> bool {
        self.live_ranks() == 0 && self.waiting_ranks().count_ones() <= 1
    }

    pub(crate) fn lift(&mut self, root: B256) {
        if let Some(commitment) = self.commitments.get_mut(&root) {
            commitment.rank += 1;
        }
    }

    pub(crate) fn set_status(&mut self, root: B256, status: CommitmentStatus) {
        if let Some(commitment) = self.commitments.get_mut(&root) {
            commitment.status = status;
        }
    }

    fn rank_of(&self, root: B256) -> u8 {
        self.commitments.get(&root).map_or(0, |commitment| commitment.rank)
    }
}
