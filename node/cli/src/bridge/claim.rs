//! Takes messages from L2 to L1: waits for a final output that contains them, proves, executes. Rules: L1-WD-*, L1-BR-5.
//!
//! Anybody can send a message whose callee reverts on L1 or burns gas. So what L1 refuses is told, and stands in no other message's way.
//!
//! Adversarial: the sequencer, where it delivers message and proof. Both are checked here against an output that L1 itself holds final; what
//! fails is reported before gas is paid. Without it both are derived from L1.

use alloy::sol_types::SolCall;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_l1::bindings::{self, Bridge, FraudSettlement};
use tandem_service::Report;

use super::{
    outcomes::{CLAIM_GAS_MAX, Outcomes},
    proof::Proof,
    source::Source,
};
use crate::{
    chain::Ground,
    status::settled_batch,
    wallet::{Call, Wallet, WalletError},
};

/// One message, or whatever is not claimed.
pub async fn run(ground: &Ground, index: Option<u64>, from_l1: bool, report: Report) -> anyhow::Result<Value> {
    let source = Source::open(ground, from_l1, report).await?;
    let count = source.message_count(ground).await?;
    let wallet = ground.l1_wallet().await?;
    let claim = Claim { ground, source, wallet, report };
    if let Some(index) = index {
        ensure!(index < count, "there is no message {index}: L2 has sent {count}");
        return Ok(claim.one(index, u64::MAX).await??);
    }
    let mut outcomes = Outcomes::default();
    for index in 0..count {
        if claim.is_executed(index).await? {
            continue;
        }
        let executed = claim.one(index, CLAIM_GAS_MAX).await;
        match executed.with_context(|| format!("{} messages were claimed before", outcomes.claimed_count()))? {
            Ok(told) => outcomes.claimed(told),
            Err(error) => {
                report.progress(format_args!("message {index} is not executed: {error}"));
                outcomes.refused(json!({ "message": index }), error);
            }
        }
    }
    outcomes.told("messages", report)
}

struct Claim<'a> {
    ground: &'a Ground,
    source: Source,
    wallet: Wallet,
    report: Report,
}

impl Claim<'_> {
    async fn is_executed(&self, index: u64) -> anyhow::Result<bool> {
        let bridge = Bridge::new(self.ground.deployment.chain.bridge, self.ground.l1.provider());
        Ok(bridge.isExecuted(index).call().await?)
    }

    /// Executes it, unless that takes more gas; what is told, or why this one is not executed.
    async fn one(&self, index: u64, gas_max: u64) -> anyhow::Result<Result<Value, WalletError>> {
        if self.is_executed(index).await? {
            self.report.progress(format_args!("message {index} is claimed already"));
            return Ok(Ok(json!({ "message": index, "alreadyClaimed": true })));
        }
        let proof = self.final_proof(index).await?;
        self.report.progress(format_args!("output {} is final and the proof is right; claiming on L1", proof.output));
        let call = Call::new(self.ground.deployment.chain.bridge, proof.call()?.abi_encode());
        let receipt = match self.wallet.send_within(call, gas_max).await {
            Ok(receipt) => receipt,
            Err(_) if self.is_executed(index).await? => {
                self.report.progress(format_args!("somebody else has claimed message {index} meanwhile"));
                return Ok(Ok(json!({ "message": index, "alreadyClaimed": true })));
            }
            Err(error) if error.is_of_the_call() => return Ok(Err(error)),
            Err(error) => return Err(error.into()),
        };
        Ok(Ok(json!({
            "message": index,
            "alreadyClaimed": false,
            "l1Transaction": receipt.transaction_hash,
            "output": proof.output,
            "batch": proof.batch_index,
            "target": proof.message.target,
            "wei": proof.message.value.to_string(),
        })))
    }

    /// Waits for a final output that contains the message; the proof against it, checked.
    async fn final_proof(&self, index: u64) -> anyhow::Result<Proof> {
        let (ground, report) = (self.ground, self.report);
        report.progress(format_args!(
            "message {index}: waiting until its batch is on L1 (at most {} s)",
            ground.patience.as_secs()
        ));
        let posted = || self.source.batch_of(ground, index);
        let first = ground.wait("the message's batch is on L1", posted).await?;
        let window_s = {
            let schedule = bindings::Schedule::new(ground.deployment.schedule, ground.l1.provider());
            schedule.entryOf(first).call().await?.entry.rules.claimWindowSeconds
        };
        report.progress(format_args!(
            "batch {first} has it; waiting until an output from there on is claimed and final (its window is {window_s} s)"
        ));
        let settled = || async {
            let batch = settled_batch(&ground.l1, &ground.deployment).await?;
            Ok((batch >= first).then_some(batch))
        };
        let batch = ground.wait("an output with the message is final", settled).await?;
        let proof = self.source.proof(ground, index, batch).await?;
        proof.check(index)?;
        let settlement = FraudSettlement::new(ground.deployment.chain.settlement, ground.l1.provider());
        let is_final = settlement.isFinal(proof.output).call().await?;
        ensure!(
            is_final,
            "L1 holds another output of batch {batch} final than {}{}",
            proof.output,
            match self.source {
                Source::Sequencer(_) => ", which the sequencer told: try --from-l1",
                Source::L1(_) => ", which follows from L1: what is final there is wrong",
            }
        );
        Ok(proof)
    }
}
