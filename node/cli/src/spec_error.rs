//! Why a chain specification is not taken, of either kind.

use std::path::PathBuf;

use tandem_l1::deploy::DeployError;
use tandem_vm::ElfError;

/// Why a specification is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// It cannot be read.
    #[error("cannot read chain specification {path}: {error}")]
    Read {
        /// The specification's path.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The file is no chain specification.
    #[error("{path} is not a chain specification: {error}")]
    Malformed {
        /// The specification's path.
        path: PathBuf,
        /// The place in the file, and what is wrong there.
        error: toml::de::Error,
    },
    /// A role that somebody must have is given to nobody.
    #[error("chain specification: role `{role}` must not be the zero address")]
    NobodyIs {
        /// The role's name in the specification.
        role: &'static str,
    },
    /// A number that must not be zero.
    #[error("chain specification: `{field}` must not be zero")]
    Zero {
        /// The field's name in the specification.
        field: &'static str,
    },
    /// A circuit that does not exist.
    #[error(
        "chain specification: there is no circuit `{name}` (apply-small, apply-large, apply-huge, session-small, session-large, session-huge)"
    )]
    Circuit {
        /// The name in `devnet-circuits`.
        name: String,
    },
    /// Keys of a file and of the devnet at once.
    #[error("chain specification: `keys` names the verifying keys, so that `devnet-circuits` means nothing")]
    KeysTwice,
    /// The contracts would refuse it, or the chain would not work.
    #[error("chain specification: {0}")]
    Refused(#[from] DeployError),
    /// This release's own fault-proof program is damaged.
    #[error("prover/guest/elf/epoch.elf: {0}")]
    Guest(#[from] ElfError),
}
