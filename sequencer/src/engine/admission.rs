//! Admission: which transactions are promised a place, how the promise is kept, and how its end is told.
//!
//! What the rules would refuse is refused here ([`Execution::validate`](crate::evm)). What is dropped later, for a reason that nobody could know, is
//! logged and remembered by hash. Adversarial: every transaction.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use alloy::primitives::{Address, B256};
use tandem_chain::Checkpoint;
use tandem_evm::{EvmBlock, Recovered};
use tokio::sync::oneshot;
use tracing::info;

use super::{Engine, EngineError, handle::SubmitAnswer, submissions::Submissions};
use crate::{
    evm::{self, NotAdmitted},
    mempool::{Change, Dropped, Refused},
};

/// How often the mempool is looked through for what waits in vain: half of what an operator can tell from a second.
const LOOK_THROUGH_EVERY: Duration = Duration::from_millis(500);

impl Engine {
    /// Puts a transaction into the mempool if it will be executed once its turn comes, as far as that can be known.
    pub(super) fn admit(
        &mut self,
        transaction: Recovered,
        reply: oneshot::Sender<SubmitAnswer>,
        group: &mut Submissions,
    ) -> Result<(), EngineError> {
        let transaction = Arc::new(transaction);
        let answer = match self.try_admit(&transaction) {
            Ok(displaced) => {
                let hash = *transaction.transaction().hash();
                group.accept(transaction, displaced);
                Ok(hash)
            }
            Err(NotAdmitted::Refused(refused)) => Err(refused.into()),
            Err(NotAdmitted::Failed(error)) => return Err(error.into()),
        };
        group.replies.push((reply, answer));
        Ok(())
    }

    fn try_admit(&mut self, transaction: &Arc<Recovered>) -> Result<Vec<(B256, Dropped)>, NotAdmitted> {
        let (nonce, balance) = self.execution.account(transaction.signer())?;
        self.mempool.check(transaction, nonce)?;
        let bytes = evm::posted_bytes_max(transaction);
        let limit = self.config.batch.transaction_bytes_max(&self.chain);
        if bytes > limit {
            return Err(Refused::LargerThanBatch { bytes, limit }.into());
        }
        self.execution.validate(transaction)?;
        let cost = evm::cost_max(transaction);
        Ok(self.mempool.insert(transaction.clone(), nonce, balance, cost)?)
    }

    /// Journals what was accepted, publishes it, then answers: whoever has the answer can ask for the transaction.
    pub(super) fn acknowledge(&mut self, group: &mut Submissions) -> Result<(), EngineError> {
        let Submissions { accepted, dropped, replies } = std::mem::take(group);
        if !accepted.is_empty() {
            self.store.journal_add(&accepted)?;
        }
        self.give_up(&dropped)?;
        self.pool.publish(&self.mempool, Change { added: accepted, dropped, ..Default::default() });
        for (reply, answer) in replies {
            // Whoever asked may be gone; the transaction is accepted all the same.
            let _ = reply.send(answer);
        }
        Ok(())
    }

    /// Takes dropped transactions out of the journal, and says why.
    fn give_up(&self, dropped: &[(B256, Dropped)]) -> Result<(), EngineError> {
        if dropped.is_empty() {
            return Ok(());
        }
        let hashes: Vec<B256> = dropped.iter().map(|(hash, _)| *hash).collect();
        self.store.journal_remove(&hashes)?;
        for (hash, reason) in dropped {
            info!(%hash, code = reason.code(), %reason, "transaction dropped");
        }
        Ok(())
    }

    /// Brings the mempool up to a block that is in the store: its senders' nonces, and what was refused while it was built.
    pub(super) fn forget_executed(
        &mut self,
        block: &EvmBlock,
        mut dropped: Vec<(B256, Dropped)>,
    ) -> Result<(), EngineError> {
        let mut senders: BTreeSet<Address> = evm::senders(block).collect();
        senders.extend(self.waiting_authorities(block));
        senders.extend(dropped.iter().filter_map(|(hash, _)| self.mempool.remove(hash)));
        let included: HashSet<B256> = evm::signed(block).map(|signed| *signed.transaction().hash()).collect();
        for &sender in &senders {
            let (next, _) = self.execution.account(sender)?;
            let past = self.mempool.advance(sender, next).into_iter().filter(|hash| !included.contains(hash));
            dropped.extend(past.map(|hash| (hash, Dropped::NonceUsed { next })));
        }
        self.give_up(&dropped)?;
        let included = included.into_iter().collect();
        self.pool.publish(&self.mempool, Change { included, dropped, advanced: senders, ..Default::default() });
        self.execution.discard();
        Ok(())
    }

    /// Accounts with waiting transactions whose nonce an authorisation (EIP-7702) in a block may have used.
    fn waiting_authorities(&self, block: &EvmBlock) -> BTreeSet<Address> {
        match self.mempool.is_empty() {
            true => BTreeSet::new(),
            false => evm::authorities(block).filter(|authority| self.mempool.standing(authority).is_some()).collect(),
        }
    }

    /// Gives up what has waited for too long for a nonce before it, or for a lower base fee.
    pub(super) fn expire_waiting(&mut self) -> Result<(), EngineError> {
        if self.time.clock.since(self.pool_looked_through) < LOOK_THROUGH_EVERY {
            return Ok(());
        }
        self.pool_looked_through = self.time.clock.moment();
        let base_fee = self.execution.base_fee(self.next_timestamp(), &self.fee_checkpoint()?);
        let after_s = self.config.mempool.expiry_s;
        let expired = self.mempool.expire(base_fee, &self.time.clock, Duration::from_secs(after_s));
        if expired.is_empty() {
            return Ok(());
        }
        let dropped: Vec<_> = expired.into_iter().map(|hash| (hash, Dropped::Expired { after_s })).collect();
        self.give_up(&dropped)?;
        self.pool.publish(&self.mempool, Change { dropped, ..Default::default() });
        Ok(())
    }

    /// Publishes that the transactions of the blocks above `to` wait again, before the blocks go.
    pub(super) fn publish_rewind(&mut self, to: u64) -> Result<(), EngineError> {
        let mut displaced = Vec::new();
        for number in (to..=self.execution.number()).skip(1) {
            let block = self.store.block(number)?.ok_or(EngineError::BlockMissing { number })?;
            displaced.extend(evm::signed(&block).cloned().map(Arc::new));
        }
        let mut nonces = HashMap::new();
        for transaction in &displaced {
            let sender = transaction.signer();
            let (nonce, _) = self.execution.account(sender)?;
            nonces.insert(sender, self.mempool.pending_nonce(&sender, nonce));
        }
        self.pool.take_back(displaced, |sender| nonces.get(sender).copied().unwrap_or_default());
        Ok(())
    }

    /// Fills the mempool from the journal: what was acknowledged and is in no block. Whoever paid when it was acknowledged may pay
    /// again only after a deposit that was displaced as well, so funds are not asked for here.
    pub(super) fn reload_mempool(&mut self) -> Result<(), EngineError> {
        self.mempool.clear();
        let mut dropped = Vec::new();
        for transaction in self.store.journal()? {
            let (nonce, _) = self.execution.account(transaction.signer())?;
            let cost = evm::cost_max(&transaction);
            dropped.extend(self.mempool.restore(Arc::new(transaction), nonce, cost));
        }
        self.give_up(&dropped)?;
        self.pool.replace(&self.mempool, dropped);
        Ok(())
    }

    /// The checkpoint whose prices the next block charges, as far as it is known.
    pub(super) fn fee_checkpoint(&self) -> Result<Checkpoint, EngineError> {
        match &self.open {
            Some(open) => Ok(open.checkpoint),
            None => Ok(self.next_checkpoint()?.unwrap_or_default()),
        }
    }
}
