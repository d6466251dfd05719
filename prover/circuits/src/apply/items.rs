//! The data elements of a slot (PAY-KIND, PAY-WITHDRAWAL, PAY-MESSAGE), their evaluation (PAY-EVAL) and their counts. Twin:
//! `tandem_payments::data`.
//!
//! Every field that an element packs is below its width: indices and lanes by their bits, addresses and tokens of leaves by
//! PAY-RANGE. Absent elements are zero, and which are present follows from the variant.

use super::flags::{DEPOSITS, FORCED, Flags, L1_KEY, POSTS_KEY, SPANS, USER, WITHDRAWS};
use super::lanes::LanesVar;
use super::leaf::LeafVar;
use crate::gadgets::uint::power_of_two;
use ark_bn254::Fr;
use ark_r1cs_std::fields::{FieldVar, fp::FpVar};
use ark_relations::gr1cs::SynthesisError;
use tandem_payments::kind::Variant::{self, *};
use tandem_payments::slot::ITEMS;

/// Variants with a second effect element.
const SECOND_EFFECT: &[Variant] = &[Create, SetSession, Register];

/// What the elements are made of.
pub(super) struct Parts<'a> {
    pub(super) flags: &'a Flags,
    pub(super) lanes: &'a LanesVar,
    pub(super) index_a: &'a FpVar<Fr>,
    pub(super) index_b: &'a FpVar<Fr>,
    pub(super) b: &'a LeafVar,
    pub(super) moved: &'a FpVar<Fr>,
    pub(super) price: &'a FpVar<Fr>,
    pub(super) posted_high: &'a FpVar<Fr>,
}

/// The elements e0 e1 w0 w1 m0 m1, with the flags of e0, e1, w and m.
pub(super) struct ItemsVar {
    pub(super) items: [FpVar<Fr>; ITEMS],
    pub(super) first_effect: FpVar<Fr>,
    pub(super) second_effect: FpVar<Fr>,
    pub(super) withdrawal: FpVar<Fr>,
    pub(super) message: FpVar<Fr>,
}

/// The six data elements of a slot, by its variant. Nineteen constraints.
pub(super) fn items(parts: &Parts<'_>) -> Result<ItemsVar, SynthesisError> {
    let flags = parts.flags;
    let [e0, e1] = effect(parts);
    let [w0, w1] = withdrawal(parts)?;
    let [m0, m1] = message(parts)?;
    Ok(ItemsVar {
        items: [e0, e1, w0, w1, m0, m1],
        first_effect: flags.none(&[Padding]),
        second_effect: flags.any(SECOND_EFFECT),
        withdrawal: flags.any(WITHDRAWS),
        message: flags.any(DEPOSITS) + flags.any(FORCED) + flags.any(L1_KEY),
    })
}

fn effect(parts: &Parts<'_>) -> [FpVar<Fr>; 2] {
    let Parts { flags, lanes, b, .. } = parts;
    let kind = flags.choose(|variant| variant.kind() as u64);
    let a_index = (flags.any(USER) + flags.is(Register)) * parts.index_a;
    let b_index = flags.any(&[Transfer, TokenTransfer, TokenCredit, WithdrawToken]) * parts.index_b;
    let address = flags.is(Create) * lanes.account.fp();
    let price = flags.any(USER) * parts.price;
    let first = kind * power_of_two(240)
        + a_index * power_of_two(208)
        + b_index * power_of_two(176)
        + (parts.moved + parts.posted_high + address) * power_of_two(48)
        + price;
    let second = flags.is(Create) * &b.token + flags.any(POSTS_KEY) * lanes.amount.fp();
    [first, second]
}

fn withdrawal(parts: &Parts<'_>) -> Result<[FpVar<Fr>; 2], SynthesisError> {
    let Parts { flags, lanes, b, .. } = parts;
    let present = flags.any(WITHDRAWS);
    let (high, low) = lanes.amount_halves()?;
    let token = flags.any(&[WithdrawToken, ForcedPaid, DepositOverflow]) * &b.token
        + flags.is(DepositFull) * lanes.after_a.fp();
    let first = &present * (lanes.account.fp() * power_of_two(80) + high + power_of_two(240));
    let second = token * power_of_two(88) + present * low;
    Ok([first, second])
}

fn message(parts: &Parts<'_>) -> Result<[FpVar<Fr>; 2], SynthesisError> {
    let Parts { flags, lanes, b, .. } = parts;
    let (deposit, forced, l1_key) = (flags.any(DEPOSITS), flags.any(FORCED), flags.any(L1_KEY));
    let kind = flags.choose(|variant| {
        let queued = [DEPOSITS, FORCED, L1_KEY].iter().any(|set| set.contains(&variant));
        if queued { variant.kind() as u64 } else { 0 }
    });
    let (high, low) = lanes.amount_halves()?;
    let (key_top, key_middle) = lanes.l1_key_high()?;
    // a missing token leaf's key is in the lane, that of an L1 key is ETH and not posted
    let spanned = flags.any(&[DepositFull, ForcedMissing]);
    debug_assert!([DepositFull, ForcedMissing].iter().all(|variant| SPANS.contains(variant)));
    let token = flags.any(&[DepositCredited, DepositOverflow, ForcedPaid, ForcedEmpty]) * &b.token
        + spanned * lanes.after_a.fp();
    let account = (&deposit + forced + &l1_key) * lanes.account.fp();
    let first = kind * power_of_two(240) + account * power_of_two(80) + &deposit * high + &l1_key * key_top;
    let second =
        token * power_of_two(88) + deposit * low + l1_key * (key_middle * power_of_two(128) + lanes.amount.fp());
    Ok([first, second])
}

/// Powers of z that the evaluations need.
pub(super) struct Point {
    z: FpVar<Fr>,
    less_one: FpVar<Fr>,
    square_less_one: FpVar<Fr>,
}

impl Point {
    /// A point of evaluation with its square. One constraint.
    pub(super) fn new(z: &FpVar<Fr>) -> Self {
        let less_one = z - FpVar::one();
        Self { z: z.clone(), square_less_one: z * z - FpVar::one(), less_one }
    }

    /// The evaluation after an element that may be absent (then it is zero): two constraints.
    pub(super) fn absorb(&self, sum: &FpVar<Fr>, present: &FpVar<Fr>, element: &FpVar<Fr>) -> FpVar<Fr> {
        sum + present * (sum * &self.less_one) + element
    }

    /// The evaluation after a pair that may be absent: three constraints.
    pub(super) fn absorb_pair(
        &self,
        sum: &FpVar<Fr>,
        present: &FpVar<Fr>,
        [first, second]: [&FpVar<Fr>; 2],
    ) -> FpVar<Fr> {
        sum + present * (sum * &self.square_less_one) + first * &self.z + second
    }
}
