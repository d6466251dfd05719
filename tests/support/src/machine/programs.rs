//! Programs and states by hand, for what the specification's words are about, and random ones.

use alloy_primitives::B256;
use rand::Rng;
use tandem_vm::{
    Image, OracleKey, PreimageMap, State,
    asm::{self, ECALL, addi, reg::*},
    elf::Segment,
    state::{ENTRY_PC, syscall},
};

use super::{DATA_ADDRESS, DATA_REGISTER, NO_KEY, blob_proof, point, random_instruction};

/// A machine about to run.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    /// Its memory root is filled in from the image.
    pub state: State,
    pub image: Image,
    pub oracle: PreimageMap,
    /// At most so many steps are of interest.
    pub steps: usize,
}

/// A state with something everywhere.
pub fn base() -> State {
    let mut state = State::initial(B256::ZERO, NO_KEY);
    (state.oracle_offset, state.step) = (24, 41);
    state.output = B256::repeat_byte(0x77);
    for (index, register) in state.registers.iter_mut().enumerate() {
        *register = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    state.registers[DATA_REGISTER as usize] = DATA_ADDRESS;
    state
}

/// Bytes with both signs at every size.
pub fn data() -> Vec<u8> {
    (0..4096_u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8 ^ (at as u8) << 7).collect()
}

pub(super) fn image(code_at: u64, words: &[u32]) -> Image {
    let segments = [
        (DATA_ADDRESS - 0x80, data()[..0x100].to_vec()),
        ((1 << 32) - 64, data()[..64].to_vec()),
        (code_at, asm::bytes(words)),
    ];
    Image::new(segments.map(|(address, data)| Segment { address, data }).to_vec()).unwrap()
}

pub(super) fn case(name: impl Into<String>, words: &[u32], registers: &[(u32, u64)], steps: usize) -> Case {
    let mut state = base();
    for (index, value) in registers {
        state.registers[*index as usize] = *value;
    }
    Case { name: name.into(), state, image: image(ENTRY_PC, words), oracle: PreimageMap::default(), steps }
}

/// All that are written by hand and stand in the vectors.
pub fn hand_written() -> Vec<Case> {
    [memory(), control(), system()].concat()
}

/// The program written by hand that has this name.
pub fn named(name: &str) -> Case {
    hand_written().into_iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no program {name}"))
}

/// Programs that load and store.
pub fn memory() -> Vec<Case> {
    let mut cases = Vec::new();
    for (f3, size) in [(0, 1), (1, 2), (2, 4), (3, 8), (4, 1), (5, 2), (6, 4)] {
        for offset in [0, 32 - size, 8 + size] {
            let at = (T0, DATA_ADDRESS);
            cases.push(case(format!("load {f3} at {offset}"), &[asm::i(0x03, f3, A0, T0, offset)], &[at], 1));
        }
    }
    for (f3, size) in [(0, 1), (1, 2), (2, 4), (3, 8)] {
        for offset in [0, -size, 8 + size] {
            let at = (T0, DATA_ADDRESS);
            cases.push(case(format!("store {f3} at {offset}"), &[asm::s(f3, T0, A0, offset)], &[at], 1));
        }
        for (what, address) in [("last", (1 << 32) - size as u64), ("first", 0)] {
            let (at, store) = ((T0, address.wrapping_sub(5)), asm::s(f3, T0, A0, 5));
            cases.push(case(format!("store {f3} to {what}"), &[store], &[at], 1));
            cases.push(case(format!("load {f3} from {what}"), &[asm::i(0x03, f3, A0, T0, 5)], &[at], 1));
        }
        for (what, address) in [
            ("past memory", 1 << 32),
            ("at 2^63", 1 << 63),
            ("at the top", (size as u64).wrapping_neg()),
            ("misaligned", DATA_ADDRESS + size as u64 / 2),
            ("misaligned over a leaf", DATA_ADDRESS + 32 - size as u64 / 2),
            ("misaligned over the end", (1 << 32) - size as u64 / 2),
        ] {
            if size > 1 || !what.starts_with("misaligned") {
                cases.push(case(format!("store {f3} {what}"), &[asm::s(f3, T0, A0, 0)], &[(T0, address)], 1));
                cases.push(case(format!("load {f3} {what}"), &[asm::i(0x03, f3, A0, T0, 0)], &[(T0, address)], 1));
            }
        }
    }
    cases.push(case("load to x0", &[asm::i(0x03, 3, ZERO, T0, 0)], &[(T0, DATA_ADDRESS)], 1));
    cases.push(case("load to x0 past memory", &[asm::i(0x03, 3, ZERO, T0, 0)], &[(T0, 1 << 32)], 1));
    cases.push(case("load over its own base", &[asm::i(0x03, 3, T0, T0, 0)], &[(T0, DATA_ADDRESS)], 1));
    cases.push(case("load of code", &[asm::i(0x03, 2, A0, T0, 0)], &[(T0, ENTRY_PC)], 1));
    cases.push(case("store of x0", &[asm::s(3, T0, ZERO, 0)], &[(T0, DATA_ADDRESS)], 1));
    let exit = asm::exit(3);
    let over_next = [asm::s(2, T0, T1, 4), ECALL, exit[0], exit[1], exit[2]];
    cases.push(case("write over the next instruction", &over_next, &[(T0, ENTRY_PC), (T1, addi(A1, 0, 9).into())], 6));
    // The second pass runs what the first one wrote over an instruction already executed.
    let twice = [addi(A0, A0, 1), asm::s(2, T0, T1, 0), asm::b(4, A0, T2, -8), exit[1], ECALL];
    let registers = [(T0, ENTRY_PC), (T1, addi(A0, A0, 5).into()), (A0, 0), (T2, 7)];
    cases.push(case("write over an instruction that ran", &twice, &registers, 12));
    let half = [asm::s(1, T0, T1, 4), addi(A1, A1, 1), exit[1], ECALL];
    cases.push(case("write over half an instruction", &half, &[(T0, ENTRY_PC), (T1, 0x8593)], 5));
    cases.push(case("write over itself", &[asm::s(2, T0, T1, 0), exit[1], ECALL], &[(T0, ENTRY_PC), (T1, 0)], 4));
    cases
}

/// The program counter and halting.
pub fn control() -> Vec<Case> {
    let mut cases = Vec::new();
    let nop = addi(0, 0, 0);
    for (what, pc) in [("one", 1), ("two", 2), ("2^32", 1 << 32), ("2^32+2", (1 << 32) + 2), ("the top", u64::MAX - 3)]
    {
        let mut case = case(format!("pc {what}"), &[nop], &[], 2);
        case.state.pc = pc;
        cases.push(case);
    }
    let mut last = case("off the end", &[], &[], 3);
    (last.image, last.state.pc) = (image((1 << 32) - 4, &[nop]), (1 << 32) - 4);
    cases.push(last);
    let mut first = case("a jump below zero", &[], &[], 3);
    (first.image, first.state.pc) = (image(0, &[asm::jal(RA, -4)]), 0);
    cases.push(first);
    for (what, target) in
        [("odd", 0x1_0005), ("misaligned", 0x1_0006), ("past memory", 1 << 32), ("wrapping", u64::MAX)]
    {
        let jump = [asm::i(0x67, 0, RA, T0, 0), nop, nop];
        cases.push(case(format!("jalr {what}"), &jump, &[(T0, target)], 2));
    }
    cases.push(case("jalr links over its base", &[asm::i(0x67, 0, T0, T0, 8), nop, nop], &[(T0, ENTRY_PC)], 2));
    cases.push(case("jalr to x0", &[asm::i(0x67, 0, ZERO, T0, 0), nop], &[(T0, ENTRY_PC + 4)], 2));
    cases.push(case("jal misaligned", &[asm::jal(RA, 6), nop], &[], 2));
    cases.push(case("branch misaligned", &[asm::b(0, T0, T0, 6), nop], &[], 2));
    cases.push(case("branch to itself", &[asm::b(0, T0, T0, 0)], &[], 3));
    cases.push(case("zeros", &[0], &[], 2));
    cases.push(case("ones", &[u32::MAX], &[], 2));
    cases.push(case("compressed", &[0x0001_0001], &[], 2));
    let mut counter = case("step counter wraps", &[nop, nop], &[], 2);
    counter.state.step = u64::MAX;
    cases.push(counter);
    for (what, exit_code) in [("exited", 0), ("trapped", u64::MAX)] {
        let mut halted = case(format!("already {what}"), &[nop], &[], 2);
        (halted.state.exited, halted.state.exit_code) = (true, exit_code);
        cases.push(halted);
    }
    let mut halted = case("halted at a bad pc", &[nop], &[], 1);
    (halted.state.exited, halted.state.pc) = (true, 3);
    cases.push(halted);
    cases
}

/// ECALL and the oracle.
pub fn system() -> Vec<Case> {
    let mut cases = Vec::new();
    let call = |name: &str, number: u64| case(name, &[ECALL, ECALL], &[(A7, number)], 1);
    cases.push(call("output", syscall::OUTPUT));
    cases.push(call("key", syscall::KEY));
    for (name, number) in [("call 0", 0), ("call 64", 64), ("call 1004", 1004), ("call 2^32+93", (1 << 32) + 93)] {
        cases.push(call(name, number));
    }
    // EBREAK, ECALL with a destination, source or f3, MRET, WFI, CSRRW: none of them calls.
    for word in [0x0010_0073, ECALL | 1 << 7, ECALL | 1 << 15, ECALL | 1 << 12, 0x3020_0073, 0x1050_0073, 0x3000_1073] {
        let number = [(A7, syscall::EXIT), (A0, 0)];
        cases.push(case(format!("call 93 by {word:08x}"), &[word], &number, 1));
    }
    for code in [0, 1, 255, u64::MAX] {
        cases.push(case(format!("exit {code}"), &[ECALL], &[(A7, syscall::EXIT), (A0, code)], 2));
    }
    for kind in [0, 3, 0xff] {
        let mut read = call(&format!("read of kind {kind}"), syscall::READ);
        read.state.oracle_key.0.0[0] = kind;
        cases.push(read);
    }
    for length in [0, 1, 8, 532] {
        let mut oracle = PreimageMap::default();
        let hash = oracle.insert(&data()[..length]);
        for offset in [0, 8, 16, 256, 536, 544, 1 << 40, u64::MAX - 7, 3, 5, 531, u64::MAX] {
            let mut read = call(&format!("read {length} bytes at {offset}"), syscall::READ);
            (read.state.oracle_key, read.state.oracle_offset) = (OracleKey::keccak(hash), offset);
            read.oracle = oracle.clone();
            cases.push(read);
        }
    }
    for (index, offset) in [(0, 0), (0, 8), (1, 16), (2, 32), (1234, 24), (4095, 32), (4095, 40), (4095, u64::MAX)] {
        let mut read = call(&format!("read element {index} at {offset}"), syscall::READ);
        let proof = blob_proof(index, point(index));
        read.state.oracle_key = OracleKey::blob(proof.versioned_hash, index);
        read.state.oracle_offset = offset;
        read.oracle.insert_blob(proof);
        cases.push(read);
    }
    cases.push(oracle_program());
    cases
}

/// Reads its inputs' first word, then the pre-image that it names, and announces that.
fn oracle_program() -> Case {
    let mut oracle = PreimageMap::default();
    let inner = oracle.insert(b"what the outer pre-image names");
    let outer = oracle.insert(OracleKey::keccak(inner).0.as_slice());
    let set = |number: u64| addi(A7, 0, number as i32);
    let mut words = vec![set(syscall::READ), ECALL];
    for register in [S0, S1, A1, A2] {
        words.extend([ECALL, addi(register, A0, 0)]);
    }
    words.extend([addi(A0, S0, 0), addi(A3, A2, 0), addi(A2, A1, 0), addi(A1, S1, 0), set(syscall::KEY), ECALL]);
    words.extend([set(syscall::READ), ECALL, ECALL, set(syscall::OUTPUT), ECALL]);
    words.extend(asm::exit(0));
    let mut case = case("oracle program", &words, &[], 40);
    (case.state.oracle_key, case.state.oracle_offset, case.oracle) = (OracleKey::keccak(outer), 0, oracle);
    case
}

/// Straight and branching code that ends in a trap or an exit.
pub fn random_program(rng: &mut impl Rng, length: usize) -> Case {
    let words = (0..length).map(|_| random_instruction(rng)).collect();
    with_random_values("random program", words, 2 * length, rng)
}

/// Loops and calls that end in an exit.
pub fn random_looping_program(rng: &mut impl Rng) -> Case {
    let mut words = Vec::new();
    super::loops::append(&mut words, rng);
    with_random_values("random looping program", words, 4_000, rng)
}

fn with_random_values(name: &str, mut words: Vec<u32>, steps: usize, rng: &mut impl Rng) -> Case {
    words.extend(asm::exit(7));
    let mut case = case(name, &words, &[], steps);
    for register in &mut case.state.registers[1..12] {
        *register = random_value(rng);
    }
    case
}

/// One step from anywhere.
pub fn random_state(rng: &mut impl Rng) -> Case {
    let word = match rng.random_range(0..4) {
        0 => rng.random(),
        1 => rng.random::<u32>() & !0x7f | [0x03, 0x23, 0x13, 0x1b, 0x33, 0x3b, 0x63, 0x67][rng.random_range(0..8)],
        2 => ECALL,
        _ => random_instruction(rng),
    };
    let mut case = case("random state", &[], &[], 2);
    case.state.pc = match rng.random_range(0..8) {
        0 => random_value(rng),
        _ => u64::from(rng.random::<u32>() & !3),
    };
    if case.state.pc <= (1 << 32) - 4 {
        case.image = image(case.state.pc, &[word]);
    }
    for register in &mut case.state.registers[1..] {
        *register = random_value(rng);
    }
    if rng.random_range(0..2) == 0 {
        case.state.registers[17] = [93, 1001, 1002, 1003][rng.random_range(0..4)];
    }
    let length = rng.random_range(0..100);
    let hash = case.oracle.insert(&data()[..length]);
    if rng.random() {
        case.state.oracle_key = OracleKey::keccak(hash);
    }
    case.state.oracle_offset = if rng.random() { rng.random_range(0..120) } else { random_value(rng) };
    case.state.step = random_value(rng);
    case.state.exit_code = random_value(rng);
    case.state.exited = rng.random_range(0..20) == 0;
    case
}

/// A number near an edge, or any.
pub fn random_value(rng: &mut impl Rng) -> u64 {
    let near = rng.random_range(0..16_u64).wrapping_sub(8);
    match rng.random_range(0..8) {
        0 => near,
        1 => near.wrapping_add(1 << 63),
        2 => near.wrapping_add(1 << 31),
        3 => near.wrapping_add(1 << 32),
        4 => near.wrapping_add(0xffff_ffff_8000_0000),
        5 => DATA_ADDRESS.wrapping_add(near),
        6 => rng.random::<u32>().into(),
        _ => rng.random(),
    }
}
