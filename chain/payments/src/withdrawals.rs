//! The tree of a batch's withdrawals, against which they are claimed on L1 (PAY-WITHDRAWAL-ROOT).
//!
//! A leaf is the keccak of a record, a node that of two children, and places beyond the last record are zero up to the next power of
//! two. Twin: `contracts/src/payments/WithdrawalTree.sol`; both read `tests/vectors/payments/withdrawals.json`.

use crate::data::{Withdrawal, bytes};
use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};

/// Bits of a withdrawal's position within its batch.
pub const POSITION_BITS: u32 = 32;

/// The leaf of a withdrawal: the keccak of its record of 62 bytes (PAY-WITHDRAWAL).
pub fn leaf(withdrawal: &Withdrawal) -> B256 {
    keccak256(bytes(&withdrawal.encode()))
}

/// What names a withdrawal on L1: its batch, and its position among the batch's withdrawals. `None` if the batch's index has more than
/// 32 bits.
pub fn index(batch: u64, position: u32) -> Option<u64> {
    let batch = u32::try_from(batch).ok()?;
    Some(u64::from(batch).checked_shl(POSITION_BITS)? | u64::from(position))
}

/// The root over the withdrawals of a batch, in order; zero if there are none.
pub fn root(withdrawals: &[Withdrawal]) -> B256 {
    let mut level = leaves(withdrawals);
    while level.len() > 1 {
        level = parents(&level);
    }
    level.first().copied().unwrap_or_default()
}

/// The siblings of a withdrawal, from the leaf upwards. `None` if there is none at the position.
pub fn proof(withdrawals: &[Withdrawal], position: usize) -> Option<Vec<B256>> {
    withdrawals.get(position)?;
    let mut level = leaves(withdrawals);
    let (mut at, mut siblings) = (position, Vec::new());
    while level.len() > 1 {
        siblings.push(*level.get(at ^ 1)?);
        level = parents(&level);
        at >>= 1;
    }
    Some(siblings)
}

/// The root of the tree in which `leaf` stands at `position`, `siblings` going from the leaf upwards; `None` if a path of this length
/// has no such position.
pub fn root_from(position: u32, leaf: B256, siblings: &[B256]) -> Option<B256> {
    let levels = u32::try_from(siblings.len()).ok().filter(|levels| *levels <= POSITION_BITS)?;
    if u64::from(position).checked_shr(levels)? != 0 {
        return None;
    }
    let climb = |(hash, at): (B256, u32), sibling: &B256| {
        let up = if at & 1 == 0 { node(hash, *sibling) } else { node(*sibling, hash) };
        (up, at >> 1)
    };
    Some(siblings.iter().fold((leaf, position), climb).0)
}

/// The lowest level, filled up with zeros.
fn leaves(withdrawals: &[Withdrawal]) -> Vec<B256> {
    let mut leaves: Vec<B256> = withdrawals.iter().map(leaf).collect();
    if !leaves.is_empty() {
        leaves.resize(leaves.len().next_power_of_two(), B256::ZERO);
    }
    leaves
}

fn parents(level: &[B256]) -> Vec<B256> {
    level.as_chunks::<2>().0.iter().map(|[left, right]| node(*left, *right)).collect()
}

fn node(left: B256, right: B256) -> B256 {
    keccak256([left, right].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    fn withdrawals(count: u8) -> Vec<Withdrawal> {
        let withdrawal = |i| Withdrawal {
            recipient: Address::repeat_byte(i),
            token: Address::repeat_byte(i & 1),
            amount: u128::from(i) << 60 | 1,
        };
        (0..count).map(withdrawal).collect()
    }

    #[test]
    fn every_withdrawal_is_proven_at_its_place_and_nowhere_else() {
        for count in 1..=9u8 {
            let all = withdrawals(count);
            let root = root(&all);
            for (position, withdrawal) in all.iter().enumerate() {
                let siblings = proof(&all, position).unwrap();
                assert_eq!(siblings.len() as u32, all.len().next_power_of_two().ilog2());
                for at in 0..16u32 {
                    let found = root_from(at, leaf(withdrawal), &siblings);
                    assert_eq!(found == Some(root), at as usize == position, "{position} of {count} at {at}");
                }
                let changed = Withdrawal { amount: withdrawal.amount + 1, ..*withdrawal };
                assert_ne!(root_from(position as u32, leaf(&changed), &siblings), Some(root));
            }
            assert_eq!(proof(&all, all.len()), None);
        }
    }

    #[test]
    fn small_trees_by_hand() {
        let all = withdrawals(3);
        let [a, b, c] = [0, 1, 2].map(|i| leaf(&all[i]));
        assert_eq!(root(&[]), B256::ZERO);
        assert_eq!(root(&all[..1]), a);
        assert_eq!(root(&all[..2]), node(a, b));
        assert_eq!(root(&all), node(node(a, b), node(c, B256::ZERO)));
        assert_eq!(proof(&all, 2), Some(alloc::vec![B256::ZERO, node(a, b)]));
        assert_eq!(proof(&[], 0), None);
    }

    #[test]
    fn positions_and_indices_have_bounds() {
        assert_eq!(root_from(1, B256::ZERO, &[]), None);
        assert_eq!(root_from(2, B256::ZERO, &[B256::ZERO]), None);
        assert!(root_from(u32::MAX, B256::ZERO, &[B256::ZERO; 32]).is_some());
        assert_eq!(root_from(0, B256::ZERO, &[B256::ZERO; 33]), None);
        assert_eq!(index(3, 7), Some(3 << 32 | 7));
        assert_eq!(index(1 << 32, 0), None);
        assert_eq!(index(u64::from(u32::MAX), u32::MAX), Some(u64::MAX));
    }
}
