//! Writes `tests/vectors/payments/session.json`, which the SDK and the `tandem` command read: keys out of wallet signatures, and
//! transactions signed by keys of wallets (PAY-SESSION-KEY, PAY-SESSION-TX, PAY-EDDSA-SIGN). `TANDEM_WRITE_VECTORS=1` writes the file; otherwise it must be what is written.

use alloy_primitives::{Address, B256, U256, hex};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};
use tandem_payments::{
    eddsa::{SecretKey, SessionKeyRequest, SessionTransaction, domain},
    field::integer,
    operation::{Call, Operation},
};

const CHAIN_ID: u64 = 31338;
const GENESIS: B256 = B256::repeat_byte(0x47);

fn key_cases() -> Vec<Value> {
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".parse::<B256>().unwrap();
    let order = U256::from_be_bytes(order.0);
    let low = [[0x11u8; 32], [0x22; 32]].concat();
    let mut high = low.clone();
    high[32..].copy_from_slice(&(order - U256::from_be_slice(&low[32..])).to_be_bytes::<32>());
    let cases =
        [(low.clone(), 27u8, 0u32), (high, 28, 0), (low.clone(), 27, 1), ([[0xee; 32], [0x01; 32]].concat(), 0, 7)];
    cases
        .into_iter()
        .map(|(mut signature, v, index)| {
            signature.push(v);
            let account = Address::repeat_byte(0xab);
            let request = SessionKeyRequest { chain_id: CHAIN_ID, genesis_hash: GENESIS, account, index };
            let public = request.key(&signature).unwrap().public();
            json!({
                "chainId": CHAIN_ID,
                "genesisHash": GENESIS.to_string(),
                "account": hex::encode_prefixed(account),
                "index": index,
                "text": request.text(),
                "digest": request.digest().to_string(),
                "walletSignature": hex::encode_prefixed(&signature),
                "publicKey": [integer(public.x()).to_string(), integer(public.y()).to_string()],
                "keyHash": integer(public.hash()).to_string(),
            })
        })
        .collect()
}

/// The account of a wallet, and what its `personal_sign` answers.
fn wallet(key: B256, index: u32) -> (SessionKeyRequest, Vec<u8>) {
    let signing = k256::ecdsa::SigningKey::from_slice(key.as_slice()).unwrap();
    let point = signing.verifying_key().to_encoded_point(false);
    let account = Address::from_raw_public_key(&point.as_bytes()[1..]);
    let request = SessionKeyRequest { chain_id: CHAIN_ID, genesis_hash: GENESIS, account, index };
    let (signature, recovery) = signing.sign_prehash_recoverable(request.digest().as_slice()).unwrap();
    (request, [&signature.to_bytes()[..], &[27 + recovery.to_byte()]].concat())
}

fn operations(sender: Address) -> Vec<Operation> {
    let (recipient, token) = (Address::repeat_byte(2), Address::repeat_byte(3));
    [
        Call::Transfer { recipient, amount: 1_000_000_000_000_000_000 },
        Call::TokenTransfer { token, recipient, amount: u128::MAX },
        Call::WithdrawEth { recipient: sender, amount: 0 },
        Call::WithdrawToken { token, recipient, amount: 127 },
    ]
    .into_iter()
    .zip([0, 1, u64::MAX - 1, 300])
    .map(|(call, nonce)| Operation {
        sender,
        nonce,
        call,
        gas_limit: 42_000,
        max_fee_per_gas: 1_500_000_000,
        expiry: if nonce == 300 { u64::MAX } else { 1_800_000_000 },
    })
    .collect()
}

fn transaction_cases() -> Vec<Value> {
    (0u8..4)
        .map(|i| {
            let wallet_key = B256::repeat_byte(0x51 + i);
            let (request, wallet_signature) = wallet(wallet_key, i.into());
            let key = request.key(&wallet_signature).unwrap();
            let operation = operations(request.account)[usize::from(i)];
            let signed = SessionTransaction::sign(CHAIN_ID, GENESIS, operation, &key).unwrap();
            assert!(signed.verify(CHAIN_ID, GENESIS).is_ok());
            let (token, recipient, amount) = match operation.call {
                Call::Transfer { recipient, amount } | Call::WithdrawEth { recipient, amount } => {
                    (Address::ZERO, recipient, amount)
                }
                Call::TokenTransfer { token, recipient, amount } | Call::WithdrawToken { token, recipient, amount } => {
                    (token, recipient, amount)
                }
                Call::SetSession { .. } => unreachable!("not for session keys"),
            };
            json!({
                "walletKey": wallet_key.to_string(),
                "walletSignature": hex::encode_prefixed(wallet_signature),
                "index": i,
                "keyHash": integer(key.public().hash()).to_string(),
                "chainId": CHAIN_ID,
                "genesisHash": GENESIS.to_string(),
                "kind": operation.call.kind() as u8,
                "sender": hex::encode_prefixed(operation.sender),
                "nonce": operation.nonce.to_string(),
                "token": hex::encode_prefixed(token),
                "recipient": hex::encode_prefixed(recipient),
                "amount": amount.to_string(),
                "gasLimit": operation.gas_limit.to_string(),
                "maxFeePerGas": operation.max_fee_per_gas.to_string(),
                "expiry": operation.expiry.to_string(),
                "operationHash": integer(operation.hash(domain(CHAIN_ID, GENESIS))).to_string(),
                "signature": {
                    "r8": [integer(signed.signature.r8_x).to_string(), integer(signed.signature.r8_y).to_string()],
                    "s": U256::from_limbs(signed.signature.s.0).to_string(),
                },
                "envelope": hex::encode_prefixed(signed.encode()),
                "hash": signed.hash().to_string(),
            })
        })
        .collect()
}

#[test]
fn the_session_vectors_are_what_is_committed() {
    let vectors = json!({ "keys": key_cases(), "transactions": transaction_cases() });
    let rendered = serde_json::to_string_pretty(&vectors).unwrap() + "\n";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/payments/session.json");
    if std::env::var_os("TANDEM_WRITE_VECTORS").is_some() {
        fs::write(&path, &rendered).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == rendered, "TANDEM_WRITE_VECTORS=1 cargo test -p tandem-payments --test session_vectors");
}

#[test]
fn changed_envelopes_are_refused() {
    let operation = operations(Address::repeat_byte(1))[0];
    let good = SessionTransaction::sign(CHAIN_ID, GENESIS, operation, &SecretKey::from_seed(B256::repeat_byte(1)));
    let good = good.unwrap().encode();
    let changed = |change: fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        bytes
    };
    [
        ("another type", changed(|bytes| bytes[0] = 0x02)),
        ("a byte follows", changed(|bytes| bytes.push(0))),
        ("cut short", changed(|bytes| bytes.truncate(bytes.len() - 1))),
        (
            "s is not canonical",
            changed(|bytes| {
                let at = bytes.len() - 32;
                bytes[at] |= 0xf0;
            }),
        ),
        (
            "the signature is of another message",
            changed(|bytes| {
                let at = bytes.len() - 1;
                bytes[at] ^= 1;
            }),
        ),
    ]
    .into_iter()
    .for_each(|(reason, bytes)| {
        let verified = SessionTransaction::decode(&bytes).and_then(|decoded| decoded.verify(CHAIN_ID, GENESIS));
        assert!(verified.is_err(), "{reason}");
    });
}
