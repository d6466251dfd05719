//! Of any sequence of operations: value is conserved, chunks chain, and the posted bytes rebuild the state (PAY-CHAIN).

use crate::batch::BatchBuilder;
use crate::data::{Message, Withdrawal, bytes, evaluate_all};
use crate::leaf::Key;
use crate::operation::{Call, SignatureKind};
use crate::replay::{ReplayError, replay};
use crate::state::State;
use crate::testing::*;
use alloc::vec::Vec;
use alloy_primitives::{Address, U256};
use ark_bn254::Fr;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Action {
    User(u8, Call, SignatureKind),
    Queue(Message),
    Register(u8),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let people = || (0..7u8).prop_map(account);
    let tokens = || prop_oneof![Just(Address::ZERO), Just(token(1)), Just(token(2))];
    let amounts = || prop_oneof![0..6000u128, Just(ETHER), Just(u128::MAX)];
    let calls = (0..5u8, people(), tokens(), amounts()).prop_map(|(which, recipient, token, amount)| match which {
        0 => Call::Transfer { recipient, amount },
        1 => Call::TokenTransfer { token, recipient, amount },
        2 => Call::WithdrawEth { recipient, amount },
        3 => Call::WithdrawToken { token, recipient, amount },
        _ => Call::SetSession { key_hash: Fr::from(amount) },
    });
    let kinds = prop_oneof![Just(SignatureKind::Session), Just(SignatureKind::Ethereum)];
    let key = || (people(), tokens()).prop_map(|(address, token)| Key { address, token });
    let action = prop_oneof![
        4 => (1..5u8, calls, kinds).prop_map(|(i, call, kind)| Action::User(i, call, kind)),
        1 => (key(), amounts()).prop_map(|(key, amount)| Action::Queue(Message::Deposit { key, amount })),
        1 => key().prop_map(|key| Action::Queue(Message::Forced { key })),
        1 => (people(), any::<bool>()).prop_map(|(account, good)| {
            let key = if good { U256::from(7) } else { malformed_key() };
            Action::Queue(Message::L1Key { account, key })
        }),
        1 => (1..5u8).prop_map(Action::Register),
    ];
    prop::collection::vec(action, 0..14)
}

/// All of a token in leaves, as an integer that does not overflow.
fn supply(state: &State, token: Address) -> U256 {
    (0..state.leaf_count())
        .filter_map(|index| state.leaf(index as u32))
        .filter(|leaf| leaf.key.token == token)
        .map(|leaf| U256::from(leaf.balance))
        .sum()
}

fn run(builder: &mut BatchBuilder, actions: &[Action]) -> Vec<Message> {
    let mut consumed = Vec::new();
    for action in actions {
        match action {
            Action::User(i, call, kind) => {
                let operation = sign(builder.ledger().state(), *i, *call);
                let before = builder.ledger().state().root();
                let signer = held(builder.ledger().state(), account(*i), *kind);
                if builder.user(&operation, signer, PRICE).is_err() {
                    assert_eq!(builder.ledger().state().root(), before);
                }
            }
            Action::Queue(message) => {
                builder.message(message).unwrap();
                consumed.push(*message);
            }
            Action::Register(i) => {
                let _ = builder.register(account(*i), public(*i));
            }
        }
    }
    consumed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn batches_conserve_value_chain_and_replay(actions in actions()) {
        let start = funded();
        let mut builder = builder(start.clone());
        let consumed = run(&mut builder, &actions);
        let (batch, state) = builder.finish();

        let withdrawals = Withdrawal::decode_all(&batch.withdrawals).unwrap();
        for token in [Address::ZERO, token(1), token(2)] {
            let paid_in: U256 = consumed.iter().map(|message| match message {
                Message::Deposit { key, amount } if key.token == token => U256::from(*amount),
                _ => U256::ZERO,
            }).sum();
            let paid_out: U256 =
                withdrawals.iter().filter(|w| w.token == token).map(|w| U256::from(w.amount)).sum();
            prop_assert_eq!(supply(&start, token) + paid_in, supply(&state, token) + paid_out);
        }

        let mut root = start.root();
        let mut counts = batch.chunks[0].counts_in;
        let mut fee = 0;
        for chunk in &batch.chunks {
            prop_assert_eq!((chunk.inputs_before()[0], chunk.counts_in, chunk.fee_in), (root, counts, fee));
            prop_assert_eq!(chunk.slots.len(), chunk.circuit.slots);
            (root, counts, fee) = (chunk.inputs_before()[1], chunk.counts_out, chunk.fee_out);
        }
        prop_assert_eq!((root, fee), (state.root(), 0));
        prop_assert_eq!(counts.leaf_count, state.leaf_count());
        prop_assert_eq!(counts.message_index, 7 + consumed.len() as u64);
        prop_assert_eq!(counts.effects as usize, batch.effects.len());
        prop_assert_eq!(counts.withdrawals as usize, batch.withdrawals.len());
        let challenges = crate::batch::Challenges { data: Fr::from(99u64), values: Fr::from(98u64) };
        let last = batch.inputs(challenges).pop().unwrap();
        let segments = [&batch.effects, &batch.withdrawals, &batch.messages];
        prop_assert_eq!([last[13], last[15], last[17]], segments.map(|segment| evaluate_all(challenges.data, segment)));

        let [effects, out, messages] = segments.map(|segment| bytes(segment));
        let replayed = replay(start.clone(), ENV, &effects, &out, &messages).unwrap();
        prop_assert_eq!(replayed.state.root(), state.root());
        prop_assert_eq!(replayed.withdrawals, withdrawals);
        let indices = 0..u32::try_from(state.leaf_count()).unwrap();
        prop_assert!(replayed.changed.iter().eq(indices.filter(|&index| state.leaf(index) != start.leaf(index)).collect::<Vec<_>>().iter()));
        if !messages.is_empty() {
            let short = replay(start, ENV, &effects, &out, &messages[..messages.len() - 62]);
            let refused = matches!(short, Err(ReplayError::WrongMessage { .. } | ReplayError::Refused { .. }));
            prop_assert!(refused);
        }
    }
}
