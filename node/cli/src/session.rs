//! `tandem session`: session keys of the payments chain, offline (docs/spec/session-keys.md). Twin: `sdk/`.
//!
//! The key comes out of one wallet signature: of the key in `TANDEM_KEY`, or of any wallet that signed what `text` prints. It is
//! never stored; the signature is as secret as the key.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy::{
    primitives::{
        Address, B256, Bytes, U256, hex,
        utils::{UnitsError, parse_ether},
    },
    signers::SignerSync,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tandem_payments::{
    eddsa::{EnvelopeError, SecretKey, SessionKeyError, SessionKeyRequest, SessionTransaction, domain},
    field::integer,
    operation::{Call, GAS_SLACK_BITS, Operation},
};
use tandem_service::Report;

use crate::chain::PrivateKey;

/// An operation that is not given a time of expiry is good for so long.
const EXPIRY_S: u64 = 3600;

/// What can be done with a session key.
#[derive(Clone, Debug, Subcommand)]
pub enum SessionCommand {
    /// The text that a wallet has to sign (EIP-191) to give the key
    Text(KeyFlags),
    /// The key that a wallet signature gives: its public part and the hash that an account stores
    Key(KeyFlags),
    /// Signs an operation: prints the transaction for eth_sendRawTransaction
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
}

/// Which session key is meant: its chain, account and number.
#[derive(Clone, Debug, Args)]
pub struct KeyFlags {
    /// Chain id of the payments chain
    #[arg(long)]
    pub chain_id: u64,
    /// Hash of its genesis
    #[arg(long)]
    pub genesis: B256,
    /// Number of the key, so that an account can change it
    #[arg(long, default_value_t = 0)]
    pub index: u32,
    /// The account; that of TANDEM_KEY if absent
    #[arg(long)]
    pub account: Option<Address>,
    /// What the account's wallet answered to `text`, 65 bytes; TANDEM_KEY signs if absent
    #[arg(long, env = "TANDEM_WALLET_SIGNATURE", hide_env_values = true)]
    pub wallet_signature: Option<Bytes>,
}

/// What an operation may cost, and until when it may be applied.
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
    /// Last timestamp at which it may be applied, in seconds; an hour from now if absent
    #[arg(long)]
    pub expiry: Option<u64>,
}

/// What session keys may sign.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Moves ether to another account
    Transfer {
        /// Account that receives
        recipient: Address,
        /// Amount in ether, such as 1.5
        amount: String,
    },
    /// Moves a token to another account
    TransferToken {
        /// The token on L1
        token: Address,
        /// Account that receives
        recipient: Address,
        /// Amount in the token's smallest unit
        amount: u128,
    },
    /// Moves ether to an address on L1
    Withdraw {
        /// Who can claim it
        recipient: Address,
        /// Amount in ether, such as 1.5
        amount: String,
    },
    /// Moves a token to an address on L1
    WithdrawToken {
        /// The token on L1
        token: Address,
        /// Who can claim it
        recipient: Address,
        /// Amount in the token's smallest unit
        amount: u128,
    },
}

/// Why there is no key or no transaction.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Nobody to derive a key for.
    #[error("whose session key? Give --account, or the account's key in TANDEM_KEY")]
    NoAccount,
    /// Nothing to derive it from.
    #[error(
        "no wallet signature: give the account's key in TANDEM_KEY, or what its wallet answered in TANDEM_WALLET_SIGNATURE"
    )]
    NoSignature,
    /// TANDEM_KEY is another account's.
    #[error("the key in TANDEM_KEY is that of {key}, not of {account}")]
    OtherAccount {
        /// The account asked for.
        account: Address,
        /// The account of the key.
        key: Address,
    },
    /// The wallet's answer gives no key.
    #[error(transparent)]
    Key(#[from] SessionKeyError),
    /// The wallet's key cannot sign.
    #[error(transparent)]
    Wallet(#[from] alloy::signers::Error),
    /// Not a number of ether.
    #[error("the amount: {0}")]
    Amount(#[from] UnitsError),
    /// More than a leaf can hold.
    #[error("{0} wei are more than an account can hold")]
    AmountTooLarge(U256),
    /// No ledger would apply it.
    #[error("a gas limit of {gas_limit} is not from {least} to {most}: the operation could not be applied")]
    GasLimit {
        /// What was asked for.
        gas_limit: u64,
        /// What the operation takes.
        least: u64,
        /// The highest limit that the circuit can take.
        most: u64,
    },
    /// No ledger would apply it.
    #[error("an account's last nonce is 2^64 - 2")]
    Nonce,
    /// The operation is not for session keys.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// Runs a `tandem session` command.
pub fn run(command: &SessionCommand, wallet: Option<&PrivateKey>, report: Report) -> Result<(), SessionError> {
    let result = match command {
        SessionCommand::Text(flags) if !report.json => {
            // to be piped into a wallet as it is
            print!("{}", flags.request(wallet)?.text());
            return Ok(());
        }
        SessionCommand::Text(flags) => {
            let request = flags.request(wallet)?;
            json!({ "account": hex::encode_prefixed(request.account), "text": request.text(), "digest": request.digest() })
        }
        SessionCommand::Key(flags) => {
            let (account, key) = flags.derive(wallet)?;
            describe(account, flags.index, &key)
        }
        SessionCommand::Sign { key: flags, limits, action } => sign(flags, limits, action, wallet)?,
    };
    report.result(&result);
    Ok(())
}

impl KeyFlags {
    fn request(&self, wallet: Option<&PrivateKey>) -> Result<SessionKeyRequest, SessionError> {
        let account = self.account.or(wallet.map(PrivateKey::address)).ok_or(SessionError::NoAccount)?;
        Ok(SessionKeyRequest { chain_id: self.chain_id, genesis_hash: self.genesis, account, index: self.index })
    }

    /// The account and its key.
    pub fn derive(&self, wallet: Option<&PrivateKey>) -> Result<(Address, SecretKey), SessionError> {
        let request = self.request(wallet)?;
        let account = request.account;
        let key = match (&self.wallet_signature, wallet) {
            (Some(signature), _) => request.key(signature)?,
            (None, Some(wallet)) if wallet.address() != account => {
                return Err(SessionError::OtherAccount { account, key: wallet.address() });
            }
            (None, Some(wallet)) => {
                let signature = wallet.signer().sign_message_sync(request.text().as_bytes())?;
                request.key(&signature.as_bytes())?
            }
            (None, None) => return Err(SessionError::NoSignature),
        };
        Ok((account, key))
    }
}

impl Action {
    fn call(&self) -> Result<Call, SessionError> {
        Ok(match *self {
            Self::Transfer { recipient, ref amount } => Call::Transfer { recipient, amount: wei(amount)? },
            Self::TransferToken { token, recipient, amount } => Call::TokenTransfer { token, recipient, amount },
            Self::Withdraw { recipient, ref amount } => Call::WithdrawEth { recipient, amount: wei(amount)? },
            Self::WithdrawToken { token, recipient, amount } => Call::WithdrawToken { token, recipient, amount },
        })
    }
}

fn wei(ether: &str) -> Result<u128, SessionError> {
    let wei = parse_ether(ether)?;
    wei.try_into().map_err(|_| SessionError::AmountTooLarge(wei))
}

fn describe(account: Address, index: u32, key: &SecretKey) -> Value {
    let public = key.public();
    json!({
        "account": hex::encode_prefixed(account),
        "index": index,
        "publicKeyX": integer(public.x()).to_string(),
        "publicKeyY": integer(public.y()).to_string(),
        "keyHash": B256::from(integer(public.hash())),
    })
}

fn sign(
    flags: &KeyFlags,
    limits: &LimitFlags,
    action: &Action,
    wallet: Option<&PrivateKey>,
) -> Result<Value, SessionError> {
    let call = action.call()?;
    let least = call.kind().gas();
    let gas_limit = limits.gas_limit.unwrap_or_else(|| call.kind().gas_after(true));
    let most = least + (1 << GAS_SLACK_BITS) - 1;
    if !(least..=most).contains(&gas_limit) {
        return Err(SessionError::GasLimit { gas_limit, least, most });
    }
    if limits.nonce == u64::MAX {
        return Err(SessionError::Nonce);
    }
    let expiry = limits.expiry.unwrap_or_else(|| now().saturating_add(EXPIRY_S));
    let (sender, key) = flags.derive(wallet)?;
    let operation =
        Operation { sender, nonce: limits.nonce, call, gas_limit, max_fee_per_gas: limits.max_fee_per_gas, expiry };
    let transaction = SessionTransaction::sign(flags.chain_id, flags.genesis, operation, &key)?;
    let operation_hash = operation.hash(domain(flags.chain_id, flags.genesis));
    Ok(json!({
        "transaction": hex::encode_prefixed(transaction.encode()),
        "hash": transaction.hash(),
        "operationHash": B256::from(integer(operation_hash)),
        "expiry": expiry,
    }))
}

/// The machine's time, in seconds since the Unix epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}
