//! Outputs: the state after a batch, as Settlement knows it. Rules L1-OUT-1, L1-OUT-2, L1-CLAIM-1; twin: `FraudSettlement.sol`.

use crate::abi::Words;
use alloc::vec::Vec;
use alloy_primitives::B256;

/// Version of the output format (L1-OUT-1).
pub const OUTPUT_VERSION: u64 = 1;

/// Everything that `transition` needs of the past, reached by hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct OutputFields {
    /// Configuration of the batch.
    pub config_hash: B256,
    /// The batch; zero at genesis.
    pub batch_hash: B256,
    /// Last block of the chain so far.
    pub last_block_hash: B256,
    /// Root of the state after the batch's last block.
    pub state_root: B256,
    /// Root of the cumulative L2-to-L1 message tree.
    pub message_root: B256,
    /// L1 messages consumed so far.
    pub queue_index: u64,
}

impl OutputFields {
    /// The hash `output` of these fields (L1-OUT-1).
    pub fn hash(&self) -> B256 {
        self.words().hash()
    }

    /// The bytes that are hashed.
    pub fn encode(&self) -> Vec<u8> {
        self.words().encode()
    }

    fn words(&self) -> Words {
        Words::default()
            .uint(OUTPUT_VERSION)
            .word(self.config_hash)
            .word(self.batch_hash)
            .word(self.last_block_hash)
            .word(self.state_root)
            .word(self.message_root)
            .uint(self.queue_index)
    }
}

/// `slotId`: where rival claims meet (L1-CLAIM-1).
pub fn slot_id(parent_claim: B256, entry_hash: B256, last_batch_hash: B256) -> B256 {
    Words::default().word(parent_claim).word(entry_hash).word(last_batch_hash).hash()
}

/// The id of the claim that the slot ends in this output (L1-CLAIM-1).
pub fn claim_id(slot_id: B256, output: B256) -> B256 {
    Words::default().word(slot_id).word(output).hash()
}
