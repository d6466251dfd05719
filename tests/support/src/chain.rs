//! A chain in memory: batches in, outputs out, every pre-image kept.

use std::{cell::RefCell, collections::HashMap};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use k256::ecdsa::SigningKey;
use tandem_chain::{
    BatchHeader, BatchInput, ChainConfig, Checkpoint, DataKind, Message, OutputFields, PreimageSource, StateMachine,
    Transition, batch::calldata_hash, message::queue_hash_after,
};
use tandem_evm::{
    Evm, EvmBlock, Recovered, Transaction, WorldState,
    fee_estimate::estimate_posted_bytes,
    genesis,
    payload::{Payload, PayloadBlock, SignedTransaction, encode},
    predeploys,
};

use crate::config;

pub const GWEI: u64 = 1_000_000_000;

#[derive(Clone, Default)]
pub struct Memory(pub HashMap<B256, Bytes>);

#[derive(Debug, thiserror::Error)]
#[error("no pre-image {0}")]
pub struct Missing(B256);

impl PreimageSource for Memory {
    type Error = Missing;

    fn preimage(&self, hash: B256) -> Result<Bytes, Missing> {
        self.0.get(&hash).cloned().ok_or(Missing(hash))
    }
}

/// A chain whose L1 is a test.
#[derive(Clone)]
pub struct TestChain {
    pub config: ChainConfig,
    pub output: OutputFields,
    pub header: BatchHeader,
    pub memory: Memory,
    /// L1's base fee and blob base fee, as the next batch's checkpoint has them.
    pub l1_prices: [U256; 2],
}

/// A batch that was applied, what it was applied to, and what came of it.
pub struct Applied {
    pub previous: OutputFields,
    pub previous_queue_hash: B256,
    pub before: HashMap<B256, Bytes>,
    pub batch: BatchInput,
    pub output: OutputFields,
}

thread_local! {
    /// What the chains of this thread applied.
    pub static APPLIED: RefCell<Vec<Applied>> = const { RefCell::new(Vec::new()) };
}

impl TestChain {
    pub fn new(config: ChainConfig) -> Self {
        let genesis = genesis(&config).unwrap();
        let header = BatchHeader {
            index: 0,
            parent_hash: B256::ZERO,
            parent_content_hash: B256::ZERO,
            data_kind: DataKind::None,
            data_hash: B256::ZERO,
            queue_end: 0,
            queue_hash: B256::ZERO,
            checkpoint_hash: B256::ZERO,
            config_hash: config.hash(),
            work_gas: 0,
            posted_at: config.genesis_timestamp,
        };
        let memory = Memory(genesis.preimages.into_iter().collect());
        Self { config, output: genesis.output, header, memory, l1_prices: [U256::from(GWEI), U256::from(1)] }
    }

    /// What L1 would hold for the next batch.
    pub fn input(&self, messages: Vec<Message>, payload: Bytes) -> BatchInput {
        let [base_fee, blob_base_fee] = self.l1_prices;
        let timestamp = self.header.posted_at;
        let checkpoint = Checkpoint { number: 10 + self.header.index, timestamp, base_fee, blob_base_fee };
        let queue_hash =
            messages.iter().fold(self.header.queue_hash, |hash, message| queue_hash_after(hash, message.hash()));
        let header = BatchHeader {
            index: self.header.index + 1,
            parent_hash: self.output.batch_hash,
            parent_content_hash: self.header.content_hash(),
            data_kind: if payload.is_empty() { DataKind::None } else { DataKind::Calldata },
            data_hash: if payload.is_empty() { B256::ZERO } else { calldata_hash(&payload) },
            queue_end: self.header.queue_end + messages.len() as u64,
            queue_hash,
            checkpoint_hash: checkpoint.hash(),
            config_hash: self.config.hash(),
            work_gas: if payload.is_empty() { 0 } else { self.config.max_work_gas_per_batch },
            posted_at: self.header.posted_at + 12,
        };
        BatchInput { header, config: self.config.clone(), checkpoint, messages, payload }
    }

    /// Applies a batch and returns the blocks that it makes.
    pub fn apply(&mut self, input: &BatchInput) -> Vec<EvmBlock> {
        let Transition { output, blocks, preimages } = Evm.transition(&self.output, input, &self.memory).unwrap();
        let applied = Applied {
            previous: self.output,
            previous_queue_hash: self.header.queue_hash,
            before: self.memory.0.clone(),
            batch: input.clone(),
            output,
        };
        APPLIED.with_borrow_mut(|all| all.push(applied));
        self.memory.0.extend(preimages);
        self.output = output;
        self.header = input.header;
        blocks
    }

    pub fn batch(&mut self, messages: Vec<Message>, blocks: Vec<PayloadBlock>) -> Vec<EvmBlock> {
        let payload = encode(&Payload { blocks }, self.config.l2_chain_id, |_| None).unwrap().stored();
        let input = self.input(messages, payload.into());
        self.apply(&input)
    }

    pub fn balance(&self, address: Address) -> U256 {
        WorldState::open(self.output.state_root, &self.memory).balance(address).unwrap()
    }

    pub fn code(&self, address: Address) -> Bytes {
        WorldState::open(self.output.state_root, &self.memory).code(address).unwrap()
    }

    pub fn nonce(&self, address: Address) -> u64 {
        WorldState::open(self.output.state_root, &self.memory).account(address).unwrap().map_or(0, |info| info.nonce)
    }
}

/// Somebody with a key.
pub struct User(SigningKey);

impl User {
    pub fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub fn address(&self) -> Address {
        Address::from_private_key(&self.0)
    }

    pub fn sign(&self, transaction: TxEip1559) -> SignedTransaction {
        let signature = self.sign_hash(transaction.signature_hash());
        SignedTransaction::Eip1559(transaction.into_signed(signature))
    }

    pub fn sign_hash(&self, hash: B256) -> Signature {
        self.0.sign_prehash_recoverable(hash.as_slice()).unwrap().into()
    }

    pub fn transfer(&self, nonce: u64, to: Address, value: u64) -> SignedTransaction {
        self.sign(TxEip1559 { to: TxKind::Call(to), value: U256::from(value), ..self.template(nonce) })
    }

    pub fn template(&self, nonce: u64) -> TxEip1559 {
        TxEip1559 {
            chain_id: config().l2_chain_id,
            nonce,
            gas_limit: 100_000,
            max_fee_per_gas: u128::from(GWEI),
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(Address::ZERO),
            value: U256::ZERO,
            access_list: Default::default(),
            input: Bytes::new(),
        }
    }
}

/// The same transaction as a legacy one, with the chain id or without.
pub fn legacy(user: &User, plain: TxEip1559, is_protected: bool) -> SignedTransaction {
    let TxEip1559 { chain_id, nonce, gas_limit, max_fee_per_gas: gas_price, to, value, input, .. } = plain;
    let tx = TxLegacy { chain_id: is_protected.then_some(chain_id), nonce, gas_price, gas_limit, to, value, input };
    let signature = user.sign_hash(tx.signature_hash());
    SignedTransaction::Legacy(tx.into_signed(signature))
}

/// The same with an access list.
pub fn access_list(user: &User, plain: TxEip1559) -> SignedTransaction {
    let TxEip1559 { chain_id, nonce, gas_limit, max_fee_per_gas: gas_price, to, value, input, .. } = plain;
    let access_list = AccessList(vec![AccessListItem {
        address: predeploys::MESSAGE_PASSER,
        storage_keys: vec![B256::ZERO, B256::with_last_byte(1)],
    }]);
    let tx = TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input };
    let signature = user.sign_hash(tx.signature_hash());
    SignedTransaction::Eip2930(tx.into_signed(signature))
}

/// The sender delegates itself, by an authorisation that is right and one that is for an earlier nonce.
pub fn delegate(user: &User, plain: TxEip1559) -> SignedTransaction {
    let authorization = |nonce| {
        let authorization =
            Authorization { chain_id: U256::from(plain.chain_id), address: predeploys::L2_BRIDGE, nonce };
        let signature = user.sign_hash(authorization.signature_hash());
        authorization.into_signed(signature)
    };
    let tx = TxEip7702 {
        chain_id: plain.chain_id,
        nonce: plain.nonce,
        gas_limit: plain.gas_limit,
        max_fee_per_gas: plain.max_fee_per_gas,
        max_priority_fee_per_gas: plain.max_priority_fee_per_gas,
        to: Address::repeat_byte(0xb0),
        value: plain.value,
        input: plain.input,
        authorization_list: vec![authorization(plain.nonce), authorization(plain.nonce + 1)],
        ..Default::default()
    };
    let signature = user.sign_hash(tx.signature_hash());
    SignedTransaction::Eip7702(tx.into_signed(signature))
}

pub fn deposit(to: Address, value: u64) -> Message {
    let value = U256::from(value);
    Message { kind: 0, sender: to, to, mint: value, value, gas_limit: 100_000, refund: to, data: Bytes::new() }
}

pub fn block(timestamp: u64, message_count: u32, transactions: Vec<SignedTransaction>) -> PayloadBlock {
    PayloadBlock { timestamp, message_count, transactions }
}

/// Wei that a block's signed transaction paid, by the specification (EVM-FEE-3 to 5) and not by the rulebook's functions.
pub fn paid(block: &EvmBlock, index: usize, checkpoint: &Checkpoint) -> Option<(Recovered, Paid)> {
    let Transaction::Signed(signed) = &block.transactions[index] else { return None };
    let before = index.checked_sub(1).map_or(0, |before| block.receipts[before].cumulative_gas_used);
    let gas_used = block.receipts[index].cumulative_gas_used - before;
    let fields = signed.transaction().fields();
    let base_fee = u128::from(block.header.base_fee_per_gas.unwrap());
    let execution = u128::from(u64::from_be_bytes(block.header.extra_data.as_ref().try_into().unwrap()));
    // All of a gas price beyond the base fee is the tip.
    let tip_max = fields.max_priority_fee_per_gas().unwrap_or(u128::MAX);
    let tip = tip_max.min(fields.max_fee_per_gas() - base_fee);
    let posted_bytes = estimate_posted_bytes(&signed.transaction().encode_2718());
    let price = checkpoint.base_fee.saturating_mul(U256::from(1_600_000));
    let price = price.saturating_add(checkpoint.blob_base_fee.saturating_mul(U256::from(1_100_000)));
    let data_fee = price.saturating_mul(U256::from(posted_bytes)) / U256::from(1_000_000);
    let share = (data_fee + U256::from(gas_used - 1)) / U256::from(gas_used);
    let data = u128::try_from(share).unwrap_or(u128::MAX).min(base_fee - execution);
    Some((signed.clone(), Paid { gas_used, price: execution + tip + data, data_fee, data, posted_bytes }))
}

/// What a transaction paid, as [`paid`] computes it.
#[derive(Clone, Copy, Debug)]
pub struct Paid {
    pub gas_used: u64,
    /// Effective, in wei per gas.
    pub price: u128,
    pub data_fee: U256,
    /// What of the price is for data.
    pub data: u128,
    pub posted_bytes: u64,
}

impl Paid {
    pub fn wei(&self) -> U256 {
        U256::from(self.gas_used) * U256::from(self.price)
    }
}
