//! Callers in a closed loop: each asks again as soon as it has its answer.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::ensure;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, request};

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
        let requests: Arc<[Vec<u8>]> = requests.iter().map(|body| request(body.as_bytes())).collect();
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

async fn ask(address: SocketAddr, requests: &[Vec<u8>], answers: &AtomicU64) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    for request in requests.iter().cycle() {
        let (_, body) = connection.exchange(request).await?;
        ensure!(body.windows(8).any(|part| part == b"\"result\""), "refused: {}", String::from_utf8_lossy(&body));
        answers.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
