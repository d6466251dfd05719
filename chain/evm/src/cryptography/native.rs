//! The node's cryptography: C and assembly.

use revm::precompile::{Crypto, PrecompileHalt, kzg_point_evaluation::blst, secp256k1::bitcoin_secp256k1};

use super::Cryptography;

/// BLS12-381 is left to revm, whose own is blst exactly if it has this module.
const _: () = _ = blst::verify_kzg_proof;

/// libsecp256k1, blst and c-kzg.
#[derive(Clone, Copy, Debug)]
pub struct Native;

impl Cryptography for Native {
    const NAME: &'static str = "native";
}

impl Crypto for Native {
    fn secp256k1_ecrecover(
        &self,
        signature: &[u8; 64],
        recovery: u8,
        message: &[u8; 32],
    ) -> Result<[u8; 32], PrecompileHalt> {
        bitcoin_secp256k1::ecrecover(signature.into(), recovery, message.into())
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
        match c_kzg::ethereum_kzg_settings(0).verify_kzg_proof(
            &(*commitment).into(),
            &(*z).into(),
            &(*y).into(),
            &(*proof).into(),
        ) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(PrecompileHalt::BlobVerifyKzgProofFailed),
        }
    }
}
