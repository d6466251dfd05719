//! What knows the EVM is in `src/evm`: elsewhere only the types that are handed on are named, and in there nothing names those that call it. What knows the payments
//! chain is in `src/payments`, and named nowhere else. So neither kind of chain depends on the other, and what both share is seen to be shared.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Parts of the sequencer that nothing in `src/evm` names. They call it; what it reads of the pool, it is handed or finds published.
const CALLERS: [&str; 3] = ["engine", "poster", "watcher"];

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

/// The lines of a file that are code, without the comments behind them.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" //").next().unwrap_or_default())
}

/// Whether a line names one of these as a whole word, in a path or alone.
fn names(line: &str, any: &[&str]) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| any.contains(&word))
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
        for line in code(&rules).filter(|line| names(line, &["tandem_evm", "revm", "revm_inspectors"])) {
            match ALLOWED.iter().position(|(file, allowed)| *file == name && *allowed == line) {
                Some(index) => used.push(index),
                None => found.push(format!("{name}: {line}")),
            }
        }
    }
    assert!(found.is_empty(), "these belong to src/evm, or hand on too much: {found:#?}");
    assert_eq!(used.len(), ALLOWED.len(), "an exception that nothing needs");
}

#[test]
fn the_evm_names_nothing_that_calls_it() {
    let (mut found, mut inside) = (Vec::new(), 0);
    for (name, rules) in rules().into_iter().filter(|(name, _)| name.starts_with("evm/")) {
        inside += 1;
        found.extend(code(&rules).filter(|line| names(line, &CALLERS)).map(|line| format!("{name}: {line}")));
    }
    assert!(inside > 25, "only {inside} files");
    assert!(found.is_empty(), "what is in src/evm is called, and calls nobody back: {found:#?}");
}

#[test]
fn names_are_seen_in_code_and_not_in_comments() {
    let text = "//! [`tandem_evm::Evm`]\n    tandem_evm::Evm.name(); // as revm says\n    use crate::{\n        engine::Handle,\n";
    let lines: Vec<&str> = code(text).collect();
    assert_eq!(lines, ["    tandem_evm::Evm.name();", "    use crate::{", "        engine::Handle,"]);
    assert!(names(lines[0], &["tandem_evm"]) && names(lines[2], &CALLERS) && names("self.engine.pool()", &CALLERS));
    assert!(!names(lines[0], &["evm"]) && !names("let engines = 2;", &CALLERS));
}
