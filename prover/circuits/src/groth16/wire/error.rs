//! Why bytes are no job, proof or assembly.

use super::super::assembly::AssemblyError;
use crate::authorise::session::SessionChunkError;
use tandem_payments::eddsa::EddsaError;

/// Why bytes are no job, proof or assembly.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// More bytes than any message of the kind has.
    #[error("{bytes} bytes, at most {max} are taken")]
    TooLong {
        /// How many there are.
        bytes: usize,
        /// How many are taken at most.
        max: usize,
    },
    /// Not an encoding of the message.
    #[error("encoding: {0}")]
    Decode(#[from] prost::DecodeError),
    /// The hash after the bytes is not theirs.
    #[error("the bytes were damaged")]
    Damaged,
    /// A version that this release does not know.
    #[error("version {0}")]
    Version(u32),
    /// A part is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A part has the wrong length or number.
    #[error("{field} has {found} bytes or items, not {expected}")]
    Length {
        /// The part's name in the message.
        field: &'static str,
        /// Its length, in bytes or items.
        found: usize,
        /// The length that it has.
        expected: usize,
    },
    /// A part repeats more often than it can.
    #[error("{field} repeats {found} times, at most {max} are taken")]
    TooMany {
        /// The part's name in the message.
        field: &'static str,
        /// How often it is there.
        found: usize,
        /// How many are taken at most.
        max: usize,
    },
    /// A value is out of its range.
    #[error("{0} is out of range")]
    Range(&'static str),
    /// A point is off its curve or outside its subgroup.
    #[error("point {0} is not of its group")]
    Point(&'static str),
    /// There is no such circuit, or it is of the other family.
    #[error("circuit {0} is not of the family")]
    Circuit(u32),
    /// A key of a signature is no key.
    #[error("key of a signature: {0}")]
    Key(#[from] EddsaError),
    /// A signature does not verify, or there are too many.
    #[error(transparent)]
    Session(#[from] SessionChunkError),
    /// A proof in an assembly is not of its batch.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
}

pub(super) type Result<T> = core::result::Result<T, WireError>;
