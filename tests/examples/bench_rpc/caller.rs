//! A connection that is kept, and how long answers take on it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::ensure;
use serde_json::{Value, json};
use tandem_support::connection::{Connection, request};

pub struct Caller(Connection);

impl Caller {
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self(Connection::open(address).await?))
    }

    /// The result, and the time from the request's first byte to the answer's last.
    pub async fn ask(&mut self, method: &str, params: Value) -> anyhow::Result<(Value, Duration)> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let request = request(body.as_bytes());
        let begun = Instant::now();
        let (_, answer) = self.0.exchange(&request).await?;
        let took = begun.elapsed();
        let mut answer: Value = serde_json::from_slice(&answer)?;
        ensure!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
        Ok((answer["result"].take(), took))
    }
}
