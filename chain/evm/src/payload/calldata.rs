//! Calldata as a selector and 32-byte words, each word of a kind with columns of its own (EVM-PL-6). Calls
//! of one function share a template: selector and kinds of words are posted once per payload.

use alloc::vec::Vec;

use alloy_primitives::U256;

use super::layout::{SELECTOR_BYTES, WORD_BYTES};

/// What a word is, and so where it is read: a byte of the column `WordKinds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WordKind {
    Zero = 0,
    /// Twelve zero bytes, then an address.
    Address = 1,
    /// A mantissa times a power of ten.
    Amount = 2,
    /// An unsigned integer of the column `SmallWords`.
    Small = 3,
    /// All bits set: what unlimited approvals approve.
    Ones = 4,
    Verbatim = 5,
}

impl WordKind {
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Zero),
            1 => Some(Self::Address),
            2 => Some(Self::Amount),
            3 => Some(Self::Small),
            4 => Some(Self::Ones),
            5 => Some(Self::Verbatim),
            _ => None,
        }
    }

    /// The encoder's guess. Every word can be written as several kinds; the decoder takes any.
    pub(super) fn guess(word: U256) -> Self {
        const SMALL_BYTES_MAX: usize = 2;
        const AMOUNT_BYTES_MAX: usize = 16;
        const ADDRESS_BYTES_MAX: usize = 20;
        match word.byte_len() {
            0 => Self::Zero,
            1..=SMALL_BYTES_MAX => Self::Small,
            3..=AMOUNT_BYTES_MAX => Self::Amount,
            17..=ADDRESS_BYTES_MAX => Self::Address,
            _ if word == U256::MAX => Self::Ones,
            _ => Self::Verbatim,
        }
    }
}

/// A call's function and what its words are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Template<K = Vec<u8>> {
    pub selector: [u8; SELECTOR_BYTES],
    /// One [`WordKind`] byte for each word after the selector.
    pub kinds: K,
}

/// A selector and the words after it.
pub(super) type Call = ([u8; SELECTOR_BYTES], Vec<U256>);

/// Splits calldata into selector and words, if that is what it looks like.
pub(super) fn split_call(input: &[u8]) -> Option<Call> {
    // Longer calls repeat nothing that a template would save.
    const WORDS_MAX: usize = 64;
    let (selector, words) = input.split_first_chunk()?;
    let (chunks, rest) = words.as_chunks::<WORD_BYTES>();
    if !rest.is_empty() || chunks.len() > WORDS_MAX {
        return None;
    }
    Some((*selector, chunks.iter().map(|word| U256::from_be_bytes(*word)).collect()))
}
