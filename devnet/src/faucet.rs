//! What the devnet itself serves, on loopback only: the faucet, `POST /faucet/{address}`, which transfers a little ether on L2, and the beacon
//! API of its L1.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use alloy::{
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
};
use anyhow::Context;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use serde_json::{Value, json};
use tandem_chain::ChainKind;
use tandem_cli::{
    chain::ChainFlags,
    deploy::ether,
    session::{Action, EtherFlags, MAX_FEE_PER_GAS, SendFlags, Until, send},
    wallet::{Call, Wallet},
};
use tandem_l1::{Deployment, L1Client, PrivateKey};
use tandem_service::Report;
use tokio::{net::TcpListener, sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{START_PATIENCE, l1::Beacon, session};

/// What one request gives.
const GIFT_ETHER: u64 = 10;

/// The faucet's server while it runs.
pub struct Faucet {
    address: SocketAddr,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

/// Who gives ether away on L2.
pub enum Giver {
    /// On an EVM chain.
    Wallet(L1Client, PrivateKeySigner),
    /// On a payments chain: the node, the devnet's directory, and whose session key signs.
    Session(Url, PathBuf, PrivateKey),
}

impl Giver {
    /// The account of a key, on the devnet's chain in a directory.
    pub fn new(
        deployment: &Deployment,
        dir: &std::path::Path,
        l2: &L1Client,
        l2_rpc: &Url,
        key: &PrivateKeySigner,
    ) -> anyhow::Result<Self> {
        Ok(match deployment.chain.kind {
            ChainKind::Evm => Self::Wallet(l2.clone(), key.clone()),
            ChainKind::Payments => {
                Self::Session(l2_rpc.clone(), dir.into(), B256::from(key.to_bytes()).to_string().parse()?)
            }
        })
    }

    /// Sends the gift to an account, and returns the hash of the transaction.
    async fn give(&self, to: Address) -> anyhow::Result<Value> {
        match self {
            Self::Wallet(client, key) => {
                let wallet = Wallet::connect(client.clone(), key.clone(), START_PATIENCE).await?;
                let receipt = wallet.send(Call::new(to, Vec::new()).value(ether(GIFT_ETHER))).await?;
                Ok(json!(receipt.transaction_hash))
            }
            Self::Session(l2_rpc, dir, key) => {
                let action = Action::Transfer(EtherFlags { recipient: to, amount: GIFT_ETHER.to_string() });
                let chain = ChainFlags {
                    dir: dir.clone(),
                    deployment: None,
                    l1_rpc: None,
                    l2_rpc: Some(l2_rpc.clone()),
                    l1_beacon: None,
                    payloads: None,
                    key: Some(key.clone()),
                    patience_s: START_PATIENCE.as_secs(),
                };
                let flags = SendFlags {
                    key: session::first_key(),
                    max_fee_per_gas: MAX_FEE_PER_GAS,
                    nonce: None,
                    gas_limit: None,
                    expiry: None,
                    until: Until::Latest,
                };
                let told = send(action, &flags, &chain, Report { json: true }).await?;
                Ok(told["transaction"].clone())
            }
        }
    }
}

impl Faucet {
    /// Listens at a port (0: any free one) and serves from now on.
    pub async fn start(port: u16, giver: Giver, beacon: Beacon) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("faucet port {port}"))?;
        let address = listener.local_addr()?;
        // One transfer at a time, so that nonces follow each other.
        let giver = Arc::new(Mutex::new(giver));
        let router = Router::new().route("/faucet/{address}", post(give)).with_state(giver).merge(beacon.router());
        let cancel = CancellationToken::new();
        let ending = cancel.clone().cancelled_owned();
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(ending).await {
                tracing::error!(%error, "the faucet ended");
            }
        });
        Ok(Self { address, cancel, task })
    }

    /// The address that the server listens at.
    pub fn url(&self) -> anyhow::Result<Url> {
        Ok(Url::parse(&format!("http://{}", self.address))?)
    }

    /// Ends the server, and waits until it has ended.
    pub async fn stop(self) {
        self.cancel.cancel();
        let _ = self.task.await;
    }
}

async fn give(State(giver): State<Arc<Mutex<Giver>>>, Path(address): Path<String>) -> (StatusCode, Json<Value>) {
    let Ok(to) = address.parse::<Address>() else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "that is no address" })));
    };
    match giver.lock().await.give(to).await {
        Ok(transaction) => {
            (StatusCode::OK, Json(json!({ "transaction": transaction, "wei": ether(GIFT_ETHER).to_string() })))
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error.to_string() }))),
    }
}
