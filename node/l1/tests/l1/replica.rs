use alloy::{
    primitives::{B256, Bytes, keccak256},
    providers::ext::AnvilApi,
    rpc::types::anvil::{ReorgOptions, TransactionData},
};
use std::path::Path;
use tandem_chain::{
    BatchInput, OutputFields, PreimageSource, StateMachine, Transition, derive::genesis_output,
    machine::TransitionError,
};
use tandem_l1::{
    AppendData, Archive, BeaconClient, BlobSource, MemoryStore, PayloadFetcher, Replica, ReplicaConfig, ReplicaHandle,
    ReplicaStore, replica::WaitError,
};
use tandem_support::l1::{DEADLINE, Harness, bytes};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A chain whose state is the list of all inputs: every batch makes one block, the hash of everything so far.
struct Notebook;

const EMPTY: Bytes = Bytes::new();

impl StateMachine for Notebook {
    type Block = B256;

    fn transition<S: PreimageSource>(
        &self,
        previous: &OutputFields,
        batch: &BatchInput,
        source: &S,
    ) -> Result<Transition<B256>, TransitionError<S::Error>> {
        let mut state = source.preimage(previous.state_root).map_err(TransitionError::Source)?.to_vec();
        state.extend_from_slice(keccak256(&batch.payload).as_slice());
        for message in &batch.messages {
            state.extend_from_slice(message.hash().as_slice());
        }
        let root = keccak256(&state);
        let output = OutputFields {
            config_hash: batch.config.hash(),
            batch_hash: batch.header.hash(),
            last_block_hash: root,
            state_root: root,
            message_root: previous.message_root,
            queue_index: batch.header.queue_end,
        };
        Ok(Transition { output, blocks: vec![root], preimages: vec![(root, state.into())] })
    }
}

struct Running {
    handle: ReplicaHandle<MemoryStore<B256>>,
    token: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(harness: &Harness, archive: &Path, store: MemoryStore<B256>) -> Self {
        let chain = harness.deployment.chain.clone();
        let beacon = BeaconClient::new(harness.anvil.url().unwrap(), DEADLINE).unwrap();
        let sources = vec![BlobSource::Beacon(beacon)];
        let payloads = PayloadFetcher::new(harness.client.clone(), chain.inbox, sources, Archive::new(archive));
        let genesis = genesis_output(&chain, B256::repeat_byte(1), keccak256(EMPTY));
        let config = ReplicaConfig { chain, genesis, reader: harness.reader_config() };
        let (replica, handle) = Replica::new(Notebook, store, harness.client.clone(), payloads, config);
        let token = CancellationToken::new();
        let task = tokio::spawn({
            let token = token.clone();
            async move { replica.run(token).await.unwrap() }
        });
        Self { handle, token, task }
    }

    async fn output(&self, index: u64) -> OutputFields {
        self.handle.wait_until(index, DEADLINE).await.unwrap()
    }

    async fn stop(self) {
        self.token.cancel();
        self.task.await.unwrap();
    }
}

fn store() -> MemoryStore<B256> {
    MemoryStore::new([(keccak256(EMPTY), EMPTY)])
}

async fn post(harness: &Harness, data: AppendData) {
    let append = harness.next_append(data).await;
    let outcome = harness.appender().await.append(&append).await.unwrap();
    assert!(matches!(outcome, tandem_l1::AppendOutcome::Posted { .. }), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_replica_and_a_fresh_one_agree() {
    let harness = Harness::start().await;
    let archive = tempfile::tempdir().unwrap();
    let kept = store();
    harness.deposit(1).await;
    post(&harness, AppendData::Calldata(bytes(100, 1))).await;
    harness.deposit(2).await;
    let running = Running::start(&harness, archive.path(), kept.clone());
    assert_eq!(running.output(1).await.queue_index, 1);
    running.stop().await;

    // What comes while it is down, with a message from before.
    harness.deposit(3).await;
    post(&harness, AppendData::Blobs(bytes(100_000, 2))).await;
    let restarted = Running::start(&harness, archive.path(), kept.clone());
    let output = restarted.output(2).await;
    assert_eq!(output.queue_index, 3);

    let elsewhere = tempfile::tempdir().unwrap();
    let fresh = Running::start(&harness, elsewhere.path(), store());
    assert_eq!(fresh.output(2).await, output);
    assert_eq!(fresh.handle.store().blocks(2), kept.blocks(2));
    assert_eq!(fresh.handle.output(0).unwrap().map(|genesis| genesis.batch_hash), Some(B256::ZERO));
    assert_eq!(fresh.handle.output(3).unwrap(), None);
    restarted.stop().await;
    fresh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_unwinds_to_the_last_batch_that_stands() {
    let harness = Harness::start().await;
    let archive = tempfile::tempdir().unwrap();
    harness.deposit(1).await;
    post(&harness, AppendData::Calldata(bytes(100, 1))).await;
    let running = Running::start(&harness, archive.path(), store());
    let first = running.output(1).await;
    harness.deposit(2).await;
    post(&harness, AppendData::Calldata(bytes(100, 2))).await;
    let dropped = running.output(2).await;

    let tx_block_pairs: Vec<(TransactionData, u64)> = Vec::new();
    harness.client.provider().anvil_reorg(ReorgOptions { depth: 2, tx_block_pairs }).await.unwrap();
    let mut head = running.handle.watch();
    tokio::time::timeout(DEADLINE, head.wait_for(|head| head.batch_index == 1)).await.unwrap().unwrap();

    // Another second batch without the second deposit, which is gone too; then both again.
    post(&harness, AppendData::Calldata(bytes(100, 3))).await;
    let replaced = running.output(2).await;
    assert_ne!(replaced, dropped);
    assert_eq!((running.output(1).await, replaced.queue_index), (first, 1));
    harness.deposit(2).await;
    post(&harness, AppendData::Calldata(bytes(100, 4))).await;
    assert_eq!(running.output(3).await.queue_index, 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_slept_through_a_reorg_follows_l1() {
    let harness = Harness::start().await;
    let archive = tempfile::tempdir().unwrap();
    let kept = store();
    post(&harness, AppendData::Calldata(bytes(100, 1))).await;
    post(&harness, AppendData::Calldata(bytes(100, 2))).await;
    let running = Running::start(&harness, archive.path(), kept.clone());
    let dropped = running.output(2).await;
    running.stop().await;

    let tx_block_pairs: Vec<(TransactionData, u64)> = Vec::new();
    harness.client.provider().anvil_reorg(ReorgOptions { depth: 1, tx_block_pairs }).await.unwrap();
    post(&harness, AppendData::Calldata(bytes(100, 3))).await;
    let running = Running::start(&harness, archive.path(), kept);
    let mut head = running.handle.watch();
    let caught_up = head.wait_for(|head| head.batch_index == 2 && head.l1_block.number > 0);
    tokio::time::timeout(DEADLINE, caught_up).await.unwrap().unwrap();
    let output = running.output(2).await;
    assert_ne!(output, dropped);

    let elsewhere = tempfile::tempdir().unwrap();
    let fresh = Running::start(&harness, elsewhere.path(), store());
    assert_eq!(fresh.output(2).await, output);
    running.stop().await;
    fresh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lost_its_state_stops_the_replica() {
    let harness = Harness::start().await;
    let archive = tempfile::tempdir().unwrap();
    post(&harness, AppendData::Calldata(bytes(100, 1))).await;
    let chain = harness.deployment.chain.clone();
    let payloads = PayloadFetcher::new(harness.client.clone(), chain.inbox, Vec::new(), Archive::new(archive.path()));
    let genesis = genesis_output(&chain, B256::repeat_byte(1), keccak256(EMPTY));
    let config = ReplicaConfig { chain, genesis, reader: harness.reader_config() };
    let empty = MemoryStore::new([]);
    let (replica, _) = Replica::new(Notebook, empty.clone(), harness.client.clone(), payloads, config);
    let ended = tokio::time::timeout(DEADLINE, replica.run(CancellationToken::new())).await.unwrap();
    assert!(matches!(ended, Err(tandem_l1::ReplicaError::Store(_))), "{ended:?}");
    assert_eq!(ReplicaStore::<B256>::head(&empty).unwrap(), None);
}

/// Whoever leaves before the rules change needs what was derived before, also of a process that starts only then.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_rules_that_are_not_known_stands() {
    let harness = Harness::start().await;
    let archive = tempfile::tempdir().unwrap();
    let kept = store();
    post(&harness, AppendData::Calldata(bytes(100, 1))).await;
    let running = Running::start(&harness, archive.path(), kept.clone());
    let before = running.output(1).await;

    let append = harness.change_rules().await;
    let outcome = harness.appender().await.append(&append).await.unwrap();
    assert!(matches!(outcome, tandem_l1::AppendOutcome::Posted { .. }), "{outcome:?}");
    for beyond in [2, 3] {
        let ended = running.handle.wait_until(beyond, DEADLINE).await;
        assert!(matches!(ended, Err(WaitError::OtherRules { first: 2, .. })), "{ended:?}");
    }
    assert_eq!(running.output(1).await, before);
    assert!(!running.task.is_finished());
    running.stop().await;
    let restarted = Running::start(&harness, archive.path(), kept);
    let ended = restarted.handle.wait_until(2, DEADLINE).await;
    assert!(matches!(ended, Err(WaitError::OtherRules { first: 2, .. })), "{ended:?}");
    assert_eq!(restarted.output(1).await, before);

    // A reorganisation takes the batch with the other rules away, and time goes on under the old ones.
    harness.reorg(2).await;
    let mut head = restarted.handle.watch();
    let gone = head.wait_for(|head| head.ends_before.is_none());
    tokio::time::timeout(DEADLINE, gone).await.unwrap().unwrap();
    restarted.stop().await;
}
