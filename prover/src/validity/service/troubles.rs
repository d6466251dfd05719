//! What keeps the service from proving, as `/readyz` and the log tell it: what passes by itself after a while, what the operator must see to at once.

use std::time::Duration;

use tandem_service::{Readiness, Trouble};

use super::sequencer::Failure;

/// A sequencer that is away, or L1 behind it, are no trouble before.
const GRACE: Duration = Duration::from_secs(60);

/// One for each thing that may be in the way.
#[derive(Debug)]
pub struct Troubles {
    keys: Trouble,
    chain: Trouble,
    away: Trouble,
    refuses: Trouble,
    behind: Trouble,
    batch: Trouble,
    workers: Trouble,
    delivery: Trouble,
    call: Trouble,
}

impl Troubles {
    /// Without any trouble yet.
    pub fn new(readiness: &Readiness) -> Self {
        let at_once = |what| readiness.trouble(what, Duration::ZERO);
        let in_time = |what| readiness.trouble(what, GRACE);
        Self {
            keys: at_once("proving keys"),
            chain: at_once("chain"),
            away: in_time("sequencer"),
            refuses: at_once("sequencer's refusal"),
            behind: in_time("batch that cannot be derived yet"),
            batch: at_once("false batch"),
            workers: at_once("workers"),
            delivery: in_time("delivery to the sequencer"),
            call: at_once("proven batch"),
        }
    }

    /// Keys are read, or made.
    pub fn keys_are_read(&mut self) {
        self.keys.holds(|| "are read, or made".into());
    }

    /// The keys are there: no trouble any more.
    pub fn keys_are_there(&mut self) {
        self.keys.is_over();
    }

    /// The chain was frozen, at a time in seconds: nothing is proven for it any more. Said once, since nobody can change it.
    pub fn has_ended(&mut self, frozen_at: u64) {
        let is_known = self.chain.is_told();
        self.chain.holds(|| format!("it was frozen at {frozen_at} (seconds since 1970) and has ended"));
        if !is_known {
            tracing::warn!(
                frozen_at,
                "the chain was frozen and has ended: nothing is proven for it any more; everybody leaves with what he has (tandem escape)"
            );
        }
    }

    /// It is not frozen: L1 took that back, if it was.
    pub fn goes_on(&mut self) {
        if self.chain.is_over().is_some() {
            tracing::info!("L1 reorganised, and the chain is not frozen any more: batches are proven again");
        }
    }

    /// The sequencer does not say what is next.
    pub fn no_answer(&mut self, failure: &Failure) {
        match failure {
            Failure::Away(_) => is_away(&mut self.away, failure),
            Failure::Refuses { .. } | Failure::Unknown(_) => {
                if self.refuses.holds(|| failure.to_string()).is_some() {
                    tracing::error!(error = %failure, "the sequencer does not hand out batches: check --sequencer and --deployment; asking on");
                }
            }
        }
    }

    /// The sequencer does not hear of a proven batch.
    pub fn no_delivery(&mut self, failure: &Failure) {
        is_away(&mut self.delivery, failure);
    }

    /// The sequencer answers.
    pub fn is_there(&mut self) {
        self.refuses.is_over();
        if let Some(lasted) = self.away.is_over() {
            tracing::info!(seconds = lasted.as_secs(), "the sequencer is there again");
        }
    }

    /// A batch is not proven, for a reason that may pass.
    pub fn cannot_derive_yet(&mut self, index: u64, why: &impl ToString) {
        let why = why.to_string();
        if let Some(lasts) = self.behind.holds(|| format!("batch {index}: {why}")) {
            tracing::warn!(
                batch = index,
                seconds = lasts.as_secs(),
                why,
                "a batch cannot be derived yet: the sequencer and this prover see different states of L1; asking on"
            );
        }
    }

    /// A batch is not proven, because something that it claims is not so.
    pub fn is_false(&mut self, index: u64, why: &impl ToString) {
        let why = why.to_string();
        if self.batch.holds(|| format!("batch {index}: {why}")).is_some() {
            tracing::error!(
                batch = index,
                why,
                "a batch is not what the sequencer claims: nothing is proven of it; compare the sequencer with L1 (tandem replica)"
            );
        }
    }

    /// A batch was derived, or there is none.
    pub fn is_derived(&mut self) {
        self.behind.is_over();
        if self.batch.is_over().is_some() {
            tracing::info!("the sequencer's batches are what they claim again");
        }
    }

    /// Workers did not prove a batch.
    pub fn is_not_proven(&mut self, index: u64, why: &impl ToString) {
        let why = why.to_string();
        if self.workers.holds(|| format!("batch {index}: {why}")).is_some() {
            tracing::error!(
                batch = index,
                why,
                "a batch is not proven: look after the workers; trying again, what is proven of it is kept"
            );
        }
    }

    /// A batch was proven, so that it is over.
    pub fn is_proven(&mut self) {
        self.workers.is_over();
    }

    /// The batch that was not proven is not wanted any more.
    pub fn is_dropped(&mut self) {
        if self.workers.is_over().is_some() {
            tracing::info!("the batch that was not proven is not wanted any more");
        }
    }

    /// The batch that the sequencer refused is not wanted any more.
    pub fn is_withdrawn(&mut self) {
        if self.call.is_over().is_some() {
            tracing::info!("the batch that the sequencer refused is not wanted any more");
        }
    }

    /// Nothing that is proven waits for the sequencer.
    pub fn nothing_waits(&mut self) {
        self.delivery.is_over();
    }

    /// The sequencer refuses a batch with its proofs.
    pub fn is_refused(&mut self, index: u64, failure: &Failure) {
        if self.call.holds(|| format!("batch {index}: {failure}")).is_some() {
            tracing::error!(batch = index, error = %failure, "the sequencer refuses a batch that is proven: it or this prover is wrong, please report it; trying again");
        }
    }

    /// It took one.
    pub fn is_brought_back(&mut self) {
        self.delivery.is_over();
        self.call.is_over();
    }
}

/// The sequencer is not there.
fn is_away(trouble: &mut Trouble, failure: &Failure) {
    if let Some(lasts) = trouble.holds(|| failure.to_string()) {
        tracing::warn!(seconds = lasts.as_secs(), error = %failure, "the sequencer does not answer: check it and --sequencer; what is proven is kept, asking on");
    }
}
