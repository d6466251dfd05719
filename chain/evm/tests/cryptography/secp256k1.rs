//! Signatures: ECRECOVER, transactions, authorisations.

use alloy_primitives::{Address, B256, Signature, U256, b256, keccak256};
use k256::ecdsa::SigningKey;
use proptest::prelude::*;
use tandem_evm::cryptography::{InvalidSignature, Native, Portable, recover_with};

use super::join;

const ORDER: B256 = b256!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");

fn agree(signature: [u8; 64], recovery: u8, message: B256) -> Option<[u8; 32]> {
    super::agree(|cryptography| cryptography.secp256k1_ecrecover(&signature, recovery, &message.0))
}

fn order() -> U256 {
    ORDER.into()
}

/// The other of the two signatures that every signature is.
fn twin(signature: [u8; 64]) -> [u8; 64] {
    join(U256::from_be_slice(&signature[..32]), order() - U256::from_be_slice(&signature[32..]))
}

fn sign(key: u64, message: B256) -> ([u8; 64], u8, Address) {
    let key = SigningKey::from_slice(&B256::from(U256::from(key)).0).unwrap();
    let (signature, recovery) = key.sign_prehash_recoverable(message.as_slice()).unwrap();
    (signature.to_bytes().into(), recovery.to_byte(), Address::from_private_key(&key))
}

#[test]
fn edges() {
    let edges = [
        U256::ZERO,
        U256::from(1),
        order() / U256::from(2),
        order() / U256::from(2) + U256::from(1),
        order() - U256::from(1),
        order(),
        order() + U256::from(1),
        U256::MAX,
    ];
    for r in edges {
        for s in edges {
            for recovery in 0..=3 {
                for message in [keccak256("edge"), B256::ZERO, ORDER, B256::repeat_byte(0xff)] {
                    agree(join(r, s), recovery, message);
                }
            }
        }
    }
}

#[test]
fn a_key_at_infinity_is_nobodys() {
    // s * R = message * G: what is left of the key is the point at infinity.
    let message = keccak256("nothing");
    let (signature, recovery, _) = sign(1, message);
    let r = U256::from_be_slice(&signature[..32]);
    // With key 1, s * k = message + r; message' = message + r leaves s * R - message' * G = 0.
    let emptied = B256::from(U256::from_be_bytes(message.0).add_mod(r, order()));
    assert!(agree(signature, recovery, message).is_some());
    assert_eq!(agree(signature, recovery, emptied), None);
}

#[test]
fn both_sides_refuse_a_high_s() {
    let message = keccak256("high");
    let (low, recovery, signer) = sign(7, message);
    let high = twin(low);
    assert_eq!(agree(low, recovery, message), agree(high, recovery ^ 1, message), "the precompile takes both");
    for cryptography in [&Native as &dyn revm::precompile::Crypto, &Portable] {
        let recover = |bytes: [u8; 64], parity: u8| {
            let (r, s) = (U256::from_be_slice(&bytes[..32]), U256::from_be_slice(&bytes[32..]));
            recover_with(cryptography, &Signature::new(r, s, parity == 1), message)
        };
        assert_eq!(recover(low, recovery), Ok(signer));
        assert_eq!(recover(high, recovery ^ 1), Err(InvalidSignature));
        let half = order() / U256::from(2);
        let greatest = join(U256::from_be_slice(&low[..32]), half);
        assert!(recover(greatest, 0).is_ok(), "half the order itself is low");
        assert_eq!(recover(join(U256::from_be_slice(&low[..32]), half + U256::from(1)), 0), Err(InvalidSignature));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn signatures_and_what_becomes_of_them(key in 1u64.., message: [u8; 32], flip in 0usize..512, high: bool) {
        let (mut bytes, mut recovery, address) = sign(key, message.into());
        if high {
            bytes = twin(bytes);
            recovery ^= 1;
        }
        let signer = agree(bytes, recovery, message.into());
        prop_assert_eq!(signer, Some(address.into_word().0));
        bytes[flip / 8] ^= 1 << (flip % 8);
        prop_assert_ne!(agree(bytes, recovery, message.into()), signer);
    }

    #[test]
    fn noise(r: [u8; 32], s: [u8; 32], recovery in 0u8..4, message: [u8; 32]) {
        agree(join(U256::from_be_bytes(r), U256::from_be_bytes(s)), recovery, message.into());
    }
}
