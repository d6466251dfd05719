//! A strategy for each clause of the rules of queue messages.

use super::message::Case;
use super::{Clause, clause, funded};
use alloy_primitives::{Address, U256};
use proptest::prelude::*;
use proptest::sample::select;
use tandem_payments::data::Message;
use tandem_payments::field::{MODULUS, halves};
use tandem_payments::leaf::Key;
use tandem_payments::ledger::Ledger;
use tandem_payments::state::State;
use tandem_payments::testing::*;
use tandem_payments::tree::CAPACITY;

/// Every clause of PAY-DEPOSIT, PAY-FORCED and PAY-L1KEY.
pub fn all() -> Vec<Clause<Case>> {
    vec![
        clause("PAY-DEPOSIT: the sum is below 2^128", deposit_sum(), &["DepositCredited", "DepositOverflow"]),
        clause(
            "PAY-DEPOSIT: not the sentinel",
            deposit_sentinel(),
            &["Create DepositCredited", "DepositCredited", "DepositSentinel"],
        ),
        clause(
            "PAY-DEPOSIT: full, of a missing key",
            deposit_full(),
            &["Create DepositCredited", "DepositCredited", "DepositFull"],
        ),
        clause("PAY-CREATE: anywhere in the order", deposit_order(), &["Create DepositCredited", "DepositCredited"]),
        clause("PAY-FORCED: paid what is there", forced_balance(), &["ForcedEmpty", "ForcedPaid"]),
        clause("PAY-FORCED: missing", forced_order(), &["ForcedMissing", "ForcedPaid"]),
        clause("PAY-FORCED: the sentinel is empty", forced_sentinel(), &["ForcedEmpty", "ForcedMissing"]),
        clause("PAY-L1KEY: below r", key_word(), &["L1KeyMalformed", "L1KeySet"]),
        clause("PAY-L1KEY: the account's ETH leaf", key_account(), &["L1KeyMissing", "L1KeySet"]),
        clause("PAY-L1KEY: malformed and missing", key_word_missing(), &["L1KeyMalformed", "L1KeyMissing"]),
    ]
}

fn held() -> impl Strategy<Value = Key> {
    select(vec![Key::eth(account(1)), Key { address: account(1), token: token(1) }, Key::eth(ENV.operator)])
}

fn with_balance(key: Key, balance: u128) -> State {
    let state = funded();
    let index = state.find(key).unwrap();
    state.with_leaf(index, |leaf| leaf.balance = balance)
}

fn deposit_of(key: Key, amount: u128) -> Message {
    Message::Deposit { key, amount }
}

fn deposit_sum() -> impl Strategy<Value = Case> {
    (held(), select(&[0, 1, 5000, u128::MAX][..]), select(&[-1, 0, 1][..])).prop_map(|(key, balance, step)| {
        let amount = (u128::MAX - balance).saturating_add_signed(step);
        Case { message: deposit_of(key, amount), state: with_balance(key, balance) }
    })
}

fn deposit_sentinel() -> impl Strategy<Value = Case> {
    let addresses = select(vec![Address::ZERO, account(1)]);
    let tokens = select(vec![Address::ZERO, token(1)]);
    (addresses, tokens, select(&[0, 9, u128::MAX - 10 * ETHER][..])).prop_map(|(address, token, amount)| Case {
        message: deposit_of(Key { address, token }, amount),
        state: funded(),
    })
}

/// One less or one more than an address, as an integer.
fn beside(address: Address, step: i64) -> Address {
    let mut bytes = address;
    bytes[19] = bytes[19].wrapping_add_signed(step as i8);
    bytes
}

/// Keys next to others, before all, after all, and some that are there.
fn ordered() -> impl Strategy<Value = Key> {
    let there = Key { address: account(1), token: token(1) };
    let least = Key { address: Address::ZERO, token: Address::with_last_byte(1) };
    let greatest = Key { address: Address::repeat_byte(0xff), token: Address::repeat_byte(0xff) };
    prop_oneof![
        2 => Just(there),
        1 => Just(least),
        1 => Just(greatest),
        2 => select(&[-1, 1][..]).prop_map(move |step| Key { token: beside(there.token, step), ..there }),
        2 => select(&[-1, 1][..]).prop_map(move |step| Key { address: beside(there.address, step), ..there }),
    ]
}

fn deposit_full() -> impl Strategy<Value = Case> {
    (ordered(), select(&[CAPACITY - 1, CAPACITY, CAPACITY][..]))
        .prop_map(|(key, leaves)| Case { message: deposit_of(key, 7), state: funded().with_leaf_count(leaves) })
}

fn deposit_order() -> impl Strategy<Value = Case> {
    (ordered(), select(&[0, 7][..]))
        .prop_map(|(key, amount)| Case { message: deposit_of(key, amount), state: funded() })
}

fn forced_balance() -> impl Strategy<Value = Case> {
    (held(), select(&[0, 0, 1, u128::MAX][..]))
        .prop_map(|(key, balance)| Case { message: Message::Forced { key }, state: with_balance(key, balance) })
}

fn forced_order() -> impl Strategy<Value = Case> {
    ordered().prop_map(|key| Case { message: Message::Forced { key }, state: funded() })
}

fn forced_sentinel() -> impl Strategy<Value = Case> {
    select(vec![Address::ZERO, token(1)]).prop_map(|token| Case {
        message: Message::Forced { key: Key { address: Address::ZERO, token } },
        state: funded(),
    })
}

/// Around r as a whole, and in its halves.
fn words() -> impl Strategy<Value = U256> {
    let one = U256::from(1);
    let (high, low) = halves(MODULUS);
    let with_high = |high: u128| U256::from(high) << 128;
    select(vec![
        U256::ZERO,
        MODULUS - one,
        MODULUS,
        MODULUS + one,
        with_high(high - 1) | U256::from(u128::MAX),
        with_high(high),
        with_high(high + 1),
        with_high(high + 1) | U256::from(low - 1),
        U256::MAX,
    ])
}

fn key_word() -> impl Strategy<Value = Case> {
    words().prop_map(|key| Case { message: Message::L1Key { account: account(1), key }, state: funded() })
}

fn key_word_missing() -> impl Strategy<Value = Case> {
    words().prop_map(|key| Case { message: Message::L1Key { account: account(9), key }, state: funded() })
}

/// Account 7 has a token and no ETH leaf.
fn key_account() -> impl Strategy<Value = Case> {
    let accounts = vec![account(1), ENV.operator, account(7), account(9), Address::repeat_byte(0xff)];
    select(accounts).prop_map(|account| {
        let mut ledger = Ledger::new(funded(), ENV, dom());
        ledger.message(&deposit(super::testing::account(7), token(1), 5)).unwrap();
        Case { message: Message::L1Key { account, key: U256::from(77) }, state: ledger.into_state() }
    })
}
