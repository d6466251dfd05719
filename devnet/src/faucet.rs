//! What the devnet itself serves, on loopback only: the faucet, `POST /faucet/{address}`, which transfers a little ether on L2, and the beacon
//! API of its L1.

use std::{net::SocketAddr, sync::Arc};

use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use anyhow::Context;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use serde_json::{Value, json};
use tandem_cli::{
    deploy::ether,
    wallet::{Call, Wallet},
};
use tandem_l1::L1Client;
use tokio::{net::TcpListener, sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{START_PATIENCE, l1::Beacon};

/// What one request gives.
const GIFT_ETHER: u64 = 10;

/// The faucet's server while it runs.
pub struct Faucet {
    address: SocketAddr,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

/// One transfer at a time, so that nonces follow each other.
type Giver = Arc<Mutex<(L1Client, PrivateKeySigner)>>;

impl Faucet {
    /// Listens at a port (0: any free one) and serves from now on.
    pub async fn start(port: u16, l2: L1Client, key: PrivateKeySigner, beacon: Beacon) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("faucet port {port}"))?;
        let address = listener.local_addr()?;
        let giver: Giver = Arc::new(Mutex::new((l2, key)));
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

async fn give(State(giver): State<Giver>, Path(address): Path<String>) -> (StatusCode, Json<Value>) {
    let Ok(to) = address.parse::<Address>() else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "that is no address" })));
    };
    let giver = giver.lock().await;
    let (client, key) = giver.clone();
    let transfer = async {
        let wallet = Wallet::connect(client, key, START_PATIENCE).await?;
        wallet.send(Call::new(to, Vec::new()).value(ether(GIFT_ETHER))).await
    };
    match transfer.await {
        Ok(receipt) => (
            StatusCode::OK,
            Json(json!({ "transaction": receipt.transaction_hash, "wei": ether(GIFT_ETHER).to_string() })),
        ),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error.to_string() }))),
    }
}
