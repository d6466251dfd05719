//! `tandem-prover force`: a stranger proves and appends, from L1 alone, what the operator leaves. Rules: PAY-APPEND, L1-BATCH-6, L1-BATCH-7.
//!
//! ```text
//! look at L1: payments chain, not frozen, messages overdue?  --no--> says so
//!   rebuild the state            (everything is replayed, every root compared)
//!   build the batch              (the stored one again, if there is one that still fits)
//!   prove what is missing        (each proof on disk before the next)
//!   look at L1 again; append     (moved on: says so, nothing is sent)
//! ```

mod append;
mod error;
mod fit;
mod plan;
mod told;
pub(super) mod view;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, B256},
    rpc::types::{Log, TransactionReceipt},
    sol_types::SolEvent,
};
pub use error::ForceError;
pub use fit::Moved;
use serde_json::{Value, json};
use tandem_chain::ChainKind;
use tandem_circuits::groth16::{Assembly, Header, ProvenBatch, Prover, ProverConfig, VerifyingKeys};
use tandem_l1::{
    Deployment, FileJournal, L1Client, Submitter, SubmitterConfig,
    bindings::ValiditySettlement,
    payments::{BatchEvent, History},
};
use tandem_payments::{field::low_address, ledger::Env};
use tandem_service::Report;
use tokio_util::sync::CancellationToken;

use self::{
    append::{Appended, Sending, check_funds, check_plain},
    fit::timestamp,
    plan::{Ground, Plan},
    told::Told,
    view::View,
};
use crate::{
    flags::ForceFlags,
    validity::{
        coordinator::{Coordinator, CoordinatorConfig},
        file::{BatchFile, Stored},
        keys::{self, ProvingKeys},
        local::LocalWorker,
        pool,
        worker::Worker,
    },
};

/// Messages that become overdue within so long are taken along, since proving takes time; in seconds.
const OVERDUE_AHEAD_S: u64 = 900;
/// A stored batch is proven on if it can still be posted for so long, in seconds.
const TIME_LEFT_MIN_S: u64 = 600;

/// Proves and appends what is overdue, and tells what was done.
///
/// # Errors
/// If nothing was appended, unless others were first.
pub async fn run(flags: &ForceFlags, token: CancellationToken) -> Result<Value, ForceError> {
    let report = Report { json: flags.json };
    let deployment = Deployment::read(&flags.deployment)?;
    if deployment.chain.kind != ChainKind::Payments {
        return Err(ForceError::WrongKind);
    }
    let client = L1Client::connect(&flags.l1_rpc, Duration::from_millis(flags.l1_timeout_ms)).await?;
    let (expected, found) = (deployment.chain.l1_chain_id, client.chain_id().await?);
    if found != expected {
        return Err(ForceError::OtherL1 { expected, found });
    }
    let file = Arc::new(BatchFile::open(&flags.data_dir)?);
    let command = Command { flags, deployment, client, file, report, token };
    let working = command.run();
    tokio::select! {
        () = command.token.cancelled() => Err(ForceError::Cancelled),
        done = working => done,
    }
}

/// One run of the command.
struct Command<'a> {
    flags: &'a ForceFlags,
    deployment: Deployment,
    client: L1Client,
    file: Arc<BatchFile>,
    report: Report,
    token: CancellationToken,
}

/// Ends of the queue that a batch can name.
#[derive(Clone, Copy, Debug)]
struct Range {
    /// L1 takes none that ends before.
    must: u64,
    /// The one to name.
    should: u64,
}

/// What is to be proven, and what of it is there.
struct Work {
    plan: Plan,
    assembly: Assembly,
    keys: VerifyingKeys,
}

impl Command<'_> {
    async fn run(&self) -> Result<Value, ForceError> {
        let Self { client, deployment, report, .. } = self;
        // What can be known cheaply, before everything is replayed.
        check_plain(client, self.flags.key.address()).await?;
        let early = View::read(client, deployment, client.latest().await?).await?;
        let keys = keys::verifying(client, deployment, early.head, early.rules.keys_hash).await?;
        let stored = self.stored(&keys)?;
        if stored.is_none() {
            check_overdue(&early)?;
        }
        report.progress("reading queue and batches from L1");
        let mut history = plan::events(client, deployment).await?;
        while let Some(event) = stored.as_ref().and_then(|assembly| plan::appended(&history, assembly)) {
            let depth = self.flags.l1_depth;
            let done_at = event.block.saturating_add(depth);
            if history.head.id.number >= done_at {
                report.progress("the batch of these proofs is on L1 already: an earlier run sent it");
                self.file.remove()?;
                return Ok(told_already(event));
            }
            report.progress(format_args!(
                "the batch of these proofs is in L1 block {}, an earlier run sent it: waiting until {depth} blocks lie above it",
                event.block,
            ));
            self.wait_for(done_at).await?;
            history = plan::events(client, deployment).await?;
        }
        // All that is asked of the state at this block is asked before the replay: L1 nodes forget states within half an hour.
        let view = View::read(client, deployment, history.head).await?;
        check_overdue(&view)?;
        if view.rules != early.rules {
            return Err(Moved::OtherRules.into());
        }
        let range = self.range(&history, &view).await?;
        let ground = plan::replay(client, deployment, history, *report).await?;
        let work = self.work(&ground, &view, range, keys, stored)?;
        self.tell(&work, &view);
        check_funds(client, self.flags.key.address(), &work.plan.load).await?;
        let before = work.assembly.proofs().count();
        let (header, withdrawals) = (work.assembly.statement().header, work.plan.withdrawals);
        let proven = self.prove(work, view.rules.keys_hash).await?;
        let mut sending = Sending {
            client,
            deployment,
            submitter: self.submitter().await?,
            poll_interval: Duration::from_millis(self.flags.l1_poll_ms),
            token: self.token.clone(),
        };
        let appended = sending.append(&proven, *report).await?;
        // Proofs that L1 has, or would not take, are of no use any more.
        self.file.remove()?;
        match appended {
            Appended::Included(receipt) => self.told(&header, &proven, before, withdrawals, &receipt),
            Appended::Moved(moved) if moved.is_done_by_others() => {
                report.progress(format_args!("{moved}: nothing was sent, and nothing is lost but time"));
                Ok(json!({ "appended": false, "batch": header.index, "reason": moved.to_string() }))
            }
            Appended::Moved(moved) => Err(moved.into()),
        }
    }

    /// Waits until L1 has a block of this number.
    async fn wait_for(&self, block: u64) -> Result<(), ForceError> {
        while self.client.latest().await?.id.number < block {
            tokio::time::sleep(Duration::from_millis(self.flags.l1_poll_ms)).await;
        }
        Ok(())
    }

    /// What an earlier run left.
    fn stored(&self, keys: &VerifyingKeys) -> Result<Option<Assembly>, ForceError> {
        Ok(match self.file.load(keys)? {
            Stored::Nothing => None,
            Stored::Batch(assembly) => Some(*assembly),
            Stored::Unusable(error) => {
                let path = self.file.path().display();
                self.report.progress(format_args!("what an earlier run left in {path} is not used: {error}"));
                None
            }
        })
    }

    /// What the batch must and what it should take.
    async fn range(&self, history: &History, view: &View) -> Result<Range, ForceError> {
        let Self { client, deployment, flags, .. } = self;
        let blocks: Vec<u64> = history.messages.iter().map(|queued| queued.block).collect();
        let (now, ahead) = (view.head.timestamp, view.head.timestamp.saturating_add(OVERDUE_AHEAD_S));
        Ok(Range {
            must: view::queue_end(client, deployment, view, &blocks, u64::MAX, now).await?,
            should: view::queue_end(client, deployment, view, &blocks, flags.l1_depth, ahead).await?,
        })
    }

    /// The batch: that of an earlier run if L1 still takes it, else a new one.
    fn work(
        &self,
        ground: &Ground,
        view: &View,
        range: Range,
        keys: VerifyingKeys,
        stored: Option<Assembly>,
    ) -> Result<Work, ForceError> {
        let (chain, report) = (&self.deployment.chain, self.report);
        if let Some(assembly) = stored {
            let header = assembly.statement().header;
            match fits(&ground.history, view, &header, range.must) {
                Ok(()) => {
                    let env = Env { timestamp: timestamp(&header), operator: operator(&header) };
                    let plan = plan::build(chain, ground, view, &keys, env, header.queue_end)?;
                    if plan.assembly.statement() == assembly.statement() {
                        return Ok(Work { plan, assembly, keys });
                    }
                    report.progress("an earlier run left another batch than this program builds: it is not used");
                }
                Err(moved) => report.progress(format_args!("{moved}: what an earlier run left is not used")),
            }
        }
        let env = Env { timestamp: view.head.timestamp, operator: self.flags.key.address() };
        let plan = plan::build(chain, ground, view, &keys, env, range.should)?;
        Ok(Work { assembly: plan.assembly.clone(), plan, keys })
    }

    /// Says what will be proven, before it is.
    fn tell(&self, work: &Work, view: &View) {
        let header = &work.assembly.statement().header;
        let (all, there) = (work.plan.jobs.len(), work.assembly.proofs().count());
        self.report.progress(format_args!(
            "batch {} takes {} of {} messages that wait and pays {} withdrawals: {all} proofs, of which {there} are there; the others take about {} s on two cores",
            header.index,
            header.queue_end.saturating_sub(header.queue_start),
            view.waiting(),
            work.plan.withdrawals,
            work.plan.estimate_s(work.assembly.missing()),
        ));
    }

    /// Proves what is missing.
    async fn prove(&self, work: Work, keys_hash: B256) -> Result<ProvenBatch, ForceError> {
        let Work { plan, assembly, keys } = work;
        let missing: BTreeSet<u32> = assembly.missing().collect();
        let jobs = plan.jobs.iter().filter(|job| missing.contains(&job.number));
        let circuits: BTreeSet<_> = jobs.map(|job| job.circuit()).collect();
        let (l1_chain_id, report) = (self.deployment.chain.l1_chain_id, self.report);
        let proving = ProvingKeys { directory: self.keys_directory(), l1_chain_id };
        let config = ProverConfig {
            threads: self.flags.proving_threads,
            memory_bytes_max: self.flags.proving_memory_mib.saturating_mul(1 << 20),
        };
        let (file, token) = (self.file.clone(), self.token.clone());
        let work = move || {
            let mut told = Told::new(report, plan.jobs.len());
            let on_l1 = keys.clone();
            let coordinator = Coordinator::new(assembly, plan.jobs, keys, CoordinatorConfig::default())?;
            let mut workers: Vec<Box<dyn Worker>> = Vec::new();
            if !circuits.is_empty() {
                let keys = proving.read(&circuits, &on_l1, keys_hash, &mut |text| report.progress(text))?;
                workers.push(Box::new(LocalWorker::new(Prover::new(config)?, Arc::new(keys))));
            }
            Ok(pool::prove(coordinator, &file, workers, &token, &mut |event| told.hear(&event))?)
        };
        tokio::task::spawn_blocking(work).await?
    }

    async fn submitter(&self) -> Result<Submitter<FileJournal>, ForceError> {
        let flags = self.flags;
        let config = SubmitterConfig {
            confirmations: flags.l1_depth,
            poll_interval: Duration::from_millis(flags.l1_poll_ms),
            bump_after: Duration::from_secs(flags.bump_after_s),
            patience: Duration::from_secs(flags.l1_patience_s),
            ..SubmitterConfig::default()
        };
        let journal = FileJournal::new(flags.data_dir.join("transaction.json"));
        Ok(Submitter::new(self.client.clone(), flags.key.signer(), journal, config).await?)
    }

    fn keys_directory(&self) -> PathBuf {
        self.flags.keys.clone().unwrap_or_else(|| self.flags.data_dir.join("keys"))
    }

    /// What was done.
    fn told(
        &self,
        header: &Header,
        proven: &ProvenBatch,
        before: usize,
        withdrawals: usize,
        receipt: &TransactionReceipt,
    ) -> Result<Value, ForceError> {
        let is_ours = |log: &&Log| log.address() == self.deployment.chain.settlement;
        let mut events = receipt.logs().iter().filter(is_ours);
        let event = events.find_map(|log| ValiditySettlement::BatchProven::decode_log(&log.inner).ok());
        let event = event.filter(|event| event.index == header.index);
        let output = event.ok_or(ForceError::NoEvent(receipt.transaction_hash))?.output;
        if withdrawals > 0 {
            self.report
                .progress("`tandem bridge claims` tells an account's withdrawals, `tandem bridge claim` pays them");
        }
        Ok(json!({
            "appended": true,
            "batch": header.index,
            "output": output,
            "firstMessage": header.queue_start,
            "messages": header.queue_end.saturating_sub(header.queue_start),
            "withdrawals": withdrawals,
            "proofs": proven.proofs.len(),
            "provenBefore": before,
            "l1Transaction": receipt.transaction_hash,
            "l1Block": receipt.block_number,
            "gas": receipt.gas_used,
            "wei": u128::from(receipt.gas_used).saturating_mul(receipt.effective_gas_price).to_string(),
        }))
    }
}

fn told_already(event: &BatchEvent) -> Value {
    json!({
        "appended": true,
        "batch": event.index,
        "output": event.output,
        "l1Transaction": event.transaction,
        "l1Block": event.block,
    })
}

/// Who a header names as operator.
fn operator(header: &Header) -> Address {
    low_address(header.env >> 64)
}

/// Refuses what L1 would refuse of anybody now.
fn check_overdue(view: &View) -> Result<(), ForceError> {
    if view.frozen_at != 0 {
        return Err(ForceError::Frozen { at: view.frozen_at });
    }
    let Some(after) = view.overdue_after() else {
        return Err(ForceError::NothingWaits { window_s: view.window_s });
    };
    if view.is_overdue() {
        return Ok(());
    }
    let left_s = after.saturating_add(1).saturating_sub(view.head.timestamp);
    Err(ForceError::NotOverdue { index: view.consumed, waiting: view.waiting(), after, left_s })
}

/// Whether a stored batch can be gone on with: L1 takes it, for long enough, and it takes what must be taken.
fn fits(history: &History, view: &View, header: &Header, must: u64) -> Result<(), Moved> {
    let (start, end) = (header.queue_start, header.queue_end);
    let ends = plan::ends(history, start, end).ok_or(Moved::OtherMessages { start, end })?;
    fit::check(header, view, ends)?;
    let (timestamp, max) = (timestamp(header), view.head.timestamp);
    let min = max.saturating_sub(view.rules.age_max_s).saturating_add(TIME_LEFT_MIN_S);
    if timestamp < min {
        return Err(Moved::OutOfTime { timestamp, min, max });
    }
    if end < must { Err(Moved::OverdueLeft(end)) } else { Ok(()) }
}
