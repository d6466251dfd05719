//! A user's operation: what the ledger says of it, and what the circuit says of its slots laid out as if it were good.

use super::super::forge::Forge;
use super::{amounts, cut, funded, people, tokens};
use alloy_primitives::{Address, U256};
use ark_bn254::Fr;
use ark_ff::Zero;
use proptest::prelude::*;
use std::fmt::{self, Debug, Formatter};
use tandem_payments::digest::digest;
use tandem_payments::field::{address_integer, halves, integer};
use tandem_payments::kind::Variant::*;
use tandem_payments::leaf::Key;
use tandem_payments::ledger::{KeyOrder, Ledger, key_order};
use tandem_payments::operation::{Authority, Call, Operation, SignatureKind, Signer};
use tandem_payments::slot::{Bid, Slot};
use tandem_payments::state::State;
use tandem_payments::tags::DIGEST_VALUES;
use tandem_payments::testing::*;
use tandem_payments::tree::CAPACITY;

/// An operation, the price it is offered at, and the state it meets.
#[derive(Clone)]
pub struct Case {
    pub operation: Operation,
    pub kind: SignatureKind,
    /// The key that signed; none for the one that the sender holds.
    pub key: Option<Fr>,
    pub price: u64,
    pub state: State,
}

/// Leaves out the tree, which would fill pages.
impl Debug for Case {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { operation, kind, price, state, .. } = self;
        let leaf = state.get(Key::eth(operation.sender));
        write!(f, "{operation:?} by {kind:?} at {price}, {} leaves, the sender's {leaf:?}", state.leaf_count())
    }
}

fn calls() -> impl Strategy<Value = Call> {
    (0..5u8, people(), tokens(), amounts(), any::<u64>()).prop_map(|(which, recipient, token, amount, key)| match which
    {
        0 => Call::Transfer { recipient, amount },
        1 => Call::TokenTransfer { token, recipient, amount },
        2 => Call::WithdrawEth { recipient, amount },
        3 => Call::WithdrawToken { token, recipient, amount },
        _ => Call::SetSession { key_hash: Fr::from(key) },
    })
}

/// Limits met exactly, missed by one, and far away. Offsets are from what the operation takes.
fn limits() -> impl Strategy<Value = (u64, u64, u64, u64)> {
    let slack = 1u64 << 32;
    let gas =
        prop_oneof![4 => Just(100_000), 2 => Just(0), 1 => Just(slack - 1), 1 => Just(slack), 1 => Just(u64::MAX)];
    let price = prop_oneof![4 => Just(PRICE), 1 => Just(0), 1 => Just((1 << 48) - 1), 1 => Just(1 << 48)];
    let fee = prop_oneof![4 => Just(PRICE), 2 => Just(0), 1 => Just(u64::MAX)];
    let time = prop_oneof![4 => Just(60), 2 => Just(0), 1 => Just(u64::MAX)];
    (gas, price, fee, time)
}

/// What is unusual about the sender's leaf.
fn leaves() -> impl Strategy<Value = (u8, u64)> {
    (0..8u8, prop_oneof![6 => Just(0u64), 1 => Just(1), 1 => Just(u64::MAX)])
}

prop_compose! {
    /// Every field drawn near its limits, all together.
    pub fn cases()(
        sender in 1u8..=3,
        call in calls(),
        (gas, price, fee, time) in limits(),
        (odd, nonce_offset) in leaves(),
        ethereum: bool,
        full in prop::bool::weighted(0.1),
        exact in prop::bool::weighted(0.2),
    ) -> Case {
        let mut state = funded();
        let index = state.find(Key::eth(account(sender))).unwrap();
        state = state.with_leaf(index, |leaf| match odd {
            0 => leaf.nonce = u64::MAX,
            1 => leaf.nonce = u64::MAX - 1,
            2 => leaf.session_hash = Fr::zero(),
            3 => leaf.key_hash = Fr::zero(),
            _ => {}
        });
        if full {
            state = state.with_leaf_count(CAPACITY);
        }
        let takes = call.kind().gas_after(creates(&state, &call));
        let kind = if ethereum { SignatureKind::Ethereum } else { SignatureKind::Session };
        let signed = sign(&state, sender, call);
        let mut operation = Operation {
            nonce: signed.nonce.wrapping_add(nonce_offset),
            gas_limit: takes.wrapping_add(gas),
            max_fee_per_gas: price.wrapping_add(fee),
            expiry: ENV.timestamp.wrapping_add(time),
            ..signed
        };
        if let (true, Call::Transfer { amount, .. }) = (exact, &mut operation.call) {
            *amount = (10 * ETHER).saturating_sub(u128::from(takes) * u128::from(price));
        }
        Case { operation, kind, key: None, price, state }
    }
}

fn credited(call: &Call) -> Option<Key> {
    match *call {
        Call::Transfer { recipient, .. } => Some(Key::eth(recipient)),
        Call::TokenTransfer { token, recipient, .. } => Some(Key { address: recipient, token }),
        _ => None,
    }
}

/// Whether the operation needs a leaf, and there is room for it.
pub fn creates(state: &State, call: &Call) -> bool {
    credited(call).is_some_and(|key| key != Key::ZERO && state.find(key).is_none() && !state.is_full())
}

/// The slots of an operation, whether or not it is good.
fn lay_out(case: &Case) -> Forge {
    let Case { operation, kind, price, state, .. } = case;
    let Operation { sender, call, gas_limit, max_fee_per_gas, expiry, .. } = *operation;
    let mut ledger = Ledger::new(state.clone(), ENV, dom());
    let mut slots = Vec::new();
    let created = creates(state, &call);
    if created {
        slots.push(ledger.create(credited(&call).unwrap()).unwrap());
    }
    let state = ledger.state();
    let find = |key| state.find(key).unwrap_or(0);
    let mut slot = Slot { authority: None, ..ledger.padding() };
    let (recipient, amount, token) = match call {
        Call::Transfer { recipient, amount } | Call::WithdrawEth { recipient, amount } => {
            (recipient, amount, Address::ZERO)
        }
        Call::TokenTransfer { token, recipient, amount } | Call::WithdrawToken { token, recipient, amount } => {
            (recipient, amount, token)
        }
        Call::SetSession { .. } => (Address::ZERO, 0, Address::ZERO),
    };
    slot.variant = match call {
        Call::Transfer { .. } => Transfer,
        Call::TokenTransfer { .. } => TokenTransfer,
        Call::WithdrawEth { .. } => WithdrawEth,
        Call::WithdrawToken { .. } => WithdrawToken,
        Call::SetSession { .. } => SetSession,
    };
    let gas = call.kind().gas_after(created);
    let fee = U256::from(gas) * U256::from(*price);
    slot.a.index = find(Key::eth(sender));
    let payer = *state.leaf(slot.a.index).unwrap();
    let eth = if matches!(call, Call::Transfer { .. } | Call::WithdrawEth { .. }) { amount } else { 0 };
    let after = U256::from(payer.balance).wrapping_sub(fee).wrapping_sub(U256::from(eth));
    slot.lanes.after_a = cut(after, 160);
    slot.lanes.amount = amount;
    slot.lanes.account = address_integer(recipient);
    let bid = Bid {
        price: 0,
        gas_slack: gas_limit.wrapping_sub(gas) as u32,
        fee_slack: max_fee_per_gas.wrapping_sub(*price),
        expiry_slack: expiry.wrapping_sub(ENV.timestamp),
    };
    // a price that is too wide runs into the slack
    slot.lanes.bid = cut(bid.pack() + U256::from(*price), 208);
    slot.ethereum = *kind == SignatureKind::Ethereum;
    let owner = if slot.variant == Transfer { recipient } else { sender };
    let key = Key { address: owner, token };
    let held = state.get(key).map_or(0, |leaf| leaf.balance);
    let mut credit = None;
    match slot.variant {
        Transfer => {
            slot.b.index = find(key);
            let held = if recipient == sender { after } else { U256::from(held) };
            slot.lanes.after_b = cut(held.wrapping_add(U256::from(amount)), 160);
        }
        TokenTransfer | WithdrawToken => {
            slot.b.index = find(key);
            let left = U256::from(held).wrapping_sub(U256::from(amount));
            slot.lanes.after_b = cut(left, 160);
            if slot.variant == TokenTransfer {
                let mut next = ledger.padding();
                next.variant = TokenCredit;
                next.b.index = find(Key { address: recipient, token });
                next.lanes.account = slot.lanes.account;
                next.lanes.amount = amount;
                let held = state.leaf(next.b.index).unwrap().balance;
                let held = if recipient == sender { left } else { U256::from(held) };
                next.lanes.after_b = cut(held.wrapping_add(U256::from(amount)), 160);
                credit = Some(next);
            }
        }
        SetSession => {
            let Call::SetSession { key_hash } = call else { unreachable!() };
            let (high, low) = halves(integer(key_hash));
            slot.lanes.amount = low;
            slot.lanes.after_b = U256::from(high);
            let KeyOrder::Below(gap) = key_order(integer(key_hash)) else { unreachable!() };
            slot.lanes.account = gap;
        }
        _ => {}
    }
    slots.push(slot);
    slots.extend(credit);
    Forge::new(&case.state, slots)
}

/// Holds both to each other: the outcome, accepted or the name of the refusal.
pub fn agrees(case: &Case) -> Result<String, TestCaseError> {
    let Case { operation, kind, key, price, state } = case;
    let held = held(state, operation.sender, *kind);
    let signer = Signer { key_hash: key.unwrap_or(held.key_hash), ..held };
    let native = Ledger::new(state.clone(), ENV, dom()).user(operation, signer, *price);
    let forge = lay_out(case);
    let signed = Authority { kind: *kind, operation_hash: operation.hash(dom()), key_hash: signer.key_hash };
    let mut values = vec![Fr::zero(); forge.slots.len()];
    values[usize::from(forge.slots[0].variant == Create)] = signed.value();
    let (system, inputs) = forge.system();
    let accepted = system.is_satisfied() && inputs[7] == digest(DIGEST_VALUES, 0x100, &values);
    prop_assert_eq!(native.is_ok(), accepted, "{:?}", native);
    match native {
        Ok(slots) => {
            prop_assert_eq!(slots.len(), forge.slots.len());
            Ok("accepted".into())
        }
        Err(refused) => Ok(format!("{refused:?}").chars().take_while(|c| c.is_alphanumeric()).collect()),
    }
}
