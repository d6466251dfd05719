//! A batch under construction: entries applied one by one to the state before it, and what callers see of each.
//!
//! The rules are the ledger's (`BatchBuilder`); here it is recorded what they did. A batch that was closed is built again from its block by [`Draft::again`], and is
//! the same only if its hash is.

use std::collections::HashMap;

use alloy::primitives::B256;
use tandem_chain::ChainConfig;
use tandem_l1::payments::{Queued, QueuedRecord};
use tandem_payments::{
    batch::{BatchBuilder, BatchLimits, Circuits, cut_signatures},
    data::{Message, bytes},
    eddsa::domain,
    field::integer,
    kind::Kind,
    leaf::{Key, Leaf},
    ledger::{Env, KeyOrder, Refused, key_order},
    operation::SignatureKind,
    state::State,
};

use super::{
    records::{Block, Origin, Transaction, block_hash, of_message},
    signed::{NotSigned, Signed},
};

/// What batches are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The circuits that they are cut for: those that L1 has keys of.
    pub circuits: Circuits,
    /// What they may take on L1.
    pub limits: BatchLimits,
    /// Messages of the queue that one of them may take.
    pub messages_max: u64,
    /// Gas that these may have together (PAY-MESSAGE-GAS).
    pub message_gas_max: u64,
}

impl Default for Rules {
    /// For the usual circuits, with as many messages as fit: of a batch that L1 has, its entry of the schedule has bounded them.
    fn default() -> Self {
        Self {
            circuits: Circuits::STANDARD,
            limits: BatchLimits::default(),
            messages_max: u64::MAX,
            message_gas_max: u64::MAX,
        }
    }
}

/// Where a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Index of the batch.
    pub number: u64,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Messages consumed before it.
    pub queue_start: u64,
    /// The queue's hash there.
    pub queue_hash: B256,
}

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// This batch has no room for it; the next has.
    Full,
    /// It is not the next of the queue.
    NotNext,
}

/// Why a block does not come out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAgain {
    /// It follows another block, or other messages.
    #[error("it follows another block, or other messages")]
    Start,
    /// Its transactions are not known.
    #[error("its transactions are not known")]
    Unknown,
    /// The queue does not have its messages, or no batch may take as many any more.
    #[error("the queue has other messages, or it takes more of them than a batch may")]
    Messages,
    /// A transaction of it is none.
    #[error(transparent)]
    Signed(#[from] NotSigned),
    /// The ledger refuses one.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// What comes out is another block.
    #[error("what comes out is another block")]
    Other,
}

/// A batch under construction.
#[derive(Clone, Debug)]
pub struct Draft {
    builder: BatchBuilder,
    rules: Rules,
    start: Start,
    env: Env,
    root_before: B256,
    queue_end: u64,
    queue_hash: B256,
    message_gas: u64,
    withdrawals: u32,
    transactions: Vec<Transaction>,
    /// Leaves that it changed or read, as they are now.
    touched: HashMap<Key, Leaf>,
    operations: Vec<Signed>,
}

/// A batch that takes nothing more.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// As callers see it.
    pub block: Block,
    /// The state after it.
    pub state: State,
    /// What it posts: effects, withdrawals, messages.
    pub segments: [Vec<u8>; 3],
    /// Numbers of the circuits that prove it, in the order of the cut (PAY-CUT): those of Apply, those of Authorise.
    pub circuits: [Vec<u64>; 2],
}

impl Draft {
    /// A batch on a state.
    pub fn new(chain: &ChainConfig, rules: &Rules, state: State, start: Start, env: Env) -> Self {
        let dom = domain(chain.l2_chain_id, chain.hash());
        let root_before = integer(state.root()).into();
        let builder = BatchBuilder::with(state, env, dom, start.queue_start, rules.circuits, rules.limits);
        Self {
            builder,
            rules: *rules,
            start,
            env,
            root_before,
            queue_end: start.queue_start,
            queue_hash: start.queue_hash,
            message_gas: 0,
            withdrawals: 0,
            transactions: Vec::new(),
            touched: HashMap::new(),
            operations: Vec::new(),
        }
    }

    /// A closed batch once more, on a state, cut for the circuits that there are now, whatever the operator's bounds have become since. `messages` are those of the queue by
    /// index.
    ///
    /// # Errors
    /// If this is not the state, or these not the messages, on which it gave what it did, or if L1 takes no such batch any more.
    pub fn again(
        chain: &ChainConfig,
        rules: &Rules,
        state: State,
        start: Start,
        messages: &impl Queued,
        block: &Block,
    ) -> Result<Sealed, NotAgain> {
        let follows = Start {
            number: block.number,
            parent_hash: block.parent_hash,
            queue_start: block.queue_start,
            queue_hash: start.queue_hash,
        };
        if start != follows {
            return Err(NotAgain::Start);
        }
        let rules = Rules { limits: BatchLimits::default(), ..*rules };
        let mut draft =
            Self::new(chain, &rules, state, start, Env { operator: block.operator, timestamp: block.timestamp });
        for transaction in block.transactions.as_ref().ok_or(NotAgain::Unknown)? {
            match &transaction.origin {
                Origin::Operation { envelope, price, .. } => draft.operation(&Signed::known(envelope)?, *price)?,
                Origin::Message { index, .. } => {
                    let queued = messages.queued(*index).ok_or(NotAgain::Messages)?;
                    draft.message(queued).map_err(|_| NotAgain::Messages)?;
                }
            }
        }
        let sealed = draft.seal();
        if sealed.block.hash == block.hash { Ok(sealed) } else { Err(NotAgain::Other) }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    /// What is in it.
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// The operations in it.
    pub fn operations(&self) -> &[Signed] {
        &self.operations
    }

    /// Messages of the queue consumed so far.
    pub fn queue_end(&self) -> u64 {
        self.queue_end
    }

    /// The queue's hash there.
    pub fn queue_hash(&self) -> B256 {
        self.queue_hash
    }

    /// What every entry shares.
    pub fn env(&self) -> Env {
        self.env
    }

    /// The state as it stands.
    pub fn state(&self) -> &State {
        self.builder.ledger().state()
    }

    /// Leaves that it changed, as they are now.
    pub fn touched(&self) -> &HashMap<Key, Leaf> {
        &self.touched
    }

    /// Applies an operation at a price.
    ///
    /// # Errors
    /// `BatchFull`, or what the ledger refuses; then nothing has changed.
    pub fn operation(&mut self, signed: &Signed, price: u64) -> Result<(), Refused> {
        let Signed { operation, signer, .. } = signed;
        let credited = signed.credited();
        let creates = credited.is_some_and(|key| self.state().find(key).is_none());
        self.builder.user(operation, *signer, price)?;
        let mut record = Transaction { took_effect: true, ..signed.record(price) };
        record.gas = operation.call.kind().gas_after(creates);
        record.withdrawal = self.new_withdrawal();
        let own_token = Key { address: operation.sender, token: record.token };
        self.touch([Some(Key::eth(operation.sender)), Some(own_token), credited]);
        self.transactions.push(record);
        self.operations.push(signed.clone());
        Ok(())
    }

    /// Consumes the next message of the queue.
    ///
    /// # Errors
    /// If it is not the next, or this batch has no room for it.
    pub fn message(&mut self, queued: &QueuedRecord) -> Result<(), NotTaken> {
        if queued.index != self.queue_end {
            return Err(NotTaken::NotNext);
        }
        let message = &queued.message;
        let gas = self.message_gas.saturating_add(message.gas());
        let count = self.queue_end.saturating_sub(self.start.queue_start);
        if count >= self.rules.messages_max || gas > self.rules.message_gas_max {
            return Err(NotTaken::Full);
        }
        let key = match *message {
            Message::Deposit { key, .. } | Message::Forced { key } => key,
            Message::L1Key { account, .. } => Key::eth(account),
        };
        let held = self.state().get(key).copied();
        // A message is refused for nothing but the want of room.
        self.builder.message(message).map_err(|_| NotTaken::Full)?;
        let mut record = of_message(queued.index, message);
        record.withdrawal = self.new_withdrawal();
        record.took_effect = match *message {
            Message::Deposit { .. } => record.withdrawal.is_none(),
            Message::Forced { .. } => record.withdrawal.is_some(),
            Message::L1Key { key, .. } => held.is_some() && matches!(key_order(key), KeyOrder::Below(_)),
        };
        if record.kind() == Some(Kind::Forced) {
            record.amount = held.map_or(0, |leaf| leaf.balance);
        }
        (self.queue_end, self.queue_hash) = (queued.index.saturating_add(1), queued.queue_hash);
        self.message_gas = gas;
        self.touch([Some(key), None, None]);
        self.transactions.push(record);
        Ok(())
    }

    /// Ends the batch.
    pub fn seal(self) -> Sealed {
        let authorise = self.authorise_circuits();
        let (batch, state) = self.builder.finish();
        let segments = [&batch.effects, &batch.withdrawals, &batch.messages].map(|elements| bytes(elements));
        let Start { number, parent_hash, queue_start, .. } = self.start;
        let block = Block {
            number,
            hash: block_hash(number, parent_hash, self.env, segments.each_ref().map(Vec::as_slice)),
            parent_hash,
            timestamp: self.env.timestamp,
            operator: self.env.operator,
            root_before: self.root_before,
            state_root: integer(state.root()).into(),
            leaf_count: state.leaf_count(),
            queue_start,
            queue_end: self.queue_end,
            queue_hash: self.queue_hash,
            transactions: Some(self.transactions),
        };
        let apply = batch.chunks.iter().map(|chunk| chunk.circuit.id).collect();
        Sealed { block, state, segments, circuits: [apply, authorise] }
    }

    /// Numbers of the circuits that verify the signatures, as provers cut them.
    fn authorise_circuits(&self) -> Vec<u64> {
        let kinds = [SignatureKind::Session, SignatureKind::Ethereum, SignatureKind::Register];
        let cut = kinds.into_iter().filter_map(|kind| {
            let count = self.operations.iter().filter(|signed| signed.signer.kind == kind).count();
            self.rules.circuits.authorise(kind).map(|circuits| cut_signatures(count, circuits))
        });
        cut.flatten().map(|circuit| circuit.id).collect()
    }

    /// The place of the withdrawal that the last entry made, if it made one.
    fn new_withdrawal(&mut self) -> Option<u32> {
        let [_, elements, _] = self.builder.load().elements;
        let count = u32::try_from(elements / 2).ok()?;
        let place = self.withdrawals;
        self.withdrawals = count;
        (count > place).then_some(place)
    }

    fn touch(&mut self, keys: [Option<Key>; 3]) {
        for key in keys.into_iter().flatten() {
            let leaf = self.builder.ledger().state().get(key).copied();
            self.touched.extend(leaf.map(|leaf| (key, leaf)));
        }
    }
}

impl Sealed {
    /// Where the next batch begins.
    pub fn next(&self) -> Start {
        Start {
            number: self.block.number.saturating_add(1),
            parent_hash: self.block.hash,
            queue_start: self.block.queue_end,
            queue_hash: self.block.queue_hash,
        }
    }
}
