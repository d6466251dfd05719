//! The proposer: claims every closed epoch, finalizes what has stood its window. Rules L1-EPOCH-1, L1-CLAIM-1 to L1-CLAIM-3, L1-STAKE-1 to L1-STAKE-3.
//!
//! One stake carries it along, however many epochs are pending, and many epochs share a transaction: so it keeps up with any pace of batches.
//! What it claims is what the replica derived from L1; L1 itself says what is claimed already. So it has no state of its own beyond the
//! transaction journal, and a restart, a reorganisation or a transaction that was not included in time is a look at L1. Adversarial: other
//! claimants. A claim that differs from derivation raises an [`Alarm`] and is rivalled while its window is open: two rivals never become final, and a dispute decides.

mod alarm;
mod error;
mod stake;
mod troubles;
mod view;

pub use alarm::Alarm;
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::{SolCall, SolInterface},
};
pub use error::{OutputUnavailable, ProposerError};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use tandem_chain::{OutputFields, derive::Policy};
use tandem_l1::{
    L1Call, L1Client, Outcome, SubmitError,
    bindings::{
        FraudSettlement::{self, ClaimStatus, FraudSettlementErrors, SlotStatus},
        Inbox,
    },
    submit::Journal,
};
use tandem_service::Readiness;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use troubles::Troubles;
use view::{ClaimPlace, FinalClaim, View};

use crate::Sender;

/// Where outputs come from.
pub trait DerivedOutputs: Send + Sync + 'static {
    /// The output after a batch as derived from L1; none if it is not derived yet.
    fn output(&self, batch_index: u64) -> Result<Option<OutputFields>, OutputUnavailable>;
}

/// What the proposer watches, and how it claims.
#[derive(Clone, Debug)]
pub struct ProposerConfig {
    /// Address of the Inbox.
    pub inbox: Address,
    /// Address of the Settlement.
    pub settlement: Address,
    /// L1 block of the deployment.
    pub start_block: u64,
    /// Time between looks at L1.
    pub poll_interval: Duration,
    /// After so long every claim that is not final is compared with derivation again.
    pub audit_interval: Duration,
    /// Claims nothing more, finalizes what is claimed, and takes the stake back.
    pub retire: bool,
    /// Gets the stake and what is earned; the proposer's own account if absent.
    pub payout: Option<Address>,
    /// Least credit worth a withdrawal, in wei.
    pub payout_min_wei: U256,
    /// Claims nothing but what rivals a wrong claim, and only in the epochs that this channel names; none: claims every epoch.
    pub rivals: Option<watch::Receiver<BTreeSet<u64>>>,
    /// Where it is said what keeps it from its work.
    pub readiness: Readiness,
}

/// How far the proposer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposerStatus {
    /// Last epoch whose output is final.
    pub final_epoch: u64,
    /// Last batch of that epoch.
    pub final_batch: u64,
    /// Last epoch whose derived output is claimed.
    pub claimed_epoch: u64,
    /// The alarm of the last look, if any.
    pub alarm: Option<Alarm>,
}

/// The last of the claims that were found right.
#[derive(Clone, Debug)]
struct Frontier {
    epoch: u64,
    claim_id: B256,
    /// The claims from below our stake to this one; none while the stake was not met on the way.
    below_stake: Option<Vec<B256>>,
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The right claim, whoever made it.
    Right,
    /// No right claim yet, and it may be made.
    Open,
    /// None, and it is too late.
    Lost,
}

/// Claims that share a transaction: some 150,000 gas each.
const CLAIMS_PER_CALL: usize = 16;
/// Finalizations that share a transaction: some 45,000 gas each.
const FINALS_PER_CALL: usize = 32;

/// The task that claims, finalizes and raises alarms.
#[derive(Debug)]
pub struct Proposer<O, J> {
    config: ProposerConfig,
    outputs: O,
    view: View,
    sender: Sender<J>,
    status: watch::Sender<ProposerStatus>,
    /// Up to where claims were found right, since the last audit.
    frontier: Option<Frontier>,
    audited: Option<Instant>,
    troubles: Troubles,
}

impl<O: DerivedOutputs, J: Journal> Proposer<O, J> {
    /// A proposer that sends from `sender`'s account.
    pub fn new(
        client: L1Client,
        sender: impl Into<Sender<J>>,
        outputs: O,
        config: ProposerConfig,
    ) -> (Self, watch::Receiver<ProposerStatus>) {
        let view = View::new(client, config.inbox, config.settlement, config.start_block);
        let (status, receiver) = watch::channel(ProposerStatus::default());
        let troubles = Troubles::new(&config.readiness);
        (
            Self { config, outputs, view, sender: sender.into(), status, frontier: None, audited: None, troubles },
            receiver,
        )
    }

    /// Proposes until `token` is cancelled or an operator must act.
    pub async fn run(mut self, token: CancellationToken) -> Result<(), ProposerError> {
        loop {
            let round = tokio::select! {
                () = token.cancelled() => return Ok(()),
                round = self.round() => round,
            };
            self.troubles.ended(&round);
            round.or_else(|error| if error.policy() == Policy::Fatal { Err(error) } else { Ok(()) })?;
            tokio::select! {
                () = token.cancelled() => return Ok(()),
                () = tokio::time::sleep(self.config.poll_interval) => {}
            }
        }
    }

    /// One look at L1 and everything that there is to do.
    pub async fn round(&mut self) -> Result<(), ProposerError> {
        let mut alarm = None;
        let finished = self.finalize(&mut alarm).await;
        let claimed = match (&finished, alarm) {
            (Ok(()), None | Some(Alarm::RivalClaim { .. })) if !self.config.retire => self.claim(&mut alarm).await,
            _ => Ok(()),
        };
        if alarm.is_some() || (finished.is_ok() && claimed.is_ok()) {
            self.troubles.saw(alarm);
        }
        self.status.send_modify(|status| status.alarm = alarm);
        // Each on its own: what is earned pays for the claims that ran out of money.
        let closed = self.close_epoch().await;
        let withdrawn = self.withdraw().await;
        finished.and(claimed).and(closed).and(withdrawn)?;
        self.sender.rest();
        Ok(())
    }

    /// Finalizes what has stood its window, many epochs a transaction.
    async fn finalize(&mut self, alarm: &mut Option<Alarm>) -> Result<(), ProposerError> {
        loop {
            let last = self.view.last_final().await?;
            let last_batch = self.view.epoch_end(last.epoch).await?.unwrap_or_default();
            // A replica that is behind cannot judge yet.
            let Some(derived) = self.outputs.output(last_batch)? else { return Ok(()) };
            if derived.hash() != last.output {
                *alarm = Some(Alarm::WrongFinalOutput { epoch: last.epoch, output: last.output });
                return Ok(());
            }
            self.status.send_modify(|status| {
                status.final_epoch = last.epoch;
                status.final_batch = last_batch;
                status.claimed_epoch = status.claimed_epoch.max(last.epoch);
            });
            let calls = self.finalizable(&last).await?;
            if calls.is_empty() || !self.send_all("finalize claims", calls).await? {
                return Ok(());
            }
        }
    }

    /// The calls that make the right claims after `last` final, as many as L1 would take now.
    async fn finalizable(&self, last: &FinalClaim) -> Result<Vec<Bytes>, ProposerError> {
        let now = self.view.now().await?;
        let (mut parent, mut epoch, mut calls) = (last.claim_id, last.epoch, Vec::new());
        while calls.len() < FINALS_PER_CALL
            && let Some(place) = self.place(parent, epoch.saturating_add(1)).await?
        {
            let stands = match place.slot.status {
                SlotStatus::Single => {
                    now >= place.slot.closesAt.saturating_to()
                        && self.view.claim(place.claim_id).await?.status == ClaimStatus::Pending
                }
                SlotStatus::Decided => place.slot.winner == place.claim_id,
                _ => false,
            };
            // The grace begins when the parent is final, which it is not before the transaction that we are composing.
            let in_grace = place.slot.startsEntry
                && (!calls.is_empty() || now < last.final_at.saturating_add(self.view.grace_seconds().await?));
            if !stands || in_grace {
                break;
            }
            calls.push(FraudSettlement::finalizeCall { claimId: place.claim_id }.abi_encode().into());
            (parent, epoch) = (place.claim_id, place.epoch);
        }
        Ok(calls)
    }

    /// Claims what is not claimed, from the last final claim or the frontier on, many epochs a transaction.
    async fn claim(&mut self, alarm: &mut Option<Alarm>) -> Result<(), ProposerError> {
        if self.audited.is_none_or(|audited| audited.elapsed() >= self.config.audit_interval) {
            self.frontier = None;
            self.audited = Some(Instant::now());
        }
        let last = self.view.last_final().await?;
        let start = Frontier { epoch: last.epoch, claim_id: last.claim_id, below_stake: None };
        let mut frontier = self.frontier.take().filter(|frontier| frontier.epoch > last.epoch).unwrap_or(start);
        let stake = self.view.stake(self.sender.account()).await?;
        let mut missing = Vec::new();
        while let Some(place) = self.place(frontier.claim_id, frontier.epoch.saturating_add(1)).await? {
            let standing = if missing.is_empty() { self.standing(&place, alarm).await? } else { Standing::Open };
            if alarm.is_some() {
                // Look here again next time.
                self.audited = None;
            }
            let is_left = standing == Standing::Open && !self.may_claim(&place);
            match standing {
                Standing::Lost => break,
                _ if is_left => break,
                Standing::Right => frontier.pass(&place, stake.tip),
                Standing::Open => {
                    frontier.epoch = place.epoch;
                    frontier.claim_id = place.claim_id;
                    missing.push(place);
                    if missing.len() == CLAIMS_PER_CALL && !self.post(&mut frontier, &mut missing).await? {
                        return Ok(());
                    }
                }
            }
            if missing.is_empty() {
                self.status.send_modify(|status| status.claimed_epoch = status.claimed_epoch.max(frontier.epoch));
            }
        }
        if missing.is_empty() || self.post(&mut frontier, &mut missing).await? {
            self.status.send_modify(|status| status.claimed_epoch = status.claimed_epoch.max(frontier.epoch));
            self.frontier = Some(frontier);
        }
        Ok(())
    }

    /// Whether a slot without a right claim is to get one. A contested one gets it from its dispute.
    fn may_claim(&self, place: &ClaimPlace) -> bool {
        let confirmed = |rivals: &watch::Receiver<BTreeSet<u64>>| rivals.borrow().contains(&place.epoch);
        self.config.rivals.as_ref().is_none_or(|rivals| place.slot.status == SlotStatus::Single && confirmed(rivals))
    }

    /// What the slot holds, seen from derivation.
    async fn standing(&self, place: &ClaimPlace, alarm: &mut Option<Alarm>) -> Result<Standing, ProposerError> {
        let (epoch, slot_id) = (place.epoch, place.slot_id);
        let status = self.view.claim(place.claim_id).await?.status;
        let is_claimed = matches!(status, ClaimStatus::Pending | ClaimStatus::Final);
        let mut is_open = true;
        match place.slot.status {
            SlotStatus::Empty => {}
            SlotStatus::Single if is_claimed => {}
            SlotStatus::Single | SlotStatus::Contested => {
                let claim_id = self.view.rival_of(place).await?.unwrap_or_default();
                *alarm = Some(Alarm::RivalClaim { epoch, slot_id, claim_id });
                // Wrong claims alone may have contested it; the right one is still taken.
                is_open = place.slot.status == SlotStatus::Contested
                    || self.view.now().await? < place.slot.closesAt.saturating_to();
            }
            SlotStatus::Decided if place.slot.winner == place.claim_id => {}
            SlotStatus::Decided => {
                *alarm = Some(Alarm::DecidedOtherwise { epoch, slot_id });
                return Ok(Standing::Lost);
            }
            SlotStatus::Failed | SlotStatus::__Invalid => {
                *alarm = Some(Alarm::Failed { epoch, slot_id });
                return Ok(Standing::Lost);
            }
        }
        Ok(match (is_claimed, is_open) {
            (true, _) => Standing::Right,
            (false, true) => Standing::Open,
            (false, false) => Standing::Lost,
        })
    }

    /// The slot of an epoch above a claim, and what belongs there; none while the epoch is open or not derived.
    async fn place(&self, parent: B256, epoch: u64) -> Result<Option<ClaimPlace>, ProposerError> {
        let Some(last_batch) = self.view.epoch_end(epoch).await? else { return Ok(None) };
        let Some(output) = self.outputs.output(last_batch)? else { return Ok(None) };
        if self.view.batch_hash(last_batch).await? != output.batch_hash {
            // The replica has not seen a reorg yet, or L1 has one more block than it.
            return Ok(None);
        }
        Ok(Some(self.view.place(parent, epoch, last_batch, output).await?))
    }

    /// Closes an epoch whose time is over although no batch comes.
    async fn close_epoch(&mut self) -> Result<(), ProposerError> {
        // Whoever only watches leaves that to those who claim.
        if self.config.rivals.is_none() && self.view.is_epoch_closable().await? {
            self.send("close epoch", self.config.inbox, Inbox::closeEpochCall {}.abi_encode(), U256::ZERO).await?;
        }
        Ok(())
    }

    /// Whether L1 took the call. If not, somebody else was first or L1 reorganised; the next look tells.
    async fn send(&mut self, purpose: &str, to: Address, input: Vec<u8>, value: U256) -> Result<bool, ProposerError> {
        let call = L1Call { value, ..L1Call::new(purpose, to, input) };
        match self.sender.submit(call).await {
            Ok(outcome) => Ok(self.report(purpose, &outcome)),
            Err(SubmitError::Refused { data }) => {
                let reason = reason(&data).map_or_else(|| data.to_string(), |reason| format!("{reason:?}"));
                self.troubles.refused(purpose, reason);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the call was made.
    fn report(&mut self, purpose: &str, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Included(_) => true,
            Outcome::Reverted { data, .. } => {
                let reason = reason(data);
                tracing::warn!(purpose, ?reason, "a call reverted: somebody else was first, or L1 reorganised");
                self.troubles.waits(format!("to {purpose} reverted: {reason:?}"));
                false
            }
            // The submitter told; the next look decides anew.
            Outcome::Displaced { .. } | Outcome::Superseded { .. } => false,
        }
    }
}

fn reason(data: &Bytes) -> Option<FraudSettlementErrors> {
    FraudSettlementErrors::abi_decode(data).ok()
}
