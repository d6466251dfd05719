//! Takes messages from L2 to L1: waits for a final output that contains them, proves, executes. Rules: L1-WD-*, L1-BR-5.
//!
//! Adversarial: the sequencer, where it delivers message and proof. Both are checked here against an output that L1 itself holds final; what
//! fails is reported before gas is paid. Without it both are derived from L1.

use alloy::{
    primitives::{B256, Bytes},
    sol_types::{SolCall, SolValue},
};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_chain::{
    L2Message, OutputFields,
    message_tree::{TREE_DEPTH, root_from_proof},
};
use tandem_l1::bindings::{self, Bridge, FraudSettlement};

use super::source::Source;
use crate::{
    chain::Ground,
    report::Report,
    status::settled_batch,
    wallet::{Call, Wallet},
};

/// A message with its place in an output.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// What was sent.
    pub message: L2Message,
    /// The output's pre-image.
    pub fields: OutputFields,
    /// From the leaf upwards.
    pub siblings: Vec<B256>,
    /// The output.
    pub output: B256,
    /// The batch that it is the output of.
    pub batch_index: u64,
}

/// Why a proof of the sequencer's is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    /// Another message was delivered.
    #[error("the sequencer delivered message {found} instead of {asked}")]
    OtherMessage {
        /// Asked for.
        asked: u64,
        /// Delivered.
        found: u64,
    },
    /// The fields are not those of the output.
    #[error("the sequencer's output fields hash to {found}, not to {output}")]
    OtherOutput {
        /// Named.
        output: B256,
        /// Of the fields.
        found: B256,
    },
    /// The path does not lead to the root.
    #[error("the sequencer's proof leads to {found}, not to the message root {root}")]
    OtherRoot {
        /// Of the output.
        root: B256,
        /// Of the path.
        found: B256,
    },
    /// The path has another length than the tree.
    #[error("the sequencer's proof has {0} siblings instead of {TREE_DEPTH}")]
    Length(usize),
}

impl Proof {
    /// Recomputes everything that can be wrong in it, save whether the output is final.
    pub fn check(&self, index: u64) -> Result<(), BadProof> {
        if self.message.index != index {
            return Err(BadProof::OtherMessage { asked: index, found: self.message.index });
        }
        let found = self.fields.hash();
        if found != self.output {
            return Err(BadProof::OtherOutput { output: self.output, found });
        }
        let length = self.siblings.len();
        let siblings: &[B256; TREE_DEPTH] =
            self.siblings.as_slice().try_into().map_err(|_| BadProof::Length(length))?;
        let found = root_from_proof(self.message.hash(), index, siblings);
        if found != self.fields.message_root {
            return Err(BadProof::OtherRoot { root: self.fields.message_root, found });
        }
        Ok(())
    }

    /// `Bridge.executeMessage` with it.
    pub fn call(&self) -> anyhow::Result<Bridge::executeMessageCall> {
        let siblings: [B256; TREE_DEPTH] = self.siblings.as_slice().try_into().context("length of the proof")?;
        let proof: Bytes = (bindings::OutputFields::from(self.fields), siblings).abi_encode_params().into();
        let message = self.message.clone();
        let message = bindings::L2Message {
            index: message.index,
            sender: message.sender,
            target: message.target,
            value: message.value,
            gasLimit: message.gas_limit,
            data: message.data,
        };
        Ok(Bridge::executeMessageCall { output: self.output, message, proof })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_chain::MessageTree;

    fn proof() -> Proof {
        let messages: Vec<_> = (0..3).map(|index| L2Message { index, gas_limit: 7, ..L2Message::default() }).collect();
        let tree = MessageTree::new(messages.iter().map(L2Message::hash).collect());
        let fields = OutputFields {
            config_hash: B256::repeat_byte(1),
            batch_hash: B256::repeat_byte(2),
            last_block_hash: B256::repeat_byte(3),
            state_root: B256::repeat_byte(4),
            message_root: tree.root(),
            queue_index: 5,
        };
        Proof {
            message: messages[1].clone(),
            fields,
            siblings: tree.prove(1).unwrap(),
            output: fields.hash(),
            batch_index: 1,
        }
    }

    #[test]
    fn a_lying_sequencer_is_found_out() {
        assert_eq!(proof().check(1), Ok(()));
        assert!(matches!(proof().check(2), Err(BadProof::OtherMessage { .. })));
        let mut other_output = proof();
        other_output.fields.state_root = B256::ZERO;
        assert!(matches!(other_output.check(1), Err(BadProof::OtherOutput { .. })));
        let mut other_value = proof();
        other_value.message.value = alloy::primitives::U256::ONE;
        assert!(matches!(other_value.check(1), Err(BadProof::OtherRoot { .. })));
        let mut short = proof();
        short.siblings.pop();
        assert!(matches!(short.check(1), Err(BadProof::Length(31))));
    }
}
