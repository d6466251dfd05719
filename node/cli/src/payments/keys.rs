//! Where the verifying keys of a chain come from: a file, or the devnet's own. Rules: PAY-KEY, PAY-KEYS.
//!
//! The devnet's keys are public, so that anybody can forge proofs with them: they are refused wherever money may be, whether they are asked for or stand in a file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use alloy::primitives::{Bytes, U256, hex};
use tandem_circuits::{
    apply::Apply,
    authorise::session::{SessionChunk, SessionChunkError},
    circuit::CircuitId,
    groth16::{DevnetKeyError, DevnetKeys, key_words},
};
use tandem_l1::deploy::{DEVNET_CHAIN_IDS, KeySet, KeySetError};
use tandem_payments::{Fr, batch::ApplyCircuit};

/// Words of a key that give its secrets away if they are the devnet's: alpha, beta, and delta after gamma.
const MARKS: [std::ops::Range<usize>; 3] = [2..4, 4..8, 12..16];

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read.
    #[error("cannot read key set {path}: {error}")]
    Read {
        /// The file's path.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// Text that is no hex.
    #[error("key set {path} begins with 0x and is no hex: {error}")]
    Hex {
        /// The file's path.
        path: PathBuf,
        /// What is wrong with it.
        error: hex::FromHexError,
    },
    /// The file is no key set.
    #[error("key set {path}: {error}")]
    Set {
        /// The file's path.
        path: PathBuf,
        /// What is wrong with it.
        error: KeySetError,
    },
    /// A chain that holds real money, for all we know, and keys with which anybody can forge proofs.
    #[error(
        "key set {path} has the devnet's key of {circuit}, whose secrets are public: L1 chain {l1_chain_id} is no devnet's; take keys from a ceremony"
    )]
    Public {
        /// The file's path.
        path: PathBuf,
        /// The circuit whose key it is.
        circuit: &'static str,
        /// The chain id of L1.
        l1_chain_id: u64,
    },
    /// The devnet's keys cannot be had, or must not.
    #[error(
        "no keys by default: on any L1 but a devnet's name a key set from a ceremony in the specification (`keys`)"
    )]
    Devnet(#[from] DevnetKeyError),
    /// The session circuit cannot be made.
    #[error("the session circuit cannot be made")]
    Session(#[from] SessionChunkError),
    /// The devnet's keys are no key set.
    #[error(transparent)]
    Own(#[from] KeySetError),
}

/// The key set in a file, as bytes or as hex that begins with 0x. For an L1 that is no devnet's it must not be made of the devnet's keys, which are computed
/// for that in `cache`: a minute.
pub fn from_file(path: &Path, l1_chain_id: u64, cache: &Path) -> Result<KeySet, KeysError> {
    let bytes = std::fs::read(path).map_err(|error| KeysError::Read { path: path.into(), error })?;
    let bytes = match bytes.strip_prefix(b"0x") {
        Some(text) => hex::decode(text.trim_ascii()).map_err(|error| KeysError::Hex { path: path.into(), error })?,
        None => bytes,
    };
    let set = KeySet::try_from(Bytes::from(bytes)).map_err(|error| KeysError::Set { path: path.into(), error })?;
    if !DEVNET_CHAIN_IDS.contains(&l1_chain_id) {
        // For comparing only; no chain gets them.
        for (circuit, words) in devnet_keys(DEVNET_CHAIN_IDS[0], cache, &mut |_| ())? {
            if has_mark_of(&set, &words) {
                return Err(KeysError::Public { path: path.into(), circuit: circuit.name(), l1_chain_id });
            }
        }
    }
    Ok(set)
}

/// The circuits that a key set is for, with the cost of their keys in thousands of constraints.
pub const CIRCUITS: [(CircuitId, u64); 4] = [
    (CircuitId::ApplySmall, 116),
    (CircuitId::ApplyLarge, 507),
    (CircuitId::SessionSmall, 30),
    (CircuitId::SessionLarge, 131),
];

/// The devnet's keys of all circuits, from `cache` or made there: some minutes. `progress` hears of each of [`CIRCUITS`] before its key is made or read.
pub fn devnet(l1_chain_id: u64, cache: &Path, progress: &mut dyn FnMut(CircuitId)) -> Result<KeySet, KeysError> {
    let words = devnet_keys(l1_chain_id, cache, progress)?.into_values().flatten();
    let bytes: Vec<u8> = words.flat_map(|word| word.to_be_bytes::<32>()).collect();
    Ok(KeySet::try_from(Bytes::from(bytes))?)
}

/// The words of each key, by circuit.
fn devnet_keys(
    l1_chain_id: u64,
    cache: &Path,
    progress: &mut dyn FnMut(CircuitId),
) -> Result<BTreeMap<CircuitId, Vec<U256>>, KeysError> {
    let keys = DevnetKeys::new(l1_chain_id, cache)?;
    let mut all = BTreeMap::new();
    for (circuit, _) in CIRCUITS {
        progress(circuit);
        // One proving key in memory at a time.
        let key = match circuit {
            CircuitId::ApplySmall => keys.key(&Apply::blank(ApplyCircuit::SMALL))?,
            CircuitId::ApplyLarge => keys.key(&Apply::blank(ApplyCircuit::LARGE))?,
            CircuitId::SessionSmall => keys.key(&SessionChunk::small(Vec::new(), Fr::default())?)?,
            CircuitId::SessionLarge => keys.key(&SessionChunk::large(Vec::new(), Fr::default())?)?,
        };
        all.insert(circuit, key_words(circuit, key.verifying()));
    }
    Ok(all)
}

/// Whether a word for word run of the set is a secret point of this key, whatever circuit it is given out for.
fn has_mark_of(set: &KeySet, key: &[U256]) -> bool {
    let words: Vec<U256> = set.bytes().chunks_exact(32).map(U256::from_be_slice).collect();
    MARKS.into_iter().filter_map(|mark| key.get(mark)).any(|mark| words.windows(mark.len()).any(|run| run == mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture() -> KeySet {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/vectors/payments/batch.json")).unwrap();
        KeySet::try_from(vectors["keys"].as_str().unwrap().parse::<Bytes>().unwrap()).unwrap()
    }

    #[test]
    fn bytes_and_hex_are_taken_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let read = |bytes: &[u8]| {
            let path = dir.path().join("keys");
            std::fs::write(&path, bytes).unwrap();
            from_file(&path, 31_337, dir.path())
        };
        let set = fixture();
        assert_eq!(read(set.bytes()).unwrap(), set);
        assert_eq!(read(format!("{}\n", set.bytes()).as_bytes()).unwrap(), set);
        assert!(matches!(read(b"0xnothex"), Err(KeysError::Hex { .. })));
        assert!(matches!(read(&set.bytes()[..100]), Err(KeysError::Set { .. })));
        let missing = from_file(&dir.path().join("missing"), 31_337, dir.path());
        assert!(matches!(missing, Err(KeysError::Read { .. })));
    }

    /// Each of the secret points gives a key away, wherever it stands.
    #[test]
    fn a_public_key_is_known_by_any_of_its_points() {
        let key: Vec<U256> = (100..116).map(U256::from).collect();
        let with = |mark: std::ops::Range<usize>| {
            let mut words: Vec<U256> = fixture().bytes().chunks_exact(32).map(U256::from_be_slice).collect();
            words[mark.clone()].copy_from_slice(&key[mark]);
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
            KeySet::try_from(Bytes::from(bytes)).unwrap()
        };
        assert!(!has_mark_of(&fixture(), &key));
        for mark in MARKS {
            assert!(has_mark_of(&with(mark.clone()), &key), "{mark:?}");
        }
        assert!(!has_mark_of(&with(8..12), &key), "gamma is no secret's");
    }

    #[test]
    fn devnet_keys_are_for_devnets() {
        for chain in [1, 10, 11_155_111] {
            let found = devnet(chain, Path::new("/nonexistent"), &mut |_| ());
            assert!(matches!(found, Err(KeysError::Devnet(DevnetKeyError::ChainRefused(id))) if id == chain));
        }
    }
}
