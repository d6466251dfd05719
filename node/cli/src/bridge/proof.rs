//! A message from L2 to L1 with its proof, and what can be wrong with it (L1-WD-*). Adversarial: the sequencer, where it delivers one.

use alloy::{
    primitives::{B256, Bytes},
    sol_types::SolValue,
};
use anyhow::Context;
use tandem_chain::{
    L2Message, OutputFields,
    message_tree::{TREE_DEPTH, root_from_proof},
};
use tandem_l1::bindings::{self, Bridge};

/// A message with its place in an output.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// The message as L2 sent it.
    pub message: L2Message,
    /// The fields of the output, which hash to it.
    pub fields: OutputFields,
    /// From the leaf upwards.
    pub siblings: Vec<B256>,
    /// The final output that the proof is against.
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
        /// Index of the message that was asked for.
        asked: u64,
        /// Index of the message that was delivered.
        found: u64,
    },
    /// The fields are not those of the output.
    #[error("the sequencer's output fields hash to {found}, not to {output}")]
    OtherOutput {
        /// The output that the proof names.
        output: B256,
        /// What the fields delivered hash to.
        found: B256,
    },
    /// The path does not lead to the root.
    #[error("the sequencer's proof leads to {found}, not to the message root {root}")]
    OtherRoot {
        /// The message root of the output.
        root: B256,
        /// The root that the path leads to.
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

    /// The call `Bridge.executeMessage` with this proof.
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
