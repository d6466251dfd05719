//! `make bench-batch`: posted bytes per transaction, beside raw RLP and the same RLP through the same
//! compressor. Prints JSON lines and writes them to `target/bench/batch.json`.

mod workload;

use std::{collections::BTreeMap, fs, io::Write, path::Path};

use alloy_primitives::Address;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_evm::fee_estimate::estimate_posted_bytes;
use tandem_evm::payload::{AddressBook, NoAddressBook, PayloadLimits, SignedTransaction, decode, encode};
use workload::{CHAIN_ID, Traffic, Workload};

const LEVEL: i32 = 22;
const LIMITS: PayloadLimits =
    PayloadLimits { decompressed_bytes_max: 1 << 22, blocks_max: 4096, transactions_max: 1 << 16 };

/// What one batch may hold: calldata, and blobs with 31 bytes in each element and a length in front.
const CAPACITIES: [(&str, usize); 3] = [("calldata", 122_880), ("blob", 4096 * 31 - 4), ("blobs6", 6 * 4096 * 31 - 4)];

struct Table {
    by_address: BTreeMap<Address, u64>,
    by_index: BTreeMap<u64, Address>,
}

impl AddressBook for Table {
    type Error = core::convert::Infallible;

    fn address(&self, index: u64) -> Result<Option<Address>, Self::Error> {
        Ok(self.by_index.get(&index).copied())
    }
}

fn main() -> anyhow::Result<()> {
    let mut figures = Vec::new();
    let by_address = Workload::address_table();
    let by_index = by_address.iter().map(|(address, index)| (*index, *address)).collect();
    let table = Table { by_address, by_index };
    for (noun, traffic) in [
        ("eth_transfer", Traffic::EthTransfers),
        ("erc20_transfer", Traffic::Erc20Transfers),
        ("mixed_call", Traffic::MixedCalls),
    ] {
        let transactions: Vec<SignedTransaction> = Workload::new(traffic).take(16_000).collect();
        for (container, capacity) in CAPACITIES {
            let posted = fill(&transactions, capacity, |_| None)?;
            let indexed = fill(&transactions, capacity, |address| table.by_address.get(address).copied())?;
            verify(&posted, &transactions, &NoAddressBook)?;
            verify(&indexed, &transactions, &table)?;
            figures.extend(report(noun, container, &transactions, &posted, &indexed)?);
        }
    }
    write(&figures)
}

/// A batch as full as its container lets it be.
struct Batch {
    bytes: Vec<u8>,
    transaction_count: usize,
}

impl Batch {
    fn bytes_per_transaction(&self) -> f64 {
        per(self.bytes.len(), self.transaction_count)
    }
}

fn per(bytes: usize, transactions: usize) -> f64 {
    (bytes as f64 / transactions as f64 * 1000.0).round() / 1000.0
}

fn fill(
    transactions: &[SignedTransaction],
    capacity: usize,
    index_of: impl Fn(&Address) -> Option<u64>,
) -> anyhow::Result<Batch> {
    let batch = |transaction_count: usize| -> anyhow::Result<Batch> {
        let payload = Workload::payload(&transactions[..transaction_count]);
        let bytes = encode(&payload, CHAIN_ID, &index_of)?.compressed(LEVEL);
        Ok(Batch { bytes, transaction_count })
    };
    let (mut fits, mut too_many) = (batch(100)?, transactions.len());
    while too_many - fits.transaction_count > 16 {
        // Next guess by the rate so far, a little low, kept inside the bracket's middle.
        let guess = fits.transaction_count * capacity / fits.bytes.len() - 4;
        let eighth = ((too_many - fits.transaction_count) / 8).max(1);
        let next = batch(guess.clamp(fits.transaction_count + eighth, too_many - eighth))?;
        if next.bytes.len() > capacity {
            too_many = next.transaction_count;
        } else {
            fits = next;
        }
    }
    ensure!(too_many < transactions.len(), "workload too small to fill a batch");
    Ok(fits)
}

fn verify(batch: &Batch, transactions: &[SignedTransaction], book: &impl AddressBook) -> anyhow::Result<()> {
    let payload = decode(&batch.bytes, &LIMITS, CHAIN_ID, book).ok().context("does not decode")?;
    ensure!(payload == Workload::payload(&transactions[..batch.transaction_count]), "does not survive");
    Ok(())
}

fn report(
    noun: &str,
    container: &str,
    transactions: &[SignedTransaction],
    posted: &Batch,
    indexed: &Batch,
) -> anyhow::Result<Vec<Value>> {
    let rlp: Vec<Vec<u8>> =
        transactions[..posted.transaction_count].iter().map(SignedTransaction::encode_2718).collect();
    let raw: Vec<u8> = rlp.concat();
    let estimate: u64 = rlp.iter().map(|bytes| estimate_posted_bytes(bytes)).sum();
    let compressed = zstd::bulk::compress(&raw, LEVEL)?;
    let suffix = if container == "calldata" { String::new() } else { format!(".{container}") };
    let figure = |name: String, value: f64| {
        json!({ "name": name, "value": value, "unit": "bytes", "container": container,
        "transactions": posted.transaction_count, "batch_bytes": posted.bytes.len() })
    };
    Ok(vec![
        figure(format!("batch.bytes_per_{noun}{suffix}"), posted.bytes_per_transaction()),
        figure(format!("batch.bytes_per_{noun}.address_table{suffix}"), indexed.bytes_per_transaction()),
        figure(format!("batch.estimate_bytes_per_{noun}{suffix}"), per(estimate as usize, rlp.len())),
        figure(format!("batch.rlp_bytes_per_{noun}{suffix}"), per(raw.len(), rlp.len())),
        figure(format!("batch.rlp_zstd_bytes_per_{noun}{suffix}"), per(compressed.len(), rlp.len())),
    ])
}

fn write(figures: &[Value]) -> anyhow::Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    fs::create_dir_all(&directory)?;
    let mut file = fs::File::create(directory.join("batch.json"))?;
    for figure in figures {
        println!("{figure}");
        writeln!(file, "{figure}")?;
    }
    Ok(())
}
