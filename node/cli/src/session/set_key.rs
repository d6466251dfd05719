//! Setting an account's session key through L1, as a session key cannot (PAY-L1KEY), and waiting until the chain has it.

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::{Value, json};
use tandem_l1::bindings::Inbox;
use tandem_payments::field::integer;

use super::{chain_name::ChainName, error::SessionError, key::KeyFlags, send::Until};
use crate::{
    chain::{ChainFlags, Ground},
    payments::{bridge, node::Node},
    report::Report,
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
    let mut told = bridge::queue_session_key(&ground, integer(key.public().hash()), report).await?;
    let message = told["message"].as_u64().context("the message has no position")?;
    match (flags.until, node) {
        (Until::Sent, _) => {}
        (_, Some(node)) => {
            report.progress("waiting until a closed batch holds the message");
            let looks = || async { Ok((node.status().await?.queue_index > message).then_some(())) };
            ground.wait("a closed batch holds the message", looks).await?;
        }
        (_, None) => {
            report.progress("waiting until L1 has a batch with the message, and its proof");
            let inbox = Inbox::new(ground.deployment.chain.inbox, ground.l1.provider());
            let looks = || async { Ok((inbox.queueConsumed().call().await? > message).then_some(())) };
            ground.wait("L1 has a batch with the message", looks).await?;
        }
    }
    told["index"] = json!(flags.key.index);
    Ok(told)
}
