//! Another entry of the schedule, with other keys and another configuration: the sequencer goes over to it with the batch that begins it, whoever goes on from its directory does, and
//! whoever reads the chain from its beginning passes it.

use alloy::primitives::U256;
use serde_json::json;
use tandem_chain::ChainConfig;
use tandem_circuits::circuit::CircuitId;
use tandem_l1::{
    bindings::{Rules, Schedule, ValiditySettlement},
    payments::read,
};
use tandem_payments::operation::Call;
use tandem_support::l1::wait_until;
use tandem_tests::payments::{Chain, ETHER, SMALL};

use super::sequenced::Sequencer;

/// Has the owner schedule an entry with every small circuit and room for fewer messages, and lets its notice pass; its configuration.
async fn mature(chain: &Chain) -> ChainConfig {
    let (schedule, first) = (chain.deployment.schedule, chain.chain());
    let config = ChainConfig { max_messages_per_batch: first.max_messages_per_batch - 1, ..first.clone() };
    let keys = SMALL.key_set();
    let store = ValiditySettlement::storeKeysCall { keys: keys.bytes().clone() };
    chain.call(chain.stranger(), first.settlement, 0, store).await.unwrap();
    let active = chain.view(schedule, Schedule::activeEntryCall {}).await;
    let rules = Rules { keysHash: keys.hash(), ..active.rules };
    let call = Schedule::scheduleCall { config: (&config).into(), rules };
    chain.call(chain.owner(), schedule, 0, call).await.unwrap();
    let delay_s = chain.view(schedule, Schedule::delaySecondsCall {}).await;
    chain.wait(delay_s).await;
    config
}

/// Tests L1-SCHED-2, L1-SCHED-3, PAY-KEYS: the domain of signatures stays, what the proofs are of does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_goes_over_to_an_entry_with_other_circuits_and_another_configuration() {
    let first = SMALL.key_set_of(&[CircuitId::ApplySmall]);
    let mut chain = Chain::start_with(&SMALL, |spec| spec.validity.as_mut().unwrap().keys = first.clone()).await;
    chain.key_set_hash = first.hash();
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    chain.deposit_eth(0, 2 * ETHER).await;
    chain.set_session_key(0).await;
    let mut sequencer = Sequencer::start(&chain, directory.path()).await;
    sequencer.prove_next(&mut chain).await;
    sequencer.wait_until_settled(1).await;

    // Until a batch begins it the entry is not active on L1; the next batch is under it all the same.
    let config = mature(&chain).await;
    let entry = json!({ "configHash": config.hash(), "keysHash": SMALL.key_set().hash() });
    let goes_over = || async { sequencer.ask("rollup_status", json!([])).await.unwrap()["entry"] == entry };
    wait_until("the sequencer goes over", goes_over).await;
    let schedule = chain.deployment.schedule;
    assert_eq!(chain.view(schedule, Schedule::activeIdCall {}).await, 0);
    let payee = chain.user(1).address();
    let call = Call::Transfer { recipient: payee, amount: 7 };
    sequencer.send(&chain.envelope(0, 0, call)).await.expect("there is a circuit for its signature");
    (chain.config_hash, chain.key_set_hash) = (config.hash(), SMALL.key_set().hash());
    sequencer.prove_next(&mut chain).await;
    sequencer.wait_until_settled(2).await;
    assert_eq!(chain.view(schedule, Schedule::activeIdCall {}).await, 1);
    let history = read(&chain.client, chain.chain(), chain.deployment.start_block, 1_000).await.unwrap();
    let under: Vec<_> = history.batches.iter().map(|batch| batch.fields.config_hash).collect();
    assert_eq!(under, [chain.chain().hash(), chain.chain().hash(), config.hash()]);
    sequencer.stop().await;

    for directory in [&directory, &elsewhere] {
        let sequencer = Sequencer::start(&chain, directory.path()).await;
        sequencer.wait_until_settled(2).await;
        assert_eq!(sequencer.quantity("eth_getBalance", json!([payee, "safe"])).await, U256::from(7));
        sequencer.stop().await;
    }
}
