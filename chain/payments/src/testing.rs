//! Accounts, messages and batches for tests, here and in the circuits' crate.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "fixtures of tests"
)]

use crate::batch::{ApplyCircuit, AuthoriseCircuit, BatchBuilder, BatchLimits, Circuits};
use crate::data::Message;
use crate::leaf::Key;
use crate::ledger::Env;
use crate::operation::{Call, Operation, SignatureKind, Signer};
use crate::state::State;
use alloy_primitives::{Address, U256};
use ark_bn254::Fr;

/// A price that every operation of [`sign`] accepts.
pub const PRICE: u64 = 1_000_000_007;

/// The operator and a time.
pub const ENV: Env = Env { operator: Address::repeat_byte(0xee), timestamp: 1_700_000_000 };

/// One ether in wei.
pub const ETHER: u128 = 1_000_000_000_000_000_000;

/// Circuits for every kind of signature, those of Apply small enough to synthesise many times.
pub const TINY: Circuits = Circuits {
    apply: [
        ApplyCircuit { id: 0x101, slots: 1, constraints: 22_545 },
        ApplyCircuit { id: 0x103, slots: 3, constraints: 59_873 },
    ],
    session: Circuits::STANDARD.session,
    ethereum: Some([
        AuthoriseCircuit { id: 5, slots: 1, constraints: 280_000 },
        AuthoriseCircuit { id: 6, slots: 4, constraints: 1_000_000 },
    ]),
    register: Some([
        AuthoriseCircuit { id: 7, slots: 1, constraints: 150_000 },
        AuthoriseCircuit { id: 8, slots: 4, constraints: 600_000 },
    ]),
};

/// The signing domain of the tests.
pub fn dom() -> Fr {
    Fr::from(0x7a9d_e301u64)
}

/// The account number `i`.
pub fn account(i: u8) -> Address {
    Address::repeat_byte(i)
}

/// The token number `i`.
pub fn token(i: u8) -> Address {
    Address::repeat_byte(0xa0 | i)
}

/// The session-key hash of account `i`.
pub fn session(i: u8) -> Fr {
    Fr::from(0x5e55_0000u64 + u64::from(i))
}

/// The public-key hash of account `i`.
pub fn public(i: u8) -> Fr {
    Fr::from(0x9ab1_1c00u64 + u64::from(i))
}

/// A deposit of an amount of a token, zero meaning ETH, for an address.
pub fn deposit(address: Address, token: Address, amount: u128) -> Message {
    Message::Deposit { key: Key { address, token }, amount }
}

/// A session key of account `i` set from L1.
pub fn l1_key(i: u8) -> Message {
    Message::L1Key { account: account(i), key: crate::field::integer(session(i)) }
}

/// A builder on `state` in tiny chunks.
pub fn builder(state: State) -> BatchBuilder {
    BatchBuilder::with(state, ENV, dom(), 7, TINY, BatchLimits::default())
}

/// Accounts 1 to 3, each with ETH, a session key and a public key; 1 and 2 with token 1; 3 and the operator
/// have ETH only.
pub fn funded() -> State {
    let mut builder = builder(State::default());
    for i in 1..=3 {
        builder.message(&deposit(account(i), Address::ZERO, 10 * ETHER)).unwrap();
        builder.message(&l1_key(i)).unwrap();
        builder.register(account(i), public(i)).unwrap();
    }
    for i in 1..=2 {
        builder.message(&deposit(account(i), token(1), 5000)).unwrap();
    }
    builder.message(&deposit(ENV.operator, Address::ZERO, 0)).unwrap();
    builder.finish().1
}

/// An operation of account `i` with the nonce that `builder` expects and room in every limit.
pub fn sign(state: &State, i: u8, call: Call) -> Operation {
    let nonce = state.get(Key::eth(account(i))).map_or(0, |leaf| leaf.nonce);
    Operation {
        sender: account(i),
        nonce,
        call,
        gas_limit: 100_000,
        max_fee_per_gas: 2 * PRICE,
        expiry: ENV.timestamp + 60,
    }
}

/// The key of a kind that an account holds.
pub fn held(state: &State, account: Address, kind: SignatureKind) -> Signer {
    let leaf = state.get(Key::eth(account)).copied().unwrap_or_default();
    let key_hash = if kind == SignatureKind::Session { leaf.session_hash } else { leaf.key_hash };
    Signer { kind, key_hash }
}

/// Has account `i` authorise an operation, by the kind of key that it needs, and applies it.
pub fn apply(builder: &mut BatchBuilder, i: u8, call: Call) {
    let operation = sign(builder.ledger().state(), i, call);
    let kind = match call {
        Call::SetSession { .. } => SignatureKind::Ethereum,
        _ => SignatureKind::Session,
    };
    let signer = held(builder.ledger().state(), account(i), kind);
    builder.user(&operation, signer, PRICE).unwrap();
}

/// The word of a key hash that is not below r.
pub fn malformed_key() -> U256 {
    crate::field::MODULUS + U256::from(5)
}
