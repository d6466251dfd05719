//! No reference leads nowhere: every rule ID that code or a document cites is defined once in `docs/spec`, every rule is cited by code and by a test, every
//! link of a document and every path that a comment names exists, and pages tell the figures that are measured.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// This file, whose examples are no references.
const THIS: &str = "chain/tests/references.rs";

/// How rule IDs begin.
const SPACES: [&str; 7] = ["DISP-", "EVM-", "FEE-L1", "L1-", "PAY-", "PRE-", "VM-"];

/// Endings of the files that people write; what is generated or fetched has others, or lies in a folder of [`NOT_OURS`].
const WRITTEN: [&str; 8] = ["rs", "sol", "md", "ts", "sh", "toml", "proto", "service"];

const NOT_OURS: [&str; 7] = ["node_modules", "target", "cache", "out", "dist", ".git", ".venv"];

/// Rules that no test names, and why.
const UNTESTED: [(&str, &str); 1] = [("FEE-L1", "it is the sum of FEE-L1-1, FEE-L1-2 and FEE-L1-3, which tests name")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

struct Repository {
    /// Text by path from the root, of files that people write.
    texts: BTreeMap<String, String>,
    /// Every file and folder by path from the root.
    paths: BTreeSet<String>,
}

impl Repository {
    fn read() -> Self {
        let root = root();
        let mut all = Self { texts: BTreeMap::new(), paths: BTreeSet::new() };
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                let last = path.file_name().unwrap().to_str().unwrap();
                if NOT_OURS.contains(&last) {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path.clone());
                } else if last == "Makefile" || path.extension().is_some_and(|e| WRITTEN.iter().any(|w| *w == e)) {
                    all.texts.insert(name.clone(), fs::read_to_string(&path).unwrap());
                }
                all.paths.insert(name);
            }
        }
        assert!(all.texts.len() > 400, "only {} files were found", all.texts.len());
        all
    }

    /// Whether a path is one of the repository, or ends one.
    fn ends_a_path(&self, name: &str) -> bool {
        self.paths.contains(name) || self.paths.iter().any(|path| path.ends_with(&format!("/{name}")))
    }
}

/// Rule IDs in a line, each with what stands before it. `EVM-DA-*` is the family `EVM-DA`.
fn ids(line: &str) -> Vec<(&str, &str)> {
    let of_id = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = line[at..].find(of_id).map(|offset| at + offset) {
        let end = line[start..].find(|c| !of_id(c)).map_or(line.len(), |offset| start + offset);
        at = end;
        let id = line[start..end].trim_end_matches('-');
        let inside = line[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let continues = line[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if !inside && !continues && SPACES.iter().any(|space| id.starts_with(space)) {
            found.push((&line[..start], id));
        }
    }
    found
}

fn ids_of(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(ids).map(|(_, id)| id)
}

/// Where a rule is defined: in bold, as a heading, as an item of a list, or as an invariant.
fn is_definition(before: &str) -> bool {
    before.ends_with("**")
        || before.ends_with("Invariant (")
        || matches!(before.trim_start(), "# " | "## " | "### " | "* ")
}

fn rules(repository: &Repository) -> BTreeMap<String, String> {
    let mut rules: BTreeMap<String, String> = BTreeMap::new();
    for (file, text) in repository.texts.iter().filter(|(file, _)| file.starts_with("docs/spec/")) {
        for (before, id) in text.lines().flat_map(ids).filter(|(before, _)| is_definition(before)) {
            let other = rules.insert(id.into(), file.clone());
            assert_eq!(other, None, "{id} is defined twice, the second time in {file} after {before:?}");
        }
    }
    assert!(rules.len() > 150, "only {} rules were found", rules.len());
    rules
}

#[test]
fn ids_are_found_as_words() {
    let of = |line| ids_of(line).collect::<Vec<_>>();
    assert_eq!(of("(EVM-FEE-4), VM-4.2, EVM-DA-* and L1-to-L2"), ["EVM-FEE-4", "VM-4", "EVM-DA"]);
    assert_eq!(of("KVM-1 RPC L1 PAY-OPHASHes"), [""; 0]);
    assert!(is_definition("* **") && is_definition("## ") && !is_definition("see "));
}

#[test]
fn every_rule_that_is_cited_exists() {
    let repository = Repository::read();
    let rules = rules(&repository);
    let is_family = |id: &str| rules.keys().any(|rule| rule.starts_with(&format!("{id}-")));
    for (file, text) in repository.texts.iter().filter(|(file, _)| *file != THIS) {
        for (number, line) in text.lines().enumerate() {
            for id in ids_of(line) {
                assert!(rules.contains_key(id) || is_family(id), "{file}:{}: {id} is no rule", number + 1);
            }
        }
    }
}

/// A file's code, and its tests: they are all of it in a folder of tests, else what stands below the code. Tests in files of their own may be named anywhere.
fn parts<'a>(file: &str, text: &'a str) -> (&'a str, &'a str) {
    let in_folder = file.starts_with("tests/") || ["/test/", "/tests/"].iter().any(|folder| file.contains(folder));
    let is_test = in_folder || ["tests.rs", "testing.rs", "properties.rs"].iter().any(|name| file.ends_with(name));
    if is_test { ("", text) } else { text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((text, "")) }
}

#[test]
fn code_and_tests_are_told_apart() {
    assert_eq!(parts("chain/src/a.rs", "one\n#[cfg(test)]\nmod tests { two }"), ("one\n", " two }"));
    let in_a_file = "#[cfg(test)]\nmod tests;\none";
    assert_eq!(parts("chain/src/a.rs", in_a_file), (in_a_file, ""));
    for file in ["chain/src/a/tests.rs", "chain/tests/a.rs", "sdk/test/a.ts", "tests/src/a.rs"] {
        assert_eq!(parts(file, "one"), ("", "one"), "{file}");
    }
}

#[test]
fn every_rule_is_cited_by_code_and_by_a_test() {
    let repository = Repository::read();
    let is_code = |file: &str| file != THIS && [".rs", ".sol", ".ts"].iter().any(|ending| file.ends_with(ending));
    let code = repository.texts.iter().filter(|(file, _)| is_code(file));
    let cited = |text: &str| ids_of(text).map(str::to_owned).collect::<Vec<String>>();
    let by_code: BTreeSet<String> = code.clone().flat_map(|(file, text)| cited(parts(file, text).0)).collect();
    let by_tests: BTreeSet<String> = code.flat_map(|(file, text)| cited(parts(file, text).1)).collect();
    let rules: BTreeSet<String> = rules(&repository).into_keys().collect();
    assert_eq!(rules.difference(&by_code).collect::<Vec<_>>(), [""; 0], "rules that no code cites");
    assert_eq!(
        rules.difference(&by_tests).collect::<Vec<_>>(),
        UNTESTED.map(|(rule, _)| rule),
        "rules that no test names"
    );
}

/// What `](...)` names in a line, addresses of the web apart.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains("://"))
}

/// The name by which a heading is linked: lower case, words joined by hyphens, other signs left out.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let repository = Repository::read();
    let mut seen = 0;
    for (file, text) in repository.texts.iter().filter(|(file, _)| file.ends_with(".md")) {
        for link in text.lines().flat_map(links) {
            seen += 1;
            let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
            let target =
                if path.is_empty() { root().join(file) } else { root().join(file).parent().unwrap().join(path) };
            assert!(target.exists(), "{file} links {link}");
            if let Some(heading) = heading {
                let text = fs::read_to_string(&target).unwrap();
                let found = text.lines().any(|line| line.starts_with('#') && anchor(line) == heading);
                assert!(found, "{file} links {link}, and no heading there has that name");
            }
        }
    }
    assert!(seen > 20, "only {seen} links were found");
}

#[test]
fn every_path_that_is_named_exists() {
    let repository = Repository::read();
    let tops: Vec<&String> = repository.paths.iter().filter(|path| !path.contains('/')).collect();
    let mut seen = 0;
    for (file, text) in repository.texts.iter().filter(|(file, _)| *file != THIS) {
        for (number, line) in text.lines().enumerate() {
            let prose =
                file.ends_with(".md") || ["//", "*", "#"].iter().any(|sign| line.trim_start().starts_with(sign));
            for named in line.split('`').skip(1).step_by(2).filter(|_| prose) {
                let name = named.trim_end_matches('/');
                let plain =
                    name.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c)) && !name.contains("node_modules");
                let is_file =
                    [".rs", ".sol", ".sh", ".md"].iter().any(|ending| name.len() > 4 && name.ends_with(ending));
                let is_path = name.split_once('/').is_some_and(|(top, _)| tops.iter().any(|t| *t == top));
                if plain && (is_file || is_path) {
                    seen += 1;
                    let beside = Path::new(file).parent().unwrap().join(name);
                    let known = repository.ends_a_path(name) || root().join(beside).exists();
                    assert!(known, "{file}:{}: there is no `{named}`", number + 1);
                }
            }
        }
    }
    assert!(seen > 150, "only {seen} paths were found");
}

#[test]
fn every_package_stands_in_the_architecture() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, members) = manifest.split_once("members = [").unwrap();
    let (members, _) = members.split_once(']').unwrap();
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() > 15, "only {} packages were found", members.len());
    let architecture = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    for member in members {
        let stands = [member.to_owned(), format!("{member}/")]
            .iter()
            .any(|path| architecture.contains(&format!("| `{path}` |")));
        assert!(stands, "docs/architecture.md says nothing of {member}");
    }
}

/// Where pages tell figures: rows of tables whose first cell is a figure's name.
const PAGES: [&str; 3] = ["docs/contracts/", "docs/circuits/", "docs/settlement.md"];

/// Figures by name: gas and sizes of the contracts' snapshots, and the pinned constraints.
fn figures() -> BTreeMap<String, u64> {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let mut figures = BTreeMap::new();
    for file in fs::read_dir(root().join("contracts/snapshots")).unwrap() {
        let snapshot = fs::read_to_string(file.unwrap().path()).unwrap();
        let snapshot: BTreeMap<String, String> = serde_json::from_str(&snapshot).unwrap();
        let named = |name: String| name.strip_prefix("gas ").map(str::to_owned).unwrap_or(name);
        figures.extend(snapshot.into_iter().map(|(name, value)| (named(name), value.parse().unwrap())));
    }
    let pinned = read("prover/circuits/src/figures.rs");
    let (_, pinned) = pinned.split_once("fn every_figure_is_pinned").unwrap();
    let pinned = pinned.lines().map(str::trim).skip_while(|line| *line != "[").skip(1).take_while(|line| *line != "]");
    let pinned = pinned.filter_map(|line| line.strip_prefix("(\""));
    figures.extend(pinned.map(|pair| {
        let (name, value) = pair.split_once("\", ").unwrap();
        (name.into(), value.trim_end_matches("),").replace('_', "").parse().unwrap())
    }));
    figures
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// A row with the figure that its first cell names, and that name.
fn with_figure<'a>(row: &'a str, figures: &BTreeMap<String, u64>) -> Option<(&'a str, String)> {
    let (name, cells) = row.strip_prefix("| `")?.split_once("` | ")?;
    let figure = figures.get(name)?;
    let rest = &cells[cells.find(" |")?..];
    Some((name, format!("| `{name}` | {}{rest}", with_commas(*figure))))
}

/// `TANDEM_WRITE_FIGURES=1` writes the figures into the pages.
#[test]
fn every_figure_of_the_pages_is_the_measured_one() {
    assert_eq!([with_commas(7), with_commas(46_442), with_commas(1_025_770)], ["7", "46,442", "1,025,770"]);
    let (repository, figures) = (Repository::read(), figures());
    assert!(figures.len() > 40, "only {} figures were found", figures.len());
    let mut told = BTreeSet::new();
    for (file, text) in repository.texts.iter().filter(|(file, _)| PAGES.iter().any(|page| file.starts_with(page))) {
        let mut fresh = String::new();
        for row in text.lines() {
            let row = with_figure(row, &figures).map_or(row.to_owned(), |(name, fresh)| {
                told.insert(name.to_owned());
                fresh
            });
            fresh.push_str(&row);
            fresh.push('\n');
        }
        if std::env::var_os("TANDEM_WRITE_FIGURES").is_some() {
            fs::write(root().join(file), &fresh).unwrap();
        } else {
            let differs = text.lines().zip(fresh.lines()).find(|(old, new)| old != new);
            assert_eq!(differs, None, "{file}: what is told, and what is measured");
        }
    }
    let untold: Vec<&String> = figures.keys().filter(|name| !told.contains(*name)).collect();
    assert_eq!(untold, [""; 0], "figures that no page tells");
}
