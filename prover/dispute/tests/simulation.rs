//! Thousands of seeded games: honest wins, everything settles, ether is conserved, nothing lasts longer than the spec says.

use tandem_dispute::sim::{Machine, Manner, Occasion, Report, Setup, Theft, play};

const CENSORSHIP_SECONDS: u64 = 7 * 86_400;

fn setup(seed: u64, opponents: u64) -> Setup {
    Setup {
        seed,
        opponents,
        inner_sybils: seed % 4,
        manner: [Manner::Draining, Manner::Meeting, Manner::Mixed][(seed % 5).min(2) as usize],
        censorship_seconds: if seed.is_multiple_of(3) { 0 } else { CENSORSHIP_SECONDS },
        silence: None,
        theft: None,
        dies_after_seconds: None,
        reorganises: seed.is_multiple_of(2),
        gas_price_gwei: 50,
    }
}

fn play_all(opponents: u64, seeds: std::ops::Range<u64>) -> Vec<Report> {
    let machine = Machine::synthetic(opponents);
    seeds.map(|seed| play(&machine, setup(seed, opponents), &mut |_, _, _, _, _| {})).collect()
}

/// Games of one kind, each with its own seed.
fn play_like(opponents: u64, seeds: std::ops::Range<u64>, change: impl Fn(&mut Setup)) -> Vec<Report> {
    let machine = Machine::synthetic(opponents);
    seeds
        .map(|seed| {
            let mut setup = setup(seed, opponents);
            change(&mut setup);
            play(&machine, setup, &mut |_, _, _, _, _| {})
        })
        .collect()
}

#[test]
fn one_opponent() {
    let reports = play_all(1, 0..1_000);
    assert!(reports.iter().any(|report| report.reorganisations > 0), "no game saw a reorganisation");
    assert!(reports.iter().any(|report| report.honest_matches > 1), "no game was played inside");
}

#[test]
fn few_opponents() {
    for opponents in 2..8 {
        play_all(opponents, 1_000..1_100);
    }
}

#[test]
fn many_opponents() {
    play_all(16, 5_000..5_008);
    play_all(64, 6_000..6_001);
}

/// All censorship at once, wherever it hurts, while everybody else takes all the time that there is: the honest clock keeps its margin (which every game
/// checks), and the longest of these disputes come near the bound, so that the bound says something.
#[test]
fn time_is_all_that_counts() {
    let occasions = [Occasion::Joining, Occasion::JoiningInside, Occasion::Turn, Occasion::TurnInside, Occasion::Proof];
    for (opponents, seeds, share_min) in [(1, 0..40, 0.95), (3, 100..120, 0.7), (7, 200..206, 0.5)] {
        let mut longest: f64 = 0.0;
        for manner in [Manner::Slowest, Manner::LastSecond, Manner::Extreme] {
            for silence in occasions {
                let reports = play_like(opponents, seeds.clone(), |setup| {
                    setup.manner = manner;
                    setup.silence = Some(silence);
                    setup.censorship_seconds = CENSORSHIP_SECONDS;
                    setup.reorganises = false;
                });
                let share = |report: &Report| report.seconds as f64 / report.seconds_bound as f64;
                longest = reports.iter().map(share).fold(longest, f64::max);
            }
        }
        assert!(longest > share_min, "{opponents} opponents: {longest} of the bound");
    }
}

/// The adversary joins the honest roots first, at both levels, or in the last second: it only pays for them.
#[test]
fn stolen_roots() {
    for theft in [Theft::First, Theft::Last] {
        for (opponents, seeds) in [(1, 0..150), (4, 1_000..1_040)] {
            let reports = play_like(opponents, seeds, |setup| setup.theft = Some(theft));
            let locked = reports.iter().map(|report| report.honest_locked_gwei).max();
            assert_eq!(locked == Some(0), theft == Theft::First, "{theft:?}: {locked:?} locked");
        }
    }
}

/// The slot's parent turns out to be wrong in mid-dispute, at any time: play stops, and every honest bond goes back.
#[test]
fn dead_slots() {
    let mut inside = 0;
    for (opponents, seeds) in [(1, 0..300), (4, 1_000..1_100)] {
        for seed in seeds {
            let hours = if seed % 2 == 0 { seed % 40 } else { seed % 400 };
            let reports = play_like(opponents, seed..seed + 1, |setup| setup.dies_after_seconds = Some(hours * 3_600));
            inside += reports.iter().filter(|report| report.inner_opponents > 0).count();
        }
    }
    assert!(inside > 50, "{inside} games died with play inside");
}
