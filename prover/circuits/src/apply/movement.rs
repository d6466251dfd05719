//! What moves: balances, fee, nonce, keys, and the links between leaves (`docs/spec/payments.md`, section 3; of
//! what users sign, PAY-TRANSFER, PAY-TOKEN, PAY-WITHDRAW and PAY-SESSION). Twin: `tandem_payments::ledger`.

use super::flags::{CREDITS, DEBITS, Flags, MOVES, USER};
use super::lanes::LanesVar;
use super::leaf::LeafVar;
use super::logic::{equal_if, nonzero_if, zero_if};
use super::tree::Place;
use crate::gadgets::uint::power_of_two;
use ark_bn254::Fr;
use ark_r1cs_std::fields::fp::FpVar;
use ark_relations::gr1cs::SynthesisError;
use tandem_payments::kind::Variant::*;
use tandem_payments::tree::CAPACITY;

/// A slot's leaves, as opened.
pub(super) struct Leaves<'a> {
    pub(super) flags: &'a Flags,
    pub(super) lanes: &'a LanesVar,
    pub(super) a: &'a LeafVar,
    pub(super) b: &'a LeafVar,
    pub(super) place_b: &'a Place,
    /// The token of a created or missing key.
    pub(super) new_token: &'a FpVar<Fr>,
    /// The key hash that is set.
    pub(super) new_key: &'a FpVar<Fr>,
}

/// Whose leaves A and B must be: 12 constraints.
pub(super) fn enforce_owners(leaves: &Leaves<'_>, operator: &FpVar<Fr>) -> Result<(), SynthesisError> {
    let Leaves { flags, lanes, a, b, .. } = leaves;
    let account = lanes.account.fp();
    zero_if(&(flags.any(USER) + flags.is(Register) + flags.is(L1KeySet)), &a.token)?;
    equal_if(&flags.is(L1KeySet), account, &a.address)?;

    let named = [Create, Transfer, TokenCredit, DepositCredited, DepositOverflow, ForcedPaid, ForcedEmpty, FeeCredit];
    equal_if(&flags.any(&named), account, &b.address)?;
    zero_if(&flags.any(&[Transfer, FeeCredit]), &b.token)?;
    let from_token = flags.any(&[TokenTransfer, WithdrawToken]);
    equal_if(&from_token, &b.address, &a.address)?;
    nonzero_if(&from_token, &b.token)?;
    equal_if(&flags.is(FeeCredit), account, operator)?;
    zero_if(&flags.is(DepositSentinel), account)?;
    leaves.place_b.not_first_if(&flags.any(CREDITS))
}

/// A new leaf goes to the next place, empty but for its key and A's old link; only a full tree refuses: 9 constraints.
pub(super) fn enforce_created(leaves: &Leaves<'_>, leaf_count: &FpVar<Fr>) -> Result<(), SynthesisError> {
    let Leaves { flags, a, b, .. } = leaves;
    let create = flags.is(Create);
    leaves.place_b.is_if(&create, leaf_count)?;
    equal_if(&flags.is(DepositFull), leaf_count, &FpVar::Constant(Fr::from(CAPACITY)))?;
    equal_if(&create, &b.token, leaves.new_token)?;
    equal_if(&create, &b.next_address, &a.next_address)?;
    equal_if(&create, &b.next_token, &a.next_token)?;
    for field in [&b.nonce, &b.balance, &b.key_hash, &b.session_hash] {
        zero_if(&create, field)?;
    }
    Ok(())
}

/// A after the operation: 10 constraints.
pub(super) fn write_a(leaves: &Leaves<'_>, fee: &FpVar<Fr>) -> Result<LeafVar, SynthesisError> {
    let Leaves { flags, lanes, a, .. } = leaves;
    let user = flags.any(USER);
    let eth = flags.any(&[Transfer, WithdrawEth]) * lanes.amount.fp();
    let balance = &a.balance - fee - eth;
    equal_if(&user, &balance, lanes.after_a.fp())?;
    let last = FpVar::Constant(Fr::from(u64::MAX));
    nonzero_if(&user, &(last - &a.nonce))?;
    let create = flags.is(Create);
    Ok(LeafVar {
        address: a.address.clone(),
        token: a.token.clone(),
        next_address: &a.next_address + &create * (lanes.account.fp() - &a.next_address),
        next_token: &a.next_token + create * (leaves.new_token - &a.next_token),
        nonce: &a.nonce + user,
        balance,
        key_hash: &a.key_hash + flags.is(Register) * (leaves.new_key - &a.key_hash),
        session_hash: &a.session_hash + flags.any(&[SetSession, L1KeySet]) * (leaves.new_key - &a.session_hash),
    })
}

/// B's balance after the operation: 7 constraints.
pub(super) fn write_b(leaves: &Leaves<'_>) -> Result<LeafVar, SynthesisError> {
    let Leaves { flags, lanes, b, .. } = leaves;
    let amount = lanes.amount.fp();
    let balance = &b.balance + (flags.any(CREDITS) - flags.any(DEBITS)) * amount;
    equal_if(&(flags.any(CREDITS) + flags.any(DEBITS)), &balance, lanes.after_b.fp())?;
    equal_if(&flags.is(ForcedPaid), amount, &b.balance)?;
    nonzero_if(&flags.is(ForcedPaid), &b.balance)?;
    zero_if(&flags.is(ForcedEmpty), &b.balance)?;
    let excess = &b.balance + amount - power_of_two(128);
    equal_if(&flags.is(DepositOverflow), &excess, lanes.after_b.fp())?;
    Ok(LeafVar { balance, ..(*b).clone() })
}

/// Gas and fee; `created` says that the slot before created a leaf: two constraints.
pub(super) fn fee(flags: &Flags, created: &FpVar<Fr>, price: &FpVar<Fr>) -> (FpVar<Fr>, FpVar<Fr>) {
    let base = flags.choose(
        |variant| {
            if MOVES.contains(&variant) || variant == SetSession { variant.kind().gas() } else { 0 }
        },
    );
    let pays = flags.any(&[Transfer, TokenTransfer]);
    let gas = base + created * pays * Fr::from(tandem_payments::kind::CREATE_GAS);
    let fee = &gas * price;
    (gas, fee)
}
