//! What `tandem bridge` takes.

use std::path::PathBuf;

use alloy::primitives::{Address, Bytes, U256};

use super::force::ForceFlags;

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
        /// The message's index, as `withdraw` told it; all that are not claimed if absent, but for those that L1 refuses or that take much gas
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

/// The session key that an account is to have.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct SessionKeyFlags {
    /// File with what `tandem --json session key` printed
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// Hash of the key, as `tandem session key` tells it
    #[arg(long)]
    pub hash: Option<U256>,
    /// Removes the account's session key
    #[arg(long)]
    pub remove: bool,
}
