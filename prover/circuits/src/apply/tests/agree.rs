//! Native ledger and circuit accept the same operations.
//!
//! Operations are drawn near every limit. The forger lays each out as if it were good; what the ledger refuses must not satisfy
//! the circuit, or not publish the value that was signed. Of each queue message all results are laid out: the circuit must take the
//! ledger's and no other.

use super::forge::Forge;
use alloy_primitives::{Address, U256};
use ark_bn254::Fr;
use ark_ff::Zero;
use proptest::prelude::*;
use std::sync::LazyLock;
use tandem_payments::data::Message;
use tandem_payments::digest::digest;
use tandem_payments::field::{MODULUS, address_integer, halves, integer};
use tandem_payments::kind::Variant::{self, *};
use tandem_payments::leaf::{Key, Leaf};
use tandem_payments::ledger::Ledger;
use tandem_payments::operation::{Authority, CREATE_GAS, Call, Operation, SignatureKind};
use tandem_payments::slot::{Bid, Slot};
use tandem_payments::state::State;
use tandem_payments::tags::DIGEST_VALUES;
use tandem_payments::testing::{self, *};
use tandem_payments::tree::CAPACITY;

const CASES: u32 = 40;

fn funded() -> State {
    static STATE: LazyLock<State> = LazyLock::new(testing::funded);
    STATE.clone()
}

/// The low bits of a number that may be too wide for its lane.
fn cut(value: U256, bits: usize) -> U256 {
    value & ((U256::from(1) << bits) - U256::from(1))
}

// Users.

/// An operation, the price it is offered at, and the state it meets.
#[derive(Clone, Debug)]
struct Case {
    operation: Operation,
    kind: SignatureKind,
    price: u64,
    state: State,
}

fn people() -> impl Strategy<Value = Address> {
    prop_oneof![6 => (1u8..=3).prop_map(account), 2 => Just(account(9)), 1 => Just(Address::ZERO)]
}

fn tokens() -> impl Strategy<Value = Address> {
    prop_oneof![4 => Just(token(1)), 1 => Just(token(2)), 1 => Just(Address::ZERO)]
}

/// Amounts around the token balances, the ETH balances and the widths.
fn amounts() -> impl Strategy<Value = u128> {
    prop_oneof![Just(0), Just(5), 4999u128..=5001, 9 * ETHER..=11 * ETHER, Just(u128::MAX), Just(u128::MAX - 5000)]
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
    fn cases()(
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
        Case { operation, kind, price, state }
    }
}

fn credited(call: &Call) -> Option<Key> {
    match *call {
        Call::Transfer { recipient, .. } => Some(Key::eth(recipient)),
        Call::TokenTransfer { token, recipient, .. } => Some(Key { address: recipient, token }),
        _ => None,
    }
}

fn creates(state: &State, call: &Call) -> bool {
    credited(call).is_some_and(|key| key != Key::ZERO && state.find(key).is_none() && !state.is_full())
}

/// The slots of an operation, whether or not it is good.
fn lay_out(case: &Case) -> Forge {
    let Case { operation, kind, price, state } = case;
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
            slot.lanes.account = U256::from(halves(MODULUS).0 - high - 1);
        }
        _ => {}
    }
    slots.push(slot);
    slots.extend(credit);
    Forge::new(&case.state, slots)
}

fn user_agrees(case: &Case) -> Result<(), TestCaseError> {
    let Case { operation, kind, price, state } = case;
    let native = Ledger::new(state.clone(), ENV, dom()).user(operation, *kind, *price);
    let forge = lay_out(case);
    let leaf = state.get(Key::eth(operation.sender)).copied().unwrap_or_default();
    let key_hash = if *kind == SignatureKind::Ethereum { leaf.key_hash } else { leaf.session_hash };
    let signed = Authority { kind: *kind, operation_hash: operation.hash(dom()), key_hash };
    let mut values = vec![Fr::zero(); forge.slots.len()];
    values[usize::from(forge.slots[0].variant == Create)] = signed.value();
    let (system, inputs) = forge.system();
    let accepted = system.is_satisfied() && inputs[7] == digest(DIGEST_VALUES, 0x100, &values);
    prop_assert_eq!(native.is_ok(), accepted, "{:?}", native);
    if let Ok(slots) = native {
        prop_assert_eq!(slots.len(), forge.slots.len());
    }
    Ok(())
}

// The queue.

fn messages() -> impl Strategy<Value = Message> {
    let key = || (people(), tokens()).prop_map(|(address, token)| Key { address, token });
    let amounts = prop_oneof![amounts(), Just(u128::MAX - 4999)];
    let words = prop_oneof![
        Just(U256::ZERO),
        Just(MODULUS - U256::from(1)),
        Just(MODULUS),
        Just(U256::from(halves(MODULUS).0) << 128),
        Just(U256::MAX),
        any::<[u64; 4]>().prop_map(U256::from_limbs),
    ];
    prop_oneof![
        (key(), amounts).prop_map(|(key, amount)| Message::Deposit { key, amount }),
        key().prop_map(|key| Message::Forced { key }),
        (people(), words).prop_map(|(account, key)| Message::L1Key { account, key }),
    ]
}

/// `high - low - 1` of keys, cut to a lane.
fn gap(low: Key, high: Key) -> U256 {
    let (low, high) = if low.address == high.address { (low.token, high.token) } else { (low.address, high.address) };
    address_integer(high).wrapping_sub(address_integer(low)).wrapping_sub(U256::from(1))
}

/// A message with this result, as well as it can be made to look.
fn lay_out_result(state: &State, message: &Message, variant: Variant) -> Slot {
    let mut slot = Ledger::new(state.clone(), ENV, dom()).padding();
    slot.variant = variant;
    let (key, amount, word) = match *message {
        Message::Deposit { key, amount } => (key, amount, None),
        Message::Forced { key } => (key, 0, None),
        Message::L1Key { account, key } => (Key::eth(account), 0, Some(key)),
    };
    let lanes = &mut slot.lanes;
    lanes.account = address_integer(key.address);
    lanes.amount = amount;
    let index = state.find(key).unwrap_or(0);
    let held = state.leaf(index).unwrap().balance;
    if let Some(word) = word {
        let (high, low) = halves(word);
        (lanes.after_a, lanes.amount) = (U256::from(high), low);
        let (r_high, r_low) = halves(MODULUS);
        let [below, above] = if high == r_high { [low, r_low] } else { [high, r_high] };
        let distance = U256::from(above).wrapping_sub(U256::from(below));
        match variant {
            L1KeySet => lanes.bid = cut(distance.wrapping_sub(U256::from(1)), 208),
            L1KeyMalformed => {
                let one = U256::from(u8::from(high != r_high));
                lanes.bid = cut(distance.wrapping_neg().wrapping_sub(one), 208);
            }
            _ => {}
        }
    }
    match variant {
        DepositCredited => {
            slot.b.index = index;
            lanes.after_b = U256::from(held) + U256::from(amount);
        }
        DepositOverflow => {
            slot.b.index = index;
            let sum = U256::from(held) + U256::from(amount);
            lanes.after_b = cut(sum.wrapping_sub(U256::from(1) << 128), 160);
        }
        ForcedPaid => {
            slot.b.index = index;
            lanes.amount = held;
        }
        ForcedEmpty => slot.b.index = index,
        L1KeySet => slot.a.index = index,
        DepositFull | ForcedMissing | L1KeyMissing => {
            slot.a.index = state.low(key);
            let low = *state.leaf(slot.a.index).unwrap();
            lanes.after_b = cut(gap(low.key, key), 160);
            slot.end = low.next == Key::ZERO;
            if !slot.end {
                lanes.bid = cut(gap(key, low.next), 208);
            }
            if variant != L1KeyMissing {
                lanes.after_a = address_integer(key.token);
            }
        }
        _ => {}
    }
    slot
}

fn message_agrees(message: &Message, full: bool) -> Result<(), TestCaseError> {
    let mut state = funded();
    if full {
        state = state.with_leaf_count(CAPACITY);
    }
    let native = Ledger::new(state.clone(), ENV, dom()).message(message).unwrap();
    let result = native.last().unwrap().variant;
    for variant in Variant::ALL.into_iter().filter(|variant| variant.kind() == result.kind()) {
        if native.len() > 1 && variant == DepositCredited {
            continue; // the leaf has to be created first
        }
        let forge = Forge::new(&state, vec![lay_out_result(&state, message, variant)]);
        let (system, inputs) = forge.system();
        // both say the same where a key is malformed and its account missing, and do the same: nothing
        let both = [L1KeyMissing, L1KeyMalformed];
        let same = both.contains(&variant) && both.contains(&result);
        if same && variant != result {
            continue;
        }
        // and what it publishes as its message is the message
        let [first, second] = message.encode().map(|element| element.fr());
        let posted = inputs[17] == first * super::scenario::challenges().data + second;
        let accepted = system.is_satisfied() && posted;
        prop_assert_eq!(accepted, native.len() == 1 && variant == result, "{:?} for {:?}", variant, result);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn users(case in cases()) {
        user_agrees(&case)?;
    }

    #[test]
    fn queue(message in messages(), full in prop::bool::weighted(0.3)) {
        message_agrees(&message, full)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// `make fuzz-circuits`
    #[test]
    #[ignore = "twenty minutes"]
    fn exhaustive(case in cases(), message in messages(), full: bool) {
        user_agrees(&case)?;
        message_agrees(&message, full)?;
    }
}

/// Leaves of the state that the strategies aim at.
#[test]
fn strategies_aim_at_what_is_there() {
    let state = funded();
    let leaf = |key| state.get(key).copied().unwrap_or_default();
    assert_eq!(leaf(Key::eth(account(1))).balance, 10 * ETHER);
    assert_eq!(leaf(Key { address: account(1), token: token(1) }).balance, 5000);
    assert_eq!(leaf(Key::eth(account(9))), Leaf::default());
    assert_eq!(CREATE_GAS, 21_000);
}
