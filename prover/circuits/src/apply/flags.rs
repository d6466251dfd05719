//! Which variant a slot holds: exactly one flag is set.

use ark_bn254::Fr;
use ark_r1cs_std::{
    alloc::AllocVar,
    boolean::Boolean,
    fields::{FieldVar, fp::FpVar},
};
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};
use tandem_payments::kind::Variant::{self, *};

/// Operations that a user signs.
pub(super) const USER: &[Variant] = &[Transfer, TokenTransfer, WithdrawEth, WithdrawToken, SetSession];
/// Those of them that move an amount.
pub(super) const MOVES: &[Variant] = &[Transfer, TokenTransfer, WithdrawEth, WithdrawToken];
/// Variants whose B gains the amount.
pub(super) const CREDITS: &[Variant] = &[Transfer, TokenCredit, DepositCredited, FeeCredit];
/// Variants whose B loses the amount.
pub(super) const DEBITS: &[Variant] = &[TokenTransfer, WithdrawToken, ForcedPaid];
/// Variants that rest on a key that is not in the tree.
pub(super) const SPANS: &[Variant] = &[Create, DepositFull, ForcedMissing, L1KeyMissing];
/// Those of them whose key's token is in lane `after_a`; of an L1 key it is zero.
pub(super) const SPANS_TOKEN: &[Variant] = &[Create, DepositFull, ForcedMissing];
/// Variants with a withdrawal record.
pub(super) const WITHDRAWS: &[Variant] =
    &[WithdrawEth, WithdrawToken, DepositFull, DepositOverflow, DepositSentinel, ForcedPaid];
/// Results of a deposit.
pub(super) const DEPOSITS: &[Variant] = &[DepositCredited, DepositFull, DepositOverflow, DepositSentinel];
/// Results of a forced withdrawal.
pub(super) const FORCED: &[Variant] = &[ForcedPaid, ForcedEmpty, ForcedMissing];
/// Results of a session key from L1.
pub(super) const L1_KEY: &[Variant] = &[L1KeySet, L1KeyMissing, L1KeyMalformed];
/// Variants that post a key hash in their effect record.
pub(super) const POSTS_KEY: &[Variant] = &[SetSession, Register];

/// The flags of a slot.
pub(super) struct Flags(Vec<FpVar<Fr>>);

impl Flags {
    /// Allocates one flag for each variant; exactly one is set. Twenty constraints.
    pub(super) fn new_witness(cs: &ConstraintSystemRef<Fr>, variant: Variant) -> Result<Self, SynthesisError> {
        let mut flags = vec![FpVar::zero()];
        for other in &Variant::ALL[1..] {
            flags.push(Boolean::new_witness(cs.clone(), || Ok(*other == variant))?.into());
        }
        let padding = FpVar::one() - sum(&flags);
        padding.mul_equals(&(FpVar::one() - &padding), &FpVar::zero())?;
        flags[0] = padding;
        Ok(Self(flags))
    }

    /// The flag of one variant: 1 if the slot holds it, else 0.
    pub(super) fn is(&self, variant: Variant) -> FpVar<Fr> {
        self.0[variant as usize].clone()
    }

    /// Whether it is one of these: 0 or 1.
    pub(super) fn any(&self, variants: &[Variant]) -> FpVar<Fr> {
        variants.iter().map(|variant| self.is(*variant)).sum()
    }

    /// Whether it is none of these.
    pub(super) fn none(&self, variants: &[Variant]) -> FpVar<Fr> {
        FpVar::one() - self.any(variants)
    }

    /// A constant that depends on the variant.
    pub(super) fn choose(&self, value: impl Fn(Variant) -> u64) -> FpVar<Fr> {
        Variant::ALL.iter().map(|variant| self.is(*variant) * Fr::from(value(*variant))).sum()
    }
}

fn sum(values: &[FpVar<Fr>]) -> FpVar<Fr> {
    values.iter().cloned().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::System;
    use ark_ff::One;

    #[test]
    fn exactly_one_flag_is_set() {
        for variant in Variant::ALL {
            let mut system = System::new(|cs| Flags::new_witness(&cs, variant).map(|_| ()));
            assert_eq!(system.constraints(), 20);
            assert_eq!(system.witnesses(), 19);
            assert!(system.is_satisfied());
            for i in 0..19 {
                let honest = *system.witness(i);
                // a flag of two, and a second flag
                for other in [Fr::from(2u64), Fr::one()] {
                    *system.witness(i) = other;
                    assert_eq!(system.is_satisfied(), other == honest || variant == Padding && other == Fr::one());
                }
                *system.witness(i) = honest;
            }
        }
    }
}
