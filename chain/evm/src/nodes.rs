//! What the state's trie reads: the nodes that this batch's blocks wrote, and the source's; and how much memory what was read takes.
//!
//! A batch can read more nodes than the guest has memory (VM-9), so whoever reads drops them in time; what was written must then
//! still be found, for the source need not have it yet.

use alloc::collections::BTreeMap;
use alloy_primitives::{B256, Bytes};
use core::cell::Cell;
use tandem_chain::{PreimageSource, Preimages};
use tandem_trie::NodeSource;

/// Memory that decoded nodes may take before they are dropped.
const READ_BYTES_MAX: usize = 128 << 20;
/// Memory of a decoded node: a branch's table of children and what surrounds it, and for each of its bytes that of a branch full of
/// leaves that it embeds.
const NODE_BYTES: usize = 768;
const BYTES_PER_ENCODED_BYTE: usize = 6;

/// A pre-image source as the trie sees it.
#[derive(Clone, Debug)]
pub struct Nodes<S> {
    pub(crate) source: S,
    written: BTreeMap<B256, Bytes>,
    read_bytes: Cell<usize>,
}

impl<S> Nodes<S> {
    pub(crate) const fn new(source: S) -> Self {
        Self { source, written: BTreeMap::new(), read_bytes: Cell::new(0) }
    }

    /// Remembers what the source may not have yet.
    pub(crate) fn write(&mut self, nodes: &Preimages) {
        self.written.extend(nodes.iter().cloned());
    }

    /// The source has everything that was written.
    pub(crate) fn forget_written(&mut self) {
        self.written.clear();
    }

    /// Whether what was read since the last [`Nodes::dropped`] fills its room.
    pub(crate) fn are_many(&self) -> bool {
        self.read_bytes.get() > READ_BYTES_MAX
    }

    /// Everything that was read is out of memory again.
    pub(crate) fn dropped(&self) {
        self.read_bytes.set(0);
    }
}

impl<S: PreimageSource> NodeSource for Nodes<S> {
    type Error = S::Error;

    fn node(&self, hash: B256) -> Result<Bytes, S::Error> {
        let node = match self.written.get(&hash) {
            Some(node) => node.clone(),
            None => self.source.preimage(hash)?,
        };
        let bytes = node.len().saturating_mul(BYTES_PER_ENCODED_BYTE).saturating_add(NODE_BYTES);
        self.read_bytes.set(self.read_bytes.get().saturating_add(bytes));
        Ok(node)
    }
}
