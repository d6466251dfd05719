//! What a devnet writes into its directory.

use std::path::Path;

use anyhow::Context;
use tandem_cli::devnet_info;

/// Everything that a devnet writes, and so may remove.
const FILES: [&str; 5] = [devnet_info::FILE, "deployment.json", "l1-state.json", "sequencer.log", "prover.log"];
const DIRECTORIES: [&str; 2] = ["sequencer", "prover"];

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
