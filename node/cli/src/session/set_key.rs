//! Setting an account's session key through L1, as a session key cannot (PAY-L1KEY), and waiting until the chain has it.
//!
//! The queue takes anybody's message, and where there is no account it changes nothing. Whether it did is not in what L1 has of the batch: it takes the ledger, which a node has and
//! `tandem replica` derives.

use alloy::primitives::{Address, B256};
use anyhow::{Context, ensure};
use clap::Args;
use serde_json::{Value, json};
use tandem_l1::bindings::Inbox;
use tandem_payments::field::integer;
use tandem_service::Report;

use super::{chain_name::ChainName, error::SessionError, key::KeyFlags, send::Until};
use crate::{
    chain::{ChainFlags, Ground},
    payments::{bridge, node::Node},
};

/// Which key is set, and what is waited for.
#[derive(Clone, Debug, Args)]
pub struct SetKeyFlags {
    /// Which key it is; the account is that of the key which signs on L1
    #[command(flatten)]
    pub key: KeyFlags,
    /// What is waited for, --patience-s at most; `sent` is when L1 has the message
    #[arg(long, value_enum, default_value_t = Until::Latest)]
    pub until: Until,
}

/// Queues the message on L1 that sets the key, and waits.
pub async fn set_key(flags: &SetKeyFlags, chain: &ChainFlags, report: Report) -> anyhow::Result<Value> {
    let ground = Ground::open(chain).await?;
    let name: ChainName = flags.key.deployed_chain(&ground.deployment)?;
    let owner = chain.key()?;
    let (account, key) = flags.key.derive(name, owner.as_ref())?;
    let node = match flags.until {
        Until::Latest => {
            let url = chain.l2_rpc().ok_or(SessionError::NoNode)?;
            Some(Node::connect(&url, name.chain_id, name.genesis).await?)
        }
        Until::Sent | Until::Settled => None,
    };
    // L1 sets the key of whoever sends the message.
    let signs = ground.l1_wallet().await?.address();
    ensure!(signs == account, SessionError::OtherAccount { account, key: signs });
    let key_hash = integer(key.public().hash());
    let mut told = bridge::queue_session_key(&ground, key_hash, report).await?;
    let key_hash = B256::from(key_hash);
    let message = told["message"].as_u64().context("the message has no position")?;
    match (flags.until, node) {
        (Until::Sent, _) => {}
        (_, Some(node)) => {
            report.progress("waiting until a closed batch holds the message");
            let looks = || async {
                match is_set(&node, message, account, key_hash).await {
                    // L1 has the message: a node that is away for a moment takes it all the same.
                    Err(SessionError::Node(error)) if error.is_transient() => Ok(None),
                    is_set => Ok(is_set?.then_some(())),
                }
            };
            ground.wait("a closed batch holds the message", looks).await?;
            told["isSet"] = json!(true);
        }
        (_, None) => {
            report.progress("waiting until L1 has a batch with the message, and its proof");
            let inbox = Inbox::new(ground.deployment.chain.inbox, ground.l1.provider());
            let looks = || async { Ok((inbox.queueConsumed().call().await? > message).then_some(())) };
            ground.wait("L1 has a batch with the message", looks).await?;
            let asked = async {
                let url = chain.l2_rpc().ok_or(SessionError::NoNode)?;
                let node = Node::connect(&url, name.chain_id, name.genesis).await?;
                is_set(&node, message, account, key_hash).await
            };
            told["isSet"] = match asked.await {
                Ok(true) => json!(true),
                Err(error @ (SessionError::NoAccountHere { .. } | SessionError::OtherSessionKey { .. })) => {
                    return Err(error.into());
                }
                Ok(false) => unknown(account, "the node does not have the batch yet", report),
                Err(error) => unknown(account, error, report),
            };
        }
    }
    told["index"] = json!(flags.key.index);
    Ok(told)
}

/// Whether the account has the key, by a node's word; false while no closed batch holds the message.
///
/// # Errors
/// If one does, and the account has another key or none.
async fn is_set(node: &Node, message: u64, account: Address, key_hash: B256) -> Result<bool, SessionError> {
    if node.status().await?.queue_index <= message {
        return Ok(false);
    }
    let found = node.account(account).await?.ok_or(SessionError::NoAccountHere { account, message })?.session_key_hash;
    if found == Some(key_hash) { Ok(true) } else { Err(SessionError::OtherSessionKey { account, message, found }) }
}

/// What is told where a batch has the message, and no node says what it did.
fn unknown(account: Address, why: impl std::fmt::Display, report: Report) -> Value {
    report.progress(format_args!(
        "L1 has it, which sets the key if {account} had an account before. Whether it had is not known ({why}): `tandem replica --account {account}` finds out"
    ));
    Value::Null
}
