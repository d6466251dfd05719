//! The engine of a payments chain: the one owner of the chain's head, of what waits, and of the open batch.
//!
//! ```text
//!  submit -> check -> journal -> pool -> open batch -> closed batches -> proven -> L1
//!                                 ^          ^               |
//!                                 |          +-- messages    | displaced, or its time ran out
//!                                 +--------------------------+
//! ```
//! It runs on a thread of its own and takes commands from a bounded channel. What it promises is in the store before it answers. A batch is on L1 only with its proofs,
//! so that L1's word is final here: what L1 has overrules what was closed. Batches are built for the entry of the schedule that the next one on L1 falls under; where L1 goes
//! over to another, closed ones are cut anew, or taken back. Once L1 has frozen the chain nothing is taken and nothing closed any more.
//!
//! Invariants: the store's chain is L1's batches and then `closed`; `tip` is the state after the last of them; the open batch stands on `tip`. Every operation that was
//! acknowledged is in a block of that chain or in the journal, until it is told why it was given up.

mod admission;
mod batches;
mod follow;
mod handle;
mod proving;
mod refusal;
mod replay;
mod submissions;

pub use handle::{BatchId, EngineHandle, Hopeless, NotProven, ProvenBatch, Taken, ToPost};
pub use refusal::NotAdmitted;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use alloy::primitives::{Address, B256, Bytes};
use tandem_chain::ChainConfig;
use tandem_payments::{batch::BatchLimits, state::State};
use tandem_service::{Readiness, Trouble};
use tandem_store::{SequencedStore, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::{handle::Command, submissions::Submissions};
use super::{
    draft::{Draft, Rules, Start},
    dropped::Dropped,
    l1::{L1View, NextRules},
    pool::Pool,
    records::Block,
    view::Records,
};
use crate::{
    clock::{Clock, Moment},
    mempool::MempoolLimits,
};

/// How often it is looked whether the open batch is old enough.
const TICK: Duration = Duration::from_millis(100);
/// Commands that are handled before the open batch is looked after; the submissions among them share one journal write.
const GROUP_MAX: usize = 512;

/// How the engine works.
#[derive(Clone, Copy, Debug)]
pub struct EngineConfig {
    /// Who is credited the fees.
    pub operator: Address,
    /// What the operator asks, in wei per gas.
    pub gas_price: u64,
    /// Closed batches that L1 does not have: as many as these may be.
    pub waiting_batches_max: usize,
    /// The open batch closes at this age, whether a prover is free or not.
    pub open_max: Duration,
    /// L1 blocks that must lie on a message before it is taken.
    pub l1_depth: u64,
    /// Time after which L1 takes no batch that leaves a message untaken, in seconds (L1-BATCH-6).
    pub forced_window_s: u64,
    /// Proofs of Apply that a batch may come to by an operation, if one prover makes as many in time. Messages are taken all the same.
    pub batch_proofs_max: u64,
    /// Bounds of what waits.
    pub mempool: MempoolLimits,
}

impl EngineConfig {
    /// What batches are built for where L1 asks this of them. Several are in work at a time, and each must be proven before its time runs out, and before a message that came
    /// after it was closed is overdue.
    fn rules(&self, next: &NextRules) -> Rules {
        let NextRules { entry, circuits } = next;
        let in_time = circuits.apply_proofs_within(entry.age_max_s.min(self.forced_window_s) / 6);
        let limits = BatchLimits { apply_proofs_max: self.batch_proofs_max.min(in_time), ..BatchLimits::default() };
        let (messages_max, message_gas_max) = (entry.messages_max, entry.message_gas_max);
        Rules { circuits: *circuits, limits, messages_max, message_gas_max }
    }
}

/// What ends the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block of the chain is not in the store.
    #[error(
        "block {number} is not in the database: delete the data directory, L1 has everything but what is not proven yet"
    )]
    BlockMissing {
        /// The block's number.
        number: u64,
    },
}

/// A batch that takes nothing more and that L1 does not have.
struct Closed {
    block: Arc<Block>,
    segments: [Vec<u8>; 3],
    /// Numbers of the circuits of its own cut: those of Apply, those of Authorise.
    circuits: [Vec<u64>; 2],
    /// The state after it.
    state: Arc<State>,
    /// When it was closed, or was found again by this process.
    since: Moment,
    /// The arguments of the call that proves it.
    proven: Option<Bytes>,
    /// When a prover was handed it first since this process began, or since its last proofs were found bad.
    handed_at: Option<Moment>,
}

/// Where the next batch begins.
#[derive(Clone)]
struct Tip {
    start: Start,
    state: Arc<State>,
    /// Time of the batch before, in seconds.
    timestamp: u64,
}

/// The queue up to somewhere.
#[derive(Clone, Copy, Debug, Default)]
struct Queue {
    /// How many messages it has.
    end: u64,
    /// Its hash after them (L1-MSG-2).
    hash: B256,
}

/// How long what waits is applied again.
#[derive(Clone, Copy, Debug)]
struct Replay {
    /// The queue after which all of it was applied once; none if this process does not know.
    taken: Option<Queue>,
    /// The L1 block from which on no message is waited for any more.
    until: u64,
}

/// The open batch.
struct Open {
    draft: Draft,
    since: Moment,
    /// Whether something did not fit any more.
    is_full: bool,
}

/// The engine with all that it owns; the module says what that is.
pub struct Engine {
    chain: ChainConfig,
    config: EngineConfig,
    store: SequencedStore,
    clock: Clock,
    records: Records,
    /// L1 as it was told last; none until it was read to its end once.
    view: Option<L1View>,
    /// What batches are built for, by what L1 was then.
    rules: Rules,
    /// Hash of what judges their proofs.
    verifier: B256,
    closed: VecDeque<Closed>,
    tip: Tip,
    open: Option<Open>,
    pool: Pool,
    /// What waits was applied once and is applied again; none if not.
    replay: Option<Replay>,
    /// The queue as far as batches took it once, of which L1 may have lost messages since. What was acknowledged may stand on each of them.
    taken: Queue,
    /// When it was looked last for what waits in vain.
    looked_through: Moment,
    /// Given up and not published yet.
    dropped: Vec<(B256, Dropped)>,
    /// The last batch whose proof no reorganisation can ask for again.
    finalized: u64,
    /// When a prover asked last; at first, when this process began.
    asked_at: Moment,
    /// Batches wait, and no prover asks for them.
    unattended: Trouble,
    /// Told when there may be something to post.
    postable: Arc<Notify>,
    commands: Receiver<Command>,
}

impl Engine {
    /// Over a store. It begins to work when it is told what L1 is. `postable` is notified when there may be something to post.
    pub fn new(
        chain: ChainConfig,
        config: EngineConfig,
        store: SequencedStore,
        clock: Clock,
        postable: Arc<Notify>,
    ) -> (Self, EngineHandle, Records) {
        let (handle, commands) = EngineHandle::new(config.mempool.submissions_max);
        let records = Records::new(store.clone(), config.mempool.dropped_max);
        let start = Start { number: 1, parent_hash: chain.hash(), queue_start: 0, queue_hash: B256::ZERO };
        let tip = Tip { start, state: Arc::default(), timestamp: chain.genesis_timestamp };
        let engine = Self {
            pool: Pool::new(config.mempool),
            records: records.clone(),
            view: None,
            rules: Rules::default(),
            verifier: B256::ZERO,
            closed: VecDeque::new(),
            tip,
            open: None,
            replay: None,
            taken: Queue::default(),
            looked_through: clock.moment(),
            dropped: Vec::new(),
            finalized: 0,
            asked_at: clock.moment(),
            unattended: unattended(&Readiness::default()),
            chain,
            config,
            store,
            clock,
            postable,
            commands,
        };
        (engine, handle, records)
    }

    /// Says what keeps it from its work there.
    pub fn with_readiness(self, readiness: &Readiness) -> Self {
        Self { unattended: unattended(readiness), ..self }
    }

    /// Works until `cancel`, or until the store fails.
    pub fn run(mut self, cancel: &CancellationToken) -> Result<(), EngineError> {
        while !cancel.is_cancelled() {
            match self.commands.recv_timeout(TICK) {
                Ok(command) => self.handle_group(command)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.close_if_due()?;
            self.expire_waiting()?;
            self.look_for_provers();
        }
        Ok(())
    }

    /// Handles a command and those that wait behind it, a bounded number. Submissions in a row share one write to the journal and are answered after it.
    fn handle_group(&mut self, first: Command) -> Result<(), EngineError> {
        let mut group = Submissions::default();
        let mut next = Some(first);
        let mut handled = 0;
        while let Some(command) = next.take() {
            match command {
                Command::Submit { signed, reply } => self.admit(*signed, reply, &mut group),
                other => {
                    self.acknowledge(&mut group)?;
                    self.handle(other)?;
                }
            }
            handled += 1;
            if handled < GROUP_MAX {
                next = self.commands.try_recv().ok();
            }
        }
        self.acknowledge(&mut group)
    }

    /// Whoever asked may be gone; what was done is done all the same.
    fn handle(&mut self, command: Command) -> Result<(), EngineError> {
        match command {
            Command::Submit { .. } => {}
            Command::L1 { view, reply } => {
                self.follow(*view)?;
                let _ = reply.send(());
            }
            Command::NextBatch { held, reply } => {
                let _ = reply.send(self.next_batch(held)?);
            }
            Command::Proven { proven, reply } => {
                let _ = reply.send(self.take_proven(&proven)?);
            }
            Command::NextToPost { reply } => {
                let _ = reply.send(self.next_to_post());
            }
            Command::GiveUp { id, why, reply } => {
                self.give_up(id, why)?;
                let _ = reply.send(());
            }
        }
        Ok(())
    }
}

/// Batches wait, and no prover asks: how long that is nothing to speak of, the engine's clock says.
fn unattended(readiness: &Readiness) -> Trouble {
    readiness.trouble("proving", Duration::ZERO)
}
