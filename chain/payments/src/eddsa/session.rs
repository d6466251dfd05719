//! A session key from one wallet signature (PAY-SESSION-KEY in `docs/spec/session-keys.md`).
//!
//! The wallet signs a plain text (EIP-191) that names chain, genesis, account and key number; the signature is the
//! secret. Wallets sign deterministically (RFC 6979), so the key can be had again; one that does not is found out by
//! asking twice.

use super::SecretKey;
use alloc::{format, string::String};
use alloy_primitives::{Address, B256, Keccak256, U256, eip191_hash_message, uint};

const SEED_DOMAIN: &[u8] = b"tandem/session-key";

/// Half the order of secp256k1: signatures with a greater s are the other form of one with a smaller.
const HALF_ORDER: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);
const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

/// Which key is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionKeyRequest {
    /// Chain id of the payments chain.
    pub chain_id: u64,
    /// Hash of its genesis.
    pub genesis_hash: B256,
    /// The account the key is to act for.
    pub account: Address,
    /// Number of the key, so that an account can change it.
    pub index: u32,
}

/// Why a wallet's answer gives no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionKeyError {
    /// A wallet signature is r, s and v.
    #[error("a wallet signature has 65 bytes, not {0}")]
    Length(usize),
    /// r or s is zero or not below the order of secp256k1.
    #[error("r or s of the wallet signature is out of range")]
    OutOfRange,
}

impl SessionKeyRequest {
    /// The text that the wallet shows and signs.
    pub fn text(&self) -> String {
        format!(
            "Tandem session key\n\n\
             Whoever has this signature can spend from your account. Sign it only in a wallet or page you trust with that.\n\n\
             Chain: {}\nGenesis: {:#x}\nAccount: {:#x}\nKey: {}",
            self.chain_id, self.genesis_hash, self.account, self.index
        )
    }

    /// The digest that the wallet signs (EIP-191).
    pub fn digest(&self) -> B256 {
        eip191_hash_message(self.text().as_bytes())
    }

    /// The key of a wallet signature r, s, v over [`Self::text`]. Both forms of s give the same key; v is not used.
    pub fn key(&self, wallet_signature: &[u8]) -> Result<SecretKey, SessionKeyError> {
        let signature: &[u8; 65] =
            wallet_signature.try_into().map_err(|_| SessionKeyError::Length(wallet_signature.len()))?;
        let (r, rest) = signature.split_at(32);
        let (s, _) = rest.split_at(32);
        let (r, s) = (U256::from_be_slice(r), U256::from_be_slice(s));
        if r.is_zero() || r >= ORDER || s.is_zero() || s >= ORDER {
            return Err(SessionKeyError::OutOfRange);
        }
        let low_s = if s > HALF_ORDER { ORDER.saturating_sub(s) } else { s };
        let mut hasher = Keccak256::new();
        hasher.update(SEED_DOMAIN);
        hasher.update(self.digest());
        hasher.update(r.to_be_bytes::<32>());
        hasher.update(low_s.to_be_bytes::<32>());
        Ok(SecretKey::from_seed(hasher.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> SessionKeyRequest {
        SessionKeyRequest {
            chain_id: 42070,
            genesis_hash: B256::repeat_byte(0x11),
            account: Address::repeat_byte(0x22),
            index: 0,
        }
    }

    #[test]
    fn the_key_depends_on_signature_and_request_and_not_on_the_form_of_s() {
        let mut signature = [7u8; 65];
        let key = request().key(&signature).unwrap().public();
        let s = U256::from_be_slice(&signature[32..64]);
        signature[32..64].copy_from_slice(&(ORDER - s).to_be_bytes::<32>());
        signature[64] ^= 1;
        assert_eq!(request().key(&signature).unwrap().public(), key);
        signature[0] ^= 1;
        assert_ne!(request().key(&signature).unwrap().public(), key);
        signature[0] ^= 1;
        for other in [
            SessionKeyRequest { chain_id: 1, ..request() },
            SessionKeyRequest { genesis_hash: B256::ZERO, ..request() },
            SessionKeyRequest { account: Address::ZERO, ..request() },
            SessionKeyRequest { index: 1, ..request() },
        ] {
            assert_ne!(other.key(&signature).unwrap().public(), key);
        }
    }

    #[test]
    fn other_byte_strings_give_no_key() {
        assert_eq!(request().key(&[1; 64]).unwrap_err(), SessionKeyError::Length(64));
        for (at, value) in [(0, U256::ZERO), (0, ORDER), (32, U256::ZERO), (32, ORDER), (32, U256::MAX)] {
            let mut signature = [1u8; 65];
            signature[at..at + 32].copy_from_slice(&value.to_be_bytes::<32>());
            assert_eq!(request().key(&signature).unwrap_err(), SessionKeyError::OutOfRange);
        }
    }
}
