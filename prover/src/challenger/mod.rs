//! The challenger: plays every dispute about a slot of the right lineage for the right run. Rules DISP-*, L1-CLAIM-4, L1-CLAIM-5.
//!
//! ```text
//! look: L1's newest block -> contested slots -> right parent? -> position (views at that block)
//!       position + what is computed -> strategy -> calls with deadlines, and what must be computed
//!       earliest deadline first: one call to L1; then look again
//! ```
//!
//! It has no state of its own beyond the transaction journal and what was computed of runs: after a restart or a reorganisation it looks again. What is right
//! is what the replica derived from L1; while that is short of L1, or the machine comes to something else, nothing is disputed and an alarm says so. Adversarial:
//! everybody else's claims, commitments and moves.

mod act;
mod around;
mod calls;
mod chain;
mod epoch;
mod error;
mod fees;
mod library;
mod position;
mod status;
mod troubles;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256, U256},
    sol_types::SolCall,
};
use tandem_chain::{ChainConfig, derive::Policy};
use tandem_dispute::{
    Act, Terms,
    strategy::{self, Duty, Need},
};
use tandem_l1::{
    L1Call, L1Client, PayloadFetcher, ReaderConfig, ReplicaHandle,
    bindings::{
        Dispute,
        FraudSettlement::{self, SlotStatus},
    },
    submit::Journal,
};
use tandem_service::Readiness;
use tandem_trace::Store;
use tandem_vm::Image;
use tokio::sync::watch as channel;
use tokio_util::sync::CancellationToken;

pub use self::{
    calls::{Attached, call_of},
    error::{ChallengerError, LookError},
    library::{Library, Unplayable},
    position::{Judge, Standing},
    status::{ChallengerStatus, DisputeStatus},
    troubles::Abstention,
    watch::{Head, Seen, Watch},
};
use self::{chain::Chain, epoch::EpochReader, fees::Market, library::EpochRun, troubles::Troubles};
use crate::{Sender, proposer::DerivedOutputs, store::EvmReplicaStore};

/// What is watched, and how.
#[derive(Clone, Debug)]
pub struct ChallengerConfig {
    /// Protocol parameters of the chain.
    pub chain: ChainConfig,
    /// Address of the Schedule, whose entries name dispute contracts.
    pub schedule: Address,
    /// How to read L1; `start_block` is that of the deployment.
    pub reader: ReaderConfig,
    /// Time between looks at L1.
    pub poll_interval: Duration,
    /// Where what was computed of runs is kept.
    pub directory: PathBuf,
    /// Threads that compute.
    pub threads: usize,
    /// Computes commitments of epochs that may still be contested, before they are.
    pub computes_ahead: bool,
    /// Gets what comes back; the challenger's own account if absent.
    pub payout: Option<Address>,
    /// Least credit worth a withdrawal, in wei.
    pub payout_min_wei: U256,
    /// Where it is said what keeps it from its work.
    pub readiness: Readiness,
}

/// A call that is due.
struct Due {
    epoch: u64,
    from: u64,
    free_until: u64,
    lost_at: u64,
    call: L1Call,
    /// Waiting for a cheaper block is worth it.
    may_wait: bool,
}

/// The task that plays.
pub struct Challenger<O, J> {
    config: ChallengerConfig,
    client: L1Client,
    sender: Sender<J>,
    chain: Chain<O>,
    watch: Option<(Vec<Address>, Watch)>,
    /// The block for which schedule and base fee were read.
    followed: Option<Head>,
    library: Library,
    market: Market,
    terms: BTreeMap<Address, Terms>,
    status: channel::Sender<ChallengerStatus>,
    confirmed: channel::Sender<BTreeSet<u64>>,
    troubles: Troubles,
    /// Calls that L1 refused at this block.
    refused: (Option<B256>, BTreeSet<B256>),
    /// Calls that were included and reverted: how often, and when last.
    reverted: BTreeMap<B256, (u32, Instant)>,
    /// Slots that nothing of ours is in any more.
    over: BTreeSet<B256>,
    reorgs: u64,
}

impl<O: DerivedOutputs, J: Journal> Challenger<O, J> {
    /// A challenger that sends through `sender`, and judges by what `replica` derived.
    pub fn new(
        client: L1Client,
        sender: impl Into<Sender<J>>,
        outputs: O,
        replica: ReplicaHandle<EvmReplicaStore>,
        payloads: PayloadFetcher,
        guest: Image,
        config: ChallengerConfig,
    ) -> Self {
        let reader = ReaderConfig { readiness: Readiness::default(), ..config.reader.clone() };
        let epochs = EpochReader {
            client: client.clone(),
            chain: config.chain.clone(),
            payloads,
            reader: reader.clone(),
            replica,
        };
        let library = Library::new(epochs, guest, Store::new(&config.directory), config.threads);
        let (inbox, settlement) = (config.chain.inbox, config.chain.settlement);
        Self {
            chain: Chain::new(client.clone(), inbox, settlement, config.schedule, outputs),
            troubles: Troubles::new(&config.readiness),
            config: ChallengerConfig { reader, ..config },
            client,
            sender: sender.into(),
            watch: None,
            followed: None,
            library,
            market: Market::default(),
            terms: BTreeMap::new(),
            status: channel::Sender::default(),
            confirmed: channel::Sender::default(),
            refused: (None, BTreeSet::new()),
            reverted: BTreeMap::new(),
            over: BTreeSet::new(),
            reorgs: 0,
        }
    }

    /// What it does, and what is at stake.
    pub fn status(&self) -> channel::Receiver<ChallengerStatus> {
        self.status.subscribe()
    }

    /// Epochs of which somebody claims something wrong, and of which the machine says so too.
    pub fn confirmed(&self) -> channel::Receiver<BTreeSet<u64>> {
        self.confirmed.subscribe()
    }

    /// Plays until `token` is cancelled or an operator must act.
    pub async fn run(mut self, token: CancellationToken) -> Result<(), ChallengerError> {
        loop {
            let round = tokio::select! {
                () = token.cancelled() => return Ok(()),
                round = self.round() => round,
            };
            self.troubles.ended(&round);
            let sent = match round {
                Ok(sent) => sent,
                Err(error) if error.policy() == Policy::Fatal => return Err(error),
                Err(_) => false,
            };
            // What L1 took changes what is next.
            let pause = if sent { Duration::ZERO } else { self.config.poll_interval };
            tokio::select! {
                () = token.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One look at L1, and at most one call. Whether there was one.
    pub async fn round(&mut self) -> Result<bool, ChallengerError> {
        self.library.collect();
        let Some(head) = self.follow().await? else { return Ok(false) };
        let (_, final_epoch) = self.chain.last_final(head.at()).await?;
        self.library.forget_before(final_epoch + 1);

        let seen = self.seen();
        let mut due = Vec::new();
        let mut status =
            ChallengerStatus { l1_block: head.id.number, calls: self.status.borrow().calls, ..Default::default() };
        let joined: BTreeSet<B256> = seen.slots_joined_by(self.sender.account()).collect();
        for slot in seen.contested.union(&joined).copied().collect::<Vec<_>>() {
            if !self.over.contains(&slot) {
                status.disputes.extend(self.look_at(slot, &seen, head, &mut due).await?);
            }
        }
        status.locked_gwei = status.disputes.iter().map(|dispute| dispute.locked_gwei).sum();
        self.suspect(&seen, head).await?;
        if due.is_empty() {
            self.look_for_payouts(&seen, head, &mut due).await?;
        }
        if self.config.computes_ahead {
            status.computed_epochs = self.compute_ahead(final_epoch, head).await?;
        }
        tell(&self.status, status);
        self.act(due, head).await
    }

    fn seen(&self) -> Arc<Seen> {
        self.watch.as_ref().map(|(_, watch)| watch.seen().clone()).unwrap_or_default()
    }

    /// Reads L1 to its newest block, from the beginning if another dispute contract came into play.
    async fn follow(&mut self) -> Result<Option<Head>, ChallengerError> {
        let mut head = self.catch_up().await?;
        if head.is_some() && head == self.followed {
            return Ok(head);
        }
        let disputes = self.chain.disputes().await?;
        if self.watch.as_ref().is_none_or(|(known, _)| *known != disputes) {
            let reader = ReaderConfig { confirmations: 0, disputes: disputes.clone(), ..self.config.reader.clone() };
            self.watch = Some((disputes, Watch::new(self.client.clone(), reader)));
            head = self.catch_up().await?;
        }
        if let Some(head) = head
            && let Some(header) = self.client.header(head.id.number).await?
        {
            self.market.saw(header.id.number, header.base_fee);
        }
        self.followed = head;
        Ok(head)
    }

    /// Reads on, and forgets what a reorganisation voids.
    async fn catch_up(&mut self) -> Result<Option<Head>, ChallengerError> {
        let Some((_, watch)) = &mut self.watch else { return Ok(None) };
        let head = watch.catch_up().await?;
        if watch.reorgs() != self.reorgs {
            self.reorgs = watch.reorgs();
            self.chain.forget();
            self.over.clear();
        }
        Ok(head)
    }

    /// A slot that is contested, or holds bonds of ours.
    async fn look_at(
        &mut self,
        slot_id: B256,
        seen: &Seen,
        head: Head,
        due: &mut Vec<Due>,
    ) -> Result<Option<DisputeStatus>, ChallengerError> {
        let at = head.at();
        let slot = self.chain.slot(slot_id, at).await?;
        let epoch: u64 = slot.epoch.saturating_to();
        let mut status = DisputeStatus { epoch, slot_id, ..DisputeStatus::default() };
        let is_contested = slot.status == SlotStatus::Contested;
        if slot.dispute == Address::ZERO {
            self.troubles.abstains(epoch, Abstention::NoJudge);
            status.abstains = Some(Abstention::NoJudge.to_string());
            return Ok(Some(status));
        }
        let judge = Judge::new(self.client.clone(), slot.dispute, head.id.hash);
        let terms = match self.terms.get(&slot.dispute) {
            Some(terms) => *terms,
            None => *self.terms.entry(slot.dispute).or_insert(judge.terms().await?),
        };
        let standing = judge.standing(slot_id, seen).await?;
        status.count(&standing, self.sender.account(), &terms);
        let is_playable = self.chain.is_playable(slot_id, at).await?;
        if standing.is_judged {
            if is_contested {
                let input = FraudSettlement::decideCall { slotId: slot_id }.abi_encode();
                due.push(self.settle(epoch, "take the verdict over", input, head.timestamp, &terms));
                return Ok(Some(status));
            }
            self.over.insert(slot_id);
            return Ok(None);
        }
        if !is_playable {
            // About nothing any more: only bonds are left.
            let plan = strategy::plan(&standing.position(&terms, false), &EpochRun::default(), self.sender.account());
            let attach = |duty| (duty, Attached { slot: slot_id, ..Attached::default() });
            let duties = plan.duties.into_iter().map(attach).collect();
            self.add(epoch, slot.dispute, &terms, duties, due, &mut status);
            if status.locked_gwei == 0 {
                self.over.insert(slot_id);
                return Ok(None);
            }
            return Ok(Some(status));
        }
        match self.play(slot_id, &slot, &standing, &terms, head, due, &mut status).await? {
            Ok(true) => Ok(Some(status)),
            // Under a wrong parent there is nothing to win: it dies with that.
            Ok(false) => Ok((status.locked_gwei > 0).then_some(status)),
            Err(why) => {
                status.abstains = Some(why.to_string());
                self.troubles.abstains(epoch, why);
                Ok(Some(status))
            }
        }
    }

    /// A contested slot that is about something. False if it is not of the right lineage.
    #[allow(clippy::too_many_arguments, reason = "one look's parts, taken apart for length")]
    async fn play(
        &mut self,
        slot_id: B256,
        slot: &FraudSettlement::Slot,
        standing: &Standing,
        terms: &Terms,
        head: Head,
        due: &mut Vec<Due>,
        status: &mut DisputeStatus,
    ) -> Result<Result<bool, Abstention>, ChallengerError> {
        let at = head.at();
        match self.chain.is_right(slot.parent, at).await? {
            None => return Ok(Err(Abstention::Behind)),
            Some(false) => return Ok(Ok(false)),
            Some(true) => {}
        }
        let Some(name) = self.chain.name(status.epoch, at).await? else { return Ok(Err(Abstention::Behind)) };
        let wanted = self.chain.guest_hash(slot_id, at).await?;
        if wanted != self.library.guest_hash() {
            return Ok(Err(Abstention::OtherGuest { wanted }));
        }
        if standing.start == B256::ZERO {
            let input = Dispute::openCall { slotId: slot_id }.abi_encode();
            let call = L1Call::new("open the dispute", slot.dispute, input);
            let opened_at: u64 = slot.contestedAt.saturating_to();
            let free_until = opened_at + u64::from(terms.compute_seconds[0]);
            due.push(Due { epoch: status.epoch, from: 0, free_until, lost_at: u64::MAX, call, may_wait: false });
        }
        self.library.need(name, [Need::Outer]);
        let run = self.library.run(name);
        if let Some(actual) = run.start().filter(|start| *start != standing.start && standing.start != B256::ZERO) {
            return Ok(Err(Abstention::OtherStart { expected: standing.start, actual }));
        }
        if let Some(why) = run.unplayable() {
            return Ok(Err(Abstention::Unplayable(why)));
        }
        let plan = strategy::plan(&standing.position(terms, true), run, self.sender.account());
        status.is_computing = run.is_busy();
        let attach = |duty: Duty| {
            let attached = attach(slot_id, &duty.act, standing, run);
            (duty, attached)
        };
        let duties = plan.duties.into_iter().map(attach).collect();
        self.library.need(name, plan.needs.into_iter().map(|(_, need)| need));
        self.add(status.epoch, slot.dispute, terms, duties, due, status);
        Ok(Ok(true))
    }

    fn add(
        &self,
        epoch: u64,
        dispute: Address,
        terms: &Terms,
        duties: Vec<(Duty, Attached)>,
        due: &mut Vec<Due>,
        status: &mut DisputeStatus,
    ) {
        let now = self.now();
        for (duty, attached) in duties {
            let call = call_of(&duty.act, dispute, terms, attached);
            if duty.from <= now && status.next_call.is_none() {
                (status.next_due_at, status.next_call) = (Some(duty.free_until), Some(call.purpose.clone()));
            }
            let may_wait = self.market.waits(&duty, terms, now);
            let Duty { from, free_until, lost_at, .. } = duty;
            due.push(Due { epoch, from, free_until, lost_at, call, may_wait });
        }
    }

    fn now(&self) -> u64 {
        self.watch.as_ref().and_then(|(_, watch)| watch.head()).map_or(0, |head| head.timestamp)
    }

    fn settle(&self, epoch: u64, purpose: &str, input: Vec<u8>, now: u64, terms: &Terms) -> Due {
        let call = L1Call::new(purpose, self.config.chain.settlement, input);
        let free_until = now + u64::from(terms.turn_seconds);
        Due { epoch, from: 0, free_until, lost_at: u64::MAX, call, may_wait: false }
    }
}

/// Says what is so now, if it is news.
fn tell<T: PartialEq>(channel: &channel::Sender<T>, now: T) {
    channel.send_if_modified(|known| {
        let is_new = *known != now;
        *known = now;
        is_new
    });
}

/// What a duty's call brings along.
fn attach(slot: B256, act: &Act, standing: &Standing, run: &EpochRun) -> Attached {
    let none = Attached { slot, ..Attached::default() };
    match act {
        Act::Join { .. } => Attached { last_state: run.last_state(), ..none },
        Act::Step { of, .. } => {
            let inner = standing.tournaments.get(&of.tournament);
            let outer = inner.and_then(|inner| standing.tournaments.get(&inner.parent)?.matches.get(&inner.of?));
            let contested = inner.and_then(|inner| inner.matches.get(of));
            let place = outer.zip(contested).map(|(outer, contested)| (outer.index, contested.index));
            Attached { witness: place.map(|(stride, step)| run.witness(stride, step)).unwrap_or_default(), ..none }
        }
        _ => none,
    }
}
