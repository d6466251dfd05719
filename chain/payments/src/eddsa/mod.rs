//! EdDSA over BabyJubJub with Poseidon, as circomlib verifies it (rules PAY-EDDSA in `docs/spec/session-keys.md`).
//!
//! A signature (R, S) of the field element M under the key A holds if S < l and
//! `S B = R + Poseidon(R.x, R.y, A.x, A.y, M) 8 A`, B the generator of the prime subgroup.
//! Beyond circomlib, A must lie in that subgroup and not be the identity; R then does so by the equation.
//! Twins: `prover/circuits/src/gadgets/eddsa.rs`, `sdk/src/eddsa.ts`. Keys and signatures are adversarial; messages too.

#[allow(unexpected_cfgs, reason = "the derive of the scalar field asks for a feature of its own crate")]
mod curve;
mod envelope;
mod key;
mod session;

use crate::{poseidon, tags};
use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{BigInteger, PrimeField};

pub use curve::{BabyJubJub, ExtendedPoint, GENERATOR, Point, Scalar, ScalarConfig};
pub use envelope::{EnvelopeError, SESSION_TX_BYTES_MAX, SESSION_TX_TYPE, SessionTransaction, domain};
pub use key::SecretKey;
pub use session::{SessionKeyError, SessionKeyRequest};

/// Why a key or a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EddsaError {
    /// The key does not satisfy the curve's equation.
    #[error("the public key is not on the curve")]
    KeyNotOnCurve,
    /// The key is the identity.
    #[error("the public key is the identity")]
    KeyIsIdentity,
    /// The key has a component of small order.
    #[error("the public key is outside the prime subgroup")]
    KeyOutsideSubgroup,
    /// S is not below the order of the subgroup.
    #[error("the scalar of the signature is not canonical")]
    ScalarNotCanonical,
    /// The verification equation does not hold.
    #[error("the signature does not belong to key and message")]
    Mismatch,
}

/// A public key: a point of the prime subgroup other than the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(Point);

impl PublicKey {
    /// Checks a pair of coordinates (PAY-EDDSA-KEY).
    pub fn new(x: Fr, y: Fr) -> Result<Self, EddsaError> {
        let point = Point::new_unchecked(x, y);
        if !point.is_on_curve() {
            return Err(EddsaError::KeyNotOnCurve);
        }
        if point.is_zero() {
            return Err(EddsaError::KeyIsIdentity);
        }
        if !point.is_in_correct_subgroup_assuming_on_curve() {
            return Err(EddsaError::KeyOutsideSubgroup);
        }
        Ok(Self(point))
    }

    /// The first affine coordinate of the point.
    pub fn x(&self) -> Fr {
        self.0.x
    }

    /// The second affine coordinate of the point.
    pub fn y(&self) -> Fr {
        self.0.y
    }

    /// The key as a point of the curve.
    pub fn point(&self) -> Point {
        self.0
    }

    /// What a leaf stores of the key (PAY-TAG).
    pub fn hash(&self) -> Fr {
        poseidon::hash_tagged(tags::KEY_SESSION, &[self.0.x, self.0.y])
    }

    /// Verifies a signature of `message` (PAY-EDDSA).
    pub fn verify(&self, message: Fr, signature: &Signature) -> Result<(), EddsaError> {
        let s = Scalar::from_bigint(signature.s).ok_or(EddsaError::ScalarNotCanonical)?;
        let challenge = challenge(signature.r8_x, signature.r8_y, self, message);
        let key = ExtendedPoint::from(self.0) * (scalar(challenge) * Scalar::from(8u64));
        // In affine form: coordinates that are not on the curve equal those of no point.
        let r8 = (ExtendedPoint::generator() * s - key).into_affine();
        if (r8.x, r8.y) == (signature.r8_x, signature.r8_y) { Ok(()) } else { Err(EddsaError::Mismatch) }
    }
}

/// A signature as it travels: nothing about it is known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// First coordinate of R.
    pub r8_x: Fr,
    /// Second coordinate of R.
    pub r8_y: Fr,
    /// S, any 256-bit integer.
    pub s: ark_ff::BigInt<4>,
}

/// The challenge: circomlib's, a hash without a tag.
pub fn challenge(r8_x: Fr, r8_y: Fr, key: &PublicKey, message: Fr) -> Fr {
    poseidon::hash(&[r8_x, r8_y, key.x(), key.y(), message])
}

/// The integer of a field element modulo l.
pub(crate) fn scalar(element: Fr) -> Scalar {
    Scalar::from_le_bytes_mod_order(&element.into_bigint().to_bytes_le())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use ark_ff::{AdditiveGroup, BigInt, Field, MontFp, One};
    use std::{string::String, vec::Vec};

    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        message: String,
        public_key: [String; 2],
        r8: [String; 2],
        s: String,
    }

    fn fr(decimal: &str) -> Fr {
        decimal.parse().unwrap()
    }

    /// Signatures made by circomlibjs 0.1.7; the first is the one of circomlib's own test.
    fn cases() -> Vec<(PublicKey, Fr, Signature)> {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../tests/vectors/payments/eddsa.json")).unwrap();
        assert_eq!(cases.len(), 4);
        cases
            .iter()
            .map(|case| {
                let key = PublicKey::new(fr(&case.public_key[0]), fr(&case.public_key[1])).unwrap();
                let s = case.s.parse::<Scalar>().unwrap().into_bigint();
                (key, fr(&case.message), Signature { r8_x: fr(&case.r8[0]), r8_y: fr(&case.r8[1]), s })
            })
            .collect()
    }

    /// Tests PAY-EDDSA, by signatures from elsewhere.
    #[test]
    fn signatures_of_circomlib_verify() {
        for (key, message, signature) in cases() {
            assert_eq!(key.verify(message, &signature), Ok(()));
        }
    }

    #[test]
    fn every_field_of_a_signature_matters() {
        let (key, message, signature) = cases()[0];
        let mismatch = |message, signature: Signature| {
            assert_eq!(key.verify(message, &signature), Err(EddsaError::Mismatch));
        };
        mismatch(message + Fr::one(), signature);
        mismatch(message, Signature { r8_x: signature.r8_x + Fr::one(), ..signature });
        mismatch(message, Signature { r8_x: -signature.r8_x, ..signature });
        mismatch(message, Signature { r8_y: -signature.r8_y, ..signature });
        mismatch(message, Signature { r8_x: Fr::ZERO, r8_y: Fr::one(), ..signature });
        mismatch(message, Signature { s: BigInt::zero(), ..signature });
        let other = cases()[1].0;
        assert_eq!(other.verify(message, &signature), Err(EddsaError::Mismatch));
    }

    #[test]
    fn s_plus_the_order_is_refused() {
        let (key, message, mut signature) = cases()[0];
        assert!(!signature.s.add_with_carry(&Scalar::MODULUS));
        assert_eq!(key.verify(message, &signature), Err(EddsaError::ScalarNotCanonical));
        signature.s = Scalar::MODULUS;
        assert_eq!(key.verify(message, &signature), Err(EddsaError::ScalarNotCanonical));
    }

    /// Tests PAY-EDDSA-KEY.
    #[test]
    fn keys_off_the_curve_or_of_small_order_are_refused() {
        let key = cases()[0].0;
        assert_eq!(PublicKey::new(key.x(), key.y() + Fr::one()), Err(EddsaError::KeyNotOnCurve));
        assert_eq!(PublicKey::new(Fr::ZERO, Fr::ZERO), Err(EddsaError::KeyNotOnCurve));
        assert_eq!(PublicKey::new(Fr::ZERO, Fr::one()), Err(EddsaError::KeyIsIdentity));
        assert_eq!(PublicKey::new(Fr::ZERO, -Fr::one()), Err(EddsaError::KeyOutsideSubgroup));
        // (x, 0) has order four.
        let x = Fr::from(168700u64).inverse().unwrap().sqrt().unwrap();
        assert_eq!(PublicKey::new(x, Fr::ZERO), Err(EddsaError::KeyOutsideSubgroup));
        // The key plus a point of order two: (-x, -y).
        assert_eq!(PublicKey::new(-key.x(), -key.y()), Err(EddsaError::KeyOutsideSubgroup));
        let full = Point::new_unchecked(
            MontFp!("995203441582195749578291179787384436505546430278305826713579947235728471134"),
            MontFp!("5472060717959818805561601436314318772137091100104008585924551046643952123905"),
        );
        assert_eq!(PublicKey::new(full.x, full.y), Err(EddsaError::KeyOutsideSubgroup));
        assert!(GENERATOR.xy().is_some_and(|(x, y)| PublicKey::new(x, y).is_ok()));
    }
}
