//! The shared vectors in `tests/vectors/l1`: what the rulebook hashes, for `contracts/test/l1/Vectors.t.sol` to hash again.
//!
//! Every file is an array of objects of hex strings. Regenerating must change nothing: the tests compare, and write only when
//! `TANDEM_WRITE_VECTORS` is set.

use std::{fs, path::PathBuf};

use alloy_primitives::{Address, B256, U256, hex, keccak256, ruint::UintTryFrom};
use serde_json::{Value, json};
use tandem_chain::{
    BatchHeader, ChainConfig, ChainKind, Checkpoint, DataKind, L2Message, Message, MessageTree, OutputFields,
    batch::{blobs_hash, calldata_hash},
    message::{alias, queue_hash_after},
    message_tree::root_from_proof,
    output::{claim_id, slot_id},
};

fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../tests/vectors/l1"].iter().collect()
}

fn committed(name: &str, fresh: Vec<Value>) {
    assert!(!fresh.is_empty());
    let path = directory().join(name);
    let text = serde_json::to_string_pretty(&fresh).unwrap() + "\n";
    if std::env::var_os("TANDEM_WRITE_VECTORS").is_some() {
        fs::create_dir_all(directory()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(found == text, "{name} differs from what this code writes");
}

/// Values that differ from each other and fill their types: the hash of a name, cut to size.
fn word(name: &str, case: u64) -> B256 {
    keccak256(format!("{name} {case}"))
}

fn address(name: &str, case: u64) -> Address {
    Address::from_word(word(name, case))
}

/// Zero, one, the greatest value, and then arbitrary ones.
fn uint64(name: &str, case: u64) -> u64 {
    match case {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        _ => u64::from_be_bytes(word(name, case)[..8].try_into().unwrap()),
    }
}

fn uint256(name: &str, case: u64) -> U256 {
    match case {
        0 => U256::ZERO,
        1 => U256::ONE,
        2 => U256::MAX,
        _ => word(name, case).into(),
    }
}

fn data(case: u64) -> Vec<u8> {
    let lengths = [0, 1, 31, 32, 33, 64, 100, 257];
    let length = lengths[case as usize % lengths.len()];
    (0..length).map(|byte| (byte as u64 * 31 + case) as u8).collect()
}

fn quantity<T>(value: T) -> Value
where
    U256: UintTryFrom<T>,
{
    json!(B256::from(U256::from(value)))
}

fn octets(bytes: impl AsRef<[u8]>) -> Value {
    json!(hex::encode_prefixed(bytes))
}

#[test]
fn messages() {
    let cases = (0..8).map(|case| {
        let message = Message {
            kind: case as u8 * 36,
            sender: address("sender", case),
            to: address("to", case),
            mint: uint256("mint", case),
            value: uint256("value", case),
            gas_limit: uint64("gas", case),
            refund: address("refund", case),
            data: data(case).into(),
        };
        json!({
            "kind": quantity(message.kind), "sender": message.sender, "to": message.to, "mint": quantity(message.mint),
            "value": quantity(message.value),
            "gasLimit": quantity(message.gas_limit), "refund": message.refund, "data": octets(&message.data),
            "encoded": octets(message.encode()), "hash": message.hash(),
        })
    });
    committed("message.json", cases.collect());
}

#[test]
fn queue() {
    let mut queue_hash = B256::ZERO;
    let cases = (0..5).map(|case| {
        let (before, message_hash) = (queue_hash, word("message", case));
        queue_hash = queue_hash_after(before, message_hash);
        json!({ "before": before, "messageHash": message_hash, "after": queue_hash })
    });
    committed("queue.json", cases.collect());
}

#[test]
fn aliases() {
    let accounts = [Address::ZERO, Address::repeat_byte(0xff), address("account", 0), address("account", 1)];
    let cases = accounts.map(|account| json!({ "account": account, "alias": alias(account) }));
    committed("alias.json", cases.to_vec());
}

#[test]
fn checkpoints() {
    let cases = (0..5).map(|case| {
        let checkpoint = Checkpoint {
            number: uint64("number", case),
            timestamp: uint64("timestamp", case),
            base_fee: uint256("base fee", case),
            blob_base_fee: uint256("blob base fee", case),
        };
        json!({
            "number": quantity(checkpoint.number), "timestamp": quantity(checkpoint.timestamp),
            "baseFee": quantity(checkpoint.base_fee), "blobBaseFee": quantity(checkpoint.blob_base_fee),
            "hash": checkpoint.hash(),
        })
    });
    committed("checkpoint.json", cases.collect());
}

#[test]
fn batches() {
    let cases = (0..5).map(|case| {
        let header = BatchHeader {
            index: uint64("index", case),
            parent_hash: word("parent", case),
            parent_content_hash: word("parent content", case),
            data_kind: DataKind::try_from((case % 3) as u8).unwrap(),
            data_hash: word("data", case),
            queue_end: uint64("queue end", case),
            queue_hash: word("queue hash", case),
            checkpoint_hash: word("checkpoint", case),
            config_hash: word("config", case),
            work_gas: uint64("work gas", case),
            posted_at: uint64("posted at", case),
        };
        json!({
            "index": quantity(header.index), "parentHash": header.parent_hash,
            "parentContentHash": header.parent_content_hash, "dataKind": quantity(header.data_kind as u8),
            "dataHash": header.data_hash, "queueEnd": quantity(header.queue_end), "queueHash": header.queue_hash,
            "checkpointHash": header.checkpoint_hash, "configHash": header.config_hash,
            "workGas": quantity(header.work_gas), "contentHash": header.content_hash(),
            "postedAt": quantity(header.posted_at), "hash": header.hash(),
        })
    });
    committed("batch.json", cases.collect());
}

/// Byte `i` of a payload is `i mod 251`; only lengths are written.
#[test]
fn calldata() {
    let cases = [0usize, 1, 65_535, 65_536, 65_537, 122_880].map(|length| {
        let payload: Vec<u8> = (0..length).map(|byte| (byte % 251) as u8).collect();
        json!({ "length": quantity(length as u64), "hash": calldata_hash(&payload) })
    });
    committed("calldata.json", cases.to_vec());
}

#[test]
fn blobs() {
    let cases = (1..=6).map(|count| {
        let hashes: Vec<B256> = (0..count).map(|blob| word("blob", blob)).collect();
        json!({ "versionedHashes": hashes, "hash": blobs_hash(&hashes) })
    });
    committed("blobs.json", cases.collect());
}

#[test]
fn configs() {
    let cases = (0..4).map(|case| {
        let config = ChainConfig {
            version: uint64("version", case) as u32,
            kind: if case % 2 == 0 { ChainKind::Evm } else { ChainKind::Payments },
            l1_chain_id: uint64("l1", case),
            l2_chain_id: uint64("l2", case),
            inbox: address("inbox", case),
            settlement: address("settlement", case),
            bridge: address("bridge", case),
            l1_fee_recipient: address("fees", case),
            genesis_timestamp: uint64("genesis", case),
            fork: uint64("fork", case),
            block_gas_limit: uint64("block gas", case),
            max_blocks_per_batch: uint64("blocks", case),
            max_transactions_per_batch: uint64("transactions", case),
            max_payload_bytes: uint64("payload", case),
            max_messages_per_batch: uint64("messages", case),
            max_message_gas_per_batch: uint64("message gas", case),
            max_work_gas_per_batch: uint64("work", case),
            min_base_fee: uint64("base fee", case),
            max_timestamp_drift: uint64("drift", case),
        };
        json!({
            "version": quantity(config.version), "kind": quantity(config.kind as u8),
            "l1ChainId": quantity(config.l1_chain_id), "l2ChainId": quantity(config.l2_chain_id),
            "inbox": config.inbox, "settlement": config.settlement, "bridge": config.bridge,
            "l1FeeRecipient": config.l1_fee_recipient, "genesisTimestamp": quantity(config.genesis_timestamp),
            "fork": quantity(config.fork), "blockGasLimit": quantity(config.block_gas_limit),
            "maxBlocksPerBatch": quantity(config.max_blocks_per_batch),
            "maxTransactionsPerBatch": quantity(config.max_transactions_per_batch),
            "maxPayloadBytes": quantity(config.max_payload_bytes),
            "maxMessagesPerBatch": quantity(config.max_messages_per_batch),
            "maxMessageGasPerBatch": quantity(config.max_message_gas_per_batch),
            "maxWorkGasPerBatch": quantity(config.max_work_gas_per_batch),
            "minBaseFee": quantity(config.min_base_fee), "maxTimestampDrift": quantity(config.max_timestamp_drift),
            "hash": config.hash(),
        })
    });
    committed("config.json", cases.collect());
}

/// Tests L1-OUT-1, L1-CLAIM-1.
#[test]
fn outputs_and_claims() {
    let outputs = (0..5).map(|case| {
        let fields = OutputFields {
            config_hash: word("config", case),
            batch_hash: word("batch", case),
            last_block_hash: word("block", case),
            state_root: word("state", case),
            message_root: word("messages", case),
            queue_index: uint64("queue", case),
        };
        json!({
            "configHash": fields.config_hash, "batchHash": fields.batch_hash, "lastBlockHash": fields.last_block_hash,
            "stateRoot": fields.state_root, "messageRoot": fields.message_root,
            "queueIndex": quantity(fields.queue_index), "hash": fields.hash(),
        })
    });
    committed("output.json", outputs.collect());
    let claims = (0..3).map(|case| {
        let (parent, entry_hash, last_batch_hash) = (word("parent", case), word("entry", case), word("batch", case));
        let (slot, output) = (slot_id(parent, entry_hash, last_batch_hash), word("output", case));
        json!({
            "parent": parent, "entryHash": entry_hash, "lastBatchHash": last_batch_hash, "slotId": slot,
            "output": output, "claimId": claim_id(slot, output),
        })
    });
    committed("claim.json", claims.collect());
}

#[test]
fn l2_messages() {
    let cases = (0..8).map(|case| {
        let message = L2Message {
            index: uint64("index", case),
            sender: address("sender", case),
            target: address("target", case),
            value: uint256("value", case),
            gas_limit: uint64("gas", case),
            data: data(case).into(),
        };
        json!({
            "index": quantity(message.index), "sender": message.sender, "target": message.target,
            "value": quantity(message.value), "gasLimit": quantity(message.gas_limit), "data": octets(&message.data),
            "hash": message.hash(),
        })
    });
    committed("l2_message.json", cases.collect());
}

/// Proofs that hold, and for each one that must be refused, with its reason.
#[test]
fn message_tree() {
    let mut cases = Vec::new();
    for (count, index) in [(1u64, 0u64), (2, 1), (21, 0), (21, 13)] {
        let leaves: Vec<B256> = (0..count).map(|leaf| word("leaf", leaf)).collect();
        let tree = MessageTree::new(leaves.clone());
        let leaf = leaves[index as usize];
        let siblings: [B256; 32] = tree.prove(index).unwrap().try_into().unwrap();
        let mut swapped = siblings;
        swapped.swap(0, 1);
        let mut flipped = siblings;
        flipped[31].0[31] ^= 1;
        let variants = [
            ("", index, leaf, siblings),
            ("wrong index", index ^ 1, leaf, siblings),
            ("wrong leaf", index, word("leaf", index + 1), siblings),
            ("siblings swapped", index, leaf, swapped),
            ("sibling flipped", index, leaf, flipped),
        ];
        for (reject, index, leaf, siblings) in variants {
            assert_eq!(root_from_proof(leaf, index, &siblings) == tree.root(), reject.is_empty());
            cases.push(json!({
                "reject": reject, "index": quantity(index), "leaf": leaf, "siblings": siblings, "root": tree.root(),
            }));
        }
    }
    committed("message_tree.json", cases);
}
