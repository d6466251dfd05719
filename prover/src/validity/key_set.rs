//! `tandem-prover key-set`: the verifying keys of a chain in one file, out of the proving keys that were imported for it. Rules: PAY-KEY, PAY-KEYS.
//!
//! The file is what `tandem deploy` reads, and its hash what the schedule's entry names. The devnet's keys are not among those that were imported, and need no file.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use alloy::primitives::Bytes;
use serde_json::{Value, json};
use tandem_circuits::{
    any::AnyChunk,
    circuit::CircuitId,
    groth16::{self, VerifyingKeys, check_key_set, key_set_bytes},
};
use tandem_l1::deploy::{KeySet, KeySetError};
use tandem_service::Report;

use super::keys::{KeysError, imported};
use crate::flags::KeySetFlags;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum KeySetFileError {
    /// A key is missing, or cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The circuits make no set, or two keys have one delta.
    #[error(transparent)]
    Form(#[from] KeySetError),
    /// L1 would refuse a key.
    #[error("L1 would refuse these keys: {0}")]
    Unfit(#[from] groth16::KeySetError),
    /// The file is there, and nothing is written over.
    #[error("{path} is there and holds something else: move it away, or give another --out")]
    Exists {
        /// The file's path.
        path: PathBuf,
    },
    /// The file cannot be written, or one that is there not read.
    #[error("{path}: {error}")]
    Io {
        /// The file's path.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
}

/// Writes the file; tells the set's hash, and the circuits that it has keys of.
///
/// # Errors
/// If a key was not imported, or L1 would refuse the set; nothing is written then.
pub fn run(flags: &KeySetFlags, report: Report) -> Result<Value, KeySetFileError> {
    let circuits: BTreeSet<CircuitId> = flags.circuits.iter().copied().collect();
    let mut keys = VerifyingKeys::new();
    for circuit in circuits {
        report.progress(format_args!("reading the proving key of the {} circuit", circuit.name()));
        // One proving key in memory at a time.
        keys.insert(circuit, imported(&flags.keys, &AnyChunk::blank(circuit))?.verifying().clone());
    }
    let set = set_of(&keys)?;
    write(&set, &flags.out)?;
    let circuits: Vec<&str> = keys.keys().map(|circuit| circuit.name()).collect();
    Ok(json!({ "keysHash": set.hash(), "circuits": circuits, "bytes": set.bytes().len(), "out": flags.out }))
}

/// The set of these keys, checked as L1 checks it.
fn set_of(keys: &VerifyingKeys) -> Result<KeySet, KeySetFileError> {
    let set = KeySet::try_from(Bytes::from(key_set_bytes(keys)))?;
    check_key_set(set.bytes())?;
    Ok(set)
}

/// Writes the file, unless it is there with these bytes. Nothing is ever written over.
fn write(set: &KeySet, path: &Path) -> Result<(), KeySetFileError> {
    let at = |error| KeySetFileError::Io { path: path.into(), error };
    let mut file = match File::create_new(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_same = fs::read(path).map_err(at)?[..] == set.bytes()[..];
            return if is_same { Ok(()) } else { Err(KeySetFileError::Exists { path: path.into() }) };
        }
        Err(error) => return Err(at(error)),
    };
    file.write_all(set.bytes()).and_then(|()| file.sync_all()).map_err(|error| {
        // Half a file would stand in the way of the next try.
        let _ = fs::remove_file(path);
        at(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_circuits::{
        apply::Apply,
        groth16::{DevnetKeys, ImportedKeys, KeyDefect, key_set_hash, read_key_set},
    };
    use tandem_payments::batch::ApplyCircuit;
    use tandem_support::payments::keys;

    fn fixture() -> VerifyingKeys {
        read_key_set(keys().bytes()).unwrap()
    }

    fn flags(keys: &Path, circuits: &[CircuitId], out: &Path) -> KeySetFlags {
        KeySetFlags { keys: keys.into(), circuits: circuits.to_vec(), out: out.into(), json: true }
    }

    const REPORT: Report = Report { json: true };

    /// A key in the place of an imported one: the devnet's, whose files are alike, and which `import-key` would refuse.
    #[test]
    fn the_file_has_the_keys_of_the_folder() {
        let (folder, small) = (tempfile::tempdir().unwrap(), CircuitId::ApplySmall);
        let devnet = DevnetKeys::new(31_337, std::env::temp_dir().join("tandem-devnet-keys")).unwrap();
        let key = devnet.key(&Apply::blank(ApplyCircuit::SMALL)).unwrap();
        let imported = ImportedKeys::new(folder.path()).path(small, key.shape());
        fs::copy(devnet.path(small, key.shape()), imported).unwrap();
        let out = folder.path().join("keys.bin");
        let told = run(&flags(folder.path(), &[small, small], &out), REPORT).unwrap();
        let set = KeySet::try_from(Bytes::from(fs::read(&out).unwrap())).unwrap();
        let verifying = VerifyingKeys::from([(small, key.verifying().clone())]);
        assert_eq!(set.hash(), key_set_hash(&verifying));
        assert_eq!((&told["keysHash"], &told["circuits"]), (&json!(set.hash()), &json!(["apply-small"])));
    }

    #[test]
    fn a_key_that_was_not_imported_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("keys.bin");
        let found = run(&flags(folder.path(), &[CircuitId::SessionSmall], &out), REPORT);
        let Err(KeySetFileError::Keys(KeysError::NoProvingKey { circuit, .. })) = found else { panic!("{found:?}") };
        assert_eq!((circuit, out.exists()), ("session-small", false));
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("keys.bin");
        let (set, mut fewer) = (set_of(&fixture()).unwrap(), fixture());
        assert_eq!(set, keys());
        for _ in 0..2 {
            write(&set, &out).unwrap();
            assert_eq!(fs::read(&out).unwrap()[..], keys().bytes()[..]);
        }
        fewer.remove(&CircuitId::SessionSmall);
        let found = write(&set_of(&fewer).unwrap(), &out);
        assert!(matches!(found, Err(KeySetFileError::Exists { .. })), "{found:?}");
        assert_eq!(fs::read(&out).unwrap()[..], keys().bytes()[..]);
        let nowhere = write(&set, &folder.path().join("missing").join("keys.bin"));
        assert!(matches!(nowhere, Err(KeySetFileError::Io { .. })), "{nowhere:?}");
    }

    /// Tests PAY-KEY, PAY-KEYS.
    #[test]
    fn sets_that_l1_would_refuse_are_none() {
        let (small, session) = (CircuitId::ApplySmall, CircuitId::SessionSmall);
        let mut keys = fixture();
        keys.remove(&small);
        assert!(matches!(set_of(&keys), Err(KeySetFileError::Form(KeySetError::NoApply))));
        let (mut keys, delta) = (fixture(), fixture()[&small].delta_g2);
        for shared in [delta, -delta] {
            keys.get_mut(&session).unwrap().delta_g2 = shared;
            let found = set_of(&keys);
            let expected = KeySetError::SharedDelta { first: 1, second: 3 };
            assert!(matches!(&found, Err(KeySetFileError::Form(error)) if *error == expected), "{found:?}");
        }
        let mut keys = fixture();
        let key = keys.get_mut(&session).unwrap();
        key.gamma_g2 = key.beta_g2;
        let defect = KeyDefect::NotDistinct("beta", "gamma");
        let expected = groth16::KeySetError::Defect { circuit: session, defect };
        let found = set_of(&keys);
        assert!(matches!(&found, Err(KeySetFileError::Unfit(error)) if *error == expected), "{found:?}");
    }
}
