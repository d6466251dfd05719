//! A payments chain's contracts, deployed and used up to its end without a proof; and what is refused before it costs gas.

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::{TransactionInput, TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use tandem_chain::{ChainConfig, ChainKind};
use tandem_l1::{
    BlockRef, ChainSpec, Deployment, L1Call, L1Header, Outcome,
    anvil::AnvilOptions,
    bindings::{Inbox, PaymentsBridge, Rules, Schedule, UpgradeGate, ValiditySettlement, payments::Leaf},
    deploy::{DeployError, DisputeTerms, KeySet, deploy, store_keys},
    payments::{self, EntryRules, HistoryError, RebuildError, RulesError, RulesReader, next_entry},
};
use tandem_payments::{data::Message, leaf::Key};
use tandem_support::{
    l1::{DEADLINE, Harness, start},
    payments::{ESCAPE_DELAY_S, keys, spec},
};

const ETHER: u128 = 1_000_000_000_000_000_000;
type Change = fn(&mut ChainSpec);

async fn harness() -> Harness {
    let change = |chain: &mut ChainSpec| *chain = spec(chain.sequencer);
    Harness::deploy_that(AnvilOptions::default(), change, |chain| payments::genesis(chain).unwrap()).await
}

async fn send(harness: &Harness, key: PrivateKeySigner, value: u128, call: impl SolCall) -> TransactionReceipt {
    let to = harness.deployment.chain.bridge;
    send_to(harness, key, to, value, call.abi_encode()).await
}

async fn send_to(
    harness: &Harness,
    key: PrivateKeySigner,
    to: Address,
    value: u128,
    input: Vec<u8>,
) -> TransactionReceipt {
    let call = L1Call { value: U256::from(value), ..L1Call::new("test", to, input) };
    match harness.submitter(key).await.submit(call).await.unwrap() {
        Outcome::Included(receipt) => *receipt,
        other => panic!("not included: {other:?}"),
    }
}

/// Tests L1-SCHED-5, PAY-FREEZE, PAY-NOTICE.
#[test]
fn what_l1_would_refuse_is_refused_before() {
    spec(Address::ZERO).check().unwrap();
    let foreign: [(&str, Change); 7] = [
        ("the program's hash", |spec| spec.rules.guest_hash = B256::repeat_byte(1)),
        ("a dispute contract", |spec| spec.rules.dispute = Address::repeat_byte(1)),
        ("a dispute contract", |spec| spec.dispute_terms = Some(DisputeTerms::default())),
        ("the weight of an epoch", |spec| spec.rules.epoch_weight_gas = 1),
        ("an epoch's time", |spec| spec.rules.epoch_seconds = 1),
        ("a claim window", |spec| spec.rules.claim_window_seconds = 1),
        ("a claim bond", |spec| spec.rules.claim_bond = 1),
    ];
    for (name, change) in foreign {
        let mut changed = spec(Address::ZERO);
        change(&mut changed);
        let found = changed.check();
        assert!(matches!(found, Err(DeployError::Foreign { rule, .. }) if rule == name), "{name}: {found:?}");
    }
    let bounds: [(&str, Change); 10] = [
        ("messages per batch", |spec| spec.chain.max_messages_per_batch = 7),
        ("maximal checkpoint age in seconds", |spec| spec.rules.max_checkpoint_age_seconds = 86_401),
        ("escape delay in seconds", |spec| with_escape_delay(spec, 0)),
        ("escape delay in seconds", |spec| {
            with_escape_delay(spec, 30 * 86_400 + 1);
            spec.delay_seconds = 3_650 * 86_400;
        }),
        ("delay in seconds, the escape delay included", |spec| spec.delay_seconds -= 1),
        ("delay in seconds, the escape delay included", |spec| with_escape_delay(spec, ESCAPE_DELAY_S + 1)),
        ("gas of messages per batch", |spec| spec.chain.max_message_gas_per_batch = 40_000_001),
        ("maximal checkpoint age in seconds", |spec| spec.rules.max_checkpoint_age_seconds = 3_599),
        ("forced-inclusion window in seconds", |spec| spec.forced_inclusion_window_seconds = 0),
        ("all pauses together in seconds", |spec| spec.pause_seconds = 30 * 86_400 + 1),
    ];
    for (name, change) in bounds {
        let mut changed = spec(Address::ZERO);
        change(&mut changed);
        let found = changed.check();
        assert!(matches!(found, Err(DeployError::Bounds { rule, .. }) if rule == name), "{name}: {found:?}");
    }
    let none = ChainSpec { validity: None, ..spec(Address::ZERO) };
    assert!(matches!(none.check(), Err(DeployError::NoValidity)));
    let claimed = ChainSpec { validity: spec(Address::ZERO).validity, ..tandem_support::l1::spec(Address::ZERO) };
    assert!(matches!(claimed.check(), Err(DeployError::Foreign { kind: ChainKind::Evm, .. })));
}

fn with_escape_delay(spec: &mut ChainSpec, seconds: u64) {
    let validity = spec.validity.as_mut().unwrap();
    validity.escape_delay_seconds = seconds;
}

/// A prover that broke can be repaired where money is at stake, no message voids a batch while it is proven (PAY-TIME), and whoever learns of bad keys has left before
/// they hold.
#[test]
fn off_the_devnets_there_is_time_to_prove_to_repair_and_to_leave() {
    const WINDOW: &str = "forced-inclusion window in seconds, no less than the checkpoint age";
    let mainnet = || {
        let mut spec = spec(Address::ZERO);
        spec.chain.l1_chain_id = 1;
        with_escape_delay(&mut spec, 86_400);
        spec.delay_seconds = spec.forced_inclusion_window_seconds + 51 * 86_400 + 3_600 + 86_400;
        spec.grace_seconds = 14 * 86_400;
        spec
    };
    mainnet().check().unwrap();
    for (name, change) in [
        ("escape delay in seconds", (|spec| with_escape_delay(spec, 86_399)) as Change),
        (WINDOW, |spec| spec.forced_inclusion_window_seconds -= 1),
        (WINDOW, |spec| spec.rules.max_checkpoint_age_seconds += 1),
        ("delay in seconds, the escape delay included", |spec| spec.delay_seconds -= 1),
        ("grace in seconds", |spec| spec.grace_seconds -= 1),
    ] {
        let mut changed = mainnet();
        change(&mut changed);
        let found = changed.check();
        assert!(matches!(found, Err(DeployError::Bounds { rule, .. }) if rule == name), "{name}: {found:?}");
        changed.chain.l1_chain_id = 31_337;
        changed.check().unwrap();
    }
}

/// A chain that began in the future could not be appended to; nothing is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_begins_in_the_past() {
    let (anvil, client) = start(AnvilOptions::default()).await;
    let mut spec = spec(Address::repeat_byte(1));
    spec.chain.genesis_timestamp = client.latest().await.unwrap().timestamp + 1_000;
    let key = &anvil.keys()[0];
    let found = deploy(&client, key, &spec, payments::genesis, DEADLINE, DEADLINE).await;
    assert!(matches!(found, Err(DeployError::Bounds { rule: "genesis timestamp in seconds", .. })), "{found:?}");
    assert_eq!(client.nonce(key.address()).await.unwrap(), 0);
}

/// Tests the order of docs/spec/l1.md, "Deployment", PAY-OUTPUT of genesis, PAY-KEYS.
#[tokio::test(flavor = "multi_thread")]
async fn six_contracts_name_each_other_and_the_keys_are_stored() {
    let harness = harness().await;
    let Deployment { chain, schedule, executor, gate, dispute, .. } = &harness.deployment;
    let deployer = harness.anvil.keys()[0].address();
    assert_eq!(
        [*schedule, chain.inbox, chain.settlement, *gate, chain.bridge],
        [0, 1, 2, 4, 5].map(|n| deployer.create(n))
    );
    assert_eq!((chain.kind, *executor, *dispute), (ChainKind::Payments, Address::ZERO, Address::ZERO));
    let provider = harness.client.provider();
    let settlement = ValiditySettlement::new(chain.settlement, provider);
    let bridge = PaymentsBridge::new(chain.bridge, provider);
    let inbox = Inbox::new(chain.inbox, provider);
    assert_eq!(settlement.schedule().call().await.unwrap(), *schedule);
    assert_eq!(inbox.validitySettlement().call().await.unwrap(), chain.settlement);
    assert_eq!(bridge.settlement().call().await.unwrap(), chain.settlement);
    assert_eq!(UpgradeGate::new(*gate, provider).proxy().call().await.unwrap(), chain.bridge);
    assert_eq!(settlement.escapeDelaySeconds().call().await.unwrap(), ESCAPE_DELAY_S);
    let entry = Schedule::new(*schedule, provider).activeEntry().call().await.unwrap();
    assert_eq!((entry.configHash, entry.rules.keysHash), (chain.hash(), keys().hash()));
    let dom = tandem_payments::eddsa::domain(chain.l2_chain_id, chain.hash());
    assert_eq!(settlement.dom().call().await.unwrap(), tandem_payments::field::integer(dom));

    let set = settlement.keySetOf(keys().hash()).call().await.unwrap();
    assert_eq!(provider.get_code_at(set).await.unwrap()[1..], keys().bytes()[..]);
    // Stored once: whoever repeats it sends nothing.
    let nonce = harness.client.nonce(deployer).await.unwrap();
    assert_eq!(nonce, 7, "six creations, and the keys");
    let key = &harness.anvil.keys()[0];
    store_keys(&harness.client, key, chain.settlement, &keys(), DEADLINE, DEADLINE).await.unwrap();
    assert_eq!(harness.client.nonce(deployer).await.unwrap(), nonce);
}

/// Tests L1-SCHED-3, PAY-KEYS: an entry that has matured is what the next batch obeys, though no batch has begun it; one that has not is nothing yet.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_batch_is_under_the_entry_that_has_matured() {
    let harness = harness().await;
    let Deployment { chain, schedule: address, .. } = &harness.deployment;
    let (client, provider) = (&harness.client, harness.client.provider());
    let schedule = Schedule::new(*address, provider);
    let mut reader = RulesReader::new(client.clone(), *address, chain.settlement);
    let first = reader.read(client.latest().await.unwrap()).await.unwrap();
    let expected = EntryRules {
        config_hash: chain.hash(),
        keys_hash: keys().hash(),
        messages_max: 16,
        message_gas_max: 32_000_000,
        age_max_s: 3_600,
    };
    assert_eq!((first.entry, first.keys.clone()), (expected, keys()));

    // One of its circuits alone, other limits, another age.
    let other = KeySet::try_from(keys().bytes().slice(..512 + 20 * 64)).unwrap();
    store_keys(client, &harness.anvil.keys()[0], chain.settlement, &other, DEADLINE / 1_000, DEADLINE).await.unwrap();
    let config = ChainConfig { max_messages_per_batch: 9, max_message_gas_per_batch: 9_000_000, ..chain.clone() };
    let active = schedule.activeEntry().call().await.unwrap();
    let rules = Rules { keysHash: other.hash(), maxCheckpointAgeSeconds: 7_200, ..active.rules.clone() };
    let owner = schedule.owner().call().await.unwrap();
    provider.anvil_impersonate_account(owner).await.unwrap();
    provider.anvil_set_balance(owner, U256::MAX / U256::from(2)).await.unwrap();
    let scheduled = schedule.schedule((&config).into(), rules).from(owner).send().await.unwrap();
    assert!(scheduled.get_receipt().await.unwrap().status());
    let waits = client.latest().await.unwrap();
    assert_eq!(reader.read(waits).await.unwrap(), first);
    provider.anvil_increase_time(schedule.delaySeconds().call().await.unwrap()).await.unwrap();
    provider.anvil_mine(Some(1), None).await.unwrap();

    let matured = client.latest().await.unwrap();
    let next = reader.read(matured).await.unwrap();
    let expected = EntryRules {
        config_hash: config.hash(),
        keys_hash: other.hash(),
        messages_max: 9,
        message_gas_max: 9_000_000,
        age_max_s: 7_200,
    };
    assert_eq!((next.entry, next.keys), (expected, other));
    assert_eq!(schedule.activeEntry().call().await.unwrap(), active, "no batch has begun it");
    // Each block has its own answer, and a block that is not there has none.
    assert_eq!(next_entry(client, *address, waits).await.unwrap(), first.entry);
    let unknown = L1Header { id: BlockRef { hash: B256::repeat_byte(9), ..matured.id }, ..matured };
    assert!(matches!(reader.read(unknown).await, Err(RulesError::Rpc(_))));
    let mut foreign = RulesReader::new(client.clone(), *address, chain.inbox);
    assert!(foreign.read(matured).await.is_err(), "the Inbox has no keys");
}

/// The contracts are there and named, so that the keys can be stored later: L1 does not take points that are none.
#[tokio::test(flavor = "multi_thread")]
async fn contracts_without_keys_are_told() {
    let (anvil, client) = start(AnvilOptions::default()).await;
    let mut spec = spec(anvil.keys()[1].address());
    let mut broken = keys().bytes().to_vec();
    broken[600] ^= 1;
    spec.validity.as_mut().unwrap().keys = KeySet::try_from(Bytes::from(broken)).unwrap();
    let found = deploy(&client, &anvil.keys()[0], &spec, payments::genesis, DEADLINE / 1_000, DEADLINE).await;
    let Err(DeployError::KeysLeft { deployment, source }) = found else { panic!("{found:?}") };
    assert!(matches!(*source, DeployError::Rpc(_)), "{source:?}");
    let settlement = ValiditySettlement::new(deployment.chain.settlement, client.provider());
    assert_eq!(settlement.outputOf(0).call().await.unwrap(), payments::genesis(&deployment.chain).unwrap().hash());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_genesis_is_told() {
    let (anvil, client) = start(AnvilOptions::default()).await;
    let other = |chain: &ChainConfig| {
        let Ok(genesis) = payments::genesis(chain);
        Ok::<_, std::convert::Infallible>(tandem_chain::OutputFields { state_root: B256::repeat_byte(1), ..genesis })
    };
    let spec = spec(anvil.keys()[1].address());
    let found = deploy(&client, &anvil.keys()[0], &spec, other, DEADLINE / 1_000, DEADLINE).await;
    assert!(matches!(found, Err(DeployError::OtherGenesis { .. })), "{found:?}");
}

/// A chain of which nothing is ever proven: it ends, and every wei goes back. Tests PAY-FREEZE, PAY-ESCAPE.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_without_a_prover_gives_everything_back() {
    let harness = harness().await;
    let chain = &harness.deployment.chain;
    let (client, provider) = (&harness.client, harness.client.provider());
    let [alice, bob] = [2, 3].map(|key| harness.anvil.keys()[key].clone());
    let (to_alice, to_bob) = (3 * ETHER + 7, ETHER);
    send(&harness, alice.clone(), to_alice, PaymentsBridge::depositETHCall { account: alice.address() }).await;
    send(&harness, alice.clone(), to_bob, PaymentsBridge::depositETHCall { account: bob.address() }).await;
    send(&harness, bob.clone(), 0, PaymentsBridge::forceWithdrawalCall { token: Address::ZERO }).await;
    let key_hash = U256::MAX;
    send(&harness, bob.clone(), 0, PaymentsBridge::setSessionKeyCall { keyHash: key_hash }).await;

    // One block a range, so that there are many.
    for blocks_max in [1, 3, 1_000] {
        let rebuilt = payments::rebuild(client, chain, harness.deployment.start_block, blocks_max).await.unwrap();
        assert_eq!((rebuilt.ledger.index(), rebuilt.ledger.leaves().count()), (0, 0));
        let messages: Vec<Message> = rebuilt.messages.iter().map(|queued| queued.message).collect();
        let (a, b) = (Key::eth(alice.address()), Key::eth(bob.address()));
        assert_eq!(
            messages,
            [
                Message::Deposit { key: a, amount: to_alice },
                Message::Deposit { key: b, amount: to_bob },
                Message::Forced { key: b },
                Message::L1Key { account: bob.address(), key: key_hash },
            ]
        );
    }

    let settlement = ValiditySettlement::new(chain.settlement, provider);
    let at = u64::try_from(settlement.freezableAt().call().await.unwrap()).unwrap();
    provider.anvil_set_next_block_timestamp(at + 1).await.unwrap();
    send_to(&harness, bob.clone(), chain.settlement, 0, ValiditySettlement::freezeCall {}.abi_encode()).await;
    assert!(settlement.isFrozen().call().await.unwrap());

    // The path of the only leaf there is, as the contract computes it.
    let rebuilt = payments::rebuild(client, chain, harness.deployment.start_block, 1_000).await.unwrap();
    let empty = || Leaf {
        account: Address::ZERO,
        token: Address::ZERO,
        nextAccount: Address::ZERO,
        nextToken: Address::ZERO,
        nonce: 0,
        balance: 0,
        keyHash: U256::ZERO,
        sessionHash: U256::ZERO,
    };
    let siblings = rebuilt.ledger.siblings(0);
    assert!(settlement.verifyLeaf(0, empty(), siblings).call().await.unwrap());
    assert!(!settlement.verifyLeaf(0, Leaf { balance: 1, ..empty() }, siblings).call().await.unwrap());

    for (index, account, amount) in [(0, alice.address(), to_alice), (1, bob.address(), to_bob)] {
        let before = client.request(provider.get_balance(account)).await.unwrap();
        let call = PaymentsBridge::refundDepositCall { index, account, token: Address::ZERO, amount, to: account };
        send(&harness, harness.sequencer(), 0, call.clone()).await;
        let after = client.request(provider.get_balance(account)).await.unwrap();
        assert_eq!(after - before, U256::from(amount));
        let request = TransactionRequest {
            from: Some(alice.address()),
            to: Some(chain.bridge.into()),
            input: TransactionInput::both(call.abi_encode().into()),
            ..TransactionRequest::default()
        };
        assert!(client.simulate(request, BlockId::latest()).await.is_err(), "once");
    }
    assert_eq!(client.request(provider.get_balance(chain.bridge)).await.unwrap(), U256::ZERO);
}

/// A deployment file with a later first block, or a chain's that is not there.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_left_out_are_missed() {
    let harness = harness().await;
    let user = harness.user();
    send(&harness, user.clone(), 5, PaymentsBridge::depositETHCall { account: user.address() }).await;
    let chain = &harness.deployment.chain;
    let head = harness.client.latest().await.unwrap().id.number;
    let found = payments::rebuild(&harness.client, chain, head + 1, 100).await;
    assert!(
        matches!(found, Err(RebuildError::History(HistoryError::Missing { what: "messages", expected: 1, found: 0 }))),
        "{found:?}"
    );
    let later = ChainConfig { l2_chain_id: 1, ..chain.clone() };
    let found = payments::rebuild(&harness.client, &later, harness.deployment.start_block, 100).await;
    assert!(matches!(found, Err(RebuildError::History(HistoryError::Event { .. }))), "{found:?}");
}
