//! One test per rule of the ledger, and per way of breaking it.

use super::*;
use crate::batch::{Batch, BatchBuilder};
use crate::data::{Message, bytes};
use crate::field::integer;
use crate::kind::CREATE_GAS;
use crate::leaf::Leaf;
use crate::operation::{Call, Operation, Signer};
use crate::replay::replay;
use crate::testing::*;
use crate::tree::CAPACITY;
use alloc::vec::Vec;
use alloy_primitives::U256;

fn eth(state: &State, i: u8) -> Leaf {
    *state.get(Key::eth(account(i))).unwrap()
}

fn balance(state: &State, address: Address, token: Address) -> u128 {
    state.get(Key { address, token }).map_or(0, |leaf| leaf.balance)
}

/// Ends the batch, replays it from its bytes, and returns it with the state.
fn settle(start: State, builder: BatchBuilder) -> (Batch, State) {
    let (batch, state) = builder.finish();
    let [effects, withdrawals, messages] =
        [&batch.effects, &batch.withdrawals, &batch.messages].map(|segment| bytes(segment));
    let replayed = replay(start, ENV, &effects, &withdrawals, &messages).unwrap();
    assert_eq!(replayed.state.root(), state.root());
    assert_eq!(replayed.state.leaf_count(), state.leaf_count());
    assert_eq!(replayed.withdrawals.len() * 2, batch.withdrawals.len());
    (batch, state)
}

/// Everything that the leaves hold of a token.
fn supply(state: &State, token: Address) -> u128 {
    (0..state.leaf_count())
        .filter_map(|index| state.leaf(index as u32))
        .filter(|leaf| leaf.key.token == token)
        .map(|leaf| leaf.balance)
        .sum()
}

fn variants(batch: &Batch) -> Vec<Variant> {
    batch.chunks.iter().flat_map(|chunk| &chunk.slots).map(|slot| slot.variant).collect()
}

fn transfer(i: u8, amount: u128) -> Call {
    Call::Transfer { recipient: account(i), amount }
}

/// Applies an operation by the key that its sender holds.
fn by_key(ledger: &mut Ledger, operation: &Operation, kind: SignatureKind, price: u64) -> Result<Vec<Slot>, Refused> {
    let signer = held(ledger.state(), operation.sender, kind);
    ledger.user(operation, signer, price)
}

fn refused(operation: impl FnOnce(&State) -> (Operation, SignatureKind, u64)) -> Refused {
    let state = funded();
    let mut ledger = Ledger::new(state, ENV, dom());
    let (operation, kind, price) = operation(ledger.state());
    let root = ledger.state().root();
    let refused = by_key(&mut ledger, &operation, kind, price).unwrap_err();
    assert_eq!((ledger.state().root(), ledger.fee(), ledger.is_pending()), (root, 0, false));
    refused
}

#[test]
fn a_transfer_moves_amount_and_fee() {
    let state = funded();
    let mut builder = builder(state.clone());
    apply(&mut builder, 1, transfer(2, ETHER));
    let (batch, after) = settle(state, builder);
    let fee = 21_000 * u128::from(PRICE);
    assert_eq!(eth(&after, 1).balance, 9 * ETHER - fee);
    assert_eq!(eth(&after, 1).nonce, 1);
    assert_eq!(eth(&after, 2).balance, 11 * ETHER);
    assert_eq!(balance(&after, ENV.operator, Address::ZERO), fee);
    assert_eq!(supply(&after, Address::ZERO), 30 * ETHER);
    assert_eq!(batch.effects.len(), 2);
}

#[test]
fn a_new_recipient_pays_for_its_leaf_through_the_sender() {
    let state = funded();
    let mut builder = builder(state.clone());
    apply(&mut builder, 1, transfer(9, 5));
    apply(&mut builder, 1, Call::TokenTransfer { token: token(1), recipient: account(9), amount: 7 });
    let (batch, after) = settle(state, builder);
    assert_eq!(balance(&after, account(9), Address::ZERO), 5);
    assert_eq!(balance(&after, account(9), token(1)), 7);
    let gas = 21_000 + 42_000 + 2 * CREATE_GAS;
    assert_eq!(balance(&after, ENV.operator, Address::ZERO), u128::from(gas) * u128::from(PRICE));
    use Variant::*;
    let expected = [Create, Transfer, Padding, Create, TokenTransfer, TokenCredit, FeeCredit];
    assert_eq!(variants(&batch), expected);
}

/// The leaf created for a token transfer to oneself is the one that it comes from: nothing can be moved, and that can be done.
#[test]
fn a_leaf_of_ones_own_is_created_by_moving_nothing_to_it() {
    let own = |amount| Call::TokenTransfer { token: token(1), recipient: account(3), amount };
    assert_eq!(
        refused(|state| (sign(state, 3, own(1)), SignatureKind::Session, PRICE)),
        Refused::Balance { balance: 0, needed: 1 }
    );
    let state = funded();
    let mut builder = builder(state.clone());
    apply(&mut builder, 3, own(0));
    let (batch, after) = settle(state, builder);
    assert_eq!(balance(&after, account(3), token(1)), 0);
    assert_eq!(after.leaf_count(), funded().leaf_count() + 1);
    use Variant::*;
    assert_eq!(variants(&batch), [Create, TokenTransfer, TokenCredit, FeeCredit]);
}

#[test]
fn sender_recipient_and_operator_may_be_one() {
    let state = funded();
    let env = Env { operator: account(1), ..ENV };
    let mut ledger = Ledger::new(state, env, dom());
    let operation = sign(ledger.state(), 1, transfer(1, ETHER));
    by_key(&mut ledger, &operation, SignatureKind::Session, PRICE).unwrap();
    let call = Call::TokenTransfer { token: token(1), recipient: account(1), amount: 5000 };
    let operation = sign(ledger.state(), 1, call);
    by_key(&mut ledger, &operation, SignatureKind::Ethereum, PRICE).unwrap();
    ledger.settle_fees().unwrap();
    assert_eq!(eth(ledger.state(), 1).balance, 10 * ETHER);
    assert_eq!(balance(ledger.state(), account(1), token(1)), 5000);
    assert_eq!(supply(ledger.state(), Address::ZERO), 30 * ETHER);
}

#[test]
fn withdrawals_leave_the_leaves() {
    let state = funded();
    let mut builder = builder(state.clone());
    apply(&mut builder, 1, Call::WithdrawEth { recipient: account(8), amount: ETHER });
    apply(&mut builder, 1, Call::WithdrawToken { token: token(1), recipient: account(8), amount: 1000 });
    let (batch, after) = settle(state, builder);
    assert_eq!(supply(&after, Address::ZERO), 29 * ETHER);
    assert_eq!(supply(&after, token(1)), 9000);
    assert_eq!(batch.withdrawals.len(), 4);
}

#[test]
fn keys_are_set_by_signature_by_proof_and_from_l1() {
    let state = funded();
    let mut builder = builder(state.clone());
    apply(&mut builder, 1, Call::SetSession { key_hash: session(77) });
    builder.register(account(2), public(2)).unwrap();
    builder.message(&Message::L1Key { account: account(3), key: integer(session(78)) }).unwrap();
    let (_, after) = settle(state, builder);
    assert_eq!(eth(&after, 1).session_hash, session(77));
    assert_eq!(eth(&after, 2).key_hash, public(2));
    assert_eq!(eth(&after, 3).session_hash, session(78));
}

#[test]
fn messages_that_can_do_nothing_do_nothing() {
    let state = funded();
    let root = state.root();
    let mut builder = builder(state.clone());
    let forced = |i, token| Message::Forced { key: Key { address: account(i), token } };
    builder.message(&forced(3, token(1))).unwrap();
    builder.message(&forced(9, Address::ZERO)).unwrap();
    builder.message(&Message::Forced { key: Key::eth(ENV.operator) }).unwrap();
    builder.message(&Message::L1Key { account: account(9), key: U256::from(1) }).unwrap();
    builder.message(&Message::L1Key { account: account(1), key: malformed_key() }).unwrap();
    builder.message(&Message::L1Key { account: account(9), key: U256::MAX }).unwrap();
    let (batch, after) = settle(state, builder);
    assert_eq!(after.root(), root);
    assert!(batch.withdrawals.is_empty());
    use Variant::*;
    let expected = [ForcedMissing, ForcedMissing, ForcedEmpty, L1KeyMissing, L1KeyMalformed, L1KeyMalformed];
    assert_eq!(variants(&batch), expected);
}

#[test]
fn a_forced_withdrawal_empties_the_leaf_and_keeps_its_keys() {
    let state = funded();
    let mut builder = builder(state.clone());
    builder.message(&Message::Forced { key: Key::eth(account(1)) }).unwrap();
    builder.message(&Message::Forced { key: Key { address: account(1), token: token(1) } }).unwrap();
    let (batch, after) = settle(state, builder);
    assert_eq!(eth(&after, 1), Leaf { balance: 0, ..eth(&funded(), 1) });
    assert_eq!(supply(&after, token(1)), 5000);
    assert_eq!(batch.withdrawals.len(), 4);
}

#[test]
fn deposits_that_cannot_be_credited_go_back() {
    let full = funded().with_leaf_count(CAPACITY);
    let mut builder = builder(full);
    builder.message(&deposit(account(9), token(2), 11)).unwrap();
    builder.message(&deposit(Address::ZERO, Address::ZERO, 12)).unwrap();
    builder.message(&deposit(account(1), token(1), u128::MAX)).unwrap();
    builder.message(&deposit(account(1), token(1), u128::MAX - 5000)).unwrap();
    let (batch, after) = builder.finish();
    use Variant::*;
    assert_eq!(variants(&batch)[..4], [DepositFull, DepositSentinel, DepositOverflow, DepositCredited]);
    assert_eq!(balance(&after, account(1), token(1)), u128::MAX);
    assert_eq!(batch.withdrawals.len(), 6);
    assert_eq!(
        batch.withdrawals[..2],
        crate::data::Withdrawal { recipient: account(9), token: token(2), amount: 11 }.encode()
    );
}

#[test]
fn what_was_not_signed_is_refused() {
    use SignatureKind::{Register, Session};
    let with = |change: fn(&mut Operation)| {
        refused(|state| {
            let mut operation = sign(state, 1, transfer(2, 1));
            change(&mut operation);
            (operation, Session, PRICE)
        })
    };
    assert_eq!(with(|o| o.nonce = 1), Refused::Nonce { expected: 0, signed: 1 });
    assert_eq!(with(|o| o.max_fee_per_gas = PRICE - 1), Refused::Price { price: PRICE, price_max: PRICE - 1 });
    assert_eq!(with(|o| o.gas_limit = 20_999), Refused::GasLimit { gas: 21_000, gas_limit: 20_999 });
    assert!(matches!(with(|o| o.gas_limit = 21_000 + (1 << 32)), Refused::GasLimit { .. }));
    assert!(matches!(with(|o| o.expiry = ENV.timestamp - 1), Refused::Expired { .. }));
    assert!(matches!(with(|o| o.sender = account(9)), Refused::Missing { .. }));
    assert!(matches!(with(|o| o.call = transfer(2, 10 * ETHER)), Refused::Balance { .. }));
    assert!(matches!(with(|o| o.call = transfer(2, u128::MAX)), Refused::Balance { needed: u128::MAX, .. }));
    assert_eq!(with(|o| o.call = transfer(0, 1)), Refused::ZeroKey);
    assert!(matches!(
        with(|o| o.call = Call::WithdrawToken { token: token(2), recipient: account(1), amount: 0 }),
        Refused::Missing { .. }
    ));
    assert_eq!(
        with(|o| o.call = Call::WithdrawToken { token: Address::ZERO, recipient: account(1), amount: 0 }),
        Refused::ZeroKey
    );
    assert!(matches!(
        with(|o| o.call = Call::TokenTransfer { token: token(1), recipient: account(2), amount: 5001 }),
        Refused::Balance { .. }
    ));
    let call = Call::SetSession { key_hash: session(5) };
    let by = |kind| refused(|state| (sign(state, 1, call), kind, PRICE));
    assert_eq!(by(Session), Refused::NotAuthorised { kind: Session });
    assert_eq!(by(Register), Refused::NotAuthorised { kind: Register });
    let price = 1 << 48;
    let wide =
        refused(|state| (Operation { max_fee_per_gas: u64::MAX, ..sign(state, 1, transfer(2, 1)) }, Session, price));
    assert_eq!(wide, Refused::Price { price, price_max: price - 1 });
    let mut ledger = Ledger::new(funded(), ENV, dom());
    ledger.message(&Message::L1Key { account: account(1), key: U256::ZERO }).unwrap();
    let operation = sign(ledger.state(), 1, transfer(2, 1));
    assert_eq!(by_key(&mut ledger, &operation, SignatureKind::Session, 1).unwrap_err(), Refused::Key { kind: Session });
    assert!(by_key(&mut ledger, &operation, SignatureKind::Ethereum, 1).is_ok());
}

#[test]
fn a_signed_limit_is_met_exactly() {
    let mut ledger = Ledger::new(funded(), ENV, dom());
    let operation = Operation {
        gas_limit: 21_000 + CREATE_GAS,
        max_fee_per_gas: PRICE,
        expiry: ENV.timestamp,
        ..sign(ledger.state(), 1, transfer(9, 10 * ETHER - u128::from((21_000 + CREATE_GAS) * PRICE)))
    };
    let slots = by_key(&mut ledger, &operation, SignatureKind::Session, PRICE).unwrap();
    assert_eq!(slots.len(), 2);
    assert_eq!(eth(ledger.state(), 1).balance, 0);
    let operation = Operation { gas_limit: 20_999 + CREATE_GAS, ..sign(ledger.state(), 2, transfer(7, 1)) };
    assert!(matches!(by_key(&mut ledger, &operation, SignatureKind::Session, PRICE), Err(Refused::GasLimit { .. })));
}

#[test]
fn the_last_nonce_is_not_used() {
    let mut state = funded();
    let index = state.find(Key::eth(account(1))).unwrap();
    let leaf = Leaf { nonce: u64::MAX, ..eth(&state, 1) };
    state.write(index, leaf);
    let mut ledger = Ledger::new(state, ENV, dom());
    let operation = sign(ledger.state(), 1, transfer(2, 1));
    assert_eq!(by_key(&mut ledger, &operation, SignatureKind::Session, 1).unwrap_err(), Refused::NonceExhausted);
}

#[test]
fn a_credit_does_not_overflow() {
    let mut builder = builder(funded());
    builder.message(&deposit(account(2), token(1), u128::MAX - 5000)).unwrap();
    let call = Call::TokenTransfer { token: token(1), recipient: account(2), amount: 1 };
    let operation = sign(builder.ledger().state(), 1, call);
    let root = builder.ledger().state().root();
    let signer = held(builder.ledger().state(), account(1), SignatureKind::Session);
    assert_eq!(builder.user(&operation, signer, 1).unwrap_err(), Refused::Overflow);
    assert_eq!(builder.ledger().state().root(), root);
    // to oneself it does not
    apply(&mut builder, 2, Call::TokenTransfer { token: token(1), recipient: account(2), amount: 9 });
}

#[test]
fn a_created_leaf_waits_for_its_credit() {
    let mut ledger = Ledger::new(funded(), ENV, dom());
    let key = Key::eth(account(9));
    ledger.create(key).unwrap();
    assert_eq!(ledger.create(Key::eth(account(8))).unwrap_err(), Refused::OutOfOrder);
    let operation = sign(ledger.state(), 1, transfer(2, 1));
    assert_eq!(by_key(&mut ledger, &operation, SignatureKind::Session, 1).unwrap_err(), Refused::OutOfOrder);
    assert_eq!(ledger.queued(&deposit(account(2), Address::ZERO, 1)).unwrap_err(), Refused::OutOfOrder);
    assert_eq!(ledger.queued(&Message::Forced { key }).unwrap_err(), Refused::OutOfOrder);
    assert_eq!(ledger.fee_credit().unwrap_err(), Refused::OutOfOrder);
    assert_eq!(ledger.token_credit().unwrap_err(), Refused::OutOfOrder);
    assert_eq!(ledger.register(account(1), public(1)).unwrap_err(), Refused::OutOfOrder);
    ledger.queued(&deposit(account(9), Address::ZERO, 1)).unwrap();
    assert!(matches!(ledger.create(key), Err(Refused::WrongLeaf { .. })));
    assert_eq!(ledger.create(Key::ZERO).unwrap_err(), Refused::ZeroKey);
}

#[test]
fn keys_stay_sorted_and_unique() {
    let mut ledger = Ledger::new(State::default(), ENV, dom());
    let mut seed = 1u64;
    for _ in 0..60 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (address, token) = (account((seed >> 60) as u8 + 1), account((seed >> 40) as u8 % 3));
        ledger.message(&deposit(address, token, 1)).unwrap();
    }
    let state = ledger.into_state();
    let (mut at, mut seen) = (*state.leaf(0).unwrap(), 1);
    while at.next != Key::ZERO {
        assert!(at.key < at.next);
        at = *state.get(at.next).unwrap();
        seen += 1;
    }
    assert_eq!(seen, state.leaf_count());
}

#[test]
fn no_fee_is_left_outside() {
    let operator = account(0x55);
    let mut ledger = Ledger::new(funded(), Env { operator, ..ENV }, dom());
    let operation = sign(ledger.state(), 1, transfer(2, 1));
    by_key(&mut ledger, &operation, SignatureKind::Session, PRICE).unwrap();
    assert_eq!(ledger.settle_fees().unwrap().len(), 2);
    assert_eq!(ledger.fee(), 0);
    assert_eq!(supply(ledger.state(), Address::ZERO), 30 * ETHER);
    let mut ledger = Ledger::new(funded(), Env { operator: Address::ZERO, ..ENV }, dom());
    assert!(ledger.settle_fees().unwrap().is_empty());
    let refused = by_key(&mut ledger, &operation, SignatureKind::Session, PRICE).unwrap_err();
    assert_eq!(refused, Refused::NoOperatorLeaf);
    by_key(&mut ledger, &operation, SignatureKind::Session, 0).unwrap();
    assert!(ledger.settle_fees().unwrap().is_empty());
}

/// PAY-AUTH: the key that counts is the one that the leaf holds when the operation's turn comes.
#[test]
fn a_key_that_was_replaced_signs_nothing_more() {
    use SignatureKind::{Ethereum, Session};
    let mut builder = builder(funded());
    let operation = sign(builder.ledger().state(), 1, transfer(2, 1));
    let (old, public) = [Session, Ethereum].map(|kind| held(builder.ledger().state(), account(1), kind)).into();
    builder.message(&Message::L1Key { account: account(1), key: integer(session(77)) }).unwrap();
    let root = builder.ledger().state().root();
    assert_eq!(builder.user(&operation, old, PRICE).unwrap_err(), Refused::Key { kind: Session });
    assert_eq!(builder.ledger().state().root(), root);
    // nor does one kind of key stand for the other
    let swapped = Signer { kind: Ethereum, ..old };
    assert_eq!(builder.user(&operation, swapped, PRICE).unwrap_err(), Refused::Key { kind: Ethereum });
    builder.user(&operation, Signer { key_hash: session(77), ..old }, PRICE).unwrap();
    let next = sign(builder.ledger().state(), 1, transfer(2, 1));
    builder.register(account(1), session(79)).unwrap();
    assert_eq!(builder.user(&next, public, PRICE).unwrap_err(), Refused::Key { kind: Ethereum });
    let (batch, _) = builder.finish();
    let keys: Vec<_> = batch.authorities().map(|authority| authority.key_hash).collect();
    assert_eq!(keys, [session(77), session(79)]);
}
