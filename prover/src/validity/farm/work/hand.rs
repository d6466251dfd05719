//! One hand of a worker process: takes a job, proves it, brings the proof, and only then acknowledges the job.
//!
//! ```text
//! pull a job -> keys -> its witness -> prove, saying so all the while -> result stored -> job acknowledged
//!     ^                                                                                     |
//!     '-- killed anywhere in between: the lease ends, and the job goes to another ----------'
//! ```
//!
//! Adversarial: jobs and their witnesses. A job that is none is answered with a failure; nothing in it panics, and what a proof panics of is caught. What is wrong with this
//! machine is no failure of a job, which goes back for others: without keys, memory or disk a hand rests, ever longer, before it takes another.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use alloy::primitives::{B256, keccak256};
use async_nats::jetstream::{self, AckKind, consumer::PullConsumer};
use futures::StreamExt;
use tandem_circuits::groth16::{JOB_BYTES_MAX, ProveError, Prover, ProverConfig, Stage};
use tandem_l1::Backoff;
use tandem_service::Readiness;
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::status::WorkStatus;
use crate::validity::{
    farm::{
        engine::{Engine, Halls},
        error::FarmError,
        keys::{FarmKeysError, KeyShelf},
        message::{FarmAlive, FarmFailure, FarmJob, FarmResult},
        names::{Place, WorkerName, witness},
        objects::get,
        troubles::{EngineTrouble, KeysTrouble, MachineTrouble},
    },
    local::LocalWorker,
    worker::{WorkFailed, Worker},
};

/// How long a question for a job waits at the engine.
const ASK: Duration = Duration::from_secs(3);
/// A proof of which no stage ends for so long is not vouched for any more: its lease ends.
const STAGE_MAX: Duration = Duration::from_secs(900);
/// A job that cannot be proven here goes to whoever asks after this, once it was given back.
const BACK_PAUSE: Duration = Duration::from_secs(5);
/// So long a hand rests after a job that it gave back, and twice as long after each further one.
const REST_FIRST: Duration = Duration::from_secs(5);
/// The longest of these rests.
const REST_MAX: Duration = Duration::from_secs(60);
/// A lease is never kept more often than this.
const BEAT_MIN: Duration = Duration::from_millis(100);
/// A proof that cannot be brought for so long is dropped: its job goes to another.
const BRING_MAX: Duration = Duration::from_secs(1_800);
/// Stages that are told before anybody listens.
const STAGES_MAX: usize = 16;

/// What all hands of a process share.
#[derive(Clone, Debug)]
pub struct Shop {
    /// The engine that jobs come from.
    pub engine: Engine,
    /// The chain, by the hash of its configuration.
    pub config_hash: B256,
    /// The process's name.
    pub name: WorkerName,
    /// The proving keys that all hands share.
    pub shelf: Arc<KeyShelf>,
    /// Limits of each hand.
    pub prover: ProverConfig,
    /// Hears what happens.
    pub status: watch::Sender<WorkStatus>,
    /// What keeps it from working. A lock, since all hands meet the same trouble, and it is told once.
    pub troubles: Arc<Mutex<Troubles>>,
}

/// What may keep a worker process from working.
#[derive(Debug)]
pub struct Troubles {
    engine: EngineTrouble,
    keys: KeysTrouble,
    machine: MachineTrouble,
}

impl Troubles {
    /// Without any trouble yet.
    pub fn new(readiness: &Readiness) -> Self {
        let machine = MachineTrouble::new(readiness);
        Self { engine: EngineTrouble::new(readiness), keys: KeysTrouble::new(readiness), machine }
    }
}

impl Shop {
    /// Keeps a job's lease, and says what stage the proof is at once it is at one. Word that is not heard costs at most the lease, and the next word follows.
    async fn keep(&self, message: &jetstream::Message, place: Place, attempt: u32, stage: Stage) {
        let worker = self.name.as_str().to_owned();
        let alive = FarmAlive { batch: place.batch, chunk: place.chunk, attempt, worker, stage };
        let _ = self.engine.say(self.engine.names().alive(place, &self.name), alive.encode()).await;
        let _ = message.ack_with(AckKind::Progress).await;
    }

    fn troubles(&self) -> MutexGuard<'_, Troubles> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hand: one proof at a time.
#[derive(Debug)]
pub struct Hand {
    shop: Shop,
    /// With the keys of a set. Absent while it proves, and after a panic.
    worker: Option<(B256, LocalWorker)>,
    /// How long it rests after a job that it could not begin.
    rest: Backoff,
}

/// What becomes of a job.
enum Done {
    /// A result is to be stored.
    Result(Result<Vec<u8>, FarmFailure>),
    /// It goes back at once, since the process ends.
    Ended,
    /// It goes back, since it cannot be proven here.
    Back,
}

/// Why a job is not at work here.
enum Obstacle {
    /// There is no result, for this reason.
    Failure(FarmFailure),
    /// There are no keys.
    Keys(FarmKeysError),
    /// This machine cannot prove it.
    Machine(WorkFailed),
    /// The engine is away.
    Farm(FarmError),
}

impl Hand {
    /// A hand without work.
    pub fn new(shop: Shop) -> Self {
        Self { shop, worker: None, rest: Backoff::new(REST_FIRST, REST_MAX) }
    }

    /// Works until `token` is cancelled; what is at work then goes back at once.
    pub async fn run(mut self, token: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        while !token.is_cancelled() {
            let Err(error) = self.session(&token, &mut backoff).await else { break };
            self.shop.troubles().engine.holds(&self.shop.engine, &error);
            tokio::select! {
                () = token.cancelled() => {}
                () = tokio::time::sleep(backoff.delay()) => {}
            }
        }
    }

    /// Does jobs for as long as the engine works.
    async fn session(&mut self, token: &CancellationToken, backoff: &mut Backoff) -> Result<(), FarmError> {
        let (halls, jobs) = self.shop.engine.find().await?;
        loop {
            if !self.shop.engine.is_connected() {
                return Err(FarmError::Away);
            }
            let job = tokio::select! {
                () = token.cancelled() => return Ok(()),
                job = next(&jobs) => job?,
            };
            let mut is_back = false;
            if let Some(job) = job {
                self.shop.status.send_modify(|status| status.at_work = status.at_work.saturating_add(1));
                let is_done = self.serve(&halls, &jobs, &job, token).await;
                self.shop.status.send_modify(|status| status.at_work = status.at_work.saturating_sub(1));
                is_back = !is_done?;
            }
            // Only now, since an engine that hands out jobs and not what belongs to them does not work.
            self.shop.troubles().engine.is_over();
            backoff.reset();
            if is_back {
                // Others get the jobs meanwhile that would come here only to go back.
                tokio::select! {
                    () = token.cancelled() => {}
                    () = tokio::time::sleep(self.rest.delay()) => {}
                }
            }
        }
    }

    /// Does a job, and keeps its lease meanwhile; false if it went back.
    async fn serve(
        &mut self,
        halls: &Halls,
        jobs: &PullConsumer,
        message: &jetstream::Message,
        token: &CancellationToken,
    ) -> Result<bool, FarmError> {
        // The subject is the engine's word, so that even a job that cannot be read has its place.
        let Some((place, attempt)) = self.shop.engine.names().place_of_job(&message.subject) else {
            return acknowledge(message, AckKind::Term).await.map(|()| true);
        };
        let named = (self.shop.config_hash, place.batch, place.chunk, attempt);
        let job = FarmJob::decode(&message.payload)
            .ok()
            .filter(|job| (job.config_hash, job.batch, job.chunk, job.attempt) == named);
        let shop = self.shop.clone();
        // The engine's may be another since it was asked, and the job's since it was put out.
        let known = jobs.cached_info().config.ack_wait;
        let lease = job.as_ref().map_or(known, |job| job.lease.min(known));
        let (tell, mut stages) = mpsc::channel(STAGES_MAX);
        let done = {
            let work = self.work(halls, job, tell);
            tokio::pin!(work);
            let mut beat = interval((lease / 3).max(BEAT_MIN));
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // Whoever fetches keys or the witness has the job as well.
            let (mut last, mut at) = (Instant::now(), Stage::Witness);
            loop {
                tokio::select! {
                    () = token.cancelled() => break Ok(Done::Ended),
                    done = &mut work => break done,
                    Some(stage) = stages.recv() => {
                        (last, at) = (Instant::now(), stage);
                        shop.keep(message, place, attempt, at).await;
                    }
                    _ = beat.tick() => if last.elapsed() < STAGE_MAX {
                        shop.keep(message, place, attempt, at).await;
                    },
                }
            }
        };
        let pause = match done {
            Ok(Done::Result(outcome)) => {
                self.rest.reset();
                return self.bring(message, place, attempt, outcome, token).await.map(|()| true);
            }
            Ok(Done::Back) => Some(BACK_PAUSE),
            Ok(Done::Ended) => None,
            Err(error) => {
                // What the engine does not give to this worker it may give to another; if it is away, the lease ends.
                let _ = message.ack_with(AckKind::Nak(Some(BACK_PAUSE))).await;
                return Err(error);
            }
        };
        shop.status.send_modify(|status| status.returned = status.returned.saturating_add(1));
        let _ = message.ack_with(AckKind::Nak(pause)).await;
        shop.engine.flush().await.map(|()| false)
    }

    /// What becomes of a job; none if it is no job.
    async fn work(
        &mut self,
        halls: &Halls,
        job: Option<FarmJob>,
        tell: mpsc::Sender<Stage>,
    ) -> Result<Done, FarmError> {
        let proven = match job {
            Some(job) => self.prove(halls, &job, tell).await,
            None => Err(Obstacle::Failure(FarmFailure::Job)),
        };
        match proven {
            Ok(proof) => Ok(Done::Result(Ok(proof))),
            Err(Obstacle::Failure(failure)) => Ok(Done::Result(Err(failure))),
            Err(Obstacle::Farm(error)) => Err(error),
            // Also if the engine broke off what it gave of a key: that is begun anew, may be long, and takes a rest like everything else.
            Err(Obstacle::Keys(error)) => {
                self.shop.troubles().keys.holds(&error);
                Ok(Done::Back)
            }
            Err(Obstacle::Machine(error)) => {
                self.shop.troubles().machine.holds(&error);
                Ok(Done::Back)
            }
        }
    }

    async fn prove(&mut self, halls: &Halls, job: &FarmJob, tell: mpsc::Sender<Stage>) -> Result<Vec<u8>, Obstacle> {
        // Those of another set go first: two sets at once may be more than there is memory for.
        self.worker.take_if(|(hash, _)| *hash != job.keys_hash);
        // Before the witness, since they are this machine's own: without them it takes nobody's time.
        let keys = self.shop.shelf.keys(&halls.keys, job.keys_hash).await.map_err(Obstacle::Keys)?;
        self.shop.troubles().keys.is_over();
        // The name follows from the place; what the job says of it is not asked for.
        let name = witness(Place { batch: job.batch, chunk: job.chunk });
        let bytes = get(&halls.witnesses, &name, JOB_BYTES_MAX).await.map_err(Obstacle::Farm)?;
        let bytes = bytes.filter(|bytes| job.object == name && keccak256(bytes) == job.job_hash);
        let bytes = bytes.ok_or(Obstacle::Failure(FarmFailure::Witness))?;
        let (ready, config) = (self.worker.take(), self.shop.prover);
        let keys_hash = job.keys_hash;
        let prove = move || {
            let mut worker = match ready {
                Some((hash, worker)) if hash == keys_hash => worker,
                _ => LocalWorker::new(Prover::new(config).map_err(WorkFailed::Prove)?, keys),
            };
            // Who is behind with listening hears of the next stage.
            let mut alive = |stage| {
                let _ = tell.try_send(stage);
            };
            let proven = worker.prove(&bytes, &mut alive);
            proven.map(|proof| (worker, proof))
        };
        let (worker, proof) = match tokio::task::spawn_blocking(prove).await {
            Ok(Ok(proven)) => proven,
            Ok(Err(error)) if is_of_machine(&error) => return Err(Obstacle::Machine(error)),
            Ok(Err(error)) => {
                tracing::warn!(batch = job.batch_index, chunk = job.chunk, %error, "a job of the farm cannot be proven");
                let is_job = matches!(error, WorkFailed::Job(_));
                return Err(Obstacle::Failure(if is_job { FarmFailure::Job } else { FarmFailure::Prove }));
            }
            Err(error) => {
                tracing::warn!(batch = job.batch_index, chunk = job.chunk, %error, "a job of the farm cannot be proven");
                return Err(Obstacle::Failure(FarmFailure::Panic));
            }
        };
        self.worker = Some((keys_hash, worker));
        self.shop.troubles().machine.is_over();
        Ok(proof)
    }

    /// Has the engine store a result, then acknowledges its job. In this order, so that no kill loses both.
    async fn bring(
        &self,
        message: &jetstream::Message,
        place: Place,
        attempt: u32,
        outcome: Result<Vec<u8>, FarmFailure>,
        token: &CancellationToken,
    ) -> Result<(), FarmError> {
        let shop = &self.shop;
        let is_proven = outcome.is_ok();
        let (config_hash, worker) = (shop.config_hash, shop.name.as_str().to_owned());
        let Place { batch, chunk } = place;
        let result = FarmResult { config_hash, batch, chunk, attempt, worker, outcome }.encode();
        let (id, start) = (shop.engine.unique(), Instant::now());
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            let subject = shop.engine.names().result(place, &shop.name);
            let Err(error) = shop.engine.publish(subject, &id, result.clone()).await else { break };
            shop.troubles().engine.holds(&shop.engine, &error);
            // What the engine hears of it, it hears when it is back: the job is still at work here.
            let _ = message.ack_with(AckKind::Progress).await;
            if token.is_cancelled() || start.elapsed() > BRING_MAX {
                return Err(error);
            }
            tokio::select! {
                () = token.cancelled() => {}
                () = tokio::time::sleep(backoff.delay()) => {}
            }
        }
        shop.troubles().engine.is_over();
        shop.status.send_modify(|status| {
            let count = if is_proven { &mut status.proven } else { &mut status.failed };
            *count = count.saturating_add(1);
        });
        tracing::info!(chunk, is_proven, "a job of the farm is done");
        // If the engine does not hear it, another proves the same again: a second proof changes nothing.
        acknowledge(message, AckKind::Ack).await
    }
}

/// Whether it is for lack of memory, threads or a key that there is no proof: another machine may have them.
fn is_of_machine(error: &WorkFailed) -> bool {
    matches!(error, WorkFailed::NoKey(_) | WorkFailed::Prove(ProveError::Memory { .. } | ProveError::Threads(_)))
}

/// A job, if there is one within a while.
async fn next(jobs: &PullConsumer) -> Result<Option<jetstream::Message>, FarmError> {
    let doing = "asking for a job";
    let mut asked = jobs.batch().max_messages(1).expires(ASK).messages().await.map_err(FarmError::engine(doing))?;
    asked.next().await.transpose().map_err(FarmError::engine(doing))
}

/// Has the engine confirm that it heard what becomes of a job.
async fn acknowledge(message: &jetstream::Message, kind: AckKind) -> Result<(), FarmError> {
    message.double_ack_with(kind).await.map_err(FarmError::engine("acknowledging a job"))
}
