//! `tandem-prover prove`: proves the batches that the sequencer closes, and brings them back. Rules: PAY-APPEND, PAY-CUT, PAY-TRANSCRIPT.
//!
//! ```text
//!        L1 --Follower--> Settled (state, queue, rules, keys)
//!                            |
//! sequencer --ClosedBatch--> derive --Work--> Line --> workers, files --Call--> Line --> sequencer
//!                            |                 |
//!                            | differs         | unwanted, or L1 went another way
//!                            v                 v
//!                     told, asked again      dropped
//! ```
//!
//! Nothing is believed: a batch is proven if its entries, applied here to the state that L1 gives, yield what it claims. While one is proven the next is prepared.
//! Adversarial: the sequencer, who can cost time by what he hands out and nothing else; the workers (see [`pool`](super::pool), and [`farm`](super::farm) if they are on other
//! machines).

mod closed;
mod crew;
mod derive;
mod desk;
mod files;
mod follower;
pub mod health;
mod line;
mod sequencer;
mod settled;
pub mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod troubles;
mod work;

use std::{io, sync::Arc, time::Duration};

use tandem_chain::{ChainConfig, ChainKind};
use tandem_l1::{Deployment, DeploymentError, L1Client, RpcFailure};
use tandem_payments::eddsa::domain;
use tandem_service::Readiness;
use tandem_store::{LedgerStore, Options, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::{
    crew::LocalCrew,
    desk::{Desk, DeskError},
    files::BatchFiles,
    follower::{FollowError, Follower},
    sequencer::Sequencer,
    status::Status,
};
use crate::{
    flags::ProveFlags,
    health::serve,
    validity::{
        crew::Crew,
        farm::{Engine, FarmConfig, FarmCrew, FarmError, Names},
        file::BatchFileError,
        keys::ProvingKeys,
        local::prover_config,
    },
};

/// Why the service does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The deployment file cannot be read.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The deployment's chain has no proofs.
    #[error(
        "`tandem-prover prove` is for payments chains, and the deployment names an EVM chain: `tandem-prover` without a command claims and defends its epochs"
    )]
    WrongKind,
    /// The endpoint is another L1's.
    #[error("--l1-rpc is of chain {found}, the deployment's L1 is chain {expected}")]
    OtherL1 {
        /// The deployment's chain id.
        expected: u64,
        /// The chain id that the endpoint tells.
        found: u64,
    },
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The sequencer's address is none.
    #[error("--sequencer: {0}")]
    Sequencer(#[source] tonic::transport::Error),
    /// Batches cannot be kept on disk.
    #[error(transparent)]
    File(#[from] BatchFileError),
    /// What L1 tells cannot be kept on disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What L1 tells can be kept no longer, or what was kept is damaged.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// It cannot go on.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The farm's engine has no such address.
    #[error("--farm: {0}")]
    Farm(#[from] FarmError),
    /// Health cannot be served.
    #[error("--health: {0}")]
    Health(#[source] io::Error),
    /// One of the service's tasks panicked.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// Runs until `token` is cancelled.
///
/// # Errors
/// If it cannot start, or cannot go on.
pub async fn run(flags: ProveFlags, token: CancellationToken) -> Result<(), ServiceError> {
    let deployment = Deployment::read(&flags.deployment)?;
    let chain = deployment.chain.clone();
    if chain.kind != ChainKind::Payments {
        return Err(ServiceError::WrongKind);
    }
    let client = L1Client::connect(&flags.l1_rpc, Duration::from_millis(flags.l1_timeout_ms)).await?;
    let (expected, found) = (chain.l1_chain_id, client.chain_id().await?);
    if found != expected {
        return Err(ServiceError::OtherL1 { expected, found });
    }
    let dom = domain(chain.l2_chain_id, chain.hash());
    let sequencer = Sequencer::new(&flags.sequencer, dom).map_err(ServiceError::Sequencer)?;
    let files = BatchFiles::open(&flags.data_dir.join("proving"))?;
    let (readiness, (status, told), (settled, seen)) =
        (Readiness::default(), watch::channel(Status::default()), watch::channel(None));
    let poll_interval = Duration::from_millis(flags.l1_poll_ms);
    let ledger = LedgerStore::open(flags.data_dir.join("ledger"), &chain, Options { sync: false })?;
    let follower = Follower::open(client, deployment, flags.l1_depth, poll_interval, ledger, &readiness).await?;
    let crew = crew(&flags, &chain, &status, &readiness, &token).await?;
    let desk = Desk::new(chain, sequencer, seen, crew, files, status, &readiness);
    tracing::info!(sequencer = %flags.sequencer, "prover started");

    // The end of one is the end of all.
    let guarded = |token: &CancellationToken| token.clone().drop_guard();
    let (end_follower, end_desk, end_health) = (guarded(&token), guarded(&token), guarded(&token));
    let (of_follower, of_desk, of_health) = (token.clone(), token.clone(), token.clone());
    let follower = tokio::spawn(async move {
        let _end = end_follower;
        follower.run(settled, of_follower).await
    });
    let desk = tokio::spawn(async move {
        let _end = end_desk;
        desk.run(of_desk).await
    });
    let health = tokio::spawn(async move {
        let _end = end_health;
        match flags.health {
            Some(address) => serve(address, health::View { status: told, readiness }, of_health).await,
            None => {
                of_health.cancelled().await;
                Ok(())
            }
        }
    });
    let (follower, desk, health) = tokio::join!(follower, desk, health);
    follower??;
    desk??;
    health?.map_err(ServiceError::Health)
}

/// Who proves: the workers of this process, which share its cores, or a farm. `end` is cancelled when the process ends.
async fn crew(
    flags: &ProveFlags,
    chain: &ChainConfig,
    status: &watch::Sender<Status>,
    readiness: &Readiness,
    end: &CancellationToken,
) -> Result<Arc<dyn Crew>, FarmError> {
    let directory = flags.keys.clone().unwrap_or_else(|| flags.data_dir.join("keys"));
    let keys = ProvingKeys { directory, l1_chain_id: chain.l1_chain_id };
    if flags.farm.is_empty() {
        let config = prover_config(flags.workers, flags.proving_threads, flags.proving_memory_mib);
        return Ok(Arc::new(LocalCrew::new(keys, flags.workers, config)));
    }
    let address = flags.farm_login.address(flags.farm.clone())?;
    let config = FarmConfig {
        lease: Duration::from_secs(flags.farm_lease_s),
        patience: Duration::from_secs(flags.farm_patience_s),
    };
    let engine = Engine::connect(&address, "tandem-coordinator", Names::new(chain.hash())).await?;
    let shared = flags.farm_share_keys.then_some(keys);
    Ok(Arc::new(FarmCrew::new(engine, chain.hash(), config, shared, status.clone(), readiness, end.clone())))
}
