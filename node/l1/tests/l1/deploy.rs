//! What is refused before it costs gas: as `Schedule.sol` refuses it, and what only the programs can know.

use alloy::{
    primitives::{Address, B256, bytes},
    providers::ext::AnvilApi,
};
use tandem_chain::{ChainConfig, config::ConfigError, derive::genesis_output, epoch::limits::EPOCH_WEIGHT_GAS_MAX};
use tandem_l1::{
    ChainSpec, L1Client,
    anvil::{Anvil, AnvilOptions},
    deploy::{DeployError, RulesSpec, deploy},
};
use tandem_support::l1::{DEADLINE, spec};

type Change = fn(&mut ChainSpec);

const BAD: [(&str, Change); 9] = [
    ("epoch seconds", |spec| spec.rules.epoch_seconds = 0),
    ("epoch seconds", |spec| spec.rules.epoch_seconds = 604_801),
    ("maximal checkpoint age in seconds", |spec| spec.rules.max_checkpoint_age_seconds = 3_599),
    ("claim window in seconds", |spec| spec.rules.claim_window_seconds = 0),
    ("claim bond in wei", |spec| spec.rules.claim_bond = 1_000_000_000_000_000_000_001),
    ("forced-inclusion window in seconds", |spec| spec.forced_inclusion_window_seconds = 0),
    ("claim window in seconds", |spec| spec.rules.claim_window_seconds = 30 * 86_400 + 1),
    ("delay in seconds", |spec| spec.delay_seconds = 3_599),
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
    spec.delay_seconds = spec.forced_inclusion_window_seconds + 37 * 86_400;
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
    let anvil = Anvil::start(AnvilOptions { arguments, ..AnvilOptions::default() }).unwrap();
    let client = L1Client::connect(&anvil.url().unwrap(), DEADLINE).await.unwrap();
    let genesis = |config: &ChainConfig| {
        Ok::<_, std::convert::Infallible>(genesis_output(config, B256::repeat_byte(1), B256::repeat_byte(2)))
    };
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
    let anvil = Anvil::start(AnvilOptions::default()).unwrap();
    let client = L1Client::connect(&anvil.url().unwrap(), DEADLINE).await.unwrap();
    let genesis = |config: &ChainConfig| {
        Ok::<_, std::convert::Infallible>(genesis_output(config, B256::repeat_byte(1), B256::repeat_byte(2)))
    };
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
