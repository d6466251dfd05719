//! The specification file of a payments chain: TOML with `kind = "payments"`. What belongs to epochs, claims, blocks or disputes has no key in it.
//!
//! Adversarial: as `spec.rs`.

use std::path::PathBuf;

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use tandem_chain::{ChainConfig, ChainKind, config};
use tandem_circuits::circuit::CircuitId;
use tandem_l1::{
    ChainSpec,
    deploy::{CENSORSHIP_SECONDS, GRACE_SECONDS_MIN, KeySet, NOTICE_SECONDS_MIN, RulesSpec, ValiditySpec},
};

use crate::spec_error::SpecError;

/// The file. Times in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PaymentsSpecFile {
    /// Says which kind of file this is.
    pub kind: Kind,
    /// Chain id of L2, which users sign.
    pub l2_chain_id: u64,
    /// L1 chain id; that of the endpoint if absent.
    pub l1_chain_id: Option<u64>,
    /// Time of genesis; that of L1's newest block if absent.
    pub genesis_timestamp: Option<u64>,
    /// The file with the verifying keys, relative to this one; the devnet's if absent, on a devnet only.
    pub keys: Option<PathBuf>,
    /// The circuits of which the chain gets the devnet's keys, by name; the four that are usual if absent. Not beside `keys`.
    pub devnet_circuits: Option<Vec<String>>,
    /// Who may do what.
    pub roles: Roles,
    /// Limits of batches.
    #[serde(default)]
    pub limits: Limits,
    /// Delays, in seconds.
    #[serde(default)]
    pub settlement: Settlement,
}

/// The kind of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Payments, settled by validity proofs.
    Payments,
}

/// The accounts on L1 that have a role. Fees go to the operator that each batch names.
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
}

/// Limits of what a batch must take from the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// Most L1 messages of a batch.
    pub messages_per_batch: u64,
    /// Most gas of a batch's L1 messages, 100,000 for each slot that one may take.
    pub message_gas_per_batch: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { messages_per_batch: 320, message_gas_per_batch: 32_000_000 }
    }
}

/// Delays and windows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Settlement {
    /// How long overdue messages may stay unproven before anybody can end the chain.
    pub escape_delay_seconds: u64,
    /// A batch names a checkpoint, and a time, at most so old.
    pub checkpoint_age_seconds: u32,
    /// After so long batches must take a message.
    pub forced_inclusion_window_seconds: u64,
    /// Between an owner's decision and its effect.
    pub delay_seconds: u64,
    /// Between the last batch under old rules and an upgrade of the Bridge.
    pub grace_seconds: u64,
    /// How long all pauses together may last.
    pub pause_seconds: u64,
}

impl Default for Settlement {
    fn default() -> Self {
        let (escape_delay_seconds, forced_inclusion_window_seconds) = (7 * 86_400, 12 * 3_600);
        Self {
            escape_delay_seconds,
            checkpoint_age_seconds: 6 * 3_600,
            forced_inclusion_window_seconds,
            delay_seconds: NOTICE_SECONDS_MIN
                + CENSORSHIP_SECONDS
                + escape_delay_seconds
                + forced_inclusion_window_seconds,
            grace_seconds: GRACE_SECONDS_MIN,
            pause_seconds: 7 * 86_400,
        }
    }
}

impl PaymentsSpecFile {
    /// The circuits whose devnet keys the chain gets.
    ///
    /// # Errors
    /// If there is no circuit of a name, or keys are named as well.
    pub fn devnet_circuits(&self) -> Result<Vec<CircuitId>, SpecError> {
        let Some(names) = &self.devnet_circuits else { return Ok(CircuitId::STANDARD.to_vec()) };
        if self.keys.is_some() {
            return Err(SpecError::KeysTwice);
        }
        let circuit = |name: &String| CircuitId::named(name).ok_or_else(|| SpecError::Circuit { name: name.clone() });
        names.iter().map(circuit).collect()
    }

    /// What is deployed with these keys, checked as far as that can be done without L1.
    pub fn chain_spec(&self, keys: KeySet) -> Result<ChainSpec, SpecError> {
        let (roles, settlement) = (&self.roles, &self.settlement);
        for (role, account) in [("owner", roles.owner), ("sequencer", roles.sequencer)] {
            if account.is_zero() {
                return Err(SpecError::NobodyIs { role });
            }
        }
        if self.l2_chain_id == 0 {
            return Err(SpecError::Zero { field: "l2-chain-id" });
        }
        let spec = ChainSpec {
            // What blocks, payloads and the EVM have is zero.
            chain: ChainConfig {
                version: config::CONFIG_VERSION,
                kind: ChainKind::Payments,
                l1_chain_id: self.l1_chain_id.unwrap_or_default(),
                l2_chain_id: self.l2_chain_id,
                inbox: Address::ZERO,
                settlement: Address::ZERO,
                bridge: Address::ZERO,
                l1_fee_recipient: Address::ZERO,
                genesis_timestamp: self.genesis_timestamp.unwrap_or_default(),
                fork: 0,
                block_gas_limit: 0,
                max_blocks_per_batch: 0,
                max_transactions_per_batch: 0,
                max_payload_bytes: 0,
                max_messages_per_batch: self.limits.messages_per_batch,
                max_message_gas_per_batch: self.limits.message_gas_per_batch,
                max_work_gas_per_batch: 0,
                min_base_fee: 0,
                max_timestamp_drift: 0,
            },
            owner: roles.owner,
            sequencer: roles.sequencer,
            guardian: roles.guardian,
            pause_seconds: settlement.pause_seconds,
            forced_inclusion_window_seconds: settlement.forced_inclusion_window_seconds,
            delay_seconds: settlement.delay_seconds,
            grace_seconds: settlement.grace_seconds,
            rules: RulesSpec {
                guest_hash: B256::ZERO,
                dispute: Address::ZERO,
                epoch_weight_gas: 0,
                epoch_seconds: 0,
                max_checkpoint_age_seconds: settlement.checkpoint_age_seconds,
                claim_window_seconds: 0,
                claim_bond: 0,
            },
            dispute_terms: None,
            validity: Some(ValiditySpec { keys, escape_delay_seconds: settlement.escape_delay_seconds }),
        };
        spec.check()?;
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Spec;
    use tandem_support::payments::keys;

    const HEAD: &str = "kind = 'payments'\nl2-chain-id = 7\n";
    const ROLES: &str = "[roles]\nowner = '0x0101010101010101010101010101010101010101'\nsequencer = '0x0202020202020202020202020202020202020202'\n";

    fn parse(text: &str) -> Result<ChainSpec, SpecError> {
        let malformed = |error| SpecError::Malformed { path: PathBuf::new(), error };
        match Spec::parse(text).map_err(malformed)? {
            Spec::Payments(file) => file.chain_spec(keys()),
            Spec::Evm(_) => panic!("a payments chain"),
        }
    }

    #[test]
    fn circuits_of_devnet_keys_are_named_and_known() {
        let circuits = |line: &str| match Spec::parse(&format!("{HEAD}{line}\n{ROLES}")) {
            Ok(Spec::Payments(file)) => file.devnet_circuits(),
            other => panic!("{other:?}"),
        };
        assert_eq!(circuits("").unwrap(), CircuitId::STANDARD);
        let huge = circuits("devnet-circuits = ['apply-large', 'apply-huge', 'session-huge']").unwrap();
        assert_eq!(huge, [CircuitId::ApplyLarge, CircuitId::ApplyHuge, CircuitId::SessionHuge]);
        let unknown = circuits("devnet-circuits = ['apply-tiny']");
        assert!(matches!(&unknown, Err(SpecError::Circuit { name }) if name == "apply-tiny"), "{unknown:?}");
        let twice = circuits("keys = 'k'\ndevnet-circuits = ['apply-small']");
        assert!(matches!(twice, Err(SpecError::KeysTwice)), "{twice:?}");
    }

    #[test]
    fn roles_and_a_chain_id_suffice_on_every_l1() {
        for l1 in ["", "l1-chain-id = 1\n", "l1-chain-id = 31337\n"] {
            let spec = parse(&format!("{HEAD}{l1}{ROLES}")).unwrap();
            assert_eq!((spec.chain.kind, spec.chain.l2_chain_id), (ChainKind::Payments, 7));
            assert_eq!(spec.contracts(), 6);
            assert_eq!(spec.validity.unwrap(), ValiditySpec { keys: keys(), escape_delay_seconds: 604_800 });
        }
    }

    #[test]
    fn what_means_nothing_on_a_payments_chain_is_refused() {
        for foreign in [
            "[settlement]\nepoch-weight-gas = 1",
            "[settlement]\nepoch-seconds = 1",
            "[settlement]\nclaim-window-seconds = 1",
            "[settlement]\nclaim-bond = 1",
            "[settlement]\ndispute = '0x0707070707070707070707070707070707070707'",
            "[settlement]\nguest-hash = '0x0707070707070707070707070707070707070707070707070707070707070707'",
            "[dispute]\nturn-seconds = 1",
            "[limits]\nblock-gas-limit = 30000000",
            "[limits]\nwork-gas-per-batch = 1",
            "[limits]\nmin-base-fee = 1",
        ] {
            let found = parse(&format!("{HEAD}{ROLES}{foreign}"));
            let Err(SpecError::Malformed { error, .. }) = &found else { panic!("{foreign}: {found:?}") };
            assert!(error.to_string().contains("unknown field"), "{error}");
        }
        let recipient = format!("{HEAD}{ROLES}fee-recipient = '0x0303030303030303030303030303030303030303'");
        assert!(matches!(parse(&recipient), Err(SpecError::Malformed { .. })));
        let other = format!("kind = 'plasma'\nl2-chain-id = 7\n{ROLES}");
        assert!(matches!(parse(&other), Err(SpecError::Malformed { .. })));
        assert!(matches!(parse(&format!("kind = 'payments'\nl2-chain-id = 0\n{ROLES}")), Err(SpecError::Zero { .. })));
        let nobody = ROLES.replace("0x02", "0x00").replace("02", "00");
        let found = parse(&format!("{HEAD}{nobody}"));
        assert!(matches!(found, Err(SpecError::NobodyIs { role: "sequencer" })), "{found:?}");
    }

    /// Each bound in the file's own terms, and one step inside it. Tests L1-SCHED-5, PAY-FREEZE, PAY-NOTICE.
    #[test]
    fn what_the_contracts_refuse_is_refused() {
        let mainnet = format!("{HEAD}l1-chain-id = 1\n{ROLES}");
        let devnet = format!("{HEAD}{ROLES}");
        for (head, bad, good) in [
            (&mainnet, "[settlement]\nescape-delay-seconds = 86399", "[settlement]\nescape-delay-seconds = 86400"),
            (&mainnet, "[settlement]\nescape-delay-seconds = 604801", "[settlement]\nescape-delay-seconds = 604800"),
            (&mainnet, "[settlement]\ndelay-seconds = 5057999", "[settlement]\ndelay-seconds = 5058000"),
            (&mainnet, "[settlement]\ngrace-seconds = 1209599", "[settlement]\ngrace-seconds = 1209600"),
            (
                &mainnet,
                "[settlement]\nforced-inclusion-window-seconds = 21599",
                "[settlement]\nforced-inclusion-window-seconds = 21600",
            ),
            (&devnet, "[settlement]\nescape-delay-seconds = 0", "[settlement]\nescape-delay-seconds = 1"),
            (&devnet, "[settlement]\ncheckpoint-age-seconds = 3599", "[settlement]\ncheckpoint-age-seconds = 3600"),
            (&devnet, "[settlement]\npause-seconds = 2592001", "[settlement]\npause-seconds = 2592000"),
            (&devnet, "[limits]\nmessages-per-batch = 7", "[limits]\nmessages-per-batch = 8"),
            (&devnet, "[limits]\nmessage-gas-per-batch = 7999999", "[limits]\nmessage-gas-per-batch = 8000000"),
            (&devnet, "[limits]\nmessage-gas-per-batch = 40000001", "[limits]\nmessage-gas-per-batch = 40000000"),
        ] {
            let found = parse(&format!("{head}{bad}"));
            assert!(matches!(found, Err(SpecError::Refused(_))), "{bad}: {found:?}");
            parse(&format!("{head}{good}")).unwrap();
        }
    }
}
