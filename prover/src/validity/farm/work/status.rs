//! What a worker process says of itself.

use serde::Serialize;
use tandem_service::Readiness;
use tokio::sync::watch;

use crate::health::Health;

/// Since the process began, but for what is at work now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkStatus {
    /// Jobs that are at work.
    pub at_work: u64,
    /// Proofs that the farm has.
    pub proven: u64,
    /// Jobs of which there is no proof, for whatever reason.
    pub failed: u64,
    /// Jobs that went back, since there were no keys, memory or disk for them, or the process ended.
    pub returned: u64,
}

/// What the answers are made of.
#[derive(Clone, Debug)]
pub struct View {
    /// How far it is.
    pub status: watch::Receiver<WorkStatus>,
    /// What keeps it from proving.
    pub readiness: Readiness,
}

impl Health for View {
    type Status = WorkStatus;

    fn unready(&self) -> Vec<String> {
        self.readiness.reasons()
    }

    fn status(&self) -> WorkStatus {
        self.status.borrow().clone()
    }

    fn health(&self) -> String {
        let WorkStatus { at_work, proven, failed, .. } = self.status();
        format!("up; {at_work} jobs at work, {proven} proven, {failed} failed\n")
    }

    fn metrics(&self) -> String {
        let (status, unready) = (self.status(), self.unready().len() as u64);
        let figures = [
            ("gauge", "at_work", status.at_work),
            ("counter", "proven_total", status.proven),
            ("counter", "failed_total", status.failed),
            ("counter", "returned_total", status.returned),
            ("gauge", "unready_reasons", unready),
        ];
        let told = |(kind, name, value)| {
            format!("# TYPE tandem_farm_worker_{name} {kind}\ntandem_farm_worker_{name} {value}\n")
        };
        figures.map(told).concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_says_what_it_did() {
        let (told, status) = watch::channel(WorkStatus::default());
        let view = View { status, readiness: Readiness::default() };
        told.send_modify(|status| (status.at_work, status.proven) = (1, 7));
        assert_eq!(view.health(), "up; 1 jobs at work, 7 proven, 0 failed\n");
        assert!(
            view.metrics()
                .contains("# TYPE tandem_farm_worker_proven_total counter\ntandem_farm_worker_proven_total 7\n")
        );
    }
}
