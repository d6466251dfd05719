//! A payments chain on a real L1 node, for tests and benchmarks: its contracts on Anvil, the ledger beside it, its people, and batches that are really proven.
#![allow(missing_docs, reason = "a fixture of tests")]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    path::PathBuf,
    sync::{LazyLock, Mutex},
};

use alloy::{
    network::{EthereumWallet, TransactionBuilder},
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider, ProviderBuilder, ext::AnvilApi},
    rpc::types::{BlockId, TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
    sol,
    sol_types::{SolCall, SolError, SolEvent, SolValue},
};
use ark_bn254::Fr;
use tandem_chain::ChainConfig;
use tandem_circuits::{
    apply::Apply,
    authorise::session::{Authorisation, SessionChunk},
    circuit::CircuitId,
    groth16::{Calldata, DevnetKeys, Header, Key, PreparedBatch, ProvenBatch, Prover, ProverConfig, key_words},
};
use tandem_l1::{
    ChainSpec, Deployment, L1Client,
    anvil::{Anvil, AnvilOptions},
    bindings::{
        AppendArgs, Checkpoint, Inbox, PaymentsBridge, Rules, Schedule, ValiditySettlement, payments::Leaf as SolLeaf,
    },
    deploy::{KeySet, ValiditySpec, deploy},
    payments::genesis,
};
use tandem_payments::{
    batch::{ApplyCircuit, AuthoriseCircuit, Batch, BatchBuilder, BatchLimits, Circuits},
    content::queue_hash,
    data::{Message, bytes},
    eddsa::{SecretKey, SessionTransaction, domain},
    escape::siblings,
    field::integer,
    leaf::{Key as LeafKey, Leaf},
    ledger::{Env, Refused},
    operation::{Call, Operation},
    state::State,
};
use tandem_support::{
    l1::{DEADLINE, POLL, start},
    payments::spec,
};

pub const ETHER: u128 = 1_000_000_000_000_000_000;
pub const PRICE: u64 = 1_000_000_000;
/// After so long batches must take a message, and after so long again anybody may end the chain; seconds.
pub const WINDOW: u64 = 3_600;
pub const ESCAPE_DELAY: u64 = 3_600;

sol! {
    #[sol(rpc)]
    contract Token {
        function mint(address to, uint256 amount) external;
        function approve(address spender, uint256 amount) external returns (bool);
        function balanceOf(address account) external view returns (uint256);
    }
}

/// What batches are proven with.
pub struct Proving {
    /// The circuits that they are cut for.
    pub circuits: Circuits,
    pub keys: BTreeMap<CircuitId, Key>,
    /// A proof takes all cores, so that one at a time is made.
    pub prover: Mutex<Prover>,
}

/// The small circuits, whose keys are made within seconds.
pub static SMALL: LazyLock<Proving> = LazyLock::new(|| {
    let circuits = Circuits {
        apply: [ApplyCircuit::SMALL; 2],
        session: Some([AuthoriseCircuit::SESSION_SMALL; 2]),
        ..Circuits::STANDARD
    };
    Proving::new(circuits, std::env::temp_dir().join("tandem-devnet-keys"))
});

impl Proving {
    /// With keys out of a folder, which are made there if they are missing. Devnet keys: whoever wants can forge.
    pub fn new(circuits: Circuits, folder: PathBuf) -> Self {
        let cache = DevnetKeys::new(31_337, folder).unwrap();
        let mut keys = BTreeMap::new();
        for circuit in circuits.apply {
            let key = cache.key(&Apply::blank(circuit)).unwrap();
            keys.insert(key.circuit(), key);
        }
        for circuit in circuits.session.into_iter().flatten() {
            let key = cache.key(&SessionChunk::blank(circuit)).unwrap();
            keys.insert(key.circuit(), key);
        }
        let prover = Mutex::new(Prover::new(ProverConfig::default()).unwrap());
        Self { circuits, keys, prover }
    }

    /// The verifying keys of some circuits, as L1 takes them.
    pub fn key_set_of(&self, circuits: &[CircuitId]) -> KeySet {
        let words = circuits.iter().flat_map(|circuit| key_words(*circuit, self.keys[circuit].verifying()));
        let bytes: Vec<u8> = words.flat_map(|word| word.to_be_bytes::<32>()).collect();
        KeySet::try_from(Bytes::from(bytes)).unwrap()
    }

    /// Those of all circuits.
    pub fn key_set(&self) -> KeySet {
        self.key_set_of(&self.keys.keys().copied().collect::<Vec<_>>())
    }
}

pub fn eth(address: Address) -> LeafKey {
    LeafKey::eth(address)
}

/// The bytes of messages as the queue has them.
pub fn records(messages: &[Message]) -> Vec<u8> {
    messages.iter().flat_map(|message| bytes(&message.encode())).collect()
}

/// L1's refusal of a call: what it returned.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal(pub Bytes);

impl Refusal {
    /// Whether it is this error, whatever its arguments.
    pub fn is<E: SolError>(&self) -> bool {
        self.0.starts_with(&E::SELECTOR)
    }
}

/// Asserts that a call was refused with an error.
pub fn refused<E: SolError>(outcome: Result<TransactionReceipt, Refusal>) {
    let refusal = outcome.expect_err("L1 took it");
    assert!(refusal.is::<E>(), "refused with {}, expected {}", refusal.0, E::SIGNATURE);
}

/// Sends a call as `from`, and waits for its receipt.
///
/// # Errors
/// What the contract reverts with, if it does.
pub async fn send(
    client: &L1Client,
    from: &PrivateKeySigner,
    to: Address,
    value: u128,
    input: impl Into<Bytes>,
) -> Result<TransactionReceipt, Refusal> {
    let request = TransactionRequest::default()
        .with_from(from.address())
        .with_to(to)
        .with_value(U256::from(value))
        .with_input(input.into());
    if let Err(error) = client.provider().call(request.clone()).await {
        let response = error.as_error_resp().unwrap_or_else(|| panic!("{error}"));
        let data = response.as_revert_data().unwrap_or_else(|| panic!("no reason: {response}"));
        return Err(Refusal(data));
    }
    let provider =
        ProviderBuilder::new().wallet(EthereumWallet::from(from.clone())).connect_provider(client.provider());
    let receipt = provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status(), "the call went through when it was tried");
    Ok(receipt)
}

pub struct Chain {
    pub proving: &'static Proving,
    pub anvil: Anvil,
    pub client: L1Client,
    pub deployment: Deployment,
    /// The configuration that batches are under: the first one, until a test says otherwise.
    pub config_hash: B256,
    /// The key set that batches are proven under, likewise.
    pub key_set_hash: B256,
    pub token: Address,
    /// The state after the last batch posted here.
    pub state: State,
    /// All messages ever queued.
    pub queue: Vec<Message>,
    /// How many of them batches have consumed.
    pub consumed: usize,
    /// How many batches were posted here.
    pub batches: u64,
}

/// A batch under construction.
#[derive(Clone)]
pub struct Draft {
    pub builder: BatchBuilder,
    env: Env,
    dom: Fr,
    authorisations: Vec<Authorisation>,
    messages: usize,
}

impl Draft {
    /// The batch, the state after it, environment, signatures, and how many messages it takes.
    pub fn finish(self) -> (Batch, State, Env, Vec<Authorisation>, usize) {
        let (batch, state) = self.builder.finish();
        (batch, state, self.env, self.authorisations, self.messages)
    }
}

/// A proven batch, and the state after it.
pub struct Proven {
    pub batch: ProvenBatch,
    pub withdrawals: Vec<u8>,
    pub state: State,
    pub env: Env,
    pub messages: usize,
}

impl Chain {
    pub async fn start() -> Self {
        Self::start_with(&SMALL, |_| ()).await
    }

    pub async fn start_with(proving: &'static Proving, change: impl FnOnce(&mut ChainSpec)) -> Self {
        let (anvil, client) = start(AnvilOptions::default()).await;
        let deployment = deploy_on(&anvil, &client, proving, change).await;
        let token = deploy_token(&client, &anvil.keys()[0]).await;
        let (config_hash, key_set_hash) = (deployment.chain.hash(), proving.key_set().hash());
        Self {
            proving,
            anvil,
            client,
            deployment,
            config_hash,
            key_set_hash,
            token,
            state: State::default(),
            queue: Vec::new(),
            consumed: 0,
            batches: 0,
        }
    }

    /// Another chain on the same L1.
    pub async fn another(&self, change: impl FnOnce(&mut ChainSpec)) -> Deployment {
        deploy_on(&self.anvil, &self.client, self.proving, change).await
    }

    /// Who deployed the contracts, and owns the schedule.
    pub fn owner(&self) -> &PrivateKeySigner {
        &self.anvil.keys()[0]
    }

    pub fn sequencer(&self) -> &PrivateKeySigner {
        &self.anvil.keys()[1]
    }

    /// Somebody who has no role.
    pub fn stranger(&self) -> &PrivateKeySigner {
        &self.anvil.keys()[2]
    }

    /// Who has accounts on the chain, from 0.
    pub fn user(&self, i: usize) -> &PrivateKeySigner {
        &self.anvil.keys()[3 + i]
    }

    pub fn session_key(&self, i: usize) -> SecretKey {
        SecretKey::from_seed(B256::repeat_byte(0x50 + i as u8))
    }

    pub fn chain(&self) -> &ChainConfig {
        &self.deployment.chain
    }

    pub fn dom(&self) -> Fr {
        domain(self.chain().l2_chain_id, self.chain().hash())
    }

    pub async fn call(
        &self,
        from: &PrivateKeySigner,
        to: Address,
        value: u128,
        call: impl SolCall,
    ) -> Result<TransactionReceipt, Refusal> {
        send(&self.client, from, to, value, call.abi_encode()).await
    }

    pub async fn view<C: SolCall>(&self, to: Address, call: C) -> C::Return {
        let request = TransactionRequest::default().with_to(to).with_input(call.abi_encode());
        let data = self.client.simulate(request, BlockId::latest()).await.unwrap();
        C::abi_decode_returns(&data).unwrap()
    }

    pub async fn deposit_eth(&mut self, i: usize, amount: u128) {
        let account = self.user(i).address();
        let call = PaymentsBridge::depositETHCall { account };
        self.call(self.user(i), self.chain().bridge, amount, call).await.unwrap();
        self.queue.push(Message::Deposit { key: eth(account), amount });
    }

    pub async fn deposit_token(&mut self, i: usize, amount: u128) {
        let (account, token, bridge) = (self.user(i).address(), self.token, self.chain().bridge);
        let units = U256::from(amount);
        self.call(self.user(i), token, 0, Token::mintCall { to: account, amount: units }).await.unwrap();
        self.call(self.user(i), token, 0, Token::approveCall { spender: bridge, amount: units }).await.unwrap();
        let call = PaymentsBridge::depositERC20Call { token, account, amount: units };
        self.call(self.user(i), bridge, 0, call).await.unwrap();
        self.queue.push(Message::Deposit { key: LeafKey { address: account, token }, amount });
    }

    pub async fn set_session_key(&mut self, i: usize) {
        let account = self.user(i).address();
        let key = integer(self.session_key(i).public().hash());
        let call = PaymentsBridge::setSessionKeyCall { keyHash: key };
        self.call(self.user(i), self.chain().bridge, 0, call).await.unwrap();
        self.queue.push(Message::L1Key { account, key });
    }

    pub async fn force_withdrawal(&mut self, i: usize, token: Address) {
        let account = self.user(i).address();
        let call = PaymentsBridge::forceWithdrawalCall { token };
        self.call(self.user(i), self.chain().bridge, 0, call).await.unwrap();
        self.queue.push(Message::Forced { key: LeafKey { address: account, token } });
    }

    /// Has L1 store keys, and the owner schedule them, all else as it is (PAY-KEYS). The seconds after which they hold.
    pub async fn schedule_keys(&self, keys: &KeySet) -> u64 {
        let (schedule, settlement) = (self.deployment.schedule, self.chain().settlement);
        let store = ValiditySettlement::storeKeysCall { keys: keys.bytes().clone() };
        self.call(self.stranger(), settlement, 0, store).await.unwrap();
        let active = self.view(schedule, Schedule::activeEntryCall {}).await;
        let rules = Rules { keysHash: keys.hash(), ..active.rules };
        let call = Schedule::scheduleCall { config: self.chain().into(), rules };
        self.call(self.owner(), schedule, 0, call).await.unwrap();
        self.view(schedule, Schedule::delaySecondsCall {}).await
    }

    /// Lets L1's time go on.
    pub async fn wait(&self, seconds: u64) {
        self.client.provider().anvil_increase_time(seconds).await.unwrap();
        self.mine(1).await;
    }

    pub async fn mine(&self, blocks: u64) {
        self.client.provider().anvil_mine(Some(blocks), None).await.unwrap();
    }

    /// The queue hash after so many messages (L1-MSG-2).
    pub fn queue_hash(&self, end: usize) -> B256 {
        queue_hash(B256::ZERO, &self.queue[..end])
    }

    /// A batch of now, whose fees the sequencer gets.
    pub async fn draft(&self) -> Draft {
        let timestamp = self.client.latest().await.unwrap().timestamp;
        self.draft_at(timestamp)
    }

    pub fn draft_at(&self, timestamp: u64) -> Draft {
        let env = Env { operator: self.sequencer().address(), timestamp };
        let (dom, index) = (self.dom(), self.consumed as u64);
        let (state, circuits) = (self.state.clone(), self.proving.circuits);
        let builder = BatchBuilder::with(state, env, dom, index, circuits, BatchLimits::default());
        Draft { builder, env, dom, authorisations: Vec::new(), messages: 0 }
    }

    /// Takes all messages that wait.
    pub fn take_messages(&self, draft: &mut Draft) {
        for message in &self.queue[self.consumed + draft.messages..] {
            draft.builder.message(message).unwrap();
            draft.messages += 1;
        }
    }

    /// Takes so many of the messages that wait.
    pub fn take_next_messages(&self, draft: &mut Draft, count: usize) {
        let start = self.consumed + draft.messages;
        for message in &self.queue[start..start + count] {
            draft.builder.message(message).unwrap();
        }
        draft.messages += count;
    }

    /// Applies what somebody signed, at a price, as an envelope brings it.
    pub fn apply_envelope(&self, draft: &mut Draft, envelope: &[u8], price: u64) {
        let SessionTransaction { operation, key, signature, .. } = SessionTransaction::decode(envelope).unwrap();
        let authorisation = Authorisation { operation_hash: operation.hash(draft.dom), key, signature };
        draft.builder.user(&operation, authorisation.authority().signer(), price).unwrap();
        draft.authorisations.push(authorisation);
    }

    /// An operation of user `i`, signed with his session key, as it is sent.
    pub fn envelope(&self, i: usize, nonce: u64, call: Call) -> Bytes {
        let sender = self.user(i).address();
        let operation =
            Operation { sender, nonce, call, gas_limit: 100_000, max_fee_per_gas: 2 * PRICE, expiry: u64::MAX };
        let (chain, key) = (self.chain(), self.session_key(i));
        SessionTransaction::sign(chain.l2_chain_id, chain.hash(), operation, &key).unwrap().encode().into()
    }

    /// The chain goes on from a batch that somebody else posts.
    pub fn advance(&mut self, proven: &Proven) {
        self.batches += 1;
        self.consumed += proven.messages;
        self.state = proven.state.clone();
    }

    /// Has user `i` sign an operation with his session key, and applies it.
    pub fn operate(&self, draft: &mut Draft, i: usize, call: Call) {
        self.try_operate(draft, i, call).unwrap();
    }

    /// The same, for whoever does not know whether the batch has room.
    ///
    /// # Errors
    /// Why the rules refuse it; the draft is as it was.
    pub fn try_operate(&self, draft: &mut Draft, i: usize, call: Call) -> Result<(), Refused> {
        let sender = self.user(i).address();
        let nonce = draft.builder.ledger().state().get(eth(sender)).unwrap().nonce;
        let operation = Operation {
            sender,
            nonce,
            call,
            gas_limit: 100_000,
            max_fee_per_gas: 2 * PRICE,
            expiry: draft.env.timestamp + 3_600,
        };
        let (key, operation_hash) = (self.session_key(i), operation.hash(draft.dom));
        let signature = key.sign_checked(operation_hash).unwrap();
        let authorisation = Authorisation { operation_hash, key: key.public(), signature };
        draft.builder.user(&operation, authorisation.authority().signer(), PRICE)?;
        draft.authorisations.push(authorisation);
        Ok(())
    }

    /// The header that L1 will make (PAY-APPEND).
    pub fn header(&self, env: Env, messages: usize) -> Header {
        let (start, end) = (self.consumed, self.consumed + messages);
        Header {
            config_hash: self.config_hash,
            key_set_hash: self.key_set_hash,
            index: self.batches + 1,
            root_in: self.state.root(),
            leaf_count_in: self.state.leaf_count(),
            queue_start: start as u64,
            queue_hash_start: self.queue_hash(start),
            queue_end: end as u64,
            queue_hash_end: self.queue_hash(end),
            env: env.pack(),
            dom: self.dom(),
        }
    }

    pub fn prove(&self, draft: Draft) -> Proven {
        let (built, state, env, authorisations, messages) = draft.finish();
        let (header, circuits) = (self.header(env, messages), &self.proving.circuits);
        let prepared = PreparedBatch::new(header, &built, &authorisations, circuits).unwrap();
        let batch = prepared.prove(&self.proving.prover.lock().unwrap(), &self.proving.keys, &mut |_, _| ()).unwrap();
        Proven { withdrawals: batch.segments[1].clone(), batch, state, env, messages }
    }

    /// Where the next batch lands: on the last one, with a checkpoint that L1 has just stored.
    pub async fn args(&self, messages: usize) -> AppendArgs {
        let inbox = self.chain().inbox;
        let receipt = self.call(self.stranger(), inbox, 0, Inbox::checkpointCall {}).await.unwrap();
        let stored = receipt.logs().iter().find_map(|log| Inbox::CheckpointStored::decode_log(&log.inner).ok());
        let checkpoint: Checkpoint = stored.expect("a checkpoint for each block").data.checkpoint;
        let end = self.consumed + messages;
        AppendArgs {
            index: self.batches + 1,
            parentContentHash: self.view(inbox, Inbox::lastContentHashCall {}).await,
            queueEnd: end as u64,
            queueHash: self.queue_hash(end),
            workGas: 0,
            checkpoint,
        }
    }

    /// Tries to append a batch as `from`; the chain of this fixture does not go on from it.
    pub async fn append(&self, from: &PrivateKeySigner, proven: &Proven) -> Result<TransactionReceipt, Refusal> {
        let call = append_call(self.args(proven.messages).await, proven);
        send(&self.client, from, self.chain().settlement, 0, call).await
    }

    /// Posts a batch as `from`; the chain goes on from it.
    pub async fn post_as(&mut self, from: PrivateKeySigner, proven: Proven) -> Result<TransactionReceipt, Refusal> {
        let receipt = self.append(&from, &proven).await?;
        self.advance(&proven);
        let root = self.view(self.chain().settlement, ValiditySettlement::stateRootCall {}).await;
        assert_eq!(root, integer(self.state.root()), "L1 and the ledger are one");
        Ok(receipt)
    }

    pub async fn post(&mut self, proven: Proven) -> TransactionReceipt {
        self.post_as(self.sequencer().clone(), proven).await.unwrap()
    }

    /// Takes what waits, and posts it.
    pub async fn consume(&mut self) -> TransactionReceipt {
        let mut draft = self.draft().await;
        self.take_messages(&mut draft);
        let proven = self.prove(draft);
        self.post(proven).await
    }

    pub async fn escrow(&self, token: Address) -> u128 {
        self.view(self.chain().bridge, PaymentsBridge::escrowOfCall { token }).await.to()
    }

    pub async fn ether_of(&self, account: Address) -> u128 {
        self.client.provider().get_balance(account).await.unwrap().to()
    }

    pub async fn tokens_of(&self, account: Address) -> u128 {
        self.view(self.token, Token::balanceOfCall { account }).await.to()
    }

    /// What all leaves of the last state hold of a token.
    pub fn held(&self, token: Address) -> u128 {
        let leaves = (0..self.state.leaf_count()).filter_map(|index| self.state.leaf(index as u32));
        leaves.filter(|leaf| leaf.key.token == token).map(|leaf| leaf.balance).sum()
    }
}

/// What a transaction cost its sender, in wei.
pub fn cost(receipt: &TransactionReceipt) -> u128 {
    u128::from(receipt.gas_used) * receipt.effective_gas_price
}

/// The call that appends a proven batch (PAY-APPEND).
pub fn append_call(args: AppendArgs, proven: &Proven) -> Bytes {
    let Calldata { env, segments, applied, authorised } = proven.batch.calldata();
    let arguments = (args, env, segments, applied, authorised).abi_encode_params();
    [ValiditySettlement::appendCall::SELECTOR.as_slice(), &arguments].concat().into()
}

fn on_l1(leaf: &Leaf) -> SolLeaf {
    SolLeaf {
        account: leaf.key.address,
        token: leaf.key.token,
        nextAccount: leaf.next.address,
        nextToken: leaf.next.token,
        nonce: leaf.nonce,
        balance: leaf.balance,
        keyHash: integer(leaf.key_hash),
        sessionHash: integer(leaf.session_hash),
    }
}

/// The call by which a leaf of the last state leaves, to its owner (PAY-ESCAPE).
pub fn exit(chain: &Chain, index: u32) -> PaymentsBridge::escapeCall {
    let leaf = chain.state.leaf(index).unwrap();
    let siblings: [[U256; 3]; 16] = siblings(&chain.state, index).map(|level| level.map(integer));
    PaymentsBridge::escapeCall { index, leaf: on_l1(leaf), siblings, to: leaf.key.address }
}

async fn deploy_on(
    anvil: &Anvil,
    client: &L1Client,
    proving: &Proving,
    change: impl FnOnce(&mut ChainSpec),
) -> Deployment {
    let [owner, sequencer] = [0, 1].map(|key| anvil.keys()[key].address());
    let mut spec = ChainSpec {
        owner,
        forced_inclusion_window_seconds: WINDOW,
        delay_seconds: 3 * WINDOW,
        grace_seconds: WINDOW,
        validity: Some(ValiditySpec { keys: proving.key_set(), escape_delay_seconds: ESCAPE_DELAY }),
        ..spec(sequencer)
    };
    spec.chain.max_messages_per_batch = 64;
    spec.chain.max_message_gas_per_batch = 8_000_000;
    change(&mut spec);
    deploy::<Infallible>(client, &anvil.keys()[0], &spec, genesis, POLL, DEADLINE).await.unwrap()
}

async fn deploy_token(client: &L1Client, deployer: &PrivateKeySigner) -> Address {
    let artifact = include_str!("../../contracts/artifacts/DevnetToken.json");
    let artifact: serde_json::Value = serde_json::from_str(artifact).unwrap();
    let code: Bytes = artifact["bytecode"]["object"].as_str().unwrap().parse().unwrap();
    let request = TransactionRequest::default().with_from(deployer.address()).with_deploy_code(code);
    let wallet = EthereumWallet::from(deployer.clone());
    let provider = ProviderBuilder::new().wallet(wallet).connect_provider(client.provider());
    let receipt = provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap();
    receipt.contract_address.unwrap()
}
