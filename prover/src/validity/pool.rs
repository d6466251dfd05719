//! Runs workers in this process, each on a thread of its own, until a batch is proven.
//!
//! The coordinator belongs to the thread that calls [`prove`]; workers talk to it through one bounded channel and get jobs through one each. A worker that hangs is
//! left alone and its job goes to another; one that panics is gone.

use std::{
    io,
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use tandem_circuits::groth16::{AssemblyError, ProvenBatch, Stage};
use tokio_util::sync::CancellationToken;

use super::{
    coordinator::{Assignment, Coordinator, Fault, WorkerId},
    file::{BatchFile, BatchFileError},
    worker::{WorkFailed, Worker},
};

/// How often the end that was asked for, and leases, are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Time between two mentions of a standstill.
const REMIND: Duration = Duration::from_secs(60);
/// What workers can say before anybody listens.
const SAID_MAX: usize = 64;

/// What happens while a batch is proven.
#[derive(Debug)]
pub enum Event<'a> {
    /// A worker begins a stage of a chunk's proof.
    Stage {
        /// Number of the chunk.
        chunk: u32,
        /// The stage that begins.
        stage: Stage,
    },
    /// A chunk is proven, and the proof on disk.
    Proven {
        /// Number of the chunk.
        chunk: u32,
        /// How long its worker had it.
        took: Duration,
        /// Chunks that have no proof yet.
        missing: usize,
    },
    /// A worker failed; its job goes out again.
    Faulty {
        /// Number of the chunk.
        chunk: u32,
        /// The worker that it is about.
        worker: WorkerId,
        /// What it did.
        fault: &'a Fault,
        /// Whether it gets nothing more.
        dismissed: bool,
    },
    /// Nothing moves: the chunk's worker is not heard of, and no other is free to take it. Said again while it lasts.
    Standstill {
        /// Number of the chunk.
        chunk: u32,
        /// The worker that has it.
        worker: WorkerId,
    },
}

/// Why a batch is not proven. The proofs so far are on disk.
#[derive(Debug, thiserror::Error)]
pub enum ProvingError {
    /// No worker is left.
    #[error(
        "{missing} chunks are not proven and no worker is left{}",
        .last.as_ref().map_or(String::new(), |(worker, fault)| format!("; {worker}, the last: {fault}"))
    )]
    NoWorkers {
        /// Chunks without a proof.
        missing: usize,
        /// The last worker, and why it gets nothing more.
        last: Option<(WorkerId, Fault)>,
    },
    /// The end was asked for.
    #[error("ended before {missing} chunks were proven; the proofs so far are kept")]
    Cancelled {
        /// Chunks without a proof.
        missing: usize,
    },
    /// A proof cannot be kept.
    #[error(transparent)]
    File(#[from] BatchFileError),
    /// A worker's thread cannot be started.
    #[error("a worker cannot be started: {0}")]
    Thread(#[source] io::Error),
    /// The batch is not whole.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
}

/// What a worker's thread says.
enum Said {
    /// A stage of its chunk begins.
    Stage(WorkerId, u32, Stage),
    /// It has nothing to do any more.
    Done(WorkerId, u32, Result<Vec<u8>, WorkFailed>),
    /// The worker ended by itself.
    Gone(WorkerId),
}

/// Proves what the coordinator's batch lacks; `observe` hears what happens. Blocks until it is done.
///
/// # Errors
/// If no worker is left, the disk fails, or `token` is cancelled. Whatever was proven until then is in the file.
pub fn prove(
    mut coordinator: Coordinator,
    file: &BatchFile,
    workers: Vec<Box<dyn Worker>>,
    token: &CancellationToken,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<ProvenBatch, ProvingError> {
    file.store(coordinator.assembly())?;
    let (say, said) = mpsc::sync_channel(SAID_MAX);
    let mut crew = Vec::new();
    for (number, worker) in (0..).zip(workers) {
        crew.push(Hand::start(WorkerId(number), worker, say.clone())?);
    }
    drop(say);
    let mut shift = Shift { coordinator: &mut coordinator, file, crew, last: None, reminded: None };
    shift.run(&said, token, observe)?;
    Ok(coordinator.into_assembly().finish()?)
}

/// A worker's thread, as the coordinator sees it.
struct Hand {
    id: WorkerId,
    jobs: SyncSender<(u32, Vec<u8>)>,
    /// What it has, and since when.
    at_work: Option<(u32, Instant)>,
    is_gone: bool,
}

impl Hand {
    fn start(id: WorkerId, worker: Box<dyn Worker>, say: SyncSender<Said>) -> Result<Self, ProvingError> {
        let (jobs, queue) = mpsc::sync_channel(1);
        let run = move || work(id, worker, &queue, say);
        thread::Builder::new().name(format!("prover-{}", id.0)).spawn(run).map_err(ProvingError::Thread)?;
        Ok(Self { id, jobs, at_work: None, is_gone: false })
    }
}

/// What a worker's thread does until nobody gives it jobs any more.
fn work(id: WorkerId, mut worker: Box<dyn Worker>, queue: &Receiver<(u32, Vec<u8>)>, say: SyncSender<Said>) {
    /// Says so however the thread ends.
    struct Farewell(WorkerId, SyncSender<Said>);
    impl Drop for Farewell {
        fn drop(&mut self) {
            // Without a listener there is nobody to whom it matters.
            let _ = self.1.send(Said::Gone(self.0));
        }
    }
    let farewell = Farewell(id, say.clone());
    while let Ok((chunk, job)) = queue.recv() {
        let mut alive = |stage| drop(say.send(Said::Stage(id, chunk, stage)));
        let returned = worker.prove(&job, &mut alive);
        if say.send(Said::Done(id, chunk, returned)).is_err() {
            break;
        }
    }
    drop(farewell);
}

/// One batch's work.
struct Shift<'a> {
    coordinator: &'a mut Coordinator,
    file: &'a BatchFile,
    crew: Vec<Hand>,
    /// The last fault.
    last: Option<(WorkerId, Fault)>,
    /// When a standstill was last told.
    reminded: Option<Instant>,
}

impl Shift<'_> {
    fn run(
        &mut self,
        said: &Receiver<Said>,
        token: &CancellationToken,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), ProvingError> {
        while self.coordinator.missing() > 0 {
            self.assign(observe);
            let missing = self.coordinator.missing();
            if !self.crew.iter().any(|hand| !hand.is_gone && self.coordinator.trusts(hand.id)) {
                return Err(ProvingError::NoWorkers { missing, last: self.last.take() });
            }
            if token.is_cancelled() {
                return Err(ProvingError::Cancelled { missing });
            }
            match said.recv_timeout(LOOK) {
                Ok(said) => self.hear(said, observe)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(ProvingError::NoWorkers { missing, last: self.last.take() });
                }
            }
        }
        Ok(())
    }

    /// Gives every worker that has nothing to do a job, as far as there are any.
    fn assign(&mut self, observe: &mut dyn FnMut(Event<'_>)) {
        let now = Instant::now();
        for at in 0..self.crew.len() {
            let Some(hand) = self.crew.get_mut(at).filter(|hand| hand.at_work.is_none() && !hand.is_gone) else {
                continue;
            };
            let Some(Assignment { chunk, job, lost_by }) = self.coordinator.assign(hand.id, now) else { continue };
            hand.at_work = Some((chunk, now));
            // A thread that has just ended says so, and the job goes out again.
            let _ = hand.jobs.try_send((chunk, job));
            if let Some(worker) = lost_by {
                self.blame(chunk, worker, Fault::Lost, observe);
            }
        }
        if let Some((chunk, worker)) = self.coordinator.lost(now)
            && self.reminded.is_none_or(|at| now.saturating_duration_since(at) >= REMIND)
        {
            self.reminded = Some(now);
            observe(Event::Standstill { chunk, worker });
        }
    }

    fn hear(&mut self, said: Said, observe: &mut dyn FnMut(Event<'_>)) -> Result<(), ProvingError> {
        match said {
            Said::Stage(worker, chunk, stage) => {
                self.coordinator.is_alive(worker, chunk, Instant::now());
                observe(Event::Stage { chunk, stage });
            }
            Said::Done(worker, chunk, returned) => {
                let began = self.hand(worker).and_then(|hand| hand.at_work.take());
                match self.coordinator.deliver(worker, chunk, returned) {
                    Ok(true) => {
                        self.file.store(self.coordinator.assembly())?;
                        self.reminded = None;
                        let took = began.map_or(Duration::ZERO, |(_, began)| began.elapsed());
                        observe(Event::Proven { chunk, took, missing: self.coordinator.missing() });
                    }
                    Ok(false) => {}
                    Err(fault) => self.blame(chunk, worker, fault, observe),
                }
            }
            Said::Gone(worker) => {
                let had = self.hand(worker).and_then(|hand| {
                    hand.is_gone = true;
                    hand.at_work.take()
                });
                self.coordinator.gone(worker);
                if let Some((chunk, _)) = had {
                    self.blame(chunk, worker, Fault::Ended, observe);
                }
            }
        }
        Ok(())
    }

    fn hand(&mut self, worker: WorkerId) -> Option<&mut Hand> {
        self.crew.iter_mut().find(|hand| hand.id == worker)
    }

    /// Tells a fault, and keeps what can be kept of it for the end.
    fn blame(&mut self, chunk: u32, worker: WorkerId, fault: Fault, observe: &mut dyn FnMut(Event<'_>)) {
        let dismissed = !self.coordinator.trusts(worker);
        observe(Event::Faulty { chunk, worker, fault: &fault, dismissed });
        self.last = Some((worker, fault));
    }
}
