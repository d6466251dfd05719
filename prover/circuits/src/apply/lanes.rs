//! The range-checked bits that the variants share (PAY-LANES). Twin: `tandem_payments::slot::Lanes`.
//!
//! A lane is a witness of a fixed width; what it means depends on the variant, and the rules that use it tie it to that
//! meaning. A lane that the variant does not use is zero. Where a lane of 160 bits holds a number of 128, its upper bits are
//! zero.

use super::flags::{Flags, L1_KEY, MOVES, SPANS, SPANS_TOKEN, USER};
use super::logic::zero_if;
use crate::gadgets::uint::{UInt, pack};
use ark_bn254::Fr;
use ark_r1cs_std::fields::fp::FpVar;
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};
use tandem_payments::field::fr;
use tandem_payments::kind::Variant::{self, *};
use tandem_payments::slot::Lanes;

const AMOUNT_UNUSED: &[Variant] = &[Padding, Create, ForcedEmpty, ForcedMissing];
const ACCOUNT_UNUSED: &[Variant] = &[Padding];

/// The lanes of a slot.
pub(super) struct LanesVar {
    pub(super) amount: UInt<128>,
    pub(super) after_a: UInt<160>,
    pub(super) after_b: UInt<160>,
    bid: UInt<208>,
    pub(super) account: UInt<160>,
}

/// The parts of the bid.
pub(super) struct BidVar {
    pub(super) price: FpVar<Fr>,
    pub(super) gas_slack: FpVar<Fr>,
    pub(super) fee_slack: FpVar<Fr>,
    pub(super) expiry_slack: FpVar<Fr>,
}

impl LanesVar {
    /// 816 constraints for the bits, 2 for narrow values, 5 for unused lanes.
    pub(super) fn new_witness(
        cs: &ConstraintSystemRef<Fr>,
        lanes: &Lanes,
        flags: &Flags,
    ) -> Result<Self, SynthesisError> {
        let [amount, after_a, after_b, bid, account] = lanes.all().map(fr);
        let lanes = Self {
            amount: UInt::new_witness(cs.clone(), || Ok(amount))?,
            after_a: UInt::new_witness(cs.clone(), || Ok(after_a))?,
            after_b: UInt::new_witness(cs.clone(), || Ok(after_b))?,
            bid: UInt::new_witness(cs.clone(), || Ok(bid))?,
            account: UInt::new_witness(cs.clone(), || Ok(account))?,
        };
        lanes.enforce_narrow(flags)?;
        lanes.enforce_unused(flags)?;
        Ok(lanes)
    }

    /// Balances, sums and key halves have 128 bits; only tokens and gaps have more.
    fn enforce_narrow(&self, flags: &Flags) -> Result<(), SynthesisError> {
        zero_if(&flags.none(SPANS_TOKEN), &pack(&self.after_a.bits()[128..])?)?;
        zero_if(&flags.none(SPANS), &pack(&self.after_b.bits()[128..])?)
    }

    fn enforce_unused(&self, flags: &Flags) -> Result<(), SynthesisError> {
        zero_if(&flags.any(AMOUNT_UNUSED), self.amount.fp())?;
        let after_a = flags.none(USER) - flags.any(SPANS_TOKEN) - flags.any(L1_KEY);
        zero_if(&after_a, self.after_a.fp())?;
        let after_b = [Padding, WithdrawEth, DepositSentinel, ForcedEmpty, L1KeySet, L1KeyMalformed];
        zero_if(&flags.any(&after_b), self.after_b.fp())?;
        let bid = flags.none(USER) - flags.any(SPANS) - flags.any(&[L1KeySet, L1KeyMalformed]);
        zero_if(&bid, self.bid.fp())?;
        zero_if(&flags.any(ACCOUNT_UNUSED), self.account.fp())
    }

    /// The bid lane as a bid; all zero where the lane is unused.
    pub(super) fn bid(&self) -> Result<BidVar, SynthesisError> {
        let bits = self.bid.bits();
        Ok(BidVar {
            price: pack(&bits[..48])?,
            gas_slack: pack(&bits[48..80])?,
            fee_slack: pack(&bits[80..144])?,
            expiry_slack: pack(&bits[144..])?,
        })
    }

    /// The bid lane as one integer.
    pub(super) fn gap_above(&self) -> &FpVar<Fr> {
        self.bid.fp()
    }

    /// High and low 64 bits of the amount.
    pub(super) fn amount_halves(&self) -> Result<(FpVar<Fr>, FpVar<Fr>), SynthesisError> {
        let (low, high) = self.amount.bits().split_at(64);
        Ok((pack(high)?, pack(low)?))
    }

    /// Of a key from L1: its top 80 bits, and the 48 below them.
    pub(super) fn l1_key_high(&self) -> Result<(FpVar<Fr>, FpVar<Fr>), SynthesisError> {
        let (low, high) = self.after_a.bits()[..128].split_at(48);
        Ok((pack(high)?, pack(low)?))
    }

    /// The amount where a user's operation moves one, else zero: one constraint.
    pub(super) fn moved(&self, flags: &Flags) -> FpVar<Fr> {
        flags.any(MOVES) * self.amount.fp()
    }
}
