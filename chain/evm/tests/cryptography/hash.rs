//! Hashes: BLAKE2's vector instructions beside its portable form, keccak's assembly, where it is linked, beside the guest's.

use alloy_primitives::{B256, keccak256};
use proptest::prelude::*;
use sha3::Digest;

#[test]
fn keccak_of_every_length_about_the_rate() {
    let bytes: Vec<u8> = (0..500u16).map(|byte| byte as u8).collect();
    for length in 0..bytes.len() {
        assert_eq!(keccak256(&bytes[..length]), B256::from_slice(&sha3::Keccak256::digest(&bytes[..length])));
    }
}

proptest! {
    #[test]
    fn blake2(rounds in 0u32..40, h: [u64; 8], m: [u64; 16], t: [u64; 2], last: bool) {
        let compressed = super::agree(|cryptography| {
            let mut state = h;
            cryptography.blake2_compress(rounds, &mut state, &m, &t, last);
            Ok(state)
        });
        prop_assert_ne!(compressed, Some(h));
    }
}
