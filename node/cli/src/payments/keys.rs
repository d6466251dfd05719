//! Where the verifying keys of a chain come from: a file, or the devnet's own. Rules: PAY-KEY, PAY-KEYS.
//!
//! The devnet's keys are public, so that anybody can forge proofs with them: they are refused wherever money may be, whether they are asked for or stand in a file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use alloy::primitives::{Bytes, U256, hex};
use tandem_circuits::{
    any::AnyChunk,
    circuit::CircuitId,
    groth16::{self, DevnetKeyError, DevnetKeys, check_key_set, devnet_marks, key_words},
};
use tandem_l1::deploy::{DEVNET_CHAIN_IDS, KeySet, KeySetError};

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
    /// L1 would refuse a key in it, once the contracts are paid for.
    #[error("key set {path}, which L1 would refuse: {error}")]
    Unfit {
        /// The file's path.
        path: PathBuf,
        /// The circuit whose key it is, and what is wrong with it.
        error: groth16::KeySetError,
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
    /// The devnet's keys are no key set.
    #[error(transparent)]
    Own(#[from] KeySetError),
}

/// The key set in a file, as bytes or as hex that begins with 0x, if L1 would store it (PAY-KEY). For an L1 that is no devnet's it must not be made of the devnet's
/// keys, whose marks are computed for that: some seconds, and two gigabytes of memory.
pub fn from_file(path: &Path, l1_chain_id: u64) -> Result<KeySet, KeysError> {
    let bytes = std::fs::read(path).map_err(|error| KeysError::Read { path: path.into(), error })?;
    let bytes = match bytes.strip_prefix(b"0x") {
        Some(text) => hex::decode(text.trim_ascii()).map_err(|error| KeysError::Hex { path: path.into(), error })?,
        None => bytes,
    };
    let set = KeySet::try_from(Bytes::from(bytes)).map_err(|error| KeysError::Set { path: path.into(), error })?;
    check_key_set(set.bytes()).map_err(|error| KeysError::Unfit { path: path.into(), error })?;
    if !DEVNET_CHAIN_IDS.contains(&l1_chain_id) {
        for circuit in CircuitId::ALL {
            if has_one_of(&set, &devnet_marks(AnyChunk::blank(circuit)).map_err(DevnetKeyError::from)?) {
                return Err(KeysError::Public { path: path.into(), circuit: circuit.name(), l1_chain_id });
            }
        }
    }
    Ok(set)
}

/// The devnet's keys of some circuits, from `cache` or made there: some minutes. `progress` hears of each circuit before its key is made or read.
pub fn devnet(
    l1_chain_id: u64,
    cache: &Path,
    circuits: &[CircuitId],
    progress: &mut dyn FnMut(CircuitId),
) -> Result<KeySet, KeysError> {
    let keys = DevnetKeys::new(l1_chain_id, cache)?;
    // A set has them in ascending order.
    let mut all = BTreeMap::new();
    for &circuit in circuits {
        progress(circuit);
        // One proving key in memory at a time.
        let key = keys.key(&AnyChunk::blank(circuit))?;
        all.insert(circuit, key_words(circuit, key.verifying()));
    }
    let bytes: Vec<u8> = all.into_values().flatten().flat_map(|word| word.to_be_bytes::<32>()).collect();
    Ok(KeySet::try_from(Bytes::from(bytes))?)
}

/// Whether one of these runs of words is in the set, whatever circuit it is given out for.
fn has_one_of(set: &KeySet, marks: &[Vec<U256>]) -> bool {
    let words: Vec<U256> = set.bytes().chunks_exact(32).map(U256::from_be_slice).collect();
    marks.iter().any(|mark| words.windows(mark.len()).any(|run| run == mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_support::payments::keys as fixture;

    #[test]
    fn bytes_and_hex_are_taken_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let read = |bytes: &[u8]| {
            let path = dir.path().join("keys");
            std::fs::write(&path, bytes).unwrap();
            from_file(&path, 31_337)
        };
        let set = fixture();
        assert_eq!(read(set.bytes()).unwrap(), set);
        assert_eq!(read(format!("{}\n", set.bytes()).as_bytes()).unwrap(), set);
        assert!(matches!(read(b"0xnothex"), Err(KeysError::Hex { .. })));
        assert!(matches!(read(&set.bytes()[..100]), Err(KeysError::Set { .. })));
        // Of the right form, and nothing that L1 would store: an input's point off the curve; gamma where beta was.
        let mut broken = set.bytes().to_vec();
        broken[600] ^= 1;
        let found = read(&broken).unwrap_err();
        assert!(matches!(found, KeysError::Unfit { .. }) && found.to_string().contains("apply-small"), "{found}");
        let mut broken = set.bytes().to_vec();
        broken.copy_within(256..384, 128);
        let found = read(&broken).unwrap_err().to_string();
        assert!(found.contains("apply-small beta equals gamma"), "{found}");
        let missing = from_file(&dir.path().join("missing"), 31_337);
        assert!(matches!(missing, Err(KeysError::Read { .. })));
    }

    /// Each of the secret points gives a key away, wherever it stands.
    #[test]
    fn a_public_key_is_known_by_any_of_its_points() {
        let of = |circuit| devnet_marks(AnyChunk::blank(circuit)).unwrap();
        assert!(has_one_of(&fixture(), &of(CircuitId::SessionSmall)), "the fixture is made of the devnet's small keys");
        let marks = of(CircuitId::SessionLarge);
        assert_eq!(marks.clone().map(|mark| mark.len()), [2, 4, 4]);
        let with = |at: usize, run: &[U256]| {
            let mut words: Vec<U256> = fixture().bytes().chunks_exact(32).map(U256::from_be_slice).collect();
            words[at..at + run.len()].copy_from_slice(run);
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
            KeySet::try_from(Bytes::from(bytes)).unwrap()
        };
        assert!(!has_one_of(&fixture(), &marks));
        for (mark, at) in marks.iter().zip([2, 4, 12]) {
            assert!(has_one_of(&with(at, mark), &marks), "word {at}");
            assert!(has_one_of(&with(at + 3, mark), &marks), "after word {at}");
            assert!(!has_one_of(&with(at, &mark[1..]), &marks), "less than the words at {at}");
        }
    }

    /// The marks are those of the key that the devnet's provers have.
    #[test]
    fn the_marks_are_the_keys() {
        let dir = tempfile::tempdir().unwrap();
        let small = CircuitId::SessionSmall;
        let key = DevnetKeys::new(31_337, dir.path()).unwrap().key(&AnyChunk::blank(small)).unwrap();
        let words = key_words(small, key.verifying());
        let marks = devnet_marks(AnyChunk::blank(small)).unwrap();
        assert_eq!(marks, [2..4, 4..8, 12..16].map(|place| words[place].to_vec()));
    }

    #[test]
    fn devnet_keys_are_for_devnets() {
        for chain in [1, 10, 11_155_111] {
            let found = devnet(chain, Path::new("/nonexistent"), &CircuitId::STANDARD, &mut |_| ());
            assert!(matches!(found, Err(KeysError::Devnet(DevnetKeyError::ChainRefused(id))) if id == chain));
        }
    }
}
