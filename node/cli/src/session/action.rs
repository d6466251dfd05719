//! What session keys may sign, as a person writes it. Rule: PAY-AUTH.

use alloy::primitives::{Address, utils::parse_ether};
use clap::{Args, Subcommand};
use tandem_payments::operation::Call;

use super::error::SessionError;
use crate::bridge::recipient::check_account;

/// An amount of ether, and who gets it.
#[derive(Clone, Debug, Args)]
pub struct EtherFlags {
    /// Who receives: an account, or of a withdrawal the address on L1 that can claim it
    pub recipient: Address,
    /// Amount in ether, such as 1.5
    pub amount: String,
}

/// An amount of a token, and who gets it.
#[derive(Clone, Debug, Args)]
pub struct TokenFlags {
    /// The token on L1
    pub token: Address,
    /// Who receives: an account, or of a withdrawal the address on L1 that can claim it
    pub recipient: Address,
    /// Amount in the token's smallest unit
    pub amount: u128,
}

/// What session keys may sign.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Moves ether to another account
    Transfer(EtherFlags),
    /// Moves a token to another account
    TransferToken(TokenFlags),
    /// Moves ether to an address on L1
    Withdraw(EtherFlags),
    /// Moves a token to an address on L1
    WithdrawToken(TokenFlags),
}

impl Action {
    /// The operation's call.
    ///
    /// # Errors
    /// If the amount is no number of wei that an account can hold, or nobody has the recipient's address.
    pub fn call(&self) -> Result<Call, SessionError> {
        let (Self::Transfer(EtherFlags { recipient, .. })
        | Self::TransferToken(TokenFlags { recipient, .. })
        | Self::Withdraw(EtherFlags { recipient, .. })
        | Self::WithdrawToken(TokenFlags { recipient, .. })) = self;
        check_account(*recipient)?;
        Ok(match *self {
            Self::Transfer(EtherFlags { recipient, ref amount }) => Call::Transfer { recipient, amount: wei(amount)? },
            Self::TransferToken(TokenFlags { token, recipient, amount }) => {
                Call::TokenTransfer { token, recipient, amount }
            }
            Self::Withdraw(EtherFlags { recipient, ref amount }) => {
                Call::WithdrawEth { recipient, amount: wei(amount)? }
            }
            Self::WithdrawToken(TokenFlags { token, recipient, amount }) => {
                Call::WithdrawToken { token, recipient, amount }
            }
        })
    }
}

fn wei(ether: &str) -> Result<u128, SessionError> {
    let wei = parse_ether(ether)?;
    wei.try_into().map_err(|_| SessionError::AmountTooLarge(wei))
}
