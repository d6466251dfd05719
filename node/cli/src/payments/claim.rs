//! Withdrawals of proven batches: what an account can claim, and claiming it. Rules: PAY-WITHDRAWAL-ROOT, PAY-CLAIM.
//!
//! Anybody can withdraw to an account what L1 never pays: nothing, or a token that does not let itself be moved. So what L1 refuses is told, and stands in no other withdrawal's way.
//!
//! Records come from the appending transactions and are held against the root in the batch's output, so that a proof which L1 would refuse is told before gas is paid.

use alloy::{primitives::Address, sol_types::SolCall};
use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tandem_l1::{
    bindings::PaymentsBridge,
    payments::{BatchEvent, History, posted, withdrawals},
};
use tandem_payments::{
    data::{Withdrawal, elements},
    withdrawals as tree,
};
use tandem_service::Report;

use super::{history, token_name};
use crate::{
    bridge::{
        outcomes::{CLAIM_GAS_MAX, Outcomes},
        recipient::check_payee,
    },
    chain::Ground,
    wallet::{Call, Wallet, WalletError},
};

/// A withdrawal in its batch.
#[derive(Clone, Debug)]
struct Claim {
    index: u64,
    withdrawal: Withdrawal,
    call: PaymentsBridge::withdrawCall,
}

/// Claims a withdrawal by its index, or whatever the key's account has not claimed.
pub async fn run(ground: &Ground, index: Option<u64>, to: Option<Address>, report: Report) -> anyhow::Result<Value> {
    let wallet = ground.l1_wallet().await?;
    if let Some(to) = to {
        check_payee(&ground.deployment, to)?;
    }
    report.progress("reading the proven batches from L1");
    let history = history(ground).await?;
    let Some(index) = index else {
        return claim_all(ground, &wallet, &history, to, report).await;
    };
    let (batch, position) = withdrawals::place(index);
    let event = usize::try_from(batch).ok().and_then(|batch| history.batches.get(batch));
    let event = event.with_context(|| format!("there is no withdrawal {index}: L1 has no batch {batch}"))?;
    let claim = in_batch(ground, event).await?.into_iter().find(|claim| claim.index == index);
    let claim =
        claim.with_context(|| format!("there is no withdrawal {index}: batch {batch} has none at {position}"))?;
    if claim.pays_nothing() {
        bail!("withdrawal {index} is of nothing, which L1 never pays: there is nothing to claim");
    }
    if is_claimed(ground, index).await? {
        report.progress(format_args!("withdrawal {index} is claimed already"));
        return Ok(json!({ "withdrawal": index, "alreadyClaimed": true }));
    }
    Ok(claim.pay(ground, &wallet, to, u64::MAX, report).await??)
}

/// Claims whatever the key's account has not claimed.
async fn claim_all(
    ground: &Ground,
    wallet: &Wallet,
    history: &History,
    to: Option<Address>,
    report: Report,
) -> anyhow::Result<Value> {
    let mut outcomes = Outcomes::default();
    for claim in claims_of(ground, history, wallet.address()).await? {
        if claim.pays_nothing() || is_claimed(ground, claim.index).await? {
            continue;
        }
        let paid = claim.pay(ground, wallet, to, CLAIM_GAS_MAX, report).await;
        match paid.with_context(|| format!("{} withdrawals were claimed before", outcomes.claimed_count()))? {
            Ok(told) => outcomes.claimed(told),
            Err(error) => {
                report.progress(format_args!("withdrawal {} is not paid: {error}", claim.index));
                outcomes.refused(claim.told(), error);
            }
        }
    }
    outcomes.told("withdrawals", report)
}

/// All withdrawals to an account, claimed or not.
pub async fn list(ground: &Ground, account: Option<Address>) -> anyhow::Result<Value> {
    let account = match account {
        Some(account) => account,
        None => ground.l1_wallet().await.context("whose withdrawals: give --account or --key")?.address(),
    };
    let history = history(ground).await?;
    let mut told = Vec::new();
    for claim in claims_of(ground, &history, account).await? {
        let (batch, _) = withdrawals::place(claim.index);
        told.push(json!({
            "withdrawal": claim.index,
            "batch": batch,
            "token": token_name(claim.withdrawal.token),
            "amount": claim.withdrawal.amount.to_string(),
            "claimed": is_claimed(ground, claim.index).await?,
        }));
    }
    Ok(json!({ "account": account, "withdrawals": told }))
}

async fn claims_of(ground: &Ground, history: &History, account: Address) -> anyhow::Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for event in history.batches.iter().filter(|event| !event.fields.message_root.is_zero()) {
        let all = in_batch(ground, event).await?;
        claims.extend(all.into_iter().filter(|claim| claim.withdrawal.recipient == account));
    }
    Ok(claims)
}

/// The withdrawals of a batch with their proofs.
async fn in_batch(ground: &Ground, event: &BatchEvent) -> anyhow::Result<Vec<Claim>> {
    if event.fields.message_root.is_zero() {
        return Ok(Vec::new());
    }
    let posted = posted(&ground.l1, ground.deployment.chain.settlement, event)
        .await
        .with_context(|| format!("batch {}", event.index))?;
    let all = Withdrawal::decode_all(&elements(&posted.segments.withdrawals)?)?;
    let root = tree::root(&all);
    ensure!(
        root == event.fields.message_root,
        "the withdrawals in transaction {} have root {root}, batch {} has {}: use another --l1-rpc",
        event.transaction,
        event.index,
        event.fields.message_root
    );
    let mut claims = Vec::new();
    for (position, withdrawal) in all.iter().copied().enumerate() {
        let siblings = tree::proof(&all, position).context("a withdrawal without a path")?;
        let index = withdrawals::index(event.index, u32::try_from(position)?);
        let call = PaymentsBridge::withdrawCall {
            output: event.output,
            index,
            paid: withdrawal.into(),
            proof: withdrawals::proof(event.fields, siblings),
            to: withdrawal.recipient,
        };
        claims.push(Claim { index, withdrawal, call });
    }
    Ok(claims)
}

async fn is_claimed(ground: &Ground, index: u64) -> anyhow::Result<bool> {
    let bridge = PaymentsBridge::new(ground.deployment.chain.bridge, ground.l1.provider());
    Ok(bridge.isExecuted(index).call().await?)
}

impl Claim {
    /// Whether there is nothing to claim, ever.
    fn pays_nothing(&self) -> bool {
        self.withdrawal.amount == 0
    }

    /// What is told of it if L1 does not pay it.
    fn told(&self) -> Value {
        json!({
            "withdrawal": self.index,
            "token": token_name(self.withdrawal.token),
            "amount": self.withdrawal.amount.to_string(),
        })
    }

    /// Has L1 pay it, unless that takes more gas; what is told, or why this one is not paid.
    async fn pay(
        &self,
        ground: &Ground,
        wallet: &Wallet,
        to: Option<Address>,
        gas_max: u64,
        report: Report,
    ) -> anyhow::Result<Result<Value, WalletError>> {
        let (index, Withdrawal { recipient, token, amount }) = (self.index, self.withdrawal);
        let to = to.unwrap_or(recipient);
        ensure!(
            to == recipient || wallet.address() == recipient,
            "withdrawal {index} is for {recipient}, which alone can have it paid to {to}: leave --to out, or use its key"
        );
        report.progress(format_args!("claiming withdrawal {index}; waiting for an L1 block"));
        let input = PaymentsBridge::withdrawCall { to, ..self.call.clone() }.abi_encode();
        let receipt = match wallet.send_within(Call::new(ground.deployment.chain.bridge, input), gas_max).await {
            Ok(receipt) => receipt,
            Err(_) if is_claimed(ground, index).await? => {
                report.progress(format_args!("somebody else has claimed withdrawal {index} meanwhile"));
                return Ok(Ok(json!({ "withdrawal": index, "alreadyClaimed": true })));
            }
            Err(error) if error.is_of_the_call() => return Ok(Err(error)),
            Err(error) => return Err(error.into()),
        };
        Ok(Ok(json!({
            "withdrawal": index,
            "alreadyClaimed": false,
            "l1Transaction": receipt.transaction_hash,
            "recipient": recipient,
            "to": to,
            "token": token_name(token),
            "amount": amount.to_string(),
        })))
    }
}
