//! What happened lately, in order and numbered, for readers who go on from where they stopped.
//!
//! One side pushes and waits for nobody. Old entries go when all together weigh too much; a reader who had not come so far is told that it was
//! overtaken, and never skips anything unknowingly.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// A reader wants entries that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what happened since then is not remembered any more")]
pub struct Overtaken;

/// What happened lately, for readers that go on from where they stopped.
///
/// A lock rather than a channel for each reader: readers come and go by the thousand, most of them sleep, and a slow one must cost nothing. It is
/// held for pushing, and for copying as many entries as a reader asks for.
#[derive(Debug)]
pub struct Ring<T> {
    entries: Mutex<Entries<T>>,
    /// The number that the next entry will have.
    end: watch::Sender<u64>,
    weight_max: usize,
}

#[derive(Debug)]
struct Entries<T> {
    /// Number of the first one.
    first: u64,
    /// Each with its weight.
    kept: VecDeque<(T, usize)>,
    weight: usize,
}

impl<T: Clone> Ring<T> {
    /// Keeps entries that together weigh at most so much, in bytes; always the newest.
    pub fn new(weight_max: usize) -> Self {
        let entries = Mutex::new(Entries { first: 0, kept: VecDeque::new(), weight: 0 });
        Self { entries, end: watch::Sender::new(0), weight_max }
    }

    /// Adds an entry that takes about so many bytes.
    pub fn push(&self, entry: T, weight: usize) {
        let mut entries = self.lock();
        entries.kept.push_back((entry, weight));
        entries.weight = entries.weight.saturating_add(weight);
        while entries.weight > self.weight_max && entries.kept.len() > 1 {
            entries.drop_first();
        }
        // Within the lock, so that numbers are told in order.
        self.end.send_replace(entries.end());
    }

    /// Forgets everything: whoever has not read up to here has been overtaken.
    pub fn clear(&self) {
        let mut entries = self.lock();
        // One more than there was, so that a reader at the end is overtaken too.
        entries.first = entries.end().saturating_add(1);
        entries.kept.clear();
        entries.weight = 0;
        self.end.send_replace(entries.end());
    }

    /// Where a reader begins who wants what happens from now on.
    pub fn end(&self) -> u64 {
        *self.end.borrow()
    }

    /// Changes whenever something was added.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }

    /// Up to `count_max` entries from `cursor` on, which moves behind them.
    pub fn read(&self, cursor: &mut u64, count_max: usize) -> Result<Vec<T>, Overtaken> {
        let entries = self.lock();
        let skipped = cursor.checked_sub(entries.first).ok_or(Overtaken)?;
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let read: Vec<T> = entries.kept.iter().skip(skipped).take(count_max).map(|(entry, _)| entry.clone()).collect();
        *cursor = cursor.saturating_add(read.len() as u64);
        Ok(read)
    }

    /// The newest entry for which `find` has something.
    pub fn find_newest<F>(&self, find: impl Fn(&T) -> Option<F>) -> Option<F> {
        self.lock().kept.iter().rev().find_map(|(entry, _)| find(entry))
    }

    // What a panic left is whole: no change is made by halves.
    fn lock(&self) -> MutexGuard<'_, Entries<T>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Entries<T> {
    fn end(&self) -> u64 {
        self.first.saturating_add(self.kept.len() as u64)
    }

    fn drop_first(&mut self) {
        if let Some((_, weight)) = self.kept.pop_front() {
            self.weight = self.weight.saturating_sub(weight);
            self.first = self.first.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_go_on_where_they_stopped() {
        let ring = Ring::new(100);
        let mut early = ring.end();
        for number in 0..5 {
            ring.push(number, 10);
        }
        let mut late = ring.end();
        assert_eq!(ring.read(&mut early, 3), Ok(vec![0, 1, 2]));
        assert_eq!(ring.read(&mut early, 3), Ok(vec![3, 4]));
        assert_eq!(ring.read(&mut early, 3), Ok(vec![]));
        ring.push(5, 10);
        assert_eq!(ring.read(&mut early, 3), Ok(vec![5]));
        assert_eq!(ring.read(&mut late, 3), Ok(vec![5]));
        assert_eq!(ring.find_newest(|number| (number % 4 == 0).then_some(*number)), Some(4));
    }

    #[test]
    fn the_slow_are_told() {
        let ring = Ring::new(30);
        let (mut slow, mut slower) = (1, 0);
        for number in 0..4 {
            ring.push(number, 10);
        }
        assert_eq!(ring.read(&mut slow, 9), Ok(vec![1, 2, 3]));
        assert_eq!(ring.read(&mut slower, 9), Err(Overtaken));
        ring.push(4, 1_000);
        let mut at_end = ring.end() - 1;
        assert_eq!(ring.read(&mut at_end, 9), Ok(vec![4]), "the newest is kept whatever it weighs");
        let watch = ring.watch();
        ring.clear();
        assert!(watch.has_changed().unwrap());
        assert_eq!(ring.read(&mut at_end, 9), Err(Overtaken));
        let mut fresh = ring.end();
        assert_eq!(ring.read(&mut fresh, 9), Ok(vec![]));
    }
}
