//! One call with one nonce, until L1 has it, or something else, with that nonce.
//!
//! ```text
//! look: included? ---------> yes, canonical and deep enough: Included, Reverted; another call of ours: Superseded
//!       nonce taken? ------> by nobody we know: Displaced
//!       nonce not next? ---> L1 went back: the owner decides anew
//!       bid due? ----------> sign, journal, broadcast; outbid what the pool holds with this nonce
//!       bid not pooled? ---> broadcast the same bytes again
//! ```
//!
//! Pools keep blob transactions apart (geth, reth: an account is in one pool at a time), so that neither kind replaces the other, nor
//! enters while the other waits. Where that is in the way, the nonce goes to a **clearing**: a transfer of nothing to ourselves, of the
//! kind that the pool holds. It outbids what has this nonce, or lets what waits behind it go, and the owner decides anew. The cheapest
//! thing that is right under every kind, and it depends on no callee.

use super::{
    Fees, L1Call, Outcome, SubmitError, block_of,
    fees::{self},
    journal::{Attempt, Journal},
    send_error::SendRefusal,
    submitter::Submitter,
    wire,
};
use crate::{Backoff, client::RpcFailure};
use alloy::{
    eips::BlockId,
    primitives::{B256, Bytes},
    rpc::types::TransactionReceipt,
};
use std::{
    cmp::Ordering,
    time::{Duration, Instant},
};
use tandem_chain::blob::BLOB_BYTES;

/// A nonce must look taken by somebody else, or not next any more, so often before that counts: endpoints behind one address are not
/// always at the same block.
const STRANGE_ROUNDS: u32 = 3;
/// Gas of a transfer.
const TRANSFER_GAS: u64 = 21_000;

/// A call ready to be signed.
#[derive(Debug)]
struct Ready {
    call: L1Call,
    id: B256,
    sidecar: Option<wire::Sidecar>,
    gas_needed: u64,
    gas_limit: u64,
}

impl Ready {
    async fn new(call: L1Call, gas: u64) -> Result<Self, SubmitError> {
        let gas_needed = call.gas_limit.unwrap_or(gas);
        let gas_limit = call.gas_limit.unwrap_or_else(|| wire::with_margin(gas));
        Ok(Self { id: call.id(), sidecar: wire::sidecar(&call.blobs).await?, call, gas_needed, gas_limit })
    }

    fn has_blobs(&self) -> bool {
        self.sidecar.is_some()
    }

    /// Whether an attempt of an earlier time is this call, and would still do.
    fn is(&self, attempt: &Attempt) -> bool {
        attempt.call == self.id && attempt.gas_limit >= self.gas_needed
    }
}

impl<J: Journal> Submitter<J> {
    /// Makes a call with the next nonce that L1 has, and waits for what becomes of it.
    ///
    /// Whatever the journal has with that nonce is continued if it is the same call, else outbid. The call must be right now and such that L1
    /// takes it at most once (the Inbox and the settlement compare before they write): after a reorganisation an earlier copy of it may be
    /// included too. After any error the owner decides anew what is next.
    pub async fn submit(&mut self, call: L1Call) -> Result<Outcome, SubmitError> {
        self.stuck.begins();
        let gas = wire::estimate_gas(&self.client, self.account, &call).await?;
        self.forget_final().await?;
        let next = self.client.nonce(self.account).await?;
        let purpose = call.purpose.clone();
        let outcome = Drive::new(self, call, gas, next).await?.run().await?;
        if let Outcome::Displaced { nonce } = outcome {
            self.key_use.displaced(Instant::now(), self.account, &purpose, nonce);
        }
        self.rest();
        Ok(outcome)
    }
}

/// Brings one call to an end; the module says how.
#[derive(Debug)]
struct Drive<'a, J> {
    submitter: &'a mut Submitter<J>,
    nonce: u64,
    wanted: Ready,
    /// What is sent instead, while it must be.
    clearing: Option<Ready>,
    /// When this nonce was last bid for.
    bid_at: Option<Instant>,
    /// A bid that the pool found too low.
    too_low: Option<Fees>,
    strange_rounds: u32,
}

impl<'a, J: Journal> Drive<'a, J> {
    /// `gas` is what the call is estimated to take, `nonce` L1's next.
    async fn new(submitter: &'a mut Submitter<J>, call: L1Call, gas: u64, nonce: u64) -> Result<Self, SubmitError> {
        let wanted = Ready::new(call, gas).await?;
        let newest = submitter.ledger.attempts(nonce).last().filter(|attempt| wanted.is(attempt));
        let bid_at = newest.map(|attempt| match submitter.newest_bid {
            Some((hash, at)) if hash == attempt.hash => at,
            _ => Instant::now(),
        });
        if let Some(attempt) = newest {
            tracing::info!(purpose = attempt.purpose, nonce, transaction = %attempt.hash, "going on with an L1 transaction");
        }
        let mut drive = Self { submitter, nonce, wanted, clearing: None, bid_at, too_low: None, strange_rounds: 0 };
        // The same call waits behind a gap that a reorganisation left: closing the gap is cheaper than making it twice.
        if let Some(behind) = drive.same_behind().await? {
            tracing::info!(nonce, behind = behind.1, "closing a gap before an L1 transaction that still is right");
            drive.clear(behind.0).await?;
        }
        Ok(drive)
    }

    /// Until something has the nonce, or the patience is over.
    pub async fn run(mut self) -> Result<Outcome, SubmitError> {
        let (started, patience) = (Instant::now(), self.submitter.config.patience);
        let poll_interval = self.submitter.config.poll_interval;
        let mut backoff = Backoff::new(poll_interval, Duration::from_secs(5));
        loop {
            let looked = self.look().await;
            let purpose = &self.wanted.call.purpose;
            let delay = match looked {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {
                    backoff.reset();
                    let reason = "no block includes it: look whether the L1 endpoint passes transactions on, and which of this \
                                  account's it holds (txpool_contentFrom)";
                    self.submitter.waits(purpose, self.nonce, &reason);
                    poll_interval
                }
                Err(SubmitError::Rpc(error)) if started.elapsed() < patience => {
                    tracing::debug!(%error, purpose, "cannot follow an L1 transaction");
                    self.submitter.waits(purpose, self.nonce, &error);
                    backoff.delay()
                }
                Err(error) => return Err(error),
            };
            let waited = started.elapsed();
            if waited >= patience {
                let attempts = self.submitter.ledger.attempts(self.nonce);
                let last_attempt = attempts.last().map(|attempt| attempt.hash).unwrap_or_default();
                return Err(SubmitError::Late { nonce: self.nonce, last_attempt, waited });
            }
            tokio::time::sleep(delay).await;
        }
    }

    /// One look at L1, and one action if there is something to do.
    async fn look(&mut self) -> Result<Option<Outcome>, SubmitError> {
        if let Some((attempt, receipt)) = self.submitter.included(self.nonce).await? {
            match self.is_settled(&receipt).await? {
                Some(true) => return Ok(Some(self.outcome(attempt, receipt).await)),
                Some(false) => return Ok(None),
                None => {}
            }
        }
        let next = self.submitter.client.nonce(self.submitter.account).await?;
        let order = next.cmp(&self.nonce);
        self.strange_rounds = if order == Ordering::Equal { 0 } else { self.strange_rounds.saturating_add(1) };
        match order {
            Ordering::Equal => self.bid_if_due().await.map(|()| None),
            _ if self.strange_rounds < STRANGE_ROUNDS => Ok(None),
            Ordering::Greater => Ok(Some(Outcome::Displaced { nonce: self.nonce })),
            Ordering::Less => Err(SubmitError::NonceFreed { nonce: self.nonce, next }),
        }
    }

    /// Whether the receipt's block is deep enough; none if it is not L1's any more.
    async fn is_settled(&self, receipt: &TransactionReceipt) -> Result<Option<bool>, SubmitError> {
        let client = &self.submitter.client;
        let Some(block) = block_of(receipt) else { return Ok(None) };
        match client.header(BlockId::number(block.number)).await? {
            Some(header) if header.id != block => return Ok(None),
            Some(_) => {}
            None => return Ok(Some(false)),
        }
        let latest = client.latest().await?.id.number;
        Ok(Some(latest >= block.number.saturating_add(self.submitter.config.confirmations)))
    }

    async fn outcome(&self, attempt: Attempt, receipt: TransactionReceipt) -> Outcome {
        if attempt.call == self.wanted.id {
            return self.submitter.outcome(&self.wanted.call, receipt).await;
        }
        let Attempt { purpose, hash, .. } = attempt;
        tracing::info!(purpose, nonce = self.nonce, transaction = %hash, "an earlier L1 transaction took the nonce");
        Outcome::Superseded { nonce: self.nonce, purpose }
    }

    fn ready(&self) -> &Ready {
        self.clearing.as_ref().unwrap_or(&self.wanted)
    }

    async fn bid_if_due(&mut self) -> Result<(), SubmitError> {
        let newest = self.submitter.ledger.attempts(self.nonce).last();
        let ours = newest.filter(|attempt| self.ready().is(attempt)).cloned();
        let bump_after = self.submitter.config.bump_after;
        let is_due = self.too_low.is_some() || self.bid_at.is_none_or(|at| at.elapsed() >= bump_after);
        match ours {
            Some(last) if !is_due && self.submitter.is_pooled(&last).await? => Ok(()),
            Some(last) if !is_due => self.broadcast_again(&last).await,
            ours => self.bid(ours).await,
        }
    }

    /// A first or dearer attempt: journaled, then broadcast. Without room for a dearer one the last stays.
    async fn bid(&mut self, ours: Option<Attempt>) -> Result<(), SubmitError> {
        let fresh = fees::suggest(&self.submitter.client, self.ready().has_blobs()).await?;
        let bid = fresh.outbidding(self.too_low.into_iter().chain(self.pooled().await?));
        let purpose = self.ready().call.purpose.clone();
        self.bid_at = Some(Instant::now());
        if !self.submitter.config.fee_limits.allow(bid) {
            let Some(last) = ours else { return Err(SubmitError::FeesTooHigh { needed: bid }) };
            tracing::warn!(purpose, ?bid, "L1 asks more than may be bid: the transaction waits until L1 is cheaper");
            return self.broadcast_again(&last).await;
        }
        let (attempt, raw) = self.sign(self.ready().gas_limit, bid).await?;
        let is_new = !self.submitter.ledger.attempts(self.nonce).iter().any(|known| known.hash == attempt.hash);
        self.submitter.ledger.push(self.nonce, attempt.clone())?;
        self.submitter.newest_bid = Some((attempt.hash, Instant::now()));
        if ours.is_some() {
            tracing::info!(purpose, nonce = self.nonce, ?bid, "raising the fee of an L1 transaction");
        }
        self.broadcast(&attempt, &raw, is_new).await
    }

    async fn broadcast_again(&mut self, attempt: &Attempt) -> Result<(), SubmitError> {
        let (_, raw) = self.sign(attempt.gas_limit, attempt.fees).await?;
        self.broadcast(attempt, &raw, false).await
    }

    async fn broadcast(&mut self, attempt: &Attempt, raw: &Bytes, is_new: bool) -> Result<(), SubmitError> {
        let sent = wire::broadcast(&self.submitter.client, raw).await;
        let refusal = sent.as_ref().err().and_then(SendRefusal::of);
        let is_out =
            matches!(refusal, Some(SendRefusal::Underpriced | SendRefusal::OtherKind | SendRefusal::Underfunded));
        if is_new && is_out {
            self.submitter.ledger.withdraw(self.nonce, attempt.hash)?;
        }
        self.too_low = None;
        match refusal {
            // Already there, or no longer needed: the next look tells.
            Some(SendRefusal::Known | SendRefusal::NonceTooLow) => Ok(()),
            // The pool holds something dearer with this nonce that the journal does not name: outbid at the next look.
            Some(SendRefusal::Underpriced) => {
                self.too_low = Some(attempt.fees);
                Ok(())
            }
            Some(SendRefusal::OtherKind) => match self.clearing.take() {
                Some(_) => Ok(()),
                None => self.clear(!self.wanted.has_blobs()).await,
            },
            Some(SendRefusal::Underfunded) => Err(SubmitError::Underfunded { account: self.submitter.account }),
            None => Ok(sent?),
        }
    }

    /// From now on the nonce goes to a transfer of nothing to ourselves.
    async fn clear(&mut self, with_blobs: bool) -> Result<(), SubmitError> {
        let blobs = if with_blobs { vec![Bytes::from(vec![0; BLOB_BYTES])] } else { Vec::new() };
        let to = self.submitter.account.into();
        let gas_limit = Some(TRANSFER_GAS);
        let call = L1Call { purpose: "transfer to ourselves".into(), to, blobs, gas_limit, ..L1Call::default() };
        tracing::warn!(
            nonce = self.nonce,
            waiting = self.wanted.call.purpose,
            with_blobs,
            "the L1 endpoint holds transactions of this account that must go first: sending a transfer of nothing"
        );
        self.clearing = Some(Ready::new(call, TRANSFER_GAS).await?);
        self.bid_at = None;
        Ok(())
    }

    /// Whether the wanted call waits in the pool with a later nonce: whether it carries blobs, and that nonce.
    async fn same_behind(&self) -> Result<Option<(bool, u64)>, RpcFailure> {
        for (nonce, attempt) in self.submitter.ledger.after(self.nonce) {
            if attempt.call == self.wanted.id && self.submitter.is_pooled(attempt).await? {
                return Ok(Some((attempt.has_blobs(), nonce)));
            }
        }
        Ok(None)
    }

    /// What the pool holds with this nonce, as far as the journal names it.
    async fn pooled(&self) -> Result<Option<Fees>, RpcFailure> {
        for attempt in self.submitter.ledger.attempts(self.nonce).iter().rev() {
            if self.submitter.is_pooled(attempt).await? {
                return Ok(Some(attempt.fees));
            }
        }
        Ok(None)
    }

    async fn sign(&self, gas_limit: u64, fees: Fees) -> Result<(Attempt, Bytes), SubmitError> {
        let Submitter { wallet, account, chain_id, .. } = &*self.submitter;
        let Ready { call, id, sidecar, .. } = self.ready();
        let unsigned = wire::transaction(call, *account, *chain_id, self.nonce, gas_limit, fees, sidecar.as_ref());
        let (hash, raw) = wire::sign(wallet, unsigned).await?;
        Ok((Attempt { hash, purpose: call.purpose.clone(), call: *id, gas_limit, fees }, raw))
    }
}
