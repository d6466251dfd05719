//! The batches that were taken and are not on L1 yet, in order: what may be asked for next, what is proven, what goes back. Decisions alone.
//!
//! ```text
//! taken --> waits --> is proven --> has its proofs --> brought back --> on L1: forgotten
//!             \___________\______________\___________________\__ unwanted: forgotten
//! ```

use std::{collections::VecDeque, sync::Arc};

use alloy::primitives::B256;

use super::settled::{Base, Rules, Settled};

/// Batches that are held at a time: one that is proven, and the next.
const HELD_MAX: usize = 2;
/// Batches in the line, those that were brought back among them: each has a copy of the state until L1 has the batch.
const TAKEN_MAX: usize = 16;

/// How far a batch is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage<W, C> {
    /// It is prepared.
    Waits(W),
    /// Workers have it.
    Proves,
    /// It has its proofs.
    Proven(C),
    /// The sequencer has them.
    BroughtBack,
}

/// A batch that was taken.
#[derive(Clone, Debug)]
pub struct Taken<W, C> {
    /// The sequencer's id of it.
    pub id: B256,
    /// The chain after it, its index among it.
    pub after: Arc<Base>,
    /// The rules that it is proven under.
    pub rules: Rules,
    /// How far it is.
    pub stage: Stage<W, C>,
}

/// Names a batch: its index on L1, and the sequencer's id.
pub type Name = (u64, B256);

impl<W, C> Taken<W, C> {
    /// What it is called.
    pub fn name(&self) -> Name {
        (self.after.index, self.id)
    }

    fn is_held(&self) -> bool {
        !matches!(self.stage, Stage::BroughtBack)
    }
}

/// What an answer of the sequencer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is to be derived.
    Take,
    /// It is at work already.
    Known,
}

/// The batches, by index. `W` is what is needed to prove one, `C` the call that comes of it.
#[derive(Debug)]
pub struct Line<W, C> {
    taken: VecDeque<Taken<W, C>>,
}

impl<W, C> Default for Line<W, C> {
    fn default() -> Self {
        Self { taken: VecDeque::new() }
    }
}

impl<W, C> Line<W, C> {
    /// The last of the batches that were taken and not brought back.
    pub fn held(&self) -> Option<Name> {
        self.taken.iter().rev().find(|taken| taken.is_held()).map(Taken::name)
    }

    /// How many these are.
    pub fn held_count(&self) -> usize {
        self.taken.iter().filter(|taken| taken.is_held()).count()
    }

    /// Whether another batch may be taken. Behind batches that were brought back it waits for L1 to have some of them.
    pub fn has_room(&self) -> bool {
        self.held_count() < HELD_MAX && self.taken.len() < TAKEN_MAX
    }

    /// The chain after a batch, if it is in the line; else nothing.
    pub fn base(&self, index: u64) -> Option<&Arc<Base>> {
        self.taken.iter().map(|taken| &taken.after).find(|after| after.index == index)
    }

    /// The newest chain below `index`, of the line or of L1.
    pub fn below(&self, index: u64, settled: &Settled) -> Arc<Base> {
        let of_line = self.taken.iter().map(|taken| &taken.after);
        let below = of_line.chain([&settled.base]).filter(|base| base.index < index);
        below.max_by_key(|base| base.index).unwrap_or(&settled.base).clone()
    }

    /// The sequencer hands out a batch. What is held from its index on is not wanted any more, that batch itself apart if it is at work.
    pub fn hear(&mut self, name: Name) -> Answer {
        let is_known = self.taken.iter().any(|taken| taken.name() == name && taken.is_held());
        self.forget(name.0.saturating_add(u64::from(is_known)));
        if is_known { Answer::Known } else { Answer::Take }
    }

    /// Puts a batch that was derived at the end.
    pub fn push(&mut self, taken: Taken<W, C>) {
        debug_assert!(self.taken.back().is_none_or(|last| last.after.index < taken.after.index));
        self.taken.push_back(taken);
    }

    /// Drops the batches from an index on.
    pub fn forget(&mut self, from: u64) {
        self.taken.retain(|taken| taken.after.index < from);
    }

    /// L1 went on, or back. What has landed is dropped; if another batch is there, other rules hold, or the chain has ended, everything is.
    pub fn settle(&mut self, settled: &Settled) {
        let base = &settled.base;
        let same = |after: &Base| (after.root(), after.queue_end) == (base.root(), base.queue_end);
        let is_displaced = self.base(base.index).is_some_and(|after| !same(after));
        let is_ruled = self.taken.iter().any(|taken| taken.after.index > base.index && taken.rules != settled.rules);
        if is_displaced || is_ruled || settled.frozen_at != 0 {
            self.taken.clear();
        } else {
            self.taken.retain(|taken| taken.after.index > base.index);
        }
    }

    /// A batch of this name, if it is in the line.
    pub fn get_mut(&mut self, name: Name) -> Option<&mut Taken<W, C>> {
        self.taken.iter_mut().find(|taken| taken.name() == name)
    }

    /// Whether a batch of this name is being proven.
    pub fn proves(&self, name: Name) -> bool {
        self.taken.iter().any(|taken| taken.name() == name && matches!(taken.stage, Stage::Proves))
    }

    /// The next batch to prove, which is from now on.
    pub fn start(&mut self) -> Option<(Name, W)> {
        let next = self.taken.iter_mut().find(|taken| matches!(taken.stage, Stage::Waits(_)))?;
        let name = next.name();
        match std::mem::replace(&mut next.stage, Stage::Proves) {
            Stage::Waits(work) => Some((name, work)),
            stage => {
                next.stage = stage;
                None
            }
        }
    }

    /// The first batch that is to be brought back.
    pub fn proven(&self) -> Option<(Name, &C)> {
        self.taken.iter().find_map(|taken| match &taken.stage {
            Stage::Proven(call) => Some((taken.name(), call)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::service::testing::{base, settled};

    type TestLine = Line<u8, u8>;

    fn id(byte: u8) -> B256 {
        B256::repeat_byte(byte)
    }

    fn taken(index: u64, byte: u8, stage: Stage<u8, u8>) -> Taken<u8, u8> {
        Taken { id: id(byte), after: base(index).into(), rules: settled(0).rules, stage }
    }

    fn line(stages: impl IntoIterator<Item = Stage<u8, u8>>) -> TestLine {
        let mut line = TestLine::default();
        (1..).zip(stages).for_each(|(index, stage)| line.push(taken(index, index as u8, stage)));
        line
    }

    fn indices(line: &TestLine) -> Vec<u64> {
        line.taken.iter().map(|taken| taken.after.index).collect()
    }

    #[test]
    fn batches_are_proven_in_order_and_the_last_that_is_held_is_told() {
        let mut line = line([Stage::BroughtBack, Stage::Waits(2), Stage::Waits(3)]);
        assert_eq!((line.held(), line.held_count()), (Some((3, id(3))), 2));
        assert_eq!(line.start(), Some(((2, id(2)), 2)));
        assert!(line.proves((2, id(2))) && !line.proves((2, id(3))));
        assert_eq!(line.start(), Some(((3, id(3)), 3)));
        assert_eq!((line.start(), line.proven()), (None, None));
        line.get_mut((3, id(3))).unwrap().stage = Stage::Proven(33);
        assert_eq!(line.proven(), Some(((3, id(3)), &33)));
        line.get_mut((3, id(3))).unwrap().stage = Stage::BroughtBack;
        assert_eq!(line.held(), Some((2, id(2))));
        assert!(line.get_mut((2, id(9))).is_none());
    }

    #[test]
    fn what_another_batch_displaces_is_dropped_with_what_stands_on_it() {
        let stages = || [Stage::BroughtBack, Stage::Proves, Stage::Waits(3)];
        for (name, expected, left) in [
            ((4, id(4)), Answer::Take, &[1, 2, 3][..]),
            ((3, id(9)), Answer::Take, &[1, 2]),
            ((2, id(9)), Answer::Take, &[1]),
            // The same batch again: its proofs go on, what stood on it is another.
            ((2, id(2)), Answer::Known, &[1, 2]),
            ((3, id(3)), Answer::Known, &[1, 2, 3]),
            // The sequencer has lost what was brought back.
            ((1, id(1)), Answer::Take, &[]),
        ] {
            let mut line = line(stages());
            assert_eq!((line.hear(name), indices(&line)), (expected, left.to_vec()), "{name:?}");
        }
    }

    #[test]
    fn l1_ends_what_landed_and_what_it_displaced() {
        let stages = || [Stage::BroughtBack, Stage::Proves, Stage::Waits(3)];
        let settle = |settled: &Settled| {
            let mut line = line(stages());
            line.settle(settled);
            indices(&line)
        };
        assert_eq!(settle(&settled(0)), [1, 2, 3]);
        assert_eq!(settle(&settled(1)), [2, 3]);
        assert_eq!(settle(&settled(7)), [] as [u64; 0]);
        let mut displaced = settled(1);
        displaced.base = Base { queue_end: 99, ..base(1) }.into();
        assert_eq!(settle(&displaced), [] as [u64; 0]);
        let mut ruled = settled(1);
        ruled.rules.keys_hash = id(9);
        assert_eq!(settle(&ruled), [] as [u64; 0]);
        assert_eq!(settle(&Settled { frozen_at: 9, ..settled(1) }), [] as [u64; 0]);
    }

    #[test]
    fn no_more_is_taken_than_can_be_held() {
        assert!(line([Stage::BroughtBack, Stage::Proves]).has_room());
        assert!(!line([Stage::BroughtBack, Stage::Proves, Stage::Waits(3)]).has_room());
        assert!(line(vec![Stage::BroughtBack; TAKEN_MAX - 1]).has_room());
        let mut full = line(vec![Stage::BroughtBack; TAKEN_MAX]);
        assert!(!full.has_room());
        full.settle(&settled(1));
        assert!(full.has_room(), "L1 has the first");
    }

    #[test]
    fn the_newest_chain_below_is_found() {
        let mut line = line([Stage::BroughtBack, Stage::Proves]);
        let below = |line: &TestLine, index| line.below(index, &settled(0)).index;
        assert_eq!([1, 2, 3, 9].map(|index| below(&line, index)), [0, 1, 2, 2]);
        line.forget(0);
        assert_eq!(below(&line, 9), 0);
        assert_eq!(line.below(3, &settled(7)).index, 7, "L1 is beyond: the caller sees it");
    }
}
