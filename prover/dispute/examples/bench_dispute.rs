//! `make bench-dispute`: gas of each call and of a whole dispute, the calls that it takes, how long disputes last and what they cost the honest party against
//! 1, 4, 16 and 64 opponents. One JSON object per line, the same in `target/bench/dispute.json`.
//!
//! Gas is what the contracts' tests measured (`contracts/snapshots/dispute.json`); the rest is simulated with mainnet's terms, at the price of gas up to
//! which moves are refunded. Ends with an error where a figure is past its limit.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::{self, Write},
    path::PathBuf,
};

use serde_json::json;
use tandem_dispute::{
    HEIGHT, Terms,
    sim::campaign::{GAMES, PRICE_GWEI, Summary, play_all, setups},
};

/// Calls and the most gas that they may take, base cost and calldata included.
const LIMITS: [(&str, u64); 5] = [
    ("gas advance", 60_000),
    ("gas advance, level 1", 60_000),
    ("gas seal, level 0", 200_000),
    ("gas seal, level 0, no path", 200_000),
    ("dispute.gas_total", 5_000_000),
];
/// What proving a step may take beyond the step alone.
const PROOF_OVERHEAD_GAS: u64 = 40_000;
/// Steps that are measured alone too (`contracts/snapshots/vm.json`), under their names here and there.
const STEPS: [(&str, &str); 4] = [
    ("gas step, alu", "step_gas.alu"),
    ("gas step, load", "step_gas.load"),
    ("gas step, store", "step_gas.store"),
    ("gas step, oracle", "step_gas.oracle"),
];
const DAY: f64 = 86_400.0;

/// Lines on the screen and in the file.
struct Figures(fs::File);

impl Figures {
    fn tell(&mut self, name: &str, value: f64, unit: &str) -> io::Result<()> {
        let line = json!({ "name": format!("dispute.{name}"), "value": value, "unit": unit });
        writeln!(io::stdout(), "{line}")?;
        writeln!(self.0, "{line}")
    }
}

/// Gas of the calls by the names of a committed snapshot.
fn snapshot(name: &str) -> Result<BTreeMap<String, u64>, Box<dyn Error>> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../contracts/snapshots", name].iter().collect();
    let texts: BTreeMap<String, String> = serde_json::from_str(&fs::read_to_string(path)?)?;
    texts.into_iter().map(|(name, gas)| -> Result<_, Box<dyn Error>> { Ok((name, gas.parse::<u64>()?)) }).collect()
}

fn gas(figures: &mut Figures) -> Result<(), Box<dyn Error>> {
    let (gas, alone) = (snapshot("dispute.json")?, snapshot("vm.json")?);
    let of = |names: &BTreeMap<String, u64>, name: &str| names.get(name).copied().ok_or(format!("no {name}"));
    for (name, value) in &gas {
        let short = name.trim_start_matches("dispute.").replace(", ", ".").replace(' ', "_");
        figures.tell(&short, *value as f64, if name.starts_with("bytes") { "bytes" } else { "gas" })?;
    }
    for (name, limit) in LIMITS {
        if of(&gas, name)? > limit {
            return Err(format!("{name}: more than {limit} gas").into());
        }
    }
    for (proof, step) in STEPS {
        let overhead = of(&gas, proof)?.saturating_sub(of(&alone, step)?);
        figures.tell(&format!("{}.overhead", proof.replace(", ", ".").replace(' ', "_")), overhead as f64, "gas")?;
        if overhead > PROOF_OVERHEAD_GAS {
            return Err(format!("{proof}: {overhead} gas beyond the step alone").into());
        }
    }
    Ok(())
}

/// The calls of a dispute of two, to the proof of a step.
fn calls(figures: &mut Figures) -> io::Result<()> {
    let advances = 2 * (u64::from(HEIGHT) - 1);
    figures.tell("two_party.advances", advances as f64, "calls")?;
    // Opening; two join at each level; a seal at each level; the step, what is inside taken over, the verdict.
    figures.tell("two_party.calls", (1 + 4 + advances + 2 + 1 + 1 + 1) as f64, "calls")?;
    let terms = Terms::MAINNET;
    figures.tell("bond.level_0", terms.bond_gwei(0) as f64 / 1e9, "ether")?;
    figures.tell("bond.level_1", terms.bond_gwei(1) as f64 / 1e9, "ether")
}

fn simulated(figures: &mut Figures) -> io::Result<()> {
    for (opponents, count) in GAMES {
        let summary = Summary::of(&play_all(opponents, setups(opponents, count)));
        let ether = |gas: f64| gas * PRICE_GWEI as f64 / 1e9;
        let ranks = (opponents + 1).next_power_of_two().trailing_zeros();
        for (name, value, unit) in [
            ("games", summary.games as f64, "games"),
            ("ranks", f64::from(ranks), "matches"),
            ("days_mean", summary.seconds_mean / DAY, "days"),
            ("days_max", summary.seconds_max as f64 / DAY, "days"),
            ("days_bound", summary.seconds_bound as f64 / DAY, "days"),
            ("honest_matches_max", summary.honest_matches_max as f64, "matches"),
            ("honest_locked_max", summary.honest_locked_gwei_max as f64 / 1e9, "ether"),
            ("honest_gas_mean", summary.honest_gas_mean, "gas"),
            ("honest_gas_max", summary.honest_gas_max as f64, "gas"),
            ("honest_spent_mean", ether(summary.unrefunded_gas_mean), "ether"),
            ("honest_spent_max", ether(summary.unrefunded_gas_max as f64), "ether"),
            ("honest_clock_left_min", summary.left_seconds_min as f64 / 3_600.0, "hours"),
        ] {
            figures.tell(&format!("against_{opponents}.{name}"), value, unit)?;
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../target/bench"].iter().collect();
    fs::create_dir_all(&directory)?;
    let mut figures = Figures(fs::File::create(directory.join("dispute.json"))?);
    gas(&mut figures)?;
    calls(&mut figures)?;
    simulated(&mut figures)?;
    Ok(())
}
