//! The SDK's own example (`sdk/examples/pay.ts`), as people run it, against a sequencer and an L1 that takes what is proven.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use alloy::{
    hex,
    primitives::{Address, B256, U256},
};
use serde_json::json;
use tandem_payments::field::integer;
use tandem_support::l1::wait_until;
use tandem_tests::{
    payments::{Chain, ETHER, PRICE},
    wait::DEADLINE,
};
use tokio::{process::Command, time::timeout};

use super::sequenced::Sequencer;

const PAYEE: Address = Address::repeat_byte(0xaa);
const AMOUNT_WEI: u128 = ETHER + 7;
/// A transfer for which the recipient's leaf is made.
const GAS: u128 = 42_000;

/// The SDK compiled in a folder of its own: its tests, which may run at the same time, compile it where it is.
async fn compiled(folder: &Path) -> PathBuf {
    let sdk = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sdk").canonicalize().unwrap();
    for name in ["package.json", "tsconfig.json"] {
        fs::copy(sdk.join(name), folder.join(name)).unwrap();
    }
    for name in ["src", "examples", "test"] {
        fs::create_dir(folder.join(name)).unwrap();
        for file in fs::read_dir(sdk.join(name)).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), folder.join(name).join(file.file_name())).unwrap();
        }
    }
    let modules = folder.join("node_modules");
    std::os::unix::fs::symlink(sdk.join("node_modules"), &modules).unwrap();
    let mut compiler = Command::new("node");
    compiler.arg(modules.join("typescript/bin/tsc")).current_dir(folder);
    let output = timeout(DEADLINE, compiler.output()).await.expect("tsc ends").expect("node is installed");
    assert!(output.status.success(), "{output:?}");
    folder.join("dist/examples/pay.js")
}

/// Tests PAY-SESSION-TX, PAY-OPHASH: what the SDK signs and sends is acknowledged, proven and settled, and its example says so.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_the_sdk_pays() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    let sdk = tempfile::tempdir().unwrap();
    let script = compiled(sdk.path()).await;
    let account = chain.user(0).address();
    chain.deposit_eth(0, 3 * ETHER).await;
    chain.set_session_key(0).await;
    let mut sequencer = Sequencer::start(&chain, directory.path()).await;
    let has_genesis = || async {
        let block = sequencer.ask("eth_getBlockByNumber", json!(["0x0", false])).await;
        block.is_ok_and(|block| !block.is_null())
    };
    wait_until("the sequencer has read L1", has_genesis).await;
    // That of the fixture's session key of user 0.
    let seed = B256::repeat_byte(0x50);
    let mut example = Command::new("node");
    example.arg(script).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs([
        ("TANDEM_L2_RPC", format!("http://{}", sequencer.rpc)),
        ("TANDEM_CHAIN_ID", chain.chain().l2_chain_id.to_string()),
        ("TANDEM_GENESIS", chain.chain().hash().to_string()),
        ("TANDEM_ACCOUNT", account.to_string()),
        ("TANDEM_RECIPIENT", PAYEE.to_string()),
        ("TANDEM_AMOUNT_WEI", AMOUNT_WEI.to_string()),
        ("TANDEM_KEY_SEED", hex::encode_prefixed(seed)),
        ("TANDEM_PATIENCE_S", DEADLINE.as_secs().to_string()),
    ]);
    example.stdin(Stdio::null()).kill_on_drop(true);
    let mut paying = tokio::spawn(async move { example.output().await });
    // The batch with the deposit and the key, and the one with the payment.
    let proving = async {
        for _ in 0..2 {
            sequencer.prove_next(&mut chain).await;
        }
    };
    tokio::select! {
        ended = &mut paying => panic!("it has not waited: {ended:?}"),
        () = proving => {}
    }
    let output = timeout(DEADLINE, paying).await.expect("it ends").unwrap().unwrap();
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");

    let key_hash = integer(chain.session_key(0).public().hash());
    let line = |start: &str| said.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{said}"));
    assert_eq!(line("session key hash: "), key_hash.to_string());
    assert_eq!(line("balance: "), format!("{} wei", 3 * ETHER));
    let fee = GAS * u128::from(PRICE);
    assert_eq!(line("settled: "), format!("in batch 2, for a fee of {fee} wei"));
    let hash: B256 = line("sent: ").parse().unwrap();
    let receipt = sequencer.ask("eth_getTransactionReceipt", json!([hash])).await.unwrap();
    assert_eq!((&receipt["status"], &receipt["blockNumber"]), (&json!("0x1"), &json!("0x2")));
    for (of, expected) in [(PAYEE, AMOUNT_WEI), (account, 3 * ETHER - AMOUNT_WEI - fee)] {
        let balance = sequencer.quantity("eth_getBalance", json!([of, "safe"])).await;
        assert_eq!(balance, U256::from(expected), "{of}");
    }
    sequencer.stop().await;
}
