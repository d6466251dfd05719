//! Rebuilding the state from L1: effects and message bodies in, state and withdrawals out.
//!
//! The same [`Ledger`] applies them; signatures are not needed. Of a proven batch no step can fail; bytes that were never
//! proven get an error and no state.

use crate::data::{DataError, Effect, Message, Withdrawal, elements};
use crate::ledger::{Env, Ledger, Refused, Spend, Spending};
use crate::slot::{Bid, Slot};
use crate::state::State;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use alloy_primitives::Address;
use ark_bn254::Fr;
use ark_ff::Zero;
use thiserror::Error;

/// Why segments are no batch on this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReplayError {
    /// A segment does not decode.
    #[error("segment: {0}")]
    Data(#[from] DataError),
    /// An effect cannot be applied.
    #[error("effect {index}: {refused}")]
    Refused {
        /// The place of the effect in the segment, from 0.
        index: usize,
        /// Why the ledger refuses it.
        refused: Refused,
    },
    /// An effect takes another message than the next one, or there is none.
    #[error("effect {index} takes another message than the next")]
    WrongMessage {
        /// The place of the effect in the segment, from 0.
        index: usize,
    },
    /// The effects end with a group unfinished, fees not credited, or messages left.
    #[error("the effects end early: {messages} messages and {fee} wei of fees left")]
    Unfinished {
        /// Messages that no effect consumed.
        messages: usize,
        /// Fees that nobody was credited, in wei.
        fee: u128,
    },
}

/// What a batch did.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The state after it.
    pub state: State,
    /// What can be claimed on L1.
    pub withdrawals: Vec<Withdrawal>,
    /// The leaves that it changed or made, by index.
    pub changed: BTreeSet<u32>,
}

/// Applies the effects and messages segments of a batch, as posted.
///
/// The withdrawals are those that the effects imply; recipients of signed withdrawals are read from the posted
/// segment, whose other fields must agree.
pub fn replay(
    state: State,
    env: Env,
    effects: &[u8],
    withdrawals: &[u8],
    messages: &[u8],
) -> Result<Replayed, ReplayError> {
    let effects = Effect::decode_all(&elements(effects)?)?;
    let posted = Withdrawal::decode_all(&elements(withdrawals)?)?;
    let messages = Message::decode_all(&elements(messages)?)?;
    let before = state.clone();
    let mut replay = Replay {
        ledger: Ledger::new(state, env, Fr::zero()),
        posted: posted.iter(),
        messages: messages.iter(),
        opened: BTreeSet::new(),
    };
    for (index, effect) in effects.iter().enumerate() {
        replay.step(index, effect, effects.get(index.saturating_add(1)))?;
    }
    let left = replay.messages.len();
    let fee = replay.ledger.fee();
    if left > 0 || fee > 0 || replay.posted.len() > 0 || replay.ledger.is_pending() {
        return Err(ReplayError::Unfinished { messages: left, fee });
    }
    let (mut changed, state) = (replay.opened, replay.ledger.into_state());
    changed.retain(|&index| state.leaf(index) != before.leaf(index));
    Ok(Replayed { state, withdrawals: posted, changed })
}

struct Replay<'a> {
    ledger: Ledger,
    posted: core::slice::Iter<'a, Withdrawal>,
    messages: core::slice::Iter<'a, Message>,
    /// The leaves of all slots: no other is written.
    opened: BTreeSet<u32>,
}

impl Replay<'_> {
    fn step(&mut self, index: usize, effect: &Effect, next: Option<&Effect>) -> Result<(), ReplayError> {
        let refused = |refused| ReplayError::Refused { index, refused };
        let slot = match *effect {
            Effect::Create { key } => self.ledger.create(key),
            Effect::Deposit | Effect::Forced | Effect::L1Key => {
                let message = self.next_message(effect).ok_or(ReplayError::WrongMessage { index })?;
                self.ledger.queued(&message)
            }
            Effect::FeeCredit => self.ledger.fee_credit(),
            Effect::TokenCredit { to } => self
                .ledger
                .token_credit()
                .and_then(|slot| if slot.b.index == to { Ok(slot) } else { Err(Refused::WrongLeaf { index: to }) }),
            Effect::Register { of, key_hash } => match self.ledger.state().leaf(of) {
                Some(leaf) if leaf.key.token.is_zero() => self.ledger.register(leaf.key.address, key_hash),
                _ => Err(Refused::WrongLeaf { index: of }),
            },
            _ => self.spend(effect, next).and_then(|spend| self.ledger.spend(&spend)),
        };
        let slot = slot.map_err(refused)?;
        self.opened.extend([slot.a.index, slot.b.index]);
        self.check_withdrawal(&slot, index)
    }

    fn next_message(&mut self, effect: &Effect) -> Option<Message> {
        let message = self.messages.next()?;
        let expected = match message {
            Message::Deposit { .. } => Effect::Deposit,
            Message::Forced { .. } => Effect::Forced,
            Message::L1Key { .. } => Effect::L1Key,
        };
        (*effect == expected).then_some(*message)
    }

    /// The spend that an effect records.
    fn spend(&self, effect: &Effect, next: Option<&Effect>) -> Result<Spend, Refused> {
        let owner = |index: u32| {
            let leaf = self.ledger.state().leaf(index).ok_or(Refused::WrongLeaf { index })?;
            Ok(leaf.key)
        };
        let claimant = || self.posted.as_slice().first().map_or(Address::ZERO, |posted| posted.recipient);
        let (payer, spending, recipient, amount, price) = match *effect {
            Effect::Transfer { from, to, amount, price } => {
                let key = owner(to)?;
                if !key.token.is_zero() {
                    return Err(Refused::WrongLeaf { index: to });
                }
                (from, Spending::Transfer, key.address, amount, price)
            }
            Effect::TokenTransfer { payer, from, amount, price } => {
                let Some(Effect::TokenCredit { to }) = next else {
                    return Err(Refused::OutOfOrder);
                };
                (payer, Spending::TokenTransfer { from }, owner(*to)?.address, amount, price)
            }
            Effect::WithdrawEth { from, amount, price } => (from, Spending::WithdrawEth, claimant(), amount, price),
            Effect::WithdrawToken { payer, from, amount, price } => {
                (payer, Spending::WithdrawToken { from }, claimant(), amount, price)
            }
            Effect::SetSession { of, key_hash, price } => {
                (of, Spending::SetSession { key_hash }, Address::ZERO, 0, price)
            }
            _ => return Err(Refused::OutOfOrder),
        };
        Ok(Spend { payer, spending, recipient, amount, bid: Bid { price, ..Bid::default() } })
    }

    /// A slot with a withdrawal takes the next one posted, which must be it.
    fn check_withdrawal(&mut self, slot: &Slot, index: usize) -> Result<(), ReplayError> {
        let [_, _, Some(first), Some(second), ..] = slot.items else {
            return Ok(());
        };
        match self.posted.next() {
            Some(posted) if posted.encode() == [first, second] => Ok(()),
            _ => Err(ReplayError::Refused { index, refused: Refused::OutOfOrder }),
        }
    }
}
