//! A private key as a flag or a variable holds it.

use std::{fmt, str::FromStr};

use alloy::{primitives::Address, signers::local::PrivateKeySigner};

/// A private key that never shows itself.
#[derive(Clone)]
pub struct PrivateKey(PrivateKeySigner);

/// Says nothing about the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a private key of 32 bytes in hex")]
pub struct BadKey;

impl PrivateKey {
    /// What signs with this key.
    pub fn signer(&self) -> PrivateKeySigner {
        self.0.clone()
    }

    /// The address of the key's account.
    pub fn address(&self) -> Address {
        self.0.address()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key of {}", self.address())
    }
}

impl FromStr for PrivateKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        text.parse().map(Self).map_err(|_| BadKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_not_leak() {
        let text = "1".repeat(64);
        let key: PrivateKey = text.parse().unwrap();
        assert!(!format!("{key:?}").contains(&text));
        let error = "12zz".parse::<PrivateKey>().unwrap_err();
        assert!(!error.to_string().contains("12zz"));
    }
}
