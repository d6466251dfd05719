//! A chain's configuration: what all its nodes and contracts agree on. Rule L1-CFG-1; twin: `FraudSettlement.sol`.

use crate::{
    abi::Words,
    epoch::limits::{EPOCH_STEPS_MAX, fits_machine},
    message::MESSAGE_GAS_MAX,
    work::payload_work_gas,
};
use alloc::vec::Vec;
use alloy_primitives::{Address, B256};

/// Which state machine a chain runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
#[repr(u8)]
pub enum ChainKind {
    /// EVM, settled by fraud proofs.
    Evm = 0,
    /// Payments, settled by validity proofs.
    Payments = 1,
}

/// Version of the configuration format.
pub const CONFIG_VERSION: u32 = 1;
/// Ethereum's Osaka, the only fork so far.
pub const FORK_OSAKA: u64 = 1;

/// Least gas limit of a block: the greatest transaction, or message, beside the batch's checkpoint (L1-SCHED-5).
pub const BLOCK_GAS_LIMIT_MIN: u64 = 18_000_000;

/// Why a chain would not work under a configuration (L1-SCHED-5, L1-SCHED-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The format is another one.
    #[error("the configuration has version {found}, not {CONFIG_VERSION}")]
    Version {
        /// The version of the configuration given.
        found: u32,
    },
    /// Rules that these programs do not have.
    #[error("there is no fork {found}")]
    Fork {
        /// The fork that the configuration names.
        found: u64,
    },
    /// A limit below what makes progress.
    #[error("{field} is {found}, and must be at least {min}")]
    TooSmall {
        /// The limit, in words for people.
        field: &'static str,
        /// The least value that it may have, in its unit.
        min: u64,
        /// The value that it has, in its unit.
        found: u64,
    },
    /// The worst epoch outgrows a dispute.
    #[error(
        "an epoch of weight {epoch_weight_gas}, or one such batch, can take more than {EPOCH_STEPS_MAX} steps of the fraud-proof machine"
    )]
    OutgrowsMachine {
        /// What the batches of an epoch may weigh.
        epoch_weight_gas: u64,
    },
}

/// Protocol parameters; `configHash` covers every field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
pub struct ChainConfig {
    /// Version of this format: [`CONFIG_VERSION`].
    pub version: u32,
    /// The state machine that the chain runs.
    pub kind: ChainKind,
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// Chain id of L2, which users sign.
    pub l2_chain_id: u64,
    /// Address of the Inbox on L1.
    pub inbox: Address,
    /// Address of the Settlement on L1.
    pub settlement: Address,
    /// Address of the Bridge's proxy on L1.
    pub bridge: Address,
    /// Receives what the fee vault withdraws, on L1.
    pub l1_fee_recipient: Address,
    /// Time of the genesis block, in seconds.
    pub genesis_timestamp: u64,
    /// The fork whose rules the EVM follows: [`FORK_OSAKA`].
    pub fork: u64,
    /// Gas limit of every block.
    pub block_gas_limit: u64,
    /// Most blocks that a payload may carry.
    pub max_blocks_per_batch: u64,
    /// Most transactions that a payload may carry.
    pub max_transactions_per_batch: u64,
    /// Most bytes of a decompressed payload.
    pub max_payload_bytes: u64,
    /// Most L1 messages of a batch.
    pub max_messages_per_batch: u64,
    /// Most gas of the L1 messages of a batch.
    pub max_message_gas_per_batch: u64,
    /// Work budget of a batch, in gas.
    pub max_work_gas_per_batch: u64,
    /// Lowest base fee, in wei.
    pub min_base_fee: u64,
    /// Seconds by which a block may be dated after its batch was posted.
    pub max_timestamp_drift: u64,
}

impl ChainConfig {
    /// The configuration's hash `configHash` (L1-CFG-1).
    pub fn hash(&self) -> B256 {
        self.words().hash()
    }

    /// Refuses limits under which the chain would not work (L1-SCHED-5, L1-SCHED-6), in epochs of so much weight. For whoever makes a chain;
    /// who follows one takes what L1 has.
    pub fn check(&self, epoch_weight_gas: u64) -> Result<(), ConfigError> {
        if self.version != CONFIG_VERSION {
            return Err(ConfigError::Version { found: self.version });
        }
        let at_least = |field, min, found| {
            if found < min { Err(ConfigError::TooSmall { field, min, found }) } else { Ok(()) }
        };
        at_least("messages per batch", 1, self.max_messages_per_batch)?;
        at_least("message gas per batch", MESSAGE_GAS_MAX, self.max_message_gas_per_batch)?;
        at_least("weight of an epoch", 1, epoch_weight_gas)?;
        if self.kind != ChainKind::Evm {
            return Ok(());
        }
        if self.fork != FORK_OSAKA {
            return Err(ConfigError::Fork { found: self.fork });
        }
        at_least("block gas limit", BLOCK_GAS_LIMIT_MIN, self.block_gas_limit)?;
        at_least("blocks per batch", 1, self.max_blocks_per_batch)?;
        at_least("transactions per batch", 1, self.max_transactions_per_batch)?;
        at_least("payload bytes", 1, self.max_payload_bytes)?;
        // Else no batch could hold what a block can, of whatever bytes.
        let payload_gas = payload_work_gas(1, self.max_payload_bytes);
        at_least("work gas per batch", self.block_gas_limit.saturating_add(payload_gas), self.max_work_gas_per_batch)?;
        if !fits_machine(self, epoch_weight_gas) {
            return Err(ConfigError::OutgrowsMachine { epoch_weight_gas });
        }
        Ok(())
    }

    /// The bytes that are hashed.
    pub fn encode(&self) -> Vec<u8> {
        self.words().encode()
    }

    fn words(&self) -> Words {
        Words::default()
            .uint(self.version)
            .uint(self.kind as u8)
            .uint(self.l1_chain_id)
            .uint(self.l2_chain_id)
            .address(self.inbox)
            .address(self.settlement)
            .address(self.bridge)
            .address(self.l1_fee_recipient)
            .uint(self.genesis_timestamp)
            .uint(self.fork)
            .uint(self.block_gas_limit)
            .uint(self.max_blocks_per_batch)
            .uint(self.max_transactions_per_batch)
            .uint(self.max_payload_bytes)
            .uint(self.max_messages_per_batch)
            .uint(self.max_message_gas_per_batch)
            .uint(self.max_work_gas_per_batch)
            .uint(self.min_base_fee)
            .uint(self.max_timestamp_drift)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    type Change = fn(&mut ChainConfig);

    /// The least limits that work.
    pub(crate) fn config() -> ChainConfig {
        ChainConfig {
            version: CONFIG_VERSION,
            kind: ChainKind::Evm,
            l1_chain_id: 1,
            l2_chain_id: 2,
            inbox: Address::ZERO,
            settlement: Address::ZERO,
            bridge: Address::ZERO,
            l1_fee_recipient: Address::ZERO,
            genesis_timestamp: 0,
            fork: FORK_OSAKA,
            block_gas_limit: BLOCK_GAS_LIMIT_MIN,
            max_blocks_per_batch: 1,
            max_transactions_per_batch: 1,
            max_payload_bytes: 1,
            max_messages_per_batch: 1,
            max_message_gas_per_batch: MESSAGE_GAS_MAX,
            max_work_gas_per_batch: BLOCK_GAS_LIMIT_MIN + payload_work_gas(1, 1),
            min_base_fee: 0,
            max_timestamp_drift: 0,
        }
    }

    #[test]
    fn the_least_limits_work_and_one_less_of_any_does_not() {
        assert_eq!(config().check(1), Ok(()));
        let less: [(&str, Change); 7] = [
            ("messages per batch", |config| config.max_messages_per_batch -= 1),
            ("message gas per batch", |config| config.max_message_gas_per_batch -= 1),
            ("block gas limit", |config| config.block_gas_limit -= 1),
            ("blocks per batch", |config| config.max_blocks_per_batch -= 1),
            ("transactions per batch", |config| config.max_transactions_per_batch -= 1),
            ("payload bytes", |config| config.max_payload_bytes -= 1),
            ("work gas per batch", |config| config.max_work_gas_per_batch -= 1),
        ];
        for (name, change) in less {
            let mut changed = config();
            change(&mut changed);
            assert!(
                matches!(changed.check(1), Err(ConfigError::TooSmall { field, min, found }) if field == name && found == min - 1)
            );
        }
        assert!(matches!(config().check(0), Err(ConfigError::TooSmall { field: "weight of an epoch", .. })));
    }

    #[test]
    fn what_outgrows_the_machine_or_is_unknown_is_refused() {
        let great = ChainConfig { max_work_gas_per_batch: 1_000_000_000, ..config() };
        assert_eq!(great.check(1), Err(ConfigError::OutgrowsMachine { epoch_weight_gas: 1 }));
        assert_eq!(config().check(u64::MAX), Err(ConfigError::OutgrowsMachine { epoch_weight_gas: u64::MAX }));
        assert_eq!(ChainConfig { version: 2, ..config() }.check(1), Err(ConfigError::Version { found: 2 }));
        assert_eq!(ChainConfig { fork: 2, ..config() }.check(1), Err(ConfigError::Fork { found: 2 }));
        // A payments chain has neither blocks of gas nor the machine.
        assert_eq!(ChainConfig { kind: ChainKind::Payments, block_gas_limit: 0, ..config() }.check(1), Ok(()));
    }
}
