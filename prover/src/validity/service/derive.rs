//! What a closed batch really does, by the rulebook and L1 alone. Rules: PAY-CUT, PAY-LIMITS, PAY-MESSAGE-GAS, PAY-SESSION-TX, PAY-TIME, PAY-TREE, L1-MSG-2.
//!
//! Adversarial: the batch. It is proven only if every entry applies and every claim is what was found; nothing of it is believed.

use alloy::primitives::B256;
use tandem_chain::ChainConfig;
use tandem_circuits::{
    authorise::session::Authorisation,
    groth16::{BatchProveError, Header, PreparedBatch},
};
use tandem_payments::{
    Fr,
    batch::{BatchBuilder, BatchLimits},
    eddsa::{EnvelopeError, SessionTransaction, domain},
    field::integer,
    ledger::Refused,
};

use super::{
    closed::{Closed, Entry},
    settled::{Base, Settled},
};
use crate::validity::{file::BatchFileError, keys};

/// Why a batch is not proven.
#[derive(Debug, thiserror::Error)]
pub enum Unprovable {
    /// The chain has ended.
    #[error("the chain was frozen at {0} (seconds since 1970): nothing is proven for it any more")]
    Frozen(u64),
    /// Sequencer and prover do not see the same entry of the schedule.
    #[error(
        "it is for an entry with configuration {config_hash} and keys {keys_hash}, L1 as it is seen here has another: one of the two endpoints is behind"
    )]
    OtherEntry {
        /// Hash of the configuration that it is for.
        config_hash: B256,
        /// Hash of the verifying keys that it is for.
        keys_hash: B256,
    },
    /// L1 has a batch of this index.
    #[error("L1 has batch {index} already, its last is {last}")]
    Settled {
        /// Index of the batch.
        index: u64,
        /// The last on L1.
        last: u64,
    },
    /// The state below is not known.
    #[error("it follows batch {before}, which is neither on L1 nor was proven here; the last known is batch {last}")]
    Unfounded {
        /// The batch before it.
        before: u64,
        /// The last batch whose state is known.
        last: u64,
    },
    /// L1, as it is seen here, has fewer messages.
    #[error("it takes messages up to {end}, L1 has {queued}")]
    MessagesAhead {
        /// The first message that it leaves.
        end: u64,
        /// Messages that L1 has.
        queued: u64,
    },
    /// It is of a time that L1, as it is seen here, has not reached.
    #[error("its time is {timestamp}, L1 is at {now} (seconds since 1970)")]
    TimeAhead {
        /// The batch's time, in seconds.
        timestamp: u64,
        /// L1's newest, in seconds.
        now: u64,
    },
    /// L1 does not take a time so old.
    #[error("its time is {timestamp}, L1 takes none before {min} (seconds since 1970)")]
    TimeBehind {
        /// The batch's time, in seconds.
        timestamp: u64,
        /// The earliest that L1 takes, in seconds.
        min: u64,
    },
    /// The root before it is another.
    #[error("it claims root {claimed} before it, the state has {found}")]
    RootBefore {
        /// What the sequencer says.
        claimed: B256,
        /// What L1 and the batches before give.
        found: B256,
    },
    /// It begins elsewhere in the queue.
    #[error("it begins with message {claimed}, {found} is next")]
    QueueStart {
        /// What the sequencer says.
        claimed: u64,
        /// The first message that was not taken.
        found: u64,
    },
    /// Its entries end elsewhere in the queue.
    #[error("it claims to end before message {claimed}, its entries end before {found}")]
    QueueEnd {
        /// What the sequencer says.
        claimed: u64,
        /// Where its entries end, or go beyond.
        found: u64,
    },
    /// More messages than L1 takes in a batch.
    #[error("it takes {found} messages, L1 takes {max}")]
    Messages {
        /// How many it takes.
        found: u64,
        /// How many a batch may take.
        max: u64,
    },
    /// Its messages have more gas than L1 takes in a batch.
    #[error("its messages have {found} gas, L1 takes {max}")]
    MessageGas {
        /// What they have together.
        found: u64,
        /// What a batch may have.
        max: u64,
    },
    /// The queue is another.
    #[error("it claims queue hash {claimed}, L1 has {found}")]
    QueueHash {
        /// What the sequencer says.
        claimed: B256,
        /// What L1 has.
        found: B256,
    },
    /// An envelope is no signed transaction of this chain.
    #[error("entry {entry}: {source}")]
    Envelope {
        /// Place of the entry, from 0.
        entry: usize,
        /// What is wrong with it.
        source: EnvelopeError,
    },
    /// The ledger refuses an entry.
    #[error("entry {entry}: {source}")]
    Refused {
        /// Place of the entry, from 0.
        entry: usize,
        /// Why the rules refuse it.
        source: Refused,
    },
    /// The root after it is another.
    #[error("it claims root {claimed} after it, its entries give {found}")]
    RootAfter {
        /// What the sequencer says.
        claimed: B256,
        /// What applying the entries gives.
        found: B256,
    },
    /// It does not follow the batch before it as that was taken here, which is not on L1: another may have landed in its place.
    #[error("{source}; that is by batch {before} as it was taken here, which L1, as it is seen here, does not have")]
    Displaced {
        /// The batch before it.
        before: u64,
        /// What differs between the two.
        source: Box<Self>,
    },
    /// L1's keys are of circuits that apply nothing.
    #[error("the keys on L1, of hash {0}, are of no circuit that applies operations")]
    NoCircuits(B256),
    /// It cannot be cut into chunks.
    #[error(transparent)]
    Prepare(#[from] BatchProveError),
    /// What was proven before cannot be read.
    #[error(transparent)]
    File(#[from] BatchFileError),
}

impl Unprovable {
    /// Whether time may mend it: L1 as it is seen here is behind what the sequencer has seen, or the other way round.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::OtherEntry { .. }
                | Self::Settled { .. }
                | Self::Unfounded { .. }
                | Self::MessagesAhead { .. }
                | Self::TimeAhead { .. }
                | Self::Displaced { .. }
                | Self::File(_)
        )
    }

    /// The same, found on `base`. While L1 does not have that batch, the sequencer may have seen another land there, whose root, queue and time are what it says; once L1 has one,
    /// nothing excuses it.
    fn on(self, settled: &Settled, base: &Base) -> Self {
        let is_of_before = match self {
            Self::RootBefore { .. } | Self::QueueStart { .. } => true,
            // So early that L1 takes it behind no batch, nothing excuses it.
            Self::TimeBehind { timestamp, .. } => {
                let oldest = settled.head.timestamp.saturating_sub(settled.rules.age_max_s);
                (oldest..base.timestamp).contains(&timestamp)
            }
            _ => false,
        };
        match is_of_before && base.index > settled.base.index {
            true => Self::Displaced { before: base.index, source: Box::new(self) },
            false => self,
        }
    }
}

/// A batch to be proven, and the chain after it.
#[derive(Debug)]
pub struct Derived {
    /// The batch in chunks.
    pub prepared: PreparedBatch,
    /// The chain after it.
    pub after: Base,
}

fn word(element: Fr) -> B256 {
    integer(element).into()
}

/// Applies a batch to the chain before it, `base`, and compares everything that it claims.
///
/// # Errors
/// The first thing that differs.
pub fn derive(chain: &ChainConfig, settled: &Settled, base: &Base, closed: &Closed) -> Result<Derived, Unprovable> {
    check_place(settled, base, closed).map_err(|why| why.on(settled, base))?;
    let (rules, dom) = (settled.rules, domain(chain.l2_chain_id, chain.hash()));
    let circuits = keys::circuits(&settled.keys).ok_or(Unprovable::NoCircuits(rules.keys_hash))?;
    let (start, state) = (closed.queue_start, base.state.clone());
    let mut builder = BatchBuilder::with(state, closed.env, dom, start, circuits, BatchLimits::default());
    let (mut next, mut authorisations) = (start, Vec::new());
    for (number, entry) in closed.entries.iter().enumerate() {
        let refused = |source| Unprovable::Refused { entry: number, source };
        match entry {
            Entry::Messages(count) => {
                let end = next.saturating_add((*count).into());
                if end > closed.queue_end {
                    return Err(Unprovable::QueueEnd { claimed: closed.queue_end, found: end });
                }
                for index in next..end {
                    let queued = settled.queue.get(index);
                    let queued = queued.ok_or(Unprovable::MessagesAhead { end, queued: settled.queue.end() })?;
                    builder.message(&queued.message).map_err(refused)?;
                }
                next = end;
            }
            Entry::Operation { envelope, price } => {
                let invalid = |source| Unprovable::Envelope { entry: number, source };
                let transaction = SessionTransaction::decode(envelope).map_err(invalid)?;
                let authority = transaction.verify(chain.l2_chain_id, chain.hash()).map_err(invalid)?;
                builder.user(&transaction.operation, authority.signer(), *price).map_err(refused)?;
                let SessionTransaction { key, signature, .. } = transaction;
                authorisations.push(Authorisation { operation_hash: authority.operation_hash, key, signature });
            }
        }
    }
    if next != closed.queue_end {
        return Err(Unprovable::QueueEnd { claimed: closed.queue_end, found: next });
    }
    let (batch, state) = builder.finish();
    let (claimed, found) = (word(closed.root_after), word(state.root()));
    if claimed != found {
        return Err(Unprovable::RootAfter { claimed, found });
    }
    let header = Header {
        config_hash: rules.config_hash,
        key_set_hash: rules.keys_hash,
        index: closed.index,
        root_in: base.root(),
        leaf_count_in: base.state.leaf_count(),
        queue_start: start,
        queue_hash_start: hash_at(settled, start)?,
        queue_end: next,
        queue_hash_end: closed.queue_hash_end,
        env: closed.env.pack(),
        dom,
    };
    let prepared = PreparedBatch::new(header, &batch, &authorisations, &circuits)?;
    let after = Base { index: closed.index, state, timestamp: closed.env.timestamp, queue_end: next };
    Ok(Derived { prepared, after })
}

/// What needs no entry to be applied.
fn check_place(settled: &Settled, base: &Base, closed: &Closed) -> Result<(), Unprovable> {
    if settled.frozen_at != 0 {
        return Err(Unprovable::Frozen(settled.frozen_at));
    }
    let Closed { config_hash, keys_hash, .. } = *closed;
    if (config_hash, keys_hash) != (settled.rules.config_hash, settled.rules.keys_hash) {
        return Err(Unprovable::OtherEntry { config_hash, keys_hash });
    }
    let (claimed, found) = (word(closed.root_before), word(base.root()));
    if claimed != found {
        return Err(Unprovable::RootBefore { claimed, found });
    }
    let (claimed, found) = (closed.queue_start, base.queue_end);
    if claimed != found {
        return Err(Unprovable::QueueStart { claimed, found });
    }
    let taken = closed.queue_end.checked_sub(closed.queue_start);
    let found = taken.ok_or(Unprovable::QueueEnd { claimed: closed.queue_end, found: closed.queue_start })?;
    if found > settled.rules.messages_max {
        return Err(Unprovable::Messages { found, max: settled.rules.messages_max });
    }
    let (claimed, found) = (closed.queue_hash_end, hash_at(settled, closed.queue_end)?);
    if claimed != found {
        return Err(Unprovable::QueueHash { claimed, found });
    }
    let messages = (closed.queue_start..closed.queue_end).filter_map(|index| settled.queue.get(index));
    let found = messages.map(|queued| queued.message.gas()).fold(0, u64::saturating_add);
    if found > settled.rules.message_gas_max {
        return Err(Unprovable::MessageGas { found, max: settled.rules.message_gas_max });
    }
    let (timestamp, now) = (closed.env.timestamp, settled.head.timestamp);
    let min = base.timestamp.max(now.saturating_sub(settled.rules.age_max_s));
    if timestamp < min {
        return Err(Unprovable::TimeBehind { timestamp, min });
    }
    if timestamp > now {
        return Err(Unprovable::TimeAhead { timestamp, now });
    }
    Ok(())
}

fn hash_at(settled: &Settled, end: u64) -> Result<B256, Unprovable> {
    settled.queue.hash_at(end).ok_or(Unprovable::MessagesAhead { end, queued: settled.queue.end() })
}
