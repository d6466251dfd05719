//! Acts as calls of the dispute contract.
//!
//! Gas limits of moves are fixed: an estimate is right for what L1 holds when it is made, and whoever joins may meet somebody by the time that he is included.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::SolCall,
};
use tandem_dispute::{Act, Children, Terms};
use tandem_l1::{L1Call, bindings::Dispute};

use super::position::match_ref;

/// What a call must bring along that the strategy does not know.
#[derive(Clone, Debug, Default)]
pub struct Attached {
    /// The slot that is decided.
    pub slot: B256,
    /// The packed last state of the commitment that joins.
    pub last_state: Bytes,
    /// What proves the contested step.
    pub witness: Bytes,
}

/// Of a proof of a step, beyond what its bytes take; and a byte's share, hashing it and EIP-7623's floor included. Measured: 170,000 for
/// steps without a pre-image, 4.6 million with 100 kB.
const STEP_GAS: u64 = 500_000;
const STEP_GAS_PER_BYTE: u64 = 48;

/// The most gas that an act takes: twice what is measured (`contracts/snapshots/dispute.json`); none where an estimate does.
fn gas_limit(act: &Act, attached: &Attached) -> Option<u64> {
    match act {
        Act::Step { .. } => Some(STEP_GAS + STEP_GAS_PER_BYTE * attached.witness.len() as u64),
        Act::Join { .. }
        | Act::JoinInner { .. }
        | Act::Advance { .. }
        | Act::Seal { .. }
        | Act::Timeout { .. }
        | Act::Propagate { .. }
        | Act::Bye { .. } => Some(2 * act.gas().0),
        _ => None,
    }
}

/// The call that makes an act.
pub fn call_of(act: &Act, dispute: Address, terms: &Terms, attached: Attached) -> L1Call {
    let gas_limit = gas_limit(act, &attached);
    let (purpose, input, bond_gwei) = match act.clone() {
        Act::Join { id, joining, .. } => {
            let (children, path) = (sol(joining.children), joining.path);
            let call = Dispute::joinCall { id, children, lastState: attached.last_state, path };
            ("join the dispute", call.abi_encode(), terms.bond_gwei(0))
        }
        Act::JoinInner { id, joining } => {
            let (children, last, path) = (sol(joining.children), joining.last, joining.path);
            (
                "join within a stride",
                Dispute::joinInnerCall { id, children, last, path }.abi_encode(),
                terms.bond_gwei(1),
            )
        }
        Act::Advance { of, height, opened, next } => {
            let (opened, next) = (sol(opened), sol(next));
            ("advance", Dispute::advanceCall { r#ref: match_ref(&of), height, opened, next }.abi_encode(), 0)
        }
        Act::Seal { of, opened, agreed, path } => {
            let call = Dispute::sealCall { r#ref: match_ref(&of), opened: sol(opened), agreed, path };
            ("seal", call.abi_encode(), 0)
        }
        Act::Step { of, .. } => {
            let call = Dispute::stepCall { r#ref: match_ref(&of), witness: attached.witness };
            ("prove the step", call.abi_encode(), 0)
        }
        Act::Timeout { of } => ("time out", Dispute::timeoutCall { r#ref: match_ref(&of) }.abi_encode(), 0),
        Act::Propagate { of } => ("propagate", Dispute::propagateCall { r#ref: match_ref(&of) }.abi_encode(), 0),
        Act::Bye { id } => ("lift a rank", Dispute::byeCall { id }.abi_encode(), 0),
        Act::Decide => ("judge", Dispute::decideCall { slotId: attached.slot }.abi_encode(), 0),
        Act::Kill { id, .. } => ("end a dead tournament", Dispute::killCall { id }.abi_encode(), 0),
        Act::ReclaimWaiting { id, rank } => {
            ("reclaim a bond", Dispute::reclaimWaitingCall { id, rank }.abi_encode(), 0)
        }
        Act::ReclaimMatch { of } => {
            ("reclaim bonds", Dispute::reclaimMatchCall { r#ref: match_ref(&of) }.abi_encode(), 0)
        }
        Act::Withdraw { account } => ("withdraw bonds", Dispute::withdrawCall { to: account }.abi_encode(), 0),
    };
    let value = U256::from(bond_gwei) * U256::from(1_000_000_000_u64);
    L1Call { value, gas_limit, ..L1Call::new(purpose, dispute, input) }
}

const fn sol(children: Children) -> Dispute::Children {
    Dispute::Children { left: children.left, right: children.right }
}
