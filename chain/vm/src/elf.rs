//! Guest programs: what is loaded where, from an ELF file (VM-3).
//!
//! Only the file header and the program headers count; sections and symbols are ignored. The file is outside input.

use alloc::vec::Vec;

use thiserror::Error;

use crate::{state::ENTRY_PC, tree::MEMORY_BYTES};

const FILE_HEADER_SIZE: usize = 64;
const PROGRAM_HEADER_SIZE: usize = 56;
/// `\x7fELF`, 64 bits, little-endian, version 1.
const IDENTITY: [u8; 7] = [0x7f, b'E', b'L', b'F', 2, 1, 1];
const TYPE_EXECUTABLE: u16 = 2;
const MACHINE_RISCV: u16 = 243;
const SEGMENT_LOAD: u32 = 1;

/// Bytes to be loaded at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where the first byte goes.
    pub address: u64,
    /// What the segment's memory holds at the start.
    pub data: Vec<u8>,
}

/// A program before it runs: segments within memory; later ones overwrite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub(crate) segments: Vec<Segment>,
}

/// Why a file is no program for this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ElfError {
    /// Something lies past the end of the file.
    #[error("the file ends before byte {end}")]
    Truncated {
        /// The end of what was to be read.
        end: u64,
    },
    /// No little-endian 64-bit ELF file.
    #[error("not a little-endian 64-bit ELF file")]
    Identity,
    /// Not an executable, but an object or a library.
    #[error("ELF type {actual} is not an executable")]
    Type {
        /// The file's type, `e_type`.
        actual: u16,
    },
    /// The program is for another machine.
    #[error("ELF machine {actual} is not RISC-V")]
    Machine {
        /// The file's machine, `e_machine`.
        actual: u16,
    },
    /// Compressed, floating-point or embedded-ABI code.
    #[error("ELF flags {actual:#x} are not plain RV64IM's")]
    Flags {
        /// The file's flags, `e_flags`.
        actual: u32,
    },
    /// Does not start where this machine starts.
    #[error("ELF entry is {actual:#x}")]
    Entry {
        /// The file's entry point, `e_entry`.
        actual: u64,
    },
    /// Program headers of another size.
    #[error("program headers have {actual} bytes")]
    HeaderSize {
        /// Bytes of a program header, `e_phentsize`.
        actual: u16,
    },
    /// A segment ends past 2^32.
    #[error("the segment at {address:#x} with {size} bytes does not fit memory")]
    Segment {
        /// Address of the segment's first byte.
        address: u64,
        /// Bytes of the segment in memory.
        size: u64,
    },
}

impl Image {
    /// A program from its parts.
    pub fn new(segments: Vec<Segment>) -> Result<Self, ElfError> {
        for Segment { address, data } in &segments {
            check_segment(*address, data.len() as u64)?;
        }
        Ok(Self { segments })
    }

    /// Reads an ELF executable.
    pub fn from_elf(file: &[u8]) -> Result<Self, ElfError> {
        let header = slice(file, 0, FILE_HEADER_SIZE as u64)?;
        if !header.starts_with(&IDENTITY) {
            return Err(ElfError::Identity);
        }
        let actual = u16::from_le_bytes(array(header, 16)?);
        if actual != TYPE_EXECUTABLE {
            return Err(ElfError::Type { actual });
        }
        let actual = u16::from_le_bytes(array(header, 18)?);
        if actual != MACHINE_RISCV {
            return Err(ElfError::Machine { actual });
        }
        let actual = u32::from_le_bytes(array(header, 48)?);
        if actual != 0 {
            return Err(ElfError::Flags { actual });
        }
        let actual = u16::from_le_bytes(array(header, 54)?);
        if usize::from(actual) != PROGRAM_HEADER_SIZE {
            return Err(ElfError::HeaderSize { actual });
        }
        let actual = u64::from_le_bytes(array(header, 24)?);
        if actual != ENTRY_PC {
            return Err(ElfError::Entry { actual });
        }
        let offset = u64::from_le_bytes(array(header, 32)?);
        let count = u16::from_le_bytes(array(header, 56)?);
        let headers = slice(file, offset, u64::from(count).saturating_mul(PROGRAM_HEADER_SIZE as u64))?;
        let mut segments = Vec::new();
        for header in headers.chunks_exact(PROGRAM_HEADER_SIZE) {
            if u32::from_le_bytes(array(header, 0)?) == SEGMENT_LOAD {
                segments.push(segment(file, header)?);
            }
        }
        Self::new(segments)
    }
}

fn segment(file: &[u8], header: &[u8]) -> Result<Segment, ElfError> {
    let offset = u64::from_le_bytes(array(header, 8)?);
    let address = u64::from_le_bytes(array(header, 16)?);
    let file_size = u64::from_le_bytes(array(header, 32)?);
    let memory_size = u64::from_le_bytes(array(header, 40)?);
    check_segment(address, memory_size.max(file_size))?;
    // What a segment has in memory only is zero, and so is memory.
    Ok(Segment { address, data: slice(file, offset, file_size)?.to_vec() })
}

fn check_segment(address: u64, size: u64) -> Result<(), ElfError> {
    match address.checked_add(size) {
        Some(end) if end <= MEMORY_BYTES => Ok(()),
        _ => Err(ElfError::Segment { address, size }),
    }
}

fn slice(bytes: &[u8], offset: u64, size: u64) -> Result<&[u8], ElfError> {
    let end = offset.saturating_add(size);
    let range = usize::try_from(offset).ok().zip(usize::try_from(end).ok());
    range.and_then(|(start, end)| bytes.get(start..end)).ok_or(ElfError::Truncated { end })
}

fn array<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u8; N], ElfError> {
    let end = offset.saturating_add(N) as u64;
    slice(bytes, offset as u64, N as u64)?.try_into().map_err(|_| ElfError::Truncated { end })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one segment of four bytes at 0x10000, by the layout in the System V ABI.
    fn sample() -> Vec<u8> {
        let mut file = vec![0; 124];
        file[..7].copy_from_slice(&IDENTITY);
        (file[16], file[18], file[20], file[32], file[54], file[56]) = (2, 243, 1, 64, 56, 1);
        file[24..32].copy_from_slice(&0x1_0000_u64.to_le_bytes());
        (file[64], file[72], file[82], file[96], file[104]) = (1, 120, 1, 4, 8);
        file[120..].copy_from_slice(&[0x73, 0, 0, 0]);
        file
    }

    #[test]
    fn a_program_is_loaded() {
        let image = Image::from_elf(&sample()).unwrap();
        assert_eq!(image.segments, [Segment { address: 0x1_0000, data: vec![0x73, 0, 0, 0] }]);
        assert_eq!(image.memory_root(), image.memory().root());
    }

    #[test]
    fn files_that_are_no_programs_are_refused() {
        let with = |changes: &[(usize, u8)]| {
            let mut file = sample();
            changes.iter().for_each(|(at, byte)| file[*at] = *byte);
            Image::from_elf(&file).unwrap_err()
        };
        assert_eq!(with(&[(4, 1)]), ElfError::Identity);
        assert_eq!(with(&[(16, 3)]), ElfError::Type { actual: 3 });
        assert_eq!(with(&[(18, 62)]), ElfError::Machine { actual: 62 });
        assert_eq!(with(&[(48, 5)]), ElfError::Flags { actual: 5 });
        assert_eq!(with(&[(25, 1)]), ElfError::Entry { actual: 0x1_0100 });
        assert_eq!(with(&[(54, 32)]), ElfError::HeaderSize { actual: 32 });
        assert_eq!(with(&[(96, 5)]), ElfError::Truncated { end: 125 });
        assert_eq!(with(&[(56, 2)]), ElfError::Truncated { end: 176 });
        assert_eq!(with(&[(39, 0xff)]), ElfError::Truncated { end: 0xff00_0000_0000_0040 + 56 });
        assert_eq!(with(&[(84, 1)]), ElfError::Segment { address: 0x1_0001_0000, size: 8 });
        assert_eq!(with(&[(111, 0xff)]), ElfError::Segment { address: 0x1_0000, size: 0xff00_0000_0000_0008 });
        assert_eq!(Image::from_elf(&sample()[..63]), Err(ElfError::Truncated { end: 64 }));
    }
}
