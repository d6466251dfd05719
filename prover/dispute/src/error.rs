//! Why an act is refused: the contract's errors under their names.

use alloy_primitives::B256;
use thiserror::Error;

use crate::TournamentStatus;

/// An act that the rules refuse. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DisputeError {
    /// The clock that would be charged is out.
    #[error("the clock was out at {deadline}")]
    ClockOut {
        /// When the clock was out, in seconds.
        deadline: u64,
    },
    /// The tournament takes no acts.
    #[error("tournament {tournament} is not open: {status:?}")]
    NotOpen {
        /// Id of the tournament.
        tournament: B256,
        /// What it is; `None` if there is none.
        status: Option<TournamentStatus>,
    },
    /// There is no such match, or it is over.
    #[error("no match {id} in tournament {tournament}")]
    NoMatch {
        /// Id of the tournament that it would be in.
        tournament: B256,
        /// The hash of its roots.
        id: B256,
    },
    /// The call is for tournaments of the other level.
    #[error("tournament {tournament} is of level {level}")]
    WrongLevel {
        /// Id of the tournament.
        tournament: B256,
        /// The tournament's level, 0 or 1.
        level: u8,
    },
    /// Nobody's clock is out.
    #[error("everybody is in time")]
    InTime,
    /// Everything is found already but the last node.
    #[error("the node at height 1 is sealed, not advanced")]
    SealInstead,
    /// The match was sealed.
    #[error("the match does not descend any more")]
    NotDescending,
    /// The match is not sealed.
    #[error("the match still descends")]
    NotSealed,
    /// Another node is to be opened.
    #[error("the node to open is at height {actual}, not {given}")]
    WrongHeight {
        /// Where the match is.
        actual: u8,
        /// What the call names.
        given: u8,
    },
    /// The nodes are not below the one that is opened.
    #[error("node {actual} instead of {expected}")]
    WrongNode {
        /// The node that is opened.
        expected: B256,
        /// What the given nodes hash to.
        actual: B256,
    },
    /// The agreed state is another.
    #[error("the agreed state is {expected}, not {actual}")]
    WrongAgreed {
        /// The state that both sides agree on.
        expected: B256,
        /// What the call names.
        actual: B256,
    },
    /// The agreed leaf is in neither commitment.
    #[error("the path leads to {root}, which is neither side")]
    WrongAgreedPath {
        /// Where the path leads.
        root: B256,
    },
    /// A path has too few or too many siblings.
    #[error("a path of {actual} siblings instead of {expected}")]
    PathLength {
        /// How many there are.
        actual: usize,
        /// How many there must be.
        expected: usize,
    },
    /// The last leaf is not where the root commits to.
    #[error("the path of the last leaf leads to {actual} instead of {expected}")]
    WrongPath {
        /// The root's right child.
        expected: B256,
        /// Where the path leads.
        actual: B256,
    },
    /// An inner commitment ends in neither contested state.
    #[error("{last} is not contested")]
    WrongEnding {
        /// The last leaf of the commitment.
        last: B256,
    },
    /// The root joined in this round.
    #[error("{root} joined tournament {tournament} already")]
    AlreadyJoined {
        /// Id of the tournament.
        tournament: B256,
        /// Root of the commitment.
        root: B256,
    },
    /// Joining has not closed.
    #[error("joining closes at {closes_at}")]
    Joining {
        /// When joining closes, in seconds.
        closes_at: u64,
    },
    /// Somebody may still come to meet the lowest, or he is the last.
    #[error("no bye: {waiting:b} wait, {live:b} play")]
    NoBye {
        /// By rank, as bits.
        waiting: u64,
        /// By rank, as bits.
        live: u64,
    },
    /// More than one is left.
    #[error("not finished: {waiting:b} wait, {live:b} play")]
    Unfinished {
        /// By rank, as bits.
        waiting: u64,
        /// By rank, as bits.
        live: u64,
    },
    /// Nobody waits at the rank.
    #[error("nobody waits at rank {rank}")]
    NobodyWaits {
        /// The rank at which nobody waits.
        rank: u8,
    },
    /// The slot has a verdict, which stands.
    #[error("the slot is judged")]
    Judged,
    /// The tournament is about something still.
    #[error("tournament {tournament} is alive")]
    Alive {
        /// Id of the tournament.
        tournament: B256,
    },
    /// Bonds go back only where play has stopped.
    #[error("tournament {tournament} is not dead")]
    NotDead {
        /// Id of the tournament.
        tournament: B256,
    },
}
