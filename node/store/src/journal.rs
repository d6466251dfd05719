//! The journal: transactions that were acknowledged and are in no block. It is what makes an answer
//! to `eth_sendRawTransaction` a promise.

use crate::{
    CodecError, JournalEntry, Store, StoreError,
    changes::Changes,
    schema::{Journal, Table},
};
use alloy_primitives::B256;
use std::{borrow::Borrow, sync::atomic::Ordering};
use tandem_evm::{EvmBlock, Recovered, Transaction, payload::SignedTransaction};

/// Sequence number of the first transaction: in the middle, so that unwound ones fit before.
const FIRST: u64 = 1 << 63;

impl Store {
    /// Journals a group of transactions in one write, in order. One that is in the journal already
    /// moves to the end.
    pub fn journal_add<T: Borrow<Recovered>>(&self, transactions: &[T]) -> Result<(), StoreError> {
        let mut changes = self.changes();
        for transaction in transactions {
            let sequence = self.shared().journal_next.fetch_add(1, Ordering::Relaxed);
            put(&mut changes, sequence, transaction.borrow())?;
        }
        changes.commit()
    }

    /// The journal in order of admission.
    pub fn journal(&self) -> Result<Vec<Recovered>, StoreError> {
        let mut rows = self.all::<Journal>()?.collect::<Result<Vec<_>, _>>()?;
        rows.sort_by_key(|(_, entry)| entry.sequence);
        rows.into_iter()
            .map(|(hash, entry)| match SignedTransaction::decode_2718(&entry.transaction) {
                Ok(signed) => Ok(Recovered::new_unchecked(signed, entry.sender)),
                Err(_) => {
                    Err(StoreError::Corrupt { table: Journal::NAME, key: hash.into(), reason: CodecError::Transaction })
                }
            })
            .collect()
    }

    /// Removes transactions, as those that can no longer be executed.
    pub fn journal_remove(&self, hashes: &[B256]) -> Result<(), StoreError> {
        let mut changes = self.changes();
        hashes.iter().try_for_each(|hash| changes.delete::<Journal>(hash))?;
        changes.commit()
    }

    /// Puts the signed transactions of unwound blocks before everything in the journal.
    pub(crate) fn journal_before_all(&self, changes: &mut Changes, unwound: &[EvmBlock]) -> Result<(), StoreError> {
        let signed: Vec<&Recovered> = unwound
            .iter()
            .flat_map(|block| &block.transactions)
            .filter_map(|transaction| match transaction {
                Transaction::Signed(signed) => Some(signed),
                Transaction::Deposit(_) => None,
            })
            .collect();
        let first = self.journal_first()?.saturating_sub(signed.len() as u64);
        (first..).zip(signed).try_for_each(|(sequence, signed)| put(changes, sequence, signed))
    }

    /// The sequence number before which everything goes that is put before the journal's beginning.
    pub(crate) fn journal_first(&self) -> Result<u64, StoreError> {
        Ok(self.journal_sequences()?.min().unwrap_or(FIRST))
    }

    /// Continues the sequence numbers after a restart.
    pub(crate) fn restore_journal_order(&self) -> Result<(), StoreError> {
        let next = self.journal_sequences()?.max().map_or(FIRST, |last| last.saturating_add(1));
        self.shared().journal_next.store(next.max(FIRST), Ordering::Relaxed);
        Ok(())
    }

    fn journal_sequences(&self) -> Result<impl Iterator<Item = u64>, StoreError> {
        let rows = self.all::<Journal>()?.collect::<Result<Vec<_>, _>>()?;
        Ok(rows.into_iter().map(|(_, entry)| entry.sequence))
    }
}

fn put(changes: &mut Changes, sequence: u64, transaction: &Recovered) -> Result<(), StoreError> {
    let entry = JournalEntry {
        sequence,
        sender: transaction.signer(),
        transaction: transaction.transaction().encode_2718().into(),
    };
    changes.put::<Journal>(transaction.transaction().hash(), &entry)
}
