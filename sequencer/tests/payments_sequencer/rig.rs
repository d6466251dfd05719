//! A payments engine that runs, over an L1 that the test plays, and a prover that derives and proves nothing.

use std::{path::Path, sync::Arc, thread::JoinHandle, time::Duration};

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::SolValue,
};
use tandem_chain::{ChainConfig, ChainKind, OutputFields};
use tandem_l1::{
    BlockRef, L1Header,
    bindings::payments::{AppendArgs, ApplyChunk, AuthoriseChunk, BatchEnv, Checkpoint},
    payments::{BatchEvent, EntryRules, Ledger, Posted, QueuedRecord, Segments},
};
use tandem_payments::{
    batch::{ApplyCircuit, AuthoriseCircuit, Circuits},
    content::{last_block_hash, message_hash},
    data::{Message, Withdrawal, bytes, elements},
    eddsa::{SecretKey, SessionTransaction},
    field::integer,
    leaf::Key,
    ledger::Env,
    operation::{Call, Operation},
    withdrawals,
};
use tandem_sequencer::{
    clock::ManualClock,
    mempool::MempoolLimits,
    payments::{
        draft::{Draft, Rules, Sealed, Start},
        engine::{BatchId, Engine, EngineConfig, EngineHandle, NotAdmitted, ProvenBatch, Taken},
        l1::{L1View, Landed, NextRules},
        records::Block,
        signed::Signed,
        view::Records,
    },
};
use tandem_service::Readiness;
use tandem_store::{Options, SequencedStore};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub const ETHER: u128 = 1_000_000_000_000_000_000;
pub const PRICE: u64 = 1_000_000_000;
pub const OPERATOR: Address = Address::repeat_byte(0x0e);
pub const TOKEN: Address = Address::repeat_byte(0x70);
pub const START_S: u64 = 1_800_000_000;

pub fn chain() -> ChainConfig {
    ChainConfig { kind: ChainKind::Payments, max_message_gas_per_batch: 6_400_000, ..tandem_support::config() }
}

pub fn config() -> EngineConfig {
    EngineConfig {
        operator: OPERATOR,
        gas_price: PRICE,
        waiting_batches_max: 8,
        open_max: Duration::from_secs(12),
        l1_depth: 0,
        forced_window_s: 3_600,
        batch_proofs_max: 64,
        mempool: MempoolLimits::DEFAULT,
    }
}

/// Batches of one chunk: six slots where L1 has the keys of [`SMALL`] alone.
pub fn small() -> EngineConfig {
    EngineConfig { batch_proofs_max: 1, ..config() }
}

/// The small circuits, without the large ones.
pub const SMALL: Circuits = Circuits {
    apply: [ApplyCircuit::SMALL; 2],
    session: Some([AuthoriseCircuit::SESSION_SMALL; 2]),
    ..Circuits::STANDARD
};

/// The entry of the schedule that the chain begins with, and the usual circuits.
fn first_entry() -> NextRules {
    let entry = EntryRules {
        config_hash: chain().hash(),
        keys_hash: B256::repeat_byte(0x6b),
        messages_max: chain().max_messages_per_batch,
        message_gas_max: chain().max_message_gas_per_batch,
        age_max_s: 3_600,
    };
    NextRules { entry, circuits: Circuits::STANDARD }
}

pub fn user(i: u8) -> Address {
    Address::repeat_byte(i)
}

pub fn session_key(i: u8) -> SecretKey {
    SecretKey::from_seed(B256::repeat_byte(i))
}

pub fn operation(i: u8, nonce: u64, call: Call) -> Operation {
    Operation { sender: user(i), nonce, call, gas_limit: 100_000, max_fee_per_gas: 2 * PRICE, expiry: u64::MAX }
}

pub fn transfer(to: u8, amount: u128) -> Call {
    Call::Transfer { recipient: user(to), amount }
}

/// Signed by user `i`, whoever the sender is.
pub fn signed(i: u8, operation: Operation) -> Bytes {
    let chain = chain();
    SessionTransaction::sign(chain.l2_chain_id, chain.hash(), operation, &session_key(i)).unwrap().encode().into()
}

/// L1 as the test plays it.
#[derive(Clone)]
pub struct L1 {
    pub number: u64,
    pub timestamp: u64,
    pub finalized: u64,
    /// Tells blocks of the same number apart.
    pub branch: u8,
    pub messages: Vec<QueuedRecord>,
    pub batches: Vec<Landed>,
    pub ledger: Ledger,
    /// What the next batch obeys.
    pub next: NextRules,
    pub frozen_at: Option<u64>,
}

impl L1 {
    pub fn new() -> Self {
        let ledger = Ledger::genesis(&chain());
        Self {
            number: 1,
            timestamp: START_S,
            finalized: 0,
            branch: 0,
            messages: Vec::new(),
            batches: vec![Landed::genesis(&chain())],
            ledger,
            next: first_entry(),
            frozen_at: None,
        }
    }

    /// One that has keys of the small circuits alone.
    pub fn small() -> Self {
        let mut l1 = Self::new();
        l1.next.circuits = SMALL;
        l1
    }

    /// One more block, in which nothing happens.
    pub fn mine(&mut self) {
        self.number += 1;
        self.timestamp += 12;
    }

    pub fn queue(&mut self, message: Message) {
        self.number += 1;
        self.timestamp += 12;
        let before = self.messages.last().map_or(B256::ZERO, |last| last.queue_hash);
        let queue_hash = tandem_chain::message::queue_hash_after(before, message_hash(&message));
        let (index, record) = (self.messages.len() as u64, bytes(&message.encode()).into());
        self.messages.push(QueuedRecord { index, queue_hash, record, message, block: self.number });
    }

    /// An account with a session key.
    pub fn fund(&mut self, i: u8, amount: u128) {
        self.queue(Message::Deposit { key: Key::eth(user(i)), amount });
        self.set_key(i, i);
    }

    /// User `i` has the session key `key` from here on.
    pub fn set_key(&mut self, i: u8, key: u8) {
        self.queue(Message::L1Key { account: user(i), key: integer(session_key(key).public().hash()) });
    }

    pub fn fund_token(&mut self, i: u8, amount: u128) {
        self.queue(Message::Deposit { key: Key { address: user(i), token: TOKEN }, amount });
    }

    fn start(&self) -> Start {
        let last = &self.batches.last().unwrap().block;
        Start {
            number: last.number + 1,
            parent_hash: last.hash,
            queue_start: last.queue_end,
            queue_hash: last.queue_hash,
        }
    }

    /// A batch lands, with whatever its block says.
    pub fn land(&mut self, sealed: &Sealed) {
        self.number += 1;
        self.timestamp += 12;
        let (block, [effects, paid, messages]) = (&sealed.block, sealed.segments.clone());
        let message_root = withdrawals::root(&Withdrawal::decode_all(&elements(&paid).unwrap()).unwrap());
        let fields = OutputFields {
            config_hash: self.next.entry.config_hash,
            batch_hash: block.hash,
            last_block_hash: last_block_hash(block.timestamp, block.leaf_count),
            state_root: block.state_root,
            message_root,
            queue_index: block.queue_end,
        };
        let env = Env { operator: block.operator, timestamp: block.timestamp };
        let event = BatchEvent {
            index: block.number,
            output: fields.hash(),
            fields,
            env: BatchEnv { timestamp: env.timestamp, operator: env.operator },
            leaf_count: block.leaf_count,
            transaction: block.hash,
            block_hash: B256::with_last_byte(self.branch),
            block: self.number,
        };
        let segments = Segments { effects: effects.into(), withdrawals: paid.into(), messages: messages.into() };
        let checkpoint = Checkpoint { number: 0, timestamp: 0, baseFee: U256::ZERO, blobBaseFee: U256::ZERO };
        let args = AppendArgs {
            index: block.number,
            parentContentHash: B256::ZERO,
            queueEnd: block.queue_end,
            queueHash: block.queue_hash,
            workGas: 0,
            checkpoint,
        };
        self.ledger = self.ledger.clone().apply(&event, &Posted { args, env, segments }, &self.messages).unwrap();
        // L1 tells of messages alone what they are.
        let is_signed = block.transactions.iter().flatten().any(|transaction| transaction.gas > 0);
        let told = Block { transactions: block.transactions.clone().filter(|_| !is_signed), ..block.clone() };
        self.batches.push(Landed {
            block: Arc::new(told),
            l1_block: BlockRef { number: self.number, hash: B256::with_last_byte(self.branch) },
            transaction: block.hash,
            output: event.output,
        });
    }

    /// Somebody forces the messages that wait.
    pub fn force(&mut self) -> Sealed {
        let env = Env { operator: Address::repeat_byte(0xf0), timestamp: self.timestamp };
        let mut draft = Draft::new(&chain(), &Rules::default(), self.ledger.state().clone(), self.start(), env);
        for queued in &self.messages[self.ledger.output().queue_index as usize..] {
            draft.message(queued).unwrap();
        }
        let sealed = draft.seal();
        self.land(&sealed);
        sealed
    }

    /// What a block of the sequencer posts.
    pub fn derive(&self, block: &Block) -> Sealed {
        let (state, rules) = (self.ledger.state().clone(), Rules { circuits: self.next.circuits, ..Rules::default() });
        Draft::again(&chain(), &rules, state, self.start(), &self.messages, block).unwrap()
    }

    pub fn view(&self) -> L1View {
        let id = BlockRef { number: self.number, hash: B256::with_last_byte(self.branch) };
        L1View {
            head: L1Header { id, parent_hash: B256::ZERO, timestamp: self.timestamp, base_fee: 1 },
            finalized: self.finalized,
            messages: self.messages.iter().cloned().collect(),
            batches: self.batches.iter().cloned().collect(),
            ledger: Arc::new(self.ledger.clone()),
            next: self.next,
            frozen_at: self.frozen_at,
        }
    }
}

/// A running engine.
pub struct Rig {
    pub engine: EngineHandle,
    pub records: Records,
    pub clock: ManualClock,
    pub store: SequencedStore,
    pub readiness: Readiness,
    cancel: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Rig {
    /// Opens the directory as a process does that begins.
    pub fn open(directory: &Path, config: EngineConfig) -> Self {
        let store = SequencedStore::open(directory, &chain(), Options::default()).unwrap();
        let (clock, postable) = (ManualClock::at(START_S), Arc::new(Notify::new()));
        let (engine, handle, records) = Engine::new(chain(), config, store.clone(), clock.clock(), postable);
        let readiness = Readiness::default();
        let engine = engine.with_readiness(&readiness);
        let cancel = CancellationToken::new();
        let child = cancel.clone();
        let thread = Some(std::thread::spawn(move || engine.run(&child).unwrap()));
        Self { engine: handle, records, clock, store, readiness, cancel, thread }
    }

    /// Begins, and is told what L1 is.
    pub async fn start(directory: &Path, config: EngineConfig, l1: &L1) -> Self {
        let rig = Self::open(directory, config);
        rig.tell(l1).await;
        rig
    }

    pub async fn tell(&self, l1: &L1) {
        self.engine.l1(l1.view()).await.unwrap();
    }

    /// Ends without a farewell that a kill would not allow.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.cancel.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub async fn send(&self, envelope: &Bytes) -> Result<B256, NotAdmitted> {
        self.engine.submit(Signed::read(&chain(), envelope).unwrap()).await.unwrap()
    }

    /// User 1 offers a transfer to user 2, after so many.
    pub async fn send_next(&self, nonce: usize) -> Result<B256, NotAdmitted> {
        self.send(&signed(1, operation(1, nonce as u64, transfer(2, 1)))).await
    }

    /// User `i` sends, and it is taken.
    pub async fn transfer(&self, i: u8, nonce: u64, to: u8, amount: u128) -> B256 {
        self.send(&signed(i, operation(i, nonce, transfer(to, amount)))).await.unwrap()
    }

    pub async fn next(&self) -> Option<Arc<Block>> {
        self.engine.next_batch(None).await.unwrap()
    }

    /// Brings a batch back, with proofs that only the test's L1 takes.
    pub async fn bring_back(&self, block: &Block, sealed: &Sealed) -> Taken {
        let verifier = self.records.next_rules().unwrap().entry.verifier();
        self.engine.proven(ProvenBatch { verifier, ..proven(block, sealed) }).await.unwrap().unwrap()
    }

    /// A prover takes the next batch and brings it back, and it lands.
    pub async fn settle_next(&self, l1: &mut L1) -> Arc<Block> {
        let block = self.next().await.expect("there is a batch");
        let sealed = l1.derive(&block);
        assert_eq!(self.bring_back(&block, &sealed).await, Taken::Kept);
        let next = self.engine.next_to_post().await.unwrap().expect("it is next");
        assert_eq!(next.block.hash, block.hash);
        l1.land(&sealed);
        self.tell(l1).await;
        block
    }

    pub fn balance(&self, i: u8, moment: tandem_sequencer::payments::view::Moment) -> u128 {
        self.records.leaf(Key::eth(user(i)), moment).map_or(0, |leaf| leaf.balance)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.end();
    }
}

pub fn id(block: &Block) -> BatchId {
    BatchId { number: block.number, hash: block.hash }
}

/// What a prover brings back that saw the first entry of the schedule, its proofs left out.
pub fn proven(block: &Block, sealed: &Sealed) -> ProvenBatch {
    let [apply, authorise] = &sealed.circuits;
    let applied: Vec<_> = apply.iter().map(|circuit| apply_chunk(*circuit, block.state_root)).collect();
    let authorised: Vec<_> = authorise.iter().map(|circuit| authorise_chunk(*circuit)).collect();
    let env = BatchEnv { timestamp: block.timestamp, operator: block.operator };
    let segments = sealed.segments.each_ref().map(|segment| Bytes::copy_from_slice(segment));
    let arguments = (env, segments, applied, authorised).abi_encode_params();
    let verifier = first_entry().entry.verifier();
    ProvenBatch { id: id(block), arguments: arguments.into(), root_after: block.state_root, verifier }
}

fn apply_chunk(circuit: u64, root_out: B256) -> ApplyChunk {
    ApplyChunk {
        circuit: U256::from(circuit),
        rootOut: root_out.into(),
        countsOut: U256::ZERO,
        feeOut: U256::ZERO,
        dataDigest: U256::ZERO,
        valueDigest: U256::ZERO,
        evaluationsOut: [U256::ZERO; 3],
        product: U256::ONE,
        proof: [U256::ZERO; 8],
    }
}

fn authorise_chunk(circuit: u64) -> AuthoriseChunk {
    AuthoriseChunk { circuit: U256::from(circuit), valueDigest: U256::ZERO, product: U256::ONE, proof: [U256::ZERO; 8] }
}
