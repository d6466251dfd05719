//! What one caller, and all together, may ask of the RPC: the operator's to set. An error that comes from a limit names its flag.

use std::time::Duration;

use crate::mempool::MempoolLimits;

/// Names of the flags: `--help` and the errors have them from here.
pub mod flag {
    /// The flag of [`super::RpcLimits::body_bytes_max`].
    pub const BODY_BYTES: &str = "rpc-body-bytes-max";
    /// The flag of [`super::RpcLimits::batch_max`].
    pub const BATCH: &str = "rpc-batch-max";
    /// The flag of [`super::RpcLimits::connections_max`].
    pub const CONNECTIONS: &str = "rpc-connections-max";
    /// The flag of [`super::RpcLimits::silence_max_s`].
    pub const SILENCE: &str = "rpc-silence-max-s";
    /// The flag of [`super::RpcLimits::request_time_max_s`].
    pub const REQUEST_TIME: &str = "rpc-request-time-max-s";
    /// The flag of [`super::RpcLimits::execution_time_max_s`].
    pub const EXECUTION_TIME: &str = "rpc-execution-time-max-s";
    /// The flag of [`super::RpcLimits::waiting_max`].
    pub const WAITING: &str = "rpc-waiting-max";
    /// The flag of [`super::RpcLimits::working_max`].
    pub const WORKING: &str = "rpc-working-max";
    /// The flag of [`super::RpcLimits::log_blocks_max`].
    pub const LOG_BLOCKS: &str = "rpc-log-blocks-max";
    /// The flag of [`super::RpcLimits::logs_max`].
    pub const LOGS: &str = "rpc-logs-max";
    /// The flag of [`super::RpcLimits::filter_max`].
    pub const FILTER: &str = "rpc-filter-max";
    /// The flag of [`super::RpcLimits::proof_slots_max`].
    pub const PROOF_SLOTS: &str = "rpc-proof-slots-max";
    /// The flag of [`super::RpcLimits::fee_history_max`].
    pub const FEE_HISTORY: &str = "rpc-fee-history-max";
    /// The flag of [`super::RpcLimits::percentiles_max`].
    pub const PERCENTILES: &str = "rpc-percentiles-max";
    /// The flag of [`super::RpcLimits::messages_max`].
    pub const MESSAGES: &str = "rpc-messages-max";
    /// The flag of [`super::RpcLimits::call_gas_max`].
    pub const CALL_GAS: &str = "rpc-call-gas-max";
    /// The flag of [`super::RpcLimits::trace_bytes_max`].
    pub const TRACE_BYTES: &str = "rpc-trace-bytes-max";
    /// The flag of [`super::RpcLimits::trace_blocks_max`].
    pub const TRACE_BLOCKS: &str = "rpc-trace-blocks-max";
    /// The flag of [`super::RpcLimits::subscriptions_max`].
    pub const SUBSCRIPTIONS: &str = "rpc-subscriptions-max";
    /// The flag of [`super::RpcLimits::filters_max`].
    pub const FILTERS: &str = "rpc-filters-max";
    /// The flag of [`super::RpcLimits::filter_idle_max_s`].
    pub const FILTER_IDLE: &str = "rpc-filter-idle-max-s";
    /// The flag of [`super::RpcLimits::content_max`].
    pub const CONTENT: &str = "rpc-content-max";
}

/// Gas below which nothing can be called.
const CALL_GAS_MIN: u64 = 21_000;
/// What a request takes beside the transaction that it carries.
const REQUEST_OVERHEAD_BYTES: usize = 1_024;

/// Limits of the JSON-RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct RpcLimits {
    /// Most bytes of one HTTP request or WebSocket message
    #[arg(
        id = flag::BODY_BYTES,
        long = flag::BODY_BYTES,
        env = "TANDEM_RPC_BODY_BYTES_MAX",
        default_value_t = RpcLimits::DEFAULT.body_bytes_max
    )]
    pub body_bytes_max: usize,
    /// Most requests in one batch
    #[arg(
        id = flag::BATCH,
        long = flag::BATCH,
        env = "TANDEM_RPC_BATCH_MAX",
        default_value_t = RpcLimits::DEFAULT.batch_max
    )]
    pub batch_max: usize,
    /// Most connections at a time, further ones wait; the process needs a file for each beside the database's
    #[arg(
        id = flag::CONNECTIONS,
        long = flag::CONNECTIONS,
        env = "TANDEM_RPC_CONNECTIONS_MAX",
        default_value_t = RpcLimits::DEFAULT.connections_max
    )]
    pub connections_max: usize,
    /// Time after which a connection that says and is told nothing is closed, in seconds
    #[arg(
        id = flag::SILENCE,
        long = flag::SILENCE,
        env = "TANDEM_RPC_SILENCE_MAX_S",
        default_value_t = RpcLimits::DEFAULT.silence_max_s
    )]
    pub silence_max_s: u64,
    /// Most time for one HTTP request to arrive and be answered, in seconds
    #[arg(
        id = flag::REQUEST_TIME,
        long = flag::REQUEST_TIME,
        env = "TANDEM_RPC_REQUEST_TIME_MAX_S",
        default_value_t = RpcLimits::DEFAULT.request_time_max_s
    )]
    pub request_time_max_s: u64,
    /// Most time that one request may work, in seconds; looked at between blocks and between runs, each of which its gas bounds
    #[arg(
        id = flag::EXECUTION_TIME,
        long = flag::EXECUTION_TIME,
        env = "TANDEM_RPC_EXECUTION_TIME_MAX_S",
        default_value_t = RpcLimits::DEFAULT.execution_time_max_s
    )]
    pub execution_time_max_s: u64,
    /// Most requests that wait for a turn or have it
    #[arg(
        id = flag::WAITING,
        long = flag::WAITING,
        env = "TANDEM_RPC_WAITING_MAX",
        default_value_t = RpcLimits::DEFAULT.waiting_max
    )]
    pub waiting_max: usize,
    /// Most requests that work at the same time; 0 stands for two for each processor
    #[arg(
        id = flag::WORKING,
        long = flag::WORKING,
        env = "TANDEM_RPC_WORKING_MAX",
        default_value_t = RpcLimits::DEFAULT.working_max
    )]
    pub working_max: usize,
    /// Most blocks that one eth_getLogs looks at
    #[arg(
        id = flag::LOG_BLOCKS,
        long = flag::LOG_BLOCKS,
        env = "TANDEM_RPC_LOG_BLOCKS_MAX",
        default_value_t = RpcLimits::DEFAULT.log_blocks_max
    )]
    pub log_blocks_max: u64,
    /// Most logs of one answer
    #[arg(
        id = flag::LOGS,
        long = flag::LOGS,
        env = "TANDEM_RPC_LOGS_MAX",
        default_value_t = RpcLimits::DEFAULT.logs_max
    )]
    pub logs_max: usize,
    /// Most addresses of one filter, and most topics of each place in it
    #[arg(
        id = flag::FILTER,
        long = flag::FILTER,
        env = "TANDEM_RPC_FILTER_MAX",
        default_value_t = RpcLimits::DEFAULT.filter_max
    )]
    pub filter_max: usize,
    /// Most slots of one eth_getProof
    #[arg(
        id = flag::PROOF_SLOTS,
        long = flag::PROOF_SLOTS,
        env = "TANDEM_RPC_PROOF_SLOTS_MAX",
        default_value_t = RpcLimits::DEFAULT.proof_slots_max
    )]
    pub proof_slots_max: usize,
    /// Most blocks of one eth_feeHistory, which answers with so many when asked for more
    #[arg(
        id = flag::FEE_HISTORY,
        long = flag::FEE_HISTORY,
        env = "TANDEM_RPC_FEE_HISTORY_MAX",
        default_value_t = RpcLimits::DEFAULT.fee_history_max
    )]
    pub fee_history_max: u64,
    /// Most percentiles of one eth_feeHistory
    #[arg(
        id = flag::PERCENTILES,
        long = flag::PERCENTILES,
        env = "TANDEM_RPC_PERCENTILES_MAX",
        default_value_t = RpcLimits::DEFAULT.percentiles_max
    )]
    pub percentiles_max: usize,
    /// Most messages of one rollup_getMessages, which answers with so many when asked for more
    #[arg(
        id = flag::MESSAGES,
        long = flag::MESSAGES,
        env = "TANDEM_RPC_MESSAGES_MAX",
        default_value_t = RpcLimits::DEFAULT.messages_max
    )]
    pub messages_max: u64,
    /// Most gas of one eth_call, eth_estimateGas or eth_createAccessList; a transaction has at most 2^24 all the same (EIP-7825)
    #[arg(
        id = flag::CALL_GAS,
        long = flag::CALL_GAS,
        env = "TANDEM_RPC_CALL_GAS_MAX",
        default_value_t = RpcLimits::DEFAULT.call_gas_max
    )]
    pub call_gas_max: u64,
    /// Most transactions of one txpool_content
    #[arg(
        id = flag::CONTENT,
        long = flag::CONTENT,
        env = "TANDEM_RPC_CONTENT_MAX",
        default_value_t = RpcLimits::DEFAULT.content_max
    )]
    pub content_max: usize,
    /// Most bytes of memory that one debug_trace or trace_ answer may take, about
    #[arg(
        id = flag::TRACE_BYTES,
        long = flag::TRACE_BYTES,
        env = "TANDEM_RPC_TRACE_BYTES_MAX",
        default_value_t = RpcLimits::DEFAULT.trace_bytes_max
    )]
    pub trace_bytes_max: usize,
    /// Most blocks that one trace_filter executes again
    #[arg(
        id = flag::TRACE_BLOCKS,
        long = flag::TRACE_BLOCKS,
        env = "TANDEM_RPC_TRACE_BLOCKS_MAX",
        default_value_t = RpcLimits::DEFAULT.trace_blocks_max
    )]
    pub trace_blocks_max: u64,
    /// Most subscriptions of one WebSocket connection
    #[arg(
        id = flag::SUBSCRIPTIONS,
        long = flag::SUBSCRIPTIONS,
        env = "TANDEM_RPC_SUBSCRIPTIONS_MAX",
        default_value_t = RpcLimits::DEFAULT.subscriptions_max
    )]
    pub subscriptions_max: usize,
    /// Most filters (eth_newFilter and the like) of all callers together
    #[arg(
        id = flag::FILTERS,
        long = flag::FILTERS,
        env = "TANDEM_RPC_FILTERS_MAX",
        default_value_t = RpcLimits::DEFAULT.filters_max
    )]
    pub filters_max: usize,
    /// Time after which a filter goes that nobody asks, in seconds
    #[arg(
        id = flag::FILTER_IDLE,
        long = flag::FILTER_IDLE,
        env = "TANDEM_RPC_FILTER_IDLE_MAX_S",
        default_value_t = RpcLimits::DEFAULT.filter_idle_max_s
    )]
    pub filter_idle_max_s: u64,
}

/// A limit that would leave nothing to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{flag} is {found}, and must be at least {min}")]
pub struct LimitTooSmall {
    /// The flag that sets the limit.
    pub flag: &'static str,
    /// The value that it was given.
    pub found: u64,
    /// The least value with which the node works.
    pub min: u64,
}

impl RpcLimits {
    const DEFAULT: Self = Self {
        body_bytes_max: 2 << 20,
        batch_max: 1_000,
        connections_max: 256,
        silence_max_s: 120,
        request_time_max_s: 30,
        execution_time_max_s: 10,
        waiting_max: 1_024,
        working_max: 0,
        log_blocks_max: 1_000_000,
        logs_max: 10_000,
        filter_max: 256,
        proof_slots_max: 1_024,
        fee_history_max: 1_024,
        percentiles_max: 100,
        messages_max: 1_000,
        call_gas_max: 50_000_000,
        content_max: 2_000,
        trace_bytes_max: 128 << 20,
        trace_blocks_max: 1_000,
        subscriptions_max: 1_000,
        filters_max: 10_000,
        filter_idle_max_s: 300,
    };

    /// Refuses limits under which no request, or no transaction that the mempool takes, could be answered.
    pub fn validate(&self, mempool: &MempoolLimits) -> Result<(), LimitTooSmall> {
        // Transactions arrive in hex.
        let body_min = mempool.transaction_bytes_max.saturating_mul(2).saturating_add(REQUEST_OVERHEAD_BYTES);
        let counts = [
            (flag::BATCH, self.batch_max),
            (flag::CONNECTIONS, self.connections_max),
            (flag::WAITING, self.waiting_max),
            (flag::FILTER, self.filter_max),
        ];
        for (flag, found) in counts {
            at_least(flag, found as u64, 1)?;
        }
        at_least(flag::BODY_BYTES, self.body_bytes_max as u64, body_min as u64)?;
        at_least(flag::SILENCE, self.silence_max_s, 1)?;
        at_least(flag::FILTER_IDLE, self.filter_idle_max_s, 1)?;
        at_least(flag::REQUEST_TIME, self.request_time_max_s, 1)?;
        at_least(flag::EXECUTION_TIME, self.execution_time_max_s, 1)?;
        at_least(flag::LOG_BLOCKS, self.log_blocks_max, 1)?;
        at_least(flag::FEE_HISTORY, self.fee_history_max, 1)?;
        at_least(flag::CALL_GAS, self.call_gas_max, CALL_GAS_MIN)
    }

    /// [`RpcLimits::silence_max_s`] as a duration.
    pub fn silence_max(&self) -> Duration {
        Duration::from_secs(self.silence_max_s)
    }

    /// [`RpcLimits::request_time_max_s`] as a duration.
    pub fn request_time_max(&self) -> Duration {
        Duration::from_secs(self.request_time_max_s)
    }

    /// [`RpcLimits::execution_time_max_s`] as a duration.
    pub fn execution_time_max(&self) -> Duration {
        Duration::from_secs(self.execution_time_max_s)
    }

    /// [`RpcLimits::filter_idle_max_s`] as a duration.
    pub fn filter_idle_max(&self) -> Duration {
        Duration::from_secs(self.filter_idle_max_s)
    }

    /// See [`RpcLimits::working_max`]. No more than that, since the engine needs processors too.
    pub fn working(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        if self.working_max == 0 { 2 * processors } else { self.working_max }
    }
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

fn at_least(flag: &'static str, found: u64, min: u64) -> Result<(), LimitTooSmall> {
    if found < min { Err(LimitTooSmall { flag, found, min }) } else { Ok(()) }
}
