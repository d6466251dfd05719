//! `/healthz` (the process answers), `/readyz` (it keeps up with L1 and sees no alarm), `/status` (how far it is, as JSON).

use crate::ProposerStatus;
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde::Serialize;
use std::{io, net::SocketAddr};
use tandem_l1::ReplicaHead;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

/// Up to so many L1 blocks behind counts as keeping up, beyond the confirmation depth.
const LAG_BLOCKS_MAX: u64 = 16;

#[derive(Clone)]
struct View {
    replica: watch::Receiver<ReplicaHead>,
    proposer: watch::Receiver<ProposerStatus>,
    confirmations: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    derived_batch: u64,
    l1_block: u64,
    l1_latest: u64,
    #[serde(flatten)]
    proposer: ProposerStatus,
}

impl View {
    fn is_ready(&self) -> bool {
        let head = *self.replica.borrow();
        let lag_blocks = head.l1_heads.latest.number.saturating_sub(head.l1_block.number);
        head.l1_block.number > 0
            && lag_blocks <= LAG_BLOCKS_MAX.saturating_add(self.confirmations)
            && self.proposer.borrow().alarm.is_none()
    }

    fn status(&self) -> Status {
        let head = *self.replica.borrow();
        Status {
            derived_batch: head.batch_index,
            l1_block: head.l1_block.number,
            l1_latest: head.l1_heads.latest.number,
            proposer: *self.proposer.borrow(),
        }
    }
}

/// Serves until `token` is cancelled.
pub async fn serve(
    address: SocketAddr,
    replica: watch::Receiver<ReplicaHead>,
    proposer: watch::Receiver<ProposerStatus>,
    confirmations: u64,
    token: CancellationToken,
) -> io::Result<()> {
    let ready = |State(view): State<View>| async move {
        if view.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    };
    let router = Router::new()
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route("/readyz", get(ready))
        .route("/status", get(|State(view): State<View>| async move { Json(view.status()) }))
        .with_state(View { replica, proposer, confirmations });
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "serving health");
    axum::serve(listener, router).with_graceful_shutdown(async move { token.cancelled().await }).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Alarm;
    use tandem_l1::{BlockRef, L1Heads};

    fn view(l1_block: u64, latest: u64, alarm: Option<Alarm>) -> View {
        let block = |number| BlockRef { number, ..BlockRef::default() };
        let heads = L1Heads { latest: block(latest), ..L1Heads::default() };
        let head = ReplicaHead { batch_index: 0, l1_block: block(l1_block), l1_heads: heads };
        let status = ProposerStatus { alarm, ..ProposerStatus::default() };
        View { replica: watch::channel(head).1, proposer: watch::channel(status).1, confirmations: 4 }
    }

    #[test]
    fn readiness_means_keeping_up_without_alarm() {
        assert!(view(10, 14, None).is_ready());
        assert!(view(10, 30, None).is_ready());
        assert!(!view(10, 31, None).is_ready());
        assert!(!view(0, 0, None).is_ready());
        assert!(!view(10, 14, Some(Alarm::Failed { epoch: 1, slot_id: Default::default() })).is_ready());
    }
}
