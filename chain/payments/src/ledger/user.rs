//! What signatures authorise: PAY-USER and the kinds under it, PAY-AUTH, PAY-REGISTER.
//!
//! [`Ledger::user`] holds an operation to what was signed and turns it into a [`Spend`], the part that L1 data
//! carry; [`Ledger::spend`] applies that part, and is what a replica calls.

use super::{KeyOrder, Ledger, Pending, Refused, key_order};
use crate::data::Effect;
use crate::field::{address_integer, halves, integer};
use crate::kind::{Kind, Variant};
use crate::leaf::{Key, Leaf};
use crate::operation::{Authority, Call, Operation, PRICE_BITS, SignatureKind, Signer, register_hash};
use crate::slot::{Bid, Slot};
use alloc::vec::Vec;
use alloy_primitives::{Address, U256};
use ark_bn254::Fr;
use ark_ff::Zero;

/// What a spend does, in terms of leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spending {
    /// ETH to the leaf of the recipient (PAY-TRANSFER).
    Transfer,
    /// A token from a leaf of the payer's to the recipient's (PAY-TOKEN).
    TokenTransfer {
        /// The payer's token leaf.
        from: u32,
    },
    /// ETH to the recipient's address on L1 (PAY-WITHDRAW).
    WithdrawEth,
    /// A token to L1 (PAY-WITHDRAW).
    WithdrawToken {
        /// The payer's token leaf.
        from: u32,
    },
    /// A new session key for the payer (PAY-SESSION).
    SetSession {
        /// The hash of the new key; zero removes the old one.
        key_hash: Fr,
    },
}

impl Spending {
    fn kind(&self) -> Kind {
        match self {
            Self::Transfer => Kind::Transfer,
            Self::TokenTransfer { .. } => Kind::TokenTransfer,
            Self::WithdrawEth => Kind::WithdrawEth,
            Self::WithdrawToken { .. } => Kind::WithdrawToken,
            Self::SetSession { .. } => Kind::SetSession,
        }
    }

    fn variant(&self) -> Variant {
        match self {
            Self::Transfer => Variant::Transfer,
            Self::TokenTransfer { .. } => Variant::TokenTransfer,
            Self::WithdrawEth => Variant::WithdrawEth,
            Self::WithdrawToken { .. } => Variant::WithdrawToken,
            Self::SetSession { .. } => Variant::SetSession,
        }
    }
}

/// The part of an operation that changes the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spend {
    /// The ETH leaf that pays.
    pub payer: u32,
    /// What moves, and where to.
    pub spending: Spending,
    /// Who receives, here or on L1.
    pub recipient: Address,
    /// How much, in the unit of what moves.
    pub amount: u128,
    /// The price, and the slack below what was signed.
    pub bid: Bid,
}

impl Ledger {
    /// Applies an operation at a price: its slots, after that of a leaf that it needs. The signature itself is for the
    /// caller (and the Authorise circuits) to verify; whether its key is the account's at this moment is checked here,
    /// since operations and messages before this one may have replaced the key.
    ///
    /// # Errors
    /// If a rule does not hold; then nothing has changed.
    pub fn user(&mut self, operation: &Operation, signer: Signer, price: u64) -> Result<Vec<Slot>, Refused> {
        self.free_now()?;
        let authority = self.authority(operation, signer)?;
        let credited = self.credited(operation)?;
        let create = match credited {
            Some(key) => self.needs_leaf(key)?,
            None => false,
        };
        let spend = self.resolve(operation, price, create)?;
        let (after, fee) = match spend.spending {
            // out of the leaf that is created for it, which is empty
            Spending::TokenTransfer { from } if self.state.leaf(from).is_none() && spend.amount > 0 => {
                return Err(Refused::Balance { balance: 0, needed: spend.amount });
            }
            Spending::TokenTransfer { from } if self.state.leaf(from).is_none() => self.check_payer(&spend, create)?,
            _ => self.check(&spend, create)?,
        };
        if let Some(leaf) = credited.and_then(|key| self.state.get(key)) {
            let own = leaf.key.address == operation.sender;
            if !own && leaf.balance.checked_add(spend.amount).is_none() {
                return Err(Refused::Overflow);
            }
        }
        self.check_operator(&spend, &after, fee, credited.filter(|_| create))?;
        let mut slots = Vec::new();
        if let Some(key) = credited.filter(|_| create) {
            slots.push(self.create(key)?);
        }
        let mut slot = self.spend(&spend)?;
        slot.authorise(authority);
        slots.push(slot);
        if let Pending::Credit(..) = self.pending {
            slots.push(self.token_credit()?);
        }
        Ok(slots)
    }

    /// PAY-AUTH: the key that signed must be the one in the leaf as it is now.
    fn authority(&self, operation: &Operation, Signer { kind, key_hash }: Signer) -> Result<Authority, Refused> {
        if !kind.may_authorise(operation.call.kind()) {
            return Err(Refused::NotAuthorised { kind });
        }
        let key = Key::eth(operation.sender);
        let leaf = self.state.get(key).ok_or(Refused::Missing { key })?;
        let held = match kind {
            SignatureKind::Session => leaf.session_hash,
            SignatureKind::Ethereum | SignatureKind::Register => leaf.key_hash,
        };
        if held.is_zero() || held != key_hash {
            return Err(Refused::Key { kind });
        }
        Ok(Authority { kind, operation_hash: operation.hash(self.dom), key_hash })
    }

    /// Whether the operation needs a leaf that is not there.
    pub(crate) fn creates(&self, operation: &Operation) -> bool {
        matches!(self.credited(operation), Ok(Some(key)) if self.needs_leaf(key) == Ok(true))
    }

    /// The key that the operation credits here.
    fn credited(&self, operation: &Operation) -> Result<Option<Key>, Refused> {
        let key = match operation.call {
            Call::Transfer { recipient, .. } => Key::eth(recipient),
            Call::TokenTransfer { token, recipient, .. } => Key { address: recipient, token },
            Call::WithdrawEth { .. } | Call::WithdrawToken { .. } | Call::SetSession { .. } => {
                return Ok(None);
            }
        };
        if key == Key::ZERO { Err(Refused::ZeroKey) } else { Ok(Some(key)) }
    }

    /// Holds an operation to what was signed (PAY-USER).
    fn resolve(&self, operation: &Operation, price: u64, create: bool) -> Result<Spend, Refused> {
        let Operation { sender, nonce: signed, call, gas_limit, max_fee_per_gas, expiry } = *operation;
        let key = Key::eth(sender);
        let payer = self.state.find(key).ok_or(Refused::Missing { key })?;
        let expected = self.opening(payer).leaf.nonce;
        if signed != expected {
            return Err(Refused::Nonce { expected, signed });
        }
        let gas = call.kind().gas_after(create);
        let slack = gas_limit.checked_sub(gas).and_then(|slack| u32::try_from(slack).ok());
        let timestamp = self.env.timestamp;
        let bid = Bid {
            price,
            gas_slack: slack.ok_or(Refused::GasLimit { gas, gas_limit })?,
            fee_slack: max_fee_per_gas
                .checked_sub(price)
                .ok_or(Refused::Price { price, price_max: max_fee_per_gas })?,
            expiry_slack: expiry.checked_sub(timestamp).ok_or(Refused::Expired { expiry, timestamp })?,
        };
        let token_leaf = |token: Address| {
            let key = Key { address: sender, token };
            if token.is_zero() {
                return Err(Refused::ZeroKey);
            }
            match self.state.find(key) {
                // to oneself, by the leaf that is created for it
                None if create && call.recipient() == sender => {
                    u32::try_from(self.state.leaf_count()).map_err(|_| Refused::Full)
                }
                found => found.ok_or(Refused::Missing { key }),
            }
        };
        let spending = match call {
            Call::Transfer { .. } => Spending::Transfer,
            Call::TokenTransfer { token, .. } => Spending::TokenTransfer { from: token_leaf(token)? },
            Call::WithdrawEth { .. } => Spending::WithdrawEth,
            Call::WithdrawToken { token, .. } => Spending::WithdrawToken { from: token_leaf(token)? },
            Call::SetSession { key_hash } => Spending::SetSession { key_hash },
        };
        Ok(Spend { payer, spending, recipient: call.recipient(), amount: call.amount(), bid })
    }

    /// Whether a spend can be paid: the payer's leaf after it, and the fee.
    fn check(&self, spend: &Spend, created: bool) -> Result<(Leaf, u128), Refused> {
        if let Spending::TokenTransfer { from } | Spending::WithdrawToken { from } = spend.spending {
            let payer = self.state.leaf(spend.payer).ok_or(Refused::WrongLeaf { index: spend.payer })?;
            self.check_token(payer, from, spend.amount)?;
        }
        self.check_payer(spend, created)
    }

    /// The same but for a token that it moves.
    fn check_payer(&self, spend: &Spend, created: bool) -> Result<(Leaf, u128), Refused> {
        let index = spend.payer;
        let leaf = *self.state.leaf(index).ok_or(Refused::WrongLeaf { index })?;
        if !leaf.key.token.is_zero() {
            return Err(Refused::WrongLeaf { index });
        }
        let price = spend.bid.price;
        if price >> PRICE_BITS != 0 {
            return Err(Refused::Price { price, price_max: (1 << PRICE_BITS) - 1 });
        }
        // gas is below 2^17, so this is below 2^66
        let fee = u128::from(spend.spending.kind().gas_after(created)).saturating_mul(price.into());
        let eth = match spend.spending {
            Spending::Transfer | Spending::WithdrawEth => spend.amount,
            Spending::TokenTransfer { .. } | Spending::WithdrawToken { .. } | Spending::SetSession { .. } => 0,
        };
        let needed = fee.checked_add(eth);
        let balance = needed
            .and_then(|needed| leaf.balance.checked_sub(needed))
            .ok_or(Refused::Balance { balance: leaf.balance, needed: needed.unwrap_or(u128::MAX) })?;
        let nonce = leaf.nonce.checked_add(1).ok_or(Refused::NonceExhausted)?;
        let session_hash = match spend.spending {
            Spending::SetSession { key_hash } => key_hash,
            _ => leaf.session_hash,
        };
        Ok((Leaf { nonce, balance, session_hash, ..leaf }, fee))
    }

    fn check_token(&self, payer: &Leaf, from: u32, amount: u128) -> Result<(), Refused> {
        let leaf = self.state.leaf(from).ok_or(Refused::WrongLeaf { index: from })?;
        if leaf.key.address != payer.key.address || leaf.key.token.is_zero() {
            return Err(Refused::WrongLeaf { index: from });
        }
        if leaf.balance < amount {
            return Err(Refused::Balance { balance: leaf.balance, needed: amount });
        }
        Ok(())
    }

    /// Applies a spend. After a token transfer its credit must follow.
    pub fn spend(&mut self, spend: &Spend) -> Result<Slot, Refused> {
        let created = matches!(self.pending, Pending::Created(_));
        let (after, fee) = self.check(spend, created)?;
        let target = self.target(spend)?;
        match target {
            Some(key) => self.credited_now(key)?,
            None => self.free_now()?,
        }
        let total = self.fee.checked_add(fee).ok_or(Refused::Overflow)?;

        let mut slot = self.idle(spend.spending.variant());
        slot.a = self.opening(spend.payer);
        slot.lanes.amount = spend.amount;
        slot.lanes.after_a = U256::from(after.balance);
        slot.lanes.bid = spend.bid.pack();
        slot.lanes.account = address_integer(spend.recipient);
        let before = slot.a.leaf;
        self.state.write(spend.payer, after);
        slot.b = self.opening(0);
        self.pending = Pending::Nothing;
        let (payer, amount, price) = (spend.payer, spend.amount, spend.bid.price);
        match spend.spending {
            Spending::Transfer => {
                let credit = self.credit(Key::eth(spend.recipient), amount);
                // an overflow leaves everything as it was
                let (opening, balance) = credit.inspect_err(|_| self.state.write(payer, before))?;
                let to = opening.index;
                (slot.b, slot.lanes.after_b) = (opening, balance);
                slot.effect(Effect::Transfer { from: payer, to, amount, price });
            }
            Spending::TokenTransfer { from } => {
                (slot.b, slot.lanes.after_b) = self.debit(from, amount)?;
                let key = Key { address: spend.recipient, token: slot.b.leaf.key.token };
                self.pending = Pending::Credit(key, amount);
                slot.effect(Effect::TokenTransfer { payer, from, amount, price });
            }
            Spending::WithdrawEth => {
                slot.effect(Effect::WithdrawEth { from: payer, amount, price });
                slot.withdrawal(spend.recipient, Address::ZERO, amount);
            }
            Spending::WithdrawToken { from } => {
                (slot.b, slot.lanes.after_b) = self.debit(from, amount)?;
                let token = slot.b.leaf.key.token;
                slot.effect(Effect::WithdrawToken { payer, from, amount, price });
                slot.withdrawal(spend.recipient, token, amount);
            }
            Spending::SetSession { key_hash } => {
                posted_key(&mut slot, key_hash);
                slot.effect(Effect::SetSession { of: payer, key_hash, price });
            }
        }
        self.fee = total;
        Ok(slot)
    }

    /// The key that a spend credits, here or in the slot after it.
    fn target(&self, spend: &Spend) -> Result<Option<Key>, Refused> {
        match spend.spending {
            Spending::Transfer => Ok(Some(Key::eth(spend.recipient))),
            Spending::TokenTransfer { from } => {
                let leaf = self.state.leaf(from).ok_or(Refused::WrongLeaf { index: from })?;
                Ok(Some(Key { address: spend.recipient, token: leaf.key.token }))
            }
            _ => Ok(None),
        }
    }

    fn debit(&mut self, index: u32, amount: u128) -> Result<(crate::state::Opening, U256), Refused> {
        let opening = self.state.open(index).ok_or(Refused::WrongLeaf { index })?;
        let balance = opening
            .leaf
            .balance
            .checked_sub(amount)
            .ok_or(Refused::Balance { balance: opening.leaf.balance, needed: amount })?;
        self.state.write(index, Leaf { balance, ..opening.leaf });
        Ok((opening, U256::from(balance)))
    }

    /// The second slot of a token transfer.
    pub fn token_credit(&mut self) -> Result<Slot, Refused> {
        let Pending::Credit(key, amount) = self.pending else {
            return Err(Refused::OutOfOrder);
        };
        let mut slot = self.idle(Variant::TokenCredit);
        slot.lanes.account = address_integer(key.address);
        slot.lanes.amount = amount;
        (slot.b, slot.lanes.after_b) = self.credit(key, amount)?;
        self.pending = Pending::Nothing;
        slot.effect(Effect::TokenCredit { to: slot.b.index });
        Ok(slot)
    }

    /// Registers the public key of an address (PAY-REGISTER). The proof that the key has that address is Authorise's.
    pub fn register(&mut self, address: Address, key_hash: Fr) -> Result<Slot, Refused> {
        self.free_now()?;
        let kind = SignatureKind::Register;
        if key_hash.is_zero() {
            return Err(Refused::Key { kind });
        }
        let key = Key::eth(address);
        let index = self.state.find(key).ok_or(Refused::Missing { key })?;
        let mut slot = self.idle(Variant::Register);
        slot.a = self.opening(index);
        posted_key(&mut slot, key_hash);
        self.state.write(index, Leaf { key_hash, ..slot.a.leaf });
        slot.b = self.opening(0);
        slot.authorise(Authority { kind, operation_hash: register_hash(address), key_hash });
        slot.effect(Effect::Register { of: index, key_hash });
        Ok(slot)
    }
}

/// Puts a posted key hash and its distance to r in the lanes.
fn posted_key(slot: &mut Slot, key_hash: Fr) {
    let key = integer(key_hash);
    let (high, low) = halves(key);
    slot.lanes.amount = low;
    slot.lanes.after_b = U256::from(high);
    if let KeyOrder::Below(gap) = key_order(key) {
        slot.lanes.account = gap;
    }
}
