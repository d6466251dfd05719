//! A strategy for each clause of the rules of users' operations.

use super::user::{Case, creates};
use super::{Clause, clause, funded};
use alloy_primitives::Address;
use ark_bn254::Fr;
use ark_ff::Zero;
use proptest::prelude::*;
use proptest::sample::select;
use tandem_payments::leaf::{Key, Leaf};
use tandem_payments::operation::{Call, SignatureKind};
use tandem_payments::testing::*;
use tandem_payments::tree::CAPACITY;

/// PAY-USER, PAY-GAS and PAY-AUTH: what holds for all of them.
pub fn operation() -> Vec<Clause<Case>> {
    vec![
        clause("PAY-USER: A is the sender's leaf", sender(), &["accepted", "Key", "Missing"]),
        clause("PAY-USER: the nonce is the signed one", nonce(), &["accepted", "Nonce"]),
        clause("PAY-USER: nonce < 2^64 - 1", last_nonce(), &["accepted", "NonceExhausted"]),
        clause("PAY-USER: price < 2^48", price_width(), &["accepted", "Price"]),
        clause("PAY-USER: price <= maxFeePerGas", price_max(), &["accepted", "Price"]),
        clause("PAY-USER: gas <= gasLimit < gas + 2^32", gas_limit(), &["accepted", "GasLimit"]),
        clause("PAY-USER: timestamp <= expiry", expiry(), &["accepted", "Expired"]),
        clause("PAY-USER: the balance covers the fee", fee(), &["accepted", "Balance"]),
        clause("PAY-USER: the balance covers fee and ETH", fee_and_eth(), &["accepted", "Balance"]),
        clause("PAY-GAS: what each kind takes", gas(), &["accepted", "Balance", "GasLimit"]),
        clause("PAY-AUTH: the session key is the one that signed", session_key(), &["accepted", "Key"]),
        clause("PAY-AUTH: the public key is the one that signed", public_key(), &["accepted", "Key"]),
        clause("PAY-AUTH: what each signature authorises", signature(), &["accepted", "NotAuthorised"]),
    ]
}

/// What each kind does.
pub fn kinds() -> Vec<Clause<Case>> {
    vec![
        clause("PAY-TRANSFER: to whom", transfer_recipient(), &["accepted", "ZeroKey"]),
        clause("PAY-TRANSFER: the credit is below 2^128", transfer_credit(), &["accepted", "Overflow"]),
        clause("PAY-TOKEN: the token, and the sender's leaf of it", token_named(), &["accepted", "Missing", "ZeroKey"]),
        clause("PAY-TOKEN: to whom", token_recipient(), &["accepted"]),
        clause("PAY-TOKEN: the balance covers the amount", token_balance(), &["accepted", "Balance"]),
        clause("PAY-TOKEN: the credit is below 2^128", token_credit(), &["accepted", "Overflow"]),
        clause("PAY-TOKEN: from the leaf just created, nothing", token_from_created(), &["accepted", "Balance"]),
        clause("PAY-CREATE: room in the tree", room(), &["accepted", "Full"]),
        clause("PAY-WITHDRAW: ETH, to whom and how much", withdraw_eth(), &["accepted", "Balance"]),
        clause("PAY-WITHDRAW: a token, to whom and how much", withdraw_token(), &["accepted", "Balance"]),
        clause("PAY-WITHDRAW: the sender's token leaf", withdraw_named(), &["accepted", "Missing", "ZeroKey"]),
        clause("PAY-SESSION: any key below r, or none", new_session(), &["accepted"]),
    ]
}

// Good cases.

fn spends() -> [Call; 4] {
    let (token, recipient) = (token(1), account(2));
    [
        Call::Transfer { recipient, amount: ETHER },
        Call::TokenTransfer { token, recipient, amount: 5 },
        Call::WithdrawEth { recipient, amount: ETHER },
        Call::WithdrawToken { token, recipient, amount: 5 },
    ]
}

/// Calls that credit an account without a leaf.
fn creating() -> [Call; 2] {
    let recipient = account(9);
    [Call::Transfer { recipient, amount: ETHER }, Call::TokenTransfer { token: token(1), recipient, amount: 5 }]
}

fn set_session() -> Call {
    Call::SetSession { key_hash: session(22) }
}

/// A good case of account `i`.
fn case_of(i: u8, call: Call) -> Case {
    let state = funded();
    let kind = match call {
        Call::SetSession { .. } => SignatureKind::Ethereum,
        _ => SignatureKind::Session,
    };
    Case { operation: sign(&state, i, call), kind, key: None, price: PRICE, state }
}

/// A good case in which account 1 makes a call.
fn case(call: Call) -> Case {
    case_of(1, call)
}

/// A good case of every kind of call.
fn good() -> impl Strategy<Value = Case> {
    select([&spends()[..], &[set_session()]].concat()).prop_map(case)
}

/// Of every kind, with and without a new leaf.
fn good_or_creating() -> impl Strategy<Value = Case> {
    prop_oneof![2 => good(), 1 => select(creating().to_vec()).prop_map(case)]
}

impl Case {
    fn with_leaf(self, key: Key, change: impl FnOnce(&mut Leaf)) -> Self {
        let index = self.state.find(key).unwrap();
        Self { state: self.state.with_leaf(index, change), ..self }
    }

    fn with_sender(self, change: impl FnOnce(&mut Leaf)) -> Self {
        let key = Key::eth(self.operation.sender);
        self.with_leaf(key, change)
    }

    /// The gas that it takes.
    fn gas(&self) -> u64 {
        let call = &self.operation.call;
        call.kind().gas_after(creates(&self.state, call))
    }

    fn fee(&self) -> u128 {
        u128::from(self.gas()) * u128::from(self.price)
    }
}

/// One less, the same, one more.
fn step() -> impl Strategy<Value = i64> {
    select(&[-1, 0, 1][..])
}

fn by(value: u128, step: i64) -> u128 {
    value.wrapping_add_signed(step.into())
}

fn recipients() -> impl Strategy<Value = Address> {
    let others = vec![account(1), account(2), account(3), account(9), ENV.operator];
    prop_oneof![3 => select(others), 1 => Just(Address::ZERO)]
}

// What holds for all.

fn sender() -> impl Strategy<Value = Case> {
    let senders = vec![account(1), account(3), account(9), ENV.operator, Address::ZERO];
    select(senders).prop_map(|sender| {
        let mut case = case(spends()[0]);
        case.operation.sender = sender;
        case.operation.nonce = case.state.get(Key::eth(sender)).map_or(0, |leaf| leaf.nonce);
        case
    })
}

fn nonce() -> impl Strategy<Value = Case> {
    (good(), select(&[0, 1, 1 << 63, u64::MAX - 1][..]), step()).prop_map(|(case, nonce, step)| {
        let mut case = case.with_sender(|leaf| leaf.nonce = nonce);
        case.operation.nonce = nonce.wrapping_add_signed(step);
        case
    })
}

fn last_nonce() -> impl Strategy<Value = Case> {
    (good(), select(&[u64::MAX - 2, u64::MAX - 1, u64::MAX][..])).prop_map(|(case, nonce)| {
        let mut case = case.with_sender(|leaf| leaf.nonce = nonce);
        case.operation.nonce = nonce;
        case
    })
}

fn price_width() -> impl Strategy<Value = Case> {
    let widest = (1u64 << 48) - 1;
    (good(), select(vec![widest - 1, widest, widest + 1, widest + 2, u64::MAX])).prop_map(|(case, price)| {
        let mut case = case.with_sender(|leaf| leaf.balance = u128::MAX);
        case.price = price;
        case.operation.max_fee_per_gas = u64::MAX;
        case
    })
}

fn price_max() -> impl Strategy<Value = Case> {
    (good(), select(&[0, 1, PRICE, (1 << 48) - 1][..]), step()).prop_map(|(case, price, step)| {
        let mut case = case.with_sender(|leaf| leaf.balance = u128::MAX);
        case.price = price;
        case.operation.max_fee_per_gas = price.wrapping_add_signed(step);
        case
    })
}

fn gas_limit() -> impl Strategy<Value = Case> {
    let slack_end = 1i64 << 32;
    let slacks = vec![-1, 0, 1, slack_end - 1, slack_end, slack_end + 1, i64::MIN];
    (good_or_creating(), select(slacks)).prop_map(|(mut case, slack)| {
        case.operation.gas_limit = case.gas().wrapping_add_signed(slack);
        case
    })
}

fn expiry() -> impl Strategy<Value = Case> {
    let now = ENV.timestamp;
    (good(), select(vec![0, now - 1, now, now + 1, u64::MAX])).prop_map(|(mut case, expiry)| {
        case.operation.expiry = expiry;
        case
    })
}

fn fee() -> impl Strategy<Value = Case> {
    let calls = vec![spends()[1], spends()[3], creating()[1], set_session()];
    (select(calls), step()).prop_map(|(call, step)| {
        let case = case(call);
        let balance = by(case.fee(), step);
        case.with_sender(|leaf| leaf.balance = balance)
    })
}

fn fee_and_eth() -> impl Strategy<Value = Case> {
    let to_oneself = Call::Transfer { recipient: account(1), amount: 0 };
    let most = prop_oneof![4 => Just(10 * ETHER), 1 => Just(u128::MAX), 1 => Just(0)];
    (select(vec![spends()[0], spends()[2], creating()[0], to_oneself]), most, step()).prop_map(|(call, most, step)| {
        let mut case = case(call);
        let fee = case.fee();
        if let Call::Transfer { amount, .. } | Call::WithdrawEth { amount, .. } = &mut case.operation.call {
            // with 0 about 2^128 - fee: the sum wraps to the balance of nothing
            *amount = by(most.wrapping_sub(fee), step);
        }
        case
    })
}

/// The numbers are the rulebook's.
fn gas() -> impl Strategy<Value = Case> {
    let kinds = vec![
        (spends()[0], 21_000),
        (spends()[1], 42_000),
        (spends()[2], 30_000),
        (spends()[3], 32_000),
        (set_session(), 25_000),
        (creating()[0], 42_000),
        (creating()[1], 63_000),
    ];
    (select(kinds), select(&[(0, 0), (0, 0), (-1, 0), (0, -1)][..])).prop_map(|((call, gas), (limit, balance))| {
        let mut case = case(call);
        case.operation.gas_limit = 0u64.wrapping_add_signed(gas + limit);
        let eth = match call {
            Call::Transfer { amount, .. } | Call::WithdrawEth { amount, .. } => amount,
            _ => 0,
        };
        let needed = u128::from(gas.unsigned_abs()) * u128::from(PRICE) + eth;
        case.with_sender(|leaf| leaf.balance = by(needed, balance))
    })
}

fn key_hashes() -> impl Strategy<Value = Fr> {
    select(vec![Fr::zero(), Fr::from(1), -Fr::from(1), session(1), public(1)])
}

fn session_key() -> impl Strategy<Value = Case> {
    (select(spends().to_vec()), key_hashes()).prop_map(|(call, key_hash)| {
        let case = Case { key: Some(session(1)), ..case(call) };
        case.with_sender(|leaf| (leaf.session_hash, leaf.key_hash) = (key_hash, public(1)))
    })
}

fn public_key() -> impl Strategy<Value = Case> {
    (good(), key_hashes()).prop_map(|(case, key_hash)| {
        let case = Case { kind: SignatureKind::Ethereum, key: Some(public(1)), ..case };
        case.with_sender(|leaf| (leaf.session_hash, leaf.key_hash) = (session(1), key_hash))
    })
}

fn signature() -> impl Strategy<Value = Case> {
    let signatures = [SignatureKind::Session, SignatureKind::Ethereum, SignatureKind::Register];
    let calls = prop_oneof![select(spends().to_vec()), Just(set_session())];
    (calls, select(signatures.to_vec())).prop_map(|(call, kind)| Case { kind, ..case(call) })
}

// What each kind does.

fn transfer_recipient() -> impl Strategy<Value = Case> {
    recipients().prop_map(|recipient| case(Call::Transfer { recipient, amount: ETHER }))
}

/// Account 2, or account 1 itself, which cannot overflow.
fn other_or_self() -> impl Strategy<Value = Address> {
    prop_oneof![3 => Just(account(2)), 1 => Just(account(1))]
}

fn transfer_credit() -> impl Strategy<Value = Case> {
    (other_or_self(), select(&[1, ETHER][..]), step()).prop_map(|(recipient, amount, step)| {
        let case = case(Call::Transfer { recipient, amount });
        case.with_leaf(Key::eth(recipient), |leaf| leaf.balance = by(u128::MAX - amount, step))
    })
}

fn token_named() -> impl Strategy<Value = Case> {
    let tokens = select(vec![token(1), token(2), Address::ZERO]);
    (select(&[1u8, 3][..]), tokens, select(vec![account(2), account(9)]))
        .prop_map(|(sender, token, recipient)| case_of(sender, Call::TokenTransfer { token, recipient, amount: 0 }))
}

fn token_recipient() -> impl Strategy<Value = Case> {
    (recipients(), select(&[0, 5][..]))
        .prop_map(|(recipient, amount)| case(Call::TokenTransfer { token: token(1), recipient, amount }))
}

/// Around what account 1 has of token 1.
fn token_amounts() -> impl Strategy<Value = u128> {
    select(&[0, 4999, 5000, 5001, u128::MAX][..])
}

fn token_balance() -> impl Strategy<Value = Case> {
    (select(vec![account(1), account(2), account(9)]), token_amounts())
        .prop_map(|(recipient, amount)| case(Call::TokenTransfer { token: token(1), recipient, amount }))
}

fn token_credit() -> impl Strategy<Value = Case> {
    (other_or_self(), select(&[1, 5000][..]), step()).prop_map(|(recipient, amount, step)| {
        let token = token(1);
        let case = case(Call::TokenTransfer { token, recipient, amount });
        case.with_leaf(Key { address: recipient, token }, |leaf| leaf.balance = by(u128::MAX - amount, step))
    })
}

/// To oneself, without a leaf of the token before.
fn token_from_created() -> impl Strategy<Value = Case> {
    let holders = vec![(1, token(2)), (3, token(1))];
    (select(holders), select(&[0, 0, 1, u128::MAX][..])).prop_map(|((sender, token), amount)| {
        case_of(sender, Call::TokenTransfer { token, recipient: account(sender), amount })
    })
}

fn room() -> impl Strategy<Value = Case> {
    let to_oneself = Call::TokenTransfer { token: token(2), recipient: account(1), amount: 0 };
    let calls = [&spends()[..2], &creating(), &[to_oneself]].concat();
    (select(calls), select(&[CAPACITY - 1, CAPACITY][..])).prop_map(|(call, leaf_count)| {
        let case = case(call);
        Case { state: case.state.with_leaf_count(leaf_count), ..case }
    })
}

fn withdraw_eth() -> impl Strategy<Value = Case> {
    (recipients(), select(&[0, 1, 11 * ETHER, u128::MAX][..]))
        .prop_map(|(recipient, amount)| case(Call::WithdrawEth { recipient, amount }))
}

fn withdraw_token() -> impl Strategy<Value = Case> {
    (recipients(), token_amounts())
        .prop_map(|(recipient, amount)| case(Call::WithdrawToken { token: token(1), recipient, amount }))
}

fn withdraw_named() -> impl Strategy<Value = Case> {
    (select(&[1u8, 3][..]), select(vec![token(1), token(2), Address::ZERO]))
        .prop_map(|(sender, token)| case_of(sender, Call::WithdrawToken { token, recipient: account(9), amount: 0 }))
}

fn new_session() -> impl Strategy<Value = Case> {
    key_hashes().prop_map(|key_hash| case(Call::SetSession { key_hash }))
}
