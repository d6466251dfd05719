//! Solidity's `abi.encode` for the few static shapes that rules hash.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, U256, keccak256, ruint::UintTryFrom};

/// A sequence of 32-byte words, built in the order of the Solidity arguments.
#[derive(Default)]
pub(crate) struct Words(Vec<u8>);

impl Words {
    pub fn word(mut self, word: B256) -> Self {
        self.0.extend_from_slice(word.as_slice());
        self
    }

    pub fn uint<T>(self, value: T) -> Self
    where
        U256: UintTryFrom<T>,
    {
        self.word(U256::from(value).into())
    }

    pub fn address(self, address: Address) -> Self {
        self.word(address.into_word())
    }

    /// The tail of a `bytes` argument: length, then the bytes padded to a whole word.
    pub fn bytes_tail(mut self, bytes: &[u8]) -> Self {
        self = self.uint(U256::from(bytes.len()));
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(32), 0);
        self
    }

    pub fn encode(self) -> Vec<u8> {
        self.0
    }

    pub fn hash(&self) -> B256 {
        keccak256(&self.0)
    }
}
