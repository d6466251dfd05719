//! The traffic that is measured: seeded, so that every run measures the same bytes.

use std::collections::BTreeMap;

use alloy_consensus::{Signed, TxEip1559};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, keccak256};
use tandem_evm::payload::{Payload, PayloadBlock, SignedTransaction};

pub const CHAIN_ID: u64 = 42_069;
pub const ACCOUNTS: u64 = 10_000;
/// Transactions that went before the measured ones: nonces are theirs.
pub const WARM_UP_TRANSACTIONS: u64 = 1_000_000;
pub const TRANSACTIONS_PER_BLOCK: usize = 50;
pub const BLOCK_TIME_MS: u64 = 250;
const GENESIS_SECONDS: u64 = 1_770_000_000;
const TOKENS: u64 = 10;
const POOLS: u64 = 4;
const GWEI: u128 = 1_000_000_000;
/// Fee cap and tip.
const FEES: [(u128, u128); 4] =
    [(GWEI, GWEI / 100), (3 * GWEI / 2, GWEI / 100), (2 * GWEI, GWEI / 10), (5 * GWEI, GWEI)];

/// What a batch is full of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    EthTransfers,
    Erc20Transfers,
    MixedCalls,
}

/// SplitMix64: enough to draw workloads with.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn word(&mut self) -> U256 {
        U256::from_limbs([self.next(), self.next(), self.next(), self.next()])
    }

    /// Four significant digits, from 10^(low + 3) to 10^(high + 4).
    fn four_digits(&mut self, low: u64, high: u64) -> U256 {
        let mantissa = 1000 + self.below(9000);
        let exponent = low + self.below(high - low + 1);
        U256::from(mantissa) * U256::from(10).pow(U256::from(exponent))
    }
}

fn derived(kind: &str, index: u64) -> Address {
    Address::from_word(keccak256(format!("{kind} {index}")))
}

/// The address of account `index`.
pub fn account(index: u64) -> Address {
    derived("account", index)
}

/// Draws signed transactions.
pub struct Workload {
    random: Random,
    accounts: Vec<Address>,
    nonces: Vec<u64>,
    traffic: Traffic,
}

impl Workload {
    pub fn new(traffic: Traffic) -> Self {
        let mut random = Random(1);
        let mut nonces = vec![0; ACCOUNTS as usize];
        for _ in 0..WARM_UP_TRANSACTIONS {
            nonces[random.below(ACCOUNTS) as usize] += 1;
        }
        Self { random, accounts: (0..ACCOUNTS).map(account).collect(), nonces, traffic }
    }

    /// Every account and token, by index: what an address table with all of them registered answers.
    pub fn address_table() -> BTreeMap<Address, u64> {
        let tokens = (0..TOKENS).map(|index| derived("token", index));
        let pools = (0..POOLS).map(|index| derived("pool", index));
        tokens.chain(pools).chain((0..ACCOUNTS).map(account)).zip(0..).collect()
    }

    /// A payload of `count` transactions in blocks of [`TRANSACTIONS_PER_BLOCK`].
    pub fn payload(transactions: &[SignedTransaction]) -> Payload {
        let blocks = transactions.chunks(TRANSACTIONS_PER_BLOCK).zip(0u64..);
        let blocks = blocks.map(|(transactions, number)| PayloadBlock {
            timestamp: GENESIS_SECONDS + number * BLOCK_TIME_MS / 1000,
            message_count: 0,
            transactions: transactions.to_vec(),
        });
        Payload { blocks: blocks.collect() }
    }

    fn account(&mut self) -> Address {
        self.accounts[self.random.below(ACCOUNTS) as usize]
    }

    fn token(&mut self) -> Address {
        derived("token", self.random.below(TOKENS))
    }

    fn transaction(&mut self) -> SignedTransaction {
        let sender = self.random.below(ACCOUNTS) as usize;
        let nonce = self.nonces[sender];
        self.nonces[sender] += 1;
        let (max_fee_per_gas, max_priority_fee_per_gas) = FEES[self.random.below(FEES.len() as u64) as usize];
        let (to, value, gas_limit, input) = match self.traffic {
            Traffic::EthTransfers => (self.account(), self.random.four_digits(12, 15), 21_000, Bytes::new()),
            Traffic::Erc20Transfers => self.erc20_transfer(),
            Traffic::MixedCalls => self.call(self.accounts[sender]),
        };
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to: TxKind::Call(to),
            value,
            access_list: Default::default(),
            input,
        };
        // Random bytes are as compressible as real signatures.
        let signature = Signature::new(self.random.word(), self.random.word() >> 1, self.random.below(2) == 1);
        SignedTransaction::Eip1559(Signed::new_unhashed(tx, signature))
    }

    fn erc20_transfer(&mut self) -> (Address, U256, u64, Bytes) {
        let gas_limit = [34_529, 51_629, 65_000][self.random.below(3) as usize];
        let words = [self.account().into_word().into(), self.random.four_digits(12, 18)];
        (self.token(), U256::ZERO, gas_limit, call("transfer(address,uint256)", &words))
    }

    /// A contract call as users send them; the dear ones name their sender.
    fn call(&mut self, sender: Address) -> (Address, U256, u64, Bytes) {
        let pool = derived("pool", self.random.below(POOLS));
        let gas_limit = 40_000 + self.random.below(200_000);
        match self.random.below(10) {
            0..=2 => self.erc20_transfer(),
            3 => {
                let words = [pool.into_word().into(), U256::MAX];
                (self.token(), U256::ZERO, 46_000, call("approve(address,uint256)", &words))
            }
            4 => {
                let words = [pool.into_word().into(), self.random.four_digits(12, 18)];
                (self.token(), U256::ZERO, 46_000, call("approve(address,uint256)", &words))
            }
            5..=7 => {
                let least_out = U256::from(self.random.next()) * U256::from(13);
                let words = [
                    self.random.four_digits(12, 18),
                    least_out,
                    U256::from(0xa0),
                    sender.into_word().into(),
                    U256::from(GENESIS_SECONDS + 1200 + self.random.below(600)),
                    U256::from(2),
                    self.token().into_word().into(),
                    self.token().into_word().into(),
                ];
                let signature = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)";
                (pool, U256::ZERO, gas_limit, call(signature, &words))
            }
            8 => (self.token(), self.random.four_digits(12, 15), 45_038, call("deposit()", &[])),
            _ => (pool, U256::ZERO, gas_limit, call("mint(uint256)", &[U256::from(1 + self.random.below(5))])),
        }
    }
}

impl Iterator for Workload {
    type Item = SignedTransaction;

    fn next(&mut self) -> Option<SignedTransaction> {
        Some(self.transaction())
    }
}

fn call(signature: &str, words: &[U256]) -> Bytes {
    let mut input = keccak256(signature)[..4].to_vec();
    for word in words {
        input.extend(word.to_be_bytes::<32>());
    }
    input.into()
}
