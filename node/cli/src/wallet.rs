//! One key's transactions, on L1 or L2, sent at once with consecutive nonces and waited for together.
//!
//! For commands that a person starts and watches; services use `tandem_l1::Submitter`, which survives the end of its process.

use std::time::{Duration, Instant};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
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
/// An estimate is tried with so many times the gas that it may come to: enough to say how much too much it is, and too little to keep an endpoint busy.
const ESTIMATE_TIMES: u64 = 4;
/// Characters that are told of a refusal which no contract of ours gave: a hostile one chose them.
const REFUSAL_CHARS_MAX: usize = 200;
/// Bytes that are told of its data, likewise.
const REFUSAL_BYTES_MAX: usize = 68;

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
    /// It takes more gas than is paid for it; nothing was sent.
    #[error("it takes {gas} gas, above the bound of {most}")]
    TooMuchGas {
        /// What the endpoint estimates.
        gas: u64,
        /// What is allowed.
        most: u64,
    },
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

impl WalletError {
    /// Whether it is about one call alone, so that others can be made all the same.
    pub fn is_of_the_call(&self) -> bool {
        match self {
            Self::Refused(_) | Self::TooMuchGas { .. } | Self::Underfunded { .. } | Self::Reverted(_) => true,
            Self::Rpc(_) | Self::Sign(_) | Self::Late { .. } => false,
        }
    }

    /// Whether the endpoint answered, and refused.
    fn is_answer(&self) -> bool {
        matches!(self, Self::Rpc(failure) if failure.error_response().is_some())
    }
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
    /// What an endpoint answered to an estimate, if that says something of the call: that it reverts, or ends for want of gas. All else is about the endpoint.
    fn of(error: &RpcFailure) -> Option<Self> {
        let payload = error.error_response().filter(|_| error.is_of_the_call())?;
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
            let words: String = self.message.chars().filter(|c| !c.is_control()).take(REFUSAL_CHARS_MAX).collect();
            write!(f, "{words} {}", self.data.slice(..self.data.len().min(REFUSAL_BYTES_MAX)))
        }
    }
}

/// What a transaction pays, in wei per gas.
#[derive(Clone, Copy, Debug)]
struct Fees {
    most: u128,
    tip: u128,
}

impl Fees {
    /// What so much gas costs at most, in wei.
    fn of(self, gas: u64) -> U256 {
        U256::from(gas).saturating_mul(U256::from(self.most))
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
        self.send_within(call, u64::MAX).await
    }

    /// The same, unless the estimate is above `gas_max`.
    pub async fn send_within(&self, call: Call, gas_max: u64) -> Result<TransactionReceipt, WalletError> {
        let (fees, nonce, mut left) = (self.fees().await?, self.next_nonce().await?, self.balance().await?);
        let transaction = self.submit(call, nonce, fees, gas_max, &mut left).await?;
        self.receipt(transaction).await
    }

    /// Makes several calls, all sent before any is waited for. Those after the first need a gas limit if they depend on those before. The first that fails ends it.
    pub async fn send_all(&self, calls: Vec<Call>) -> Result<Vec<TransactionReceipt>, WalletError> {
        let (fees, next, mut left) = (self.fees().await?, self.next_nonce().await?, self.balance().await?);
        let mut transactions = Vec::with_capacity(calls.len());
        for (nonce, call) in (next..).zip(calls) {
            transactions.push(self.submit(call, nonce, fees, u64::MAX, &mut left).await?);
        }
        let mut receipts = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            receipts.push(self.receipt(transaction).await?);
        }
        Ok(receipts)
    }

    /// Makes calls that do not depend on each other, all sent before any is waited for, but for those whose estimate is above `gas_max`. What became of each, in their order:
    /// one that the chain refuses or reverts stands in no other's way.
    ///
    /// # Errors
    /// What concerns all of them; some may have been made then.
    pub async fn send_each(
        &self,
        calls: Vec<Call>,
        gas_max: u64,
    ) -> Result<Vec<Result<TransactionReceipt, WalletError>>, WalletError> {
        let (fees, mut nonce, mut left) = (self.fees().await?, self.next_nonce().await?, self.balance().await?);
        let mut submitted = Vec::with_capacity(calls.len());
        for call in calls {
            match self.submit(call, nonce, fees, gas_max, &mut left).await {
                Ok(transaction) => {
                    nonce = nonce.saturating_add(1);
                    submitted.push(Ok(transaction));
                }
                Err(error) if error.is_of_the_call() || error.is_answer() => submitted.push(Err(error)),
                Err(error) => return Err(error),
            }
        }
        let mut outcomes = Vec::with_capacity(submitted.len());
        for transaction in submitted {
            outcomes.push(match transaction {
                Ok(transaction) => match self.receipt(transaction).await {
                    Err(error) if !error.is_of_the_call() => return Err(error),
                    outcome => outcome,
                },
                Err(error) => Err(error),
            });
        }
        Ok(outcomes)
    }

    /// What is paid now, should the base fee double meanwhile.
    async fn fees(&self) -> Result<Fees, RpcFailure> {
        let base_fee = self.client.latest().await?.base_fee;
        let tip = self.client.request(self.client.provider().get_max_priority_fee_per_gas()).await?;
        Ok(Fees { most: u128::from(base_fee).saturating_mul(2).saturating_add(tip), tip })
    }

    async fn next_nonce(&self) -> Result<u64, RpcFailure> {
        self.client.request(self.client.provider().get_transaction_count(self.address()).pending()).await
    }

    /// Sends a call's transaction; its hash. `left` is what the account has beyond all that was sent before it.
    async fn submit(
        &self,
        call: Call,
        nonce: u64,
        fees: Fees,
        gas_max: u64,
        left: &mut U256,
    ) -> Result<TxHash, WalletError> {
        let gas_limit = match call.gas_limit {
            Some(gas_limit) => gas_limit,
            None => self.gas_limit(&call, fees, gas_max).await?,
        };
        let needed = call.value.saturating_add(fees.of(gas_limit));
        let Some(rest) = left.checked_sub(needed) else {
            return Err(WalletError::Underfunded { account: self.address(), balance: *left, needed });
        };
        let transaction = TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fees.most,
            max_priority_fee_per_gas: fees.tip,
            to: call.to,
            value: call.value,
            input: call.input,
            ..TxEip1559::default()
        };
        let signature = self.signer.sign_hash_sync(&transaction.signature_hash())?;
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        let raw = envelope.encoded_2718();
        self.client.request(async { self.client.provider().send_raw_transaction(&raw).await.map(|_| ()) }).await?;
        *left = rest;
        Ok(*envelope.tx_hash())
    }

    /// The estimate, which must not be above `gas_max`, and something on top.
    async fn gas_limit(&self, call: &Call, fees: Fees, gas_max: u64) -> Result<u64, WalletError> {
        let gas = self.estimate(call, fees, gas_max).await?;
        if gas > gas_max {
            return Err(WalletError::TooMuchGas { gas, most: gas_max });
        }
        Ok(gas.saturating_add(gas.saturating_mul(GAS_MARGIN_PERCENT) / 100))
    }

    /// At the price that is paid: a dispute credits whoever moves, which takes gas only where gas has a price, and a hostile contract may refuse what has one.
    async fn estimate(&self, call: &Call, fees: Fees, gas_max: u64) -> Result<u64, WalletError> {
        let priced = TransactionRequest {
            from: Some(self.address()),
            to: Some(call.to),
            value: Some(call.value),
            input: TransactionInput::both(call.input.clone()),
            max_fee_per_gas: Some(fees.most),
            max_priority_fee_per_gas: Some(fees.tip),
            gas: gas_max.checked_mul(ESTIMATE_TIMES),
            ..TransactionRequest::default()
        };
        let error = match self.estimated(priced.clone()).await {
            Ok(gas) => return Ok(gas),
            Err(error) => error,
        };
        let least = if gas_max == u64::MAX { U256::ONE } else { fees.of(gas_max) };
        let (balance, needed) = (self.balance().await?, call.value.saturating_add(least));
        if balance < needed {
            // No endpoint tries more gas than the account can pay, unless it costs nothing.
            let free = TransactionRequest { max_fee_per_gas: None, max_priority_fee_per_gas: None, ..priced };
            let refusal = self.estimated(free).await.err().as_ref().and_then(Refusal::of);
            let underfunded = WalletError::Underfunded { account: self.address(), balance, needed };
            return Err(refusal.map_or(underfunded, WalletError::Refused));
        }
        Err(Refusal::of(&error).map_or_else(|| error.into(), WalletError::Refused))
    }

    async fn estimated(&self, request: TransactionRequest) -> Result<u64, RpcFailure> {
        self.client.request(self.client.provider().estimate_gas(request)).await
    }

    async fn balance(&self) -> Result<U256, RpcFailure> {
        self.client.request(self.client.provider().get_balance(self.address())).await
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
