//! Digests of long lists (PAY-DIGEST): a chain of Poseidon blocks that starts from tag, circuit and count.
//!
//! Twin: `prover/circuits/src/gadgets/digest.rs`.

use crate::poseidon::{self, Tag};
use alloc::vec::Vec;
use ark_bn254::Fr;

/// Items that one link of the chain takes.
pub const BLOCK_ITEMS: usize = poseidon::INPUTS_MAX - 1;

/// The digest of `items` as used by circuit `circuit_id`.
pub fn digest(tag: Tag, circuit_id: u64, items: &[Fr]) -> Fr {
    let start = start(tag, circuit_id, items.len());
    items.chunks(BLOCK_ITEMS).fold(start, |chain, block| {
        let mut inputs = Vec::with_capacity(poseidon::INPUTS_MAX);
        inputs.push(chain);
        inputs.extend_from_slice(block);
        inputs.resize(poseidon::INPUTS_MAX, Fr::from(0u64));
        poseidon::hash(&inputs)
    })
}

/// The first link: a constant of the circuit.
pub fn start(tag: Tag, circuit_id: u64, count: usize) -> Fr {
    poseidon::hash_tagged(tag, &[Fr::from(circuit_id), Fr::from(count as u64)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags;
    use alloc::collections::BTreeSet;

    #[test]
    fn what_a_digest_must_tell_apart_differs() {
        let one = Fr::from(1u64);
        let zero = Fr::from(0u64);
        let all = [
            digest(tags::DIGEST_DATA, 1, &[one]),
            digest(tags::DIGEST_VALUES, 1, &[one]),
            digest(tags::DIGEST_DATA, 2, &[one]),
            digest(tags::DIGEST_DATA, 1, &[one, zero]),
            digest(tags::DIGEST_DATA, 1, &[zero, one]),
            digest(tags::DIGEST_DATA, 1, &[]),
            digest(tags::DIGEST_DATA, 1, &[one; 15]),
            digest(tags::DIGEST_DATA, 1, &[one; 16]),
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
