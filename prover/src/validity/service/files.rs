//! Batches on disk that L1 does not have yet: a restart proves nothing again, and knows the state after what it has brought back. Rules: PAY-CHAIN, PAY-TREE.

use std::{fs, path::Path, sync::Arc};

use tandem_circuits::groth16::{Assembly, Header, VerifyingKeys};
use tandem_payments::{field::low_address, ledger::Env, replay::replay};

use super::settled::Base;
use crate::validity::file::{BatchFile, BatchFileError, BatchFolder, Stored};

/// The files, one for each batch.
#[derive(Clone, Debug)]
pub struct BatchFiles {
    folder: BatchFolder,
}

impl BatchFiles {
    /// Those in a folder, which is created if it is missing, and of which this process is the only user.
    ///
    /// # Errors
    /// If it cannot be used, or another process uses it.
    pub fn open(directory: &Path) -> Result<Self, BatchFileError> {
        Ok(Self { folder: BatchFolder::open(directory)? })
    }

    /// The file of a batch.
    pub fn of(&self, index: u64) -> BatchFile {
        self.folder.file(&format!("batch-{index}"))
    }

    /// The chain after batch `index`, as far as the batches on `base` are stored: whatever is in them is applied again, and must give the root that was proven.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn raise(&self, base: Arc<Base>, index: u64, keys: &VerifyingKeys) -> Result<Arc<Base>, BatchFileError> {
        let mut base = base;
        while base.index < index {
            let Stored::Batch(assembly) = self.of(base.index.saturating_add(1)).load(keys)? else { break };
            let Some(after) = after(&base, &assembly) else { break };
            base = Arc::new(after);
        }
        Ok(base)
    }

    /// Forgets the batches up to an index.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn forget(&self, up_to: u64) -> Result<(), BatchFileError> {
        let directory = self.folder.directory();
        let failed = |error| BatchFileError::Io { path: directory.into(), error };
        for entry in fs::read_dir(directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let index = name.to_str().and_then(|name| name.strip_prefix("batch-")?.split('.').next()?.parse().ok());
            if let Some(index) = index.filter(|index| *index <= up_to) {
                self.of(index).remove()?;
            }
        }
        Ok(())
    }
}

/// The chain after a stored batch; none if it is not one on this chain.
fn after(base: &Base, assembly: &Assembly) -> Option<Base> {
    let statement = assembly.statement();
    let Header { index, root_in, queue_start, queue_end, env, .. } = statement.header;
    if (index, root_in, queue_start) != (base.index.saturating_add(1), base.root(), base.queue_end) {
        return None;
    }
    let env = Env { timestamp: env.as_limbs()[0], operator: low_address(env >> 64) };
    let [effects, withdrawals, messages] = &statement.segments;
    let state = replay(base.state.clone(), env, effects, withdrawals, messages).ok()?.state;
    let root = statement.apply.last()?.turn.root_out;
    (state.root() == root).then_some(Base { index, state, timestamp: env.timestamp, queue_end })
}
