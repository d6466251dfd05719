//! Names of instructions, from VM-5's table and not from an implementation's decoder.

/// How many there are.
pub const MNEMONICS: usize = 64;

/// The name of an instruction; none for what traps.
#[rustfmt::skip]
pub fn mnemonic(word: u32) -> Option<&'static str> {
    let (f3, f6, f7) = ((word >> 12 & 7) as usize, word >> 26, word >> 25);
    let name = match (word & 0x7f, f7) {
        (0x37, _) => "LUI",
        (0x17, _) => "AUIPC",
        (0x6f, _) => "JAL",
        (0x67, _) => ["JALR", "", "", "", "", "", "", ""][f3],
        (0x63, _) => ["BEQ", "BNE", "", "", "BLT", "BGE", "BLTU", "BGEU"][f3],
        (0x03, _) => ["LB", "LH", "LW", "LD", "LBU", "LHU", "LWU", ""][f3],
        (0x23, _) => ["SB", "SH", "SW", "SD", "", "", "", ""][f3],
        (0x13, _) if f3 & 3 == 1 => match (f3, f6) { (1, 0) => "SLLI", (5, 0) => "SRLI", (5, 0x10) => "SRAI", _ => "" },
        (0x13, _) => ["ADDI", "", "SLTI", "SLTIU", "XORI", "", "ORI", "ANDI"][f3],
        (0x1b, _) if f3 == 0 => "ADDIW",
        (0x1b, 0) => ["", "SLLIW", "", "", "", "SRLIW", "", ""][f3],
        (0x1b, 0x20) if f3 == 5 => "SRAIW",
        (0x33, 0) => ["ADD", "SLL", "SLT", "SLTU", "XOR", "SRL", "OR", "AND"][f3],
        (0x33, 1) => ["MUL", "MULH", "MULHSU", "MULHU", "DIV", "DIVU", "REM", "REMU"][f3],
        (0x33, 0x20) => ["SUB", "", "", "", "", "SRA", "", ""][f3],
        (0x3b, 0) => ["ADDW", "SLLW", "", "", "", "SRLW", "", ""][f3],
        (0x3b, 1) => ["MULW", "", "", "", "DIVW", "DIVUW", "REMW", "REMUW"][f3],
        (0x3b, 0x20) => ["SUBW", "", "", "", "", "SRAW", "", ""][f3],
        (0x0f, _) if f3 == 0 => "FENCE",
        _ if word == 0x73 => "ECALL",
        _ => "",
    };
    (!name.is_empty()).then_some(name)
}
