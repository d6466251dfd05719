//! What wallets state is what is paid (EVM-FEE-3, EVM-FEE-4, EVM-FEE-5): 21,000 gas for a transfer, nothing beyond `value + gasLimit * maxFeePerGas`, receipts that
//! add up to the wei; and what those get who try to pay less.
//!
//! The machine's tests call these functions, and run every batch in the guest.

use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, bytes, hex};
use proptest::prelude::*;
use tandem_evm::{
    EvmBlock, Recovered, fee_estimate::estimate_posted_bytes, payload::SignedTransaction, predeploys::FEE_VAULT,
};
use tandem_support::{
    chain::{GWEI, Paid, TestChain, User, access_list, block, delegate, deposit, legacy, paid},
    config, supply,
};

const ETHER: u64 = 1_000_000_000 * GWEI;
/// L1's base fee and blob base fee, in wei: idle, busy, mad.
const L1_PRICES: [[u64; 2]; 7] = [
    [0, 0],
    [GWEI, 1],
    [GWEI, 50 * GWEI],
    [30 * GWEI, 1],
    [30 * GWEI, 50 * GWEI],
    [500 * GWEI, 1],
    [500 * GWEI, 50 * GWEI],
];

/// A chain on which users 1 to 3 have ten ether each, and whose base fee has caught up with L1.
fn funded(l1_prices: [u64; 2]) -> TestChain {
    let mut chain = TestChain::new(config());
    chain.l1_prices = l1_prices.map(U256::from);
    let deposits = (1..4).map(|seed| deposit(User::new(seed).address(), 10 * ETHER)).collect();
    chain.batch(deposits, vec![block(1_000, 3, vec![])]);
    chain
}

/// One batch of one block with these transactions.
fn batch(chain: &mut TestChain, transactions: Vec<SignedTransaction>) -> EvmBlock {
    let timestamp = chain.header.posted_at;
    chain.batch(vec![], vec![block(timestamp, 0, transactions)]).remove(0)
}

fn checkpoint(chain: &TestChain) -> tandem_chain::Checkpoint {
    tandem_evm::WorldState::open(chain.output.state_root, &chain.memory).checkpoint().unwrap()
}

/// What the only signed transaction of the block paid, if it is there.
fn paid_by_the_only_one(chain: &TestChain, block: &EvmBlock) -> Option<Paid> {
    assert!(block.transactions.len() <= 2);
    (block.transactions.len() == 2).then(|| paid(block, 1, &checkpoint(chain)).unwrap().1)
}

#[test]
pub(crate) fn all_of_a_balance_can_be_sent() {
    for l1_prices in L1_PRICES {
        let (alice, stranger) = (User::new(1), User::new(9));
        let mut chain = funded(l1_prices);
        let base_fee = u128::from(batch(&mut chain, vec![]).header.base_fee_per_gas.unwrap());
        // As wallets bid, and then as little as will do, by who has never been on L1.
        send_all(&mut chain, &alice, 1, 2 * base_fee + 1);
        let gift = TxEip1559 { max_fee_per_gas: base_fee, ..User::new(2).template(1) };
        let gift = TxEip1559 { to: TxKind::Call(stranger.address()), value: U256::from(ETHER), ..gift };
        assert_eq!(batch(&mut chain, vec![User::new(2).sign(gift)]).receipts.len(), 2);
        send_all(&mut chain, &stranger, 0, base_fee);
    }
}

/// Sends `balance - 21000 * maxFeePerGas`.
fn send_all(chain: &mut TestChain, sender: &User, nonce: u64, max_fee_per_gas: u128) {
    let bob = Address::repeat_byte(0xb0);
    let (balance, had) = (chain.balance(sender.address()), chain.balance(bob));
    let fee_max = U256::from(21_000) * U256::from(max_fee_per_gas);
    let everything = TxEip1559 {
        gas_limit: 21_000,
        max_fee_per_gas,
        to: TxKind::Call(bob),
        value: balance - fee_max,
        max_priority_fee_per_gas: 1,
        ..sender.template(nonce)
    };
    let block = batch(chain, vec![sender.sign(everything)]);
    let paid = paid_by_the_only_one(chain, &block).expect("it is included");
    assert_eq!(paid.gas_used, 21_000);
    assert!(paid.price <= max_fee_per_gas);
    assert_eq!(chain.balance(bob), had + balance - fee_max);
    assert_eq!(chain.balance(sender.address()), fee_max - paid.wei());
    let for_data = U256::from(21_000) * U256::from(paid.data);
    assert!(for_data >= paid.data_fee && for_data < paid.data_fee + U256::from(21_000), "the data fee, rounded up");
}

#[test]
pub(crate) fn a_wei_less_than_gas_limit_times_fee_cap_is_too_little() {
    let sender = User::new(9);
    let run = |balance: u64| {
        let mut chain = funded(L1_PRICES[4]);
        let timestamp = chain.header.posted_at;
        chain.batch(vec![deposit(sender.address(), balance)], vec![block(timestamp, 1, vec![])]);
        let all = TxEip1559 { gas_limit: 21_000, max_fee_per_gas: u128::from(GWEI), ..sender.template(1) };
        batch(&mut chain, vec![sender.sign(all)]).transactions.len()
    };
    assert_eq!((run(21_000 * GWEI), run(21_000 * GWEI - 1)), (2, 1));
}

/// Bytes that do not compress.
fn noise(length: usize) -> Bytes {
    let words = (0u64..).flat_map(|seed| alloy_primitives::keccak256(seed.to_be_bytes()).0);
    words.take(length).collect::<Vec<u8>>().into()
}

#[test]
pub(crate) fn data_takes_the_gas_that_it_costs_to_post() {
    let alice = User::new(1);
    let call = |gas_limit, input| {
        let template = TxEip1559 { gas_limit, max_fee_per_gas: u128::from(100 * GWEI), ..alice.template(1) };
        alice.sign(TxEip1559 { to: TxKind::Call(Address::repeat_byte(0xb0)), input, ..template })
    };
    // A gas limit of three bytes, whatever it is, so that the estimate does not depend on it.
    let least = 200 * estimate_posted_bytes(&call(0xffffff, noise(2_000)).encode_2718());
    assert!((380_000..400_000).contains(&least), "more than EIP-7623's 101,000: {least}");
    let mut chain = funded(L1_PRICES[4]);
    assert_eq!(batch(&mut chain, vec![call(least - 1, noise(2_000))]).transactions.len(), 1, "skipped");
    let block = batch(&mut chain, vec![call(least, noise(2_000))]);
    let paid = paid_by_the_only_one(&chain, &block).unwrap();
    assert_eq!(paid.gas_used, least);
    // What compresses pays as on Ethereum.
    let mut chain = funded(L1_PRICES[4]);
    let block = batch(&mut chain, vec![call(400_000, vec![1; 2_000].into())]);
    assert_eq!(paid_by_the_only_one(&chain, &block).unwrap().gas_used, 21_000 + 40 * 2_000);
    assert!(block.header.gas_used <= block.header.gas_limit);
}

#[test]
pub(crate) fn blocks_full_of_data_stay_within_their_gas() {
    let users: Vec<User> = (1..4).map(User::new).collect();
    let mut chain = funded(L1_PRICES[1]);
    let large = |user: &User, nonce| {
        let template = TxEip1559 { gas_limit: 8_000_000, ..user.template(nonce) };
        user.sign(TxEip1559 { input: noise(41_000), ..template })
    };
    let all = (1..3).flat_map(|nonce| users.iter().map(move |user| large(user, nonce))).collect();
    let timestamp = chain.header.posted_at;
    let blocks = chain.batch(vec![], vec![block(timestamp, 0, all), block(timestamp, 0, vec![])]);
    assert_eq!(blocks[0].transactions.len(), 1 + 3, "a fourth of the six would exceed the limit");
    let header = &blocks[0].header;
    assert!((22_000_000..=30_000_000).contains(&header.gas_used), "{}", header.gas_used);
    assert_eq!(header.gas_used, blocks[0].receipts.last().unwrap().cumulative_gas_used);
    let execution = |block: &EvmBlock| u64::from_be_bytes(block.header.extra_data.as_ref().try_into().unwrap());
    assert!(execution(&blocks[1]) > execution(&blocks[0]), "blocks full of data are full blocks");
}

#[test]
pub(crate) fn code_sees_the_base_fee_and_what_was_taken_before() {
    let alice = User::new(1);
    let mut chain = funded(L1_PRICES[5]);
    let before = chain.balance(alice.address());
    // ORIGIN BALANCE, BASEFEE, GASPRICE as topics of a log.
    let input = bytes!("3231483a5f5fa300");
    let create = TxEip1559 { to: TxKind::Create, input, max_fee_per_gas: u128::from(90 * GWEI), ..alice.template(1) };
    let gas_limit = create.gas_limit;
    let block = batch(&mut chain, vec![alice.sign(create)]);
    let base_fee = U256::from(block.header.base_fee_per_gas.unwrap());
    let topics: Vec<U256> = block.receipts[1].logs[0].topics().iter().map(|topic| (*topic).into()).collect();
    let bid = base_fee + U256::from(1);
    assert_eq!(topics, [bid, base_fee, before - U256::from(gas_limit) * bid]);
    let paid = paid_by_the_only_one(&chain, &block).unwrap();
    assert!(U256::from(paid.price) < bid, "what the data does not need is given back");
    assert_eq!(chain.balance(alice.address()), before - paid.wei());
}

#[test]
pub(crate) fn much_execution_does_not_pay_for_the_data_of_others() {
    let alice = User::new(1);
    let mut chain = funded(L1_PRICES[6]);
    // JUMPDEST PUSH0 JUMP: takes all gas.
    let burn = TxEip1559 { to: TxKind::Create, gas_limit: 3_000_000, input: bytes!("5b5f56"), ..alice.template(1) };
    let block = batch(&mut chain, vec![alice.sign(TxEip1559 { max_fee_per_gas: u128::from(90 * GWEI), ..burn })]);
    let paid = paid_by_the_only_one(&chain, &block).unwrap();
    assert!(!block.receipts[1].success && paid.gas_used == 3_000_000);
    let for_data = U256::from(paid.gas_used) * U256::from(paid.data);
    assert!(for_data >= paid.data_fee && for_data < paid.data_fee + U256::from(paid.gas_used));
    let quoted = U256::from(paid.gas_used) * U256::from(block.header.base_fee_per_gas.unwrap());
    assert!(paid.wei() * U256::from(20) < quoted, "most of what the base fee has for data is given back");
}

#[test]
pub(crate) fn gas_is_refunded_down_to_what_the_data_takes() {
    let alice = User::new(1);
    let mut chain = funded(L1_PRICES[6]);
    let mut create = |nonce, input: Vec<u8>| {
        let template =
            TxEip1559 { max_fee_per_gas: u128::from(90 * GWEI), gas_limit: 400_000, ..alice.template(nonce) };
        let signed = alice.sign(TxEip1559 { to: TxKind::Create, input: input.into(), ..template });
        let block = batch(&mut chain, vec![signed]);
        assert!(block.receipts[1].success);
        paid_by_the_only_one(&chain, &block).unwrap()
    };
    let (plain, refunded) = (create(1, hex!("60015f5560015f5500").to_vec()), create(2, REFUNDED.to_vec()));
    assert!(refunded.gas_used < plain.gas_used - 10_000, "{refunded:?}");
    // The same with 500 bytes of noise behind its end: what is refunded is less than the data takes.
    let noisy = create(3, [&REFUNDED[..], &noise(500)].concat());
    assert_eq!(noisy.gas_used, 200 * noisy.posted_bytes, "{noisy:?}");
}

#[test]
pub(crate) fn a_keyless_transaction_needs_its_gas_times_its_price() {
    // Signed by nobody: the signature was made up, and the sender is whoever it recovers to. Returns one byte of code.
    let tx = TxLegacy {
        gas_price: u128::from(100 * GWEI),
        gas_limit: 100_000,
        to: TxKind::Create,
        input: bytes!("60015f5360015ff3"),
        ..Default::default()
    };
    let made_up = U256::from_be_bytes([0x22; 32]);
    let keyless = SignedTransaction::Legacy(tx.into_signed(Signature::new(made_up, made_up, false)));
    let sender = Recovered::new(keyless.clone()).unwrap().signer();
    let run = |balance: u64| {
        let mut chain = funded(L1_PRICES[6]);
        let give = TxEip1559 { max_fee_per_gas: u128::from(90 * GWEI), ..User::new(1).template(1) };
        let give = TxEip1559 { to: TxKind::Call(sender), value: U256::from(balance), ..give };
        batch(&mut chain, vec![User::new(1).sign(give)]);
        let block = batch(&mut chain, vec![keyless.clone()]);
        let paid = paid_by_the_only_one(&chain, &block);
        (paid, chain.balance(sender), chain.code(sender.create(0)))
    };
    let exactly = 100_000 * 100 * GWEI;
    let (paid, left, code) = run(exactly);
    let paid = paid.expect("it goes in");
    assert_eq!((left, code), (U256::from(exactly) - paid.wei(), bytes!("01")));
    assert!(paid.price <= u128::from(100 * GWEI));
    assert!(run(exactly - 1).0.is_none());
}

#[test]
pub(crate) fn any_transfer_that_can_be_paid_for_takes_21_000_gas() {
    // All the ether there is, the highest price that it buys 21,000 gas for, any nonce, any chain, and bytes that do not compress.
    let all_ether = U256::from(120_000_000) * U256::from(ETHER);
    let price: u128 = (all_ether / U256::from(21_000)).to();
    let noise = U256::from_be_slice(&noise(32));
    let tx = TxEip1559 {
        chain_id: noise.to::<U256>().wrapping_shr(192).to(),
        nonce: noise.wrapping_shr(100).wrapping_to(),
        gas_limit: 21_000,
        max_fee_per_gas: price,
        max_priority_fee_per_gas: price - 1,
        to: TxKind::Call(Address::from_slice(&self::noise(84)[64..])),
        value: all_ether - U256::from(0x0123_4567_89ab_cdef_u64),
        ..Default::default()
    };
    let signature = Signature::new(noise, noise ^ (U256::MAX >> 1), true);
    let bytes = SignedTransaction::Eip1559(tx.into_signed(signature)).encode_2718();
    assert!(bytes.len() > 145, "as long as they come: {}", bytes.len());
    assert!(estimate_posted_bytes(&bytes) <= 105);
}

#[test]
pub(crate) fn the_base_fee_climbs_to_a_spike_and_falls_at_once() {
    let mut chain = funded(L1_PRICES[1]);
    let calm = batch(&mut chain, vec![]).header.base_fee_per_gas.unwrap();
    chain.l1_prices = L1_PRICES[6].map(U256::from);
    let mut last = calm;
    let mut seconds = 0;
    while last < 4_285_000_000 {
        // One batch is posted every twelve seconds.
        let header = batch(&mut chain, vec![]).header;
        let next = header.base_fee_per_gas.unwrap();
        assert!(next > last && u128::from(next) * 1_000 <= u128::from(last) * 1_125, "{last} {next}");
        last = next;
        seconds += 12;
        assert!(seconds < 900, "from 1 to 500 gwei takes a quarter of an hour at most");
    }
    assert_eq!(last, 10_000_000 + 4_275_000_000);
    chain.l1_prices = L1_PRICES[1].map(U256::from);
    assert_eq!(batch(&mut chain, vec![]).header.base_fee_per_gas.unwrap(), calm);
}

/// How a transaction differs from the plainest.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    l1_prices: [U256; 2],
    kind: usize,
    input: Vec<u8>,
    gas_limit: u64,
    /// Per mille of the base fee.
    max_fee: u128,
    tip: u128,
    value: u64,
}

/// Init code that sets a slot and clears it again, for the refund.
const REFUNDED: [u8; 8] = hex!("60015f555f5f5500");

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let l1_prices = prop_oneof![
        8 => prop::sample::select(L1_PRICES.to_vec()).prop_map(|prices| prices.map(U256::from)),
        1 => (any::<u32>(), any::<u32>()).prop_map(|(base_fee, blob)| [base_fee, blob].map(U256::from)),
        1 => Just([U256::MAX, U256::from(1)]),
    ];
    let input = prop_oneof![
        Just(vec![]),
        prop::collection::vec(any::<u8>(), 0..1_500),
        (any::<u8>(), 0..1_500usize).prop_map(|(byte, length)| vec![byte; length]),
        Just(REFUNDED.to_vec()),
    ];
    let gas_limit = prop_oneof![Just(21_000), 21_000..400_000u64, Just(3_000_000)];
    let max_fee = prop_oneof![990..1_010u128, 1_000..3_000u128];
    (l1_prices, 0..6usize, input, gas_limit, max_fee, 0..3_000_000_000u128, 0..ETHER).prop_map(
        |(l1_prices, kind, input, gas_limit, max_fee, tip, value)| Case {
            l1_prices,
            kind,
            input,
            gas_limit,
            max_fee,
            tip,
            value,
        },
    )
}

impl Case {
    fn sign(&self, user: &User, base_fee: u64) -> SignedTransaction {
        let max_fee_per_gas = u128::from(base_fee) * self.max_fee / 1_000;
        let plain = TxEip1559 {
            gas_limit: self.gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas: self.tip.min(max_fee_per_gas),
            to: TxKind::Call(Address::repeat_byte(0xb0)),
            value: U256::from(self.value),
            input: self.input.clone().into(),
            ..user.template(1)
        };
        match self.kind {
            0 => user.sign(plain),
            1 => user.sign(TxEip1559 { to: TxKind::Create, ..plain }),
            2 => legacy(user, plain, true),
            3 => legacy(user, plain, false),
            4 => access_list(user, plain),
            _ => delegate(user, plain),
        }
    }
}

/// Everything that the specification promises of one transaction, on a chain of its own.
pub(crate) fn one_transaction_pays_what_it_says(case: &Case) {
    let (alice, bob) = (User::new(1), Address::repeat_byte(0xb0));
    let mut chain = TestChain::new(config());
    chain.l1_prices = case.l1_prices;
    chain.batch(vec![deposit(alice.address(), 10 * ETHER)], vec![block(1_000, 1, vec![])]);
    let base_fee = batch(&mut chain, vec![]).header.base_fee_per_gas.unwrap();
    let signed = case.sign(&alice, base_fee);
    let (before, vault) = (chain.balance(alice.address()), chain.balance(FEE_VAULT));
    let minted = supply(&chain.memory, chain.output.state_root);
    let block = batch(&mut chain, vec![signed.clone()]);
    assert_eq!(block.header.base_fee_per_gas, Some(base_fee));
    assert_eq!(supply(&chain.memory, chain.output.state_root), minted, "no wei comes or goes");
    let after = chain.balance(alice.address());

    let fields = signed.fields();
    let cost_max = U256::from(case.gas_limit) * U256::from(fields.max_fee_per_gas()) + fields.value();
    let is_valid = fields.max_fee_per_gas() >= base_fee.into()
        && fields.gas_limit() >= signed.intrinsic_gas()
        && before >= cost_max;
    let Some(paid) = paid_by_the_only_one(&chain, &block) else {
        assert!(!is_valid, "skipped: {case:?}");
        assert_eq!((after, chain.balance(FEE_VAULT)), (before, vault), "without a trace");
        return;
    };
    assert!(is_valid, "not skipped: {case:?}");
    let value = if block.receipts[1].success { fields.value() } else { U256::ZERO };
    assert_eq!(before - after, value + paid.wei(), "gas used times effective price, to the wei");
    assert_eq!(chain.balance(FEE_VAULT) - vault, paid.wei(), "all of it goes to the vault");
    assert!(before - after <= cost_max && paid.price <= fields.max_fee_per_gas());
    assert!(paid.gas_used <= fields.gas_limit() && paid.gas_used >= 200 * paid.posted_bytes);
    assert!(block.header.gas_used <= block.header.gas_limit);
    let for_data = U256::from(paid.gas_used) * U256::from(paid.data);
    assert!(for_data < paid.data_fee.saturating_add(U256::from(paid.gas_used)));
    let is_plain = case.input.is_empty() && case.kind != 1 && case.kind < 4;
    assert!(!is_plain || paid.gas_used == 21_000 && chain.balance(bob) == fields.value());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_transaction_pays_what_it_says(case in case()) {
        one_transaction_pays_what_it_says(&case);
    }
}
