//! A connection to an L1 execution endpoint in which every request has a time limit and a typed failure.
//!
//! Adversarial: the endpoint may be slow, inconsistent or lying. What it says is checked by `tandem_chain::Derivation`.

use alloy::{
    consensus::{BlockHeader, Transaction as _},
    eips::{BlockId, BlockNumberOrTag},
    network::TransactionResponse,
    primitives::{Address, B256, Bytes, TxHash},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::{Block, Filter, Log, TransactionReceipt, TransactionRequest},
    transports::{RpcError, TransportError, TransportErrorKind},
};
use std::{future::IntoFuture, time::Duration};
use url::Url;

/// Why a request failed. Always worth asking again.
#[derive(Debug, thiserror::Error)]
pub enum RpcFailure {
    /// No answer in time.
    #[error("no answer from the L1 endpoint within {0:?}")]
    Timeout(Duration),
    /// The endpoint cannot be reached, refused, or answered nonsense.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// What nodes say, in lower case, of a call that they executed and that failed.
const FAILED_CALL: [&str; 6] =
    ["revert", "gas required exceeds", "out of gas", "invalid opcode", "invalid jump", "stack underflow"];

impl RpcFailure {
    /// The endpoint's own error, if it answered with one.
    pub fn error_response(&self) -> Option<&alloy::rpc::json_rpc::ErrorPayload> {
        match self {
            Self::Transport(RpcError::ErrorResp(payload)) => Some(payload),
            _ => None,
        }
    }

    /// Whether the endpoint executed a call and it failed: it reverted, ran out of gas, or met what is no code. All else is about the endpoint.
    pub fn is_of_the_call(&self) -> bool {
        self.error_response().is_some_and(|response| {
            let words = response.message.to_lowercase();
            response.as_revert_data().is_some() || FAILED_CALL.iter().any(|failure| words.contains(failure))
        })
    }
}

/// An L1 block by number and hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockRef {
    /// Number of the block.
    pub number: u64,
    /// Hash of the block.
    pub hash: B256,
}

/// What this crate reads of an L1 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Header {
    /// Number and hash of the block.
    pub id: BlockRef,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// The block's time, in seconds since the Unix epoch.
    pub timestamp: u64,
    /// The block's base fee, in wei per gas.
    pub base_fee: u64,
}

impl L1Header {
    fn of(block: Block) -> Self {
        let header = block.header;
        Self {
            id: BlockRef { number: header.number(), hash: header.hash },
            parent_hash: header.parent_hash(),
            timestamp: header.timestamp(),
            base_fee: header.base_fee_per_gas().unwrap_or_default(),
        }
    }
}

/// What this crate reads of an L1 transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1Transaction {
    /// Callee; none for a creation.
    pub to: Option<Address>,
    /// The transaction's input.
    pub input: Bytes,
    /// Its blobs, in order.
    pub versioned_hashes: Vec<B256>,
    /// The block that includes it, if any.
    pub block_hash: Option<B256>,
}

/// Endpoint plus time limit. Cheap to clone.
#[derive(Clone, Debug)]
pub struct L1Client {
    provider: DynProvider,
    timeout: Duration,
}

impl L1Client {
    /// Connects to `http(s)://` or `ws(s)://`.
    pub async fn connect(url: &Url, timeout: Duration) -> Result<Self, RpcFailure> {
        let connecting = ProviderBuilder::default().connect(url.as_str());
        let provider = tokio::time::timeout(timeout, connecting).await.map_err(|_| RpcFailure::Timeout(timeout))??;
        Ok(Self { provider: DynProvider::new(provider), timeout })
    }

    /// The provider itself, for contract bindings. Wrap what is sent with it into [`L1Client::request`].
    pub fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// Runs one request under the time limit.
    pub async fn request<T>(
        &self,
        request: impl IntoFuture<Output = Result<T, TransportError>>,
    ) -> Result<T, RpcFailure> {
        let answer = tokio::time::timeout(self.timeout, request.into_future()).await;
        Ok(answer.map_err(|_| RpcFailure::Timeout(self.timeout))??)
    }

    /// Runs one contract call under the time limit.
    pub async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, alloy::contract::Error>>,
    ) -> Result<T, RpcFailure> {
        let answer = tokio::time::timeout(self.timeout, call).await.map_err(|_| RpcFailure::Timeout(self.timeout))?;
        answer.map_err(|error| match error {
            alloy::contract::Error::TransportError(error) => error.into(),
            other => RpcFailure::Transport(TransportErrorKind::custom(other)),
        })
    }

    /// A header by number, hash or tag; none if there is no such block.
    pub async fn header(&self, id: impl Into<BlockId>) -> Result<Option<L1Header>, RpcFailure> {
        Ok(self.request(self.provider.get_block(id.into())).await?.map(L1Header::of))
    }

    /// The header of the newest block.
    pub async fn latest(&self) -> Result<L1Header, RpcFailure> {
        self.header(BlockNumberOrTag::Latest).await?.ok_or(RpcFailure::Transport(RpcError::NullResp))
    }

    /// A header by tag; none also if the endpoint does not know the tag.
    pub async fn tagged(&self, tag: BlockNumberOrTag) -> Result<Option<BlockRef>, RpcFailure> {
        match self.header(tag).await {
            Ok(header) => Ok(header.map(|header| header.id)),
            Err(error) if error.error_response().is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The logs that the filter lets through.
    pub async fn logs(&self, filter: &Filter) -> Result<Vec<Log>, RpcFailure> {
        self.request(self.provider.get_logs(filter)).await
    }

    /// A transaction; none if the endpoint does not know it.
    pub async fn transaction(&self, hash: TxHash) -> Result<Option<L1Transaction>, RpcFailure> {
        let found = self.request(self.provider.get_transaction_by_hash(hash)).await?;
        Ok(found.map(|transaction| L1Transaction {
            to: transaction.to(),
            input: transaction.input().clone(),
            versioned_hashes: transaction.blob_versioned_hashes().unwrap_or_default().to_vec(),
            block_hash: TransactionResponse::block_hash(&transaction),
        }))
    }

    /// A receipt; none if the transaction is not included.
    pub async fn receipt(&self, hash: TxHash) -> Result<Option<TransactionReceipt>, RpcFailure> {
        self.request(self.provider.get_transaction_receipt(hash)).await
    }

    /// Transactions that `account` has on L1, at the newest block.
    pub async fn nonce(&self, account: Address) -> Result<u64, RpcFailure> {
        self.request(self.provider.get_transaction_count(account)).await
    }

    /// Transactions that `account` had on L1 after a block; an endpoint without that block's state answers with an error.
    pub async fn nonce_at(&self, account: Address, block: BlockId) -> Result<u64, RpcFailure> {
        self.request(self.provider.get_transaction_count(account).block_id(block)).await
    }

    /// Runs a call against a block; an endpoint's error response carries revert data.
    pub async fn simulate(&self, request: TransactionRequest, at: BlockId) -> Result<Bytes, RpcFailure> {
        self.request(self.provider.call(request).block(at)).await
    }

    /// The chain id that the endpoint tells.
    pub async fn chain_id(&self) -> Result<u64, RpcFailure> {
        self.request(self.provider.get_chain_id()).await
    }
}
