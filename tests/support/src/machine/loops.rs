//! Random code with loops that end, calls and returns, all of it defined: qemu runs it too.

use rand::Rng;
use tandem_vm::asm::{self, addi};

use super::{mnemonic::mnemonic, random_instruction};

/// Registers that random instructions leave alone.
const OUTER: u32 = 21;
const INNER: u32 = 22;
const LINK: u32 = 23;
const TARGET: u32 = 24;

const PAGE_WORDS: usize = 1024;
const ROUTINES: usize = 3;

/// Appends routines that loop, and code that calls them from loops and goes on behind them.
///
/// The last routine lies over the border of two pages.
pub fn append(words: &mut Vec<u32>, rng: &mut impl Rng) {
    let over = words.len();
    words.push(0);
    let mut routines = Vec::new();
    for number in 0..ROUTINES {
        if number + 1 == ROUTINES {
            words.resize((words.len() + 16).next_multiple_of(PAGE_WORDS) - rng.random_range(1..12), 0);
        }
        routines.push(words.len());
        repeat(words, rng, INNER, |words, rng| append_block(words, rng, 8));
        let rd = [0, 5, LINK][rng.random_range(0..3)];
        words.push(asm::i(0x67, 0, rd, LINK, 0));
    }
    words[over] = asm::jal(0, distance(over, words.len()));
    for _ in 0..4 {
        repeat(words, rng, OUTER, |words, rng| {
            append_block(words, rng, 6);
            let routine = routines[rng.random_range(0..ROUTINES)];
            append_call(words, rng, routine);
            append_block(words, rng, 6);
        });
    }
}

/// Random defined instructions, of which none jumps further than to the first instruction behind.
pub fn append_block(words: &mut Vec<u32>, rng: &mut impl Rng, length: usize) {
    words.extend((0..length).map(|_| random_instruction(rng)).filter(|word| mnemonic(*word).is_some()));
    words.extend([addi(0, 0, 0); 4]);
}

/// Two to four times the body, which leaves the counter alone.
fn repeat<R: Rng>(words: &mut Vec<u32>, rng: &mut R, counter: u32, body: impl FnOnce(&mut Vec<u32>, &mut R)) {
    words.push(addi(counter, 0, rng.random_range(2..5)));
    let start = words.len();
    body(words, rng);
    words.push(addi(counter, counter, -1));
    // All say that the counter is not yet zero.
    let (f3, rs1, rs2) = [(1, 0, counter), (1, counter, 0), (4, 0, counter), (6, 0, counter)][rng.random_range(0..4)];
    words.push(asm::b(f3, rs1, rs2, distance(words.len(), start)));
}

/// By JAL, or by AUIPC and JALR with an odd sum now and then.
fn append_call(words: &mut Vec<u32>, rng: &mut impl Rng, routine: usize) {
    let offset = distance(words.len(), routine);
    if rng.random_range(0..3) == 0 {
        words.push(asm::jal(LINK, offset));
        return;
    }
    let upper = (offset + 0x800) & !0xfff;
    words.push(asm::u(0x17, TARGET, upper));
    words.push(asm::i(0x67, 0, LINK, TARGET, (offset - upper) | rng.random_range(0..2)));
}

/// Bytes from one instruction to another.
fn distance(from: usize, to: usize) -> i32 {
    4 * (to as i32 - from as i32)
}
