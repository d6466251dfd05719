//! What a payments chain is deployed with: a settlement by validity proofs instead of claims. Rules: L1-SCHED-5, PAY-FREEZE, PAY-NOTICE, PAY-TIME.

use super::{
    bounds::within,
    error::DeployError,
    gate::plan_gate_and_proxy,
    send::{Plan, artifact},
    spec::{ChainSpec, RulesSpec},
};
use crate::{
    Deployment,
    bindings::{ChainConfig as SolChainConfig, Rules, ValiditySettlement},
    client::L1Client,
};
use alloy::{
    primitives::{Address, B256},
    sol_types::SolValue,
};
use tandem_chain::{ChainConfig, ChainKind, OutputFields};

/// Contracts that a deployment creates.
pub(super) const CONTRACTS: u64 = 6;
/// Off the devnets the escape delay is at least so long, in seconds (PAY-FREEZE). Twin: `ValiditySettlement.MIN_ESCAPE_DELAY_SECONDS`.
const ESCAPE_DELAY_SECONDS_MIN: u64 = 86_400;
/// L1 may keep the claim of what the last batch before the end withdrew waiting for so long, in seconds (PAY-NOTICE). Twin: `Notices.CENSORSHIP_SECONDS`.
pub const CENSORSHIP_SECONDS: u64 = 7 * 86_400;
/// On every L1 the escape delay is at most so long, in seconds. Twin: `ValiditySettlement.MAX_ESCAPE_DELAY_SECONDS`.
const ESCAPE_DELAY_SECONDS_MAX: u128 = 30 * 86_400;
/// A batch holds at most so much gas of messages (L1-SCHED-5). Twin: `Schedule.MAX_PROVEN_MESSAGE_GAS_PER_BATCH`.
const MESSAGE_GAS_PER_BATCH_MAX: u128 = 40_000_000;
/// A batch holds at least so many messages (L1-SCHED-5). Twin: `Schedule.MIN_PROVEN_MESSAGES_PER_BATCH`.
const MESSAGES_PER_BATCH_MIN: u128 = 8;
/// Off the devnets: a batch's time runs out before a message that it leaves is overdue (PAY-TIME).
const WINDOW: &str = "forced-inclusion window in seconds, no less than the checkpoint age";
/// A batch's time is at most so old, in seconds (PAY-TIME). Twin: `Schedule.MAX_PROVEN_AGE_SECONDS`.
pub(super) const AGE_SECONDS_MAX: u128 = 86_400;

/// Refuses what `Schedule.sol` and `ValiditySettlement.sol` would refuse, and off the devnets a forced-inclusion window below the age of a batch's time, which L1 takes
/// (PAY-TIME): messages would be overdue before a batch that was closed without them is proven and posted, and each would void it. `delay_min` is the least delay without
/// the escape's.
pub(super) fn check(spec: &ChainSpec, is_devnet: bool, delay_min: u64) -> Result<(), DeployError> {
    let validity = spec.validity.as_ref().ok_or(DeployError::NoValidity)?;
    let RulesSpec { guest_hash, dispute, epoch_weight_gas, epoch_seconds, claim_window_seconds, claim_bond, .. } =
        spec.rules;
    for (rule, is_given) in [
        ("the program's hash", !guest_hash.is_zero()),
        ("a dispute contract", !dispute.is_zero() || spec.dispute_terms.is_some()),
        ("the weight of an epoch", epoch_weight_gas != 0),
        ("an epoch's time", epoch_seconds != 0),
        ("a claim window", claim_window_seconds != 0),
        ("a claim bond", claim_bond != 0),
    ] {
        if is_given {
            return Err(DeployError::Foreign { rule, kind: ChainKind::Payments });
        }
    }
    // There are no epochs whose weight could be zero.
    spec.chain.check(1)?;
    let window_min = if is_devnet { 1 } else { spec.rules.max_checkpoint_age_seconds };
    let escape_min = if is_devnet { 1 } else { ESCAPE_DELAY_SECONDS_MIN };
    let censorship = if is_devnet { 0 } else { CENSORSHIP_SECONDS };
    let delay_min = delay_min.saturating_add(validity.escape_delay_seconds).saturating_add(censorship);
    let window = spec.forced_inclusion_window_seconds;
    within([
        (WINDOW, window_min.into(), u64::MAX.into(), window.into()),
        ("messages per batch", MESSAGES_PER_BATCH_MIN, u128::MAX, spec.chain.max_messages_per_batch.into()),
        ("gas of messages per batch", 0, MESSAGE_GAS_PER_BATCH_MAX, spec.chain.max_message_gas_per_batch.into()),
        ("escape delay in seconds", escape_min.into(), ESCAPE_DELAY_SECONDS_MAX, validity.escape_delay_seconds.into()),
        ("delay in seconds, the escape delay included", delay_min.into(), u128::MAX, spec.delay_seconds.into()),
    ])
}

/// The creations, in the order that gives them the addresses in `chain`.
pub(super) fn plan(plan: &mut Plan, spec: &ChainSpec, chain: ChainConfig) -> Result<Deployment, DeployError> {
    let validity = spec.validity.as_ref().ok_or(DeployError::NoValidity)?;
    let rules = Rules { keysHash: validity.keys.hash(), ..Rules::from(spec.rules) };
    let arguments = (spec.owner, spec.notice(), SolChainConfig::from(&chain), rules).abi_encode_params();
    let schedule = plan.create(artifact!("Schedule"), arguments)?;
    plan.create(artifact!("Inbox"), (schedule, spec.sequencer).abi_encode_params())?;
    let arguments = (schedule, validity.escape_delay_seconds).abi_encode_params();
    plan.create(artifact!("ValiditySettlement"), arguments)?;
    let bridge_implementation = plan.create(artifact!("PaymentsBridge"), schedule.abi_encode())?;
    let gate = plan_gate_and_proxy(plan, spec, schedule, bridge_implementation)?;
    let (executor, dispute) = (Address::ZERO, Address::ZERO);
    let (start_block, abis) = Default::default();
    Ok(Deployment { chain, schedule, executor, gate, dispute, start_block, abis })
}

/// Whether the settlement begins with the state with which these rules begin.
pub(super) async fn check_genesis(
    client: &L1Client,
    deployment: &Deployment,
    genesis: OutputFields,
) -> Result<(), DeployError> {
    let settlement = ValiditySettlement::new(deployment.chain.settlement, client.provider());
    let found: B256 = client.call(async { settlement.outputOf(0).call().await }).await?;
    let expected = genesis.hash();
    if found == expected { Ok(()) } else { Err(DeployError::OtherGenesis { expected, found }) }
}
