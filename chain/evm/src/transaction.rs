//! Transactions as blocks hold them: what users signed, and deposits, which L1 or the rulebook orders.
//!
//! Rules: EVM-TX-*, EVM-DEP-1 (`docs/spec/evm.md`). A deposit is encoded as EIP-2718 type 0x7e with the fields that the OP stack
//! gave it, so that wallets and explorers show it.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_rlp::{BufMut, Encodable, RlpDecodable, RlpEncodable};
use revm::{
    context::TxEnv,
    context_interface::{
        cfg::gas::calculate_initial_tx_gas,
        transaction::{RecoveredAuthority, RecoveredAuthorization, SignedAuthorization},
    },
    primitives::eip7825::TX_GAS_LIMIT_CAP,
};
use tandem_chain::{
    Checkpoint, Message,
    config::BLOCK_GAS_LIMIT_MIN,
    message::{MESSAGE_GAS_MAX, VALUE_ALL},
};

use crate::{
    cryptography::{InvalidSignature, recover_authority, recover_signer},
    env::FORK,
    fees::data_gas,
    payload::SignedTransaction,
    predeploys::{self, L1_INFO, SYSTEM},
};

/// EIP-2718 type of a deposit.
pub const DEPOSIT_TYPE: u8 = 0x7e;
/// Gas of the system transaction that stores a batch's checkpoint (EVM-SYS-2).
pub const CHECKPOINT_GAS: u64 = 300_000;
const _: () = assert!(
    TX_GAS_LIMIT_CAP + CHECKPOINT_GAS <= BLOCK_GAS_LIMIT_MIN && MESSAGE_GAS_MAX <= TX_GAS_LIMIT_CAP,
    "every block holds the greatest transaction or message beside the checkpoint",
);

/// A transaction that nobody signed: a message from L1, or the checkpoint of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct DepositTransaction {
    /// Names its origin on L1; makes the transaction's hash unique.
    pub source_hash: B256,
    /// The account that sends, after aliasing.
    pub from: Address,
    /// The account that is called.
    pub to: Address,
    /// Wei created for the sender: what came from L1.
    pub mint: U256,
    /// Wei passed along, of all that the sender has; [`VALUE_ALL`] is all of it.
    pub value: U256,
    /// The most that it may use, in gas.
    pub gas_limit: u64,
    /// Whether it is the rulebook's own.
    pub is_system: bool,
    /// The input of the call.
    pub data: Bytes,
}

impl DepositTransaction {
    /// The transaction that a message becomes (EVM-DEP-1): a function of the message alone, so that its hash is known from L1.
    pub fn from_message(index: u64, message: &Message) -> Self {
        Self {
            source_hash: source_hash(0, message.hash(), index),
            from: message.sender,
            to: message.to,
            mint: message.mint,
            value: message.value,
            gas_limit: message.gas_limit,
            is_system: false,
            data: message.data.clone(),
        }
    }

    /// The transaction that stores a batch's checkpoint, first in the batch's first block `number` (EVM-SYS-2).
    pub fn from_checkpoint(number: u64, checkpoint: &Checkpoint) -> Self {
        Self {
            source_hash: source_hash(1, checkpoint.hash(), number),
            from: SYSTEM,
            to: L1_INFO,
            gas_limit: CHECKPOINT_GAS,
            is_system: true,
            data: predeploys::set_checkpoint_calldata(checkpoint),
            ..Default::default()
        }
    }

    /// The wei that the call passes on where the sender has `balance` (EVM-DEP-3). It may be more than that.
    pub fn spends(&self, balance: U256) -> U256 {
        if self.value == VALUE_ALL { balance } else { self.value }
    }

    fn encode_2718(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length().saturating_add(1));
        bytes.put_u8(DEPOSIT_TYPE);
        self.encode(&mut bytes);
        bytes
    }
}

fn source_hash(domain: u64, origin: B256, index: u64) -> B256 {
    let place = keccak256([origin, U256::from(index).into()].concat());
    keccak256([B256::from(U256::from(domain)), place].concat())
}

/// A transaction of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// Ordered by L1 or by rule.
    Deposit(DepositTransaction),
    /// Signed by its sender.
    Signed(Recovered),
}

/// A signed transaction and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    transaction: SignedTransaction,
    signer: Address,
}

impl Recovered {
    /// Recovers the signer. Refuses high-s signatures (EIP-2).
    pub fn new(transaction: SignedTransaction) -> Result<Self, InvalidSignature> {
        let signer = recover_signer(transaction.signature(), transaction.signature_hash())?;
        Ok(Self { transaction, signer })
    }

    /// Takes a signer that was recovered before, as from this node's own database.
    pub fn new_unchecked(transaction: SignedTransaction, signer: Address) -> Self {
        Self { transaction, signer }
    }

    /// The account whose key signed the transaction.
    pub fn signer(&self) -> Address {
        self.signer
    }

    /// The transaction as its sender signed it.
    pub fn transaction(&self) -> &SignedTransaction {
        &self.transaction
    }
}

impl Transaction {
    /// The bytes that EIP-2718 gives a transaction on the wire.
    pub fn encode_2718(&self) -> Vec<u8> {
        match self {
            Self::Deposit(deposit) => deposit.encode_2718(),
            Self::Signed(signed) => signed.transaction.encode_2718(),
        }
    }

    /// The keccak-256 of the EIP-2718 bytes.
    pub fn hash(&self) -> B256 {
        match self {
            Self::Deposit(deposit) => keccak256(deposit.encode_2718()),
            Self::Signed(signed) => *signed.transaction.hash(),
        }
    }

    /// The transaction's type by EIP-2718.
    pub fn tx_type(&self) -> u8 {
        match self {
            Self::Deposit(_) => DEPOSIT_TYPE,
            Self::Signed(signed) => signed.transaction.tx_type(),
        }
    }

    /// The account that sends, signed or by a message.
    pub fn from(&self) -> Address {
        match self {
            Self::Deposit(deposit) => deposit.from,
            Self::Signed(signed) => signed.signer,
        }
    }
}

impl SignedTransaction {
    /// The transaction's type by EIP-2718.
    pub fn tx_type(&self) -> u8 {
        match self {
            Self::Legacy(_) => 0,
            Self::Eip2930(_) => 1,
            Self::Eip1559(_) => 2,
            Self::Eip7702(_) => 4,
        }
    }

    /// What the sender signed.
    pub fn signature_hash(&self) -> B256 {
        match self {
            Self::Legacy(signed) => signed.signature_hash(),
            Self::Eip2930(signed) => signed.signature_hash(),
            Self::Eip1559(signed) => signed.signature_hash(),
            Self::Eip7702(signed) => signed.signature_hash(),
        }
    }

    /// The unsigned fields, as alloy's trait shows them.
    pub fn fields(&self) -> &dyn alloy_consensus::Transaction {
        match self {
            Self::Legacy(signed) => signed.tx(),
            Self::Eip2930(signed) => signed.tx(),
            Self::Eip1559(signed) => signed.tx(),
            Self::Eip7702(signed) => signed.tx(),
        }
    }

    /// Gas that the transaction must allow for before anything of it is executed: intrinsic gas, or the calldata floor (EIP-7623) or what its
    /// data takes (EVM-FEE-4) where that is more.
    pub fn intrinsic_gas(&self) -> u64 {
        let fields = self.fields();
        let (entries, keys) = fields
            .access_list()
            .map_or((0, 0), |list| (list.len() as u64, list.iter().map(|entry| entry.storage_keys.len() as u64).sum()));
        let authorizations = self.authorizations().len() as u64;
        let is_create = fields.kind().is_create();
        let gas = calculate_initial_tx_gas(FORK, fields.input(), is_create, entries, keys, authorizations, None);
        gas.initial_regular_gas
            .saturating_add(gas.initial_state_gas)
            .max(gas.floor_gas)
            .max(data_gas(&self.encode_2718()))
    }

    pub(crate) fn authorizations(&self) -> &[SignedAuthorization] {
        match self {
            Self::Eip7702(signed) => &signed.tx().authorization_list,
            _ => &[],
        }
    }
}

/// What the EVM executes for a signed transaction.
pub fn tx_env(transaction: &Recovered) -> TxEnv {
    let mut env = env_without_authorizations(transaction);
    env.set_recovered_authorization(transaction.transaction.authorizations().iter().map(recover_authority).collect());
    env
}

/// The same with authorisations that nobody signed: enough to ask whether the transaction is valid.
pub(crate) fn unrecovered_env(transaction: &Recovered) -> TxEnv {
    let unsigned = |signed: &SignedAuthorization| {
        RecoveredAuthorization::new_unchecked(signed.inner().clone(), RecoveredAuthority::Invalid)
    };
    let mut env = env_without_authorizations(transaction);
    env.set_recovered_authorization(transaction.transaction.authorizations().iter().map(unsigned).collect());
    env
}

fn env_without_authorizations(transaction: &Recovered) -> TxEnv {
    let fields = transaction.transaction.fields();
    TxEnv {
        tx_type: transaction.transaction.tx_type(),
        caller: transaction.signer,
        gas_limit: fields.gas_limit(),
        gas_price: fields.max_fee_per_gas(),
        gas_priority_fee: fields.max_priority_fee_per_gas(),
        kind: fields.kind(),
        value: fields.value(),
        data: fields.input().clone(),
        nonce: fields.nonce(),
        chain_id: fields.chain_id(),
        access_list: fields.access_list().cloned().unwrap_or_default(),
        ..Default::default()
    }
}

/// What the EVM executes for a deposit whose sender has `balance`.
pub fn deposit_env(deposit: &DepositTransaction, balance: U256) -> TxEnv {
    TxEnv {
        caller: deposit.from,
        gas_limit: deposit.gas_limit,
        kind: TxKind::Call(deposit.to),
        value: deposit.spends(balance),
        data: deposit.data.clone(),
        chain_id: None,
        ..Default::default()
    }
}
