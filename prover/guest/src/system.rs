//! The start, ECALL and panics (VM-3, VM-6, VM-7).

use alloc::vec::Vec;
use core::{
    arch::{asm, global_asm},
    panic::PanicInfo,
};

const EXIT: u64 = 93;
const OUTPUT: u64 = 1001;
const KEY: u64 = 1002;
const READ: u64 = 1003;

/// Exit code of a program that panicked.
pub const PANIC: u64 = 101;

// No frame is above `main`; what it returns to ends the run.
global_asm!(
    ".section .text.start, \"ax\"",
    ".globl _start",
    "_start:",
    "li sp, 0xfffff000",
    "call main",
    "li a0, 0",
    "li a7, 93",
    "ecall",
);

/// Ends the run with an exit code; 0 means that the output word is the result.
pub fn exit(code: u64) -> ! {
    // SAFETY: the call does not return.
    unsafe { asm!("ecall", in("a7") EXIT, in("a0") code, options(noreturn)) }
}

/// Sets the output word.
pub fn set_output(word: [u8; 32]) {
    call_with_word(OUTPUT, word);
}

/// The pre-image of a key.
///
/// The machine has no other word for it than the right one, so it needs no checking against a keccak key.
pub fn preimage(key: [u8; 32]) -> Vec<u8> {
    call_with_word(KEY, key);
    initial_preimage()
}

/// The pre-image of the key that the machine is at the start of: before any call of [`preimage`], the run's inputs.
pub fn initial_preimage() -> Vec<u8> {
    let length = read() as usize;
    let mut words = Vec::with_capacity(length.div_ceil(8));
    words.resize_with(length.div_ceil(8), || read().to_le_bytes());
    let mut bytes = words.into_flattened();
    bytes.truncate(length);
    bytes
}

/// The next eight bytes of the pre-image's stream.
fn read() -> u64 {
    let word;
    // SAFETY: the call changes a0 only.
    unsafe { asm!("ecall", in("a7") READ, out("a0") word, options(nomem, nostack)) }
    word
}

fn call_with_word(number: u64, word: [u8; 32]) {
    let part = |index: usize| u64::from_le_bytes(core::array::from_fn(|at| word[8 * index + at]));
    // SAFETY: the calls change no register and no memory; a0 is clobbered for the sake of Linux, which returns an error in it.
    unsafe {
        asm!(
            "ecall",
            in("a7") number, inout("a0") part(0) => _, in("a1") part(1), in("a2") part(2), in("a3") part(3),
            options(nomem, nostack),
        );
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(PANIC)
}
