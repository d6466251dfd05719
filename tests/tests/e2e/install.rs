//! What `make install` puts in place is whole: programs, units that name them and flags that they have, completions, a manual without a link that leads nowhere.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tandem_tests::world::built;

const PREFIX: &str = "/opt/tandem";
const PROGRAMS: [&str; 3] = ["tandem", "tandem-sequencer", "tandem-prover"];

fn install(prefix: &str, dist: &Path, root: &Path) -> Output {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../node/systemd/install.sh");
    Command::new(script).arg(prefix).env("DIST", dist).env("DESTDIR", root).output().unwrap()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A line of a unit, by what stands before `=`.
fn line<'a>(unit: &'a str, name: &str) -> &'a str {
    let value = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name} in {unit}"))
}

/// Every program and flag that a unit names is there, and its files lie where those of its name do.
fn check_unit(name: &str, unit: &str, bin: &Path) {
    let short = name.strip_prefix("tandem-").unwrap();
    let command = line(unit, "ExecStart").strip_prefix(&format!("{PREFIX}/bin/")).unwrap();
    let mut words = command.split(' ').peekable();
    let program = words.next().unwrap();
    assert!(PROGRAMS.contains(&program), "{name} runs {program}");
    let subcommand = words.next_if(|word| !word.starts_with("--"));
    let help = succeeded(&Command::new(bin.join(program)).args(subcommand).arg("--help").output().unwrap());
    let words: Vec<&str> = words.collect();
    for pair in words.chunks(2) {
        assert!(help.split_whitespace().any(|word| word == pair[0]), "{name}: {program} has no {pair:?}");
    }
    let data_dir = format!("/var/lib/{}", line(unit, "StateDirectory"));
    assert_eq!(data_dir, format!("/var/lib/tandem/{short}"));
    let config = format!("/etc/tandem/{short}.toml");
    assert_eq!(words, ["--config", config.as_str(), "--data-dir", data_dir.as_str()]);
    let environment = line(unit, "EnvironmentFile").trim_start_matches('-');
    assert_eq!(environment, format!("/etc/tandem/{short}.env"));
    // The first line tells what the files hold.
    let told = unit.lines().next().unwrap();
    assert!(told.contains(&config) && told.contains(environment), "{told}");
    let secret = told.split_whitespace().find_map(|word| word.strip_suffix("=..."));
    let secret = secret.or_else(|| told.split_whitespace().find_map(|word| word.strip_suffix("=0x...")));
    assert!(secret.is_some_and(|secret| help.contains(secret)), "{name}: {program} takes no {secret:?}");
}

/// The pages in a folder and below.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// Every link of the installed manual leads to something that is installed.
fn check_manual(manual: &Path) {
    let mut found = Vec::new();
    pages(manual, &mut found);
    assert!(found.len() > 30, "only {} pages", found.len());
    for page in found {
        let text = fs::read_to_string(&page).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let path = link.split('#').next().unwrap();
            let target = page.parent().unwrap().join(path);
            assert!(path.is_empty() || target.exists(), "{} links {link}, which is not installed", page.display());
        }
    }
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        assert!(manual.join(licence).is_file(), "no {licence}");
    }
}

#[test]
fn programs_units_completions_and_manual_fit_together() {
    let directory = tempfile::tempdir().unwrap();
    let (root, program) = (directory.path(), built("tandem").unwrap());
    let dist = program.parent().unwrap();
    let refused = install("opt/tandem", dist, root);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("must be absolute"));
    let refused = install(PREFIX, root, root);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("make release"));

    let said = succeeded(&install(PREFIX, dist, root));
    assert!(said.contains(&format!("systemctl link {PREFIX}/lib/systemd/system/tandem-*.service")), "{said}");
    let installed = root.join(PREFIX.trim_start_matches('/'));
    for program in PROGRAMS {
        let own = installed.join("bin").join(program);
        assert!(succeeded(&Command::new(own).arg("--version").output().unwrap()).starts_with(program));
        for file in [
            format!("share/bash-completion/completions/{program}"),
            format!("share/zsh/site-functions/_{program}"),
            format!("share/fish/vendor_completions.d/{program}.fish"),
        ] {
            let file = installed.join(file);
            assert!(fs::read_to_string(&file).unwrap().contains(program), "{}", file.display());
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644, "{}", file.display());
        }
    }
    let manual = installed.join("share/doc/tandem");
    check_manual(&manual);
    let operations = fs::read_to_string(manual.join("docs/operations.md")).unwrap();
    let mut units = 0;
    for file in fs::read_dir(installed.join("lib/systemd/system")).unwrap() {
        let file = file.unwrap().path();
        let (name, unit) = (file.file_stem().unwrap().to_str().unwrap(), fs::read_to_string(&file).unwrap());
        assert!(!unit.contains('@'), "{unit}");
        check_unit(name, &unit, &installed.join("bin"));
        let documentation = line(&unit, "Documentation").strip_prefix("file:/").unwrap();
        assert!(root.join(documentation).is_file(), "{documentation}");
        assert!(operations.contains(&format!("| `{name}` |")), "the manual says nothing of {name}");
        units += 1;
    }
    assert!(units >= 5, "only {units} units");
}
