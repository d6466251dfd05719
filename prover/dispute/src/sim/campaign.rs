//! Many games against so many opponents: what `docs/design/dispute.md` and the benchmark say of disputes.

use super::{Machine, Manner, Occasion, Report, Setup, play};
use crate::Terms;

/// Opponents, and how many games against them.
pub const GAMES: [(u64, u64); 4] = [(1, 2_000), (4, 600), (16, 100), (64, 12)];
/// Of gas, in gwei: the most that is refunded.
pub const PRICE_GWEI: u64 = Terms::MAINNET.gas_price_cap_gwei as u64;
/// All the manners that there are.
pub const MANNERS: [Manner; 6] =
    [Manner::Mixed, Manner::Draining, Manner::Meeting, Manner::Slowest, Manner::LastSecond, Manner::Extreme];
const OCCASIONS: [Option<Occasion>; 6] = [
    None,
    Some(Occasion::Joining),
    Some(Occasion::JoiningInside),
    Some(Occasion::Turn),
    Some(Occasion::TurnInside),
    Some(Occasion::Proof),
];

/// The games of a campaign, each with a seed of its own.
pub fn setups(opponents: u64, count: u64) -> impl Iterator<Item = Setup> {
    (0..count).map(move |seed| Setup {
        seed,
        opponents,
        // One wrong commitment inside each match is a dispute's least; every fourth game has more.
        inner_sybils: if seed % 8 < 4 { 0 } else { seed / 8 % 4 },
        manner: MANNERS[(seed % 6) as usize],
        censorship_seconds: if seed.is_multiple_of(3) { 0 } else { 7 * 86_400 },
        silence: OCCASIONS[(seed / 6 % 6) as usize],
        theft: None,
        dies_after_seconds: None,
        reorganises: seed % 5 == 1,
        gas_price_gwei: PRICE_GWEI,
    })
}

/// What the games of a campaign had in common.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// How many games.
    pub games: u64,
    /// From the contest to the verdict, in seconds: the mean.
    pub seconds_mean: f64,
    /// From the contest to the verdict, in seconds: the most.
    pub seconds_max: u64,
    /// The longest that the game with most rivals inside could have taken.
    pub seconds_bound: u64,
    /// How near a game came to its own bound.
    pub share_of_bound_max: f64,
    /// Matches of the honest party, the most.
    pub honest_matches_max: u64,
    /// What it had locked, the most.
    pub honest_locked_gwei_max: u64,
    /// Gas of its calls: the mean.
    pub honest_gas_mean: f64,
    /// Gas of its calls: the most.
    pub honest_gas_max: u64,
    /// Gas that was not refunded: the mean.
    pub unrefunded_gas_mean: f64,
    /// Gas that was not refunded: the most.
    pub unrefunded_gas_max: u64,
    /// The least that its clock had, in seconds, in games without reorganisations.
    pub left_seconds_min: u64,
}

impl Summary {
    /// Of the reports of games, at least one.
    pub fn of(reports: &[Report]) -> Self {
        let most = |of: &dyn Fn(&Report) -> u64| reports.iter().map(of).max().unwrap_or(0);
        let mean =
            |of: &dyn Fn(&Report) -> u64| reports.iter().map(of).sum::<u64>() as f64 / reports.len().max(1) as f64;
        let unrefunded = |report: &Report| report.honest_gas - report.refunded_gas;
        let undisturbed = reports.iter().filter(|report| report.reorganisations == 0);
        Self {
            games: reports.len() as u64,
            seconds_mean: mean(&|report| report.seconds),
            seconds_max: most(&|report| report.seconds),
            seconds_bound: most(&|report| report.seconds_bound),
            share_of_bound_max: reports
                .iter()
                .map(|report| report.seconds as f64 / report.seconds_bound as f64)
                .fold(0.0, f64::max),
            honest_matches_max: most(&|report| report.honest_matches),
            honest_locked_gwei_max: most(&|report| report.honest_locked_gwei),
            honest_gas_mean: mean(&|report| report.honest_gas),
            honest_gas_max: most(&|report| report.honest_gas),
            unrefunded_gas_mean: mean(&unrefunded),
            unrefunded_gas_max: most(&unrefunded),
            left_seconds_min: undisturbed.map(|report| report.honest_left_seconds_min).min().unwrap_or(0),
        }
    }
}

/// Plays games. Panics as [`play`] does.
pub fn play_all(opponents: u64, setups: impl Iterator<Item = Setup>) -> Vec<Report> {
    let machine = Machine::synthetic(opponents);
    setups.map(|setup| play(&machine, setup, &mut |_, _, _, _, _| {})).collect()
}
