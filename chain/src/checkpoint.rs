//! What L2 knows of L1 besides messages. Rules L1-CP-1, L1-CP-2; twin: `Inbox.sol`.

use crate::abi::Words;
use alloc::vec::Vec;
use alloy_primitives::{B256, U256};

/// An L1 block, as the Inbox recorded it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct Checkpoint {
    /// Number of the L1 block that the checkpoint describes.
    pub number: u64,
    /// L1 block time in seconds.
    pub timestamp: u64,
    /// L1 base fee in wei per gas.
    pub base_fee: U256,
    /// L1 blob base fee in wei per blob gas.
    pub blob_base_fee: U256,
}

impl Checkpoint {
    /// The checkpoint's hash `checkpointHash` (L1-CP-1).
    pub fn hash(&self) -> B256 {
        self.words().hash()
    }

    /// The bytes that are hashed.
    pub fn encode(&self) -> Vec<u8> {
        self.words().encode()
    }

    fn words(&self) -> Words {
        Words::default().uint(self.number).uint(self.timestamp).uint(self.base_fee).uint(self.blob_base_fee)
    }
}
