//! What no verifying key may be, whatever circuit it is for. Rules: PAY-KEY.
//!
//! Twin: `contracts/src/payments/VerifyingKeys.sol`, `_checkPoints`. Adversarial: the key, whose points are on their curves and in their subgroups.

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::{AffineRepr, pairing::Pairing};
use ark_groth16::VerifyingKey;

/// Why a verifying key is worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyDefect {
    /// A part that must not be is the identity.
    #[error("{0} is the identity")]
    Identity(&'static str),
    /// Two secrets are equal, or opposite.
    #[error("{0} equals {1} or its opposite: anybody could forge proofs")]
    NotDistinct(&'static str, &'static str),
    /// The points of two inputs are equal, or opposite.
    #[error(
        "the points of inputs {0} and {1} are equal or opposite: of the two only the sum or the difference would be proven"
    )]
    SharedPoint(usize, usize),
    /// A secret is the generator or its opposite: nobody has contributed to it in phase 1 (alpha, beta) or phase 2 (delta).
    #[error("{0} is the generator or its opposite: with the powers of tau anybody could forge proofs")]
    IsGenerator(&'static str),
}

/// Refuses a key under which anybody could forge, or with an input that is not part of what is proven.
pub(super) fn check_key(key: &VerifyingKey<Bn254>) -> Result<(), KeyDefect> {
    for (name, is_identity) in [
        ("alpha", key.alpha_g1.is_zero()),
        ("beta", key.beta_g2.is_zero()),
        ("gamma", key.gamma_g2.is_zero()),
        ("delta", key.delta_g2.is_zero()),
        ("a point of an input", key.gamma_abc_g1.iter().any(G1Affine::is_zero)),
    ] {
        if is_identity {
            return Err(KeyDefect::Identity(name));
        }
    }
    let (beta, gamma, delta) = (("beta", key.beta_g2), ("gamma", key.gamma_g2), ("delta", key.delta_g2));
    for (first, second) in [(beta, gamma), (beta, delta), (gamma, delta)] {
        if is_same_up_to_sign(first.1, second.1) {
            return Err(KeyDefect::NotDistinct(first.0, second.0));
        }
    }
    for (name, point) in [beta, delta] {
        if is_same_up_to_sign(point, G2Affine::generator()) {
            return Err(KeyDefect::IsGenerator(name));
        }
    }
    if is_same_up_to_sign(key.alpha_g1, G1Affine::generator()) {
        return Err(KeyDefect::IsGenerator("alpha"));
    }
    // Points of different groups: their scalars are compared where both are taken to.
    let alpha = Bn254::pairing(key.alpha_g1, G2Affine::generator());
    for (name, point) in [beta, gamma, delta] {
        let other = Bn254::pairing(G1Affine::generator(), point);
        if alpha == other || alpha == -other {
            return Err(KeyDefect::NotDistinct("alpha", name));
        }
    }
    check_points(&key.gamma_abc_g1)
}

/// Refuses points of the constant and the inputs of which two are equal or opposite.
fn check_points(points: &[G1Affine]) -> Result<(), KeyDefect> {
    for (second, point) in points.iter().enumerate() {
        if let Some(first) = points.iter().take(second).position(|other| is_same_up_to_sign(*other, *point)) {
            return Err(KeyDefect::SharedPoint(first, second));
        }
    }
    Ok(())
}

/// Whether two points are equal or opposite.
pub(super) fn is_same_up_to_sign<P: AffineRepr>(a: P, b: P) -> bool {
    a == b || a.into_group() == -b.into_group()
}
