//! What the builder builds, `transition` derives: the same blocks, byte for byte, whatever users and L1 send; and no wei comes or goes on
//! the way (EVM-BATCH-1, EVM-BATCH-3, EVM-BATCH-4, EVM-DEP-2, EVM-DEP-3, EVM-TX-1, EVM-WORK-1).
//!
//! The machine's tests call these functions, and run every batch in the guest.

use std::cell::RefCell;

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, bytes};
use alloy_sol_types::{SolCall, sol};
use proptest::{collection::vec, prelude::*, sample::select};
use tandem_chain::{BatchInput, ChainConfig, Message, PreimageSource, message::VALUE_ALL};
use tandem_evm::{
    BlockAttributes, BlockBuilder, EvmBlock, Recovered, Rejected, WorldState,
    block::MIN_WORK_GAS,
    payload::{Measured, Payload, PayloadBlock, SignedTransaction, decode_measured, encode},
    predeploys,
    transition::{StateAddressBook, payload_limits},
};
use tandem_support::{
    chain::{GWEI, Memory, TestChain, User, access_list, block, delegate, deposit, legacy, paid},
    config, supply,
};

sol! {
    function send(address target, uint64 gasLimit, bytes data) external payable returns (uint64);
}

/// Init code of a contract that counts its calls in slot 0.
const COUNTER: Bytes = Bytes::from_static(&alloy_primitives::hex!("665f546001015f555f5260076019f3"));
/// Init code, or code, that never ends.
const ENDLESS: [u8; 3] = [0x5b, 0x5f, 0x56];

/// What a user tries.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Transfer,
    /// Transactions of the other types.
    Legacy,
    Unprotected,
    AccessList,
    /// Delegates to code that takes nothing.
    Delegate,
    Withdraw,
    Deploy,
    CallDeployed,
    /// Calls a contract that reverts.
    Fail,
    /// Uses all its gas.
    Burn,
    /// Deploys a contract with ether that leaves it to somebody else at once.
    SelfDestruct,
    /// Pays less than the base fee.
    Underpriced,
    StaleNonce,
    FutureNonce,
    MoreThanIHave,
    /// More gas than a block has.
    Huge,
    /// Less gas than its bytes cost.
    TooLittleGas,
    Unsigned,
}

#[derive(Clone, Copy, Debug)]
enum Letter {
    Deposit,
    /// Ether for a contract that refuses it.
    Refused,
    /// Brings less gas than the call's intrinsic cost, so that it cannot even start.
    TooLittleGas,
    OutOfGas,
    UnknownKind,
    /// From a user, whose nonce it takes.
    FromUser,
    /// Spends what a user has on L2, of what it brings and beyond.
    Spend,
    /// Everything a user has.
    SpendAll,
    /// More than a user has.
    Uncovered,
    Withdraw,
}

/// Seconds since the block before, messages, transactions.
type Block = (u64, u32, Vec<(u8, Wish)>);

#[derive(Clone, Debug)]
pub(crate) struct Batch {
    l1_prices: [U256; 2],
    letters: Vec<(Letter, u8)>,
    blocks: Vec<Block>,
    /// Whether transactions that the builder refused are posted all the same.
    posts_refused: bool,
}

fn wish() -> impl Strategy<Value = Wish> {
    use Wish::*;
    let all = vec![
        Transfer,
        Transfer,
        Legacy,
        Unprotected,
        AccessList,
        Delegate,
        Withdraw,
        Deploy,
        CallDeployed,
        Fail,
        Burn,
        SelfDestruct,
        Underpriced,
        StaleNonce,
        FutureNonce,
        MoreThanIHave,
        Huge,
        TooLittleGas,
        Unsigned,
    ];
    select(all)
}

fn letter() -> impl Strategy<Value = (Letter, u8)> {
    use Letter::*;
    (
        select(vec![
            Deposit,
            Refused,
            TooLittleGas,
            OutOfGas,
            UnknownKind,
            FromUser,
            Spend,
            SpendAll,
            Uncovered,
            Withdraw,
        ]),
        1u8..4,
    )
}

fn batch() -> impl Strategy<Value = Batch> {
    let blocks = (select(vec![0, 1, 7, 5_000]), 0u32..4, vec((1u8..4, wish()), 0..6));
    (l1_prices(), vec(letter(), 0..6), vec(blocks, 0..4), any::<bool>())
        .prop_map(|(l1_prices, letters, blocks, posts_refused)| Batch { l1_prices, letters, blocks, posts_refused })
}

fn l1_prices() -> impl Strategy<Value = [U256; 2]> {
    let gwei = |base_fee: u64, blob_base_fee| [base_fee * GWEI, blob_base_fee].map(U256::from);
    let prices = vec![gwei(1, 1), gwei(30, 1), gwei(500, 50 * GWEI), gwei(0, 0), gwei(0, 3)];
    prop_oneof![9 => select(prices), 1 => Just([U256::MAX; 2])]
}

/// Little room, so that blocks and batches fill up.
fn small_config() -> ChainConfig {
    ChainConfig { block_gas_limit: 8_300_000, ..config() }
}

fn message((letter, user): (Letter, u8)) -> Message {
    let stranger = Address::repeat_byte(0xe0 + user);
    let plain = Message { refund: Address::repeat_byte(0xf0 + user), ..deposit(stranger, 1_000 + u64::from(user)) };
    match letter {
        Letter::Deposit => Message { to: User::new(user).address(), ..plain },
        Letter::Refused => Message { to: predeploys::L2_BRIDGE, data: bytes!("deadbeef"), ..plain },
        Letter::TooLittleGas => Message { gas_limit: 20_999, ..plain },
        Letter::OutOfGas => Message {
            to: predeploys::CREATE2_DEPLOYER,
            data: [&[user; 32][..], &ENDLESS].concat().into(),
            gas_limit: 4_000_000,
            ..plain
        },
        Letter::UnknownKind => Message { kind: user, ..plain },
        Letter::FromUser => Message { sender: User::new(user).address(), ..plain },
        Letter::Spend => Message { sender: User::new(user).address(), value: U256::from(5_000), ..plain },
        Letter::SpendAll => {
            let to = User::new(user % 3 + 1).address();
            Message { sender: User::new(user).address(), to, value: VALUE_ALL, ..plain }
        }
        Letter::Uncovered => Message { sender: User::new(user).address(), value: VALUE_ALL - U256::ONE, ..plain },
        Letter::Withdraw => {
            let call = sendCall { target: stranger, gasLimit: 1, data: Bytes::new() };
            Message { to: predeploys::MESSAGE_PASSER, data: call.abi_encode().into(), gas_limit: 500_000, ..plain }
        }
    }
}

fn transaction(wish: Wish, user: &User, nonce: u64, base_fee: u64) -> SignedTransaction {
    let plain = TxEip1559 {
        max_fee_per_gas: u128::from(20 * GWEI),
        to: TxKind::Call(Address::repeat_byte(0xb0)),
        value: U256::from(7),
        ..user.template(nonce)
    };
    let creation = |input: Bytes| TxEip1559 { to: TxKind::Create, value: U256::ZERO, input, ..plain.clone() };
    let signed = |transaction| user.sign(transaction);
    match wish {
        Wish::Transfer => signed(plain),
        Wish::Legacy => legacy(user, plain, true),
        Wish::Unprotected => legacy(user, plain, false),
        Wish::AccessList => access_list(user, plain),
        Wish::Delegate => delegate(user, plain),
        Wish::Withdraw => {
            let call = sendCall { target: user.address(), gasLimit: 1, data: Bytes::from_static(b"out") };
            let to = TxKind::Call(predeploys::MESSAGE_PASSER);
            signed(TxEip1559 { to, input: call.abi_encode().into(), gas_limit: 400_000, ..plain })
        }
        Wish::Deploy => signed(creation(COUNTER)),
        Wish::CallDeployed => {
            let to = TxKind::Call(user.address().create(nonce.saturating_sub(1)));
            signed(TxEip1559 { to, ..plain })
        }
        Wish::Fail => signed(TxEip1559 { to: TxKind::Call(predeploys::L2_BRIDGE), input: bytes!("01"), ..plain }),
        Wish::Burn => signed(TxEip1559 { gas_limit: 3_000_000, ..creation(ENDLESS.into()) }),
        Wish::SelfDestruct => {
            let input = [&[0x73][..], &[0xb1; 20], &[0xff]].concat().into();
            signed(TxEip1559 { value: U256::from(9), ..creation(input) })
        }
        Wish::Underpriced => signed(TxEip1559 { max_fee_per_gas: u128::from(base_fee - 1), ..plain }),
        Wish::StaleNonce => signed(TxEip1559 { nonce: nonce.wrapping_sub(1), ..plain }),
        Wish::FutureNonce => signed(TxEip1559 { nonce: nonce + 1, ..plain }),
        Wish::MoreThanIHave => signed(TxEip1559 { value: U256::MAX >> 1, ..plain }),
        Wish::Huge => signed(TxEip1559 { gas_limit: 8_300_001, ..plain }),
        Wish::TooLittleGas => signed(TxEip1559 { gas_limit: 21_001, ..creation(COUNTER) }),
        Wish::Unsigned => SignedTransaction::Eip1559(plain.into_signed(Signature::new(U256::ZERO, U256::ZERO, false))),
    }
}

/// A sequencer that has all day.
struct Sequencer<'a> {
    chain: &'a TestChain,
    input: &'a BatchInput,
    state: WorldState<&'a Memory>,
    parent: alloy_consensus::Header,
    parent_hash: B256,
    consumed: usize,
    work_gas_left: u64,
    blocks: Vec<EvmBlock>,
    posted: Vec<PayloadBlock>,
}

impl<'a> Sequencer<'a> {
    fn new(chain: &'a TestChain, input: &'a BatchInput, work_gas_left: u64) -> Self {
        let parent = chain.memory.preimage(chain.output.last_block_hash).unwrap();
        Self {
            chain,
            input,
            state: WorldState::open(chain.output.state_root, &chain.memory),
            parent: alloy_rlp::Decodable::decode(&mut parent.as_ref()).unwrap(),
            parent_hash: chain.output.last_block_hash,
            consumed: 0,
            work_gas_left,
            blocks: Vec::new(),
            posted: Vec::new(),
        }
    }

    fn block(&mut self, stated: u64, message_count: u32, wishes: &[(u8, Wish)], posts_refused: bool) {
        let latest = self.input.header.posted_at + self.chain.config.max_timestamp_drift;
        let checkpoint = self.input.checkpoint;
        let attributes = BlockAttributes {
            timestamp: stated.min(latest).max(checkpoint.timestamp).max(self.parent.timestamp),
            checkpoint,
            first_of_batch: self.blocks.is_empty(),
        };
        let mut builder =
            BlockBuilder::begin(&self.chain.config, &self.parent, self.parent_hash, attributes, &mut self.state)
                .unwrap();
        for _ in 0..message_count {
            let Some(message) = self.input.messages.get(self.consumed) else { break };
            let index = self.chain.output.queue_index + self.consumed as u64;
            if !builder.push_message(index, message).unwrap() {
                break;
            }
            self.consumed += 1;
        }
        let mut posted = Vec::new();
        for (seed, wish) in wishes {
            let user = User::new(*seed);
            let nonce = builder.state().account(user.address()).unwrap().map_or(0, |info| info.nonce);
            let signed = transaction(*wish, &user, nonce, builder.base_fee());
            if self.work_gas_left < MIN_WORK_GAS {
                break;
            }
            let work = Recovered::new(signed.clone()).ok().and_then(|recovered| {
                match builder.push_transaction(recovered, self.work_gas_left) {
                    Ok(work) => Some(work),
                    Err(Rejected::State(error)) => panic!("{error}"),
                    Err(_) => None,
                }
            });
            if work.is_some() || posts_refused {
                self.work_gas_left = self.work_gas_left.saturating_sub(work.unwrap_or(MIN_WORK_GAS));
                posted.push(signed);
            }
        }
        let (block, _) = builder.seal().unwrap();
        self.parent = block.header.clone();
        self.parent_hash = block.hash;
        self.blocks.push(block);
        self.posted.push(tandem_support::chain::block(stated, message_count, posted));
    }
}

/// Work for the transactions of a batch, unless that is to be tight.
const WORK_GAS: u64 = 12_000_000;

/// Builds a batch with so much work for its transactions, posts it, derives it: all the same.
fn build_post_and_derive(chain: &mut TestChain, batch: &Batch, work_gas: u64) {
    let messages: Vec<Message> = batch.letters.iter().copied().map(message).collect();
    let minted: U256 = messages.iter().map(|message| message.mint).sum();
    chain.l1_prices = batch.l1_prices;
    let unposted = chain.input(messages.clone(), Bytes::new());
    let mut sequencer = Sequencer::new(chain, &unposted, work_gas);
    let mut stated = sequencer.parent.timestamp;
    for (delta, message_count, wishes) in &batch.blocks {
        stated += delta;
        sequencer.block(stated, *message_count, wishes, batch.posts_refused);
    }
    let posted = std::mem::take(&mut sequencer.posted);
    while sequencer.consumed < messages.len() {
        sequencer.block(unposted.header.posted_at, u32::MAX, &[], false);
    }
    let built = sequencer.blocks;

    let payload = Payload { blocks: posted };
    let encoded = encode(&payload, chain.config.l2_chain_id, |_| None).unwrap();
    let bytes: Bytes = if payload.blocks.is_empty() { Bytes::new() } else { encoded.stored().into() };
    let limits = payload_limits(&chain.config, u64::MAX);
    let mut state = WorldState::open(chain.output.state_root, &chain.memory);
    let book = StateAddressBook(RefCell::new(&mut state));
    let measured = decode_measured(&bytes, &limits, chain.config.l2_chain_id, &book).unwrap();
    let declared = work_gas + measured.work_gas;
    assert_eq!(measured, Measured { payload, work_gas: measured.work_gas });

    let before = supply(&chain.memory, chain.output.state_root);
    let vault = chain.balance(predeploys::FEE_VAULT);
    let mut input = chain.input(messages, bytes);
    input.header.work_gas = declared;
    let derived = chain.apply(&input);
    assert_eq!(derived, built);
    if let Some(last) = built.last() {
        assert_eq!(chain.output.last_block_hash, last.hash);
    }
    assert_eq!(supply(&chain.memory, chain.output.state_root), before + minted, "no wei comes or goes");
    let paid: U256 = derived.iter().map(|block| fees_of(block, &input)).sum();
    assert_eq!(chain.balance(predeploys::FEE_VAULT), vault + paid, "and fees are what the vault gets");
}

/// What the signed transactions of a block pay.
fn fees_of(block: &EvmBlock, input: &BatchInput) -> U256 {
    let paid = (0..block.transactions.len()).filter_map(|index| paid(block, index, &input.checkpoint));
    paid.map(|(_, paid)| paid.wei()).sum()
}

fn funded(config: ChainConfig) -> TestChain {
    let mut chain = TestChain::new(config);
    let deposits = (1..4).map(|seed| deposit(User::new(seed).address(), 1_000_000_000 * GWEI)).collect();
    chain.batch(deposits, vec![block(1_000, 3, vec![])]);
    chain
}

/// A few batches of anything.
pub(crate) fn batches() -> impl Strategy<Value = Vec<Batch>> {
    vec(batch(), 1..4)
}

/// Builds, posts and derives batches one after the other.
pub(crate) fn build_post_and_derive_all(batches: &[Batch], is_tight: bool) {
    // A few transactions, or refused ones, exhaust a tight batch.
    let work_gas = if is_tight { 5 * MIN_WORK_GAS + 100_000 } else { WORK_GAS };
    let mut chain = funded(small_config());
    for batch in batches {
        build_post_and_derive(&mut chain, batch, work_gas);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn what_is_built_is_derived(batches in batches(), is_tight: bool) {
        build_post_and_derive_all(&batches, is_tight);
    }
}

/// Every kind of transaction and message, so that each is seen whatever the cases above are.
#[test]
pub(crate) fn each_wish_and_letter_does_what_its_name_says() {
    use Letter as L;
    use Wish::*;
    let mut chain = funded(small_config());
    let l1_prices = chain.l1_prices;
    let letters = [
        L::Deposit,
        L::Refused,
        L::TooLittleGas,
        L::OutOfGas,
        L::UnknownKind,
        L::FromUser,
        L::Spend,
        L::Uncovered,
        L::SpendAll,
        L::Withdraw,
    ]
    .map(|letter| (letter, 1));
    build_post_and_derive(
        &mut chain,
        &Batch { l1_prices, letters: letters.to_vec(), blocks: vec![(1, 10, vec![])], posts_refused: false },
        WORK_GAS,
    );
    let stranger = Address::repeat_byte(0xe1);
    let balances = [
        (Address::repeat_byte(0xf1), 5 * 1_001),
        (predeploys::MESSAGE_PASSER, 1_001),
        (stranger, 1_001 + 5_000),
        (User::new(1).address(), 0),
    ];
    for (address, value) in balances {
        assert_eq!(chain.balance(address), U256::from(value), "{address}");
    }

    let accepted =
        [Transfer, Legacy, Unprotected, AccessList, Withdraw, Deploy, CallDeployed, Fail, SelfDestruct, Burn, Delegate];
    let refused = [Underpriced, StaleNonce, FutureNonce, MoreThanIHave, Huge, TooLittleGas, Unsigned];
    let wishes = accepted.into_iter().chain(refused).map(|wish| (2, wish)).collect();
    let nonce = chain.nonce(User::new(2).address());
    let batch = Batch { l1_prices, letters: vec![], blocks: vec![(1, 0, wishes)], posts_refused: true };
    build_post_and_derive(&mut chain, &batch, WORK_GAS);
    assert_eq!(chain.nonce(User::new(2).address()), nonce + accepted.len() as u64 + 1, "a delegation takes one too");
    let delegation = [&[0xef, 0x01, 0x00], &predeploys::L2_BRIDGE[..]].concat();
    assert_eq!(chain.code(User::new(2).address()), Bytes::from(delegation));
    assert_eq!(chain.balance(Address::repeat_byte(0xb1)), U256::from(9), "the destroyed contract's");
    let counter = User::new(2).address().create(nonce + 5);
    assert_eq!(chain.code(counter), bytes!("5f546001015f55"));
    assert_eq!(chain.balance(counter), U256::from(7));
}
