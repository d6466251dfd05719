//! Keys of several parts.

use crate::RowKey;
use alloy_primitives::{Address, B256};
use tandem_chain::message_tree::TREE_DEPTH;

/// What logs are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogTerm {
    /// That there is one.
    Any,
    /// The contract that wrote it.
    Address(Address),
    /// One of its topics.
    Topic {
        /// Which one, from 0.
        place: u8,
        /// What stands in that place.
        topic: B256,
    },
}

impl LogTerm {
    /// The first bytes of all its rows. No term's are the beginning of another's.
    pub(crate) fn prefix(&self) -> Vec<u8> {
        match self {
            Self::Any => vec![0],
            Self::Address(address) => [[1].as_slice(), address.as_slice()].concat(),
            Self::Topic { place, topic } => [[place.saturating_add(2)].as_slice(), topic.as_slice()].concat(),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        match kind {
            0 => rest.is_empty().then_some(Self::Any),
            1 => Address::try_from(rest).ok().map(Self::Address),
            kind => Some(Self::Topic { place: kind.checked_sub(2)?, topic: B256::try_from(rest).ok()? }),
        }
    }
}

/// A block that holds a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPlace {
    /// What the log is found by.
    pub term: LogTerm,
    /// Number of the block.
    pub block_number: u64,
}

impl RowKey for LogPlace {
    fn encode(&self) -> Vec<u8> {
        Self::row(&self.term.prefix(), self.block_number)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (term, block_number) = bytes.split_last_chunk()?;
        Some(Self { term: LogTerm::decode(term)?, block_number: u64::from_be_bytes(*block_number) })
    }
}

impl LogPlace {
    /// The row of a term that begins with `prefix`.
    pub(crate) fn row(prefix: &[u8], block_number: u64) -> Vec<u8> {
        [prefix, &block_number.to_be_bytes()].concat()
    }
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodePlace {
    /// Levels above the leaves.
    pub height: u8,
    /// Counted from the left of its level, from 0.
    pub index: u64,
}

impl RowKey for NodePlace {
    fn encode(&self) -> Vec<u8> {
        [[self.height].as_slice(), &self.index.to_be_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (height, index) = bytes.split_first()?;
        Some(Self { height: *height, index: u64::from_be_bytes(index.try_into().ok()?) })
    }
}

impl NodePlace {
    /// The leaf of a message.
    pub(crate) fn leaf(index: u64) -> Self {
        Self { height: 0, index }
    }

    /// The node above, if this is the right one of its two and so completes it.
    pub(crate) fn completes(self) -> Option<Self> {
        let is_right = self.index % 2 == 1 && usize::from(self.height) < TREE_DEPTH;
        is_right.then(|| Self { height: self.height.saturating_add(1), index: self.index / 2 })
    }
}
