//! `PROGRAM completions SHELL` prints what a shell needs to complete the program's flags; `make install` puts it in place.

use std::{ffi::OsString, io::Write};

use clap::{CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};

/// Prints completions if the arguments (the program's name first) ask for them, and says whether they did.
pub fn print_completions_if_asked<C: CommandFactory>(arguments: &[OsString], out: &mut impl Write) -> bool {
    let [_, word, shell] = arguments else { return false };
    if word != "completions" {
        return false;
    }
    let Some(Ok(shell)) = shell.to_str().map(|shell| Shell::from_str(shell, true)) else { return false };
    let mut command = C::command();
    let name = command.get_name().to_owned();
    generate(shell, &mut command, name, out);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    #[command(name = "program")]
    struct Flags {
        #[arg(long)]
        depth: u64,
    }

    fn printed(arguments: &[&str]) -> Option<String> {
        let mut out = Vec::new();
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let asked = print_completions_if_asked::<Flags>(&arguments, &mut out);
        assert_eq!(asked, !out.is_empty());
        asked.then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_shell_gets_the_flags_and_other_arguments_get_nothing() {
        for shell in Shell::value_variants() {
            let script = printed(&["program", "completions", &shell.to_string()]).unwrap();
            assert!(script.contains("depth") && script.contains("program"), "{shell}");
        }
        for arguments in [
            &["program"][..],
            &["program", "completions"],
            &["program", "completions", "word"],
            &["program", "--depth", "bash"],
        ] {
            assert_eq!(printed(arguments), None);
        }
    }
}
