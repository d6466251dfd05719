//! The prover's flags. A file named by `--config` may set each of them (see `tandem_service::parse_with_file`).

use std::{net::SocketAddr, path::PathBuf};

use alloy::primitives::{Address, U256};
use tandem_l1::PrivateKey;
use tandem_service::LogFormat;
use url::Url;

/// What a prover does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Claims every epoch, and plays the disputes about them
    #[default]
    Propose,
    /// Claims nothing but the right output beside a wrong one, and plays the disputes
    Challenge,
}

/// Runs a Tandem prover: claims on L1 what derivation from L1 yields, and defends it in disputes.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "tandem-prover", version)]
pub struct ProverFlags {
    /// What to do: `tandem-prover challenge` watches a chain that others claim for
    #[arg(value_enum, default_value_t)]
    pub role: Role,
    /// TOML file with any of these flags
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Deployment file that `tandem deploy` wrote
    #[arg(long, env = "TANDEM_DEPLOYMENT")]
    pub deployment: PathBuf,
    /// Directory for the database, archived payloads and the transaction journal; created if missing
    #[arg(long, env = "TANDEM_DATA_DIR")]
    pub data_dir: PathBuf,
    /// L1 execution endpoint (HTTP or WebSocket)
    #[arg(long, env = "TANDEM_L1_RPC")]
    pub l1_rpc: Url,
    /// L1 beacon endpoint for blobs
    #[arg(long, env = "TANDEM_L1_BEACON")]
    pub l1_beacon: Option<Url>,
    /// Directory with archived blobs from elsewhere, as another source
    #[arg(long, env = "TANDEM_BLOB_DIR")]
    pub blob_dir: Option<PathBuf>,
    /// Key that claims and stakes, as hex (prefer the environment variable over the flag)
    #[arg(long, env = "TANDEM_PROPOSER_KEY", hide_env_values = true)]
    pub key: PrivateKey,
    /// Address for /healthz, /readyz and /status; none if absent
    #[arg(long, env = "TANDEM_PROVER_HEALTH")]
    pub health: Option<SocketAddr>,
    /// L1 blocks that must lie above a batch before it is derived
    #[arg(long, env = "TANDEM_L1_DEPTH", default_value_t = tandem_l1::defaults::DEPTH)]
    pub l1_depth: u64,
    /// Time between looks at L1, in milliseconds
    #[arg(long, env = "TANDEM_L1_POLL_MS", default_value_t = tandem_l1::defaults::POLL_MS)]
    pub l1_poll_ms: u64,
    /// Time limit of a request to L1, in milliseconds
    #[arg(long, env = "TANDEM_L1_TIMEOUT_MS", default_value_t = tandem_l1::defaults::TIMEOUT_MS)]
    pub l1_timeout_ms: u64,
    /// Time after which a transaction that is not included bids more, in seconds
    #[arg(long, env = "TANDEM_BUMP_AFTER_S", default_value_t = tandem_l1::defaults::BUMP_AFTER_S)]
    pub bump_after_s: u64,
    /// Time without progress after which an L1 transaction is reported as stuck, in the log and by /readyz, in seconds
    #[arg(long, env = "TANDEM_L1_PATIENCE_S", default_value_t = tandem_l1::defaults::PATIENCE_S)]
    pub l1_patience_s: u64,
    /// Time between comparisons of all open claims with derivation, in seconds
    #[arg(long, env = "TANDEM_AUDIT_S", default_value_t = 60)]
    pub audit_s: u64,
    /// Claim nothing more, finalize what is claimed, and take the stake back
    #[arg(long, env = "TANDEM_RETIRE")]
    pub retire: bool,
    /// Receives what is earned, and the stake of who retires; the key's own account if absent
    #[arg(long, env = "TANDEM_PAYOUT")]
    pub payout: Option<Address>,
    /// Least credit worth a withdrawal, in wei
    #[arg(long, env = "TANDEM_PAYOUT_MIN_WEI", default_value = "1")]
    pub payout_min_wei: U256,
    /// Leave disputes to other processes: nothing is computed or played here, for a proposer beside a challenger of its own
    #[arg(long, env = "TANDEM_NO_CHALLENGE")]
    pub no_challenge: bool,
    /// Threads that compute commitments; all cores if absent
    #[arg(long, env = "TANDEM_CHALLENGE_THREADS")]
    pub challenge_threads: Option<usize>,
    /// Compute commitments only once an epoch is contested, not ahead of it: saves a core, and costs time of a dispute's six hours
    #[arg(long, env = "TANDEM_CHALLENGE_LATE")]
    pub challenge_late: bool,
    /// Program that judges epochs, as ELF; the one of this release if absent
    #[arg(long, env = "TANDEM_GUEST")]
    pub guest: Option<PathBuf>,
    /// Flush every write to disk: survives power loss, not only the end of the process
    #[arg(long, env = "TANDEM_SYNC")]
    pub sync: bool,
    /// End when standard input ends: for a process that starts this one and must not leave it behind
    #[arg(long, env = "TANDEM_END_WITH_STDIN")]
    pub end_with_stdin: bool,
    /// How log lines look
    #[arg(long, env = "TANDEM_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}
