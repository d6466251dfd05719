//! What the L1 queue orders: deposits (PAY-DEPOSIT), forced withdrawals (PAY-FORCED), session keys (PAY-L1KEY).
//!
//! Total: every message has exactly one result in every state.

use super::{KeyOrder, Ledger, Refused, key_order, order::gaps};
use crate::data::{Effect, Message};
use crate::field::{address_integer, fr, halves};
use crate::kind::Variant;
use crate::leaf::{Key, Leaf};
use crate::slot::Slot;
use alloc::vec::Vec;
use alloy_primitives::{Address, U256};

impl Ledger {
    /// Applies the next message of the queue: its slot, after that of a leaf that it needs.
    ///
    /// # Errors
    /// `OutOfOrder` only: in the middle of a group.
    pub fn message(&mut self, message: &Message) -> Result<Vec<Slot>, Refused> {
        self.free_now()?;
        let mut slots = Vec::new();
        if let Message::Deposit { key, .. } = message
            && self.creates_for_deposit(*key)
        {
            slots.push(self.create(*key)?);
        }
        slots.push(self.queued(message)?);
        Ok(slots)
    }

    /// Applies a message whose leaf, if it needs one, has been created.
    pub fn queued(&mut self, message: &Message) -> Result<Slot, Refused> {
        match *message {
            Message::Deposit { key, amount } => self.deposit(message, key, amount),
            Message::Forced { key } => self.forced(message, key),
            Message::L1Key { account, key } => self.l1_key(message, account, key),
        }
    }

    fn deposit(&mut self, message: &Message, key: Key, amount: u128) -> Result<Slot, Refused> {
        self.credited_now(key)?;
        let mut slot = self.idle(Variant::DepositSentinel);
        slot.lanes.account = address_integer(key.address);
        slot.lanes.amount = amount;
        match self.state.find(key) {
            _ if key == Key::ZERO => {}
            None if !self.state.is_full() => return Err(Refused::Missing { key }),
            None => {
                self.missing(&mut slot, key);
                slot.lanes.after_a = address_integer(key.token);
                slot.variant = Variant::DepositFull;
            }
            Some(index) => match self.credit(key, amount) {
                Ok((opening, after)) => {
                    (slot.b, slot.lanes.after_b) = (opening, after);
                    slot.variant = Variant::DepositCredited;
                }
                Err(_) => {
                    slot.b = self.opening(index);
                    // 2^128 less than the sum
                    let excess = slot.b.leaf.balance.wrapping_add(amount);
                    slot.lanes.after_b = U256::from(excess);
                    slot.variant = Variant::DepositOverflow;
                }
            },
        }
        self.pending = super::Pending::Nothing;
        if slot.variant != Variant::DepositCredited {
            slot.withdrawal(key.address, key.token, amount);
        }
        slot.effect(Effect::Deposit);
        slot.message(message);
        Ok(slot)
    }

    fn forced(&mut self, message: &Message, key: Key) -> Result<Slot, Refused> {
        self.free_now()?;
        let mut slot = self.idle(Variant::ForcedMissing);
        slot.lanes.account = address_integer(key.address);
        if let Some(index) = self.state.find(key) {
            slot.b = self.opening(index);
            slot.variant = Variant::ForcedEmpty;
            let amount = slot.b.leaf.balance;
            if amount > 0 {
                slot.variant = Variant::ForcedPaid;
                slot.lanes.amount = amount;
                self.state.write(index, Leaf { balance: 0, ..slot.b.leaf });
                slot.withdrawal(key.address, key.token, amount);
            }
        } else {
            self.missing(&mut slot, key);
            slot.lanes.after_a = address_integer(key.token);
        }
        slot.effect(Effect::Forced);
        slot.message(message);
        Ok(slot)
    }

    fn l1_key(&mut self, message: &Message, account: Address, key: U256) -> Result<Slot, Refused> {
        self.free_now()?;
        let mut slot = self.idle(Variant::L1KeyMalformed);
        let (high, low) = halves(key);
        slot.lanes.account = address_integer(account);
        slot.lanes.amount = low;
        slot.lanes.after_a = U256::from(high);
        match (key_order(key), self.state.find(Key::eth(account))) {
            (KeyOrder::AtOrAbove(gap), _) => slot.lanes.bid = gap,
            (KeyOrder::Below(_), None) => {
                self.missing(&mut slot, Key::eth(account));
                slot.variant = Variant::L1KeyMissing;
            }
            (KeyOrder::Below(gap), Some(index)) => {
                slot.lanes.bid = gap;
                slot.a = self.opening(index);
                slot.variant = Variant::L1KeySet;
                self.state.write(index, Leaf { session_hash: fr(key), ..slot.a.leaf });
                slot.b = self.opening(0);
            }
        }
        slot.effect(Effect::L1Key);
        slot.message(message);
        Ok(slot)
    }

    /// Opens in A the leaf that spans a missing key.
    fn missing(&self, slot: &mut Slot, key: Key) {
        slot.a = self.opening(self.state.low(key));
        (slot.lanes.after_b, slot.lanes.bid, slot.end) = gaps(&slot.a.leaf, key);
    }
}
