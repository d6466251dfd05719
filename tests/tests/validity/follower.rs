//! The follower of a payments chain on a real L1: what it has on disk it asks nobody for again, and what L1 takes back it takes back. Tests PAY-STORE.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use alloy::{
    primitives::Address,
    providers::ext::AnvilApi,
    rpc::types::anvil::{ReorgOptions, TransactionData},
};
use axum::{Router, http::header::CONTENT_TYPE};
use serde_json::Value;
use tandem_l1::{
    L1Client,
    payments::{Advanced, FollowError, Follower},
};
use tandem_payments::leaf::Key;
use tandem_store::{LedgerStore, Options, StoreError};
use tandem_support::l1::DEADLINE;
use tandem_tests::payments::{Chain, ETHER, Proven};
use tokio::net::TcpListener;
use url::Url;

/// Blocks after which L1's client of the tests has finalised one, and some more.
const FINAL_BLOCKS: u64 = 70;

/// L1's endpoint with a list of what it is asked, and with a fault: transactions that call another contract than they do.
struct Watched {
    client: L1Client,
    asked: Arc<Mutex<Vec<Value>>>,
    lies: Arc<AtomicBool>,
}

impl Watched {
    async fn over(chain: &Chain) -> Self {
        let (endpoint, asked, lies) = (chain.anvil.url().unwrap(), Arc::default(), Arc::new(AtomicBool::new(false)));
        let callee = format!("\"to\":\"{:#x}\"", chain.chain().settlement);
        let nobody = format!("\"to\":\"{:#x}\"", Address::ZERO);
        let list: Arc<Mutex<Vec<Value>>> = Arc::clone(&asked);
        let (http, is_lying) = (reqwest::Client::new(), lies.clone());
        let pass_on = move |body: String| {
            let asked: Value = serde_json::from_str(&body).unwrap();
            let is_false = asked["method"] == "eth_getTransactionByHash" && is_lying.load(Ordering::SeqCst);
            list.lock().unwrap().push(asked);
            let request = http.post(endpoint.clone()).header("content-type", "application/json").body(body);
            let (callee, nobody) = (callee.clone(), nobody.clone());
            async move {
                let answer = request.send().await.unwrap().text().await.unwrap();
                let told = if is_false { answer.replace(&callee, &nobody) } else { answer };
                ([(CONTENT_TYPE, "application/json")], told)
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(pass_on)).await.unwrap() });
        Self { client: L1Client::connect(&url, DEADLINE).await.unwrap(), asked, lies }
    }

    /// The first parameters of every request of a method.
    fn asked(&self, method: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|request| request["method"] == method).map(|request| request["params"][0].clone()).collect()
    }

    /// The blocks from which events were asked for.
    fn read_from(&self) -> Vec<u64> {
        let first = |filter: &Value| {
            let number = filter["fromBlock"].as_str().unwrap().trim_start_matches("0x").to_owned();
            u64::from_str_radix(&number, 16).unwrap()
        };
        self.asked("eth_getLogs").iter().map(first).collect()
    }
}

fn open(chain: &Chain, client: &L1Client, directory: &Path) -> Follower {
    let store = LedgerStore::open(directory, chain.chain(), Options::default()).unwrap();
    let start_block = chain.deployment.start_block;
    Follower::open(client.clone(), chain.chain().clone(), start_block, 1_000, store).unwrap()
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
    let mut follower = open(&chain, &chain.client, directory.path());
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 0, rebuilt: false });
    agrees(&follower, &chain);
    assert_eq!(follower.advance().await.unwrap(), None);
    let read = follower.head().id.number;
    drop(follower);

    // Nothing happened: nothing is read, and what is known is told.
    let watched = Watched::over(&chain).await;
    let mut follower = open(&chain, &watched.client, directory.path());
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 3, rebuilt: false });
    agrees(&follower, &chain);
    assert!(watched.read_from().is_empty() && watched.asked("eth_getTransactionByHash").is_empty());
    drop(follower);

    // One more batch: it alone is fetched.
    chain.deposit_eth(0, 7).await;
    let proven = messages_proven(&chain).await;
    chain.post(proven).await;
    let mut follower = open(&chain, &watched.client, directory.path());
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
    let mut follower = open(&chain, &watched.client, directory.path());
    watched.lies.store(true, Ordering::SeqCst);
    for times in 1..=2 {
        let found = follower.advance().await.unwrap_err();
        assert!(matches!(found, FollowError::Posted { index: 1, .. }) && !found.is_fatal(), "{found:?}");
        assert_eq!(watched.read_from(), vec![chain.deployment.start_block; times]);
    }
    // What is kept of it does not keep who begins anew from coming to the truth.
    drop(follower);
    watched.lies.store(false, Ordering::SeqCst);
    let mut follower = open(&chain, &watched.client, directory.path());
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
    let mut follower = open(&chain, &chain.client, directory.path());
    advance(&mut follower).await;
    for is_down in [false, true] {
        // The fixture does not go on from it.
        chain.append(&sequencer, &proven).await.unwrap();
        let told = advance(&mut follower).await;
        assert_eq!((told, follower.ledger().index()), (Advanced { batches_kept: 2, rebuilt: false }, 2));
        if is_down {
            drop(follower);
            follower = open(&chain, &chain.client, directory.path());
        }
        take_back(&chain, &follower, 2).await;
        assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: false });
        agrees(&follower, &chain);
    }
    chain.post(proven).await;
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: false });
    agrees(&follower, &chain);
    drop(follower);
    let mut follower = open(&chain, &chain.client, directory.path());
    advance(&mut follower).await;
    agrees(&follower, &chain);
}

/// What L1 calls final can be undone no more; if it is taken back all the same, the state is made anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_below_what_is_final_rebuilds_the_state() {
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
    let mut follower = open(&chain, &chain.client, directory.path());
    advance(&mut follower).await;
    chain.mine(FINAL_BLOCKS).await;
    chain.deposit_eth(0, 7).await;
    chain.consume().await;
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 3, rebuilt: false });
    agrees(&follower, &chain);

    take_back(&chain, &follower, 2).await;
    (chain.state, chain.batches, chain.consumed) = stands;
    chain.queue.pop();
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: true });
    agrees(&follower, &chain);
    chain.consume().await;
    assert_eq!(advance(&mut follower).await, Advanced { batches_kept: 2, rebuilt: false });
    agrees(&follower, &chain);
}
