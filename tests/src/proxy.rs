//! An L1 endpoint that now and then leaves something out, as one does whose log index is behind its blocks.

use std::sync::{Arc, Mutex, PoisonError};

use alloy::primitives::B256;
use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

/// Passes everything on to another endpoint. Ends with the runtime.
pub struct ForgetfulProxy {
    /// Where it listens.
    pub url: Url,
    leaves: Arc<Leaves>,
}

struct Leaves {
    upstream: Url,
    client: reqwest::Client,
    /// First topic of the log to leave out. A lock, since requests come on any thread.
    next: Mutex<Option<B256>>,
}

impl Leaves {
    fn next(&self) -> std::sync::MutexGuard<'_, Option<B256>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ForgetfulProxy {
    /// Before `upstream`.
    pub async fn start(upstream: Url) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = Url::parse(&format!("http://{}", listener.local_addr()?))?;
        let leaves = Arc::new(Leaves { upstream, client: reqwest::Client::new(), next: Mutex::new(None) });
        let router = Router::new().route("/", post(pass)).with_state(leaves.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, leaves })
    }

    /// Leaves the next log with this first topic out of an answer, once.
    pub fn forget_one(&self, topic: B256) {
        *self.leaves.next() = Some(topic);
    }

    /// Whether it has.
    pub fn has_forgotten(&self) -> bool {
        self.leaves.next().is_none()
    }
}

async fn pass(State(leaves): State<Arc<Leaves>>, Json(request): Json<Value>) -> Json<Value> {
    let answer =
        async { leaves.client.post(leaves.upstream.clone()).json(&request).send().await?.json::<Value>().await };
    let mut answer = answer.await.unwrap_or_else(|error| {
        json!({ "jsonrpc": "2.0", "id": request["id"], "error": { "code": -32603, "message": error.to_string() } })
    });
    if request["method"] == "eth_getLogs"
        && let Some(logs) = answer["result"].as_array_mut()
    {
        let mut next = leaves.next();
        if let Some(place) = next.and_then(|topic| logs.iter().position(|log| log["topics"][0] == json!(topic))) {
            logs.remove(place);
            *next = None;
        }
    }
    Json(answer)
}
