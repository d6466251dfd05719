//! What knows the EVM is in `src/evm`: elsewhere only the types that are handed on are named, so that the place of a second chain kind stays visible.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lines outside `src/evm` that may name the EVM, by file: a transaction as it waits, a block as it is handed on, and the process' cryptography.
const ALLOWED: [(&str, &str); 12] = [
    ("main.rs", "use tandem_evm::cryptography::{self, Native};"),
    ("engine/admission.rs", "use tandem_evm::{EvmBlock, Recovered};"),
    ("engine/blocks.rs", "use tandem_evm::EvmBlock;"),
    ("engine/handle.rs", "use tandem_evm::Recovered;"),
    ("follow.rs", "use tandem_evm::EvmBlock;"),
    ("engine/submissions.rs", "use tandem_evm::Recovered;"),
    ("mempool.rs", "use tandem_evm::{Recovered, payload::bytes_max};"),
    ("mempool/refused.rs", "use revm::context::result::InvalidTransaction;"),
    ("mempool/view.rs", "use tandem_evm::Recovered;"),
    ("rpc/filters.rs", "use tandem_evm::Recovered;"),
    ("rpc/mod.rs", "use tandem_evm::{EvmBlock, Recovered};"),
    ("rpc/news.rs", "use tandem_evm::Recovered;"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn the_evm_is_named_where_it_belongs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 40, "only {} files", files.len());
    let (mut found, mut used) = (Vec::new(), Vec::new());
    for file in files {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        if name.starts_with("evm/") || name.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let rules = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for line in rules.lines().filter(|line| line.starts_with("use tandem_evm") || line.starts_with("use revm")) {
            match ALLOWED.iter().position(|(file, allowed)| *file == name && *allowed == line) {
                Some(index) => used.push(index),
                None => found.push(format!("{name}: {line}")),
            }
        }
    }
    assert!(found.is_empty(), "these belong to src/evm, or hand on too much: {found:#?}");
    assert_eq!(used.len(), ALLOWED.len(), "an exception that nothing needs");
}
