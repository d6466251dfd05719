//! Transfers, and their way into blocks.

use std::time::{Duration, Instant};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use anyhow::ensure;
use futures::{StreamExt, TryStreamExt, stream};
use tandem_chain::Message;
use tandem_evm::{Recovered, payload::SignedTransaction};

use crate::l1::Chain;

pub const TRANSFER_GAS: u64 = 21_000;
const ETHER: u64 = 1_000_000_000_000_000_000;
/// Submissions under way at the same time.
const CONCURRENT: usize = 512;
const DEADLINE: Duration = Duration::from_secs(600);

/// Accounts that send ether to accounts that are new.
pub struct Senders {
    keys: Vec<PrivateKeySigner>,
    /// Next nonce of each.
    nonces: Vec<u64>,
    /// How many transfers were sent so far.
    count: u64,
}

impl Senders {
    pub fn new(count: usize) -> Self {
        let key = |index: usize| PrivateKeySigner::from_bytes(&keccak256(index.to_be_bytes()));
        let keys: Vec<_> = (0..count).map(key).collect::<Result<_, _>>().unwrap_or_default();
        Self { nonces: vec![1; keys.len()], keys, count: 0 }
    }

    /// Of one of them.
    pub fn address(&self, index: usize) -> Address {
        self.keys[index % self.keys.len()].address()
    }

    /// Gives each an ether by a deposit, which takes its first nonce.
    pub async fn fund(&mut self, chain: &mut Chain) -> anyhow::Result<()> {
        let deposit = |to: Address| Message {
            kind: 0,
            sender: to,
            to,
            mint: U256::from(ETHER),
            value: U256::from(ETHER),
            gas_limit: 100_000,
            refund: to,
            data: Bytes::new(),
        };
        for keys in self.keys.chunks(32) {
            chain.l1_block(keys.iter().map(|key| deposit(key.address())).collect()).await?;
        }
        chain.l1_block(Vec::new()).await?;
        let consumed = |chain: &Chain| -> anyhow::Result<bool> {
            Ok(chain.store.queue_index_after(chain.store.head()?.number)? == Some(self.keys.len() as u64))
        };
        wait("deposits", || consumed(chain)).await
    }

    /// The next transfers, of all senders in turn.
    pub fn transfers(&mut self, count: usize) -> Vec<Recovered> {
        (0..count).map(|_| self.transfer()).collect()
    }

    fn transfer(&mut self) -> Recovered {
        let sender = self.count as usize % self.keys.len();
        self.count += 1;
        let transaction = TxEip1559 {
            chain_id: 2,
            nonce: self.nonces[sender],
            gas_limit: TRANSFER_GAS,
            max_fee_per_gas: 1_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to: TxKind::Call(Address::from_word(keccak256(self.count.to_be_bytes()))),
            value: U256::from(1_000_000_000 * (1 + self.count % 1_000)),
            ..Default::default()
        };
        self.nonces[sender] += 1;
        let signature = self.keys[sender].sign_hash_sync(&transaction.signature_hash()).expect("signing in memory");
        Recovered::new(SignedTransaction::Eip1559(transaction.into_signed(signature))).expect("it was just signed")
    }
}

/// Submits in order, as many at a time as a busy node has.
pub async fn submit_all(chain: &Chain, transfers: Vec<Recovered>) -> anyhow::Result<Vec<B256>> {
    let submissions = transfers.into_iter().map(|transfer| chain.engine.submit(transfer));
    Ok(stream::iter(submissions).buffered(CONCURRENT).try_collect().await?)
}

pub async fn wait_included(chain: &Chain, hashes: &[B256]) -> anyhow::Result<()> {
    // From the end: what was sent last is included last, or nearly.
    for hash in hashes.iter().rev() {
        wait("inclusion", || Ok(chain.store.transaction_place(*hash)?.is_some())).await?;
    }
    Ok(())
}

async fn wait(what: &str, is_done: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + DEADLINE;
    while !is_done()? {
        ensure!(Instant::now() < deadline, "{what} took longer than {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
