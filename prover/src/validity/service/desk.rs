//! The service itself: asks, derives, has proven, brings back. One task owns what there is to decide; what takes time runs beside it and reports.

use std::{sync::Arc, time::Duration};

use tandem_chain::ChainConfig;
use tandem_l1::Backoff;
use tandem_proto::v1::ClosedBatch;
use tandem_service::Readiness;
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{
    closed::Closed,
    derive::{Derived, Unprovable, derive},
    files::BatchFiles,
    line::{Answer, Line, Name, Stage, Taken},
    sequencer::{Call, Failure, Outcome, Sequencer},
    settled::{Rules, Settled},
    status::Status,
    troubles::Troubles,
    work::Work,
};
use crate::validity::crew::{Crew, CrewError, WorkError};

/// Between questions to a sequencer that has nothing, and says so at once.
const IDLE: Duration = Duration::from_millis(200);
/// Between questions of whoever holds enough, and only wants to hear if it is still wanted.
const ENOUGH: Duration = Duration::from_secs(3);

/// Why the service cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// It has no workers to begin with.
    #[error(transparent)]
    Crew(#[from] CrewError),
    /// A task panicked.
    #[error(transparent)]
    Task(#[from] JoinError),
}

/// What runs beside, when it is done.
enum Happened {
    /// The sequencer said what is next after what was held when it was asked.
    Answered(Option<Name>, Result<Option<ClosedBatch>, Failure>),
    /// A batch was derived on this L1.
    Derived(Box<Closed>, Arc<Settled>, Result<Box<Derived>, Unprovable>),
    /// Workers are done with a batch.
    Proven(Name, Result<Call, WorkError>),
    /// The sequencer has seen a proven batch.
    BroughtBack(Name, Result<Outcome, Failure>),
}

/// Waits that grow while something fails, each until it has succeeded.
#[derive(Debug, Default)]
struct Backoffs {
    asking: Backoff,
    proving: Backoff,
    bringing: Backoff,
}

/// Where everything comes together. Owned by one task.
pub struct Desk {
    chain: Arc<ChainConfig>,
    sequencer: Sequencer,
    settled: watch::Receiver<Option<Arc<Settled>>>,
    crew: Arc<dyn Crew>,
    files: BatchFiles,
    status: watch::Sender<Status>,
    troubles: Troubles,
    line: Line<Work, Arc<Call>>,
    tasks: JoinSet<Happened>,
    /// The question that is under way: what it says is held.
    asking: Option<(Option<Name>, AbortHandle)>,
    /// Before the next question.
    pause: Duration,
    is_deriving: bool,
    proving: Option<(Name, CancellationToken)>,
    /// What workers failed to prove last, while it is wanted.
    unproven: Option<Name>,
    /// What the sequencer refused last when it was brought back, while it is wanted.
    refused: Option<Name>,
    /// What L1 was last seen to ask of the next batch.
    rules: Option<Rules>,
    is_bringing: bool,
    /// Before a proven batch is brought again.
    bring_pause: Duration,
    backoffs: Backoffs,
}

impl Desk {
    /// A service for `chain`, whose batches `crew` proves.
    pub fn new(
        chain: ChainConfig,
        sequencer: Sequencer,
        settled: watch::Receiver<Option<Arc<Settled>>>,
        crew: Arc<dyn Crew>,
        files: BatchFiles,
        status: watch::Sender<Status>,
        readiness: &Readiness,
    ) -> Self {
        Self {
            chain: Arc::new(chain),
            sequencer,
            settled,
            crew,
            files,
            status,
            troubles: Troubles::new(readiness),
            line: Line::default(),
            tasks: JoinSet::new(),
            asking: None,
            pause: Duration::ZERO,
            is_deriving: false,
            proving: None,
            unproven: None,
            refused: None,
            rules: None,
            is_bringing: false,
            bring_pause: Duration::ZERO,
            backoffs: Backoffs::default(),
        }
    }

    /// Works until `token` is cancelled.
    ///
    /// # Errors
    /// If there is nobody to prove anything, or a task panicked.
    pub async fn run(mut self, token: CancellationToken) -> Result<(), DeskError> {
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            ready = self.ready() => if !ready? { return Ok(()) },
        }
        loop {
            self.go_on();
            tokio::select! {
                () = token.cancelled() => break,
                changed = self.settled.changed() => match changed {
                    Ok(()) => self.settle(),
                    Err(_) => break,
                },
                Some(done) = self.tasks.join_next() => match done {
                    Ok(happened) => self.hear(happened),
                    // A question that was taken back.
                    Err(error) if error.is_cancelled() => {}
                    Err(error) => return Err(error.into()),
                },
            }
        }
        if let Some((_, proving)) = &self.proving {
            proving.cancel();
        }
        Ok(())
    }

    /// Waits for L1, and for the keys; false if nobody looks at L1 any more.
    async fn ready(&mut self) -> Result<bool, DeskError> {
        let Ok(Some(settled)) = self.settled.wait_for(Option::is_some).await.map(|settled| settled.clone()) else {
            return Ok(false);
        };
        self.settle();
        self.troubles.keys_are_read();
        let crew = self.crew.clone();
        let ready = move || crew.workers(&settled.keys, settled.rules.keys_hash).map(drop);
        tokio::task::spawn_blocking(ready).await??;
        self.troubles.keys_are_there();
        Ok(true)
    }

    /// Begins what can be begun.
    fn go_on(&mut self) {
        self.prove();
        self.bring_back();
        if !self.is_bringing {
            self.troubles.nothing_waits();
        }
        self.ask();
        let held = self.line.held_count() as u64;
        self.status.send_if_modified(|status| std::mem::replace(&mut status.held_batches, held) != held);
    }

    fn prove(&mut self) {
        if let Some((name, token)) = &self.proving {
            if !self.line.proves(*name) {
                token.cancel();
            }
            return;
        }
        let Some((name, work)) = self.line.start() else { return };
        let (token, file) = (CancellationToken::new(), self.files.of(name.0));
        let (crew, status) = (self.crew.clone(), self.status.clone());
        self.proving = Some((name, token.clone()));
        self.tasks.spawn_blocking(move || Happened::Proven(name, work.run(&file, &*crew, &status, &token)));
    }

    fn bring_back(&mut self) {
        let Some((name, call)) = self.line.proven().filter(|_| !self.is_bringing) else { return };
        let (sequencer, call, pause) = (self.sequencer.clone(), call.clone(), self.bring_pause);
        self.is_bringing = true;
        self.tasks.spawn(async move {
            tokio::time::sleep(pause).await;
            Happened::BroughtBack(name, sequencer.bring_back(name, call).await)
        });
    }

    /// Asks what is next. A question that says no longer what is held is taken back: whoever holds nothing is free, and the sequencer is to know.
    fn ask(&mut self) {
        let held = self.line.held();
        if let Some((_, asked)) = self.asking.take_if(|(told, _)| *told != held) {
            asked.abort();
        }
        if self.is_deriving || self.asking.is_some() {
            return;
        }
        let (sequencer, pause) = (self.sequencer.clone(), self.pause);
        let asked = self.tasks.spawn(async move {
            tokio::time::sleep(pause).await;
            Happened::Answered(held, sequencer.next_batch(held).await)
        });
        self.asking = Some((held, asked));
    }

    fn hear(&mut self, happened: Happened) {
        match happened {
            // The answer came while its question was taken back.
            Happened::Answered(held, _) if self.asking.as_ref().is_none_or(|(told, _)| *told != held) => {}
            Happened::Answered(_, answer) => {
                self.asking = None;
                match answer {
                    Ok(answer) => {
                        self.troubles.is_there();
                        self.take(answer);
                    }
                    Err(failure) => {
                        self.troubles.no_answer(&failure);
                        self.pause = self.backoffs.asking.delay();
                    }
                }
            }
            Happened::Derived(closed, on, derived) => {
                self.is_deriving = false;
                match derived {
                    Ok(derived) => self.line_up(&closed, &on, *derived),
                    // No fault of the sequencer's, and told when L1 was looked at.
                    Err(Unprovable::Frozen(_)) => self.pause = self.backoffs.asking.delay(),
                    Err(why) => self.refuse(closed.index, &why, why.may_pass()),
                }
            }
            Happened::Proven(name, proven) => self.proven(name, proven),
            Happened::BroughtBack(name, outcome) => self.brought_back(name, outcome),
        }
    }

    /// Looks at what the sequencer hands out.
    fn take(&mut self, batch: Option<ClosedBatch>) {
        let Some(batch) = batch else {
            let held = self.line.held();
            self.drop_failed(|(failed, _)| held.is_none_or(|(held, _)| held < failed));
            self.troubles.is_derived();
            self.backoffs.asking.reset();
            self.pause = IDLE;
            return;
        };
        let index = batch.index;
        let closed = match Closed::try_from(batch) {
            Ok(closed) => closed,
            Err(why) => return self.refuse(index, &why, false),
        };
        self.drop_failed(|(failed, id)| failed == index && id != closed.id);
        let Some(settled) = self.settled.borrow().clone() else { return };
        let last = settled.base.index;
        if index <= last {
            return self.refuse(index, &Unprovable::Settled { index, last }, true);
        }
        let held = self.line.held_count();
        let answer = self.line.hear((index, closed.id));
        self.count_unwanted(held, "the sequencer has another batch now");
        if answer == Answer::Known || !self.line.has_room() {
            self.pause = ENOUGH;
            return;
        }
        let (chain, files, below) = (self.chain.clone(), self.files.clone(), self.line.below(index, &settled));
        self.is_deriving = true;
        self.tasks.spawn_blocking(move || {
            let before = index.saturating_sub(1);
            let derived = files.raise(below, before, &settled.keys).map_err(Unprovable::from).and_then(|base| {
                if base.index != before {
                    return Err(Unprovable::Unfounded { before, last: base.index });
                }
                derive(&chain, &settled, &base, &closed).map(Box::new)
            });
            Happened::Derived(Box::new(closed), settled, derived)
        });
    }

    /// Nothing is proven of a batch.
    fn refuse(&mut self, index: u64, why: &impl ToString, may_pass: bool) {
        if may_pass {
            self.troubles.cannot_derive_yet(index, why);
        } else {
            self.troubles.is_false(index, why);
            self.status.send_modify(|status| status.refused_batches = status.refused_batches.saturating_add(1));
        }
        self.pause = self.backoffs.asking.delay();
    }

    /// Puts a batch into the line that was derived `on` L1 as it was then.
    fn line_up(&mut self, closed: &Closed, on: &Settled, derived: Derived) {
        self.troubles.is_derived();
        self.backoffs.asking.reset();
        self.pause = Duration::ZERO;
        let is_current = self.settled.borrow().as_ref().is_some_and(|settled| {
            settled.rules == on.rules && settled.base.index < closed.index && settled.frozen_at == 0
        });
        if !is_current {
            return;
        }
        let Derived { prepared, after } = derived;
        let work = Work::new(prepared, on.keys.clone(), on.rules.keys_hash);
        let messages = closed.queue_end.saturating_sub(closed.queue_start);
        tracing::info!(
            batch = closed.index,
            entries = closed.entries.len(),
            messages,
            chunks = work.chunks(),
            "batch derived"
        );
        let stage = Stage::Waits(work);
        self.line.push(Taken { id: closed.id, after: Arc::new(after), rules: on.rules, stage });
    }

    fn proven(&mut self, name: Name, proven: Result<Call, WorkError>) {
        self.proving = None;
        self.status.send_modify(|status| (status.proving_batch, status.missing_chunks) = (0, 0));
        // Its last proof may have come while it was taken back.
        let Some(taken) = self.line.get_mut(name).filter(|taken| matches!(taken.stage, Stage::Proves)) else {
            tracing::info!(batch = name.0, "not proven on: it is not wanted");
            return;
        };
        match proven {
            Ok(call) => {
                tracing::info!(batch = name.0, bytes = call.arguments.len(), "batch proven");
                taken.stage = Stage::Proven(Arc::new(call));
                self.unproven = None;
                self.troubles.is_proven();
                self.backoffs.proving.reset();
                self.status.send_modify(|status| status.proven_batches = status.proven_batches.saturating_add(1));
            }
            Err(error) if error.is_end() => {
                tracing::info!(batch = name.0, "not proven on: it is not wanted");
            }
            Err(error) => {
                self.unproven = Some(name);
                self.troubles.is_not_proven(name.0, &error);
                // It is asked for again, and what is proven of it is on disk.
                self.line.forget(name.0);
                self.pause = self.backoffs.proving.delay();
            }
        }
    }

    fn brought_back(&mut self, name: Name, outcome: Result<Outcome, Failure>) {
        self.is_bringing = false;
        if outcome.is_ok() {
            self.refused = None;
            self.troubles.is_brought_back();
            self.backoffs.bringing.reset();
            (self.pause, self.bring_pause) = (Duration::ZERO, Duration::ZERO);
        }
        match outcome {
            Ok(outcome @ (Outcome::Taken | Outcome::Known)) => {
                tracing::info!(batch = name.0, is_new = outcome == Outcome::Taken, "batch brought back");
                self.status.send_modify(|status| {
                    status.brought_back_batches = status.brought_back_batches.saturating_add(1);
                });
                if let Some(taken) = self.line.get_mut(name) {
                    taken.stage = Stage::BroughtBack;
                }
            }
            Ok(Outcome::Unwanted) => {
                let held = self.line.held_count();
                self.line.forget(name.0);
                self.count_unwanted(held, "the sequencer does not want what was proven");
            }
            Err(failure @ Failure::Away(_)) => {
                self.troubles.no_delivery(&failure);
                self.bring_pause = self.backoffs.bringing.delay();
            }
            Err(failure @ (Failure::Refuses { .. } | Failure::Unknown(_))) => {
                self.refused = Some(name);
                self.troubles.is_refused(name.0, &failure);
                self.line.forget(name.0);
                self.pause = self.backoffs.bringing.delay();
            }
        }
    }

    /// L1 went on.
    fn settle(&mut self) {
        let Some(settled) = self.settled.borrow_and_update().clone() else { return };
        let held = self.line.held_count();
        self.line.settle(&settled);
        self.count_unwanted(held, "L1 went on without it");
        // What was refused under other rules says nothing any more.
        let is_ruled = self.rules.replace(settled.rules).is_some_and(|rules| rules != settled.rules);
        let (last, frozen_at) = (settled.base.index, settled.frozen_at);
        match frozen_at {
            0 => self.troubles.goes_on(),
            _ => self.troubles.has_ended(frozen_at),
        }
        self.drop_failed(|(failed, _)| failed <= last || frozen_at != 0 || is_ruled);
        if let Err(error) = self.files.forget(settled.deep) {
            tracing::warn!(%error, "batches that L1 has cannot be deleted: look after the disk");
        }
        self.status.send_modify(|status| {
            (status.l1_block, status.settled_batch) = (settled.head.id.number, settled.base.index);
        });
    }

    /// What was not proven, or not taken, is no trouble any more if `is_dropped` says of its name that it is not wanted.
    fn drop_failed(&mut self, is_dropped: impl Fn(Name) -> bool) {
        if self.unproven.take_if(|name| is_dropped(*name)).is_some() {
            self.troubles.is_dropped();
            self.backoffs.proving.reset();
        }
        if self.refused.take_if(|name| is_dropped(*name)).is_some() {
            self.troubles.is_withdrawn();
            self.backoffs.bringing.reset();
        }
    }

    /// Tells what is not held any more, of `before` batches.
    fn count_unwanted(&self, before: usize, why: &'static str) {
        let dropped = before.saturating_sub(self.line.held_count());
        if dropped > 0 {
            tracing::info!(batches = dropped, why, "batches dropped");
            let dropped = dropped as u64;
            self.status.send_modify(|status| status.unwanted_batches = status.unwanted_batches.saturating_add(dropped));
        }
    }
}
