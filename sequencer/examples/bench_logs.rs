//! `make bench-logs`: how long `eth_getLogs` takes for a rare topic over a million blocks, each with a transfer of a token, written straight into the
//! store. The node that answers is a real one over that store, opened anew. Prints JSON lines and writes them to `target/bench/logs.json`.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    consensus::{Header, SignableTransaction, TxEip1559},
    primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256, b256, keccak256},
    providers::{Provider, ProviderBuilder},
};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_chain::{BatchHeader, ChainConfig, Checkpoint, DataKind};
use tandem_evm::{EvmBlock, Receipt, Recovered, Transaction, payload::SignedTransaction};
use tandem_l1::L1Heads;
use tandem_sequencer::{
    clock::Clock,
    engine::{Engine, EngineConfig},
    evm::rpc::METHODS,
    rpc::{RpcContext, RpcLimits, serve},
};
use tandem_store::{BatchRecord, Head, Options, Store};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};
use tokio_util::sync::CancellationToken;

const BLOCKS: u64 = 1_000_000;
/// Topics that are in few blocks, each asked for once.
const RARE: u64 = 50;
/// Blocks that hold one of them.
const BLOCKS_OF_RARE: u64 = 10;
const TOKENS: u64 = 50;
const HOLDERS: u64 = 20_000;
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let chain = tandem_support::config();
    let directory = tempfile::tempdir()?;
    let began = Instant::now();
    fill(&Store::open(directory.path(), &chain, Options::default())?, &chain)?;
    eprintln!("{BLOCKS} blocks written in {:.0} s", began.elapsed().as_secs_f64());

    let store = Store::open(directory.path(), &chain, Options::default())?;
    let config = EngineConfig::default();
    let (engine, handle) = Engine::new(chain.clone(), config, store.clone(), Clock::system(), Arc::new(Notify::new()))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (_heads, l1_heads) = watch::channel(L1Heads::default());
    let limits = RpcLimits { log_blocks_max: BLOCKS + 1, ..Default::default() };
    let context = RpcContext::new(METHODS, chain, store, handle, l1_heads, limits);
    let cancel = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, context, cancel.clone()));

    let ask = async |filter: Value| -> anyhow::Result<(usize, Duration)> {
        let provider = ProviderBuilder::new().connect_http(url.parse()?);
        let began = Instant::now();
        let logs: Vec<Value> = provider.raw_request("eth_getLogs".into(), json!([filter])).await?;
        Ok((logs.len(), began.elapsed()))
    };
    let (mut by_topic, mut by_both) = (Vec::new(), Vec::new());
    for index in 0..RARE {
        let whole = json!({ "fromBlock": "0x0", "toBlock": "latest", "topics": [null, null, rare(index)] });
        let (count, took) = ask(whole).await?;
        ensure!(count as u64 == BLOCKS_OF_RARE, "{count} logs of topic {index}");
        by_topic.push(took);
        // A token that is in every fiftieth block, and a topic that is in all of them: the rare one decides all the same.
        let (token, from) = (token(index), json!(holder(index * 7)));
        let both = json!({ "fromBlock": "0x0", "toBlock": "latest", "address": token, "topics": [TRANSFER, from] });
        by_both.push(ask(both).await?.1);
    }
    cancel.cancel();
    serving.await??;
    drop(engine);
    by_topic.sort();
    by_both.sort();
    let ms = |took: Option<&Duration>| {
        took.map(|took| (took.as_secs_f64() * 100_000.0).round() / 100.0).context("nothing was asked")
    };
    write(&[
        json!({ "name": "rpc.get_logs_million_blocks_ms", "value": ms(by_topic.last())?, "unit": "ms", "median": ms(by_topic.get(by_topic.len() / 2))? }),
        json!({ "name": "rpc.get_logs_million_blocks_address_ms", "value": ms(by_both.last())?, "unit": "ms", "median": ms(by_both.get(by_both.len() / 2))? }),
    ])
}

fn rare(index: u64) -> B256 {
    keccak256([b"rare".as_slice(), &index.to_be_bytes()].concat())
}

fn token(number: u64) -> Address {
    Address::from_word(keccak256([b"token".as_slice(), &(number % TOKENS).to_be_bytes()].concat()))
}

fn holder(number: u64) -> B256 {
    Address::from_word(keccak256([b"holder".as_slice(), &(number % HOLDERS).to_be_bytes()].concat())).into_word()
}

/// Writes the blocks, and a batch on L1 that holds them: they are nobody's to post.
fn fill(store: &Store, chain: &ChainConfig) -> anyhow::Result<()> {
    let state_root = store.header(0)?.context("there is a genesis")?.state_root;
    for number in 1..=BLOCKS {
        store.append_block(&block(chain, store.head()?, number, state_root), &[])?;
    }
    let header = BatchHeader {
        index: 1,
        parent_hash: B256::ZERO,
        parent_content_hash: B256::ZERO,
        data_kind: DataKind::None,
        data_hash: B256::ZERO,
        queue_end: 0,
        queue_hash: B256::ZERO,
        checkpoint_hash: B256::ZERO,
        config_hash: chain.hash(),
        work_gas: 0,
        posted_at: 0,
    };
    Ok(store.put_batch(&BatchRecord {
        header,
        output: Default::default(),
        first_block: 1,
        last_block: BLOCKS,
        l1_number: 1,
        l1_hash: B256::ZERO,
        l1_tx: B256::ZERO,
        checkpoint: Checkpoint::default(),
    })?)
}

/// A transfer between two of many, of one of some tokens. Now and then the receiver is a rare one.
fn block(chain: &ChainConfig, parent: Head, number: u64, state_root: B256) -> EvmBlock {
    let every = BLOCKS / (RARE * BLOCKS_OF_RARE);
    let to = if number.is_multiple_of(every) { rare(number / every % RARE) } else { holder(number * 31) };
    let topics = vec![TRANSFER, holder(number * 17), to];
    let log = Log::new_unchecked(token(number), topics, U256::from(number).to_be_bytes_vec().into());
    let tx = TxEip1559 {
        chain_id: chain.l2_chain_id,
        nonce: number,
        gas_limit: 60_000,
        to: TxKind::Call(log.address),
        input: Bytes::from(to.to_vec()),
        ..Default::default()
    };
    let signed = SignedTransaction::Eip1559(tx.into_signed(Signature::test_signature()));
    let receipt = Receipt { tx_type: 2, success: true, cumulative_gas_used: 50_000, logs: vec![log] };
    let header = Header {
        number,
        parent_hash: parent.hash,
        state_root,
        timestamp: 1_700_000_000 + number,
        gas_limit: chain.block_gas_limit,
        gas_used: 50_000,
        base_fee_per_gas: Some(chain.min_base_fee),
        logs_bloom: receipt.bloom(),
        ..Default::default()
    };
    EvmBlock {
        hash: header.hash_slow(),
        header,
        transactions: vec![Transaction::Signed(Recovered::new_unchecked(signed, Address::ZERO))],
        receipts: vec![receipt],
        message_count: 0,
    }
}

fn write(figures: &[Value]) -> anyhow::Result<()> {
    let lines: String = figures.iter().map(|figure| format!("{figure}\n")).collect();
    print!("{lines}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/logs.json");
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    Ok(fs::write(path, lines)?)
}
