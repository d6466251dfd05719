//! Thousands of seeded games: honest wins, everything settles, ether is conserved, nothing lasts longer than the spec says.

use tandem_dispute::sim::{Machine, Manner, Report, Setup, play};

const CENSORSHIP_SECONDS: u64 = 7 * 86_400;

fn setup(seed: u64, opponents: u64) -> Setup {
    Setup {
        seed,
        opponents,
        inner_sybils: seed % 4,
        manner: [Manner::Draining, Manner::Meeting, Manner::Mixed][(seed % 5).min(2) as usize],
        censorship_seconds: if seed.is_multiple_of(3) { 0 } else { CENSORSHIP_SECONDS },
        reorganises: seed.is_multiple_of(2),
        gas_price_gwei: 50,
    }
}

fn play_all(opponents: u64, seeds: std::ops::Range<u64>) -> Vec<Report> {
    let machine = Machine::synthetic(opponents);
    seeds.map(|seed| play(&machine, setup(seed, opponents), &mut |_, _, _, _, _| {})).collect()
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
