//! Opening the database and reading rows of it.

use crate::{
    Codec, Identity, Marker, MissingPreimage, RowKey, StoreError,
    schema::{self, Markers, Preimages, SCHEMA_VERSION, Table},
};
use alloy_primitives::{B256, Bytes};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRawIterator,
    DEFAULT_COLUMN_FAMILY_NAME, Direction, IteratorMode, Options as RocksOptions, ReadOptions, WriteOptions,
};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};
use tandem_chain::{ChainConfig, ChainKind, PreimageSource};
use tandem_trie::NodeSource;

const MIB: usize = 1 << 20;

/// Memory that a database takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Bytes for cached blocks of the database files.
    cache_bytes: usize,
    /// Bytes of what was written last, over all tables; one of them takes a quarter at most.
    write_buffer_bytes: usize,
}

impl Memory {
    /// For a database that is read and written all the time.
    pub(crate) const LARGE: Self = Self { cache_bytes: 256 * MIB, write_buffer_bytes: 256 * MIB };
    /// For one that stands beside another: it is read when it is opened, and written with each batch.
    pub(crate) const SMALL: Self = Self { cache_bytes: 16 * MIB, write_buffer_bytes: 16 * MIB };
}

/// Files that the database may hold open.
const FILES_MAX: i32 = 512;

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether every write waits for the disk, and so survives a power loss. Without it a write that
    /// returned survives the end of the process, `kill -9` included; a power loss may take the last
    /// seconds, but what is left is whole writes, in order.
    pub sync: bool,
}

/// Direction of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From lower keys to higher ones.
    Ascending,
    /// From higher keys to lower ones.
    Descending,
}

/// A key and its value.
pub type Row<T> = (<T as Table>::Key, <T as Table>::Value);

/// A node's storage. Clones share one database, which is closed when the last one is dropped.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    db: DB,
    sync: bool,
    /// Next sequence number of the journal. Any thread may journal: a number is taken once.
    pub(crate) journal_next: AtomicU64,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.shared.db.path()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store of a chain; an empty or missing directory gets the chain's genesis. A
    /// directory that belongs to another chain, schema version or program is refused.
    pub fn open(path: impl AsRef<Path>, config: &ChainConfig, options: Options) -> Result<Self, StoreError> {
        if config.kind != ChainKind::Evm {
            return Err(StoreError::NotAnEvmChain);
        }
        let store = Self::open_tables(path.as_ref(), options, schema::TABLES, Memory::LARGE)?;
        if let Some(identity) = store.new_identity(config)? {
            store.write_genesis(config, &identity)?;
        }
        store.restore_journal_order()?;
        Ok(store)
    }

    /// Opens a database that has these tables and no others.
    pub(crate) fn open_tables(
        path: &Path,
        options: Options,
        names: &[&'static str],
        memory: Memory,
    ) -> Result<Self, StoreError> {
        let not_a_store = || StoreError::NotAStore { path: PathBuf::from(path) };
        if path.join("CURRENT").exists() {
            let found = DB::list_cf(&RocksOptions::default(), path)?;
            let ours = |name: &str| names.contains(&name) || name == DEFAULT_COLUMN_FAMILY_NAME;
            if found.iter().any(|name| !ours(name)) {
                return Err(other_version(path, &found)?.unwrap_or_else(not_a_store));
            }
        }
        let (database, tables) = rocks_options(names, memory);
        let db = DB::open_cf_descriptors(&database, path, tables)?;
        if db.iterator(IteratorMode::Start).next().transpose()?.is_some() {
            return Err(not_a_store());
        }
        let shared = Shared { db, sync: options.sync, journal_next: AtomicU64::new(0) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Compares the directory's schema and chain with what is expected. A new one has neither: then what it is to be written with.
    pub(crate) fn new_identity(&self, config: &ChainConfig) -> Result<Option<Identity>, StoreError> {
        let expected = Identity { chain_id: config.l2_chain_id, config_hash: config.hash() };
        match self.get::<Markers>(&Marker::SchemaVersion)? {
            Some(found) if found != SCHEMA_VERSION => {
                return Err(StoreError::SchemaVersion { found, expected: SCHEMA_VERSION });
            }
            _ => {}
        }
        match self.get::<schema::Chain>(&0)? {
            Some(found) if found == expected => Ok(None),
            Some(found) => Err(StoreError::OtherChain { found, expected }),
            None => Ok(Some(expected)),
        }
    }

    /// What all clones share.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The value at `key`.
    pub fn get<T: Table>(&self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        let key = key.encode();
        match self.shared.db.get_pinned_cf(self.table::<T>()?, &key)? {
            None => Ok(None),
            Some(value) => decode_value::<T>(&key, &value).map(Some),
        }
    }

    /// Whether there is a value at `key`.
    pub fn contains<T: Table>(&self, key: &T::Key) -> Result<bool, StoreError> {
        Ok(self.shared.db.get_pinned_cf(self.table::<T>()?, key.encode())?.is_some())
    }

    /// The rows of a table from `from` on (the row at `from` included), in key order. The scan sees
    /// the table as it was when it began.
    pub fn scan<'s, T: Table>(
        &'s self,
        from: &T::Key,
        order: Order,
    ) -> Result<impl Iterator<Item = Result<Row<T>, StoreError>> + use<'s, T>, StoreError> {
        let direction = match order {
            Order::Ascending => Direction::Forward,
            Order::Descending => Direction::Reverse,
        };
        self.iterate::<T>(IteratorMode::From(&from.encode(), direction))
    }

    /// All rows of a table, in ascending key order.
    pub fn all<T: Table>(&self) -> Result<impl Iterator<Item = Result<Row<T>, StoreError>> + use<'_, T>, StoreError> {
        self.iterate::<T>(IteratorMode::Start)
    }

    /// The keys of a table's rows from `from` on, in ascending order. No value is decoded.
    pub(crate) fn keys_from<'s, T: Table>(
        &'s self,
        from: &T::Key,
    ) -> Result<impl Iterator<Item = Result<T::Key, StoreError>> + use<'s, T>, StoreError> {
        let from = from.encode();
        let mode = IteratorMode::From(&from, Direction::Forward);
        Ok(self.shared.db.iterator_cf(self.table::<T>()?, mode).map(|row| {
            let (key, _) = row?;
            let corrupt = || StoreError::CorruptKey { table: T::NAME, key: key.to_vec().into() };
            T::Key::decode(&key).ok_or_else(corrupt)
        }))
    }

    /// The row with the highest key.
    pub fn last<T: Table>(&self) -> Result<Option<Row<T>>, StoreError> {
        self.iterate::<T>(IteratorMode::End)?.next().transpose()
    }

    /// The rows of a table up to `to` (included), the last first.
    pub(crate) fn scan_back<'s, T: Table>(
        &'s self,
        to: &T::Key,
    ) -> Result<impl Iterator<Item = Result<Row<T>, StoreError>> + use<'s, T>, StoreError> {
        self.scan::<T>(to, Order::Descending)
    }

    pub(crate) fn table<T: Table>(&self) -> Result<&ColumnFamily, StoreError> {
        self.shared.db.cf_handle(T::NAME).ok_or(StoreError::MissingTable { table: T::NAME })
    }

    /// The rows of a table as bytes, up to a key that is not one of them; not positioned yet.
    pub(crate) fn raw_rows<T: Table>(&self, end: Vec<u8>) -> Result<DBRawIterator<'_>, StoreError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(end);
        Ok(self.shared.db.raw_iterator_cf_opt(self.table::<T>()?, options))
    }

    pub(crate) fn write(&self, batch: rocksdb::WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(self.shared.sync);
        Ok(self.shared.db.write_opt(batch, &options)?)
    }

    fn iterate<'s, T: Table>(
        &'s self,
        mode: IteratorMode<'_>,
    ) -> Result<impl Iterator<Item = Result<Row<T>, StoreError>> + use<'s, T>, StoreError> {
        Ok(self.shared.db.iterator_cf(self.table::<T>()?, mode).map(|row| {
            let (key, value) = row?;
            let value = decode_value::<T>(&key, &value)?;
            let corrupt = || StoreError::CorruptKey { table: T::NAME, key: key.to_vec().into() };
            Ok((T::Key::decode(&key).ok_or_else(corrupt)?, value))
        }))
    }
}

impl PreimageSource for Store {
    type Error = MissingPreimage;

    fn preimage(&self, hash: B256) -> Result<Bytes, MissingPreimage> {
        self.get::<Preimages>(&hash)?.ok_or(MissingPreimage::Absent(hash))
    }
}

impl NodeSource for Store {
    type Error = MissingPreimage;

    fn node(&self, hash: B256) -> Result<Bytes, MissingPreimage> {
        self.preimage(hash)
    }
}

/// What is wrong with a directory that has tables which are not ours, if they are those of another version.
fn other_version(path: &Path, tables: &[String]) -> Result<Option<StoreError>, StoreError> {
    let db = DB::open_cf_for_read_only(&RocksOptions::default(), path, tables, false)?;
    let Some(markers) = db.cf_handle(Markers::NAME) else { return Ok(None) };
    let key = Marker::SchemaVersion.encode();
    let Some(value) = db.get_cf(markers, &key)? else { return Ok(None) };
    let found = decode_value::<Markers>(&key, &value)?;
    Ok((found != SCHEMA_VERSION).then_some(StoreError::SchemaVersion { found, expected: SCHEMA_VERSION }))
}

fn decode_value<T: Table>(key: &[u8], value: &[u8]) -> Result<T::Value, StoreError> {
    T::Codec::decode(value).map_err(|reason| StoreError::Corrupt {
        table: T::NAME,
        key: Bytes::copy_from_slice(key),
        reason,
    })
}

fn rocks_options(names: &[&'static str], memory: Memory) -> (RocksOptions, Vec<ColumnFamilyDescriptor>) {
    let mut database = RocksOptions::default();
    database.create_if_missing(true);
    database.create_missing_column_families(true);
    database.set_max_open_files(FILES_MAX);
    database.set_db_write_buffer_size(memory.write_buffer_bytes);
    // Tables that are written rarely must not keep the log of the others alive for ever.
    database.set_max_total_wal_size(256 * MIB as u64);
    database.set_keep_log_file_num(4);
    database.set_max_background_jobs(2);

    let cache = Cache::new_lru_cache(memory.cache_bytes);
    let tables = names.iter().map(|name| {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&cache);
        blocks.set_bloom_filter(10.0, false);
        let mut table = RocksOptions::default();
        // Hashes do not compress.
        let compression = if *name == Preimages::NAME { DBCompressionType::None } else { DBCompressionType::Lz4 };
        table.set_compression_type(compression);
        table.set_write_buffer_size(memory.write_buffer_bytes / 4);
        table.set_block_based_table_factory(&blocks);
        ColumnFamilyDescriptor::new(*name, table)
    });
    (database, tables.collect())
}
