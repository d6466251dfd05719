//! What batches become on L1 and what they derive to: by the rulebook's own functions, on the node's store.

use std::cell::RefCell;

use alloy::primitives::{Address, B256};
use tandem_chain::{BatchInput, ChainConfig, Message, OutputFields, StateMachine, machine::Transition};
use tandem_evm::{DepositTransaction, Evm, EvmBlock, Transaction, WorldState};
use tandem_store::{Store, StoreError};

use super::{ExecutionError, OpenBatch};

/// Hash of the output that the chain begins with.
pub(crate) fn genesis_output(chain: &ChainConfig) -> Result<B256, StoreError> {
    Ok(tandem_evm::genesis(chain).map_err(|_| StoreError::Genesis)?.output.hash())
}

/// The output after block `number`, but for the batch hash, which only L1 knows.
pub(crate) fn output_at(chain: &ChainConfig, store: &Store, number: u64) -> Result<OutputFields, ExecutionError> {
    let missing = ExecutionError::BlockMissing { number };
    let Some(header) = store.header(number)? else { return Err(missing) };
    let Some(queue_index) = store.queue_index_after(number)? else { return Err(missing) };
    let Some(last_block_hash) = store.block_hash(number)? else { return Err(missing) };
    let mut state = WorldState::open(header.state_root, store);
    Ok(OutputFields {
        config_hash: chain.hash(),
        batch_hash: B256::ZERO,
        last_block_hash,
        state_root: header.state_root,
        message_root: state.message_root()?,
        queue_index,
    })
}

/// The blocks of a batch after `previous`, by the rules alone. Writes nothing.
pub(crate) fn derive(
    previous: &OutputFields,
    input: &BatchInput,
    store: &Store,
) -> Result<Transition<EvmBlock>, ExecutionError> {
    Ok(Evm.transition(previous, input, store)?)
}

/// The payload as it is posted, with the names that the address table gives at the state before the batch (EVM-PL-5).
pub(crate) fn encode(
    chain: &ChainConfig,
    store: &Store,
    batch: &OpenBatch,
    previous: &OutputFields,
) -> Result<Vec<u8>, ExecutionError> {
    let table = RefCell::new(WorldState::open(previous.state_root, store));
    let failed = RefCell::new(None);
    let index_of = |address: &Address| {
        table.borrow_mut().table_index(*address).unwrap_or_else(|error| {
            failed.replace(Some(error));
            None
        })
    };
    let payload = batch.encode(chain, index_of)?;
    failed.into_inner().map_or(Ok(payload), |error| Err(error.into()))
}

/// Hash of the transaction that a message of the queue becomes.
pub(crate) fn message_hash(index: u64, message: &Message) -> B256 {
    Transaction::Deposit(DepositTransaction::from_message(index, message)).hash()
}
