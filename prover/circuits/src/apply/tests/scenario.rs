//! Batches that between them hold every variant, and their systems.

use crate::apply::Apply;
use crate::testing::System;
use alloy_primitives::{Address, U256};
use ark_bn254::Fr;
use ark_ff::Zero;
use ark_relations::gr1cs::ConstraintSynthesizer;
use tandem_payments::batch::{Batch, BatchBuilder, Challenges};
use tandem_payments::data::Message;
use tandem_payments::leaf::Key;
use tandem_payments::operation::Call;
use tandem_payments::testing::*;
use tandem_payments::tree::CAPACITY;

/// Challenges of the tests.
pub fn challenges() -> Challenges {
    Challenges { data: Fr::from(0xd47a_5eedu64), values: Fr::from(0x7a1_5eedu64) }
}

/// The circuits of a batch.
pub fn circuits(batch: &Batch) -> Vec<Apply> {
    let mut start = [Fr::zero(); 3];
    let circuit = |chunk: &tandem_payments::batch::Chunk| {
        let apply = Apply::new(chunk.clone(), challenges(), start);
        start = chunk.inputs_after(challenges(), start).1;
        apply
    };
    batch.chunks.iter().map(circuit).collect()
}

/// The systems of a batch's chunks.
pub fn systems(batch: &Batch) -> impl Iterator<Item = System> {
    circuits(batch).into_iter().map(|apply| System::new(|cs| apply.generate_constraints(cs)))
}

/// What a user can do.
pub fn user_operations(builder: &mut BatchBuilder) {
    let (recipient, amount) = (account(9), 5);
    apply(builder, 1, Call::Transfer { recipient: account(2), amount: ETHER });
    apply(builder, 2, Call::Transfer { recipient, amount });
    apply(builder, 3, Call::Transfer { recipient: account(3), amount });
    apply(builder, 1, Call::TokenTransfer { token: token(1), recipient: account(2), amount });
    apply(builder, 1, Call::TokenTransfer { token: token(1), recipient, amount });
    apply(builder, 1, Call::TokenTransfer { token: token(1), recipient: account(1), amount });
    apply(builder, 1, Call::WithdrawEth { recipient, amount: u128::from(u64::MAX) / 16 });
    apply(builder, 2, Call::WithdrawToken { token: token(1), recipient, amount });
    apply(builder, 2, Call::SetSession { key_hash: session(22) });
    builder.register(account(3), public(33)).unwrap();
}

/// What the queue can do.
pub fn messages(builder: &mut BatchBuilder) {
    let zero = Address::ZERO;
    let forced = |address, token| Message::Forced { key: Key { address, token } };
    let set = |address, key| Message::L1Key { account: address, key };
    for message in [
        deposit(account(1), zero, 1 << 90),
        deposit(account(7), token(3), u128::MAX),
        deposit(account(7), token(3), 1 << 70),
        deposit(zero, zero, 9),
        forced(account(1), zero),
        forced(account(1), token(1)),
        forced(account(1), token(1)),
        forced(account(8), token(1)),
        forced(account(0xff), token(0x0f)),
        set(account(2), U256::from(77)),
        set(account(2), U256::ZERO),
        set(account(8), U256::from(77)),
        set(account(0xff), U256::from(77)),
        set(account(2), malformed_key()),
        set(account(2), U256::MAX),
    ] {
        builder.message(&message).unwrap();
    }
}

/// Batches in tiny chunks that hold every variant.
pub fn every_variant() -> Vec<Batch> {
    let mut users = builder(funded());
    user_operations(&mut users);
    let mut queue = builder(funded());
    messages(&mut queue);
    let mut full = builder(funded().with_leaf_count(CAPACITY));
    full.message(&deposit(account(8), token(2), 3 << 100)).unwrap();
    full.message(&deposit(account(0xff), token(0x0f), 3)).unwrap();
    // two slots of one group, which only the larger circuit takes, and a third that is padding
    let mut padded = builder(funded());
    padded.message(&deposit(account(8), token(2), 3)).unwrap();
    [users, queue, full, padded].map(|builder| builder.finish().0).into()
}
