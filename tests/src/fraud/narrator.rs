//! A dispute told move by move: who does what, what it costs, and what is left on the clocks.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, TxHash, U256, utils::format_ether};
use anyhow::Context;
use tandem_l1::{
    ClaimEvent, Deployment, DisputeEvent, DisputeLog, L1Client,
    bindings::{
        Dispute,
        Dispute::{Ending, MatchRef, MatchStatus, Outcome, Verdict},
    },
};
use tandem_vm::commit::HEIGHT;

use super::board::{Board, Happening, What};

/// Tells a dispute as it goes on: a line for each call, with its gas, and the clocks after it.
#[derive(Debug)]
pub struct Narrator {
    l1: L1Client,
    dispute: Address,
    names: BTreeMap<Address, String>,
    /// When the story began, in seconds since the Unix epoch; none before its first line.
    began: Option<u64>,
    /// The transaction of the last line: one may do several things, and its gas is told once.
    last: TxHash,
    /// Gas by account.
    pub gas: BTreeMap<Address, u64>,
}

impl Narrator {
    /// A narrator who calls accounts by these names.
    pub fn new(l1: L1Client, deployment: &Deployment, names: BTreeMap<Address, String>) -> Self {
        let dispute = deployment.dispute;
        Self { l1, dispute, names, began: None, last: TxHash::ZERO, gas: BTreeMap::new() }
    }

    /// Tells what happened.
    pub async fn tell(&mut self, board: &Board, happenings: &[Happening]) -> anyhow::Result<()> {
        for happening in happenings {
            match &happening.what {
                What::Claim(event) => {
                    if let Some(line) = self.claim(board, event) {
                        self.line(happening.timestamp, &line);
                    }
                }
                What::Dispute(log) => self.dispute(board, happening.timestamp, log).await?,
            }
        }
        Ok(())
    }

    fn line(&mut self, timestamp: u64, line: &str) {
        let began = *self.began.get_or_insert(timestamp);
        let seconds = timestamp.saturating_sub(began);
        println!("{:>3}:{:02}  {line}", seconds / 60, seconds % 60);
    }

    fn claim(&self, board: &Board, event: &ClaimEvent) -> Option<String> {
        let of = |claim_id: &B256| {
            let claim = board.claims.get(claim_id)?;
            let by = claim.claimant.map_or("a verdict".into(), |claimant| self.name(claimant));
            Some(format!("the claim of {by} on epoch {} ({})", claim.epoch, short(claim.output_hash)))
        };
        match event {
            ClaimEvent::Posted { slot_id, epoch, output, claimant, .. } => {
                let has_rival = board.claims.values().filter(|claim| claim.slot == *slot_id).count() > 1;
                has_rival.then(|| format!("{} claims {} for epoch {epoch}", self.name(*claimant), short(output.hash())))
            }
            ClaimEvent::Contested { slot_id } => {
                Some(format!("slot {} is contested: two claims contradict", short(*slot_id)))
            }
            ClaimEvent::Decided { winner, .. } => {
                Some(format!("the settlement takes the verdict over: {} is right", of(winner)?))
            }
            ClaimEvent::Failed { slot_id } => Some(format!("slot {} failed", short(*slot_id))),
            ClaimEvent::Finalized { claim_id, .. } if is_of_contest(board, claim_id) => {
                Some(format!("{} is final", of(claim_id)?))
            }
            ClaimEvent::Discarded { claim_id, burned, .. } => {
                Some(format!("{} is out; {} ether of its stake burn", of(claim_id)?, format_ether(*burned)))
            }
            ClaimEvent::Finalized { .. } => None,
        }
    }

    async fn dispute(&mut self, board: &Board, timestamp: u64, log: &DisputeLog) -> anyhow::Result<()> {
        let receipt = self.l1.receipt(log.transaction_hash).await?.context("a transaction without a receipt")?;
        let gas = if self.last == log.transaction_hash {
            String::new()
        } else {
            *self.gas.entry(receipt.from).or_default() += receipt.gas_used;
            format!("   gas {}", thousands(receipt.gas_used))
        };
        self.last = log.transaction_hash;
        let who = self.name(receipt.from);
        let line = match &log.event {
            DisputeEvent::TournamentOpened { level: 0, starts_at, closes_at, .. } => format!(
                "{who} opens the dispute: {} s to compute a commitment, {} s to join",
                starts_at.saturating_sub(timestamp),
                closes_at.saturating_sub(timestamp)
            ),
            DisputeEvent::TournamentOpened { starts_at, closes_at, .. } => format!(
                "a tournament opens inside the contested stride: {} s to compute, {} s to join",
                starts_at.saturating_sub(timestamp),
                closes_at.saturating_sub(timestamp)
            ),
            DisputeEvent::Joined { root, ending, output, allowance_seconds, .. } => {
                let says = match ending {
                    Ending::Output => format!("whose run ends with output {}", short(*output)),
                    Ending::BacksOne => "for the state of side one".into(),
                    Ending::BacksTwo => "for the state of side two".into(),
                    _ => "whose run comes to no output".into(),
                };
                format!("{who} joins with commitment {}, {says}; {allowance_seconds} s on the clock", short(*root))
            }
            DisputeEvent::MatchBegan { reference, .. } => {
                let of = |root: &B256| {
                    let joined = board.tournaments.get(&reference.tournament).and_then(|found| found.joined.get(root));
                    joined.map_or("?".into(), |joined| self.name(joined.joiner))
                };
                format!(
                    "match: {} ({}) against {} ({})",
                    short(reference.one),
                    of(&reference.one),
                    short(reference.two),
                    of(&reference.two)
                )
            }
            DisputeEvent::Advanced { tournament, match_id, height } => {
                let level = board.tournaments.get(tournament).map_or(0, |found| found.level);
                let clocks = self.clocks(board, *tournament, *match_id).await?;
                let opened = usize::from(*height) + 1;
                format!("{who} opens a node of height {opened} of {HEIGHT}, level {level}{clocks}")
            }
            DisputeEvent::Sealed { tournament, match_id, index, .. } => {
                let level = board.tournaments.get(tournament).map_or(0, |found| found.level);
                let clocks = self.clocks(board, *tournament, *match_id).await?;
                let what = if level == 0 { "stride" } else { "step" };
                format!("{who} finds the first difference: {what} {index}{clocks}")
            }
            DisputeEvent::Ended { outcome, burned_gwei, .. } => {
                let how = match outcome {
                    Outcome::OneWins => "side one wins",
                    Outcome::TwoWins => "side two wins",
                    _ => "both fall",
                };
                let burned = format_ether(*burned_gwei * U256::from(1_000_000_000));
                format!("{who} ends the match ({}): {how}, {burned} ether burn", self.how_ended(log).await?)
            }
            DisputeEvent::BondReturned { joiner, amount, .. } => {
                format!("the bond of {} comes back: {} ether", self.name(*joiner), format_ether(*amount))
            }
            DisputeEvent::Judged { verdict, output, champion, .. } => match verdict {
                Verdict::Output => {
                    format!("{who} takes the verdict: output {}; champion: {}", short(*output), self.name(*champion))
                }
                _ => format!("{who} takes the verdict: the program has no answer"),
            },
            DisputeEvent::Died { .. } => "a tournament is about nothing any more".into(),
            DisputeEvent::Withdrawn { account, amount, .. } => {
                format!("{} withdraws {} ether", self.name(*account), format_ether(*amount))
            }
        };
        self.line(timestamp, &(line + &gas));
        Ok(())
    }

    /// What is left on both clocks of a match, if it lives.
    async fn clocks(&self, board: &Board, tournament: B256, match_id: B256) -> anyhow::Result<String> {
        let Some(found) = board.tournaments.get(&tournament) else { return Ok(String::new()) };
        let Some(of) = found.matches.get(&match_id) else { return Ok(String::new()) };
        let contract = Dispute::new(self.dispute, self.l1.provider());
        let turn = self.l1.call(async { contract.matchOf(of.clone()).call().await }).await?.turn;
        if turn.status == MatchStatus::None {
            return Ok(String::new());
        }
        let side = |of: &MatchRef, root: B256, seconds: u32| {
            let joined = found.joined.get(&root).filter(|_| of.tournament == tournament);
            format!("{} {seconds} s", joined.map_or("?".into(), |joined| self.name(joined.joiner)))
        };
        Ok(format!("; clocks: {}, {}", side(of, of.one, turn.allowanceOne), side(of, of.two, turn.allowanceTwo)))
    }

    /// By which call a match ended.
    async fn how_ended(&self, log: &DisputeLog) -> anyhow::Result<&'static str> {
        use alloy::sol_types::SolCall;
        let transaction = self.l1.transaction(log.transaction_hash).await?.context("a transaction that is gone")?;
        let selector = transaction.input.first_chunk::<4>().copied().unwrap_or_default();
        Ok(match selector {
            Dispute::stepCall::SELECTOR => "L1 executed the contested step",
            Dispute::timeoutCall::SELECTOR => "a clock is out",
            Dispute::propagateCall::SELECTOR => "by the tournament inside",
            _ => "among other calls",
        })
    }

    /// An account by its name, or the beginning of its address.
    pub fn name(&self, account: Address) -> String {
        self.names.get(&account).cloned().unwrap_or_else(|| format!("0x{}", &account.to_string()[2..8]))
    }
}

fn is_of_contest(board: &Board, claim_id: &B256) -> bool {
    board.claims.get(claim_id).is_some_and(|claim| board.contested.contains_key(&claim.slot))
}

/// The beginning of a hash.
fn short(hash: B256) -> String {
    hash.to_string().chars().take(10).collect()
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_groups_of_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (4_600_000, "4,600,000")] {
            assert_eq!(thousands(number), text);
        }
    }
}
