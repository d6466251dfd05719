//! How much waits at most, and how long.

/// Names of the flags: `--help` and the errors have them from here.
pub mod flag {
    /// The flag of [`super::MempoolLimits::transactions_max`].
    pub const TRANSACTIONS: &str = "mempool-max";
    /// The flag of [`super::MempoolLimits::bytes_max`].
    pub const BYTES: &str = "mempool-bytes-max";
    /// The flag of [`super::MempoolLimits::per_sender_max`].
    pub const SENDER: &str = "mempool-sender-max";
    /// The flag of [`super::MempoolLimits::transaction_bytes_max`].
    pub const TRANSACTION_BYTES: &str = "mempool-transaction-bytes-max";
    /// The flag of [`super::MempoolLimits::nonce_gap_max`].
    pub const NONCE_GAP: &str = "mempool-nonce-gap-max";
    /// The flag of [`super::MempoolLimits::replacement_bump_percent`].
    pub const REPLACEMENT: &str = "mempool-replacement-percent";
    /// The flag of [`super::MempoolLimits::submissions_max`].
    pub const SUBMISSIONS: &str = "mempool-submissions-max";
    /// The flag of [`super::MempoolLimits::expiry_s`].
    pub const EXPIRY: &str = "mempool-expiry-s";
    /// The flag of [`super::MempoolLimits::dropped_max`].
    pub const DROPPED: &str = "mempool-dropped-max";
}

/// How much waits at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MempoolLimits {
    /// Most transactions in the mempool
    #[arg(
        id = flag::TRANSACTIONS,
        long = flag::TRANSACTIONS,
        env = "TANDEM_MEMPOOL_MAX",
        default_value_t = MempoolLimits::DEFAULT.transactions_max
    )]
    pub transactions_max: usize,
    /// Most bytes of memory for them
    #[arg(
        id = flag::BYTES,
        long = flag::BYTES,
        env = "TANDEM_MEMPOOL_BYTES_MAX",
        default_value_t = MempoolLimits::DEFAULT.bytes_max
    )]
    pub bytes_max: usize,
    /// Most waiting transactions of one sender
    #[arg(
        id = flag::SENDER,
        long = flag::SENDER,
        env = "TANDEM_MEMPOOL_SENDER_MAX",
        default_value_t = MempoolLimits::DEFAULT.per_sender_max
    )]
    pub per_sender_max: usize,
    /// Most bytes of one transaction
    #[arg(
        id = flag::TRANSACTION_BYTES,
        long = flag::TRANSACTION_BYTES,
        env = "TANDEM_MEMPOOL_TRANSACTION_BYTES_MAX",
        default_value_t = MempoolLimits::DEFAULT.transaction_bytes_max
    )]
    pub transaction_bytes_max: usize,
    /// How far ahead of its account's nonce a transaction may be
    #[arg(
        id = flag::NONCE_GAP,
        long = flag::NONCE_GAP,
        env = "TANDEM_MEMPOOL_NONCE_GAP_MAX",
        default_value_t = MempoolLimits::DEFAULT.nonce_gap_max
    )]
    pub nonce_gap_max: u64,
    /// By how many percent both fees of a replacement must be higher
    #[arg(
        id = flag::REPLACEMENT,
        long = flag::REPLACEMENT,
        env = "TANDEM_MEMPOOL_REPLACEMENT_PERCENT",
        default_value_t = MempoolLimits::DEFAULT.replacement_bump_percent
    )]
    pub replacement_bump_percent: u128,
    /// Most submissions that wait to be taken into the mempool
    #[arg(
        id = flag::SUBMISSIONS,
        long = flag::SUBMISSIONS,
        env = "TANDEM_MEMPOOL_SUBMISSIONS_MAX",
        default_value_t = MempoolLimits::DEFAULT.submissions_max
    )]
    pub submissions_max: usize,
    /// Time after which a transaction goes that no block could take meanwhile, in seconds: a gap is before it, or it offers less than the base fee
    #[arg(
        id = flag::EXPIRY,
        long = flag::EXPIRY,
        env = "TANDEM_MEMPOOL_EXPIRY_S",
        default_value_t = MempoolLimits::DEFAULT.expiry_s
    )]
    pub expiry_s: u64,
    /// Dropped transactions whose reason is remembered
    #[arg(
        id = flag::DROPPED,
        long = flag::DROPPED,
        env = "TANDEM_MEMPOOL_DROPPED_MAX",
        default_value_t = MempoolLimits::DEFAULT.dropped_max
    )]
    pub dropped_max: usize,
}

impl MempoolLimits {
    /// What the flags have by default.
    pub const DEFAULT: Self = Self {
        transactions_max: 20_000,
        bytes_max: 64 << 20,
        per_sender_max: 256,
        transaction_bytes_max: 131_072,
        nonce_gap_max: 256,
        replacement_bump_percent: 10,
        submissions_max: 4_096,
        expiry_s: 10_800,
        dropped_max: 10_000,
    };
}

impl Default for MempoolLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
