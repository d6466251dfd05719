//! Appends signed ahead, on parents that are not posted yet (L1-BATCH-1, L1-BATCH-4).

use alloy::{
    consensus::TxEnvelope,
    eips::eip2718::Encodable2718,
    network::{Ethereum, EthereumWallet, NetworkWallet, TransactionBuilder},
    primitives::{B256, Bytes},
    providers::{Provider, ext::AnvilApi},
    rpc::types::TransactionRequest,
};
use tandem_chain::{BatchHeader, DataKind, batch::calldata_hash};
use tandem_l1::{Append, AppendData, bindings::Inbox};
use tandem_support::l1::{Harness, bytes};

const GWEI: u128 = 1_000_000_000;
const BATCHES: u64 = 3;

/// The content hash of an append of calldata, which nothing on L1 but the rules enters.
fn content_hash(append: &Append, payload: &Bytes, config_hash: B256) -> B256 {
    BatchHeader {
        index: append.index,
        parent_hash: B256::ZERO,
        parent_content_hash: append.parent_content_hash,
        data_kind: DataKind::Calldata,
        data_hash: calldata_hash(payload),
        queue_end: append.queue_end,
        queue_hash: append.queue_hash,
        checkpoint_hash: append.checkpoint.hash(),
        config_hash,
        work_gas: append.work_gas,
        posted_at: 0,
    }
    .content_hash()
}

/// Signed appends of a few batches, each on the one before, made before any of them is on L1; and the content hash of the last.
async fn sign_ahead(harness: &Harness) -> (Vec<Bytes>, B256) {
    let wallet = EthereumWallet::from(harness.sequencer());
    let chain = &harness.deployment.chain;
    let nonce = harness.client.nonce(harness.sequencer().address()).await.unwrap();
    let mut next = harness.next_append(AppendData::Calldata(bytes(100, 0))).await;
    let mut signed = Vec::new();
    for batch in 0..BATCHES {
        let payload = bytes(100, batch as u8);
        next.data = AppendData::Calldata(payload.clone());
        let call = next.to_call(chain.inbox).unwrap();
        let request = TransactionRequest::default()
            .with_from(harness.sequencer().address())
            .with_kind(call.to)
            .with_input(call.input)
            .with_nonce(nonce + batch)
            .with_chain_id(chain.l1_chain_id)
            .with_gas_limit(400_000)
            .with_max_fee_per_gas(100 * GWEI)
            .with_max_priority_fee_per_gas(GWEI);
        let envelope: TxEnvelope = NetworkWallet::<Ethereum>::sign_request(&wallet, request).await.unwrap();
        signed.push(envelope.encoded_2718().into());
        next.parent_content_hash = content_hash(&next, &payload, chain.hash());
        next.index += 1;
    }
    (signed, next.parent_content_hash)
}

async fn send_all(harness: &Harness, signed: &[Bytes]) {
    for raw in signed {
        let sent = harness.client.provider().send_raw_transaction(raw).await.unwrap();
        assert!(sent.get_receipt().await.unwrap().status());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_appends_land_again_after_a_reorganisation() {
    let harness = Harness::start().await;
    harness.mine(3).await;
    let inbox = Inbox::new(harness.deployment.chain.inbox, harness.client.provider());
    let (signed, content) = sign_ahead(&harness).await;
    send_all(&harness, &signed).await;
    assert_eq!(inbox.batchCount().call().await.unwrap(), BATCHES);
    assert_eq!(inbox.lastContentHash().call().await.unwrap(), content, "as it was known beforehand");
    let posted = inbox.batchHashOf(BATCHES).call().await.unwrap();

    harness.reorg(BATCHES).await;
    assert_eq!(inbox.batchCount().call().await.unwrap(), 0);
    harness.client.provider().anvil_increase_time(100).await.unwrap();
    harness.mine(1).await;
    send_all(&harness, &signed).await;
    assert_eq!(inbox.batchCount().call().await.unwrap(), BATCHES);
    assert_eq!(inbox.lastContentHash().call().await.unwrap(), content);
    assert_ne!(inbox.batchHashOf(BATCHES).call().await.unwrap(), posted, "the time at which it was posted is bound");
}
