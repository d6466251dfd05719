//! What the rows of a ledger hold, and how they are written.

use crate::{
    Codec, CodecError, Json, Raw, Rlp, RowKey,
    schema::{Table, tables},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use tandem_chain::OutputFields;
use tandem_payments::{
    Fr,
    field::{fr_checked, integer},
    leaf::{Key, Leaf},
    tree::Place,
};

tables! {
    /// Leaves of the state, by index.
    LedgerLeaves "ledger_leaves": u32 => Leaf as Fixed;
    /// Nodes of the state tree that are not empty, the hashes of leaves among them, by their place.
    LedgerNodes "ledger_nodes": Place => Fr as Fixed;
    /// Messages of the L1 queue, by index.
    LedgerQueue "ledger_queue": u64 => QueueRow as Rlp;
    /// Batches that L1 has, applied or not, by index; genesis is the first.
    LedgerBatches "ledger_batches": u64 => ProvenRow as Json;
    /// What the owner of the ledger noted of a batch that was applied, in JSON, by the batch's index.
    LedgerNotes "ledger_notes": u64 => Bytes as Raw;
    /// What a batch overwrote, by the batch's index.
    LedgerUndo "ledger_undo": u64 => UndoRow as Fixed;
    /// Hashes of the L1 blocks up to which L1 was read, by number.
    LedgerReads "ledger_reads": u64 => B256 as Rlp;
}

/// A message of the L1 queue.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct QueueRow {
    /// The queue's hash after it (L1-MSG-2).
    pub queue_hash: B256,
    /// The bytes that were queued (PAY-MESSAGE).
    pub record: Bytes,
    /// Number of the L1 block that has it.
    pub block: u64,
}

/// A batch as the settlement tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProvenRow {
    /// The output after it (PAY-OUTPUT).
    pub fields: OutputFields,
    /// The output's hash, as the settlement has it.
    pub output: B256,
    /// The batch's time, in seconds.
    pub timestamp: u64,
    /// Who is credited the fees.
    pub operator: Address,
    /// Leaves after it, the sentinel included.
    pub leaf_count: u64,
    /// The L1 transaction that appended it.
    pub transaction: B256,
    /// Hash of the L1 block that has it.
    pub block_hash: B256,
    /// Number of that block.
    pub block: u64,
}

/// What a batch overwrote: each leaf and node as it was before, none where there was nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoRow {
    /// Leaves by index.
    pub leaves: Vec<(u32, Option<Leaf>)>,
    /// Nodes by place.
    pub nodes: Vec<(Place, Option<Fr>)>,
}

/// Fields one after the other, integers big-endian, every one as wide as its type.
///
/// A leaf: key, next key (an address and a token of 20 bytes each), nonce (8), balance (16), key hash and session hash (32 each); 168 bytes. A node: 32. An undo
/// row: the number of leaves (4), the leaves, then nodes to the end; each with its index (4), or level (1) and position (4), and with one byte, 1 if the value before
/// follows and 0 if there was none.
#[derive(Debug, Clone, Copy)]
pub enum Fixed {}

impl Codec<Leaf> for Fixed {
    fn encode(leaf: &Leaf) -> Vec<u8> {
        [
            leaf.key.address.as_slice(),
            leaf.key.token.as_slice(),
            leaf.next.address.as_slice(),
            leaf.next.token.as_slice(),
            &leaf.nonce.to_be_bytes(),
            &leaf.balance.to_be_bytes(),
            &element_bytes(leaf.key_hash),
            &element_bytes(leaf.session_hash),
        ]
        .concat()
    }

    fn decode(bytes: &[u8]) -> Result<Leaf, CodecError> {
        let mut reader = Reader::new(bytes);
        let leaf = reader.leaf()?;
        reader.end()?;
        Ok(leaf)
    }
}

impl Codec<Fr> for Fixed {
    fn encode(element: &Fr) -> Vec<u8> {
        element_bytes(*element).to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Fr, CodecError> {
        let mut reader = Reader::new(bytes);
        let element = reader.element()?;
        reader.end()?;
        Ok(element)
    }
}

impl Codec<UndoRow> for Fixed {
    fn encode(UndoRow { leaves, nodes }: &UndoRow) -> Vec<u8> {
        // A batch changes far fewer leaves than an index can tell apart.
        let count = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
        let mut bytes = count.to_be_bytes().to_vec();
        for (index, leaf) in leaves {
            bytes.extend(RowKey::encode(index));
            bytes.push(u8::from(leaf.is_some()));
            bytes.extend(leaf.iter().flat_map(<Self as Codec<Leaf>>::encode));
        }
        for (place, node) in nodes {
            bytes.extend(RowKey::encode(place));
            bytes.push(u8::from(node.is_some()));
            bytes.extend(node.iter().flat_map(<Self as Codec<Fr>>::encode));
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<UndoRow, CodecError> {
        let mut reader = Reader::new(bytes);
        let count = u32::from_be_bytes(reader.take()?);
        let (mut leaves, mut nodes) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let index = u32::from_be_bytes(reader.take()?);
            let leaf = if reader.is_there()? { Some(reader.leaf()?) } else { None };
            leaves.push((index, leaf));
        }
        while !reader.rest.is_empty() {
            let ([level], position) = (reader.take::<1>()?, u32::from_be_bytes(reader.take()?));
            let node = if reader.is_there()? { Some(reader.element()?) } else { None };
            nodes.push(((level, position), node));
        }
        Ok(UndoRow { leaves, nodes })
    }
}

fn element_bytes(element: Fr) -> [u8; 32] {
    integer(element).to_be_bytes()
}

/// Takes fields off the front of a row.
struct Reader<'a> {
    rest: &'a [u8],
    /// Bytes of the whole row, for the error.
    bytes: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, bytes: bytes.len() }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (first, rest) = self.rest.split_first_chunk::<N>().ok_or(CodecError::Width { bytes: self.bytes })?;
        self.rest = rest;
        Ok(*first)
    }

    fn is_there(&mut self) -> Result<bool, CodecError> {
        match self.take::<1>()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [byte] => Err(CodecError::Presence { byte }),
        }
    }

    fn element(&mut self) -> Result<Fr, CodecError> {
        fr_checked(U256::from_be_bytes(self.take::<32>()?)).ok_or(CodecError::NotAnElement)
    }

    fn key(&mut self) -> Result<Key, CodecError> {
        Ok(Key { address: Address::from(self.take::<20>()?), token: Address::from(self.take::<20>()?) })
    }

    fn leaf(&mut self) -> Result<Leaf, CodecError> {
        Ok(Leaf {
            key: self.key()?,
            next: self.key()?,
            nonce: u64::from_be_bytes(self.take()?),
            balance: u128::from_be_bytes(self.take()?),
            key_hash: self.element()?,
            session_hash: self.element()?,
        })
    }

    fn end(&self) -> Result<(), CodecError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CodecError::Width { bytes: self.bytes }) }
    }
}
