//! BabyJubJub points as constraints, in Edwards form (complete additions) and Montgomery form (cheap ones).
//!
//! Twin: `tandem_payments::eddsa` (curve). The Edwards law has no exceptions on points of the curve. A Montgomery
//! addition divides by u2 - u1, so each use says why its two points are neither equal nor opposite; the divisions of the
//! conversions are by values that are zero for no point in question. Every function assumes points of the curve, which
//! [`EdwardsVar::enforce_in_subgroup`] establishes for outside ones.

use super::uint::{pack, witness_bits};
use ark_bn254::Fr;
use ark_ec::{
    CurveConfig, CurveGroup,
    twisted_edwards::{MontCurveConfig, TECurveConfig},
};
use ark_ff::{BigInteger, Field, One, PrimeField, Zero};
use ark_r1cs_std::{
    GR1CSVar,
    alloc::AllocVar,
    boolean::Boolean,
    eq::EqGadget,
    fields::{FieldVar, fp::FpVar},
};
use ark_relations::gr1cs::SynthesisError;
use tandem_payments::eddsa::{BabyJubJub, ExtendedPoint, Point};

const A: Fr = <BabyJubJub as TECurveConfig>::COEFF_A;
const D: Fr = <BabyJubJub as TECurveConfig>::COEFF_D;
/// The coefficient of u^2; that of v^2 is one.
const MONTGOMERY_A: Fr = <BabyJubJub as MontCurveConfig>::COEFF_A;

/// A point (x, y).
#[derive(Clone, Debug)]
pub struct EdwardsVar {
    /// The first coordinate, x.
    pub x: FpVar<Fr>,
    /// The second coordinate, y.
    pub y: FpVar<Fr>,
}

/// A point (u, v) other than the identity.
#[derive(Clone, Debug)]
pub struct MontgomeryVar {
    /// The first coordinate, u.
    pub u: FpVar<Fr>,
    /// The second coordinate, v.
    pub v: FpVar<Fr>,
}

/// Numerator and denominator of a coordinate.
type Fraction = (FpVar<Fr>, FpVar<Fr>);

/// A witness q with `q * denominator = numerator`: unique where the denominator is not zero.
fn quotient(numerator: &FpVar<Fr>, denominator: &FpVar<Fr>) -> Result<FpVar<Fr>, SynthesisError> {
    let value = || {
        let (n, d) = (numerator.value()?, denominator.value()?);
        Ok(n * d.inverse().unwrap_or(Fr::zero()))
    };
    let cs = numerator.cs().or(denominator.cs());
    if cs.is_none() {
        if denominator.value()?.is_zero() {
            return Err(SynthesisError::DivisionByZero);
        }
        return value().map(FpVar::Constant);
    }
    let result = FpVar::new_witness(cs, value)?;
    result.mul_equals(denominator, numerator)?;
    Ok(result)
}

impl EdwardsVar {
    /// The point that adds up to the identity with this one.
    pub fn negate(&self) -> Result<Self, SynthesisError> {
        Ok(Self { x: self.x.negate()?, y: self.y.clone() })
    }

    /// Enforces the curve's equation: 3 constraints.
    pub fn enforce_on_curve(&self) -> Result<(), SynthesisError> {
        let (xx, yy) = (self.x.square()?, self.y.square()?);
        (&xx * D).mul_equals(&yy, &(&xx * A + &yy - Fr::one()))
    }

    /// Enforces curve and prime subgroup, by a witness B on the curve with 8 B = self: 18 constraints. The identity passes.
    pub fn enforce_in_subgroup(&self) -> Result<(), SynthesisError> {
        let eighth = || -> Result<Point, SynthesisError> {
            let point = Point::new_unchecked(self.x.value()?, self.y.value()?);
            if !point.is_on_curve() {
                return Ok(point); // no hint satisfies the constraints, and the group law is not for such points
            }
            Ok((ExtendedPoint::from(point) * <BabyJubJub as CurveConfig>::COFACTOR_INV).into_affine())
        };
        let cs = self.x.cs().or(self.y.cs());
        if cs.is_none() {
            let point = Point::new_unchecked(self.x.value()?, self.y.value()?);
            let valid = point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve();
            return if valid { Ok(()) } else { Err(SynthesisError::Unsatisfiable) };
        }
        // The hint is computed only where the coordinates are known.
        let hint = eighth();
        let coordinate =
            |pick: fn(&Point) -> Fr| hint.as_ref().map(pick).map_err(|_| SynthesisError::AssignmentMissing);
        let base = Self {
            x: FpVar::new_witness(cs.clone(), || coordinate(|p| p.x))?,
            y: FpVar::new_witness(cs, || coordinate(|p| p.y))?,
        };
        base.enforce_on_curve()?;
        base.double()?.double()?.enforce_double_is(self)
    }

    /// Twice the point: 5 constraints.
    pub fn double(&self) -> Result<Self, SynthesisError> {
        let [x, y] = self.double_fractions()?;
        Ok(Self { x: quotient(&x.0, &x.1)?, y: quotient(&y.0, &y.1)? })
    }

    /// Enforces that twice the point is `expected`: 5 constraints.
    fn enforce_double_is(&self, expected: &Self) -> Result<(), SynthesisError> {
        let [x, y] = self.double_fractions()?;
        expected.x.mul_equals(&x.1, &x.0)?;
        expected.y.mul_equals(&y.1, &y.0)
    }

    /// Numerators and denominators of the double: a x^2 + y^2 = 1 + d x^2 y^2, so the addition law's apply, and
    /// neither denominator is zero.
    fn double_fractions(&self) -> Result<[Fraction; 2], SynthesisError> {
        let axx = self.x.square()? * A;
        let yy = self.y.square()?;
        let xy = &self.x * &self.y;
        let sum = &axx + &yy;
        Ok([(xy.double()?, sum.clone()), (&yy - &axx, FpVar::Constant(Fr::from(2u64)) - sum)])
    }

    /// The sum: 6 constraints, for any two points of the curve.
    pub fn add(&self, other: &Self) -> Result<Self, SynthesisError> {
        let [x, y] = self.sum_fractions(other)?;
        Ok(Self { x: quotient(&x.0, &x.1)?, y: quotient(&y.0, &y.1)? })
    }

    /// Enforces that the sum is `expected`, whose coordinates need no check of their own: 6 constraints.
    pub fn enforce_sum_is(&self, other: &Self, expected: &Self) -> Result<(), SynthesisError> {
        let [x, y] = self.sum_fractions(other)?;
        expected.x.mul_equals(&x.1, &x.0)?;
        expected.y.mul_equals(&y.1, &y.0)
    }

    fn sum_fractions(&self, other: &Self) -> Result<[Fraction; 2], SynthesisError> {
        let xy = &self.x * &other.y;
        let yx = &self.y * &other.x;
        // (y1 - a x1)(x2 + y2) = y1 y2 - a x1 x2 + y1 x2 - a x1 y2
        let cross = (&self.y - &self.x * A) * (&other.x + &other.y);
        let product = &xy * &yx * D;
        let one = FpVar::one();
        Ok([(&xy + &yx, &one + &product), (cross - &yx + &xy * A, &one - &product)])
    }

    /// The Montgomery form, of a point of the prime subgroup: 2 constraints, which the identity cannot satisfy
    /// (it would need u * 0 = 2). Elsewhere in the subgroup x and 1 - y are not zero.
    pub fn to_montgomery(&self) -> Result<MontgomeryVar, SynthesisError> {
        let u = quotient(&(&self.y + Fr::one()), &(FpVar::one() - &self.y))?;
        let v = quotient(&u, &self.x)?;
        Ok(MontgomeryVar { u, v })
    }
}

impl MontgomeryVar {
    /// The coordinates of a point of the prime subgroup other than the identity.
    pub fn coordinates(point: &Point) -> (Fr, Fr) {
        let u = (Fr::one() + point.y) * (Fr::one() - point.y).inverse().expect("not the identity");
        (u, u * point.x.inverse().expect("not of order two"))
    }

    /// The Edwards form, of a point of odd order: 2 constraints. v is zero only in order two, u = -1 in no point.
    pub fn to_edwards(&self) -> Result<EdwardsVar, SynthesisError> {
        let x = quotient(&self.u, &self.v)?;
        let y = quotient(&(&self.u - Fr::one()), &(&self.u + Fr::one()))?;
        Ok(EdwardsVar { x, y })
    }

    /// Twice a point that is not of order two: 4 constraints.
    pub fn double(&self) -> Result<Self, SynthesisError> {
        let numerator = self.u.square()? * Fr::from(3u64) + &self.u * (MONTGOMERY_A + MONTGOMERY_A) + Fr::one();
        let slope = quotient(&numerator, &self.v.double()?)?;
        let u = slope.square()? - MONTGOMERY_A - self.u.double()?;
        self.on_line(&slope, u)
    }

    /// The sum with a point that is neither equal nor opposite: 3 constraints.
    pub fn add_distinct(&self, other: &Self) -> Result<Self, SynthesisError> {
        let slope = quotient(&(&other.v - &self.v), &(&other.u - &self.u))?;
        let u = slope.square()? - MONTGOMERY_A - &self.u - &other.u;
        self.on_line(&slope, u)
    }

    /// `2 self + other`, as (self + other) + self with the middle v left out: 5 constraints.
    ///
    /// `other` must be neither self, -self nor -2 self (and not the identity).
    pub fn double_add_distinct(&self, other: &Self) -> Result<Self, SynthesisError> {
        let slope = quotient(&(&other.v - &self.v), &(&other.u - &self.u))?;
        let middle = slope.square()? - MONTGOMERY_A - &self.u - &other.u;
        // The second slope is (v' - v) / (u' - u) with v' = slope (u - u') - v.
        let bend = quotient(&self.v.double()?.negate()?, &(&middle - &self.u))?;
        let second = bend - &slope;
        let u = second.square()? - MONTGOMERY_A - &self.u - &middle;
        self.on_line(&second, u)
    }

    /// The point with this u, negated, on the line through `self`: 1 constraint.
    fn on_line(&self, slope: &FpVar<Fr>, u: FpVar<Fr>) -> Result<Self, SynthesisError> {
        let v = slope * (&self.u - &u) - &self.v;
        Ok(Self { u, v })
    }
}

/// Enforces that an integer given by its bits, least significant first, is at most `maximum`: one constraint for
/// every run of zeros in the maximum.
///
/// An integer exceeds the maximum if it has a one where the maximum has a zero and no zero above, where the maximum
/// has a one. `missing` counts those zeros so far, `ones` the ones in a run of zeros; `ones = missing * w` for some
/// w says that without a missing one there is none. (Where both are zero, w is free: it has no other use.)
pub fn enforce_bits_at_most(bits: &[Boolean<Fr>], maximum: impl AsRef<[u64]>) -> Result<(), SynthesisError> {
    let maximum = maximum.as_ref();
    let bit_of_maximum = |i: usize| maximum.get(i / 64).is_some_and(|limb| limb >> (i % 64) & 1 == 1);
    debug_assert!((bits.len()..maximum.len() * 64).all(|i| !bit_of_maximum(i)));
    let mut missing = FpVar::<Fr>::zero();
    let mut i = bits.len();
    while i > 0 {
        let mut run = Vec::new();
        while i > 0 && bit_of_maximum(i - 1) {
            missing += FpVar::one() - FpVar::from(bits[i - 1].clone());
            i -= 1;
        }
        while i > 0 && !bit_of_maximum(i - 1) {
            run.push(FpVar::from(bits[i - 1].clone()));
            i -= 1;
        }
        if run.is_empty() {
            break;
        }
        let ones: FpVar<Fr> = run.iter().sum();
        match (&missing, &ones) {
            (FpVar::Constant(missing), _) if missing.is_zero() => ones.enforce_equal(&FpVar::zero())?,
            (FpVar::Constant(_), _) => {}
            (_, FpVar::Constant(ones)) if ones.is_zero() => {}
            _ => {
                let _ = quotient(&ones, &missing)?;
            }
        }
    }
    Ok(())
}

/// The canonical bits of a field element, least significant first: 254 booleans, a sum, and the comparison with r - 1.
pub fn canonical_bits(value: &FpVar<Fr>) -> Result<Vec<Boolean<Fr>>, SynthesisError> {
    let count = Fr::MODULUS_BIT_SIZE as usize;
    if let FpVar::Constant(value) = value {
        let value = value.into_bigint();
        return Ok((0..count).map(|i| Boolean::constant(value.get_bit(i))).collect());
    }
    let bits = witness_bits(&value.cs(), value.value().ok(), count)?;
    pack(&bits)?.enforce_equal(value)?;
    enforce_bits_at_most(&bits, (-Fr::one()).into_bigint())?;
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{System, accepts, assert_sound};
    use ark_ec::PrimeGroup;
    use ark_ff::{AdditiveGroup, MontFp};
    use ark_relations::gr1cs::ConstraintSystemRef;
    use tandem_payments::eddsa::{GENERATOR, Scalar};

    type Cs = ConstraintSystemRef<Fr>;

    fn multiple(k: u64) -> Point {
        (ExtendedPoint::generator() * Scalar::from(k)).into_affine()
    }

    /// The generator of the whole group (EIP-2494): of order 8 l.
    fn full_order() -> Point {
        Point::new_unchecked(
            MontFp!("995203441582195749578291179787384436505546430278305826713579947235728471134"),
            MontFp!("5472060717959818805561601436314318772137091100104008585924551046643952123905"),
        )
    }

    #[derive(Clone, Copy, Debug)]
    enum Mode {
        Constant,
        Input,
        Witness,
    }

    const MODES: [Mode; 3] = [Mode::Constant, Mode::Input, Mode::Witness];

    fn element(cs: &Cs, mode: Mode, value: Fr) -> FpVar<Fr> {
        match mode {
            Mode::Constant => FpVar::Constant(value),
            Mode::Input => FpVar::new_input(cs.clone(), || Ok(value)).unwrap(),
            Mode::Witness => FpVar::new_witness(cs.clone(), || Ok(value)).unwrap(),
        }
    }

    fn edwards(cs: &Cs, mode: Mode, point: Point) -> EdwardsVar {
        EdwardsVar { x: element(cs, mode, point.x), y: element(cs, mode, point.y) }
    }

    fn montgomery(cs: &Cs, mode: Mode, point: Point) -> MontgomeryVar {
        let (u, v) = MontgomeryVar::coordinates(&point);
        MontgomeryVar { u: element(cs, mode, u), v: element(cs, mode, v) }
    }

    fn is(point: &EdwardsVar, expected: Point) -> bool {
        (point.x.value().unwrap(), point.y.value().unwrap()) == (expected.x, expected.y)
    }

    fn is_montgomery(point: &MontgomeryVar, expected: Point) -> bool {
        (point.u.value().unwrap(), point.v.value().unwrap()) == MontgomeryVar::coordinates(&expected)
    }

    #[test]
    fn edwards_arithmetic_is_that_of_the_group_without_exceptions() {
        let points = [Point::zero(), GENERATOR, multiple(7), -GENERATOR, -multiple(2), full_order()];
        for (mode, other) in MODES.into_iter().flat_map(|m| MODES.map(|n| (m, n))) {
            for a in points {
                for b in points {
                    assert!(accepts(|cs| {
                        let (x, y) = (edwards(&cs, mode, a), edwards(&cs, other, b));
                        assert!(is(&x.add(&y)?, (a + b).into_affine()), "{mode:?} {other:?}");
                        assert!(is(&x.double()?, (a + a).into_affine()));
                        assert!(is(&x.negate()?, -a));
                        x.enforce_sum_is(&y, &edwards(&cs, Mode::Constant, (a + b).into_affine()))
                    }));
                }
            }
        }
    }

    #[test]
    fn montgomery_arithmetic_is_that_of_the_group() {
        for (mode, other) in MODES.into_iter().flat_map(|m| MODES.map(|n| (m, n))) {
            for (k, j) in [(1, 2), (5, 3), (8, 11), (1000, 77)] {
                let (a, b) = (multiple(k), multiple(j));
                assert!(accepts(|cs| {
                    let (x, y) = (montgomery(&cs, mode, a), montgomery(&cs, other, b));
                    assert!(is_montgomery(&x.double()?, multiple(2 * k)));
                    assert!(is_montgomery(&x.add_distinct(&y)?, multiple(k + j)));
                    assert!(is_montgomery(&x.double_add_distinct(&y)?, multiple(2 * k + j)));
                    assert!(is(&x.to_edwards()?, a));
                    assert!(is_montgomery(&edwards(&cs, mode, a).to_montgomery()?, a));
                    Ok(())
                }));
            }
        }
    }

    #[test]
    fn the_identity_has_no_montgomery_form() {
        for mode in MODES {
            assert!(!accepts(|cs| edwards(&cs, mode, Point::zero()).to_montgomery().map(|_| ())));
        }
    }

    #[test]
    fn curve_and_subgroup_are_enforced() {
        let x = Fr::from(168700u64).inverse().unwrap().sqrt().unwrap();
        let order_four = Point::new_unchecked(x, Fr::zero());
        let order_two = Point::new_unchecked(Fr::zero(), -Fr::one());
        let off = Point::new_unchecked(GENERATOR.x, GENERATOR.y + Fr::one());
        let twisted = (GENERATOR + order_two).into_affine();
        let cases = [
            (GENERATOR, true, true),
            (multiple(99), true, true),
            (Point::zero(), true, true),
            (order_two, true, false),
            (order_four, true, false),
            (twisted, true, false),
            (full_order(), true, false),
            (off, false, false),
            (Point::new_unchecked(Fr::zero(), Fr::zero()), false, false),
        ];
        for mode in MODES {
            for (point, on_curve, in_subgroup) in cases {
                assert_eq!(accepts(|cs| edwards(&cs, mode, point).enforce_in_subgroup()), in_subgroup, "{point}");
                if !matches!(mode, Mode::Constant) {
                    assert_eq!(accepts(|cs| edwards(&cs, mode, point).enforce_on_curve()), on_curve, "{point}");
                }
            }
        }
    }

    #[test]
    fn no_witness_value_is_free() {
        let (a, b) = (multiple(5), multiple(9));
        assert_sound(6, |cs| edwards(&cs, Mode::Input, a).add(&edwards(&cs, Mode::Input, b)).map(|_| ()));
        assert_sound(5, |cs| edwards(&cs, Mode::Input, a).double().map(|_| ()));
        assert_sound(18, |cs| edwards(&cs, Mode::Input, a).enforce_in_subgroup());
        assert_sound(4, |cs| montgomery(&cs, Mode::Input, a).double().map(|_| ()));
        assert_sound(3, |cs| {
            montgomery(&cs, Mode::Input, a).add_distinct(&montgomery(&cs, Mode::Input, b)).map(|_| ())
        });
        assert_sound(5, |cs| {
            montgomery(&cs, Mode::Input, a).double_add_distinct(&montgomery(&cs, Mode::Input, b)).map(|_| ())
        });
        assert_sound(2, |cs| edwards(&cs, Mode::Input, a).to_montgomery().map(|_| ()));
        assert_sound(2, |cs| montgomery(&cs, Mode::Input, a).to_edwards().map(|_| ()));
    }

    #[test]
    fn comparison_with_a_constant_is_exact() {
        for maximum in 0u64..64 {
            for value in 0u64..64 {
                let accepted = accepts(|cs| {
                    let bits = witness_bits(&cs, Some(Fr::from(value)), 6)?;
                    enforce_bits_at_most(&bits, [maximum])
                });
                assert_eq!(accepted, value <= maximum, "{value} <= {maximum}");
            }
        }
    }

    #[test]
    fn a_second_decomposition_modulo_r_is_refused() {
        let value = Fr::from(5u64);
        let mut alias = Fr::MODULUS;
        alias.add_with_carry(&value.into_bigint());
        assert!(alias.num_bits() <= 254, "the alias fits as many bits");
        let decomposed = |integer: ark_ff::BigInt<4>| {
            accepts(|cs| {
                let bits = (0..254)
                    .map(|i| Boolean::new_witness(cs.clone(), || Ok(integer.get_bit(i))))
                    .collect::<Result<Vec<_>, _>>()?;
                pack(&bits)?.enforce_equal(&FpVar::new_input(cs, || Ok(value))?)?;
                enforce_bits_at_most(&bits, (-Fr::one()).into_bigint())
            })
        };
        assert!(decomposed(value.into_bigint()));
        assert!(!decomposed(alias));
        // and the gadget compares: its 254 bits come first among the witnesses, then the hints of the comparison
        let mut system = System::new(|cs| canonical_bits(&FpVar::new_input(cs, || Ok(value))?).map(|_| ()));
        assert!(system.is_satisfied());
        (0..254).for_each(|i| *system.witness(i) = Fr::from(alias.get_bit(i)));
        assert!(!system.is_satisfied());
    }

    #[test]
    fn canonical_bits_are_bound_except_for_the_hints_of_empty_runs() {
        for value in [Fr::from(3u64).pow([200]), Fr::one(), Fr::ZERO, -Fr::one()] {
            let mut system = System::new(|cs| canonical_bits(&FpVar::new_input(cs, || Ok(value))?).map(|_| ()));
            assert_eq!(system.constraints(), 254 + 1 + 53);
            // The hint w of `ones = missing * w` where both are zero: the runs down to the first missing one.
            let free = system.unbound();
            assert!(free.iter().all(|&index| index >= 254 && *system.witness(index) == Fr::ZERO), "{free:?}");
        }
    }
}
