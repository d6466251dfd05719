//! A connection that is kept, and how long answers take on it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

pub struct Caller(BufReader<TcpStream>);

impl Caller {
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The result, and the time from the request's first byte to the answer's last.
    pub async fn ask(&mut self, method: &str, params: Value) -> anyhow::Result<(Value, Duration)> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length";
        let request = format!("{head}: {}\r\n\r\n{body}", body.len());
        let begun = Instant::now();
        self.0.get_mut().write_all(request.as_bytes()).await?;
        let mut answer = vec![0; self.read_head().await?];
        self.0.read_exact(&mut answer).await?;
        let took = begun.elapsed();
        let mut answer: Value = serde_json::from_slice(&answer)?;
        ensure!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
        Ok((answer["result"].take(), took))
    }

    /// The length of the body that follows.
    async fn read_head(&mut self) -> anyhow::Result<usize> {
        let (mut line, mut length) = (String::new(), None);
        loop {
            line.clear();
            ensure!(self.0.read_line(&mut line).await? > 0, "the connection was closed");
            match line.trim_end().to_ascii_lowercase().split_once(": ") {
                Some(("content-length", value)) => length = Some(value.parse()?),
                None if line.trim_end().is_empty() => return length.context("an answer without a length"),
                _ => {}
            }
        }
    }
}
