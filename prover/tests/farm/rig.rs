//! What the farm's tests share: a chain of the small circuit, batches of it, coordinators and workers on a real server.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use async_nats::jetstream::consumer::PullConsumer;
use tandem_chain::{ChainConfig, ChainKind};
use tandem_circuits::{
    apply::Apply,
    circuit::CircuitId,
    groth16::{
        ChunkJob, DevnetKeys, Key, PreparedBatch, ProvenBatch, Prover, ProverConfig, VerifyingKeys, key_set_hash,
    },
};
use tandem_payments::batch::ApplyCircuit;
use tandem_prover::validity::{
    BatchFile, Coordinator, CoordinatorConfig, Event, LocalWorker, Worker,
    crew::{Crew, Task, WorkError},
    farm::{
        Engine, FarmAddress, FarmConfig, FarmCrew, FarmLogin, Names, WorkerConfig, engine::Halls, run_worker,
        work::WorkStatus,
    },
    keys::ProvingKeys,
    service::status::{FarmFigures, Status},
};
use tandem_service::Readiness;
use tandem_support::{l1::DEADLINE, nats::Nats};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Of a devnet, so that keys are made.
pub const L1: u64 = 31_337;
/// Short, so that what a killed worker had goes on soon.
pub const LEASE: Duration = Duration::from_secs(4);

/// The folder with the keys of all fixtures.
pub fn keys_folder() -> PathBuf {
    std::env::temp_dir().join("tandem-devnet-keys")
}

static KEY: LazyLock<Key> = LazyLock::new(|| {
    let keys = DevnetKeys::new(L1, keys_folder()).unwrap();
    keys.key(&Apply::blank(ApplyCircuit::SMALL)).unwrap()
});

/// The keys that judge.
pub static VERIFYING: LazyLock<VerifyingKeys> =
    LazyLock::new(|| VerifyingKeys::from([(KEY.circuit(), KEY.verifying().clone())]));

/// A chain of this number.
pub fn chain(l2_chain_id: u64) -> ChainConfig {
    ChainConfig { kind: ChainKind::Payments, l1_chain_id: L1, l2_chain_id, ..tandem_support::config() }
}

/// The chain's first batch: deposits to as many accounts.
pub fn prepared(chain: &ChainConfig, deposits: u8) -> PreparedBatch {
    tandem_support::payments::prepared(&VERIFYING, chain.hash(), deposits)
}

/// The jobs of a batch.
pub fn jobs(chain: &ChainConfig, deposits: u8) -> Vec<ChunkJob> {
    prepared(chain, deposits).split().1
}

/// A proof of a job, made here.
pub fn proof(job: &ChunkJob) -> Vec<u8> {
    let keys = Arc::new(BTreeMap::from([(CircuitId::ApplySmall, KEY.clone())]));
    let mut worker = LocalWorker::new(Prover::new(ProverConfig::default()).unwrap(), keys);
    worker.prove(&job.encode(), &mut |_| ()).unwrap()
}

/// Streams, buckets and the workers' queue, as soon as a coordinator has made them.
pub async fn find(engine: &Engine) -> (Halls, PullConsumer) {
    let start = Instant::now();
    loop {
        match engine.find().await {
            Ok(found) => return found,
            Err(error) => assert!(start.elapsed() < DEADLINE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A farm's server with the folders of whoever uses it.
pub struct Rig {
    pub nats: Nats,
    folder: TempDir,
    has_users: bool,
    /// What its certificate is signed by, if it speaks TLS.
    authority: Option<PathBuf>,
}

impl Rig {
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        Self { nats: Nats::start(&folder.path().join("store")), folder, has_users: false, authority: None }
    }

    /// With users, as a configuration of the server has them.
    pub fn with_users(users: &str) -> Self {
        Self { has_users: true, ..Self::configured(users) }
    }

    /// With TLS, as a configuration of the server has it, and a certificate that this authority has signed.
    pub fn with_tls(tls: &str, authority: &Path) -> Self {
        Self { authority: Some(authority.into()), ..Self::configured(tls) }
    }

    fn configured(text: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("nats.conf");
        std::fs::write(&config, text).unwrap();
        let nats = Nats::configured(&folder.path().join("store"), Some(&config));
        Self { nats, folder, has_users: false, authority: None }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where it is for a user of this name, which is its password too.
    pub fn address(&self, name: &str) -> FarmAddress {
        let login = || FarmLogin { user: name.into(), password: name.parse().unwrap() };
        let url = self.nats.url();
        let url = if self.authority.is_some() { url.replace("nats://", "tls://") } else { url };
        let (login, ca) = (self.has_users.then(login), self.authority.clone());
        FarmAddress { servers: vec![url.parse().unwrap()], login, ca }
    }

    /// A connection, for a test that speaks for itself.
    pub async fn engine(&self, chain: &ChainConfig, name: &str) -> Engine {
        Engine::connect(&self.address(name), name, Names::new(chain.hash())).await.unwrap()
    }

    /// Begins to prove a batch, with its file in a folder of this name.
    pub async fn coordinate(&self, chain: &ChainConfig, deposits: u8, folder: &str, shared: bool) -> Coordinating {
        self.coordinate_with(chain, deposits, folder, shared, LEASE).await
    }

    /// The same with another lease.
    pub async fn coordinate_with(
        &self,
        chain: &ChainConfig,
        deposits: u8,
        folder: &str,
        shared: bool,
        lease: Duration,
    ) -> Coordinating {
        let config = FarmConfig { lease, ..FarmConfig::default() };
        let (told, status) = watch::channel(Status::default());
        let shared = shared.then(|| ProvingKeys { directory: keys_folder(), l1_chain_id: L1 });
        let engine = self.engine(chain, "coordinator").await;
        let (readiness, end) = (Readiness::default(), CancellationToken::new());
        let crew = FarmCrew::new(engine, chain.hash(), config, shared, told, &readiness, end.clone());
        let (assembly, jobs) = prepared(chain, deposits).split();
        let coordinator = Coordinator::new(assembly, jobs, VERIFYING.clone(), CoordinatorConfig::default()).unwrap();
        let (token, said, path) = (CancellationToken::new(), Arc::<Mutex<Vec<String>>>::default(), self.path(folder));
        let (cancelled, heard) = (token.clone(), said.clone());
        let task = tokio::task::spawn_blocking(move || {
            let file = BatchFile::open(&path).unwrap();
            let keys_hash = key_set_hash(&VERIFYING);
            let task = Task { coordinator, keys: &VERIFYING, keys_hash, file: &file, token: &cancelled };
            crew.prove(task, &mut |event: Event<'_>| heard.lock().unwrap().push(format!("{event:?}")))
        });
        Coordinating { task, token, end, readiness, said, status }
    }

    /// Starts a worker in this process. Without a folder of keys it is of no devnet, and has only those that the farm shares.
    pub fn worker(&self, chain: &ChainConfig, name: &str, keys: Option<&Path>) -> Working {
        self.worker_with(chain, name, keys, ProverConfig::default())
    }

    /// The same with other limits.
    pub fn worker_with(&self, chain: &ChainConfig, name: &str, keys: Option<&Path>, prover: ProverConfig) -> Working {
        let config = WorkerConfig {
            farm: self.address(name),
            config_hash: chain.hash(),
            l1_chain_id: if keys.is_some() { L1 } else { 1 },
            name: name.parse().unwrap(),
            keys: keys.map(Into::into),
            cache: self.path(name),
            workers: NonZeroUsize::MIN,
            prover,
        };
        let (token, (told, status)) = (CancellationToken::new(), watch::channel(WorkStatus::default()));
        let (cancelled, readiness) = (token.clone(), Readiness::default());
        let troubles = readiness.clone();
        let task = tokio::spawn(async move {
            run_worker(config, told, &troubles, cancelled).await.unwrap();
        });
        Working { status, readiness, token, task }
    }
}

/// A coordinator at work.
pub struct Coordinating {
    pub task: JoinHandle<Result<ProvenBatch, WorkError>>,
    /// Ends its work on the batch.
    pub token: CancellationToken,
    /// Says that its process ends.
    pub end: CancellationToken,
    pub readiness: Readiness,
    said: Arc<Mutex<Vec<String>>>,
    status: watch::Receiver<Status>,
}

impl Coordinating {
    /// Whether something like this happened.
    pub fn has_said(&self, words: &str) -> bool {
        self.said.lock().unwrap().iter().any(|line| line.contains(words))
    }

    pub fn figures(&self) -> FarmFigures {
        self.status.borrow().farm.unwrap_or_default()
    }

    /// Waits for its proofs; how many these are.
    pub async fn proofs(self) -> usize {
        let proven = tokio::time::timeout(DEADLINE, self.task).await.expect("proven in time");
        proven.unwrap().unwrap().proofs.len()
    }
}

/// A worker at work.
pub struct Working {
    pub status: watch::Receiver<WorkStatus>,
    pub readiness: Readiness,
    token: CancellationToken,
    task: JoinHandle<()>,
}

impl Working {
    pub fn status(&self) -> WorkStatus {
        self.status.borrow().clone()
    }

    pub async fn stop(self) -> WorkStatus {
        self.token.cancel();
        self.task.await.unwrap();
        self.status.borrow().clone()
    }
}
