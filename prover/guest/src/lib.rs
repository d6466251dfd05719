#![no_std]
//! What a program for the fraud-proof machine (`docs/spec/vm.md`) stands on: the start, the heap, panics, and ECALL.
//!
//! A program is `#[unsafe(no_mangle)] fn main()` that calls [`exit`] or returns, which is exit code 0. A panic is exit code
//! [`PANIC`], so the run has no answer. There is one thread and there are no interrupts.

extern crate alloc;

mod heap;
mod system;

pub use system::{PANIC, exit, initial_preimage, preimage, set_output};
