//! What knows the EVM is in `src/evm`: elsewhere only the types that are handed on are named. What knows the payments chain is in `src/payments`, and named nowhere
//! else. So neither kind of chain depends on the other, and what both share is seen to be shared.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lines outside `src/evm` that may name the EVM, by file: a transaction as it waits, a block as it is handed on, and the process' cryptography.
const ALLOWED: [(&str, &str); 11] = [
    ("main.rs", "use tandem_evm::cryptography::{self, Native};"),
    ("engine/admission.rs", "use tandem_evm::{EvmBlock, Recovered};"),
    ("engine/blocks.rs", "use tandem_evm::EvmBlock;"),
    ("engine/handle.rs", "use tandem_evm::Recovered;"),
    ("follow.rs", "use tandem_evm::EvmBlock;"),
    ("engine/submissions.rs", "use tandem_evm::Recovered;"),
    ("mempool.rs", "use tandem_evm::{Recovered, payload::bytes_max};"),
    ("mempool/refused.rs", "use revm::context::result::InvalidTransaction;"),
    ("mempool/view.rs", "use tandem_evm::Recovered;"),
    ("rpc/context.rs", "use tandem_evm::{EvmBlock, Recovered};"),
    ("rpc/dispatch.rs", "use tandem_evm::Recovered;"),
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

/// The sources, but for tests, by their names.
fn rules() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 40, "only {} files", files.len());
    let rules = |file: PathBuf| {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        // What has a file of its own may be named at the top.
        (name, text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned())
    };
    files.into_iter().map(rules).filter(|(name, _)| !name.ends_with("tests.rs")).collect()
}

/// Files outside `src/payments` that may name what is in it: the flags, and the node, which starts one kind or the other.
const PAYMENTS: [&str; 2] = ["config.rs", "node.rs"];

#[test]
fn neither_kind_of_chain_knows_the_other() {
    let mut inside = 0;
    for (name, rules) in rules() {
        if name.starts_with("payments/") {
            inside += 1;
            for foreign in ["tandem_evm", "revm", "tandem_trie", "evm::"] {
                assert!(!rules.contains(foreign), "{name} names {foreign}");
            }
        } else {
            let named = ["tandem_payments", "payments::"].iter().any(|word| rules.contains(word));
            assert!(!named || PAYMENTS.contains(&name.as_str()), "{name} names the payments chain");
        }
    }
    assert!(inside > 20, "only {inside} files");
}

#[test]
fn the_evm_is_named_where_it_belongs() {
    let (mut found, mut used) = (Vec::new(), Vec::new());
    for (name, rules) in rules() {
        if name.starts_with("evm/") {
            continue;
        }
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
