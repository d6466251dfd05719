//! A year of L1 time: an honest claimant with one stake against a sequencer that floods with epochs, claimants who lie, copy and
//! interleave, an owner who changes the rules as often and as badly as he may, and an L1 that censors and reorganises.
//!
//! `make sim-settlement`. Seeded; it fails if honest ether is lost, a wrong claim becomes final, or an epoch later than `docs/settlement.md` says,
//! and prints the table there. What decides contested slots is assumed, not simulated: an honest party that joins wins within the time that
//! the dispute protocol states.

mod actors;
mod model;

use actors::{Honest, Hostile, World};
use tandem_dispute::Terms;

/// One L1 block in fifty, ten minutes.
pub const STEP: u64 = 600;
/// An hour in seconds.
pub const HOUR: u64 = 3_600;
/// A day in seconds.
pub const DAY: u64 = 86_400;
/// The dispute's terms on mainnet.
const TERMS: Terms = Terms::MAINNET;
/// The censorship bound of the dispute protocol: an allowance without its margin of twelve hours.
pub const C: u64 = TERMS.allowance_seconds as u64 - 12 * HOUR;
/// Least claim window: what a dispute contract needs (DISP-TERMS-3).
pub const WINDOW_MIN: u64 = TERMS.compute_seconds[0] as u64 + TERMS.allowance_seconds as u64;
/// Greatest claim window (L1-SCHED-5).
pub const WINDOW_MAX: u64 = 30 * DAY;
/// The least delay off the devnets with a forced-inclusion window of twelve hours, in seconds (L1-NOTICE-1).
pub const DELAY: u64 = 44 * DAY + HOUR + 12 * HOUR;
/// The least grace off the devnets, in seconds (L1-NOTICE-3).
pub const GRACE: u64 = 14 * DAY;

/// A claim's bond, in thousandths of an ether.
pub const BOND: u64 = 1_500;
/// The greatest that an owner can ask for (L1-SCHED-5), likewise.
const BOND_MAX: u64 = 1_000_000;
/// What a commitment locks at both levels (DISP-BOND-1), in thousandths of an ether, rounded up.
pub fn commitment_bonds() -> u64 {
    (TERMS.bond_gwei(0) + TERMS.bond_gwei(1)).div_ceil(1_000_000)
}

/// How long a dispute with so many opponents takes at most, with as many inside.
pub fn dispute_time(opponents: u64) -> u64 {
    TERMS.longest_seconds(opponents, opponents)
}

/// What a year is like.
#[derive(Clone, Copy)]
pub struct Scenario {
    name: &'static str,
    /// Epochs that close in a step while the sequencer floods, which it does in one week of thirteen.
    flood: u64,
    /// Slots of the right lineage that are rivalled in a year.
    attacks: u64,
    /// Wrong claims in each.
    opponents: u64,
    /// Whether others copy and interleave right claims, the owner changes the rules, L1 censors and reorganises.
    trouble: bool,
    /// The owner's entries have the bond, or this one.
    bond_max: u64,
}

const QUIET: Scenario = Scenario { name: "quiet", flood: 0, attacks: 0, opponents: 0, trouble: false, bond_max: BOND };
const TROUBLE: Scenario =
    Scenario { name: "copies, interleaved claims, new rules, reorganisations, censorship", trouble: true, ..QUIET };
const SCENARIOS: [Scenario; 7] = [
    QUIET,
    TROUBLE,
    Scenario { name: "flood of epochs", flood: 68, ..TROUBLE },
    Scenario { name: "52 rivalled epochs, one opponent each", attacks: 52, opponents: 1, ..TROUBLE },
    Scenario { name: "52 rivalled epochs, three opponents each", attacks: 52, opponents: 3, ..TROUBLE },
    Scenario {
        name: "the same, and an owner who also sets the bond to 1,000 ether",
        attacks: 52,
        opponents: 3,
        bond_max: BOND_MAX,
        ..TROUBLE
    },
    Scenario { name: "all of it, at the first bond", flood: 68, attacks: 365, opponents: 3, ..TROUBLE },
];

fn main() {
    let seeds: u64 = std::env::args().nth(1).and_then(|argument| argument.parse().ok()).unwrap_or(3);
    println!(
        "| year | epochs | honest ether locked at most | honest gas | attackers stake at most | attackers lose | attackers' gas | epoch final after at most |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for scenario in SCENARIOS {
        let mut worst = Outcome::default();
        for seed in 0..seeds {
            worst = worst.max(year(scenario, seed));
        }
        println!(
            "| {} | {} | {} | {:.1} M | {} | {} | {:.1} M | {:.1} days |",
            scenario.name,
            worst.epochs,
            ether(worst.honest_peak),
            worst.honest_gas as f64 / 1e6,
            ether(worst.hostile_peak),
            ether(worst.hostile_loss),
            worst.hostile_gas as f64 / 1e6,
            worst.latency as f64 / DAY as f64
        );
    }
}

fn ether(thousandths: u64) -> String {
    format!("{}.{:02}", thousandths / 1_000, thousandths % 1_000 / 10)
}

/// Of a year; of several, the worst of each.
#[derive(Clone, Copy, Default)]
struct Outcome {
    epochs: usize,
    honest_peak: u64,
    honest_gas: u64,
    hostile_peak: u64,
    hostile_loss: u64,
    hostile_gas: u64,
    latency: u64,
}

impl Outcome {
    fn max(self, other: Self) -> Self {
        Self {
            epochs: self.epochs.max(other.epochs),
            honest_peak: self.honest_peak.max(other.honest_peak),
            honest_gas: self.honest_gas.max(other.honest_gas),
            hostile_peak: self.hostile_peak.max(other.hostile_peak),
            hostile_loss: self.hostile_loss.max(other.hostile_loss),
            hostile_gas: self.hostile_gas.max(other.hostile_gas),
            latency: self.latency.max(other.latency),
        }
    }
}

/// Plays a year and what it takes to settle it, and checks every promise.
fn year(scenario: Scenario, seed: u64) -> Outcome {
    let mut world = World::new(scenario, seed);
    let (mut honest, mut hostile) = (Honest::default(), Hostile::default());
    let mut saved: Option<(model::Settlement, u64)> = None;
    let end = 365 * DAY;
    while world.now < end || world.l1.claims[world.l1.last_final].epoch < world.l1.last_epoch() {
        assert!(world.now < end + 400 * DAY, "settlement stands still");
        world.now += STEP;
        if let Some((before, _)) = saved.take_if(|(_, at)| world.now >= *at) {
            // A reorganisation: what came since is gone, and comes again or not.
            world.l1 = before;
            honest.forget_after(&world.l1);
            hostile.forget_after(&world.l1);
        }
        if scenario.trouble && saved.is_none() && world.rng.one_in(300) {
            saved = Some((world.l1.clone(), world.now + STEP * (1 + world.rng.below(3))));
        }
        if world.now < end {
            world.close_epochs();
            hostile.act(&mut world);
        }
        hostile.insist(&mut world);
        honest.act(&mut world);
        world.decide();
        world.l1.check();
    }
    honest.finish(&mut world);
    hostile.insist(&mut world);
    let latency = world.check_finality();
    Outcome {
        epochs: world.l1.last_epoch(),
        honest_peak: honest.peak,
        honest_gas: honest.gas,
        hostile_peak: hostile.peak,
        hostile_loss: hostile.paid(&world),
        hostile_gas: hostile.gas + world.flood_gas(),
        latency,
    }
}
