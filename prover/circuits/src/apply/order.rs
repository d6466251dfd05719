//! Orders proven by a gap that fits its lane: of leaf keys around a missing one (PAY-UNIQUE), and of key hashes below r.
//! Twin: `tandem_payments::ledger::order`.
//!
//! A gap is a difference of two integers of at most 160 bits, less one: as a field element it is below 2^208 only if it is not
//! negative.

use super::flags::{Flags, L1_KEY, POSTS_KEY, SPANS, SPANS_TOKEN};
use super::lanes::LanesVar;
use super::leaf::LeafVar;
use super::logic::{equal_if, is_zero, zero_if};
use crate::gadgets::uint::power_of_two;
use alloy_primitives::U256;
use ark_bn254::Fr;
use ark_r1cs_std::{
    alloc::AllocVar,
    boolean::Boolean,
    fields::{FieldVar, fp::FpVar},
};
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};
use tandem_payments::field::{MODULUS, fr, halves};
use tandem_payments::kind::Variant::*;

/// The key hash that an operation sets, zero where it sets none; and its high half as posted.
pub(super) struct KeyVar {
    pub(super) hash: FpVar<Fr>,
    pub(super) posted_high: FpVar<Fr>,
}

/// For the variants under `SPANS`: `low.key < key < low.next`, or low is the end. The key is (lane account, token), where the
/// token returned is lane after_a, or zero of an L1 key. 17 constraints.
pub(super) fn enforce_spanned(
    cs: &ConstraintSystemRef<Fr>,
    flags: &Flags,
    lanes: &LanesVar,
    low: &LeafVar,
    end: bool,
) -> Result<FpVar<Fr>, SynthesisError> {
    let spans = flags.any(SPANS);
    let address = lanes.account.fp();
    let token = flags.any(SPANS_TOKEN) * lanes.after_a.fp();

    let below = gap(&low.address, &low.token, address, &token)?;
    equal_if(&spans, &below, lanes.after_b.fp())?;

    let end = FpVar::from(Boolean::new_witness(cs.clone(), || Ok(end))?);
    zero_if(&end, &(FpVar::one() - &spans))?;
    zero_if(&end, &low.next_address)?;
    zero_if(&end, &low.next_token)?;
    zero_if(&end, lanes.gap_above())?;
    let above = gap(address, &token, &low.next_address, &low.next_token)?;
    equal_if(&(spans - end), &above, lanes.gap_above())?;
    Ok(token)
}

/// `high - low - 1` in the address, or in the token where the addresses are equal: four constraints.
fn gap(
    low_address: &FpVar<Fr>,
    low_token: &FpVar<Fr>,
    high_address: &FpVar<Fr>,
    high_token: &FpVar<Fr>,
) -> Result<FpVar<Fr>, SynthesisError> {
    let address = high_address - low_address;
    let token = high_token - low_token;
    let same = is_zero(&address)?;
    // address is zero where same is one
    Ok(address + same * token - FpVar::one())
}

/// Key hashes set by an operation are below r; a malformed key from L1 is not. Ten constraints.
pub(super) fn enforce_key(flags: &Flags, lanes: &LanesVar) -> Result<KeyVar, SynthesisError> {
    let (r_high, r_low) = halves(MODULUS);
    let [r_high, r_low] = [r_high, r_low].map(|half| FpVar::Constant(fr(U256::from(half))));
    let one = FpVar::one();

    let posted_high = flags.any(POSTS_KEY) * lanes.after_b.fp();
    let high = &posted_high + flags.any(L1_KEY) * lanes.after_a.fp();
    let low = (flags.any(POSTS_KEY) + flags.any(L1_KEY)) * lanes.amount.fp();

    // r - key in the high half, or in the low half where the high ones are equal
    let distance_high = r_high - &high;
    let same = is_zero(&distance_high)?;
    let distance = distance_high + &same * (r_low - &low);
    let posted = flags.any(POSTS_KEY);
    equal_if(&posted, &(&distance - &one), lanes.account.fp())?;
    equal_if(&flags.is(L1KeySet), &(&distance - &one), lanes.gap_above())?;
    equal_if(&flags.is(L1KeyMalformed), &(same - distance - one), lanes.gap_above())?;
    Ok(KeyVar { hash: high * power_of_two(128) + low, posted_high })
}
