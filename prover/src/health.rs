//! `/healthz` (the process answers), `/readyz` (it keeps up with L1, sees no alarm, and its transactions get to L1; else it says why), `/status` (how far it is, as JSON).

use crate::ProposerStatus;
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde::Serialize;
use std::{io, net::SocketAddr};
use tandem_l1::{ReplicaHead, Stuck};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

/// Up to so many L1 blocks behind counts as keeping up, beyond the confirmation depth.
const LAG_BLOCKS_MAX: u64 = 16;

/// What the answers are made of.
#[derive(Clone, Debug)]
pub struct View {
    /// How far derivation is.
    pub replica: watch::Receiver<ReplicaHead>,
    /// How far claims are.
    pub proposer: watch::Receiver<ProposerStatus>,
    /// What does not get to L1.
    pub stuck: watch::Receiver<Option<Stuck>>,
    /// L1 blocks that derivation stays behind on purpose.
    pub confirmations: u64,
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
    /// Why it is not ready, if it is not.
    fn unready(&self) -> Option<String> {
        let head = *self.replica.borrow();
        let lag_blocks = head.l1_heads.latest.number.saturating_sub(head.l1_block.number);
        if head.l1_block.number == 0 {
            return Some("L1 is not reached yet".into());
        }
        if lag_blocks > LAG_BLOCKS_MAX.saturating_add(self.confirmations) {
            return Some(format!("derivation is {lag_blocks} blocks behind L1"));
        }
        if let Some(alarm) = self.proposer.borrow().alarm {
            return Some(format!("claims on L1 contradict what derivation yields: {alarm:?}"));
        }
        self.stuck.borrow().as_ref().map(Stuck::to_string)
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
pub async fn serve(address: SocketAddr, view: View, token: CancellationToken) -> io::Result<()> {
    let ready = |State(view): State<View>| async move {
        match view.unready() {
            None => (StatusCode::OK, "ready\n".into()),
            Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        }
    };
    let router = Router::new()
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route("/readyz", get(ready))
        .route("/status", get(|State(view): State<View>| async move { Json(view.status()) }))
        .with_state(view);
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "serving health");
    axum::serve(listener, router).with_graceful_shutdown(async move { token.cancelled().await }).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Alarm;
    use tandem_l1::{BlockRef, L1Heads};

    fn view(l1_block: u64, latest: u64, alarm: Option<Alarm>, stuck: Option<Stuck>) -> View {
        let block = |number| BlockRef { number, ..BlockRef::default() };
        let heads = L1Heads { latest: block(latest), ..L1Heads::default() };
        let head = ReplicaHead { batch_index: 0, l1_block: block(l1_block), l1_heads: heads };
        let status = ProposerStatus { alarm, ..ProposerStatus::default() };
        View {
            replica: watch::channel(head).1,
            proposer: watch::channel(status).1,
            stuck: watch::channel(stuck).1,
            confirmations: 4,
        }
    }

    #[test]
    fn readiness_means_keeping_up_without_alarm_and_getting_to_l1() {
        let alarm = Alarm::Failed { epoch: 1, slot_id: Default::default() };
        let waited = std::time::Duration::from_secs(700);
        let stuck =
            Stuck { purpose: "claim epoch".into(), nonce: Some(7), waited, reason: "no block includes it".into() };
        for (view, reason) in [
            (view(10, 14, None, None), None),
            (view(10, 30, None, None), None),
            (view(10, 31, None, None), Some("21 blocks behind")),
            (view(0, 0, None, None), Some("not reached")),
            (view(10, 14, Some(alarm), None), Some("contradict")),
            (view(10, 14, None, Some(stuck)), Some("claim epoch waits to go to L1 for 700 s (nonce 7): no block")),
        ] {
            let said = view.unready();
            match reason {
                None => assert_eq!(said, None),
                Some(reason) => assert!(said.as_ref().is_some_and(|said| said.contains(reason)), "{said:?}"),
            }
        }
    }
}
