//! The sequencer's flags. A file named by `--config` may set each of them (see `tandem_service::parse_with_file`).

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use tandem_l1::{PrivateKey, submit::SubmitterConfig};
use tandem_service::{LogFormat, Readiness};
use url::Url;

use crate::{
    batch::{BATCH_BYTES_FLAG, BatchPolicy},
    data::DataMode,
    engine::EngineConfig,
    feed::{FOLLOWERS_FLAG, FOLLOWERS_MAX},
    mempool::MempoolLimits,
    payments::config::PaymentsFlags,
    poster::PosterConfig,
    rpc::{HOSTS_FLAG, Host, RpcLimits},
};

/// Runs a Tandem sequencer.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "tandem-sequencer", version)]
pub struct SequencerFlags {
    /// TOML file with any of these flags
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Deployment file that `tandem deploy` wrote
    #[arg(long, env = "TANDEM_DEPLOYMENT")]
    pub deployment: PathBuf,
    /// Directory for the database; created if missing
    #[arg(long, env = "TANDEM_DATA_DIR")]
    pub data_dir: PathBuf,
    /// L1 execution endpoint (HTTP)
    #[arg(long, env = "TANDEM_L1_RPC")]
    pub l1_rpc: Url,
    /// L1 beacon endpoint for blobs
    #[arg(long, env = "TANDEM_L1_BEACON")]
    pub l1_beacon: Option<Url>,
    /// Key that appends batches, as hex (prefer the environment variable over the flag)
    #[arg(long, env = "TANDEM_SEQUENCER_KEY", hide_env_values = true)]
    pub key: PrivateKey,
    /// Address and port that JSON-RPC is served at
    #[arg(long, env = "TANDEM_RPC", default_value = "127.0.0.1:9545")]
    pub rpc: SocketAddr,
    /// Names that requests may come in, beside addresses in numbers (Host header); an asterisk stands for all
    #[arg(long = HOSTS_FLAG, env = "TANDEM_HTTP_HOSTS", value_delimiter = ',', default_value = "localhost")]
    pub http_hosts: Vec<Host>,
    /// Address of the gRPC block feed; none serves no feed
    #[arg(long, env = "TANDEM_FEED")]
    pub feed: Option<SocketAddr>,
    /// Most followers of the block feed at a time
    #[arg(id = FOLLOWERS_FLAG, long = FOLLOWERS_FLAG, env = "TANDEM_FEED_FOLLOWERS_MAX", default_value_t = FOLLOWERS_MAX)]
    pub feed_followers_max: usize,
    /// Let callers move L1's clock (evm_increaseTime, evm_mine), which must be a devnet's
    #[arg(long, env = "TANDEM_L1_CLOCK")]
    pub l1_clock: bool,
    /// Time between blocks, in milliseconds
    #[arg(long, env = "TANDEM_BLOCK_TIME_MS", default_value_t = EngineConfig::DEFAULT.block_time_ms)]
    pub block_time_ms: u64,
    /// Age of the head at which an empty block is built, in milliseconds
    #[arg(long, env = "TANDEM_HEARTBEAT_MS", default_value_t = EngineConfig::DEFAULT.heartbeat_ms)]
    pub heartbeat_ms: u64,
    /// Empty blocks that follow a block with transactions, a second apart: as many as tools wait for
    #[arg(long, env = "TANDEM_CONFIRMATION_BLOCKS", default_value_t = EngineConfig::DEFAULT.confirmation_blocks)]
    pub confirmation_blocks: u64,
    /// L1 blocks that must lie on a message before it is executed, and on a checkpoint before it is named
    #[arg(long, env = "TANDEM_L1_DEPTH", default_value_t = EngineConfig::DEFAULT.l1_depth)]
    pub l1_depth: u64,
    /// Time between looks at L1, in milliseconds
    #[arg(long, env = "TANDEM_L1_POLL_MS", default_value_t = tandem_l1::defaults::POLL_MS)]
    pub l1_poll_ms: u64,
    /// Time without progress after which an L1 transaction is reported as stuck, in the log and by /readyz, in seconds
    #[arg(long, env = "TANDEM_L1_PATIENCE_S", default_value_t = tandem_l1::defaults::PATIENCE_S)]
    pub l1_patience_s: u64,
    /// How payloads travel to L1
    #[arg(long, env = "TANDEM_DATA", value_enum, default_value_t)]
    pub data: DataMode,
    /// Most payload bytes of a batch; what is not given, or more than that, is what carries it: 122,880 as calldata, 761,852 in six blobs
    #[arg(long = BATCH_BYTES_FLAG, env = "TANDEM_BATCH_BYTES_MAX")]
    pub batch_bytes_max: Option<usize>,
    /// Age before which a batch stays open unless full, in milliseconds
    #[arg(long, env = "TANDEM_BATCH_AGE_MIN_MS", default_value_t = BatchPolicy::DEFAULT.age_min_ms)]
    pub batch_age_min_ms: u64,
    /// Age at which a batch closes whatever L1 costs, in milliseconds
    #[arg(long, env = "TANDEM_BATCH_AGE_MAX_MS", default_value_t = BatchPolicy::DEFAULT.age_max_ms)]
    pub batch_age_max_ms: u64,
    /// Between the two ages, closes when L1's base fee is at most this percentage of its recent average (rising to twice that)
    #[arg(long, env = "TANDEM_BATCH_PRICE_PERCENT", default_value_t = BatchPolicy::DEFAULT.price_percent)]
    pub batch_price_percent: u64,
    /// Age at which a new checkpoint is stored on L1, in seconds
    #[arg(long, env = "TANDEM_CHECKPOINT_AGE_S", default_value_t = 1_800)]
    pub checkpoint_age_s: u64,
    /// Age beyond which a batch names no checkpoint, in seconds; keep it below the Inbox's own limit
    #[arg(long, env = "TANDEM_CHECKPOINT_AGE_MAX_S", default_value_t = EngineConfig::DEFAULT.checkpoint_age_max_s)]
    pub checkpoint_age_max_s: u64,
    /// How a payments chain is sequenced
    #[command(flatten)]
    pub payments: PaymentsFlags,
    /// What the mempool holds
    #[command(flatten)]
    pub mempool: MempoolLimits,
    /// What callers may ask
    #[command(flatten)]
    pub limits: RpcLimits,
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

impl SequencerFlags {
    /// The flags that the engine obeys.
    pub fn engine(&self) -> EngineConfig {
        EngineConfig {
            block_time_ms: self.block_time_ms,
            heartbeat_ms: self.heartbeat_ms,
            confirmation_blocks: self.confirmation_blocks,
            l1_depth: self.l1_depth,
            checkpoint_age_max_s: self.checkpoint_age_max_s,
            batch: BatchPolicy {
                data: self.data,
                payload_bytes_max: self.batch_bytes_max.unwrap_or(BatchPolicy::DEFAULT.payload_bytes_max),
                age_min_ms: self.batch_age_min_ms,
                age_max_ms: self.batch_age_max_ms,
                price_percent: self.batch_price_percent,
            },
            mempool: self.mempool,
            ..Default::default()
        }
    }

    /// How transactions to L1 are sent, and where it is said what keeps them.
    pub fn submitter(&self, readiness: &Readiness) -> SubmitterConfig {
        SubmitterConfig {
            poll_interval: Duration::from_millis(self.l1_poll_ms.min(1_000)),
            patience: Duration::from_secs(self.l1_patience_s),
            readiness: readiness.clone(),
            ..Default::default()
        }
    }

    /// The flags that the poster obeys.
    pub fn poster(&self) -> PosterConfig {
        PosterConfig {
            data_mode: self.data,
            interval: Duration::from_millis(self.l1_poll_ms),
            checkpoint_age_s: self.checkpoint_age_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::rpc::LimitTooSmall;

    const REQUIRED: [&str; 9] = [
        "tandem-sequencer",
        "--deployment=d",
        "--data-dir=d",
        "--l1-rpc=http://l1",
        "--key=0x0101010101010101010101010101010101010101010101010101010101010101",
        "--rpc-batch-max=7",
        "--mempool-sender-max=8",
        "--mempool-max=9",
        "--batch-bytes-max=10",
    ];

    #[test]
    fn every_limit_is_a_flag_and_stands_in_the_operators_table() {
        let table = include_str!("../../docs/operations.md");
        let command = SequencerFlags::command();
        let limits = command.get_arguments().filter(|flag| {
            flag.get_long().is_some_and(|long| ["rpc-", "mempool-", "feed-"].iter().any(|part| long.starts_with(part)))
        });
        let mut count = 0;
        for limit in limits {
            let flag = limit.get_long().unwrap();
            let default = limit.get_default_values()[0].to_str().unwrap();
            let rows = table.lines().map(|line| line.split('|').collect::<Vec<_>>());
            let mut row = rows.filter(|row| row.get(3).is_some_and(|cell| cell.trim() == format!("`--{flag}`")));
            let row = row.next().unwrap_or_else(|| panic!("docs/operations.md does not tell --{flag}"));
            let told: String = row[2].chars().filter(char::is_ascii_digit).collect();
            assert_eq!(told, default, "--{flag}");
            assert!(limit.get_help().is_some() && limit.get_env().is_some(), "--{flag}");
            count += 1;
        }
        assert_eq!(count, 32);
    }

    #[test]
    fn what_no_flag_sets_is_as_every_part_has_it() {
        let required = REQUIRED.iter().take(5);
        let flags = <SequencerFlags as clap::Parser>::try_parse_from(required).unwrap();
        assert_eq!(flags.engine(), EngineConfig::default());
        assert_eq!((flags.limits, flags.mempool), (RpcLimits::default(), MempoolLimits::default()));
    }

    #[test]
    fn flags_reach_what_they_limit() {
        let flags = <SequencerFlags as clap::Parser>::try_parse_from(REQUIRED).unwrap();
        assert_eq!(flags.limits, RpcLimits { batch_max: 7, ..Default::default() });
        assert_eq!(flags.mempool, MempoolLimits { per_sender_max: 8, transactions_max: 9, ..Default::default() });
        assert_eq!((flags.engine().mempool, flags.engine().batch.payload_bytes_max), (flags.mempool, 10));
    }

    #[test]
    fn limits_that_serve_nothing_are_refused() {
        let mempool = MempoolLimits::default();
        assert_eq!(RpcLimits::default().validate(&mempool), Ok(()));
        let none = RpcLimits { connections_max: 0, ..Default::default() };
        assert_eq!(none.validate(&mempool), Err(LimitTooSmall { flag: "rpc-connections-max", found: 0, min: 1 }));
        let wide = MempoolLimits { transaction_bytes_max: 2 << 20, ..mempool };
        let refused = RpcLimits::default().validate(&wide).unwrap_err();
        assert!(refused.to_string().starts_with("--rpc-body-bytes-max is 2097152"), "{refused}");
    }
}
