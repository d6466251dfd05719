//! Wiring of a payments chain's parts.

use std::{sync::Arc, time::Duration};

use tandem_l1::{
    Deployment, L1Client,
    bindings::Inbox,
    payments::{RulesError, RulesReader},
    submit::{FileJournal, SubmitError, Submitter},
};
use tandem_service::Readiness;
use tandem_store::{LedgerStore, Options, SequencedStore, StoreError};
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    engine::{Engine, EngineConfig, EngineError},
    poster::{Poster, PosterError},
    proving::ProvingService,
    rpc::PaymentsContext,
    watcher::{Watcher, WatcherError},
};
use crate::{SequencerFlags, clock::Clock, feed::Feed, rpc};

/// Why the parts cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum PaymentsError {
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What L1 says of new batches cannot be read.
    #[error("rules on L1: {0}")]
    Rules(#[from] RulesError),
    /// Transactions to L1 cannot be sent.
    #[error("L1 transactions: {0}")]
    Submit(#[from] SubmitError),
    /// The engine ended with an error.
    #[error("engine: {0}")]
    Engine(#[from] EngineError),
    /// The watcher ended with an error.
    #[error("watcher: {0}")]
    Watcher(#[from] WatcherError),
    /// The poster ended with an error.
    #[error("poster: {0}")]
    Poster(#[from] PosterError),
    /// The RPC server ended with an error.
    #[error("RPC server: {0}")]
    Rpc(std::io::Error),
    /// The service for provers ended with an error.
    #[error("service for provers: {0}")]
    Proving(#[from] tonic::transport::Error),
    /// The block feed ended with an error.
    #[error("block feed: {0}")]
    Feed(#[source] tonic::transport::Error),
}

/// Where callers, provers and followers of the feed are listened to.
#[derive(Debug)]
pub struct Listeners {
    /// Where callers of JSON-RPC are listened to.
    pub rpc: TcpListener,
    /// Where provers are listened to.
    pub proving: TcpListener,
    /// Where followers of the block feed are listened to, if it is served.
    pub feed: Option<TcpListener>,
}

/// Starts every part of a payments chain as a task. They run until `cancel`, or until one fails.
pub async fn start(
    flags: SequencerFlags,
    deployment: Deployment,
    client: L1Client,
    listeners: Listeners,
    cancel: CancellationToken,
) -> Result<JoinSet<Result<(), PaymentsError>>, PaymentsError> {
    let chain = deployment.chain.clone();
    let store = SequencedStore::open(flags.data_dir.join("db"), &chain, Options { sync: flags.sync })?;
    // Whatever is in it follows from L1, so that a power loss may take the end of it.
    let ledger = LedgerStore::open(flags.data_dir.join("ledger"), &chain, Options { sync: false })?;
    // Read anew with each block of L1; here so that a chain without keys is told at once.
    let mut rules = RulesReader::new(client.clone(), deployment.schedule, chain.settlement);
    rules.read(client.latest().await.map_err(RulesError::from)?).await?;
    let inbox = Inbox::new(chain.inbox, client.provider());
    let forced_window_s = client.call(async { inbox.forcedInclusionWindowSeconds().call().await }).await;
    let forced_window_s = forced_window_s.map_err(RulesError::from)?;
    let (readiness, postable) = (Readiness::default(), Arc::new(Notify::new()));
    let journal = FileJournal::new(flags.data_dir.join("l1-transaction.json"));
    let submitter = Submitter::new(client.clone(), flags.key.signer(), journal, flags.submitter(&readiness)).await?;
    let config = EngineConfig {
        operator: submitter.account(),
        gas_price: flags.payments.gas_price_wei,
        waiting_batches_max: flags.payments.waiting_batches_max.get(),
        open_max: Duration::from_millis(flags.payments.batch_open_max_ms),
        l1_depth: flags.l1_depth,
        forced_window_s,
        batch_proofs_max: flags.payments.batch_proofs_max,
        mempool: flags.mempool,
    };
    let (engine, handle, records) = Engine::new(chain.clone(), config, store, Clock::system(), postable.clone());
    let engine = engine.with_readiness(&readiness);
    let interval = Duration::from_millis(flags.l1_poll_ms);
    let start_block = deployment.start_block;
    let ledger = (ledger, start_block);
    let (watcher, l1_heads) =
        Watcher::open(chain.clone(), client.clone(), ledger, rules, handle.clone(), interval, &readiness).await?;
    let age_s = flags.checkpoint_age_s;
    let poster = Poster::new(chain.clone(), handle.clone(), submitter, interval, age_s, postable, &readiness);
    let askers_max = flags.payments.proving_askers_max.get();
    let proving = ProvingService::new(&chain, handle.clone(), records.clone(), askers_max);
    let address = |listener: &TcpListener| listener.local_addr().map_err(PaymentsError::Rpc);
    let (rpc, proving_at) = (address(&listeners.rpc)?, address(&listeners.proving)?);
    info!(chain_id = chain.l2_chain_id, %rpc, proving = %proving_at, account = %poster.account(), "payments sequencer started");

    let silence_max = flags.limits.silence_max();
    let feed = Feed::new(records.clone(), records.watch(), flags.feed_followers_max, silence_max);
    let context = PaymentsContext::new(chain, config, records, handle, l1_heads, flags.limits, readiness)
        .with_hosts(flags.http_hosts.clone().into())
        .with_l1(client);
    let mut tasks = JoinSet::new();
    let token = cancel.clone();
    tasks.spawn_blocking(move || Ok(engine.run(&token)?));
    let token = cancel.clone();
    tasks.spawn(async move { Ok(watcher.run(token).await?) });
    let token = cancel.clone();
    tasks.spawn(async move { Ok(poster.run(token).await?) });
    let token = cancel.clone();
    tasks.spawn(async move { Ok(proving.serve(listeners.proving, token).await?) });
    if let Some(listener) = listeners.feed {
        let token = cancel.clone();
        tasks.spawn(async move { feed.serve(listener, token).await.map_err(PaymentsError::Feed) });
    }
    tasks.spawn(async move { rpc::serve(listeners.rpc, context, cancel).await.map_err(PaymentsError::Rpc) });
    Ok(tasks)
}
