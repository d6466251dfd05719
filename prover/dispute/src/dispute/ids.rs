//! What tournaments are called: DISP-OPEN-2.

use alloy_primitives::{B256, U256, keccak256};

use crate::MatchRef;

/// The level-0 tournament of a round: `H(abi("round", slot, round))`, DISP-OPEN-2.
pub fn round_id(slot: B256, round: u32) -> B256 {
    tagged("round", slot, U256::from(round).into())
}

/// The tournament inside a match: `H(abi("inner", tournament, match))`, DISP-OPEN-2.
pub fn inner_id(of: &MatchRef) -> B256 {
    tagged("inner", of.tournament, of.id())
}

/// The hash of the ABI encoding of a short string and two words.
fn tagged(tag: &str, first: B256, second: B256) -> B256 {
    let mut bytes = U256::from(96).to_be_bytes_vec();
    bytes.extend(first);
    bytes.extend(second);
    bytes.extend(U256::from(tag.len()).to_be_bytes::<32>());
    bytes.extend(tag.as_bytes());
    bytes.resize(160, 0);
    keccak256(bytes)
}
