//! The devnet's L1: Anvil, made to run for days.
//!
//! * It mines by our clock: on its own, Anvil keeps 1,500 states where blocks come every second, whatever its flags say.
//! * Of states it keeps the last [`KEPT_BLOCKS`], of blocks, logs, receipts and calldata all.
//! * Blobs move into an archive beside it ([`blobs`]), and the beacon API ([`beacon`]) has them for ever.
//! * Its state is written every [`DUMP_INTERVAL_S`] seconds and at the end, and replaced only by a complete one ([`dump`]): a kill loses a minute at
//!   most, which the chain on it sees as a reorganisation.

mod beacon;
mod blobs;
mod dump;

use std::{
    ffi::OsString,
    path::PathBuf,
    time::{Duration, Instant},
};

use alloy::signers::local::PrivateKeySigner;
use anyhow::Context;
pub use beacon::Beacon;
pub use blobs::{Blobs, KEPT_BLOCKS};
pub use dump::{DUMP, STATE};
use serde_json::{Value, json};
use tandem_cli::chain::ask;
use tandem_l1::{
    Archive, L1Client,
    anvil::{Anvil, AnvilOptions},
};
use tandem_service::Reminder;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use url::Url;

/// Directory of the archived blobs, in that of the devnet.
pub const BLOBS: &str = "l1-blobs";
/// How often Anvil writes its state, in seconds: all of it each time, so rarely.
pub const DUMP_INTERVAL_S: u64 = 60;
/// Limit of one request; Anvil answers none while it writes its state.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is looked whether Anvil still runs.
const END_POLL: Duration = Duration::from_millis(100);
/// How long Anvil may take to start: it reads its state, some hundred megabytes after a day.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// How L1 is run.
#[derive(Clone, Debug)]
pub struct L1Options {
    /// Where its files are.
    pub dir: PathBuf,
    /// Its port; 0 for any.
    pub port: u16,
    /// Accounts that it funds.
    pub accounts: usize,
    /// Time between blocks; none if the caller mines.
    pub block_time: Option<Duration>,
}

/// The running L1. Dropping it ends it; [`L1::stop`] waits for its state to be written.
#[derive(Debug)]
pub struct L1 {
    options: L1Options,
    anvil: Option<Anvil>,
    keeper: Option<Keeper>,
    client: L1Client,
    url: Url,
    keys: Vec<PrivateKeySigner>,
}

#[derive(Debug)]
struct Keeper {
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl L1 {
    /// Starts it where its last run ended.
    pub async fn start(options: L1Options) -> anyhow::Result<Self> {
        let anvil = start_anvil(&options, options.port)?;
        let url = anvil.url()?;
        let client = L1Client::connect(&url, TIMEOUT).await?;
        let keys = anvil.keys().to_vec();
        let mut l1 = Self { options, anvil: Some(anvil), keeper: None, client, url, keys };
        l1.keep();
        Ok(l1)
    }

    /// The address of L1's JSON-RPC.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Keys of the funded accounts.
    pub fn keys(&self) -> &[PrivateKeySigner] {
        &self.keys
    }

    /// A client of it.
    pub fn client(&self) -> &L1Client {
        &self.client
    }

    /// The process that Anvil runs in, if it runs.
    pub fn anvil(&self) -> Option<&Anvil> {
        self.anvil.as_ref()
    }

    /// The archive of its blobs.
    pub fn archive(&self) -> Archive {
        Archive::new(self.options.dir.join(BLOBS))
    }

    /// Resolves when Anvil has ended by itself, or was killed by somebody else.
    pub async fn ended(&self) -> anyhow::Error {
        while !self.anvil.as_ref().is_some_and(Anvil::has_ended) {
            tokio::time::sleep(END_POLL).await;
        }
        let loss = format!("what it had not written is lost: at most {DUMP_INTERVAL_S} s");
        anyhow::anyhow!("L1 ended: Anvil is gone, and {loss}; the next start goes on from what was written")
    }

    /// Ends it in order: Anvil writes its state.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop_keeper().await;
        let anvil = self.anvil.take();
        tokio::task::spawn_blocking(move || drop(anvil)).await?;
        dump::adopt(&self.options.dir)?;
        Ok(())
    }

    fn keep(&mut self) {
        let Some(block_time) = self.options.block_time else { return };
        let cancel = CancellationToken::new();
        let blobs = Blobs::new(self.client.clone(), self.archive());
        let keeping = keep(self.client.clone(), blobs, self.options.dir.clone(), block_time);
        let ending = cancel.clone();
        let task = tokio::spawn(async move {
            let _ = ending.run_until_cancelled(keeping).await;
        });
        self.keeper = Some(Keeper { cancel, task });
    }

    async fn stop_keeper(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.cancel.cancel();
            let _ = keeper.task.await;
        }
    }
}

/// Mines a block whenever one is due, and looks after what Anvil keeps.
async fn keep(client: L1Client, mut blobs: Blobs, dir: PathBuf, block_time: Duration) {
    // In the middle of a second: blocks of one second would have the same time if a block came a little early.
    let first = tokio::time::Instant::now() + until_half_second();
    let mut due = tokio::time::interval_at(first, block_time);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut disorder = Reminder::default();
    loop {
        due.tick().await;
        let round = async {
            ask::<Value>(&client, "evm_mine", json!([])).await.context("L1 mines no block")?;
            blobs.look().await.context("blobs of L1 are not archived")?;
            dump::adopt(&dir).context("the state of L1 is not taken over")
        };
        match round.await {
            Ok(_) => {
                if let Some(lasted) = disorder.is_over(Instant::now()) {
                    info!(?lasted, "L1 is in order again");
                }
            }
            Err(error) => {
                if let Some(lasts) = disorder.holds(Instant::now()) {
                    warn!(error = format!("{error:#}"), ?lasts, "L1 is not in order; trying again with every block");
                }
            }
        }
    }
}

fn until_half_second() -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let into = now.subsec_millis();
    Duration::from_millis(u64::from((1_500 - into) % 1_000))
}

fn start_anvil(options: &L1Options, port: u16) -> anyhow::Result<Anvil> {
    let mut arguments: Vec<OsString> =
        ["--no-mining", "--slots-in-an-epoch=1", "--gas-limit=60000000"].map(Into::into).into();
    arguments.push(format!("--accounts={}", options.accounts).into());
    arguments.push(format!("--prune-history={KEPT_BLOCKS}").into());
    arguments.push(format!("--state-interval={DUMP_INTERVAL_S}").into());
    if let Some(state) = dump::state(&options.dir)? {
        arguments.push("--load-state".into());
        arguments.push(state.into());
    }
    arguments.push("--dump-state".into());
    arguments.push(options.dir.join(DUMP).into());
    Ok(Anvil::start(AnvilOptions { port, arguments, patience: START_PATIENCE, ..AnvilOptions::default() })?)
}
