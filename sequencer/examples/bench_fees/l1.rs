//! A year of Ethereum's prices, seeded: demand is made up, base fee and blob base fee follow from it by Ethereum's own rules (EIP-1559, and
//! EIP-4844 with Osaka's target and EIP-7918's reserve price).

use alloy::eips::{
    eip1559::{BaseFeeParams, calc_next_block_base_fee},
    eip7840::BlobParams,
};

/// Seconds between blocks of L1.
pub const BLOCK_S: u64 = 12;
/// Blocks of a month: a twelfth of 365 days.
pub const MONTH_BLOCKS: u64 = 365 * 86_400 / 12 / BLOCK_S;

const GAS_LIMIT: u64 = 60_000_000;
const GWEI: f64 = 1e9;
/// What gas is worth to those who want it, month by month, in gwei: idle months and busy ones.
const GAS_WORTH_GWEI: [f64; 12] = [0.1, 0.06, 0.5, 2.0, 12.0, 35.0, 8.0, 1.0, 0.2, 0.08, 4.0, 25.0];
/// What blob gas is worth; below the reserve price, blobs are not used up.
const BLOB_WORTH_GWEI: [f64; 12] = [1e-9, 1e-9, 1e-6, 0.01, 1.0, 5.0, 0.1, 1e-6, 1e-9, 1e-9, 0.5, 10.0];
/// How much of a block is wanted where it is worth twice its price, and so on.
const ELASTICITY: f64 = 0.7;

/// A seeded source of numbers (SplitMix64).
pub struct Random(pub u64);

impl Random {
    /// The next random number from 0 to 1.
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Mean 0, deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// What somebody pays for a unit, as a logarithm around the month's level.
#[derive(Default)]
struct Worth {
    /// Wanders, and returns within a day or so.
    drift: f64,
    /// A rush: rises at once, and halves in about half an hour.
    rush: f64,
}

impl Worth {
    fn step(&mut self, random: &mut Random) -> f64 {
        self.drift += -self.drift / 5_000.0 + 0.012 * random.normal();
        self.rush *= 0.9955;
        // Every other day; from five times to two hundred times the price.
        if random.uniform() < 1.0 / 14_400.0 {
            self.rush += 1.6 + 3.7 * random.uniform();
        }
        (self.drift + self.rush + 0.3 * random.normal()).exp()
    }
}

/// L1 at one block.
pub struct L1 {
    pub number: u64,
    /// The base fee, in wei per gas.
    pub base_fee: u64,
    /// Wei per blob gas.
    pub blob_base_fee: u128,
    excess_blob_gas: u64,
    blobs: BlobParams,
    gas: Worth,
    blob: Worth,
    random: Random,
}

impl L1 {
    pub fn new(seed: u64) -> Self {
        Self {
            number: 0,
            base_fee: 100_000_000,
            blob_base_fee: 1,
            excess_blob_gas: 0,
            blobs: BlobParams::osaka(),
            gas: Worth::default(),
            blob: Worth::default(),
            random: Random(seed),
        }
    }

    /// Goes on to the next block.
    pub fn step(&mut self) {
        let month = (self.number / MONTH_BLOCKS) as usize % GAS_WORTH_GWEI.len();
        let wanted = |worth: f64, price: f64| (worth * GWEI / price.max(1.0)).powf(ELASTICITY);
        let worth = GAS_WORTH_GWEI[month] * self.gas.step(&mut self.random);
        let target = (GAS_LIMIT / 2) as f64;
        let gas_used = (target * wanted(worth, self.base_fee as f64)).min(GAS_LIMIT as f64) as u64;
        let worth = BLOB_WORTH_GWEI[month] * self.blob.step(&mut self.random);
        let wanted_blobs = self.blobs.target_blob_count as f64 * wanted(worth, self.blob_base_fee as f64);
        let blob_count = (wanted_blobs as u64).min(self.blobs.max_blob_count);
        let blob_gas_used = blob_count * super::BLOB_BYTES as u64;
        self.excess_blob_gas =
            self.blobs.next_block_excess_blob_gas_osaka(self.excess_blob_gas, blob_gas_used, self.base_fee);
        self.blob_base_fee = self.blobs.calc_blob_fee(self.excess_blob_gas);
        self.base_fee = calc_next_block_base_fee(gas_used, GAS_LIMIT, self.base_fee, BaseFeeParams::ethereum());
        self.number += 1;
    }
}
