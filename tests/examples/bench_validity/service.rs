//! The whole service at work, as an operator starts it: sequencer and prover as processes, an L1 with a block a second, and users.
//!
//! *Sent to proven* is from the moment at which a transfer is sent (the time at which it was not refused) to that at which the sequencer says that L1 has its batch.
//! *Idle*: one transfer at a time, each a batch of its own. *Full*: as many as admission takes, for minutes, the backlog being [`WAITING_BATCHES_MAX`] closed batches of
//! some hundred and as many again in the open one; the rate is that of all batches between the first and the last that came to L1 after the backlog was full. *Alone*:
//! one full chunk, proven by the library in this process, as `make bench-prover` does, and nothing else at work.
//! Proven by one worker with all cores; by two with a thread each, in one process (*two workers*); and by two processes of a farm with a thread each, its engine and its coordinator
//! beside them (*two processes*).

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use alloy::{
    primitives::{B256, TxHash},
    providers::{Provider, ext::AnvilApi},
};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_cli::chain::ask;
use tandem_l1::L1Client;
use tandem_payments::{batch::ApplyCircuit, operation::Call};
use tandem_support::nats::Nats;
use tandem_tests::{
    flood::{Flood, Paid, Payer, Progress, Settled, watch_settled},
    payments::{Chain, ETHER, PRICE, Proving},
    wait::{DEADLINE, wait_until},
    world::{built, free_ports},
};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{add, third_size::peak_memory_bytes};

/// Accounts that send.
const PAYERS: usize = 6;
/// Transfers that are sent one at a time.
const IDLE_TRANSFERS: usize = 20;
/// Closed batches that may wait for proofs.
const WAITING_BATCHES_MAX: u64 = 2;
/// Apply proofs of a batch.
const BATCH_PROOFS_MAX: u64 = 4;
/// The batches between which a rate is measured.
const BATCHES_MIN: usize = 4;
const L1_BLOCK_S: u64 = 1;

/// How chunks are proven, and for how long it is looked at. Where else they can be proven is one more of these.
struct Mode {
    /// What its figures' names have behind `validity.`.
    prefix: &'static str,
    /// What the prover is started with beside what all are.
    arguments: &'static [&'static str],
    /// Processes of a farm that prove one chunk at a time each, with one thread; the prover proves itself if there are none.
    processes: usize,
    full: Duration,
    /// Whether single transfers are measured too.
    idles: bool,
    /// Whether it has to prove a share of what a prover alone does.
    is_held: bool,
}

/// One worker, two in its process, and two processes of a farm.
const MODES: [Mode; 3] = [
    Mode {
        prefix: "",
        arguments: &["--workers", "1"],
        processes: 0,
        full: Duration::from_secs(180),
        idles: true,
        is_held: true,
    },
    Mode {
        prefix: "two_workers.",
        arguments: &["--workers", "2", "--proving-threads", "1"],
        processes: 0,
        full: Duration::from_secs(120),
        idles: false,
        is_held: false,
    },
    Mode {
        prefix: "two_processes.",
        arguments: &[],
        processes: 2,
        full: Duration::from_secs(120),
        idles: false,
        is_held: true,
    },
];

/// Measures all of it; the share of what a prover alone proves, where one worker or where two processes prove, whichever is less.
pub async fn measure(proving: &'static Proving, target: &Path, figures: &mut Vec<Value>) -> anyhow::Result<f64> {
    let stage = Stage::start(proving, target).await?;
    let mut ratios = Vec::new();
    for mode in &MODES {
        eprintln!("proving as a service: {:?}, {} processes of a farm", mode.arguments, mode.processes);
        let name = |figure: &str| format!("validity.{}{figure}", mode.prefix);
        let provers = stage.provers(mode)?;
        // Keys are read with the first batch.
        stage.pay_one(&mut stage.payer(0).await?).await?;
        if mode.idles {
            let idle = stage.idle().await?;
            add_percentiles(figures, &name("idle.sent_to_proven_s"), &idle);
        }
        let full = stage.full(mode.full).await?;
        add_percentiles(figures, &name("full.sent_to_proven_s"), &full.seconds);
        add(figures, &name("proven_tx_per_s"), full.tx_per_s, "tx/s");
        add(figures, &name("full.batch_transfers_mean"), full.batch_transfers_mean, "transfers");
        for (process, bytes) in provers.memory_bytes_peak() {
            add(figures, &name(&format!("{process}_memory_bytes_peak")), bytes, "bytes");
        }
        provers.end()?;
        let ratio = full.tx_per_s / stage.alone_tx_per_s;
        add(figures, &name("proven_ratio"), ratio, "ratio");
        if mode.is_held {
            ratios.push(ratio);
        }
    }
    add(figures, "validity.sequencer_memory_bytes_peak", stage.sequencer.memory_bytes_peak(), "bytes");
    add(figures, "validity.alone_tx_per_s", stage.alone_tx_per_s, "tx/s");
    stage.sequencer.end()?;
    ratios.into_iter().reduce(f64::min).context("no way of proving is held to a share")
}

/// What the modes share: L1, the sequencer, and the users' money.
struct Stage {
    chain: Chain,
    folder: TempDir,
    target: PathBuf,
    sequencer: Process,
    proving: String,
    l2: L1Client,
    alone_tx_per_s: f64,
}

impl Stage {
    async fn start(proving: &'static Proving, target: &Path) -> anyhow::Result<Self> {
        let mut chain = Chain::start_with(proving, |_| ()).await;
        for payer in 0..PAYERS {
            chain.deposit_eth(payer, 10 * ETHER).await;
            chain.set_session_key(payer).await;
        }
        chain.consume().await;
        eprintln!("proving alone");
        let alone_tx_per_s = alone(&chain).await;
        chain.client.provider().anvil_set_interval_mining(L1_BLOCK_S).await?;

        let folder = tempfile::tempdir()?;
        let deployment = folder.path().join("deployment.json");
        tandem_cli::deploy::write(&chain.deployment, &deployment)?;
        let [rpc, proving] = free_ports::<2>()?.map(|port: u16| format!("127.0.0.1:{port}"));
        let arguments = [
            ("deployment", deployment.display().to_string()),
            ("data-dir", folder.path().join("sequencer").display().to_string()),
            ("l1-rpc", chain.anvil.url()?.to_string()),
            ("rpc", rpc.clone()),
            ("proving", proving.clone()),
            ("l1-depth", "1".into()),
            ("l1-poll-ms", "200".into()),
            ("gas-price-wei", PRICE.to_string()),
            ("waiting-batches-max", WAITING_BATCHES_MAX.to_string()),
            ("batch-proofs-max", BATCH_PROOFS_MAX.to_string()),
        ];
        let arguments = arguments.map(|(name, value)| format!("--{name}={value}"));
        let key = B256::from(chain.sequencer().to_bytes()).to_string();
        let log = log(target, "sequencer")?;
        let sequencer = Process::start("tandem-sequencer", &arguments, &[("TANDEM_SEQUENCER_KEY", &key)], log)?;
        let l2 = L1Client::connect(&Url::parse(&format!("http://{rpc}"))?, DEADLINE).await?;
        let target = target.to_owned();
        let stage = Self { chain, folder, target, sequencer, proving: format!("http://{proving}"), l2, alone_tx_per_s };
        stage.wait_until_proven().await?;
        Ok(stage)
    }

    /// Starts whoever proves in a mode: the prover, and first its farm if it has one.
    fn provers(&self, mode: &Mode) -> anyhow::Result<Provers> {
        let engine = (mode.processes > 0).then(|| Nats::start(&self.folder.path().join("nats")));
        let farm: Vec<(&str, String)> = engine.iter().map(|engine| ("farm", engine.url())).collect();
        let worker = |number: usize| {
            let name = format!("worker-{number}");
            let own = [("name", name.clone()), ("proving-threads", "1".into())];
            self.prover("work", &name, own.into_iter().chain(farm.clone()), &[])
        };
        let workers = (1..=mode.processes).map(worker).collect::<anyhow::Result<_>>()?;
        let own = [
            ("l1-rpc", self.chain.anvil.url()?.to_string()),
            ("l1-poll-ms", "200".into()),
            ("sequencer", self.proving.clone()),
        ];
        let prover = self.prover("prove", "prover", own.into_iter().chain(farm.clone()), mode.arguments)?;
        Ok(Provers { prover, workers, engine })
    }

    /// `tandem-prover`, with a data directory and a log of that name.
    fn prover<'a>(
        &self,
        command: &str,
        name: &str,
        own: impl Iterator<Item = (&'a str, String)>,
        arguments: &[&str],
    ) -> anyhow::Result<Process> {
        let path = |path: PathBuf| path.display().to_string();
        let common = [
            ("deployment", path(self.folder.path().join("deployment.json"))),
            ("data-dir", path(self.folder.path().join(name))),
            ("keys", path(self.target.join("devnet-keys"))),
        ];
        let flags = common.into_iter().chain(own).map(|(name, value)| format!("--{name}={value}"));
        let arguments = arguments.iter().map(ToString::to_string);
        let all: Vec<String> = [command.to_owned()].into_iter().chain(flags).chain(arguments).collect();
        Process::start("tandem-prover", &all, &[], log(&self.target, name)?)
    }

    async fn status(&self) -> anyhow::Result<Value> {
        ask(&self.l2, "rollup_status", json!([])).await
    }

    /// Waits until L1 has everything that was sent.
    async fn wait_until_proven(&self) -> anyhow::Result<()> {
        let is_proven = || async {
            let status = self.status().await?;
            let nothing_waits = ["pendingTransactions", "waitingTransactions"].iter().all(|name| status[*name] == 0);
            let is_read = status["settled"].as_u64().is_some_and(|settled| settled > 0);
            Ok((is_read && nothing_waits && status["settled"] == status["latest"]["number"]).then_some(()))
        };
        wait_until("L1 has every batch", is_proven).await
    }

    async fn payer(&self, i: usize) -> anyhow::Result<Payer> {
        let account = self.chain.user(i).address();
        let nonce = self.l2.request(self.l2.provider().get_transaction_count(account)).await?;
        Ok(Payer::new(account, self.chain.session_key(i), nonce))
    }

    /// One transfer, from sent to proven, in seconds.
    async fn pay_one(&self, payer: &mut Payer) -> anyhow::Result<f64> {
        let (progress, ended) = (watch::Sender::new(Progress::default()), CancellationToken::new());
        let paid = payer.pay(&self.l2, self.chain.chain(), &progress, &ended).await?;
        let Paid { hash, sent_at, .. } = paid.context("nobody ended it")?;
        let is_proven = || async {
            let receipt: Value = ask(&self.l2, "eth_getTransactionReceipt", json!([hash])).await?;
            let is_proven = receipt["rollupStatus"] == "settled" || receipt["rollupStatus"] == "finalized";
            Ok(is_proven.then(|| sent_at.elapsed().as_secs_f64()))
        };
        wait_until("the transfer is proven", is_proven).await
    }

    /// One transfer at a time: seconds of each, from sent to proven.
    async fn idle(&self) -> anyhow::Result<Vec<f64>> {
        let mut payer = self.payer(0).await?;
        let mut seconds = Vec::new();
        for _ in 0..IDLE_TRANSFERS {
            seconds.push(self.pay_one(&mut payer).await?);
        }
        Ok(seconds)
    }

    /// Admission kept full for some time.
    async fn full(&self, time: Duration) -> anyhow::Result<Full> {
        self.wait_until_proven().await?;
        let last = self.status().await?["settled"].as_u64().context("what is settled")?;
        let mut payers = Vec::new();
        for i in 0..PAYERS {
            payers.push(self.payer(i).await?);
        }
        let ended = CancellationToken::new();
        let watching = tokio::spawn(watch_settled(self.l2.clone(), last, ended.clone()));
        let mut flood = Flood::start(&self.l2, self.chain.chain(), payers, usize::MAX);
        flood.until("admission is full", DEADLINE, |progress| progress.refusal.is_some()).await?;
        let began = Instant::now();
        tokio::time::sleep(time).await;
        let stopped = Instant::now();
        flood.end();
        let paid = flood.finish(DEADLINE).await?;
        self.wait_until_proven().await?;
        ended.cancel();
        Full::of(&watching.await??, &paid, began, stopped)
    }
}

/// Whoever proves in a mode.
struct Provers {
    /// The prover that the sequencer knows.
    prover: Process,
    /// Those that prove for its farm.
    workers: Vec<Process>,
    /// The farm's engine, which ends when this is dropped.
    engine: Option<Nats>,
}

impl Provers {
    /// The most memory that each process had, by what it is.
    fn memory_bytes_peak(&self) -> Vec<(String, f64)> {
        let peak = |(number, worker): (usize, &Process)| (format!("worker_{number}"), worker.memory_bytes_peak());
        let workers = (1..).zip(&self.workers).map(peak);
        let engine = self.engine.as_ref().and_then(Nats::process_id);
        let engine = engine.map(|id| ("engine".to_owned(), peak_memory_bytes(&id.to_string())));
        [("prover".to_owned(), self.prover.memory_bytes_peak())].into_iter().chain(workers).chain(engine).collect()
    }

    /// Ends them in order, the engine last.
    fn end(self) -> anyhow::Result<()> {
        self.prover.end()?;
        self.workers.into_iter().try_for_each(Process::end)
    }
}

/// What was found while admission was full.
struct Full {
    /// Of each transfer that was sent in that time, from sent to proven.
    seconds: Vec<f64>,
    tx_per_s: f64,
    batch_transfers_mean: f64,
}

impl Full {
    fn of(settled: &[Settled], paid: &[Paid], began: Instant, stopped: Instant) -> anyhow::Result<Self> {
        let is_within = |moment: Instant| (began..=stopped).contains(&moment);
        let within: Vec<&Settled> = settled.iter().filter(|batch| is_within(batch.seen_at)).collect();
        ensure!(within.len() >= BATCHES_MIN, "{} batches came to L1, at least {BATCHES_MIN}", within.len());
        let [first, rest @ ..] = within.as_slice() else { unreachable!("there are some") };
        let last = rest.last().context("there are some")?;
        let transfers = rest.iter().map(|batch| batch.transactions.len()).sum::<usize>() as f64;
        let seen: HashMap<TxHash, Instant> =
            settled.iter().flat_map(|batch| batch.transactions.iter().map(|hash| (*hash, batch.seen_at))).collect();
        let mut seconds = Vec::new();
        for transfer in paid {
            let proven_at = seen.get(&transfer.hash).with_context(|| format!("{} was not proven", transfer.hash))?;
            if is_within(transfer.sent_at) {
                seconds.push((*proven_at - transfer.sent_at).as_secs_f64());
            }
        }
        Ok(Self {
            seconds,
            tx_per_s: transfers / (last.seen_at - first.seen_at).as_secs_f64(),
            batch_transfers_mean: transfers / rest.len() as f64,
        })
    }
}

/// Transfers between existing accounts that fill a large chunk, proven in this process: a second, the better of two.
async fn alone(chain: &Chain) -> f64 {
    let transfers = ApplyCircuit::LARGE.slots - 1; // the last slot credits the fee
    let mut best = 0f64;
    for _ in 0..2 {
        let mut draft = chain.draft().await;
        for n in 0..transfers {
            let recipient = chain.user((n + 1) % PAYERS).address();
            chain.operate(&mut draft, n % PAYERS, Call::Transfer { recipient, amount: 1_000 });
        }
        let started = Instant::now();
        chain.prove(draft);
        best = best.max(transfers as f64 / started.elapsed().as_secs_f64());
    }
    best
}

/// p50 and p99.
fn add_percentiles(figures: &mut Vec<Value>, name: &str, seconds: &[f64]) {
    let mut sorted = seconds.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    for percent in [50, 99] {
        // The least that so many are not above.
        let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        let value = sorted.get(place).copied().unwrap_or(f64::NAN);
        add(figures, &format!("{name}.p{percent}"), value, "s");
    }
}

fn log(target: &Path, name: &str) -> anyhow::Result<File> {
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    Ok(File::options().create(true).append(true).open(folder.join(format!("validity-{name}.log")))?)
}

/// A program of ours that runs, and ends with its standard input: whatever becomes of this process.
struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Process {
    fn start(name: &str, arguments: &[String], environment: &[(&str, &str)], log: File) -> anyhow::Result<Self> {
        let mut command = Command::new(built(name)?);
        command.args(arguments).arg("--end-with-stdin").envs(environment.iter().copied()).env_remove("RUST_LOG");
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { stdin: child.stdin.take(), child })
    }

    fn memory_bytes_peak(&self) -> f64 {
        peak_memory_bytes(&self.child.id().to_string())
    }

    fn end(mut self) -> anyhow::Result<()> {
        drop(self.stdin.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "a service ended with {status}");
        Ok(())
    }
}
