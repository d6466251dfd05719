//! The EVM chain's transition, rule by rule (`docs/spec/evm.md`), and what those who break a rule get.
//!
//! The machine's tests call these functions, and run every batch in the guest.

use std::collections::BTreeMap;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bloom, Bytes, TxKind, U256, address, b256, bytes, keccak256};
use alloy_rlp::Encodable;
use alloy_sol_types::{SolCall, sol};
use alloy_trie::{HashBuilder, Nibbles};
use tandem_chain::{
    ChainConfig, Message, PreimageSource, StateMachine, Transition,
    message::{VALUE_ALL, alias},
};
use tandem_evm::{
    Evm, Transaction,
    payload::{Payload, SignedTransaction, encode},
    predeploys,
};
use tandem_support::{
    chain::{Memory, TestChain, User, block, deposit},
    config,
};

sol! {
    function withdrawETH(address to);
    function set(uint64 number, uint64 timestamp, uint256 baseFee, uint256 blobBaseFee);
}

const ETHER: u64 = 1_000_000_000_000_000_000;

fn sum(chain: &TestChain, accounts: &[Address]) -> U256 {
    accounts.iter().map(|account| chain.balance(*account)).sum()
}

#[test]
pub(crate) fn ether_comes_by_deposit_moves_and_pays_fees_to_the_vault() {
    let mut chain = TestChain::new(config());
    let (alice, bob) = (User::new(1), Address::repeat_byte(0xb0));
    let blocks = chain.batch(
        vec![deposit(alice.address(), ETHER)],
        vec![block(1_000, 1, vec![]), block(1_001, 0, vec![alice.transfer(1, bob, 1234)])],
    );
    assert_eq!(blocks.len(), 2);
    assert_eq!(blocks[0].transactions.len(), 2, "checkpoint, then the deposit");
    assert!(blocks.iter().flat_map(|block| &block.receipts).all(|receipt| receipt.success));
    assert_eq!(chain.balance(bob), U256::from(1234));
    assert!(chain.balance(predeploys::FEE_VAULT) > U256::from(21_000 * 10_000_000u64), "of the base fee");
    assert_eq!(sum(&chain, &[alice.address(), bob, predeploys::FEE_VAULT]), U256::from(ETHER), "no wei is lost");
    assert_eq!(chain.nonce(alice.address()), 2, "the deposit counts, as does the transfer");
    assert_eq!(chain.output.queue_index, 1);
}

/// Tests L1-MSG-4, EVM-DEP-3.
#[test]
pub(crate) fn ether_of_a_failing_message_goes_to_its_refund_address() {
    let mut chain = TestChain::new(config());
    let refund = Address::repeat_byte(0xf1);
    let failing = [
        // The bridge predeploy refuses calls that are not from L1's Bridge.
        Message { to: predeploys::L2_BRIDGE, data: bytes!("deadbeef"), refund, ..deposit(Address::repeat_byte(1), 5) },
        // Less gas than the call's intrinsic cost.
        Message { gas_limit: 10, refund, ..deposit(Address::repeat_byte(2), 7) },
        // A kind of another chain.
        Message { kind: 9, refund, ..deposit(Address::repeat_byte(3), 11) },
    ];
    let blocks = chain.batch(failing.to_vec(), vec![]);
    assert!(blocks[0].receipts[1..].iter().all(|receipt| !receipt.success));
    assert_eq!(chain.balance(refund), U256::from(5 + 7 + 11));
    for sender in 1..=3 {
        assert_eq!(chain.balance(Address::repeat_byte(sender)), U256::ZERO);
        assert_eq!(chain.nonce(Address::repeat_byte(sender)), 1, "a message counts, whether or not it could start");
    }
}

/// A censored account, and the alias of a contract that has no code on L2: both have ether there and nothing else to move it with.
#[test]
pub(crate) fn a_message_spends_what_its_sender_has_on_l2() {
    let bob = Address::repeat_byte(0xb0);
    for sender in [User::new(1).address(), alias(Address::repeat_byte(0x77))] {
        let mut chain = TestChain::new(config());
        chain.batch(vec![deposit(sender, ETHER)], vec![]);
        let message = |mint: u64, value: u64| Message {
            to: bob,
            mint: U256::from(mint),
            value: U256::from(value),
            ..deposit(sender, 0)
        };
        let blocks = chain.batch(vec![message(0, 300), message(7, 10), message(7, 0), message(0, ETHER - 296)], vec![]);
        assert!(blocks[0].receipts.iter().all(|receipt| receipt.success));
        assert_eq!(chain.balance(bob), U256::from(300 + 10 + ETHER - 296));
        assert_eq!(chain.balance(sender), U256::ZERO, "all that was there, and not a wei more");
        assert_eq!(chain.nonce(sender), 5);
        let Transaction::Deposit(second) = &blocks[0].transactions[2] else { panic!("a deposit") };
        assert_eq!((second.mint, second.value), (U256::from(7), U256::from(10)), "the transaction shows both");
    }
}

/// A censor who holds an older signed transaction of the account includes it first, and again and again, so that no fixed value is covered.
#[test]
pub(crate) fn everything_is_asked_for_whatever_a_censor_includes_first() {
    let (alice, held) = (User::new(1), alice_transfer());
    let mut chain = TestChain::new(config());
    chain.batch(vec![deposit(alice.address(), ETHER)], vec![]);
    let out = withdrawETHCall { to: alice.address() }.abi_encode();
    let message = |value| Message {
        to: predeploys::L2_BRIDGE,
        value,
        data: out.clone().into(),
        gas_limit: 400_000,
        ..deposit(alice.address(), 0)
    };
    let fixed = message(U256::from(ETHER));
    let blocks = chain.clone().batch(vec![fixed], vec![block(1_020, 0, vec![held.clone()]), block(1_020, 1, vec![])]);
    assert!(!blocks[1].receipts[0].success, "a fixed value is not covered any more");

    let blocks = chain.batch(vec![message(VALUE_ALL)], vec![block(1_020, 0, vec![held]), block(1_020, 1, vec![])]);
    let log = blocks[1].receipts[0].logs.iter().find_map(predeploys::message_from_log).unwrap();
    let spent = U256::from(1_234) + chain.balance(predeploys::FEE_VAULT);
    assert_eq!((log.target, log.value), (alice.address(), U256::from(ETHER) - spent));
    assert_eq!(chain.balance(predeploys::MESSAGE_PASSER), log.value, "burned on L2, to be paid on L1");
    assert_eq!(chain.balance(alice.address()), U256::ZERO);

    // With nothing left, everything is nothing; with what it brings, everything is that as well.
    let blocks = chain.batch(vec![message(VALUE_ALL)], vec![]);
    assert!(!blocks[0].receipts[1].success, "the bridge withdraws no nothing");
    chain.batch(vec![deposit(alice.address(), 5), Message { mint: U256::from(6), ..message(VALUE_ALL) }], vec![]);
    assert_eq!(chain.balance(predeploys::MESSAGE_PASSER), log.value + U256::from(11));
}

fn alice_transfer() -> SignedTransaction {
    User::new(1).transfer(1, Address::repeat_byte(0xb0), 1_234)
}

#[test]
pub(crate) fn a_message_that_is_not_covered_moves_nothing_but_what_it_brought() {
    let (sender, bob, refund) = (Address::repeat_byte(0x51), Address::repeat_byte(0xb0), Address::repeat_byte(0xf1));
    let mut chain = TestChain::new(config());
    chain.batch(vec![deposit(sender, 100)], vec![]);
    let message =
        |mint: u64, value: U256| Message { to: bob, mint: U256::from(mint), value, refund, ..deposit(sender, 0) };
    let uncovered = [message(7, U256::from(108)), message(0, U256::from(101)), message(3, VALUE_ALL - U256::ONE)];
    let mut nonce = chain.nonce(sender);
    for message in uncovered {
        let mint = message.mint;
        let before = chain.balance(refund);
        let blocks = chain.batch(vec![message], vec![]);
        assert!(!blocks[0].receipts[1].success);
        assert_eq!(chain.balance(refund), before + mint, "what came with it, never what it names");
        assert_eq!(chain.balance(sender), U256::from(100));
        assert_eq!(chain.balance(bob), U256::ZERO);
        nonce += 1;
        assert_eq!(chain.nonce(sender), nonce, "it counts");
    }
    // A call that starts and fails gives back what it passed on, and moves only what came with it.
    let refused = Message { to: predeploys::L2_BRIDGE, data: bytes!("deadbeef"), ..message(9, U256::from(50)) };
    assert!(!chain.batch(vec![refused], vec![])[0].receipts[1].success);
    assert_eq!((chain.balance(refund), chain.balance(sender)), (U256::from(7 + 3 + 9), U256::from(100)));
}

#[test]
pub(crate) fn what_cannot_be_executed_leaves_no_trace() {
    let (alice, bob) = (User::new(1), Address::repeat_byte(0xb0));
    let good = alice.transfer(1, bob, 1);
    let bad: Vec<_> = [
        TxEip1559 { nonce: 7, ..alice.template(1) },
        TxEip1559 { nonce: 0, ..alice.template(1) },
        TxEip1559 { gas_limit: 30_000_001, ..alice.template(1) },
        TxEip1559 { gas_limit: 20_000, ..alice.template(1) },
        TxEip1559 { max_fee_per_gas: 1, ..alice.template(1) },
        TxEip1559 { max_priority_fee_per_gas: u128::MAX, ..alice.template(1) },
        TxEip1559 { value: U256::MAX, ..alice.template(1) },
        TxEip1559 { value: U256::from(ETHER), ..alice.template(1) },
    ]
    .into_iter()
    .map(|transaction| alice.sign(transaction))
    .collect();
    let run = |transactions: Vec<_>| {
        let mut chain = TestChain::new(config());
        let blocks = chain
            .batch(vec![deposit(alice.address(), ETHER)], vec![block(1_000, 1, vec![]), block(1_000, 0, transactions)]);
        (blocks, chain.output.state_root)
    };
    let (expected, root) = run(vec![good.clone()]);
    for (index, transaction) in bad.into_iter().enumerate() {
        let (blocks, found) = run(vec![transaction, good.clone()]);
        assert_eq!((blocks, found), (expected.clone(), root), "bad transaction {index}");
    }
    assert_eq!(expected[1].receipts.len(), 1);
}

/// Tests EVM-BATCH-1, EVM-BATCH-2.
#[test]
pub(crate) fn garbage_is_an_empty_payload_and_every_message_still_executes() {
    let messages = vec![deposit(Address::repeat_byte(7), 5), deposit(Address::repeat_byte(8), 6)];
    let mut empty = TestChain::new(config());
    let input = empty.input(messages.clone(), Bytes::new());
    let expected = empty.apply(&input);
    assert_eq!(expected.len(), 1);
    assert_eq!(expected[0].header.timestamp, input.header.posted_at);
    for garbage in [bytes!("00"), bytes!("01"), bytes!("ffffffffffff"), Bytes::from(vec![1; 5_000])] {
        let mut chain = TestChain::new(config());
        let input = chain.input(messages.clone(), garbage);
        assert_eq!(chain.apply(&input), expected);
        assert_eq!(chain.output.queue_index, 2);
    }
}

/// Tests EVM-BATCH-4, EVM-DEP-2.
#[test]
pub(crate) fn messages_left_over_go_into_extra_blocks() {
    let mut chain = TestChain::new(config());
    let heavy = |seed| Message { gas_limit: 8_000_000, ..deposit(Address::repeat_byte(seed), u64::from(seed)) };
    let blocks = chain.batch((1..=8).map(heavy).collect(), vec![block(1_000, 2, vec![])]);
    let counts: Vec<u64> = blocks.iter().map(|block| block.message_count).collect();
    assert_eq!(counts, [2, 6], "six unspent limits of 8 million fit 30 million, as each uses only 21,000");
    assert!((1..=8u8).all(|seed| chain.balance(Address::repeat_byte(seed)) == U256::from(seed)));
    assert_eq!(chain.output.queue_index, 8);
    let again = chain.batch(vec![], vec![]);
    assert!(again.is_empty(), "nothing to do, no block");
}

/// Tests EVM-TIME-1.
#[test]
pub(crate) fn block_times_are_bounded_by_rule() {
    let mut chain = TestChain::new(config());
    let blocks = chain.batch(vec![], vec![block(3, 0, vec![]), block(1_005, 0, vec![]), block(u64::MAX, 0, vec![])]);
    let times: Vec<u64> = blocks.iter().map(|block| block.header.timestamp).collect();
    assert_eq!(times, [1_000, 1_005, 1_012 + 600]);
}

/// Tests EVM-WORK-1.
#[test]
pub(crate) fn the_work_budget_ends_execution_not_the_chain() {
    // Two blocks, and six transactions of which the decoder charges 128 bytes each, more than their columns take.
    let begin = 2 * 1_200 + 7 * 6 * 128;
    // Each asks for 100,000 and uses 21,000: three start while 100,000 remain, the rest is skipped at 21,000 each.
    let three = begin + 100_000 + 3 * 21_000 - 1;
    assert_eq!(executed(&config(), three), [1, 3]);
    assert_eq!(executed(&config(), three + 1), [1, 4]);
    // The configuration bounds what can be declared.
    let small = ChainConfig { max_work_gas_per_batch: three, ..config() };
    assert_eq!(executed(&small, u64::MAX), [1, 3]);
}

/// Messages and transactions in the blocks of a batch that declares so much work, for six transfers in the second of two blocks.
fn executed(config: &ChainConfig, work_gas: u64) -> Vec<usize> {
    let mut chain = TestChain::new(config.clone());
    let (alice, bob) = (User::new(1), Address::repeat_byte(0xb0));
    let transfers: Vec<_> = (1..=6).map(|nonce| alice.transfer(nonce, bob, 1)).collect();
    let payload = Payload { blocks: vec![block(1_000, 1, vec![]), block(1_000, 0, transfers)] };
    let bytes = encode(&payload, config.l2_chain_id, |_| None).unwrap().stored();
    let mut input = chain.input(vec![deposit(alice.address(), ETHER)], bytes.into());
    input.header.work_gas = work_gas;
    let is_system =
        |transaction: &&Transaction| matches!(transaction, Transaction::Deposit(deposit) if deposit.is_system);
    let blocks = chain.apply(&input);
    assert_eq!(chain.output.queue_index, 1, "messages are no work of the batch's");
    blocks.iter().map(|block| block.transactions.iter().filter(|transaction| !is_system(transaction)).count()).collect()
}

/// Whoever declares less than blocks and bytes take makes an empty payload, and the machine reads no more of it than was declared.
#[test]
pub(crate) fn a_payload_beyond_its_declared_work_is_empty() {
    let begin = 2 * 1_200 + 7 * 6 * 128;
    assert_eq!(executed(&config(), begin), [1, 0], "both blocks, and nothing signed");
    assert_eq!(executed(&config(), begin - 1), [1], "the messages' own block alone");
    assert_eq!(executed(&config(), 0), [1]);
}

/// Tests EVM-HDR-1, EVM-SYS-2.
#[test]
pub(crate) fn headers_chain_and_carry_the_rules() {
    let mut chain = TestChain::new(config());
    let first =
        chain.batch(vec![deposit(Address::repeat_byte(1), 1)], vec![block(1_000, 1, vec![]), block(1_001, 0, vec![])]);
    let second = chain.batch(vec![], vec![block(1_020, 0, vec![])]);
    let blocks: Vec<_> = first.iter().chain(&second).collect();
    for pair in blocks.windows(2) {
        assert_eq!(pair[1].header.parent_hash, pair[0].hash);
        assert_eq!(pair[1].header.number, pair[0].header.number + 1);
        assert_eq!(pair[1].header.mix_hash, alloy_primitives::keccak256(pair[0].hash));
    }
    assert!(
        matches!(&second[0].transactions[..], [Transaction::Deposit(checkpoint)] if checkpoint.to == predeploys::L1_INFO)
    );
    assert!(first[1].transactions.is_empty(), "the checkpoint is stored once per batch");
    assert_ne!(chain.output.message_root, B256::ZERO);
}

/// Tests EVM-BATCH-1.
#[test]
pub(crate) fn a_missing_preimage_is_an_error_and_nothing_else() {
    let mut chain = TestChain::new(config());
    chain.batch(vec![deposit(Address::repeat_byte(1), 1)], vec![]);
    let input = chain.input(vec![deposit(Address::repeat_byte(2), 1)], Bytes::new());
    let Transition { output, .. } = Evm.transition(&chain.output, &input, &chain.memory).unwrap();
    let hashes: Vec<B256> = chain.memory.0.keys().copied().collect();
    let mut needed = 0;
    for hash in hashes {
        let mut holed = Memory(chain.memory.0.clone());
        holed.0.remove(&hash);
        match Evm.transition(&chain.output, &input, &holed) {
            Ok(transition) => assert_eq!(transition.output, output),
            Err(_) => needed += 1,
        }
    }
    assert!(needed > 3, "header, state nodes and code are read");
    assert!(chain.memory.preimage(chain.output.last_block_hash).is_ok());
}

/// Tests EVM-ENV-3, EVM-SYS-1.
#[test]
pub(crate) fn blockhash_reads_the_history_contract() {
    // PUSH1 1 NUMBER SUB BLOCKHASH PUSH0 PUSH0 LOG1 STOP as init code: logs the parent's hash.
    let mut chain = TestChain::new(config());
    let alice = User::new(1);
    let create = TxEip1559 { to: TxKind::Create, input: bytes!("60014303405f5fa100"), ..alice.template(1) };
    let blocks = chain.batch(
        vec![deposit(alice.address(), ETHER)],
        vec![block(1_000, 1, vec![]), block(1_000, 0, vec![alice.sign(create)])],
    );
    assert!(blocks[1].receipts[0].success);
    assert_eq!(blocks[1].receipts[0].logs[0].topics(), [blocks[0].hash]);
}

/// A deposit's bytes, field by field as EVM-DEP-1 lists them.
#[derive(Clone, Copy)]
struct DepositFields<'a> {
    /// What is hashed with its place: kind of source, hash of the message or checkpoint, index or block number.
    source: (u64, B256, u64),
    from: Address,
    to: Address,
    mint: U256,
    value: U256,
    gas: u64,
    is_system: bool,
    data: &'a [u8],
}

impl DepositFields<'_> {
    fn bytes(self) -> Vec<u8> {
        let (domain, hash, place) = self.source;
        let word = |number: u64| B256::from(U256::from(number));
        let source_hash = keccak256([word(domain), keccak256([hash, word(place)].concat())].concat());
        let mut list = Vec::new();
        let fields: [&dyn Encodable; 8] =
            [&source_hash, &self.from, &self.to, &self.mint, &self.value, &self.gas, &self.is_system, &self.data];
        fields.into_iter().for_each(|field| field.encode(&mut list));
        typed(list)
    }
}

/// A deposit's receipt without logs: status, gas used in the block so far, bloom, logs.
fn receipt_bytes(gas_used: u64) -> Vec<u8> {
    let mut list = Vec::new();
    true.encode(&mut list);
    gas_used.encode(&mut list);
    Bloom::ZERO.encode(&mut list);
    list.push(0xc0);
    typed(list)
}

/// The envelope of type 0x7e around the fields of an RLP list.
fn typed(list: Vec<u8>) -> Vec<u8> {
    let mut bytes = vec![0x7e];
    alloy_rlp::Header { list: true, payload_length: list.len() }.encode(&mut bytes);
    [bytes, list].concat()
}

/// The root of a block's list, built leaf by leaf.
fn list_root(items: &[Vec<u8>]) -> B256 {
    let leaves: BTreeMap<Vec<u8>, &Vec<u8>> =
        items.iter().enumerate().map(|(index, item)| (alloy_rlp::encode(index as u64), item)).collect();
    let mut builder = HashBuilder::default();
    leaves.iter().for_each(|(key, item)| builder.add_leaf(Nibbles::unpack(key), item));
    builder.root()
}

/// Tests EVM-HDR-1, EVM-HDR-2, EVM-DEP-1, EVM-SYS-2, EVM-FEE-2 and EVM-FEE-3 by what they say, and not by the code that builds blocks.
#[test]
pub(crate) fn a_block_is_what_the_rules_say_field_by_field() {
    let mut chain = TestChain::new(config());
    let alice = User::new(1);
    let message = Message { value: VALUE_ALL, data: bytes!("c0ffee"), ..deposit(alice.address(), ETHER) };
    let checkpoint = chain.input(vec![], Bytes::new()).checkpoint;
    let genesis_hash = chain.output.last_block_hash;
    let blocks = chain.batch(vec![message.clone()], vec![block(1_000, 1, vec![])]);
    let header = &blocks[0].header;

    let (number, timestamp) = (checkpoint.number, checkpoint.timestamp);
    let set = setCall { number, timestamp, baseFee: checkpoint.base_fee, blobBaseFee: checkpoint.blob_base_fee };
    let first = DepositFields {
        source: (1, checkpoint.hash(), 1),
        from: address!("fffffffffffffffffffffffffffffffffffffffe"),
        to: address!("5400000000000000000000000000000000000003"),
        mint: U256::ZERO,
        value: U256::ZERO,
        gas: 300_000,
        is_system: true,
        data: &set.abi_encode(),
    };
    let second = DepositFields {
        source: (0, message.hash(), 0),
        from: message.sender,
        to: message.to,
        mint: message.mint,
        value: U256::MAX,
        gas: message.gas_limit,
        is_system: false,
        data: &message.data,
    };
    assert_eq!(header.transactions_root, list_root(&[first.bytes(), second.bytes()]));
    let gas: Vec<u64> = blocks[0].receipts.iter().map(|receipt| receipt.cumulative_gas_used).collect();
    assert_eq!(header.receipts_root, list_root(&[receipt_bytes(gas[0]), receipt_bytes(gas[1])]));

    assert_eq!((header.number, header.timestamp, header.parent_hash), (1, 1_000, genesis_hash));
    assert_eq!(header.beneficiary, address!("5400000000000000000000000000000000000004"));
    assert_eq!((header.gas_limit, header.gas_used, header.logs_bloom), (30_000_000, gas[1], Bloom::ZERO));
    assert_eq!(header.mix_hash, keccak256(genesis_hash));
    assert_eq!(header.parent_beacon_block_root, Some(checkpoint.hash()));
    // The least execution part, and 200 gas for a byte at 1.6 L1 gas of a gwei and 1.1 blob bytes of a wei, rounded up.
    assert_eq!(header.extra_data, bytes!("0000000000989680"));
    assert_eq!(header.base_fee_per_gas, Some(10_000_000 + 8_000_001));
    assert_eq!((header.ommers_hash, header.withdrawals_root), (keccak256([0xc0]), Some(list_root(&[]))));
    let no_requests = b256!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(
        (header.requests_hash, header.blob_gas_used, header.excess_blob_gas),
        (Some(no_requests), Some(0), Some(0))
    );
    assert_eq!(blocks[0].hash, keccak256(alloy_rlp::encode(header)));
}

/// Tests EVM-ENV-2.
#[test]
pub(crate) fn the_blob_base_fee_is_one_whatever_l1s_is() {
    let mut chain = TestChain::new(config());
    chain.l1_prices[1] = U256::from(5);
    let alice = User::new(1);
    // BLOBBASEFEE PUSH0 PUSH0 LOG1 STOP as init code.
    let create = TxEip1559 { to: TxKind::Create, input: bytes!("4a5f5fa100"), ..alice.template(1) };
    let blocks = chain.batch(
        vec![deposit(alice.address(), ETHER)],
        vec![block(1_000, 1, vec![]), block(1_000, 0, vec![alice.sign(create)])],
    );
    assert_eq!(blocks[1].receipts[0].logs[0].topics(), [B256::with_last_byte(1)]);
}
