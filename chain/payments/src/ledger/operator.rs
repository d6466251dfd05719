//! What the operator does without a signature: leaf creation (PAY-CREATE, PAY-UNIQUE) and the fee credit
//! (PAY-FEE).

use super::{Ledger, Pending, Refused, order::gaps};
use crate::data::Effect;
use crate::field::address_integer;
use crate::kind::Variant;
use crate::leaf::{Key, Leaf};
use crate::slot::Slot;
use crate::state::Opening;
use alloc::vec::Vec;
use alloy_primitives::U256;

impl Ledger {
    /// Whether a key needs a leaf before it can be credited: `Full` if there is no room for one.
    pub(super) fn needs_leaf(&self, key: Key) -> Result<bool, Refused> {
        match self.state.find(key) {
            Some(_) => Ok(false),
            None if self.state.is_full() => Err(Refused::Full),
            None => Ok(true),
        }
    }

    /// Creates the leaf of a key; the operation that credits it must follow.
    pub fn create(&mut self, key: Key) -> Result<Slot, Refused> {
        if self.pending != Pending::Nothing {
            return Err(Refused::OutOfOrder);
        }
        if key == Key::ZERO {
            return Err(Refused::ZeroKey);
        }
        if let Some(index) = self.state.find(key) {
            return Err(Refused::WrongLeaf { index });
        }
        if self.state.is_full() {
            return Err(Refused::Full);
        }
        let mut slot = self.idle(Variant::Create);
        slot.a = self.opening(self.state.low(key));
        let low = slot.a.leaf;
        slot.lanes.account = address_integer(key.address);
        slot.lanes.after_a = address_integer(key.token);
        (slot.lanes.after_b, slot.lanes.bid, slot.end) = gaps(&low, key);
        self.state.write(slot.a.index, Leaf { next: key, ..low });
        slot.b = self.state.open_empty(Leaf::new(key, low.next)).ok_or(Refused::Full)?;
        self.state.append(&slot.b);
        self.pending = Pending::Created(key);
        slot.effect(Effect::Create { key });
        Ok(slot)
    }

    /// Credits the collected fees to the operator.
    pub fn fee_credit(&mut self) -> Result<Slot, Refused> {
        let key = Key::eth(self.env.operator);
        self.credited_now(key)?;
        let mut slot = self.idle(Variant::FeeCredit);
        slot.lanes.account = address_integer(key.address);
        slot.lanes.amount = self.fee;
        (slot.b, slot.lanes.after_b) = self.credit(key, self.fee)?;
        self.fee = 0;
        self.pending = Pending::Nothing;
        slot.effect(Effect::FeeCredit);
        Ok(slot)
    }

    /// Ends a batch: credits what fees there are, to a new leaf if need be.
    pub fn settle_fees(&mut self) -> Result<Vec<Slot>, Refused> {
        let mut slots = Vec::new();
        if self.fee == 0 {
            return Ok(slots);
        }
        let key = Key::eth(self.env.operator);
        if key == Key::ZERO {
            return Err(Refused::ZeroKey);
        }
        if self.needs_leaf(key)? {
            slots.push(self.create(key)?);
        }
        slots.push(self.fee_credit()?);
        Ok(slots)
    }

    /// Whether the operation that credits `key` may come now.
    pub(super) fn credited_now(&self, key: Key) -> Result<(), Refused> {
        match self.pending {
            Pending::Nothing => Ok(()),
            Pending::Created(created) if created == key => Ok(()),
            Pending::Created(_) | Pending::Credit(..) => Err(Refused::OutOfOrder),
        }
    }

    /// Whether an operation that credits nothing may come now.
    pub(super) fn free_now(&self) -> Result<(), Refused> {
        if self.pending == Pending::Nothing { Ok(()) } else { Err(Refused::OutOfOrder) }
    }

    /// Adds to the leaf of a key: its opening, and its balance after.
    pub(super) fn credit(&mut self, key: Key, amount: u128) -> Result<(Opening, U256), Refused> {
        if key == Key::ZERO {
            return Err(Refused::ZeroKey);
        }
        let index = self.state.find(key).ok_or(Refused::Missing { key })?;
        let opening = self.opening(index);
        let balance = opening.leaf.balance.checked_add(amount).ok_or(Refused::Overflow)?;
        self.state.write(index, Leaf { balance, ..opening.leaf });
        Ok((opening, U256::from(balance)))
    }
}
