//! What is known of a batch's jobs: which are out, who has them, and when one goes out again. Decisions alone, with time given by the caller.
//!
//! ```text
//! put out --word of a worker--> held --proof--> gone from here
//!    ^  \_______________________/ |  \__ no word for two leases: not held, the engine gives it to another
//!    |                            v
//!    '--- after a pause --- failed: no proof, or gone without a result, or too slow
//! ```
//!
//! Adversarial: workers. Whoever speaks of a chunk that another has is not heard while that one is, and only who has a chunk, if anybody has, brings it forward by failing.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::validity::coordinator::WorkerId;

/// A chunk that failed goes out again after so long, and after twice as long each further time.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest of these pauses.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A chunk that failed so often is told as a trouble.
const FAILURES_TOLD: u32 = 5;
/// A job that is so often in a row not in the engine's list is gone. Once may be a result on its way.
const ABSENCES_MAX: u32 = 2;
/// A worker that is silent for so many leases has not got its job any more.
const SILENT_LEASES: u32 = 2;

/// Who has a job, as far as was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holder {
    worker: WorkerId,
    since: Instant,
    heard: Instant,
}

/// A chunk whose job is out, or waits to go out again.
#[derive(Clone, Copy, Debug)]
struct Out {
    /// How often it was put out before.
    attempt: u32,
    since: Instant,
    holder: Option<Holder>,
    /// How often in a row the engine did not list it.
    absences: u32,
    /// How often it failed, since the batch was begun.
    failures: u32,
    /// It failed, and goes out again then.
    due: Option<Instant>,
}

impl Out {
    fn new(attempt: u32, now: Instant) -> Self {
        Self { attempt, since: now, holder: None, absences: 0, failures: 0, due: None }
    }

    /// There will be no proof of this job; who had it.
    fn fail(&mut self, now: Instant) -> Option<WorkerId> {
        let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        self.due = Some(now + PAUSE_FIRST.saturating_mul(doubled).min(PAUSE_MAX));
        self.absences = 0;
        self.holder.take().map(|holder| holder.worker)
    }
}

/// What word of a worker means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Nothing: it is of a job that is not out, or that another has.
    Nothing,
    /// The worker has the job, still or from now on.
    Holds,
    /// It has the job, which another had.
    TookOver(WorkerId),
}

/// A batch's jobs.
#[derive(Debug)]
pub struct Board {
    lease: Duration,
    out: BTreeMap<u32, Out>,
}

impl Board {
    /// Nothing is out. A job goes to another when its worker says nothing for as long as `lease`.
    pub fn new(lease: Duration) -> Self {
        Self { lease, out: BTreeMap::new() }
    }

    /// How many chunks there are that are out, or go out again.
    pub fn count(&self) -> usize {
        self.out.len()
    }

    /// How many of them no worker is heard to have.
    pub fn waiting(&self) -> usize {
        self.out.values().filter(|out| out.holder.is_none()).count()
    }

    /// The attempt as which a chunk goes out next.
    pub fn next_attempt(&self, chunk: u32) -> u32 {
        self.out.get(&chunk).map_or(0, |out| out.attempt.saturating_add(1))
    }

    /// A job was put out.
    pub fn put(&mut self, chunk: u32, attempt: u32, now: Instant) {
        let failures = self.out.get(&chunk).map_or(0, |out| out.failures);
        self.out.insert(chunk, Out { failures, ..Out::new(attempt, now) });
    }

    /// A job is out that perhaps another process put there. `is_listed` unless it is gone since it was listed.
    pub fn found(&mut self, chunk: u32, attempt: u32, is_listed: bool, now: Instant) {
        let out = self.out.entry(chunk).or_insert_with(|| Out::new(attempt, now));
        if out.attempt != attempt {
            // The engine went back to what it had stored.
            *out = Out { failures: out.failures, due: out.due, ..Out::new(attempt, now) };
        }
        out.absences = u32::from(!is_listed);
    }

    /// Whether a chunk waits to go out again.
    pub fn is_due(&self, chunk: u32) -> bool {
        self.out.get(&chunk).is_some_and(|out| out.due.is_some())
    }

    /// A chunk is proven. For how long its worker had it, or else it was out.
    pub fn proven(&mut self, chunk: u32, now: Instant) -> Option<Duration> {
        let out = self.out.remove(&chunk)?;
        Some(now.saturating_duration_since(out.holder.map_or(out.since, |holder| holder.since)))
    }

    /// A worker has no proof of an attempt; whether the chunk goes out again for that. Not if it is another attempt that is out, or another worker that has it.
    pub fn failed(&mut self, chunk: u32, worker: WorkerId, attempt: u32, now: Instant) -> bool {
        let Some(out) = self.out.get_mut(&chunk) else { return false };
        let is_its = out.holder.is_none_or(|holder| holder.worker == worker);
        let counts = out.due.is_none() && out.attempt == attempt && is_its;
        if counts {
            out.fail(now);
        }
        counts
    }

    /// A worker says that it is at work on an attempt.
    pub fn is_alive(&mut self, chunk: u32, worker: WorkerId, attempt: u32, now: Instant) -> Word {
        let Some(out) = self.out.get_mut(&chunk).filter(|out| out.due.is_none() && out.attempt == attempt) else {
            return Word::Nothing;
        };
        let (word, since) = match out.holder {
            Some(holder) if holder.worker == worker => (Word::Holds, holder.since),
            // The engine gives a job to another only when its worker was silent for a lease.
            Some(holder) if now.saturating_duration_since(holder.heard) < self.lease => return Word::Nothing,
            Some(holder) => (Word::TookOver(holder.worker), now),
            None => (Word::Holds, now),
        };
        out.holder = Some(Holder { worker, since, heard: now });
        word
    }

    /// The engine lists these jobs of the batch, by chunk the newest attempt. Chunks whose jobs are gone without a result, and who had them: these go out again.
    pub fn listed(&mut self, jobs: &BTreeMap<u32, u32>, now: Instant) -> Vec<(u32, Option<WorkerId>)> {
        let mut gone = Vec::new();
        for (chunk, out) in self.out.iter_mut().filter(|(_, out)| out.due.is_none()) {
            let is_listed = jobs.get(chunk) == Some(&out.attempt);
            out.absences = if is_listed { 0 } else { out.absences.saturating_add(1) };
            if out.absences >= ABSENCES_MAX {
                gone.push((*chunk, out.fail(now)));
            }
        }
        gone
    }

    /// Workers that had a job and are silent: the engine has given it to another, or will.
    pub fn silent(&mut self, now: Instant) -> Vec<(u32, WorkerId)> {
        let silence_max = self.lease.saturating_mul(SILENT_LEASES);
        let mut silent = Vec::new();
        for (chunk, out) in &mut self.out {
            let is_silent = |holder: &mut Holder| now.saturating_duration_since(holder.heard) > silence_max;
            if let Some(holder) = out.holder.take_if(is_silent) {
                silent.push((*chunk, holder.worker));
            }
        }
        silent
    }

    /// Workers that speak of a job and have had it for longer than `patience`: it goes out again.
    pub fn overdue(&mut self, patience: Duration, now: Instant) -> Vec<(u32, WorkerId)> {
        let mut overdue = Vec::new();
        for (chunk, out) in &mut self.out {
            let is_overdue =
                |holder: &Holder| now.saturating_duration_since(holder.since) >= patience && out.due.is_none();
            if out.holder.as_ref().is_some_and(is_overdue)
                && let Some(worker) = out.fail(now)
            {
                overdue.push((*chunk, worker));
            }
        }
        overdue
    }

    /// Chunks whose jobs have been out for longer than `patience`, and nobody speaks of them.
    pub fn unheard(&self, patience: Duration, now: Instant) -> Vec<u32> {
        let is_unheard = |out: &Out| {
            out.holder.is_none() && out.due.is_none() && now.saturating_duration_since(out.since) >= patience
        };
        self.out.iter().filter(|(_, out)| is_unheard(out)).map(|(chunk, _)| *chunk).collect()
    }

    /// How many jobs workers have, as far as was heard.
    pub fn held(&self) -> usize {
        self.out.len().saturating_sub(self.waiting())
    }

    /// A job is waited for as long again.
    pub fn waits_on(&mut self, chunk: u32, now: Instant) {
        if let Some(out) = self.out.get_mut(&chunk) {
            out.since = now;
        }
    }

    /// Chunks whose pause is over.
    pub fn due(&self, now: Instant) -> Vec<u32> {
        self.out.iter().filter(|(_, out)| out.due.is_some_and(|due| due <= now)).map(|(chunk, _)| *chunk).collect()
    }

    /// How often a chunk failed.
    pub fn failures(&self, chunk: u32) -> u32 {
        self.out.get(&chunk).map_or(0, |out| out.failures)
    }

    /// The chunk that failed most often, and how often, if that is to be told.
    pub fn worst(&self) -> Option<(u32, u32)> {
        let failed = self.out.iter().filter(|(_, out)| out.failures >= FAILURES_TOLD);
        failed.max_by_key(|(_, out)| out.failures).map(|(chunk, out)| (*chunk, out.failures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(60);
    const SECOND: Duration = Duration::from_secs(1);
    const PATIENCE: Duration = Duration::from_secs(1_200);
    const LEFT: WorkerId = WorkerId(0);
    const RIGHT: WorkerId = WorkerId(1);

    /// One chunk, number 7, which is out.
    fn board(now: Instant) -> Board {
        let mut board = Board::new(LEASE);
        board.put(7, 0, now);
        board
    }

    #[test]
    fn a_chunk_that_nobody_can_prove_goes_out_ever_more_rarely_and_is_told() {
        let start = Instant::now();
        let (mut board, mut now, mut pauses) = (board(start), start, Vec::new());
        for attempt in 0..8 {
            assert_eq!(board.worst(), (attempt >= 5).then_some((7, attempt)));
            assert!(
                board.failed(7, LEFT, attempt, now) && !board.failed(7, LEFT, attempt, now),
                "once for each attempt"
            );
            let failed = now;
            while board.due(now).is_empty() {
                now += SECOND;
            }
            pauses.push((now - failed).as_secs());
            assert_eq!(board.next_attempt(7), attempt + 1);
            board.put(7, attempt + 1, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(board.proven(7, now).is_some() && board.worst().is_none());
    }

    #[test]
    fn only_who_has_a_chunk_brings_it_forward() {
        let now = Instant::now();
        let mut board = board(now);
        assert_eq!(board.is_alive(7, LEFT, 0, now), Word::Holds);
        assert!(!board.failed(7, RIGHT, 0, now), "another");
        assert!(!board.failed(7, LEFT, 3, now), "another attempt");
        assert!(!board.failed(8, LEFT, 0, now), "another chunk");
        assert!(board.failed(7, LEFT, 0, now));
        assert_eq!(board.is_alive(7, LEFT, 0, now), Word::Nothing, "late word");
        assert_eq!((board.waiting(), board.held()), (1, 0));
    }

    #[test]
    fn nobody_takes_over_by_speaking() {
        let start = Instant::now();
        let mut board = board(start);
        assert_eq!(board.is_alive(7, LEFT, 1, start), Word::Nothing, "no such attempt");
        assert_eq!(board.is_alive(7, LEFT, 0, start), Word::Holds);
        assert_eq!(board.is_alive(7, RIGHT, 0, start + 59 * SECOND), Word::Nothing);
        assert_eq!(board.is_alive(7, LEFT, 0, start + 59 * SECOND), Word::Holds);
        assert_eq!(board.is_alive(7, RIGHT, 0, start + 119 * SECOND), Word::TookOver(LEFT));
        assert_eq!(board.proven(7, start + 129 * SECOND), Some(10 * SECOND), "since it took over");
    }

    #[test]
    fn a_job_that_is_gone_without_a_result_goes_out_again() {
        let now = Instant::now();
        let (mut board, nothing) = (board(now), BTreeMap::new());
        board.is_alive(7, LEFT, 0, now);
        assert!(board.listed(&BTreeMap::from([(7, 0)]), now).is_empty());
        assert!(board.listed(&nothing, now).is_empty(), "its result may be on the way");
        assert!(board.listed(&BTreeMap::from([(7, 0)]), now).is_empty());
        assert!(board.listed(&nothing, now).is_empty(), "twice in a row");
        assert_eq!(board.listed(&nothing, now), [(7, Some(LEFT))]);
        assert!(board.listed(&nothing, now).is_empty() && board.is_due(7));
        assert_eq!(board.due(now + SECOND), [7]);
        // Acknowledged between two lists at the start.
        board.put(7, 1, now);
        board.found(7, 1, false, now);
        assert_eq!(board.listed(&nothing, now), [(7, None)]);
        // The engine has one from before.
        board.found(7, 0, true, now);
        assert_eq!((board.next_attempt(7), board.is_due(7)), (1, true));
    }

    #[test]
    fn who_is_silent_or_too_slow_has_nothing_any_more() {
        let start = Instant::now();
        let mut board = board(start);
        assert_eq!(board.unheard(PATIENCE, start + PATIENCE), [7]);
        board.waits_on(7, start + PATIENCE);
        assert!(board.unheard(PATIENCE, start + PATIENCE).is_empty());
        board.is_alive(7, LEFT, 0, start);
        assert!(board.silent(start + 120 * SECOND).is_empty());
        assert_eq!(board.silent(start + 121 * SECOND), [(7, LEFT)]);
        assert!(board.silent(start + 121 * SECOND).is_empty() && !board.is_due(7), "the engine gives it to another");
        board.is_alive(7, RIGHT, 0, start);
        assert!(board.overdue(PATIENCE, start + PATIENCE - SECOND).is_empty());
        assert_eq!(board.overdue(PATIENCE, start + PATIENCE), [(7, RIGHT)]);
        assert!(board.is_due(7));
    }
}
