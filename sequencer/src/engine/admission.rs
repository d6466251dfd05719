//! Admission: which transactions are promised a place, how the promise is kept, and how its end is told.
//!
//! What the rules would refuse is refused here, by the same function (EVM-TX-1; `tandem_evm::validity`). What is dropped later, for a reason that
//! nobody could know, is logged and remembered by hash. Adversarial: every transaction.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use alloy::primitives::{Address, B256, U256};
use tandem_chain::Checkpoint;
use tandem_evm::{
    EvmBlock, Recovered, StateError, Transaction,
    payload::bytes_max,
    validity::{cost_max, validate_waiting},
};
use tandem_store::MissingPreimage;
use tokio::sync::oneshot;
use tracing::info;

use super::{Engine, EngineError, SubmitAnswer};
use crate::mempool::{Change, Dropped, Refused};

/// Submissions that were decided and not yet answered.
#[derive(Default)]
pub(super) struct Submissions {
    accepted: Vec<Arc<Recovered>>,
    dropped: Vec<(B256, Dropped)>,
    replies: Vec<(oneshot::Sender<SubmitAnswer>, SubmitAnswer)>,
}

impl Submissions {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.replies.len()
    }

    /// Takes a transaction, and takes back those of the group that it displaces.
    fn accept(&mut self, transaction: Arc<Recovered>, displaced: Vec<(B256, Dropped)>) {
        let is_displaced = |hash: &B256| displaced.iter().any(|(displaced, _)| displaced == hash);
        self.accepted.retain(|earlier| !is_displaced(earlier.transaction().hash()));
        self.dropped.extend(displaced);
        self.dropped.retain(|(hash, _)| hash != transaction.transaction().hash());
        self.accepted.push(transaction);
    }
}

/// Why a transaction is not admitted, or not even judged.
enum NotAdmitted {
    Refused(Refused),
    Failed(EngineError),
}

impl From<Refused> for NotAdmitted {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<EngineError> for NotAdmitted {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

impl From<StateError<MissingPreimage>> for NotAdmitted {
    fn from(error: StateError<MissingPreimage>) -> Self {
        Self::Failed(error.into())
    }
}

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
            Err(NotAdmitted::Failed(error)) => return Err(error),
        };
        group.replies.push((reply, answer));
        Ok(())
    }

    fn try_admit(&mut self, transaction: &Arc<Recovered>) -> Result<Vec<(B256, Dropped)>, NotAdmitted> {
        let (nonce, balance) = self.account(transaction.signer())?;
        self.mempool.check(transaction, nonce)?;
        let bytes = bytes_max(transaction.transaction());
        let limit = self.config.batch.transaction_bytes_max(&self.chain);
        if bytes > limit {
            return Err(Refused::LargerThanBatch { bytes, limit }.into());
        }
        if let Err(rejected) = validate_waiting(&self.chain, &mut self.state, transaction) {
            return Err(Refused::try_from(rejected)?.into());
        }
        let cost = cost_max(transaction);
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
        let mut senders: BTreeSet<Address> = block.transactions.iter().map(Transaction::from).collect();
        senders.extend(dropped.iter().filter_map(|(hash, _)| self.mempool.remove(hash)));
        let included: HashSet<B256> = signed(block).map(|signed| *signed.transaction().hash()).collect();
        for &sender in &senders {
            // Others than the sender may have raised the nonce: authorisations, code that creates.
            let (next, _) = self.account(sender)?;
            let past = self.mempool.advance(sender, next).into_iter().filter(|hash| !included.contains(hash));
            dropped.extend(past.map(|hash| (hash, Dropped::NonceUsed { next })));
        }
        self.give_up(&dropped)?;
        let included = included.into_iter().collect();
        self.pool.publish(&self.mempool, Change { included, dropped, advanced: senders, ..Default::default() });
        self.state.discard();
        Ok(())
    }

    /// Publishes that the transactions of the blocks above `to` wait again, before the blocks go.
    pub(super) fn publish_rewind(&mut self, to: u64) -> Result<(), EngineError> {
        let mut displaced = Vec::new();
        for number in (to..=self.head.number).skip(1) {
            let block = self.store.block(number)?.ok_or(EngineError::BlockMissing { number })?;
            displaced.extend(signed(&block).cloned().map(Arc::new));
        }
        let mut nonces = HashMap::new();
        for transaction in &displaced {
            let sender = transaction.signer();
            let (nonce, _) = self.account(sender)?;
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
            let (nonce, _) = self.account(transaction.signer())?;
            let cost = cost_max(&transaction);
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

    /// Nonce and balance at the head.
    fn account(&mut self, address: Address) -> Result<(u64, U256), EngineError> {
        Ok(self.state.account(address)?.map_or((0, U256::ZERO), |info| (info.nonce, info.balance)))
    }
}

/// What users signed of a block.
fn signed(block: &EvmBlock) -> impl Iterator<Item = &Recovered> {
    block.transactions.iter().filter_map(|transaction| match transaction {
        Transaction::Signed(signed) => Some(signed),
        Transaction::Deposit(_) => None,
    })
}
