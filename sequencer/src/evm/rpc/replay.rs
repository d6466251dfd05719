//! Executing a block again, for who wants to know what happened inside: each transaction on the state that it met.

use std::cell::RefCell;

use alloy::{
    consensus::Header,
    primitives::{Address, B256, U256},
};
use revm::{
    Database, DatabaseRef,
    bytecode::Bytecode,
    context::{BlockEnv, CfgEnv, TxEnv},
    state::AccountInfo,
};
use tandem_evm::{
    BlockAttributes, BlockBuilder, DepositTransaction, EvmBlock, Transaction, WorldState,
    block::{block_env, cfg_env, deposit_cfg_env},
    fees::{BaseFee, DataCharge},
    transaction::{deposit_env, tx_env},
};
use tandem_store::{MissingPreimage, Store};

use super::{eth, json};
use crate::rpc::{RpcContext, RpcError};

/// Everything that executing one transaction takes, but for the state.
#[derive(Clone, Debug)]
pub struct Execution {
    /// The block as its code sees it.
    pub block: BlockEnv,
    /// The rules that it is executed under.
    pub cfg: CfgEnv,
    /// The transaction as the EVM takes it.
    pub tx: TxEnv,
    /// What its data takes of gas and wei (EVM-FEE-4, EVM-FEE-5).
    pub charge: DataCharge,
}

/// Whether there is anything to see.
#[derive(Debug)]
pub enum Replayed {
    /// What the transaction was executed with.
    Executed(Box<Execution>),
    /// A message that counted in its sender's nonce, or not even that (EVM-DEP-3): no code ran.
    NotExecuted,
}

/// Executes the first `count` transactions of a block again. `visit` is told of each, with the state before it; what it changes there must not
/// last, but of the last one.
pub fn replay(
    context: &RpcContext,
    block: &EvmBlock,
    count: usize,
    mut visit: impl FnMut(usize, Replayed, &mut WorldState<Store>) -> Result<(), RpcError>,
) -> Result<(), RpcError> {
    let parent = parent(context, &block.header)?;
    let parent_hash = block.header.parent_hash;
    let checkpoint = eth::checkpoint_of(context, block)?;
    let first_of_batch = matches!(block.transactions.first(), Some(Transaction::Deposit(first)) if first.is_system);
    let attributes = BlockAttributes { timestamp: block.header.timestamp, checkpoint, first_of_batch };
    let chain_id = context.chain.l2_chain_id;
    if first_of_batch
        && count > 0
        && let Some(Transaction::Deposit(deposit)) = block.transactions.first()
    {
        // The builder executes this one by itself.
        let mut state = WorldState::open(parent.state_root, context.store.clone());
        state.record_block_hash(parent.number, parent_hash)?;
        visit_deposit(&block.header, chain_id, (0, deposit), true, &mut state, &mut visit)?;
    }
    let mut state = WorldState::open(parent.state_root, context.store.clone());
    let mut builder = BlockBuilder::begin(&context.chain, &parent, parent_hash, attributes, &mut state)?;
    let queue_index = context.store.queue_index_after(parent.number)?.ok_or(RpcError::UnknownBlock)?;
    let mut messages = queue_index..;
    for (index, transaction) in block.transactions.iter().enumerate().take(count) {
        context.turns.check_time()?;
        // Nobody sees the state after the last one.
        let is_last = index.saturating_add(1) == count;
        match transaction {
            Transaction::Deposit(deposit) if deposit.is_system => {}
            Transaction::Deposit(deposit) => {
                let message_index = messages.next().unwrap_or(u64::MAX);
                let (message, _) = context.store.message(message_index)?.ok_or(RpcError::UnknownBlock)?;
                let is_executed = block.receipts.get(index).is_some_and(|receipt| receipt.success)
                    || json::gas_used(block, index) > 0;
                visit_deposit(&block.header, chain_id, (index, deposit), is_executed, builder.state(), &mut visit)?;
                if !is_last {
                    builder.push_message(message_index, &message)?;
                }
            }
            Transaction::Signed(signed) => {
                let encoded = signed.transaction().encode_2718();
                let execution = Execution {
                    block: block_env(&block.header),
                    cfg: cfg_env(chain_id),
                    tx: tx_env(signed),
                    charge: DataCharge::new(&encoded, &checkpoint, BaseFee::of(&block.header)),
                };
                visit(index, Replayed::Executed(Box::new(execution)), builder.state())?;
                if !is_last {
                    let pushed = builder.push_transaction(signed.clone(), u64::MAX);
                    pushed.map_err(|_| RpcError::Internal("a block does not execute as it did".into()))?;
                }
            }
        }
    }
    Ok(())
}

/// Shows a deposit with what it mints, which is taken back afterwards.
fn visit_deposit(
    header: &Header,
    chain_id: u64,
    (index, deposit): (usize, &DepositTransaction),
    is_executed: bool,
    state: &mut WorldState<Store>,
    visit: &mut impl FnMut(usize, Replayed, &mut WorldState<Store>) -> Result<(), RpcError>,
) -> Result<(), RpcError> {
    if !is_executed {
        return visit(index, Replayed::NotExecuted, state);
    }
    state.credit(deposit.from, deposit.mint)?;
    let balance = state.balance(deposit.from)?;
    let execution = Execution {
        block: block_env(header),
        cfg: deposit_cfg_env(chain_id),
        tx: deposit_env(deposit, balance),
        charge: DataCharge::default(),
    };
    visit(index, Replayed::Executed(Box::new(execution)), state)?;
    state.debit(deposit.from, deposit.mint)?;
    Ok(())
}

/// The header that a block stands on, still there after a reorganisation or not.
fn parent(context: &RpcContext, header: &Header) -> Result<Header, RpcError> {
    let number = header.number.checked_sub(1).ok_or(RpcError::GenesisNotTraceable)?;
    let parent = context.store.header(number)?.ok_or(RpcError::UnknownBlock)?;
    match parent.hash_slow() == header.parent_hash {
        true => Ok(parent),
        // A reorganisation came between.
        false => Err(RpcError::UnknownBlock),
    }
}

/// A state that is read through a shared reference, as tracers want it.
pub struct Shared<'a>(RefCell<&'a mut WorldState<Store>>);

impl<'a> Shared<'a> {
    /// Borrows `state` until the tracer is done.
    pub fn new(state: &'a mut WorldState<Store>) -> Self {
        Self(RefCell::new(state))
    }
}

impl DatabaseRef for Shared<'_> {
    type Error = tandem_evm::StateError<MissingPreimage>;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        self.0.borrow_mut().basic(address)
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        self.0.borrow_mut().code_by_hash(code_hash)
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        self.0.borrow_mut().storage(address, slot)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        self.0.borrow_mut().block_hash(number)
    }
}
