//! Wiring: which part runs where, and how they end together.

use std::{net::SocketAddr, time::Duration};

use tandem_chain::{ChainConfig, ChainKind};
use tandem_l1::{
    Archive, BeaconClient, BlobSource, Deployment, DeploymentError, L1Client, PayloadFetcher, ReaderConfig, RpcFailure,
    submit::{FileJournal, SubmitError, Submitter},
};
use tandem_service::Readiness;
use tandem_store::{Options, Store, StoreError};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    SequencerFlags,
    clock::Clock,
    engine::{Engine, EngineError},
    evm::rpc::METHODS,
    feed::Feed,
    payments::{
        self,
        node::{Listeners, PaymentsError},
    },
    poster::{Poster, PosterError},
    rpc::{self, LimitTooSmall, RpcContext},
    signals::Signals,
    watcher::{Watcher, WatcherError},
};

/// Limit of one request to L1.
const L1_TIMEOUT: Duration = Duration::from_millis(tandem_l1::defaults::TIMEOUT_MS);

/// Why the node cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Limits of the RPC.
    #[error(transparent)]
    Limits(#[from] LimitTooSmall),
    /// The deployment file cannot be read.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The data directory cannot be used.
    #[error("data directory: {0}")]
    DataDir(std::io::Error),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The L1 endpoint did not answer.
    #[error("L1 endpoint: {0}")]
    L1(#[from] RpcFailure),
    /// The endpoint serves another chain.
    #[error("L1 endpoint serves chain {found}, this deployment is on chain {expected}")]
    WrongL1 {
        /// The chain id in the deployment file.
        expected: u64,
        /// The chain id that the endpoint tells.
        found: u64,
    },
    /// The beacon endpoint cannot be used.
    #[error("L1 beacon endpoint: {0}")]
    Beacon(#[from] tandem_l1::payload::BeaconError),
    /// Transactions to L1 cannot be sent.
    #[error("L1 transactions: {0}")]
    Submit(#[from] SubmitError),
    /// The address of JSON-RPC cannot be listened at.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address as the flags name it.
        address: SocketAddr,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The engine ended with an error.
    #[error("engine: {0}")]
    Engine(#[from] EngineError),
    /// The poster ended with an error.
    #[error("poster: {0}")]
    Poster(#[from] PosterError),
    /// The watcher ended with an error.
    #[error("watcher: {0}")]
    Watcher(#[from] WatcherError),
    /// A part of a payments chain cannot start, or ended with an error.
    #[error(transparent)]
    Payments(#[from] PaymentsError),
    /// The RPC server ended with an error.
    #[error("RPC server: {0}")]
    Rpc(std::io::Error),
    /// The block feed ended with an error.
    #[error("block feed: {0}")]
    Feed(#[from] tonic::transport::Error),
    /// One of the node's tasks panicked.
    #[error("a task panicked: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

/// A sequencer that runs, with all of its tasks.
pub struct Node {
    tasks: JoinSet<Result<(), NodeError>>,
    cancel: CancellationToken,
    rpc_address: SocketAddr,
    proving_address: Option<SocketAddr>,
}

impl Node {
    /// Starts every part. The node runs until `cancel`, or until a part fails.
    pub async fn start(flags: SequencerFlags, cancel: CancellationToken) -> Result<Self, NodeError> {
        flags.limits.validate(&flags.mempool)?;
        let deployment = Deployment::read(&flags.deployment)?;
        std::fs::create_dir_all(&flags.data_dir).map_err(NodeError::DataDir)?;
        match deployment.chain.kind {
            ChainKind::Evm => Self::start_evm(flags, deployment, cancel).await,
            ChainKind::Payments => Self::start_payments(flags, deployment, cancel).await,
        }
    }

    /// A payments chain.
    async fn start_payments(
        flags: SequencerFlags,
        deployment: Deployment,
        cancel: CancellationToken,
    ) -> Result<Self, NodeError> {
        let client = connect(&flags, &deployment.chain).await?;
        let (rpc, proving) = (listen(flags.rpc).await?, listen(flags.payments.proving).await?);
        let listeners = Listeners { rpc, proving, feed: feed_listener(&flags).await? };
        let rpc_address = listeners.rpc.local_addr().map_err(NodeError::Rpc)?;
        let proving_address = Some(listeners.proving.local_addr().map_err(NodeError::Rpc)?);
        let mut parts = payments::node::start(flags, deployment, client, listeners, cancel.clone()).await?;
        let (mut tasks, token) = (JoinSet::new(), cancel.clone());
        tasks.spawn(async move {
            let mut outcome = Ok(());
            while let Some(ended) = parts.join_next().await {
                token.cancel();
                let ended = ended.map_err(NodeError::from).and_then(|ended| Ok(ended?));
                outcome = outcome.and(ended);
            }
            outcome
        });
        Ok(Self { tasks, cancel, rpc_address, proving_address })
    }

    /// An EVM chain.
    async fn start_evm(
        flags: SequencerFlags,
        deployment: Deployment,
        cancel: CancellationToken,
    ) -> Result<Self, NodeError> {
        let chain = deployment.chain.clone();
        let store = Store::open(flags.data_dir.join("db"), &chain, Options { sync: flags.sync })?;
        let client = connect(&flags, &chain).await?;
        let signals = Signals::default();
        let (engine, handle) =
            Engine::new(chain.clone(), flags.engine(), store.clone(), Clock::system(), signals.changed.clone())?;
        let readiness = Readiness::default();
        let engine = engine.with_readiness(&readiness);
        let reading = reader_config(&flags, &deployment, readiness.clone());
        let (watcher, l1_heads) = watcher(&flags, reading, &chain, &client, store.clone(), handle.clone(), &signals)?;
        let l1_clock = flags.l1_clock.then(|| client.clone());
        let poster = poster(&flags, &deployment, client, store.clone(), handle.clone(), signals, &readiness).await?;
        let listener = listen(flags.rpc).await?;
        let feed_listener = feed_listener(&flags).await?;
        let rpc_address = listener.local_addr().map_err(NodeError::Rpc)?;
        info!(chain_id = chain.l2_chain_id, rpc = %rpc_address, account = %poster.account(), "sequencer started");

        let mut tasks = JoinSet::new();
        let token = cancel.clone();
        tasks.spawn_blocking(move || Ok(engine.run(&token)?));
        let token = cancel.clone();
        tasks.spawn(async move { Ok(watcher.run(token).await?) });
        let token = cancel.clone();
        tasks.spawn(async move { Ok(poster.run(token).await?) });
        if let Some(listener) = feed_listener {
            let silence_max = flags.limits.silence_max();
            let feed = Feed::new(store.clone(), handle.head(), flags.feed_followers_max, silence_max);
            let token = cancel.clone();
            tasks.spawn(async move { Ok(feed.serve(listener, token).await?) });
        }
        let context = RpcContext::new(METHODS, chain, store, handle, l1_heads, flags.limits)
            .with_readiness(readiness)
            .with_hosts(flags.http_hosts.clone().into())
            .with_l1_clock(l1_clock);
        let token = cancel.clone();
        tasks.spawn(async move { rpc::serve(listener, context, token).await.map_err(NodeError::Rpc) });
        Ok(Self { tasks, cancel, rpc_address, proving_address: None })
    }

    /// Where provers are served, on a payments chain.
    pub fn proving_address(&self) -> Option<SocketAddr> {
        self.proving_address
    }

    /// Where the RPC listens.
    pub fn rpc_address(&self) -> SocketAddr {
        self.rpc_address
    }

    /// Waits for the end; the first failure ends all parts and is returned.
    pub async fn wait(mut self) -> Result<(), NodeError> {
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            self.cancel.cancel();
            let ended = ended.map_err(NodeError::from).flatten();
            if outcome.is_ok() {
                outcome = ended;
            }
        }
        info!("sequencer stopped");
        outcome
    }
}

/// A connection to the L1 that the chain is on.
async fn connect(flags: &SequencerFlags, chain: &ChainConfig) -> Result<L1Client, NodeError> {
    let client = L1Client::connect(&flags.l1_rpc, L1_TIMEOUT).await?;
    let found = client.chain_id().await?;
    if found != chain.l1_chain_id {
        return Err(NodeError::WrongL1 { expected: chain.l1_chain_id, found });
    }
    Ok(client)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, NodeError> {
    TcpListener::bind(address).await.map_err(|error| NodeError::Listen { address, error })
}

async fn feed_listener(flags: &SequencerFlags) -> Result<Option<TcpListener>, NodeError> {
    match flags.feed {
        Some(address) => Ok(Some(listen(address).await?)),
        None => Ok(None),
    }
}

fn reader_config(flags: &SequencerFlags, deployment: &Deployment, readiness: Readiness) -> ReaderConfig {
    let chain = &deployment.chain;
    ReaderConfig {
        poll_interval: Duration::from_millis(flags.l1_poll_ms),
        readiness,
        ..ReaderConfig::new(chain.inbox, chain.settlement, deployment.start_block)
    }
}

fn watcher(
    flags: &SequencerFlags,
    config: ReaderConfig,
    chain: &ChainConfig,
    client: &L1Client,
    store: Store,
    engine: crate::engine::EngineHandle,
    signals: &Signals,
) -> Result<(Watcher, tokio::sync::watch::Receiver<tandem_l1::L1Heads>), NodeError> {
    let sources = match &flags.l1_beacon {
        Some(url) => vec![BlobSource::Beacon(BeaconClient::new(url.clone(), L1_TIMEOUT)?)],
        None => Vec::new(),
    };
    let archive = Archive::new(flags.data_dir.join("payloads"));
    let payloads = PayloadFetcher::new(client.clone(), chain.inbox, sources, archive);
    Ok(Watcher::new(store, engine, client.clone(), payloads, config, chain, signals.clone())?)
}

async fn poster(
    flags: &SequencerFlags,
    deployment: &Deployment,
    client: L1Client,
    store: Store,
    engine: crate::engine::EngineHandle,
    signals: Signals,
    readiness: &Readiness,
) -> Result<Poster, NodeError> {
    let journal = FileJournal::new(flags.data_dir.join("l1-transaction.json"));
    let submitter = Submitter::new(client, flags.key.signer(), journal, flags.submitter(readiness)).await?;
    Ok(Poster::new(deployment.chain.clone(), store, engine, submitter, flags.poster(), signals, readiness))
}
