//! A queue message: of all its results, laid out, the circuit takes the ledger's and no other.

use super::super::{forge::Forge, scenario::challenges};
use super::{amounts, cut, funded, people, tokens};
use alloy_primitives::U256;
use proptest::prelude::*;
use std::fmt::{self, Debug, Formatter};
use tandem_payments::data::Message;
use tandem_payments::field::{MODULUS, address_integer, halves};
use tandem_payments::kind::Variant::{self, *};
use tandem_payments::leaf::Key;
use tandem_payments::ledger::Ledger;
use tandem_payments::slot::Slot;
use tandem_payments::state::State;
use tandem_payments::testing::*;
use tandem_payments::tree::CAPACITY;

/// A message and the state it meets.
#[derive(Clone)]
pub struct Case {
    pub message: Message,
    pub state: State,
}

/// Leaves out the tree, which would fill pages.
impl Debug for Case {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} leaves", self.message, self.state.leaf_count())
    }
}

/// Every field drawn near its limits, all together.
pub fn cases() -> impl Strategy<Value = Case> {
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
    let messages = prop_oneof![
        (key(), amounts).prop_map(|(key, amount)| Message::Deposit { key, amount }),
        key().prop_map(|key| Message::Forced { key }),
        (people(), words).prop_map(|(account, key)| Message::L1Key { account, key }),
    ];
    (messages, prop::bool::weighted(0.3)).prop_map(|(message, full)| {
        let state = if full { funded().with_leaf_count(CAPACITY) } else { funded() };
        Case { message, state }
    })
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

/// Holds both to each other: the outcome, which is the variants of the slots.
pub fn agrees(case: &Case) -> Result<String, TestCaseError> {
    let Case { message, state } = case;
    let ledger = Ledger::new(state.clone(), ENV, dom());
    let native: Vec<_> = ledger.clone().message(message).unwrap().into_iter().map(|slot| slot.variant).collect();
    let result = *native.last().unwrap();
    for variant in Variant::ALL.into_iter().filter(|variant| variant.kind() == result.kind()) {
        let mut ledger = ledger.clone();
        let mut slots = Vec::new();
        if let (Message::Deposit { key, .. }, [Create, _], DepositCredited) = (message, &native[..], variant) {
            slots.push(ledger.create(*key).unwrap());
        }
        slots.push(lay_out_result(ledger.state(), message, variant));
        let (system, inputs) = Forge::new(state, slots).system();
        // both say the same where a key is malformed and its account missing, and do the same: nothing
        let both = [L1KeyMissing, L1KeyMalformed];
        if variant != result && both.contains(&variant) && both.contains(&result) {
            continue;
        }
        // and what it publishes as its message is the message
        let [first, second] = message.encode().map(|element| element.fr());
        let posted = inputs[17] == first * challenges().data + second;
        let accepted = system.is_satisfied() && posted;
        prop_assert_eq!(accepted, variant == result, "{:?} for {:?}", variant, result);
    }
    Ok(native.iter().map(|variant| format!("{variant:?}")).collect::<Vec<_>>().join(" "))
}
