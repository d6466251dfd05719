//! Licences, bans and sources of everything that is linked, by the lists of `deny.toml`. cargo-deny judges more closely and runs where it is
//! installed (`make check`); this runs everywhere, offline. And what is compiled, and tested, of it, and who of our own depends on whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn metadata() -> Value {
    let version = output(Command::new("rustc").arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let arguments = ["metadata", "--frozen", "--format-version", "1", "--filter-platform", host, "--manifest-path"];
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    serde_json::from_str(&output(Command::new(env!("CARGO")).args(arguments).arg(manifest))).unwrap()
}

fn rules() -> toml::Table {
    toml::from_str(include_str!("../../deny.toml")).unwrap()
}

fn strings(list: &toml::Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|entry| entry.as_str().unwrap().to_owned()).collect()
}

/// An SPDX expression: `OR` of `AND`s of licences and parentheses. Says whether it can be met.
struct Expression<'a> {
    words: std::iter::Peekable<std::vec::IntoIter<String>>,
    allowed: &'a dyn Fn(&str) -> bool,
}

fn is_met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<String> = spaced.split_whitespace().map(Into::into).collect();
    let mut expression = Expression { words: words.into_iter().peekable(), allowed };
    let met = expression.any();
    met && expression.words.next().is_none()
}

impl Expression<'_> {
    fn any(&mut self) -> bool {
        let mut met = self.all();
        while self.words.next_if(|word| word == "OR").is_some() {
            met |= self.all();
        }
        met
    }

    fn all(&mut self) -> bool {
        let mut met = self.one();
        while self.words.next_if(|word| word == "AND").is_some() {
            met &= self.one();
        }
        met
    }

    fn one(&mut self) -> bool {
        let Some(mut licence) = self.words.next() else { return false };
        if licence == "(" {
            let met = self.any();
            return self.words.next().is_some_and(|word| word == ")") && met;
        }
        if self.words.next_if(|word| word == "WITH").is_some() {
            licence = format!("{licence} WITH {}", self.words.next().unwrap_or_default());
        }
        (self.allowed)(&licence)
    }
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let allowed = |licence: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&licence);
    for met in ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "ISC AND (GPL-3.0 OR MIT)", "Apache-2.0 WITH LLVM-exception"] {
        assert!(is_met(met, &allowed), "{met}");
    }
    for unmet in
        ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT)", "GPL-3.0 OR MIT AND GPL-3.0", "MIT WITH LLVM-exception"]
    {
        assert!(!is_met(unmet, &allowed), "{unmet}");
    }
}

#[test]
fn everything_linked_has_a_licence_that_is_allowed() {
    let rules = rules();
    let allow = strings(&rules["licenses"]["allow"]);
    let exceptions: Vec<(String, Vec<String>)> = rules["licenses"]["exceptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|exception| (exception["crate"].as_str().unwrap().into(), strings(&exception["allow"])))
        .collect();
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 300, "only {}", packages.len());
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let own = exceptions.iter().filter(|(krate, _)| krate == name).flat_map(|(_, allow)| allow);
        let own: Vec<&String> = allow.iter().chain(own).collect();
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name} states no licence"));
        assert!(is_met(licence, &|licence| own.iter().any(|allowed| *allowed == licence)), "{name}: {licence}");
    }
}

#[test]
fn everything_comes_from_here_or_from_crates_io() {
    for package in metadata()["packages"].as_array().unwrap() {
        if let Some(source) = package["source"].as_str() {
            assert_eq!(source, CRATES_IO, "{}", package["name"]);
        }
    }
}

#[test]
fn nothing_banned_is_linked() {
    let (rules, metadata) = (rules(), metadata());
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let name = |node: &Value| {
        let package =
            metadata["packages"].as_array().unwrap().iter().find(|package| package["id"] == node["id"]).unwrap();
        package["name"].as_str().unwrap().to_owned()
    };
    let banned: Vec<&str> =
        rules["bans"]["deny"].as_array().unwrap().iter().map(|ban| ban["crate"].as_str().unwrap()).collect();
    let mut watched = 0;
    for node in nodes {
        let name = name(node);
        assert!(!banned.contains(&name.as_str()), "{name} is banned");
        for ban in
            rules["bans"]["features"].as_array().unwrap().iter().filter(|ban| ban["crate"].as_str() == Some(&name))
        {
            watched += 1;
            for feature in strings(&ban["deny"]) {
                assert!(!node["features"].as_array().unwrap().contains(&feature.as_str().into()), "{name}/{feature}");
            }
        }
    }
    assert_eq!(watched, rules["bans"]["features"].as_array().unwrap().len(), "a feature of no crate is banned");
}

/// Name and version of every package of a lock file, and where it is from.
fn locked(text: &str) -> Vec<(String, String, Option<String>)> {
    let lock: toml::Table = toml::from_str(text).unwrap();
    let field = |package: &toml::Value, name| package.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let packages = lock["package"].as_array().unwrap().iter();
    packages
        .map(|package| (field(package, "name").unwrap(), field(package, "version").unwrap(), field(package, "source")))
        .collect()
}

/// Node and guest run the same code, but for the hasher of the guest's maps (VM-9).
#[test]
fn the_guest_has_the_nodes_versions() {
    let (node, guest) =
        (locked(include_str!("../../Cargo.lock")), locked(include_str!("../../prover/guest/Cargo.lock")));
    let own: Vec<&str> =
        guest.iter().filter(|(_, _, source)| source.is_none()).map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(own, ["foldhash", "tandem-chain", "tandem-evm", "tandem-guest", "tandem-trie"]);
    assert!(guest.len() > 100, "only {}", guest.len());
    for package in guest.iter().filter(|(_, _, source)| source.is_some()) {
        assert!(node.contains(package), "the guest has {} {}, the node has not", package.0, package.1);
    }
}

/// The rulebook depends on itself alone: nothing with I/O can get below a rule.
#[test]
fn the_rulebook_depends_on_nothing_of_ours_outside_it() {
    let rulebook = ["tandem-chain", "tandem-trie", "tandem-evm", "tandem-payments", "tandem-vm"];
    let metadata = metadata();
    let mut checked = 0;
    for package in metadata["packages"].as_array().unwrap() {
        if !rulebook.contains(&package["name"].as_str().unwrap()) {
            continue;
        }
        checked += 1;
        for dependency in package["dependencies"].as_array().unwrap().iter().filter(|one| one["kind"].is_null()) {
            let name = dependency["name"].as_str().unwrap();
            assert!(dependency["path"].is_null() || rulebook.contains(&name), "{} needs {name}", package["name"]);
            assert!(
                !["tokio", "rand", "reqwest", "rocksdb", "axum"].contains(&name),
                "{} needs {name}",
                package["name"]
            );
        }
    }
    assert_eq!(checked, rulebook.len());
}

/// Our own packages, named without `tandem-`, and which of them each is built from directly. What its tests alone need does not count.
fn own_packages() -> BTreeMap<String, BTreeSet<String>> {
    let own = |name: &Value| name.as_str().unwrap().strip_prefix("tandem-").map(str::to_owned);
    let metadata = metadata();
    let mut packages = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        if let Some(name) = own(&package["name"]) {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
            packages.insert(name, normal.filter_map(|dependency| own(&dependency["name"])).collect());
        }
    }
    assert!(packages.len() > 15, "only {} packages were found", packages.len());
    packages
}

#[test]
fn the_architecture_tells_what_every_package_depends_on() {
    let mut packages = own_packages();
    let guest: toml::Table = toml::from_str(include_str!("../../prover/guest/Cargo.toml")).unwrap();
    let guest = guest["dependencies"].as_table().unwrap().keys();
    let guest = guest.filter_map(|name| name.strip_prefix("tandem-")).map(str::to_owned);
    packages.insert("guest".into(), guest.collect());
    let mut told = BTreeMap::new();
    for row in include_str!("../../docs/architecture.md").lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let ["", folder, package, _, needs, ""] = cells[..] else { continue };
        let named = package.strip_prefix("`tandem-").and_then(|name| name.strip_suffix('`'));
        let Some(name) = named.or((folder == "`prover/guest`").then_some("guest")) else { continue };
        let needs: BTreeSet<String> = needs.split(", ").filter(|name| *name != "-").map(str::to_owned).collect();
        assert_eq!(told.insert(name.to_owned(), needs), None, "{name} stands there twice");
    }
    for (name, needs) in &packages {
        assert_eq!(told.get(name), Some(needs), "{name}: docs/architecture.md, and its manifest");
    }
    assert_eq!(told.len(), packages.len(), "docs/architecture.md tells of a package that is none");
}

/// Everything of ours that a package is built from, directly or through others.
fn all_needs<'a>(packages: &'a BTreeMap<String, BTreeSet<String>>, name: &'a str) -> BTreeSet<&'a str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![name]);
    while let Some(name) = open.pop() {
        for needed in &packages[name] {
            if found.insert(needed.as_str()) {
                open.push(needed);
            }
        }
    }
    found
}

#[test]
fn sequencer_and_prover_never_depend_on_each_other() {
    let packages = own_packages();
    let (sequencer, prover) = (all_needs(&packages, "sequencer"), all_needs(&packages, "prover"));
    // The trie is a need of the prover through others alone.
    assert!(sequencer.contains("chain") && prover.contains("trie"), "{sequencer:?}, {prover:?}");
    assert!(!sequencer.contains("prover"), "the sequencer depends on {sequencer:?}");
    assert!(!prover.contains("sequencer"), "the prover depends on {prover:?}");
}

/// Each crate with the features that it is built with, tests' dependencies counted or not.
fn features(edges: &str) -> Vec<String> {
    let arguments = ["tree", "--frozen", "--workspace", "--prefix", "none", "--format", "{p}|{f}", "--edges", edges];
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let tree = output(Command::new(env!("CARGO")).args(arguments).args(["--manifest-path", manifest]));
    let mut lines: Vec<String> = tree.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// Cargo compiles a crate anew for every other set of features. So what programs need is compiled with the same ones whether tests are built or not,
/// and `make test` takes over what `make devnet` compiled.
#[test]
fn tests_turn_on_no_feature_of_what_programs_are_built_from() {
    // With build scripts and macros, and without: what those need is built apart, with features of its own, and may stand on the same line.
    for (programs, everything) in
        [("normal,build", "normal,build,dev"), ("normal,no-proc-macro", "normal,dev,no-proc-macro")]
    {
        shares(&features(programs), &features(everything));
    }
}

/// Everything builds no crate of the programs in another way than they do.
fn shares(programs: &[String], everything: &[String]) {
    assert!(programs.len() > 250, "only {}", programs.len());
    let name = |line: &str| line.split('|').next().unwrap().to_owned();
    for line in everything.iter().filter(|line| !programs.contains(line)) {
        let programs_have = programs.iter().filter(|one| name(one) == name(line)).collect::<Vec<_>>();
        assert!(programs_have.is_empty(), "tests build {line}, programs {programs_have:?}: see tests/Cargo.toml");
    }
}

/// Targets that cargo is told not to test (programs, libraries without unit tests, examples in documentation), so that nothing is compiled in vain,
/// hold nothing that would be passed over.
#[test]
fn what_is_not_tested_has_no_tests() {
    let mut counts = [0; 2];
    for package in metadata()["packages"].as_array().unwrap().iter().filter(|package| package["source"].is_null()) {
        for target in package["targets"].as_array().unwrap() {
            let main = Path::new(target["src_path"].as_str().unwrap());
            let files = match target["kind"][0].as_str().unwrap() {
                "lib" => rust_files(main.parent().unwrap()),
                "bin" => vec![main.to_path_buf()],
                _ => continue,
            };
            counts[0] += usize::from(target["test"] == false);
            counts[1] += usize::from(target["doctest"] == false);
            for file in files {
                let (text, file) = (fs::read_to_string(&file).unwrap(), file.display());
                let is_test = |line: &str| ["#[test]", "::test]", "::test("].iter().any(|sign| line.contains(sign));
                assert!(target["test"] == true || !text.lines().any(is_test), "{file}: cargo does not run its tests");
                let fences = text.lines().map(str::trim).filter(|line| line.starts_with("//") && line.contains("```"));
                let opening = fences.step_by(2).find(|line| !line.ends_with("```text"));
                assert!(target["doctest"] == true || opening.is_none(), "{file}: cargo does not run its example");
            }
        }
    }
    assert!(counts[0] >= 8 && counts[1] >= 16, "{counts:?}");
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
                false => {}
            }
        }
    }
    found
}

/// Cargo has no word for "our own packages": a package that is missing in the list would be optimised like a dependency, and have no line numbers.
#[test]
fn every_package_of_ours_has_its_place_in_the_profile_of_development() {
    let manifest: toml::Table = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    let listed = &manifest["profile"]["dev"]["package"];
    let metadata = metadata();
    let members: Vec<&str> =
        metadata["workspace_members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let own: Vec<&str> = packages
        .filter(|package| members.contains(&package["id"].as_str().unwrap()))
        .map(|package| package["name"].as_str().unwrap())
        .filter(|name| name.starts_with("tandem-"))
        .collect();
    assert!(own.len() > 15, "only {} packages were found", own.len());
    for name in own {
        assert!(listed.get(name).is_some(), "[profile.dev.package.{name}] is missing in Cargo.toml");
    }
}
