//! No circles inside packages: of two modules, one at most needs the other, by itself or through others. So every file can be understood after those
//! that it names, and none has to be read together with all.
//!
//! A module and what lies in its folder are two modules. Needs are read from paths in code, whether they begin with `crate`, `super`, `self` or the name of a
//! child, and from `use`; they are followed through re-exports, of which a module has a need itself only if its own code says the name. `mod` lines and unit
//! tests do not count.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Modules that need each other and may, with the reason. All of them are in the fraud-proof program, in which nothing is moved for order's sake.
const EXCEPTIONS: [(&str, &[&str], &str); 3] = [
    (
        "chain",
        &["config", "epoch::limits"],
        "a configuration is checked against limits that are stated for configurations",
    ),
    (
        "chain/evm",
        &["cryptography", "cryptography::native", "cryptography::portable"],
        "a trait, its two implementations, and which of them a program has that chose none",
    ),
    (
        "chain/evm",
        &["payload::decode", "payload::encode", "payload::weight"],
        "one format, both ways, and what it may weigh",
    ),
];

type Module = Vec<String>;

/// The files that git knows by this pattern.
fn tracked(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", pattern]).current_dir(root).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(PathBuf::from).collect()
}

fn module(source: &Path) -> Module {
    let mut parts: Module = source.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    parts.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
    parts
}

/// Code without comments and without unit tests, which come last.
fn code(text: &str) -> String {
    let rules = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    rules.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The paths of a tree as `use` has it: `a::{b, c::{self, d}}` gives `a::b`, `a::c::self` and `a::c::d`. Another name follows after `@`.
fn leaves(before: &str, tree: &str, found: &mut Vec<String>) {
    let (mut depth, mut start) = (0, 0);
    let ends = tree.char_indices().chain([(tree.len(), ',')]);
    for (at, character) in ends {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = &tree[start..at];
                start = at + 1;
                match part.split_once('{') {
                    Some((path, rest)) => {
                        leaves(&format!("{before}{path}"), rest.strip_suffix('}').unwrap_or(rest), found)
                    }
                    None if part.is_empty() => {}
                    None => found.push(format!("{before}{part}")),
                }
            }
            _ => {}
        }
    }
}

/// Code, and the paths of its `use` items.
#[derive(Default)]
struct Uses {
    private: Vec<String>,
    /// Re-exports: needs of whoever takes them.
    public: Vec<String>,
    /// The code without any of them.
    rest: String,
}

fn uses(code: &str) -> Uses {
    let (mut uses, mut read) = (Uses::default(), 0);
    for (at, _) in code.match_indices("use ") {
        let line = code[..at].rsplit('\n').next().unwrap_or_default().trim();
        let list = match line {
            _ if at < read => continue,
            "" => &mut uses.private,
            line if line.starts_with("pub") && !line.contains(['=', ';', '{']) => &mut uses.public,
            _ => continue,
        };
        let Some(end) = code[at..].find(';').map(|length| at + length) else { continue };
        let tree: String = code[at + 4..end].replace(" as ", "@").split_whitespace().collect();
        leaves("", &tree, list);
        uses.rest.push_str(&code[read..at]);
        read = end + 1;
    }
    uses.rest.push_str(&code[read..]);
    uses
}

fn of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Paths in the midst of code, whatever they begin with.
fn inline(code: &str) -> Vec<String> {
    let parts = code.split(|character: char| !of_name(character) && character != ':');
    // What is left at the end stands before type arguments, or is a field's.
    parts.map(|path| path.trim_end_matches(':')).filter(|path| path.contains("::")).map(str::to_owned).collect()
}

/// Whether code says the name of an item that it has without a path: a type anywhere, anything else where it is called or begins a path.
fn says(code: &str, item: &str) -> bool {
    code.match_indices(item).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + item.len()..]);
        let is_of_another = before.ends_with(|last: char| of_name(last) || last == ':')
            || (before.ends_with('.') && !before.ends_with(".."))
            || before.ends_with("fn ");
        let is_type = item.starts_with(char::is_uppercase) && !after.starts_with(of_name);
        !is_of_another && (is_type || after.starts_with(['(', '!']) || after.starts_with("::"))
    })
}

/// The modules of a package, and where each has its re-exports from.
struct Package {
    codes: BTreeMap<Module, String>,
    exports: BTreeMap<(Module, String), Module>,
}

impl Package {
    fn read(root: &Path, package: &Path) -> Self {
        let folder = package.join("src");
        let mut codes = BTreeMap::new();
        for file in tracked(root, &format!("{}/*.rs", folder.display())) {
            let module = module(file.strip_prefix(&folder).unwrap());
            if !module.iter().any(|part| part == "tests") {
                codes.insert(module, code(&fs::read_to_string(root.join(&file)).unwrap()));
            }
        }
        Self::of(codes)
    }

    fn of(codes: BTreeMap<Module, String>) -> Self {
        let mut this = Self { codes, exports: BTreeMap::new() };
        for (module, code) in &this.codes {
            for path in uses(code).public {
                let (path, alias) = path.split_once('@').unwrap_or((&path, ""));
                let (from, name) = path.rsplit_once("::").unwrap_or(("self", path));
                let name = if alias.is_empty() { name } else { alias };
                if let Some(from) = this.place(module, from) {
                    this.exports.insert((module.clone(), name.to_owned()), from);
                }
            }
        }
        this
    }

    /// The module that a path leads to, re-exports not followed.
    fn place(&self, from: &Module, path: &str) -> Option<Module> {
        self.follow(from, path, false)
    }

    fn follow(&self, from: &Module, path: &str, through_exports: bool) -> Option<Module> {
        let mut parts = path.split('@').next()?.split("::").peekable();
        let mut at = match *parts.peek()? {
            "crate" => Module::new(),
            "self" | "super" => from.clone(),
            first => {
                let child = [from.as_slice(), &[first.to_owned()]].concat();
                self.codes.contains_key(&child).then(|| from.clone())?
            }
        };
        for part in parts {
            match part {
                "crate" | "self" => continue,
                "super" => {
                    at.pop();
                    continue;
                }
                _ => {}
            }
            let child = [at.as_slice(), &[part.to_owned()]].concat();
            if self.codes.contains_key(&child) {
                at = child;
            } else {
                let exported = self.exports.get(&(at.clone(), part.to_owned())).filter(|_| through_exports);
                return Some(exported.cloned().unwrap_or(at));
            }
        }
        Some(at)
    }

    /// The modules that lie on a circle or between two.
    fn circles(&self) -> Vec<String> {
        let mut needs: BTreeMap<&Module, BTreeSet<Module>> = BTreeMap::new();
        for (module, code) in &self.codes {
            let Uses { private, rest, .. } = uses(code);
            let paths = private.into_iter().chain(inline(&rest));
            let by_path = paths.filter_map(|path| self.follow(module, &path, true));
            let exports =
                self.exports.iter().filter(|((by, name), _)| by == module && name != "*" && says(&rest, name));
            let found = by_path.chain(exports.map(|(_, from)| from.clone()));
            needs.insert(module, found.filter(|found| found != module && self.codes.contains_key(found)).collect());
        }
        // What needs nothing that is left, or is needed by nothing that is left, lies on no circle.
        loop {
            let needed: BTreeSet<Module> = needs.values().flatten().cloned().collect();
            let before = needs.len();
            needs.retain(|module, _| needed.contains(*module));
            let left: BTreeSet<Module> = needs.keys().map(|module| (*module).clone()).collect();
            needs.values_mut().for_each(|needs| needs.retain(|module| left.contains(module)));
            needs.retain(|_, needs| !needs.is_empty());
            if needs.len() == before {
                return needs.keys().map(|module| module.join("::")).collect();
            }
        }
    }
}

#[test]
fn no_two_modules_need_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut modules = 0;
    for manifest in tracked(&root, "*Cargo.toml") {
        let folder = manifest.parent().unwrap();
        if !root.join(folder).join("src").is_dir() {
            continue;
        }
        let package = Package::read(&root, folder);
        modules += package.codes.len();
        let name = folder.to_str().unwrap();
        let excepted = EXCEPTIONS.iter().filter(|(package, ..)| *package == name);
        let allowed: Vec<&str> = excepted.flat_map(|(_, modules, _)| modules.iter().copied()).collect();
        assert_eq!(package.circles(), allowed, "modules of {name} that need each other");
    }
    assert!(modules > 300, "only {modules} modules");
}

#[test]
fn paths_are_read_as_cargo_reads_them() {
    let Uses { private, public, rest } =
        uses("use a::{b as z, c::{self, d}};\npub(crate) use super::e;\nlet x = 1;\n    use f as g;");
    assert_eq!(private, ["a::b@z", "a::c::self", "a::c::d", "f@g"]);
    assert_eq!(public, ["super::e"]);
    assert_eq!(rest.split_whitespace().collect::<Vec<_>>(), ["pub(crate)", "let", "x", "=", "1;"]);
    assert_eq!(inline("fn f(x: &crate::a::B) { super::c::<u8>(x) + d() }"), ["crate::a::B", "super::c"]);
    assert!(says("fn f(x: Item)", "Item") && says("..Item::default()", "Item") && says("g(f(x))", "f"));
    for other in ["Items", "a::Item", "AnItem"] {
        assert!(!says(other, "Item"), "{other}");
    }
    for other in ["fn f() {}", "x.f()", "let f = 1", "self.f", "mod f;", "g::f()"] {
        assert!(!says(other, "f"), "{other}");
    }
    assert_eq!(module(Path::new("rpc/mod.rs")), ["rpc"]);
    assert_eq!(module(Path::new("rpc/limits.rs")), ["rpc", "limits"]);
    assert!(module(Path::new("lib.rs")).is_empty());
}

#[test]
fn a_module_and_its_child_can_need_each_other() {
    let package = |parent: &str| {
        let (parent, child) = (parent.to_owned(), "use super::X;\npub fn f() {}\npub struct Y;".to_owned());
        Package::of(BTreeMap::from([(module(Path::new("a/mod.rs")), parent), (module(Path::new("a/b.rs")), child)]))
    };
    for parent in ["mod b;\nfn g() { b::f() }", "mod b;\npub use b::Y;\nstruct Z(Y);", "mod b;\nuse b::f;"] {
        assert_eq!(package(parent).circles(), ["a", "a::b"], "{parent}");
    }
    assert_eq!(package("mod b;\npub use b::Y;\nstruct X { f: u8 }").circles(), [""; 0]);
}
