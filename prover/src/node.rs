//! Puts the prover together: a replica, and a proposer and a challenger that believe nothing else.

use crate::{
    Sender,
    challenger::{Challenger, ChallengerConfig, ChallengerError, ChallengerStatus},
    flags::{ProverFlags, Role},
    health,
    proposer::{DerivedOutputs, OutputUnavailable, Proposer, ProposerConfig, ProposerError, ProposerStatus},
    store::EvmReplicaStore,
};
use std::{collections::BTreeSet, io, time::Duration};
use tandem_chain::OutputFields;
use tandem_evm::Evm;
use tandem_l1::{
    Archive, BeaconClient, BlobSource, Deployment, DeploymentError, FileJournal, L1Client, PayloadFetcher,
    ReaderConfig, Replica, ReplicaConfig, ReplicaError, ReplicaHandle, RpcFailure, SubmitError, Submitter,
    SubmitterConfig, payload::BeaconError,
};
use tandem_service::Readiness;
use tandem_store::{MissingPreimage, Options, Store, StoreError};
use tandem_vm::{ElfError, Image};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// The program that judges epochs, as this release builds it.
const GUEST: &[u8] = include_bytes!("../guest/elf/epoch.elf");

/// Why the prover does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The deployment file cannot be read.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The data directory cannot be used.
    #[error("data directory: {0}")]
    Io(#[from] io::Error),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The L1 endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The beacon endpoint cannot be used.
    #[error(transparent)]
    Beacon(#[from] BeaconError),
    /// Transactions to L1 cannot be sent.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The genesis state cannot be computed.
    #[error("genesis of the chain cannot be computed")]
    Genesis,
    /// The replica stopped deriving the chain.
    #[error("derivation: {0}")]
    Replica(#[from] ReplicaError<MissingPreimage>),
    /// The proposer stopped claiming.
    #[error("proposer: {0}")]
    Proposer(#[from] ProposerError),
    /// The challenger stopped playing.
    #[error("challenger: {0}")]
    Challenger(#[from] ChallengerError),
    /// The guest program is none.
    #[error("guest program: {0}")]
    Guest(#[from] ElfError),
    /// A retired proposer and a challenger are two things.
    #[error("--retire and `challenge` exclude each other")]
    RetiredChallenger,
    /// One of the node's tasks panicked.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// Outputs of the replica inside.
#[derive(Clone, Debug)]
struct ReplicaOutputs(ReplicaHandle<EvmReplicaStore>);

impl DerivedOutputs for ReplicaOutputs {
    fn output(&self, batch_index: u64) -> Result<Option<OutputFields>, OutputUnavailable> {
        // What the store holds beyond the head was not confirmed by L1 since the start.
        if batch_index > self.0.head().batch_index {
            return Ok(None);
        }
        self.0.output(batch_index).map_err(|error| OutputUnavailable(Box::new(error)))
    }
}

/// A prover that runs: replica, proposer, and what they serve.
#[derive(Debug)]
pub struct ProverNode {
    replica: JoinHandle<Result<(), NodeError>>,
    proposer: JoinHandle<Result<(), NodeError>>,
    challenger: JoinHandle<Result<(), NodeError>>,
    health: JoinHandle<Result<(), NodeError>>,
    handle: ReplicaHandle<EvmReplicaStore>,
    status: watch::Receiver<ProposerStatus>,
    disputes: watch::Receiver<ChallengerStatus>,
    token: CancellationToken,
}

impl ProverNode {
    /// Starts all tasks; they end when `token` is cancelled, or together when one of them fails.
    pub async fn start(flags: ProverFlags, token: CancellationToken) -> Result<Self, NodeError> {
        if flags.retire && flags.role == Role::Challenge {
            return Err(NodeError::RetiredChallenger);
        }
        let deployment = Deployment::read(&flags.deployment)?;
        std::fs::create_dir_all(&flags.data_dir)?;
        let client = L1Client::connect(&flags.l1_rpc, Duration::from_millis(flags.l1_timeout_ms)).await?;
        let readiness = Readiness::default();
        let payloads = payloads(&flags, &deployment, &client)?;
        let (replica, handle) = replica(&flags, &deployment, &client, payloads.clone(), readiness.clone())?;
        let sender = sender(&flags, &client, &readiness).await?;
        let challenger = match flags.no_challenge && flags.role == Role::Propose {
            true => None,
            false => Some(challenger(&flags, &deployment, &client, &sender, payloads, handle.clone(), &readiness)?),
        };
        let disputes =
            challenger.as_ref().map_or_else(|| watch::channel(ChallengerStatus::default()).1, Challenger::status);
        let rivals = challenger.as_ref().filter(|_| flags.role == Role::Challenge).map(Challenger::confirmed);
        let (proposer, status) = proposer(&flags, &deployment, &client, sender, handle.clone(), rivals, &readiness);
        tracing::info!(chain = deployment.chain.l2_chain_id, account = %flags.key.address(), "prover started");

        let view = health::View {
            replica: handle.watch(),
            proposer: status.clone(),
            disputes: disputes.clone(),
            readiness,
            confirmations: flags.l1_depth,
        };
        Ok(Self {
            replica: spawn(&token, async |token| Ok(replica.run(token).await?)),
            proposer: spawn(&token, async |token| Ok(proposer.run(token).await?)),
            challenger: spawn(&token, async |token| match challenger {
                Some(challenger) => Ok(challenger.run(token).await?),
                None => idle(token).await,
            }),
            health: spawn(&token, async move |token| match flags.health {
                Some(address) => Ok(health::serve(address, view, token).await?),
                None => idle(token).await,
            }),
            handle,
            status,
            disputes,
            token,
        })
    }

    /// The replica that the proposer asks.
    pub fn replica(&self) -> &ReplicaHandle<EvmReplicaStore> {
        &self.handle
    }

    /// How far the proposer is.
    pub fn status(&self) -> watch::Receiver<ProposerStatus> {
        self.status.clone()
    }

    /// What the challenger does.
    pub fn disputes(&self) -> watch::Receiver<ChallengerStatus> {
        self.disputes.clone()
    }

    /// Asks all tasks to end.
    pub fn stop(&self) {
        self.token.cancel();
    }

    /// Waits for the end of all tasks; the first failure.
    pub async fn wait(self) -> Result<(), NodeError> {
        let (replica, proposer, challenger, health) =
            tokio::join!(self.replica, self.proposer, self.challenger, self.health);
        replica??;
        proposer??;
        challenger??;
        health?
    }
}

/// What is not wanted waits for the end.
async fn idle(token: CancellationToken) -> Result<(), NodeError> {
    token.cancelled().await;
    Ok(())
}

/// Runs a task until `token` is cancelled; its end ends all others.
fn spawn<F>(token: &CancellationToken, task: impl FnOnce(CancellationToken) -> F) -> JoinHandle<Result<(), NodeError>>
where
    F: Future<Output = Result<(), NodeError>> + Send + 'static,
{
    let guard = token.clone().drop_guard();
    let task = task(token.clone());
    tokio::spawn(async move {
        let _guard = guard;
        task.await
    })
}

/// Where payloads come from: the archive of the data directory, then L1.
fn payloads(flags: &ProverFlags, deployment: &Deployment, client: &L1Client) -> Result<PayloadFetcher, NodeError> {
    let mut sources = Vec::new();
    if let Some(url) = &flags.l1_beacon {
        sources.push(BlobSource::Beacon(BeaconClient::new(url.clone(), Duration::from_millis(flags.l1_timeout_ms))?));
    }
    sources.extend(flags.blob_dir.clone().map(BlobSource::Directory));
    let archive = Archive::new(flags.data_dir.join("payloads"));
    Ok(PayloadFetcher::new(client.clone(), deployment.chain.inbox, sources, archive))
}

fn reader(flags: &ProverFlags, deployment: &Deployment, readiness: Readiness) -> ReaderConfig {
    let chain = &deployment.chain;
    let mut reader = ReaderConfig::new(chain.inbox, chain.settlement, deployment.start_block);
    reader.confirmations = flags.l1_depth;
    reader.poll_interval = Duration::from_millis(flags.l1_poll_ms);
    reader.readiness = readiness;
    reader
}

fn replica(
    flags: &ProverFlags,
    deployment: &Deployment,
    client: &L1Client,
    payloads: PayloadFetcher,
    readiness: Readiness,
) -> Result<(Replica<Evm, EvmReplicaStore>, ReplicaHandle<EvmReplicaStore>), NodeError> {
    let chain = deployment.chain.clone();
    let genesis = tandem_evm::genesis(&chain).map_err(|_| NodeError::Genesis)?;
    let store = Store::open(flags.data_dir.join("chain"), &chain, Options { sync: flags.sync })?;
    let reader = reader(flags, deployment, readiness);
    let config = ReplicaConfig { chain, genesis: genesis.output, reader };
    Ok(Replica::new(Evm, EvmReplicaStore::new(store)?, client.clone(), payloads, config))
}

async fn sender(
    flags: &ProverFlags,
    client: &L1Client,
    readiness: &Readiness,
) -> Result<Sender<FileJournal>, NodeError> {
    let journal = FileJournal::new(flags.data_dir.join("transaction.json"));
    let sending = SubmitterConfig {
        poll_interval: Duration::from_millis(flags.l1_poll_ms),
        bump_after: Duration::from_secs(flags.bump_after_s),
        patience: Duration::from_secs(flags.l1_patience_s),
        readiness: readiness.clone(),
        ..SubmitterConfig::default()
    };
    Ok(Submitter::new(client.clone(), flags.key.signer(), journal, sending).await?.into())
}

fn challenger(
    flags: &ProverFlags,
    deployment: &Deployment,
    client: &L1Client,
    sender: &Sender<FileJournal>,
    payloads: PayloadFetcher,
    handle: ReplicaHandle<EvmReplicaStore>,
    readiness: &Readiness,
) -> Result<Challenger<ReplicaOutputs, FileJournal>, NodeError> {
    let guest = match &flags.guest {
        Some(path) => Image::from_elf(&std::fs::read(path)?)?,
        None => Image::from_elf(GUEST)?,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let config = ChallengerConfig {
        chain: deployment.chain.clone(),
        schedule: deployment.schedule,
        reader: reader(flags, deployment, readiness.clone()),
        poll_interval: Duration::from_millis(flags.l1_poll_ms),
        directory: flags.data_dir.join("commitments"),
        threads: flags.challenge_threads.unwrap_or(cores),
        computes_ahead: !flags.challenge_late,
        payout: flags.payout,
        payout_min_wei: flags.payout_min_wei,
        readiness: readiness.clone(),
    };
    let outputs = ReplicaOutputs(handle.clone());
    Ok(Challenger::new(client.clone(), sender.clone(), outputs, handle, payloads, guest, config))
}

fn proposer(
    flags: &ProverFlags,
    deployment: &Deployment,
    client: &L1Client,
    sender: Sender<FileJournal>,
    handle: ReplicaHandle<EvmReplicaStore>,
    rivals: Option<watch::Receiver<BTreeSet<u64>>>,
    readiness: &Readiness,
) -> (Proposer<ReplicaOutputs, FileJournal>, watch::Receiver<ProposerStatus>) {
    let config = ProposerConfig {
        inbox: deployment.chain.inbox,
        settlement: deployment.chain.settlement,
        start_block: deployment.start_block,
        poll_interval: Duration::from_millis(flags.l1_poll_ms),
        audit_interval: Duration::from_secs(flags.audit_s),
        retire: flags.retire,
        payout: flags.payout,
        payout_min_wei: flags.payout_min_wei,
        rivals,
        readiness: readiness.clone(),
    };
    Proposer::new(client.clone(), sender, ReplicaOutputs(handle), config)
}
