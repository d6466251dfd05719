//! Instructions decoded once (VM-5). An encoding that is not defined decodes to [`Kind::Illegal`].
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "fields of a 32-bit word, shifted within it; tables have an entry for every value of the three bits that index them"
)]

/// Which instruction it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
#[allow(missing_docs, reason = "the names that the manual of RISC-V gives instructions")]
pub(super) enum Kind {
    Illegal, Nop, Ecall,
    Li, Auipc, Jal, Jalr,
    Beq, Bne, Blt, Bge, Bltu, Bgeu,
    Lb, Lh, Lw, Ld, Lbu, Lhu, Lwu,
    Sb, Sh, Sw, Sd,
    Addi, Slti, Sltiu, Xori, Ori, Andi, Slli, Srli, Srai,
    Addiw, Slliw, Srliw, Sraiw,
    Add, Sub, Sll, Slt, Sltu, Xor, Srl, Sra, Or, And,
    Addw, Subw, Sllw, Srlw, Sraw,
    Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu,
    Mulw, Divw, Divuw, Remw, Remuw,
}

/// A decoded instruction in 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Op {
    pub(super) kind: Kind,
    /// The destination; x0 is renamed to [`SINK`], so that execution need not treat it.
    pub(super) rd: u8,
    pub(super) rs1: u8,
    pub(super) rs2: u8,
    /// Sign-extended immediate or shift amount.
    pub(super) imm: i32,
}

/// A register that swallows what is written to x0 and that nothing reads.
pub(super) const SINK: u8 = 32;

/// Decodes an instruction word; what VM-5 does not define becomes a trap.
pub(super) const fn decode(word: u32) -> Op {
    use Kind::*;
    let signed = word as i32;
    let f3 = word >> 12 & 7;
    let f7 = word >> 25;
    let imm_i = signed >> 20;
    let (kind, imm) = match word & 0x7f {
        0x37 => (Li, signed & !0xfff),
        0x17 => (Auipc, signed & !0xfff),
        0x6f => (Jal, jump_offset(word)),
        0x67 if f3 == 0 => (Jalr, imm_i),
        0x63 => ([Beq, Bne, Illegal, Illegal, Blt, Bge, Bltu, Bgeu][f3 as usize], branch_offset(word)),
        0x03 => ([Lb, Lh, Lw, Ld, Lbu, Lhu, Lwu, Illegal][f3 as usize], imm_i),
        0x23 => (
            [Sb, Sh, Sw, Sd, Illegal, Illegal, Illegal, Illegal][f3 as usize],
            (signed >> 25) << 5 | (word >> 7 & 31) as i32,
        ),
        0x13 => match (f3, word >> 26) {
            (1, 0) => (Slli, imm_i & 63),
            (5, 0) => (Srli, imm_i & 63),
            (5, 0x10) => (Srai, imm_i & 63),
            _ => ([Addi, Illegal, Slti, Sltiu, Xori, Illegal, Ori, Andi][f3 as usize], imm_i),
        },
        0x1b => match (f3, f7) {
            (0, _) => (Addiw, imm_i),
            (1, 0) => (Slliw, imm_i & 31),
            (5, 0) => (Srliw, imm_i & 31),
            (5, 0x20) => (Sraiw, imm_i & 31),
            _ => (Illegal, 0),
        },
        0x33 => (
            match (f7, f3) {
                (0, _) => [Add, Sll, Slt, Sltu, Xor, Srl, Or, And][f3 as usize],
                (1, _) => [Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu][f3 as usize],
                (0x20, 0) => Sub,
                (0x20, 5) => Sra,
                _ => Illegal,
            },
            0,
        ),
        0x3b => (
            match (f7, f3) {
                (0, 0) => Addw,
                (0, 1) => Sllw,
                (0, 5) => Srlw,
                (0x20, 0) => Subw,
                (0x20, 5) => Sraw,
                (1, 0) => Mulw,
                (1, 4..) => [Divw, Divuw, Remw, Remuw][f3 as usize & 3],
                _ => Illegal,
            },
            0,
        ),
        0x0f if f3 == 0 => (Nop, 0),
        0x73 if word == 0x73 => (Ecall, 0),
        _ => (Illegal, 0),
    };
    let rd = (word >> 7 & 31) as u8;
    Op { kind, rd: if rd == 0 { SINK } else { rd }, rs1: (word >> 15 & 31) as u8, rs2: (word >> 20 & 31) as u8, imm }
}

const fn branch_offset(word: u32) -> i32 {
    let high = word as i32 >> 31 << 12;
    high | ((word >> 7 & 1) << 11 | (word >> 25 & 63) << 5 | (word >> 8 & 15) << 1) as i32
}

const fn jump_offset(word: u32) -> i32 {
    let high = word as i32 >> 31 << 20;
    high | ((word >> 12 & 0xff) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 0x3ff) << 1) as i32
}
