//! Results of arithmetic instructions and conditions of branches (VM-5); nothing where the encoding is not defined.
//!
//! Twin: `contracts/src/vm/Alu.sol`.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "shift amounts are masked to less than the width, and numbers have 1 to 64 bits; all else wraps by name"
)]

/// Repeats the top bit of a number of that many bits, 1 to 64.
pub(super) fn sign_extend(value: u64, bits: u32) -> u64 {
    let unused = 64 - bits;
    ((value << unused) as i64 >> unused) as u64
}

fn word(value: u32) -> u64 {
    sign_extend(value.into(), 32)
}

pub(super) fn branch_taken(f3: u32, a: u64, b: u64) -> Option<bool> {
    Some(match f3 {
        0 => a == b,
        1 => a != b,
        4 => (a as i64) < (b as i64),
        5 => (a as i64) >= (b as i64),
        6 => a < b,
        7 => a >= b,
        _ => return None,
    })
}

/// Opcode 0x13. The immediate's low six bits are the shift amount.
pub(super) fn immediate(f3: u32, f6: u32, a: u64, imm: u64) -> Option<u64> {
    let shift = (imm & 63) as u32;
    Some(match (f3, f6) {
        (0, _) => a.wrapping_add(imm),
        (1, 0) => a << shift,
        (2, _) => u64::from((a as i64) < (imm as i64)),
        (3, _) => u64::from(a < imm),
        (4, _) => a ^ imm,
        (5, 0) => a >> shift,
        (5, 0x10) => (a as i64 >> shift) as u64,
        (6, _) => a | imm,
        (7, _) => a & imm,
        _ => return None,
    })
}

/// Opcode 0x1b. The immediate's low five bits are the shift amount.
pub(super) fn immediate_word(f3: u32, f7: u32, a: u64, imm: u64) -> Option<u64> {
    let (a, shift) = (a as u32, (imm & 31) as u32);
    Some(word(match (f3, f7) {
        (0, _) => a.wrapping_add(imm as u32),
        (1, 0) => a << shift,
        (5, 0) => a >> shift,
        (5, 0x20) => (a as i32 >> shift) as u32,
        _ => return None,
    }))
}

/// Computes an instruction of opcode 0x33; `None` where VM-5 defines none.
pub(super) fn register(f3: u32, f7: u32, a: u64, b: u64) -> Option<u64> {
    let shift = (b & 63) as u32;
    let (signed_a, signed_b) = (a as i64, b as i64);
    Some(match (f7, f3) {
        (0, 0) => a.wrapping_add(b),
        (0x20, 0) => a.wrapping_sub(b),
        (0, 1) => a << shift,
        (0, 2) => u64::from(signed_a < signed_b),
        (0, 3) => u64::from(a < b),
        (0, 4) => a ^ b,
        (0, 5) => a >> shift,
        (0x20, 5) => (signed_a >> shift) as u64,
        (0, 6) => a | b,
        (0, 7) => a & b,
        (1, 0) => a.wrapping_mul(b),
        (1, 1) => high((signed_a as i128).wrapping_mul(signed_b as i128) as u128),
        (1, 2) => high((signed_a as i128).wrapping_mul(b as i128) as u128),
        (1, 3) => high((a as u128).wrapping_mul(b as u128)),
        (1, 4) if b == 0 => u64::MAX,
        (1, 4) => signed_a.wrapping_div(signed_b) as u64,
        (1, 5) => a.checked_div(b).unwrap_or(u64::MAX),
        (1, 6) if b == 0 => a,
        (1, 6) => signed_a.wrapping_rem(signed_b) as u64,
        (1, 7) => a.checked_rem(b).unwrap_or(a),
        _ => return None,
    })
}

/// Computes an instruction of opcode 0x3b, 32 bits in; `None` where VM-5 defines none.
pub(super) fn register_word(f3: u32, f7: u32, a: u32, b: u32) -> Option<u64> {
    let shift = b & 31;
    let (signed_a, signed_b) = (a as i32, b as i32);
    Some(word(match (f7, f3) {
        (0, 0) => a.wrapping_add(b),
        (0x20, 0) => a.wrapping_sub(b),
        (0, 1) => a << shift,
        (0, 5) => a >> shift,
        (0x20, 5) => (signed_a >> shift) as u32,
        (1, 0) => a.wrapping_mul(b),
        (1, 4) if b == 0 => u32::MAX,
        (1, 4) => signed_a.wrapping_div(signed_b) as u32,
        (1, 5) => a.checked_div(b).unwrap_or(u32::MAX),
        (1, 6) if b == 0 => a,
        (1, 6) => signed_a.wrapping_rem(signed_b) as u32,
        (1, 7) => a.checked_rem(b).unwrap_or(a),
        _ => return None,
    }))
}

fn high(product: u128) -> u64 {
    (product >> 64) as u64
}
