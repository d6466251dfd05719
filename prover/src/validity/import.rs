//! `tandem-prover import-key`: a ceremony's proving key, checked and put where provers find it; and `tandem-prover circuits`, the digests that such keys are for.
//! Rules: PAY-KEY.
//!
//! What the check can see, and what it cannot, stands at `tandem_circuits::groth16::import_key`.

use std::{io, path::PathBuf};

use serde_json::{Map, Value, json};
use tandem_circuits::{
    any::AnyChunk,
    circuit::{Chunk, CircuitId},
    groth16::{ImportedKeyError, ImportedKeys, ProveError, Prover, ProverConfig, Shape},
};
use tandem_service::Report;

use crate::flags::{CircuitsFlags, ImportKeyFlags};

/// Why a key is not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportKeyError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file's path.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// The key is refused, or the folder cannot be written.
    #[error("the key is not taken: {0}")]
    Key(#[from] ImportedKeyError),
    /// The prover of the trial cannot be started.
    #[error("prover: {0}")]
    Prover(#[from] ProveError),
}

/// Checks the key and puts it in its place; tells where that is.
///
/// # Errors
/// If the key is refused; nothing is written then.
pub fn run(flags: &ImportKeyFlags, report: Report) -> Result<Value, ImportKeyError> {
    let trial = AnyChunk::blank(flags.circuit);
    let path = flags.file.clone();
    let bytes = std::fs::read(&path).map_err(|error| ImportKeyError::Read { path, error })?;
    let circuit = trial.circuit_id().name();
    report.progress(format_args!(
        "checking the key of the {circuit} circuit, point by point, and proving a chunk with it: a minute or two"
    ));
    let prover = Prover::new(ProverConfig::default())?;
    let keys = ImportedKeys::new(&flags.keys);
    let path = keys.import(&prover, &bytes, flags.compressed, flags.digest, trial)?;
    Ok(json!({ "circuit": circuit, "key": path }))
}

/// The digests of the circuits that were asked for, by the circuits' names; of all if none was.
///
/// # Errors
/// If a circuit cannot be synthesised.
pub fn digests(flags: &CircuitsFlags, report: Report) -> Result<Value, ImportedKeyError> {
    let circuits: &[CircuitId] = if flags.circuits.is_empty() { &CircuitId::ALL } else { &flags.circuits };
    let mut digests = Map::new();
    for circuit in circuits {
        report.progress(format_args!("synthesising the {} circuit", circuit.name()));
        let shape = Shape::of(AnyChunk::blank(*circuit))?;
        digests.insert(circuit.name().into(), json!(shape.digest()));
    }
    Ok(Value::Object(digests))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told is what `import-key` asks for.
    #[test]
    fn the_digests_are_those_that_keys_are_for() {
        let circuits = vec![CircuitId::SessionSmall];
        let told = digests(&CircuitsFlags { circuits, json: true }, Report { json: true }).unwrap();
        let shape = Shape::of(AnyChunk::blank(CircuitId::SessionSmall)).unwrap();
        assert_eq!(told, json!({ "session-small": shape.digest() }));
    }
}
