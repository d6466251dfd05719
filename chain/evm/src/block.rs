//! Building one block. The sequencer, `transition` and the guest all build blocks here, one transaction at a time.
//!
//! Rules: EVM-HDR-*, EVM-ENV-*, EVM-SYS-*, EVM-DEP-*, EVM-TX-*, EVM-FEE-*, EVM-WORK-1 (`docs/spec/evm.md`). Transactions and messages are adversarial;
//! one that cannot be executed changes nothing (transaction) or is refunded (message).

use alloc::vec::Vec;
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{B256, Bloom, Bytes, keccak256};
use revm::{
    context::{
        CfgEnv,
        result::{ExecutionResult, ResultAndState},
    },
    database_interface::DatabaseCommit,
};
use tandem_chain::{ChainConfig, Checkpoint, Message, PreimageSource, Preimages, message::KIND_CALL};

pub use crate::{
    env::{FORK, MIN_WORK_GAS, block_env, cfg_env, deposit_cfg_env},
    rejected::Rejected,
};
use crate::{
    execute::{transact, validate},
    fees::{BaseFee, DataCharge},
    predeploys::{self, FEE_VAULT},
    receipt::{Receipt, receipts_root, transactions_root},
    state::{StateError, WorldState},
    transaction::{DepositTransaction, Recovered, Transaction, deposit_env, tx_env, unrecovered_env},
    validity,
};

/// A block with its header's fields filled in and its hash computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvmBlock {
    /// The header, of Ethereum's own form.
    pub header: Header,
    /// The keccak-256 of the RLP of `header`.
    pub hash: B256,
    /// Deposits first, then what users signed.
    pub transactions: Vec<Transaction>,
    /// The receipts, one for each transaction in its order.
    pub receipts: Vec<Receipt>,
    /// L1 messages that this block consumed.
    pub message_count: u64,
}

/// What a block is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockAttributes {
    /// Seconds; not before the parent's.
    pub timestamp: u64,
    /// The L1 checkpoint that the batch of this block names.
    pub checkpoint: Checkpoint,
    /// Whether the block is its batch's first, and so stores the checkpoint (EVM-SYS-2).
    pub first_of_batch: bool,
}

/// What the sender of a deposit may do (EVM-DEP-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// The message calls, as its sender would.
    Calls,
    /// The kind is unknown: the message counts in its nonce, and that is all.
    CallsNothing,
    /// A reserved address (PRE-3): nothing of it changes.
    Reserved,
}

/// A block under construction.
#[derive(Debug)]
pub struct BlockBuilder<'a, S> {
    config: &'a ChainConfig,
    state: &'a mut WorldState<S>,
    attributes: BlockAttributes,
    header: Header,
    transactions: Vec<Transaction>,
    receipts: Vec<Receipt>,
    message_count: u64,
}

type Error<S> = StateError<<S as PreimageSource>::Error>;

impl<'a, S: PreimageSource> BlockBuilder<'a, S> {
    /// Starts a block on `parent`, whose state `state` is at: records the parent's hash and, in the first block of a batch, the checkpoint.
    pub fn begin(
        config: &'a ChainConfig,
        parent: &Header,
        parent_hash: B256,
        attributes: BlockAttributes,
        state: &'a mut WorldState<S>,
    ) -> Result<Self, Error<S>> {
        let header = header_template(config, parent, parent_hash, &attributes);
        state.record_block_hash(parent.number, parent_hash)?;
        let mut builder = Self {
            config,
            state,
            attributes,
            header,
            transactions: Vec::new(),
            receipts: Vec::new(),
            message_count: 0,
        };
        if attributes.first_of_batch {
            let deposit = DepositTransaction::from_checkpoint(builder.header.number, &attributes.checkpoint);
            builder.execute_deposit(deposit, Caller::Calls)?;
        }
        Ok(builder)
    }

    /// Gas not used yet.
    pub fn gas_left(&self) -> u64 {
        self.header.gas_limit.saturating_sub(self.header.gas_used)
    }

    /// Transactions so far, deposits included.
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// Base fee in wei.
    pub fn base_fee(&self) -> u64 {
        self.header.base_fee_per_gas.unwrap_or_default()
    }

    /// The state with everything executed so far.
    pub fn state(&mut self) -> &mut WorldState<S> {
        self.state
    }

    /// Executes the queue's next message, if it fits (EVM-DEP-2). Says whether it did. The first message of a block always fits.
    pub fn push_message(&mut self, index: u64, message: &Message) -> Result<bool, Error<S>> {
        if message.gas_limit > self.gas_left() && self.message_count > 0 {
            return Ok(false);
        }
        let mut deposit = DepositTransaction::from_message(index, message);
        deposit.gas_limit = deposit.gas_limit.min(self.gas_left());
        let caller = match message.kind {
            _ if predeploys::is_reserved(message.sender) => Caller::Reserved,
            KIND_CALL => Caller::Calls,
            _ => Caller::CallsNothing,
        };
        let succeeded = self.execute_deposit(deposit, caller)?;
        // What the call would have passed on is the sender's again; what came with the message is there, whatever it was to be.
        if !succeeded && self.state.debit(message.sender, message.mint)? {
            self.state.credit(message.refund, message.mint)?;
        }
        self.message_count = self.message_count.saturating_add(1);
        Ok(true)
    }

    /// Executes a signed transaction, or rejects it without a trace. Returns the work that it took of the batch's budget (EVM-WORK-1).
    pub fn push_transaction(&mut self, transaction: Recovered, work_gas_left: u64) -> Result<u64, Rejected<S::Error>> {
        validity::check_room(&transaction, self.gas_left(), work_gas_left)?;
        validity::check_signer(&transaction)?;
        let (checkpoint, base_fee) = (&self.attributes.checkpoint, BaseFee::of(&self.header));
        let charge = DataCharge::new(&transaction.transaction().encode_2718(), checkpoint, base_fee);
        self.check_payer(&transaction, charge)?;
        let (block, cfg) = (block_env(&self.header), self.cfg());
        let ResultAndState { result, state } = transact(self.state, block, cfg, tx_env(&transaction), charge)?;
        self.state.commit(state);
        let gas_used = result.tx_gas_used();
        self.record(Transaction::Signed(transaction), result);
        Ok(gas_used.max(MIN_WORK_GAS))
    }

    /// Asks the EVM about a transaction with authorisations before they are recovered: one that pays for nothing must not cost that.
    fn check_payer(&mut self, transaction: &Recovered, charge: DataCharge) -> Result<(), Rejected<S::Error>> {
        if transaction.transaction().authorizations().is_empty() {
            return Ok(());
        }
        let (block, cfg) = (block_env(&self.header), self.cfg());
        validate(self.state, block, cfg, unrecovered_env(transaction), charge)
    }

    /// Seals the block: folds its changes into the state and computes the header. Returns it with the new pre-images.
    pub fn seal(mut self) -> Result<(EvmBlock, Preimages), Error<S>> {
        let (state_root, mut preimages) = self.state.seal()?;
        self.header.state_root = state_root;
        self.header.transactions_root = transactions_root(&self.transactions);
        self.header.receipts_root = receipts_root(&self.receipts);
        self.header.logs_bloom = self.receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom());
        let encoded = alloy_rlp::encode(&self.header);
        let hash = keccak256(&encoded);
        preimages.push((hash, encoded.into()));
        let block = EvmBlock {
            header: self.header,
            hash,
            transactions: self.transactions,
            receipts: self.receipts,
            message_count: self.message_count,
        };
        Ok((block, preimages))
    }

    /// Mints, executes and records a deposit (EVM-DEP-3). Says whether its call succeeded.
    fn execute_deposit(&mut self, deposit: DepositTransaction, caller: Caller) -> Result<bool, Error<S>> {
        self.state.credit(deposit.from, deposit.mint)?;
        let cfg = deposit_cfg_env(self.config.l2_chain_id);
        let executed = match caller {
            Caller::Calls => {
                let balance = self.state.balance(deposit.from)?;
                transact(
                    self.state,
                    block_env(&self.header),
                    cfg,
                    deposit_env(&deposit, balance),
                    DataCharge::default(),
                )
                .map(Some)
            }
            Caller::CallsNothing | Caller::Reserved => Ok(None),
        };
        let result = match executed {
            Ok(Some(ResultAndState { result, state })) => {
                self.state.commit(state);
                result
            }
            Err(Rejected::State(error)) => return Err(error),
            Ok(None) | Err(_) => {
                if caller != Caller::Reserved {
                    self.state.count_nonce(deposit.from)?;
                }
                not_executed()
            }
        };
        let succeeded = result.is_success();
        self.record(Transaction::Deposit(deposit), result);
        Ok(succeeded)
    }

    fn cfg(&self) -> CfgEnv {
        cfg_env(self.config.l2_chain_id)
    }

    fn record(&mut self, transaction: Transaction, result: ExecutionResult) {
        self.header.gas_used = self.header.gas_used.saturating_add(result.tx_gas_used());
        self.receipts.push(Receipt {
            tx_type: transaction.tx_type(),
            success: result.is_success(),
            cumulative_gas_used: self.header.gas_used,
            logs: result.into_logs(),
        });
        self.transactions.push(transaction);
    }
}

/// A header with everything that is known before execution (EVM-HDR-1).
pub fn header_template(
    config: &ChainConfig,
    parent: &Header,
    parent_hash: B256,
    attributes: &BlockAttributes,
) -> Header {
    let base_fee = BaseFee::after(parent, attributes.timestamp, config.min_base_fee, &attributes.checkpoint);
    Header {
        parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: FEE_VAULT,
        number: parent.number.saturating_add(1),
        gas_limit: config.block_gas_limit,
        timestamp: attributes.timestamp,
        mix_hash: keccak256(parent_hash),
        base_fee_per_gas: Some(base_fee.total()),
        extra_data: base_fee.extra_data(),
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(attributes.checkpoint.hash()),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Default::default()
    }
}

/// The result of a deposit that the EVM did not even start.
fn not_executed() -> ExecutionResult {
    ExecutionResult::Revert { gas: Default::default(), logs: Vec::new(), output: Bytes::new() }
}
