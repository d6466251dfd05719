//! The keys of a payments chain's circuits: made once, which takes minutes, and kept in the devnet's directory.

use std::{
    io::{IsTerminal as _, Write as _},
    path::Path,
    time::Instant,
};

use tandem_circuits::circuit::CircuitId;
use tandem_cli::payments::keys;
use tandem_l1::deploy::KeySet;

/// Width of the bar, in characters.
const WIDTH: u64 = 40;

/// The verifying keys of some circuits out of a folder, made there if they are missing; a bar shows how far that is.
pub async fn verifying(l1_chain_id: u64, folder: &Path, circuits: &[CircuitId]) -> anyhow::Result<KeySet> {
    let (folder, circuits) = (folder.to_owned(), circuits.to_owned());
    let set = tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        eprintln!("proving keys in {} (made the first time: some minutes)", folder.display());
        let tell = |circuit| tell(&bar(&circuits, circuit), started);
        let set = keys::devnet(l1_chain_id, &folder, &circuits, &mut |circuit| tell(Some(circuit)))?;
        tell(None);
        if std::io::stderr().is_terminal() {
            eprintln!();
        }
        anyhow::Ok(set)
    });
    set.await?
}

fn tell(bar: &str, started: Instant) {
    let line = format!("{bar} after {} s", started.elapsed().as_secs());
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K  {line}");
        let _ = std::io::stderr().flush();
    } else {
        eprintln!("  {line}");
    }
}

/// How far it is when the turn of one of the circuits comes, by what their keys cost; none once all are there.
fn bar(circuits: &[CircuitId], circuit: Option<CircuitId>) -> String {
    let all: u64 = circuits.iter().map(|circuit| circuit.constraints()).sum();
    let before = circuits.iter().take_while(|other| Some(**other) != circuit);
    let (count, done) = before.fold((0, 0), |(count, done), circuit| (count + 1, done + circuit.constraints()));
    let filled = WIDTH * done / all;
    let what = circuit.map_or("all there", CircuitId::name);
    let blocks = "#".repeat(filled as usize) + &".".repeat((WIDTH - filled) as usize);
    format!("[{blocks}] {count} of {} keys, {what}", circuits.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_begins_empty_and_ends_full() {
        let circuits = CircuitId::STANDARD;
        let filled = |circuit| bar(&circuits, circuit).matches('#').count();
        assert_eq!(filled(Some(circuits[0])), 0);
        let steps: Vec<usize> = circuits.iter().map(|circuit| filled(Some(*circuit))).collect();
        assert!(steps.is_sorted() && steps.windows(2).any(|pair| pair[0] < pair[1]), "{steps:?}");
        assert_eq!(filled(None), WIDTH as usize);
        assert!(bar(&circuits, None).contains("4 of 4 keys, all there"), "{}", bar(&circuits, None));
    }
}
