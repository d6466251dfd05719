//! `devnet.json`: what is peculiar to a devnet. Its keys are public knowledge (Anvil's mnemonic) and worth nothing.

use std::path::Path;

use alloy::{
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use url::Url;

/// Its name in the devnet's directory.
pub const FILE: &str = "devnet.json";

/// What a devnet writes into `devnet.json` for whoever uses it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DevnetInfo {
    /// The address of L1's JSON-RPC.
    pub l1_rpc: Url,
    /// The address of L2's JSON-RPC.
    pub l2_rpc: Url,
    /// `POST /faucet/{address}`, and the beacon API of L1.
    pub faucet: Url,
    /// An ERC-20 on L1, of which every account holds some.
    pub token: Address,
    /// Funded on both chains.
    pub accounts: Vec<Account>,
}

/// An account that has ether on L1 and L2.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    /// The account's address.
    pub address: Address,
    /// Its key, as hex.
    pub key: String,
}

impl Account {
    /// The account of a key.
    pub fn of(key: &PrivateKeySigner) -> Self {
        Self { address: key.address(), key: B256::from(key.to_bytes()).to_string() }
    }
}

impl DevnetInfo {
    /// Reads it from a devnet's directory.
    pub fn read(dir: &Path) -> anyhow::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(dir.join(FILE))?)?)
    }

    /// Writes it, complete or not at all.
    pub fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let partial = dir.join("devnet.partial");
        std::fs::write(&partial, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(partial, dir.join(FILE)).context("cannot write devnet.json")
    }
}
