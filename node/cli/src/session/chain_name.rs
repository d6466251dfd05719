//! A chain as signatures name it. Rule: PAY-OPHASH.

use alloy::primitives::B256;
use tandem_chain::ChainKind;
use tandem_l1::Deployment;

use crate::payments::WrongKind;

/// A chain as signatures name it: what is signed for one counts on no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainName {
    /// Chain id of the payments chain.
    pub chain_id: u64,
    /// Hash of its genesis.
    pub genesis: B256,
}

impl ChainName {
    /// The chain of a deployment.
    ///
    /// # Errors
    /// If it is an EVM chain.
    pub fn of(deployment: &Deployment) -> Result<Self, WrongKind> {
        match deployment.chain.kind {
            ChainKind::Payments => {
                Ok(Self { chain_id: deployment.chain.l2_chain_id, genesis: deployment.chain.hash() })
            }
            ChainKind::Evm => Err(WrongKind::Evm { command: "session" }),
        }
    }
}
