//! What `make install` puts in place is whole: programs, units that name them and flags that they have, completions.

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

#[test]
fn programs_units_and_completions_fit_together() {
    let directory = tempfile::tempdir().unwrap();
    let (root, program) = (directory.path(), built("tandem").unwrap());
    let dist = program.parent().unwrap();
    let refused = install("opt/tandem", dist, root);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("must be absolute"));
    let refused = install(PREFIX, root, root);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("make release"));

    succeeded(&install(PREFIX, dist, root));
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
    for service in ["tandem-sequencer", "tandem-prover"] {
        let unit = fs::read_to_string(installed.join(format!("lib/systemd/system/{service}.service"))).unwrap();
        assert!(!unit.contains('@'), "{unit}");
        let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let mut words = command.split(' ');
        assert_eq!(words.next(), Some(format!("{PREFIX}/bin/{service}").as_str()));
        let help = Command::new(installed.join("bin").join(service)).arg("--help").output().unwrap();
        let help = succeeded(&help);
        let flags: Vec<&str> = words.filter(|word| word.starts_with("--")).collect();
        assert!(!flags.is_empty() && flags.iter().all(|flag| help.contains(flag)), "{flags:?}");
        let manual = unit.lines().find_map(|line| line.strip_prefix("Documentation=file:")).unwrap();
        assert!(root.join(manual.trim_start_matches('/')).is_file(), "{manual}");
    }
}
