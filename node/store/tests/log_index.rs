//! Searching logs by the index finds what looking at every block finds, whatever was taken back before.

mod common;

use std::{collections::BTreeSet, ops::RangeInclusive};

use alloy_primitives::{Address, B256, Log};
use common::{block, open};
use proptest::prelude::*;
use tandem_evm::EvmBlock;
use tandem_store::{LogTerm, Searched, Store, schema::LogBlocks};

fn log((address, topics): &(u8, Vec<u8>)) -> Log {
    let topics = topics.iter().map(|topic| B256::with_last_byte(*topic)).collect();
    Log::new_unchecked(Address::with_last_byte(*address), topics, Default::default())
}

/// What a block holds, by definition.
fn terms(block: &EvmBlock) -> BTreeSet<LogTerm> {
    let mut terms = BTreeSet::new();
    for log in block.receipts.iter().flat_map(|receipt| &receipt.logs) {
        terms.insert(LogTerm::Any);
        terms.insert(LogTerm::Address(log.address));
        for (place, topic) in log.topics().iter().enumerate() {
            terms.insert(LogTerm::Topic { place: place as u8, topic: *topic });
        }
    }
    terms
}

fn naive(chain: &[EvmBlock], respects: &[Vec<LogTerm>], blocks: &RangeInclusive<u64>) -> Vec<u64> {
    let fits = |block: &&EvmBlock| {
        let terms = terms(block);
        blocks.contains(&block.header.number)
            && terms.contains(&LogTerm::Any)
            && respects.iter().all(|alternatives| alternatives.iter().any(|term| terms.contains(term)))
    };
    chain.iter().filter(fits).map(|block| block.header.number).collect()
}

fn searched(store: &Store, respects: &[Vec<LogTerm>], blocks: RangeInclusive<u64>) -> Vec<u64> {
    let mut search = store.search_logs(respects, blocks).unwrap();
    let mut found = Vec::new();
    loop {
        match search.step().unwrap() {
            Searched::Found(number) => found.push(number),
            Searched::Nothing => {}
            Searched::End => {
                assert_eq!(search.step(), Ok(Searched::End));
                return found;
            }
        }
    }
}

fn index_of(store: &Store) -> Vec<(LogTerm, u64)> {
    store.all::<LogBlocks>().unwrap().map(|row| row.unwrap().0).map(|place| (place.term, place.block_number)).collect()
}

/// One of few addresses, topics and places, so that they meet.
fn term() -> impl Strategy<Value = LogTerm> {
    let topic = (0u8..4, 0u8..3);
    prop_oneof![
        (0u8..3).prop_map(|address| LogTerm::Address(Address::with_last_byte(address))),
        topic.prop_map(|(place, topic)| LogTerm::Topic { place, topic: B256::with_last_byte(topic) }),
    ]
}

/// The logs of a block: address and topics of each.
type Logs = Vec<(u8, Vec<u8>)>;

fn logs() -> impl Strategy<Value = Logs> {
    let topics = prop::collection::vec(0u8..3, 0..=4);
    prop::collection::vec((0u8..3, topics), 0..3)
}

/// How many blocks are taken back, and what the blocks that follow hold.
fn chains() -> impl Strategy<Value = Vec<(u64, Vec<Logs>)>> {
    prop::collection::vec((0u64..6, prop::collection::vec(logs(), 0..8)), 1..5)
}

type Question = (Vec<Vec<LogTerm>>, u64, u64);

fn questions() -> impl Strategy<Value = Vec<Question>> {
    let respects = prop::collection::vec(prop::collection::vec(term(), 0..4), 0..4);
    prop::collection::vec((respects, 0u64..20, 0u64..30), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_search_finds_what_looking_at_every_block_finds(branches in chains(), questions in questions()) {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let mut chain: Vec<EvmBlock> = Vec::new();
        for (branch, (back, blocks)) in branches.into_iter().enumerate() {
            let target = store.head().unwrap().number.saturating_sub(back);
            store.unwind_blocks(target).unwrap();
            chain.truncate(target as usize);
            for logs in blocks {
                let mut block = block(store.head().unwrap(), branch as u8);
                for (index, log) in logs.iter().map(log).enumerate() {
                    block.receipts[index % 2].logs.push(log);
                }
                store.append_block(&block, &[]).unwrap();
                chain.push(block);
            }
        }
        for (respects, first, last) in questions {
            // A range that ends before it begins holds nothing.
            let found = searched(&store, &respects, first..=last);
            prop_assert_eq!(found, naive(&chain, &respects, &(first..=last)), "{:?} in {}..={}", respects, first, last);
        }
        prop_assert_eq!(searched(&store, &[], 0..=u64::MAX), naive(&chain, &[], &(0..=u64::MAX)));
        // Nothing is left of what was taken back, and nothing is there twice.
        let expected: BTreeSet<(LogTerm, u64)> =
            chain.iter().flat_map(|block| terms(block).into_iter().map(|term| (term, block.header.number))).collect();
        prop_assert_eq!(index_of(&store).into_iter().collect::<BTreeSet<_>>(), expected);
        store.unwind_blocks(0).unwrap();
        prop_assert!(index_of(&store).is_empty());
    }
}

#[test]
fn a_term_is_not_mistaken_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let same = [7u8; 32];
    let mut next = block(store.head().unwrap(), 0);
    next.receipts[0].logs = vec![Log::new_unchecked(
        Address::from_slice(&same[..20]),
        vec![B256::ZERO, B256::from(same)],
        Default::default(),
    )];
    store.append_block(&next, &[]).unwrap();
    let found = |term| searched(&store, &[vec![term]], 0..=9);
    assert_eq!(found(LogTerm::Topic { place: 1, topic: B256::from(same) }), [1]);
    for place in [0, 2, 3] {
        assert_eq!(found(LogTerm::Topic { place, topic: B256::from(same) }), [] as [u64; 0]);
    }
    assert_eq!(found(LogTerm::Address(Address::from_slice(&same[..20]))), [1]);
    assert_eq!(searched(&store, &[vec![]], 0..=9), [] as [u64; 0], "no alternative fits nothing");
}
