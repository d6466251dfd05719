//! What goes wrong between a program and the engine. All of it may pass: whoever meets it waits and tries again.

use std::{io, path::PathBuf};

/// Why the engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    /// It refused, or cannot be reached.
    #[error("{doing}: {source}")]
    Engine {
        /// What was asked of it.
        doing: &'static str,
        /// What the client says.
        source: async_nats::Error,
    },
    /// There is no connection to it.
    #[error("there is no connection to any of its servers")]
    Away,
    /// It does not answer.
    #[error("{doing}: no answer")]
    Silent {
        /// What was asked of it.
        doing: &'static str,
    },
    /// The file with certificates cannot be read.
    #[error("--farm-ca: {path}: {error}")]
    Certificates {
        /// The file's path.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// The file with the password has none that can be read.
    #[error("--farm-password-file: {path}: {error}")]
    PasswordFile {
        /// The file's path.
        path: PathBuf,
        /// What the operating system said, or that there is no password.
        #[source]
        error: io::Error,
    },
    /// A user without a password.
    #[error("--farm-user has no password: give --farm-password-file, or TANDEM_FARM_PASSWORD")]
    NoPassword,
    /// A file that goes to the object store, or comes from it, cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file's path.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
}

impl FarmError {
    /// Makes an error of the client's one of these.
    pub(super) fn engine<E: Into<async_nats::Error>>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Engine { doing, source: source.into() }
    }
}
