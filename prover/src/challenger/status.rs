//! What the challenger tells of itself.

use alloy::primitives::{Address, B256};
use tandem_dispute::{CommitmentStatus, MatchStatus, Terms};

use super::position::Standing;

/// A dispute, as far as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DisputeStatus {
    /// The epoch that is contested.
    pub epoch: u64,
    /// Id of the slot.
    pub slot_id: B256,
    /// Commitments that joined the round, the right one among them.
    pub commitments: usize,
    /// Matches that live, those within strides among them.
    pub matches: usize,
    /// Gwei that this account has locked in it.
    pub locked_gwei: u64,
    /// When the next call of ours stops being free, in seconds since the Unix epoch; none if nothing is due.
    pub next_due_at: Option<u64>,
    /// What that call is.
    pub next_call: Option<String>,
    /// Whether something is being computed for it.
    pub is_computing: bool,
    /// Why it is not played, if so.
    pub abstains: Option<String>,
}

/// What the challenger does, and what is at stake.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChallengerStatus {
    /// L1 block of the last look.
    pub l1_block: u64,
    /// Disputes that are not decided.
    pub disputes: Vec<DisputeStatus>,
    /// Gwei locked in all of them.
    pub locked_gwei: u64,
    /// Calls made since the start.
    pub calls: u64,
    /// Epochs whose commitment is computed, and which may be contested.
    pub computed_epochs: usize,
}

impl DisputeStatus {
    /// Takes in what a position shows.
    pub(super) fn count(&mut self, standing: &Standing, account: Address, terms: &Terms) {
        let locks = |status| matches!(status, CommitmentStatus::Waiting | CommitmentStatus::Playing);
        for (id, tournament) in &standing.tournaments {
            if *id == standing.round {
                self.commitments = tournament.commitments.len();
            }
            // A sealed one of level 0 is played inside.
            let is_played = |status| status == MatchStatus::Descending || tournament.level() == 1;
            self.matches += tournament.matches.values().filter(|game| is_played(game.status)).count();
            let ours =
                tournament.commitments.values().filter(|joined| joined.joiner == account && locks(joined.status));
            self.locked_gwei += ours.count() as u64 * terms.bond_gwei(tournament.level());
        }
    }
}
