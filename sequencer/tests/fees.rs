//! What the node says of fees is what the chain charges (EVM-FEE-*): quotes suffice while L1's price rises, receipts add up, and the pool asks for
//! what Ethereum's would.

mod common;

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxLegacy},
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use common::{
    ETHER, chain, config,
    node::{Node, quantity},
};
use serde_json::json;
use tandem_evm::payload::SignedTransaction;

const GWEI: u64 = 1_000_000_000;

fn plain(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: chain().l2_chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: u128::from(90 * GWEI),
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(Address::repeat_byte(0xb0)),
        ..Default::default()
    }
}

fn sign(user: &PrivateKeySigner, tx: TxEip1559) -> SignedTransaction {
    let signature = user.sign_hash_sync(&tx.signature_hash()).unwrap();
    SignedTransaction::Eip1559(tx.into_signed(signature))
}

async fn send(node: &Node, transaction: &SignedTransaction) -> Result<B256, String> {
    let raw = Bytes::from(transaction.encode_2718());
    let hash = node.try_ask("eth_sendRawTransaction", json!([raw])).await?;
    Ok(serde_json::from_value(hash).unwrap())
}

#[tokio::test]
async fn a_receipt_adds_up_and_shows_its_parts() {
    let mut node = Node::start(config(3_600_000), [30 * GWEI, 50 * GWEI]).await;
    let alice = node.rich(1).await;
    let noise: Vec<u8> = (0u8..64).flat_map(|seed| keccak256([seed]).0).collect();
    for (number, transaction) in [
        TxEip1559 { value: U256::from(1_234), ..plain(1) },
        TxEip1559 { gas_limit: 500_000, input: noise.into(), ..plain(2) },
        // JUMPDEST PUSH0 JUMP: uses all of its gas.
        TxEip1559 { gas_limit: 1_000_000, to: TxKind::Create, input: vec![0x5b, 0x5f, 0x56].into(), ..plain(3) },
    ]
    .into_iter()
    .enumerate()
    {
        let before = node.balance(alice.address()).await;
        let value = transaction.value;
        let hash = send(&node, &sign(&alice, transaction)).await.unwrap();
        let receipt = node.receipt("a transaction", hash).await;
        let (gas_used, price) = (quantity(&receipt["gasUsed"]), quantity(&receipt["effectiveGasPrice"]));
        let paid = before - value - node.balance(alice.address()).await;
        assert_eq!(paid, gas_used * price, "transaction {number}: {receipt}");
        let block = node.ask("eth_getBlockByNumber", json!([receipt["blockNumber"], true])).await;
        let index = block["transactions"].as_array().unwrap().len() - 1;
        assert_eq!(block["transactions"][index]["gasPrice"], receipt["effectiveGasPrice"]);
        // The parts: the base fee's for execution, the tip, and what the data needs.
        let execution =
            quantity(&json!(format!("0x{}", block["extraData"].as_str().unwrap()[2..].trim_start_matches('0'))));
        assert_eq!(paid, gas_used * (execution + U256::from(1_000_000)) + quantity(&receipt["l1Fee"]));
        let base_fee = quantity(&block["baseFeePerGas"]);
        assert!(price <= base_fee + U256::from(1_000_000));
        let told = node.quantity("rollup_estimateL1Fee", json!([raw_of(&node, hash)])).await;
        let l1_fee = quantity(&receipt["l1Fee"]);
        assert!(l1_fee >= told && l1_fee < told + gas_used, "rounded up to whole wei per gas");
    }
    node.rig.stop();
}

/// The signed bytes of a transaction that is in a block.
fn raw_of(node: &Node, hash: B256) -> Bytes {
    let place = node.rig.store.transaction_place(hash).unwrap().unwrap();
    let block = node.rig.store.block(place.block_number).unwrap().unwrap();
    block.transactions.iter().find(|transaction| transaction.hash() == hash).unwrap().encode_2718().into()
}

#[tokio::test]
async fn the_pool_asks_for_gas_limit_times_price_and_value_exactly() {
    let mut node = Node::start(config(3_600_000), [500 * GWEI, 50 * GWEI]).await;
    let alice = node.rich(1).await;
    let price = 2 * quantity(&node.ask("eth_gasPrice", json!([])).await).to::<u128>();
    let cost = U256::from(21_000) * U256::from(price);
    let all = |value| sign(&alice, TxEip1559 { value, max_fee_per_gas: price, ..plain(1) });
    let balance = U256::from(ETHER);
    let refused = send(&node, &all(balance - cost + U256::from(1))).await.unwrap_err();
    assert!(refused.contains("insufficient funds for gas * price + value"), "{refused}");
    let hash = send(&node, &all(balance - cost)).await.unwrap();
    assert_eq!(node.receipt("everything", hash).await["status"], "0x1");

    // And for the gas that data takes.
    let bob = node.rich(2).await;
    let noise: Vec<u8> = (0u8..64).flat_map(|seed| keccak256([seed]).0).collect();
    let call = json!({ "from": bob.address(), "to": Address::repeat_byte(0xb0), "data": Bytes::from(noise.clone()) });
    let estimate = node.quantity("eth_estimateGas", json!([call])).await.to::<u64>();
    let call = |gas_limit| sign(&bob, TxEip1559 { gas_limit, input: noise.clone().into(), ..plain(1) });
    let least = call(estimate).intrinsic_gas();
    assert!(least <= estimate && estimate < least + least / 20, "{least} {estimate}");
    let refused = send(&node, &call(least - 1)).await.unwrap_err();
    assert!(refused.contains("intrinsic gas too low"), "{refused}");
    let hash = send(&node, &call(least)).await.unwrap();
    assert_eq!(quantity(&node.receipt("data", hash).await["gasUsed"]), U256::from(least));
    node.rig.stop();
}

/// L1's price jumps to five hundred times what it was, which no price of Ethereum's does; each wallet's own rule suffices all the same.
#[tokio::test]
async fn quotes_suffice_while_the_base_fee_climbs() {
    // Every block closes its batch, so that the next one names the newest checkpoint.
    let mut node = Node::start(config(1), [GWEI, 1]).await;
    let alice = node.rich(1).await;
    let base_fee = async |node: &Node| {
        let block = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
        quantity(&block["baseFeePerGas"]).to::<u128>()
    };
    let calm = base_fee(&node).await;
    (node.rig.l1_base_fee, node.rig.l1_blob_base_fee) = (500 * GWEI, 50 * GWEI);
    for _ in 0..3 {
        node.rig.l1_block(vec![]).await;
    }
    let mut last = calm;
    for nonce in 1..=60 {
        let transaction = match nonce % 3 {
            // Viem's rule, by the newest block.
            0 => sign(&alice, TxEip1559 { max_fee_per_gas: last * 12 / 10 + 1_000_000, ..plain(nonce) }),
            // One price, as it is quoted.
            1 => {
                let gas_price = node.quantity("eth_gasPrice", json!([])).await.to();
                let tx = TxLegacy {
                    chain_id: Some(chain().l2_chain_id),
                    nonce,
                    gas_price,
                    gas_limit: 21_000,
                    to: TxKind::Call(Address::repeat_byte(0xb0)),
                    ..Default::default()
                };
                let signature = alice.sign_hash_sync(&tx.signature_hash()).unwrap();
                SignedTransaction::Legacy(tx.into_signed(signature))
            }
            // The history's next base fee and the suggested tip, with nothing to spare for seconds that pass.
            _ => {
                let history = node.ask("eth_feeHistory", json!(["0x4", "latest", [50]])).await;
                let next = quantity(history["baseFeePerGas"].as_array().unwrap().last().unwrap()).to::<u128>();
                sign(&alice, TxEip1559 { max_fee_per_gas: next * 12 / 10 + 1_000_000, ..plain(nonce) })
            }
        };
        let hash = send(&node, &transaction).await.unwrap();
        assert_eq!(node.receipt("a climbing price", hash).await["status"], "0x1", "transaction {nonce}");
        let now = base_fee(&node).await;
        assert!(now >= last, "it climbs");
        last = now;
    }
    assert!(last > calm * 11 / 10, "it climbed: {calm} {last}");
    node.rig.stop();
}
