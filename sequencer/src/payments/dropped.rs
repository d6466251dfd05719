//! Why an operation that was acknowledged will not be applied.

use alloy::primitives::Address;
use tandem_payments::ledger::Refused;

use super::signed::NotSigned;
use crate::mempool::flag;

/// Why an operation that was acknowledged is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    /// Its account used the nonce otherwise.
    #[error("nonce {nonce} was used, the account is at {next}")]
    NonceUsed {
        /// The nonce that was signed.
        nonce: u64,
        /// The account's next nonce.
        next: u64,
    },
    /// A nonce before its own has not come.
    #[error("waited {after_s} s for a nonce before {nonce} (--{})", flag::EXPIRY)]
    Expired {
        /// The nonce that was signed.
        nonce: u64,
        /// How long it waited, in seconds.
        after_s: u64,
    },
    /// Its account has another session key by now.
    #[error("the key that signed is not the session key of {account} any more")]
    OtherKey {
        /// The account that sends.
        account: Address,
    },
    /// What the journal has of it is no operation.
    #[error(transparent)]
    Malformed(#[from] NotSigned),
    /// The rules refused it when its turn came.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl Dropped {
    /// One word for programs, as every kind of chain has them (docs/operations.md).
    pub fn code(&self) -> &'static str {
        match self {
            Self::NonceUsed { .. } | Self::Refused(Refused::Nonce { .. }) => "nonceUsed",
            Self::Expired { .. } | Self::Refused(Refused::Expired { .. }) => "expired",
            Self::Refused(Refused::Balance { .. }) => "insufficientFunds",
            Self::OtherKey { .. } | Self::Malformed(_) | Self::Refused(_) => "invalid",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_word() {
        for (dropped, word) in [
            (Dropped::NonceUsed { nonce: 1, next: 2 }, "nonceUsed"),
            (Refused::Nonce { expected: 2, signed: 1 }.into(), "nonceUsed"),
            (Dropped::Expired { nonce: 3, after_s: 9 }, "expired"),
            (Refused::Expired { expiry: 1, timestamp: 2 }.into(), "expired"),
            (Refused::Balance { balance: 1, needed: 2 }.into(), "insufficientFunds"),
            (Refused::Overflow.into(), "invalid"),
            (Dropped::OtherKey { account: Address::ZERO }, "invalid"),
            (NotSigned::Ethereum.into(), "invalid"),
        ] {
            assert_eq!(dropped.code(), word, "{dropped}");
        }
    }
}
