//! `tandem-prover prove` as an operator runs it: a process with its folder, a sequencer over gRPC, and L1, which takes what comes back.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Bytes, keccak256},
    sol_types::{SolCall, SolValue},
};
use tandem_chain::ChainKind;
use tandem_circuits::groth16::{ApplyChunk, AuthoriseChunk, BatchEnv};
use tandem_l1::bindings::ValiditySettlement;
use tandem_payments::{
    batch::{BatchBuilder, BatchLimits},
    eddsa::SessionTransaction,
    field::integer,
    ledger::Env,
    operation::{Call, Operation},
    state::State,
};
use tandem_proto::v1::{
    ClosedBatch, Entry, NextBatchRequest, NextBatchResponse, ProvenRequest, ProvenResponse, SignedOperation,
    entry::Entry as Item,
    proven_response::Outcome,
    proving_server::{Proving, ProvingServer},
};
use tandem_tests::{
    payments::{Chain, ETHER, PRICE, eth, send},
    world::{built, free_ports},
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// For whatever must happen. No measure of speed.
const DEADLINE: Duration = Duration::from_secs(180);

async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < DEADLINE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A sequencer's closed batches, and those that came back, by index.
#[derive(Clone, Default)]
struct Sequencer {
    closed: Arc<Mutex<BTreeMap<u64, ClosedBatch>>>,
    proven: Arc<Mutex<BTreeMap<u64, ProvenRequest>>>,
}

#[tonic::async_trait]
impl Proving for Sequencer {
    async fn next_batch(&self, request: Request<NextBatchRequest>) -> Result<Response<NextBatchResponse>, Status> {
        let NextBatchRequest { held_index, .. } = request.into_inner();
        for _ in 0..20 {
            let is_next = |index: &u64| *index > held_index && !self.proven.lock().unwrap().contains_key(index);
            let batch = self.closed.lock().unwrap().values().find(|batch| is_next(&batch.index)).cloned();
            if batch.is_some() {
                return Ok(Response::new(NextBatchResponse { batch }));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Response::new(NextBatchResponse { batch: None }))
    }

    async fn proven(&self, request: Request<ProvenRequest>) -> Result<Response<ProvenResponse>, Status> {
        let request = request.into_inner();
        self.proven.lock().unwrap().insert(request.index, request);
        Ok(Response::new(ProvenResponse { outcome: Outcome::Taken.into() }))
    }
}

impl Sequencer {
    /// Serves from a port of its own, until the test ends.
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().add_service(ProvingServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        url
    }

    fn close(&self, batch: ClosedBatch) {
        self.closed.lock().unwrap().insert(batch.index, batch);
    }

    async fn proven(&self, index: u64) -> ProvenRequest {
        wait_until("the batch comes back", async || self.proven.lock().unwrap().contains_key(&index)).await;
        self.proven.lock().unwrap()[&index].clone()
    }
}

/// Closes batches, each on the one before.
struct Closer {
    index: u64,
    state: State,
    queue_end: usize,
}

impl Closer {
    /// A batch of messages and of operations of user 0, at a time that L1 has reached.
    async fn close(&mut self, chain: &Chain, messages: usize, calls: &[Call]) -> ClosedBatch {
        let timestamp = chain.client.latest().await.unwrap().timestamp;
        let env = Env { operator: chain.sequencer().address(), timestamp };
        let (start, end) = (self.queue_end, self.queue_end + messages);
        let (state, circuits) = (self.state.clone(), chain.proving.circuits);
        let mut builder = BatchBuilder::with(state, env, chain.dom(), start as u64, circuits, BatchLimits::default());
        let mut entries = Vec::new();
        chain.queue[start..end].iter().for_each(|message| builder.message(message).unwrap());
        if messages > 0 {
            entries.push(Entry { entry: Some(Item::Messages(messages as u32)) });
        }
        let (sender, config) = (chain.user(0).address(), chain.chain());
        for call in calls {
            let nonce = builder.ledger().state().get(eth(sender)).unwrap().nonce;
            let (gas_limit, expiry) = (100_000, timestamp + 3_600);
            let operation = Operation { sender, nonce, call: *call, gas_limit, max_fee_per_gas: PRICE, expiry };
            let key = chain.session_key(0);
            let signed = SessionTransaction::sign(config.l2_chain_id, config.hash(), operation, &key).unwrap();
            let authority = signed.verify(config.l2_chain_id, config.hash()).unwrap();
            builder.user(&operation, authority.signer(), PRICE).unwrap();
            let operation = SignedOperation { envelope: signed.encode(), price: PRICE };
            entries.push(Entry { entry: Some(Item::Operation(operation)) });
        }
        let root_before = integer(self.state.root()).to_be_bytes_vec();
        (self.index, self.state, self.queue_end) = (self.index + 1, builder.finish().1, end);
        ClosedBatch {
            index: self.index,
            id: keccak256(self.index.to_be_bytes()).to_vec(),
            timestamp,
            operator: env.operator.to_vec(),
            entries,
            queue_start: start as u64,
            queue_end: end as u64,
            queue_hash_end: chain.queue_hash(end).to_vec(),
            root_before,
            root_after: integer(self.state.root()).to_be_bytes_vec(),
        }
    }
}

/// L1 takes what came back.
async fn land(chain: &mut Chain, closer: &Closer, batch: &ClosedBatch, proven: &ProvenRequest) {
    type Arguments = (BatchEnv, [Bytes; 3], Vec<ApplyChunk>, Vec<AuthoriseChunk>);
    let (env, segments, applied, authorised) = Arguments::abi_decode_params(&proven.arguments).unwrap();
    let messages = (batch.queue_end - batch.queue_start) as usize;
    let arguments = (chain.args(messages).await, env, segments, applied, authorised).abi_encode_params();
    let call = [ValiditySettlement::appendCall::SELECTOR.as_slice(), &arguments].concat();
    send(&chain.client, chain.sequencer(), chain.chain().settlement, 0, call).await.unwrap();
    (chain.batches, chain.consumed) = (chain.batches + 1, chain.consumed + messages);
    let root = chain.view(chain.chain().settlement, ValiditySettlement::stateRootCall {}).await;
    assert_eq!(root.to_be_bytes_vec(), batch.root_after);
    if chain.batches == closer.index {
        chain.state = closer.state.clone();
    }
}

/// The process, and what it says.
struct Prover {
    child: Child,
    _stdin: Option<ChildStdin>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Prover {
    fn start(chain: &Chain, directory: &Path, sequencer: &str, health: u16) -> Self {
        let mut command = Command::new(built("tandem-prover").unwrap());
        let keys = std::env::temp_dir().join("tandem-devnet-keys");
        command.arg("prove").arg("--deployment").arg(directory.join("deployment.json"));
        command.arg("--data-dir").arg(directory.join("data")).arg("--keys").arg(keys).arg("--end-with-stdin");
        command.args(["--l1-rpc", chain.anvil.url().unwrap().as_str(), "--sequencer", sequencer]);
        command.args(["--l1-poll-ms", "20", "--health", &format!("127.0.0.1:{health}")]);
        command.env_remove("RUST_LOG").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (said, heard) = (Arc::<Mutex<Vec<String>>>::default(), BufReader::new(child.stderr.take().unwrap()));
        let lines = said.clone();
        std::thread::spawn(move || heard.lines().for_each(|line| lines.lock().unwrap().push(line.unwrap())));
        Self { _stdin: child.stdin.take(), child, said }
    }

    /// Waits for a line with all these words.
    async fn says(&mut self, words: &[&str]) {
        let start = Instant::now();
        loop {
            let said = self.said.lock().unwrap().clone();
            if said.iter().any(|line| words.iter().all(|word| line.contains(word))) {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && start.elapsed() < DEADLINE, "never {words:?} ({ended:?}): {said:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

async fn ask(health: u16, path: &str) -> Option<(u16, String)> {
    let answer = reqwest::get(format!("http://127.0.0.1:{health}/{path}")).await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

async fn answers(health: u16, path: &str, status: u16, words: &str) {
    wait_until(words, async || {
        ask(health, path).await.is_some_and(|(found, text)| found == status && text.contains(words))
    })
    .await;
}

/// Tests PAY-APPEND, PAY-SESSION-TX, PAY-KEYS: a lie, a kill -9 between two proofs, a start on what L1 has since; and L1 takes every batch.
#[tokio::test(flavor = "multi_thread")]
async fn a_prover_derives_survives_and_is_believed_by_l1() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    chain.deposit_eth(0, ETHER).await;
    chain.set_session_key(0).await;
    let mut closer = Closer { index: 0, state: State::default(), queue_end: 0 };
    let first = closer.close(&chain, 2, &[]).await;
    let call = Call::Transfer { recipient: chain.user(1).address(), amount: 7 };
    let second = closer.close(&chain, 0, &[call]).await;
    let deployment = directory.path().join("deployment.json");
    let mut evm = chain.deployment.clone();
    evm.chain.kind = ChainKind::Evm;
    fs::write(&deployment, serde_json::to_vec(&evm).unwrap()).unwrap();
    let (sequencer, [health]) = (Sequencer::default(), free_ports().unwrap());
    let url = sequencer.serve().await;
    let mut wrong = Prover::start(&chain, directory.path(), &url, health);
    wait_until("it ends", async || wrong.child.try_wait().unwrap().is_some()).await;
    assert!(wrong.said.lock().unwrap().iter().any(|line| line.contains("is for payments chains")));
    fs::write(&deployment, serde_json::to_vec(&chain.deployment).unwrap()).unwrap();

    let mut lie = first.clone();
    lie.root_after[31] ^= 1;
    sequencer.close(lie);
    let mut prover = Prover::start(&chain, directory.path(), &url, health);
    answers(health, "readyz", 503, "false batch: batch 1: it claims root").await;
    prover.says(&["ERROR", "is not what the sequencer claims", "batch=1"]).await;
    sequencer.close(first.clone());
    sequencer.close(second.clone());
    prover.says(&["chunk proven", "batch=2", "missing=1"]).await;
    prover.kill();

    let proven = sequencer.proven(1).await;
    land(&mut chain, &closer, &first, &proven).await;
    let mut prover = Prover::start(&chain, directory.path(), &url, health);
    prover.says(&["proving", "batch=2", "chunks=2", "missing=1"]).await;
    let proven = sequencer.proven(2).await;
    answers(health, "readyz", 200, "ready").await;
    answers(health, "metrics", 200, "tandem_proving_brought_back_batches_total 1\n").await;
    answers(health, "healthz", 200, "up; nothing to prove").await;
    land(&mut chain, &closer, &second, &proven).await;
    answers(health, "status", 200, "\"settledBatch\":2").await;
    assert_eq!(chain.state.get(eth(chain.user(1).address())).unwrap().balance, 7);

    // With its standard input it ends.
    prover._stdin = None;
    let mut ended = None;
    wait_until("it ends", async || {
        ended = prover.child.try_wait().unwrap();
        ended.is_some()
    })
    .await;
    assert_eq!(ended.unwrap().code(), Some(0));
}
