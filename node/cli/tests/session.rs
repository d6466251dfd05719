//! `tandem session` against the vectors that the SDK is held to (tests/vectors/payments/session.json), and refused input.

use std::process::{Command, Output};

use alloy::primitives::utils::format_ether;
use serde_json::Value;

const CHAIN: &str = "31338";
const GENESIS: &str = "0x4747474747474747474747474747474747474747474747474747474747474747";
const WALLET: &str = "0x5151515151515151515151515151515151515151515151515151515151515151";
const ACCOUNT: &str = "0x0202020202020202020202020202020202020202";

fn vectors(section: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/payments/session.json"))
        .expect("the vectors are JSON");
    let cases = vectors[section].as_array().expect("a list").clone();
    assert!(!cases.is_empty());
    cases
}

fn tandem(env: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.env_remove("TANDEM_KEY").env_remove("TANDEM_WALLET_SIGNATURE").envs(env.iter().copied());
    command.args(["--json", "session"]).args(args).output().expect("the command runs")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// The arguments that name the vectors' chain.
fn on_chain<'a>(command: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&[command, "--chain-id", CHAIN, "--genesis", GENESIS], rest].concat()
}

fn text(case: &Value, field: &str) -> String {
    match &case[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn a_wallet_signature_gives_the_key_of_the_vectors() {
    for case in vectors("keys") {
        assert_eq!((text(&case, "chainId").as_str(), text(&case, "genesisHash").as_str()), (CHAIN, GENESIS));
        let (account, index, signature) =
            (text(&case, "account"), text(&case, "index"), text(&case, "walletSignature"));
        let asked = tandem(&[], &on_chain("text", &["--account", &account, "--index", &index]));
        assert_eq!((&json(&asked)["text"], &json(&asked)["digest"]), (&case["text"], &case["digest"]));
        let key = tandem(
            &[("TANDEM_WALLET_SIGNATURE", &signature)],
            &on_chain("key", &["--account", &account, "--index", &index]),
        );
        let key = json(&key);
        assert_eq!([&key["publicKeyX"], &key["publicKeyY"]], [&case["publicKey"][0], &case["publicKey"][1]]);
        let hash: alloy::primitives::U256 = text(&key, "keyHash").parse().expect("a word");
        assert_eq!(hash.to_string(), text(&case, "keyHash"));
    }
}

#[test]
fn transactions_are_those_of_the_vectors_byte_for_byte() {
    for case in vectors("transactions") {
        let field = |name| text(&case, name);
        let (nonce, gas, fee, expiry) = (field("nonce"), field("gasLimit"), field("maxFeePerGas"), field("expiry"));
        let (token, recipient, index) = (field("token"), field("recipient"), field("index"));
        let units = field("amount");
        let ether = format_ether(units.parse::<u128>().expect("an amount"));
        let action = match case["kind"].as_u64() {
            Some(2) => vec!["transfer", &recipient, &ether],
            Some(3) => vec!["transfer-token", &token, &recipient, &units],
            Some(5) => vec!["withdraw", &recipient, &ether],
            Some(6) => vec!["withdraw-token", &token, &recipient, &units],
            other => panic!("kind {other:?}"),
        };
        let limits =
            ["--index", &index, "--nonce", &nonce, "--max-fee-per-gas", &fee, "--gas-limit", &gas, "--expiry", &expiry];
        let args = on_chain("sign", &[&limits[..], &action].concat());
        let (wallet, signature, sender) = (field("walletKey"), field("walletSignature"), field("sender"));
        for output in [
            tandem(&[("TANDEM_KEY", &wallet)], &args),
            tandem(
                &[("TANDEM_WALLET_SIGNATURE", &signature)],
                &[&args[..1], &["--account", &sender], &args[1..]].concat(),
            ),
        ] {
            let signed = json(&output);
            assert_eq!((&signed["transaction"], &signed["hash"]), (&case["envelope"], &case["hash"]));
            let operation: alloy::primitives::U256 = text(&signed, "operationHash").parse().expect("a word");
            assert_eq!(operation.to_string(), field("operationHash"));
        }
    }
}

#[test]
fn what_is_left_out_is_what_the_operation_can_take() {
    let args = on_chain("sign", &["--nonce", "0", "--max-fee-per-gas", "1", "transfer", ACCOUNT, "1.5"]);
    let short = json(&tandem(&[("TANDEM_KEY", WALLET)], &args));
    let expiry = short["expiry"].as_u64().expect("a time");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    assert!((now + 86_300..=now + 86_400).contains(&expiry));
    let explicit = ["--gas-limit", "42000", "--expiry", &expiry.to_string()];
    let again = json(&tandem(&[("TANDEM_KEY", WALLET)], &[&args[..1], &explicit, &args[1..]].concat()));
    assert_eq!(again, short);
}

#[test]
fn refused_input_is_explained() {
    let sign = |rest: &[&'static str]| on_chain("sign", &[&["--max-fee-per-gas", "1"], rest].concat());
    let own = [("TANDEM_KEY", WALLET)];
    let short = [("TANDEM_WALLET_SIGNATURE", "0x1111")];
    let zeros = format!("0x{}", "00".repeat(65));
    let refused = |env: &[(&str, &str)], args: &[&str], reason: &str| {
        let output = tandem(env, args);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = text(&json(&output), "error");
        assert!(error.contains(reason), "`{error}` does not say `{reason}`");
    };
    refused(&[], &on_chain("key", &[]), "whose session key");
    refused(&[], &on_chain("key", &["--account", ACCOUNT]), "no wallet signature");
    refused(&own, &on_chain("key", &["--account", ACCOUNT]), "not of 0x0202");
    refused(&short, &on_chain("key", &["--account", ACCOUNT]), "65 bytes, not 2");
    refused(&[("TANDEM_WALLET_SIGNATURE", &zeros)], &on_chain("key", &["--account", ACCOUNT]), "out of range");
    refused(&own, &sign(&["--nonce", "18446744073709551615", "transfer", ACCOUNT, "1"]), "last nonce");
    refused(
        &own,
        &sign(&["--nonce", "0", "--gas-limit", "20999", "transfer", ACCOUNT, "1"]),
        "20999 is not from 21000",
    );
    refused(&own, &sign(&["--nonce", "0", "--gas-limit", "4294988296", "transfer", ACCOUNT, "1"]), "to 4294988295");
    refused(&own, &sign(&["--nonce", "0", "transfer", ACCOUNT, "much"]), "amount");
    refused(
        &own,
        &sign(&["--nonce", "0", "withdraw", ACCOUNT, "340282366920938463464"]),
        "more than an account can hold",
    );
    for nobodys in ["0x5400000000000000000000000000000000000002", "0x5400000000000000000000000000000000000007"] {
        refused(&own, &sign(&["--nonce", "0", "transfer", nobodys, "1"]), "nobody has it");
    }
    let none = "0x0000000000000000000000000000000000000000";
    refused(&own, &sign(&["--nonce", "0", "withdraw-token", none, ACCOUNT, "1"]), "token does not go with the kind");
}
