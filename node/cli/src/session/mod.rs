//! `tandem session`: session keys of the payments chain, offline, and sending with them (docs/spec/session-keys.md). Twin: `sdk/`.
//!
//! The key comes out of one wallet signature: of the key in `TANDEM_KEY`, or of any wallet that signed what `text` prints. It is
//! never stored; the signature is as secret as the key.

mod action;
mod chain_name;
mod error;
mod key;
mod send;
mod set_key;
mod sign;

use alloy::primitives::{B256, hex};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tandem_payments::{eddsa::domain, field::integer};
use tandem_service::Report;

pub use action::{Action, EtherFlags, TokenFlags};
pub use chain_name::ChainName;
pub use error::SessionError;
pub use key::KeyFlags;
pub use send::{MAX_FEE_PER_GAS, SendFlags, Sending, Until};
pub use set_key::SetKeyFlags;

use crate::chain::{ChainFlags, PrivateKey};

/// What can be done with a session key.
#[derive(Clone, Debug, Subcommand)]
pub enum SessionCommand {
    /// The text that a wallet has to sign (EIP-191) to give the key
    Text(KeyFlags),
    /// The key that a wallet signature gives: its public part and the hash that an account stores
    Key(KeyFlags),
    /// Has L1 set the key as the account's session key, which takes an account on the chain, and waits until the chain has it
    SetKey(SetKeyFlags),
    /// Signs an operation and asks nobody: prints the transaction for eth_sendRawTransaction
    Sign {
        /// Which key signs
        #[command(flatten)]
        key: KeyFlags,
        /// Price, gas limit and expiry that are signed
        #[command(flatten)]
        limits: LimitFlags,
        /// The operation to sign
        #[command(subcommand)]
        action: Action,
    },
    /// Moves ether to another account, through a node
    Transfer(Sending<EtherFlags>),
    /// Moves a token to another account, through a node
    TransferToken(Sending<TokenFlags>),
    /// Moves ether to an address on L1, through a node; `tandem bridge claim` ends it
    Withdraw(Sending<EtherFlags>),
    /// Moves a token to an address on L1, through a node; `tandem bridge claim` ends it
    WithdrawToken(Sending<TokenFlags>),
}

/// What an operation may cost, and until when it may be applied, where nobody is asked.
#[derive(Clone, Debug, Args)]
pub struct LimitFlags {
    /// Nonce that the account is at
    #[arg(long)]
    pub nonce: u64,
    /// Highest price per gas, in wei
    #[arg(long)]
    pub max_fee_per_gas: u64,
    /// Most gas; what the operation can take if absent
    #[arg(long)]
    pub gas_limit: Option<u64>,
    /// Last timestamp at which it may be applied, in seconds; a day from now if absent
    #[arg(long)]
    pub expiry: Option<u64>,
}

/// Runs a `tandem session` command.
pub async fn run(command: SessionCommand, chain: &ChainFlags, report: Report) -> anyhow::Result<()> {
    let result = match command {
        SessionCommand::Text(flags) => {
            let request = flags.request(flags.chain(chain)?, wallet(&flags, chain)?.as_ref())?;
            if !report.json {
                // to be piped into a wallet as it is
                print!("{}", request.text());
                return Ok(());
            }
            json!({ "account": hex::encode_prefixed(request.account), "text": request.text(), "digest": request.digest() })
        }
        SessionCommand::Key(flags) => {
            let (account, key) = flags.derive(flags.chain(chain)?, wallet(&flags, chain)?.as_ref())?;
            key::describe(account, flags.index, &key)
        }
        SessionCommand::SetKey(flags) => set_key::set_key(&flags, chain, report).await?,
        SessionCommand::Sign { key, limits, action } => sign_offline(&key, &limits, &action, chain)?,
        SessionCommand::Transfer(Sending { what, how }) => send(Action::Transfer(what), &how, chain, report).await?,
        SessionCommand::TransferToken(Sending { what, how }) => {
            send(Action::TransferToken(what), &how, chain, report).await?
        }
        SessionCommand::Withdraw(Sending { what, how }) => send(Action::Withdraw(what), &how, chain, report).await?,
        SessionCommand::WithdrawToken(Sending { what, how }) => {
            send(Action::WithdrawToken(what), &how, chain, report).await?
        }
    };
    report.result(&result);
    Ok(())
}

/// The key that answers for the account's wallet: a devnet's first one too, where no other account and no wallet is named.
fn wallet(flags: &KeyFlags, chain: &ChainFlags) -> Result<Option<PrivateKey>, SessionError> {
    let names_another = flags.account.is_some() || flags.wallet_signature.is_some();
    if names_another { Ok(chain.key.clone()) } else { Ok(chain.key()?) }
}

/// Signs an operation with a session key of the flags' account, sends it and waits; what became of it.
pub async fn send(
    action: Action,
    flags: &SendFlags,
    chain: &ChainFlags,
    report: Report,
) -> Result<Value, SessionError> {
    send::send(&action, flags, chain, wallet(&flags.key, chain)?.as_ref(), report).await
}

fn sign_offline(
    flags: &KeyFlags,
    limits: &LimitFlags,
    action: &Action,
    chain: &ChainFlags,
) -> Result<Value, SessionError> {
    let (call, name) = (action.call()?, flags.chain(chain)?);
    let (sender, key) = flags.derive(name, wallet(flags, chain)?.as_ref())?;
    let LimitFlags { nonce, max_fee_per_gas, gas_limit, expiry } = *limits;
    let limits = sign::Limits { nonce, max_fee_per_gas, gas_limit, expiry };
    let transaction = sign::sign(name, limits, call, sender, &key)?;
    let operation_hash = transaction.operation.hash(domain(name.chain_id, name.genesis));
    Ok(json!({
        "transaction": hex::encode_prefixed(transaction.encode()),
        "hash": transaction.hash(),
        "operationHash": B256::from(integer(operation_hash)),
        "expiry": transaction.operation.expiry,
    }))
}
