//! Conditional equations. Every hint is determined: no value of it but one satisfies.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use ark_r1cs_std::{
    GR1CSVar,
    alloc::AllocVar,
    fields::{FieldVar, fp::FpVar},
};
use ark_relations::gr1cs::SynthesisError;

/// `flag * value = 0`: one constraint.
#[track_caller]
pub(super) fn zero_if(flag: &FpVar<Fr>, value: &FpVar<Fr>) -> Result<(), SynthesisError> {
    rule([flag, value, &FpVar::zero()])
}

/// `a * b = c`. Tests are told that the row is the rule of the line that called; each rule has an attack.
#[track_caller]
fn rule([a, b, c]: [&FpVar<Fr>; 3]) -> Result<(), SynthesisError> {
    #[cfg(test)]
    let caller = core::panic::Location::caller();
    #[cfg(test)]
    let (cs, row) = (a.cs().or(b.cs()), a.cs().or(b.cs()).num_constraints());
    a.mul_equals(b, c)?;
    #[cfg(test)]
    crate::testing::note(&cs, row, caller);
    Ok(())
}

/// If the flag is one, both are equal: one constraint.
#[track_caller]
pub(super) fn equal_if(flag: &FpVar<Fr>, a: &FpVar<Fr>, b: &FpVar<Fr>) -> Result<(), SynthesisError> {
    zero_if(flag, &(a - b))
}

/// If the flag (0 or 1) is one, the value is not zero: two constraints, the second of which fixes the hint.
#[track_caller]
pub(super) fn nonzero_if(flag: &FpVar<Fr>, value: &FpVar<Fr>) -> Result<(), SynthesisError> {
    let cs = flag.cs().or(value.cs());
    // 1 / value if the flag is one, else 0
    let inverse = FpVar::new_witness(cs, || {
        let inverse = value.value()?.inverse().unwrap_or(Fr::ZERO);
        Ok(flag.value()? * inverse)
    })?;
    rule([&inverse, value, flag])?;
    inverse.mul_equals(&(FpVar::one() - flag), &FpVar::zero())
}

/// Whether the value is zero, as 0 or 1: three constraints, the last of which fixes the hint where it is.
pub(super) fn is_zero(value: &FpVar<Fr>) -> Result<FpVar<Fr>, SynthesisError> {
    let cs = value.cs();
    let inverse = FpVar::new_witness(cs.clone(), || Ok(value.value()?.inverse().unwrap_or(Fr::ZERO)))?;
    let is_zero = FpVar::new_witness(cs, || Ok(Fr::from(value.value()? == Fr::ZERO)))?;
    value.mul_equals(&inverse, &(FpVar::one() - &is_zero))?;
    is_zero.mul_equals(value, &FpVar::zero())?;
    is_zero.mul_equals(&inverse, &FpVar::zero())?;
    Ok(is_zero)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{System, assert_sound};
    use ark_relations::gr1cs::ConstraintSystemRef;

    fn witness(cs: &ConstraintSystemRef<Fr>, value: u64) -> FpVar<Fr> {
        FpVar::new_witness(cs.clone(), || Ok(Fr::from(value))).unwrap()
    }

    fn input(cs: &ConstraintSystemRef<Fr>, value: u64) -> FpVar<Fr> {
        FpVar::new_input(cs.clone(), || Ok(Fr::from(value))).unwrap()
    }

    #[test]
    fn a_flag_switches_its_equation() {
        for (flag, a, b) in [(0, 1, 2), (1, 2, 2), (1, 1, 2), (0, 3, 3)] {
            let system = System::new(|cs| equal_if(&witness(&cs, flag), &witness(&cs, a), &witness(&cs, b)));
            assert_eq!(system.is_satisfied(), flag == 0 || a == b);
        }
        for (flag, value) in [(0, 0), (0, 5), (1, 0), (1, 5)] {
            let system = System::new(|cs| nonzero_if(&witness(&cs, flag), &witness(&cs, value)));
            assert_eq!(system.is_satisfied(), flag == 0 || value != 0);
        }
    }

    #[test]
    fn hints_are_determined() {
        for (flag, value) in [(0, 0), (0, 5), (1, 5)] {
            assert_sound(2, |cs| nonzero_if(&input(&cs, flag), &input(&cs, value)));
        }
        for value in [0, 5] {
            assert_sound(3, |cs| is_zero(&input(&cs, value)).map(|_| ()));
        }
    }
}
