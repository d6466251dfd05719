//! What is done around disputes: wrong claims that nobody contests yet, what disputes leave behind, and what may be contested.

use std::collections::BTreeSet;

use alloy::{
    primitives::{Address, B256, Bytes},
    sol_types::SolCall,
};
use tandem_dispute::strategy::{self, Need};
use tandem_l1::{
    L1Call,
    bindings::{
        Dispute,
        FraudSettlement::{self, ClaimStatus},
    },
    submit::Journal,
};

use super::{
    Challenger, Due,
    error::ChallengerError,
    library::Library,
    position::Judge,
    tell,
    troubles::Abstention,
    watch::{Head, Posted, Seen},
};
use crate::proposer::DerivedOutputs;

/// Claims that are ended by one transaction.
const DISCARDS_PER_CALL: usize = 32;
/// Epochs that are looked through for what to compute ahead.
const AHEAD_EPOCHS_MAX: u64 = 64;

impl<O: DerivedOutputs, J: Journal> Challenger<O, J> {
    /// Wrong claims that nobody contests yet: what the machine says of them, before anybody stakes on it.
    pub(super) async fn suspect(&mut self, seen: &Seen, head: Head) -> Result<(), ChallengerError> {
        let at = head.at();
        let is_open = |claim: &B256, posted: &Posted| {
            !(seen.ended.contains(claim)
                || seen.finals.contains(claim)
                || seen.contested.contains(&posted.slot)
                || seen.winners.contains_key(&posted.slot)
                || seen.failed.contains(&posted.slot))
        };
        let mut confirmed = BTreeSet::new();
        for (_, posted) in seen.claims.iter().filter(|(claim, posted)| is_open(claim, posted)) {
            let Some(derived) = self.chain.derived(posted.epoch, at).await? else { continue };
            if derived == posted.output || self.chain.is_right(posted.parent, at).await? != Some(true) {
                continue;
            }
            let Some(name) = self.chain.name(posted.epoch, at).await? else { continue };
            self.library.need(name, [Need::Outer]);
            let run = self.library.run(name);
            match (run.unplayable(), strategy::Knowledge::outer(run)) {
                (Some(why), _) => self.troubles.abstains(posted.epoch, Abstention::Unplayable(why)),
                (None, Some(_)) => _ = confirmed.insert(posted.epoch),
                (None, None) => {}
            }
        }
        tell(&self.confirmed, confirmed);
        Ok(())
    }

    /// What disputes leave behind: claims that are out, from the top down, and what may be withdrawn.
    pub(super) async fn look_for_payouts(
        &mut self,
        seen: &Seen,
        head: Head,
        due: &mut Vec<Due>,
    ) -> Result<(), ChallengerError> {
        let at = head.at();
        let mut posted: Vec<(&B256, &Posted)> = seen.claims.iter().collect();
        posted.sort_by_key(|(_, posted)| posted.epoch);
        let (mut dead, mut calls) = (seen.ended.clone(), Vec::new());
        for (claim, posted) in posted {
            if dead.contains(claim) || seen.finals.contains(claim) || calls.len() == DISCARDS_PER_CALL {
                continue;
            }
            let is_defeated = seen.failed.contains(&posted.slot)
                || seen.winners.get(&posted.slot).is_some_and(|winner| winner != claim);
            let is_out = dead.contains(&posted.parent)
                || (is_defeated && self.chain.status(posted.parent, at).await? == ClaimStatus::Final);
            if is_out && self.chain.status(*claim, at).await? == ClaimStatus::Pending {
                dead.insert(*claim);
                calls.push(Bytes::from(FraudSettlement::discardCall { claimId: *claim }.abi_encode()));
            }
        }
        let later = |purpose: &str, to: Address, input: Vec<u8>| {
            let call = L1Call::new(purpose, to, input);
            Due { epoch: 0, from: 0, free_until: u64::MAX, lost_at: u64::MAX, call, may_wait: false }
        };
        if !calls.is_empty() {
            let input = FraudSettlement::multicallCall { data: calls }.abi_encode();
            due.push(later("end dead claims", self.config.chain.settlement, input));
            return Ok(());
        }
        let disputes = self.watch.as_ref().map(|(disputes, _)| disputes.clone()).unwrap_or_default();
        for dispute in disputes {
            let judge = Judge::new(self.client.clone(), dispute, head.id.hash);
            let credit = judge.credit_of(self.sender.account()).await?;
            if !credit.is_zero() && credit >= self.config.payout_min_wei {
                let to = self.config.payout.unwrap_or(self.sender.account());
                due.push(later("withdraw bonds", dispute, Dispute::withdrawCall { to }.abi_encode()));
            }
        }
        Ok(())
    }

    /// Commitments of epochs that may be contested, oldest first. How many are done.
    pub(super) async fn compute_ahead(&mut self, final_epoch: u64, head: Head) -> Result<usize, ChallengerError> {
        if self.watch.as_ref().is_none_or(|(disputes, _)| disputes.is_empty()) {
            return Ok(0);
        }
        let at = head.at();
        let last = self.chain.epoch_count(at).await?.min(final_epoch + AHEAD_EPOCHS_MAX);
        let mut pending = Vec::new();
        for epoch in final_epoch + 1..=last {
            pending.extend(self.chain.name(epoch, at).await?);
        }
        let is_done = |library: &mut Library, name| strategy::Knowledge::outer(library.run(name)).is_some();
        let done = pending.iter().filter(|name| is_done(&mut self.library, **name)).count();
        self.library.compute_ahead(pending);
        Ok(done)
    }
}
