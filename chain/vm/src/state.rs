//! The machine's state, its packed form and its hash (VM-1, VM-3), and the numbers of VM-4 and VM-6.
//!
//! Twin: `contracts/src/vm/VmState.sol`. Packed states are adversarial input.

use alloy_primitives::{B256, keccak256};
use thiserror::Error;

use crate::key::OracleKey;

/// Bytes of a packed state.
pub const PACKED_SIZE: usize = 385;
/// Address of a guest's first instruction.
pub const ENTRY_PC: u64 = 0x1_0000;
/// The exit code of a trapped machine.
pub const TRAP_EXIT_CODE: u64 = u64::MAX;

/// ECALL numbers, passed in a7.
pub mod syscall {
    /// Ends the run with the code in a0.
    pub const EXIT: u64 = 93;
    /// Sets the output word from a0 to a3.
    pub const OUTPUT: u64 = 1001;
    /// Sets the oracle key from a0 to a3 and rewinds the oracle.
    pub const KEY: u64 = 1002;
    /// Reads the next 8 bytes of the pre-image stream into a0.
    pub const READ: u64 = 1003;
}

/// Everything that the next step depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Root of the memory tree.
    pub memory_root: B256,
    /// Which pre-image the next read is from.
    pub oracle_key: OracleKey,
    /// What the guest has announced as its result.
    pub output: B256,
    /// Where in the pre-image's stream the next read is.
    pub oracle_offset: u64,
    /// Address of the next instruction.
    pub pc: u64,
    /// How many steps were executed.
    pub step: u64,
    /// The exit code; it means something only once the machine has halted.
    pub exit_code: u64,
    /// x0 to x31; x0 is zero.
    pub registers: [u64; 32],
    /// Whether the machine has halted.
    pub exited: bool,
}

/// A packed state that no machine can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// Register x0 holds something.
    #[error("register x0 is {value}")]
    NonzeroX0 {
        /// The value that the register holds.
        value: u64,
    },
    /// The exited byte is neither 0 nor 1.
    #[error("exited flag is {value}")]
    NonBooleanExited {
        /// The byte that the flag has.
        value: u8,
    },
}

impl State {
    /// The state before the first step of a guest (VM-3).
    pub const fn initial(memory_root: B256, inputs: OracleKey) -> Self {
        Self {
            memory_root,
            oracle_key: inputs,
            output: B256::ZERO,
            oracle_offset: 0,
            pc: ENTRY_PC,
            step: 0,
            exit_code: 0,
            registers: [0; 32],
            exited: false,
        }
    }

    /// The 385 bytes of VM-1.
    pub fn pack(&self) -> [u8; PACKED_SIZE] {
        let mut bytes = [0; PACKED_SIZE];
        bytes[..32].copy_from_slice(self.memory_root.as_slice());
        bytes[32..64].copy_from_slice(self.oracle_key.0.as_slice());
        bytes[64..96].copy_from_slice(self.output.as_slice());
        let words = [self.oracle_offset, self.pc, self.step, self.exit_code];
        for (chunk, word) in bytes[96..384].chunks_exact_mut(8).zip(words.iter().chain(&self.registers)) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        bytes[384] = u8::from(self.exited);
        bytes
    }

    /// Reads a packed state.
    pub fn unpack(bytes: &[u8; PACKED_SIZE]) -> Result<Self, StateError> {
        let mut words = [0; 36];
        for (word, chunk) in words.iter_mut().zip(bytes[96..384].as_chunks::<8>().0) {
            *word = u64::from_be_bytes(*chunk);
        }
        let [oracle_offset, pc, step, exit_code, registers @ ..] = words;
        if registers[0] != 0 {
            return Err(StateError::NonzeroX0 { value: registers[0] });
        }
        let exited = match bytes[384] {
            0 => false,
            1 => true,
            value => return Err(StateError::NonBooleanExited { value }),
        };
        Ok(Self {
            memory_root: B256::from_slice(&bytes[..32]),
            oracle_key: OracleKey(B256::from_slice(&bytes[32..64])),
            output: B256::from_slice(&bytes[64..96]),
            oracle_offset,
            pc,
            step,
            exit_code,
            registers,
            exited,
        })
    }

    /// The hash that commitments are made of.
    pub fn hash(&self) -> B256 {
        keccak256(self.pack())
    }

    /// The guest's result, if it has one.
    pub fn result(&self) -> Option<B256> {
        (self.exited && self.exit_code == 0).then_some(self.output)
    }
}

/// The 32 bytes that SD of four registers at successive addresses writes.
pub fn word_of(registers: [u64; 4]) -> B256 {
    let mut word = B256::ZERO;
    for (chunk, register) in word.chunks_exact_mut(8).zip(registers) {
        chunk.copy_from_slice(&register.to_le_bytes());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> State {
        let mut state = State::initial(B256::repeat_byte(1), OracleKey(B256::repeat_byte(2)));
        state.output = B256::repeat_byte(3);
        (state.oracle_offset, state.step, state.exit_code, state.exited) = (4, 5, 6, true);
        for (index, register) in state.registers.iter_mut().enumerate() {
            *register = 0x0101_0101_0101_0101 * index as u64;
        }
        state
    }

    #[test]
    fn packed_states_read_back_and_lie_where_the_specification_says() {
        let packed = sample().pack();
        assert_eq!(State::unpack(&packed), Ok(sample()));
        assert_eq!(packed[96..128], *b"\0\0\0\0\0\0\0\x04\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x06");
        assert_eq!(packed[128 + 8 * 31..], [31, 31, 31, 31, 31, 31, 31, 31, 1]);
    }

    #[test]
    fn malformed_states_are_refused() {
        let mut packed = sample().pack();
        packed[384] = 2;
        assert_eq!(State::unpack(&packed), Err(StateError::NonBooleanExited { value: 2 }));
        packed[128] = 1;
        assert_eq!(State::unpack(&packed), Err(StateError::NonzeroX0 { value: 1 << 56 }));
    }

    #[test]
    fn every_bit_of_the_packed_state_changes_the_hash_or_is_refused() {
        let packed = sample().pack();
        for index in 0..PACKED_SIZE * 8 {
            let mut changed = packed;
            changed[index / 8] ^= 1 << (index % 8);
            if let Ok(state) = State::unpack(&changed) {
                assert_eq!(state.pack(), changed);
                assert_ne!(state.hash(), sample().hash());
            }
        }
    }
}
