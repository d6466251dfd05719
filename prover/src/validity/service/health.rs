//! `/healthz` (the process answers, and says what it proves), `/readyz` (L1, the sequencer and the workers let it prove; else it says what is in the way), `/status` (how far it
//! is, as JSON), `/metrics` (the same for Prometheus).

use std::{io, net::SocketAddr};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use tandem_service::Readiness;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use super::status::Status;

/// What the answers are made of.
#[derive(Clone, Debug)]
pub struct View {
    /// How far the service is.
    pub status: watch::Receiver<Status>,
    /// What keeps it from proving.
    pub readiness: Readiness,
}

impl View {
    fn unready(&self) -> Vec<String> {
        let mut reasons = self.readiness.reasons();
        if self.status.borrow().l1_block == 0 {
            reasons.push("L1 is not reached yet".into());
        }
        reasons
    }

    fn health(&self) -> String {
        let status = self.status.borrow();
        match status.proving_batch {
            0 => "up; nothing to prove\n".into(),
            batch => format!("up; proving batch {batch}, {} chunks to go\n", status.missing_chunks),
        }
    }

    fn metrics(&self) -> String {
        self.status.borrow().metrics(self.unready().len())
    }
}

/// Serves until `token` is cancelled.
///
/// # Errors
/// If the address cannot be used.
pub async fn serve(address: SocketAddr, view: View, token: CancellationToken) -> io::Result<()> {
    let ready = |State(view): State<View>| async move {
        let reasons = view.unready();
        match reasons.is_empty() {
            true => (StatusCode::OK, "ready\n".into()),
            false => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n"),
        }
    };
    let router = Router::new()
        .route("/healthz", get(|State(view): State<View>| async move { view.health() }))
        .route("/metrics", get(|State(view): State<View>| async move { view.metrics() }))
        .route("/readyz", get(ready))
        .route("/status", get(|State(view): State<View>| async move { Json(view.status.borrow().clone()) }))
        .with_state(view);
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "serving health");
    axum::serve(listener, router).with_graceful_shutdown(async move { token.cancelled().await }).await
}
