//! One batch's work in a farm, seen from its coordinator: puts out what is not proven yet, hears what comes back, puts out again what was no proof.
//!
//! Jobs, leases and results lie with the engine, so that nothing here need survive: a session begins with what the engine has, and so it does after an outage and in a new process.
//! Adversarial: whatever the engine hands out. What a job's lease does not settle, the [`Board`] does, by what the engine lists and by [`FarmConfig::patience`]: a worker that
//! holds a job for ever, or acknowledges it and stays silent.

mod jobs;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use alloy::primitives::{B256, keccak256};
use async_nats::{Message, datetime::DateTime};
use futures::StreamExt;
use tandem_circuits::groth16::{Assembly, ProvenBatch, VerifyingKeys};
use tandem_l1::Backoff;
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    board::{Board, Word},
    config::FarmConfig,
    engine::{Engine, Halls, delete_jobs, queue},
    error::FarmError,
    keys::{FarmKeysError, SharedKeys, share},
    message::{FarmAlive, FarmFailure, FarmResult},
    names::WorkerName,
    people::People,
    reader::{Read, read_results},
    troubles::{EngineTrouble, IdleTrouble, LastFault, StuckTrouble},
};
use crate::validity::{
    coordinator::{Coordinator, Fault, WorkerId},
    crew::{CrewError, WorkError},
    file::{BatchFile, BatchFileError},
    pool::{Event, ProvingError},
    service::status::Status,
    worker::WorkFailed,
};

/// How often the connection, and jobs without word, are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// What is left behind is cleaned up for so long at most.
const CLEAN_MAX: Duration = Duration::from_secs(10);
/// A worker that was heard of in so many leases is there.
const LATE_LEASES: u32 = 10;
/// Nobody who was heard of in so many leases is at work.
const IDLE_LEASES: u32 = 2;
/// Results that are read ahead.
const READ_AHEAD: usize = 64;

/// What names a batch in a farm.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// The chain, by the hash of its configuration.
    pub config_hash: B256,
    /// The keys that judge its proofs.
    pub keys_hash: B256,
    /// Its index on L1.
    pub index: u64,
    /// What it claims, as a hash: the same for whoever derives the same.
    pub hash: B256,
}

impl Batch {
    /// The batch of an assembly, whatever is proven of it.
    pub fn new(config_hash: B256, keys_hash: B256, assembly: &Assembly) -> Self {
        let statement = assembly.statement().clone();
        let index = statement.header.index;
        Self { config_hash, keys_hash, index, hash: keccak256(Assembly::new(statement).encode()) }
    }
}

/// A farm, as its coordinator reaches it.
#[derive(Clone, Copy, Debug)]
pub struct Farm<'a> {
    /// The engine on which jobs are put out.
    pub engine: &'a Engine,
    /// How long is waited.
    pub config: FarmConfig,
    /// The keys that judge proofs.
    pub keys: &'a VerifyingKeys,
    /// The proving keys that workers get, if they do.
    pub shared: Option<&'a SharedKeys>,
    /// Hears the figures.
    pub status: &'a watch::Sender<Status>,
    /// Cancelled when the process ends.
    pub end: &'a CancellationToken,
}

/// What a crew keeps from batch to batch.
#[derive(Debug)]
pub struct Memory {
    /// Workers by name.
    pub people: People,
    /// Whether the engine works.
    pub engine: EngineTrouble,
    /// Whether anybody takes jobs.
    pub idle: IdleTrouble,
    /// Whether anybody gets on with them.
    pub stuck: StuckTrouble,
}

/// Why a session ended before the batch was proven.
enum Ended {
    /// The engine does not do its work: it is tried again.
    Farm(FarmError),
    /// A proof cannot be kept: nothing is.
    File(BatchFileError),
    /// The keys that workers are to get are not here.
    Keys(FarmKeysError),
}

impl From<FarmError> for Ended {
    fn from(error: FarmError) -> Self {
        Self::Farm(error)
    }
}

impl From<FarmKeysError> for Ended {
    fn from(error: FarmKeysError) -> Self {
        match error {
            FarmKeysError::Farm(error) => Self::Farm(error),
            error => Self::Keys(error),
        }
    }
}

/// One batch's work.
pub struct Shift<'a> {
    farm: Farm<'a>,
    batch: Batch,
    coordinator: Coordinator,
    file: &'a BatchFile,
    memory: &'a mut Memory,
    observe: &'a mut dyn FnMut(Event<'_>),
    board: Board,
    /// When each worker was last heard of, those apart that were heard of before this.
    heard: BTreeMap<WorkerId, Instant>,
    /// What went wrong last.
    last: Option<LastFault>,
    /// All results from before this were read. What they say of failures was told by whoever heard them then.
    has_caught_up: bool,
    /// The result that is read next, by its place in the stream.
    next: u64,
    /// When the stream of results was made that this is the place in.
    made: Option<DateTime>,
}

impl<'a> Shift<'a> {
    /// Work on what the coordinator's batch lacks; `observe` hears what happens.
    pub fn new(
        farm: Farm<'a>,
        batch: Batch,
        coordinator: Coordinator,
        file: &'a BatchFile,
        memory: &'a mut Memory,
        observe: &'a mut dyn FnMut(Event<'_>),
    ) -> Self {
        let board = Board::new(farm.config.lease);
        let (heard, last, has_caught_up) = (BTreeMap::new(), None, false);
        Self { farm, batch, coordinator, file, memory, observe, board, heard, last, has_caught_up, next: 1, made: None }
    }

    /// Has the farm prove what is missing of the batch, until nothing is.
    ///
    /// # Errors
    /// If the disk fails, keys that are to be shared are not here, or `token` is cancelled. An engine that is away is waited for.
    pub async fn run(mut self, token: &CancellationToken) -> Result<ProvenBatch, WorkError> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        while self.coordinator.missing() > 0 && !token.is_cancelled() {
            let ended = tokio::select! {
                () = token.cancelled() => break,
                ended = self.session(&mut backoff) => ended,
            };
            match ended {
                Ok(()) => {}
                Err(Ended::File(error)) => return Err(error.into()),
                Err(Ended::Keys(error)) => return Err(CrewError::from(error).into()),
                Err(Ended::Farm(error)) => {
                    self.memory.engine.holds(self.farm.engine, &error);
                    tokio::select! {
                        () = token.cancelled() => break,
                        () = tokio::time::sleep(backoff.delay()) => {}
                    }
                }
            }
        }
        let missing = self.coordinator.missing();
        self.memory.idle.is_over();
        self.memory.stuck.is_over();
        self.farm.status.send_modify(|status| status.farm(|farm| farm.jobs_waiting = 0));
        // A process that ends leaves its jobs to the workers, and finds their proofs when it is back.
        if missing == 0 || !self.farm.end.is_cancelled() {
            // What an engine that is away now keeps is found when the next batch begins.
            let _ = tokio::time::timeout(CLEAN_MAX, self.clean(missing == 0)).await;
        }
        if missing > 0 {
            return Err(ProvingError::Cancelled { missing }.into());
        }
        Ok(self.coordinator.into_assembly().finish().map_err(ProvingError::from)?)
    }

    /// Works for as long as the engine does, or until all is proven.
    async fn session(&mut self, backoff: &mut Backoff) -> Result<(), Ended> {
        let names = self.farm.engine.names().clone();
        let halls = self.farm.engine.make(self.farm.config.lease).await?;
        // With each session, since an engine that lost its disk has lost them as well.
        share(&halls.keys, self.farm.keys, self.batch.keys_hash, self.farm.shared).await?;
        let mut alive = self.farm.engine.listen(names.alive_of(self.batch.hash)).await?;
        // Jobs before results: a job that is not there then was never put out, or its result is.
        let before = self.tidy(&halls).await?;
        let results = halls.results.cached_info();
        if self.made != Some(results.created) || results.state.last_sequence.saturating_add(1) < self.next {
            // The engine has lost its memory, or this is the first look at it.
            (self.made, self.next) = (Some(results.created), 1);
        }
        let (tell, mut results) = mpsc::channel(READ_AHEAD);
        let reading = read_results(halls.results.clone(), names.results_of(self.batch.hash), self.next, tell);
        let _reader = AbortOnDropHandle::new(tokio::spawn(reading));
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_caught_up = false;
        let mut listing = Instant::now();
        while self.coordinator.missing() > 0 {
            tokio::select! {
                read = results.recv() => match read {
                    Some(Ok(Read::Result { sequence, subject, payload })) => {
                        self.next = sequence.saturating_add(1);
                        self.hear(&halls, &subject, &payload).await?;
                    }
                    Some(Ok(Read::CaughtUp)) => {
                        self.put_out(&halls, &before).await?;
                        (is_caught_up, self.has_caught_up, listing) = (true, true, Instant::now());
                        backoff.reset();
                        self.memory.engine.is_over();
                    }
                    Some(Err(error)) => return Err(error.into()),
                    None => return Err(FarmError::Silent { doing: "reading results" }.into()),
                },
                message = alive.next() => match message {
                    Some(message) => self.is_alive(&message),
                    None => return Err(FarmError::Away.into()),
                },
                _ = look.tick() => {
                    if !self.farm.engine.is_connected() {
                        return Err(FarmError::Away.into());
                    }
                    if is_caught_up {
                        if listing.elapsed() >= self.farm.config.lease {
                            self.list(&halls).await?;
                            listing = Instant::now();
                        }
                        self.look(&halls).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Hears a result.
    async fn hear(&mut self, halls: &Halls, subject: &str, payload: &[u8]) -> Result<(), Ended> {
        let Some((place, name)) = self.farm.engine.names().place_of_worker(subject) else { return Ok(()) };
        let chunk = place.chunk;
        if place.batch != self.batch.hash || self.coordinator.job(chunk).is_none() {
            return Ok(());
        }
        let said = FarmResult::decode(payload)
            .ok()
            .filter(|said| (said.config_hash, said.batch, said.chunk) == (self.batch.config_hash, place.batch, chunk));
        // Of what cannot be read nothing is known but whose it is: a fault, which brings nothing forward.
        let (attempt, outcome) =
            said.map_or((None, Err(FarmFailure::Unknown)), |said| (Some(said.attempt), said.outcome));
        if !self.has_caught_up && outcome.is_err() {
            return Ok(());
        }
        let worker = self.person(&name);
        let was_trusted = self.coordinator.trusts(worker);
        let delivered = self.coordinator.deliver(worker, chunk, outcome.map_err(WorkFailed::from));
        let is_refused = delivered.is_err();
        self.farm.status.send_modify(|status| {
            status.farm(|farm| {
                farm.results = farm.results.saturating_add(1);
                farm.refused = farm.refused.saturating_add(u64::from(is_refused));
            });
        });
        match delivered {
            Ok(_) => {
                self.file.store(self.coordinator.assembly()).map_err(Ended::File)?;
                let (took, missing) = (self.board.proven(chunk, Instant::now()), self.coordinator.missing());
                (self.observe)(Event::Proven { chunk, took: took.unwrap_or_default(), missing });
                // A copy that is still out would be proven for nothing.
                delete_jobs(&halls.jobs, self.farm.engine.names().jobs_at(place)).await?;
            }
            Err(fault) => {
                if self.has_caught_up && was_trusted {
                    self.blame(chunk, worker, &name, &fault);
                }
                // It goes out again after a pause: who fails at once would have all chunks go round and round.
                if attempt.is_some_and(|attempt| self.board.failed(chunk, worker, attempt, Instant::now())) {
                    self.last = Some(LastFault { worker: Some(name), chunk, fault: fault.to_string() });
                }
            }
        }
        self.count_waiting();
        Ok(())
    }

    /// Tells a fault. Of a worker that had too many in a row nothing more is told: a proof of it that verifies counts as ever, and all else is noise.
    fn blame(&mut self, chunk: u32, worker: WorkerId, name: &WorkerName, fault: &Fault) {
        let dismissed = !self.coordinator.trusts(worker);
        (self.observe)(Event::Faulty { chunk, worker, fault, dismissed });
        self.last = Some(LastFault { worker: Some(name.clone()), chunk, fault: fault.to_string() });
        if dismissed {
            tracing::warn!(
                worker = worker.0,
                %name,
                "a worker of the farm only costs time: take its credentials away, or look after its machine; until this batch is proven nothing more is said of it"
            );
        }
    }

    /// Tells that a worker lost a chunk.
    fn lost(&mut self, chunk: u32, worker: WorkerId) {
        let name = self.memory.people.name(worker).cloned();
        self.last = Some(LastFault { worker: name, chunk, fault: Fault::Lost.to_string() });
        (self.observe)(Event::Faulty { chunk, worker, fault: &Fault::Lost, dismissed: false });
    }

    /// Hears that a worker is at work.
    fn is_alive(&mut self, message: &Message) {
        let Some((place, name)) = self.farm.engine.names().place_of_worker(&message.subject) else { return };
        let Ok(FarmAlive { batch, chunk, attempt, stage, .. }) = FarmAlive::decode(&message.payload) else { return };
        if (batch, chunk) != (place.batch, place.chunk) || batch != self.batch.hash {
            return;
        }
        let worker = self.person(&name);
        match self.board.is_alive(chunk, worker, attempt, Instant::now()) {
            Word::Nothing => return,
            Word::Holds => {}
            Word::TookOver(had) => self.lost(chunk, had),
        }
        (self.observe)(Event::Stage { chunk, stage });
        self.count_waiting();
    }

    /// Looks for jobs of which nothing comes, puts out what is due, and tells whether anybody gets on.
    async fn look(&mut self, halls: &Halls) -> Result<(), FarmError> {
        let (now, patience) = (Instant::now(), self.farm.config.patience);
        for (chunk, worker) in self.board.silent(now) {
            self.lost(chunk, worker);
        }
        for (chunk, worker) in self.board.overdue(patience, now) {
            self.lost(chunk, worker);
        }
        let unheard = self.board.unheard(patience, now);
        // If workers have more jobs than they speak of, one of these may be held in silence; else all of them merely wait.
        let is_held = !unheard.is_empty() && queue(&halls.jobs).await?.at_work > self.board.held();
        for chunk in unheard {
            if is_held {
                self.put(halls, chunk).await?;
            } else {
                self.board.waits_on(chunk, now);
            }
        }
        for chunk in self.board.due(now) {
            self.put(halls, chunk).await?;
        }
        self.count_waiting();
        self.tell(now);
        Ok(())
    }

    /// Tells what keeps the batch from being proven.
    fn tell(&mut self, now: Instant) {
        let lease = self.farm.config.lease;
        let of_late = |leases: u32| {
            let heard = self.heard.iter();
            heard.filter(move |(_, heard)| now.saturating_duration_since(**heard) < lease.saturating_mul(leases))
        };
        let is_idle = self.board.held() == 0 && of_late(IDLE_LEASES).next().is_none();
        let is_nobody_left = of_late(LATE_LEASES).next().is_some()
            && of_late(LATE_LEASES).all(|(worker, _)| !self.coordinator.trusts(*worker));
        if is_idle && self.board.count() > 0 {
            self.memory.idle.holds(self.board.count());
        } else {
            self.memory.idle.is_over();
        }
        let failures = self.board.worst();
        match &self.last {
            Some(last) if failures.is_some() || is_nobody_left => {
                let (chunk, failures) = failures.unwrap_or((last.chunk, self.board.failures(last.chunk)));
                self.memory.stuck.holds(self.batch.index, chunk, failures, last);
            }
            _ => self.memory.stuck.is_over(),
        }
    }

    /// A worker's number, of which something was heard.
    fn person(&mut self, name: &WorkerName) -> WorkerId {
        let (worker, is_new) = self.memory.people.number(name);
        if self.has_caught_up {
            self.heard.insert(worker, Instant::now());
        }
        if is_new {
            tracing::info!(worker = worker.0, %name, "a worker of the farm is heard of for the first time");
            let seen = self.memory.people.count();
            self.farm.status.send_modify(|status| status.farm(|farm| farm.workers_seen = seen));
        }
        worker
    }

    fn count_waiting(&self) {
        let waiting = self.board.waiting() as u64;
        self.farm.status.send_modify(|status| status.farm(|farm| farm.jobs_waiting = waiting));
    }
}
