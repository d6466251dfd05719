//! `make sim-dispute`: disputes of one honest party against 1, 4, 16 and 64 opponents: how long they take, and what they cost. The table of
//! `docs/design/dispute.md`.
//!
//! Seeded; a game in which an invariant does not hold ends the program.

use std::io::{self, Write};

use tandem_dispute::{
    Terms,
    sim::{Machine, Manner, Report, Setup, play},
};

/// Opponents, and how many games against them.
const GAMES: [(u64, u64); 4] = [(1, 2_000), (4, 600), (16, 100), (64, 12)];
const DAY: f64 = 86_400.0;
const PRICE_GWEI: u64 = 50;

fn games(opponents: u64, count: u64) -> Vec<Report> {
    let machine = Machine::synthetic(opponents);
    let setup = |seed: u64| Setup {
        seed,
        opponents,
        // One wrong commitment inside each match is a dispute's least; every fourth game has more.
        inner_sybils: if seed % 8 < 4 { 0 } else { seed / 8 % 4 },
        manner: [Manner::Draining, Manner::Mixed, Manner::Draining, Manner::Meeting][(seed % 4) as usize],
        censorship_seconds: if seed.is_multiple_of(3) { 0 } else { 7 * 86_400 },
        reorganises: seed % 5 == 1,
        gas_price_gwei: PRICE_GWEI,
    };
    (0..count).map(|seed| play(&machine, setup(seed), &mut |_, _, _, _, _| {})).collect()
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| opponents | games | days, mean | days, most | bound | matches, most | locked, ether | gas, mean (most), millions | not refunded, ether |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
    for (opponents, count) in GAMES {
        let reports = games(opponents, count);
        let most = |of: fn(&Report) -> u64| reports.iter().map(of).max().unwrap_or(0);
        let mean = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>() as f64 / reports.len() as f64;
        let inner = most(|report| report.inner_opponents);
        let ether = |gas: u64| (gas * PRICE_GWEI) as f64 / 1e9;
        writeln!(
            out,
            "| {opponents} | {count} | {:.1} | {:.1} | {:.1} | {} | {:.3} | {:.1} ({:.1}) | {:.3} |",
            mean(|report| report.seconds) / DAY,
            most(|report| report.seconds) as f64 / DAY,
            Terms::MAINNET.longest_seconds(opponents, inner) as f64 / DAY,
            most(|report| report.honest_matches),
            most(|report| report.honest_locked_gwei) as f64 / 1e9,
            mean(|report| report.honest_gas) / 1e6,
            most(|report| report.honest_gas) as f64 / 1e6,
            ether(most(|report| report.honest_gas - report.refunded_gas)),
        )?;
        out.flush()?;
    }
    Ok(())
}
