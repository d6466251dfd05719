//! The batch that takes what is overdue, built natively on the state that L1 tells. Rules: L1-BATCH-6, PAY-APPEND, PAY-CUT, PAY-LIMITS.
//!
//! Nobody signs anything in it, so that it has Apply chunks alone.

use alloy::primitives::B256;
use tandem_chain::ChainConfig;
use tandem_circuits::groth16::{Assembly, ChunkJob, Header, PreparedBatch, VerifyingKeys};
use tandem_l1::{
    Deployment, L1Client,
    payments::{BatchEvent, History, Ledger, QueuedRecord, posted, read},
};
use tandem_payments::{
    batch::{BatchBuilder, BatchLimits, CONSTRAINTS_PER_S, Load},
    eddsa::domain,
    field::integer,
    ledger::Env,
};
use tandem_service::Report;

use super::{
    error::ForceError,
    fit::{Ends, Moved, timestamp},
    view::View,
};
use crate::validity::keys::{self, KeysError};

/// Most blocks of L1 asked for at a time; an endpoint that refuses is asked for fewer.
const LOG_BLOCKS_MAX: u64 = 10_000;
/// Batches replayed between two words about it.
const BATCHES_TOLD: u64 = 1_000;

/// The queue, and the state after the last batch.
#[derive(Debug)]
pub struct Ground {
    /// State and output after the last batch.
    pub ledger: Ledger,
    /// Queue and batches, as L1 has them.
    pub history: History,
}

/// All events of queue and settlement.
///
/// # Errors
/// If the endpoint does not answer, or leaves something out.
pub async fn events(client: &L1Client, deployment: &Deployment) -> Result<History, ForceError> {
    Ok(read(client, &deployment.chain, deployment.start_block, LOG_BLOCKS_MAX).await?)
}

/// Replays every batch, and compares every root.
///
/// # Errors
/// If the endpoint does not answer, or gives what does not fit together.
pub async fn replay(
    client: &L1Client,
    deployment: &Deployment,
    history: History,
    report: Report,
) -> Result<Ground, ForceError> {
    let chain = &deployment.chain;
    let batches = history.batches.len().saturating_sub(1);
    report.progress(format_args!("rebuilding the state from L1: {batches} batches"));
    let mut ledger = Ledger::genesis(chain);
    for event in history.batches.iter().skip(1) {
        let index = event.index;
        let posted = posted(client, chain.settlement, event).await;
        let posted = posted.map_err(|source| ForceError::Posted { index, source })?;
        ledger = ledger.apply(event, &posted, &history.messages)?;
        if index.is_multiple_of(BATCHES_TOLD) {
            report.progress(format_args!("  {index} of {batches} are replayed"));
        }
    }
    Ok(Ground { ledger, history })
}

/// The batch of L1 that these proofs made, if it is there already: a process was killed after it had sent it.
pub fn appended<'a>(history: &'a History, assembly: &Assembly) -> Option<&'a BatchEvent> {
    let header = assembly.statement().header;
    let root = assembly.statement().apply.last()?.turn.root_out;
    let event = history.batches.get(usize::try_from(header.index).ok()?)?;
    let found = (event.fields.state_root, event.fields.queue_index, event.env.timestamp);
    (found == (integer(root).into(), header.queue_end, timestamp(&header))).then_some(event)
}

/// The queue's hash before and after some of its messages; none if it does not have them.
pub fn ends(history: &History, start: u64, end: u64) -> Option<Ends> {
    let hash = |end: u64| match end.checked_sub(1) {
        None => Some(B256::ZERO),
        Some(last) => Some(history.messages.get(usize::try_from(last).ok()?)?.queue_hash),
    };
    Some(Ends { start: hash(start)?, end: hash(end)? })
}

fn messages(history: &History, start: u64, end: u64) -> &[QueuedRecord] {
    let places = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    places.and_then(|(start, end)| history.messages.get(start..end)).unwrap_or_default()
}

/// A batch to prove.
#[derive(Debug)]
pub struct Plan {
    /// The batch without proofs.
    pub assembly: Assembly,
    /// Its chunks, those of Apply first.
    pub jobs: Vec<ChunkJob>,
    /// What it takes on L1.
    pub load: Load,
    /// Withdrawals in it.
    pub withdrawals: usize,
}

impl Plan {
    /// How long one prover of two cores takes for some of its chunks, in seconds.
    pub fn estimate_s(&self, chunks: impl Iterator<Item = u32>) -> u64 {
        let of = |number: u32| {
            self.jobs.iter().find(|job| job.number == number).map_or(0, |job| job.circuit().constraints())
        };
        chunks.map(of).fold(0, u64::saturating_add).div_ceil(CONSTRAINTS_PER_S)
    }
}

/// Builds the batch that takes the messages up to `end`.
///
/// # Errors
/// If they do not fit one transaction.
pub fn build(
    chain: &ChainConfig,
    ground: &Ground,
    view: &View,
    keys: &VerifyingKeys,
    env: Env,
    end: u64,
) -> Result<Plan, ForceError> {
    let (state, start) = (ground.ledger.state(), ground.ledger.output().queue_index);
    let Ends { start: queue_hash_start, end: queue_hash_end } =
        ends(&ground.history, start, end).ok_or(Moved::OtherMessages { start, end })?;
    let circuits = keys::frugal(keys).ok_or(KeysError::NotStored(view.rules.keys_hash))?;
    let dom = domain(chain.l2_chain_id, chain.hash());
    let mut builder = BatchBuilder::with(state.clone(), env, dom, start, circuits, BatchLimits::default());
    for queued in messages(&ground.history, start, end) {
        builder.message(&queued.message).map_err(|source| ForceError::TooMuch { start, end, source })?;
    }
    let load = builder.load();
    let header = Header {
        config_hash: view.rules.config_hash,
        key_set_hash: view.rules.keys_hash,
        index: ground.ledger.index().saturating_add(1),
        root_in: state.root(),
        leaf_count_in: state.leaf_count(),
        queue_start: start,
        queue_hash_start,
        queue_end: end,
        queue_hash_end,
        env: env.pack(),
        dom,
    };
    let (batch, _) = builder.finish();
    let withdrawals = batch.withdrawals.len() / 2;
    let (assembly, jobs) = PreparedBatch::new(header, &batch, &[], &circuits)?.split();
    Ok(Plan { assembly, jobs, load, withdrawals })
}
