//! One key's transactions, on L1 or L2, sent at once with consecutive nonces and waited for together.
//!
//! For commands that a person starts and watches; services use `tandem_l1::Submitter`, which survives the end of its process.

use std::time::{Duration, Instant};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::{BlockId, eip2718::Encodable2718},
    primitives::{Address, Bytes, TxHash, TxKind, U256},
    providers::Provider,
    rpc::types::{TransactionInput, TransactionReceipt, TransactionRequest},
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolInterface,
};
use tandem_l1::{
    L1Client, RpcFailure,
    bindings::{Bridge, Dispute, FraudSettlement, Inbox, PaymentsBridge, ValiditySettlement},
};

const POLL: Duration = Duration::from_millis(100);
/// Added to an estimate, in percent.
const GAS_MARGIN_PERCENT: u64 = 25;

/// A call to make.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Callee, or a creation.
    pub to: TxKind,
    /// The call's input.
    pub input: Bytes,
    /// The ether sent along, in wei.
    pub value: U256,
    /// Gas limit; estimated if absent.
    pub gas_limit: Option<u64>,
}

impl Call {
    /// A call of `to`.
    pub fn new(to: Address, input: Vec<u8>) -> Self {
        Self { to: to.into(), input: input.into(), ..Self::default() }
    }

    /// The same call with so much wei sent along.
    pub fn value(self, value: U256) -> Self {
        Self { value, ..self }
    }

    /// With a gas limit instead of an estimate.
    pub fn gas_limit(self, gas_limit: u64) -> Self {
        Self { gas_limit: Some(gas_limit), ..self }
    }
}

/// Why a transaction was not made.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The chain would revert it; nothing was sent.
    #[error("the chain refuses the call: {}", .0)]
    Refused(Refusal),
    /// The account holds too little.
    #[error("account {account} holds {balance} wei, this takes {needed} wei")]
    Underfunded {
        /// The account that would pay.
        account: Address,
        /// What the account has, in wei.
        balance: U256,
        /// What it takes, gas included.
        needed: U256,
    },
    /// The key cannot sign.
    #[error(transparent)]
    Sign(#[from] alloy::signers::Error),
    /// It was included and reverted.
    #[error("transaction {0} reverted")]
    Reverted(TxHash),
    /// It is not included.
    #[error("transaction {transaction} is not included after {waited:?}")]
    Late {
        /// Hash of the transaction that waits.
        transaction: TxHash,
        /// How long it was waited for.
        waited: Duration,
    },
}

/// Why a chain refuses a call, by name where the contract is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the call reverts with; may be empty.
    pub data: Bytes,
    /// What the endpoint says.
    pub message: std::borrow::Cow<'static, str>,
}

impl Refusal {
    /// What an endpoint answered, if it did.
    fn of(error: &RpcFailure) -> Option<Self> {
        let payload = error.error_response()?;
        Some(Self { data: payload.as_revert_data().unwrap_or_default(), message: payload.message.clone() })
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Ok(error) = Bridge::BridgeErrors::abi_decode(&self.data) {
            write!(f, "{error:?}")
        } else if let Ok(error) = Inbox::InboxErrors::abi_decode(&self.data) {
            write!(f, "{error:?}")
        } else if let Ok(error) = FraudSettlement::FraudSettlementErrors::abi_decode(&self.data) {
            write!(f, "{error:?}")
        } else if let Ok(error) = Dispute::DisputeErrors::abi_decode(&self.data) {
            write!(f, "{error:?}")
        } else if let Ok(error) = PaymentsBridge::PaymentsBridgeErrors::abi_decode(&self.data) {
            write!(f, "{error:?}")
        } else if let Ok(error) = ValiditySettlement::ValiditySettlementErrors::abi_decode(&self.data) {
            write!(f, "{error:?}")
        } else {
            write!(f, "{} {}", self.message, self.data)
        }
    }
}

/// A key at an endpoint.
#[derive(Clone, Debug)]
pub struct Wallet {
    client: L1Client,
    signer: PrivateKeySigner,
    chain_id: u64,
    patience: Duration,
}

impl Wallet {
    /// Asks the endpoint for its chain.
    pub async fn connect(client: L1Client, signer: PrivateKeySigner, patience: Duration) -> Result<Self, RpcFailure> {
        let chain_id = client.chain_id().await?;
        Ok(Self { client, signer, chain_id, patience })
    }

    /// The address of the wallet's account.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The connection to the chain that the wallet sends to.
    pub fn client(&self) -> &L1Client {
        &self.client
    }

    /// Makes one call; its receipt.
    pub async fn send(&self, call: Call) -> Result<TransactionReceipt, WalletError> {
        self.send_all(vec![call])
            .await?
            .into_iter()
            .next()
            .ok_or(WalletError::Late { transaction: TxHash::ZERO, waited: Duration::ZERO })
    }

    /// Makes several calls, all sent before any is waited for. Those after the first need a gas limit if they depend on those before.
    pub async fn send_all(&self, calls: Vec<Call>) -> Result<Vec<TransactionReceipt>, WalletError> {
        let provider = self.client.provider();
        let base_fee = self.client.latest().await?.base_fee;
        let max_priority_fee_per_gas = self.client.request(provider.get_max_priority_fee_per_gas()).await?;
        let max_fee_per_gas = u128::from(base_fee).saturating_mul(2).saturating_add(max_priority_fee_per_gas);
        let pending = self.client.request(provider.get_transaction_count(self.address()).pending()).await?;
        let mut transactions = Vec::with_capacity(calls.len());
        for (nonce, call) in (pending..).zip(calls) {
            let gas_limit = match call.gas_limit {
                Some(gas_limit) => gas_limit,
                None => self.estimate(&call, max_fee_per_gas, max_priority_fee_per_gas).await?,
            };
            let gas = U256::from(gas_limit).saturating_mul(U256::from(max_fee_per_gas));
            self.require(call.value.saturating_add(gas)).await?;
            let transaction = TxEip1559 {
                chain_id: self.chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: call.to,
                value: call.value,
                input: call.input,
                ..TxEip1559::default()
            };
            let signature = self.signer.sign_hash_sync(&transaction.signature_hash())?;
            let envelope = TxEnvelope::from(transaction.into_signed(signature));
            let raw = envelope.encoded_2718();
            self.client.request(async { provider.send_raw_transaction(&raw).await.map(|_| ()) }).await?;
            transactions.push(*envelope.tx_hash());
        }
        let mut receipts = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            receipts.push(self.receipt(transaction).await?);
        }
        Ok(receipts)
    }

    /// Why the chain would revert a call now; none if it would not. Sends nothing.
    pub async fn refusal(&self, call: &Call) -> Result<Option<Refusal>, RpcFailure> {
        let request = TransactionRequest {
            from: Some(self.address()),
            to: Some(call.to),
            value: Some(call.value),
            input: TransactionInput::both(call.input.clone()),
            ..TransactionRequest::default()
        };
        match self.client.simulate(request, BlockId::latest()).await {
            Ok(_) => Ok(None),
            Err(error) => Refusal::of(&error).map(Some).ok_or(error),
        }
    }

    /// At the price that is paid: a dispute credits whoever moves, which takes gas only where gas has a price.
    async fn estimate(&self, call: &Call, fee: u128, tip: u128) -> Result<u64, WalletError> {
        let request = TransactionRequest {
            from: Some(self.address()),
            to: Some(call.to),
            value: Some(call.value),
            input: TransactionInput::both(call.input.clone()),
            max_fee_per_gas: Some(fee),
            max_priority_fee_per_gas: Some(tip),
            ..TransactionRequest::default()
        };
        match self.client.request(self.client.provider().estimate_gas(request)).await {
            Ok(gas) => Ok(gas.saturating_add(gas.saturating_mul(GAS_MARGIN_PERCENT) / 100)),
            Err(error) => {
                self.require(call.value.saturating_add(U256::ONE)).await?;
                Err(Refusal::of(&error).map_or_else(|| error.into(), WalletError::Refused))
            }
        }
    }

    async fn require(&self, needed: U256) -> Result<(), WalletError> {
        let account = self.address();
        let balance = self.client.request(self.client.provider().get_balance(account)).await?;
        if balance < needed {
            return Err(WalletError::Underfunded { account, balance, needed });
        }
        Ok(())
    }

    async fn receipt(&self, transaction: TxHash) -> Result<TransactionReceipt, WalletError> {
        let started = Instant::now();
        loop {
            if let Some(receipt) = self.client.receipt(transaction).await? {
                return if receipt.status() { Ok(receipt) } else { Err(WalletError::Reverted(transaction)) };
            }
            let waited = started.elapsed();
            if waited > self.patience {
                return Err(WalletError::Late { transaction, waited });
            }
            tokio::time::sleep(POLL).await;
        }
    }
}
