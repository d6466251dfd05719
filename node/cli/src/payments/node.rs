//! A node of a payments chain, as commands ask it. Adversarial: its answers. What is signed names the chain that is meant, whatever a node says.

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, Bytes, U64, U256},
    providers::Provider,
    transports::RpcError,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tandem_l1::{L1Client, RpcFailure};
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(20);

/// JSON-RPC's code of a request that a node has no time for.
const OVERLOADED: i64 = -32005;
/// The words with which a node refuses what it does not know before it has read L1, as after each start.
const SYNCING: &str = "the node reads L1";
/// JSON-RPC's code of a fault of the node's own.
const INTERNAL: i64 = -32603;

/// What to do about a node's refusal, by words that are in it. The first that fits counts; what is not here says so itself.
const ADVICE: [(&str, &str); 10] = [
    ("the chain ended", "`tandem escape exit` pays out what the account holds"),
    ("session key", "`tandem session set-key` sets it through L1"),
    ("has no account", "`tandem bridge deposit` gives it money, and with that an account"),
    ("insufficient funds", "the balance must cover amount and fee: send less, or `tandem bridge deposit` more"),
    ("exceeds balance", "send less, or `tandem bridge deposit-erc20` more"),
    ("nonce too low", "another transaction has this nonce and was applied: see what it was before you send again"),
    ("replacement", "another transaction has this nonce and waits: see what it was before you send again"),
    ("nonce too high", "leave --nonce out: the node knows the next one"),
    ("underpriced", "the price has risen meanwhile: run the command again"),
    ("expired", "the chain's clock is ahead of this machine's: set it, or give a later --expiry"),
];

/// What a node did not do.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It does not answer, or what answers is no node.
    #[error("the node at {url} does not answer {method}: {why}. See that it runs, or give another --l2-rpc")]
    Unreachable {
        /// The node's address.
        url: Url,
        /// What was asked.
        method: &'static str,
        /// What happened to the connection.
        why: RpcFailure,
    },
    /// The node refused the request.
    #[error("the node refuses {method}: {message}{}", advice(message))]
    Refused {
        /// What was asked.
        method: &'static str,
        /// The error's code in JSON-RPC.
        code: i64,
        /// The node's words.
        message: String,
    },
    /// It answered something that the method never answers.
    #[error("the node's answer to {method} is none: {why}. Give another --l2-rpc")]
    Malformed {
        /// What was asked.
        method: &'static str,
        /// What is wrong with the answer.
        why: serde_json::Error,
    },
    /// It serves another chain.
    #[error("the node serves chain {found}, not {expected}: nothing was signed. Give another --l2-rpc")]
    OtherChainId {
        /// The chain that is meant.
        expected: u64,
        /// What the node says.
        found: U256,
    },
    /// It serves another chain with the same id.
    #[error(
        "the node serves a chain with genesis {found}, not {expected}: another deployment under the same id. Nothing was signed; give another --l2-rpc"
    )]
    OtherGenesis {
        /// The genesis that is meant.
        expected: B256,
        /// What the node says.
        found: B256,
    },
    /// It has read nothing of L1 yet.
    #[error("the node has no block 0 yet, because it has not read L1: try again in a moment")]
    NoGenesis,
    /// It answered a transaction with another hash.
    #[error("the node acknowledged {found}, and {expected} was sent: give another --l2-rpc")]
    OtherHash {
        /// Hash of what was sent.
        expected: B256,
        /// What the node says.
        found: B256,
    },
}

impl NodeError {
    /// Whether the same question may be answered later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { code, message, .. } => *code == OVERLOADED || message.contains(SYNCING),
            _ => false,
        }
    }

    /// Whether an honest node surely kept nothing of a transaction that it answered so. One that fails, stops or runs out of time meanwhile may have kept it.
    pub fn is_refusal(&self) -> bool {
        let kept = ["shutting down", "took longer than"];
        matches!(self, Self::Refused { code, message, .. } if *code != INTERNAL && !kept.iter().any(|words| message.contains(words)))
    }
}

fn advice(message: &str) -> String {
    let found = ADVICE.iter().find(|(words, _)| message.contains(words));
    found.map_or_else(String::new, |(_, advice)| format!(" ({advice})"))
}

/// A node that serves the chain that is meant.
#[derive(Clone, Debug)]
pub struct Node {
    client: L1Client,
    url: Url,
}

/// A block, as far as the commands read it.
#[derive(Deserialize)]
struct Block {
    hash: B256,
}

/// A batch as a block, by what a node says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchBlock {
    /// The block's hash.
    pub hash: B256,
    /// The root of the state after it (PAY-TREE).
    pub state_root: B256,
}

/// A transaction in its batch.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The batch, which is the block of the same number; none while it is open.
    pub block_number: Option<U64>,
    /// Gas that was charged.
    pub gas_used: U64,
    /// What was charged, in wei per gas.
    pub effective_gas_price: U64,
    /// What is to be claimed on L1, if it is a withdrawal.
    pub withdrawal: Option<Withdrawal>,
}

/// A withdrawal in its batch.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Withdrawal {
    /// The index by which it is claimed (PAY-CLAIM).
    pub index: U64,
}

/// Where a transaction is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionStatus {
    /// `included`, `waiting`, `dropped` or `unknown`.
    pub status: String,
    /// The strongest promise that holds, if a batch holds it.
    pub promise: Option<String>,
    /// Why it was dropped.
    pub message: Option<String>,
    /// What it waits for, while it waits; `nothing` on a chain that has ended.
    pub waits_for: Option<String>,
}

/// An account, as far as the commands read it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Hash of its session key, if it has one.
    pub session_key_hash: Option<B256>,
}

/// How far the chain is, as the node says.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// The last closed batch.
    pub latest: Latest,
    /// The last batch that L1 has with its proof.
    pub settled: u64,
    /// Messages of the queue that closed batches hold.
    pub queue_index: u64,
    /// Closed batches without a proof.
    pub unproven_batches: Option<u64>,
    /// Transactions in the open batch.
    pub pending_transactions: Option<u64>,
    /// Transactions that wait for a batch.
    pub waiting_transactions: Option<u64>,
}

/// A batch by its number.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Latest {
    /// The batch's index.
    pub number: u64,
}

impl Node {
    /// A node at an address, which must serve this chain: by its id, and by block 0, whose hash is that of the genesis.
    pub async fn connect(url: &Url, chain_id: u64, genesis: B256) -> Result<Self, NodeError> {
        let unreachable = |why| NodeError::Unreachable { url: url.clone(), method: "connections", why };
        let client = L1Client::connect(url, TIMEOUT).await.map_err(unreachable)?;
        let node = Self { client, url: url.clone() };
        let found: U256 = node.ask("eth_chainId", json!([])).await?;
        if found != U256::from(chain_id) {
            return Err(NodeError::OtherChainId { expected: chain_id, found });
        }
        let block: Option<Block> = node.ask("eth_getBlockByNumber", json!(["0x0", false])).await?;
        let found = block.ok_or(NodeError::NoGenesis)?.hash;
        if found != genesis {
            return Err(NodeError::OtherGenesis { expected: genesis, found });
        }
        Ok(node)
    }

    /// What the operator asks, in wei per gas.
    pub async fn gas_price(&self) -> Result<u64, NodeError> {
        let price: U256 = self.ask("eth_gasPrice", json!([])).await?;
        // More than 64 bits are more than anybody may sign.
        Ok(price.saturating_to())
    }

    /// The nonce of an account's next transaction, after all that the node holds of it.
    pub async fn nonce(&self, account: Address) -> Result<u64, NodeError> {
        let nonce: U64 = self.ask("eth_getTransactionCount", json!([account, "pending"])).await?;
        Ok(nonce.to())
    }

    /// Has the node acknowledge a transaction.
    pub async fn send(&self, raw: Bytes, hash: B256) -> Result<(), NodeError> {
        let found: B256 = self.ask("eth_sendRawTransaction", json!([raw])).await?;
        if found == hash { Ok(()) } else { Err(NodeError::OtherHash { expected: hash, found }) }
    }

    /// The receipt of a transaction, if a batch holds it.
    pub async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, NodeError> {
        self.ask("eth_getTransactionReceipt", json!([hash])).await
    }

    /// Where a transaction is.
    pub async fn transaction(&self, hash: B256) -> Result<TransactionStatus, NodeError> {
        self.ask("rollup_transactionStatus", json!([hash])).await
    }

    /// A batch from 1 on that L1 has, as the node has read it there; none if it has not.
    pub async fn batch(&self, index: u64) -> Result<Option<BatchBlock>, NodeError> {
        self.ask("rollup_batch", json!([U64::from(index)])).await
    }

    /// A block, whether L1 has it or not.
    pub async fn block(&self, number: u64) -> Result<Option<BatchBlock>, NodeError> {
        self.ask("eth_getBlockByNumber", json!([U64::from(number), false])).await
    }

    /// An account after the last closed batch, if the chain has one at this address.
    pub async fn account(&self, address: Address) -> Result<Option<Account>, NodeError> {
        self.ask("rollup_account", json!([address, "latest"])).await
    }

    /// How far the chain is.
    pub async fn status(&self) -> Result<NodeStatus, NodeError> {
        self.ask("rollup_status", json!([])).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Result<T, NodeError> {
        let request = self.client.provider().raw_request::<Value, Value>(method.into(), params);
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(RpcFailure::Transport(RpcError::DeserError { err: why, .. })) => {
                return Err(NodeError::Malformed { method, why });
            }
            Err(why) => {
                return Err(match why.error_response() {
                    Some(payload) => {
                        NodeError::Refused { method, code: payload.code, message: payload.message.to_string() }
                    }
                    None => NodeError::Unreachable { url: self.url.clone(), method, why },
                });
            }
        };
        serde_json::from_value(answer).map_err(|why| NodeError::Malformed { method, why })
    }
}
