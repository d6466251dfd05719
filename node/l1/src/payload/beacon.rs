//! Blobs over the standard beacon API, `GET /eth/v1/beacon/blobs/{block_id}?versioned_hashes=a,b`.
//!
//! Beacon nodes name blocks by slot, which follows from the time of the execution block. Anvil serves the same path without a
//! consensus layer, has no `/eth/v1/config/spec`, and names blocks by execution number. Adversarial: every byte of every answer;
//! its size is bounded and its blobs are checked by the caller.

use alloy::primitives::{B256, Bytes};
use reqwest::StatusCode;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::sync::OnceCell;
use url::Url;

/// Most bytes of an answer: some 60 blobs in hexadecimal.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Why a beacon node gave no blobs.
#[derive(Debug, thiserror::Error)]
pub enum BeaconError {
    /// Cannot be reached, or broke off.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// The beacon node answered with an error.
    #[error("the beacon node answered {0}")]
    Status(StatusCode),
    /// More bytes than any block has.
    #[error("the beacon node's answer exceeds {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    /// Not the JSON of the API.
    #[error("the beacon node's answer: {0}")]
    Json(#[from] serde_json::Error),
    /// A number of the answer is none.
    #[error("the beacon node's answer: {0}")]
    Number(#[from] std::num::ParseIntError),
    /// The base URL cannot have a path.
    #[error("not the URL of a beacon node: {0}")]
    BadUrl(Url),
    /// The block is older than the beacon chain.
    #[error("time {0} lies before the beacon chain's genesis")]
    BeforeGenesis(u64),
}

/// How blocks are named.
#[derive(Clone, Copy, Debug)]
enum Naming {
    Slots { genesis_time: u64, slot_seconds: u64 },
    ExecutionNumber,
}

/// A beacon node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BeaconClient {
    http: reqwest::Client,
    base: Url,
    naming: Arc<OnceCell<Naming>>,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Genesis {
    genesis_time: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Spec {
    seconds_per_slot: String,
}

impl BeaconClient {
    /// The node at `base`; every request ends after `timeout`.
    pub fn new(base: Url, timeout: Duration) -> Result<Self, BeaconError> {
        let http = reqwest::Client::builder().timeout(timeout).build()?;
        Ok(Self { http, base, naming: Arc::default() })
    }

    /// The blobs of a block that have these hashes, if the node is honest; unchecked, in any order, perhaps too few or too many.
    pub async fn blobs(&self, l1_block: u64, l1_timestamp: u64, hashes: &[B256]) -> Result<Vec<Bytes>, BeaconError> {
        let block_id = match self.naming.get_or_try_init(|| self.find_naming()).await? {
            Naming::ExecutionNumber => l1_block,
            Naming::Slots { genesis_time, slot_seconds } => {
                let elapsed =
                    l1_timestamp.checked_sub(*genesis_time).ok_or(BeaconError::BeforeGenesis(l1_timestamp))?;
                elapsed / slot_seconds
            }
        };
        let url = self.url(&format!("eth/v1/beacon/blobs/{block_id}"))?;
        let mut filtered = url.clone();
        let list: Vec<String> = hashes.iter().map(B256::to_string).collect();
        filtered.set_query(Some(&format!("versioned_hashes={}", list.join(","))));
        match self.answer(filtered).await {
            Ok(blobs) if blobs.len() >= hashes.len() => Ok(blobs),
            // Nodes disagree on how a list is written; without a filter all of them give every blob of the block.
            _ => self.answer(url).await,
        }
    }

    async fn answer(&self, url: Url) -> Result<Vec<Bytes>, BeaconError> {
        match self.get(url).await? {
            Some(answer) => Ok(serde_json::from_slice::<Answer<Vec<Bytes>>>(&answer)?.data),
            None => Err(BeaconError::Status(StatusCode::NOT_FOUND)),
        }
    }

    async fn find_naming(&self) -> Result<Naming, BeaconError> {
        let Some(spec) = self.get(self.url("eth/v1/config/spec")?).await? else { return Ok(Naming::ExecutionNumber) };
        let genesis =
            self.get(self.url("eth/v1/beacon/genesis")?).await?.ok_or(BeaconError::Status(StatusCode::NOT_FOUND))?;
        let spec: Answer<Spec> = serde_json::from_slice(&spec)?;
        let genesis: Answer<Genesis> = serde_json::from_slice(&genesis)?;
        let slot_seconds = spec.data.seconds_per_slot.parse::<std::num::NonZeroU64>()?.get();
        Ok(Naming::Slots { genesis_time: genesis.data.genesis_time.parse()?, slot_seconds })
    }

    fn url(&self, path: &str) -> Result<Url, BeaconError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| BeaconError::BadUrl(self.base.clone()))?
            .pop_if_empty()
            .extend(path.split('/'));
        Ok(url)
    }

    /// The body, or none if there is no such resource.
    async fn get(&self, url: Url) -> Result<Option<Vec<u8>>, BeaconError> {
        let mut response = self.http.get(url).send().await?;
        match response.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            status if !status.is_success() => return Err(BeaconError::Status(status)),
            _ => {}
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(BeaconError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_extend_the_base() {
        for base in ["http://host", "http://host/", "http://host/key/", "http://host/key"] {
            let client = BeaconClient::new(base.parse().unwrap(), Duration::from_secs(1)).unwrap();
            let url = client.url("eth/v1/x").unwrap();
            assert_eq!(url.as_str(), format!("{}/eth/v1/x", base.trim_end_matches('/')));
        }
        let client = BeaconClient::new("data:x".parse().unwrap(), Duration::from_secs(1)).unwrap();
        assert!(matches!(client.url("x"), Err(BeaconError::BadUrl(_))));
    }
}
