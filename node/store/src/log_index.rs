//! In which blocks logs are, by address and by topic in its place: what a search for logs opens, however many blocks lie between.
//!
//! A row says that a block holds at least one log of an address, or with a topic; it is written and removed with the block. A search walks the rows
//! of what is asked for in step, each leaping to where another one is, so that the rarest of them decides how long it takes. What it finds is a
//! block that *may* hold a log which fits in all respects: they may be those of different logs.

use crate::{
    LogPlace, LogTerm, Store, StoreError,
    changes::Changes,
    schema::{LogBlocks, Table},
};
use rocksdb::DBRawIterator;
use std::{collections::BTreeSet, ops::RangeInclusive};
use tandem_evm::EvmBlock;

/// The rows of a block, each once.
fn places(block: &EvmBlock) -> impl Iterator<Item = LogPlace> {
    let mut terms = BTreeSet::new();
    for log in block.receipts.iter().flat_map(|receipt| &receipt.logs) {
        terms.extend([LogTerm::Any, LogTerm::Address(log.address)]);
        terms.extend((0u8..).zip(log.topics()).map(|(place, topic)| LogTerm::Topic { place, topic: *topic }));
    }
    let block_number = block.header.number;
    terms.into_iter().map(move |term| LogPlace { term, block_number })
}

pub(crate) fn write_logs(changes: &mut Changes, block: &EvmBlock) -> Result<(), StoreError> {
    places(block).try_for_each(|place| changes.put::<LogBlocks>(&place, &()))
}

pub(crate) fn remove_logs(changes: &mut Changes, block: &EvmBlock) -> Result<(), StoreError> {
    places(block).try_for_each(|place| changes.delete::<LogBlocks>(&place))
}

/// What a step of a search came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Searched {
    /// This block may hold a log that fits.
    Found(u64),
    /// None so far.
    Nothing,
    /// No further block does.
    End,
}

/// A search under way: it goes on in small steps, between which whoever searches may give up.
pub struct LogSearch<'s> {
    respects: Vec<AnyOf<'s>>,
    at: u64,
    last: u64,
}

impl Store {
    /// Searches blocks for logs that fit one alternative of each of `respects`; all logs if there are none. A respect without alternatives fits
    /// nothing. The search sees the index as it is now.
    pub fn search_logs(
        &self,
        respects: &[Vec<LogTerm>],
        blocks: RangeInclusive<u64>,
    ) -> Result<LogSearch<'_>, StoreError> {
        let (first, last) = blocks.into_inner();
        let any = [vec![LogTerm::Any]];
        let respects = if respects.is_empty() { any.as_slice() } else { respects };
        let rows = |terms: &Vec<LogTerm>| {
            let cursors = terms.iter().map(|term| Cursor::new(self, term, last)).collect::<Result<_, StoreError>>()?;
            Ok(AnyOf { cursors })
        };
        Ok(LogSearch { respects: respects.iter().map(rows).collect::<Result<_, StoreError>>()?, at: first, last })
    }
}

impl LogSearch<'_> {
    /// Goes on to where all respects may agree next.
    pub fn step(&mut self) -> Result<Searched, StoreError> {
        if self.at > self.last {
            return Ok(Searched::End);
        }
        let mut agreed = self.at;
        for respect in &mut self.respects {
            match respect.seek(agreed)? {
                Some(block_number) => agreed = block_number,
                None => {
                    self.at = u64::MAX;
                    self.last = 0;
                    return Ok(Searched::End);
                }
            }
        }
        if agreed != self.at {
            self.at = agreed;
            return Ok(Searched::Nothing);
        }
        match agreed.checked_add(1) {
            Some(next) => self.at = next,
            None => self.last = 0,
        }
        Ok(Searched::Found(agreed))
    }
}

/// The blocks of several terms.
struct AnyOf<'s> {
    cursors: Vec<Cursor<'s>>,
}

impl AnyOf<'_> {
    /// The first block from `number` on that one of them names.
    fn seek(&mut self, number: u64) -> Result<Option<u64>, StoreError> {
        let mut nearest = None;
        for cursor in &mut self.cursors {
            let found = cursor.seek(number)?;
            nearest = nearest.into_iter().chain(found).min();
        }
        Ok(nearest)
    }
}

/// The blocks of one term, in order.
struct Cursor<'s> {
    rows: DBRawIterator<'s>,
    prefix: Vec<u8>,
    at: Position,
}

#[derive(Clone, Copy)]
enum Position {
    Before,
    At(u64),
    End,
}

impl<'s> Cursor<'s> {
    fn new(store: &'s Store, term: &LogTerm, last: u64) -> Result<Self, StoreError> {
        let prefix = term.prefix();
        // The bound is not part of what is read.
        let end = [LogPlace::row(&prefix, last).as_slice(), &[0]].concat();
        Ok(Self { rows: store.raw_rows::<LogBlocks>(end)?, prefix, at: Position::Before })
    }

    /// The first block from `number` on.
    fn seek(&mut self, number: u64) -> Result<Option<u64>, StoreError> {
        match self.at {
            Position::End => return Ok(None),
            Position::At(at) if at >= number => return Ok(Some(at)),
            Position::At(_) => {
                // Where rows are dense, the next one is nearer than a search.
                self.rows.next();
                if let Some(at) = self.read()?.filter(|at| *at >= number) {
                    return Ok(Some(at));
                }
                if matches!(self.at, Position::End) {
                    return Ok(None);
                }
            }
            Position::Before => {}
        }
        self.rows.seek(LogPlace::row(&self.prefix, number));
        self.read()
    }

    fn read(&mut self) -> Result<Option<u64>, StoreError> {
        let Some(key) = self.rows.key() else {
            self.rows.status()?;
            self.at = Position::End;
            return Ok(None);
        };
        let Some(rest) = key.strip_prefix(self.prefix.as_slice()) else {
            self.at = Position::End;
            return Ok(None);
        };
        let corrupt = || StoreError::CorruptKey { table: LogBlocks::NAME, key: key.to_vec().into() };
        let number = u64::from_be_bytes(rest.try_into().map_err(|_| corrupt())?);
        self.at = Position::At(number);
        Ok(Some(number))
    }
}
