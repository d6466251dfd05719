//! Number columns: `count`, one width byte per entry, then the entries grouped by width and each group
//! by byte plane, least significant first (EVM-PL-3). Entries of one width and bytes of one significance
//! resemble each other, which is what the compressor lives on.

use alloc::{vec, vec::Vec};

use alloy_primitives::U256;

use super::{NumberColumn, PayloadError};

const WIDTH_BYTES_MAX: usize = 32;

/// Bytes read from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], PayloadError> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(PayloadError::UnexpectedEnd)?;
        self.0 = tail;
        Ok(head)
    }

    pub(super) fn byte(&mut self) -> Result<u8, PayloadError> {
        let (first, tail) = self.0.split_first().ok_or(PayloadError::UnexpectedEnd)?;
        self.0 = tail;
        Ok(*first)
    }

    /// LEB128, in its shortest form.
    pub(super) fn length(&mut self) -> Result<usize, PayloadError> {
        let mut value = 0u64;
        for shift in (0u32..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits.wrapping_shl(shift);
            if shifted.wrapping_shr(shift) != bits || (byte == 0 && shift > 0) {
                return Err(PayloadError::MalformedInteger);
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return usize::try_from(value).map_err(|_| PayloadError::MalformedInteger);
            }
        }
        Err(PayloadError::MalformedInteger)
    }
}

/// How many bytes [`write_length`] writes.
pub(super) fn length_bytes(value: usize) -> usize {
    usize::BITS.saturating_sub(value.leading_zeros()).div_ceil(7).max(1) as usize
}

/// Writes what [`Reader::length`] reads.
pub(super) fn write_length(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[derive(Clone, Copy, Debug, Default)]
struct Group<'a> {
    planes: &'a [u8],
    count: usize,
    next: usize,
}

/// A column being read, entry by entry, where it lies.
#[derive(Debug)]
pub(super) struct Numbers<'a> {
    column: NumberColumn,
    widths: &'a [u8],
    next: usize,
    groups: Vec<Group<'a>>,
}

impl<'a> Numbers<'a> {
    pub(super) fn read(column: NumberColumn, reader: &mut Reader<'a>) -> Result<Self, PayloadError> {
        let count = reader.length()?;
        let widths = reader.take(count)?;
        let width_max = widths.iter().copied().max().map_or(0, usize::from);
        if width_max > WIDTH_BYTES_MAX {
            return Err(PayloadError::NumberTooWide { column });
        }
        let mut groups = vec![Group::default(); width_max.saturating_add(1)];
        for width in widths {
            if let Some(group) = groups.get_mut(usize::from(*width)) {
                group.count = group.count.saturating_add(1);
            }
        }
        for (width, group) in groups.iter_mut().enumerate() {
            group.planes = reader.take(width.saturating_mul(group.count))?;
        }
        Ok(Self { column, widths, next: 0, groups })
    }

    /// How many entries the column has in all.
    pub(super) fn count(&self) -> usize {
        self.widths.len()
    }

    /// The next entry, little-endian, and its width.
    fn next_bytes(&mut self) -> Result<([u8; WIDTH_BYTES_MAX], usize), PayloadError> {
        let exhausted = PayloadError::NumbersExhausted { column: self.column };
        let width = usize::from(*self.widths.get(self.next).ok_or(exhausted)?);
        self.next = self.next.saturating_add(1);
        let group = self.groups.get_mut(width).ok_or(exhausted)?;
        let mut bytes = [0; WIDTH_BYTES_MAX];
        let entry = group.planes.iter().skip(group.next).step_by(group.count.max(1));
        for (byte, read) in bytes.iter_mut().zip(entry.take(width)) {
            *byte = *read;
        }
        group.next = group.next.saturating_add(1);
        Ok((bytes, width))
    }

    pub(super) fn next_u256(&mut self) -> Result<U256, PayloadError> {
        self.next_bytes().map(|(bytes, _)| U256::from_le_bytes(bytes))
    }

    pub(super) fn next_u128(&mut self) -> Result<u128, PayloadError> {
        let (bytes, width) = self.next_bytes()?;
        match bytes.first_chunk() {
            Some(low) if width <= low.len() => Ok(u128::from_le_bytes(*low)),
            _ => Err(PayloadError::NumberTooWide { column: self.column }),
        }
    }

    pub(super) fn next_u64(&mut self) -> Result<u64, PayloadError> {
        let (bytes, width) = self.next_bytes()?;
        match bytes.first_chunk() {
            Some(low) if width <= low.len() => Ok(u64::from_le_bytes(*low)),
            _ => Err(PayloadError::NumberTooWide { column: self.column }),
        }
    }

    pub(super) fn finish(&self) -> Result<(), PayloadError> {
        if self.next == self.widths.len() { Ok(()) } else { Err(PayloadError::NumbersLeftOver { column: self.column }) }
    }
}

/// A column being written.
#[derive(Clone, Debug, Default)]
pub(super) struct NumbersWriter {
    entries: Vec<U256>,
    /// Widths and bytes of the entries.
    entry_bytes: usize,
}

impl NumbersWriter {
    pub(super) fn push(&mut self, value: U256) {
        self.entry_bytes = self.entry_bytes.saturating_add(value.byte_len()).saturating_add(1);
        self.entries.push(value);
    }

    /// How many entries were added.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many bytes [`Self::write`] writes.
    pub(super) fn bytes(&self) -> usize {
        length_bytes(self.entries.len()).saturating_add(self.entry_bytes)
    }

    /// Writes what [`Numbers::read`] reads, and where parts of one distribution end.
    pub(super) fn write(&self, out: &mut Vec<u8>, cuts: &mut Vec<usize>) {
        write_length(self.entries.len(), out);
        out.extend(self.entries.iter().map(|entry| entry.byte_len() as u8));
        cuts.push(out.len());
        for width in 1..=WIDTH_BYTES_MAX {
            let group: Vec<&U256> = self.entries.iter().filter(|entry| entry.byte_len() == width).collect();
            for plane in 0..width {
                out.extend(group.iter().map(|entry| entry.byte(plane)));
                cuts.push(out.len());
            }
        }
    }
}
