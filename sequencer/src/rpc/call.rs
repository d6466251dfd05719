//! Executing without a transaction: `eth_call`, `eth_estimateGas`.

use alloy::{
    consensus::Header,
    eips::BlockId,
    primitives::{TxKind, U256},
    rpc::types::{TransactionRequest, state::StateOverride},
};
use revm::{
    context::{
        CfgEnv, TxEnv,
        result::{ExecutionResult, Output, ResultAndState},
    },
    context_interface::either::Either,
};
use serde_json::Value;
use tandem_evm::{
    BlockAttributes, Rejected, WorldState,
    block::{FORK, block_env, header_template, transact},
};
use tandem_store::Store;

use super::{Params, RpcContext, RpcError, json};

/// Gas of one call; also the cap of EIP-7825.
const CALL_GAS_MAX: u64 = 1 << 24;
/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;

pub fn call(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let mut simulation = Simulation::new(context, params)?;
    match simulation.run(simulation.request_gas())? {
        ExecutionResult::Success { output, .. } => json::value(match &output {
            Output::Call(bytes) | Output::Create(bytes, _) => bytes,
        }),
        failed => Err(failure(failed)),
    }
}

/// The least gas with which the call succeeds, by bisection, to within one part in sixty-four.
pub fn estimate_gas(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let mut simulation = Simulation::new(context, params)?;
    let mut high = simulation.request_gas();
    let used = match simulation.run(high)? {
        ExecutionResult::Success { gas, .. } => gas.tx_gas_used(),
        failed => return Err(failure(failed)),
    };
    if used == TRANSFER_GAS {
        return json::quantity(used);
    }
    let mut low = used.saturating_sub(1);
    while high - low > high / 64 + 1 {
        let middle = low + (high - low) / 2;
        // Try just above what was used before the middle: calls that keep back a 64th succeed there most often.
        let attempt = if high == simulation.request_gas() { (used + used / 32 + 5_000).min(middle.max(low + 1)) } else { middle };
        match simulation.run(attempt) {
            Ok(ExecutionResult::Success { .. }) => high = attempt,
            Ok(_) | Err(RpcError::Execution(_)) => low = attempt,
            Err(error) => return Err(error),
        }
    }
    json::quantity(high)
}

/// A call on a state, repeatable.
struct Simulation {
    header: Header,
    state: WorldState<Store>,
    request: TransactionRequest,
    cfg: CfgEnv,
}

impl Simulation {
    fn new(context: &RpcContext, params: &Params) -> Result<Self, RpcError> {
        let request: TransactionRequest = params.required(0, "a call")?;
        let id: Option<BlockId> = params.optional(1, "a block")?;
        let overrides: Option<StateOverride> = params.optional(2, "state overrides")?;
        let (parent, mut state) = context.state(id)?;
        if let Some(overrides) = overrides {
            apply_overrides(&mut state, overrides)?;
        }
        let checkpoint = state.checkpoint()?;
        let attributes = BlockAttributes { timestamp: parent.timestamp, checkpoint, first_of_batch: false };
        let hash = parent.hash_slow();
        let header = header_template(&context.chain, &parent, hash, &attributes);
        state.record_block_hash(parent.number, hash)?;
        let mut cfg = CfgEnv::new_with_spec(FORK).with_chain_id(context.chain.l2_chain_id);
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        let asks_fee = request.gas_price.or(request.max_fee_per_gas).unwrap_or_default() > 0;
        cfg.disable_base_fee = !asks_fee;
        Ok(Self { header, state, request, cfg })
    }

    fn request_gas(&self) -> u64 {
        self.request.gas.unwrap_or(CALL_GAS_MAX).min(CALL_GAS_MAX).min(self.header.gas_limit)
    }

    fn run(&mut self, gas_limit: u64) -> Result<ExecutionResult, RpcError> {
        let request = &self.request;
        let gas_price = request.max_fee_per_gas.or(request.gas_price).unwrap_or_default();
        let tx = TxEnv {
            tx_type: transaction_type(request),
            caller: request.from.unwrap_or_default(),
            gas_limit,
            gas_price,
            gas_priority_fee: request.max_fee_per_gas.map(|_| request.max_priority_fee_per_gas.unwrap_or_default()),
            kind: request.to.unwrap_or(TxKind::Create),
            value: request.value.unwrap_or_default(),
            data: request.input.input().cloned().unwrap_or_default(),
            chain_id: Some(request.chain_id.unwrap_or(self.cfg.chain_id)),
            access_list: request.access_list.clone().unwrap_or_default(),
            authorization_list: request.authorization_list.iter().flatten().cloned().map(Either::Left).collect(),
            ..Default::default()
        };
        match transact(&mut self.state, block_env(&self.header), self.cfg.clone(), tx) {
            Ok(ResultAndState { result, .. }) => Ok(result),
            Err(Rejected::State(error)) => Err(error.into()),
            Err(rejected) => Err(RpcError::Execution(rejected.to_string())),
        }
    }
}

/// The plainest type that has all the fields that were given.
fn transaction_type(request: &TransactionRequest) -> u8 {
    if request.authorization_list.as_ref().is_some_and(|list| !list.is_empty()) {
        4
    } else if request.max_fee_per_gas.is_some() {
        2
    } else {
        request.access_list.is_some().into()
    }
}

fn failure(result: ExecutionResult) -> RpcError {
    match result {
        ExecutionResult::Revert { output, .. } => RpcError::Reverted(output),
        ExecutionResult::Halt { reason, .. } => RpcError::Execution(format!("execution halted: {reason:?}")),
        ExecutionResult::Success { .. } => RpcError::Internal("a success is no failure".into()),
    }
}

fn apply_overrides(state: &mut WorldState<Store>, overrides: StateOverride) -> Result<(), RpcError> {
    for (address, account) in overrides {
        if account.state.is_some() || account.move_precompile_to.is_some() {
            return Err(RpcError::InvalidParam { index: 2, expected: "overrides of balance, nonce, code or stateDiff" });
        }
        let info = state.account(address)?.unwrap_or_default();
        let code = match account.code {
            Some(code) => code,
            None => state.code(address)?,
        };
        let storage: Vec<(U256, U256)> =
            account.state_diff.unwrap_or_default().into_iter().map(|(slot, value)| (slot.into(), value.into())).collect();
        state.insert(address, account.nonce.unwrap_or(info.nonce), account.balance.unwrap_or(info.balance), &code, &storage);
    }
    Ok(())
}
