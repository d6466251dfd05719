//! Flag, environment variable and file agree by construction: a file's keys are the long flags, and its entries become arguments.
//!
//! Precedence: flag, then environment variable, then file, then default. A key that is no flag is refused.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{ArgAction, CommandFactory, FromArgMatches};

/// Why a configuration is not taken.
#[derive(Debug, thiserror::Error)]
pub enum FlagsError {
    /// The file cannot be read.
    #[error("cannot read configuration file {path}: {error}")]
    Read {
        /// The configuration file's path.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The file is not TOML. The line itself is not shown: a password may stand in it.
    #[error("configuration file {path} is not valid TOML, line {line}: {message}")]
    Syntax {
        /// The configuration file's path.
        path: PathBuf,
        /// The line that is wrong, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A key that is no flag.
    #[error("configuration file {path} sets `{key}`, which is no flag of this command (see --help)")]
    UnknownKey {
        /// The configuration file's path.
        path: PathBuf,
        /// The key that is no flag.
        key: String,
    },
    /// A value that no flag takes.
    #[error("configuration file {path}: `{key}` must be a string, a number or a boolean")]
    UnsupportedValue {
        /// The configuration file's path.
        path: PathBuf,
        /// The key whose value no flag takes.
        key: String,
    },
    /// The flags are wrong, or help was asked for.
    #[error(transparent)]
    Flags(#[from] clap::Error),
}

/// Parses `arguments` (the program's name first); `--config FILE` or the variable `TANDEM_CONFIG` names a file with further flags: those of the
/// subcommand, if the first argument names one.
pub fn parse_with_file<C: CommandFactory + FromArgMatches>(arguments: Vec<OsString>) -> Result<C, FlagsError> {
    let command = C::command().args_override_self(true);
    let subcommand = arguments.get(1).and_then(|name| command.find_subcommand(name));
    let (names, flagged) = subcommand.map_or((1, &command), |subcommand| (2, subcommand));
    let mut merged: Vec<OsString> = arguments.iter().take(names).cloned().collect();
    if let Some(path) = config_path(&arguments) {
        merged.extend(arguments_of(&path, flagged)?);
    }
    merged.extend(arguments.into_iter().skip(names));
    let matches = command.try_get_matches_from(merged)?;
    Ok(C::from_arg_matches(&matches)?)
}

fn config_path(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(path) = argument.to_str().and_then(|argument| argument.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    std::env::var_os("TANDEM_CONFIG").map(PathBuf::from)
}

fn arguments_of(path: &PathBuf, command: &clap::Command) -> Result<Vec<OsString>, FlagsError> {
    let text = std::fs::read_to_string(path).map_err(|error| FlagsError::Read { path: path.clone(), error })?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| syntax(path, &text, &error))?;
    let mut arguments = Vec::new();
    for (key, value) in table {
        let unknown = || FlagsError::UnknownKey { path: path.clone(), key: key.clone() };
        let flag = command
            .get_arguments()
            .find(|flag| flag.get_long() == Some(&key) && key != "config")
            .ok_or_else(unknown)?;
        if flag.get_env().is_some_and(|variable| std::env::var_os(variable).is_some()) {
            continue;
        }
        let value = match value {
            toml::Value::String(value) => value,
            toml::Value::Integer(value) => value.to_string(),
            toml::Value::Float(value) => value.to_string(),
            toml::Value::Boolean(value) if matches!(flag.get_action(), ArgAction::SetTrue) => {
                if value {
                    arguments.push(format!("--{key}").into());
                }
                continue;
            }
            toml::Value::Boolean(value) => value.to_string(),
            _ => return Err(FlagsError::UnsupportedValue { path: path.clone(), key }),
        };
        arguments.push(format!("--{key}={value}").into());
    }
    Ok(arguments)
}

fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> FlagsError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    FlagsError::Syntax { path: path.into(), line: before.matches('\n').count() + 1, message: error.message().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::io::Write;

    #[derive(Parser, Debug, PartialEq)]
    struct Flags {
        #[arg(long)]
        config: Option<PathBuf>,
        #[arg(long, env = "TANDEM_TEST_FLAGS_PORT", default_value_t = 1)]
        port: u16,
        #[arg(long)]
        archive: bool,
        #[arg(long)]
        name: Option<String>,
    }

    fn parse(file: &str, flags: &[&str]) -> Result<Flags, FlagsError> {
        parse_after(file, &[], flags)
    }

    /// With the file's flags where they would stand: after these words.
    fn parse_after<C: Parser>(file: &str, words: &[&str], flags: &[&str]) -> Result<C, FlagsError> {
        let path = std::env::temp_dir().join(format!(
            "tandem-flags-{}-{:x}",
            std::process::id(),
            (file.len() * 31 + flags.len()) * 31 + words.len()
        ));
        std::fs::File::create(&path).unwrap().write_all(file.as_bytes()).unwrap();
        let mut arguments: Vec<OsString> = vec!["program".into()];
        arguments.extend(words.iter().map(OsString::from));
        arguments.extend(["--config".into(), path.clone().into_os_string()]);
        arguments.extend(flags.iter().map(OsString::from));
        let parsed = parse_with_file(arguments);
        std::fs::remove_file(path).unwrap();
        parsed
    }

    #[test]
    fn the_file_fills_in_and_flags_override() {
        let flags = parse("port = 7\narchive = true\nname = 'a'", &["--name", "b"]).unwrap();
        assert_eq!((flags.port, flags.archive, flags.name.as_deref()), (7, true, Some("b")));
    }

    #[derive(Parser, Debug, PartialEq)]
    enum Commands {
        Serve(Flags),
        Other,
    }

    #[test]
    fn the_file_has_the_flags_of_the_subcommand() {
        let Commands::Serve(flags) = parse_after("port = 7\nname = 'a'", &["serve"], &["--name", "b"]).unwrap() else {
            panic!("another subcommand")
        };
        assert_eq!((flags.port, flags.name.as_deref()), (7, Some("b")));
        let other = parse_after::<Commands>("port = 7", &["other"], &[]);
        assert!(matches!(other, Err(FlagsError::UnknownKey { key, .. }) if key == "port"));
    }

    #[test]
    fn what_is_no_flag_is_refused() {
        assert!(matches!(parse("prot = 7", &[]), Err(FlagsError::UnknownKey { key, .. }) if key == "prot"));
        assert!(matches!(parse("port = [7]", &[]), Err(FlagsError::UnsupportedValue { .. })));
        assert!(matches!(parse("port = ", &[]), Err(FlagsError::Syntax { line: 1, .. })));
        assert!(matches!(parse("port = 'x'", &[]), Err(FlagsError::Flags(_))));
        assert!(matches!(parse("config = 'x'", &[]), Err(FlagsError::UnknownKey { .. })));
    }

    #[test]
    fn what_stands_in_a_wrong_line_is_not_shown() {
        for wrong in ["name = 's3cret", "name = s3cret", "name = \"s3cret\" x", "name = 's3cret'\nname = 's3cret'"] {
            let error = parse(&format!("port = 7\n{wrong}"), &[]).unwrap_err().to_string();
            assert!(error.contains(", line ") && !error.contains("s3cret"), "{error}");
        }
    }
}
