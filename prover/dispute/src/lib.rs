//! The dispute over a contested slot as a pure state machine: what the contracts of `contracts/src/dispute/` do, for those who play and for the
//! simulation that judges the rules.
//!
//! Rules: `docs/spec/dispute.md` (DISP-*). Twin: the contracts, which play the games of `tests/vectors/dispute/` with equal results. There is no I/O and no
//! clock here: the time of an act is a parameter, and so is the successor that L1 computes for a contested step. Amounts are gwei, as the
//! contract's books are.
//!
//! * [`Dispute`] is one slot's dispute: rounds, tournaments, matches, credits; its methods are the contract's calls, and [`Act`] is such a call as data.
//! * [`Tournament`] pairs by rank, [`Match`] descends to the first difference, [`clock`] is the chess clock.
//! * [`Tree`] is what a commitment must be able to show; [`Run`] is one with few different leaves.
//! * [`strategy`] is what an honest party does in a position: the service's and the simulation's alike.
//! * [`sim`] plays seeded games of one honest party against adversaries.

mod act;
pub mod clock;
mod commitment;
mod dispute;
mod error;
mod game;
mod joining;
mod run;
pub mod sim;
mod status;
pub mod strategy;
mod terms;
mod tournament;
mod tree;

pub use act::Act;
pub use commitment::{Commitment, Ending};
pub use dispute::{Caller, Dispute, Verdict, inner_id, round_id};
pub use error::DisputeError;
pub use game::{Match, MatchRef, Outcome, Side};
pub use joining::Joining;
pub use run::Run;
pub use status::{CommitmentStatus, MatchStatus, TournamentStatus};
pub use terms::{ADVANCE_GAS, CLOSE_GAS, SEAL_INNER_GAS, SEAL_OUTER_GAS, STEP_GAS, Terms};
pub use tournament::{Rank, Tournament};
pub use tree::{Children, HEIGHT, Tree, ancestor, node};
