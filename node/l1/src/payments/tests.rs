//! A history made by hand, and everything that an endpoint can do to it.

use super::{history::history_of, posted::decode, *};
use crate::bindings::{
    Inbox, ValiditySettlement,
    payments::{BatchEnv, OutputFields as SolOutputFields},
};
use alloy::{
    primitives::{Address, B256, Bytes, LogData, U256, keccak256},
    rpc::types::Log,
    sol_types::{SolCall, SolEvent},
};
use tandem_chain::{OutputFields, message::queue_hash_after};
use tandem_payments::{
    content::last_block_hash,
    data::{self, Effect, Element, Message, Withdrawal},
    field::integer,
    leaf::Key,
    ledger::Env,
    replay::replay,
    state::State,
};

const ALICE: Address = Address::repeat_byte(0xa1);
const ENV: Env = Env { operator: Address::repeat_byte(0x0f), timestamp: 1_700_000_100 };

fn chain() -> ChainConfig {
    ChainConfig {
        inbox: Address::repeat_byte(1),
        settlement: Address::repeat_byte(2),
        genesis_timestamp: 1_700_000_000,
        ..tandem_support::config()
    }
}

fn log(address: Address, data: LogData) -> Log {
    let inner = alloy::primitives::Log { address, data };
    Log {
        inner,
        block_number: Some(7),
        block_hash: Some(B256::repeat_byte(7)),
        transaction_hash: Some(B256::repeat_byte(8)),
        ..Log::default()
    }
}

fn bytes(elements: impl IntoIterator<Item = Element>) -> Bytes {
    data::bytes(&elements.into_iter().collect::<Vec<_>>()).into()
}

/// A deposit of ten to an account that is new, and its forced withdrawal.
fn messages() -> [Message; 2] {
    [Message::Deposit { key: Key::eth(ALICE), amount: 10 }, Message::Forced { key: Key::eth(ALICE) }]
}

fn queue_logs() -> Vec<Log> {
    let mut queue_hash = B256::ZERO;
    let enqueued = |(index, message): (usize, &Message)| {
        let record = bytes(message.encode());
        queue_hash = queue_hash_after(queue_hash, keccak256(&record));
        let event = Inbox::MessageEnqueued { index: index as u64, queueHash: queue_hash, message: record };
        log(chain().inbox, event.encode_log_data())
    };
    messages().iter().enumerate().map(enqueued).collect()
}

fn segments() -> Segments {
    let effects = [Effect::Create { key: Key::eth(ALICE) }, Effect::Deposit, Effect::Forced];
    let effects = effects.iter().flat_map(|effect| {
        let (first, second) = effect.encode();
        [Some(first), second].into_iter().flatten()
    });
    let withdrawal = Withdrawal { recipient: ALICE, token: Address::ZERO, amount: 10 };
    Segments {
        effects: bytes(effects),
        withdrawals: bytes(withdrawal.encode()),
        messages: bytes(messages().iter().flat_map(Message::encode)),
    }
}

/// The batch that takes both messages: what the settlement emits for it.
fn proven() -> ValiditySettlement::BatchProven {
    let Segments { effects, withdrawals, messages } = segments();
    let state = replay(State::default(), ENV, &effects, &withdrawals, &messages).unwrap().state;
    let fields = OutputFields {
        config_hash: chain().hash(),
        batch_hash: B256::repeat_byte(9),
        last_block_hash: last_block_hash(ENV.timestamp, state.leaf_count()),
        state_root: integer(state.root()).into(),
        message_root: keccak256(&withdrawals),
        queue_index: 2,
    };
    event(1, fields, state.leaf_count())
}

fn event(index: u64, fields: OutputFields, leaf_count: u64) -> ValiditySettlement::BatchProven {
    ValiditySettlement::BatchProven {
        index,
        output: fields.hash(),
        fields: SolOutputFields::from(fields),
        env: BatchEnv { timestamp: ENV.timestamp, operator: ENV.operator },
        leafCount: leaf_count,
    }
}

fn genesis_log() -> Log {
    let Ok(fields) = genesis(&chain());
    log(chain().settlement, event(0, fields, 1).encode_log_data())
}

fn call(segments: Segments, index: u64) -> ValiditySettlement::appendCall {
    let Segments { effects, withdrawals, messages } = segments;
    ValiditySettlement::appendCall {
        args: crate::bindings::AppendArgs {
            index,
            parentContentHash: B256::ZERO,
            queueEnd: 2,
            queueHash: B256::ZERO,
            workGas: 0,
            checkpoint: tandem_chain::Checkpoint::default().into(),
        }
        .into(),
        env: BatchEnv { timestamp: ENV.timestamp, operator: ENV.operator },
        segments: [effects, withdrawals, messages],
        applied: Vec::new(),
        authorised: Vec::new(),
    }
}

fn history(batch: ValiditySettlement::BatchProven) -> History {
    let mut logs = vec![genesis_log()];
    logs.extend(queue_logs());
    logs.push(log(chain().settlement, batch.encode_log_data()));
    history_of(&chain(), &logs).unwrap()
}

/// Replays a batch with these segments, of which the settlement says this.
fn ledger(batch: ValiditySettlement::BatchProven, segments: Segments) -> Result<Ledger, LedgerError> {
    let history = history(batch);
    let posted = decode(&history.batches[1], &call(segments, 1).abi_encode()).unwrap();
    Ledger::genesis(&chain()).apply(&history.batches[1], &posted, &history.messages)
}

/// The same output with something else in it, hashed anew: what a lying endpoint would have to show.
fn changed(change: impl FnOnce(&mut OutputFields, &mut u64)) -> ValiditySettlement::BatchProven {
    let batch = proven();
    let (mut fields, mut leaf_count) = (OutputFields::from(batch.fields), batch.leafCount);
    change(&mut fields, &mut leaf_count);
    event(1, fields, leaf_count)
}

/// Tests PAY-OUTPUT, PAY-WITHDRAWAL-ROOT.
#[test]
fn a_batch_is_replayed_and_held_against_its_output() {
    let ledger = ledger(proven(), segments()).unwrap();
    assert_eq!((ledger.index(), ledger.output().queue_index, ledger.state().leaf_count()), (1, 2, 2));
    let leaves: Vec<_> = ledger.leaves().map(|(index, leaf)| (index, leaf.key, leaf.balance)).collect();
    assert_eq!(leaves, [(1, Key::eth(ALICE), 0)]);
}

#[test]
fn every_root_that_differs_is_told() {
    let other = B256::repeat_byte(3);
    let found = ledger(changed(|fields, _| fields.state_root = other), segments());
    assert!(matches!(found, Err(LedgerError::StateRoot { index: 1, expected, .. }) if expected == other), "{found:?}");
    let found = ledger(changed(|fields, _| fields.message_root = other), segments());
    assert!(matches!(found, Err(LedgerError::WithdrawalRoot { expected, .. }) if expected == other), "{found:?}");
    for batch in [changed(|fields, _| fields.last_block_hash = other), changed(|_, leaves| *leaves = 3)] {
        let found = ledger(batch, segments());
        assert!(matches!(found, Err(LedgerError::LastBlock { leaf_count: 2, .. })), "{found:?}");
    }
    for end in [0, 1, 3, u64::MAX] {
        let found = ledger(changed(|fields, _| fields.queue_index = end), segments());
        assert_eq!(found.unwrap_err(), LedgerError::OtherMessages { index: 1, start: 0, end });
    }
}

#[test]
fn segments_that_were_not_proven_are_told() {
    let found = ledger(proven(), Segments { messages: Bytes::new(), ..segments() });
    assert!(matches!(found, Err(LedgerError::OtherMessages { .. })), "{found:?}");
    for (effects, withdrawals) in [
        (Bytes::new(), segments().withdrawals),
        (segments().effects.slice(31..), segments().withdrawals),
        (segments().effects, Bytes::new()),
    ] {
        let found = ledger(proven(), Segments { effects, withdrawals, ..segments() });
        assert!(matches!(found, Err(LedgerError::Replay { index: 1, .. })), "{found:?}");
    }
}

#[test]
fn batches_come_in_turn() {
    let history = history(proven());
    let posted = decode(&history.batches[1], &call(segments(), 1).abi_encode()).unwrap();
    let first = Ledger::genesis(&chain()).apply(&history.batches[1], &posted, &history.messages).unwrap();
    let found = first.apply(&history.batches[1], &posted, &history.messages);
    assert_eq!(found.unwrap_err(), LedgerError::Index { last: 1, found: 1 });
}

#[test]
fn another_call_is_no_batch() {
    let history = history(proven());
    let event = &history.batches[1];
    let input = call(segments(), 1).abi_encode();
    assert_eq!(decode(event, &input).unwrap().segments, segments());
    let longer = [input.as_slice(), b"behind"].concat();
    assert_eq!(decode(event, &longer).unwrap().segments, segments());
    let other = call(segments(), 2).abi_encode();
    assert!(matches!(decode(event, &other), Err(PostedError::OtherBatch { found: 2, .. })));
    let mut later = call(segments(), 1);
    later.env.timestamp += 1;
    assert!(matches!(decode(event, &later.abi_encode()), Err(PostedError::OtherBatch { .. })));
    for broken in [&input[..100], &[]] {
        assert!(matches!(decode(event, broken), Err(PostedError::NotAppend(_))));
    }
}

#[test]
fn broken_events_are_refused() {
    use super::history::BadRecord;
    let refused = |logs: &[Log]| history_of(&chain(), logs).unwrap_err();
    let [first, second] = &queue_logs()[..] else { panic!("two messages") };
    assert!(matches!(refused(std::slice::from_ref(second)), BadRecord::Index { expected: 0, found: 1 }));
    assert!(matches!(refused(&[first.clone(), first.clone()]), BadRecord::Index { expected: 1, found: 0 }));
    let message = |queue_hash, record: Bytes| {
        let event = Inbox::MessageEnqueued { index: 0, queueHash: queue_hash, message: record };
        log(chain().inbox, event.encode_log_data())
    };
    let right = |record: &Bytes| queue_hash_after(B256::ZERO, keccak256(record));
    let deposit = bytes(messages()[0].encode());
    assert!(matches!(refused(&[message(B256::ZERO, deposit.clone())]), BadRecord::Hash { .. }));
    for (record, two) in [
        (Bytes::from(vec![9; 62]), false),
        (deposit.slice(..31), false),
        ([deposit.clone(), deposit].concat().into(), true),
    ] {
        let found = refused(&[message(right(&record), record)]);
        let is_right = if two {
            matches!(found, BadRecord::Length { length: 124 })
        } else {
            matches!(found, BadRecord::Message(_))
        };
        assert!(is_right, "{found:?}");
    }
    // Genesis is known, and a later output hashes to its name.
    let mut genesis = event(0, OutputFields::from(proven().fields), 1);
    assert!(matches!(refused(&[log(chain().settlement, genesis.encode_log_data())]), BadRecord::Genesis { .. }));
    genesis.index = 1;
    assert!(matches!(refused(&[log(chain().settlement, genesis.encode_log_data())]), BadRecord::Index { .. }));
    let mut batch = proven();
    batch.fields.queueIndex += 1;
    assert!(matches!(
        refused(&[genesis_log(), log(chain().settlement, batch.encode_log_data())]),
        BadRecord::Hash { .. }
    ));
    let pending = Log { block_hash: None, ..log(chain().settlement, proven().encode_log_data()) };
    assert!(matches!(refused(&[genesis_log(), pending]), BadRecord::Pending));
    // What others emit is no affair of this chain's.
    let foreign = log(Address::repeat_byte(5), proven().encode_log_data());
    assert!(history_of(&chain(), &[foreign]).unwrap().batches.is_empty());
}

/// Tests L1-SCHED-2, PAY-OUTPUT: the configuration of a later entry is in its batches' outputs, and whoever has the first entry's goes on; a node with the later one's is told.
#[test]
fn the_configuration_of_a_later_entry_is_read_with_that_of_the_first() {
    use super::history::BadRecord;
    let later = ChainConfig { max_messages_per_batch: chain().max_messages_per_batch + 1, ..chain() };
    let ledger = ledger(changed(|fields, _| fields.config_hash = later.hash()), segments()).unwrap();
    assert_eq!((ledger.index(), ledger.output().config_hash), (1, later.hash()));
    assert_eq!(Ledger::genesis(&chain()).output().config_hash, chain().hash());
    let refused = history_of(&later, &[genesis_log()]).unwrap_err();
    let expected = Ledger::genesis(&later).output().hash();
    assert!(matches!(refused, BadRecord::Genesis { expected: by_file, .. } if by_file == expected), "{refused:?}");
    assert!(refused.to_string().contains("the schedule's first entry"), "{refused}");
}

/// Tests PAY-STORE: whether an event stands is decided by the block that its log names.
#[test]
fn events_of_blocks_that_were_not_asked_for_are_refused() {
    use super::history::check_blocks;
    // All of them name block 7; one names none, which is told when it is read.
    let logs = [genesis_log(), Log { block_number: None, ..genesis_log() }];
    for (first, last) in [(7, 7), (0, 7), (7, 9)] {
        assert!(check_blocks(&logs, first, last).is_ok(), "{first} to {last}");
    }
    for (first, last) in [(0, 6), (8, 9)] {
        let found = check_blocks(&logs, first, last).unwrap_err();
        assert!(matches!(found, HistoryError::OtherBlock { found: 7, .. }) && !found.is_mismatch(), "{found:?}");
    }
}

#[test]
fn an_index_is_batch_and_position_and_a_segment_has_paths() {
    assert_eq!(withdrawals::place(withdrawals::index(7, 9)), (7, 9));
    assert_eq!(withdrawals::index(1, u32::MAX) + 1, withdrawals::index(2, 0));
    let segment = segments().withdrawals;
    assert_eq!(withdrawals::siblings(&segment, 0), Some(Vec::new()));
    assert_eq!(withdrawals::siblings(&[&segment[..], &segment].concat(), 1), Some(vec![keccak256(&segment)]));
    for (segment, position) in [(&segment[..], 1), (&[], 0), (&segment[..61], 0), (&[2; 62], 0)] {
        assert_eq!(withdrawals::siblings(segment, position), None);
    }
}

#[test]
fn siblings_are_words_below_r() {
    let ledger = ledger(proven(), segments()).unwrap();
    let siblings = ledger.siblings(1);
    assert!(siblings.iter().flatten().all(|word| *word < tandem_payments::field::MODULUS));
    // The sentinel is the first of the others on the lowest level, and the rest of it is empty.
    assert_eq!(siblings[0][1..], [U256::ZERO; 2]);
    assert_ne!(siblings[0][0], U256::ZERO);
}
