//! Unsigned integers below 2^BITS in one field element: range-checked when they come into being, the width in the type.
//!
//! A value is checked by its bits, which are kept for whoever needs them. Widths go up to 250 bits, so that sums and
//! differences of two never wrap the field (its modulus is above 2^253): a difference is offset by 2^BITS and checked
//! to be one bit wider. Results wider than their type are unsatisfiable, never reduced.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use ark_r1cs_std::{
    GR1CSVar,
    alloc::AllocVar,
    boolean::Boolean,
    eq::EqGadget,
    fields::{FieldVar, fp::FpVar},
};
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};

/// The bits of the widest integer.
pub const BITS_MAX: usize = 250;

/// An integer below 2^BITS.
#[derive(Clone, Debug)]
pub struct UInt<const BITS: usize> {
    value: FpVar<Fr>,
    /// The integer's bits, least significant first.
    bits: Vec<Boolean<Fr>>,
}

impl<const BITS: usize> UInt<BITS> {
    const CHECKED: () = assert!(BITS > 0 && BITS <= BITS_MAX, "an integer has 1 to 250 bits");

    /// A witness: BITS boolean constraints and no other.
    pub fn new_witness(
        cs: ConstraintSystemRef<Fr>,
        value: impl FnOnce() -> Result<Fr, SynthesisError>,
    ) -> Result<Self, SynthesisError> {
        let () = Self::CHECKED;
        let value = value();
        let bits = witness_bits(&cs, value.ok(), BITS)?;
        Ok(Self { value: pack(&bits)?, bits })
    }

    /// The integer of a value that is known when the circuit is built.
    ///
    /// # Errors
    /// If it does not fit.
    pub fn constant(value: Fr) -> Result<Self, SynthesisError> {
        let () = Self::CHECKED;
        let integer = value.into_bigint();
        if integer.num_bits() as usize > BITS {
            return Err(SynthesisError::Unsatisfiable);
        }
        let bits = (0..BITS).map(|i| Boolean::constant(integer.get_bit(i))).collect();
        Ok(Self { value: FpVar::Constant(value), bits })
    }

    /// Range-checks a field element: BITS + 1 constraints, none for a constant.
    pub fn from_fp(value: &FpVar<Fr>) -> Result<Self, SynthesisError> {
        let () = Self::CHECKED;
        if let FpVar::Constant(value) = value {
            return Self::constant(*value);
        }
        let bits = witness_bits(&value.cs(), value.value().ok(), BITS)?;
        pack(&bits)?.enforce_equal(value)?;
        Ok(Self { value: value.clone(), bits })
    }

    /// The integer as a field element.
    pub fn fp(&self) -> &FpVar<Fr> {
        &self.value
    }

    /// Its bits, least significant first; BITS of them.
    pub fn bits(&self) -> &[Boolean<Fr>] {
        &self.bits
    }

    /// The sum, which must fit the type again.
    pub fn add(&self, other: &Self) -> Result<Self, SynthesisError> {
        Self::from_fp(&(&self.value + &other.value))
    }

    /// The difference, which must not be negative.
    pub fn sub(&self, other: &Self) -> Result<Self, SynthesisError> {
        Self::from_fp(&(&self.value - &other.value))
    }

    /// The product in a type that is wide enough for every product.
    pub fn mul<const OTHER: usize, const PRODUCT: usize>(
        &self,
        other: &UInt<OTHER>,
    ) -> Result<UInt<PRODUCT>, SynthesisError> {
        const { assert!(BITS + OTHER <= PRODUCT, "the product's type is too narrow") };
        UInt::from_fp(&(&self.value * &other.value))
    }

    /// The same integer in a wider type, at no cost.
    pub fn widen<const WIDE: usize>(&self) -> UInt<WIDE> {
        const { assert!(BITS <= WIDE && WIDE <= BITS_MAX, "widening goes up") };
        let mut bits = self.bits.clone();
        bits.resize(WIDE, Boolean::FALSE);
        UInt { value: self.value.clone(), bits }
    }

    /// The same integer in a narrower type, which it must fit: one constraint.
    pub fn narrow<const LOW: usize>(&self) -> Result<UInt<LOW>, SynthesisError> {
        const { assert!(LOW > 0 && LOW <= BITS, "narrowing goes down") };
        let (low, high) = self.bits.split_at(LOW);
        pack(high)?.enforce_equal(&FpVar::zero())?;
        Ok(UInt { value: self.value.clone(), bits: low.to_vec() })
    }

    /// Whether `self < other`: BITS + 2 constraints.
    pub fn is_less_than(&self, other: &Self) -> Result<Boolean<Fr>, SynthesisError> {
        // self - other + 2^BITS lies in [1, 2^(BITS + 1)), and its top bit says that self >= other.
        let shifted = &self.value - &other.value + power_of_two(BITS);
        if let FpVar::Constant(shifted) = shifted {
            return Ok(Boolean::constant(!shifted.into_bigint().get_bit(BITS)));
        }
        let bits = witness_bits(&shifted.cs(), shifted.value().ok(), BITS + 1)?;
        pack(&bits)?.enforce_equal(&shifted)?;
        Ok(!&bits[BITS])
    }

    /// Enforces `self <= other`: BITS + 1 constraints.
    pub fn enforce_at_most(&self, other: &Self) -> Result<(), SynthesisError> {
        other.sub(self).map(|_| ())
    }

    /// Enforces `self < other`: BITS + 1 constraints.
    pub fn enforce_less_than(&self, other: &Self) -> Result<(), SynthesisError> {
        Self::from_fp(&(&other.value - &self.value - Fr::ONE)).map(|_| ())
    }

    /// The native value, where it is known.
    pub fn value(&self) -> Result<Fr, SynthesisError> {
        self.value.value()
    }
}

/// The power of two with this exponent, as a field element.
pub fn power_of_two(exponent: usize) -> Fr {
    Fr::from(2u64).pow([exponent as u64])
}

/// Booleans that hold the low bits of `value`, unconnected with it: one constraint each.
pub(crate) fn witness_bits(
    cs: &ConstraintSystemRef<Fr>,
    value: Option<Fr>,
    count: usize,
) -> Result<Vec<Boolean<Fr>>, SynthesisError> {
    let integer = value.map(|value| value.into_bigint());
    (0..count)
        .map(|i| {
            Boolean::new_witness(cs.clone(), || {
                integer.map(|integer| integer.get_bit(i)).ok_or(SynthesisError::AssignmentMissing)
            })
        })
        .collect()
}

/// The integer of these bits, least significant first: a linear combination, so below the modulus only if there
/// are at most 253 of them.
pub(crate) fn pack(bits: &[Boolean<Fr>]) -> Result<FpVar<Fr>, SynthesisError> {
    let mut power = Fr::ONE;
    let mut terms = Vec::with_capacity(bits.len());
    for bit in bits {
        terms.push((power, FpVar::from(bit.clone())));
        power.double_in_place();
    }
    Ok(weighted_sum(Fr::ZERO, &terms))
}

/// `constant` plus a weighted sum, as one linear combination (chained additions would nest one per term).
pub(crate) fn weighted_sum(constant: Fr, terms: &[(Fr, FpVar<Fr>)]) -> FpVar<Fr> {
    use ark_r1cs_std::fields::fp::AllocatedFp;
    use ark_relations::gr1cs::{LinearCombination, Variable};

    let cs = terms.iter().fold(ConstraintSystemRef::None, |cs, (_, term)| cs.or(term.cs()));
    let mut fixed = constant;
    let mut value = Some(Fr::ZERO);
    let mut sum = Vec::new();
    for (weight, term) in terms {
        match term {
            FpVar::Constant(term) => fixed += *weight * term,
            FpVar::Var(term) => {
                value = value.zip(term.value().ok()).map(|(value, term)| value + *weight * term);
                sum.push((*weight, term.variable));
            }
        }
    }
    if sum.is_empty() {
        return FpVar::Constant(fixed);
    }
    if fixed != Fr::ZERO {
        sum.push((fixed, Variable::One));
    }
    let variable = cs.new_lc(|| LinearCombination(sum)).expect("a variable has a constraint system");
    FpVar::Var(AllocatedFp::new(value.map(|value| value + fixed), variable, cs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{System, accepts, assert_sound};

    type U8 = UInt<8>;

    fn small(cs: &ConstraintSystemRef<Fr>, value: u64) -> U8 {
        UInt::new_witness(cs.clone(), || Ok(Fr::from(value))).unwrap()
    }

    #[derive(Clone, Copy)]
    enum Mode {
        Constant,
        Input,
        Witness,
    }

    fn in_mode(cs: &ConstraintSystemRef<Fr>, mode: Mode, value: u64) -> Result<U8, SynthesisError> {
        let value = Fr::from(value);
        match mode {
            Mode::Constant => U8::constant(value),
            Mode::Input => U8::from_fp(&FpVar::new_input(cs.clone(), || Ok(value))?),
            Mode::Witness => U8::from_fp(&FpVar::new_witness(cs.clone(), || Ok(value))?),
        }
    }

    const MODES: [Mode; 3] = [Mode::Constant, Mode::Input, Mode::Witness];

    #[test]
    fn the_range_is_exact_in_every_mode() {
        for mode in MODES {
            for (value, fits) in [(0, true), (1, true), (255, true), (256, false), (u64::MAX, false)] {
                assert_eq!(accepts(|cs| in_mode(&cs, mode, value).map(|_| ())), fits, "{value}");
            }
        }
        let minus_one = -Fr::ONE;
        assert!(!accepts(|cs| U8::from_fp(&FpVar::new_witness(cs, || Ok(minus_one))?).map(|_| ())));
        assert!(!accepts(|cs| UInt::<250>::from_fp(&FpVar::new_witness(cs, || Ok(minus_one))?).map(|_| ())));
        let widest = power_of_two(250) - Fr::ONE;
        assert!(accepts(|cs| UInt::<250>::from_fp(&FpVar::new_witness(cs, || Ok(widest))?).map(|_| ())));
    }

    #[test]
    fn arithmetic_and_order_are_those_of_integers() {
        let values = [0u64, 1, 2, 127, 128, 200, 254, 255];
        for mode in MODES {
            for a in values {
                for b in values {
                    let check = |test: &dyn Fn(&U8, &U8) -> Result<(), SynthesisError>| {
                        accepts(|cs| test(&in_mode(&cs, mode, a)?, &in_mode(&cs, Mode::Witness, b)?))
                    };
                    assert_eq!(check(&|a, b| a.add(b).map(|_| ())), a + b <= 255, "{a} + {b}");
                    assert_eq!(check(&|a, b| a.sub(b).map(|_| ())), a >= b, "{a} - {b}");
                    assert_eq!(check(&|a, b| a.enforce_at_most(b)), a <= b, "{a} <= {b}");
                    assert_eq!(check(&|a, b| a.enforce_less_than(b)), a < b, "{a} < {b}");
                    for claim in [false, true] {
                        let claimed = |x: &U8, y: &U8| x.is_less_than(y)?.enforce_equal(&Boolean::constant(claim));
                        assert_eq!(check(&claimed), claim == (a < b), "({a} < {b}) == {claim}");
                    }
                    assert!(check(&|x, y| {
                        let product: UInt<16> = x.mul(y)?;
                        product.fp().enforce_equal(&FpVar::Constant(Fr::from(a * b)))
                    }));
                }
            }
        }
    }

    #[test]
    fn constants_compare_as_constants() {
        let less = |a, b| U8::constant(Fr::from(a)).unwrap().is_less_than(&U8::constant(Fr::from(b)).unwrap()).unwrap();
        for (a, b) in [(3u64, 4u64), (4, 4), (5, 4), (0, 255), (255, 0)] {
            assert_eq!(less(a, b), Boolean::constant(a < b));
        }
    }

    #[test]
    fn narrowing_drops_nothing_but_zeros() {
        for (value, fits) in [(15u64, true), (16, false), (255, false)] {
            assert_eq!(accepts(|cs| small(&cs, value).narrow::<4>().map(|_| ())), fits);
        }
        assert!(accepts(|cs| small(&cs, 200).widen::<64>().fp().enforce_equal(&FpVar::Constant(Fr::from(200u64)))));
    }

    #[test]
    fn no_witness_value_is_free() {
        let value = |cs: &ConstraintSystemRef<Fr>, value: u64| FpVar::new_input(cs.clone(), || Ok(Fr::from(value)));
        assert_sound(9, |cs| U8::from_fp(&value(&cs, 201)?).map(|_| ()));
        assert_sound(28, |cs| {
            let (a, b) = (U8::from_fp(&value(&cs, 201)?)?, U8::from_fp(&value(&cs, 99)?)?);
            a.is_less_than(&b).map(|_| ())
        });
        assert_sound(36, |cs| {
            let (a, b) = (U8::from_fp(&value(&cs, 201)?)?, U8::from_fp(&value(&cs, 99)?)?);
            a.mul::<8, 16>(&b).map(|_| ())
        });
    }

    #[test]
    fn a_fresh_integer_is_bound_by_its_use_only() {
        let mut system =
            System::new(|cs| small(&cs, 5).fp().enforce_equal(&FpVar::new_input(cs, || Ok(Fr::from(5u64)))?));
        assert_eq!(system.unbound(), Vec::<usize>::new());
        let mut free = System::new(|cs| small(&cs, 5).add(&small(&cs, 6)).map(|_| ()));
        assert!(free.unbound().is_empty());
    }
}
