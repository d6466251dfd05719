//! One step over any memory (VM-4 to VM-6), written to be compared with the specification line by line.

use alloy_primitives::B256;

use super::alu;
use crate::{
    key::{KeyKind, OracleKey},
    state::{State, TRAP_EXIT_CODE, syscall, word_of},
    tree::{Leaf, MEMORY_BYTES, leaf_index},
};

/// The memory and pre-images that a step sees. An error means that the step cannot be shown, never that it traps.
pub trait Bus {
    /// Why something cannot be shown.
    type Error;

    /// The leaf that the instruction is in.
    fn code(&mut self, index: u32) -> Result<Leaf, Self::Error>;

    /// The leaf that a load or store accesses; at most one per step.
    fn data(&mut self, index: u32) -> Result<Leaf, Self::Error>;

    /// Replaces the leaf just read by [`Bus::data`]; returns the new root.
    fn replace(&mut self, index: u32, leaf: Leaf) -> Result<B256, Self::Error>;

    /// Eight bytes of a pre-image's stream.
    fn preimage(&mut self, key: OracleKey, kind: KeyKind, offset: u64) -> Result<u64, Self::Error>;
}

/// Where control goes after an instruction.
enum Flow {
    Next,
    Jump(u64),
    Exit(u64),
    Trap,
}

/// Replaces a state by its successor (VM-4). After an error the state is of no use.
pub fn step<B: Bus>(state: &mut State, bus: &mut B) -> Result<(), B::Error> {
    if state.exited {
        return Ok(());
    }
    state.step = state.step.wrapping_add(1);
    let flow = if state.pc >= MEMORY_BYTES || !state.pc.is_multiple_of(4) {
        Flow::Trap
    } else {
        let word = field(&bus.code(leaf_index(state.pc))?, state.pc, 4);
        execute(state, Instruction(word as u32), bus)?
    };
    match flow {
        Flow::Next => state.pc = state.pc.wrapping_add(4),
        Flow::Jump(target) => state.pc = target,
        Flow::Exit(code) => (state.exited, state.exit_code) = (true, code),
        Flow::Trap => (state.exited, state.exit_code) = (true, TRAP_EXIT_CODE),
    }
    Ok(())
}

fn execute<B: Bus>(state: &mut State, instruction: Instruction, bus: &mut B) -> Result<Flow, B::Error> {
    let (f3, f7) = (instruction.f3(), instruction.f7());
    let (a, b) = (get(state, instruction.rs1()), get(state, instruction.rs2()));
    let pc = state.pc;
    let result = match instruction.opcode() {
        0x37 => Some(instruction.imm_u()),
        0x17 => Some(pc.wrapping_add(instruction.imm_u())),
        0x6f => {
            set(state, instruction.rd(), pc.wrapping_add(4));
            return Ok(Flow::Jump(pc.wrapping_add(instruction.imm_j())));
        }
        0x67 if f3 == 0 => {
            set(state, instruction.rd(), pc.wrapping_add(4));
            return Ok(Flow::Jump(a.wrapping_add(instruction.imm_i()) & !1));
        }
        0x63 => {
            return Ok(match alu::branch_taken(f3, a, b) {
                None => Flow::Trap,
                Some(false) => Flow::Next,
                Some(true) => Flow::Jump(pc.wrapping_add(instruction.imm_b())),
            });
        }
        0x03 => return load(state, instruction, a.wrapping_add(instruction.imm_i()), bus),
        0x23 => return store(state, instruction, a.wrapping_add(instruction.imm_s()), b, bus),
        0x13 => alu::immediate(f3, instruction.f6(), a, instruction.imm_i()),
        0x1b => alu::immediate_word(f3, f7, a, instruction.imm_i()),
        0x33 => alu::register(f3, f7, a, b),
        0x3b => alu::register_word(f3, f7, a as u32, b as u32),
        0x0f if f3 == 0 => return Ok(Flow::Next),
        0x73 if instruction.0 == 0x73 => return ecall(state, bus),
        _ => None,
    };
    Ok(match result {
        None => Flow::Trap,
        Some(value) => {
            set(state, instruction.rd(), value);
            Flow::Next
        }
    })
}

fn load<B: Bus>(state: &mut State, instruction: Instruction, address: u64, bus: &mut B) -> Result<Flow, B::Error> {
    let f3 = instruction.f3();
    let size = 1_u64.wrapping_shl(f3 & 3);
    if f3 == 7 || address >= MEMORY_BYTES || !address.is_multiple_of(size) {
        return Ok(Flow::Trap);
    }
    let raw = field(&bus.data(leaf_index(address))?, address, size as usize);
    let unsigned = f3 >= 4;
    set(state, instruction.rd(), if unsigned { raw } else { alu::sign_extend(raw, size.saturating_mul(8) as u32) });
    Ok(Flow::Next)
}

fn store<B: Bus>(
    state: &mut State,
    instruction: Instruction,
    address: u64,
    value: u64,
    bus: &mut B,
) -> Result<Flow, B::Error> {
    let f3 = instruction.f3();
    let size = 1_u64.wrapping_shl(f3 & 3);
    if f3 > 3 || address >= MEMORY_BYTES || !address.is_multiple_of(size) {
        return Ok(Flow::Trap);
    }
    let index = leaf_index(address);
    let mut leaf = bus.data(index)?;
    for (byte, new) in leaf.iter_mut().skip((address % 32) as usize).zip(value.to_le_bytes()).take(size as usize) {
        *byte = new;
    }
    state.memory_root = bus.replace(index, leaf)?;
    Ok(Flow::Next)
}

fn ecall<B: Bus>(state: &mut State, bus: &mut B) -> Result<Flow, B::Error> {
    let [a0, a1, a2, a3] = [10, 11, 12, 13].map(|index| get(state, index));
    let word = word_of([a0, a1, a2, a3]);
    match get(state, 17) {
        syscall::EXIT => return Ok(Flow::Exit(a0)),
        syscall::OUTPUT => state.output = word,
        syscall::KEY => (state.oracle_key, state.oracle_offset) = (OracleKey(word), 0),
        syscall::READ => {
            let Some(kind) = state.oracle_key.kind() else { return Ok(Flow::Trap) };
            let value = bus.preimage(state.oracle_key, kind, state.oracle_offset)?;
            set(state, 10, value);
            state.oracle_offset = state.oracle_offset.wrapping_add(8);
        }
        _ => return Ok(Flow::Trap),
    }
    Ok(Flow::Next)
}

fn get(state: &State, index: u32) -> u64 {
    state.registers.get((index & 31) as usize).copied().unwrap_or_default()
}

fn set(state: &mut State, index: u32, value: u64) {
    if index != 0
        && let Some(register) = state.registers.get_mut((index & 31) as usize)
    {
        *register = value;
    }
}

/// The little-endian number of up to 8 bytes at an address that lies in this leaf.
fn field(leaf: &Leaf, address: u64, size: usize) -> u64 {
    let bytes = leaf.iter().skip((address % 32) as usize).take(size);
    bytes.rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// A 32-bit instruction and its fields.
#[derive(Clone, Copy)]
struct Instruction(u32);

impl Instruction {
    const fn bits(self, low: u32, count: u32) -> u32 {
        self.0.wrapping_shr(low) & 1_u32.wrapping_shl(count).wrapping_sub(1)
    }

    const fn opcode(self) -> u32 {
        self.bits(0, 7)
    }

    const fn rd(self) -> u32 {
        self.bits(7, 5)
    }

    const fn f3(self) -> u32 {
        self.bits(12, 3)
    }

    const fn rs1(self) -> u32 {
        self.bits(15, 5)
    }

    const fn rs2(self) -> u32 {
        self.bits(20, 5)
    }

    const fn f6(self) -> u32 {
        self.bits(26, 6)
    }

    const fn f7(self) -> u32 {
        self.bits(25, 7)
    }

    fn imm_i(self) -> u64 {
        alu::sign_extend(self.bits(20, 12).into(), 12)
    }

    fn imm_s(self) -> u64 {
        alu::sign_extend((self.bits(25, 7) << 5 | self.bits(7, 5)).into(), 12)
    }

    fn imm_b(self) -> u64 {
        let imm = self.bits(31, 1) << 12 | self.bits(7, 1) << 11 | self.bits(25, 6) << 5 | self.bits(8, 4) << 1;
        alu::sign_extend(imm.into(), 13)
    }

    fn imm_u(self) -> u64 {
        alu::sign_extend((self.bits(12, 20) << 12).into(), 32)
    }

    fn imm_j(self) -> u64 {
        let imm = self.bits(31, 1) << 20 | self.bits(12, 8) << 12 | self.bits(20, 1) << 11 | self.bits(21, 10) << 1;
        alu::sign_extend(imm.into(), 21)
    }
}
