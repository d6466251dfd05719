//! How far the chain is settled: outputs that L1 made final. Kept with the L1 block that said so, which a reorganisation may remove.

use alloy::primitives::B256;
use tandem_store::{BatchRecord, Store, StoreError};
use tracing::{error, info};

const KEY: &str = "watcher/settled";
/// Entries that are kept: more than L1 can reorganise away.
const ENTRIES_MAX: usize = 64;

/// One output that became final.
#[derive(Clone, Copy, Debug, serde::Deserialize, serde::Serialize)]
struct Entry {
    l1_number: u64,
    batch_index: u64,
}

/// What an output that L1 made final is to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The chain's beginning, which L1 makes final when the contracts are deployed.
    Genesis,
    /// The output after this batch.
    Batch(u64),
    /// Nothing that follows from L1's batches here.
    Unknown,
}

/// L1 block `l1_number` made `output` final. `genesis` is the output that the chain begins with.
pub fn record(store: &Store, genesis: B256, l1_number: u64, output: B256) -> Result<Settled, StoreError> {
    if output == genesis {
        return Ok(Settled::Genesis);
    }
    let mut entries = read(store)?;
    let first = entries.last().map_or(1, |entry| entry.batch_index);
    let last = store.last_batch()?.map_or(0, |batch| batch.header.index);
    for batch_index in first..=last {
        if store.batch(batch_index)?.is_some_and(|batch| batch.output.hash() == output) {
            if entries.last().is_none_or(|entry| entry.batch_index < batch_index) {
                entries.push(Entry { l1_number, batch_index });
                info!(batch_index, l1_number, "settled");
            }
            let surplus = entries.len().saturating_sub(ENTRIES_MAX);
            entries.drain(..surplus);
            write(store, &entries)?;
            return Ok(Settled::Batch(batch_index));
        }
    }
    error!(
        %output,
        l1_number,
        "L1 made an output final that follows from none of its batches here: do not trust this node, compare it with a replica"
    );
    Ok(Settled::Unknown)
}

/// L1 blocks above `to` are void.
pub fn unwind(store: &Store, to: u64) -> Result<(), StoreError> {
    let mut entries = read(store)?;
    entries.retain(|entry| entry.l1_number <= to);
    write(store, &entries)
}

/// The last batch whose output is final.
pub fn last(store: &Store) -> Result<Option<BatchRecord>, StoreError> {
    read(store)?.last().map_or(Ok(None), |entry| store.batch(entry.batch_index))
}

fn read(store: &Store) -> Result<Vec<Entry>, StoreError> {
    let bytes = store.meta(KEY)?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

fn write(store: &Store, entries: &[Entry]) -> Result<(), StoreError> {
    store.put_meta(KEY, &serde_json::to_vec(entries).unwrap_or_default())
}
