//! Admission: which operations are promised a place, and how the promise is kept.
//!
//! What the ledger would refuse is refused here, as far as that can be known before its turn comes: what is before an operation may still change it (PAY-AUTH). What is
//! given up later is remembered by hash with the reason. Adversarial: every operation.

use std::sync::Arc;

use tandem_payments::{
    leaf::Key,
    operation::{GAS_SLACK_BITS, Operation},
    state::State,
};
use tandem_store::Admitted;

use super::{
    Engine, EngineError,
    refusal::NotAdmitted,
    submissions::{Reply, Submissions},
};
use crate::payments::signed::Signed;

impl Engine {
    /// Puts an operation among those that wait, if it will be applied once its turn comes, as far as that can be known.
    pub(super) fn admit(&mut self, signed: Signed, reply: Reply, group: &mut Submissions) {
        let answer = self.check(&signed).map(|()| signed.hash);
        if answer.is_ok() {
            let (hash, sender, bytes) = (signed.hash, signed.sender(), signed.envelope.clone());
            group.accepted.push(Admitted { hash, sender, bytes });
            self.pool.insert(Arc::new(signed), self.clock.moment());
        }
        group.replies.push((reply, answer));
    }

    /// Journals what was accepted, gives it its place, publishes it, then answers: whoever has the answer can ask for the transaction.
    pub(super) fn acknowledge(&mut self, group: &mut Submissions) -> Result<(), EngineError> {
        let Submissions { accepted, replies } = std::mem::take(group);
        if !accepted.is_empty() {
            self.store.journal_add(&accepted)?;
            self.fill()?;
            self.publish()?;
        }
        for (reply, answer) in replies {
            // Whoever asked may be gone; the operation is accepted all the same.
            let _ = reply.send(answer);
        }
        Ok(())
    }

    /// The state as it stands.
    pub(super) fn state(&self) -> &State {
        self.open.as_ref().map_or(&self.tip.state, |open| open.draft.state())
    }

    /// Whether an operation credits a leaf that is not there.
    fn creates(&self, signed: &Signed) -> bool {
        signed.credited().is_some_and(|key| self.state().find(key).is_none())
    }

    fn check(&self, signed: &Signed) -> Result<(), NotAdmitted> {
        let view = self.view.as_ref().ok_or(NotAdmitted::Syncing)?;
        if let Some(at) = view.frozen_at {
            return Err(NotAdmitted::Frozen { at });
        }
        if self.is_full() && !self.has_room() {
            return Err(match self.unproven() {
                0 => NotAdmitted::L1Behind { waiting: self.closed.len() },
                waiting => NotAdmitted::Behind { waiting },
            });
        }
        self.check_signed(signed, view.head.timestamp)?;
        let is_next = self.check_account(signed)?;
        Ok(self.pool.check(signed, is_next)?)
    }

    /// What was signed, whoever signed it.
    fn check_signed(&self, signed: &Signed, now: u64) -> Result<(), NotAdmitted> {
        let Operation { call, gas_limit: limit, max_fee_per_gas: price, expiry, .. } = signed.operation;
        let asked = self.config.gas_price;
        if price < asked {
            return Err(NotAdmitted::Underpriced { signed: price, asked });
        }
        if expiry < now {
            return Err(NotAdmitted::Expired { expiry, now });
        }
        NotAdmitted::check_call(&self.chain, &call)?;
        let creates = self.creates(signed);
        if creates && self.state().is_full() {
            return Err(NotAdmitted::TreeFull);
        }
        let gas = call.kind().gas_after(creates);
        let max = call.kind().gas().saturating_add(1 << GAS_SLACK_BITS);
        match limit {
            _ if limit < gas => Err(NotAdmitted::GasTooLow { limit, gas }),
            _ if limit >= max => Err(NotAdmitted::GasTooHigh { limit, max }),
            _ => Ok(()),
        }
    }

    /// Key, nonce and funds of the account, what waits of it and the same key signed reckoned in. Whether the nonce is the account's next.
    fn check_account(&self, signed: &Signed) -> Result<bool, NotAdmitted> {
        let (account, nonce) = (signed.sender(), signed.nonce());
        let leaf = self.state().get(Key::eth(account)).ok_or(NotAdmitted::NoAccount { account })?;
        // The hash of a key is never zero, which stands for none.
        if leaf.session_hash != signed.signer.key_hash {
            return Err(NotAdmitted::OtherKey { account });
        }
        if nonce < leaf.nonce || nonce == u64::MAX {
            return Err(NotAdmitted::NonceTooLow { next: leaf.nonce, nonce });
        }
        if nonce.saturating_sub(leaf.nonce) > self.config.mempool.nonce_gap_max {
            return Err(NotAdmitted::NonceTooHigh { next: leaf.nonce, nonce });
        }
        let counts = |waiting: &&Signed| waiting.nonce() != nonce && waiting.signer == signed.signer;
        let own = || self.pool.of(account).filter(counts);
        let wei = |signed: &Signed| signed.wei(self.config.gas_price, self.creates(signed));
        let cost = own().fold(wei(signed), |sum, waiting| sum.saturating_add(wei(waiting)));
        if cost > leaf.balance {
            return Err(NotAdmitted::Funds { balance: leaf.balance, cost });
        }
        let is_next = nonce == leaf.nonce;
        let Some((token, amount)) = signed.token() else { return Ok(is_next) };
        let same = own().filter_map(Signed::token).filter(|(other, _)| *other == token);
        let cost = same.fold(amount, |sum, (_, amount)| sum.saturating_add(amount));
        let balance = self.state().get(Key { address: account, token }).map_or(0, |leaf| leaf.balance);
        if cost > balance { Err(NotAdmitted::TokenFunds { token, balance, cost }) } else { Ok(is_next) }
    }
}
