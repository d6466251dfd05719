//! The proposer's stake: claims are posted with it, and it comes back. Rules L1-STAKE-1 to L1-STAKE-3.

use alloy::{
    primitives::{B256, Bytes, U256},
    sol_types::SolCall,
};
use tandem_l1::{
    bindings::FraudSettlement::{self, ClaimStatus},
    submit::Journal,
};

use super::{ClaimPlace, DerivedOutputs, Frontier, Proposer, ProposerError};

/// Claims that are discarded at once, to free a stake that a dead line holds.
const DISCARDS_MAX: usize = 64;

impl Frontier {
    /// Goes on over a right claim, which may be the one at which our stake stands.
    pub(super) fn pass(&mut self, place: &ClaimPlace, tip: B256) {
        self.epoch = place.epoch;
        self.claim_id = place.claim_id;
        if place.claim_id == tip {
            self.below_stake = Some(Vec::new());
        } else if let Some(below) = &mut self.below_stake {
            below.push(place.claim_id);
        }
    }
}

impl<O: DerivedOutputs, J: Journal> Proposer<O, J> {
    /// Claims epochs in order, the first of which stands right below what the frontier's path leads to. Whether L1 took them.
    pub(super) async fn post(
        &mut self,
        frontier: &mut Frontier,
        places: &mut Vec<ClaimPlace>,
    ) -> Result<bool, ProposerError> {
        let stake = self.view.stake(self.sender.account()).await?;
        let is_bound = self.view.claim(stake.tip).await?.status == ClaimStatus::Pending;
        let path = match &frontier.below_stake {
            Some(below) if is_bound => below.clone(),
            None if is_bound => {
                self.free_stake(stake.tip).await?;
                return Ok(false);
            }
            _ => Vec::new(),
        };
        let needed = places.iter().map(|place| place.bond).max().unwrap_or_default();
        let lacking = needed.saturating_sub(stake.amount);
        if let (Some(first), Some(last)) = (places.first(), places.last()) {
            let (first, last, last_batch) = (first.epoch, last.epoch, last.last_batch);
            tracing::info!(first, last, last_batch, "claiming epochs");
        }
        let mut calls: Vec<Bytes> = Vec::new();
        for (index, place) in places.drain(..).enumerate() {
            let path = if index == 0 { path.clone() } else { Vec::new() };
            let call = FraudSettlement::claimCall { parent: place.parent, fields: place.output.into(), path };
            calls.push(call.abi_encode().into());
        }
        if lacking > 0 {
            // What is sent along goes with one call alone: bundles take no ether (L1-STAKE-1).
            let call = calls.remove(0);
            let value = U256::from(lacking);
            if !self.send("claim epoch", self.config.settlement, call.to_vec(), value).await? {
                return Ok(false);
            }
        }
        frontier.below_stake = Some(Vec::new());
        Ok(calls.is_empty() || self.send_all("claim epochs", calls).await?)
    }

    /// Ends the claims that hold the stake although they stand on no line that can become final.
    async fn free_stake(&mut self, tip: B256) -> Result<(), ProposerError> {
        let mut line = Vec::new();
        let mut claim_id = tip;
        while line.len() < DISCARDS_MAX {
            let claim = self.view.claim(claim_id).await?;
            if claim.status != ClaimStatus::Pending {
                break;
            }
            line.push(claim_id);
            claim_id = self.view.slot(claim.slot).await?.parent;
        }
        self.troubles.waits(format!(
            "the stake stands behind {} claims off the line, up to {tip}: ended once they are dead",
            line.len()
        ));
        let ends = line.into_iter().rev();
        let calls = ends.map(|claim_id| FraudSettlement::discardCall { claimId: claim_id }.abi_encode().into());
        self.send_all("discard claims", calls.collect()).await?;
        Ok(())
    }

    /// Takes out what is earned; when retiring, the stake too, once nothing can be lost any more.
    pub(super) async fn withdraw(&mut self) -> Result<(), ProposerError> {
        let account = self.sender.account();
        let credit = self.view.credit(account).await?;
        let mut calls: Vec<Bytes> = Vec::new();
        if self.config.retire {
            let stake = self.view.stake(account).await?;
            if stake.amount > 0 && self.view.claim(stake.tip).await?.status != ClaimStatus::Pending {
                tracing::info!(amount = stake.amount, "taking the stake back");
                calls.push(FraudSettlement::unstakeCall {}.abi_encode().into());
            }
        }
        if calls.is_empty() && (credit.is_zero() || credit < self.config.payout_min_wei) {
            return Ok(());
        }
        calls.push(FraudSettlement::withdrawCall { to: self.config.payout.unwrap_or(account) }.abi_encode().into());
        self.send_all("withdraw", calls).await?;
        Ok(())
    }

    /// Several calls of the settlement as one transaction.
    pub(super) async fn send_all(&mut self, purpose: &str, calls: Vec<Bytes>) -> Result<bool, ProposerError> {
        let input = FraudSettlement::multicallCall { data: calls }.abi_encode();
        self.send(purpose, self.config.settlement, input, U256::ZERO).await
    }
}
