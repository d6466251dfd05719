//! Verification of an EdDSA-Poseidon signature as constraints.
//!
//! Twin: `tandem_payments::eddsa::PublicKey::{new, verify}`. Enforced: A on the curve, in the prime subgroup, not the
//! identity; S < l; `S B = R + h 8 A` with h the challenge as a canonical integer. R is the value of an addition, hence
//! on the curve.
//!
//! `h 8 A`: with P = 4 A and k = 2 h + 1, h 8 A = k P - P. An odd k is a sum of 127 signed digits 1, 3 times powers of
//! four under a leading one, and the digits are read off pairs of bits of h: digit = 2 pair - 3. Each step makes 4 k + d
//! of k as a doubling and a doubling with addition, in Montgomery form. Its exceptions would be 2 k = +-d and 4 k + d =
//! 0 modulo l: the left sides are odd integers, not zero, and smaller than l for the first 124 steps. The last three
//! are Edwards additions.
//! `S B`: windows of three bits s with constant tables (2 s + 1) 8^i (B / 2); a sum of lower windows is an odd multiple of
//! B / 2, the next window an even one, both below l, so they are never equal or opposite. The last two windows are
//! Edwards additions of s 8^i B; one of them takes away the constant that the plus ones add up to.

use super::{
    babyjubjub::{EdwardsVar, MontgomeryVar, canonical_bits, enforce_bits_at_most},
    poseidon,
    uint::{weighted_sum, witness_bits},
};
use ark_bn254::Fr;
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, One, PrimeField, Zero};
use ark_r1cs_std::{alloc::AllocVar, boolean::Boolean, fields::fp::FpVar};
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};
use std::sync::LazyLock;
use tandem_payments::{
    eddsa::{ExtendedPoint, Point, PublicKey, Scalar, Signature},
    tags,
};

/// Bits of S, a scalar below l.
const SCALAR_BITS: usize = 251;
/// Windows of S in Montgomery form; five bits remain.
const WINDOWS: usize = 82;
/// Steps of the variable-base multiplication in Montgomery form, of 127.
const MONTGOMERY_STEPS: usize = 124;

/// A signature whose S is canonical.
pub struct SignatureVar {
    /// The point R, unchecked: it is the value of a sum of points.
    pub r8: EdwardsVar,
    /// S, least significant bit first, below l.
    s: Vec<Boolean<Fr>>,
}

/// A public key in the prime subgroup. That it is not the identity is enforced by its use.
pub struct PublicKeyVar(EdwardsVar);

impl PublicKeyVar {
    /// Allocates a key as a witness, and checks it.
    pub fn new_witness(cs: ConstraintSystemRef<Fr>, key: Option<&PublicKey>) -> Result<Self, SynthesisError> {
        let point = key.map(PublicKey::point);
        Self::new(point_witness(cs, point)?)
    }

    /// Enforces curve and subgroup.
    pub fn new(point: EdwardsVar) -> Result<Self, SynthesisError> {
        point.enforce_in_subgroup()?;
        Ok(Self(point))
    }

    /// What a leaf stores of the key.
    pub fn hash(&self) -> Result<FpVar<Fr>, SynthesisError> {
        poseidon::hash_tagged(tags::KEY_SESSION, &[self.0.x.clone(), self.0.y.clone()])
    }

    /// Enforces that `signature` is one of `message` under this key, and that the key is not the identity.
    pub fn enforce_verifies(&self, message: &FpVar<Fr>, signature: &SignatureVar) -> Result<(), SynthesisError> {
        let (r8, key) = (&signature.r8, &self.0);
        let inputs = [&r8.x, &r8.y, &key.x, &key.y, message].map(Clone::clone);
        let challenge = canonical_bits(&poseidon::hash(&inputs)?)?;
        let base = key.double()?.double()?;
        let multiple = multiply_odd(&base, &challenge)?;
        let fixed = multiply_generator(&signature.s)?;
        // R = S B - (k P - P)
        fixed.add(&multiple.negate()?)?.enforce_sum_is(&base, r8)
    }
}

impl SignatureVar {
    /// A witness with canonical S.
    pub fn new_witness(cs: ConstraintSystemRef<Fr>, signature: Option<&Signature>) -> Result<Self, SynthesisError> {
        let r8 = point_witness(cs.clone(), signature.map(|s| Point::new_unchecked(s.r8_x, s.r8_y)))?;
        // An S that does not fit the field cannot be canonical: its low bits are as good a wrong witness as any.
        let s = witness_bits(&cs, signature.map(|s| low_bits(s.s)), SCALAR_BITS)?;
        Self::new(r8, s)
    }

    /// Enforces that S is canonical.
    pub fn new(r8: EdwardsVar, s: Vec<Boolean<Fr>>) -> Result<Self, SynthesisError> {
        assert_eq!(s.len(), SCALAR_BITS);
        let mut maximum = Scalar::MODULUS;
        maximum.sub_with_borrow(&BigInt::one());
        enforce_bits_at_most(&s, maximum)?;
        Ok(Self { r8, s })
    }
}

fn point_witness(cs: ConstraintSystemRef<Fr>, point: Option<Point>) -> Result<EdwardsVar, SynthesisError> {
    let coordinate = |pick: fn(&Point) -> Fr| point.as_ref().map(pick).ok_or(SynthesisError::AssignmentMissing);
    Ok(EdwardsVar {
        x: FpVar::new_witness(cs.clone(), || coordinate(|p| p.x))?,
        y: FpVar::new_witness(cs, || coordinate(|p| p.y))?,
    })
}

fn low_bits(integer: BigInt<4>) -> Fr {
    let mut limbs = integer.0;
    limbs[3] &= (1 << (SCALAR_BITS - 192)) - 1;
    Fr::from_bigint(BigInt(limbs)).unwrap_or(Fr::ZERO)
}

/// A digit of two bits, 2 (b0 + 2 b1) - 3, as what selects from P and 3 P.
struct Digit {
    /// One if the digit is 3 or -3.
    triple: FpVar<Fr>,
    /// The sign: 1 or -1.
    sign: FpVar<Fr>,
    /// The sign if the digit is 3 or -3, else 0.
    triple_sign: FpVar<Fr>,
}

impl Digit {
    fn new(b0: &Boolean<Fr>, b1: &Boolean<Fr>) -> Self {
        let (b0, b1) = (FpVar::from(b0.clone()), FpVar::from(b1.clone()));
        let both = &b0 * &b1;
        let one = Fr::one();
        let two = Fr::from(2u64);
        Self {
            triple: weighted_sum(one, &[(-one, b0.clone()), (-one, b1.clone()), (two, both)]),
            sign: weighted_sum(-one, &[(two, b1.clone())]),
            triple_sign: weighted_sum(-one, &[(one, b0), (one, b1)]),
        }
    }

    /// A coordinate that negation leaves alone.
    fn even(&self, single: &FpVar<Fr>, triple: &FpVar<Fr>) -> FpVar<Fr> {
        single + &self.triple * (triple - single)
    }

    /// A coordinate that negation negates.
    fn odd(&self, single: &FpVar<Fr>, triple: &FpVar<Fr>) -> FpVar<Fr> {
        &self.sign * single + &self.triple_sign * (triple - single)
    }
}

/// `(2 h + 1) base` for 254 bits of h, base in the prime subgroup and (enforced here) not the identity.
fn multiply_odd(base: &EdwardsVar, h: &[Boolean<Fr>]) -> Result<EdwardsVar, SynthesisError> {
    let (steps, rest) = h.as_chunks::<2>();
    assert!(steps.len() == 127 && rest.is_empty());
    let single = base.to_montgomery()?;
    // P and 2 P are neither equal nor opposite: l is not 1 or 3.
    let triple = single.double()?.add_distinct(&single)?;
    let (edwards_steps, montgomery_steps) = steps.split_at(steps.len() - MONTGOMERY_STEPS);

    let mut sum = single.clone();
    for [b0, b1] in montgomery_steps.iter().rev() {
        let digit = Digit::new(b0, b1);
        let addend = MontgomeryVar { u: digit.even(&single.u, &triple.u), v: digit.odd(&single.v, &triple.v) };
        sum = sum.double()?.double_add_distinct(&addend)?;
    }
    let mut sum = sum.to_edwards()?;
    let triple = triple.to_edwards()?;
    for [b0, b1] in edwards_steps.iter().rev() {
        let digit = Digit::new(b0, b1);
        let addend = EdwardsVar { x: digit.odd(&base.x, &triple.x), y: digit.even(&base.y, &triple.y) };
        sum = sum.double()?.double()?.add(&addend)?;
    }
    Ok(sum)
}

/// Constant tables of the generator.
struct Tables {
    /// (u, v) of `(2 s + 1) 8^i (B / 2)`.
    montgomery: Vec<[(Fr, Fr); 8]>,
    /// (x, y) of `s 8^82 B`, less what the plus ones above add up to.
    first: [(Fr, Fr); 8],
    /// (x, y) of `s 8^83 B`, for two bits.
    second: [(Fr, Fr); 4],
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let half = ExtendedPoint::generator() * Scalar::from(2u64).inverse().expect("l is odd");
    let eight = Scalar::from(8u64);
    let mut power = Scalar::one();
    let mut offset = Scalar::zero();
    let mut montgomery = Vec::with_capacity(WINDOWS);
    for _ in 0..WINDOWS {
        montgomery.push(std::array::from_fn(|s| {
            MontgomeryVar::coordinates(&(half * (power * Scalar::from(2 * s as u64 + 1))).into_affine())
        }));
        offset += power;
        power *= eight;
    }
    let edwards = |point: ExtendedPoint| {
        let point = point.into_affine();
        (point.x, point.y)
    };
    let multiple = |scalar: Scalar| ExtendedPoint::generator() * scalar;
    let correction = half * offset;
    let first = std::array::from_fn(|s| edwards(multiple(power * Scalar::from(s as u64)) - correction));
    power *= eight;
    let second = std::array::from_fn(|s| edwards(multiple(power * Scalar::from(s as u64))));
    Tables { montgomery, first, second }
});

/// `S B` for 251 bits of S.
fn multiply_generator(s: &[Boolean<Fr>]) -> Result<EdwardsVar, SynthesisError> {
    let tables = &*TABLES;
    let mut sum: Option<MontgomeryVar> = None;
    for (bits, table) in s.chunks(3).zip(&tables.montgomery) {
        let (u, v) = look_up(bits, table);
        let addend = MontgomeryVar { u, v };
        sum = Some(match sum {
            None => addend,
            Some(sum) => sum.add_distinct(&addend)?,
        });
    }
    let sum = sum.expect("there are 82 windows").to_edwards()?;
    let (x, y) = look_up(&s[3 * WINDOWS..3 * WINDOWS + 3], &tables.first);
    let sum = sum.add(&EdwardsVar { x, y })?;
    let (x, y) = look_up(&s[3 * WINDOWS + 3..], &tables.second);
    sum.add(&EdwardsVar { x, y })
}

/// An entry of a table of constants by two bits (1 constraint) or three (3 constraints).
fn look_up(bits: &[Boolean<Fr>], table: &[(Fr, Fr)]) -> (FpVar<Fr>, FpVar<Fr>) {
    assert_eq!(table.len(), 1 << bits.len());
    let [b0, b1] = [&bits[0], &bits[1]].map(|bit| FpVar::from(bit.clone()));
    let both = &b0 * &b1;
    // The polynomial in b0 and b1 through four values.
    let plane = |f: [Fr; 4]| {
        let terms = [(f[1] - f[0], b0.clone()), (f[2] - f[0], b1.clone()), (f[3] - f[2] - f[1] + f[0], both.clone())];
        weighted_sum(f[0], &terms)
    };
    let coordinate = |pick: fn(&(Fr, Fr)) -> Fr| {
        let low = std::array::from_fn(|i| pick(&table[i]));
        match bits.get(2) {
            None => plane(low),
            Some(b2) => {
                let step = std::array::from_fn(|i| pick(&table[i + 4]) - pick(&table[i]));
                plane(low) + FpVar::from(b2.clone()) * plane(step)
            }
        }
    };
    (coordinate(|point| point.0), coordinate(|point| point.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{System, accepts, proving};
    use alloy_primitives::B256;
    use ark_ec::AffineRepr;
    use ark_r1cs_std::GR1CSVar;
    use tandem_payments::eddsa::{SecretKey, challenge};

    /// Constraints of one verification, key and S included.
    const CONSTRAINTS: usize = 3172;

    fn signed(seed: u8, message: Fr) -> (PublicKey, Signature) {
        let key = SecretKey::from_seed(B256::repeat_byte(seed));
        (key.public(), key.sign(message))
    }

    fn verify(
        cs: ConstraintSystemRef<Fr>,
        key: Point,
        message: Fr,
        signature: &Signature,
    ) -> Result<(), SynthesisError> {
        let message = FpVar::new_input(cs.clone(), || Ok(message))?;
        let key = PublicKeyVar::new(point_witness(cs.clone(), Some(key))?)?;
        key.enforce_verifies(&message, &SignatureVar::new_witness(cs, Some(signature))?)
    }

    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        message: String,
        public_key: [String; 2],
        r8: [String; 2],
        s: String,
    }

    #[test]
    fn signatures_of_circomlib_verify() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../tests/vectors/payments/eddsa.json")).unwrap();
        assert_eq!(cases.len(), 4);
        let fr = |text: &String| text.parse::<Fr>().unwrap();
        for case in cases {
            let key = PublicKey::new(fr(&case.public_key[0]), fr(&case.public_key[1])).unwrap();
            let s = case.s.parse::<Scalar>().unwrap().into_bigint();
            let signature = Signature { r8_x: fr(&case.r8[0]), r8_y: fr(&case.r8[1]), s };
            assert!(accepts(|cs| verify(cs, key.point(), fr(&case.message), &signature)));
        }
    }

    #[test]
    fn own_signatures_verify_with_a_pinned_count_and_others_do_not() {
        for seed in 0..3 {
            let message = Fr::from(1000u64 + u64::from(seed)).pow([9]);
            let (key, signature) = signed(seed, message);
            let cs = proving();
            verify(cs.clone(), key.point(), message, &signature).unwrap();
            assert_eq!(cs.num_constraints(), CONSTRAINTS);
            assert!(System::of(&cs).is_satisfied());

            let refused = |key: PublicKey, message, signature: Signature| {
                assert!(key.verify(message, &signature).is_err(), "the native twin agrees");
                assert!(!accepts(|cs| verify(cs, key.point(), message, &signature)));
            };
            let one = Fr::one();
            refused(key, message + one, signature);
            refused(signed(77, message).0, message, signature);
            refused(key, message, Signature { r8_x: -signature.r8_x, ..signature });
            refused(key, message, Signature { r8_y: signature.r8_y + one, ..signature });
            refused(key, message, Signature { s: BigInt::zero(), ..signature });
            refused(
                key,
                message,
                Signature { s: (-Scalar::from_bigint(signature.s).unwrap()).into_bigint(), ..signature },
            );
            refused(key, message, signed(seed, message + one).1);
        }
    }

    #[test]
    fn s_plus_the_order_is_refused_although_it_fits_the_bits() {
        let fitting = |signature: &Signature| {
            let mut s = signature.s;
            s.add_with_carry(&Scalar::MODULUS);
            (s.num_bits() as usize <= SCALAR_BITS).then_some(s)
        };
        let (message, key, honest, s) = (0u64..)
            .find_map(|i| {
                let (key, signature) = signed(3, Fr::from(i));
                fitting(&signature).map(|s| (Fr::from(i), key, signature, s))
            })
            .unwrap();
        assert!(accepts(|cs| verify(cs, key.point(), message, &honest)));
        assert!(!accepts(|cs| verify(cs, key.point(), message, &Signature { s, ..honest })));
    }

    #[test]
    fn keys_of_small_order_are_refused_although_the_equation_holds() {
        let message = Fr::from(9u64);
        let nonce = Scalar::from(1234u64);
        let r8 = (ExtendedPoint::generator() * nonce).into_affine();
        let order_two = Point::new_unchecked(Fr::zero(), -Fr::one());
        // For such a key 8 A is the identity, and R = S B is a "signature" of every message.
        for key in [Point::zero(), order_two] {
            let signature = Signature { r8_x: r8.x, r8_y: r8.y, s: nonce.into_bigint() };
            assert!(!accepts(|cs| verify(cs, key, message, &signature)));
        }
        // A key plus a point of order two: circomlib's own equation accepts what its holder signs for it.
        let secret = Scalar::from(4321u64);
        let shifted = (ExtendedPoint::generator() * secret + order_two).into_affine();
        let inputs = [r8.x, r8.y, shifted.x, shifted.y, message];
        let h = tandem_payments::poseidon::hash(&inputs).into_bigint();
        let h = Scalar::from_le_bytes_mod_order(&h.to_bytes_le());
        let s = nonce + h * Scalar::from(8u64) * secret;
        assert_eq!(ExtendedPoint::generator() * s, r8 + shifted.mul_by_cofactor() * h);
        let signature = Signature { r8_x: r8.x, r8_y: r8.y, s: s.into_bigint() };
        assert!(!accepts(|cs| verify(cs, shifted, message, &signature)));
    }

    #[test]
    fn extreme_challenges_multiply_right() {
        let base = SecretKey::from_seed(B256::repeat_byte(8)).public().point();
        let mut l = Fr::from_bigint(Scalar::MODULUS).unwrap();
        let mut challenges = vec![Fr::ZERO, Fr::one(), -Fr::one(), Fr::from(2u64).pow([253]), Fr::from(3u64)];
        for _ in 0..4 {
            challenges.extend([l - Fr::one(), l, l + Fr::one(), (l - Fr::one()) / Fr::from(2u64)]);
            l.double_in_place();
        }
        for h in challenges {
            let cs = proving();
            let bits = canonical_bits(&FpVar::new_input(cs.clone(), || Ok(h)).unwrap()).unwrap();
            let base_var = point_witness(cs.clone(), Some(base)).unwrap();
            let multiple = multiply_odd(&base_var, &bits).unwrap();
            let k =
                Scalar::from_le_bytes_mod_order(&h.into_bigint().to_bytes_le()) * Scalar::from(2u64) + Scalar::one();
            let expected = (base * k).into_affine();
            assert_eq!((multiple.x.value().unwrap(), multiple.y.value().unwrap()), (expected.x, expected.y), "{h}");
            assert!(System::of(&cs).is_satisfied(), "{h}");
        }
    }

    #[test]
    fn extreme_scalars_multiply_the_generator_right() {
        let two = Scalar::from(2u64);
        for s in [
            Scalar::zero(),
            Scalar::one(),
            -Scalar::one(),
            two.pow([250]),
            two.pow([246]),
            two.pow([3]) - Scalar::one(),
        ] {
            let cs = proving();
            let bits = witness_bits(&cs, Some(low_bits(s.into_bigint())), SCALAR_BITS).unwrap();
            let product = multiply_generator(&bits).unwrap();
            let expected = (ExtendedPoint::generator() * s).into_affine();
            assert_eq!((product.x.value().unwrap(), product.y.value().unwrap()), (expected.x, expected.y), "{s}");
            assert!(System::of(&cs).is_satisfied(), "{s}");
        }
    }

    #[test]
    fn constants_verify_like_witnesses() {
        let message = Fr::from(6u64);
        let (key, signature) = signed(1, message);
        let Point { x, y } = key.point();
        for given in [message, message + Fr::one()] {
            let accepted = accepts(|cs| {
                let signature = SignatureVar::new_witness(cs.clone(), Some(&signature))?;
                let key = PublicKeyVar::new(EdwardsVar { x: FpVar::Constant(x), y: FpVar::Constant(y) })?;
                key.enforce_verifies(&FpVar::Constant(given), &signature)
            });
            assert_eq!(accepted, given == message);
        }
    }

    #[test]
    fn no_witness_value_is_free() {
        let message = Fr::from(2u64).pow([77]);
        let (key, signature) = signed(9, message);
        // In this signature no comparison hint is the quotient of two zeros.
        let challenge = challenge(signature.r8_x, signature.r8_y, &key, message);
        let mut system = System::new(|cs| verify(cs, key.point(), message, &signature));
        let free = system.unbound();
        let zeros: Vec<_> = free.iter().filter(|&&index| *system.witness(index) == Fr::ZERO).collect();
        assert_eq!(free.len(), zeros.len(), "only hints of empty runs may change");
        assert!(free.len() <= 2, "{free:?}, challenge {challenge}");
        assert_eq!(system.unbound_instances(), Vec::<usize>::new());
    }
}
