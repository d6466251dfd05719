//! What the devnet's L1 keeps, what it forgets, and what it costs to leave it running.

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use alloy::{
    eips::{
        BlockId,
        eip4844::Blob,
        eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant},
    },
    network::{Ethereum, EthereumWallet, TransactionBuilder},
    primitives::{Address, B256, Bytes, TxHash, U256},
    providers::{Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
};
use serde_json::{Value, json};
use tandem_cli::chain::ask;
use tandem_devnet::l1::{Beacon, Blobs, DUMP, KEPT_BLOCKS, L1, L1Options, STATE};
use tandem_l1::{Archive, BeaconClient, BlobSource, L1Client, PayloadFetcher, payload::kzg_settings};

const TIMEOUT: Duration = Duration::from_secs(120);
const TO: Address = Address::repeat_byte(0xb0);

/// An L1 in a directory, which mines when the test says so.
struct Rig {
    l1: L1,
    blobs: Blobs,
    key: PrivateKeySigner,
    nonce: u64,
}

impl Rig {
    async fn start(dir: &Path) -> Self {
        let options = L1Options { dir: dir.into(), port: 0, accounts: 2, block_time: None };
        let l1 = L1::start(options).await.unwrap();
        let key = l1.keys()[0].clone();
        let nonce = l1.client().nonce(key.address()).await.unwrap();
        let blobs = Blobs::new(l1.client().clone(), l1.archive());
        Self { l1, blobs, key, nonce }
    }

    fn client(&self) -> &L1Client {
        self.l1.client()
    }

    /// A transaction for the next block.
    async fn send(&mut self, request: TransactionRequest) -> TxHash {
        let request = request
            .with_to(TO)
            .with_nonce(self.nonce)
            .with_chain_id(31_337)
            .with_gas_limit(1_000_000)
            .with_max_fee_per_gas(20_000_000_000)
            .with_max_priority_fee_per_gas(1);
        let wallet = EthereumWallet::from(self.key.clone());
        let provider = ProviderBuilder::<_, _, Ethereum>::default().wallet(wallet).connect_http(self.l1.url().clone());
        let pending = provider.send_transaction(request).await.unwrap();
        self.nonce += 1;
        *pending.tx_hash()
    }

    async fn send_blob(&mut self, sidecar: &BlobTransactionSidecarEip7594) -> TxHash {
        let mut request = TransactionRequest { max_fee_per_blob_gas: Some(1_000_000), ..Default::default() };
        request.blob_versioned_hashes = Some(sidecar.versioned_hashes().collect());
        request.sidecar = Some(BlobTransactionSidecarVariant::Eip7594(sidecar.clone()));
        self.send(request).await
    }

    /// Blocks a second apart, which are looked at when all are there.
    async fn mine(&mut self, blocks: u64) {
        let _: Value = ask(self.client(), "anvil_mine", json!([format!("{blocks:#x}"), "0x1"])).await.unwrap();
        self.blobs.look().await.unwrap();
    }

    async fn block(&self, number: u64) -> Value {
        ask(self.client(), "eth_getBlockByNumber", json!([format!("{number:#x}"), false])).await.unwrap()
    }

    async fn head(&self) -> u64 {
        self.client().latest().await.unwrap().id.number
    }

    /// Whether the state after a block is known.
    async fn has_state(&self, number: u64) -> bool {
        let at = BlockId::number(number);
        self.client().provider().get_balance(TO).block_id(at).await.is_ok()
    }
}

fn sidecar(seed: u8) -> BlobTransactionSidecarEip7594 {
    let blob = tandem_chain::blob::pack(&[seed; 100_000]).remove(0);
    let blob = Blob::try_from(blob.as_slice()).unwrap();
    BlobTransactionSidecarEip7594::try_from_blobs_with_settings(vec![blob], kzg_settings()).unwrap()
}

/// A replica's way to blobs, through the beacon API at `beacon`.
fn fetcher(client: &L1Client, beacon: &str, archive: &Path) -> PayloadFetcher {
    let beacon = BeaconClient::new(beacon.parse().unwrap(), TIMEOUT).unwrap();
    PayloadFetcher::new(client.clone(), TO, vec![BlobSource::Beacon(beacon)], Archive::new(archive))
}

/// The devnet's beacon API.
async fn serve(l1: &L1) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let router = Beacon::new(l1.url().clone(), l1.archive()).router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn old_states_and_blobs_go_and_everything_else_stays() {
    let dir = tempfile::Builder::new().prefix("an L1 ").tempdir().unwrap();
    let mut rig = Rig::start(dir.path()).await;
    let sidecar = sidecar(1);
    let hashes: Vec<B256> = sidecar.versioned_hashes().collect();
    let with_blob = rig.send_blob(&sidecar).await;
    let with_calldata = rig.send(TransactionRequest::default().with_input(vec![7; 500])).await;
    rig.mine(1).await;
    let number = rig.head().await;
    let before = rig.block(number).await;
    assert_eq!(before["transactions"], json!([with_blob, with_calldata]));
    assert_eq!(rig.blobs.held_blocks(), 1);
    rig.mine(KEPT_BLOCKS + 10).await;
    assert_eq!(rig.blobs.held_blocks(), 0, "Anvil was made to forget");

    // Anvil has no blob any more, and the block is the same.
    let own = tempfile::tempdir().unwrap();
    let from_anvil = fetcher(rig.client(), rig.l1.url().as_str(), own.path());
    assert!(from_anvil.blobs_by_hash(&hashes, number, 0).await.is_err());
    let mut after = rig.block(number).await;
    let [small, large] = [&after, &before].map(|block| serde_json::from_value::<U256>(block["size"].clone()).unwrap());
    assert!(small + U256::from(100_000) < large, "a block without its blobs: {small}, {large}");
    after["size"] = before["size"].clone();
    assert_eq!(after, before);
    for transaction in [with_blob, with_calldata] {
        let receipt = rig.client().receipt(transaction).await.unwrap().unwrap();
        assert_eq!(receipt.block_number, Some(number));
        assert!(rig.client().transaction(transaction).await.unwrap().is_some());
    }

    // Of states the last ones are there, the older ones are not.
    let head = rig.head().await;
    assert!(rig.has_state(head).await && rig.has_state(head + 2 - KEPT_BLOCKS).await);
    assert!(!rig.has_state(head - KEPT_BLOCKS - 1).await);

    // A replica that starts late gets the blob, also after a restart.
    let api = serve(&rig.l1).await;
    let late = fetcher(rig.client(), &api, own.path());
    let found = late.blobs_by_hash(&hashes, number, 0).await.unwrap();
    assert_eq!(found, vec![Bytes::copy_from_slice(sidecar.blobs[0].as_slice())]);
    let next_fee = |block: Value| block["baseFeePerGas"].clone();
    let fee = next_fee(rig.block(head).await);
    rig.l1.stop().await.unwrap();
    let mut rig = Rig::start(dir.path()).await;
    assert_eq!(rig.head().await, head);
    assert_eq!(rig.block(number).await["hash"], before["hash"]);
    rig.mine(1).await;
    let fees = [fee, next_fee(rig.block(head + 1).await)];
    let [fee, next] = fees.map(|fee| serde_json::from_value::<U256>(fee).unwrap());
    assert!(next <= fee && next >= fee * U256::from(8) / U256::from(10), "the base fee goes on: {fee}, {next}");
    rig.l1.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_loses_no_blob() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path()).await;
    let [one, two] = [1, 2].map(sidecar);
    rig.mine(5).await;
    rig.send_blob(&one).await;
    rig.mine(2).await;
    let dropped = rig.head().await - 1;
    let _: Value = ask(rig.client(), "anvil_reorg", json!([3, []])).await.unwrap();
    rig.nonce = rig.client().nonce(rig.key.address()).await.unwrap();
    rig.send_blob(&two).await;
    rig.mine(1).await;
    assert_eq!(rig.blobs.held_blocks(), 1, "that of block {dropped} is gone with its block");
    let api = serve(&rig.l1).await;
    let own = tempfile::tempdir().unwrap();
    for sidecar in [one, two] {
        let hashes: Vec<B256> = sidecar.versioned_hashes().collect();
        fetcher(rig.client(), &api, own.path()).blobs_by_hash(&hashes, rig.head().await, 0).await.unwrap();
    }
    rig.mine(KEPT_BLOCKS + 1).await;
    assert_eq!(rig.blobs.held_blocks(), 0);
    rig.l1.stop().await.unwrap();
}

/// The last run was killed before it had seen to a block.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_sees_to_the_blobs_that_the_last_run_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path()).await;
    let sidecar = sidecar(1);
    let hashes: Vec<B256> = sidecar.versioned_hashes().collect();
    rig.send_blob(&sidecar).await;
    let _: Value = ask(rig.client(), "anvil_mine", json!(["0x1", "0x1"])).await.unwrap();
    let number = rig.head().await;
    rig.l1.stop().await.unwrap();
    let mut rig = Rig::start(dir.path()).await;
    rig.mine(1).await;
    assert_eq!(rig.blobs.held_blocks(), 1);
    rig.mine(KEPT_BLOCKS).await;
    assert_eq!(rig.blobs.held_blocks(), 0);
    let own = tempfile::tempdir().unwrap();
    let from_anvil = fetcher(rig.client(), rig.l1.url().as_str(), own.path());
    assert!(from_anvil.blobs_by_hash(&hashes, number, 0).await.is_err(), "Anvil was made to forget");
    let api = serve(&rig.l1).await;
    fetcher(rig.client(), &api, own.path()).blobs_by_hash(&hashes, number, 0).await.unwrap();
    rig.l1.stop().await.unwrap();
}

/// A day of an L1 on which a batch comes every twelve blocks, half of them as blobs. Takes a quarter of an hour: `make bench-devnet`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a quarter of an hour"]
async fn a_day_is_small_and_starts_quickly() {
    const BLOCKS: u64 = 86_400;
    const BATCH_BLOCKS: u64 = 12;
    const BLOB_KINDS: u8 = 16;
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path()).await;
    let sidecars: Vec<_> = (0..BLOB_KINDS).map(sidecar).collect();
    let (mut memory_max, mut blobs) = (0, 0u64);
    let started = Instant::now();
    for batch in 0..BLOCKS / BATCH_BLOCKS {
        if batch % 2 == 0 {
            rig.send_blob(&sidecars[blobs as usize % sidecars.len()]).await;
            blobs += 1;
        } else {
            rig.send(TransactionRequest::default().with_input(vec![batch as u8; 2_000])).await;
        }
        rig.mine(BATCH_BLOCKS).await;
        memory_max = memory_max.max(rig.l1.anvil().unwrap().memory_bytes().unwrap_or_default());
        if batch % 600 == 0 {
            eprintln!("{} blocks, {} MB, {:?}", rig.head().await, memory_max >> 20, started.elapsed());
        }
    }
    let head = rig.head().await;
    assert!(head >= BLOCKS);
    let stopping = Instant::now();
    rig.l1.stop().await.unwrap();
    let stop_s = stopping.elapsed().as_secs_f64();
    let state_bytes = std::fs::metadata(dir.path().join(STATE)).unwrap().len();
    assert!(!dir.path().join(DUMP).exists());

    let starting = Instant::now();
    let mut rig = Rig::start(dir.path()).await;
    assert_eq!(rig.head().await, head);
    let start_s = starting.elapsed().as_secs_f64();
    rig.mine(1).await;
    let after_start = rig.l1.anvil().unwrap().memory_bytes().unwrap_or_default();
    let mb = |bytes: u64| bytes as f64 / 1e6;
    for (name, value, unit) in [
        ("devnet.l1_blocks", head as f64, "blocks"),
        ("devnet.l1_blobs", blobs as f64, "blobs"),
        ("devnet.l1_memory_max", mb(memory_max), "MB"),
        ("devnet.l1_memory_after_restart", mb(after_start), "MB"),
        ("devnet.l1_state_file", mb(state_bytes), "MB"),
        ("devnet.l1_stop", stop_s, "s"),
        ("devnet.l1_restart", start_s, "s"),
    ] {
        println!("{}", json!({ "name": name, "value": (value * 10.0).round() / 10.0, "unit": unit }));
    }
    assert!(mb(memory_max) < 1_000.0 && mb(after_start) < 1_000.0 && mb(state_bytes) < 1_000.0);
    assert!(start_s < 10.0);
    rig.l1.stop().await.unwrap();
}
