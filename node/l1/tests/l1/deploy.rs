//! What is refused before it costs gas: as `Schedule.sol` refuses it, and what only the programs can know.

use alloy::{
    primitives::{Address, B256, bytes},
    providers::{Provider, ext::AnvilApi},
};
use tandem_chain::{ChainConfig, config::ConfigError, derive::genesis_output, epoch::limits::EPOCH_WEIGHT_GAS_MAX};
use tandem_l1::{
    ChainSpec,
    anvil::AnvilOptions,
    bindings::{Dispute, Schedule},
    deploy::{DeployError, DisputeTerms, RulesSpec, deploy},
};
use tandem_support::l1::{DEADLINE, spec, start};

type Change = fn(&mut ChainSpec);

const BAD: [(&str, Change); 11] = [
    ("epoch seconds", |spec| spec.rules.epoch_seconds = 0),
    ("epoch seconds", |spec| spec.rules.epoch_seconds = 604_801),
    ("maximal checkpoint age in seconds", |spec| spec.rules.max_checkpoint_age_seconds = 3_599),
    ("claim window in seconds", |spec| spec.rules.claim_window_seconds = 0),
    ("claim bond in wei", |spec| spec.rules.claim_bond = 1_000_000_000_000_000_000_001),
    ("forced-inclusion window in seconds", |spec| spec.forced_inclusion_window_seconds = 0),
    ("claim window in seconds", |spec| spec.rules.claim_window_seconds = 30 * 86_400 + 1),
    ("delay in seconds", |spec| spec.delay_seconds = 3_599),
    ("delay in seconds", |spec| spec.delay_seconds = 3_650 * 86_400 + 1),
    ("grace in seconds", |spec| spec.grace_seconds = 3_650 * 86_400 + 1),
    ("delay in seconds", |spec| spec.forced_inclusion_window_seconds = u64::MAX),
];

#[test]
fn rules_beyond_their_bounds_are_refused() {
    spec(Address::ZERO).check().unwrap();
    for (name, change) in BAD {
        let mut changed = spec(Address::ZERO);
        change(&mut changed);
        match changed.check() {
            Err(DeployError::Bounds { rule, min, max, found }) => {
                assert_eq!(rule, name);
                assert!(found < min || max < found, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

fn mainnet() -> ChainSpec {
    let mut spec = spec(Address::ZERO);
    spec.chain.l1_chain_id = 1;
    spec.delay_seconds = spec.forced_inclusion_window_seconds + 44 * 86_400 + 3_600;
    spec.grace_seconds = 14 * 86_400;
    spec.rules.dispute = Address::repeat_byte(7);
    spec.rules.epoch_weight_gas = EPOCH_WEIGHT_GAS_MAX;
    spec
}

/// Where money is, people have time to leave, and somebody decides (L1-NOTICE-1 to L1-NOTICE-3, L1-SCHED-5).
#[test]
fn off_the_devnets_notice_grace_and_a_dispute_contract_are_due() {
    mainnet().check().unwrap();
    for (name, change) in [
        ("delay in seconds", (|spec| spec.delay_seconds -= 1) as Change),
        ("delay in seconds", |spec| spec.forced_inclusion_window_seconds += 1),
        ("grace in seconds", |spec| spec.grace_seconds -= 1),
        ("weight of an epoch in gas", |spec| spec.rules.epoch_weight_gas = 99_999_999),
    ] {
        for devnet in [0, 31_337, 1_337] {
            let mut changed = mainnet();
            change(&mut changed);
            let found = changed.check();
            assert!(matches!(found, Err(DeployError::Bounds { rule, .. }) if rule == name), "{name}: {found:?}");
            changed.chain.l1_chain_id = devnet;
            changed.rules.dispute = Address::ZERO;
            changed.check().unwrap();
        }
    }
    let nobody = ChainSpec { rules: RulesSpec { dispute: Address::ZERO, ..mainnet().rules }, ..mainnet() };
    let found = nobody.check();
    assert!(matches!(found, Err(DeployError::NoDispute { l1_chain_id: 1 })), "{found:?}");
}

/// The L1 at hand decides, whatever the specification leaves open; nothing is sent.
#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_tells_whether_it_is_a_devnet() {
    let arguments = ["--chain-id", "11155111"].map(Into::into).to_vec();
    let (anvil, client) = start(AnvilOptions { arguments, ..AnvilOptions::default() }).await;
    let key = &anvil.keys()[0];
    let mut spec = ChainSpec { chain: spec(Address::ZERO).chain, ..mainnet() };
    spec.rules.dispute = Address::ZERO;
    let found = deploy(&client, key, &spec, genesis, DEADLINE, DEADLINE).await;
    assert!(matches!(found, Err(DeployError::NoDispute { l1_chain_id: 11_155_111 })), "{found:?}");
    // An account without code is no dispute contract.
    let found = deploy(&client, key, &ChainSpec { rules: mainnet().rules, ..spec }, genesis, DEADLINE, DEADLINE).await;
    assert!(matches!(found, Err(DeployError::Rpc(_))), "{found:?}");
    assert_eq!(client.nonce(key.address()).await.unwrap(), 0);
}

/// What the dispute contract needs is asked before any gas is paid (L1-SCHED-5).
#[tokio::test]
async fn bond_and_window_are_what_the_dispute_contract_needs() {
    let (anvil, client) = start(AnvilOptions::default()).await;
    let mut spec = spec(Address::ZERO);
    spec.rules.dispute = Address::repeat_byte(7);
    // Answers every call with 1,000.
    let code = bytes!("6103e860005260206000f3");
    client.provider().anvil_set_code(spec.rules.dispute, code).await.unwrap();
    let key = &anvil.keys()[0];
    for (window, bond, name) in [(1_000, 999, "claim bond in wei"), (999, 1_000, "claim window in seconds")] {
        (spec.rules.claim_window_seconds, spec.rules.claim_bond) = (window, bond);
        match deploy(&client, key, &spec, genesis, DEADLINE, DEADLINE).await {
            Err(DeployError::Bounds { rule, min: 1_000, found: 999, .. }) => assert_eq!(rule, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(client.nonce(key.address()).await.unwrap(), 0);
}

fn genesis(config: &ChainConfig) -> Result<tandem_chain::OutputFields, std::convert::Infallible> {
    Ok(genesis_output(config, B256::repeat_byte(1), B256::repeat_byte(2)))
}

/// What is deployed along knows its settlement, and asks for what [`DisputeTerms`] says. Tests DISP-TERMS-3, DISP-BOND-1.
#[tokio::test]
async fn a_dispute_contract_comes_along() {
    let (anvil, client) = start(AnvilOptions::default()).await;
    let terms = DisputeTerms { allowance_seconds: 40, compute_seconds: 30, turn_seconds: 7, ..DisputeTerms::default() };
    let mut spec = ChainSpec { dispute_terms: Some(terms), ..spec(Address::ZERO) };
    (spec.rules.claim_window_seconds, spec.rules.claim_bond) = (70, terms.claim_bond_min());
    let key = &anvil.keys()[0];
    let deployment = deploy(&client, key, &spec, genesis, DEADLINE / 1_000, DEADLINE).await.unwrap();

    let dispute = Dispute::new(deployment.dispute, client.provider());
    assert_eq!(dispute.settlement().call().await.unwrap(), deployment.chain.settlement);
    assert_eq!(dispute.claimWindowSecondsMin().call().await.unwrap(), terms.claim_window_seconds_min());
    assert_eq!(dispute.claimBondMin().call().await.unwrap(), terms.claim_bond_min());
    for level in [0, 1] {
        assert_eq!(dispute.bondOf(level).call().await.unwrap(), alloy::primitives::U256::from(terms.bond(level)));
    }
    let found = Dispute::Terms {
        allowanceSeconds: dispute.allowanceSeconds().call().await.unwrap(),
        computeSeconds0: dispute.computeSeconds0().call().await.unwrap(),
        computeSeconds1: dispute.computeSeconds1().call().await.unwrap(),
        turnSeconds: dispute.turnSeconds().call().await.unwrap(),
        sealedTurnSeconds: dispute.sealedTurnSeconds().call().await.unwrap(),
        gasPriceCapGwei: dispute.gasPriceCapGwei().call().await.unwrap(),
    };
    assert_eq!(found, Dispute::Terms::from(terms));
    let machine = dispute.machine().call().await.unwrap();
    assert!(!client.provider().get_code_at(machine).await.unwrap().is_empty(), "it has a machine");
    let entry = Schedule::new(deployment.schedule, client.provider()).activeEntry().call().await.unwrap();
    assert_eq!(entry.rules.dispute, deployment.dispute);

    // It is for this settlement, and the next chain has another.
    let mut second = spec.clone();
    (second.rules.dispute, second.dispute_terms) = (deployment.dispute, None);
    let found = deploy(&client, key, &second, genesis, DEADLINE, DEADLINE).await;
    assert!(
        matches!(found, Err(DeployError::OtherSettlement { found, .. }) if found == deployment.chain.settlement),
        "{found:?}"
    );
}

#[test]
fn a_claim_stakes_what_a_dispute_binds_and_waits_for_it() {
    let terms = DisputeTerms { allowance_seconds: 40, compute_seconds: 30, ..DisputeTerms::default() };
    let mut good = ChainSpec { dispute_terms: Some(terms), ..spec(Address::ZERO) };
    (good.rules.claim_window_seconds, good.rules.claim_bond) = (70, terms.claim_bond_min());
    good.check().unwrap();
    for (name, change) in [
        ("claim window in seconds", (|spec| spec.rules.claim_window_seconds -= 1) as Change),
        ("claim bond in wei", |spec| spec.rules.claim_bond -= 1),
        ("dispute: turn in seconds", |spec| {
            spec.dispute_terms = spec.dispute_terms.map(|terms| DisputeTerms { turn_seconds: 0, ..terms })
        }),
    ] {
        let mut changed = good.clone();
        change(&mut changed);
        let found = changed.check();
        assert!(matches!(found, Err(DeployError::Bounds { rule, .. }) if rule == name), "{name}: {found:?}");
    }
    // Where money is at stake the same terms are too short.
    let mut real = ChainSpec { dispute_terms: Some(terms), ..mainnet() };
    real.rules.dispute = Address::ZERO;
    assert!(matches!(real.check(), Err(DeployError::Bounds { rule: "dispute: allowance in seconds", .. })));
    let both = ChainSpec { dispute_terms: Some(DisputeTerms::default()), ..mainnet() };
    assert!(matches!(both.check(), Err(DeployError::TwoDisputes { .. })));
}

#[test]
fn a_chain_that_would_not_work_is_refused() {
    let mut changed = spec(Address::ZERO);
    changed.rules.epoch_weight_gas = EPOCH_WEIGHT_GAS_MAX + 1;
    let found = changed.check();
    assert!(matches!(found, Err(DeployError::Config(ConfigError::OutgrowsMachine { .. }))), "{found:?}");
    let mut changed = spec(Address::ZERO);
    changed.chain.block_gas_limit = 17_999_999;
    let found = changed.check();
    assert!(matches!(found, Err(DeployError::Config(ConfigError::TooSmall { found: 17_999_999, .. }))), "{found:?}");
}
