//! `tandem bridge` on a payments chain. Deposits and what L1 forces go into the queue, and the command returns when L1 has them: what becomes of them is in the batch that
//! takes them, within the forced-inclusion window. Rules: PAY-MESSAGE, PAY-MESSAGE-GAS.

use std::path::{Path, PathBuf};

use alloy::{
    primitives::{Address, U256},
    sol_types::{SolCall, SolEvent},
};
use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tandem_l1::bindings::{Inbox, PaymentsBridge, ValiditySettlement};
use tandem_payments::field::MODULUS;
use tandem_service::Report;

use super::{WrongKind, claim, token_name};
use crate::{
    bridge::{
        amount::{decimals, units},
        command::{BridgeCommand, SessionKeyFlags},
        deposit::approve,
        recipient::{check_account, check_payee},
    },
    chain::Ground,
    wallet::{Call, Wallet},
};

/// Why there is no key to set.
#[derive(Debug, thiserror::Error)]
pub enum SessionKeyError {
    /// The file cannot be read.
    #[error("cannot read session key {path}: {error}")]
    Read {
        /// The file's path.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// It is not what `tandem --json session key` prints.
    #[error("{path} is not what `tandem --json session key` prints: {error}")]
    Malformed {
        /// The file's path.
        path: PathBuf,
        /// The place in the file, and what is wrong there.
        error: serde_json::Error,
    },
    /// The key of somebody else.
    #[error(
        "{path} has the session key of {owner}, and the key that signs is of {account}: it could sign for your account"
    )]
    OtherAccount {
        /// The file's path.
        path: PathBuf,
        /// Whose session key it is.
        owner: Address,
        /// The account of the key that would sign.
        account: Address,
    },
    /// No key has such a hash, so that the message would change nothing.
    #[error("{0:#x} is no hash of a session key: it is not below the field's modulus")]
    NotBelowModulus(U256),
    /// Zero would remove the key.
    #[error("the hash is zero, which removes the session key: say --remove if that is meant")]
    Zero,
}

/// The chain has ended, so that no batch takes what L1 would still queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chain ended at L1 time {at} (seconds since 1970), and no batch takes a message any more: {instead}")]
pub struct Ended {
    /// When it was frozen, in seconds.
    at: u64,
    /// What to do instead.
    instead: &'static str,
}

impl Ended {
    /// Instead of a deposit, which L1 would take all the same.
    const DEPOSIT: &'static str =
        "a deposit could only be given back (`tandem escape refund`, as those that no batch has taken)";
    /// Instead of a withdrawal through the queue.
    const WITHDRAWAL: &'static str = "`tandem escape exit` pays out what the account holds";
    /// Instead of a key, for which there is no use.
    const SESSION_KEY: &'static str =
        "there is nothing left to sign; `tandem escape exit` pays out what the account holds";
}

/// What is read of a session key's file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionKeyFile {
    account: Address,
    key_hash: U256,
}

impl SessionKeyFlags {
    /// The word that L1 is told; zero removes.
    fn key_hash(&self, account: Address) -> Result<U256, SessionKeyError> {
        let hash = match (&self.file, self.hash) {
            (Some(path), _) => read_session_key(path, account)?,
            (None, Some(hash)) => hash,
            (None, None) => return Ok(U256::ZERO),
        };
        if hash.is_zero() {
            return Err(SessionKeyError::Zero);
        }
        if hash >= MODULUS { Err(SessionKeyError::NotBelowModulus(hash)) } else { Ok(hash) }
    }
}

fn read_session_key(path: &Path, account: Address) -> Result<U256, SessionKeyError> {
    let text = std::fs::read(path).map_err(|error| SessionKeyError::Read { path: path.into(), error })?;
    let file: SessionKeyFile =
        serde_json::from_slice(&text).map_err(|error| SessionKeyError::Malformed { path: path.into(), error })?;
    if file.account != account {
        return Err(SessionKeyError::OtherAccount { path: path.into(), owner: file.account, account });
    }
    Ok(file.key_hash)
}

/// Runs a `tandem bridge` command on a payments chain.
pub async fn run(command: BridgeCommand, ground: &Ground, report: Report) -> anyhow::Result<Value> {
    let refuse = |command, instead| Err(WrongKind::Payments { command, instead }.into());
    match command {
        BridgeCommand::Deposit { amount, to } => deposit_ether(ground, &amount, to, report).await,
        BridgeCommand::DepositErc20 { token, amount, to } => deposit_tokens(ground, token, &amount, to, report).await,
        BridgeCommand::Claim { index, from_l1: _, to } => claim::run(ground, index, to, report).await,
        BridgeCommand::Claims { account } => claim::list(ground, account).await,
        BridgeCommand::SetSessionKey(key) => set_session_key(ground, &key, report).await,
        BridgeCommand::ForceWithdraw { amount: None, to: None, token, force } if force.message.is_none() => {
            force_withdrawal(ground, token.unwrap_or_default(), report).await
        }
        BridgeCommand::ForceWithdraw { .. } => refuse(
            "force-withdraw with an amount, --to or --message",
            "everything that the account holds of a token is withdrawn, to the account itself; `claim --to` pays it to another address",
        ),
        BridgeCommand::Withdraw { .. } | BridgeCommand::WithdrawErc20 { .. } => refuse(
            "withdraw",
            "`tandem session withdraw` and `withdraw-token` send one through a node, `tandem bridge force-withdraw` goes through L1 alone",
        ),
        BridgeCommand::ForceCall { .. } => refuse("force-call", "it has no contracts to call"),
    }
}

async fn deposit_ether(ground: &Ground, amount: &str, to: Option<Address>, report: Report) -> anyhow::Result<Value> {
    let wei = units(amount, 18)?;
    check_not_ended(ground, Ended::DEPOSIT).await?;
    let wallet = ground.l1_wallet().await?;
    let account = beneficiary(ground, &wallet, to)?;
    report.progress(format_args!("depositing {wei} wei for {account}; waiting for an L1 block"));
    let call = PaymentsBridge::depositETHCall { account };
    let mut told = enqueue(ground, &wallet, wei, &call, report).await?;
    (told["account"], told["wei"]) = (json!(account), json!(wei.to_string()));
    Ok(told)
}

async fn deposit_tokens(
    ground: &Ground,
    token: Address,
    amount: &str,
    to: Option<Address>,
    report: Report,
) -> anyhow::Result<Value> {
    let units = units(amount, decimals(&ground.l1, token).await?)?;
    check_not_ended(ground, Ended::DEPOSIT).await?;
    let wallet = ground.l1_wallet().await?;
    let (account, bridge) = (beneficiary(ground, &wallet, to)?, ground.deployment.chain.bridge);
    approve(&wallet, token, bridge, units, report).await?;
    report.progress(format_args!("depositing {units} units of {token} for {account}; waiting for an L1 block"));
    let call = PaymentsBridge::depositERC20Call { token, account, amount: units };
    let mut told = enqueue(ground, &wallet, U256::ZERO, &call, report).await?;
    (told["account"], told["token"], told["units"]) = (json!(account), json!(token), json!(units.to_string()));
    Ok(told)
}

/// Whose a deposit becomes. An account acts on L2 as on L1, so that what could not act on L1 has lost it, and so has what nobody signs for.
fn beneficiary(ground: &Ground, wallet: &Wallet, to: Option<Address>) -> anyhow::Result<Address> {
    let account = to.unwrap_or(wallet.address());
    check_payee(&ground.deployment, account)?;
    check_account(account)?;
    Ok(account)
}

async fn force_withdrawal(ground: &Ground, token: Address, report: Report) -> anyhow::Result<Value> {
    check_not_ended(ground, Ended::WITHDRAWAL).await?;
    let wallet = ground.l1_wallet().await?;
    if !token.is_zero() {
        decimals(&ground.l1, token).await?;
    }
    let call = PaymentsBridge::forceWithdrawalCall { token };
    let mut told = enqueue(ground, &wallet, U256::ZERO, &call, report).await?;
    report.progress("once a batch has taken it, `tandem bridge claim` pays out what the account held");
    (told["account"], told["token"]) = (json!(wallet.address()), token_name(token));
    Ok(told)
}

async fn set_session_key(ground: &Ground, key: &SessionKeyFlags, report: Report) -> anyhow::Result<Value> {
    let key_hash = key.key_hash(ground.l1_wallet().await?.address())?;
    queue_session_key(ground, key_hash, report).await
}

/// Queues the message that sets the session key of the key's own account; zero removes it.
pub async fn queue_session_key(ground: &Ground, key_hash: U256, report: Report) -> anyhow::Result<Value> {
    check_not_ended(ground, Ended::SESSION_KEY).await?;
    let wallet = ground.l1_wallet().await?;
    let call = PaymentsBridge::setSessionKeyCall { keyHash: key_hash };
    let mut told = enqueue(ground, &wallet, U256::ZERO, &call, report).await?;
    (told["account"], told["keyHash"]) = (json!(wallet.address()), json!(key_hash));
    Ok(told)
}

/// Refuses to queue what no batch will take.
async fn check_not_ended(ground: &Ground, instead: &'static str) -> anyhow::Result<()> {
    let settlement = ValiditySettlement::new(ground.deployment.chain.settlement, ground.l1.provider());
    match settlement.frozenAt().call().await? {
        0 => Ok(()),
        at => Err(Ended { at, instead }.into()),
    }
}

/// Makes a call of the Bridge that queues a message; the message's position, and until when a batch must have taken it.
async fn enqueue(
    ground: &Ground,
    wallet: &Wallet,
    value: U256,
    call: &impl SolCall,
    report: Report,
) -> anyhow::Result<Value> {
    let chain = &ground.deployment.chain;
    let receipt = wallet.send(Call::new(chain.bridge, call.abi_encode()).value(value)).await?;
    let mut events = receipt.logs().iter().filter(|log| log.address() == chain.inbox);
    let event = events.find_map(|log| Inbox::MessageEnqueued::decode_log(&log.inner).ok());
    let index = event.context("the transaction enqueued no message")?.index;
    let inbox = Inbox::new(chain.inbox, ground.l1.provider());
    let (enqueued_at, window_s) =
        (inbox.enqueuedAt(index).call().await?, inbox.forcedInclusionWindowSeconds().call().await?);
    ensure!(enqueued_at != 0, "L1 reorganised, and message {index} is gone: run it again");
    report.progress(format_args!(
        "L1 has it as message {index}; a batch takes it within {window_s} s (`tandem status`), or anybody may prove one that does, or end the chain"
    ));
    Ok(json!({
        "l1Transaction": receipt.transaction_hash,
        "message": index,
        "overdueAfter": enqueued_at.saturating_add(window_s),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: Address = Address::repeat_byte(7);

    fn flags(hash: U256) -> SessionKeyFlags {
        SessionKeyFlags { file: None, hash: Some(hash), remove: false }
    }

    #[test]
    fn a_hash_is_below_the_modulus_and_not_zero_unless_meant() {
        let greatest = MODULUS - U256::ONE;
        assert_eq!(flags(greatest).key_hash(ACCOUNT).unwrap(), greatest);
        let none = SessionKeyFlags { file: None, hash: None, remove: true };
        assert_eq!(none.key_hash(ACCOUNT).unwrap(), U256::ZERO);
        assert!(matches!(flags(MODULUS).key_hash(ACCOUNT), Err(SessionKeyError::NotBelowModulus(_))));
        assert!(matches!(flags(U256::ZERO).key_hash(ACCOUNT), Err(SessionKeyError::Zero)));
    }

    #[test]
    fn a_file_is_the_accounts_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        let file = SessionKeyFlags { file: Some(path.clone()), hash: None, remove: false };
        assert!(matches!(file.key_hash(ACCOUNT), Err(SessionKeyError::Read { .. })));
        std::fs::write(&path, json!({ "account": ACCOUNT, "keyHash": U256::from(5), "index": 0 }).to_string()).unwrap();
        assert_eq!(file.key_hash(ACCOUNT).unwrap(), U256::from(5));
        let other = Address::repeat_byte(8);
        assert!(matches!(file.key_hash(other), Err(SessionKeyError::OtherAccount { owner: ACCOUNT, .. })));
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(file.key_hash(ACCOUNT), Err(SessionKeyError::Malformed { .. })));
    }
}
