//! `tandem-prover work`: a worker of a farm, on any machine that reaches its engine. It needs no L1, no sequencer and no key of an account.
//!
//! As many as wanted; each has one or more hands, which share its proving keys and its cores. One that is killed loses nothing: what it had goes to another.

mod hand;
mod status;

use std::{
    io,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use alloy::primitives::B256;
use tandem_chain::ChainKind;
use tandem_circuits::groth16::ProverConfig;
use tandem_l1::{Deployment, DeploymentError};
use tandem_service::Readiness;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use self::hand::{Hand, Shop, Troubles};
pub use self::status::{View, WorkStatus};
use super::{
    address::FarmAddress,
    engine::Engine,
    error::FarmError,
    keys::KeyShelf,
    names::{Names, NoWorkerName, WorkerName},
};
use crate::{flags::WorkFlags, health::serve, validity::local::prover_config};

/// Why a worker does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The deployment file cannot be read.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The deployment's chain has no proofs.
    #[error("`tandem-prover work` is for payments chains, and the deployment names an EVM chain")]
    WrongKind,
    /// The engine's address cannot be used.
    #[error("--farm: {0}")]
    Farm(#[from] FarmError),
    /// The user that it shows itself as cannot be its name.
    #[error("--farm-user {user:?} cannot be the worker's name as well, give it one with --name: {source}")]
    Name {
        /// The user that was given.
        user: String,
        /// What a name is.
        source: NoWorkerName,
    },
    /// Health cannot be served.
    #[error("--health: {0}")]
    Health(#[source] io::Error),
    /// One of its tasks panicked.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// What a worker is told.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Where the engine is that jobs come from.
    pub farm: FarmAddress,
    /// The chain, by the hash of its configuration.
    pub config_hash: B256,
    /// The L1 on which it settles: on a devnet's, keys that are nowhere are made.
    pub l1_chain_id: u64,
    /// The worker's name.
    pub name: WorkerName,
    /// The folder with proving keys that the operator named, if any.
    pub keys: Option<PathBuf>,
    /// The folder for keys that are fetched from the farm.
    pub cache: PathBuf,
    /// Jobs that are proven at a time.
    pub workers: NonZeroUsize,
    /// Limits of each.
    pub prover: ProverConfig,
}

/// What a worker is called: as it is told, or like its user, who may speak for nobody else.
fn worker_name(name: Option<WorkerName>, user: Option<&str>) -> Result<WorkerName, WorkerError> {
    match (name, user) {
        (Some(name), _) => Ok(name),
        (None, Some(user)) => user.parse().map_err(|source| WorkerError::Name { user: user.to_owned(), source }),
        (None, None) => Ok(WorkerName::of_process()),
    }
}

/// Runs until `token` is cancelled.
///
/// # Errors
/// If it cannot start, or one of its tasks panicked.
pub async fn run(flags: WorkFlags, token: CancellationToken) -> Result<(), WorkerError> {
    let deployment = Deployment::read(&flags.deployment)?;
    if deployment.chain.kind != ChainKind::Payments {
        return Err(WorkerError::WrongKind);
    }
    let name = worker_name(flags.name, flags.farm_login.farm_user.as_deref())?;
    let config = WorkerConfig {
        farm: flags.farm_login.address(flags.farm)?,
        config_hash: deployment.chain.hash(),
        l1_chain_id: deployment.chain.l1_chain_id,
        name,
        keys: flags.keys,
        cache: flags.data_dir.join("keys"),
        workers: flags.workers,
        prover: prover_config(flags.workers, flags.proving_threads, flags.proving_memory_mib),
    };
    let (readiness, (told, status)) = (Readiness::default(), watch::channel(WorkStatus::default()));
    let end = token.clone().drop_guard();
    let (view, of_health, address) = (View { status, readiness: readiness.clone() }, token.clone(), flags.health);
    let health = tokio::spawn(async move {
        // The end of one is the end of the other.
        let _end = of_health.clone().drop_guard();
        match address {
            Some(address) => serve(address, view, of_health).await,
            None => {
                of_health.cancelled().await;
                Ok(())
            }
        }
    });
    run_worker(config, told, &readiness, token).await?;
    drop(end);
    health.await?.map_err(WorkerError::Health)
}

/// A worker alone, without flags and health, until `token` is cancelled.
///
/// # Errors
/// If the engine's address cannot be used, or one of its hands panicked.
pub async fn run_worker(
    config: WorkerConfig,
    status: watch::Sender<WorkStatus>,
    readiness: &Readiness,
    token: CancellationToken,
) -> Result<(), WorkerError> {
    let WorkerConfig { farm, config_hash, l1_chain_id, name, keys, cache, workers, prover } = config;
    let engine = Engine::connect(&farm, name.as_str(), Names::new(config_hash)).await?;
    let shelf = Arc::new(KeyShelf::new(keys, cache, l1_chain_id));
    let troubles = Arc::new(Mutex::new(Troubles::new(readiness)));
    tracing::info!(%name, hands = workers.get(), "worker started");
    let shop = Shop { engine, config_hash, name, shelf, prover, status, troubles };
    let mut hands = JoinSet::new();
    for _ in 0..workers.get() {
        let (hand, token) = (Hand::new(shop.clone()), token.clone());
        hands.spawn(hand.run(token));
    }
    let end = token.drop_guard();
    while let Some(ended) = hands.join_next().await {
        ended?;
    }
    drop(end);
    Ok(())
}
