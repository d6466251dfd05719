//! The data of a batch: elements of 31 bytes, and the effect, withdrawal and message records made of them
//! (PAY-KIND, PAY-WITHDRAWAL, PAY-MESSAGE, PAY-EVAL).
//!
//! Twins: `prover/circuits/src/apply/items.rs`; the evaluation and the queue hash on L1. Decoding takes bytes
//! from outside: it accepts exactly what encoding produces.

mod effect;
mod message;
#[cfg(test)]
mod tests;

pub use effect::Effect;
pub use message::{Message, Withdrawal};

use crate::field::fr;
use alloc::vec::Vec;
use alloy_primitives::U256;
use ark_bn254::Fr;
use ark_ff::Zero;
use thiserror::Error;

/// Bytes of an element.
pub const ELEMENT_BYTES: usize = 31;

/// Why bytes are no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DataError {
    /// The bytes end inside an element or a record.
    #[error("data end inside a record, after {elements} elements")]
    Truncated {
        /// Whole elements before the end.
        elements: usize,
    },
    /// The first byte names no record of this segment.
    #[error("unknown record {byte:#04x}")]
    UnknownRecord {
        /// The first byte of the record.
        byte: u8,
    },
    /// Bits that the record does not use are set, or a key hash is not below r.
    #[error("record {byte:#04x} is not canonical")]
    NotCanonical {
        /// The record's first byte.
        byte: u8,
    },
}

/// An element of posted data: an integer below 2^248.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Element(U256);

impl Element {
    /// The element of an integer, `None` from 2^248 on.
    pub fn new(value: U256) -> Option<Self> {
        (value.bit_len() <= 8 * ELEMENT_BYTES).then_some(Self(value))
    }

    /// An element of fields, (value, shift in bits), which the caller keeps from overlapping.
    #[allow(clippy::arithmetic_side_effects, reason = "shifts are constants of the record kinds, within 248 bits")]
    pub(crate) fn pack(fields: &[(U256, usize)]) -> Self {
        let value = fields.iter().fold(U256::ZERO, |all, &(value, shift)| all | value << shift);
        debug_assert!(value.bit_len() <= 8 * ELEMENT_BYTES);
        Self(value)
    }

    /// The field of `bits` bits at `shift`.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "places and widths are constants of the record kinds, within 248 bits"
    )]
    pub(crate) fn field(&self, shift: usize, bits: usize) -> U256 {
        (self.0 >> shift) & ((U256::from(1) << bits) - U256::from(1))
    }

    /// The first byte, which in a record's first element names its kind.
    pub fn first_byte(&self) -> u8 {
        self.field(240, 8).to::<u8>()
    }

    /// The element as an element of the BN254 scalar field.
    pub fn fr(&self) -> Fr {
        fr(self.0)
    }

    /// The 31 bytes as they are posted, big-endian.
    pub fn to_bytes(&self) -> [u8; ELEMENT_BYTES] {
        let mut bytes = [0; ELEMENT_BYTES];
        bytes.copy_from_slice(&self.0.to_be_bytes::<32>()[1..]);
        bytes
    }
}

/// The elements of a segment.
pub fn elements(bytes: &[u8]) -> Result<Vec<Element>, DataError> {
    let (whole, rest) = bytes.as_chunks::<ELEMENT_BYTES>();
    if !rest.is_empty() {
        return Err(DataError::Truncated { elements: whole.len() });
    }
    Ok(whole.iter().map(|bytes| Element(U256::from_be_slice(bytes))).collect())
}

/// The bytes of a segment.
pub fn bytes(elements: &[Element]) -> Vec<u8> {
    elements.iter().flat_map(Element::to_bytes).collect()
}

/// Continues the evaluation of a segment at `z` over further elements (PAY-EVAL).
pub fn evaluate(start: Fr, z: Fr, elements: &[Element]) -> Fr {
    elements.iter().fold(start, |sum, element| sum * z + element.fr())
}

/// The evaluation of a whole segment.
pub fn evaluate_all(z: Fr, elements: &[Element]) -> Fr {
    evaluate(Fr::zero(), z, elements)
}
