//! Receipts, and the two roots and the bloom that a header takes from a block's lists. Rule EVM-HDR-2.

use alloc::vec::Vec;
use alloy_consensus::proofs::ordered_trie_root_with_encoder;
use alloy_primitives::{B256, Bloom, Log};
use alloy_rlp::{BufMut, Encodable, RlpDecodable, RlpEncodable};

use crate::transaction::Transaction;

/// What a transaction did, as its block commits to it (EIP-658).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// EIP-2718 type of the transaction.
    pub tx_type: u8,
    /// Whether the transaction's call succeeded.
    pub success: bool,
    /// Gas used in the block up to and including this transaction.
    pub cumulative_gas_used: u64,
    /// What the call logged, in order; nothing if it failed.
    pub logs: Vec<Log>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct ReceiptRlp {
    success: bool,
    cumulative_gas_used: u64,
    bloom: Bloom,
    logs: Vec<Log>,
}

impl Receipt {
    /// Bloom over the logs.
    pub fn bloom(&self) -> Bloom {
        alloy_primitives::logs_bloom(&self.logs)
    }

    /// The receipt's EIP-2718 bytes: the type, unless it is legacy, then the RLP.
    pub fn encode_2718(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.tx_type != 0 {
            bytes.put_u8(self.tx_type);
        }
        ReceiptRlp {
            success: self.success,
            cumulative_gas_used: self.cumulative_gas_used,
            bloom: self.bloom(),
            logs: self.logs.clone(),
        }
        .encode(&mut bytes);
        bytes
    }

    /// Reads what [`Receipt::encode_2718`] wrote.
    pub fn decode_2718(bytes: &[u8]) -> Result<Self, alloy_rlp::Error> {
        let (tx_type, rlp) = match bytes.split_first() {
            Some((first, rest)) if *first < 0x80 => (*first, rest),
            _ => (0, bytes),
        };
        let ReceiptRlp { success, cumulative_gas_used, logs, .. } = alloy_rlp::decode_exact(rlp)?;
        Ok(Self { tx_type, success, cumulative_gas_used, logs })
    }
}

/// Root of a block's transactions.
pub fn transactions_root(transactions: &[Transaction]) -> B256 {
    ordered_trie_root_with_encoder(transactions, |transaction, out| out.put_slice(&transaction.encode_2718()))
}

/// Root of a block's receipts.
pub fn receipts_root(receipts: &[Receipt]) -> B256 {
    ordered_trie_root_with_encoder(receipts, |receipt, out| out.put_slice(&receipt.encode_2718()))
}
