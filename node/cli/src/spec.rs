//! The chain specification file of `tandem deploy`: TOML in which everything but the roles has a default.
//!
//! Adversarial: it is an operator's file; a key that is none is refused rather than ignored, and so is a limit that the contracts
//! would refuse only after gas was paid.

use std::path::Path;

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use tandem_chain::{ChainConfig, ChainKind, config, epoch::limits::EPOCH_WEIGHT_GAS_MAX};
use tandem_l1::{
    ChainSpec,
    deploy::{DeployError, DisputeTerms, GRACE_SECONDS_MIN, NOTICE_SECONDS_MIN, RulesSpec},
};
use tandem_vm::Image;

use crate::payments::spec::PaymentsSpecFile;
pub use crate::spec_error::SpecError;

/// The file. Times in seconds, amounts in wei.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SpecFile {
    /// Chain id of L2, which users sign.
    pub l2_chain_id: u64,
    /// L1 chain id; that of the endpoint if absent.
    pub l1_chain_id: Option<u64>,
    /// Time of the genesis block; that of L1's newest block if absent.
    pub genesis_timestamp: Option<u64>,
    /// Who may do what.
    pub roles: Roles,
    /// Limits of blocks and batches.
    #[serde(default)]
    pub limits: Limits,
    /// Epochs, claims and delays.
    #[serde(default)]
    pub settlement: Settlement,
    /// Terms of the dispute contract that is deployed along; not with `settlement.dispute`.
    pub dispute: Option<DisputeTerms>,
}

/// The accounts on L1 that have a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Roles {
    /// Owns the schedule, and proposes upgrades of the Bridge.
    pub owner: Address,
    /// The account that appends batches.
    pub sequencer: Address,
    /// May pause deposits; nobody if absent.
    #[serde(default)]
    pub guardian: Address,
    /// Receives the fees; the owner if absent.
    pub fee_recipient: Option<Address>,
}

/// Limits of blocks and batches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// Gas limit of every block.
    pub block_gas_limit: u64,
    /// Most blocks of a batch.
    pub blocks_per_batch: u64,
    /// Most transactions of a batch.
    pub transactions_per_batch: u64,
    /// Most bytes of a decompressed payload.
    pub payload_bytes: u64,
    /// Most L1 messages of a batch.
    pub messages_per_batch: u64,
    /// Most gas of a batch's L1 messages.
    pub message_gas_per_batch: u64,
    /// Work budget of a batch, in gas.
    pub work_gas_per_batch: u64,
    /// The lowest base fee, in wei per gas.
    pub min_base_fee: u64,
    /// How far block times may be from L1's.
    pub timestamp_drift: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            block_gas_limit: 30_000_000,
            blocks_per_batch: 4_096,
            transactions_per_batch: 20_000,
            payload_bytes: 2_000_000,
            messages_per_batch: 64,
            message_gas_per_batch: 32_000_000,
            work_gas_per_batch: 300_000_000,
            min_base_fee: 1_000_000,
            timestamp_drift: 600,
        }
    }
}

/// Epochs, claims and delays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Settlement {
    /// An epoch closes before its batches weigh more together, in gas; every batch is an epoch at least.
    pub epoch_weight_gas: u64,
    /// An epoch may close so long after its first batch.
    pub epoch_seconds: u32,
    /// A claim can be rivalled for so long.
    pub claim_window_seconds: u32,
    /// Wei locked by a claim.
    pub claim_bond: u128,
    /// Decides contested claims; one that is deployed along if absent. The zero address: nobody, which devnets alone may do.
    pub dispute: Option<Address>,
    /// Memory root of the fault-proof program; that of this release's program if absent.
    pub guest_hash: Option<B256>,
    /// A batch names a checkpoint at most so old.
    pub checkpoint_age_seconds: u32,
    /// After so long batches must take a message.
    pub forced_inclusion_window_seconds: u64,
    /// Between an owner's decision and its effect.
    pub delay_seconds: u64,
    /// Between the finality of the last epoch under old rules and what follows under new ones.
    pub grace_seconds: u64,
    /// How long all pauses together may last.
    pub pause_seconds: u64,
}

impl Default for Settlement {
    fn default() -> Self {
        Self {
            epoch_weight_gas: EPOCH_WEIGHT_GAS_MAX,
            epoch_seconds: 3_600,
            // The dispute contract's defaults ask for seven days and 18 hours, and for 0.991 ether.
            claim_window_seconds: 8 * 86_400,
            claim_bond: 1_000_000_000_000_000_000,
            dispute: None,
            guest_hash: None,
            checkpoint_age_seconds: 6 * 3_600,
            forced_inclusion_window_seconds: 12 * 3_600,
            delay_seconds: NOTICE_SECONDS_MIN + 12 * 3_600,
            grace_seconds: GRACE_SECONDS_MIN,
            pause_seconds: 7 * 86_400,
        }
    }
}

/// A specification of either kind of chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// An EVM chain: `kind` is absent, or `evm`.
    Evm(Box<SpecFile>),
    /// A payments chain: `kind` is `payments`.
    Payments(Box<PaymentsSpecFile>),
}

impl Spec {
    /// Reads a specification.
    pub fn read(path: &Path) -> Result<Self, SpecError> {
        let text = std::fs::read_to_string(path).map_err(|error| SpecError::Read { path: path.into(), error })?;
        Self::parse(&text).map_err(|error| SpecError::Malformed { path: path.into(), error })
    }

    /// The specification that a text is.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let mut table: toml::Table = toml::from_str(text)?;
        match table.get("kind") {
            None => toml::from_str(text).map(Self::Evm),
            Some(kind) if kind.as_str() == Some("evm") => {
                table.remove("kind");
                table.try_into().map(Self::Evm)
            }
            Some(_) => toml::from_str(text).map(Self::Payments),
        }
    }
}

/// The fault-proof program of this release (`prover/guest`).
const GUEST: &[u8] = include_bytes!("../../../prover/guest/elf/epoch.elf");

fn own_guest_hash() -> Result<B256, SpecError> {
    Ok(Image::from_elf(GUEST)?.memory_root())
}

impl SpecFile {
    /// What is deployed, checked as far as that can be done without L1.
    pub fn chain_spec(&self) -> Result<ChainSpec, SpecError> {
        self.check()?;
        let (roles, limits, settlement) = (&self.roles, &self.limits, &self.settlement);
        let dispute_terms = match (settlement.dispute, self.dispute) {
            (Some(dispute), Some(_)) => return Err(DeployError::TwoDisputes { dispute }.into()),
            (Some(_), None) => None,
            (None, terms) => Some(terms.unwrap_or_default()),
        };
        let spec = ChainSpec {
            chain: ChainConfig {
                version: config::CONFIG_VERSION,
                kind: ChainKind::Evm,
                l1_chain_id: self.l1_chain_id.unwrap_or_default(),
                l2_chain_id: self.l2_chain_id,
                inbox: Address::ZERO,
                settlement: Address::ZERO,
                bridge: Address::ZERO,
                l1_fee_recipient: roles.fee_recipient.unwrap_or(roles.owner),
                genesis_timestamp: self.genesis_timestamp.unwrap_or_default(),
                fork: config::FORK_OSAKA,
                block_gas_limit: limits.block_gas_limit,
                max_blocks_per_batch: limits.blocks_per_batch,
                max_transactions_per_batch: limits.transactions_per_batch,
                max_payload_bytes: limits.payload_bytes,
                max_messages_per_batch: limits.messages_per_batch,
                max_message_gas_per_batch: limits.message_gas_per_batch,
                max_work_gas_per_batch: limits.work_gas_per_batch,
                min_base_fee: limits.min_base_fee,
                max_timestamp_drift: limits.timestamp_drift,
            },
            owner: roles.owner,
            sequencer: roles.sequencer,
            guardian: roles.guardian,
            pause_seconds: settlement.pause_seconds,
            forced_inclusion_window_seconds: settlement.forced_inclusion_window_seconds,
            delay_seconds: settlement.delay_seconds,
            grace_seconds: settlement.grace_seconds,
            rules: RulesSpec {
                guest_hash: settlement.guest_hash.map_or_else(own_guest_hash, Ok)?,
                dispute: settlement.dispute.unwrap_or_default(),
                epoch_weight_gas: settlement.epoch_weight_gas,
                epoch_seconds: settlement.epoch_seconds,
                max_checkpoint_age_seconds: settlement.checkpoint_age_seconds,
                claim_window_seconds: settlement.claim_window_seconds,
                claim_bond: settlement.claim_bond,
            },
            dispute_terms,
            validity: None,
        };
        spec.check()?;
        Ok(spec)
    }

    /// What the specification alone can get wrong; the rest is [`ChainSpec::check`]'s.
    fn check(&self) -> Result<(), SpecError> {
        for (role, account) in [("owner", self.roles.owner), ("sequencer", self.roles.sequencer)] {
            if account.is_zero() {
                return Err(SpecError::NobodyIs { role });
            }
        }
        for (field, value) in [("l2-chain-id", self.l2_chain_id), ("min-base-fee", self.limits.min_base_fee)] {
            if value == 0 {
                return Err(SpecError::Zero { field });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const ROLES: &str = "[roles]\nowner = '0x0101010101010101010101010101010101010101'\nsequencer = '0x0202020202020202020202020202020202020202'\n";

    fn parse(text: &str) -> Result<ChainSpec, SpecError> {
        let file: SpecFile =
            toml::from_str(text).map_err(|error| SpecError::Malformed { path: PathBuf::new(), error })?;
        file.chain_spec()
    }

    #[test]
    fn roles_and_a_chain_id_suffice() {
        let spec = parse(&format!("l2-chain-id = 7\n{ROLES}")).unwrap();
        assert_eq!((spec.chain.l2_chain_id, spec.chain.l1_fee_recipient), (7, Address::repeat_byte(1)));
        assert_eq!((spec.sequencer, spec.guardian), (Address::repeat_byte(2), Address::ZERO));
        assert_eq!(spec.rules.guest_hash, Image::from_elf(GUEST).unwrap().memory_root());
        let chosen = format!("l2-chain-id = 7\n{ROLES}[settlement]\nguest-hash = '{}'\n", B256::repeat_byte(7));
        assert_eq!(parse(&chosen).unwrap().rules.guest_hash, B256::repeat_byte(7));
    }

    #[test]
    fn a_file_without_a_kind_is_an_evm_chains() {
        let file = format!("l2-chain-id = 7\n{ROLES}");
        for text in [file.clone(), format!("kind = 'evm'\n{file}")] {
            let Spec::Evm(spec) = Spec::parse(&text).unwrap() else { panic!("an EVM chain") };
            assert_eq!(spec.chain_spec().unwrap().chain.kind, ChainKind::Evm);
        }
        assert!(matches!(Spec::parse(&format!("kind = 'payments'\n{file}")), Ok(Spec::Payments(_))));
        for bad in ["kind = 'EVM'\n", "kind = 1\n", "kind = 'evm'\nkeys = 'keys'\n"] {
            assert!(Spec::parse(&format!("{bad}{file}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for bad in ["l2-chain-id = 7\nl2-chian-id = 8\n", "l2-chain-id = -1\n", "l2-chain-id = '7'\n", ""] {
            assert!(matches!(parse(&format!("{bad}{ROLES}")), Err(SpecError::Malformed { .. })), "{bad}");
        }
        let with = |section: &str| parse(&format!("l2-chain-id = 7\n{ROLES}{section}"));
        assert!(matches!(with("[limits]\nmax-gas = 1"), Err(SpecError::Malformed { .. })));
        assert!(matches!(with("[limits]\nmin-base-fee = 0"), Err(SpecError::Zero { field: "min-base-fee" })));
    }

    /// Each bound in the file's own terms, and one step inside it.
    /// Tests L1-SCHED-5, L1-SCHED-6.
    #[test]
    fn what_the_contracts_or_the_machine_refuse_is_refused() {
        let with = |section: &str| parse(&format!("l2-chain-id = 7\n{ROLES}{section}"));
        for (bad, good) in [
            ("[limits]\nblock-gas-limit = 17999999", "[limits]\nblock-gas-limit = 18000000"),
            ("[limits]\nblocks-per-batch = 0", "[limits]\nblocks-per-batch = 1"),
            ("[limits]\nmessages-per-batch = 0", "[limits]\nmessages-per-batch = 1"),
            ("[limits]\nmessage-gas-per-batch = 7999999", "[limits]\nmessage-gas-per-batch = 8000000"),
            ("[settlement]\nepoch-weight-gas = 0", "[settlement]\nepoch-weight-gas = 1"),
            ("[settlement]\nepoch-seconds = 0", "[settlement]\nepoch-seconds = 1"),
            ("[settlement]\nepoch-seconds = 604801", "[settlement]\nepoch-seconds = 604800"),
            ("[settlement]\ncheckpoint-age-seconds = 3599", "[settlement]\ncheckpoint-age-seconds = 3600"),
            // What the dispute contract needs, with its default terms; any, where nobody decides.
            ("[settlement]\nclaim-window-seconds = 669599", "[settlement]\nclaim-window-seconds = 669600"),
            ("[settlement]\nclaim-bond = 990499999999999999", "[settlement]\nclaim-bond = 990500000000000000"),
            (
                "[settlement]\ndispute = '0x0000000000000000000000000000000000000000'\nclaim-window-seconds = 0",
                "[settlement]\ndispute = '0x0000000000000000000000000000000000000000'\nclaim-window-seconds = 1",
            ),
            ("[dispute]\nturn-seconds = 0", "[dispute]\nturn-seconds = 1"),
            ("[dispute]\ngas-price-cap-gwei = 51", "[dispute]\ngas-price-cap-gwei = 50"),
            (
                "[settlement]\ndispute = '0x0707070707070707070707070707070707070707'\n[dispute]\nturn-seconds = 1",
                "[settlement]\ndispute = '0x0707070707070707070707070707070707070707'",
            ),
            ("[settlement]\nforced-inclusion-window-seconds = 0", "[settlement]\nforced-inclusion-window-seconds = 1"),
            ("[settlement]\npause-seconds = 2592001", "[settlement]\npause-seconds = 2592000"),
            ("[settlement]\ndelay-seconds = 43199", "[settlement]\ndelay-seconds = 43200"),
            ("[settlement]\nclaim-window-seconds = 2592001", "[settlement]\nclaim-window-seconds = 2592000"),
            // Neither a heavier epoch fits the machine, nor a heavier batch.
            ("[settlement]\nepoch-weight-gas = 439804652", "[settlement]\nepoch-weight-gas = 439804651"),
            ("[limits]\nwork-gas-per-batch = 397723724", "[limits]\nwork-gas-per-batch = 397723723"),
        ] {
            assert!(matches!(with(bad), Err(SpecError::Refused(_))), "{bad}");
            assert!(with(good).is_ok(), "{good}");
        }
        let mut file: SpecFile = toml::from_str(&format!("l2-chain-id = 7\n{ROLES}")).unwrap();
        file.settlement.claim_bond = 1_000 * 10_u128.pow(18);
        assert!(file.chain_spec().is_ok());
        file.settlement.claim_bond += 1;
        assert!(matches!(file.chain_spec(), Err(SpecError::Refused(_))));
    }

    /// A specification that names a real L1 gets its bounds at once, and the defaults keep them.
    #[test]
    fn off_the_devnets_somebody_decides() {
        let with = |section: &str| parse(&format!("l2-chain-id = 7\nl1-chain-id = 1\n{ROLES}[settlement]\n{section}"));
        let spec = with("").unwrap();
        assert_eq!((spec.rules.dispute, spec.dispute_terms), (Address::ZERO, Some(DisputeTerms::default())));
        let spec = with("dispute = '0x0707070707070707070707070707070707070707'\n").unwrap();
        assert_eq!((spec.rules.dispute, spec.dispute_terms), (Address::repeat_byte(7), None));
        let refused = with("dispute = '0x0000000000000000000000000000000000000000'\n");
        assert!(matches!(refused, Err(SpecError::Refused(DeployError::NoDispute { l1_chain_id: 1 }))), "{refused:?}");
        for short in ["delay-seconds = 3239999", "grace-seconds = 1209599", "[dispute]\nallowance-seconds = 647999"] {
            assert!(matches!(with(short), Err(SpecError::Refused(_))), "{short}");
        }
    }

    #[test]
    fn the_defaults_fit_the_machine() {
        let spec = parse(&format!("l2-chain-id = 7\n{ROLES}")).unwrap();
        assert!(tandem_chain::epoch::limits::fits_machine(&spec.chain, spec.rules.epoch_weight_gas));
    }
}
