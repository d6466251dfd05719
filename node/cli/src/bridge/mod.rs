//! `tandem bridge`: deposits, withdrawals, claims. Rules: L1-BR-*, PRE-BRIDGE-*, L1-WD-*.

pub mod claim;
mod deposit;
mod withdraw;

use alloy::{
    primitives::{Address, U256, utils::parse_units},
    providers::Provider,
};
use anyhow::Context;
use tandem_l1::{L1Client, bindings::Erc20};

use crate::{
    chain::{Chain, ChainFlags},
    report::Report,
};

/// What can be moved.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum BridgeCommand {
    /// Moves ether from L1 to L2
    Deposit {
        /// In ether, such as 1.5
        amount: String,
        /// Who gets it on L2; the key's own account if absent
        #[arg(long)]
        to: Option<Address>,
    },
    /// Moves tokens from L1 to L2
    DepositErc20 {
        /// The token on L1
        token: Address,
        /// In whole tokens, such as 1.5
        amount: String,
        /// Who gets them on L2; the key's own account if absent
        #[arg(long)]
        to: Option<Address>,
    },
    /// Starts moving ether from L2 to L1; `claim` ends it
    Withdraw {
        /// In ether, such as 1.5
        amount: String,
        /// Who gets it on L1; the key's own account if absent
        #[arg(long)]
        to: Option<Address>,
    },
    /// Starts moving tokens from L2 to L1; `claim` ends it
    WithdrawErc20 {
        /// The token on L1 or its twin on L2
        token: Address,
        /// In whole tokens, such as 1.5
        amount: String,
        /// Who gets them on L1; the key's own account if absent
        #[arg(long)]
        to: Option<Address>,
    },
    /// Waits until messages to L1 are final, proves them and has L1 execute them
    Claim {
        /// The message's index, as `withdraw` told it; all that are not claimed if absent
        index: Option<u64>,
    },
}

/// The command.
pub async fn run(command: BridgeCommand, flags: &ChainFlags, report: Report) -> anyhow::Result<()> {
    let chain = Chain::open(flags).await?;
    let result = match command {
        BridgeCommand::Deposit { amount, to } => deposit::ether(&chain, &amount, to, report).await?,
        BridgeCommand::DepositErc20 { token, amount, to } => {
            deposit::tokens(&chain, token, &amount, to, report).await?
        }
        BridgeCommand::Withdraw { amount, to } => withdraw::ether(&chain, &amount, to, report).await?,
        BridgeCommand::WithdrawErc20 { token, amount, to } => {
            withdraw::tokens(&chain, token, &amount, to, report).await?
        }
        BridgeCommand::Claim { index: Some(index) } => claim::one(&chain, index, report).await?,
        BridgeCommand::Claim { index: None } => claim::all(&chain, report).await?,
    };
    report.result(&result);
    Ok(())
}

/// The smallest units of an amount written by a person; more digits than the token has are refused.
fn units(amount: &str, decimals: u8) -> anyhow::Result<U256> {
    let digits_after = amount.split_once('.').map_or(0, |(_, after)| after.len());
    anyhow::ensure!(
        digits_after <= decimals.into(),
        "`{amount}` has more digits than the {decimals} decimals that there are"
    );
    anyhow::ensure!(amount.starts_with(|first: char| first.is_ascii_digit()), "`{amount}` is no amount");
    let parsed = parse_units(amount, decimals).with_context(|| format!("`{amount}` is no amount"))?;
    let units = parsed.get_absolute();
    anyhow::ensure!(!units.is_zero(), "the amount is zero");
    Ok(units)
}

/// Decimals of a token, which must be one.
async fn decimals(client: &L1Client, token: Address) -> anyhow::Result<u8> {
    let code = client.request(client.provider().get_code_at(token)).await?;
    anyhow::ensure!(!code.is_empty(), "there is no contract at {token}");
    Ok(Erc20::new(token, client.provider()).decimals().call().await.unwrap_or(18))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_refused() {
        assert_eq!(units("1.5", 18).unwrap(), U256::from(1_500_000_000_000_000_000u64));
        assert_eq!(units("0.000001", 6).unwrap(), U256::ONE);
        for bad in ["0", "0.0", "-1", "", "1,5", "0.0000001", "1e3", "0x10", ".", "1.5 ether"] {
            assert!(units(bad, 6).is_err(), "{bad}");
        }
    }
}
