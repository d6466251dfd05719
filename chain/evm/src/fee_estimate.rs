//! How many bytes of L1 data a transaction will take, as far as its fee is concerned (EVM-DA-1, EVM-DA-2, `docs/spec/payload.md`; twin: `L1Info.sol`).
//!
//! A function of the signed bytes alone, so that a sender can know it in advance and no sequencer can
//! bend it: the length that FastLZ (level 1) would give them, through a line fitted to what the batch
//! codec really posts, and never less than a minimum. `make bench-batch` prints estimate and measurement
//! side by side.
//!
//! Adversarial: the bytes. Total, linear time, 64 KiB of memory.

use alloc::{vec, vec::Vec};

/// Parts of a byte in which the fit counts.
pub const ESTIMATE_SCALE: u64 = 1_000_000;
/// What each byte of FastLZ output posts, in millionths of a byte.
pub const ESTIMATE_SLOPE_MICROBYTES: u64 = 940_000;
/// What is taken off: what every transaction repeats of others, in millionths of a byte.
pub const ESTIMATE_DISCOUNT_MICROBYTES: u64 = 60_000_000;
/// The least that a transaction is charged for, in bytes: a transfer of ether.
pub const ESTIMATE_BYTES_MIN: u64 = 86;

/// The posted size to charge for, in bytes, of a transaction with these EIP-2718 bytes. Rounded up.
pub fn estimate_posted_bytes(signed_transaction: &[u8]) -> u64 {
    let length = fastlz_length(signed_transaction);
    let microbytes = length.saturating_mul(ESTIMATE_SLOPE_MICROBYTES).saturating_sub(ESTIMATE_DISCOUNT_MICROBYTES);
    microbytes.div_ceil(ESTIMATE_SCALE).max(ESTIMATE_BYTES_MIN)
}

const HASH_BITS: u32 = 13;
const DISTANCE_MAX: usize = (1 << HASH_BITS) - 1;
/// A match is found by its first bytes.
const PROBE_BYTES: usize = 3;
/// A longer match is written as several of this length and a rest.
const MATCH_BYTES_MAX: usize = 262;
/// Matches take two bytes, and a third from this length on.
const LONG_MATCH_BYTES: usize = 9;
/// One control byte before each run.
const LITERAL_RUN_BYTES_MAX: usize = 32;
/// No match begins in so many bytes at the end.
const MATCH_START_TAIL_BYTES: usize = 14;
/// No match begins before this byte, counted from 0.
const MATCH_START_MIN: usize = 2;
/// No match ends in so many bytes at the end.
const MATCH_END_TAIL_BYTES: usize = 5;

/// The length of `data` after FastLZ, level 1, without writing it.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "positions stay within the data: a candidate lies before its position, a match has three bytes at least and ends before its bound"
)]
pub fn fastlz_length(data: &[u8]) -> u64 {
    let start_end = data.len().saturating_sub(MATCH_START_TAIL_BYTES);
    let match_end = data.len().saturating_sub(MATCH_END_TAIL_BYTES);
    let mut table = Table::new();
    let mut length = 0;
    let mut literals_start = 0;
    let mut position = MATCH_START_MIN;
    while position < start_end {
        let probe = probe(data, position);
        let candidate = table.replace(probe, position);
        if position - candidate > DISTANCE_MAX || self::probe(data, candidate) != probe {
            position += 1;
            continue;
        }
        length += literals_length(position - literals_start);
        let end = position + common_length(data, candidate, position, match_end);
        length += match_length(end - position);
        for last in [end - 2, end - 1] {
            table.replace(self::probe(data, last), last);
        }
        literals_start = end;
        position = end;
    }
    length + literals_length(data.len() - literals_start)
}

/// Where each hash of three bytes was seen last; at the start, if nowhere.
struct Table(Vec<usize>);

impl Table {
    fn new() -> Self {
        Self(vec![0; 1 << HASH_BITS])
    }

    fn replace(&mut self, probe: u32, position: usize) -> usize {
        const MULTIPLIER: u32 = 2_654_435_769;
        let hash = probe.wrapping_mul(MULTIPLIER) >> (u32::BITS - HASH_BITS);
        self.0.get_mut(hash as usize).map_or(0, |slot| core::mem::replace(slot, position))
    }
}

/// Three bytes, little-endian. Zero past the end, which no caller reaches.
fn probe(data: &[u8], position: usize) -> u32 {
    let byte = |offset| data.get(position.saturating_add(offset)).map_or(0, |byte| u32::from(*byte));
    byte(0) | byte(1) << 8 | byte(2) << 16
}

/// How long the match is that begins at both positions with equal probes and ends before `end`.
fn common_length(data: &[u8], candidate: usize, position: usize, end: usize) -> usize {
    let earlier = data.get(candidate.saturating_add(PROBE_BYTES)..).unwrap_or_default();
    let later = data.get(position.saturating_add(PROBE_BYTES)..end).unwrap_or_default();
    let more = later.iter().zip(earlier).take_while(|(later, earlier)| later == earlier).count();
    more.saturating_add(PROBE_BYTES)
}

fn literals_length(count: usize) -> u64 {
    count.saturating_add(count.div_ceil(LITERAL_RUN_BYTES_MAX)) as u64
}

fn match_length(count: usize) -> u64 {
    let rest = count.saturating_sub(PROBE_BYTES);
    let last = if rest % MATCH_BYTES_MAX >= LONG_MATCH_BYTES - PROBE_BYTES { 3 } else { 2 };
    (rest / MATCH_BYTES_MAX).saturating_mul(3).saturating_add(last) as u64
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::{ESTIMATE_BYTES_MIN, estimate_posted_bytes, fastlz_length};

    /// Lengths from op-geth's tests of its own FastLZ (`core/types/rollup_cost_test.go`).
    /// Tests FEE-L1-1, EVM-DA-2, by numbers from elsewhere.
    #[test]
    fn lengths_are_those_of_op_geth() {
        const TRANSFER: &str = "dd80808094095e7baea6a6c7c4c2dfeb977efac326af552d878080808080";
        const CALL: &str = "02f901550a758302df1483be21b88304743f94f80e51afb613d764fa61751affd3313c190a86bb870151bd62fd12adb8\
            e41ef24f3f000000000000000000000000000000000000000000000000000000000000006e000000000000000000000000af88d065e77c8c\
            c2239327c5edb3a432268e5831000000000000000000000000000000000000000000000000000000000003c1e50000000000000000000000\
            00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000a0000000\
            00000000000000000000000000000000000000000000000000000000148c89ed219d02f1a5be012c689b4f5b731827bebe00000000000000\
            0000000000c001a033fd89cb37c31b2cba46b6466e040c61fc9b2a3675a7f5f493ebd5ad77c497f8a07cdf65680e238392693019b4092f61\
            0222e71b7cec06449cb922b93b6a12744e";
        assert_eq!(fastlz_length(&[]), 0);
        assert_eq!(fastlz_length(&[0; 1000]), 21);
        assert_eq!(fastlz_length(&[1; 1000]), 21);
        assert_eq!(fastlz_length(&hex::decode(TRANSFER).unwrap()), 31);
        assert_eq!(fastlz_length(&hex::decode(CALL).unwrap()), 202);
    }

    /// The algorithm again, as it is usually written, over vectors: an independent shape of the same rule.
    fn fastlz_compressed(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut table = vec![0usize; 8192];
        let literals = |run: &[u8], out: &mut Vec<u8>| {
            for chunk in run.chunks(32) {
                out.push(chunk.len() as u8 - 1);
                out.extend_from_slice(chunk);
            }
        };
        let hash = |at: usize| {
            let word = u32::from_le_bytes([data[at], data[at + 1], data[at + 2], 0]);
            (word.wrapping_mul(2_654_435_769) >> 19) as usize
        };
        let (mut anchor, mut at) = (0, 2);
        while at + 14 < data.len() {
            let candidate = std::mem::replace(&mut table[hash(at)], at);
            let distance = at - candidate;
            if distance > 8191 || data[candidate..candidate + 3] != data[at..at + 3] {
                at += 1;
                continue;
            }
            literals(&data[anchor..at], &mut out);
            let mut end = at + 3;
            while end < data.len() - 5 && data[end] == data[end - distance] {
                end += 1;
            }
            let mut left = end - at - 2;
            let far = distance - 1;
            while left > 262 {
                out.extend([(7 << 5) | (far >> 8) as u8, 253, far as u8]);
                left -= 262;
            }
            if left < 7 {
                out.extend([(left << 5) as u8 | (far >> 8) as u8, far as u8]);
            } else {
                out.extend([(7 << 5) | (far >> 8) as u8, (left - 7) as u8, far as u8]);
            }
            table[hash(end - 2)] = end - 2;
            table[hash(end - 1)] = end - 1;
            anchor = end;
            at = end;
        }
        literals(&data[anchor..], &mut out);
        out
    }

    /// Expands FastLZ, level 1.
    fn fastlz_expanded(mut data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while let [control, rest @ ..] = data {
            let (kind, low) = (control >> 5, usize::from(control & 31));
            data = rest;
            if kind == 0 {
                out.extend_from_slice(&data[..low + 1]);
                data = &data[low + 1..];
                continue;
            }
            let mut length = usize::from(kind) + 2;
            if kind == 7 {
                length += usize::from(data[0]);
                data = &data[1..];
            }
            let from = out.len() - 1 - (low << 8 | usize::from(data[0]));
            data = &data[1..];
            for at in from..from + length {
                out.push(out[at]);
            }
        }
        out
    }

    fn data() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            (any::<u8>(), 0usize..600).prop_map(|(byte, count)| vec![byte; count]),
            proptest::collection::vec(0u8..3, 0..200),
        ];
        proptest::collection::vec(part, 0..8).prop_map(|parts| [parts.clone(), parts].concat().concat())
    }

    proptest! {
        #[test]
        fn any_bytes_have_the_length_of_what_expands_to_them(data in data()) {
            let compressed = fastlz_compressed(&data);
            prop_assert_eq!(fastlz_expanded(&compressed), data.as_slice());
            prop_assert_eq!(fastlz_length(&data), compressed.len() as u64);
            prop_assert!(estimate_posted_bytes(&data) >= ESTIMATE_BYTES_MIN);
        }
    }
}
