//! Who must have signed what (PAY-AUTH, PAY-OPHASH, PAY-VALUE, PAY-JOIN). Twin: `tandem_payments::operation`.

use super::flags::{Flags, MOVES, USER};
use super::leaf::LeafVar;
use super::logic::{nonzero_if, zero_if};
use crate::gadgets::poseidon;
use crate::gadgets::uint::power_of_two;
use ark_bn254::Fr;
use ark_r1cs_std::{
    alloc::AllocVar,
    boolean::Boolean,
    fields::{FieldVar, fp::FpVar},
};
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};
use tandem_payments::kind::Variant::*;
use tandem_payments::tags;

/// What the operation hash is made of. All of it is zero, or masked, where the variant is not a user's.
pub(super) struct Signed<'a> {
    pub(super) dom: &'a FpVar<Fr>,
    pub(super) timestamp: &'a FpVar<Fr>,
    /// A and B as opened.
    pub(super) a: &'a LeafVar,
    pub(super) b: &'a LeafVar,
    pub(super) account: &'a FpVar<Fr>,
    pub(super) moved: &'a FpVar<Fr>,
    pub(super) gas_limit: FpVar<Fr>,
    pub(super) max_fee: FpVar<Fr>,
    pub(super) expiry_slack: &'a FpVar<Fr>,
    pub(super) new_key: &'a FpVar<Fr>,
}

/// `active` and `active * v`.
pub(super) struct ValueVar {
    pub(super) active: FpVar<Fr>,
    pub(super) value: FpVar<Fr>,
}

/// 654 constraints: operation hash 378, v 261, masks.
pub(super) fn value(
    cs: &ConstraintSystemRef<Fr>,
    flags: &Flags,
    signed: &Signed<'_>,
    ethereum: bool,
) -> Result<ValueVar, SynthesisError> {
    let user = flags.any(USER);
    let register = flags.is(Register);
    let operation_hash = operation_hash(flags, signed)?;

    let ethereum = FpVar::from(Boolean::new_witness(cs.clone(), || Ok(ethereum))?);
    zero_if(&ethereum, &(FpVar::one() - &user))?;
    zero_if(&flags.is(SetSession), &(FpVar::one() - &ethereum))?;
    let session_hash = &signed.a.session_hash;
    let key_hash =
        session_hash + &ethereum * (&signed.a.key_hash - session_hash) + &register * (signed.new_key - session_hash);
    let tag = (&user - &ethereum) * tags::VALUE_SESSION.to_fr()
        + ethereum * tags::VALUE_ETHEREUM.to_fr()
        + &register * tags::VALUE_REGISTER.to_fr();

    let active = user + register;
    nonzero_if(&active, &key_hash)?;
    let value = &active * poseidon::hash(&[tag, operation_hash, key_hash])?;
    Ok(ValueVar { active, value })
}

fn operation_hash(flags: &Flags, signed: &Signed<'_>) -> Result<FpVar<Fr>, SynthesisError> {
    let user = flags.any(USER);
    let set_session = flags.is(SetSession);
    let token = flags.any(&[TokenTransfer, WithdrawToken]) * &signed.b.token;
    let recipient = flags.any(MOVES) * signed.account;
    let expiry = &user * signed.timestamp + signed.expiry_slack;
    let kind = flags.choose(|variant| variant.kind() as u64);
    poseidon::hash_tagged(
        tags::OPERATION,
        &[
            &user * signed.dom,
            &signed.a.address + &user * &signed.a.nonce * power_of_two(160),
            token + kind * power_of_two(160) + &signed.gas_limit * power_of_two(168),
            recipient + expiry * power_of_two(160),
            signed.moved + &signed.max_fee * power_of_two(128),
            set_session * signed.new_key,
        ],
    )
}
