//! Messages from L1 to L2 and the queue that orders them. Rules L1-MSG-1 to L1-MSG-5; twin: `Inbox.sol`, `Bridge.sol`.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, U160, U256, keccak256};

/// Bytes before `data` in an encoded message.
const HEAD_BYTES: usize = 133;
/// Most bytes of `data` that the Inbox accepts (L1-MSG-5).
pub const MESSAGE_DATA_BYTES_MAX: usize = 32_768;
/// Most gas that one message may ask for (L1-MSG-5).
pub const MESSAGE_GAS_MAX: u64 = 8_000_000;
/// Kind of a call (L1-MSG-4).
pub const KIND_CALL: u8 = 0;
/// As a message's `value`: everything that the sender has when the call begins (L1-MSG-4).
pub const VALUE_ALL: U256 = U256::MAX;
/// What an L1 contract's address is moved by when it sends a message (L1-MSG-3).
const ALIAS_OFFSET: U160 = U160::from_limbs([0x1111, 0, 0x1111_0000]);

/// One L1-to-L2 message, as it was enqueued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct Message {
    /// What the message asks for; [`KIND_CALL`] on the EVM chain.
    pub kind: u8,
    /// Who sent it, aliased by the Bridge if a contract did.
    pub sender: Address,
    /// Whom the message calls on L2.
    pub to: Address,
    /// Wei sent along on L1, credited to `sender`.
    pub mint: U256,
    /// Wei that the call passes on, of all that `sender` has after `mint`; [`VALUE_ALL`] is all of it.
    pub value: U256,
    /// L2 gas that the call may use.
    pub gas_limit: u64,
    /// Who gets `mint` if the call fails.
    pub refund: Address,
    /// What the callee is called with.
    pub data: Bytes,
}

/// Why bytes are not a message. L1 only emits valid ones, so this means a lying or broken endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message has at least {HEAD_BYTES} bytes, these are {length}")]
pub struct MessageTooShort {
    /// Bytes that were given.
    pub length: usize,
}

impl Message {
    /// The bytes that are hashed and emitted (L1-MSG-1).
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.data.len().saturating_add(HEAD_BYTES));
        bytes.push(self.kind);
        bytes.extend_from_slice(self.sender.as_slice());
        bytes.extend_from_slice(self.to.as_slice());
        bytes.extend_from_slice(&self.mint.to_be_bytes::<32>());
        bytes.extend_from_slice(&self.value.to_be_bytes::<32>());
        bytes.extend_from_slice(&self.gas_limit.to_be_bytes());
        bytes.extend_from_slice(self.refund.as_slice());
        bytes.extend_from_slice(&self.data);
        bytes
    }

    /// Reads what [`Message::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageTooShort> {
        let short = MessageTooShort { length: bytes.len() };
        let (kind, rest) = bytes.split_first().ok_or(short)?;
        let (sender, rest) = rest.split_first_chunk::<20>().ok_or(short)?;
        let (to, rest) = rest.split_first_chunk::<20>().ok_or(short)?;
        let (mint, rest) = rest.split_first_chunk::<32>().ok_or(short)?;
        let (value, rest) = rest.split_first_chunk::<32>().ok_or(short)?;
        let (gas_limit, rest) = rest.split_first_chunk::<8>().ok_or(short)?;
        let (refund, data) = rest.split_first_chunk::<20>().ok_or(short)?;
        Ok(Self {
            kind: *kind,
            sender: sender.into(),
            to: to.into(),
            mint: U256::from_be_bytes(*mint),
            value: U256::from_be_bytes(*value),
            gas_limit: u64::from_be_bytes(*gas_limit),
            refund: refund.into(),
            data: Bytes::copy_from_slice(data),
        })
    }

    /// The message's hash `messageHash` (L1-MSG-1).
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }
}

/// The queue's hash after one more message (L1-MSG-2).
pub fn queue_hash_after(queue_hash: B256, message_hash: B256) -> B256 {
    keccak256([queue_hash, message_hash].concat())
}

/// The address under which an L1 contract appears on L2 (L1-MSG-3).
pub fn alias(l1_contract: Address) -> Address {
    let moved = U160::from_be_bytes(l1_contract.into_array()).wrapping_add(ALIAS_OFFSET);
    Address::from(moved.to_be_bytes::<20>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    fn sample() -> Message {
        Message {
            kind: KIND_CALL,
            sender: Address::repeat_byte(1),
            to: Address::repeat_byte(2),
            mint: U256::from(3),
            value: U256::from(5),
            gas_limit: 100_000,
            refund: Address::repeat_byte(4),
            data: Bytes::from_static(b"data"),
        }
    }

    #[test]
    fn decode_returns_what_was_encoded() {
        assert_eq!(Message::decode(&sample().encode()), Ok(sample()));
    }

    #[test]
    fn every_truncated_head_is_refused() {
        let bytes = sample().encode();
        for length in 0..HEAD_BYTES {
            assert_eq!(Message::decode(&bytes[..length]), Err(MessageTooShort { length }));
        }
    }

    #[test]
    fn the_hash_depends_on_every_byte() {
        let bytes = sample().encode();
        for index in 0..bytes.len() {
            let mut other = bytes.clone();
            other[index] ^= 1;
            assert_ne!(Message::decode(&other).unwrap().hash(), sample().hash(), "byte {index}");
        }
    }

    #[test]
    fn aliases_wrap_around() {
        let offset = address!("1111000000000000000000000000000000001111");
        assert_eq!(alias(Address::ZERO), offset);
        assert_eq!(alias(Address::repeat_byte(0xff)), address!("1111000000000000000000000000000000001110"));
    }
}
