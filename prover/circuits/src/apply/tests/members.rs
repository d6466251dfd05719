//! Rules that hold for several variants, broken in each of them by itself.

use super::forge::Forge;
use alloy_primitives::{Address, U256};
use tandem_payments::data::Message;
use tandem_payments::kind::Variant::*;
use tandem_payments::leaf::Key;
use tandem_payments::ledger::Ledger;
use tandem_payments::operation::{Call, SignatureKind};
use tandem_payments::slot::Slot;
use tandem_payments::state::State;
use tandem_payments::testing::*;

/// Most rows that one broken clause breaks.
const ROWS_MAX: usize = 2;

/// The state of the tests, and the messages given.
fn state(messages: &[Message]) -> State {
    let mut builder = builder(funded());
    messages.iter().for_each(|message| builder.message(message).unwrap());
    builder.finish().1
}

/// The slots of one group on a state.
fn group(state: &State, run: impl FnOnce(&mut Ledger) -> Vec<Slot>) -> Forge {
    let slots = run(&mut Ledger::new(state.clone(), ENV, dom()));
    Forge::new(state, slots)
}

fn queued(state: &State, message: Message) -> Forge {
    group(state, |ledger| ledger.message(&message).unwrap())
}

fn user(state: &State, i: u8, call: Call) -> Forge {
    let signer = held(state, account(i), SignatureKind::Session);
    group(state, |ledger| ledger.user(&sign(state, i, call), signer, PRICE).unwrap())
}

fn fees(state: &State) -> Forge {
    let mut forge = group(state, |ledger| vec![ledger.fee_credit().unwrap()]);
    forge.fee = 77;
    forge.slots[0].lanes.amount = 77;
    forge.slots[0].lanes.after_b = U256::from(77);
    forge
}

fn index(state: &State, address: Address, token: Address) -> u32 {
    state.find(Key { address, token }).unwrap()
}

#[track_caller]
fn refused(mut forge: Forge, change: impl FnOnce(&mut Forge)) {
    assert_eq!(forge.broken(), 0, "the chunk satisfies before the attack");
    change(&mut forge);
    let broken = forge.broken();
    assert!((1..=ROWS_MAX).contains(&broken), "{broken} rows broken");
}

#[test]
fn a_token_is_credited_to_the_recipient_alone() {
    let state = state(&[deposit(account(3), token(1), 5000)]);
    let other = index(&state, account(3), token(1));
    let call = Call::TokenTransfer { token: token(1), recipient: account(2), amount: 5 };
    refused(user(&state, 1, call), |forge| forge.slots[1].b.index = other);
}

#[test]
fn a_token_transfer_moves_no_eth() {
    let state = state(&[]);
    let [from, to] = [1, 2].map(|i| index(&state, account(i), Address::ZERO));
    let call = Call::TokenTransfer { token: token(1), recipient: account(2), amount: 5 };
    refused(user(&state, 1, call), |forge| {
        let [debit, credit] = &mut forge.slots[..] else { unreachable!() };
        debit.b.index = from;
        debit.lanes.after_b = debit.lanes.after_a - U256::from(5);
        credit.b.index = to;
        credit.lanes.after_b = U256::from(10 * ETHER + 5);
    });
}

#[test]
fn fees_are_credited_in_eth_to_the_operator_alone() {
    let state = state(&[deposit(ENV.operator, token(1), 5)]);
    let [other, own_token] = [(account(1), Address::ZERO), (ENV.operator, token(1))].map(|(a, t)| index(&state, a, t));
    refused(fees(&state), |forge| {
        forge.slots[0].b.index = other;
        forge.slots[0].lanes.after_b = U256::from(10 * ETHER + 77);
    });
    refused(fees(&state), |forge| {
        forge.slots[0].b.index = own_token;
        forge.slots[0].lanes.after_b = U256::from(82);
    });
    // no operator at all
    refused(fees(&state), |forge| {
        forge.env.operator = Address::ZERO;
        forge.slots[0].lanes.account = U256::ZERO;
        forge.slots[0].b.index = 0;
    });
}

#[test]
fn a_public_key_is_registered_on_an_eth_leaf() {
    let state = state(&[]);
    let own_token = index(&state, account(1), token(1));
    let register = group(&state, |ledger| vec![ledger.register(account(1), public(5)).unwrap()]);
    refused(register, |forge| forge.slots[0].a.index = own_token);
}

#[test]
fn a_deposit_overflows_its_own_leaf_only() {
    let state = state(&[deposit(account(7), token(1), u128::MAX)]);
    let full = index(&state, account(7), token(1));
    refused(queued(&state, deposit(account(1), token(1), 5)), |forge| {
        let slot = &mut forge.slots[0];
        slot.variant = DepositOverflow;
        slot.b.index = full;
        slot.lanes.after_b = U256::from(4);
    });
}

#[test]
fn a_forced_withdrawal_is_not_refused_for_another_leaf_that_is_empty() {
    let state = state(&[]);
    let empty = index(&state, ENV.operator, Address::ZERO);
    let message = Message::Forced { key: Key::eth(account(1)) };
    refused(queued(&state, message), |forge| {
        let slot = &mut forge.slots[0];
        slot.variant = ForcedEmpty;
        slot.lanes.amount = 0;
        slot.b.index = empty;
    });
}

#[test]
fn a_created_leaf_is_credited_and_no_other_of_its_account() {
    let state = state(&[deposit(account(9), token(2), 1), deposit(account(9), Address::ZERO, 1)]);
    let other = index(&state, account(9), token(2));
    refused(queued(&state, deposit(account(9), token(1), 5)), |forge| {
        forge.slots[1].b.index = other;
        forge.slots[1].lanes.after_b = U256::from(6);
    });
}
