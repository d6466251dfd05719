//! How far the service is: what `/status` and `/metrics` tell.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

/// Proofs of one circuit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Proofs {
    /// How many were made.
    pub proofs: u64,
    /// How long their workers had them, in seconds.
    pub seconds: f64,
}

/// A farm of provers, as its coordinator sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FarmFigures {
    /// Jobs now that no worker is heard to have begun.
    pub jobs_waiting: u64,
    /// Workers that were ever heard of, by name.
    pub workers_seen: u64,
    /// Results that were looked at.
    pub results: u64,
    /// Those among them that were no proof of their chunk.
    pub refused: u64,
}

/// Since the process began, but for what it holds now.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Number of the last L1 block that was read.
    pub l1_block: u64,
    /// The last batch on L1.
    pub settled_batch: u64,
    /// Batches taken and not brought back.
    pub held_batches: u64,
    /// The batch that workers have; 0 if none.
    pub proving_batch: u64,
    /// Its chunks without a proof.
    pub missing_chunks: u64,
    /// Batches that got their last proof.
    pub proven_batches: u64,
    /// Batches that the sequencer took.
    pub brought_back_batches: u64,
    /// Batches that were not wanted any more when they were at work or came back.
    pub unwanted_batches: u64,
    /// Batches that were refused here: something that they claim is not so.
    pub refused_batches: u64,
    /// By the circuit's name.
    pub circuits: BTreeMap<&'static str, Proofs>,
    /// By the worker's number: how often it had no proof, or none that verifies.
    pub faults: BTreeMap<u32, u64>,
    /// With a farm alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub farm: Option<FarmFigures>,
}

impl Status {
    /// A chunk was proven.
    pub fn proven(&mut self, circuit: &'static str, took: Duration, missing: usize) {
        let proofs = self.circuits.entry(circuit).or_default();
        proofs.proofs = proofs.proofs.saturating_add(1);
        proofs.seconds += took.as_secs_f64();
        self.missing_chunks = missing as u64;
    }

    /// A worker failed.
    pub fn fault(&mut self, worker: u32) {
        let faults = self.faults.entry(worker).or_default();
        *faults = faults.saturating_add(1);
    }

    /// Something happened in the farm.
    pub fn farm(&mut self, change: impl FnOnce(&mut FarmFigures)) {
        change(self.farm.get_or_insert_default());
    }

    /// The same for Prometheus.
    pub fn metrics(&self, unready_reasons: usize) -> String {
        let gauges = [
            ("l1_block", self.l1_block),
            ("settled_batch", self.settled_batch),
            ("held_batches", self.held_batches),
            ("proving_batch", self.proving_batch),
            ("missing_chunks", self.missing_chunks),
            ("unready_reasons", unready_reasons as u64),
        ];
        let counters = [
            ("proven_batches_total", self.proven_batches),
            ("brought_back_batches_total", self.brought_back_batches),
            ("unwanted_batches_total", self.unwanted_batches),
            ("refused_batches_total", self.refused_batches),
        ];
        let farm = self.farm.iter().flat_map(|farm| {
            [
                ("gauge", "farm_jobs_waiting", farm.jobs_waiting),
                ("gauge", "farm_workers_seen", farm.workers_seen),
                ("counter", "farm_results_total", farm.results),
                ("counter", "farm_refused_total", farm.refused),
            ]
        });
        let farm = farm.map(|(kind, name, value)| family(kind, name, [(String::new(), value.to_string())]));
        let proofs = self.circuits.iter().map(|(name, proofs)| (name, proofs.proofs.to_string()));
        let seconds = self.circuits.iter().map(|(name, proofs)| (name, proofs.seconds.to_string()));
        let faults = self.faults.iter().map(|(worker, faults)| (worker, faults.to_string()));
        let single = |kind| move |(name, value): (&str, u64)| family(kind, name, [(String::new(), value.to_string())]);
        gauges
            .into_iter()
            .map(single("gauge"))
            .chain(counters.into_iter().map(single("counter")))
            .chain(farm)
            .collect::<String>()
            + &family("counter", "proofs_total", proofs.map(|(name, value)| (format!("{{circuit=\"{name}\"}}"), value)))
            + &family(
                "counter",
                "proof_seconds_total",
                seconds.map(|(name, value)| (format!("{{circuit=\"{name}\"}}"), value)),
            )
            + &family(
                "counter",
                "worker_faults_total",
                faults.map(|(worker, value)| (format!("{{worker=\"{worker}\"}}"), value)),
            )
    }
}

/// A metric with its samples: labels, and a value each.
fn family(kind: &str, name: &str, samples: impl IntoIterator<Item = (String, String)>) -> String {
    let samples = samples.into_iter().map(|(labels, value)| format!("tandem_proving_{name}{labels} {value}\n"));
    format!("# TYPE tandem_proving_{name} {kind}\n") + &samples.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_by_circuit_and_by_worker() {
        let mut status = Status { settled_batch: 7, ..Status::default() };
        status.proven("apply-small", Duration::from_millis(1_500), 3);
        status.proven("apply-small", Duration::from_millis(500), 2);
        status.fault(1);
        assert!(!status.metrics(2).contains("farm"), "there is none");
        status.farm(|farm| (farm.workers_seen, farm.refused) = (5, 1));
        let metrics = status.metrics(2);
        for line in [
            "# TYPE tandem_proving_settled_batch gauge\ntandem_proving_settled_batch 7\n",
            "tandem_proving_missing_chunks 2\n",
            "tandem_proving_unready_reasons 2\n",
            "tandem_proving_proofs_total{circuit=\"apply-small\"} 2\n",
            "tandem_proving_proof_seconds_total{circuit=\"apply-small\"} 2\n",
            "tandem_proving_worker_faults_total{worker=\"1\"} 1\n",
            "# TYPE tandem_proving_farm_workers_seen gauge\ntandem_proving_farm_workers_seen 5\n",
            "# TYPE tandem_proving_farm_refused_total counter\ntandem_proving_farm_refused_total 1\n",
        ] {
            assert!(metrics.contains(line), "{line} in {metrics}");
        }
    }
}
