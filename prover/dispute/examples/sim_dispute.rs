//! `make sim-dispute`: disputes of one honest party against 1, 4, 16 and 64 opponents: how long they take, and what they cost; then the same by what the
//! adversary does. The tables of `docs/design/dispute.md`.
//!
//! Seeded; a game in which an invariant does not hold ends the program.

use std::io::{self, Write};

use tandem_dispute::sim::campaign::{GAMES, MANNERS, PRICE_GWEI, Summary, play_all, setups};

const DAY: f64 = 86_400.0;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| opponents | games | days, mean | days, most | bound | matches, most | locked, ether | gas, mean (most), millions | not refunded, ether | clock left, hours |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|")?;
    for (opponents, count) in GAMES {
        let summary = Summary::of(&play_all(opponents, setups(opponents, count)));
        let ether = |gas: u64| (gas * PRICE_GWEI) as f64 / 1e9;
        writeln!(
            out,
            "| {opponents} | {count} | {:.1} | {:.1} | {:.1} | {} | {:.3} | {:.1} ({:.1}) | {:.3} | {:.1} |",
            summary.seconds_mean / DAY,
            summary.seconds_max as f64 / DAY,
            summary.seconds_bound as f64 / DAY,
            summary.honest_matches_max,
            summary.honest_locked_gwei_max as f64 / 1e9,
            summary.honest_gas_mean / 1e6,
            summary.honest_gas_max as f64 / 1e6,
            ether(summary.unrefunded_gas_max),
            summary.left_seconds_min as f64 / 3_600.0,
        )?;
        out.flush()?;
    }
    writeln!(out)?;
    writeln!(out, "| adversary | opponents | games | days, mean | days, most | share of the bound, most |")?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for manner in MANNERS {
        for (opponents, count) in [(1, 2_000), (4, 600), (16, 60)] {
            let games = setups(opponents, count).filter(|setup| setup.manner == manner);
            let summary = Summary::of(&play_all(opponents, games));
            writeln!(
                out,
                "| {manner:?} | {opponents} | {} | {:.1} | {:.1} | {:.2} |",
                summary.games,
                summary.seconds_mean / DAY,
                summary.seconds_max as f64 / DAY,
                summary.share_of_bound_max,
            )?;
        }
        out.flush()?;
    }
    Ok(())
}
