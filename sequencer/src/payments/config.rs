//! Flags that only the sequencer of a payments chain obeys.

use std::{net::SocketAddr, num::NonZeroUsize};

use tandem_payments::batch::BatchLimits;

use super::proving::{ASKERS_FLAG, ASKERS_MAX};

/// Most proofs of Apply that a prover takes of a batch (PAY-LIMITS).
const PROOFS_MAX: u64 = BatchLimits::DEFAULT.apply_proofs_max;
/// Closed batches that wait for L1, unless the operator says otherwise.
const WAITING_BATCHES_MAX: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// How a payments chain is sequenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct PaymentsFlags {
    /// Address and port at which provers get closed batches and bring them back (payments chains); whoever reaches it can keep the node busy
    #[arg(long, env = "TANDEM_PROVING", default_value = "127.0.0.1:9547")]
    pub proving: SocketAddr,
    /// Most provers that wait for a batch at a time (payments chains)
    #[arg(id = ASKERS_FLAG, long = ASKERS_FLAG, env = "TANDEM_PROVING_ASKERS_MAX", default_value_t = ASKERS_MAX)]
    pub proving_askers_max: NonZeroUsize,
    /// What the operator asks, in wei per gas, below 2^48 (payments chains)
    #[arg(long, env = "TANDEM_GAS_PRICE_WEI", default_value_t = 1_000_000_000, value_parser = clap::value_parser!(u64).range(..1 << 48))]
    pub gas_price_wei: u64,
    /// Most closed batches that L1 does not have yet; with as many, and the open one full, no transactions are taken (payments chains)
    #[arg(long, env = "TANDEM_WAITING_BATCHES_MAX", default_value_t = WAITING_BATCHES_MAX)]
    pub waiting_batches_max: NonZeroUsize,
    /// Most proofs of Apply in a batch: fewer are proven sooner, and each transaction costs more on L1. Never more than one prover makes in a sixth of the time for which L1 takes a batch, or of that after which a message is overdue (payments chains)
    #[arg(long, env = "TANDEM_BATCH_PROOFS_MAX", default_value_t = PROOFS_MAX, value_parser = clap::value_parser!(u64).range(1..=PROOFS_MAX))]
    pub batch_proofs_max: u64,
    /// Age at which a batch closes though no prover is free, in milliseconds (payments chains)
    #[arg(long, env = "TANDEM_BATCH_OPEN_MAX_MS", default_value_t = 12_000)]
    pub batch_open_max_ms: u64,
}
