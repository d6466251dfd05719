//! One slot (docs/spec/payments.md, section 3): opens A, then B, and holds all rules of its variant. Twin:
//! `tandem_payments::slot`, filled by `tandem_payments::ledger`.

use super::authority::{self, Signed};
use super::flags::{Flags, USER};
use super::items::{ItemsVar, Parts, Point, items};
use super::lanes::LanesVar;
use super::leaf::LeafVar;
use super::logic::{equal_if, zero_if};
use super::movement::{self, Leaves};
use super::order;
use super::tree::{CapVar, Place};
use ark_bn254::Fr;
use ark_r1cs_std::{
    eq::EqGadget,
    fields::{FieldVar, fp::FpVar},
};
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};
use tandem_payments::kind::Variant::*;
use tandem_payments::slot::Slot;

/// What all slots of a chunk share.
pub(super) struct Shared {
    pub(super) dom: FpVar<Fr>,
    pub(super) operator: FpVar<Fr>,
    pub(super) timestamp: FpVar<Fr>,
    pub(super) point: Point,
    pub(super) z_values: FpVar<Fr>,
}

/// What a slot hands to the next (PAY-CHAIN, PAY-GROUP).
pub(super) struct Running {
    pub(super) cap: CapVar,
    pub(super) effects: FpVar<Fr>,
    pub(super) withdrawals: FpVar<Fr>,
    pub(super) messages: FpVar<Fr>,
    pub(super) leaf_count: FpVar<Fr>,
    pub(super) fee: FpVar<Fr>,
    /// Evaluations of effects, withdrawals, messages.
    pub(super) sums: [FpVar<Fr>; 3],
    pub(super) product: FpVar<Fr>,
    pub(super) before: Option<Before>,
    pub(super) items: Vec<FpVar<Fr>>,
    pub(super) values: Vec<FpVar<Fr>>,
}

/// What the next slot needs to know of one: whether it waits for its credit, and of what.
pub(super) struct Before {
    created: FpVar<Fr>,
    owed: FpVar<Fr>,
    address: FpVar<Fr>,
    token: FpVar<Fr>,
    amount: FpVar<Fr>,
}

impl Before {
    /// Nothing is left open (PAY-GROUP).
    pub(super) fn enforce_complete(&self) -> Result<(), SynthesisError> {
        self.created.enforce_equal(&FpVar::zero())?;
        self.owed.enforce_equal(&FpVar::zero())
    }
}

/// Lays out a slot and moves `running` on.
pub(super) fn synthesise(
    cs: &ConstraintSystemRef<Fr>,
    shared: &Shared,
    running: &mut Running,
    slot: &Slot,
) -> Result<(), SynthesisError> {
    let flags = Flags::new_witness(cs, slot.variant)?;
    let lanes = LanesVar::new_witness(cs, &slot.lanes, &flags)?;
    let a = LeafVar::new_witness(cs, &slot.a.leaf)?;
    let b = LeafVar::new_witness(cs, &slot.b.leaf)?;
    let place_a = Place::new_witness(cs, &slot.a)?;
    let place_b = Place::new_witness(cs, &slot.b)?;

    let created = follow(running.before.as_ref(), &flags, &lanes, &b)?;
    let new_token = order::enforce_spanned(cs, &flags, &lanes, &a, slot.end)?;
    let new_key = order::enforce_key(&flags, &lanes)?;
    let leaves = Leaves {
        flags: &flags,
        lanes: &lanes,
        a: &a,
        b: &b,
        place_b: &place_b,
        new_token: &new_token,
        new_key: &new_key.hash,
    };
    movement::enforce_owners(&leaves, &shared.operator)?;
    movement::enforce_created(&leaves, &running.leaf_count)?;
    let bid = lanes.bid()?;
    let (gas, fee) = movement::fee(&flags, &created, &bid.price);
    let a_after = movement::write_a(&leaves, &fee)?;
    let b_after = movement::write_b(&leaves)?;
    collect_fee(running, &flags, &lanes, &fee)?;

    let moved = lanes.moved(&flags);
    let signed = Signed {
        dom: &shared.dom,
        timestamp: &shared.timestamp,
        a: &a,
        b: &b,
        account: lanes.account.fp(),
        moved: &moved,
        gas_limit: gas + &bid.gas_slack,
        max_fee: &bid.price + &bid.fee_slack,
        expiry_slack: &bid.expiry_slack,
        new_key: &new_key.hash,
    };
    let value = authority::value(cs, &flags, &signed, slot.ethereum)?;
    // (active ? z' + v : 1)
    let factor = &value.value + &value.active * (&shared.z_values - FpVar::one()) + FpVar::one();
    running.product *= factor;
    running.values.push(value.value);

    let parts = Parts {
        flags: &flags,
        lanes: &lanes,
        index_a: &place_a.index,
        index_b: &place_b.index,
        b: &b,
        moved: &moved,
        price: &bid.price,
        posted_high: &new_key.posted_high,
    };
    post(running, &shared.point, items(&parts)?);

    place_a.replace(&mut running.cap, &a.hash()?, &a_after.hash()?)?;
    // before its creation a leaf is empty
    let b_hash = flags.none(&[Create]) * b.hash()?;
    place_b.replace(&mut running.cap, &b_hash, &b_after.hash()?)?;
    running.leaf_count += flags.is(Create);
    running.before = Some(Before {
        created: flags.is(Create),
        owed: flags.is(TokenTransfer),
        address: lanes.account.fp().clone(),
        token: b.token.clone(),
        amount: lanes.amount.fp().clone(),
    });
    Ok(())
}

/// PAY-GROUP, PAY-CREATE, PAY-TOKEN: what the slot before requires of this one. Whether it created a leaf. Five
/// constraints.
fn follow(before: Option<&Before>, flags: &Flags, lanes: &LanesVar, b: &LeafVar) -> Result<FpVar<Fr>, SynthesisError> {
    let credit = flags.is(TokenCredit);
    let Some(before) = before else {
        credit.enforce_equal(&FpVar::zero())?;
        return Ok(FpVar::zero());
    };
    credit.enforce_equal(&before.owed)?;
    let credits = flags.any(&[Transfer, TokenTransfer, DepositCredited, FeeCredit]);
    zero_if(&before.created, &(FpVar::one() - credits))?;
    let waits = &before.created + &before.owed;
    equal_if(&waits, lanes.account.fp(), &before.address)?;
    equal_if(&waits, &b.token, &before.token)?;
    equal_if(&before.owed, lanes.amount.fp(), &before.amount)?;
    Ok(before.created.clone())
}

/// PAY-FEE: adds the fee, or takes all of it out as the amount credited. Two constraints.
fn collect_fee(running: &mut Running, flags: &Flags, lanes: &LanesVar, fee: &FpVar<Fr>) -> Result<(), SynthesisError> {
    let credit = flags.is(FeeCredit);
    equal_if(&credit, lanes.amount.fp(), &running.fee)?;
    let credited = credit * &running.fee;
    running.fee += fee - credited;
    debug_assert!(!USER.contains(&FeeCredit));
    Ok(())
}

/// PAY-EVAL: adds the elements to evaluations, counts and digest. Ten constraints.
fn post(running: &mut Running, point: &Point, items: ItemsVar) {
    let [e0, e1, w0, w1, m0, m1] = &items.items;
    let [effects, withdrawals, messages] = &mut running.sums;
    *effects = point.absorb(effects, &items.first_effect, e0);
    *effects = point.absorb(effects, &items.second_effect, e1);
    *withdrawals = point.absorb_pair(withdrawals, &items.withdrawal, [w0, w1]);
    *messages = point.absorb_pair(messages, &items.message, [m0, m1]);
    running.effects += &items.first_effect + &items.second_effect;
    running.withdrawals += &items.withdrawal + &items.withdrawal;
    running.messages += &items.message;
    running.items.extend(items.items);
}
