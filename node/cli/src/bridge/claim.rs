//! Takes messages from L2 to L1: waits for a final output that contains them, proves, executes. Rules: L1-WD-*, L1-BR-5.
//!
//! Adversarial: the sequencer, where it delivers message and proof. Both are checked here against an output that L1 itself holds final; what
//! fails is reported before gas is paid. Without it both are derived from L1.

use alloy::sol_types::SolCall;
use anyhow::ensure;
use serde_json::{Value, json};
use tandem_l1::bindings::{self, Bridge, FraudSettlement};
use tandem_service::Report;

use super::{proof::Proof, source::Source};
use crate::{
    chain::Ground,
    status::settled_batch,
    wallet::{Call, Wallet},
};

/// One message, or whatever is not claimed.
pub async fn run(ground: &Ground, index: Option<u64>, from_l1: bool, report: Report) -> anyhow::Result<Value> {
    let source = Source::open(ground, from_l1, report).await?;
    let count = source.message_count(ground).await?;
    let wallet = ground.l1_wallet().await?;
    let claim = Claim { ground, source, wallet, report };
    if let Some(index) = index {
        ensure!(index < count, "there is no message {index}: L2 has sent {count}");
        return claim.one(index).await;
    }
    let mut claimed = Vec::new();
    for index in 0..count {
        if !claim.is_executed(index).await? {
            claimed.push(claim.one(index).await?);
        }
    }
    report.progress(format_args!("{} messages claimed", claimed.len()));
    Ok(json!({ "claimed": claimed }))
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

    async fn one(&self, index: u64) -> anyhow::Result<Value> {
        if self.is_executed(index).await? {
            self.report.progress(format_args!("message {index} is claimed already"));
            return Ok(json!({ "message": index, "alreadyClaimed": true }));
        }
        let proof = self.final_proof(index).await?;
        self.report.progress(format_args!("output {} is final and the proof is right; claiming on L1", proof.output));
        let call = proof.call()?.abi_encode();
        let sent = self.wallet.send(Call::new(self.ground.deployment.chain.bridge, call)).await;
        let receipt = match sent {
            Err(_) if self.is_executed(index).await? => {
                self.report.progress(format_args!("somebody else has claimed message {index} meanwhile"));
                return Ok(json!({ "message": index, "alreadyClaimed": true }));
            }
            sent => sent?,
        };
        Ok(json!({
            "message": index,
            "alreadyClaimed": false,
            "l1Transaction": receipt.transaction_hash,
            "output": proof.output,
            "batch": proof.batch_index,
            "target": proof.message.target,
            "wei": proof.message.value.to_string(),
        }))
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
