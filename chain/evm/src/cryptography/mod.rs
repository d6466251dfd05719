//! Which code computes signatures, pairings and KZG proofs. Node and guest each say so, once, at the start.
//!
//! The node installs [`Native`]: libsecp256k1, blst, c-kzg. The guest installs [`Portable`]: pure Rust. Neither is chosen by what features
//! happen to be linked: either type names its implementations, so both exist side by side in a host build, where
//! `tests/cryptography` holds them against each other. A program that installs nothing gets, at its first use, what its build has:
//! `Native` with `std`, else `Portable`. Installing the other one afterwards panics.
//!
//! What both share is one code on every platform (arkworks for BN254, aurora for MODEXP, RustCrypto for the rest); `deny.toml` bans the
//! features of revm that would replace it. Adversarial: every input of every function here.

mod bls12_381;
#[cfg(feature = "std")]
mod native;
mod portable;

#[cfg(feature = "std")]
pub use native::Native;
pub use portable::Portable;

use alloy_primitives::{Address, B256, Signature, U256, uint};
use revm::{
    context_interface::transaction::{RecoveredAuthority, RecoveredAuthorization, SignedAuthorization},
    precompile::{Crypto, crypto, install_crypto},
    primitives::OnceLock,
};

/// Half the order of secp256k1, rounded down: a signature with a greater `s` is invalid (EIP-2, EIP-7702).
const HALF_ORDER: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

/// What is installed, by name.
static INSTALLED: OnceLock<&'static str> = OnceLock::new();

/// A set of implementations.
pub trait Cryptography: Crypto + 'static {
    /// The name by which a process tells which set it uses.
    const NAME: &'static str;
}

/// Makes the process use `cryptography` from now on. The first thing that a program does.
///
/// # Panics
///
/// If the process has already used another.
pub fn install<C: Cryptography>(cryptography: C) {
    let installed = *INSTALLED.get_or_init(|| {
        assert!(install_crypto(cryptography), "somebody else has chosen the EVM's cryptography");
        C::NAME
    });
    assert_eq!(installed, C::NAME, "the process already uses other cryptography");
}

/// What the process uses.
pub(crate) fn installed() -> &'static dyn Crypto {
    #[cfg(feature = "std")]
    INSTALLED.get().is_none().then(|| install(Native));
    #[cfg(not(feature = "std"))]
    INSTALLED.get().is_none().then(|| install(Portable));
    crypto()
}

/// The signature is one that no key makes, or has a high `s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is invalid")]
pub struct InvalidSignature;

/// Who signed `hash`. Refuses a high `s` (EIP-2).
pub fn recover_signer(signature: &Signature, hash: B256) -> Result<Address, InvalidSignature> {
    recover_with(installed(), signature, hash)
}

/// [`recover_signer`] by a given implementation.
pub fn recover_with(cryptography: &dyn Crypto, signature: &Signature, hash: B256) -> Result<Address, InvalidSignature> {
    if signature.s() > HALF_ORDER {
        return Err(InvalidSignature);
    }
    let mut bytes = [0; 64];
    let (r, s) = bytes.split_at_mut(32);
    r.copy_from_slice(&signature.r().to_be_bytes::<32>());
    s.copy_from_slice(&signature.s().to_be_bytes::<32>());
    let word = cryptography.secp256k1_ecrecover(&bytes, signature.v().into(), &hash.0).map_err(|_| InvalidSignature)?;
    Ok(Address::from_word(word.into()))
}

/// Who authorises a delegation, if anybody (EIP-7702).
pub(crate) fn recover_authority(authorization: &SignedAuthorization) -> RecoveredAuthorization {
    let signer = match authorization.signature() {
        Ok(signature) => recover_signer(&signature, authorization.signature_hash()),
        Err(_) => Err(InvalidSignature),
    };
    let authority = signer.map_or(RecoveredAuthority::Invalid, RecoveredAuthority::Valid);
    RecoveredAuthorization::new_unchecked(authorization.inner().clone(), authority)
}
