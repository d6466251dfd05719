//! The keys of a payments chain's circuits: made once, which takes minutes, and kept in the devnet's directory.

use std::{
    io::{IsTerminal as _, Write as _},
    path::Path,
    time::Instant,
};

use tandem_circuits::circuit::CircuitId;
use tandem_cli::payments::keys;
use tandem_l1::deploy::KeySet;

/// The circuits of the devnet's chain.
const CIRCUITS: [CircuitId; 4] = CircuitId::STANDARD;
/// Width of the bar, in characters.
const WIDTH: u64 = 40;

/// The verifying keys out of a folder, made there if they are missing; a bar shows how far that is.
pub async fn verifying(l1_chain_id: u64, folder: &Path) -> anyhow::Result<KeySet> {
    let folder = folder.to_owned();
    let set = tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        eprintln!("proving keys in {} (made the first time: some minutes)", folder.display());
        let set = keys::devnet(l1_chain_id, &folder, &CIRCUITS, &mut |circuit| tell(&bar(Some(circuit)), started))?;
        tell(&bar(None), started);
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

/// How far it is when a circuit's turn comes, by what their keys cost; none once all are there.
fn bar(circuit: Option<CircuitId>) -> String {
    let all: u64 = CIRCUITS.into_iter().map(CircuitId::constraints).sum();
    let before = CIRCUITS.into_iter().take_while(|other| Some(*other) != circuit);
    let (count, done) = before.fold((0, 0), |(count, done), circuit| (count + 1, done + circuit.constraints()));
    let filled = WIDTH * done / all;
    let what = circuit.map_or("all there", CircuitId::name);
    let blocks = "#".repeat(filled as usize) + &".".repeat((WIDTH - filled) as usize);
    format!("[{blocks}] {count} of {} keys, {what}", CIRCUITS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_begins_empty_and_ends_full() {
        let filled = |circuit| bar(circuit).matches('#').count();
        assert_eq!(filled(Some(CIRCUITS[0])), 0);
        let steps: Vec<usize> = CIRCUITS.iter().map(|circuit| filled(Some(*circuit))).collect();
        assert!(steps.is_sorted() && steps.windows(2).any(|pair| pair[0] < pair[1]), "{steps:?}");
        assert_eq!(filled(None), WIDTH as usize);
        assert!(bar(None).contains("4 of 4 keys, all there"), "{}", bar(None));
    }
}
