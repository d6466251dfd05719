//! One key's way to L1, one call at a time.

use super::{
    L1Call, Outcome, PooledKind, SubmitError, SubmitterConfig,
    journal::{Attempt, Journal, Ledger},
    key_use::KeyUse,
    wire,
};
use crate::{
    BlockRef,
    client::{L1Client, RpcFailure},
};
use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    network::EthereumWallet,
    primitives::{Address, Bytes, TxHash},
    rpc::types::TransactionReceipt,
    signers::local::PrivateKeySigner,
};
use std::{fmt::Display, time::Instant};
use tandem_service::Trouble;

/// Where an endpoint has no `finalized` tag, a transaction under so many blocks counts as final: Ethereum finalises after two epochs of 32.
const FINAL_DEPTH_BLOCKS: u64 = 64;

/// Sends calls from one key. Owned by one task; no other process may use the key at the same time.
#[derive(Debug)]
pub struct Submitter<J> {
    pub(super) client: L1Client,
    pub(super) wallet: EthereumWallet,
    pub(super) account: Address,
    pub(super) chain_id: u64,
    pub(super) ledger: Ledger<J>,
    pub(super) config: SubmitterConfig,
    /// Nothing goes to L1 from this key.
    pub(super) stuck: Trouble,
    /// Somebody else sends from this key.
    pub(super) key_use: KeyUse,
    /// The newest bid of this process, and when it was made.
    pub(super) newest_bid: Option<(TxHash, Instant)>,
}

impl<J: Journal> Submitter<J> {
    /// A submitter for `signer`'s account. What an earlier process left in the journal is taken into account; nothing is sent before the
    /// first [`Submitter::submit`].
    pub async fn new(
        client: L1Client,
        signer: PrivateKeySigner,
        journal: J,
        config: SubmitterConfig,
    ) -> Result<Self, SubmitError> {
        let chain_id = client.chain_id().await?;
        let account = signer.address();
        let ledger = Ledger::open(journal, account)?;
        let stuck = config.readiness.trouble("L1 transactions", config.patience);
        let key_use = KeyUse::new(&config.readiness);
        let wallet = EthereumWallet::new(signer);
        Ok(Self { client, wallet, account, chain_id, ledger, config, stuck, key_use, newest_bid: None })
    }

    /// The account that sends.
    pub fn account(&self) -> Address {
        self.account
    }

    /// The connection to L1.
    pub fn client(&self) -> &L1Client {
        &self.client
    }

    /// The owner has nothing to send, so that nothing can be stuck.
    pub fn rest(&mut self) {
        if let Some(lasted) = self.stuck.is_over() {
            tracing::info!(?lasted, account = %self.account, "transactions go to L1 again");
        }
        self.key_use.undisturbed(Instant::now());
    }

    /// What it was made for does not get to L1.
    pub(super) fn waits(&mut self, purpose: &str, nonce: u64, reason: &dyn Display) {
        let why = || format!("{purpose} waits to go to L1 (nonce {nonce}): {reason}");
        if let Some(lasts) = self.stuck.holds(why) {
            tracing::warn!(purpose, nonce, ?lasts, %reason, "nothing goes to L1 from this key");
        }
    }

    /// Of which kind it is what this key has in the endpoint's pool; none if it has nothing there. Pools take transactions of one kind at a
    /// time from an account, so a payload that can travel either way had better travel this way.
    pub async fn pooled_kind(&self) -> Result<Option<PooledKind>, RpcFailure> {
        if self.ledger.is_empty() {
            return Ok(None);
        }
        let next = self.client.nonce(self.account).await?;
        match self.ledger.newest_open(next) {
            Some(attempt) if self.is_pooled(attempt).await? => Ok(Some(match attempt.has_blobs() {
                true => PooledKind::Blobs,
                false => PooledKind::Plain,
            })),
            _ => Ok(None),
        }
    }

    /// Forgets what no reorganisation can bring back.
    pub(super) async fn forget_final(&mut self) -> Result<(), SubmitError> {
        if self.ledger.is_empty() {
            return Ok(());
        }
        let number = match self.client.tagged(BlockNumberOrTag::Finalized).await? {
            Some(finalized) => finalized.number,
            None => self.client.latest().await?.id.number.saturating_sub(FINAL_DEPTH_BLOCKS),
        };
        match self.client.nonce_at(self.account, BlockId::number(number)).await {
            Ok(nonce) => self.ledger.forget_below(nonce),
            // The endpoint has no state of that age: what is not forgotten now is forgotten later.
            Err(error) if error.error_response().is_some() => {
                tracing::debug!(%error, number, "cannot tell which L1 transactions are final");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Whether the endpoint has the transaction, and no block does.
    pub(super) async fn is_pooled(&self, attempt: &Attempt) -> Result<bool, RpcFailure> {
        let found = self.client.transaction(attempt.hash).await?;
        Ok(found.is_some_and(|transaction| transaction.block_hash.is_none()))
    }

    /// The attempt with a nonce that L1 holds, and where.
    pub(super) async fn included(&self, nonce: u64) -> Result<Option<(Attempt, TransactionReceipt)>, SubmitError> {
        for attempt in self.ledger.attempts(nonce).iter().rev() {
            if let Some(receipt) = self.client.receipt(attempt.hash).await? {
                return Ok(Some((attempt.clone(), receipt)));
            }
        }
        Ok(None)
    }

    /// What a receipt in a canonical block means for `call`.
    pub(super) async fn outcome(&self, call: &L1Call, receipt: TransactionReceipt) -> Outcome {
        let purpose = &call.purpose;
        let (transaction, block) = (receipt.transaction_hash, receipt.block_number);
        if receipt.status() {
            tracing::info!(purpose, %transaction, block, gas = receipt.gas_used, "L1 transaction included");
            return Outcome::Included(Box::new(receipt));
        }
        let at = receipt.block_number.map(BlockId::number).unwrap_or_default();
        let data = match wire::simulate(&self.client, self.account, call, at).await {
            Err(SubmitError::Refused { data }) => data,
            Ok(()) | Err(_) => Bytes::new(),
        };
        tracing::info!(purpose, %transaction, block, %data, "L1 transaction reverted");
        Outcome::Reverted { receipt: Box::new(receipt), data }
    }
}

/// The block that a receipt names.
pub(crate) fn block_of(receipt: &TransactionReceipt) -> Option<BlockRef> {
    Some(BlockRef { number: receipt.block_number?, hash: receipt.block_hash? })
}
