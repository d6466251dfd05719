//! `make bench-fees`: does what users pay for data cover what posting it costs? A year of L1's prices (`l1.rs`), the rulebook's own fees, the
//! sequencer's own policy for batches, and L1's gas as the contracts' snapshots have it. Prints JSON lines and writes them to
//! `target/bench/fees.json`.
//!
//! Bytes posted are taken to be bytes estimated; `make bench-batch` tells how far that holds. The part of the base fee for execution and tips are
//! left out of the income, the dispute of a claim and the prover's machines out of the cost.

mod l1;

use std::{collections::VecDeque, fs, path::Path, time::Duration};

use alloy::{consensus::Header, primitives::U256};
use anyhow::Context;
use l1::{BLOCK_S, L1, MONTH_BLOCKS, Random};
use serde_json::{Value, json};
use tandem_chain::{
    Checkpoint,
    blob::{BLOB_BYTES, capacity_bytes},
};
use tandem_evm::fees::{BaseFee, DataCharge, GAS_PER_POSTED_BYTE, l1_price};
use tandem_sequencer::batch::{BatchPolicy, PriceAverage};

const SEED: u64 = 15;
const MONTHS: u64 = 12;
const MIN_BASE_FEE: u64 = 1_000_000;
const BLOCK_GAS_LIMIT: u64 = 30_000_000;
/// L1 blocks on a checkpoint before a batch names it, and the age at which a new one is stored: the sequencer's defaults.
const L1_DEPTH: u64 = 4;
const CHECKPOINT_AGE_BLOCKS: u64 = 1_800 / BLOCK_S;
/// Blocks of a claim window of seven days.
const CLAIM_WINDOW_BLOCKS: usize = 7 * 86_400 / BLOCK_S as usize;
/// What an epoch weighs at most, and how long it lasts, in blocks (L1-EPOCH-1): the deployment's defaults. Weights are L1-WORK-1's.
const EPOCH_WEIGHT: f64 = 440e6;
const EPOCH_BLOCKS: u64 = 3_600 / BLOCK_S;
/// Gas of a block, and of a byte that is not posted but was compressed, that a batch declares; blocks in twelve seconds.
const BLOCK_GAS: f64 = 1_200.0;
const BYTE_GAS: f64 = 7.0;
const BLOCKS_PER_STEP: f64 = 48.0;
/// What a batch weighs for each byte posted, and whatever it holds.
const POSTED_BYTE_WEIGHT: f64 = 13.0;
const BATCH_WEIGHT: f64 = 100_000.0;
/// L1 gas of a byte of calldata (EIP-7623).
const CALLDATA_BYTE_GAS: f64 = 40.0;

/// Estimated bytes, gas used, share of the traffic: a transfer, a token's, a swap, a call with much data.
const KINDS: [(u64, u64, f64); 4] = [(86, 21_000, 0.4), (100, 45_000, 0.35), (190, 150_000, 0.2), (700, 160_000, 0.05)];

/// L1 gas of the operator's calls.
struct L1Gas {
    append: f64,
    claim: f64,
    finalize: f64,
    checkpoint: f64,
}

impl L1Gas {
    /// The gas that the contracts' snapshots tell.
    fn committed() -> anyhow::Result<Self> {
        let snapshot: Value = serde_json::from_str(include_str!("../../../contracts/snapshots/l1.json"))?;
        let gas = |name: &str| -> anyhow::Result<f64> {
            let text = snapshot[name].as_str().with_context(|| format!("no snapshot of {name}"))?;
            Ok(text.parse()?)
        };
        Ok(Self {
            append: gas("gas Inbox.appendBlobs 6 blobs, warm")?,
            claim: gas("gas FraudSettlement.claim")?,
            finalize: gas("gas FraudSettlement.finalize")?,
            checkpoint: gas("gas Inbox.checkpoint")?,
        })
    }
}

/// Wei of one month.
#[derive(Clone, Copy, Default)]
struct Month {
    income: f64,
    /// What the income would be if the base fee followed at once.
    income_without_lag: f64,
    cost: f64,
}

/// A sequencer with traffic, and what it earns and spends on data.
struct Operator {
    transactions_per_s: f64,
    parent: Header,
    checkpoint: Checkpoint,
    stored: VecDeque<Checkpoint>,
    price: PriceAverage,
    opened_at: u64,
    bytes: f64,
    /// Work of the open batch, in gas.
    work: f64,
    /// Bytes and weight of closed batches, to be posted in the next block.
    closed: Vec<(f64, f64)>,
    /// Weight of the open epoch, and the block in which it began.
    epoch: (f64, u64),
    /// Claims that end in that many blocks from the front on.
    claims: VecDeque<u32>,
    months: Vec<Month>,
}

impl Operator {
    fn new(transactions_per_s: f64, l1: &L1) -> Self {
        let base_fee = BaseFee { execution: MIN_BASE_FEE, data: 0 };
        let checkpoint = checkpoint(l1);
        Self {
            transactions_per_s,
            parent: header(0, 0, base_fee),
            checkpoint,
            stored: VecDeque::from([checkpoint]),
            price: PriceAverage::default(),
            opened_at: 0,
            bytes: 0.0,
            work: 0.0,
            closed: Vec::new(),
            epoch: (0.0, 0),
            claims: VecDeque::from(vec![0; CLAIM_WINDOW_BLOCKS]),
            months: vec![Month::default(); MONTHS as usize],
        }
    }

    /// One block of L1, and the twelve seconds until it.
    fn step(&mut self, l1: &L1, gas: &L1Gas, activity: f64) {
        let month = ((l1.number - 1) / MONTH_BLOCKS) as usize;
        let base_fee = BaseFee::after(&self.parent, l1.number * BLOCK_S, MIN_BASE_FEE, &self.checkpoint);
        self.parent = header(l1.number, l1.number * BLOCK_S, base_fee);
        let transactions = self.transactions_per_s * activity * BLOCK_S as f64;
        for (posted_bytes, gas_used, share) in KINDS {
            let fee = l1_price(&self.checkpoint) * U256::from(posted_bytes) / U256::from(1_000_000);
            let charge = DataCharge { gas: posted_bytes * GAS_PER_POSTED_BYTE, fee, price_max: base_fee.data };
            let without_lag = DataCharge { price_max: u64::MAX, ..charge };
            let gas_used = gas_used.max(charge.gas);
            let count = transactions * share;
            self.months[month].income += count * f64::from(charge.paid(gas_used));
            self.months[month].income_without_lag += count * f64::from(without_lag.paid(gas_used));
            self.bytes += count * posted_bytes as f64;
            self.work += count * (gas_used as f64 + BYTE_GAS * posted_bytes as f64);
        }
        self.work += BLOCKS_PER_STEP * BLOCK_GAS;
        let cost = self.post(l1, gas);
        self.months[month].cost += cost;
        self.close(l1);
    }

    /// Posts what was closed; wei spent in this block of L1.
    fn post(&mut self, l1: &L1, gas: &L1Gas) -> f64 {
        // Blocks take what pays a little: a twentieth of the base fee, and a thousandth of a gwei.
        let gas_price = l1.base_fee as f64 * 1.05 + 1e6;
        let mut wei = 0.0;
        let mut epochs = 0;
        for (bytes, weight) in self.closed.drain(..) {
            let (open, since) = self.epoch;
            let is_over = open + weight > EPOCH_WEIGHT || l1.number - since >= EPOCH_BLOCKS;
            if open > 0.0 && is_over {
                epochs += 1;
            }
            self.epoch = if open == 0.0 || is_over { (weight, l1.number) } else { (open + weight, since) };
            let blobs = (bytes / capacity_bytes(1) as f64).ceil();
            let in_blobs = blobs * BLOB_BYTES as f64 * l1.blob_base_fee as f64;
            wei += gas_price * gas.append + in_blobs.min(bytes * CALLDATA_BYTE_GAS * gas_price);
            self.stored.push_back(checkpoint(l1));
        }
        wei += gas_price * gas.claim * f64::from(epochs);
        if let Some(last) = self.claims.back_mut() {
            *last += epochs;
        }
        if self.stored.back().is_none_or(|newest| l1.number - newest.number >= CHECKPOINT_AGE_BLOCKS) {
            wei += gas_price * gas.checkpoint;
            self.stored.push_back(checkpoint(l1));
        }
        let ending = self.claims.pop_front().unwrap_or_default();
        self.claims.push_back(0);
        wei + gas_price * gas.finalize * f64::from(ending)
    }

    /// Closes batches by the sequencer's policy; the next one names the newest checkpoint that is deep enough.
    fn close(&mut self, l1: &L1) {
        let policy = BatchPolicy::default();
        let average = self.price.observe(U256::from(l1.base_fee));
        let full = policy.payload_bytes_max as f64;
        let before = self.closed.len();
        while self.bytes >= full {
            let share = full / self.bytes;
            self.push_closed(full, self.work * share);
        }
        let age = Duration::from_secs((l1.number - self.opened_at) * BLOCK_S);
        if self.closed.len() == before && self.bytes > 0.0 && policy.is_due(age, l1.base_fee.into(), average) {
            self.push_closed(self.bytes, self.work);
        }
        if self.closed.len() > before {
            self.opened_at = l1.number;
            while let Some(deep) = self.stored.get(1).filter(|next| next.number + L1_DEPTH <= l1.number) {
                self.checkpoint = *deep;
                self.stored.pop_front();
            }
        }
    }

    fn push_closed(&mut self, bytes: f64, work: f64) {
        self.closed.push((bytes, work + POSTED_BYTE_WEIGHT * bytes + BATCH_WEIGHT));
        self.bytes -= bytes;
        self.work -= work;
    }

    /// Pays for the claims that are still open.
    fn finish(&mut self, l1: &L1, gas: &L1Gas) {
        let open: u32 = self.claims.iter().sum();
        if let Some(last) = self.months.last_mut() {
            last.cost += l1.base_fee as f64 * gas.finalize * f64::from(open);
        }
    }

    fn figures(&self, noun: &str) -> Vec<Value> {
        let sum = |part: fn(&Month) -> f64| self.months.iter().map(part).sum::<f64>();
        let (income, cost) = (sum(|month| month.income), sum(|month| month.cost));
        let lag = 1.0 - income / sum(|month| month.income_without_lag);
        let worst = self.months.iter().map(|month| month.income / month.cost).fold(f64::INFINITY, f64::min);
        let figure = |name: &str, value: f64| {
            let value = (value * 1_000.0).round() / 1_000.0;
            json!({ "name": format!("fees.{name}{noun}"), "value": value, "unit": "ratio",
                "transactions_per_s": self.transactions_per_s, "income_ether": (income / 1e18).round(),
                "cost_ether": (cost / 1e18).round() })
        };
        vec![
            figure("recovered_ratio", income / cost),
            figure("recovered_ratio_worst_month", worst),
            figure("lag_ratio", lag),
        ]
    }
}

fn checkpoint(l1: &L1) -> Checkpoint {
    Checkpoint {
        number: l1.number,
        timestamp: l1.number * BLOCK_S,
        base_fee: U256::from(l1.base_fee),
        blob_base_fee: U256::from(l1.blob_base_fee),
    }
}

fn header(number: u64, timestamp: u64, base_fee: BaseFee) -> Header {
    Header {
        number,
        timestamp,
        gas_limit: BLOCK_GAS_LIMIT,
        base_fee_per_gas: Some(base_fee.total()),
        extra_data: base_fee.extra_data(),
        ..Default::default()
    }
}

fn main() -> anyhow::Result<()> {
    let gas = L1Gas::committed()?;
    let mut l1 = L1::new(SEED);
    let mut random = Random(SEED + 1);
    l1.step();
    let mut operators = [("", 25.0), (".quiet", 5.0), (".busy", 150.0)]
        .map(|(noun, transactions_per_s)| (noun, Operator::new(transactions_per_s, &l1)));
    let (mut base_fee_max, mut blob_base_fee_max) = (0, 0);
    while l1.number < MONTHS * MONTH_BLOCKS {
        // Days and nights, and no two blocks alike.
        let day = (l1.number * BLOCK_S % 86_400) as f64 / 86_400.0;
        let activity = (1.0 + 0.5 * (day * std::f64::consts::TAU).sin()) * (0.5 + random.uniform());
        for (_, operator) in &mut operators {
            operator.step(&l1, &gas, activity);
        }
        l1.step();
        base_fee_max = base_fee_max.max(l1.base_fee);
        blob_base_fee_max = blob_base_fee_max.max(l1.blob_base_fee);
    }
    let mut figures = Vec::new();
    for (noun, operator) in &mut operators {
        operator.finish(&l1, &gas);
        figures.extend(operator.figures(noun));
    }
    for (name, wei) in [("l1_base_fee_max", base_fee_max.into()), ("l1_blob_base_fee_max", blob_base_fee_max)] {
        figures
            .push(json!({ "name": format!("fees.{name}"), "value": (wei as f64 / 1e6).round() / 1e3, "unit": "gwei" }));
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    fs::create_dir_all(&directory)?;
    let lines: String = figures.iter().map(|figure| format!("{figure}\n")).collect();
    print!("{lines}");
    fs::write(directory.join("fees.json"), lines)?;
    Ok(())
}
