//! A payments chain's engine with its JSON-RPC, over an L1 that the test writes.

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider, ProviderBuilder},
};
use serde_json::{Value, json};
use tandem_chain::{ChainConfig, ChainKind, OutputFields};
use tandem_l1::{
    BlockRef, L1Client, L1Header, L1Heads,
    bindings::payments::{AppendArgs, BatchEnv, Checkpoint},
    payments::{BatchEvent, EntryRules, Ledger, Posted, QueuedRecord, Segments},
};
use tandem_payments::{
    batch::Circuits,
    content::{last_block_hash, queue_hash},
    data::{Message, bytes},
    eddsa::{SecretKey, SessionTransaction},
    field::integer,
    leaf::Key,
    ledger::Env,
    operation::{Call, Operation},
    replay::replay,
    state::State,
    withdrawals,
};
use tandem_sequencer::{
    clock::Clock,
    mempool::MempoolLimits,
    payments::{
        draft::{Draft, Rules, Sealed, Start},
        engine::{Engine, EngineConfig, EngineHandle},
        l1::{L1View, Landed, NextRules},
        records::{Block, Origin},
        rpc::PaymentsContext,
        signed::Signed,
    },
    rpc::{RpcLimits, serve},
};
use tandem_service::Readiness;
use tandem_store::{Options, SequencedStore};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};
use tokio_util::sync::CancellationToken;

pub const ETHER: u128 = 1_000_000_000_000_000_000;
pub const PRICE: u64 = 1_000_000_000;
pub const OPERATOR: Address = Address::repeat_byte(0x0e);
pub const TOKEN: Address = Address::repeat_byte(0x70);
pub const ALICE: Address = Address::repeat_byte(0xaa);
pub const BOB: Address = Address::repeat_byte(0xb0);
pub const TRANSFER_GAS: u64 = 21_000;
/// For whatever must happen. No measure of speed.
const DEADLINE: Duration = Duration::from_secs(60);

pub fn chain() -> ChainConfig {
    ChainConfig { kind: ChainKind::Payments, ..tandem_support::config() }
}

/// Alice's session key.
pub fn key() -> SecretKey {
    SecretKey::from_seed(B256::repeat_byte(9))
}

pub fn deposit(token: Address, amount: u128) -> Message {
    Message::Deposit { key: Key { address: ALICE, token }, amount }
}

/// Alice's key by a message of L1.
pub fn session_key() -> Message {
    Message::L1Key { account: ALICE, key: integer(key().public().hash()) }
}

/// Ether, tokens and a session key for Alice.
pub fn alices_messages() -> Vec<Message> {
    vec![deposit(Address::ZERO, ETHER), deposit(TOKEN, 1_000), session_key()]
}

/// An operation of Alice's with ample terms.
pub fn operation(nonce: u64, call: Call) -> Operation {
    Operation { sender: ALICE, nonce, call, gas_limit: 100_000, max_fee_per_gas: 2 * PRICE, expiry: u64::MAX }
}

pub fn signed(operation: Operation) -> Bytes {
    let chain = chain();
    SessionTransaction::sign(chain.l2_chain_id, chain.hash(), operation, &key()).unwrap().encode().into()
}

pub fn to_bob(nonce: u64, amount: u128) -> Bytes {
    signed(operation(nonce, Call::Transfer { recipient: BOB, amount }))
}

pub fn quantity(value: &Value) -> U256 {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

pub struct Rig {
    pub engine: EngineHandle,
    thread: Option<JoinHandle<()>>,
    cancel: CancellationToken,
    url: String,
    messages: Vec<QueuedRecord>,
    batches: Vec<Landed>,
    ledger: Ledger,
    l1_number: u64,
    pub finalized: u64,
    pub circuits: Circuits,
    pub frozen_at: Option<u64>,
    _l1_heads: watch::Sender<L1Heads>,
    _directory: tempfile::TempDir,
}

impl Rig {
    /// A node that was told nothing of L1 yet.
    pub async fn unsynced(limits: RpcLimits, l1: Option<L1Client>) -> Self {
        Self::unsynced_with(limits, MempoolLimits::DEFAULT, l1).await
    }

    /// The same, with limits of what waits.
    pub async fn unsynced_with(limits: RpcLimits, mempool: MempoolLimits, l1: Option<L1Client>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SequencedStore::open(directory.path(), &chain(), Options { sync: false }).unwrap();
        let config = EngineConfig {
            operator: OPERATOR,
            gas_price: PRICE,
            waiting_batches_max: 8,
            open_max: Duration::from_secs(3_600),
            l1_depth: 0,
            forced_window_s: 3_600,
            batch_proofs_max: 64,
            mempool,
        };
        let (engine, handle, records) = Engine::new(chain(), config, store, Clock::system(), Arc::new(Notify::new()));
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let thread = Some(std::thread::spawn(move || engine.run(&token).unwrap()));
        let (sender, l1_heads) = watch::channel(L1Heads::default());
        let context =
            PaymentsContext::new(chain(), config, records, handle.clone(), l1_heads, limits, Readiness::default());
        let context = match l1 {
            Some(l1) => context.with_l1(l1),
            None => context,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = listener.local_addr().unwrap().to_string();
        tokio::spawn(serve(listener, context, cancel.clone()));
        let ledger = Ledger::genesis(&chain());
        Self {
            engine: handle,
            thread,
            cancel,
            url,
            messages: Vec::new(),
            batches: vec![Landed::genesis(&chain())],
            ledger,
            l1_number: 0,
            finalized: 0,
            circuits: Circuits::STANDARD,
            frozen_at: None,
            _l1_heads: sender,
            _directory: directory,
        }
    }

    /// A node that knows L1.
    pub async fn start() -> Self {
        Self::limited(RpcLimits::default()).await
    }

    pub async fn limited(limits: RpcLimits) -> Self {
        let mut rig = Self::unsynced(limits, None).await;
        rig.l1(vec![]).await;
        rig
    }

    /// A node at which Alice has ether, tokens and a session key, in a batch that is on L1.
    pub async fn with_alice() -> Self {
        let mut rig = Self::start().await;
        rig.l1(alices_messages()).await;
        rig.settle().await;
        rig
    }

    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.url)
    }

    pub fn http_url(&self) -> String {
        format!("http://{}", self.url)
    }

    /// One more L1 block with these messages.
    pub async fn l1(&mut self, messages: Vec<Message>) {
        self.l1_number += 1;
        for message in messages {
            let before = self.messages.last().map_or(B256::ZERO, |queued| queued.queue_hash);
            self.messages.push(QueuedRecord {
                index: self.messages.len() as u64,
                queue_hash: queue_hash(before, &[message]),
                record: bytes(&message.encode()).into(),
                message,
                block: self.l1_number,
            });
        }
        let view = L1View {
            head: L1Header {
                id: self.l1_block(),
                parent_hash: B256::from(U256::from(self.l1_number - 1)),
                timestamp: Clock::system().unix_s(),
                base_fee: 1,
            },
            finalized: self.finalized,
            messages: self.messages.iter().cloned().collect(),
            batches: self.batches.iter().cloned().collect(),
            ledger: Arc::new(self.ledger.clone()),
            next: NextRules { entry: entry(), circuits: self.circuits },
            frozen_at: self.frozen_at,
        };
        self.engine.l1(view).await.unwrap();
    }

    pub fn l1_number(&self) -> u64 {
        self.l1_number
    }

    fn l1_block(&self) -> BlockRef {
        BlockRef { number: self.l1_number, hash: B256::from(U256::from(self.l1_number)) }
    }

    /// Closes the open batch, as for a prover that is free. Those before must have landed.
    pub async fn close(&self) -> Block {
        let block = self.engine.next_batch(None).await.unwrap().expect("something to close");
        assert_eq!(block.number, self.batches.len() as u64, "the batch before has not landed");
        Block::clone(&block)
    }

    /// Closes the open batch, and lets it land.
    pub async fn settle(&mut self) -> Block {
        let block = self.close().await;
        self.land(block.clone()).await;
        block
    }

    /// What a batch after those on L1 does, with its state.
    fn again(&self, block: &Block) -> Sealed {
        let state = State::clone(self.ledger.state());
        Draft::again(&chain(), &Rules::default(), state, self.next_start(), &self.messages, block).unwrap()
    }

    /// Where the batch after those on L1 begins.
    fn next_start(&self) -> Start {
        let last = &self.batches.last().unwrap().block;
        Start {
            number: last.number + 1,
            parent_hash: last.hash,
            queue_start: last.queue_end,
            queue_hash: last.queue_hash,
        }
    }

    /// L1 has, from its next block on, a batch with what this one holds, a second later and without anybody's having told what it holds.
    pub async fn land_unseen(&mut self, block: Block) -> Block {
        let env = Env { operator: block.operator, timestamp: block.timestamp + 1 };
        let state = State::clone(self.ledger.state());
        let mut draft = Draft::new(&chain(), &Rules::default(), state, self.next_start(), env);
        for transaction in block.transactions.iter().flatten() {
            let Origin::Operation { envelope, price, .. } = &transaction.origin else { panic!("operations alone") };
            draft.operation(&Signed::known(envelope).unwrap(), *price).unwrap();
        }
        let sealed = draft.seal();
        let block = Block { transactions: None, ..sealed.block.clone() };
        self.land_sealed(sealed, block.clone()).await;
        block
    }

    /// L1 has a batch from its next block on.
    pub async fn land(&mut self, block: Block) {
        let sealed = self.again(&block);
        self.land_sealed(sealed, block).await;
    }

    async fn land_sealed(&mut self, sealed: Sealed, block: Block) {
        let Sealed { state, segments, .. } = sealed;
        let env = Env { operator: block.operator, timestamp: block.timestamp };
        let [effects, withdrawn, messages] = segments;
        let replayed =
            replay(State::clone(self.ledger.state()), env, &effects, &withdrawn, &messages).unwrap().withdrawals;
        let fields = OutputFields {
            config_hash: chain().hash(),
            batch_hash: B256::repeat_byte(block.number as u8),
            last_block_hash: last_block_hash(block.timestamp, block.leaf_count),
            state_root: integer(state.root()).into(),
            message_root: withdrawals::root(&replayed),
            queue_index: block.queue_end,
        };
        self.l1_number += 1;
        let event = BatchEvent {
            index: block.number,
            output: fields.hash(),
            fields,
            env: BatchEnv { timestamp: block.timestamp, operator: block.operator },
            leaf_count: block.leaf_count,
            transaction: B256::repeat_byte(0x77),
            block_hash: self.l1_block().hash,
            block: self.l1_number,
        };
        let segments = Segments { effects: effects.into(), withdrawals: withdrawn.into(), messages: messages.into() };
        let posted = Posted { args: args(), env, segments };
        self.ledger = self.ledger.clone().apply(&event, &posted, &self.messages).unwrap();
        self.batches.push(Landed {
            block: Arc::new(block),
            l1_block: self.l1_block(),
            transaction: event.transaction,
            output: event.output,
        });
        self.l1_number -= 1;
        self.l1(vec![]).await;
    }

    /// The answer, or the error's code and message.
    pub async fn try_ask(&self, method: &str, params: Value) -> Result<Value, (i64, String)> {
        let provider = ProviderBuilder::new().connect_http(self.http_url().parse().unwrap());
        let answer: Result<Value, _> = provider.raw_request(method.to_owned().into(), params).await;
        answer.map_err(|error| {
            let error = error.as_error_resp().unwrap_or_else(|| panic!("{method}: {error}"));
            (error.code, error.message.to_string())
        })
    }

    pub async fn ask(&self, method: &str, params: Value) -> Value {
        self.try_ask(method, params).await.unwrap_or_else(|error| panic!("{method}: {error:?}"))
    }

    /// The code and the message of an error.
    pub async fn refused(&self, method: &str, params: Value) -> (i64, String) {
        match self.try_ask(method, params).await {
            Err(error) => error,
            Ok(answer) => panic!("{method} answers {answer}"),
        }
    }

    pub async fn send(&self, envelope: &Bytes) -> B256 {
        serde_json::from_value(self.ask("eth_sendRawTransaction", json!([envelope])).await).unwrap()
    }

    pub async fn wait(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !condition().await {
            assert!(Instant::now() < deadline, "{what} did not happen within {DEADLINE:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.cancel.cancel();
        // A process must not end while a database is closed in it.
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || std::thread::panicking(), "the engine failed");
        }
    }
}

/// The entry of the schedule that the chain has.
pub fn entry() -> EntryRules {
    EntryRules {
        config_hash: chain().hash(),
        keys_hash: B256::repeat_byte(0x6b),
        messages_max: chain().max_messages_per_batch,
        message_gas_max: chain().max_message_gas_per_batch,
        age_max_s: 3_600,
    }
}

/// Where a batch landed, of which the ledger reads nothing.
fn args() -> AppendArgs {
    AppendArgs {
        index: 0,
        parentContentHash: B256::ZERO,
        queueEnd: 0,
        queueHash: B256::ZERO,
        workGas: 0,
        checkpoint: Checkpoint { number: 0, timestamp: 0, baseFee: U256::ZERO, blobBaseFee: U256::ZERO },
    }
}
