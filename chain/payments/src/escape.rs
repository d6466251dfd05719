//! What an account shows L1 to leave a chain that has ended (PAY-ESCAPE).
//!
//! Twin: `contracts/src/payments/StateTree.sol`.

use crate::state::State;
use crate::tree::{ARITY, LEVELS};
use ark_bn254::Fr;

/// The other three children on each level above a leaf, in the order of their places, from the leaf upwards.
pub fn siblings(state: &State, index: u32) -> [[Fr; 3]; LEVELS] {
    others(&state.tree().full_path(index), index)
}

/// All children on a path, without those of the leaf's own branch.
pub fn others(path: &[[Fr; ARITY]; LEVELS], index: u32) -> [[Fr; 3]; LEVELS] {
    core::array::from_fn(|level| {
        let [first, second, third, fourth] = path.get(level).copied().unwrap_or_default();
        match (u64::from(index) >> level.saturating_mul(2)) & 3 {
            0 => [second, third, fourth],
            1 => [first, third, fourth],
            2 => [first, second, fourth],
            _ => [first, second, third],
        }
    })
}
