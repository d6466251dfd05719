//! `tandem bridge`: deposits, withdrawals, claims, and what L1 forces. Rules: L1-MSG-4, L1-BR-*, PRE-BRIDGE-*, L1-WD-*.

pub(crate) mod amount;
pub mod claim;
pub(crate) mod command;
pub(crate) mod deposit;
pub mod force;
pub(crate) mod outcomes;
pub mod proof;
pub mod recipient;
pub mod source;
mod withdraw;

use serde_json::Value;
use tandem_chain::ChainKind;
use tandem_service::Report;

pub use command::{BridgeCommand, SessionKeyFlags};

use crate::{
    chain::{Chain, ChainFlags, Ground},
    payments::{self, WrongKind},
};

/// Runs a `tandem bridge` command.
pub async fn run(command: BridgeCommand, flags: &ChainFlags, report: Report) -> anyhow::Result<()> {
    let ground = Ground::open(flags).await?;
    let result = match command {
        on_payments if ground.deployment.chain.kind == ChainKind::Payments => {
            payments::bridge::run(on_payments, &ground, report).await?
        }
        BridgeCommand::Claim { index, from_l1, to: None } => claim::run(&ground, index, from_l1, report).await?,
        BridgeCommand::ForceWithdraw { amount, to, token: None, force } => {
            force::withdraw(&ground, amount.as_deref(), to, force, report).await?
        }
        BridgeCommand::ForceCall { to, data, value, mint, refund, gas_limit, force } => {
            let call = force::ForcedCall { to, data, value, mint, refund, gas_limit };
            force::call(&ground, call, force, report).await?
        }
        BridgeCommand::Claim { .. } => return Err(WrongKind::Evm { command: "claim --to" }.into()),
        BridgeCommand::Claims { .. } => return Err(WrongKind::Evm { command: "claims" }.into()),
        BridgeCommand::SetSessionKey(_) => return Err(WrongKind::Evm { command: "set-session-key" }.into()),
        BridgeCommand::ForceWithdraw { .. } => return Err(WrongKind::Evm { command: "force-withdraw --token" }.into()),
        asks_the_sequencer => {
            let l2 = ground.sequencer().await?;
            with_sequencer(asks_the_sequencer, &Chain { ground, l2 }, report).await?
        }
    };
    report.result(&result);
    Ok(())
}

async fn with_sequencer(command: BridgeCommand, chain: &Chain, report: Report) -> anyhow::Result<Value> {
    match command {
        BridgeCommand::Deposit { amount, to } => deposit::ether(chain, &amount, to, report).await,
        BridgeCommand::DepositErc20 { token, amount, to } => deposit::tokens(chain, token, &amount, to, report).await,
        BridgeCommand::Withdraw { amount, to } => withdraw::ether(chain, &amount, to, report).await,
        BridgeCommand::WithdrawErc20 { token, amount, to } => withdraw::tokens(chain, token, &amount, to, report).await,
        BridgeCommand::Claim { .. }
        | BridgeCommand::Claims { .. }
        | BridgeCommand::SetSessionKey(_)
        | BridgeCommand::ForceWithdraw { .. }
        | BridgeCommand::ForceCall { .. } => {
            anyhow::bail!("this command asks no sequencer")
        }
    }
}
