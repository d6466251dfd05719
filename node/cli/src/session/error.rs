//! Why `tandem session` did not do what it was asked, and what to do about it.

use alloy::primitives::{Address, B256, U256, utils::UnitsError};
use tandem_l1::DeploymentError;
use tandem_payments::eddsa::{EnvelopeError, SessionKeyError};

use super::chain_name::ChainName;
use crate::{
    bridge::recipient::BadPayee,
    payments::{WrongKind, node::NodeError},
};

/// Why there is no key, no transaction, or no news of one.
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
    /// No chain is named.
    #[error("which chain? Start a devnet, give --deployment, or sign offline with --chain-id and --genesis: {0}")]
    NoChain(#[from] DeploymentError),
    /// The flags name another chain than the deployment.
    #[error(
        "the deployment is of chain {} with genesis {}, not of chain {} with genesis {}: nothing was signed. Leave --chain-id and --genesis out, or give that chain's --deployment",
        deployed.chain_id, deployed.genesis, named.chain_id, named.genesis
    )]
    OtherChain {
        /// What the flags name.
        named: ChainName,
        /// The deployment's chain.
        deployed: ChainName,
    },
    /// The deployment is of an EVM chain.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// The devnet's file holds no key.
    #[error("the first account in devnet.json: {0}")]
    DevnetKey(#[from] tandem_l1::BadKey),
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
    /// What is paid there would be lost.
    #[error(transparent)]
    Payee(#[from] BadPayee),
    /// L1 would never pay it.
    #[error("the amount is zero: a withdrawal of nothing costs its fee, and L1 never pays it. Nothing was signed")]
    NothingWithdrawn,
    /// No node to send to.
    #[error("no node is named: give --l2-rpc, or start a devnet")]
    NoNode,
    /// The node asks more than may be paid.
    #[error(
        "the node asks {asked} wei per gas, more than the limit of {limit}: nothing was signed. Try again later, or raise --max-fee-per-gas"
    )]
    Price {
        /// What the operator asks, in wei per gas.
        asked: u64,
        /// What may be paid, in wei per gas.
        limit: u64,
    },
    /// The node does not take it, does not answer, or is another chain's.
    #[error(transparent)]
    Node(Box<NodeError>),
    /// Whether the node has it is not known.
    #[error(
        "whether the node has transaction {hash} is not known. To try again without paying twice, repeat the command with --nonce {nonce}. {error}"
    )]
    Uncertain {
        /// Hash of what was sent.
        hash: B256,
        /// The nonce that it uses.
        nonce: u64,
        /// What happened while it was sent.
        error: Box<NodeError>,
    },
    /// The node gave it up.
    #[error(
        "the node dropped transaction {hash}: {reason}. Repeat the command with --nonce {nonce}, so that one of the two at most is applied, whatever the node says"
    )]
    Dropped {
        /// Hash of what was sent.
        hash: B256,
        /// The node's words.
        reason: String,
        /// The nonce that was signed.
        nonce: u64,
    },
    /// The chain has ended meanwhile.
    #[error(
        "transaction {hash} waits in vain: L1 has frozen the chain, which has ended. `tandem escape exit` pays out what the account has"
    )]
    Ended {
        /// Hash of what was sent.
        hash: B256,
    },
    /// The node says that it did not take what was signed.
    #[error(
        "{error}. It was signed all the same: a command that pays again with --nonce {nonce} pays once at most, whatever the node says"
    )]
    Refused {
        /// The node's words, and what to do about them.
        error: Box<NodeError>,
        /// The nonce that was signed.
        nonce: u64,
    },
    /// There is nobody to have the key.
    #[error(
        "{account} has no account here, so that message {message} set no key: `tandem bridge deposit` first, then `tandem session set-key` again"
    )]
    NoAccountHere {
        /// Whose key it is.
        account: Address,
        /// The message's position in the queue.
        message: u64,
    },
    /// The message changed nothing, or another one has changed it since.
    #[error(
        "a batch has message {message}, and the session key of {account} is {}, not the one that was asked for: there was no account yet when the message came, or another message has set its key since. `tandem session set-key` again sets this one",
        named(*found)
    )]
    OtherSessionKey {
        /// Whose key it is.
        account: Address,
        /// The message's position in the queue.
        message: u64,
        /// Hash of the key that the account has, by the node's word.
        found: Option<B256>,
    },
    /// It takes longer than was to be waited.
    #[error(
        "gave up after {waited_s} s (--patience-s): transaction {hash} {state}. It can be applied until {expiry} (seconds since 1970): do not pay again before, unless with --nonce {nonce}"
    )]
    Late {
        /// Hash of what was sent.
        hash: B256,
        /// How long it was waited for, in seconds.
        waited_s: u64,
        /// How far it is, in words.
        state: &'static str,
        /// Last timestamp at which it can be applied, in seconds.
        expiry: u64,
        /// The nonce that it uses.
        nonce: u64,
    },
}

fn named(key: Option<B256>) -> String {
    key.map_or_else(|| "none".into(), |hash| hash.to_string())
}

impl From<NodeError> for SessionError {
    fn from(error: NodeError) -> Self {
        Self::Node(Box::new(error))
    }
}
