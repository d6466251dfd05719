//! Creations at predicted addresses, sent all at once and waited for.

use super::error::DeployError;
use crate::{
    client::L1Client,
    submit::{Fees, suggest_fees},
};
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, Bytes, TxHash, TxKind},
    providers::Provider,
    signers::{SignerSync, local::PrivateKeySigner},
};
use serde::Deserialize;
use std::time::{Duration, Instant};

/// Gas of a creation beside what its bytes cost.
const CREATION_GAS: u64 = 1_500_000;
/// Gas per byte of a creation: calldata, initcode and code deposit.
const CREATION_GAS_PER_BYTE: u64 = 300;
/// A transaction that is not included after so long bids an eighth more, which every pool takes in the place of the other.
const BID_AFTER: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Artifact {
    abi: serde_json::Value,
    bytecode: Bytecode,
}

#[derive(Deserialize)]
struct Bytecode {
    object: Bytes,
}

/// A contract's name, and what the compiler made of it.
macro_rules! artifact {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../../contracts/artifacts/", $name, ".json")))
    };
}
pub(super) use artifact;

/// A contract to create, at the address that its nonce gives it.
struct Creation {
    contract: &'static str,
    address: Address,
    input: Bytes,
}

/// The deployer's next creations, addresses predicted.
pub(super) struct Plan {
    deployer: Address,
    nonce: u64,
    creations: Vec<Creation>,
    /// ABIs by contract name.
    pub abis: serde_json::Map<String, serde_json::Value>,
}

impl Plan {
    /// Nothing yet, from the account's next nonce on.
    pub fn new(deployer: Address, nonce: u64) -> Self {
        Self { deployer, nonce, creations: Vec::new(), abis: serde_json::Map::new() }
    }

    /// The address of the creation with so many before it.
    pub fn address(&self, ahead: u64) -> Address {
        self.deployer.create(self.nonce.saturating_add(ahead))
    }

    /// Adds a creation; the address that it will have.
    pub fn create(
        &mut self,
        (contract, json): (&'static str, &str),
        arguments: Vec<u8>,
    ) -> Result<Address, DeployError> {
        let artifact: Artifact =
            serde_json::from_str(json).map_err(|source| DeployError::Artifact { contract, source })?;
        let address = self.address(self.creations.len() as u64);
        self.abis.insert(contract.into(), artifact.abi);
        self.creations.push(Creation {
            contract,
            address,
            input: [artifact.bytecode.object.as_ref(), &arguments].concat().into(),
        });
        Ok(address)
    }

    /// Sends all creations, and waits until L1 has them.
    pub async fn carry_out(
        &self,
        client: &L1Client,
        deployer: &PrivateKeySigner,
        chain_id: u64,
        poll_interval: Duration,
        patience: Duration,
    ) -> Result<(), DeployError> {
        let fees = suggest_fees(client, false).await?;
        let mut transactions = Vec::new();
        for (nonce, creation) in (self.nonce..).zip(&self.creations) {
            let Creation { contract, address, input } = creation;
            let gas_limit = CREATION_GAS.saturating_add(CREATION_GAS_PER_BYTE.saturating_mul(input.len() as u64));
            let to = TxKind::Create;
            let transaction = TxEip1559 { chain_id, nonce, gas_limit, to, input: input.clone(), ..priced(fees) };
            let sent = Sent::new(client, deployer, transaction).await?;
            tracing::debug!(contract, %address, transaction = ?sent.hashes, "deploying");
            transactions.push((*contract, sent));
        }
        let started = Instant::now();
        for (contract, sent) in transactions {
            sent.wait(client, deployer, contract, started, poll_interval, patience).await?;
        }
        Ok(())
    }
}

/// A transaction that bids this much.
pub(super) fn priced(fees: Fees) -> TxEip1559 {
    TxEip1559 {
        max_fee_per_gas: fees.max_fee_per_gas,
        max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
        ..TxEip1559::default()
    }
}

/// A transaction that was sent, perhaps several times: whichever L1 includes does what was asked, at the same nonce.
pub(super) struct Sent {
    transaction: TxEip1559,
    /// Of every bid that was sent.
    pub(super) hashes: Vec<TxHash>,
    bid_at: Instant,
}

impl Sent {
    /// Signs and sends.
    pub(super) async fn new(
        client: &L1Client,
        signer: &PrivateKeySigner,
        transaction: TxEip1559,
    ) -> Result<Self, DeployError> {
        let hash = send(client, signer, transaction.clone()).await?;
        Ok(Self { transaction, hashes: vec![hash], bid_at: Instant::now() })
    }

    /// Waits until L1 has the transaction that creates `contract`, at most until `patience` after `started`. Bids more from time to time: a pool may have lost it, or
    /// hold it back although its turn has come.
    pub(super) async fn wait(
        mut self,
        client: &L1Client,
        signer: &PrivateKeySigner,
        contract: &'static str,
        started: Instant,
        poll_interval: Duration,
        patience: Duration,
    ) -> Result<(), DeployError> {
        loop {
            for transaction in self.hashes.iter().copied() {
                if let Some(receipt) = client.receipt(transaction).await? {
                    return if receipt.status() {
                        Ok(())
                    } else {
                        Err(DeployError::Reverted { contract, transaction })
                    };
                }
            }
            let waited = started.elapsed();
            if waited > patience {
                return Err(DeployError::Late { contract, waited });
            }
            if self.bid_at.elapsed() > BID_AFTER {
                self.bid_more(client, signer, contract).await;
            }
            tokio::time::sleep(poll_interval).await;
        }
    }

    /// Whatever comes of it, what was sent before may still be included.
    async fn bid_more(&mut self, client: &L1Client, signer: &PrivateKeySigner, contract: &'static str) {
        let more = |bid: u128| bid.saturating_add(bid / 8).saturating_add(1);
        let TxEip1559 { max_fee_per_gas, max_priority_fee_per_gas, .. } = self.transaction;
        (self.transaction.max_fee_per_gas, self.transaction.max_priority_fee_per_gas) =
            (more(max_fee_per_gas), more(max_priority_fee_per_gas));
        self.bid_at = Instant::now();
        match send(client, signer, self.transaction.clone()).await {
            Ok(hash) => self.hashes.push(hash),
            Err(error) => tracing::debug!(contract, %error, "bidding more"),
        }
    }
}

/// Signs and sends; the transaction's hash.
async fn send(client: &L1Client, signer: &PrivateKeySigner, transaction: TxEip1559) -> Result<TxHash, DeployError> {
    let signature = signer.sign_hash_sync(&transaction.signature_hash())?;
    let envelope = TxEnvelope::from(transaction.into_signed(signature));
    let raw = envelope.encoded_2718();
    client.request(async { client.provider().send_raw_transaction(&raw).await.map(|_| ()) }).await?;
    Ok(*envelope.tx_hash())
}
