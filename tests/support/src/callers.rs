//! Callers in a closed loop: each asks again as soon as it has its answer.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Connections that ask until they are told to end.
pub struct Callers {
    answers: Arc<AtomicU64>,
    cancel: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Callers {
    /// So many connections to a node, which ask these requests in turn.
    pub fn start(address: SocketAddr, connections: usize, requests: &[&str]) -> Self {
        let (answers, cancel, mut tasks) = (Arc::new(AtomicU64::new(0)), CancellationToken::new(), JoinSet::new());
        let requests: Arc<[Vec<u8>]> = requests.iter().map(|body| request(body)).collect();
        for _ in 0..connections {
            let (answers, cancel, requests) = (answers.clone(), cancel.clone(), requests.clone());
            tasks.spawn(async move {
                let asking = ask(address, &requests, &answers);
                cancel.run_until_cancelled(asking).await.unwrap_or(Ok(()))
            });
        }
        Self { answers, cancel, tasks }
    }

    /// How many answers came so far.
    pub fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Ends all of them. An error if one of them was refused or not answered.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.cancel.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}

fn request(body: &str) -> Vec<u8> {
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length";
    format!("{head}: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn ask(address: SocketAddr, requests: &[Vec<u8>], answers: &AtomicU64) -> anyhow::Result<()> {
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    stream.get_ref().set_nodelay(true)?;
    let mut body = Vec::new();
    for request in requests.iter().cycle() {
        stream.get_mut().write_all(request).await?;
        body.resize(read_head(&mut stream).await?, 0);
        stream.read_exact(&mut body).await?;
        ensure!(body.windows(8).any(|part| part == b"\"result\""), "refused: {}", String::from_utf8_lossy(&body));
        answers.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Reads an answer's head; returns the length of its body.
async fn read_head(stream: &mut BufReader<TcpStream>) -> anyhow::Result<usize> {
    let (mut line, mut length) = (String::new(), None);
    loop {
        line.clear();
        ensure!(stream.read_line(&mut line).await? > 0, "the node closed the connection");
        if line.trim_end().is_empty() {
            return length.context("an answer states its length");
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse()?);
        }
    }
}
