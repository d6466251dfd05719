//! What is computed of runs, and what is being computed: nothing that the strategy asks waits for it.
//!
//! Every job is a task of its own; what it found is taken in at the next look. Contested epochs come first; those that may be contested are
//! computed ahead, one at a time, oldest first.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::{B256, Bytes};
use tandem_chain::OutputFields;
use tandem_dispute::{
    Ending,
    strategy::{Knowledge, Need, Shown},
};
use tandem_evm::Evm;
use tandem_trace::{Halt, MachineTrace, Program, Store, Trace, TraceError};
use tandem_vm::{Commitment, Image, State};
use tokio::{sync::Semaphore, task::JoinSet};

use super::epoch::{EpochError, EpochName, EpochReader};

/// After a failure, until the next try.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// Why an epoch cannot be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unplayable {
    /// Something is missing, or failed; it is tried again.
    Failed(String),
    /// The machine comes to something else than native execution: one of the two is wrong, and nobody may stake on either.
    Disagree {
        /// Hash of the native output.
        native: B256,
        /// The machine's; none if it trapped or did not halt.
        machine: Option<B256>,
    },
}

/// A job of an epoch's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Job {
    Prepare,
    Compute(Need),
}

enum Found {
    Prepared(Arc<dyn Trace>, OutputFields),
    Outer(Arc<Commitment>, B256, Bytes),
    Inner(u64, Arc<Commitment>, B256),
    Step((u64, u64), Bytes, B256),
}

/// What is known of an epoch's run.
#[derive(Default)]
pub struct EpochRun {
    trace: Option<Arc<dyn Trace>>,
    native: Option<OutputFields>,
    outer: Option<(Shown<Arc<Commitment>>, Ending)>,
    last_state: Bytes,
    inner: BTreeMap<u64, Shown<Arc<Commitment>>>,
    steps: BTreeMap<(u64, u64), (Bytes, B256)>,
    running: BTreeSet<Job>,
    failed: Option<(Instant, String)>,
    disagrees: Option<Unplayable>,
}

impl EpochRun {
    /// Hash of the state before the first step.
    pub fn start(&self) -> Option<B256> {
        self.trace.as_ref().map(|trace| trace.start())
    }

    /// The packed last state, once the commitment of level 0 is known.
    pub fn last_state(&self) -> Bytes {
        self.last_state.clone()
    }

    /// The witness of a step, once it is known.
    pub fn witness(&self, stride: u64, step: u64) -> Bytes {
        self.steps.get(&(stride, step)).map(|(witness, _)| witness.clone()).unwrap_or_default()
    }

    /// Why it cannot be played, if so.
    pub fn unplayable(&self) -> Option<Unplayable> {
        let failed = self.failed.as_ref().map(|(_, reason)| Unplayable::Failed(reason.clone()));
        self.disagrees.clone().or(failed)
    }

    fn has(&self, need: Need) -> bool {
        match need {
            Need::Outer => self.outer.is_some(),
            Need::Inner { stride } => self.inner.contains_key(&stride),
            Need::Step { stride, step } => self.steps.contains_key(&(stride, step)),
        }
    }

    /// Whether something is being computed.
    pub fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    fn take(&mut self, found: Found) {
        self.failed = None;
        match found {
            Found::Prepared(trace, native) => (self.trace, self.native) = (Some(trace), Some(native)),
            Found::Outer(tree, root, last_state) => {
                let state = last_state.as_ref().try_into().ok().and_then(|packed| State::unpack(packed).ok());
                let machine = state.and_then(|state| state.result());
                let native = self.native.map(|output| output.hash()).unwrap_or_default();
                if machine != Some(native) {
                    self.disagrees = Some(Unplayable::Disagree { native, machine });
                }
                self.outer = Some((Shown { root, tree }, Ending::Output(native)));
                self.last_state = last_state;
            }
            Found::Inner(stride, tree, root) => _ = self.inner.insert(stride, Shown { root, tree }),
            Found::Step(at, witness, successor) => _ = self.steps.insert(at, (witness, successor)),
        }
    }
}

impl Knowledge for EpochRun {
    type Tree = Arc<Commitment>;

    fn outer(&self) -> Option<(Shown<Arc<Commitment>>, Ending)> {
        self.outer.clone()
    }

    fn inner(&self, stride: u64) -> Option<Shown<Arc<Commitment>>> {
        self.inner.get(&stride).cloned()
    }

    fn successor(&self, stride: u64, step: u64) -> Option<B256> {
        self.steps.get(&(stride, step)).map(|(_, successor)| *successor)
    }
}

/// Everything that this process computes.
pub struct Library {
    epochs: EpochReader,
    guest: Arc<Image>,
    store: Store,
    threads: usize,
    halt: Halt,
    runs: BTreeMap<EpochName, EpochRun>,
    jobs: JoinSet<(EpochName, Job, Result<Found, String>)>,
    /// So many jobs of contested epochs compute at once.
    cores: Arc<Semaphore>,
    ahead: Option<EpochName>,
    forgotten_before: u64,
}

impl Library {
    pub(super) fn new(epochs: EpochReader, guest: Image, store: Store, threads: usize) -> Self {
        Self {
            epochs,
            guest: Arc::new(guest),
            store,
            threads,
            halt: Halt::default(),
            runs: BTreeMap::new(),
            jobs: JoinSet::new(),
            cores: Arc::new(Semaphore::new(threads.max(1))),
            ahead: None,
            forgotten_before: 0,
        }
    }

    /// Root of the guest's memory: what entries name their program by.
    pub fn guest_hash(&self) -> B256 {
        self.guest.memory_root()
    }

    /// What is known of an epoch.
    pub fn run(&mut self, name: EpochName) -> &EpochRun {
        self.runs.entry(name).or_default()
    }

    /// Takes in what was found since the last look.
    pub fn collect(&mut self) {
        while let Some(ended) = self.jobs.try_join_next() {
            // A panic is a bug, and told by whoever panics; its job stays marked as running and is not repeated.
            let Ok((name, job, result)) = ended else { continue };
            let run = self.runs.entry(name).or_default();
            run.running.remove(&job);
            match result {
                Ok(found) => run.take(found),
                Err(reason) => run.failed = Some((Instant::now(), reason)),
            }
        }
    }

    /// Begins what a contested epoch needs, unless it is under way.
    pub fn need(&mut self, name: EpochName, needs: impl IntoIterator<Item = Need>) {
        let run = self.runs.entry(name).or_default();
        if run.failed.as_ref().is_some_and(|(at, _)| at.elapsed() < RETRY_AFTER) || run.disagrees.is_some() {
            return;
        }
        let jobs: Vec<Job> = match run.trace {
            None => vec![Job::Prepare],
            Some(_) => needs.into_iter().filter(|need| !run.has(*need)).map(Job::Compute).collect(),
        };
        for job in jobs {
            self.begin(name, job);
        }
    }

    /// Computes the commitment of level 0 of the first of these epochs that has none, if nothing else is computed ahead.
    pub fn compute_ahead(&mut self, pending: impl IntoIterator<Item = EpochName>) {
        if let Some(name) = self.ahead
            && self.runs.get(&name).is_some_and(|run| run.outer.is_none() && (run.is_busy() || run.trace.is_some()))
        {
            self.need(name, [Need::Outer]);
            return;
        }
        let missing = |name: &EpochName| {
            let run = self.runs.get(name);
            run.is_none_or(|run| {
                run.outer.is_none() && run.failed.as_ref().is_none_or(|(at, _)| at.elapsed() >= RETRY_AFTER)
            })
        };
        self.ahead = pending.into_iter().find(missing);
        if let Some(name) = self.ahead {
            self.need(name, [Need::Outer]);
        }
    }

    /// Forgets epochs that are final, and what this or an earlier process left on disk of them.
    pub fn forget_before(&mut self, epoch: u64) {
        if self.forgotten_before >= epoch {
            return;
        }
        self.forgotten_before = epoch;
        self.runs.retain(|name, _| name.epoch >= epoch);
        if let Err(error) = self.store.forget_before(epoch) {
            tracing::debug!(epoch, %error, "what was computed of final epochs is still on disk");
        }
    }

    /// Ends every job soon.
    pub fn halt(&self) {
        self.halt.halt();
    }

    fn begin(&mut self, name: EpochName, job: Job) {
        let run = self.runs.entry(name).or_default();
        if !run.running.insert(job) {
            return;
        }
        tracing::debug!(epoch = name.epoch, ?job, "computing for a dispute");
        match (job, run.trace.clone()) {
            (Job::Prepare, _) => {
                let (epochs, guest, store) = (self.epochs.clone(), self.guest.clone(), self.store.clone());
                let (threads, halt) = (self.threads, self.halt.clone());
                self.jobs.spawn(async move {
                    let prepared = prepare(epochs, guest, store, threads, halt, name).await;
                    (name, job, prepared)
                });
            }
            (Job::Compute(need), Some(trace)) => {
                let cores = self.cores.clone();
                self.jobs.spawn(async move {
                    // Never closed: it lives as long as the library.
                    let _core = cores.acquire().await;
                    let computing = tokio::task::spawn_blocking(move || compute(&*trace, need));
                    let found = match computing.await {
                        Ok(found) => found.map_err(|error| error.to_string()),
                        Err(error) => Err(error.to_string()),
                    };
                    (name, job, found)
                });
            }
            (Job::Compute(_), None) => _ = run.running.remove(&job),
        }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.halt();
    }
}

async fn prepare(
    epochs: EpochReader,
    guest: Arc<Image>,
    store: Store,
    threads: usize,
    halt: Halt,
    name: EpochName,
) -> Result<Found, String> {
    let data = epochs.read(name).await.map_err(|error: EpochError| error.to_string())?;
    let state = epochs.replica.store().clone();
    let preparing = tokio::task::spawn_blocking(move || {
        let (program, native) = Program::prepare(&Evm, guest, &data, state).map_err(|error| error.to_string())?;
        let trace = MachineTrace::new(program, store.clone(), threads as u64, halt);
        store.label(trace.start(), name.epoch).map_err(|error| error.to_string())?;
        Ok(Found::Prepared(Arc::new(trace), native))
    });
    preparing.await.map_err(|error| error.to_string())?
}

fn compute(trace: &dyn Trace, need: Need) -> Result<Found, TraceError> {
    Ok(match need {
        Need::Outer => {
            let tree = trace.coarse()?;
            let root = tree.root();
            Found::Outer(tree, root, trace.last_state()?.to_vec().into())
        }
        Need::Inner { stride } => {
            let tree = trace.fine(stride)?;
            let root = tree.root();
            Found::Inner(stride, tree, root)
        }
        Need::Step { stride, step } => {
            let (witness, successor) = trace.step(stride, step)?;
            Found::Step((stride, step), witness.0.into(), successor)
        }
    })
}
