//! Operands at which arithmetic goes wrong, and programs that run instructions on all of them.

use tandem_vm::asm::{self, addi};

/// Zero, one, both ends of both widths, shift amounts around theirs, and two numbers of no kind.
pub const EDGES: [u64; 18] = [
    u64::MAX,
    0,
    1,
    2,
    31,
    32,
    63,
    64,
    (1 << 31) - 1,
    1 << 31,
    0xffff_ffff_8000_0000,
    0xffff_ffff_7fff_ffff,
    u32::MAX as u64,
    1 << 32,
    (1 << 63) - 1,
    1 << 63,
    0x0123_4567_89ab_cdef,
    0xfedc_ba98_7654_3210,
];

/// What an instruction under test reads and writes.
const A: u32 = 5;
const B: u32 = 6;
pub const RESULT: u32 = 10;

/// Instructions of the register form.
pub fn register_words() -> Vec<u32> {
    let full = (0..8).flat_map(|f3| [0, 1].map(|f7| (0x33, f3, f7))).chain([0, 5].map(|f3| (0x33, f3, 0x20)));
    full.chain(word_forms()).map(|(opcode, f3, f7)| asm::r(opcode, f3, f7, RESULT, A, B)).collect()
}

fn word_forms() -> impl Iterator<Item = (u32, u32, u32)> {
    let divisions = [0, 4, 5, 6, 7].map(|f3| (0x3b, f3, 1));
    [(0, 0), (1, 0), (5, 0), (0, 0x20), (5, 0x20)].map(|(f3, f7)| (0x3b, f3, f7)).into_iter().chain(divisions)
}

/// Instructions of the immediate form. Amounts above 31 are not defined for the word forms of shifts.
pub fn immediate_words() -> Vec<u32> {
    let mut words = Vec::new();
    for imm in [0, 1, -1, 2047, -2048] {
        words.extend([0, 2, 3, 4, 6, 7].map(|f3| asm::i(0x13, f3, RESULT, A, imm)));
        words.push(asm::i(0x1b, 0, RESULT, A, imm));
    }
    for amount in [0, 1, 31, 32, 63] {
        for opcode in [0x13, 0x1b] {
            words.extend([(1, 0), (5, 0), (5, 0x400)].map(|(f3, kind)| asm::i(opcode, f3, RESULT, A, amount | kind)));
        }
    }
    words
}

/// Branches by that many bytes.
pub fn branch_words(offset: i32) -> [u32; 6] {
    [0, 1, 4, 5, 6, 7].map(|f3| asm::b(f3, A, B, offset))
}

/// Registers of the programs below; results are folded into 11 and on.
const FIRST: u32 = 1;
const SECOND: u32 = 2;
const END: u32 = 3;
const FACTOR: u32 = 4;
const FIRST_FOLD: u32 = 11;
/// Room for what a program stores, behind the edges.
const SCRATCH: i32 = 0x400;

/// Instructions that leave something in [`RESULT`].
type Fragment = Vec<u32>;

/// A program that runs fragments on every edge in [`A`], at which x1 points, and on every edge or only the last one in [`B`].
///
/// `table` is where the edges lie. Fragments with the same number are folded into the same register.
fn program(table: u64, fragments: &[(u32, Fragment)], pairs: bool) -> Vec<u32> {
    let size = 8 * EDGES.len() as i32;
    let mut words = asm::li(FIRST, table);
    words.push(addi(END, FIRST, size));
    words.extend(asm::li(FACTOR, 0x9e37_79b9_7f4a_7c15));
    let outer = words.len();
    words.extend([asm::i(0x03, 3, A, FIRST, 0), addi(SECOND, END, if pairs { -size } else { -8 })]);
    let inner = words.len();
    words.push(asm::i(0x03, 3, B, SECOND, 0));
    for (number, fragment) in fragments {
        words.extend(fragment);
        words.extend(fold(FIRST_FOLD + number, FACTOR, RESULT));
    }
    for (pointer, start) in [(SECOND, inner), (FIRST, outer)] {
        words.push(addi(pointer, pointer, 8));
        words.push(asm::b(6, pointer, END, 4 * (start as i32 - words.len() as i32)));
    }
    words
}

/// Multiplies by a factor and adds.
pub fn fold(into: u32, factor: u32, value: u32) -> [u32; 2] {
    [asm::r(0x33, 0, 1, into, into, factor), asm::r(0x33, 0, 0, into, into, value)]
}

/// Programs that between them run everything that computes, branches, loads and stores on edges.
pub fn programs(table: u64) -> Vec<Vec<u32>> {
    let numbered = |words: Vec<u32>| (0..).zip(words).map(|(number, word)| (number, vec![word])).collect::<Vec<_>>();
    let (full, short): (Vec<u32>, Vec<u32>) = register_words().into_iter().partition(|word| word & 0x7f == 0x33);
    let defined = immediate_words().into_iter().filter(|word| super::mnemonic::mnemonic(*word).is_some());
    let immediate = defined.map(|word| (word >> 12 & 7 | word & 8, vec![word])).collect::<Vec<_>>();
    let branches = (0..).zip(branch_words(8));
    let branches = branches.map(|(number, word)| (number, vec![addi(RESULT, 0, 1), word, addi(RESULT, 0, 0)]));
    vec![
        program(table, &numbered(full), true),
        program(table, &numbered(short), true),
        program(table, &immediate, false),
        program(table, &branches.collect::<Vec<_>>(), true),
        program(table, &accesses(), false),
    ]
}

/// Loads of every part of an edge, and stores of an edge over every part of eight bytes.
fn accesses() -> Vec<(u32, Fragment)> {
    let places = |f3: u32| (0..8).step_by(1 << (f3 & 3));
    let loads = (0..7).flat_map(|f3| places(f3).map(move |at| (f3, vec![asm::i(0x03, f3, RESULT, FIRST, at)])));
    let stores = (0..4).flat_map(|f3| {
        let read = asm::i(0x03, 3, RESULT, FIRST, SCRATCH);
        places(f3).map(move |at| (8 + f3, vec![asm::s(f3, FIRST, A, SCRATCH + at), read]))
    });
    loads.chain(stores).collect()
}
