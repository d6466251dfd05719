//! The `payload` argument inside the input of `appendCalldata`, found as Solidity finds it. Rule L1-BATCH-5.
//!
//! Adversarial: the sequencer. Solidity accepts more than the canonical encoding (any offset, trailing bytes), and a payload that
//! the Inbox could read must be readable here, or the chain would stop for everybody but its author.

use crate::bindings::Inbox;
use alloy::{
    primitives::{Bytes, U256},
    sol_types::SolCall,
};

const WORD_BYTES: usize = 32;
/// The words of `AppendArgs`, which is static and stands before the offset of the payload.
const ARGS_WORDS: usize = 9;

/// The payload, if `input` calls `appendCalldata` in a way that Solidity accepts.
pub fn payload(input: &Bytes) -> Option<Bytes> {
    let arguments = input.strip_prefix(&Inbox::appendCalldataCall::SELECTOR)?;
    let start = word(arguments, ARGS_WORDS * WORD_BYTES)?;
    let length = word(arguments, start)?;
    let first = start.checked_add(WORD_BYTES)?;
    let bytes = arguments.get(first..first.checked_add(length)?)?;
    Some(input.slice_ref(bytes))
}

/// The word at a byte position, as a size.
fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..at.checked_add(WORD_BYTES)?)?;
    usize::try_from(U256::try_from_be_slice(word)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::{AppendArgs, Checkpoint};
    use alloy::primitives::B256;

    fn call(payload: &[u8]) -> Vec<u8> {
        let args = AppendArgs {
            index: 1,
            parentContentHash: B256::ZERO,
            queueEnd: 2,
            queueHash: B256::ZERO,
            workGas: 0,
            checkpoint: Checkpoint { number: 3, timestamp: 4, baseFee: U256::from(5), blobBaseFee: U256::from(6) },
        };
        Inbox::appendCalldataCall { args, payload: Bytes::copy_from_slice(payload) }.abi_encode()
    }

    fn offset_at() -> usize {
        4 + ARGS_WORDS * WORD_BYTES
    }

    #[test]
    fn canonical_calls_are_read() {
        for length in [0, 1, 32, 33, 70_000] {
            let bytes = vec![7; length];
            assert_eq!(payload(&call(&bytes).into()), Some(bytes.into()));
        }
    }

    #[test]
    fn unusual_encodings_that_solidity_accepts_are_read() {
        let mut trailing = call(b"payload");
        trailing.extend_from_slice(b"more");
        assert_eq!(payload(&trailing.into()), Some(Bytes::from_static(b"payload")));

        let mut moved = call(b"payload");
        let tail = moved.split_off(offset_at() + WORD_BYTES);
        moved[offset_at() + WORD_BYTES - 1] += 5;
        moved.extend_from_slice(&[0xee; 5]);
        moved.extend_from_slice(&tail);
        assert_eq!(payload(&moved.into()), Some(Bytes::from_static(b"payload")));

        let mut unpadded = call(b"payload");
        unpadded.truncate(unpadded.len() - 25);
        assert_eq!(payload(&unpadded.into()), Some(Bytes::from_static(b"payload")));
    }

    #[test]
    fn what_solidity_refuses_is_refused() {
        let good = call(b"payload");
        let mut huge_offset = good.clone();
        huge_offset[offset_at()] = 1;
        let mut huge_length = good.clone();
        huge_length[offset_at() + WORD_BYTES..offset_at() + 2 * WORD_BYTES].fill(0xff);
        let mut other_function = good.clone();
        other_function[0] ^= 1;
        let short = good[..good.len() - 26].to_vec();
        for bad in [huge_offset, huge_length, other_function, short, good[..3].to_vec(), Vec::new()] {
            assert_eq!(payload(&bad.into()), None);
        }
    }
}
