//! Writes that happen all together or not at all.

use crate::{
    Codec, Identity, Marker, RowKey, Store, StoreError,
    schema::{Chain, Markers, SCHEMA_VERSION, Table},
};

/// Above every key that a cleared table has: all of them are shorter, or begin with a lower byte.
const ABOVE_ALL_KEYS: [u8; 16] = [0xff; 16];

/// Changes that are written all together or not at all. Dropped without [`Self::commit`], nothing
/// is written. Reads of the store do not see them before.
pub(crate) struct Changes {
    store: Store,
    batch: rocksdb::WriteBatch,
}

impl Store {
    /// Begins an atomic write.
    pub(crate) fn changes(&self) -> Changes {
        Changes { store: self.clone(), batch: rocksdb::WriteBatch::default() }
    }

    /// Begins the first write of a directory: with its schema, and whose it is.
    pub(crate) fn first_changes(&self, identity: &Identity) -> Result<Changes, StoreError> {
        let mut changes = self.changes();
        changes.put::<Markers>(&Marker::SchemaVersion, &SCHEMA_VERSION)?;
        changes.put::<Chain>(&0, identity)?;
        Ok(changes)
    }
}

impl Changes {
    /// Sets a row to a value.
    pub(crate) fn put<T: Table>(&mut self, key: &T::Key, value: &T::Value) -> Result<(), StoreError> {
        self.put_encoded::<T>(&key.encode(), &T::Codec::encode(value))
    }

    /// Sets a row whose key and value are encoded.
    pub(crate) fn put_encoded<T: Table>(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.batch.put_cf(self.store.table::<T>()?, key, value);
        Ok(())
    }

    /// Removes a row, if it is there.
    pub(crate) fn delete<T: Table>(&mut self, key: &T::Key) -> Result<(), StoreError> {
        self.batch.delete_cf(self.store.table::<T>()?, key.encode());
        Ok(())
    }

    /// Removes all rows of a table. What this write puts afterwards is kept.
    pub(crate) fn clear<T: Table>(&mut self) -> Result<(), StoreError> {
        self.batch.delete_range_cf(self.store.table::<T>()?, [].as_slice(), ABOVE_ALL_KEYS.as_slice());
        Ok(())
    }

    /// Writes the changes, in the order in which they were made.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        self.store.write(self.batch)
    }
}
