//! Commitments with few different leaves: runs that halt early, and the lies about them.

use alloy_primitives::B256;

use crate::tree::{HEIGHT, Tree, node};

/// A tree whose leaves are given in pieces, each a value that repeats. What repeats costs one hash per height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// By the index of the first leaf, ascending, the first being 0; and the nodes over that value alone, by height.
    pieces: Vec<(u64, Vec<B256>)>,
}

impl Run {
    /// A run that has one value in every leaf.
    pub fn uniform(value: B256) -> Self {
        Self { pieces: vec![(0, ladder(value))] }
    }

    /// These leaves, of which the last repeats. There must be one at least.
    pub fn list(leaves: &[B256]) -> Self {
        Self { pieces: (0..).zip(leaves).map(|(index, leaf)| (index, ladder(*leaf))).collect() }
    }

    /// The same up to leaf `index`, and `value` from there on.
    #[must_use]
    pub fn then(&self, index: u64, value: B256) -> Self {
        let mut pieces: Vec<_> = self.pieces.iter().filter(|(first, _)| *first < index).cloned().collect();
        pieces.push((index, ladder(value)));
        Self { pieces }
    }

    /// The leaf at an index.
    pub fn leaf(&self, index: u64) -> B256 {
        self.pieces[self.piece(index)].1[0]
    }

    /// The value in the last leaf.
    pub fn last(&self) -> B256 {
        self.leaf((1 << HEIGHT) - 1)
    }

    fn piece(&self, index: u64) -> usize {
        self.pieces.partition_point(|(first, _)| *first <= index) - 1
    }
}

impl Tree for Run {
    fn node(&self, height: u8, index: u64) -> B256 {
        let first = self.piece(index << height);
        if first == self.piece(((index + 1) << height) - 1) {
            return self.pieces[first].1[usize::from(height)];
        }
        node(self.node(height - 1, 2 * index), self.node(height - 1, 2 * index + 1))
    }
}

/// A value and the nodes over it alone.
fn ladder(value: B256) -> Vec<B256> {
    std::iter::successors(Some(value), |below| Some(node(*below, *below))).take(usize::from(HEIGHT) + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::ancestor;

    #[test]
    fn pieces_make_one_tree() {
        let values = [1, 2, 3].map(B256::repeat_byte);
        let run = Run::uniform(values[0]).then(5, values[1]).then(6, values[2]);
        for (index, leaf) in
            [(0, values[0]), (4, values[0]), (5, values[1]), (6, values[2]), ((1 << 20) - 1, values[2])]
        {
            assert_eq!(run.leaf(index), leaf);
            assert_eq!(ancestor(leaf, index, &run.path(index, HEIGHT), HEIGHT), Ok(run.root()));
        }
        assert_eq!(run.children(HEIGHT, 0).node(), run.root());
        assert_eq!(ancestor(values[2], u64::MAX, &run.last_path(), HEIGHT - 1), Ok(run.children(HEIGHT, 0).right));
        assert_eq!(Run::list(&[values[0], values[1], values[0]]).leaf(1), values[1]);
    }
}
