//! What happens to programs and to L1, one fault after the other and all under traffic, and how long it takes until batches and claims go on.
//!
//! The order and the moments come from a seed. What must hold in the end: everything acknowledged is in the chain once, every balance is exact to
//! the wei, and a replica that reads L1 alone comes to the same blocks.

use std::{path::Path, time::Duration};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_cli::chain::ask;
use tandem_devnet::Service;
use tandem_l1::bindings::Inbox;
use tokio::time::Instant;

use crate::{
    World, WorldOptions, derivation,
    proxy::Presence,
    traffic::{Tally, Traffic},
    world::{wait_until, wait_until_posted},
};

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A service is killed, and started again at once.
    Kill(Service),
    /// L1 drops so many blocks, and nothing of them returns.
    Reorg(u64),
    /// L1's endpoint is away for a while.
    Outage(Presence, Duration),
    /// A service runs for a while with a clock that is wrong by so many seconds.
    Skew(Service, i64),
}

/// Which faults there are, in a random order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// How often each service is killed.
    pub kills: usize,
    /// The depths of the reorganisations, in L1 blocks.
    pub reorgs: Vec<u64>,
    /// How often L1's endpoint fails for a while.
    pub outages: usize,
    /// Each an hour fast and an hour slow, for both services.
    pub skews: bool,
}

/// What was seen while the plan was carried out.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Faults that were made.
    pub faults: usize,
    /// What became of the transactions that were sent.
    pub tally: Tally,
    /// Seconds from the end of each fault until the next batch was on L1.
    pub posting_s: Vec<f64>,
    /// And until the next claim was.
    pub claiming_s: Vec<f64>,
    /// How long all of it took, in seconds.
    pub seconds: f64,
}

/// Numbers that follow from a seed alone (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A plan that follows from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

impl Plan {
    /// All faults, in an order that follows from `random`.
    fn faults(&self, random: &mut Random) -> Vec<Fault> {
        let mut faults = Vec::new();
        for service in [Service::Sequencer, Service::Prover] {
            faults.extend([Fault::Kill(service)].repeat(self.kills));
            if self.skews {
                faults.extend([3_600, -3_600].map(|seconds| Fault::Skew(service, seconds)));
            }
        }
        faults.extend(self.reorgs.iter().map(|depth| Fault::Reorg(*depth)));
        for number in 0..self.outages {
            let presence = if number % 2 == 0 { Presence::Refuses } else { Presence::Silent };
            faults.push(Fault::Outage(presence, Duration::from_secs(3 + random.below(6))));
        }
        for last in (1..faults.len()).rev() {
            faults.swap(last, random.below(last as u64 + 1) as usize);
        }
        faults
    }
}

/// Makes all faults of a plan to a new world under traffic, and checks everything in the end.
pub async fn run(plan: &Plan, seed: u64) -> anyhow::Result<Report> {
    let started = Instant::now();
    let options = WorldOptions { batch_age_ms: 1_000, ..WorldOptions::default() };
    let mut world = World::start(options).await?;
    let mut random = Random::new(seed);
    let began_at = world.devnet.l1.latest().await?.id.number;
    let traffic = Traffic::start(&world, Duration::from_millis(250)).await?;
    let mut report = Report::default();
    let faults = plan.faults(&mut random);
    for (number, fault) in faults.iter().enumerate() {
        // At any moment of a batch's life.
        tokio::time::sleep(Duration::from_millis(random.below(1_500))).await;
        let since = cause(&mut world, began_at, *fault).await.with_context(|| format!("fault {number}: {fault:?}"))?;
        let (posting, claiming) = recovery(&world, since)
            .await
            .with_context(|| format!("after fault {number} of seed {seed}, {fault:?}\n{}", log_ends(world.dir())))?;
        eprintln!("fault {number}: {fault:?}: posting {posting:.1} s, claiming {claiming:.1} s");
        report.posting_s.push(posting);
        report.claiming_s.push(claiming);
    }
    report.faults = faults.len();
    report.tally = traffic.finish(&world).await?;
    wait_until_posted(&world.devnet.l2).await?;
    derivation::check_blocks(world.chain()).await?;
    world.stop().await;
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// Makes it happen; the moment at which it was over. What a reorganisation drops came after the block `began_at`: the deployment stays.
async fn cause(world: &mut World, began_at: u64, fault: Fault) -> anyhow::Result<Instant> {
    match fault {
        Fault::Kill(service) => {
            world.devnet.services.kill(service).await?;
            world.devnet.services.restart(service)?;
        }
        Fault::Reorg(depth) => {
            let l1 = &world.devnet.l1;
            let is_long = || async { Ok((l1.latest().await?.id.number >= began_at + depth).then_some(())) };
            wait_until("L1 is as long as the reorganisation is deep", is_long).await?;
            let _: Value = ask(l1, "anvil_reorg", json!([depth, []])).await?;
        }
        Fault::Outage(presence, length) => {
            world.proxy.be(presence);
            tokio::time::sleep(length).await;
            world.proxy.be(Presence::Answers);
        }
        Fault::Skew(service, seconds) => {
            restart_with(world, service, fake_clock(seconds)?).await?;
            let wrong = Instant::now();
            recovery(world, wrong).await.context("with the wrong clock")?;
            restart_with(world, service, Vec::new()).await?;
        }
    }
    Ok(Instant::now())
}

async fn restart_with(world: &mut World, service: Service, variables: Vec<(String, String)>) -> anyhow::Result<()> {
    world.devnet.services.kill(service).await?;
    world.devnet.services.set_environment(service, variables);
    world.devnet.services.restart(service)
}

/// What Debian's package `faketime` takes to shift a process's wall clock, and that alone: waiting is not the subject.
fn fake_clock(seconds: i64) -> anyhow::Result<Vec<(String, String)>> {
    let library = ["x86_64", "aarch64"]
        .map(|machine| format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1"))
        .into_iter()
        .find(|path| Path::new(path).is_file())
        .context("libfaketime is not installed: devnet/install.sh faults")?;
    let variables = [
        ("LD_PRELOAD", library),
        ("FAKETIME", format!("{seconds:+}s")),
        ("DONT_FAKE_MONOTONIC", "1".into()),
        ("FAKETIME_DONT_RESET", "1".into()),
    ];
    Ok(variables.map(|(name, value)| (name.to_owned(), value)).to_vec())
}

/// Seconds since `since` until there was another batch on L1, and until there was another claim.
async fn recovery(world: &World, since: Instant) -> anyhow::Result<(f64, f64)> {
    let before = progress(world).await?;
    let mut posting = None;
    let both = || async {
        let now = progress(world).await?;
        Ok(Some((now.0 > before.0, now.1 > before.1)))
    };
    let deadline = Instant::now() + crate::world::DEADLINE;
    loop {
        let (posted, claimed) = wait_until("L1 answers", both).await?;
        if posted && posting.is_none() {
            posting = Some(since.elapsed().as_secs_f64());
        }
        if let (Some(posting), true) = (posting, claimed) {
            return Ok((posting, since.elapsed().as_secs_f64()));
        }
        let missing = if posting.is_none() { "batch" } else { "claim" };
        ensure!(Instant::now() < deadline, "no {missing} within {:?}", crate::world::DEADLINE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Batches and claims that L1 has.
async fn progress(world: &World) -> anyhow::Result<(u64, usize)> {
    let inbox = Inbox::new(world.devnet.deployment.chain.inbox, world.devnet.l1.provider());
    Ok((inbox.batchCount().call().await?, world.claims().await?.len()))
}

/// The last lines of both services.
fn log_ends(dir: &Path) -> String {
    let end = |name: &str| {
        let log = std::fs::read_to_string(dir.join(name)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!("{name}:\n  {}", lines[lines.len().saturating_sub(15)..].join("\n  "))
    };
    ["sequencer.log", "prover.log"].map(end).join("\n")
}

impl Report {
    /// One object per figure.
    pub fn figures(&self) -> Vec<Value> {
        let spread = |name: &str, seconds: &[f64]| {
            let mut sorted = seconds.to_vec();
            sorted.sort_by(f64::total_cmp);
            let figure = |rank: &str, value: Option<&f64>| {
                let value = value.map_or(0.0, |value| (value * 10.0).round() / 10.0);
                json!({ "name": format!("faults.{name}_{rank}"), "value": value, "unit": "s" })
            };
            [figure("p50", sorted.get(sorted.len() / 2)), figure("max", sorted.last())]
        };
        let count = |name: &str, value: usize, unit: &str| json!({ "name": format!("faults.{name}"), "value": value, "unit": unit });
        let mut figures = vec![
            count("made", self.faults, "faults"),
            count("acknowledged", self.tally.acknowledged, "transactions"),
            count("included", self.tally.included, "transactions"),
            count("lost", self.tally.lost, "transactions"),
            count("doubled", self.tally.doubled, "transactions"),
        ];
        figures.extend(spread("posting_resumed", &self.posting_s));
        figures.extend(spread("claiming_resumed", &self.claiming_s));
        figures.push(count("duration", self.seconds.round() as usize, "s"));
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_order_of_all_faults() {
        let plan = Plan { kills: 2, reorgs: vec![1, 10], outages: 3, skews: true };
        let order = |seed| plan.faults(&mut Random::new(seed));
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        assert_eq!(order(1).len(), 2 * 2 + 4 + 2 + 3);
    }

    #[test]
    fn figures_tell_the_middle_and_the_worst() {
        let report = Report { posting_s: vec![3.0, 1.0, 2.0], ..Report::default() };
        let figures = report.figures();
        let value = |name: &str| figures.iter().find(|figure| figure["name"] == name).unwrap()["value"].clone();
        assert_eq!(
            (value("faults.posting_resumed_p50"), value("faults.posting_resumed_max")),
            (json!(2.0), json!(3.0))
        );
    }
}
