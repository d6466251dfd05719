//! The interpreter loop (VM-4 to VM-6). One match over all instructions, so longer than a function of ours should be.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "the hot loop: what the guest computes wraps by name, shift amounts and register numbers are masked, and counters count steps"
)]

use crate::{
    key::OracleKey,
    oracle::{Oracle, stream_word},
    state::{TRAP_EXIT_CODE, syscall, word_of},
    tree::MEMORY_BYTES,
};

use super::{
    Machine,
    code::{CodeCache, PAGE_OPS},
    decode::Kind,
    memory::Memory,
};

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The machine has halted.
    Exited,
    /// The steps asked for are done.
    Budget,
    /// The next step needs a pre-image that the oracle does not have; nothing of that step has happened.
    MissingPreimage(OracleKey),
}

/// Why the inner loop ended. The pc it goes with is that of the next instruction, or of the one that is not done yet.
enum Break {
    /// Go on at the pc: elsewhere, or out of budget.
    Continue,
    /// Decoded code changed at the address.
    CodeWritten(u64),
    /// The instruction is an ECALL, not counted yet.
    Ecall,
    /// The instruction traps, not counted yet.
    Trap,
}

/// Registers with [`super::decode::SINK`]; the length lets masked indices go unchecked.
type Registers = [u64; 64];

impl Machine {
    /// Runs for at most so many steps.
    pub fn run(&mut self, steps: u64, oracle: &mut impl Oracle) -> Stop {
        let mut registers: Registers = [0; 64];
        registers[..32].copy_from_slice(&self.state.registers);
        let (stop, left) = self.run_registers(steps, oracle, &mut registers);
        self.state.registers.copy_from_slice(&registers[..32]);
        self.state.step = self.state.step.wrapping_add(steps - left);
        stop
    }

    fn run_registers(&mut self, steps: u64, oracle: &mut impl Oracle, x: &mut Registers) -> (Stop, u64) {
        let mut left = steps;
        loop {
            if self.state.exited {
                return (Stop::Exited, left);
            }
            if left == 0 {
                return (Stop::Budget, 0);
            }
            let pc = self.state.pc;
            let event = if pc >= MEMORY_BYTES || !pc.is_multiple_of(4) {
                Break::Trap
            } else {
                run_page(&mut self.state.pc, x, &mut left, &mut self.memory, &mut self.code)
            };
            match event {
                Break::Continue => {}
                Break::CodeWritten(address) => self.code.refresh(address, &self.memory),
                Break::Ecall => {
                    if let Err(key) = self.ecall(x, oracle) {
                        return (Stop::MissingPreimage(key), left);
                    }
                    left -= 1;
                }
                Break::Trap => {
                    self.trap();
                    left -= 1;
                }
            }
        }
    }

    fn trap(&mut self) {
        (self.state.exited, self.state.exit_code) = (true, TRAP_EXIT_CODE);
    }

    #[cold]
    fn ecall(&mut self, x: &mut Registers, oracle: &mut impl Oracle) -> Result<(), OracleKey> {
        let state = &mut self.state;
        let word = word_of([x[10], x[11], x[12], x[13]]);
        match x[17] {
            syscall::EXIT => {
                (state.exited, state.exit_code) = (true, x[10]);
                return Ok(());
            }
            syscall::OUTPUT => state.output = word,
            syscall::KEY => (state.oracle_key, state.oracle_offset) = (OracleKey(word), 0),
            syscall::READ if state.oracle_key.kind().is_some() => {
                let key = state.oracle_key;
                let cached = self.stream.take().filter(|(known, _)| *known == key).map(|(_, data)| data);
                let data = cached.or_else(|| oracle.preimage(key)).ok_or(key)?;
                x[10] = stream_word(&data, state.oracle_offset);
                state.oracle_offset = state.oracle_offset.wrapping_add(8);
                self.stream = Some((key, data));
            }
            _ => {
                self.trap();
                return Ok(());
            }
        }
        state.pc = state.pc.wrapping_add(4);
        Ok(())
    }
}

/// Runs until control leaves the page of the pc, the budget is spent, or something outside this loop is to be done.
fn run_page(pc: &mut u64, x: &mut Registers, left: &mut u64, memory: &mut Memory, code: &mut CodeCache) -> Break {
    let index = code.index(*pc, memory);
    let ops = code.page(index);
    let base = *pc & !0xfff;
    let mut at = (*pc >> 2) as usize & (PAGE_OPS - 1);
    let mut budget = *left;

    macro_rules! leave {
        ($pc:expr, $why:expr) => {{
            *pc = $pc;
            *left = budget;
            return $why;
        }};
    }
    macro_rules! here {
        () => {
            base + 4 * at as u64
        };
    }
    macro_rules! jump {
        ($target:expr) => {{
            let target: u64 = $target;
            budget -= 1;
            if target & !0xffc != base || budget == 0 {
                leave!(target, Break::Continue);
            }
            at = (target >> 2) as usize & (PAGE_OPS - 1);
            continue;
        }};
    }

    loop {
        let op = ops[at & (PAGE_OPS - 1)];
        let imm = op.imm as i64 as u64;
        let rd = (op.rd & 63) as usize;
        macro_rules! a {
            () => {
                x[(op.rs1 & 63) as usize]
            };
        }
        macro_rules! b {
            () => {
                x[(op.rs2 & 63) as usize]
            };
        }
        macro_rules! word {
            ($value:expr) => {
                x[rd] = $value as i32 as i64 as u64
            };
        }
        macro_rules! branch {
            ($condition:expr) => {
                if $condition {
                    jump!(here!().wrapping_add(imm))
                }
            };
        }
        macro_rules! load {
            ($type:ty) => {{
                let address = a!().wrapping_add(imm);
                if address >= MEMORY_BYTES || address & (size_of::<$type>() as u64 - 1) != 0 {
                    leave!(here!(), Break::Trap);
                }
                x[rd] = (memory.word(address) >> (8 * (address & 7))) as $type as i64 as u64;
            }};
        }
        macro_rules! store {
            ($type:ty) => {{
                let address = a!().wrapping_add(imm);
                if address >= MEMORY_BYTES || address & (size_of::<$type>() as u64 - 1) != 0 {
                    leave!(here!(), Break::Trap);
                }
                let shift = 8 * (address & 7);
                if memory.set_word(address, u64::from(<$type>::MAX) << shift, b!() << shift) {
                    budget -= 1;
                    leave!(here!() + 4, Break::CodeWritten(address));
                }
            }};
        }
        match op.kind {
            Kind::Illegal => leave!(here!(), Break::Trap),
            Kind::Ecall => leave!(here!(), Break::Ecall),
            Kind::Nop => {}
            Kind::Li => x[rd] = imm,
            Kind::Auipc => x[rd] = here!().wrapping_add(imm),
            Kind::Jal => {
                x[rd] = here!() + 4;
                jump!(here!().wrapping_add(imm))
            }
            Kind::Jalr => {
                let target = a!().wrapping_add(imm) & !1;
                x[rd] = here!() + 4;
                jump!(target)
            }
            Kind::Beq => branch!(a!() == b!()),
            Kind::Bne => branch!(a!() != b!()),
            Kind::Blt => branch!((a!() as i64) < (b!() as i64)),
            Kind::Bge => branch!((a!() as i64) >= (b!() as i64)),
            Kind::Bltu => branch!(a!() < b!()),
            Kind::Bgeu => branch!(a!() >= b!()),
            Kind::Lb => load!(i8),
            Kind::Lh => load!(i16),
            Kind::Lw => load!(i32),
            Kind::Ld => load!(i64),
            Kind::Lbu => load!(u8),
            Kind::Lhu => load!(u16),
            Kind::Lwu => load!(u32),
            Kind::Sb => store!(u8),
            Kind::Sh => store!(u16),
            Kind::Sw => store!(u32),
            Kind::Sd => store!(u64),
            Kind::Addi => x[rd] = a!().wrapping_add(imm),
            Kind::Slti => x[rd] = u64::from((a!() as i64) < (imm as i64)),
            Kind::Sltiu => x[rd] = u64::from(a!() < imm),
            Kind::Xori => x[rd] = a!() ^ imm,
            Kind::Ori => x[rd] = a!() | imm,
            Kind::Andi => x[rd] = a!() & imm,
            Kind::Slli => x[rd] = a!() << (imm & 63),
            Kind::Srli => x[rd] = a!() >> (imm & 63),
            Kind::Srai => x[rd] = (a!() as i64 >> (imm & 63)) as u64,
            Kind::Addiw => word!(a!().wrapping_add(imm)),
            Kind::Slliw => word!((a!() as u32) << (imm & 31)),
            Kind::Srliw => word!(a!() as u32 >> (imm & 31)),
            Kind::Sraiw => word!(a!() as i32 >> (imm & 31)),
            Kind::Add => x[rd] = a!().wrapping_add(b!()),
            Kind::Sub => x[rd] = a!().wrapping_sub(b!()),
            Kind::Sll => x[rd] = a!() << (b!() & 63),
            Kind::Slt => x[rd] = u64::from((a!() as i64) < (b!() as i64)),
            Kind::Sltu => x[rd] = u64::from(a!() < b!()),
            Kind::Xor => x[rd] = a!() ^ b!(),
            Kind::Srl => x[rd] = a!() >> (b!() & 63),
            Kind::Sra => x[rd] = (a!() as i64 >> (b!() & 63)) as u64,
            Kind::Or => x[rd] = a!() | b!(),
            Kind::And => x[rd] = a!() & b!(),
            Kind::Addw => word!(a!().wrapping_add(b!())),
            Kind::Subw => word!(a!().wrapping_sub(b!())),
            Kind::Sllw => word!((a!() as u32) << (b!() & 31)),
            Kind::Srlw => word!(a!() as u32 >> (b!() & 31)),
            Kind::Sraw => word!(a!() as i32 >> (b!() & 31)),
            Kind::Mul => x[rd] = a!().wrapping_mul(b!()),
            Kind::Mulh => x[rd] = ((a!() as i64 as i128 * b!() as i64 as i128) >> 64) as u64,
            Kind::Mulhsu => x[rd] = ((a!() as i64 as i128 * b!() as i128) >> 64) as u64,
            Kind::Mulhu => x[rd] = ((a!() as u128 * b!() as u128) >> 64) as u64,
            Kind::Div => x[rd] = divide(a!(), b!()),
            Kind::Divu => x[rd] = a!().checked_div(b!()).unwrap_or(u64::MAX),
            Kind::Rem => x[rd] = remainder(a!(), b!()),
            Kind::Remu => x[rd] = a!().checked_rem(b!()).unwrap_or(a!()),
            Kind::Mulw => word!(a!().wrapping_mul(b!())),
            Kind::Divw => word!(divide(a!() as i32 as i64 as u64, b!() as i32 as i64 as u64)),
            Kind::Divuw => word!((a!() as u32).checked_div(b!() as u32).unwrap_or(u32::MAX)),
            Kind::Remw => word!(remainder(a!() as i32 as i64 as u64, b!() as i32 as i64 as u64)),
            Kind::Remuw => word!((a!() as u32).checked_rem(b!() as u32).unwrap_or(a!() as u32)),
        }
        at += 1;
        budget -= 1;
        if at == PAGE_OPS || budget == 0 {
            leave!(here!(), Break::Continue);
        }
    }
}

fn divide(a: u64, b: u64) -> u64 {
    match (a as i64, b as i64) {
        (_, 0) => u64::MAX,
        (a, b) => a.wrapping_div(b) as u64,
    }
}

fn remainder(a: u64, b: u64) -> u64 {
    match (a as i64, b as i64) {
        (_, 0) => a,
        (a, b) => a.wrapping_rem(b) as u64,
    }
}
