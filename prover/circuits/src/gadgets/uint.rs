//! Unsigned integers below 2^BITS in one field element: range-checked when they come into being, the width in the type.
//!
//! A value is checked by its bits, which are kept for whoever needs them. Widths go up to 253 bits: the field's modulus is above 2^253,
//! so that no integer wraps it.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use ark_r1cs_std::{GR1CSVar, alloc::AllocVar, boolean::Boolean, fields::fp::FpVar};
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};

/// An integer below 2^BITS.
#[derive(Clone, Debug)]
pub struct UInt<const BITS: usize> {
    value: FpVar<Fr>,
    /// The integer's bits, least significant first.
    bits: Vec<Boolean<Fr>>,
}

impl<const BITS: usize> UInt<BITS> {
    const CHECKED: () = assert!(BITS > 0 && BITS <= 253, "an integer has 1 to 253 bits");

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

    /// The integer as a field element.
    pub fn fp(&self) -> &FpVar<Fr> {
        &self.value
    }

    /// Its bits, least significant first; BITS of them.
    pub fn bits(&self) -> &[Boolean<Fr>] {
        &self.bits
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
    use crate::testing::{accepts, assert_sound};
    use ark_r1cs_std::eq::EqGadget;

    /// A witness of this width, equal to a public input.
    fn is_input<const BITS: usize>(cs: &ConstraintSystemRef<Fr>, value: Fr) -> Result<(), SynthesisError> {
        let integer = UInt::<BITS>::new_witness(cs.clone(), || Ok(value))?;
        integer.fp().enforce_equal(&FpVar::new_input(cs.clone(), || Ok(value))?)
    }

    #[test]
    fn the_range_is_exact() {
        for (value, fits) in [(0, true), (1, true), (255, true), (256, false), (u64::MAX, false)] {
            assert_eq!(accepts(|cs| is_input::<8>(&cs, Fr::from(value))), fits, "{value}");
        }
        assert!(!accepts(|cs| is_input::<8>(&cs, -Fr::ONE)));
        assert!(!accepts(|cs| is_input::<253>(&cs, -Fr::ONE)));
        assert!(!accepts(|cs| is_input::<253>(&cs, power_of_two(253))));
        assert!(accepts(|cs| is_input::<253>(&cs, power_of_two(253) - Fr::ONE)));
    }

    #[test]
    fn the_bits_are_the_integers() {
        let cs = crate::testing::proving();
        let integer = UInt::<8>::new_witness(cs, || Ok(Fr::from(0b1100_1001u64))).unwrap();
        let bits: Vec<bool> = integer.bits().iter().map(|bit| bit.value().unwrap()).collect();
        assert_eq!(bits, [true, false, false, true, false, false, true, true]);
        assert_eq!(integer.fp().value().unwrap(), Fr::from(201u64));
    }

    #[test]
    fn no_witness_value_is_free() {
        assert_sound(9, |cs| is_input::<8>(&cs, Fr::from(201u64)));
    }
}
