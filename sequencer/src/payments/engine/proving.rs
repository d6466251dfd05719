//! Batches go to provers and come back with their proofs; what is next for L1.
//!
//! Adversarial: provers. What they bring counts if it is this node's own batch; whether its proofs hold is for L1 to say, before it is sent.

use std::{sync::Arc, time::Duration};

use alloy::{primitives::U256, sol_types::SolValue};
use tandem_l1::payments::ProvenArguments;
use tandem_store::ProvenCall;
use tracing::{error, info, warn};

use super::{
    Closed, Engine, EngineError,
    handle::{BatchId, Hopeless, NotProven, ProvenBatch, Taken, ToPost},
};
use crate::payments::records::Block;

/// Without a question of any prover for so long, while a batch waits for one, something is wrong: one that is at work asks all the same.
const UNASKED_MAX: Duration = Duration::from_secs(60);

impl Closed {
    fn id(&self) -> BatchId {
        BatchId { number: self.block.number, hash: self.block.hash }
    }
}

impl Engine {
    /// The oldest closed batch without a proof; if the prover holds some of them, the one after. A prover that holds none is free, and the open batch closes for it.
    pub(super) fn next_batch(&mut self, held: Option<BatchId>) -> Result<Option<Arc<Block>>, EngineError> {
        self.asked_at = self.clock.moment();
        self.renew_stale()?;
        let holds = |closed: &Closed| held.is_some_and(|held| closed.id() == held && closed.proven.is_none());
        let after = self.closed.iter().any(holds).then_some(held).flatten().map(|held| held.number);
        let next =
            |closed: &&mut Closed| closed.proven.is_none() && after.is_none_or(|after| closed.block.number > after);
        let found = self.closed.iter_mut().find(next);
        if found.is_none() && after.is_none() && self.has_room() && self.close("a prover is free")? {
            self.fill()?;
            self.publish()?;
        }
        let now = self.clock.moment();
        let found = self.closed.iter_mut().find(next);
        Ok(found.map(|closed| {
            closed.handed_at.get_or_insert(now);
            closed.block.clone()
        }))
    }

    /// A batch that waited for a prover until half of its time had passed is closed anew with what is in it, so that its proof has time to get to L1 (PAY-TIME). One that was
    /// handed out stays for a third, whoever asks: its prover may be at work, on it or on the one before, each of which takes a sixth at most (PAY-LIMITS). That it is handed out
    /// once more gives it no more time.
    fn renew_stale(&mut self) -> Result<(), EngineError> {
        let next = self.view.as_ref().map(|view| (view.head.timestamp, view.next.entry.age_max_s));
        let Some((now, age_max_s)) = next else { return Ok(()) };
        let (half_s, third_s) = (age_max_s / 2, age_max_s / 3);
        let is_stale = |closed: &&Closed| {
            let handed_for = closed.handed_at.map(|moment| self.clock.since(moment));
            let is_in_work = handed_for.is_some_and(|handed_for| handed_for < Duration::from_secs(third_s));
            let age_s = now.saturating_sub(closed.block.timestamp);
            closed.proven.is_none() && !is_in_work && age_s > half_s
        };
        if let Some(number) = self.closed.iter().find(is_stale).map(|closed| closed.block.number) {
            self.take_back(number, &"they waited for a prover for so long that L1 might not take them any more")?;
            self.fill()?;
            self.publish()?;
        }
        Ok(())
    }

    /// Says so while a batch waits for a prover and none has asked for a minute.
    pub(super) fn look_for_provers(&mut self) {
        let waits = self.closed.iter().find(|closed| closed.proven.is_none());
        let unasked = waits.map(|closed| self.clock.since(closed.since.max(self.asked_at)));
        let Some(unasked) = unasked.filter(|unasked| *unasked > UNASKED_MAX) else {
            if let Some(lasted) = self.unattended.is_over() {
                info!(?lasted, "no batch waits for a prover in vain any more");
            }
            return;
        };
        let (unproven, now) = (self.unproven(), self.clock.instant());
        let why =
            || format!("{unproven} closed batches wait, and no prover has asked for one in {} s", unasked.as_secs());
        if self.unattended.holds_at(now, why).is_some() {
            warn!(
                unproven,
                ?unasked,
                "closed batches wait, and no prover asks for them: start one (tandem-prover prove), or see that it reaches --proving; what waits is kept until it expires"
            );
        }
    }

    /// How many closed batches have no proofs.
    pub(super) fn unproven(&self) -> usize {
        self.closed.iter().filter(|closed| closed.proven.is_none()).count()
    }

    /// A batch with its proofs.
    pub(super) fn take_proven(&mut self, proven: &ProvenBatch) -> Result<Result<Taken, NotProven>, EngineError> {
        let Some(closed) = self.closed.iter_mut().find(|closed| closed.id() == proven.id) else {
            let is_landed = self.store.hash(proven.id.number)? == Some(proven.id.hash);
            return Ok(Ok(if is_landed { Taken::Known } else { Taken::Unwanted }));
        };
        if closed.proven.is_some() {
            return Ok(Ok(Taken::Known));
        }
        // Under the entry that it was handed out for L1 judged it otherwise.
        if proven.verifier != self.verifier {
            return Ok(Ok(Taken::Unwanted));
        }
        if let Err(why) = check(closed, proven) {
            return Ok(Err(why));
        }
        let call = ProvenCall { verifier: self.verifier, arguments: proven.arguments.clone() };
        self.store.put_proven(proven.id.hash, &call)?;
        closed.proven = Some(proven.arguments.clone());
        info!(batch = proven.id.number, bytes = proven.arguments.len(), "batch is proven");
        self.publish()?;
        self.postable.notify_one();
        Ok(Ok(Taken::Kept))
    }

    /// The oldest closed batch, if it has its proofs.
    pub(super) fn next_to_post(&self) -> Option<ToPost> {
        let (closed, view) = (self.closed.front()?, self.view.as_ref()?);
        let (block, arguments) = (closed.block.clone(), closed.proven.clone()?);
        Some(ToPost { block, arguments, age_max_s: view.next.entry.age_max_s })
    }

    /// L1 will never take a batch as it is.
    pub(super) fn give_up(&mut self, id: BatchId, why: Hopeless) -> Result<(), EngineError> {
        let Some(closed) = self.closed.iter_mut().find(|closed| closed.id() == id) else { return Ok(()) };
        match why {
            Hopeless::Proofs => {
                error!(
                    batch = id.number,
                    "L1 refuses the proofs of this batch: see that the prover has the chain's keys, and who else reaches --proving; it is handed out again"
                );
                closed.proven = None;
                closed.handed_at = None;
                self.store.forget_proven(&[id.hash])?;
            }
            Hopeless::Batch | Hopeless::Overdue => {
                self.take_back(id.number, &"L1 does not take it any more")?;
                if why == Hopeless::Overdue {
                    self.end_replay();
                }
                self.fill()?;
            }
        }
        self.publish()
    }
}

/// Holds what a prover brings to the batch that it was handed.
fn check(closed: &Closed, proven: &ProvenBatch) -> Result<(), NotProven> {
    let arguments = ProvenArguments::abi_decode_params_validate(&proven.arguments).map_err(|_| NotProven::Malformed)?;
    // L1 takes other encodings too; here there is one, so that its size is known.
    if arguments.abi_encode_params() != proven.arguments {
        return Err(NotProven::Malformed);
    }
    let (env, segments, applied, authorised) = arguments;
    if (env.timestamp, env.operator) != (closed.block.timestamp, closed.block.operator) {
        return Err(NotProven::OtherEnv);
    }
    for (segment, (expected, found)) in closed.segments.iter().zip(&segments).enumerate() {
        if expected.as_slice() != found.as_ref() {
            return Err(NotProven::OtherSegment { segment, expected: expected.len(), found: found.len() });
        }
    }
    let root_out = applied.last().ok_or(NotProven::NoChunks)?.rootOut;
    let [apply, authorise] = &closed.circuits;
    check_cut("Apply", apply, applied.iter().map(|chunk| chunk.circuit))?;
    check_cut("Authorise", authorise, authorised.iter().map(|chunk| chunk.circuit))?;
    let expected = closed.block.state_root;
    for found in [proven.root_after, root_out.into()] {
        if found != expected {
            return Err(NotProven::OtherRoot { expected, found });
        }
    }
    Ok(())
}

/// Holds the circuits that a call names to those of the batch's own cut. Any other cut may be one that L1 verifies but has no room for.
fn check_cut(
    family: &'static str,
    expected: &[u64],
    found: impl ExactSizeIterator<Item = U256> + Clone,
) -> Result<(), NotProven> {
    if found.clone().eq(expected.iter().copied().map(U256::from)) {
        return Ok(());
    }
    Err(NotProven::OtherCut { family, expected: expected.len(), found: found.len() })
}
