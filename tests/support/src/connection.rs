//! One HTTP connection to a node that is kept, as callers keep theirs.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// The status of an answer that has no body.
const NO_CONTENT: u16 = 204;

pub struct Connection(BufReader<TcpStream>);

/// A JSON-RPC body as an HTTP request, in one piece: a body that waits until its head is acknowledged waits for a timer.
pub fn request(body: &[u8]) -> Vec<u8> {
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length";
    [format!("{head}: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

impl Connection {
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request as [`request`] makes it; status and body of its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
        self.0.get_mut().write_all(request).await?;
        let (status, length) = self.read_head().await?;
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok((status, body))
    }

    /// Status of an answer, and the length of the body that follows.
    async fn read_head(&mut self) -> anyhow::Result<(u16, usize)> {
        let (mut line, mut status, mut length) = (String::new(), None, None);
        loop {
            line.clear();
            ensure!(self.0.read_line(&mut line).await? > 0, "the node closed the connection");
            let text = line.trim_end();
            if text.is_empty() {
                let status = status.context("an answer states its status")?;
                let none = (status == NO_CONTENT).then_some(0);
                return Ok((status, length.or(none).context("an answer states its length")?));
            }
            if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
                status = Some(rest.get(..3).context("a status has three digits")?.parse()?);
            } else if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse()?);
            }
        }
    }
}
