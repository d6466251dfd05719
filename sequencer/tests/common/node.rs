//! A node that serves its JSON-RPC, over an L1 whose prices the test states.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256, U256},
    providers::{Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
};
use serde_json::{Value, json};
use tandem_l1::L1Heads;
use tandem_sequencer::{
    engine::EngineConfig,
    evm::rpc::METHODS,
    rpc::{RpcContext, RpcLimits, serve},
};
use tokio::{net::TcpListener, sync::watch};

use super::{DEADLINE, ETHER, Rig, chain, user};

/// Engine and JSON-RPC of a sequencer, over an L1 that the test plays.
pub struct Node {
    pub rig: Rig,
    address: SocketAddr,
    _l1_heads: watch::Sender<L1Heads>,
    _directory: tempfile::TempDir,
}

impl Node {
    /// `l1_prices` are L1's base fee and blob base fee, in wei.
    pub async fn start(config: EngineConfig, l1_prices: [u64; 2]) -> Self {
        Self::start_limited(config, l1_prices, RpcLimits::default()).await
    }

    /// Likewise, with limits of its own.
    pub async fn start_limited(config: EngineConfig, l1_prices: [u64; 2], limits: RpcLimits) -> Self {
        Self::start_adjusted(config, l1_prices, limits, |context| context).await
    }

    /// Likewise, with a context of its own.
    pub async fn start_adjusted(
        config: EngineConfig,
        l1_prices: [u64; 2],
        limits: RpcLimits,
        adjust: impl FnOnce(RpcContext) -> RpcContext,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let rig = Rig::start_priced(directory.path(), config, l1_prices).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, l1_heads) = watch::channel(L1Heads::default());
        let context = RpcContext::new(METHODS, chain(), rig.store.clone(), rig.engine.clone(), l1_heads, limits);
        tokio::spawn(serve(listener, adjust(context), rig.cancel.clone()));
        Self { rig, address, _l1_heads: sender, _directory: directory }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The answer, or the error's message.
    pub async fn try_ask(&self, method: &str, params: Value) -> Result<Value, String> {
        let provider = ProviderBuilder::new().connect_http(self.url().parse().unwrap());
        let answer: Result<Value, _> = provider.raw_request(method.to_owned().into(), params).await;
        answer
            .map_err(|error| error.as_error_resp().map_or_else(|| error.to_string(), |error| error.message.to_string()))
    }

    pub async fn ask(&self, method: &str, params: Value) -> Value {
        self.try_ask(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    pub async fn quantity(&self, method: &str, params: Value) -> U256 {
        quantity(&self.ask(method, params).await)
    }

    pub async fn balance(&self, account: Address) -> U256 {
        self.quantity("eth_getBalance", json!([account, "latest"])).await
    }

    /// A user with an ether.
    pub async fn rich(&mut self, seed: u8) -> PrivateKeySigner {
        let user = user(seed);
        self.rig.deposit(user.address(), ETHER).await;
        user
    }

    /// The receipt, once there is one.
    pub async fn receipt(&self, what: &str, hash: B256) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let receipt = self.ask("eth_getTransactionReceipt", json!([hash])).await;
            if !receipt.is_null() {
                return receipt;
            }
            assert!(Instant::now() < deadline, "{what}: not included");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A number as JSON-RPC writes it.
pub fn quantity(value: &Value) -> U256 {
    serde_json::from_value(value.clone()).unwrap()
}
