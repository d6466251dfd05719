//! What the service's tests share: a chain with its keys, an author of batches, a sequencer over real gRPC that does what it is told, workers good and bad.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    iter,
    net::SocketAddr,
    path::Path,
    sync::{Arc, LazyLock, Mutex, mpsc},
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256, Bytes, keccak256};
use tandem_chain::{ChainConfig, ChainKind};
use tandem_circuits::{
    apply::Apply,
    authorise::session::SessionChunk,
    circuit::CircuitId,
    groth16::{ChunkJob, DevnetKeys, Key, Prover, ProverConfig, Stage, VerifyingKeys, key_set_hash},
};
use tandem_l1::{BlockRef, L1Header, payments::QueuedRecord};
use tandem_payments::{
    Fr,
    batch::{ApplyCircuit, AuthoriseCircuit, BatchBuilder, BatchLimits, Circuits},
    content::message_hash,
    data::{Message, bytes},
    eddsa::{SecretKey, SessionTransaction, domain},
    field::integer,
    leaf::Key as LeafKey,
    ledger::Env,
    operation::{Call as Pays, Operation},
    state::State,
};
use tandem_proto::v1::{
    self, ClosedBatch, NextBatchRequest, NextBatchResponse, ProvenRequest, ProvenResponse, SignedOperation,
    proven_response::Outcome,
    proving_server::{Proving, ProvingServer},
};
use tandem_service::Readiness;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status as GrpcStatus,
    transport::{Server, server::TcpIncoming},
};

use super::{
    desk::{Desk, DeskError},
    files::BatchFiles,
    sequencer::Sequencer,
    settled::{Base, Queue, Rules, Settled},
    status::Status,
};
use crate::validity::{
    crew::{Crew, CrewError},
    local::LocalWorker,
    worker::{WorkFailed, Worker},
};

pub const NOW: u64 = 1_800_000_000;
pub const ALICE: Address = Address::repeat_byte(0xa1);
const ETHER: u128 = 1_000_000_000_000_000_000;
/// For whatever must happen. No measure of speed.
const DEADLINE: Duration = Duration::from_secs(120);

pub async fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub fn chain() -> ChainConfig {
    ChainConfig {
        kind: ChainKind::Payments,
        max_messages_per_batch: 64,
        max_message_gas_per_batch: 8_000_000,
        ..tandem_support::config()
    }
}

pub fn dom() -> Fr {
    domain(chain().l2_chain_id, chain().hash())
}

/// A chain without anything on it.
pub fn base(index: u64) -> Base {
    Base { index, state: State::default(), timestamp: NOW - 100, queue_end: 0 }
}

/// L1 with such a chain, without keys or messages.
pub fn settled(index: u64) -> Settled {
    let rules = Rules {
        config_hash: chain().hash(),
        keys_hash: B256::ZERO,
        messages_max: 64,
        message_gas_max: 8_000_000,
        age_max_s: 3_600,
    };
    let id = BlockRef { number: 100 + index, hash: B256::repeat_byte(0x11) };
    Settled {
        head: L1Header { id, parent_hash: B256::ZERO, timestamp: NOW, base_fee: 1 },
        base: base(index).into(),
        deep: index,
        queue: Queue::default(),
        rules,
        keys: Arc::default(),
        frozen_at: 0,
    }
}

/// The small circuits, with a prover for them.
struct Keys {
    verifying: Arc<VerifyingKeys>,
    prover: Mutex<Remembers>,
}

/// A prover that makes each proof once: they are functions of their jobs.
struct Remembers {
    worker: LocalWorker,
    /// By the job's bytes.
    proofs: HashMap<Vec<u8>, Vec<u8>>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let cache = DevnetKeys::new(31_337, std::env::temp_dir().join("tandem-devnet-keys")).unwrap();
    let apply = cache.key(&Apply::blank(ApplyCircuit::SMALL)).unwrap();
    let session = cache.key(&SessionChunk::small(Vec::new(), Fr::default()).unwrap()).unwrap();
    let keys: BTreeMap<CircuitId, Key> = [apply, session].map(|key| (key.circuit(), key)).into();
    let verifying = keys.iter().map(|(circuit, key)| (*circuit, key.verifying().clone())).collect();
    let worker = LocalWorker::new(Prover::new(ProverConfig::default()).unwrap(), Arc::new(keys));
    Keys { verifying: Arc::new(verifying), prover: Mutex::new(Remembers { worker, proofs: HashMap::new() }) }
});

fn proof(job: &[u8]) -> Vec<u8> {
    let Remembers { worker, proofs } = &mut *KEYS.prover.lock().unwrap();
    proofs.entry(job.to_vec()).or_insert_with(|| worker.prove(job, &mut |_| ()).unwrap()).clone()
}

/// Messages as the queue has them: ether and a session key for Alice, and ether for three others.
pub fn queue() -> Vec<QueuedRecord> {
    let deposit = |byte, amount| Message::Deposit { key: LeafKey::eth(Address::repeat_byte(byte)), amount };
    let key = integer(alice().public().hash());
    let messages = [
        deposit(0xa1, ETHER),
        Message::L1Key { account: ALICE, key },
        deposit(0xb0, 1),
        deposit(0xb1, 2),
        deposit(0xb2, 3),
    ];
    let mut hash = B256::ZERO;
    let record = |(index, message): (u64, Message)| {
        hash = keccak256([hash, message_hash(&message)].concat());
        let record = Bytes::from(bytes(&message.encode()));
        QueuedRecord { index, queue_hash: hash, record, message, block: 1 + index }
    };
    (0..).zip(messages).map(record).collect()
}

pub fn alice() -> SecretKey {
    SecretKey::from_seed(B256::repeat_byte(0x51))
}

/// An honest sequencer: closes batches one on the other.
#[derive(Clone)]
pub struct Author {
    pub base: Base,
    pub timestamp: u64,
    queue: Vec<QueuedRecord>,
}

impl Default for Author {
    fn default() -> Self {
        Self { base: base(0), timestamp: NOW - 50, queue: queue() }
    }
}

impl Author {
    /// L1 when the last batch of this author has landed.
    pub fn settled(&self) -> Settled {
        let start = self.base.queue_end;
        let mut settled = settled(self.base.index);
        settled.base = Arc::new(self.base.clone());
        settled.keys = KEYS.verifying.clone();
        settled.rules.keys_hash = key_set_hash(&KEYS.verifying);
        settled.queue = Queue { start, messages: self.queue.iter().cloned().collect() };
        settled
    }

    pub fn hash(&self, end: u64) -> B256 {
        end.checked_sub(1).map_or(B256::ZERO, |last| self.queue[last as usize].queue_hash)
    }

    fn builder(&self) -> BatchBuilder {
        let env = Env { operator: Address::repeat_byte(0x0f), timestamp: self.timestamp };
        let circuits = Circuits {
            apply: [ApplyCircuit::SMALL; 2],
            session: Some([AuthoriseCircuit::SESSION_SMALL; 2]),
            ethereum: None,
            register: None,
        };
        let state = self.base.state.clone();
        BatchBuilder::with(state, env, dom(), self.base.queue_end, circuits, BatchLimits::default())
    }

    /// A batch of so many messages, and then so many transfers of Alice's to new accounts.
    pub fn close(&mut self, messages: u32, transfers: u64) -> ClosedBatch {
        let (mut builder, mut entries) = (self.builder(), Vec::new());
        let (start, end) = (self.base.queue_end, self.base.queue_end + u64::from(messages));
        for queued in &self.queue[start as usize..end as usize] {
            builder.message(&queued.message).unwrap();
        }
        if messages > 0 {
            entries.push(v1::Entry { entry: Some(v1::entry::Entry::Messages(messages)) });
        }
        for _ in 0..transfers {
            let nonce = builder.ledger().state().get(LeafKey::eth(ALICE)).unwrap().nonce;
            let transaction = transfer(nonce);
            let authority = transaction.verify(chain().l2_chain_id, chain().hash()).unwrap();
            builder.user(&transaction.operation, authority.signer(), 1).unwrap();
            let operation = SignedOperation { envelope: transaction.encode(), price: 1 };
            entries.push(v1::Entry { entry: Some(v1::entry::Entry::Operation(operation)) });
        }
        let (_, state) = builder.finish();
        let index = self.base.index + 1;
        let word = |element| integer(element).to_be_bytes_vec();
        let batch = ClosedBatch {
            index,
            id: keccak256([index.to_be_bytes(), self.timestamp.to_be_bytes()].concat()).to_vec(),
            timestamp: self.timestamp,
            operator: vec![0x0f; 20],
            entries,
            queue_start: start,
            queue_end: end,
            queue_hash_end: self.hash(end).to_vec(),
            root_before: word(self.base.root()),
            root_after: word(state.root()),
            config_hash: settled(0).rules.config_hash.to_vec(),
            keys_hash: key_set_hash(&KEYS.verifying).to_vec(),
        };
        self.base = Base { index, state, timestamp: self.timestamp, queue_end: end };
        batch
    }
}

pub fn transfer(nonce: u64) -> SessionTransaction {
    let recipient = Address::repeat_byte(0xc0 + nonce as u8);
    let operation = Operation {
        sender: ALICE,
        nonce,
        call: Pays::Transfer { recipient, amount: 7 },
        gas_limit: 100_000,
        max_fee_per_gas: 2,
        expiry: NOW + 3_600,
    };
    SessionTransaction::sign(chain().l2_chain_id, chain().hash(), operation, &alice()).unwrap()
}

/// What the sequencer of a test has, and what it heard.
#[derive(Default)]
pub struct Book {
    /// What it hands out, by index.
    pub closed: BTreeMap<u64, ClosedBatch>,
    /// What came back, in order.
    pub proven: Vec<ProvenRequest>,
    /// The held index of each question.
    pub asked: Vec<u64>,
    /// What it says to the next that come back, in the place of taking them.
    pub refusals: VecDeque<Result<Outcome, GrpcStatus>>,
}

impl Book {
    fn is_proven(&self, index: u64) -> bool {
        self.proven.iter().any(|proven| proven.index == index)
    }

    fn next(&self, held: u64, id: &[u8]) -> Option<&ClosedBatch> {
        let is_wanted = self.closed.get(&held).is_some_and(|closed| closed.id == id) && !self.is_proven(held);
        match is_wanted {
            true => self.closed.get(&(held + 1)),
            false => self.closed.values().find(|closed| !self.is_proven(closed.index)),
        }
    }
}

#[derive(Clone)]
struct Desks(Arc<Mutex<Book>>);

#[tonic::async_trait]
impl Proving for Desks {
    async fn next_batch(&self, request: Request<NextBatchRequest>) -> Result<Response<NextBatchResponse>, GrpcStatus> {
        let request = request.into_inner();
        if request.dom != integer(dom()).to_be_bytes_vec() {
            return Err(GrpcStatus::failed_precondition("another chain"));
        }
        self.0.lock().unwrap().asked.push(request.held_index);
        for _ in 0..20 {
            if let Some(batch) = self.0.lock().unwrap().next(request.held_index, &request.held_id) {
                return Ok(Response::new(NextBatchResponse { batch: Some(batch.clone()) }));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Response::new(NextBatchResponse { batch: None }))
    }

    async fn proven(&self, request: Request<ProvenRequest>) -> Result<Response<ProvenResponse>, GrpcStatus> {
        let (request, mut book) = (request.into_inner(), self.0.lock().unwrap());
        let outcome = match book.refusals.pop_front() {
            Some(refusal) => refusal?,
            None if book.is_proven(request.index) => Outcome::Known,
            None if book.closed.get(&request.index).is_none_or(|closed| closed.id != request.id) => Outcome::Unwanted,
            None => {
                book.proven.push(request);
                Outcome::Taken
            }
        };
        Ok(Response::new(ProvenResponse { outcome: outcome.into() }))
    }
}

/// A sequencer over gRPC.
pub struct Fake {
    pub book: Arc<Mutex<Book>>,
    address: SocketAddr,
    token: CancellationToken,
    task: JoinHandle<()>,
}

impl Fake {
    pub async fn start(batches: impl IntoIterator<Item = ClosedBatch>) -> Self {
        let closed = batches.into_iter().map(|batch| (batch.index, batch)).collect();
        let book = Arc::new(Mutex::new(Book { closed, ..Book::default() }));
        Self::serve(book, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    async fn serve(book: Arc<Mutex<Book>>, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, token) = (listener.local_addr().unwrap(), CancellationToken::new());
        let (desks, end) = (Desks(book.clone()), token.clone().cancelled_owned());
        let task = tokio::spawn(async move {
            let server = Server::builder().add_service(ProvingServer::new(desks));
            server.serve_with_incoming_shutdown(TcpIncoming::from(listener), end).await.unwrap();
        });
        Self { book, address, token, task }
    }

    /// Ends; what it has it keeps.
    pub async fn stop(self) -> (Arc<Mutex<Book>>, SocketAddr) {
        self.token.cancel();
        self.task.await.unwrap();
        (self.book, self.address)
    }

    /// The same again.
    pub async fn again((book, address): (Arc<Mutex<Book>>, SocketAddr)) -> Self {
        Self::serve(book, address).await
    }

    fn sequencer(&self, dom: Fr) -> Sequencer {
        Sequencer::new(&format!("http://{}", self.address).parse().unwrap(), dom).unwrap()
    }

    pub fn hand_out(&self, batch: ClosedBatch) {
        self.book.lock().unwrap().closed.insert(batch.index, batch);
    }

    /// Index and id of what came back.
    pub fn proven(&self) -> Vec<(u64, Vec<u8>)> {
        self.book.lock().unwrap().proven.iter().map(|proven| (proven.index, proven.id.clone())).collect()
    }

    /// Waits until so many batches came back.
    pub async fn has(&self, count: usize) {
        wait_until("batches come back", || self.book.lock().unwrap().proven.len() >= count).await;
    }
}

/// A worker that makes good proofs, when it may.
struct Good {
    /// One for each proof; all of them, once the sender is gone.
    gate: Arc<Mutex<mpsc::Receiver<()>>>,
    proved: Arc<Mutex<Vec<u32>>>,
}

impl Worker for Good {
    fn prove(&mut self, job: &[u8], alive: &mut (dyn FnMut(Stage) + Send)) -> Result<Vec<u8>, WorkFailed> {
        alive(Stage::Witness);
        let _ = self.gate.lock().unwrap().recv();
        self.proved.lock().unwrap().push(ChunkJob::decode(job)?.number);
        Ok(proof(job))
    }
}

/// A worker that returns the same bytes whatever it is given.
struct Bad;

impl Worker for Bad {
    fn prove(&mut self, _: &[u8], _: &mut (dyn FnMut(Stage) + Send)) -> Result<Vec<u8>, WorkFailed> {
        Ok(vec![7; 300])
    }
}

/// Workers of a test.
pub struct TestCrew {
    gate: Arc<Mutex<mpsc::Receiver<()>>>,
    /// The chunks that good workers were given and let through, in order.
    pub proved: Arc<Mutex<Vec<u32>>>,
    bad: Mutex<VecDeque<usize>>,
}

impl TestCrew {
    /// One good worker for each batch.
    pub fn good() -> Arc<Self> {
        Self::gated().0
    }

    /// The same, which waits for a word before each proof until nobody can give it any more.
    pub fn gated() -> (Arc<Self>, mpsc::Sender<()>) {
        let (open, gate) = mpsc::channel();
        let gate = Arc::new(Mutex::new(gate));
        (Arc::new(Self { gate, proved: Arc::default(), bad: Mutex::default() }), open)
    }

    /// For the first batch that is begun so many bad workers, and nobody else; then one good one.
    pub fn bad(count: usize) -> Arc<Self> {
        Self::bad_and_gated(count).0
    }

    /// The same, of which the good one waits for a word before each proof.
    pub fn bad_and_gated(count: usize) -> (Arc<Self>, mpsc::Sender<()>) {
        let (crew, open) = Self::gated();
        // At its start the service only sees whether there are any.
        *crew.bad.lock().unwrap() = [0, count].into();
        (crew, open)
    }

    /// So many bad workers whatever is begun, and nobody else.
    pub fn hopeless(count: usize) -> Arc<Self> {
        let crew = Self::good();
        *crew.bad.lock().unwrap() = iter::once(0).chain(iter::repeat_n(count, 1_000)).collect();
        crew
    }

    pub fn proved(&self) -> Vec<u32> {
        self.proved.lock().unwrap().clone()
    }
}

impl Crew for TestCrew {
    fn workers(&self, _: &VerifyingKeys, _: B256) -> Result<Vec<Box<dyn Worker>>, CrewError> {
        Ok(match self.bad.lock().unwrap().pop_front() {
            Some(count) if count > 0 => (0..count).map(|_| Box::new(Bad) as _).collect(),
            _ => vec![Box::new(Good { gate: self.gate.clone(), proved: self.proved.clone() })],
        })
    }
}

/// A service that runs.
pub struct Running {
    pub status: watch::Receiver<Status>,
    pub settled: watch::Sender<Option<Arc<Settled>>>,
    pub readiness: Readiness,
    token: CancellationToken,
    task: JoinHandle<Result<(), DeskError>>,
}

impl Running {
    pub fn start(fake: &Fake, folder: &Path, crew: Arc<TestCrew>, on: Settled) -> Self {
        Self::start_for(dom(), fake, folder, crew, on)
    }

    /// For the chain of a signing domain.
    pub fn start_for(dom: Fr, fake: &Fake, folder: &Path, crew: Arc<TestCrew>, on: Settled) -> Self {
        let (token, readiness) = (CancellationToken::new(), Readiness::default());
        let ((told, status), (settled, seen)) = (watch::channel(Status::default()), watch::channel(Some(Arc::new(on))));
        let files = BatchFiles::open(folder).unwrap();
        let desk = Desk::new(chain(), fake.sequencer(dom), seen, crew, files, told, &readiness);
        let task = tokio::spawn(desk.run(token.clone()));
        Self { status, settled, readiness, token, task }
    }

    pub async fn until(&self, what: &str, holds: impl Fn(&Status) -> bool) {
        wait_until(what, || holds(&self.status.borrow())).await;
    }

    pub async fn unready(&self, words: &str) {
        wait_until(words, || self.readiness.reasons().iter().any(|reason| reason.contains(words))).await;
    }

    pub async fn ready(&self) {
        wait_until("ready", || self.readiness.reasons().is_empty()).await;
    }

    pub fn settle(&self, settled: Settled) {
        self.settled.send_replace(Some(Arc::new(settled)));
    }

    /// Ends it as a kill does: the file's lock goes when its last user goes.
    pub async fn stop(self, folder: &Path) {
        self.token.cancel();
        self.task.await.unwrap().unwrap();
        wait_until("the folder is free", || BatchFiles::open(folder).is_ok()).await;
    }
}
