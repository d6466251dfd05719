//! An L1 endpoint as operators meet it: now and then it leaves something out, as one does whose log index is behind its blocks, and at times it
//! is not there.

use std::sync::{Arc, Mutex, PoisonError};

use alloy::primitives::B256;
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};
use url::Url;

/// Passes everything on to another endpoint. Ends with the runtime.
pub struct L1Proxy {
    /// The address that the proxy listens at.
    pub url: Url,
    shared: Arc<Shared>,
    presence: watch::Sender<Presence>,
}

/// Whether it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It passes requests on and answers.
    Answers,
    /// It refuses every request at once.
    Refuses,
    /// It takes requests and says nothing until it is back, when it refuses them.
    Silent,
}

struct Shared {
    upstream: Url,
    client: reqwest::Client,
    /// First topic of the log to leave out. A lock, since requests come on any thread.
    next: Mutex<Option<B256>>,
    presence: watch::Receiver<Presence>,
}

impl Shared {
    fn next(&self) -> std::sync::MutexGuard<'_, Option<B256>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl L1Proxy {
    /// Before `upstream`, which need not listen yet.
    pub async fn start(upstream: Url) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = Url::parse(&format!("http://{}", listener.local_addr()?))?;
        let (presence, receiver) = watch::channel(Presence::Answers);
        let client = reqwest::Client::new();
        let shared = Arc::new(Shared { upstream, client, next: Mutex::new(None), presence: receiver });
        let router = Router::new().route("/", post(pass)).layer(DefaultBodyLimit::disable()).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, shared, presence })
    }

    /// Leaves the next log with this first topic out of an answer, once.
    pub fn forget_one(&self, topic: B256) {
        *self.shared.next() = Some(topic);
    }

    /// Whether the log that was to be forgotten has been left out of an answer.
    pub fn has_forgotten(&self) -> bool {
        self.shared.next().is_none()
    }

    /// Goes away, or comes back.
    pub fn be(&self, presence: Presence) {
        self.presence.send_replace(presence);
    }
}

async fn pass(State(shared): State<Arc<Shared>>, Json(request): Json<Value>) -> (StatusCode, Json<Value>) {
    let mut presence = shared.presence.clone();
    let now = *presence.borrow();
    if now != Presence::Answers {
        if now == Presence::Silent {
            let _ = presence.wait_for(|presence| *presence != Presence::Silent).await;
        }
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": "an outage" })));
    }
    let answer =
        async { shared.client.post(shared.upstream.clone()).json(&request).send().await?.json::<Value>().await };
    let mut answer = answer.await.unwrap_or_else(|error| {
        json!({ "jsonrpc": "2.0", "id": request["id"], "error": { "code": -32603, "message": error.to_string() } })
    });
    if request["method"] == "eth_getLogs"
        && let Some(logs) = answer["result"].as_array_mut()
    {
        let mut next = shared.next();
        if let Some(place) = next.and_then(|topic| logs.iter().position(|log| log["topics"][0] == json!(topic))) {
            logs.remove(place);
            *next = None;
        }
    }
    (StatusCode::OK, Json(answer))
}
