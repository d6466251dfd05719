//! An L1 with a chain deployed on it.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::ext::AnvilApi,
    rpc::types::anvil::{ReorgOptions, TransactionData},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use std::{
    convert::Infallible,
    time::{Duration, Instant},
};
use tandem_chain::{ChainConfig, Checkpoint, OutputFields, derive::genesis_output};
use tandem_l1::{
    Append, AppendData, Appender, ChainSpec, Deployment, L1Block, L1Call, L1Client, L1Update, MemoryJournal, Reader,
    ReaderConfig, Submitter, SubmitterConfig,
    anvil::{Anvil, AnvilOptions},
    bindings::{Bridge, Inbox, Schedule},
    deploy::{RulesSpec, deploy},
};

use crate::config;

/// For whatever must happen. No measure of speed: a loaded machine with two cores may stand still for half a minute.
pub const DEADLINE: Duration = Duration::from_secs(180);
/// How often is looked for what comes by itself.
pub const POLL: Duration = Duration::from_millis(20);

pub struct Harness {
    pub anvil: Anvil,
    pub client: L1Client,
    pub deployment: Deployment,
}

/// An L1 on which nothing is deployed.
pub async fn start(options: AnvilOptions) -> (Anvil, L1Client) {
    let anvil = Anvil::start(options).unwrap();
    let client = L1Client::connect(&anvil.url().unwrap(), DEADLINE).await.unwrap();
    (anvil, client)
}

pub fn submitter_config() -> SubmitterConfig {
    SubmitterConfig {
        poll_interval: POLL,
        // Not before a test is over: bids are a subject of their own.
        bump_after: DEADLINE,
        patience: DEADLINE,
        ..SubmitterConfig::default()
    }
}

impl Harness {
    pub async fn start() -> Self {
        Self::start_with(AnvilOptions::default()).await
    }

    pub async fn start_with(options: AnvilOptions) -> Self {
        Self::deploy_on(options, |config| genesis_output(config, B256::repeat_byte(1), B256::repeat_byte(2))).await
    }

    /// A chain with this output before its first batch.
    pub async fn deploy_on(options: AnvilOptions, genesis: impl FnOnce(&ChainConfig) -> OutputFields) -> Self {
        Self::deploy_that(options, |_| {}, genesis).await
    }

    /// The same, with a specification that differs.
    pub async fn deploy_that(
        options: AnvilOptions,
        change: impl FnOnce(&mut ChainSpec),
        genesis: impl FnOnce(&ChainConfig) -> OutputFields,
    ) -> Self {
        let (anvil, client) = start(options).await;
        let mut spec = spec(anvil.keys()[1].address());
        change(&mut spec);
        let genesis = |config: &ChainConfig| Ok::<_, Infallible>(genesis(config));
        let deployment = deploy(&client, &anvil.keys()[0], &spec, genesis, POLL, DEADLINE).await.unwrap();
        Self { anvil, client, deployment }
    }

    pub fn sequencer(&self) -> PrivateKeySigner {
        self.anvil.keys()[1].clone()
    }

    pub fn user(&self) -> PrivateKeySigner {
        self.anvil.keys()[2].clone()
    }

    pub fn reader_config(&self) -> ReaderConfig {
        let chain = &self.deployment.chain;
        let config = ReaderConfig::new(chain.inbox, chain.settlement, self.deployment.start_block);
        ReaderConfig { poll_interval: POLL, ..config }
    }

    pub async fn submitter(&self, signer: PrivateKeySigner) -> Submitter<MemoryJournal> {
        Submitter::new(self.client.clone(), signer, MemoryJournal::default(), submitter_config()).await.unwrap()
    }

    pub async fn appender(&self) -> Appender<MemoryJournal> {
        Appender::new(self.submitter(self.sequencer()).await, self.deployment.chain.inbox)
    }

    /// Drops the newest blocks and all that they held; as many empty ones take their place.
    pub async fn reorg(&self, depth: u64) {
        let tx_block_pairs: Vec<(TransactionData, u64)> = Vec::new();
        self.client.provider().anvil_reorg(ReorgOptions { depth, tx_block_pairs }).await.unwrap();
    }

    pub async fn mine(&self, blocks: u64) {
        self.client.provider().anvil_mine(Some(blocks), None).await.unwrap();
    }

    /// What comes of something that waits for L1, while one block after the other is mined: which of them takes a transaction is Anvil's
    /// to say.
    pub async fn while_mining<T>(&self, waiting: impl Future<Output = T>) -> T {
        let mining = async {
            loop {
                self.mine(1).await;
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::select! {
            ended = waiting => ended,
            () = mining => unreachable!("it never ends"),
            () = tokio::time::sleep(DEADLINE) => panic!("what waits for L1 does not end in time"),
        }
    }

    pub async fn auto_mine(&self, does: bool) {
        self.client.provider().anvil_set_auto_mine(does).await.unwrap();
    }

    pub async fn deposit(&self, wei: u64) {
        let user = self.user();
        let call = Bridge::depositETHCall { to: user.address(), refund: user.address() };
        let call = L1Call {
            purpose: "deposit".into(),
            to: self.deployment.chain.bridge.into(),
            input: call.abi_encode().into(),
            value: U256::from(wei),
            ..L1Call::default()
        };
        let outcome = self.submitter(user).await.submit(call).await.unwrap();
        assert!(matches!(outcome, tandem_l1::Outcome::Included(_)), "{outcome:?}");
    }

    /// An append that takes all messages, on the newest batch, naming the checkpoint of the deployment.
    pub async fn next_append(&self, data: AppendData) -> Append {
        let inbox = Inbox::new(self.deployment.chain.inbox, self.client.provider());
        let last = inbox.batchCount().call().await.unwrap();
        let queue_end = inbox.queueLength().call().await.unwrap();
        Append {
            index: last + 1,
            parent_content_hash: inbox.lastContentHash().call().await.unwrap(),
            queue_end,
            queue_hash: inbox.queueHashOf(queue_end).call().await.unwrap(),
            checkpoint: self.first_checkpoint().await,
            work_gas: if data == AppendData::Forced { 0 } else { 1_000_000 },
            data,
        }
    }

    /// Schedules an entry with another configuration and lets its notice pass; the first batch that follows it.
    pub async fn change_rules(&self) -> Append {
        let (provider, deployment) = (self.client.provider(), &self.deployment);
        let schedule = Schedule::new(deployment.schedule, provider);
        let (owner, entry) = (schedule.owner().call().await.unwrap(), schedule.activeEntry().call().await.unwrap());
        provider.anvil_impersonate_account(owner).await.unwrap();
        provider.anvil_set_balance(owner, U256::MAX / U256::from(2)).await.unwrap();
        let config = ChainConfig { max_timestamp_drift: 1, ..deployment.chain.clone() };
        let scheduled = schedule.schedule((&config).into(), entry.rules).from(owner).send().await.unwrap();
        assert!(scheduled.get_receipt().await.unwrap().status());
        provider.anvil_increase_time(schedule.delaySeconds().call().await.unwrap()).await.unwrap();
        let inbox = Inbox::new(deployment.chain.inbox, provider);
        let stored = inbox.checkpoint().from(self.user().address()).send().await.unwrap().get_receipt().await.unwrap();
        let checkpoint = stored.decoded_log::<Inbox::CheckpointStored>().unwrap().data.checkpoint;
        self.mine(1).await;
        let append = self.next_append(AppendData::Calldata(bytes(100, 9))).await;
        Append { checkpoint: Checkpoint::from(checkpoint), ..append }
    }

    /// The one that the Inbox's constructor stored.
    pub async fn first_checkpoint(&self) -> Checkpoint {
        let mut reader = Reader::new(self.client.clone(), self.reader_config());
        next_block(&mut reader, |block| !block.checkpoints.is_empty()).await.checkpoints[0]
    }
}

/// Reads on until a block fits.
pub async fn next_block(reader: &mut Reader, fits: impl Fn(&L1Block) -> bool) -> L1Block {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let update = tokio::time::timeout_at(deadline.into(), reader.next()).await.expect("no such block in time");
        if let L1Update::Block(block) = update
            && fits(&block)
        {
            return block;
        }
    }
}

/// Asks until it is so.
pub async fn wait_until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// Bytes that are no payload.
pub fn bytes(length: usize, seed: u8) -> Bytes {
    (0..length).map(|index| (index as u8).wrapping_mul(31).wrapping_add(seed)).collect::<Vec<_>>().into()
}

/// What is deployed: addresses, date and L1 chain id are known only then.
pub fn spec(sequencer: Address) -> ChainSpec {
    ChainSpec {
        chain: ChainConfig {
            l1_chain_id: 0,
            l2_chain_id: 5_454,
            inbox: Address::ZERO,
            settlement: Address::ZERO,
            bridge: Address::ZERO,
            genesis_timestamp: 0,
            max_messages_per_batch: 16,
            ..config()
        },
        owner: Address::repeat_byte(0x0e),
        sequencer,
        guardian: Address::ZERO,
        pause_seconds: 0,
        forced_inclusion_window_seconds: 3_600,
        delay_seconds: 10_800,
        grace_seconds: 3_600,
        rules: RulesSpec {
            guest_hash: B256::ZERO,
            dispute: Address::ZERO,
            epoch_weight_gas: 1,
            epoch_seconds: 3_600,
            max_checkpoint_age_seconds: 3_600,
            claim_window_seconds: 3_600,
            claim_bond: 1_000_000_000,
        },
        dispute_terms: None,
        validity: None,
    }
}
