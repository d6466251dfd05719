//! Instruction encodings, for programs written by hand in tests and benchmarks.
#![allow(clippy::arithmetic_side_effects, reason = "fields of a 32-bit word, shifted within it")]

use alloc::vec::Vec;

use crate::{
    elf::{ElfError, Image, Segment},
    state::ENTRY_PC,
};

/// Register numbers by their role in ECALL.
#[allow(missing_docs, reason = "the names that the ABI of RISC-V gives registers")]
pub mod reg {
    pub const ZERO: u32 = 0;
    pub const RA: u32 = 1;
    pub const SP: u32 = 2;
    pub const T0: u32 = 5;
    pub const T1: u32 = 6;
    pub const T2: u32 = 7;
    pub const S0: u32 = 8;
    pub const S1: u32 = 9;
    pub const A0: u32 = 10;
    pub const A1: u32 = 11;
    pub const A2: u32 = 12;
    pub const A3: u32 = 13;
    pub const A7: u32 = 17;
}

/// The one word that makes a system call (VM-6).
pub const ECALL: u32 = 0x73;

/// An instruction of the register form (R).
pub const fn r(opcode: u32, f3: u32, f7: u32, rd: u32, rs1: u32, rs2: u32) -> u32 {
    f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode
}

/// An instruction of the immediate form (I).
pub const fn i(opcode: u32, f3: u32, rd: u32, rs1: u32, imm: i32) -> u32 {
    (imm as u32) << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode
}

/// Store form: `rs2` to `rs1 + imm`.
pub const fn s(f3: u32, rs1: u32, rs2: u32, imm: i32) -> u32 {
    let imm = imm as u32;
    (imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | (imm & 31) << 7 | 0x23
}

/// Branch form: by `offset` bytes from this instruction.
pub const fn b(f3: u32, rs1: u32, rs2: u32, offset: i32) -> u32 {
    let imm = offset as u32;
    (imm >> 12 & 1) << 31
        | (imm >> 5 & 0x3f) << 25
        | rs2 << 20
        | rs1 << 15
        | f3 << 12
        | (imm >> 1 & 15) << 8
        | (imm >> 11 & 1) << 7
        | 0x63
}

/// Upper-immediate form; the low 12 bits of `imm` are ignored.
pub const fn u(opcode: u32, rd: u32, imm: i32) -> u32 {
    imm as u32 & !0xfff | rd << 7 | opcode
}

/// JAL: by `offset` bytes from this instruction.
pub const fn jal(rd: u32, offset: i32) -> u32 {
    let imm = offset as u32;
    (imm >> 20 & 1) << 31 | (imm >> 1 & 0x3ff) << 21 | (imm >> 11 & 1) << 20 | (imm >> 12 & 0xff) << 12 | rd << 7 | 0x6f
}

/// The instruction ADDI: `rd = rs1 + imm`.
pub const fn addi(rd: u32, rs1: u32, imm: i32) -> u32 {
    i(0x13, 0, rd, rs1, imm)
}

/// Instructions that load any number.
pub fn li(rd: u32, value: u64) -> Vec<u32> {
    let mut words = [addi(rd, 0, (value >> 55) as i32)].to_vec();
    for (shift, count) in [(44, 11), (33, 11), (22, 11), (11, 11), (0, 11)] {
        words.push(i(0x13, 1, rd, rd, count));
        words.push(i(0x13, 6, rd, rd, (value >> shift & 0x7ff) as i32));
    }
    words
}

/// `exit(code)` with a code from 0 to 2047.
pub fn exit(code: i32) -> [u32; 3] {
    [addi(reg::A0, 0, code), addi(reg::A7, 0, 93), ECALL]
}

/// Instructions as the bytes that memory holds.
pub fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A program of these instructions and nothing else.
pub fn image(words: &[u32]) -> Result<Image, ElfError> {
    Image::new([Segment { address: ENTRY_PC, data: bytes(words) }].to_vec())
}
