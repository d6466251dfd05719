//! Sending an operation through a node, and waiting for what becomes of it. Twin: `sdk/src/client.ts`.

use std::time::Duration;

use alloy::primitives::{Address, B256};
use clap::Args;
use serde_json::{Value, json};
use tandem_l1::Deployment;
use tandem_payments::operation::{Call, Operation};
use tandem_service::Report;
use tokio::time::Instant;

use super::{
    action::Action,
    error::SessionError,
    key::KeyFlags,
    sign::{Limits, sign},
};
use crate::{
    bridge::recipient::check_payee,
    chain::{ChainFlags, PrivateKey},
    payments::node::{Node, Receipt},
};

/// 100 gwei, at which a transfer to a new account costs 0.0042 ether.
pub const MAX_FEE_PER_GAS: u64 = 100_000_000_000;

const POLL: Duration = Duration::from_millis(250);

/// Promises that hold for a proven batch alone.
const PROVEN: [&str; 3] = ["safe", "settled", "finalized"];

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Until {
    /// The node has it
    Sent,
    /// A closed batch holds it, by the sequencer's word
    Latest,
    /// L1 has that batch with its proof
    Settled,
}

/// How an operation is sent.
#[derive(Clone, Debug, Args)]
pub struct SendFlags {
    /// Which key signs
    #[command(flatten)]
    pub key: KeyFlags,
    /// Highest price per gas, in wei; nothing is signed if the node asks more
    #[arg(long, default_value_t = MAX_FEE_PER_GAS)]
    pub max_fee_per_gas: u64,
    /// Nonce of the operation; the account's next if absent
    #[arg(long)]
    pub nonce: Option<u64>,
    /// Most gas; what the operation can take if absent
    #[arg(long)]
    pub gas_limit: Option<u64>,
    /// Last timestamp at which it may be applied, in seconds; a day from now if absent
    #[arg(long)]
    pub expiry: Option<u64>,
    /// What is waited for, --patience-s at most
    #[arg(long, value_enum, default_value_t = Until::Latest)]
    pub until: Until,
}

/// An operation with whatever a command needs to send it.
#[derive(Clone, Debug, Args)]
pub struct Sending<T: Args> {
    /// The operation to send.
    #[command(flatten)]
    pub what: T,
    /// How it is sent.
    #[command(flatten)]
    pub how: SendFlags,
}

/// A transaction that a node has acknowledged.
struct Sent {
    hash: B256,
    operation: Operation,
}

/// Signs an operation at the price that the node asks, sends it and waits; what became of it.
pub async fn send(
    action: &Action,
    flags: &SendFlags,
    chain: &ChainFlags,
    wallet: Option<&PrivateKey>,
    report: Report,
) -> Result<Value, SessionError> {
    let call = action.call()?;
    let (_, recipient, amount) = parts(&call);
    if amount == 0 && is_withdrawal(&call) {
        return Err(SessionError::NothingWithdrawn);
    }
    let deployment = Deployment::read(&chain.deployment_path())?;
    let name = flags.key.deployed_chain(&deployment)?;
    // Here too: an account acts on L2 as on L1, and these contracts act for nobody.
    check_payee(&deployment, recipient)?;
    let (account, key) = flags.key.derive(name, wallet)?;
    let node = Node::connect(&chain.l2_rpc().ok_or(SessionError::NoNode)?, name.chain_id, name.genesis).await?;
    let asked = node.gas_price().await?;
    if asked > flags.max_fee_per_gas {
        return Err(SessionError::Price { asked, limit: flags.max_fee_per_gas });
    }
    let nonce = match flags.nonce {
        Some(nonce) => nonce,
        None => node.nonce(account).await?,
    };
    // The operator may charge whatever is signed: so what he asked, and not what could be paid.
    let limits = Limits { nonce, max_fee_per_gas: asked, gas_limit: flags.gas_limit, expiry: flags.expiry };
    let transaction = sign(name, limits, call, account, &key)?;
    let (operation, hash) = (transaction.operation, transaction.hash());
    node.send(transaction.encode().into(), hash).await.map_err(|error| {
        let error = Box::new(error);
        if error.is_refusal() {
            SessionError::Refused { error, nonce }
        } else {
            SessionError::Uncertain { hash, nonce, error }
        }
    })?;
    let sent = Sent { hash, operation };
    let most = u128::from(operation.gas_limit).saturating_mul(asked.into());
    report.progress(format_args!(
        "the node has {hash}, signed for chain {} with nonce {nonce}, which costs {most} wei at most",
        name.chain_id
    ));
    let receipt = match flags.until {
        Until::Sent => None,
        until => Some(sent.wait(&node, until, Duration::from_secs(chain.patience_s), report).await?),
    };
    Ok(sent.tell(receipt, flags.until))
}

impl Sent {
    async fn wait(
        &self,
        node: &Node,
        until: Until,
        patience: Duration,
        report: Report,
    ) -> Result<Receipt, SessionError> {
        report.progress(match until {
            Until::Settled => "waiting until L1 has its batch with a proof",
            Until::Sent | Until::Latest => "waiting until a batch with it is closed",
        });
        let deadline = Instant::now() + patience;
        let mut state = "is in no closed batch yet";
        loop {
            match self.look(node, until, &mut state).await {
                Ok(Some(receipt)) => return Ok(receipt),
                Ok(None) => {}
                // It is acknowledged: a node that is away for a moment keeps it.
                Err(SessionError::Node(error)) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
            if Instant::now() >= deadline {
                let Operation { expiry, nonce, .. } = self.operation;
                return Err(SessionError::Late { hash: self.hash, waited_s: patience.as_secs(), state, expiry, nonce });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn look(&self, node: &Node, until: Until, state: &mut &'static str) -> Result<Option<Receipt>, SessionError> {
        let receipt = node.receipt(self.hash).await?.filter(|receipt| receipt.block_number.is_some());
        if receipt.is_some() && until == Until::Latest {
            return Ok(receipt);
        }
        *state = if receipt.is_some() { "is in a batch that is not proven yet" } else { "is in no closed batch yet" };
        let status = node.transaction(self.hash).await?;
        if status.status == "dropped" {
            let reason = status.message.unwrap_or_else(|| "it does not say why".into());
            return Err(SessionError::Dropped { hash: self.hash, reason, nonce: self.operation.nonce });
        }
        if status.waits_for.is_some_and(|event| event == "nothing") {
            return Err(SessionError::Ended { hash: self.hash });
        }
        let is_proven = status.promise.is_some_and(|promise| PROVEN.contains(&promise.as_str()));
        Ok(receipt.filter(|_| is_proven))
    }

    /// What happened, and what is left to do.
    fn tell(&self, receipt: Option<Receipt>, until: Until) -> Value {
        let Operation { sender, nonce, call, max_fee_per_gas, expiry, .. } = self.operation;
        let (token, recipient, amount) = parts(&call);
        let mut told = json!({
            "transaction": self.hash,
            "account": sender,
            "nonce": nonce,
            "token": token.map_or(json!("ETH"), |token| json!(token)),
            "recipient": recipient,
            "amount": amount.to_string(),
            "gasPrice": max_fee_per_gas.to_string(),
            "expiry": expiry,
            "state": match until {
                Until::Sent => "sent",
                Until::Latest => "latest",
                Until::Settled => "settled",
            },
        });
        if let Some(Receipt { block_number: Some(batch), gas_used, effective_gas_price, withdrawal }) = receipt {
            let fee = gas_used.to::<u128>().saturating_mul(effective_gas_price.to());
            told["gasPrice"] = json!(effective_gas_price.to::<u64>().to_string());
            (told["batch"], told["fee"]) = (json!(batch.to::<u64>()), json!(fee.to_string()));
            if let Some(withdrawal) = withdrawal {
                told["withdrawal"] = json!(withdrawal.index.to::<u64>());
            }
        }
        if is_withdrawal(&call) {
            let claim = match told["withdrawal"].as_u64() {
                Some(index) => format!("`tandem bridge claim {index}` pays it out on L1"),
                None => format!("`tandem bridge claim` with the key of {recipient} pays it out on L1"),
            };
            told["next"] = match (until, told["batch"].as_u64()) {
                (Until::Settled, _) => json!(claim),
                (_, Some(batch)) => json!(format!("once L1 has batch {batch} (`tandem status`), {claim}")),
                (_, None) => json!(format!("once L1 has its batch, {claim}")),
            };
        }
        told
    }
}

fn is_withdrawal(call: &Call) -> bool {
    matches!(call, Call::WithdrawEth { .. } | Call::WithdrawToken { .. })
}

/// The token, if it is not ether; the recipient, and the amount in the smallest unit.
fn parts(call: &Call) -> (Option<Address>, Address, u128) {
    match *call {
        Call::Transfer { recipient, amount } | Call::WithdrawEth { recipient, amount } => (None, recipient, amount),
        Call::TokenTransfer { token, recipient, amount } | Call::WithdrawToken { token, recipient, amount } => {
            (Some(token), recipient, amount)
        }
        Call::SetSession { .. } => (None, Address::ZERO, 0),
    }
}
