//! What the operator does without a signature: leaf creation (PAY-CREATE, PAY-UNIQUE) and the fee credit
//! (PAY-FEE).

use super::{Ledger, Pending, Refused, Spend, Spending, order::gaps};
use crate::data::{Effect, Message};
use crate::field::address_integer;
use crate::kind::Variant;
use crate::leaf::{Key, Leaf};
use crate::slot::Slot;
use crate::state::Opening;
use crate::tree::CAPACITY;
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

    /// Whether the operator has a leaf that fees can be credited to.
    pub fn operator_has_leaf(&self) -> bool {
        let key = Key::eth(self.env.operator);
        key != Key::ZERO && self.state.find(key).is_some()
    }

    /// Whether fees can still be credited in this batch after a spend (PAY-FEE): the operator has a leaf, or one can be created
    /// after the one that the spend creates, and its balance stays below 2^128. `payer` is the payer's leaf after the spend.
    pub(super) fn check_operator(
        &self,
        spend: &Spend,
        payer: &Leaf,
        fee: u128,
        created: Option<Key>,
    ) -> Result<(), Refused> {
        let fees = self.fee.checked_add(fee).ok_or(Refused::Overflow)?;
        let key = Key::eth(self.env.operator);
        if fees == 0 {
            return Ok(());
        }
        let leaf_count = self.state.leaf_count().saturating_add(u64::from(created.is_some()));
        let balance = match self.state.get(key) {
            _ if key == Key::ZERO => return Err(Refused::NoOperatorLeaf),
            Some(_) if payer.key == key => payer.balance,
            Some(leaf) => leaf.balance,
            None if created == Some(key) || leaf_count < CAPACITY => 0,
            None => return Err(Refused::NoOperatorLeaf),
        };
        let received = match spend.spending {
            Spending::Transfer if spend.recipient == self.env.operator => spend.amount,
            _ => 0,
        };
        let sum = balance.checked_add(received).and_then(|sum| sum.checked_add(fees));
        sum.map(|_| ()).ok_or(Refused::Overflow)
    }

    /// Whether fees must be credited before a message, because a deposit to the operator would leave no room for them. On L1 no
    /// deposit is that large: the bridge holds less than 2^128 of ETH in all.
    pub(crate) fn settles_before(&self, message: &Message) -> bool {
        let operator = Key::eth(self.env.operator);
        let Message::Deposit { key, amount } = *message else { return false };
        let held = self.state.get(operator).map_or(0, |leaf| leaf.balance);
        let sum = held.checked_add(amount).and_then(|sum| sum.checked_add(self.fee));
        self.fee > 0 && key == operator && sum.is_none()
    }

    /// Whether a deposit for a key needs a leaf that is not there and for which there is room.
    pub(crate) fn creates_for_deposit(&self, key: Key) -> bool {
        key != Key::ZERO && self.needs_leaf(key) == Ok(true)
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
