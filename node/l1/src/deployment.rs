//! One chain's deployment on L1, as `tandem deploy` writes it and every process reads it.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use tandem_chain::ChainConfig;

/// Everything that a node must be told about its chain.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deployment {
    /// Protocol parameters, the chain's kind among them; the L1 addresses of Inbox, Settlement and Bridge are in it.
    pub chain: ChainConfig,
    /// Schedule of rule versions.
    pub schedule: Address,
    /// Makes the calls of L2-to-L1 messages; zero on a payments chain, where messages call nothing.
    pub executor: Address,
    /// The only way to another Bridge.
    pub gate: Address,
    /// Decides contested slots under the first schedule entry, and tells which contract executes steps; zero if nobody does.
    #[serde(default)]
    pub dispute: Address,
    /// L1 block of the first of these contracts.
    pub start_block: u64,
    /// ABIs by contract name, for dApps.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub abis: serde_json::Map<String, serde_json::Value>,
}

/// Why a deployment file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// It cannot be read.
    #[error("cannot read deployment file {path}: {error}")]
    Read {
        /// The deployment file's path.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The file is no deployment file.
    #[error("{path} is not a deployment file: {error}")]
    Malformed {
        /// The deployment file's path.
        path: PathBuf,
        /// The place in the file, and what is wrong there.
        error: serde_json::Error,
    },
}

impl Deployment {
    /// Reads a deployment file.
    pub fn read(path: &Path) -> Result<Self, DeploymentError> {
        let bytes = std::fs::read(path).map_err(|error| DeploymentError::Read { path: path.into(), error })?;
        serde_json::from_slice(&bytes).map_err(|error| DeploymentError::Malformed { path: path.into(), error })
    }
}
