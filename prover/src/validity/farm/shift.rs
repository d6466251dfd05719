//! One batch's work in a farm, seen from its coordinator: puts out what is not proven yet, hears what comes back, puts out again what was no proof.
//!
//! Jobs, leases and results lie with the engine, so that nothing here need survive: a session begins with what the engine has, and so it does after an outage and in a new process.
//! Adversarial: whatever the engine hands out. What a job's lease does not settle, [`FarmConfig::patience`] does: a worker that holds a job for ever, or acknowledges it
//! and stays silent.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use alloy::primitives::{B256, keccak256};
use async_nats::Message;
use futures::StreamExt;
use tandem_circuits::groth16::{Assembly, ProvenBatch, VerifyingKeys};
use tandem_l1::Backoff;
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    crew::FarmConfig,
    engine::{Engine, Halls, purge, put, subjects},
    error::FarmError,
    keys::{FarmKeysError, share},
    message::{FarmAlive, FarmFailure, FarmJob, FarmResult},
    names::{Place, WorkerName, witness},
    people::People,
    reader::{Read, read_results},
    troubles::{EngineTrouble, IdleTrouble},
};
use crate::validity::{
    coordinator::{Coordinator, Fault, WorkerId},
    file::{BatchFile, BatchFileError},
    keys::ProvingKeys,
    pool::{Event, ProvingError},
    service::{crew::CrewError, status::Status, work::WorkError},
    worker::WorkFailed,
};

/// How often the connection, and jobs without word, are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// What is left behind is cleaned up for so long at most.
const CLEAN_MAX: Duration = Duration::from_secs(10);
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
    /// The engine.
    pub engine: &'a Engine,
    /// How long is waited.
    pub config: FarmConfig,
    /// The keys that judge proofs.
    pub keys: &'a VerifyingKeys,
    /// The proving keys that workers get, if they do.
    pub shared: Option<&'a ProvingKeys>,
    /// Hears the figures.
    pub status: &'a watch::Sender<Status>,
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
}

/// A job that is out.
#[derive(Clone, Copy, Debug)]
struct Out {
    /// How often it was put out before; not known of what another process put out.
    attempt: Option<u32>,
    since: Instant,
    /// Who has it, and since when, as far as was heard.
    taken: Option<(WorkerId, Instant)>,
    /// It was told that a worker lost it.
    is_lost: bool,
}

impl Out {
    fn new(attempt: Option<u32>) -> Self {
        Self { attempt, since: Instant::now(), taken: None, is_lost: false }
    }
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
    out: BTreeMap<u32, Out>,
    /// The result that is read next, by its place in the stream.
    next: u64,
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
        Self { farm, batch, coordinator, file, memory, observe, out: BTreeMap::new(), next: 1 }
    }

    /// Does it.
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
        self.farm.status.send_modify(|status| status.farm(|farm| farm.jobs_waiting = 0));
        // Whoever is away now finds what is left when the next batch begins.
        let _ = tokio::time::timeout(CLEAN_MAX, self.clean(missing == 0)).await;
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
        let listed = self.listed(&halls).await?;
        if halls.results.cached_info().state.last_sequence.saturating_add(1) < self.next {
            // The engine has lost its memory.
            self.next = 1;
        }
        let (tell, mut results) = mpsc::channel(READ_AHEAD);
        let reading = read_results(halls.results.clone(), names.results_of(self.batch.hash), self.next, tell);
        let _reader = AbortOnDropHandle::new(tokio::spawn(reading));
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_caught_up = false;
        while self.coordinator.missing() > 0 {
            tokio::select! {
                read = results.recv() => match read {
                    Some(Ok(Read::Result { sequence, subject, payload })) => {
                        self.next = sequence.saturating_add(1);
                        self.hear(&halls, &subject, &payload).await?;
                    }
                    Some(Ok(Read::CaughtUp)) => {
                        self.put_out(&halls, &listed).await?;
                        is_caught_up = true;
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
                        self.look(&halls).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The chunks whose jobs the engine has. Those of other batches are deleted: they are not wanted any more.
    async fn listed(&self, halls: &Halls) -> Result<BTreeSet<u32>, FarmError> {
        let names = self.farm.engine.names();
        let (mut own, mut others) = (BTreeSet::new(), BTreeSet::new());
        for subject in subjects(&halls.jobs, names.all_jobs()).await? {
            match names.place_of_job(&subject) {
                Some(Place { batch, chunk }) if batch == self.batch.hash => own.insert(chunk),
                Some(Place { batch, .. }) => others.insert(names.jobs_of(batch)),
                // Nobody of us put it there, and nobody takes it.
                None => others.insert(subject),
            };
        }
        if !others.is_empty() {
            tracing::info!(batches = others.len(), "deleting the farm's jobs of batches that are not wanted any more");
        }
        for subjects in others {
            purge(&halls.jobs, subjects).await?;
        }
        if own.is_empty() {
            self.farm.engine.empty_witnesses().await?;
        }
        Ok(own)
    }

    /// Puts out the jobs of all chunks without a proof, those apart that are out.
    async fn put_out(&mut self, halls: &Halls, listed: &BTreeSet<u32>) -> Result<(), FarmError> {
        let missing: Vec<u32> = self.coordinator.assembly().missing().collect();
        for chunk in missing {
            if listed.contains(&chunk) {
                self.out.entry(chunk).or_insert_with(|| Out::new(None));
            } else {
                self.put(halls, chunk).await?;
            }
        }
        self.count_waiting();
        Ok(())
    }

    /// Puts a job out, in the place of what is out of it.
    async fn put(&mut self, halls: &Halls, chunk: u32) -> Result<(), FarmError> {
        let Some(job) = self.coordinator.job(chunk) else { return Ok(()) };
        let (circuit, bytes) = (job.circuit(), job.encode());
        let Batch { config_hash, keys_hash, index: batch_index, hash: batch } = self.batch;
        let place = Place { batch, chunk };
        let (object, job_hash) = (witness(place), keccak256(&bytes));
        let attempt = self.out.get(&chunk).map_or(0, |out| out.attempt.unwrap_or_default().saturating_add(1));
        put(&halls.witnesses, &object, &bytes).await?;
        let subject = self.farm.engine.names().job(place);
        purge(&halls.jobs, subject.clone()).await?;
        let job = FarmJob { config_hash, keys_hash, batch_index, batch, chunk, circuit, object, job_hash, attempt };
        self.farm.engine.publish(subject, &self.farm.engine.unique(), job.encode()).await?;
        self.out.insert(chunk, Out::new(Some(attempt)));
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
        let (attempt, outcome) =
            said.map_or((None, Err(FarmFailure::Unknown)), |said| (Some(said.attempt), said.outcome));
        let (worker, out) = (self.person(&name), self.out.get(&chunk).copied());
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
                self.out.remove(&chunk);
                let began = out.map(|out| out.taken.map_or(out.since, |(_, began)| began));
                let (took, missing) =
                    (began.map_or(Duration::ZERO, |began| began.elapsed()), self.coordinator.missing());
                (self.observe)(Event::Proven { chunk, took, missing });
                self.count_waiting();
                // A copy that is still out would be proven for nothing.
                purge(&halls.jobs, self.farm.engine.names().job(place)).await?;
            }
            Err(fault) => {
                if was_trusted {
                    self.blame(chunk, worker, &name, &fault);
                }
                // Of an attempt before this one nothing follows: this one is out.
                let current = out.and_then(|out| out.attempt);
                let is_current = current.is_none() || attempt.is_none() || attempt == current;
                if is_current && out.is_some() {
                    self.put(halls, chunk).await?;
                    self.count_waiting();
                }
            }
        }
        Ok(())
    }

    /// Tells a fault. Of a worker that had too many in a row nothing more is told: a proof of it that verifies counts as ever, and all else is noise.
    fn blame(&mut self, chunk: u32, worker: WorkerId, name: &WorkerName, fault: &Fault) {
        let dismissed = !self.coordinator.trusts(worker);
        (self.observe)(Event::Faulty { chunk, worker, fault, dismissed });
        if dismissed {
            tracing::warn!(
                worker = worker.0,
                %name,
                "a worker of the farm only costs time: take its credentials away, or look after its machine; until this batch is proven nothing more is said of it"
            );
        }
    }

    /// Hears that a worker is at work.
    fn is_alive(&mut self, message: &Message) {
        let Some((place, name)) = self.farm.engine.names().place_of_worker(&message.subject) else { return };
        let Ok(FarmAlive { batch, chunk, attempt, stage, .. }) = FarmAlive::decode(&message.payload) else { return };
        if (batch, chunk) != (place.batch, place.chunk) || batch != self.batch.hash {
            return;
        }
        let worker = self.person(&name);
        let Some(out) = self.out.get_mut(&chunk) else { return };
        // Late word of a job that was put out anew.
        if *out.attempt.get_or_insert(attempt) != attempt {
            return;
        }
        let now = Instant::now();
        let (had, began) = *out.taken.get_or_insert((worker, now));
        out.taken = Some((worker, began));
        if had != worker && !out.is_lost {
            out.is_lost = true;
            (self.observe)(Event::Faulty { chunk, worker: had, fault: &Fault::Lost, dismissed: false });
        }
        (self.observe)(Event::Stage { chunk, stage });
        self.count_waiting();
    }

    /// Looks for jobs of which nothing comes, and whether anybody is at work at all.
    async fn look(&mut self, halls: &Halls) -> Result<(), FarmError> {
        let is_idle = !self.out.is_empty() && self.out.values().all(|out| out.taken.is_none());
        if is_idle {
            self.memory.idle.holds(self.out.len());
        } else {
            self.memory.idle.is_over();
        }
        let patience = self.farm.config.patience;
        let is_overdue = |out: &Out| out.taken.map_or(out.since, |(_, began)| began).elapsed() >= patience;
        let overdue: Vec<(u32, Out)> = self.out.iter().map(|(chunk, out)| (*chunk, *out)).collect();
        for (chunk, out) in overdue.into_iter().filter(|(_, out)| is_overdue(out)) {
            if let Some((worker, _)) = out.taken {
                (self.observe)(Event::Faulty { chunk, worker, fault: &Fault::Lost, dismissed: false });
            }
            self.put(halls, chunk).await?;
        }
        Ok(())
    }

    /// A worker's number.
    fn person(&mut self, name: &WorkerName) -> WorkerId {
        let (worker, is_new) = self.memory.people.number(name);
        if is_new {
            tracing::info!(worker = worker.0, %name, "a worker of the farm is heard of for the first time");
            let seen = self.memory.people.count();
            self.farm.status.send_modify(|status| status.farm(|farm| farm.workers_seen = seen));
        }
        worker
    }

    fn count_waiting(&self) {
        let waiting = self.out.values().filter(|out| out.taken.is_none()).count() as u64;
        self.farm.status.send_modify(|status| status.farm(|farm| farm.jobs_waiting = waiting));
    }

    /// Deletes what the engine has of the batch; its results only if it is proven, since a batch that is not wanted may be wanted again.
    async fn clean(&self, is_proven: bool) -> Result<(), FarmError> {
        let halls = self.farm.engine.make(self.farm.config.lease).await?;
        let (names, batch) = (self.farm.engine.names(), self.batch.hash);
        purge(&halls.jobs, names.jobs_of(batch)).await?;
        self.farm.engine.empty_witnesses().await?;
        if is_proven {
            purge(&halls.results, names.results_of(batch)).await?;
        }
        Ok(())
    }
}
