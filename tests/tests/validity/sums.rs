//! What must come out in the end, whoever was killed and whatever L1 took back: everything that was acknowledged is in one batch, L1 has it, and every wei is where it
//! belongs. For one account that pays, whose deposit is all the money there is.

use std::collections::HashMap;

use alloy::primitives::{Address, TxHash, U256};
use serde_json::{Value, json};
use tandem_cli::chain::ask;
use tandem_l1::{L1Client, bindings::Inbox, payments::rebuild};
use tandem_tests::{
    flood::{Paid, Payer, Progress, VALUE, transactions},
    payments::{Chain, eth},
    wait::{DEADLINE, wait_until},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

/// Somebody who pays, and everything of it that was acknowledged.
pub struct Till {
    pub l2: L1Client,
    payer: Payer,
    paid: Vec<Paid>,
    deposited: u128,
}

impl Till {
    /// User 0, who has deposited so much and set his session key, at a sequencer's JSON-RPC.
    pub async fn open(chain: &Chain, rpc: &str, deposited: u128) -> Self {
        let l2 = L1Client::connect(&Url::parse(rpc).unwrap(), DEADLINE).await.unwrap();
        let payer = Payer::new(chain.user(0).address(), chain.session_key(0), 0);
        Self { l2, payer, paid: Vec::new(), deposited }
    }

    /// Sends transfers, until each is acknowledged.
    pub async fn pay(&mut self, chain: &Chain, count: usize) {
        let (progress, ended) = (watch::Sender::new(Progress::default()), CancellationToken::new());
        for _ in 0..count {
            let paid = self.payer.pay(&self.l2, chain.chain(), &progress, &ended).await.unwrap();
            self.paid.push(paid.expect("nobody ended it"));
        }
    }

    /// Waits until L1 itself has every batch, the sequencer knows it, and nothing waits for one; how many there are.
    pub async fn wait_until_on_l1(&self, chain: &Chain) -> u64 {
        let inbox = Inbox::new(chain.chain().inbox, chain.client.provider());
        let is_there = || async {
            let status: Value = ask(&self.l2, "rollup_status", json!([])).await?;
            let on_l1 = inbox.batchCount().call().await?;
            let nothing_waits = ["pendingTransactions", "waitingTransactions"].iter().all(|name| status[*name] == 0);
            let is_there = on_l1 > 0 && status["settled"] == on_l1 && status["latest"]["number"] == on_l1;
            Ok((nothing_waits && is_there).then_some(on_l1))
        };
        wait_until("everything is on L1", is_there).await.unwrap()
    }

    /// Everything once, and every wei, by what L1 alone tells.
    pub async fn check(&self, chain: &Chain) {
        let batches = self.wait_until_on_l1(chain).await;
        let mut found: HashMap<TxHash, usize> = HashMap::new();
        for batch in 1..=batches {
            for hash in transactions(&self.l2, batch).await.unwrap() {
                *found.entry(hash).or_default() += 1;
            }
        }
        let mut fees = 0;
        for Paid { hash, .. } in &self.paid {
            assert_eq!(found.get(hash), Some(&1), "{hash} is in one batch");
            let receipt: Value = ask(&self.l2, "eth_getTransactionReceipt", json!([hash])).await.unwrap();
            assert_eq!(receipt["status"], "0x1", "{receipt}");
            let quantity = |name: &str| -> u128 { serde_json::from_value::<U256>(receipt[name].clone()).unwrap().to() };
            fees += quantity("gasUsed") * quantity("effectiveGasPrice");
        }
        let start_block = chain.deployment.start_block;
        let ledger = rebuild(&chain.client, chain.chain(), start_block, 1_000).await.unwrap().ledger;
        let balance = |account: Address| {
            let mut leaves = ledger.leaves();
            leaves.find(|(_, leaf)| leaf.key == eth(account)).map_or(0, |(_, leaf)| leaf.balance)
        };
        let paid = VALUE * self.paid.len() as u128;
        let operator = chain.sequencer().address();
        let expected = [(self.payer.to, paid), (self.payer.account, self.deposited - paid - fees), (operator, fees)];
        for (account, expected) in expected {
            assert_eq!(balance(account), expected, "{account}");
        }
        assert_eq!(chain.escrow(Address::ZERO).await, self.deposited);
    }
}
