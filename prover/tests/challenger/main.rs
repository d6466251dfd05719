//! The challenger on an L1 with the real contracts, against somebody who claims something wrong.

mod abstains;
mod liar;
mod plays;

use std::path::Path;

use alloy::{
    primitives::{B256, U256},
    providers::{Provider, ext::AnvilApi},
    sol_types::SolCall,
};
use clap::Parser;
use tandem_chain::OutputFields;
use tandem_l1::{
    AppendData, AppendOutcome, L1Call, Outcome, anvil::AnvilOptions, bindings::FraudSettlement, deploy::DisputeTerms,
};
use tandem_prover::{ProverNode, flags::ProverFlags};
use tandem_support::{
    epochs,
    l1::{Harness, bytes},
};
use tokio_util::sync::CancellationToken;

/// Long enough for a loaded machine to compute, short enough for L1's clock to be moved past it.
const TERMS: DisputeTerms = DisputeTerms {
    allowance_seconds: 1_200,
    compute_seconds: 600,
    inner_compute_seconds: 600,
    turn_seconds: 120,
    sealed_turn_seconds: 120,
    gas_price_cap_gwei: 50,
};
/// Key of whoever claims something wrong.
const LIAR: usize = 2;
/// Key of the challenger.
const CHALLENGER: usize = 3;

async fn deploy(guest_hash: B256) -> Harness {
    let change = |spec: &mut tandem_l1::ChainSpec| {
        spec.dispute_terms = Some(TERMS);
        spec.rules.guest_hash = guest_hash;
        spec.rules.claim_bond = TERMS.claim_bond_min();
    };
    Harness::deploy_that(AnvilOptions::default(), change, |config| tandem_evm::genesis(config).unwrap().output).await
}

fn guest_hash() -> B256 {
    epochs::guest().memory_root()
}

async fn start(harness: &Harness, directory: &Path, depth: u64) -> ProverNode {
    // What it says is shown with `RUST_LOG=info` and `--nocapture`; another test may have begun it.
    let _ = tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).try_init();
    let deployment = directory.join("deployment.json");
    std::fs::write(&deployment, serde_json::to_vec(&harness.deployment).unwrap()).unwrap();
    let url = harness.anvil.url().unwrap().to_string();
    let key = B256::from(harness.anvil.keys()[CHALLENGER].to_bytes()).to_string();
    let flags = ProverFlags::parse_from([
        "tandem-prover",
        "challenge",
        "--deployment",
        deployment.to_str().unwrap(),
        "--data-dir",
        directory.join("data").to_str().unwrap(),
        "--l1-rpc",
        &url,
        "--l1-beacon",
        &url,
        "--key",
        &key,
        "--l1-depth",
        &depth.to_string(),
        "--l1-poll-ms",
        "50",
        "--audit-s",
        "0",
    ]);
    ProverNode::start(flags, CancellationToken::new()).await.unwrap()
}

/// A batch of its own epoch, with a deposit in it.
async fn post(harness: &Harness) {
    harness.deposit(1_000).await;
    let append = harness.next_append(AppendData::Calldata(bytes(100, 1))).await;
    let outcome = harness.appender().await.append(&append).await.unwrap();
    assert!(matches!(outcome, AppendOutcome::Posted { .. }), "{outcome:?}");
}

/// A claim on top of genesis with a stake.
async fn claim(harness: &Harness, key: usize, output: OutputFields) -> B256 {
    let settlement = FraudSettlement::new(harness.deployment.chain.settlement, harness.client.provider());
    let parent = settlement.genesisClaim().call().await.unwrap();
    let call = FraudSettlement::claimCall { parent, fields: output.into(), path: Vec::new() };
    let call = L1Call {
        to: harness.deployment.chain.settlement.into(),
        input: call.abi_encode().into(),
        value: U256::from(TERMS.claim_bond_min()),
        ..L1Call::default()
    };
    let submitter = harness.submitter(harness.anvil.keys()[key].clone());
    let Outcome::Included(receipt) = submitter.await.submit(call).await.unwrap() else { panic!("refused") };
    receipt.logs()[0].topics()[1]
}

/// The first batch's header hash, with another state than any that it leads to.
async fn wrong_output(harness: &Harness, seed: u8) -> OutputFields {
    let inbox = tandem_l1::bindings::Inbox::new(harness.deployment.chain.inbox, harness.client.provider());
    let genesis = tandem_evm::genesis(&harness.deployment.chain).unwrap().output;
    OutputFields {
        batch_hash: inbox.batchHashOf(1).call().await.unwrap(),
        queue_index: 1,
        state_root: B256::repeat_byte(seed),
        ..genesis
    }
}

async fn pass(harness: &Harness, seconds: u64) {
    harness.client.provider().anvil_increase_time(seconds).await.unwrap();
    harness.client.provider().anvil_mine(Some(1), None).await.unwrap();
}

async fn balance(harness: &Harness, key: usize) -> U256 {
    harness.client.provider().get_balance(harness.anvil.keys()[key].address()).await.unwrap()
}
