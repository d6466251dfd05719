//! What a devnet writes into its directory.

use std::path::Path;

use anyhow::Context;
use tandem_cli::devnet_info;

use crate::l1;

/// Everything that a devnet writes, and so may remove.
const FILES: [&str; 6] = [devnet_info::FILE, "deployment.json", l1::STATE, l1::DUMP, "sequencer.log", "prover.log"];
const DIRECTORIES: [&str; 3] = ["sequencer", "prover", l1::BLOBS];

/// Removes what a devnet wrote, and nothing else that may be in its directory.
pub fn forget(dir: &Path) -> anyhow::Result<()> {
    let ignore_missing = |result: std::io::Result<()>| match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.with_context(|| format!("cannot clear {}", dir.display())),
    };
    for file in FILES {
        ignore_missing(std::fs::remove_file(dir.join(file)))?;
    }
    for directory in DIRECTORIES {
        ignore_missing(std::fs::remove_dir_all(dir.join(directory)))?;
    }
    Ok(())
}
