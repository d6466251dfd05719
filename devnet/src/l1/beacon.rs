//! The beacon API of the devnet's L1: blobs by versioned hash from the archive, whatever Anvil still knows of them; the rest as Anvil says.

use alloy::primitives::{B256, Bytes};
use axum::{
    Json, Router,
    extract::{RawQuery, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tandem_chain::batch::BLOBS_MAX;
use tandem_l1::Archive;
use url::Url;

/// What the routes need.
#[derive(Clone, Debug)]
pub struct Beacon {
    anvil: Url,
    http: reqwest::Client,
    archive: Archive,
}

impl Beacon {
    /// A beacon API in front of Anvil's, which keeps every blob in an archive.
    pub fn new(anvil: Url, archive: Archive) -> Self {
        Self { anvil, http: reqwest::Client::new(), archive }
    }

    /// The routes below `/eth/`, which beacon nodes have.
    pub fn router(self) -> Router {
        Router::new()
            .route("/eth/v1/beacon/blobs/{block}", get(blobs))
            .route("/eth/{*rest}", get(pass_on))
            .with_state(self)
    }

    /// All of them, if the archive has them all.
    async fn archived(&self, hashes: &[B256]) -> Option<Vec<Bytes>> {
        let mut blobs = Vec::new();
        for hash in hashes {
            blobs.push(self.archive.blob(*hash).await.ok()??);
        }
        Some(blobs)
    }
}

async fn blobs(State(beacon): State<Beacon>, RawQuery(query): RawQuery, uri: Uri) -> Response {
    let asked = query.as_deref().and_then(versioned_hashes);
    if let Some(hashes) = asked
        && let Some(blobs) = beacon.archived(&hashes).await
    {
        return Json(json!({ "execution_optimistic": false, "finalized": false, "data": blobs })).into_response();
    }
    pass_on(State(beacon), uri).await
}

/// The hashes of a query, as one list or several; none if there are none, more than a batch has, or something else among them.
fn versioned_hashes(query: &str) -> Option<Vec<B256>> {
    let values = query.split('&').filter_map(|pair| pair.strip_prefix("versioned_hashes="));
    let hashes: Result<Vec<B256>, _> =
        values.flat_map(|list| list.split(',')).take(BLOBS_MAX + 1).map(str::parse).collect();
    hashes.ok().filter(|hashes| (1..=BLOBS_MAX).contains(&hashes.len()))
}

async fn pass_on(State(beacon): State<Beacon>, uri: Uri) -> Response {
    let mut url = beacon.anvil.clone();
    url.set_path(uri.path());
    url.set_query(uri.query());
    let answer = async {
        let answer = beacon.http.get(url).send().await?;
        Ok::<_, reqwest::Error>((answer.status(), answer.bytes().await?))
    };
    match answer.await {
        Ok((status, body)) => (status, [("content-type", "application/json")], body).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, Json(json!({ "error": error.to_string() }))).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_come_as_one_list_or_several() {
        let [one, two] = [1, 2].map(B256::repeat_byte);
        let both = Some(vec![one, two]);
        assert_eq!(versioned_hashes(&format!("versioned_hashes={one},{two}")), both);
        assert_eq!(versioned_hashes(&format!("x=1&versioned_hashes={one}&versioned_hashes={two}")), both);
        assert_eq!(versioned_hashes(""), None);
        assert_eq!(versioned_hashes("versioned_hashes=0x12"), None);
        assert_eq!(
            versioned_hashes(&format!("versioned_hashes={}", vec![one.to_string(); BLOBS_MAX + 1].join(","))),
            None
        );
    }
}
