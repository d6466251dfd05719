//! A match: the descent to the first difference, DISP-MATCH-1 to DISP-MATCH-4.
//!
//! Twin: `contracts/src/dispute/Match.sol`. Invariant while descending: `node` and the node above `others` are those of the two sides at one place, they
//! differ, and everything to the left of them is equal.

use alloy_primitives::{B256, keccak256};

use crate::{Children, Commitment, DisputeError, HEIGHT, MatchStatus, clock, tree::ancestor};

/// One of the two sides of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Waited longer, and moves first.
    One,
    /// Came later, and moves second.
    Two,
}

impl Side {
    /// The side that plays against this one.
    pub const fn other(self) -> Self {
        match self {
            Self::One => Self::Two,
            Self::Two => Self::One,
        }
    }
}

/// How a match ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This side wins and the other falls.
    Wins(Side),
    /// Neither side is right, and both fall.
    BothFall,
}

/// Which match: its commitments in their tournament.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MatchRef {
    /// Id of the tournament that the match is in.
    pub tournament: B256,
    /// Root of the commitment that side one plays for.
    pub one: B256,
    /// Root of the commitment that side two plays for.
    pub two: B256,
}

impl MatchRef {
    /// The match's name within its tournament.
    pub fn id(&self) -> B256 {
        keccak256([self.one.0, self.two.0].concat())
    }

    /// Root of the commitment that a side plays for.
    pub const fn root(&self, side: Side) -> B256 {
        match side {
            Side::One => self.one,
            Side::Two => self.two,
        }
    }

    /// Which side a root is.
    pub fn side(&self, root: B256) -> Option<Side> {
        [Side::One, Side::Two].into_iter().find(|side| self.root(*side) == root)
    }
}

/// Two commitments that differ, and how far the first difference has been located.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Where the side that is to move differs; once sealed, the state before the contested one.
    pub node: B256,
    /// The other side's nodes below; once sealed, the contested states of one and two.
    pub others: Children,
    /// How far it is.
    pub status: MatchStatus,
    /// Of the node to open next.
    pub height: u8,
    /// Whose turn it is.
    pub turn: Side,
    /// Of that node among those of its height; once sealed, of the contested leaf.
    pub index: u64,
    /// When the running clock, or both, began to run; seconds.
    pub since: u64,
    /// Seconds left, of one and two.
    pub allowances: [u32; 2],
    /// What went from each side's bond to those who moved for it.
    pub spent_gwei: [u64; 2],
}

impl Match {
    /// Side one is to open its root.
    pub(crate) fn begin(now: u64, root_one: B256, one: &Commitment, two: &Commitment, starts_at: u64) -> Self {
        Self {
            node: root_one,
            others: two.children,
            status: MatchStatus::Descending,
            height: HEIGHT,
            turn: Side::One,
            index: 0,
            since: now.max(starts_at),
            allowances: [one.allowance, two.allowance],
            spent_gwei: [0, 0],
        }
    }

    pub(crate) fn check_descending(&self, height: u8) -> Result<(), DisputeError> {
        if self.status != MatchStatus::Descending {
            return Err(DisputeError::NotDescending);
        }
        if self.height != height {
            return Err(DisputeError::WrongHeight { actual: self.height, given: height });
        }
        Ok(())
    }

    pub(crate) fn check_sealed(&self) -> Result<(), DisputeError> {
        if self.status == MatchStatus::Sealed { Ok(()) } else { Err(DisputeError::NotSealed) }
    }

    /// Seconds left on a side's clock, apart from what runs now.
    pub const fn allowance(&self, side: Side) -> u32 {
        self.allowances[side as usize]
    }

    /// Charges a side that acts now.
    pub(crate) fn charge(&mut self, now: u64, side: Side, grace: u32) -> Result<(), DisputeError> {
        self.allowances[side as usize] = clock::charge(now, self.allowance(side), self.since, grace)?;
        Ok(())
    }

    /// When a side's clock is out, if it runs; `both_run` is whether the match is sealed at level 1.
    pub fn deadline(&self, side: Side, both_run: bool, grace: u32) -> Option<u64> {
        (both_run || self.turn == side).then(|| clock::deadline(self.allowance(side), self.since, grace))
    }

    /// How it ends if nobody has acted in time; nothing while everybody is in time.
    pub fn timed_out(&self, now: u64, both_run: bool, grace: u32) -> Option<Outcome> {
        let is_out = |side| self.deadline(side, both_run, grace).is_some_and(|deadline| now >= deadline);
        match (is_out(Side::One), is_out(Side::Two)) {
            (false, false) => None,
            (true, false) => Some(Outcome::Wins(Side::Two)),
            (false, true) => Some(Outcome::Wins(Side::One)),
            (true, true) => Some(Outcome::BothFall),
        }
    }

    /// Opens the node, goes to the first child in which the sides differ, and hands over its children and the turn.
    pub(crate) fn advance(&mut self, opened: Children, next: Children) -> Result<(), DisputeError> {
        let (goes_right, mine, others) = self.choose(opened)?;
        if next.node() != mine {
            return Err(DisputeError::WrongNode { expected: mine, actual: next.node() });
        }
        self.node = others;
        self.others = next;
        self.height -= 1;
        self.index = 2 * self.index + u64::from(goes_right);
        self.turn = self.turn.other();
        Ok(())
    }

    /// Opens the lowest node, and fixes the contested leaves and the state before them.
    pub(crate) fn close(
        &mut self,
        of: &MatchRef,
        opened: Children,
        agreed: B256,
        path: &[B256],
        start: B256,
    ) -> Result<(), DisputeError> {
        let (goes_right, mine, others) = self.choose(opened)?;
        let index = 2 * self.index + u64::from(goes_right);
        if goes_right || index == 0 {
            let expected = if goes_right { opened.left } else { start };
            if agreed != expected {
                return Err(DisputeError::WrongAgreed { expected, actual: agreed });
            }
            if !path.is_empty() {
                return Err(DisputeError::PathLength { actual: path.len(), expected: 0 });
            }
        } else {
            let root = ancestor(agreed, index - 1, path, HEIGHT)?;
            if of.side(root).is_none() {
                return Err(DisputeError::WrongAgreedPath { root });
            }
        }
        self.node = agreed;
        self.others = match self.turn {
            Side::One => Children { left: mine, right: others },
            Side::Two => Children { left: others, right: mine },
        };
        self.height = 0;
        self.index = index;
        self.status = MatchStatus::Sealed;
        Ok(())
    }

    /// Whether the left children agree, and the children in which the sides differ: the mover's and the other's.
    fn choose(&self, opened: Children) -> Result<(bool, B256, B256), DisputeError> {
        if opened.node() != self.node {
            return Err(DisputeError::WrongNode { expected: self.node, actual: opened.node() });
        }
        let goes_right = opened.left == self.others.left;
        Ok(if goes_right { (true, opened.right, self.others.right) } else { (false, opened.left, self.others.left) })
    }
}
