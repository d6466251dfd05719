//! `tandem bridge`: deposits, withdrawals, claims, and what L1 forces. Rules: L1-MSG-4, L1-BR-*, PRE-BRIDGE-*, L1-WD-*.

pub(crate) mod amount;
pub mod claim;
mod deposit;
pub mod force;
pub mod proof;
pub mod recipient;
pub mod source;
mod withdraw;

use alloy::primitives::{Address, Bytes};
use force::ForceFlags;
use serde_json::Value;
use tandem_chain::ChainKind;

use crate::{
    chain::{Chain, ChainFlags, Ground},
    payments::{self, WrongKind, bridge::SessionKeyFlags},
    report::Report,
};

/// What can be moved.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum BridgeCommand {
    /// Moves ether from L1 to L2
    Deposit {
        /// Amount in ether, such as 1.5
        amount: String,
        /// Who gets it on L2; the key's own account if absent
        #[arg(long)]
        to: Option<Address>,
    },
    /// Moves tokens from L1 to L2
    DepositErc20 {
        /// The token on L1
        token: Address,
        /// Amount in whole tokens, such as 1.5
        amount: String,
        /// Who gets them on L2; the key's own account if absent
        #[arg(long)]
        to: Option<Address>,
    },
    /// Starts moving ether from L2 to L1; `claim` ends it
    Withdraw {
        /// Amount in ether, such as 1.5
        amount: String,
        /// Who gets it on L1; the key's own account if absent
        #[arg(long)]
        to: Option<Address>,
    },
    /// Starts moving tokens from L2 to L1; `claim` ends it
    WithdrawErc20 {
        /// The token on L1 or its twin on L2
        token: Address,
        /// Amount in whole tokens, such as 1.5
        amount: String,
        /// Who gets them on L1; the key's own account if absent
        #[arg(long)]
        to: Option<Address>,
    },
    /// Waits until messages to L1 are final, proves them and has L1 execute them
    Claim {
        /// The message's index, as `withdraw` told it; all that are not claimed if absent
        index: Option<u64>,
        /// Derive message and proof from L1 instead of asking the sequencer
        #[arg(long)]
        from_l1: bool,
        /// Who is paid instead of the recipient, which must be the key's own account; on payments chains
        #[arg(long)]
        to: Option<Address>,
    },
    /// Lists the withdrawals to an account; on payments chains
    Claims {
        /// The account; the key's own if absent
        #[arg(long)]
        account: Option<Address>,
    },
    /// Has L1 set the account's session key, whether or not there is a sequencer; on payments chains
    SetSessionKey(SessionKeyFlags),
    /// Moves ether that is on L2 out through L1, whether or not there is a sequencer; `claim` ends it
    ForceWithdraw {
        /// In ether, such as 1.5; all that the account has on L2 when the message executes if absent, as always on payments chains
        amount: Option<String>,
        /// The token on L1, all of which is withdrawn; ether if absent. On payments chains
        #[arg(long)]
        token: Option<Address>,
        /// Who gets it on L1; the key's own account if absent
        #[arg(long)]
        to: Option<Address>,
        /// How the message is followed
        #[command(flatten)]
        force: ForceFlags,
    },
    /// Has the account call a contract on L2 through L1, whether or not there is a sequencer
    ForceCall {
        /// The contract on L2
        to: Address,
        /// Call data, as hex
        #[arg(long, default_value = "0x")]
        data: Bytes,
        /// Ether that the call passes on, out of all that the account has on L2: an amount, or `all`
        #[arg(long)]
        value: Option<String>,
        /// Ether to bring along from L1; the account has it on L2 before the call
        #[arg(long)]
        mint: Option<String>,
        /// Who gets what was brought along if the call fails; the key's own account if absent
        #[arg(long)]
        refund: Option<Address>,
        /// L2 gas of the call
        #[arg(long, default_value_t = 1_000_000)]
        gas_limit: u64,
        /// How the message is followed
        #[command(flatten)]
        force: ForceFlags,
    },
}

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
