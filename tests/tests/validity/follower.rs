//! The follower of a payments chain on a real L1: what it has on disk it asks nobody for again, and what L1 takes back it takes back. Tests PAY-STORE.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
};

use alloy::{
    primitives::Address,
    providers::ext::AnvilApi,
    rpc::types::anvil::{ReorgOptions, TransactionData},
};
use axum::{Router, http::header::CONTENT_TYPE};
use serde_json::{Value, json};
use tandem_l1::{
    L1Client,
    payments::{Advanced, FollowError, Follower, HistoryError},
};
use tandem_payments::{leaf::Key, state::State};
use tandem_store::{AppliedBatch, LedgerPoll, LedgerStore, Options, StoreError, Unwound};
use tandem_support::l1::DEADLINE;
use tandem_tests::payments::{Chain, ETHER, Proven};
use tokio::net::TcpListener;
use url::Url;

/// Blocks after which L1's client of the tests has finalised one, and some more.
const FINAL_BLOCKS: u64 = 70;
/// Looks in a row in which a block may be missing (PAY-STORE).
const LOOKS: usize = 16;

/// What an endpoint gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Answers go through as they are.
    None,
    /// Transactions call another contract than they do.
    Callee,
    /// There are no events.
    NoEvents,
    /// The last event is in this block, as a node on another fork has it.
    LastEventIn(u64),
    /// There is nothing above this block.
    Lags(u64),
}

impl Fault {
    /// What is asked instead.
    fn ask(self, mut asked: Value) -> Value {
        if let Self::Lags(head) = self
            && asked["method"] == "eth_getBlockByNumber"
            && asked["params"][0] == "latest"
        {
            asked["params"][0] = json!(format!("{head:#x}"));
        }
        asked
    }

    /// What becomes of the answer.
    fn tell(self, asked: &Value, answer: &mut Value) {
        let Some(result) = answer.get_mut("result") else { return };
        match (self, asked["method"].as_str().unwrap()) {
            (Self::Callee, "eth_getTransactionByHash") => result["to"] = json!(Address::ZERO),
            (Self::NoEvents, "eth_getLogs") => *result = json!([]),
            (Self::LastEventIn(block), "eth_getLogs") => {
                let last = result.as_array_mut().unwrap().last_mut().unwrap();
                last["blockNumber"] = json!(format!("{block:#x}"));
            }
            (Self::Lags(head), "eth_getBlockByNumber") => {
                let number = asked["params"][0].as_str().unwrap();
                // Tags are no numbers.
                if number.starts_with("0x") && quantity(number) > head {
                    *result = Value::Null;
                }
            }
            _ => {}
        }
    }
}

fn quantity(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}

/// L1's endpoint with a list of what it is asked, and with a fault.
struct Watched {
    client: L1Client,
    asked: Arc<Mutex<Vec<Value>>>,
    fault: Arc<Mutex<Fault>>,
}

impl Watched {
    async fn over(chain: &Chain) -> Self {
        let (endpoint, asked, fault) = (chain.anvil.url().unwrap(), Arc::default(), Arc::new(Mutex::new(Fault::None)));
        let list: Arc<Mutex<Vec<Value>>> = Arc::clone(&asked);
        let (http, wrong) = (reqwest::Client::new(), fault.clone());
        let pass_on = move |body: String| {
            let asked: Value = serde_json::from_str(&body).unwrap();
            let fault = *wrong.lock().unwrap();
            list.lock().unwrap().push(asked.clone());
            let request = http.post(endpoint.clone()).json(&fault.ask(asked.clone()));
            async move {
                let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
                fault.tell(&asked, &mut answer);
                ([(CONTENT_TYPE, "application/json")], answer.to_string())
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(pass_on)).await.unwrap() });
        Self { client: L1Client::connect(&url, DEADLINE).await.unwrap(), asked, fault }
    }

    /// From now on the endpoint has this fault, and no other.
    fn has(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// The first parameters of every request of a method.
    fn asked(&self, method: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|request| request["method"] == method).map(|request| request["params"][0].clone()).collect()
    }

    /// The blocks from which events were asked for.
    fn read_from(&self) -> Vec<u64> {
        self.asked("eth_getLogs").iter().map(|filter| quantity(filter["fromBlock"].as_str().unwrap())).collect()
    }
}

async fn open(chain: &Chain, client: &L1Client, directory: &Path) -> Follower {
    let store = LedgerStore::open(directory, chain.chain(), Options::default()).unwrap();
    let start_block = chain.deployment.start_block;
    Follower::open(client.clone(), chain.chain().clone(), start_block, 1_000, store).await.unwrap()
}

/// The follower has what the fixture has.
fn agrees(follower: &Follower, chain: &Chain) {
    let ledger = follower.ledger();
    assert_eq!((ledger.index(), ledger.state().root()), (chain.batches, chain.state.root()));
    assert_eq!(ledger.output().queue_index, chain.consumed as u64);
    assert_eq!((follower.batches().len() as u64, follower.messages().len()), (chain.batches + 1, chain.queue.len()));
    let key = Key::eth(chain.user(0).address());
    assert_eq!(ledger.state().get(key), chain.state.get(key));
}

async fn advance(follower: &mut Follower) -> Advanced {
    follower.advance().await.unwrap().expect("something to tell")
}

/// L1 takes back its last blocks, from the one that has a batch on.
async fn take_back(chain: &Chain, follower: &Follower, batch: usize) {
    let depth = chain.client.latest().await.unwrap().id.number + 1 - follower.batches()[batch].block;
    reorganise(chain, depth).await;
}

async fn reorganise(chain: &Chain, depth: u64) {
    let tx_block_pairs: Vec<(TransactionData, u64)> = Vec::new();
    chain.client.provider().anvil_reorg(ReorgOptions { depth, tx_block_pairs }).await.unwrap();
}

async fn messages_proven(chain: &Chain) -> Proven {
    let mut draft = chain.draft().await;
    chain.take_messages(&mut draft);
    chain.prove(draft)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_goes_on_where_it_ended() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    for user in 0..2 {
        chain.deposit_eth(user, ETHER).await;
        chain.consume().await;
    }
    let mut follower = open(&chain, &chain.client, directory.path()).await;
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 0, rebuilt: false });
    agrees(&follower, &chain);
    assert_eq!(follower.advance().await.unwrap(), None);
    let read = follower.head().id.number;
    drop(follower);

    // Nothing happened: nothing is read, and what is known is told.
    let watched = Watched::over(&chain).await;
    let mut follower = open(&chain, &watched.client, directory.path()).await;
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 3, rebuilt: false });
    agrees(&follower, &chain);
    assert!(watched.read_from().is_empty() && watched.asked("eth_getTransactionByHash").is_empty());
    drop(follower);

    // One more batch: it alone is fetched.
    chain.deposit_eth(0, 7).await;
    let proven = messages_proven(&chain).await;
    chain.post(proven).await;
    let mut follower = open(&chain, &watched.client, directory.path()).await;
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 3, rebuilt: false });
    agrees(&follower, &chain);
    assert_eq!(watched.read_from(), [read + 1]);
    assert_eq!(watched.asked("eth_getTransactionByHash").len(), 1);

    let other = chain.another(|spec| spec.chain.l2_chain_id += 1).await;
    drop(follower);
    let refused = LedgerStore::open(directory.path(), &other.chain, Options::default()).unwrap_err();
    assert!(matches!(refused, StoreError::OtherChain { .. }), "{refused:?}");
}

/// Events are kept, and read again when what they lead to is something else.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_together_is_read_again() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    chain.deposit_eth(0, ETHER).await;
    chain.consume().await;
    let watched = Watched::over(&chain).await;
    let mut follower = open(&chain, &watched.client, directory.path()).await;
    watched.has(Fault::Callee);
    for times in 1..=2 {
        let found = follower.advance().await.unwrap_err();
        assert!(matches!(found, FollowError::Posted { index: 1, .. }) && !found.is_fatal(), "{found:?}");
        assert_eq!(watched.read_from(), vec![chain.deployment.start_block; times]);
    }
    // What is kept of it does not keep who begins anew from coming to the truth.
    drop(follower);
    watched.has(Fault::None);
    let mut follower = open(&chain, &watched.client, directory.path()).await;
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 1, rebuilt: false });
    agrees(&follower, &chain);
}

/// The proofs land again in another block, as a batch that is new.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_l1_takes_back_is_taken_back_on_disk() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    chain.deposit_eth(0, ETHER).await;
    chain.consume().await;
    chain.deposit_eth(0, ETHER).await;
    chain.mine(3).await;
    let (proven, sequencer) = (messages_proven(&chain).await, chain.sequencer().clone());
    let mut follower = open(&chain, &chain.client, directory.path()).await;
    advance(&mut follower).await;
    for is_down in [false, true] {
        // The fixture does not go on from it.
        chain.append(&sequencer, &proven).await.unwrap();
        let told = advance(&mut follower).await;
        assert_eq!((told, follower.ledger().index()), (Advanced { batches_kept: 2, rebuilt: false }, 2));
        if is_down {
            drop(follower);
            follower = open(&chain, &chain.client, directory.path()).await;
        }
        take_back(&chain, &follower, 2).await;
        assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: false });
        agrees(&follower, &chain);
    }
    chain.post(proven).await;
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: false });
    agrees(&follower, &chain);
    drop(follower);
    let mut follower = open(&chain, &chain.client, directory.path()).await;
    advance(&mut follower).await;
    agrees(&follower, &chain);
}

/// An endpoint that lags takes nothing back; one that stays where it is does, and does so once.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_lags_is_waited_for() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    for user in 0..2 {
        chain.deposit_eth(user, ETHER).await;
        chain.consume().await;
    }
    let watched = Watched::over(&chain).await;
    let mut follower = open(&chain, &watched.client, directory.path()).await;
    advance(&mut follower).await;
    // Where it lags there is no block up to which was read, but the one that has a batch.
    let (last, lags) = (follower.head().id.number, follower.batches()[1].block);
    for looks in [LOOKS - 1, LOOKS] {
        watched.has(Fault::Lags(lags));
        for _ in 0..looks {
            let found = follower.advance().await.unwrap_err();
            assert!(!found.is_fatal());
            let FollowError::Behind { head, known } = found else { panic!("{found:?}") };
            assert_eq!((head, known), (lags, last));
        }
        if looks < LOOKS {
            watched.has(Fault::None);
            assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 3, rebuilt: false });
            agrees(&follower, &chain);
        }
    }
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: false });
    assert_eq!((follower.ledger().index(), follower.batches().len()), (1, 2));
    let read_from = watched.read_from();
    assert_eq!(follower.advance().await.unwrap(), None, "it is known how far was read");
    drop(follower);
    let mut follower = open(&chain, &watched.client, directory.path()).await;
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: false });
    assert_eq!(watched.read_from(), read_from, "also by who begins anew");
    watched.has(Fault::None);
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: false });
    agrees(&follower, &chain);
}

/// Whatever is kept wrongly is found and replaced, without anybody's help.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_wrongly_is_read_again() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    chain.deposit_eth(0, ETHER).await;
    chain.consume().await;
    chain.deposit_eth(1, ETHER).await;
    let watched = Watched::over(&chain).await;
    let mut follower = open(&chain, &watched.client, directory.path()).await;
    let batch = chain.client.latest().await.unwrap().id.number - 1;
    watched.has(Fault::LastEventIn(batch));
    advance(&mut follower).await;
    assert_eq!(follower.messages().last().unwrap().block, batch, "a deposit that L1 has one block later");
    watched.has(Fault::None);
    // L1 takes it back, and by its block it stands.
    reorganise(&chain, 1).await;
    chain.queue.pop();
    for is_down in [true, false] {
        let found = follower.advance().await.unwrap_err();
        let FollowError::History(HistoryError::Missing { expected: 1, found: 2, .. }) = found else {
            panic!("{found:?}")
        };
        if is_down {
            drop(follower);
            follower = open(&chain, &watched.client, directory.path()).await;
        }
    }
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: false });
    agrees(&follower, &chain);

    // Events that are left out for a while cost reading, the more the longer it lasts, and nothing that is known.
    chain.deposit_eth(1, ETHER).await;
    let (genesis, read, before) = (follower.batches()[0].block, follower.head().id.number, watched.read_from().len());
    watched.has(Fault::NoEvents);
    for _ in 0..3 {
        let found = follower.advance().await.unwrap_err();
        assert!(matches!(found, FollowError::History(HistoryError::Missing { .. })), "{found:?}");
    }
    watched.has(Fault::None);
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: false });
    agrees(&follower, &chain);
    assert_eq!(watched.read_from()[before..], [read + 1, genesis + 1, chain.deployment.start_block, read + 1]);
}

/// Makes what is on disk that of somebody who can take nothing back: the batches are applied once more, and how to undo them is not kept.
fn forget_undo(chain: &Chain, directory: &Path, states: &[State]) {
    let store = LedgerStore::open(directory, chain.chain(), Options::default()).unwrap();
    let rows = store.restore().unwrap();
    let again = LedgerPoll {
        messages_kept: rows.messages.len() as u64,
        messages: &[],
        batches_kept: 1,
        batches: &rows.batches[1..],
        reads_gone: &[],
        read: None,
        finalized: 0,
    };
    assert_eq!(store.poll(&again).unwrap(), Unwound::To { index: 0 });
    for (index, states) in (1..).zip(states.windows(2)) {
        let (before, after) = (&states[0], &states[1]);
        let changed: BTreeSet<u32> = (0..after.leaf_count() as u32).collect();
        let applied = AppliedBatch { index, before, after, changed: &changed, note: &(), undo_first: u64::MAX };
        store.apply(&applied).unwrap();
    }
}

/// What L1 calls final is taken back all the same if L1 takes it back: by what is kept for the last batches, and if that is not there the state is made anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_below_what_is_final_is_followed() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    for user in 0..2 {
        chain.deposit_eth(user, ETHER).await;
    }
    let mut draft = chain.draft().await;
    chain.take_next_messages(&mut draft, 1);
    let proven = chain.prove(draft);
    chain.post(proven).await;
    let stands = (chain.state.clone(), chain.batches, chain.consumed);
    chain.consume().await;
    let mut follower = open(&chain, &chain.client, directory.path()).await;
    advance(&mut follower).await;
    chain.mine(FINAL_BLOCKS).await;
    chain.deposit_eth(0, 7).await;
    chain.consume().await;
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 3, rebuilt: false });
    agrees(&follower, &chain);

    take_back(&chain, &follower, 2).await;
    (chain.state, chain.batches, chain.consumed) = stands.clone();
    chain.queue.pop();
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: false });
    agrees(&follower, &chain);
    chain.consume().await;
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: false });
    agrees(&follower, &chain);

    drop(follower);
    forget_undo(&chain, directory.path(), &[State::default(), stands.0.clone(), chain.state.clone()]);
    let mut follower = open(&chain, &chain.client, directory.path()).await;
    advance(&mut follower).await;
    agrees(&follower, &chain);
    take_back(&chain, &follower, 2).await;
    (chain.state, chain.batches, chain.consumed) = stands;
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: true });
    agrees(&follower, &chain);
}
