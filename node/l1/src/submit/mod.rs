//! The transaction manager: sends calls from one key, one at a time, until L1 has them or refuses them.
//!
//! Every attempt is journaled before it is broadcast and re-signed identically afterwards (RFC 6979), so that a process that dies at
//! any instruction finds out on restart what became of its last call. All attempts of a call share one nonce: at most one of
//! them can ever be included. Adversarial: the endpoint's fee suggestions, bounded by the configuration; reorgs, which drop
//! transactions again.

mod fees;
mod journal;
mod send_error;
mod wire;

use crate::{
    Backoff, BlockRef,
    client::{L1Client, RpcFailure},
};
use alloy::{
    eips::BlockId,
    network::EthereumWallet,
    primitives::{Address, Bytes, TxHash, TxKind, U256},
    rpc::types::TransactionReceipt,
    signers::local::PrivateKeySigner,
};
pub(crate) use fees::suggest as suggest_fees;
pub use fees::{FeeLimits, Fees};
pub use journal::{Attempt, FileJournal, Journal, MemoryJournal, PendingCall};
use send_error::SendRefusal;
use std::{
    io,
    time::{Duration, Instant},
};
use tandem_chain::derive::Policy;

/// A nonce must look taken without a receipt of ours this often before it counts as taken by somebody else.
const DISPLACED_ROUNDS: u32 = 3;

/// A call to make on L1.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct L1Call {
    /// What it is for; comes back from [`Submitter::resume`], and stands in logs.
    pub purpose: String,
    /// Callee, or a creation.
    pub to: TxKind,
    /// Input.
    pub input: Bytes,
    /// Wei.
    pub value: U256,
    /// Blobs to carry; none makes an EIP-1559 transaction, some an EIP-4844 one.
    pub blobs: Vec<Bytes>,
    /// Gas limit; estimated with a margin if absent.
    pub gas_limit: Option<u64>,
}

/// How to send.
#[derive(Clone, Debug)]
pub struct SubmitterConfig {
    /// Blocks that must lie above the one that includes a call before it is done; 0: inclusion suffices.
    pub confirmations: u64,
    /// Time between looks at L1.
    pub poll_interval: Duration,
    /// An attempt that is not included after so long is replaced by a dearer one.
    pub bump_after: Duration,
    /// [`SubmitError::Late`] after so long; the call stays pending and [`Submitter::resume`] goes on with it.
    pub patience: Duration,
    /// Most that may be bid.
    pub fee_limits: FeeLimits,
}

impl Default for SubmitterConfig {
    fn default() -> Self {
        Self {
            confirmations: 0,
            poll_interval: Duration::from_millis(250),
            bump_after: Duration::from_secs(36),
            patience: Duration::from_secs(600),
            fee_limits: FeeLimits::default(),
        }
    }
}

/// What became of a call.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Included and successful.
    Included(Box<TransactionReceipt>),
    /// Included and reverted.
    Reverted {
        /// Its receipt.
        receipt: Box<TransactionReceipt>,
        /// Why, as far as repeating it tells; may be empty.
        data: Bytes,
    },
    /// Another transaction of the same key took the nonce: the key is used elsewhere.
    Displaced {
        /// The nonce.
        nonce: u64,
    },
}

/// Why a call was not brought to an end.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// L1 would revert the call; nothing was sent.
    #[error("L1 refuses the call with {data}")]
    Refused {
        /// Revert data.
        data: Bytes,
    },
    /// An earlier call is not done: [`Submitter::resume`] first.
    #[error("the call with nonce {nonce} is still pending")]
    Pending {
        /// Its nonce.
        nonce: u64,
    },
    /// Not included in time.
    #[error("not included within {waited:?} (nonce {nonce}, last attempt {last_attempt})")]
    Late {
        /// Its nonce.
        nonce: u64,
        /// Its newest attempt.
        last_attempt: TxHash,
        /// How long it was tried this time.
        waited: Duration,
    },
    /// The account cannot pay.
    #[error("account {account} cannot pay for its transaction")]
    Underfunded {
        /// The sender.
        account: Address,
    },
    /// What L1 asks exceeds what may be bid.
    #[error("fees of {needed:?} exceed the limits")]
    FeesTooHigh {
        /// What it would take.
        needed: Fees,
    },
    /// The journal failed.
    #[error("transaction journal: {0}")]
    Journal(#[from] io::Error),
    /// The call cannot be made a transaction.
    #[error("cannot sign: {0}")]
    Sign(#[from] alloy::signers::Error),
    /// A blob is none, or there are too many.
    #[error("bad blobs")]
    BadBlobs,
    /// The worker that computes proofs ended.
    #[error("proving blobs was cancelled")]
    Cancelled,
}

impl SubmitError {
    /// How the caller should react. `Reset`: look at L1 again, the call is no longer right.
    pub fn policy(&self) -> Policy {
        match self {
            Self::Rpc(_) | Self::Pending { .. } | Self::Late { .. } | Self::FeesTooHigh { .. } | Self::Cancelled => {
                Policy::Retry
            }
            Self::Refused { .. } => Policy::Reset,
            Self::Underfunded { .. } | Self::Journal(_) | Self::Sign(_) | Self::BadBlobs => Policy::Fatal,
        }
    }
}

/// Sends calls from one key. Owned by one task; no other process may use the key at the same time.
#[derive(Debug)]
pub struct Submitter<J> {
    client: L1Client,
    wallet: EthereumWallet,
    account: Address,
    chain_id: u64,
    journal: J,
    config: SubmitterConfig,
}

impl<J: Journal> Submitter<J> {
    /// A submitter for `signer`'s account. If the journal holds a call, [`Submitter::resume`] must come before the first
    /// [`Submitter::submit`].
    pub async fn new(
        client: L1Client,
        signer: PrivateKeySigner,
        journal: J,
        config: SubmitterConfig,
    ) -> Result<Self, SubmitError> {
        let chain_id = client.chain_id().await?;
        let account = signer.address();
        Ok(Self { client, wallet: EthereumWallet::new(signer), account, chain_id, journal, config })
    }

    /// The sender.
    pub fn account(&self) -> Address {
        self.account
    }

    /// The connection.
    pub fn client(&self) -> &L1Client {
        &self.client
    }

    /// Goes on with the call that an earlier process, or a late [`Submitter::submit`], left behind.
    pub async fn resume(&mut self) -> Result<Option<(L1Call, Outcome)>, SubmitError> {
        let Some(pending) = self.journal.load()? else { return Ok(None) };
        tracing::info!(purpose = pending.call.purpose, nonce = pending.nonce, "resuming an L1 transaction");
        let call = pending.call.clone();
        let outcome = self.drive(pending).await?;
        Ok(Some((call, outcome)))
    }

    /// Makes a call and waits for what becomes of it.
    pub async fn submit(&mut self, call: L1Call) -> Result<Outcome, SubmitError> {
        if let Some(pending) = self.journal.load()? {
            return Err(SubmitError::Pending { nonce: pending.nonce });
        }
        let mut call = call;
        let gas_limit = wire::estimate_gas(&self.client, self.account, &call).await?;
        call.gas_limit = Some(call.gas_limit.unwrap_or(gas_limit));
        let nonce = self.client.nonce(self.account).await?;
        self.drive(PendingCall { call, nonce, attempts: Vec::new() }).await
    }

    /// Until the call is included, displaced or late.
    async fn drive(&mut self, mut pending: PendingCall) -> Result<Outcome, SubmitError> {
        let started = Instant::now();
        let sidecar = wire::sidecar(&pending.call.blobs).await?;
        let mut backoff = Backoff::new(self.config.poll_interval, Duration::from_secs(5));
        let mut last_bid: Option<Instant> = None;
        let mut displaced_rounds = 0;
        loop {
            let step = self.step(&mut pending, sidecar.as_ref(), &mut last_bid, &mut displaced_rounds).await;
            let delay = match step {
                Ok(Some(outcome)) => {
                    self.journal.clear()?;
                    return Ok(outcome);
                }
                Ok(None) => {
                    backoff.reset();
                    self.config.poll_interval
                }
                Err(SubmitError::Rpc(error)) if started.elapsed() < self.config.patience => {
                    tracing::warn!(%error, purpose = pending.call.purpose, "cannot follow an L1 transaction");
                    backoff.delay()
                }
                Err(error) => return Err(error),
            };
            let waited = started.elapsed();
            if waited >= self.config.patience {
                let last_attempt = pending.attempts.last().map(|attempt| attempt.hash).unwrap_or_default();
                return Err(SubmitError::Late { nonce: pending.nonce, last_attempt, waited });
            }
            tokio::time::sleep(delay).await;
        }
    }

    /// One look at L1, and one action if there is something to do.
    async fn step(
        &mut self,
        pending: &mut PendingCall,
        sidecar: Option<&wire::Sidecar>,
        last_bid: &mut Option<Instant>,
        displaced_rounds: &mut u32,
    ) -> Result<Option<Outcome>, SubmitError> {
        if let Some(receipt) = self.find_receipt(pending).await? {
            *displaced_rounds = 0;
            return if self.is_confirmed(&receipt).await? {
                Ok(Some(self.outcome(pending, receipt).await?))
            } else {
                Ok(None)
            };
        }
        if self.client.nonce(self.account).await? > pending.nonce {
            *displaced_rounds += 1;
            return Ok((*displaced_rounds >= DISPLACED_ROUNDS).then_some(Outcome::Displaced { nonce: pending.nonce }));
        }
        *displaced_rounds = 0;
        let is_due = match *last_bid {
            None => pending.attempts.is_empty(),
            Some(bid) => bid.elapsed() >= self.config.bump_after,
        };
        if is_due {
            *last_bid = Some(Instant::now());
            self.bid(pending, sidecar).await?;
        } else if self.is_dropped(pending).await? {
            last_bid.get_or_insert_with(Instant::now);
            self.broadcast_last(pending, sidecar).await?;
        }
        Ok(None)
    }

    /// A first or dearer attempt: journaled, then broadcast. Without room for a dearer one the last stays.
    async fn bid(&mut self, pending: &mut PendingCall, sidecar: Option<&wire::Sidecar>) -> Result<(), SubmitError> {
        let fresh = fees::suggest(&self.client, sidecar.is_some()).await?;
        let fees = match pending.attempts.last() {
            None => fresh,
            Some(last) => last.fees.replaced_by(fresh),
        };
        if !self.config.fee_limits.allow(fees) {
            if pending.attempts.is_empty() {
                return Err(SubmitError::FeesTooHigh { needed: fees });
            }
            tracing::warn!(purpose = pending.call.purpose, ?fees, "fees at their limit, an L1 transaction waits");
            return self.broadcast_last(pending, sidecar).await;
        }
        let (hash, _) = self.sign(pending, fees, sidecar).await?;
        pending.attempts.push(Attempt { hash, fees });
        self.journal.store(pending)?;
        if pending.attempts.len() > 1 {
            tracing::info!(
                purpose = pending.call.purpose,
                attempt = pending.attempts.len(),
                ?fees,
                "raising the fee of an L1 transaction"
            );
        }
        self.broadcast_last(pending, sidecar).await
    }

    async fn broadcast_last(
        &mut self,
        pending: &mut PendingCall,
        sidecar: Option<&wire::Sidecar>,
    ) -> Result<(), SubmitError> {
        let Some(last) = pending.attempts.last().cloned() else { return Ok(()) };
        let (_, raw) = self.sign(pending, last.fees, sidecar).await?;
        let Err(error) = wire::broadcast(&self.client, &raw).await else { return Ok(()) };
        match SendRefusal::of(&error) {
            // Already there, or no longer needed: the next look tells.
            Some(SendRefusal::Known | SendRefusal::NonceTooLow) => Ok(()),
            // A transaction that is not in our journal holds the nonce; outbid it at the next look.
            Some(SendRefusal::Underpriced) => {
                let fees = last.fees.replaced_by(last.fees);
                if self.config.fee_limits.allow(fees) {
                    let (hash, _) = self.sign(pending, fees, sidecar).await?;
                    pending.attempts.push(Attempt { hash, fees });
                    self.journal.store(pending)?;
                }
                Ok(())
            }
            Some(SendRefusal::Underfunded) => Err(SubmitError::Underfunded { account: self.account }),
            None => Err(error.into()),
        }
    }

    async fn sign(
        &self,
        pending: &PendingCall,
        fees: Fees,
        sidecar: Option<&wire::Sidecar>,
    ) -> Result<(TxHash, Bytes), SubmitError> {
        let unsigned = wire::transaction(&pending.call, self.account, self.chain_id, pending.nonce, fees, sidecar);
        wire::sign(&self.wallet, unsigned).await
    }

    async fn find_receipt(&self, pending: &PendingCall) -> Result<Option<TransactionReceipt>, SubmitError> {
        for attempt in pending.attempts.iter().rev() {
            if let Some(receipt) = self.client.receipt(attempt.hash).await? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    async fn is_dropped(&self, pending: &PendingCall) -> Result<bool, SubmitError> {
        let Some(last) = pending.attempts.last() else { return Ok(false) };
        Ok(self.client.transaction(last.hash).await?.is_none())
    }

    /// Whether the receipt's block is canonical and deep enough.
    async fn is_confirmed(&self, receipt: &TransactionReceipt) -> Result<bool, SubmitError> {
        let Some(block) = block_of(receipt) else { return Ok(false) };
        let latest = self.client.latest().await?.id.number;
        if latest < block.number.saturating_add(self.config.confirmations) {
            return Ok(false);
        }
        let canonical = self.client.header(BlockId::number(block.number)).await?;
        Ok(canonical.is_some_and(|header| header.id == block))
    }

    async fn outcome(&self, pending: &PendingCall, receipt: TransactionReceipt) -> Result<Outcome, SubmitError> {
        let purpose = &pending.call.purpose;
        let (transaction, block) = (receipt.transaction_hash, receipt.block_number);
        if receipt.status() {
            tracing::info!(purpose, %transaction, block, gas = receipt.gas_used, "L1 transaction included");
            return Ok(Outcome::Included(Box::new(receipt)));
        }
        let at = receipt.block_number.map(BlockId::number).unwrap_or_default();
        let data = match wire::simulate(&self.client, self.account, &pending.call, at).await {
            Err(SubmitError::Refused { data }) => data,
            Ok(()) | Err(_) => Bytes::new(),
        };
        tracing::warn!(purpose, %transaction, block, %data, "L1 transaction reverted");
        Ok(Outcome::Reverted { receipt: Box::new(receipt), data })
    }
}

/// The block that a receipt names.
pub(crate) fn block_of(receipt: &TransactionReceipt) -> Option<BlockRef> {
    Some(BlockRef { number: receipt.block_number?, hash: receipt.block_hash? })
}
