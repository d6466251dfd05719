//! The promise of `chain/`: rules and nothing else. No I/O, clock, randomness or async, and no collection whose order differs from run to run: a rule
//! that depends on one of them would make two honest nodes disagree.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What rules must not know, as it stands in code. `std` as a whole: a nested import would hide what is taken from it. Maps and sets whose order is that of
/// hashes have more names than one: those that alloy gives them are refused too.
const REFUSED: [&str; 17] = [
    "std::",
    "SystemTime",
    "Instant",
    "HashMap",
    "HashSet",
    "AddressMap",
    "AddressSet",
    "B256Map",
    "B256Set",
    "hashbrown",
    "RandomState",
    "rand::",
    "tokio",
    "async ",
    ".await",
    "f32",
    "f64",
];

/// File, word, and why it is harmless there.
const EXCEPTIONS: [(&str, &str, &str); 3] = [
    (
        "vm/src/kzg.rs",
        "std::",
        "proofs of blob elements, made by nodes with a C library: ordered maps and a shared pointer",
    ),
    ("trie/src/source.rs", "B256Map", "nodes of a witness are looked up by hash and counted, never walked through"),
    (
        "evm/src/state.rs",
        "AddressMap",
        "as revm hands changes over: each account's touch that one alone, and new codes are kept by their hashes",
    ),
];

/// Every source file of the rulebook, tests apart.
fn sources() -> Vec<PathBuf> {
    let chain = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["", "trie", "evm", "payments", "vm"].iter().map(|package| chain.join(package).join("src")).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            match path.is_dir() {
                true if name != "tests" => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") && !name.ends_with("tests") => {
                    found.push(path)
                }
                _ => {}
            }
        }
    }
    assert!(found.len() > 80, "only {} files were found", found.len());
    found
}

/// The code of a file without comments and without its unit tests, which come last. Those in files of their own may be named anywhere.
fn code(text: &str) -> String {
    let rules = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    rules.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Whether a word stands in code by itself and is not a part of a longer name.
fn says(code: &str, word: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        let starts = !before.ends_with(is_name) || !word.starts_with(is_name);
        let ends = !after.starts_with(is_name) || !word.ends_with(is_name);
        starts && ends
    })
}

#[test]
fn words_are_found_as_words() {
    assert!(says("let now = Instant::now();", "Instant") && !says("Instantiate", "Instant"));
    assert!(says("x.await?", ".await") && says("use std::{fs, io};", "std::") && !says("core::mem", "std::"));
    assert_eq!(code("a // Instant\n#[cfg(test)]\nmod tests { Instant }").trim(), "a");
    assert!(says(&code("#[cfg(test)]\nmod tests;\nuse Instant;"), "Instant"));
}

#[test]
fn rules_know_no_io_clock_randomness_or_order_of_hashing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut used) = (Vec::new(), Vec::new());
    for path in sources() {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let code = code(&fs::read_to_string(&path).unwrap());
        for word in REFUSED.into_iter().filter(|word| says(&code, word)) {
            match EXCEPTIONS.iter().position(|(file, excepted, _)| *file == name && *excepted == word) {
                Some(index) => used.push(index),
                None => found.push(format!("{name}: {word}")),
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(used.len(), EXCEPTIONS.len(), "an exception that nothing needs");
}

/// The lints that a crate as a whole denies or forbids, always or but for its tests.
fn denied(text: &str) -> Vec<String> {
    let code: String = code(text).split_whitespace().collect();
    let attributes = code.split("#![").skip(1).filter_map(|rest| rest.split(']').next());
    let lists = attributes.filter_map(|attribute| {
        let attribute = attribute.strip_prefix("cfg_attr(not(test),").unwrap_or(attribute);
        let list = attribute.strip_prefix("deny(").or_else(|| attribute.strip_prefix("forbid("))?;
        list.split(')').next()
    });
    lists.flat_map(|list| list.split(',')).filter(|lint| !lint.is_empty()).map(str::to_owned).collect()
}

#[test]
fn lints_are_found_where_they_are_denied() {
    let text = "#![no_std]\n#![cfg_attr(\n    not(test),\n    deny(\n        clippy::panic,\n        clippy::unwrap_used,\n    )\n)]\n\
        #![forbid(unsafe_code)]";
    assert_eq!(denied(text), ["clippy::panic", "clippy::unwrap_used", "unsafe_code"]);
    for other in [
        "// #![deny(clippy::panic)]",
        "#[deny(clippy::panic)]\nmod a;",
        "#![allow(clippy::panic)]",
        "#![cfg_attr(test, deny(clippy::panic))]",
        "#![deny(unsafe_code)]\n#![warn(clippy::panic)]",
    ] {
        assert!(!denied(other).contains(&"clippy::panic".to_owned()), "{other}");
    }
}

#[test]
fn what_could_panic_or_overflow_is_denied_in_all_of_the_rulebook() {
    let chain = Path::new(env!("CARGO_MANIFEST_DIR"));
    for package in ["", "trie", "evm", "payments", "vm"] {
        let denied = denied(&fs::read_to_string(chain.join(package).join("src/lib.rs")).unwrap());
        for lint in ["unwrap_used", "expect_used", "panic", "arithmetic_side_effects", "indexing_slicing"] {
            assert!(denied.contains(&format!("clippy::{lint}")), "chain/{package} does not deny clippy::{lint}");
        }
    }
}

/// Tests VM-9: node and guest agree in what wraps and what panics, in dependencies too, only if every profile of both has the check.
#[test]
fn overflow_is_checked_in_every_profile_of_node_and_guest() {
    for (name, text) in [
        ("Cargo.toml", include_str!("../../Cargo.toml")),
        ("prover/guest/Cargo.toml", include_str!("../../prover/guest/Cargo.toml")),
    ] {
        let manifest: toml::Table = toml::from_str(text).unwrap();
        let release = &manifest["profile"]["release"];
        assert_eq!(release.get("overflow-checks"), Some(&toml::Value::Boolean(true)), "[profile.release] of {name}");
        let switched_off = text.lines().filter(|line| line.contains("overflow-checks") && line.contains("false"));
        assert_eq!(switched_off.count(), 0, "{name}");
    }
}
