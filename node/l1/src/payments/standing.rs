//! What of a ledger stands, and from where L1 is read again: decided from what is known and from what L1 answers. Rules: PAY-STORE.
//!
//! Nothing here asks L1 or writes; [`Follower`](super::Follower) does both, and decides nothing. Batches are in the order of their blocks, and so are the blocks up to which
//! was read; of both it holds that where one stands, all before it do.
//!
//! Adversarial: the endpoint, whose nodes may be behind one another or on different forks. What it says costs reading, and never what the ledger ends up with.

use std::{collections::VecDeque, ops::Range};

use super::BatchEvent;
use crate::client::{BlockRef, L1Header};

/// Batches that can be undone though L1 has finalised them: where everything is final at once, as on chains for tests, and all the same taken back. As many states are kept in
/// memory; they share all but what the batches changed.
pub(super) const RECENT_MAX: usize = 64;
/// How many looks in a row a block that was there before may be missing before it counts as taken back.
const MISSING_MAX: u32 = 16;

/// What L1 has where a known block was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The block itself.
    Same,
    /// Another one: L1 reorganised.
    Other,
    /// No block: the node that answered has not got so far, or L1 was put back.
    Nothing,
}

impl Found {
    /// By the answer to a question for the known block's number.
    pub(super) fn of(known: BlockRef, answer: Option<L1Header>) -> Self {
        match answer {
            Some(header) if header.id == known => Self::Same,
            Some(_) => Self::Other,
            None => Self::Nothing,
        }
    }
}

/// What follows for the last block that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It stands, and with it all that is known.
    Stands,
    /// It is gone: what stands is to be searched for.
    Search,
    /// Not to be decided yet: look again later.
    Behind,
}

/// Patience with an endpoint that lacks blocks: it counts looks, and no time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    /// Looks in a row in which a block was missing.
    missing: u32,
}

impl Patience {
    /// What follows if this was found where the block `last` is known, and the endpoint's newest block is `head`. No L1 that is honest goes back behind what was
    /// `finalized`, so that one which did is waited for, however long.
    pub(super) fn look(&mut self, head: u64, finalized: u64, last: u64, found: Found) -> Look {
        match found {
            // The other way round two nodes answered, of which one is behind.
            Found::Same if last <= head => {
                *self = Self::default();
                Look::Stands
            }
            Found::Other if finalized <= head => Look::Search,
            Found::Nothing if self.is_over() && finalized <= head => Look::Search,
            Found::Same | Found::Other | Found::Nothing => Look::Behind,
        }
    }

    /// Whether a block that is searched for is there; none if that is not to be decided yet.
    pub(super) fn is_there(&mut self, found: Found) -> Option<bool> {
        match found {
            Found::Same => Some(true),
            Found::Other => Some(false),
            Found::Nothing => self.is_over().then_some(false),
        }
    }

    /// Counts one more look, and tells whether there were enough. Once over, it stays so until a look ends well.
    fn is_over(&mut self) -> bool {
        let is_over = self.missing >= MISSING_MAX;
        self.missing = self.missing.saturating_add(1);
        is_over
    }
}

/// The search for the last of some blocks that stands: from the newest back in steps that double, since most reorganisations are short, and then between the two that it lies between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gallop {
    /// As many, from the first on, stand.
    standing: usize,
    /// Those from here on do not.
    end: usize,
    step: usize,
}

impl Gallop {
    /// Over so many blocks, the newest last.
    pub(super) fn over(count: usize) -> Self {
        Self { standing: 0, end: count, step: 1 }
    }

    /// The place of the block to ask for next; none if it is decided.
    pub(super) fn place(&self) -> Option<usize> {
        if self.standing >= self.end {
            return None;
        }
        let is_bounded = self.standing > 0;
        Some(if is_bounded { self.standing.midpoint(self.end) } else { self.end.saturating_sub(self.step) })
    }

    /// Whether the block at that place stands.
    pub(super) fn tell(&mut self, stands: bool) {
        let Some(place) = self.place() else { return };
        if stands {
            self.standing = place.saturating_add(1);
        } else {
            (self.end, self.step) = (place, self.step.saturating_mul(2));
        }
    }

    /// How many stand.
    pub(super) fn standing(&self) -> usize {
        self.standing
    }
}

/// The batches in blocks above `lower` and below `upper`, by their indices.
pub(super) fn between(batches: &[BatchEvent], lower: Option<u64>, upper: u64) -> Range<usize> {
    let first = batches.partition_point(|event| lower.is_some_and(|lower| event.block <= lower));
    let end = batches.partition_point(|event| event.block < upper);
    first..end.max(first)
}

/// The known block that is so many places before another; none if there are not as many.
pub(super) fn lower(reads: &VecDeque<BlockRef>, batches: &[BatchEvent], from: u64, places: usize) -> Option<u64> {
    let mut number = from;
    for _ in 0..places {
        let read = reads.partition_point(|read| read.number < number).checked_sub(1);
        let batch = batches.partition_point(|event| event.block < number).checked_sub(1);
        let read = read.and_then(|place| reads.get(place)).map(|read| read.number);
        let batch = batch.and_then(|place| batches.get(place)).map(|event| event.block);
        number = read.max(batch)?;
    }
    Some(number)
}

/// The block behind which is read because the batch after the one that was applied last is not what its event says: that batch's own, or the one before if both are in it.
/// None, for everything, if none was applied.
pub(super) fn before_suspect(batches: &[BatchEvent], applied: u64) -> Option<u64> {
    let place = usize::try_from(applied).ok()?;
    let last = batches.get(place).filter(|event| event.index > 0)?;
    let next = batches.get(place.saturating_add(1));
    if next.is_some_and(|next| next.block <= last.block) { last.block.checked_sub(1) } else { Some(last.block) }
}

/// How many of those that were read again are as they were known.
pub(super) fn common<'a, T: PartialEq + 'a>(known: impl IntoIterator<Item = &'a T>, again: &[T]) -> usize {
    known.into_iter().zip(again).take_while(|(known, again)| known == again).count()
}

/// How many batches stay: those `before` the ones that were read again, and of these what is as it was known, unless it consumed messages that are not.
pub(super) fn batches_kept(known: &[BatchEvent], before: usize, again: &[BatchEvent], messages_kept: u64) -> usize {
    let same = before.saturating_add(common(known.iter().skip(before), again));
    let supplied = known.partition_point(|event| event.fields.queue_index <= messages_kept);
    same.min(supplied).max(before)
}

/// What becomes of the blocks up to which was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reads {
    /// All that are remembered, the newest last: never none.
    pub known: VecDeque<BlockRef>,
    /// Numbers of those that are gone or forgotten.
    pub gone: Vec<u64>,
    /// The one that is new, if it is.
    pub new: Option<BlockRef>,
}

impl Reads {
    /// After a look that has read up to `head`, of which everything up to `stands` was known before. The oldest go if there are more than `count_max`.
    pub(super) fn after(known: &VecDeque<BlockRef>, stands: Option<u64>, head: BlockRef, count_max: usize) -> Self {
        let (mut known, mut gone) = (known.clone(), Vec::new());
        let is_gone = |read: &BlockRef| stands.is_none_or(|stands| read.number > stands);
        let is_other = |read: &BlockRef| read.number >= head.number && *read != head;
        while let Some(read) = known.pop_back_if(|read| is_gone(read) || is_other(read)) {
            gone.push(read.number);
        }
        let new = (known.back() != Some(&head)).then_some(head);
        known.extend(new);
        while known.len() > count_max.max(1) {
            gone.extend(known.pop_front().map(|read| read.number));
        }
        debug_assert!(
            !known.is_empty(),
            "without a block that was read, the next look would know of nothing that stands"
        );
        Self { known, gone, new }
    }
}

/// The newest block that is known to be final, once the endpoint has told of one. Where it is the newest block of all it means nothing: such a chain, for tests, is put back at will.
pub(super) fn newest_final(known: u64, told: Option<BlockRef>, head: u64) -> u64 {
    let told = told.map(|block| block.number).filter(|number| *number < head);
    known.max(told.unwrap_or(0))
}

/// Index of the first batch that may have to be taken back: the first that L1 has not finalised, and the last ones in any case.
pub(super) fn undo_first(batches: &[BatchEvent], finalized: u64) -> u64 {
    let first = batches.partition_point(|event| event.block <= finalized);
    first.min(batches.len().saturating_sub(RECENT_MAX)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::payments::BatchEnv;
    use alloy::primitives::{Address, B256};
    use tandem_chain::OutputFields;

    fn block(number: u64, branch: u8) -> BlockRef {
        BlockRef { number, hash: B256::repeat_byte(branch) }
    }

    fn reads(numbers: &[u64]) -> VecDeque<BlockRef> {
        numbers.iter().map(|number| block(*number, 1)).collect()
    }

    /// A batch in each of these blocks, genesis first; batch `n` has consumed `n` messages.
    fn batches(blocks: &[u64]) -> Vec<BatchEvent> {
        let batch = |(index, &block): (u64, &u64)| BatchEvent {
            index,
            output: B256::ZERO,
            fields: OutputFields { queue_index: index, ..OutputFields::default() },
            env: BatchEnv { timestamp: 0, operator: Address::ZERO },
            leaf_count: 1,
            transaction: B256::ZERO,
            block_hash: B256::repeat_byte(1),
            block,
        };
        (0..).zip(blocks).map(batch).collect()
    }

    #[test]
    fn a_search_finds_the_last_that_stands_from_the_newest_back() {
        for count in 0..40_usize {
            for standing in 0..=count {
                let (mut gallop, mut asked) = (Gallop::over(count), Vec::new());
                while let Some(place) = gallop.place() {
                    asked.push(place);
                    gallop.tell(place < standing);
                }
                assert_eq!(gallop.standing(), standing);
                assert!(asked.first().is_none_or(|first| *first == count - 1), "the newest first");
                let depth = count - standing;
                assert!(asked.len() <= 2 * (depth + 1).ilog2() as usize + 2, "{count}, {standing}: {asked:?}");
                assert!(asked.iter().all(|place| count - place <= 2 * (depth + 1)), "nothing far below what stands");
            }
        }
    }

    #[test]
    fn batches_between_two_blocks() {
        let batches = batches(&[2, 5, 5, 9]);
        assert_eq!(between(&batches, None, 6), 0..3);
        assert_eq!(between(&batches, Some(2), 6), 1..3);
        assert_eq!(between(&batches, Some(5), u64::MAX), 3..4);
        assert!(between(&batches, Some(9), 3).is_empty());
    }

    /// The state of an endpoint that lags: nothing is taken back for it, and it does not empty what is known.
    #[test]
    fn a_head_below_the_last_read_is_kept_as_what_was_read() {
        // The only block that was read is gone, and what stands is the block of a batch: the head itself.
        let after = Reads::after(&reads(&[100]), Some(98), block(98, 1), 9);
        assert_eq!(after, Reads { known: reads(&[98]), gone: vec![100], new: Some(block(98, 1)) });
        let after = Reads::after(&reads(&[100]), None, block(98, 1), 9);
        assert_eq!(after, Reads { known: reads(&[98]), gone: vec![100], new: Some(block(98, 1)) });
        let after = Reads::after(&reads(&[96, 98, 100]), Some(98), block(98, 1), 9);
        assert_eq!(after, Reads { known: reads(&[96, 98]), gone: vec![100], new: None });
        // Another block of the same number takes the place of the one that is known.
        let after = Reads::after(&reads(&[96, 98]), Some(98), block(98, 2), 9);
        assert_eq!((after.gone, after.new), (vec![98], Some(block(98, 2))));
        assert_eq!(after.known, [block(96, 1), block(98, 2)]);
    }

    #[test]
    fn the_oldest_reads_are_forgotten() {
        let after = Reads::after(&reads(&[1, 2, 3]), Some(3), block(4, 1), 3);
        assert_eq!(after, Reads { known: reads(&[2, 3, 4]), gone: vec![1], new: Some(block(4, 1)) });
        let after = Reads::after(&reads(&[]), None, block(4, 1), 0);
        assert_eq!(after.known, reads(&[4]));
    }

    #[test]
    fn missing_blocks_are_waited_for_and_then_believed() {
        let (mut patience, last) = (Patience::default(), 100);
        for times in 0..2 {
            for _ in 0..MISSING_MAX {
                assert_eq!(patience.look(98, 0, last, Found::Nothing), Look::Behind);
            }
            if times == 0 {
                // It was there after all: from now on the same patience.
                assert_eq!(patience.look(100, 0, last, Found::Same), Look::Stands);
            }
        }
        assert_eq!(patience.look(98, 0, last, Found::Nothing), Look::Search);
        assert_eq!(patience.is_there(Found::Nothing), Some(false));
        let mut patience = Patience::default();
        for _ in 0..MISSING_MAX {
            assert_eq!(patience.is_there(Found::Nothing), None);
        }
        assert_eq!(patience.is_there(Found::Nothing), Some(false));
    }

    #[test]
    fn another_block_is_a_reorganisation_at_once() {
        let mut patience = Patience::default();
        for head in [98, 100, 101] {
            assert_eq!(patience.look(head, 0, 100, Found::Other), Look::Search);
        }
        assert_eq!(patience.is_there(Found::Other), Some(false));
        assert_eq!(patience.is_there(Found::Same), Some(true));
        // One node has the block, another one has not got so far: nobody took it back.
        for _ in 0..2 * MISSING_MAX {
            assert_eq!(patience.look(98, 0, 100, Found::Same), Look::Behind);
        }
    }

    #[test]
    fn nobody_goes_back_behind_what_was_final() {
        let mut patience = Patience::default();
        for _ in 0..4 * MISSING_MAX {
            assert_eq!(patience.look(90, 91, 100, Found::Nothing), Look::Behind);
            assert_eq!(patience.look(90, 91, 100, Found::Other), Look::Behind);
        }
        // Once it has got so far again, it is believed.
        assert_eq!(patience.look(91, 91, 100, Found::Nothing), Look::Search);
    }

    #[test]
    fn what_is_final_counts_only_below_the_newest_block() {
        assert_eq!(newest_final(0, Some(block(7, 1)), 9), 7);
        assert_eq!(newest_final(8, Some(block(7, 1)), 9), 8, "it does not go back");
        for told in [None, Some(block(9, 1)), Some(block(10, 1))] {
            assert_eq!(newest_final(3, told, 9), 3);
        }
    }

    #[test]
    fn the_place_to_read_from_goes_back_by_known_blocks() {
        let (reads, batches) = (reads(&[5, 9, 10]), batches(&[2, 7, 9]));
        for (places, expected) in [(0, Some(10)), (1, Some(9)), (2, Some(7)), (3, Some(5)), (4, Some(2)), (5, None)] {
            assert_eq!(lower(&reads, &batches, 10, places), expected);
        }
        assert_eq!(lower(&reads, &batches, 10, usize::MAX), None);
        assert_eq!(lower(&VecDeque::new(), &[], 10, 1), None);
    }

    #[test]
    fn two_batches_in_one_block_are_read_again_with_it() {
        let batches = batches(&[2, 5, 5, 9]);
        assert_eq!(before_suspect(&batches, 0), None, "nothing was applied");
        assert_eq!(before_suspect(&batches, 1), Some(4), "the second is in the block of the first");
        assert_eq!(before_suspect(&batches, 2), Some(5));
        assert_eq!(before_suspect(&batches, 3), Some(9), "none follows");
        assert_eq!(before_suspect(&batches, 4), None);
    }

    #[test]
    fn what_is_read_again_as_it_was_stays() {
        let known = batches(&[2, 5, 7, 9]);
        let mut again = known.clone();
        assert_eq!(batches_kept(&known, 0, &again, 3), 4);
        assert_eq!(batches_kept(&known, 0, &again[..2], 3), 2, "fewer are there");
        assert_eq!(batches_kept(&known, 2, &[], 3), 2, "nothing was read again");
        assert_eq!(batches_kept(&known, 2, &again[2..], 3), 4);
        assert_eq!(batches_kept(&known, 0, &again, 1), 2, "the others consumed what is another message now");
        assert_eq!(batches_kept(&known, 3, &again[3..], 1), 3, "and are among those that are not read again");
        again[2].block_hash = B256::repeat_byte(2);
        assert_eq!(batches_kept(&known, 0, &again, 3), 2, "it is in another block");
        again.extend(batches(&[11]));
        assert_eq!(batches_kept(&known, 0, &again, 3), 2);
        assert_eq!(common(&[1, 2, 3], &[1, 2, 4]), 2);
    }

    #[test]
    fn the_last_batches_can_be_undone_and_those_that_are_not_final() {
        let count = RECENT_MAX as u64 + 40;
        let blocks: Vec<u64> = (0..count).map(|index| 10 * index).collect();
        let batches = batches(&blocks);
        // Batch 0 is in block 0.
        for (finalized, expected) in [(0, 1), (9, 1), (10, 2), (399, 40), (400, 40), (u64::MAX, 40)] {
            assert_eq!(undo_first(&batches, finalized), expected, "{finalized}");
        }
        assert_eq!(undo_first(&batches[..RECENT_MAX], u64::MAX), 0);
    }
}
