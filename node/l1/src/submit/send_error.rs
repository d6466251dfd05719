//! Why an endpoint did not take a transaction, or does not tell how much gas it takes. There are no standard codes, so this reads the words of geth, reth, Nethermind, Besu
//! and Anvil; whatever is not recognised counts as a passing failure.

use crate::client::RpcFailure;

/// A refusal that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendRefusal {
    /// This very transaction is there already.
    Known,
    /// The nonce is used.
    NonceTooLow,
    /// Another transaction holds the nonce and bids too much to be replaced.
    Underpriced,
    /// The pool holds transactions of this account that carry blobs and this one does not, or the other way round.
    OtherKind,
    /// The account cannot pay.
    Underfunded,
}

impl SendRefusal {
    pub fn of(error: &RpcFailure) -> Option<Self> {
        Self::of_text(&error.error_response()?.message)
    }

    fn of_text(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&["already known", "already imported", "known transaction"]) {
            Some(Self::Known)
        } else if says(&["nonce too low", "nonce is too low", "nonce_too_low", "oldnonce"]) {
            Some(Self::NonceTooLow)
        } else if says(&["already reserved", "conflicts with existing transaction", "conflictingtype"]) {
            Some(Self::OtherKind)
        } else if says(&["underpriced", "replacement", "feetoolowtocompete"]) {
            Some(Self::Underpriced)
        } else if says(&["insufficient funds", "insufficient balance", "upfront cost exceeds", "exceeds allowance"]) {
            // An estimate is allowed as much gas as the account can pay for.
            Some(Self::Underfunded)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_several_clients_are_understood() {
        for (text, expected) in [
            ("already known", Some(SendRefusal::Known)),
            ("transaction already imported", Some(SendRefusal::Known)),
            ("nonce too low: next nonce 5, tx nonce 4", Some(SendRefusal::NonceTooLow)),
            ("replacement transaction underpriced", Some(SendRefusal::Underpriced)),
            ("replacement transaction underpriced: new tx gas fee cap 1 < 2 queued", Some(SendRefusal::Underpriced)),
            ("address already reserved", Some(SendRefusal::OtherKind)),
            ("PendingTxsOfConflictingType", Some(SendRefusal::OtherKind)),
            ("Insufficient funds for gas * price + value", Some(SendRefusal::Underfunded)),
            ("gas required exceeds allowance (0)", Some(SendRefusal::Underfunded)),
            ("Out of gas: gas required exceeds allowance: 5000", Some(SendRefusal::Underfunded)),
            ("internal error", None),
            ("", None),
        ] {
            assert_eq!(SendRefusal::of_text(text), expected, "{text}");
        }
    }
}
