//! Whoever proves true things that are false together, posts around the settlement, or uses a proof twice.
//!
//! Of every attack in the circuits' suite that only the composition refuses, each proof holds: challenges are drawn anew over what is posted.

use std::sync::LazyLock;

use alloy::{
    hex,
    primitives::{Address, B256, Bytes, U256},
    rpc::types::TransactionReceipt,
    sol,
    sol_types::{SolError, SolEvent},
};
use ark_bn254::Fr;
use tandem_circuits::{
    apply::Apply,
    authorise::session::{Authorisation, SessionChunk},
    circuit::CircuitId,
    groth16::{ApplyTurn, AuthoriseTurn, Header, ProvenBatch, Segment, Transcript},
};
use tandem_l1::{
    ChainSpec,
    bindings::{Inbox, Schedule, ValiditySettlement},
    deploy::{KeySet, ValiditySpec},
};
use tandem_payments::{
    batch::{AuthoriseCircuit, Batch, Challenges, Circuits},
    data::{self, Message},
    operation::Call,
};

use tandem_tests::payments::{
    Chain, Draft, ESCAPE_DELAY, ETHER, Proven, Proving, Refusal, SMALL, WINDOW, append_call, eth, records, refused,
    send,
};

/// The small circuits, and a second size for signatures.
static TWO_SIZES: LazyLock<Proving> = LazyLock::new(|| {
    let session = [AuthoriseCircuit::SESSION_SMALL, AuthoriseCircuit::SESSION_LARGE];
    let circuits = Circuits { session: Some(session), ..SMALL.circuits };
    Proving::new(circuits, std::env::temp_dir().join("tandem-devnet-keys"))
});

sol! {
    function enqueueRecord(bytes record, uint64 gasLimit) external returns (uint64 index);
}

/// A chain whose user 0 has ether and a session key, with a deposit that waits, and a batch of one chunk: that deposit, a withdrawal, the fee.
async fn scene(proving: &'static Proving) -> (Chain, Draft) {
    scene_of(proving, proving.key_set().hash(), |_| ()).await
}

/// The same on a chain of a changed specification, which names the keys of this hash.
async fn scene_of(
    proving: &'static Proving,
    key_set_hash: B256,
    change: impl FnOnce(&mut ChainSpec),
) -> (Chain, Draft) {
    let mut chain = Chain::start_with(proving, change).await;
    chain.key_set_hash = key_set_hash;
    chain.deposit_eth(0, 4 * ETHER).await;
    chain.set_session_key(0).await;
    chain.consume().await;
    chain.deposit_eth(0, ETHER).await;
    let mut draft = chain.draft().await;
    chain.take_messages(&mut draft);
    let recipient = Address::repeat_byte(0xaa);
    chain.operate(&mut draft, 0, Call::WithdrawEth { recipient, amount: ETHER });
    (chain, draft)
}

/// Changes the bytes of the three segments.
type ChangeSegments = fn(&Chain, &mut [Vec<u8>; 3]);

/// What is changed before the challenges are drawn.
#[derive(Default)]
struct Change {
    header: Option<fn(&Chain, &mut Header)>,
    batch: Option<fn(&mut Batch)>,
    segments: Option<ChangeSegments>,
    authorisations: Option<fn(&Chain, &mut Vec<Authorisation>)>,
    /// The circuit that the proof of the operations, which is of the small one, is posted for.
    apply: Option<CircuitId>,
    /// The same for the proof of the signatures.
    session: Option<CircuitId>,
}

/// Proves the batch as changed, which the library would refuse to do.
fn forge(chain: &Chain, draft: Draft, change: &Change) -> Proven {
    let (mut batch, state, env, mut authorisations, messages) = draft.finish();
    if let Some(change) = change.batch {
        change(&mut batch);
        authorisations.truncate(batch.authorities().count());
    }
    let mut header = chain.header(env, messages);
    let mut segments = [&batch.effects, &batch.withdrawals, &batch.messages].map(|elements| data::bytes(elements));
    if let Some(change) = change.header {
        change(chain, &mut header);
    }
    if let Some(change) = change.segments {
        change(chain, &mut segments);
    }
    if let Some(change) = change.authorisations {
        change(chain, &mut authorisations);
    }
    let [chunk] = batch.chunks.as_slice() else { panic!("one chunk") };
    let [_, root_out, _, counts_out, _, fee_out, data_digest, value_digest, _, _] = chunk.inputs_before();
    let circuit = change.apply.unwrap_or(CircuitId::ApplySmall);
    let apply = vec![ApplyTurn { circuit, root_out, counts_out, fee_out, data_digest, value_digest }];
    let session = SessionChunk::small(authorisations, Fr::from(0u64)).unwrap();
    let posted_for = change.session.unwrap_or(CircuitId::SessionSmall);
    let authorise = vec![AuthoriseTurn { circuit: posted_for, value_digest: session.value_digest() }];
    let posted = segments.each_ref().map(|bytes| Segment::of(bytes));
    let t1 = Transcript::new(&header, &posted, 1, 1).chunks(&apply, &authorise);
    let challenges = Challenges { data: t1.z(), values: t1.z_join() };
    let applied = Apply::new(chunk.clone(), challenges, [Fr::from(0u64); 3]);
    let (prover, keys) = (chain.proving.prover.lock().unwrap(), &chain.proving.keys);
    let proofs = vec![
        prover.prove(&keys[&CircuitId::ApplySmall], applied, &mut |_| ()).unwrap(),
        prover.prove(&keys[&CircuitId::SessionSmall], session.with_challenge(t1.z_join()), &mut |_| ()).unwrap(),
    ];
    let (withdrawals, messages) = (segments[1].clone(), (header.queue_end - header.queue_start) as usize);
    Proven { batch: ProvenBatch { header, segments, apply, authorise, proofs }, withdrawals, state, env, messages }
}

async fn attempt(chain: &Chain, proven: &Proven) -> Result<TransactionReceipt, Refusal> {
    chain.append(chain.sequencer(), proven).await
}

/// What is changed of the scene's batch, and how L1 refuses it.
fn attacks() -> [(&'static str, Vec<u8>, Change); 9] {
    use ValiditySettlement as L1;
    let other_data = |segment: u64| L1::Proof_EvaluationDiffers { segment: U256::from(segment) }.abi_encode();
    [
        (
            "other data than proven",
            other_data(0),
            Change { segments: Some(|_, segments| segments[0][20] ^= 1), ..Change::default() },
        ),
        (
            "a withdrawal to somebody else",
            other_data(1),
            Change { segments: Some(|_, segments| segments[1][5] ^= 1), ..Change::default() },
        ),
        (
            "a message claimed and not applied",
            other_data(2),
            Change {
                header: Some(|chain, header| {
                    header.queue_end += 1;
                    header.queue_hash_end = chain.queue_hash(header.queue_end as usize);
                }),
                segments: Some(|chain, segments| segments[2].extend(records(&chain.queue[3..]))),
                ..Change::default()
            },
        ),
        (
            "an element of zeros before the effects",
            L1::Proof_CountsDiffer::SELECTOR.to_vec(),
            Change { segments: Some(|_, segments| drop(segments[0].splice(0..0, [0; 31]))), ..Change::default() },
        ),
        (
            "a record of zeros before the withdrawals",
            L1::Proof_CountsDiffer::SELECTOR.to_vec(),
            Change { segments: Some(|_, segments| drop(segments[1].splice(0..0, [0; 62]))), ..Change::default() },
        ),
        (
            "a message of zeros before the messages",
            L1::ValiditySettlement_OtherMessages::SELECTOR.to_vec(),
            Change { segments: Some(|_, segments| drop(segments[2].splice(0..0, [0; 62]))), ..Change::default() },
        ),
        (
            "a greater deposit",
            L1::ValiditySettlement_OtherMessages::SELECTOR.to_vec(),
            Change { segments: Some(|_, segments| segments[2][61] ^= 1), ..Change::default() },
        ),
        (
            "another operation authorised",
            L1::Proof_ProductsDiffer::SELECTOR.to_vec(),
            Change {
                authorisations: Some(|chain, given| {
                    let operation_hash = given[0].operation_hash + Fr::from(1u64);
                    let key = chain.session_key(0);
                    let signature = key.sign(operation_hash);
                    given[0] = Authorisation { operation_hash, key: key.public(), signature };
                }),
                ..Change::default()
            },
        ),
        (
            "nothing authorised",
            L1::Proof_ProductsDiffer::SELECTOR.to_vec(),
            Change { authorisations: Some(|_, given| given.clear()), ..Change::default() },
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn true_proofs_that_are_false_together_are_refused() {
    use ValiditySettlement as L1;
    let (mut chain, draft) = scene(&SMALL).await;
    // One more, which the batch does not take.
    chain.deposit_eth(0, 7).await;
    for (name, expected, change) in attacks() {
        let forged = forge(&chain, draft.clone(), &change);
        let refusal = attempt(&chain, &forged).await.expect_err(name);
        assert!(refusal.0.starts_with(&expected), "{name}: {}", refusal.0);
    }
    // Fees that nobody was credited: the chunk that would credit them is left out, and what belongs to it.
    let mut unsettled = chain.draft().await;
    chain.take_next_messages(&mut unsettled, 1);
    for _ in 0..5 {
        let recipient = Address::repeat_byte(0xaa);
        chain.operate(&mut unsettled, 0, Call::WithdrawEth { recipient, amount: 1 });
    }
    let cut_short = Change {
        batch: Some(|batch| {
            batch.chunks.truncate(1);
            let counts = batch.chunks[0].counts_out;
            batch.effects.truncate(counts.effects as usize);
            batch.withdrawals.truncate(counts.withdrawals as usize);
            assert!(batch.chunks[0].fee_out > 0);
        }),
        ..Change::default()
    };
    refused::<L1::Proof_FeeLeft>(attempt(&chain, &forge(&chain, unsettled, &cut_short)).await);

    // The honest batch is taken after all of that; and only once.
    let proven = chain.prove(draft);
    let (call, settlement) = (append_call(chain.args(proven.messages).await, &proven), chain.chain().settlement);
    chain.post(proven).await;
    let again = send(&chain.client, chain.sequencer(), settlement, 0, call).await;
    refused::<ValiditySettlement::ValiditySettlement_OtherMessages>(again);
}

/// A proof is for one batch of one chain under one set of keys.
#[tokio::test(flavor = "multi_thread")]
async fn proofs_are_refused_elsewhere() {
    let chain = Chain::start().await;
    let is_proof_error = |outcome: Result<TransactionReceipt, Refusal>, what: &str| {
        let refusal = outcome.expect_err(what);
        assert!(refusal.is::<ValiditySettlement::Groth16_InvalidProof>(), "{what}: {}", refusal.0);
    };
    // The same genesis, roots and index; another configuration.
    let twin = chain.another(|_| ()).await;
    // The same but for a key that this batch does not need.
    let keys = chain.proving.key_set_of(&[CircuitId::ApplySmall]);
    let other_keys =
        chain.another(|spec| spec.validity = Some(ValiditySpec { keys, escape_delay_seconds: ESCAPE_DELAY })).await;
    let proven = chain.prove(chain.draft().await); // of a time at which all three exist
    for (deployment, what) in [(&twin, "another deployment"), (&other_keys, "another key set")] {
        let (inbox, settlement) = (deployment.chain.inbox, deployment.chain.settlement);
        let mut args = chain.args(0).await;
        let receipt = chain.call(chain.stranger(), inbox, 0, Inbox::checkpointCall {}).await.unwrap();
        let stored = receipt.logs().iter().find_map(|log| Inbox::CheckpointStored::decode_log(&log.inner).ok());
        args.checkpoint = stored.unwrap().data.checkpoint;
        let call = append_call(args, &proven);
        is_proof_error(send(&chain.client, chain.sequencer(), settlement, 0, call).await, what);
    }
    // The next batch of the same chain: empty too, on the same state.
    let mut chain = chain;
    let again = Proven { batch: proven.batch.clone(), withdrawals: Vec::new(), state: proven.state.clone(), ..proven };
    chain.post(again).await;
    is_proof_error(attempt(&chain, &proven).await, "another batch");
}

/// PAY-CIRCUIT: where L1 has keys of two sizes, a proof counts for the circuit that it is of, and for no other of its family.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_one_circuit_is_none_of_another() {
    let (mut chain, draft) = scene(&TWO_SIZES).await;
    let change = Change { session: Some(CircuitId::SessionLarge), ..Change::default() };
    let forged = forge(&chain, draft.clone(), &change);
    refused::<ValiditySettlement::Groth16_InvalidProof>(attempt(&chain, &forged).await);
    let proven = chain.prove(draft);
    assert_eq!(proven.batch.authorise[0].circuit, CircuitId::SessionSmall);
    chain.post(proven).await;
}

/// The same for Apply. The key of the large circuit is the small one's but for delta, which alone keeps the proof from holding under it.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_one_apply_circuit_is_none_of_another() {
    let apply_bytes = SMALL.key_set_of(&[CircuitId::ApplySmall]).bytes().len();
    let small_keys = SMALL.key_set();
    let (apply, session) = small_keys.bytes().split_at(apply_bytes);
    let mut large = apply.to_vec();
    large[31] = CircuitId::ApplyLarge as u8;
    // Delta is the four words from the twelfth on, here twice the generator (EIP-197), which no other key has.
    large[384..512].copy_from_slice(&hex!(
        "203e205db4f19b37b60121b83a7333706db86431c6d835849957ed8c3928ad79"
        "27dc7234fd11d3e8c36c59277c3e6f149d5cd3cfa9a62aee49f8130962b4b3b9"
        "195e8aa5b7827463722b8c153931579d3505566b4edf48d498e185f0509de152"
        "04bb53b8977e5f92a0bc372742c4830944a59b4fe6b1c0466e2a6dad122b5d2e"
    ));
    let keys = KeySet::try_from(Bytes::from([apply, &large, session].concat())).unwrap();
    let (hash, validity) = (keys.hash(), ValiditySpec { keys, escape_delay_seconds: ESCAPE_DELAY });
    let (mut chain, draft) = scene_of(&SMALL, hash, |spec| spec.validity = Some(validity)).await;
    let change = Change { apply: Some(CircuitId::ApplyLarge), ..Change::default() };
    let forged = forge(&chain, draft.clone(), &change);
    assert_eq!(forged.batch.apply[0].circuit, CircuitId::ApplyLarge);
    refused::<ValiditySettlement::Groth16_InvalidProof>(attempt(&chain, &forged).await);
    let proven = chain.prove(draft);
    assert_eq!(proven.batch.apply[0].circuit, CircuitId::ApplySmall);
    chain.post(proven).await;
}

/// PAY-KEYS, PAY-TRANSCRIPT: a proof is of the key set that it was made under, though the key of its circuit is in both. Until the notice has passed that is the old
/// one, from the first batch after it the new one.
#[tokio::test(flavor = "multi_thread")]
async fn proofs_are_of_the_keys_that_hold() {
    use ValiditySettlement as L1;
    let mut chain = Chain::start().await;
    chain.deposit_eth(0, ETHER).await;
    chain.set_session_key(0).await;
    chain.consume().await;
    // The same without the key for signatures.
    let (before, keys) = (chain.key_set_hash, chain.proving.key_set_of(&[CircuitId::ApplySmall]));
    let delay = chain.schedule_keys(&keys).await;
    chain.key_set_hash = keys.hash();
    let early = chain.prove(chain.draft().await);
    refused::<L1::Groth16_InvalidProof>(attempt(&chain, &early).await);
    chain.key_set_hash = before;
    let last = chain.prove(chain.draft().await);
    chain.post(last).await;

    chain.wait(delay).await;
    let late = chain.prove(chain.draft().await);
    refused::<L1::Groth16_InvalidProof>(attempt(&chain, &late).await);
    chain.key_set_hash = keys.hash();
    let mut signed = chain.draft().await;
    let recipient = chain.user(1).address();
    chain.operate(&mut signed, 0, Call::Transfer { recipient, amount: 1 });
    let signed = chain.prove(signed);
    refused::<L1::Groth16_NoKey>(attempt(&chain, &signed).await);
    let first = chain.prove(chain.draft().await);
    chain.post(first).await;
    let active = chain.view(chain.deployment.schedule, Schedule::activeEntryCall {}).await;
    assert_eq!(active.rules.keysHash, keys.hash());
    chain.deposit_eth(1, 7).await;
    chain.consume().await;
}

/// L1-BATCH-9: the settlement alone appends.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_appended_around_the_settlement() {
    let mut chain = Chain::start().await;
    chain.deposit_eth(0, ETHER).await;
    chain.wait(2 * WINDOW).await;
    let (inbox, args) = (chain.chain().inbox, chain.args(1).await);
    let sequencer = chain.sequencer();
    let calldata = Inbox::appendCalldataCall { args: args.clone(), payload: Bytes::from_static(b"payload") };
    refused::<Inbox::Inbox_OtherChainKind>(chain.call(sequencer, inbox, 0, calldata).await);
    let forced = Inbox::appendForcedCall { args: args.clone() };
    refused::<Inbox::Inbox_OtherChainKind>(chain.call(chain.stranger(), inbox, 0, forced).await);
    let proven = Inbox::appendProvenCall { args, dataHash: B256::ZERO };
    refused::<Inbox::Inbox_NotSettlement>(chain.call(sequencer, inbox, 0, proven).await);
    let record = Bytes::from(records(&[Message::Forced { key: eth(Address::ZERO) }]));
    let enqueue = enqueueRecordCall { record, gasLimit: 100_000 };
    refused::<Inbox::Inbox_NotBridge>(chain.call(sequencer, inbox, 0, enqueue).await);
}

/// PAY-USER: after the account's key was changed from L1 earlier in the batch, an operation by the old key is refused at once, not when it is proven.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_replaced_in_the_same_batch_signs_nothing() {
    use tandem_payments::ledger::Refused;
    use tandem_payments::operation::Operation;
    let (chain, mut draft) = scene(&SMALL).await;
    let account = chain.user(0).address();
    let message =
        Message::L1Key { account, key: tandem_payments::field::integer(chain.session_key(7).public().hash()) };
    draft.builder.message(&message).unwrap();
    let operation = Operation {
        sender: account,
        nonce: 1,
        call: Call::Transfer { recipient: account, amount: 1 },
        gas_limit: 21_000,
        max_fee_per_gas: 1,
        expiry: u64::MAX,
    };
    let old = Authorisation {
        operation_hash: operation.hash(chain.dom()),
        key: chain.session_key(0).public(),
        signature: chain.session_key(0).sign(operation.hash(chain.dom())),
    };
    let outcome = draft.builder.user(&operation, old.authority().signer(), 1);
    assert!(matches!(outcome, Err(Refused::Key { .. })), "{outcome:?}");
}
