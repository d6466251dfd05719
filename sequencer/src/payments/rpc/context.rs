//! What every method reads.

use std::sync::Arc;

use alloy::primitives::Bytes;
use serde_json::Value;
use tandem_chain::ChainConfig;
use tandem_l1::L1Heads;
use tandem_service::Readiness;
use tokio::sync::watch;

use crate::{
    payments::{
        engine::{AskError, EngineConfig, EngineHandle},
        signed::Signed,
        view::Records,
    },
    rpc::{Hosts, Params, RpcError, RpcLimits, Turns},
};

/// Shared by all requests. Cheap to clone.
#[derive(Clone)]
pub struct PaymentsContext {
    pub(super) chain: Arc<ChainConfig>,
    pub(super) config: EngineConfig,
    pub(super) records: Records,
    pub(super) engine: EngineHandle,
    pub(super) l1_heads: watch::Receiver<L1Heads>,
    pub(super) limits: RpcLimits,
    pub(super) readiness: Readiness,
    pub(super) hosts: Arc<Hosts>,
    /// For what only reads.
    pub(super) questions: Turns,
    /// For transactions that are offered: questions, however many, keep none of them waiting.
    offers: Turns,
}

impl PaymentsContext {
    /// Over a node's parts.
    pub fn new(
        chain: ChainConfig,
        config: EngineConfig,
        records: Records,
        engine: EngineHandle,
        l1_heads: watch::Receiver<L1Heads>,
        limits: RpcLimits,
        readiness: Readiness,
    ) -> Self {
        Self {
            chain: Arc::new(chain),
            config,
            records,
            engine,
            l1_heads,
            questions: Turns::new(&limits),
            offers: Turns::new(&limits),
            limits,
            readiness,
            hosts: Arc::default(),
        }
    }

    /// Takes requests in these names only.
    pub fn with_hosts(self, hosts: Hosts) -> Self {
        Self { hosts: Arc::new(hosts), ..self }
    }

    /// Whether L1 was read to its end once.
    pub(super) fn is_synced(&self) -> bool {
        self.l1_heads.borrow().latest.number > 0
    }

    /// Takes a signed transaction, verified off the network threads.
    pub(super) async fn send_raw_transaction(&self, params: &Params) -> Result<Value, RpcError> {
        let bytes: Bytes = params.required(0, "a signed transaction")?;
        let chain = self.chain.clone();
        let read = move |_| Signed::read(&chain, &bytes).map_err(|error| RpcError::Refused(error.into()));
        let signed = self.offers.clone().take(self.limits, read).await?;
        let busy = |error: AskError| RpcError::Refused(error.into());
        let answer = self.engine.submit(signed).await.map_err(busy)?;
        let hash = answer.map_err(|error| RpcError::Refused(error.into()))?;
        serde_json::to_value(hash).map_err(|error| RpcError::Internal(error.to_string()))
    }
}
