//! The node recovers signers in C, the guest in pure Rust: they must agree on every input, valid or not.

use alloy_primitives::{B256, U256, b256, keccak256};
use k256::ecdsa::SigningKey;
use proptest::prelude::*;
use revm::precompile::secp256k1::{bitcoin_secp256k1, k256 as pure};

const ORDER: B256 = b256!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");

fn agree(signature: [u8; 64], recovery: u8, message: B256) -> Option<B256> {
    let native = bitcoin_secp256k1::ecrecover(&signature.into(), recovery, &message).ok();
    let guest = pure::ecrecover(&signature.into(), recovery, &message).ok();
    assert_eq!(native, guest, "signature {signature:02x?}, recovery {recovery}, message {message}");
    native
}

fn join(r: U256, s: U256) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r.to_be_bytes::<32>());
    signature[32..].copy_from_slice(&s.to_be_bytes::<32>());
    signature
}

#[test]
fn native_and_pure_agree_at_the_edges() {
    let order = U256::from_be_bytes(ORDER.0);
    let edges = [
        U256::ZERO,
        U256::from(1),
        order / U256::from(2),
        order - U256::from(1),
        order,
        order + U256::from(1),
        U256::MAX,
    ];
    for r in edges {
        for s in edges {
            for recovery in 0..=3 {
                agree(join(r, s), recovery, keccak256("edge"));
                agree(join(r, s), recovery, B256::ZERO);
                agree(join(r, s), recovery, ORDER);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn native_and_pure_agree_on_signatures_and_what_becomes_of_them(
        key in 1u64.., message: [u8; 32], flip in 0usize..512, high: bool,
    ) {
        let key = SigningKey::from_slice(&B256::from(U256::from(key)).0).unwrap();
        let (signature, recovery) = key.sign_prehash_recoverable(&message).unwrap();
        let mut bytes: [u8; 64] = signature.to_bytes().into();
        let mut recovery = recovery.to_byte();
        if high {
            // The other of the two signatures that every signature is.
            let s = U256::from_be_slice(&bytes[32..]);
            bytes = join(U256::from_be_slice(&bytes[..32]), U256::from_be_bytes(ORDER.0) - s);
            recovery ^= 1;
        }
        let signer = agree(bytes, recovery, message.into());
        prop_assert!(signer.is_some());
        bytes[flip / 8] ^= 1 << (flip % 8);
        prop_assert_ne!(agree(bytes, recovery, message.into()), signer);
    }

    #[test]
    fn native_and_pure_agree_on_noise(signature: [u8; 32], s: [u8; 32], recovery in 0u8..4, message: [u8; 32]) {
        agree(join(U256::from_be_bytes(signature), U256::from_be_bytes(s)), recovery, message.into());
    }
}
