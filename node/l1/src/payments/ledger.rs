//! The state, batch by batch: replay, and every root against the settlement's event. Rules: PAY-CHAIN, PAY-OUTPUT, PAY-WITHDRAWAL-ROOT.

use super::{BatchEvent, Posted, Queued, genesis};
use alloy::primitives::{B256, U256};
use std::collections::BTreeSet;
use tandem_chain::{ChainConfig, OutputFields};
use tandem_payments::{
    content::last_block_hash,
    field::integer,
    replay::{ReplayError, replay},
    state::State,
    withdrawals,
};

/// The state after a batch. A copy costs nothing.
#[derive(Clone, Debug)]
pub struct Ledger {
    state: State,
    index: u64,
    output: OutputFields,
}

/// Why a batch does not give what the settlement says. The settlement has seen it proven, so that endpoint or program is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A batch out of turn.
    #[error("batch {found} comes after batch {last}")]
    Index {
        /// The batch applied last.
        last: u64,
        /// The one that was given.
        found: u64,
    },
    /// The messages segment is not the next part of the queue.
    #[error("batch {index} takes other messages than {start} to {end} of the queue")]
    OtherMessages {
        /// Index of the batch.
        index: u64,
        /// The first message that was not consumed.
        start: u64,
        /// The first message that the batch leaves.
        end: u64,
    },
    /// The segments are no batch on this state.
    #[error("batch {index}: {source}")]
    Replay {
        /// Index of the batch.
        index: u64,
        /// Why they are none.
        source: ReplayError,
    },
    /// Another root than the settlement's.
    #[error("batch {index} gives state root {found}, the settlement has {expected}")]
    StateRoot {
        /// Index of the batch.
        index: u64,
        /// The settlement's root.
        expected: B256,
        /// What replaying gave.
        found: B256,
    },
    /// Other leaves, or another time, than the settlement's.
    #[error("batch {index} ends with {leaf_count} leaves at {timestamp}, which is not what the settlement has")]
    LastBlock {
        /// Index of the batch.
        index: u64,
        /// Leaves after replaying.
        leaf_count: u64,
        /// The batch's time, in seconds.
        timestamp: u64,
    },
    /// Another tree of withdrawals than the settlement's.
    #[error("batch {index} gives withdrawal root {found}, the settlement has {expected}")]
    WithdrawalRoot {
        /// Index of the batch.
        index: u64,
        /// The settlement's root.
        expected: B256,
        /// What replaying gave.
        found: B256,
    },
}

impl Ledger {
    /// The state before the first batch.
    pub fn genesis(chain: &ChainConfig) -> Self {
        let Ok(output) = genesis(chain);
        Self { state: State::default(), index: 0, output }
    }

    /// As it was kept: the state after a batch, whose root is that of the output. That of genesis is known, whatever `event` says of it, if there is one.
    pub(super) fn kept(chain: &ChainConfig, state: State, event: Option<&BatchEvent>) -> Self {
        let Ok(genesis) = genesis(chain);
        let event = event.filter(|event| event.index > 0);
        let (index, output) = event.map_or((0, genesis), |event| (event.index, event.fields));
        Self { state, index, output }
    }

    /// All leaves with their tree.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Index of the last batch applied; 0 for genesis.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The output after that batch.
    pub fn output(&self) -> &OutputFields {
        &self.output
    }

    /// The state after the next batch. `messages` are those of the queue by index, as far as it is known, the batch's included.
    pub fn apply(self, event: &BatchEvent, posted: &Posted, messages: &impl Queued) -> Result<Self, LedgerError> {
        Ok(self.apply_changing(event, posted, messages)?.0)
    }

    /// The same, with the indices of the leaves that it changed or made.
    pub(super) fn apply_changing(
        self,
        event: &BatchEvent,
        posted: &Posted,
        messages: &impl Queued,
    ) -> Result<(Self, BTreeSet<u32>), LedgerError> {
        let (index, fields) = (event.index, event.fields);
        if self.index.checked_add(1) != Some(index) {
            return Err(LedgerError::Index { last: self.index, found: index });
        }
        let (start, end) = (self.output.queue_index, fields.queue_index);
        let segments = &posted.segments;
        let record = |index| messages.queued(index).map(|queued| &queued.record[..]);
        let taken: Option<Vec<&[u8]>> = (start..end).map(record).collect();
        if start > end || taken.is_none_or(|records| records.concat() != segments.messages) {
            return Err(LedgerError::OtherMessages { index, start, end });
        }
        let replayed = replay(self.state, posted.env, &segments.effects, &segments.withdrawals, &segments.messages)
            .map_err(|source| LedgerError::Replay { index, source })?;
        let root = B256::from(integer(replayed.state.root()));
        if root != fields.state_root {
            return Err(LedgerError::StateRoot { index, expected: fields.state_root, found: root });
        }
        let (leaf_count, timestamp) = (replayed.state.leaf_count(), posted.env.timestamp);
        if leaf_count != event.leaf_count || last_block_hash(timestamp, leaf_count) != fields.last_block_hash {
            return Err(LedgerError::LastBlock { index, leaf_count, timestamp });
        }
        let found = withdrawals::root(&replayed.withdrawals);
        if found != fields.message_root {
            return Err(LedgerError::WithdrawalRoot { index, expected: fields.message_root, found });
        }
        Ok((Self { state: replayed.state, index, output: fields }, replayed.changed))
    }

    /// Leaf by index, the sentinel left out: the index, and what the settlement takes for it.
    pub fn leaves(&self) -> impl Iterator<Item = (u32, &tandem_payments::leaf::Leaf)> {
        let end = u32::try_from(self.state.leaf_count().saturating_sub(1)).unwrap_or(u32::MAX);
        (1..=end).filter_map(|index| Some((index, self.state.leaf(index)?)))
    }

    /// The path with which a leaf leaves a frozen chain (PAY-ESCAPE).
    pub fn siblings(&self, index: u32) -> [[U256; 3]; 16] {
        tandem_payments::escape::siblings(&self.state, index).map(|level| level.map(integer))
    }
}
