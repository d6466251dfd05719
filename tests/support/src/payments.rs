//! A payments chain's keys, what is deployed for it, and a batch of it.

use alloy::primitives::{Address, B256, Bytes};
use tandem_chain::{ChainConfig, ChainKind};
use tandem_circuits::groth16::{Header, PreparedBatch, VerifyingKeys, key_set_hash};
use tandem_l1::{
    ChainSpec,
    deploy::{KeySet, RulesSpec, ValiditySpec},
};
use tandem_payments::{
    Fr,
    batch::{ApplyCircuit, BatchBuilder, BatchLimits, Circuits},
    data::Message,
    leaf::Key,
    ledger::Env,
    state::State,
};

use crate::l1;

pub const ESCAPE_DELAY_S: u64 = 7_200;

/// A key set of real circuits: that of the batch that the contracts are tested with.
pub fn keys() -> KeySet {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../../vectors/payments/batch.json")).unwrap();
    KeySet::try_from(vectors["keys"].as_str().unwrap().parse::<Bytes>().unwrap()).unwrap()
}

/// What is deployed: addresses, date and L1 chain id are known only then. The notice is the shortest that L1 takes.
pub fn spec(sequencer: Address) -> ChainSpec {
    let spec = l1::spec(sequencer);
    ChainSpec {
        chain: ChainConfig {
            kind: ChainKind::Payments,
            l2_chain_id: 5_455,
            max_message_gas_per_batch: 32_000_000,
            ..spec.chain
        },
        rules: RulesSpec {
            epoch_weight_gas: 0,
            epoch_seconds: 0,
            claim_window_seconds: 0,
            claim_bond: 0,
            ..spec.rules
        },
        validity: Some(ValiditySpec { keys: keys(), escape_delay_seconds: ESCAPE_DELAY_S }),
        ..spec
    }
}

/// A chain's first batch: deposits to as many accounts, three of which make a chunk.
pub fn prepared(keys: &VerifyingKeys, config_hash: B256, deposits: u8) -> PreparedBatch {
    let env = Env { operator: Address::repeat_byte(0x0f), timestamp: 1_800_000_000 };
    let (state, dom) = (State::default(), Fr::from(7u64));
    let circuits = Circuits { apply: [ApplyCircuit::SMALL; 2], session: None, ethereum: None, register: None };
    let header = Header {
        config_hash,
        key_set_hash: key_set_hash(keys),
        index: 1,
        root_in: state.root(),
        leaf_count_in: state.leaf_count(),
        queue_start: 0,
        queue_hash_start: B256::ZERO,
        queue_end: deposits.into(),
        queue_hash_end: B256::repeat_byte(2),
        env: env.pack(),
        dom,
    };
    let mut builder = BatchBuilder::with(state, env, dom, 0, circuits, BatchLimits::default());
    for account in 1..=deposits {
        let key = Key::eth(Address::repeat_byte(account));
        builder.message(&Message::Deposit { key, amount: 1 }).unwrap();
    }
    PreparedBatch::new(header, &builder.finish().0, &[], &circuits).unwrap()
}
