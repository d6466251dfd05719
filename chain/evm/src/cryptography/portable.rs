//! The guest's cryptography: pure Rust.

use revm::precompile::{
    Crypto, PrecompileHalt, blake2,
    bls12_381::{G1Point, G1PointScalar, G2Point, G2PointScalar},
    kzg_point_evaluation::arkworks,
    secp256k1::k256,
};

use super::{Cryptography, bls12_381};

/// Implementations in pure Rust, k256 and arkworks: what the guest computes with.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Cryptography for Portable {
    const NAME: &'static str = "portable";
}

impl Crypto for Portable {
    fn secp256k1_ecrecover(
        &self,
        signature: &[u8; 64],
        recovery: u8,
        message: &[u8; 32],
    ) -> Result<[u8; 32], PrecompileHalt> {
        k256::ecrecover(signature.into(), recovery, message.into())
            .map(|signer| signer.0)
            .map_err(|_| PrecompileHalt::Secp256k1RecoverFailed)
    }

    fn verify_kzg_proof(
        &self,
        z: &[u8; 32],
        y: &[u8; 32],
        commitment: &[u8; 48],
        proof: &[u8; 48],
    ) -> Result<(), PrecompileHalt> {
        if arkworks::verify_kzg_proof(commitment, z, y, proof) {
            Ok(())
        } else {
            Err(PrecompileHalt::BlobVerifyKzgProofFailed)
        }
    }

    fn blake2_compress(&self, rounds: u32, h: &mut [u64; 8], m: &[u64; 16], t: &[u64; 2], f: bool) {
        blake2::compress_portable(rounds, h, m, t, f);
    }

    fn bls12_381_g1_add(&self, a: G1Point, b: G1Point) -> Result<[u8; 96], PrecompileHalt> {
        bls12_381::g1_add(&a, &b)
    }

    fn bls12_381_g1_msm(
        &self,
        pairs: &mut dyn Iterator<Item = Result<G1PointScalar, PrecompileHalt>>,
    ) -> Result<[u8; 96], PrecompileHalt> {
        bls12_381::g1_msm(pairs)
    }

    fn bls12_381_g2_add(&self, a: G2Point, b: G2Point) -> Result<[u8; 192], PrecompileHalt> {
        bls12_381::g2_add(&a, &b)
    }

    fn bls12_381_g2_msm(
        &self,
        pairs: &mut dyn Iterator<Item = Result<G2PointScalar, PrecompileHalt>>,
    ) -> Result<[u8; 192], PrecompileHalt> {
        bls12_381::g2_msm(pairs)
    }

    fn bls12_381_pairing_check(&self, pairs: &[(G1Point, G2Point)]) -> Result<bool, PrecompileHalt> {
        bls12_381::pairing_check(pairs)
    }

    fn bls12_381_fp_to_g1(&self, fp: &[u8; 48]) -> Result<[u8; 96], PrecompileHalt> {
        bls12_381::fp_to_g1(fp)
    }

    fn bls12_381_fp2_to_g2(&self, fp2: ([u8; 48], [u8; 48])) -> Result<[u8; 192], PrecompileHalt> {
        bls12_381::fp2_to_g2(&fp2)
    }
}
