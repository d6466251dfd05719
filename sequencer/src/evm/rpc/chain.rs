//! Blocks and state as answers read them, and where a transaction is.

use std::sync::Arc;

use alloy::{consensus::Header, eips::BlockId, primitives::B256};
use tandem_evm::{EvmBlock, Recovered, StateError, WorldState};
use tandem_store::{MissingPreimage, Store};

use crate::{
    mempool::{Dropped, Fate},
    rpc::{RpcContext, RpcError},
};

/// How often a question is asked again whose answer a reorganisation changed meanwhile.
pub(super) const TRIES: usize = 8;

/// What is known of a transaction.
pub(super) enum Located {
    /// It is in a block.
    Included {
        /// The block that holds it.
        block: Box<EvmBlock>,
        /// Its place in the block, from 0.
        index: usize,
    },
    /// It waits in the pool.
    Waiting {
        /// The transaction that waits.
        transaction: Arc<Recovered>,
        /// Its sender's next nonce; what has a higher one waits behind a gap.
        pending_nonce: u64,
    },
    /// Acknowledged, and dropped not long ago.
    Dropped(Dropped),
    /// Nothing is known of it.
    Unknown,
}

impl RpcContext {
    /// The header of a block that must exist; the newest if none is named.
    pub(super) fn header(&self, id: Option<BlockId>) -> Result<Header, RpcError> {
        for _ in 0..TRIES {
            let number = self.number(id.unwrap_or_default())?.ok_or(RpcError::UnknownBlock)?;
            // What a tag named may have been taken back since.
            if let Some(header) = self.store.header(number)? {
                return Ok(header);
            }
        }
        Err(RpcError::UnknownBlock)
    }

    /// A block, all of it from one chain: its parts are read one by one, and a reorganisation may come between.
    pub(super) fn block(&self, number: u64) -> Result<Option<EvmBlock>, RpcError> {
        for _ in 1..TRIES {
            let hash = self.store.block_hash(number)?;
            let block = self.store.block(number);
            if self.store.block_hash(number)? == hash {
                return Ok(block?);
            }
        }
        Ok(self.store.block(number)?)
    }

    /// The block that holds a transaction, and the transaction's place in it.
    pub(super) fn included(&self, hash: B256) -> Result<Option<(EvmBlock, usize)>, RpcError> {
        for _ in 0..TRIES {
            let Some(place) = self.store.transaction_place(hash)? else { return Ok(None) };
            let index = usize::try_from(place.index).unwrap_or(usize::MAX);
            let block = self.block(place.block_number)?;
            let found = block.filter(|block| block.transactions.get(index).is_some_and(|found| found.hash() == hash));
            if let Some(block) = found {
                return Ok(Some((block, index)));
            }
        }
        Ok(None)
    }

    /// Where a transaction is. The engine publishes in such an order (see [`crate::mempool::PoolView`]) that store, pool and store again
    /// overlook nothing, unless blocks are taken back meanwhile.
    pub(super) fn locate(&self, hash: B256) -> Result<Located, RpcError> {
        let pool = self.pool();
        let mut found = Located::Unknown;
        for _ in 0..TRIES {
            let rewinds = pool.rewinds();
            if let Some((block, index)) = self.included(hash)? {
                return Ok(Located::Included { block: block.into(), index });
            }
            found = match pool.fate(&hash) {
                Some(Fate::Waiting { transaction, pending_nonce }) => {
                    return Ok(Located::Waiting { transaction, pending_nonce });
                }
                Some(Fate::Dropped(reason)) => Located::Dropped(reason),
                None => Located::Unknown,
            };
            if let Some((block, index)) = self.included(hash)? {
                return Ok(Located::Included { block: block.into(), index });
            }
            if pool.rewinds() == rewinds {
                break;
            }
        }
        Ok(found)
    }

    /// The state after a block that must exist.
    pub(super) fn state(&self, id: Option<BlockId>) -> Result<(Header, WorldState<Store>), RpcError> {
        let header = self.header(id)?;
        let state = WorldState::open(header.state_root, self.store.clone());
        Ok((header, state))
    }
}

impl From<StateError<MissingPreimage>> for RpcError {
    fn from(error: StateError<MissingPreimage>) -> Self {
        tracing::error!(%error, "state cannot be read: if that lasts, delete the data directory and derive again from L1");
        Self::Internal("state is not available".into())
    }
}
