//! The sequencer of a payments chain, as people and provers meet it: operations over JSON-RPC, batches over gRPC, real proofs, a real L1 node. The test plays the
//! prover, and derives as one does: it believes nothing that the sequencer says but the order.

use std::{net::SocketAddr, path::Path};

use alloy::{
    hex,
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider, ProviderBuilder, ext::AnvilApi},
    rpc::types::anvil::{ReorgOptions, TransactionData},
    sol_types::SolValue,
};
use clap::Parser;
use serde_json::{Value, json};
use tandem_circuits::groth16::Calldata;
use tandem_l1::{
    bindings::{Inbox, PaymentsBridge},
    payments::{read, withdrawals},
};
use tandem_payments::{
    data::{Withdrawal, elements},
    field::integer,
    operation::Call,
};
use tandem_proto::v1::{
    ClosedBatch, NextBatchRequest, ProvenRequest, entry::Entry, proven_response::Outcome, proving_client::ProvingClient,
};
use tandem_sequencer::{Node, SequencerFlags};
use tandem_support::l1::wait_until;
use tandem_tests::payments::{Chain, ETHER, PRICE, Proven};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

const PAYEE: Address = Address::repeat_byte(0xaa);
const ETH: Address = Address::ZERO;

/// A sequencer that runs, and a prover beside it.
pub struct Sequencer {
    node: Node,
    cancel: CancellationToken,
    /// Where callers ask.
    pub rpc: SocketAddr,
    /// Where provers ask.
    pub proving: SocketAddr,
    prover: ProvingClient<Channel>,
}

impl Sequencer {
    pub async fn start(chain: &Chain, directory: &Path) -> Self {
        let deployment = directory.join("deployment.json");
        std::fs::write(&deployment, serde_json::to_vec(&chain.deployment).unwrap()).unwrap();
        let flags = [
            ("deployment", deployment.display().to_string()),
            ("data-dir", directory.display().to_string()),
            ("l1-rpc", chain.anvil.url().unwrap().to_string()),
            ("key", hex::encode_prefixed(chain.sequencer().to_bytes())),
            ("rpc", "127.0.0.1:0".into()),
            ("proving", "127.0.0.1:0".into()),
            ("l1-depth", "0".into()),
            ("l1-poll-ms", "50".into()),
            ("gas-price-wei", PRICE.to_string()),
        ];
        let flags = flags.iter().map(|(name, value)| format!("--{name}={value}"));
        let flags = SequencerFlags::try_parse_from(std::iter::once("tandem-sequencer".into()).chain(flags)).unwrap();
        let cancel = CancellationToken::new();
        let node = Node::start(flags, cancel.clone()).await.unwrap();
        let proving = node.proving_address().expect("provers are served");
        let prover = ProvingClient::connect(format!("http://{proving}")).await.unwrap();
        Self { rpc: node.rpc_address(), proving, node, cancel, prover }
    }

    pub async fn stop(self) {
        self.cancel.cancel();
        self.node.wait().await.unwrap();
    }

    /// The answer, or the error's message.
    pub async fn ask(&self, method: &'static str, params: Value) -> Result<Value, String> {
        let provider = ProviderBuilder::new().connect_http(format!("http://{}", self.rpc).parse().unwrap());
        let answer: Result<Value, _> = provider.raw_request(method.into(), params).await;
        answer
            .map_err(|error| error.as_error_resp().map_or_else(|| error.to_string(), |error| error.message.to_string()))
    }

    pub async fn send(&self, envelope: &Bytes) -> Result<B256, String> {
        let hash = self.ask("eth_sendRawTransaction", json!([envelope])).await?;
        Ok(serde_json::from_value(hash).unwrap())
    }

    pub async fn quantity(&self, method: &'static str, params: Value) -> U256 {
        serde_json::from_value(self.ask(method, params).await.unwrap()).unwrap()
    }

    pub async fn wait_until_settled(&self, batch: u64) {
        let is_settled = || async { self.ask("rollup_status", json!([])).await.unwrap()["settled"] == batch };
        wait_until("the batch is settled", is_settled).await;
    }

    /// The next batch, as a prover gets it that is free.
    async fn next(&mut self, chain: &Chain) -> ClosedBatch {
        let dom = integer(chain.dom()).to_be_bytes_vec();
        loop {
            let request = NextBatchRequest { dom: dom.clone(), held_index: 0, held_id: Vec::new() };
            if let Some(batch) = self.prover.next_batch(request).await.unwrap().into_inner().batch {
                return batch;
            }
        }
    }

    async fn bring_back(&mut self, batch: &ClosedBatch, arguments: Vec<u8>) -> Outcome {
        let ClosedBatch { index, id, root_after, config_hash, keys_hash, .. } = batch.clone();
        let request = ProvenRequest { index, id, arguments, root_after, config_hash, keys_hash };
        self.prover.proven(request).await.unwrap().into_inner().outcome()
    }

    /// Proves the next batch and brings it back; the chain of the fixture goes on from it.
    pub async fn prove_next(&mut self, chain: &mut Chain) -> (ClosedBatch, Vec<u8>) {
        let batch = self.next(chain).await;
        let proven = prove(chain, &batch);
        let arguments = arguments(&proven);
        assert_eq!(self.bring_back(&batch, arguments.clone()).await, Outcome::Taken);
        chain.advance(&proven);
        (batch, arguments)
    }
}

/// Derives a batch from its entries and proves it.
fn prove(chain: &Chain, batch: &ClosedBatch) -> Proven {
    assert_eq!((batch.index, batch.queue_start), (chain.batches + 1, chain.consumed as u64));
    assert_eq!(batch.operator, chain.sequencer().address().to_vec());
    assert_eq!(U256::from_be_slice(&batch.root_before), integer(chain.state.root()));
    assert_eq!(batch.queue_hash_end, chain.queue_hash(batch.queue_end as usize).to_vec());
    let mut draft = chain.draft_at(batch.timestamp);
    for entry in &batch.entries {
        match entry.entry.as_ref().unwrap() {
            Entry::Messages(count) => chain.take_next_messages(&mut draft, *count as usize),
            Entry::Operation(operation) => chain.apply_envelope(&mut draft, &operation.envelope, operation.price),
        }
    }
    let proven = chain.prove(draft);
    assert_eq!(U256::from_be_slice(&batch.root_after), integer(proven.state.root()), "both derive the same");
    proven
}

fn arguments(proven: &Proven) -> Vec<u8> {
    let Calldata { env, segments, applied, authorised } = proven.batch.calldata();
    (env, segments, applied, authorised).abi_encode_params()
}

/// The claim of a withdrawal whose index its receipt tells.
async fn claim(chain: &Chain, batch: u64, segment: &[u8], index: u64) -> PaymentsBridge::withdrawCall {
    let history = read(&chain.client, chain.chain(), chain.deployment.start_block, 1_000).await.unwrap();
    let fields = history.batches[batch as usize].fields;
    let (of, position) = withdrawals::place(index);
    assert_eq!(of, batch);
    let paid = Withdrawal::decode_all(&elements(segment).unwrap()).unwrap()[position as usize];
    PaymentsBridge::withdrawCall {
        output: fields.hash(),
        index,
        to: paid.recipient,
        paid: paid.into(),
        proof: withdrawals::proof(fields, withdrawals::siblings(segment, position).unwrap()),
    }
}

/// Sent over RPC, closed for a prover that is free, proven, posted, settled; the withdrawal is paid on L1. The process ends and begins anew in between, at every stage.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_goes_from_rpc_to_l1() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    let (alice, bob, token) = (chain.user(0).address(), chain.user(1).address(), chain.token);
    chain.deposit_eth(0, 10 * ETHER).await;
    chain.deposit_token(0, 5_000).await;
    chain.set_session_key(0).await;
    let mut sequencer = Sequencer::start(&chain, directory.path()).await;
    let (batch, _) = sequencer.prove_next(&mut chain).await;
    assert_eq!((batch.index, batch.queue_end), (1, 3));
    sequencer.wait_until_settled(1).await;
    assert_eq!(sequencer.quantity("eth_getBalance", json!([alice, "safe"])).await, U256::from(10 * ETHER));

    let calls = [
        Call::Transfer { recipient: bob, amount: ETHER },
        Call::TokenTransfer { token, recipient: bob, amount: 77 },
        Call::WithdrawEth { recipient: PAYEE, amount: 3 * ETHER },
        Call::WithdrawToken { token, recipient: PAYEE, amount: 1_000 },
    ];
    let mut hashes = Vec::new();
    for (nonce, call) in (0..).zip(calls) {
        hashes.push(sequencer.send(&chain.envelope(0, nonce, call)).await.unwrap());
    }
    assert_eq!(sequencer.quantity("eth_getTransactionCount", json!([alice, "pending"])).await, U256::from(4));
    assert_eq!(sequencer.quantity("eth_getTransactionCount", json!([alice, "latest"])).await, U256::ZERO);

    // Acknowledged and in no batch.
    sequencer.stop().await;
    let mut sequencer = Sequencer::start(&chain, directory.path()).await;
    let handed = sequencer.next(&chain).await;
    assert_eq!((handed.index, handed.entries.len()), (2, 4));
    // Closed, and with a prover.
    sequencer.stop().await;
    let mut sequencer = Sequencer::start(&chain, directory.path()).await;
    let again = sequencer.next(&chain).await;
    assert_eq!(again, handed, "the same batch");
    let proven = prove(&chain, &handed);
    let mut forged = arguments(&proven);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    // L1 sees it when it is asked, and nothing is lost but the bad proof.
    assert_eq!(sequencer.bring_back(&handed, forged).await, Outcome::Taken);
    let again = sequencer.next(&chain).await;
    assert_eq!(again, handed, "handed out again");
    assert_eq!(sequencer.bring_back(&handed, arguments(&proven)).await, Outcome::Taken);
    // Proven, on its way to L1.
    sequencer.stop().await;
    let sequencer = Sequencer::start(&chain, directory.path()).await;
    chain.advance(&proven);
    sequencer.wait_until_settled(2).await;

    let fees = u128::from(42_000 + 63_000 + 30_000 + 32_000u32) * u128::from(PRICE);
    assert_eq!(sequencer.quantity("eth_getBalance", json!([alice, "latest"])).await, U256::from(6 * ETHER - fees));
    assert_eq!(sequencer.quantity("eth_getBalance", json!([bob, "safe"])).await, U256::from(ETHER));
    let receipt = |hash: B256| sequencer.ask("eth_getTransactionReceipt", json!([hash]));
    let moved = receipt(hashes[1]).await.unwrap();
    assert_eq!((&moved["status"], &moved["logs"][0]["address"]), (&json!("0x1"), &json!(token)));
    assert_eq!(moved["gasUsed"], json!(U256::from(63_000)), "with a leaf for the recipient");
    for (hash, paid_token) in [(hashes[2], ETH), (hashes[3], token)] {
        let withdrawal = receipt(hash).await.unwrap()["withdrawal"].clone();
        assert_eq!((&withdrawal["recipient"], &withdrawal["token"]), (&json!(PAYEE), &json!(paid_token)));
        let index: U256 = serde_json::from_value(withdrawal["index"].clone()).unwrap();
        let call = claim(&chain, 2, &proven.withdrawals, index.to()).await;
        chain.call(chain.stranger(), chain.chain().bridge, 0, call).await.unwrap();
    }
    assert_eq!((chain.ether_of(PAYEE).await, chain.tokens_of(PAYEE).await), (3 * ETHER, 1_000));
    assert_eq!(chain.escrow(ETH).await, chain.held(ETH));

    let status = sequencer.ask("rollup_transactionStatus", json!([hashes[0]])).await.unwrap();
    assert_eq!((&status["status"], &status["promise"]), (&json!("included"), &json!("settled")));
    let block = sequencer.ask("eth_getBlockByNumber", json!(["0x2", false])).await.unwrap();
    assert_eq!(block["transactions"], json!(hashes));
    let first = sequencer.ask("eth_getBlockByNumber", json!(["0x1", true])).await.unwrap();
    assert_eq!((&first["transactions"][2]["type"], &first["hash"]), (&json!("0x7e"), &block["parentHash"]));
    sequencer.stop().await;

    // L1 alone gives the same chain, hashes of blocks included; who signed what it does not tell.
    let elsewhere = tempfile::tempdir().unwrap();
    let sequencer = Sequencer::start(&chain, elsewhere.path()).await;
    sequencer.wait_until_settled(2).await;
    let found = sequencer.ask("eth_getBlockByNumber", json!(["0x1", false])).await.unwrap();
    assert_eq!(found["hash"], first["hash"]);
    let hash = sequencer.ask("rollup_blockStatus", json!(["0x2"])).await.unwrap()["blockHash"].clone();
    assert_eq!(hash, block["hash"]);
    let found = sequencer.ask("eth_getBlockByNumber", json!(["0x2", false])).await.unwrap();
    assert_eq!((&found["hash"], &found["transactionsUnknown"]), (&block["hash"], &json!(true)));
    let refused = sequencer.ask("eth_getBlockByNumber", json!(["0x2", true])).await.unwrap_err();
    assert!(refused.contains("not known to this node"), "{refused}");
    sequencer.stop().await;
}

/// L1 takes back a proven batch: the same call lands again, and nobody proves anything twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_reorganised_batch_is_posted_again_as_it_was() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    chain.deposit_eth(0, 2 * ETHER).await;
    chain.set_session_key(0).await;
    chain.mine(5).await;
    let mut sequencer = Sequencer::start(&chain, directory.path()).await;
    sequencer.prove_next(&mut chain).await;
    sequencer.wait_until_settled(1).await;
    let hash = sequencer.ask("eth_getBlockByNumber", json!(["0x1", false])).await.unwrap()["hash"].clone();
    let tx_block_pairs: Vec<(TransactionData, u64)> = Vec::new();
    chain.client.provider().anvil_reorg(ReorgOptions { depth: 1, tx_block_pairs }).await.unwrap();
    let inbox = Inbox::new(chain.chain().inbox, chain.client.provider());
    let is_back = || async { inbox.batchCount().call().await.unwrap() == 1 };
    wait_until("it is on L1 again", is_back).await;
    sequencer.wait_until_settled(1).await;
    assert_eq!(sequencer.ask("eth_getBlockByNumber", json!(["0x1", false])).await.unwrap()["hash"], hash);
    sequencer.stop().await;
}
