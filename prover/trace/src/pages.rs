//! What a machine's memory holds, page by page.

use tandem_vm::{
    Machine,
    tree::{DEPTH, LEAF_BYTES, zero_nodes},
};

/// Height of the node above a page's leaves.
const PAGE_HEIGHT: usize = 7;
/// Bytes of a page.
pub(crate) const PAGE_BYTES: usize = (LEAF_BYTES as usize) << PAGE_HEIGHT;

/// The pages that are not all zeros, with their addresses, in descending order. Found from the root downwards: a node that is zero memory's has nothing below.
pub(crate) fn of(machine: &mut Machine) -> Vec<(u64, Vec<u8>)> {
    let zero = zero_nodes();
    let mut pages = Vec::new();
    let mut nodes = vec![(DEPTH, 0_u32)];
    while let Some((height, index)) = nodes.pop() {
        let first_leaf = index << height;
        if height == PAGE_HEIGHT {
            let leaves = first_leaf..first_leaf + (1 << PAGE_HEIGHT);
            let page: Vec<u8> = leaves.flat_map(|leaf| machine.leaf(leaf)).collect();
            pages.push((u64::from(first_leaf) * LEAF_BYTES, page));
            continue;
        }
        // Each child is the sibling of what lies below the other.
        let below = height - 1;
        for child in [2 * index, 2 * index + 1] {
            if machine.siblings((child ^ 1) << below)[below] != zero[below] {
                nodes.push((below, child));
            }
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use tandem_support::epochs;
    use tandem_vm::{Image, OracleKey, elf::Segment};

    use super::*;

    #[test]
    fn the_pages_make_the_same_memory() {
        let mut machine = Machine::new(&epochs::guest(), OracleKey::of_data(b"no epoch"));
        machine.run(100_000, &mut tandem_vm::NoPreimages);
        let state = machine.state().clone();
        let pages = of(&mut machine);
        assert!(pages.len() > 100 && pages.len() * PAGE_BYTES <= machine.memory_bytes());
        let segments = pages.into_iter().map(|(address, data)| Segment { address, data }).collect();
        let mut resumed = Machine::resume(state.clone(), &Image::new(segments).unwrap()).unwrap();
        assert_eq!(resumed.hash(), state.hash());
    }
}
