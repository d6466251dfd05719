//! What an epoch may take in the machine (VM-9): measured with `make bench-vm`, bounded here with room to spare.

use crate::{ChainConfig, batch::BLOBS_MAX, work};

/// Half of the steps that a dispute covers (VM-9).
pub const EPOCH_STEPS_MAX: u64 = 1 << 39;
/// Steps that a unit of weight (L1-WORK-2) can cost; 1,000 were measured for gas, with ecrecover.
pub const STEPS_PER_GAS_MAX: u64 = 1_250;
/// Most that the batches of an epoch may weigh together.
pub const EPOCH_WEIGHT_GAS_MAX: u64 = EPOCH_STEPS_MAX / STEPS_PER_GAS_MAX;

/// Whether every epoch under this configuration ends within [`EPOCH_STEPS_MAX`] if it closes before its batches weigh more than so much
/// together (L1-EPOCH-1), or holds a single one.
pub fn fits_machine(config: &ChainConfig, epoch_weight_gas: u64) -> bool {
    epoch_weight_gas.max(batch_weight_gas_max(config)) <= EPOCH_WEIGHT_GAS_MAX
}

/// The most that a batch under this configuration can weigh, as far as its work is executed: beyond the configuration's budget none is
/// (EVM-WORK-1), whatever it declares.
fn batch_weight_gas_max(config: &ChainConfig) -> u64 {
    let posted_bytes = work::blob_bytes(BLOBS_MAX);
    let (messages, message_gas) = (config.max_messages_per_batch, config.max_message_gas_per_batch);
    work::weight_gas(config.max_work_gas_per_batch, messages, message_gas, posted_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(max_work_gas_per_batch: u64) -> ChainConfig {
        ChainConfig {
            max_blocks_per_batch: 4_096,
            max_transactions_per_batch: 20_000,
            max_payload_bytes: 4_000_000,
            max_messages_per_batch: 64,
            max_message_gas_per_batch: 64_000_000,
            max_work_gas_per_batch,
            ..crate::config::tests::config()
        }
    }

    #[test]
    fn epochs_and_batches_are_bounded() {
        assert!(fits_machine(&config(300_000_000), 1));
        assert!(fits_machine(&config(300_000_000), EPOCH_WEIGHT_GAS_MAX));
        assert!(!fits_machine(&config(300_000_000), EPOCH_WEIGHT_GAS_MAX + 1));
        assert!(!fits_machine(&config(300_000_000), u64::MAX));
        // A batch is an epoch at least.
        assert!(!fits_machine(&config(400_000_000), 1));
        assert!(!fits_machine(&config(u64::MAX), 1));
        assert!(!fits_machine(&ChainConfig { max_message_gas_per_batch: 140_000_000, ..config(300_000_000) }, 1));
        assert!(!fits_machine(&ChainConfig { max_messages_per_batch: 1_000_000, ..config(1) }, 1));
    }

    #[test]
    fn weights_cover_what_was_measured() {
        let steps = |gas: u64| gas * STEPS_PER_GAS_MAX;
        // On a small state, and a path of a dozen full branches beside.
        assert!(steps(work::GAS_PER_BLOCK) >= 2 * 480_000);
        assert_eq!(work::GAS_PER_MESSAGE, work::GAS_PER_BLOCK);
        // Addresses of a table of 200,000, and three times that in a deep one.
        assert!(steps(work::GAS_PER_PAYLOAD_BYTE) >= 3 * 2_300);
        // Six blobs of the costliest compressed blocks.
        assert!(steps(work::GAS_PER_POSTED_BYTE) * work::blob_bytes(BLOBS_MAX) >= 2 * 6_100_000_000);
    }
}
