//! Programs that write over code, at every width and from every place, with the exit code that each has: A1 at the end.

use tandem_vm::{
    asm::{self, ECALL, addi, reg::*},
    state::ENTRY_PC,
};

use super::{
    DATA_ADDRESS,
    programs::{Case, case, image},
};

const PAGE_BYTES: u64 = 0x1000;
const FINISH: [u32; 3] = [addi(A0, A1, 0), addi(A7, 0, 93), ECALL];
const CALL: u32 = asm::i(0x67, 0, RA, T0, 0);
const RETURN: u32 = asm::i(0x67, 0, ZERO, RA, 0);
/// The instruction that adds a number to A1.
const fn add(number: i32) -> u32 {
    addi(A1, A1, number)
}

/// Two instructions as SD writes them.
fn both(first: u32, second: u32) -> u64 {
    u64::from(first) | u64::from(second) << 32
}

pub fn programs() -> Vec<(Case, u64)> {
    [ahead(), bytes(), other_page(), data_as_code(), page_border()].concat()
}

/// A case whose A1 is zero before it.
fn counting(name: impl Into<String>, words: &[u32], registers: &[(u32, u64)]) -> Case {
    case(name, words, &[&[(A1, 0)], registers].concat(), 60)
}

fn ahead() -> Vec<(Case, u64)> {
    let registers = [(T0, ENTRY_PC), (T1, both(add(16), add(32)))];
    let two = [&[asm::s(3, T0, T1, 8), add(4), add(1), add(2)], &FINISH[..]].concat();
    let own = [&[asm::s(3, T0, T1, 0), add(1)], &FINISH[..]].concat();
    vec![
        (counting("a doubleword over two instructions ahead", &two, &registers), 4 + 16 + 32),
        (counting("a doubleword over itself and the next", &own, &registers), 32),
    ]
}

/// One byte of an instruction: opcode, f3, the immediate's low part and its high one.
fn bytes() -> Vec<(Case, u64)> {
    let start = 0x7fff_ffff;
    let results = [(0x9b, 0xffff_ffff_8000_0000), (0xb5, 0), (0x25, start + 2), (0x7f, start + 0x7f1)];
    let case = |(at, (byte, result))| {
        let words = [&[asm::s(0, T0, T1, 4 + at), add(1)], &FINISH[..]].concat();
        let registers = [(T0, ENTRY_PC), (T1, byte), (A1, start)];
        (counting(format!("byte {at} of an instruction"), &words, &registers), result)
    };
    (0..).zip(results).map(case).collect()
}

/// A routine of another page is called, changed and called again.
fn other_page() -> Vec<(Case, u64)> {
    let routine = ENTRY_PC + PAGE_BYTES;
    let stores: [(u32, i32, u64, u64); 4] = [
        (0, 3, 0x10, 0x101 + 2),
        (1, 2, u64::from(add(16) >> 16), 16 + 2),
        (2, 4, add(32).into(), 1 + 32),
        (3, 0, both(add(16), add(32)), 16 + 32),
    ];
    let case = |(f3, at, value, second)| {
        let mut words = [&[CALL, asm::s(f3, T0, T1, at), CALL], &FINISH[..]].concat();
        words.resize(PAGE_BYTES as usize / 4, 0);
        words.extend([add(1), add(2), RETURN]);
        (counting(format!("store {f3} to a page that ran"), &words, &[(T0, routine), (T1, value)]), 3 + second)
    };
    stores.map(case).into()
}

/// Written and run three times over, in a page with nothing else and beside data.
fn data_as_code() -> Vec<(Case, u64)> {
    let case = |(what, address)| {
        let write = |register| asm::s(3, T0, register, 0);
        let words = [&[write(T1), CALL, write(T2), CALL, write(T1), CALL], &FINISH[..]].concat();
        let registers = [(T0, address), (T1, both(add(1), RETURN)), (T2, both(add(16), RETURN))];
        (counting(format!("data of {what} run and rewritten"), &words, &registers), 1 + 16 + 1)
    };
    [("a new page", 0x30_0000), ("a page in use", DATA_ADDRESS)].map(case).into()
}

/// From the last instruction of a page, over the first one of the next page and over that of its own.
fn page_border() -> Vec<(Case, u64)> {
    let (first, last) = (ENTRY_PC + PAGE_BYTES, ENTRY_PC + PAGE_BYTES - 4);
    let one = u64::from(add(1));
    // The low bits alone change the destination: A0 and x0.
    let next_page = [
        (0, one & 0xff, one & 0x7f, 1 + 2 + 2),
        (1, one & 0xffff, one & 0xf07f, 1 + 2 + 2),
        (2, add(16).into(), add(32).into(), 16 + 2 + 32 + 2),
        (3, both(add(16), add(1)), both(add(32), add(2)), 16 + 1 + 32 + 2),
    ];
    let mut cases: Vec<(Case, u64)> = Vec::new();
    for (f3, value, second, sum) in next_page {
        // The second pass finds the next page decoded.
        let pass = [asm::s(f3, T0, T1, 0), add(1), add(2), addi(T1, T2, 0), addi(S0, S0, -1), asm::b(1, S0, 0, -20)];
        let registers = [(T0, first), (T1, value), (T2, second), (S0, 2)];
        let mut case = counting(format!("store {f3} over the start of the next page"), &[], &registers);
        (case.image, case.state.pc) = (image(last, &[&pass, &FINISH[..]].concat()), last);
        cases.push((case, sum));
    }
    let mut words = [&[add(1)], &FINISH[..]].concat();
    words.resize(PAGE_BYTES as usize / 4 - 1, 0);
    words.extend([asm::s(2, T0, T1, 0), asm::jal(0, -(PAGE_BYTES as i32))]);
    let registers = [(T0, ENTRY_PC), (T1, add(16).into())];
    let mut own = counting("store over the start of its own page", &words, &registers);
    own.state.pc = last;
    cases.push((own, 16));
    cases
}
