//! Why an operation is not admitted, in the words that wallets know.

use alloy::primitives::Address;
use tandem_chain::ChainConfig;
use tandem_payments::{
    ethereum::{ACCOUNTS, BRIDGE},
    operation::Call,
};

use crate::payments::pool::NoPlace;

/// Why an operation is not admitted. Nothing was kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// L1 is not read to its end yet.
    #[error("the node reads L1: try again in a moment")]
    Syncing,
    /// L1 has frozen the chain: it has no further batch.
    #[error("the chain ended at L1 time {at}: leave with tandem escape")]
    Frozen {
        /// When that was, in seconds since 1970.
        at: u64,
    },
    /// Closed batches wait, as many as may, some of them for proofs, and the open one is full.
    #[error("the prover is behind: {waiting} batches wait to be proven, try again later (--waiting-batches-max)")]
    Behind {
        /// How many closed batches have no proofs.
        waiting: usize,
    },
    /// Closed batches wait, as many as may, all of them with their proofs, and the open one is full.
    #[error("L1 is behind: {waiting} proven batches wait to be on L1, try again later (--waiting-batches-max)")]
    L1Behind {
        /// How many closed batches L1 does not have.
        waiting: usize,
    },
    /// The sender has no account.
    #[error("insufficient funds: {account} has no account here, deposit to it on L1 first")]
    NoAccount {
        /// The account that sends.
        account: Address,
    },
    /// The account's session key is another one, or it has none.
    #[error(
        "the key that signed is not the session key of {account}: set it on L1 (setSessionKey of the bridge), and wait until the chain has the message"
    )]
    OtherKey {
        /// The account that sends.
        account: Address,
    },
    /// The nonce was used.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// The next nonce of the account.
        next: u64,
        /// The nonce that was signed.
        nonce: u64,
    },
    /// The nonce is too far ahead.
    #[error("nonce too high: next nonce {next}, tx nonce {nonce} (--mempool-nonce-gap-max)")]
    NonceTooHigh {
        /// The next nonce of the account.
        next: u64,
        /// The nonce that was signed.
        nonce: u64,
    },
    /// The operator asks more than was signed.
    #[error("transaction underpriced: max fee per gas {signed}, the operator asks {asked}")]
    Underpriced {
        /// What was signed, in wei per gas.
        signed: u64,
        /// What is asked, in wei per gas.
        asked: u64,
    },
    /// The gas limit is below what the operation takes.
    #[error("intrinsic gas too low: gas limit {limit}, it takes {gas}")]
    GasTooLow {
        /// The gas limit that was signed.
        limit: u64,
        /// What the operation takes.
        gas: u64,
    },
    /// The gas limit is too far above it: no circuit takes so much (PAY-USER).
    #[error("exceeds block gas limit: gas limit {limit}, it must be below {max}")]
    GasTooHigh {
        /// The gas limit that was signed.
        limit: u64,
        /// Where limits end.
        max: u64,
    },
    /// It has expired.
    #[error("expired at {expiry}, it is {now}")]
    Expired {
        /// The last second at which it was valid.
        expiry: u64,
        /// The time of L1.
        now: u64,
    },
    /// The balance does not cover it, beside what waits of the sender.
    #[error("insufficient funds for gas * price + value: balance {balance}, tx cost {cost}")]
    Funds {
        /// What the account holds.
        balance: u128,
        /// What this operation and those that wait take.
        cost: u128,
    },
    /// The token balance does not cover it, beside what waits of the sender.
    #[error("transfer amount exceeds balance: {balance} of token {token}, {cost} needed")]
    TokenFunds {
        /// The token on L1.
        token: Address,
        /// What the account holds of it.
        balance: u128,
        /// What this operation and those that wait take.
        cost: u128,
    },
    /// What is sent there would be lost.
    #[error("{to} takes no transfers: what is sent there is lost")]
    BadRecipient {
        /// Who would receive it.
        to: Address,
    },
    /// L1 pays nothing to the zero address: what is withdrawn to it stays with the bridge.
    #[error("nobody has the zero address: name whom L1 is to pay")]
    ZeroPayee,
    /// No contract of the chain's own takes ether on L1, or gives tokens away, or names another payee.
    #[error("{to} is the chain's {contract} on L1: what is withdrawn to it is lost, name another recipient")]
    OwnPayee {
        /// Who would be paid.
        to: Address,
        /// The contract's name.
        contract: &'static str,
    },
    /// L1 pays out no withdrawal of nothing.
    #[error("a withdrawal of 0 is never paid out on L1: withdraw more than that")]
    NothingToPay,
    /// The state has no room for a further account.
    #[error("the chain has no room for further accounts")]
    TreeFull,
    /// The mempool has no place for it.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
}

impl NotAdmitted {
    /// Refuses a call with whose money nobody could do anything: one that credits an address for which nobody signs, and a withdrawal that L1 does not pay out (PAY-CLAIM),
    /// or pays to a contract of the chain's own that the configuration names (L1-MSG-7). Twins: `check_payee` of `tandem`, `send` of the SDK.
    pub fn check_call(chain: &ChainConfig, call: &Call) -> Result<(), Self> {
        match *call {
            Call::Transfer { recipient: to, .. } | Call::TokenTransfer { recipient: to, .. } => {
                let is_nobodys = [BRIDGE, ACCOUNTS, Address::ZERO].contains(&to) || own_contract(chain, to).is_some();
                if is_nobodys { Err(Self::BadRecipient { to }) } else { Ok(()) }
            }
            Call::WithdrawEth { amount: 0, .. } | Call::WithdrawToken { amount: 0, .. } => Err(Self::NothingToPay),
            Call::WithdrawEth { recipient: to, .. } | Call::WithdrawToken { recipient: to, .. } => {
                match own_contract(chain, to) {
                    _ if to.is_zero() => Err(Self::ZeroPayee),
                    Some(contract) => Err(Self::OwnPayee { to, contract }),
                    None => Ok(()),
                }
            }
            Call::SetSession { .. } => Ok(()),
        }
    }
}

/// The name of the chain's own contract on L1 at an address. None of them can sign, send a message or be paid.
fn own_contract(chain: &ChainConfig, address: Address) -> Option<&'static str> {
    let own = [("Bridge", chain.bridge), ("Inbox", chain.inbox), ("ValiditySettlement", chain.settlement)];
    own.into_iter().find_map(|(contract, own)| (own == address).then_some(contract))
}
