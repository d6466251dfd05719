//! The head of the chain and the state after it: what transactions are judged by and blocks are built on.

use alloy::{
    consensus::Header,
    primitives::{Address, B256, U256},
};
use tandem_chain::{ChainConfig, Checkpoint};
use tandem_evm::{EvmBlock, WorldState, fees::BaseFee};
use tandem_store::Store;

use super::ExecutionError;

/// Owned by the engine, which says what the head is.
pub(crate) struct Execution {
    pub(super) chain: ChainConfig,
    pub(super) store: Store,
    pub(super) state: WorldState<Store>,
    pub(super) head: Header,
    pub(super) head_hash: B256,
}

impl Execution {
    /// On no block: see [`Self::load`].
    pub fn new(chain: ChainConfig, store: Store) -> Self {
        let state = WorldState::open(B256::ZERO, store.clone());
        Self { chain, store, state, head: Header::default(), head_hash: B256::ZERO }
    }

    /// Number of the head.
    pub fn number(&self) -> u64 {
        self.head.number
    }

    /// Hash of the head.
    pub fn hash(&self) -> B256 {
        self.head_hash
    }

    /// Date of the head in seconds.
    pub fn timestamp(&self) -> u64 {
        self.head.timestamp
    }

    /// Makes the store's head the head.
    pub fn load(&mut self) -> Result<(), ExecutionError> {
        let head = self.store.head()?;
        let missing = ExecutionError::BlockMissing { number: head.number };
        self.head = self.store.header(head.number)?.ok_or(missing)?;
        self.head_hash = head.hash;
        self.state = WorldState::open(self.head.state_root, self.store.clone());
        Ok(())
    }

    /// Makes a block the head that [`Self::build`] gave and the store has.
    pub fn adopt(&mut self, block: &EvmBlock) {
        self.head = block.header.clone();
        self.head_hash = block.hash;
    }

    /// Nonce and balance of an account at the head.
    pub fn account(&mut self, address: Address) -> Result<(u64, U256), ExecutionError> {
        Ok(self.state.account(address)?.map_or((0, U256::ZERO), |info| (info.nonce, info.balance)))
    }

    /// What each gas costs at least in a block of this date on the head, in wei.
    pub fn base_fee(&self, timestamp: u64, checkpoint: &Checkpoint) -> u64 {
        BaseFee::after(&self.head, timestamp, self.chain.min_base_fee, checkpoint).total()
    }

    /// Forgets what was read of accounts since the last block.
    pub fn discard(&mut self) {
        self.state.discard();
    }

    /// Frees the memory of everything that can be read again.
    pub fn forget(&mut self) {
        self.state.forget();
    }
}
