//! What L1 computes of a batch besides its proofs: the queue's hash, the content's data hash, the last "block" (PAY-CONTENT,
//! PAY-OUTPUT). And the hash by which nodes name a batch as a block, which L1 does not know.
//!
//! Twin, but for that hash: `contracts/src/payments/ValiditySettlement.sol`.

use crate::data::{Message, bytes};
use crate::ledger::Env;
use alloy_primitives::{B256, Keccak256, U256, keccak256};

/// The byte that says of a batch on the Inbox that it came with its proofs.
pub const DATA_KIND: u8 = 3;

/// The hash of a queue message: the keccak of its record of 62 bytes (PAY-MESSAGE).
pub fn message_hash(message: &Message) -> B256 {
    keccak256(bytes(&message.encode()))
}

/// The queue's hash after further messages (L1-MSG-2).
pub fn queue_hash(start: B256, messages: &[Message]) -> B256 {
    messages.iter().fold(start, |hash, message| keccak256([hash, message_hash(message)].concat()))
}

/// The data hash of a proven batch (PAY-CONTENT); the segments are effects, withdrawals, messages, as posted.
pub fn data_hash(env: Env, segments: [&[u8]; 3]) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update(env.pack().to_be_bytes::<32>());
    for segment in segments {
        hasher.update(U256::from(segment.len()).to_be_bytes::<32>());
        hasher.update(keccak256(segment));
    }
    hasher.finalize()
}

/// The hash of a batch as a block: number, hash of the block before, and everything that the batch posts (PAY-CONTENT). Segments are effects, withdrawals, messages. Block 0
/// has the chain's configuration hash.
pub fn block_hash(number: u64, parent: B256, env: Env, segments: [&[u8]; 3]) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update(U256::from(number).to_be_bytes::<32>());
    hasher.update(parent);
    hasher.update(data_hash(env, segments));
    hasher.finalize()
}

/// What stands for the last block in the output of a batch (PAY-OUTPUT).
pub fn last_block_hash(timestamp: u64, leaf_count: u64) -> B256 {
    let words = [timestamp, leaf_count].map(|value| B256::from(U256::from(value)));
    keccak256(words.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use alloy_primitives::Address;

    /// Word by word.
    #[test]
    fn hashes_are_those_of_the_abi_encoding() {
        assert_eq!(last_block_hash(0x0102, 3), keccak256([&[0; 30][..], &[1, 2], &[0; 31], &[3]].concat()));
        let env = Env { operator: Address::repeat_byte(0x0f), timestamp: 5 };
        let mut words = alloc::vec![0u8; 4];
        words.extend_from_slice(&[0x0f; 20]);
        words.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 5]);
        for segment in [&b"abc"[..], b"", b"d"] {
            words.extend_from_slice(&[0; 31]);
            words.push(segment.len() as u8);
            words.extend_from_slice(keccak256(segment).as_slice());
        }
        assert_eq!(data_hash(env, [b"abc", b"", b"d"]), keccak256(&words));
        assert_eq!(words.len(), 7 * 32);
    }

    #[test]
    fn a_block_is_hashed_with_everything_that_is_posted() {
        let (env, parent) = (Env { operator: Address::repeat_byte(0x0f), timestamp: 9 }, B256::repeat_byte(3));
        let base = block_hash(1, parent, env, [b"e", b"w", b"m"]);
        let number = B256::from(U256::from(1));
        assert_eq!(base, keccak256([number, parent, data_hash(env, [b"e", b"w", b"m"])].concat()));
        for other in [
            block_hash(2, parent, env, [b"e", b"w", b"m"]),
            block_hash(1, B256::ZERO, env, [b"e", b"w", b"m"]),
            block_hash(1, parent, Env { timestamp: 8, ..env }, [b"e", b"w", b"m"]),
            block_hash(1, parent, env, [b"f", b"w", b"m"]),
            block_hash(1, parent, env, [b"e", b"", b"wm"]),
        ] {
            assert_ne!(other, base);
        }
    }

    #[test]
    fn the_queue_hash_chains_records() {
        let messages = [deposit(account(1), token(1), 7), l1_key(2)];
        let record = bytes(&messages[0].encode());
        assert_eq!(record.len(), 62);
        assert_eq!(message_hash(&messages[0]), keccak256(&record));
        assert_eq!(queue_hash(B256::ZERO, &[]), B256::ZERO);
        let first = queue_hash(B256::ZERO, &messages[..1]);
        assert_eq!(first, keccak256([B256::ZERO, keccak256(&record)].concat()));
        assert_eq!(queue_hash(B256::ZERO, &messages), queue_hash(first, &messages[1..]));
        assert_ne!(queue_hash(B256::ZERO, &[messages[1], messages[0]]), queue_hash(B256::ZERO, &messages));
    }
}
