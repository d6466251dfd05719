//! Keys for development networks: derived from a label that everybody knows, so whoever wants can forge proofs.
//!
//! They spare a laptop the ceremony, and are refused for any chain that is not listed as a devnet.

use super::{
    key::{self, Key, KeyFileError},
    proof::{g1_words, g2_words},
    shape::Shape,
};
use crate::circuit::{Chunk, CircuitId};
use alloy_primitives::{B256, U256, keccak256};
use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Projective};
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::PrimeField;
use ark_groth16::{Groth16, ProvingKey};
use ark_relations::gr1cs::SynthesisError;
use ark_std::rand::{CryptoRng, RngCore};
use std::path::{Path, PathBuf};

/// L1 chain ids on which devnet keys may be used: those of development nodes.
pub const DEVNET_CHAIN_IDS: [u64; 2] = [1337, 31337];

const LABEL: &[u8] = b"tandem devnet key: UNSAFE, its secrets are public";

/// Why there is no devnet key.
#[derive(Debug, thiserror::Error)]
pub enum DevnetKeyError {
    /// The chain holds real money, for all we know.
    #[error("devnet keys are refused on chain {0}")]
    ChainRefused(u64),
    /// The cache is unusable.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The circuit cannot be synthesised.
    #[error("synthesis: {0}")]
    Synthesis(#[from] SynthesisError),
}

/// A directory of devnet keys, filled on first use.
#[derive(Clone, Debug)]
pub struct DevnetKeys {
    directory: PathBuf,
}

impl DevnetKeys {
    /// Keys for a chain that settles on the L1 with this id.
    pub fn new(l1_chain_id: u64, directory: impl Into<PathBuf>) -> Result<Self, DevnetKeyError> {
        if !DEVNET_CHAIN_IDS.contains(&l1_chain_id) {
            return Err(DevnetKeyError::ChainRefused(l1_chain_id));
        }
        Ok(Self { directory: directory.into() })
    }

    /// The file of a circuit's key. It is named after the circuit's digest: another circuit, another file.
    pub fn path(&self, circuit: CircuitId, shape: &Shape) -> PathBuf {
        let digest = shape.digest().to_string();
        self.directory.join(format!("{}-{}.devnet-key", circuit.name(), &digest[2..18]))
    }

    /// The key of the circuit of `chunk`, from the cache if it is there and whole, else made anew and stored.
    pub fn key<C: Chunk + Clone>(&self, chunk: &C) -> Result<Key, DevnetKeyError> {
        let circuit = chunk.circuit_id();
        let shape = Shape::of(chunk.clone())?;
        let path = self.path(circuit, &shape);
        let proving = match load(&path, &shape)? {
            Some(key) => key,
            None => {
                let key = generate(chunk.clone(), &shape)?;
                key::write_file(&path, &shape, &key)?;
                key
            }
        };
        Ok(Key::new(circuit, shape, proving))
    }
}

/// The cached key; none if there is no file or a damaged one, which is written again.
fn load(path: &Path, shape: &Shape) -> Result<Option<ProvingKey<Bn254>>, KeyFileError> {
    match key::read_file(path, shape) {
        Ok(key) => Ok(Some(key)),
        Err(KeyFileError::Io(error)) if error.kind() != std::io::ErrorKind::NotFound => Err(KeyFileError::Io(error)),
        Err(_) => Ok(None),
    }
}

/// The key of a circuit: a function of label and circuit digest.
pub(super) fn generate<C: Chunk>(chunk: C, shape: &Shape) -> Result<ProvingKey<Bn254>, SynthesisError> {
    let mut source = Source::new(shape.digest());
    let [alpha, beta, gamma, delta] = std::array::from_fn(|_| source.element());
    Groth16::<Bn254>::generate_parameters_with_qap(
        chunk,
        alpha,
        beta,
        gamma,
        delta,
        G1Projective::generator(),
        G2Projective::generator(),
        &mut source,
    )
}

/// Keccak in counter mode over the public label.
struct Source {
    seed: B256,
    counter: u64,
}

impl Source {
    fn new(circuit: B256) -> Self {
        Self { seed: keccak256([LABEL, circuit.as_slice()].concat()), counter: 0 }
    }

    fn block(&mut self) -> B256 {
        self.counter += 1;
        keccak256([self.seed.as_slice(), &self.counter.to_be_bytes()].concat())
    }

    fn element(&mut self) -> Fr {
        let wide = [self.block(), self.block()].concat();
        Fr::from_be_bytes_mod_order(&wide)
    }
}

impl RngCore for Source {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        let block = self.block();
        u64::from_be_bytes(std::array::from_fn(|i| block[i]))
    }

    fn fill_bytes(&mut self, destination: &mut [u8]) {
        for chunk in destination.chunks_mut(32) {
            chunk.copy_from_slice(&self.block()[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), ark_std::rand::Error> {
        self.fill_bytes(destination);
        Ok(())
    }
}

/// As unpredictable as the label, which is enough for what the keys are.
impl CryptoRng for Source {}

/// Words that a devnet's verifying key gives itself away by, in the encoding of L1: alpha (2), beta (4) and delta (4), of the circuit of `chunk`.
///
/// # Errors
/// If the circuit cannot be synthesised.
pub fn devnet_marks<C: Chunk>(chunk: C) -> Result<[Vec<U256>; 3], SynthesisError> {
    let mut source = Source::new(Shape::of(chunk)?.digest());
    let [alpha, beta, _, delta]: [Fr; 4] = std::array::from_fn(|_| source.element());
    let in_g2 = |secret| g2_words(&(G2Projective::generator() * secret).into_affine()).to_vec();
    Ok([g1_words(&(G1Projective::generator() * alpha).into_affine()).to_vec(), in_g2(beta), in_g2(delta)])
}

/// The devnet's alpha, beta and delta of a circuit, by each of which an imported key gives itself away: with public alpha,
/// beta and tau anybody can forge, whatever was contributed to delta afterwards.
pub(super) fn generate_marks(shape: &Shape) -> [G1Affine; 3] {
    let mut source = Source::new(shape.digest());
    let [alpha, beta, _, delta]: [Fr; 4] = std::array::from_fn(|_| source.element());
    [alpha, beta, delta].map(|secret| (G1Projective::generator() * secret).into_affine())
}
