//! The traffic that is measured: seeded, so that every run asks for the same.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    primitives::{Address, Bytes, TxKind, U256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};

pub const ACCOUNTS: u64 = 10_000;
pub const TOKENS: usize = 10;
const POOLS: u64 = 4;
const GWEI: u128 = 1_000_000_000;
/// Fee cap and tip.
const FEES: [(u128, u128); 4] =
    [(GWEI, GWEI / 100), (3 * GWEI / 2, GWEI / 100), (2 * GWEI, GWEI / 10), (5 * GWEI, GWEI)];

/// What batches are full of.
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

    /// Four significant digits, from 10^(low + 3) to 10^(high + 4).
    fn four_digits(&mut self, low: u64, high: u64) -> U256 {
        let mantissa = 1000 + self.below(9000);
        let exponent = low + self.below(high - low + 1);
        U256::from(mantissa) * U256::from(10).pow(U256::from(exponent))
    }
}

/// Ten thousand keys, their nonces, and what they send.
pub struct Accounts {
    random: Random,
    chain_id: u64,
    keys: Vec<PrivateKeySigner>,
    nonces: Vec<u64>,
    tokens: Vec<Address>,
}

impl Accounts {
    pub fn new(chain_id: u64, tokens: Vec<Address>) -> Self {
        let key = |index| PrivateKeySigner::from_bytes(&keccak256(format!("account {index}")));
        Self {
            random: Random(1),
            chain_id,
            keys: (0..ACCOUNTS).map(|index| key(index).expect("a hash below the order")).collect(),
            nonces: vec![0; ACCOUNTS as usize],
            tokens,
        }
    }

    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        self.keys.iter().map(PrivateKeySigner::address)
    }

    /// A signed transaction of a random account: hash and EIP-2718 bytes.
    pub fn transaction(&mut self, traffic: Traffic) -> TxEnvelope {
        let sender = self.random.below(ACCOUNTS) as usize;
        let (max_fee_per_gas, max_priority_fee_per_gas) = FEES[self.random.below(FEES.len() as u64) as usize];
        let (to, value, gas_limit, input) = match traffic {
            Traffic::EthTransfers => (self.account(), self.random.four_digits(6, 9), 21_000, Bytes::new()),
            Traffic::Erc20Transfers => self.erc20_transfer(sender),
            Traffic::MixedCalls => self.call(sender),
        };
        let transaction = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonces[sender],
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to: TxKind::Call(to),
            value,
            access_list: Default::default(),
            input,
        };
        self.nonces[sender] += 1;
        let signature = self.keys[sender].sign_hash_sync(&transaction.signature_hash()).expect("a key in memory signs");
        transaction.into_signed(signature).into()
    }

    fn account(&mut self) -> Address {
        self.keys[self.random.below(ACCOUNTS) as usize].address()
    }

    fn token(&mut self) -> Address {
        self.tokens[self.random.below(TOKENS as u64) as usize]
    }

    /// The token that the account was given.
    pub fn token_of(&self, account: usize) -> Address {
        self.tokens[account % TOKENS]
    }

    fn erc20_transfer(&mut self, sender: usize) -> (Address, U256, u64, Bytes) {
        let gas_limit = [51_629, 58_000, 65_000][self.random.below(3) as usize];
        let words = [self.account().into_word().into(), self.random.four_digits(9, 14)];
        (self.token_of(sender), U256::ZERO, gas_limit, call("transfer(address,uint256)", &words))
    }

    /// A contract call as users send them; the dear ones name their sender. What is called a pool has no code here: the bytes are what counts.
    fn call(&mut self, sender: usize) -> (Address, U256, u64, Bytes) {
        let pool = Address::from_word(keccak256(format!("pool {}", self.random.below(POOLS))));
        let gas_limit = 90_000 + self.random.below(200_000);
        match self.random.below(10) {
            0..=2 => self.erc20_transfer(sender),
            3 => {
                let words = [pool.into_word().into(), U256::MAX];
                (self.token(), U256::ZERO, 60_000, call("approve(address,uint256)", &words))
            }
            4 => {
                let words = [pool.into_word().into(), self.random.four_digits(12, 18)];
                (self.token(), U256::ZERO, 60_000, call("approve(address,uint256)", &words))
            }
            5..=7 => {
                let least_out = U256::from(self.random.next()) * U256::from(13);
                let words = [
                    self.random.four_digits(12, 18),
                    least_out,
                    U256::from(0xa0),
                    self.keys[sender].address().into_word().into(),
                    U256::from(1_770_000_000 + self.random.below(600)),
                    U256::from(2),
                    self.token().into_word().into(),
                    self.token().into_word().into(),
                ];
                let signature = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)";
                (pool, U256::ZERO, gas_limit, call(signature, &words))
            }
            8 => (pool, self.random.four_digits(6, 9), 60_038, call("deposit()", &[])),
            _ => (pool, U256::ZERO, gas_limit, call("mint(uint256)", &[U256::from(1 + self.random.below(5))])),
        }
    }
}

fn call(signature: &str, words: &[U256]) -> Bytes {
    let mut input = keccak256(signature)[..4].to_vec();
    for word in words {
        input.extend(word.to_be_bytes::<32>());
    }
    input.into()
}
