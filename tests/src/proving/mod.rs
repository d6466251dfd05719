//! Prover and sequencer of a payments chain as processes; and a sequencer that a test plays for a prover: it closes what the test asks for, and tells [`Lie`]s where the
//! test wants them.
#![allow(missing_docs, reason = "a fixture of tests")]

mod lie;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use alloy::{
    primitives::{B256, Bytes, keccak256},
    sol_types::{SolCall, SolValue},
};
pub use lie::Lie;
use tandem_circuits::groth16::{ApplyChunk, AuthoriseChunk, BatchEnv};
use tandem_devnet::Service;
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
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use crate::{
    payments::{Chain, PRICE, eth, send},
    wait::DEADLINE,
    world::built,
};

/// The stages of a batch at which somebody is killed: who, and the words of his log, in the line about the batch, after which it happens; at once after an acknowledgement if there
/// are none.
pub const STAGES: [(Service, &[&str]); 8] = [
    (Service::Sequencer, &[]),
    (Service::Sequencer, &["batch closed"]),
    (Service::Sequencer, &["batch is proven", "bytes="]),
    (Service::Sequencer, &["batch is proven on L1"]),
    (Service::Prover, &["proving", "chunks="]),
    (Service::Prover, &["chunk proven", "missing=1"]),
    (Service::Prover, &["batch proven"]),
    (Service::Prover, &["batch brought back"]),
];

/// Waits until something holds.
pub async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < DEADLINE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A sequencer's closed batches, and those that came back, by index.
#[derive(Clone, Default)]
pub struct SequencerDouble {
    closed: Arc<Mutex<BTreeMap<u64, ClosedBatch>>>,
    proven: Arc<Mutex<BTreeMap<u64, ProvenRequest>>>,
}

#[tonic::async_trait]
impl Proving for SequencerDouble {
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

impl SequencerDouble {
    /// Serves from a port of its own, until the test ends.
    pub async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().add_service(ProvingServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        url
    }

    /// Hands a batch out from now on, instead of another of its index.
    pub fn close(&self, batch: ClosedBatch) {
        self.closed.lock().unwrap().insert(batch.index, batch);
    }

    /// Hands it out no more.
    pub fn withdraw(&self, index: u64) {
        self.closed.lock().unwrap().remove(&index);
    }

    /// The batches that came back, by index.
    pub fn brought_back(&self) -> Vec<u64> {
        self.proven.lock().unwrap().keys().copied().collect()
    }

    /// What comes back of a batch, once it does.
    pub async fn proven(&self, index: u64) -> ProvenRequest {
        wait_until("the batch comes back", async || self.proven.lock().unwrap().contains_key(&index)).await;
        self.proven.lock().unwrap()[&index].clone()
    }
}

/// Closes batches, each on the one before.
#[derive(Default)]
pub struct Closer {
    /// Of the last batch; 0 before the first.
    pub index: u64,
    /// The state after it.
    pub state: State,
    /// Messages that it and those before it took.
    pub queue_end: usize,
}

impl Closer {
    /// A batch of messages and of operations of user 0, at a time that L1 has reached.
    pub async fn close(&mut self, chain: &Chain, messages: usize, calls: &[Call]) -> ClosedBatch {
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
            config_hash: chain.config_hash.to_vec(),
            keys_hash: chain.key_set_hash.to_vec(),
        }
    }
}

/// L1 takes what came back.
pub async fn land(chain: &mut Chain, closer: &Closer, batch: &ClosedBatch, proven: &ProvenRequest) {
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

/// A service that runs, and what it says.
pub struct ServiceProcess {
    pub child: Child,
    /// With it the process ends.
    pub stdin: Option<ChildStdin>,
    /// Lines of its log so far.
    pub said: Arc<Mutex<Vec<String>>>,
}

impl ServiceProcess {
    /// `tandem-prover prove`, with the keys of all fixtures, which are made if they are missing.
    pub fn prover(chain: &Chain, directory: &Path, sequencer: &str, health: u16) -> Self {
        let mut command = Self::command("tandem-prover", &["prove"], chain, directory);
        let keys = std::env::temp_dir().join("tandem-devnet-keys");
        command.arg("--data-dir").arg(directory.join("data")).arg("--keys").arg(keys).args(["--sequencer", sequencer]);
        command.args(["--l1-poll-ms", "20", "--health", &format!("127.0.0.1:{health}")]);
        Self::start(command)
    }

    /// `tandem-sequencer`, which takes what L1 has as it comes.
    pub fn sequencer(chain: &Chain, directory: &Path, rpc: u16, proving: u16) -> Self {
        let mut command = Self::command("tandem-sequencer", &[], chain, directory);
        command.arg("--data-dir").arg(directory.join("sequencer")).args(["--l1-poll-ms", "50", "--l1-depth", "0"]);
        command.args(["--rpc", &format!("127.0.0.1:{rpc}"), "--proving", &format!("127.0.0.1:{proving}")]);
        command.args(["--gas-price-wei", &PRICE.to_string()]);
        command.env("TANDEM_SEQUENCER_KEY", B256::from(chain.sequencer().to_bytes()).to_string());
        Self::start(command)
    }

    /// What both are started with. The deployment is in the directory.
    fn command(name: &str, words: &[&str], chain: &Chain, directory: &Path) -> Command {
        let mut command = Command::new(built(name).unwrap());
        command.args(words).arg("--deployment").arg(directory.join("deployment.json")).arg("--end-with-stdin");
        command.args(["--l1-rpc", chain.anvil.url().unwrap().as_str()]);
        command
    }

    fn start(mut command: Command) -> Self {
        command.env_remove("RUST_LOG").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (said, heard) = (Arc::<Mutex<Vec<String>>>::default(), BufReader::new(child.stderr.take().unwrap()));
        let lines = said.clone();
        std::thread::spawn(move || heard.lines().for_each(|line| lines.lock().unwrap().push(line.unwrap())));
        Self { stdin: child.stdin.take(), child, said }
    }

    /// Waits for a line with all these words.
    pub async fn says(&mut self, words: &[&str]) {
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

    /// Ends it at once, as kill -9 does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What it answers at its health address, and the status.
async fn ask(health: u16, path: &str) -> Option<(u16, String)> {
    let answer = reqwest::get(format!("http://127.0.0.1:{health}/{path}")).await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

/// Waits until it answers so, with these words.
pub async fn answers(health: u16, path: &str, status: u16, words: &str) {
    wait_until(words, async || {
        ask(health, path).await.is_some_and(|(found, text)| found == status && text.contains(words))
    })
    .await;
}
