//! `/healthz` (the process answers, and says what it does), `/readyz` (nothing keeps it from its work; else it says what does), `/status` (how far it is, as JSON),
//! `/metrics` (the same for Prometheus). Of proposer and challenger: they keep up with L1, see no alarm, and their transactions get to L1.

use std::fmt::Write;

use crate::{ChallengerStatus, ProposerStatus};
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde::Serialize;
use std::{io, net::SocketAddr};
use tandem_l1::{ReplicaHead, replica::LAG_BLOCKS_MAX};
use tandem_service::Readiness;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

/// What a service says of itself.
pub trait Health: Clone + Send + Sync + 'static {
    /// What `/status` tells, as JSON.
    type Status: Serialize;

    /// What keeps it from its work; nothing if it is ready.
    fn unready(&self) -> Vec<String>;

    /// How far it is, for programs.
    fn status(&self) -> Self::Status;

    /// How far it is, for people.
    fn health(&self) -> String;

    /// How far it is, for Prometheus.
    fn metrics(&self) -> String;
}

/// Serves what a service says of itself until `token` is cancelled.
///
/// # Errors
/// If the address cannot be used.
pub async fn serve<H: Health>(address: SocketAddr, service: H, token: CancellationToken) -> io::Result<()> {
    let ready = |State(service): State<H>| async move {
        let reasons = service.unready();
        match reasons.is_empty() {
            true => (StatusCode::OK, "ready\n".into()),
            false => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n"),
        }
    };
    let router = Router::new()
        .route("/healthz", get(|State(service): State<H>| async move { service.health() }))
        .route("/metrics", get(|State(service): State<H>| async move { service.metrics() }))
        .route("/readyz", get(ready))
        .route("/status", get(|State(service): State<H>| async move { Json(service.status()) }))
        .with_state(service);
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "serving health");
    axum::serve(listener, router).with_graceful_shutdown(async move { token.cancelled().await }).await
}

/// What the answers of proposer and challenger are made of.
#[derive(Clone, Debug)]
pub struct View {
    /// How far derivation is.
    pub replica: watch::Receiver<ReplicaHead>,
    /// How far claims are.
    pub proposer: watch::Receiver<ProposerStatus>,
    /// What is disputed.
    pub disputes: watch::Receiver<ChallengerStatus>,
    /// What keeps its parts from their work.
    pub readiness: Readiness,
    /// L1 blocks that derivation stays behind on purpose.
    pub confirmations: u64,
}

/// How far derivation, claims and disputes are.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    derived_batch: u64,
    l1_block: u64,
    l1_latest: u64,
    #[serde(flatten)]
    proposer: ProposerStatus,
    challenger: ChallengerStatus,
}

impl Health for View {
    type Status = Status;

    fn unready(&self) -> Vec<String> {
        let head = *self.replica.borrow();
        let lag_blocks = head.lag_blocks();
        let mut reasons = self.readiness.reasons();
        if head.l1_block.number == 0 {
            reasons.push("L1 is not reached yet".into());
        } else if lag_blocks > LAG_BLOCKS_MAX.saturating_add(self.confirmations) {
            reasons.push(format!("derivation is {lag_blocks} blocks behind L1"));
        }
        reasons
    }

    fn status(&self) -> Status {
        let head = *self.replica.borrow();
        Status {
            derived_batch: head.batch_index,
            l1_block: head.l1_block.number,
            l1_latest: head.l1_heads.latest.number,
            proposer: *self.proposer.borrow(),
            challenger: self.disputes.borrow().clone(),
        }
    }

    /// What is at stake, a line for each dispute.
    fn health(&self) -> String {
        let disputes = self.disputes.borrow();
        let mut text = format!("up; {} disputes, {} gwei locked\n", disputes.disputes.len(), disputes.locked_gwei);
        for dispute in &disputes.disputes {
            let doing = match (&dispute.abstains, &dispute.next_call, dispute.is_computing) {
                (Some(why), _, _) => format!("not played: {why}"),
                (None, Some(call), _) => format!("due: {call}, free until {}", dispute.next_due_at.unwrap_or_default()),
                (None, None, true) => "computing".into(),
                (None, None, false) => "waiting for others".into(),
            };
            let (epoch, commitments, matches) = (dispute.epoch, dispute.commitments, dispute.matches);
            let line =
                writeln!(text, "dispute of epoch {epoch}: {commitments} commitments, {matches} matches; {doing}");
            debug_assert!(line.is_ok(), "a string takes everything");
        }
        text
    }

    fn metrics(&self) -> String {
        let (status, unready) = (self.status(), self.unready().len());
        let abstains = status.challenger.disputes.iter().filter(|dispute| dispute.abstains.is_some()).count();
        let gauges = [
            ("derived_batch", status.derived_batch),
            ("l1_block", status.l1_block),
            ("l1_latest", status.l1_latest),
            ("final_epoch", status.proposer.final_epoch),
            ("claimed_epoch", status.proposer.claimed_epoch),
            ("disputes", status.challenger.disputes.len() as u64),
            ("disputes_not_played", abstains as u64),
            ("dispute_matches", status.challenger.disputes.iter().map(|dispute| dispute.matches as u64).sum()),
            ("dispute_locked_gwei", status.challenger.locked_gwei),
            ("dispute_calls", status.challenger.calls),
            ("commitments_computed_ahead", status.challenger.computed_epochs as u64),
            ("unready_reasons", unready as u64),
        ];
        gauges
            .iter()
            .map(|(name, value)| format!("# TYPE tandem_prover_{name} gauge\ntandem_prover_{name} {value}\n"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use tandem_l1::{BlockRef, L1Heads};

    fn view(l1_block: u64, latest: u64) -> View {
        let block = |number| BlockRef { number, ..BlockRef::default() };
        let heads = L1Heads { latest: block(latest), ..L1Heads::default() };
        let head = ReplicaHead { l1_block: block(l1_block), l1_heads: heads, ..ReplicaHead::default() };
        View {
            replica: watch::channel(head).1,
            proposer: watch::channel(ProposerStatus::default()).1,
            disputes: watch::channel(ChallengerStatus::default()).1,
            readiness: Readiness::default(),
            confirmations: 4,
        }
    }

    #[test]
    fn readiness_means_keeping_up_and_nothing_in_the_way() {
        for (l1_block, latest, reason) in
            [(10, 14, None), (10, 30, None), (10, 31, Some("21 blocks behind")), (0, 0, Some("not reached"))]
        {
            let said = view(l1_block, latest).unready();
            assert_eq!(said.len(), usize::from(reason.is_some()), "{said:?}");
            assert!(reason.is_none_or(|reason| said[0].contains(reason)), "{said:?}");
        }
        let view = view(10, 14);
        let mut silence = view.readiness.trouble("L1", Duration::ZERO);
        silence.holds(|| "cannot be read".into());
        assert_eq!(view.unready(), ["L1: cannot be read (for 0 s)"]);
        drop(silence);
        assert!(view.unready().is_empty());
    }
}
