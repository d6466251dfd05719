//! What an epoch may take in the machine (VM-9): measured with `make bench-vm`, bounded here with room to spare.

use crate::ChainConfig;

/// Half of the steps that a dispute covers (dispute protocol, section 2).
pub const EPOCH_STEPS_MAX: u64 = 1 << 39;
/// Steps that a unit of gas can cost; 1,079 were measured, with ecrecover.
pub const STEPS_PER_GAS_MAX: u64 = 1_250;
/// Steps of a block without transactions; 480,000 were measured on a small state, and a path of a dozen full branches adds as many.
pub const STEPS_PER_BLOCK_MAX: u64 = 1_500_000;
/// Steps that posted bytes and messages can cost in a batch beside what they decompress to, six full blobs included.
pub const STEPS_PER_BATCH_BYTES_MAX: u64 = 12_000_000_000;
/// Steps that a byte of the payload's cap can cost, in looking addresses up in a table above all.
pub const STEPS_PER_PAYLOAD_BYTE_MAX: u64 = 8_000;

/// Whether every epoch of so many batches under this configuration ends within [`EPOCH_STEPS_MAX`].
pub fn fits_machine(config: &ChainConfig, epoch_batches: u32) -> bool {
    let gas = config.max_work_gas_per_batch.checked_add(config.max_message_gas_per_batch);
    // Each message may come to a block of its own.
    let blocks = config.max_blocks_per_batch.checked_add(config.max_messages_per_batch);
    let costs = [
        (gas, STEPS_PER_GAS_MAX),
        (blocks, STEPS_PER_BLOCK_MAX),
        (Some(config.max_payload_bytes), STEPS_PER_PAYLOAD_BYTE_MAX),
        (Some(1), STEPS_PER_BATCH_BYTES_MAX),
    ];
    let batch = costs.into_iter().try_fold(0_u64, |sum, (count, steps)| sum.checked_add(count?.checked_mul(steps)?));
    batch.and_then(|steps| steps.checked_mul(epoch_batches.into())).is_some_and(|steps| steps <= EPOCH_STEPS_MAX)
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
    fn gas_and_batches_are_bounded() {
        assert!(fits_machine(&config(300_000_000), 1));
        assert!(!fits_machine(&config(300_000_000), 2));
        assert!(fits_machine(&config(100_000_000), 2));
        assert!(!fits_machine(&config(400_000_000), 1));
        assert!(!fits_machine(&config(u64::MAX), 1));
        assert!(!fits_machine(&ChainConfig { max_blocks_per_batch: u64::MAX, ..config(1) }, 1));
        assert!(!fits_machine(&ChainConfig { max_payload_bytes: 64_000_000, ..config(1) }, 1));
        assert!(!fits_machine(&ChainConfig { max_payload_bytes: u64::MAX, ..config(1) }, 1));
        assert!(!fits_machine(&config(300_000_000), u32::MAX));
    }
}
