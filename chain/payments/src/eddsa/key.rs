//! Secret keys and deterministic signing (PAY-EDDSA-SIGN).
//!
//! The nonce is derived from secret and message, so that signing needs no randomness and never repeats a nonce.
//! circomlib uses BLAKE-512 there, keccak is at hand here: no verifier can tell.

use super::{EddsaError, ExtendedPoint, PublicKey, Scalar, Signature, challenge, scalar};
use alloy_primitives::{B256, Keccak256};
use ark_bn254::Fr;
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{BigInteger, PrimeField, Zero};

const SCALAR_DOMAIN: &[u8] = b"tandem/eddsa/scalar";
const NONCE_DOMAIN: &[u8] = b"tandem/eddsa/nonce";

/// A secret key, derived from 32 secret bytes. `Debug` shows the public part only.
#[derive(Clone)]
pub struct SecretKey {
    seed: B256,
    scalar: Scalar,
    public: PublicKey,
}

impl SecretKey {
    /// The key of a seed.
    pub fn from_seed(seed: B256) -> Self {
        let scalar = wide_scalar(SCALAR_DOMAIN, &[seed.as_slice()]);
        let point = (ExtendedPoint::generator() * scalar).into_affine();
        Self { seed, scalar, public: PublicKey(point) }
    }

    /// The public key of this secret key.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs a field element.
    pub fn sign(&self, message: Fr) -> Signature {
        let message_bytes = message.into_bigint().to_bytes_be();
        let nonce = wide_scalar(NONCE_DOMAIN, &[self.seed.as_slice(), &message_bytes]);
        let r8 = (ExtendedPoint::generator() * nonce).into_affine();
        let challenge = scalar(challenge(r8.x, r8.y, &self.public, message));
        let s = nonce + challenge * Scalar::from(8u64) * self.scalar;
        Signature { r8_x: r8.x, r8_y: r8.y, s: s.into_bigint() }
    }

    /// Signs, and verifies what came out: guards a wallet against faults that would give the key away.
    pub fn sign_checked(&self, message: Fr) -> Result<Signature, EddsaError> {
        let signature = self.sign(message);
        self.public.verify(message, &signature).map(|()| signature)
    }
}

impl core::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SecretKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// 512 bits of keccak output modulo l, never zero.
fn wide_scalar(domain: &[u8], parts: &[&[u8]]) -> Scalar {
    for counter in (0u8..=u8::MAX).step_by(2) {
        let half = |index: u8| {
            let mut hasher = Keccak256::new();
            hasher.update(domain);
            parts.iter().for_each(|part| hasher.update(part));
            hasher.update([index]);
            hasher.finalize()
        };
        let mut wide = [0u8; 64];
        wide[..32].copy_from_slice(half(counter).as_slice());
        wide[32..].copy_from_slice(half(counter.saturating_add(1)).as_slice());
        let scalar = Scalar::from_be_bytes_mod_order(&wide);
        if !scalar.is_zero() {
            return scalar;
        }
    }
    unreachable!("128 keccak outputs in a row are not multiples of l")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::Field;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn what_is_signed_verifies_and_nothing_else(seed: [u8; 32], message: u64, other: u64) {
            let key = SecretKey::from_seed(B256::from(seed));
            let message = Fr::from(message).pow([7]);
            let signature = key.sign_checked(message).unwrap();
            prop_assert_eq!(PublicKey::new(key.public().x(), key.public().y()), Ok(key.public()));
            let other = Fr::from(other);
            prop_assert_eq!(key.public().verify(other, &signature).is_ok(), other == message);
        }
    }

    #[test]
    fn nonces_depend_on_key_and_message() {
        let (a, b) = (SecretKey::from_seed(B256::repeat_byte(1)), SecretKey::from_seed(B256::repeat_byte(2)));
        let (m, n) = (Fr::from(1u64), Fr::from(2u64));
        let r = [a.sign(m).r8_x, a.sign(n).r8_x, b.sign(m).r8_x];
        assert!(r[0] != r[1] && r[0] != r[2] && r[1] != r[2]);
        assert_eq!(a.sign(m), a.sign(m));
    }
}
