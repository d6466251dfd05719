//! What becomes of several claims, of which none stands in another's way: anybody can have L1 owe what it refuses to pay, or what burns the gas of those who pay it out.

use anyhow::Context;
use serde_json::{Value, json};
use tandem_service::Report;

use crate::wallet::WalletError;

/// Gas that a payment may take beside what the Bridge needs for itself: far more than ether to a contract's wallet, or a transfer of any token in use. Whoever makes others take
/// more burns the gas of those who pay it out.
pub const PAYOUT_GAS_MAX: u64 = 400_000;

/// Gas above which nothing is claimed unless it is named: what the Bridge takes for the longest proof, and what the payment may.
pub const CLAIM_GAS_MAX: u64 = 150_000 + PAYOUT_GAS_MAX;

/// What was claimed and what L1 refused, so far.
#[derive(Debug, Default)]
pub struct Outcomes {
    claimed: Vec<Value>,
    refused: Vec<Value>,
    underfunded: Option<WalletError>,
}

impl Outcomes {
    /// How many were claimed.
    pub fn claimed_count(&self) -> usize {
        self.claimed.len()
    }

    /// Notes one that was claimed, with what is told of it.
    pub fn claimed(&mut self, told: Value) {
        self.claimed.push(told);
    }

    /// Notes one that was not, with what is told of it, to which the reason is added.
    pub fn refused(&mut self, mut told: Value, error: WalletError) {
        told["why"] = error.to_string().into();
        self.refused.push(told);
        if matches!(error, WalletError::Underfunded { .. }) {
            self.underfunded = Some(error);
        }
    }

    /// What is told of all of them. What L1 refuses is no error, since anybody can make more of it.
    ///
    /// # Errors
    /// Want of ether for gas.
    pub fn told(self, things: &str, report: Report) -> anyhow::Result<Value> {
        let (claimed, refused) = (self.claimed.len(), self.refused.len());
        report.progress(format_args!("{claimed} {things} claimed"));
        if refused > 0 {
            report.progress(format_args!(
                "{refused} refused: `tandem bridge claim INDEX` tries one again, with as much gas as it takes"
            ));
        }
        match self.underfunded {
            Some(error) => Err(error).with_context(|| format!("{claimed} {things} were claimed, {refused} were not")),
            None => Ok(json!({ "claimed": self.claimed, "refused": self.refused })),
        }
    }
}
