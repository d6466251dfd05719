//! Where the engine is, and as which user a program shows itself there.
//!
//! User and password stand beside the addresses, never in them: an address is shown in errors, in logs and by the client, and the client would not send what stands in it.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use async_nats::ServerAddr;

use super::error::FarmError;

/// The longest password file, in bytes.
const PASSWORD_BYTES_MAX: u64 = 1_024;

/// A password that never shows itself.
#[derive(Clone)]
pub struct Password(String);

/// A password without a letter. Says nothing else about the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password has at least one letter")]
pub struct NoPassword;

impl Password {
    /// What the server is told.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The password in a file, whose last line may end or not.
    ///
    /// # Errors
    /// If the file cannot be read, is longer than any password, or has none.
    fn read(path: &Path) -> io::Result<Self> {
        let mut text = String::new();
        // One byte more than any password has, whatever the file is.
        File::open(path)?.take(PASSWORD_BYTES_MAX + 1).read_to_string(&mut text)?;
        if text.len() as u64 > PASSWORD_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        text.trim_end_matches(['\r', '\n']).parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a password")
    }
}

impl FromStr for Password {
    type Err = NoPassword;

    fn from_str(text: &str) -> Result<Self, NoPassword> {
        if text.is_empty() { Err(NoPassword) } else { Ok(Self(text.into())) }
    }
}

/// A user of the engine.
#[derive(Clone, Debug)]
pub struct FarmLogin {
    /// The user's name.
    pub user: String,
    /// What proves it.
    pub password: Password,
}

impl FarmLogin {
    /// The user that flags name, with the password of a file or, if there is none, of a flag or variable; nobody if they name no user.
    ///
    /// # Errors
    /// If the file has no password, or neither is given.
    pub fn of(user: Option<&str>, file: Option<&Path>, password: Option<&Password>) -> Result<Option<Self>, FarmError> {
        let Some(user) = user else { return Ok(None) };
        let password = match (file, password) {
            (Some(path), _) => {
                Password::read(path).map_err(|error| FarmError::PasswordFile { path: path.into(), error })?
            }
            (None, Some(password)) => password.clone(),
            (None, None) => return Err(FarmError::NoPassword),
        };
        Ok(Some(Self { user: user.into(), password }))
    }
}

/// Where the engine is, and how it is known.
#[derive(Clone, Debug)]
pub struct FarmAddress {
    /// Its servers, without user and password. One of scheme `tls` has all of them asked for TLS.
    pub servers: Vec<ServerAddr>,
    /// The user as whom this program shows itself; nobody if absent.
    pub login: Option<FarmLogin>,
    /// File with the certificates that its servers' are signed by; the system's if absent.
    pub ca: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cret, with a comma";

    #[test]
    fn passwords_do_not_leak() {
        let password: Password = SECRET.parse().unwrap();
        let login = FarmLogin::of(Some("left"), None, Some(&password)).unwrap().unwrap();
        assert_eq!(login.password.text(), SECRET);
        let address = FarmAddress { servers: vec!["nats://a".parse().unwrap()], login: Some(login), ca: None };
        assert!(!format!("{password:?} {address:?}").contains("s3cret"));
        assert_eq!("".parse::<Password>().unwrap_err(), NoPassword);
    }

    #[test]
    fn a_user_has_the_password_of_its_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let of = |user| FarmLogin::of(user, Some(file.path()), None);
        for (text, expected) in [(SECRET, Some(SECRET)), ("s3cret\n", Some("s3cret")), ("\n", None), ("", None)] {
            std::fs::write(file.path(), text).unwrap();
            let found = of(Some("left")).map(|login| login.unwrap().password.text().to_owned());
            assert_eq!(found.as_deref().ok(), expected, "{text:?}");
            if let Err(error) = found {
                assert!(matches!(error, FarmError::PasswordFile { .. }));
            }
        }
        std::fs::write(file.path(), "s3cret".repeat(200)).unwrap();
        let error = of(Some("left")).unwrap_err().to_string();
        assert!(error.contains("--farm-password-file") && !error.contains("s3cret"), "{error}");
        assert!(of(None).unwrap().is_none(), "nobody asks for it");
        assert!(matches!(FarmLogin::of(Some("left"), None, None), Err(FarmError::NoPassword)));
    }
}
