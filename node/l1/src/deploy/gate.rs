//! What the chains of either kind have before their Bridge. Rules: L1-NOTICE-3, L1-BR-6.

use super::{
    error::DeployError,
    send::{Plan, artifact},
    spec::ChainSpec,
};
use crate::bindings::Bridge;
use alloy::{
    primitives::{Address, Bytes},
    sol_types::{SolCall, SolValue},
};

/// The gate, and the proxy behind which the Bridge of either kind is.
pub(super) fn plan_gate_and_proxy(
    plan: &mut Plan,
    spec: &ChainSpec,
    schedule: Address,
    bridge_implementation: Address,
) -> Result<Address, DeployError> {
    let gate = plan.create(artifact!("UpgradeGate"), schedule.abi_encode())?;
    // Both kinds have it from their common base.
    let initialization =
        Bridge::initializeCall { guardian_: spec.guardian, pauseSecondsLeft_: spec.pause_seconds }.abi_encode();
    let arguments = (bridge_implementation, gate, Bytes::from(initialization)).abi_encode_params();
    plan.create(artifact!("BridgeProxy"), arguments)?;
    Ok(gate)
}
