//! What the empty blocks cost that follow a block with transactions, for tools that count confirmations.

use alloy::consensus::TxEnvelope;
use serde_json::{Value, json};
use tandem_evm::payload::{Payload, PayloadBlock, SignedTransaction, encode};

use crate::{
    LEVEL,
    workload::{Accounts, Traffic},
};

/// Transactions, each alone in its block.
const TRANSACTIONS: u64 = 200;
/// Empty blocks after each, a second apart: the sequencer's default.
const EMPTY_BLOCKS: u64 = 12;

/// Posted bytes per empty block, and for comparison per block with a transfer.
pub fn measure(accounts: &mut Accounts, chain_id: u64) -> anyhow::Result<Vec<Value>> {
    let transfers: Vec<SignedTransaction> =
        (0..TRANSACTIONS).map(|_| signed(accounts.transaction(Traffic::EthTransfers))).collect::<Result<_, _>>()?;
    let alone = posted_bytes(&transfers, 0, chain_id)?;
    let followed = posted_bytes(&transfers, EMPTY_BLOCKS, chain_id)?;
    let figure = |name: &str, bytes: usize, blocks: u64| {
        let value = (bytes as f64 / blocks as f64 * 1_000.0).round() / 1_000.0;
        json!({ "name": name, "value": value, "unit": "bytes", "blocks": blocks })
    };
    Ok(vec![
        figure("batch.bytes_per_empty_block", followed.saturating_sub(alone), TRANSACTIONS * EMPTY_BLOCKS),
        figure("batch.bytes_per_block_of_one_transfer", alone, TRANSACTIONS),
    ])
}

fn signed(transaction: TxEnvelope) -> anyhow::Result<SignedTransaction> {
    Ok(SignedTransaction::try_from(transaction)?)
}

fn posted_bytes(transfers: &[SignedTransaction], empty_blocks: u64, chain_id: u64) -> anyhow::Result<usize> {
    let mut timestamp = 1_800_000_000;
    let mut blocks = Vec::new();
    for (index, transfer) in (0u64..).zip(transfers) {
        // After pauses of no regular length.
        timestamp += 20 + index * index % 97;
        blocks.push(PayloadBlock { timestamp, message_count: 0, transactions: vec![transfer.clone()] });
        blocks.extend(
            (1..=empty_blocks).map(|empty| PayloadBlock { timestamp: timestamp + empty, ..Default::default() }),
        );
    }
    Ok(encode(&Payload { blocks }, chain_id, |_| None)?.compressed(LEVEL).len())
}
