//! The engine's side of a batch's work: which of its jobs are there, and what is put there or taken away.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use alloy::primitives::keccak256;

use super::{Batch, Shift};
use crate::validity::farm::{
    engine::{Halls, Queue, delete_jobs, purge, queue, subjects},
    error::FarmError,
    message::FarmJob,
    names::{Place, witness},
    objects::put,
    troubles::LastFault,
};

/// Jobs of a batch that the engine has, by chunk: the newest attempt.
pub(super) type Listed = BTreeMap<u32, u32>;

impl Shift<'_> {
    /// The jobs of the batch that the engine has. Those of other batches are deleted: they are not wanted any more.
    pub(super) async fn tidy(&self, halls: &Halls) -> Result<Listed, FarmError> {
        let names = self.farm.engine.names();
        let (mut own, mut others) = (Listed::new(), BTreeSet::new());
        for subject in subjects(&halls.jobs, names.all_jobs()).await? {
            match names.place_of_job(&subject) {
                Some((Place { batch, chunk }, attempt)) if batch == self.batch.hash => newest(&mut own, chunk, attempt),
                Some((Place { batch, .. }, _)) => drop(others.insert(names.jobs_of(batch))),
                // Nobody of us put it there, and nobody takes it.
                None => drop(others.insert(subject)),
            }
        }
        if !others.is_empty() {
            tracing::info!(batches = others.len(), "deleting the farm's jobs of batches that are not wanted any more");
        }
        for subjects in others {
            delete_jobs(&halls.jobs, subjects).await?;
        }
        if own.is_empty() {
            self.farm.engine.empty_witnesses().await?;
        }
        Ok(own)
    }

    /// The jobs of the batch that the engine has.
    async fn listed(&self, halls: &Halls) -> Result<Listed, FarmError> {
        let names = self.farm.engine.names();
        let mut own = Listed::new();
        for subject in subjects(&halls.jobs, names.jobs_of(self.batch.hash)).await? {
            if let Some((Place { chunk, .. }, attempt)) = names.place_of_job(&subject) {
                newest(&mut own, chunk, attempt);
            }
        }
        Ok(own)
    }

    /// Puts out the jobs of all chunks without a proof, those apart that are out. `before` are those that were there before results were read: one that is gone since may have a
    /// result that is not read yet.
    pub(super) async fn put_out(&mut self, halls: &Halls, before: &Listed) -> Result<(), FarmError> {
        let (listed, now) = (self.listed(halls).await?, Instant::now());
        let missing: Vec<u32> = self.coordinator.assembly().missing().collect();
        for chunk in missing {
            match (listed.get(&chunk), before.get(&chunk)) {
                (Some(attempt), _) => self.board.found(chunk, *attempt, true, now),
                (None, Some(attempt)) => self.board.found(chunk, *attempt, false, now),
                // It failed, and goes out after its pause.
                (None, None) if self.board.is_due(chunk) => {}
                (None, None) => self.put(halls, chunk).await?,
            }
        }
        self.count_waiting();
        Ok(())
    }

    /// Puts a job out, in the place of what is out of it.
    pub(super) async fn put(&mut self, halls: &Halls, chunk: u32) -> Result<(), FarmError> {
        let Some(job) = self.coordinator.job(chunk) else { return Ok(()) };
        let (circuit, bytes) = (job.circuit(), job.encode());
        let Batch { config_hash, keys_hash, index: batch_index, hash: batch } = self.batch;
        let place = Place { batch, chunk };
        let (object, job_hash, lease) = (witness(place), keccak256(&bytes), self.farm.config.lease);
        let attempt = self.board.next_attempt(chunk);
        put(&halls.witnesses, &object, &bytes).await?;
        let names = self.farm.engine.names();
        delete_jobs(&halls.jobs, names.jobs_at(place)).await?;
        let job =
            FarmJob { config_hash, keys_hash, batch_index, batch, chunk, circuit, object, job_hash, attempt, lease };
        self.farm.engine.publish(names.job(place, attempt), &self.farm.engine.unique(), job.encode()).await?;
        self.board.put(chunk, attempt, Instant::now());
        Ok(())
    }

    /// Compares with the engine which jobs there are: anybody who takes jobs can acknowledge one without a result.
    pub(super) async fn list(&mut self, halls: &Halls) -> Result<(), FarmError> {
        let mut listed = self.listed(halls).await?;
        if !listed.is_empty() && queue(&halls.jobs).await? == (Queue { waiting: 0, at_work: 0 }) {
            // They are there, and nobody will be given them.
            listed.clear();
        }
        for (chunk, had) in self.board.listed(&listed, Instant::now()) {
            tracing::info!(
                chunk = chunk.saturating_add(1),
                "a job of the farm is gone without a result: it goes out again"
            );
            let worker = had.and_then(|had| self.memory.people.name(had).cloned());
            self.last = Some(LastFault { worker, chunk, fault: "its job was acknowledged without a result".into() });
            if let Some(had) = had {
                self.lost(chunk, had);
            }
        }
        Ok(())
    }

    /// Deletes what the engine has of the batch; its results only if it is proven, since a batch that is not wanted may be wanted again.
    pub(super) async fn clean(&self, is_proven: bool) -> Result<(), FarmError> {
        let halls = self.farm.engine.make(self.farm.config.lease).await?;
        let (names, batch) = (self.farm.engine.names(), self.batch.hash);
        delete_jobs(&halls.jobs, names.jobs_of(batch)).await?;
        self.farm.engine.empty_witnesses().await?;
        if is_proven {
            purge(&halls.results, names.results_of(batch)).await?;
        }
        Ok(())
    }
}

/// Keeps the newest attempt of a chunk.
fn newest(listed: &mut Listed, chunk: u32, attempt: u32) {
    let newest = listed.entry(chunk).or_default();
    *newest = attempt.max(*newest);
}
