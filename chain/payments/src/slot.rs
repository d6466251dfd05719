//! One slot: what the Apply circuit sees of one operation, recorded by the ledger as it applies it.
//!
//! Twin: `prover/circuits/src/apply/slot.rs`. A slot opens two leaves, A and then B, and holds five *lanes* of
//! range-checked bits that the kinds share (PAY-LANES).

use crate::data::{Effect, Element, Message, Withdrawal};
use crate::kind::Variant;
use crate::operation::{Authority, SignatureKind};
use crate::state::Opening;
use alloy_primitives::{Address, U256};
use ark_bn254::Fr;
use ark_ff::Zero;

/// Elements per slot: two each of effects, withdrawals, messages.
pub const ITEMS: usize = 6;

/// The lanes (PAY-LANES). A lane that the variant does not use is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lanes {
    /// 128 bits: the amount; of a key hash the low half.
    pub amount: u128,
    /// 160 bits: A's balance after; the token of a created or missing key; the high half of a key from L1.
    pub after_a: U256,
    /// 160 bits: B's balance after; the gap below a created or missing key; the high half of a posted key hash.
    pub after_b: U256,
    /// 208 bits: the bid; the gap above a created or missing key; the distance of a key from L1 to r.
    pub bid: U256,
    /// 160 bits: recipient or account; the distance of a posted key hash to r.
    pub account: U256,
}

/// Bits of the lanes.
pub const LANE_BITS: [usize; 5] = [128, 160, 160, 208, 160];

impl Lanes {
    /// The lanes in order.
    pub fn all(&self) -> [U256; 5] {
        [U256::from(self.amount), self.after_a, self.after_b, self.bid, self.account]
    }
}

/// What an operation pays and how far it stays below its signed limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bid {
    /// Wei per gas, 48 bits.
    pub price: u64,
    /// Gas limit minus gas, 32 bits.
    pub gas_slack: u32,
    /// Signed price minus price, 64 bits.
    pub fee_slack: u64,
    /// Expiry minus timestamp, 64 bits.
    pub expiry_slack: u64,
}

impl Bid {
    /// The fields packed into one integer, as their lane holds them.
    #[allow(clippy::arithmetic_side_effects, reason = "fields of an integer, shifted within its 256 bits")]
    pub fn pack(&self) -> U256 {
        U256::from(self.price)
            | U256::from(self.gas_slack) << 48
            | U256::from(self.fee_slack) << 80
            | U256::from(self.expiry_slack) << 144
    }
}

/// A slot as the ledger recorded it for the circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The operation, or the part of one, that the slot holds.
    pub variant: Variant,
    /// The first leaf, as opened.
    pub a: Opening,
    /// The second leaf, opened after A was written.
    pub b: Opening,
    /// The small integers of the slot, packed into field elements.
    pub lanes: Lanes,
    /// Whether a user's operation is authorised by its Ethereum key.
    pub ethereum: bool,
    /// Whether the low leaf of a created or missing key is the last one.
    pub end: bool,
    /// The data elements e0 e1 w0 w1 m0 m1.
    pub items: [Option<Element>; ITEMS],
    /// What must be authorised.
    pub authority: Option<Authority>,
}

impl Slot {
    /// The items as the digest takes them: zero where absent.
    pub fn item_values(&self) -> [Fr; ITEMS] {
        self.items.map(|item| item.map_or_else(Fr::zero, |element| element.fr()))
    }

    /// The element `active * v`: zero for a slot that is not used.
    pub fn value(&self) -> Fr {
        self.authority.map_or_else(Fr::zero, |authority| authority.value())
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        let (first, second) = effect.encode();
        self.items[0] = Some(first);
        self.items[1] = second;
    }

    pub(crate) fn withdrawal(&mut self, recipient: Address, token: Address, amount: u128) {
        [self.items[2], self.items[3]] = Withdrawal { recipient, token, amount }.encode().map(Some);
    }

    pub(crate) fn message(&mut self, message: &Message) {
        [self.items[4], self.items[5]] = message.encode().map(Some);
    }

    pub(crate) fn authorise(&mut self, authority: Authority) {
        self.ethereum = authority.kind == SignatureKind::Ethereum;
        self.authority = Some(authority);
    }
}
