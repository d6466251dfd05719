//! What is refused before it costs gas: as `Schedule.sol` refuses it, and what only the programs can know.

use crate::harness::spec;
use alloy::primitives::Address;
use tandem_chain::config::ConfigError;
use tandem_l1::{ChainSpec, deploy::DeployError};

type Change = fn(&mut ChainSpec);

const BAD: [(&str, Change); 9] = [
    ("epoch seconds", |spec| spec.rules.epoch_seconds = 0),
    ("epoch seconds", |spec| spec.rules.epoch_seconds = 604_801),
    ("maximal checkpoint age in seconds", |spec| spec.rules.max_checkpoint_age_seconds = 3_599),
    ("claim window in seconds", |spec| spec.rules.claim_window_seconds = 0),
    ("claim bond in wei", |spec| spec.rules.claim_bond = 1_000_000_000_000_000_000_001),
    ("forced-inclusion window in seconds", |spec| spec.forced_inclusion_window_seconds = 0),
    ("delay in seconds", |spec| spec.delay_seconds -= 1),
    ("delay in seconds", |spec| spec.rules.epoch_seconds += 1),
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

#[test]
fn a_chain_that_would_not_work_is_refused() {
    let mut changed = spec(Address::ZERO);
    changed.rules.epoch_batches = 64;
    let found = changed.check();
    assert!(matches!(found, Err(DeployError::Config(ConfigError::OutgrowsMachine { epoch_batches: 64 }))), "{found:?}");
    let mut changed = spec(Address::ZERO);
    changed.chain.block_gas_limit = 17_999_999;
    let found = changed.check();
    assert!(matches!(found, Err(DeployError::Config(ConfigError::TooSmall { found: 17_999_999, .. }))), "{found:?}");
}
