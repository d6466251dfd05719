//! Executing without a transaction: `eth_call`, `eth_estimateGas`, `eth_createAccessList`.
//!
//! Calls are adversarial: every run is bounded by [`crate::rpc::RpcLimits::call_gas_max`], and a bisection takes at most some twenty runs.

use alloy::{
    consensus::Header,
    eips::{
        BlockId,
        eip2930::{AccessList, AccessListItem},
    },
    primitives::{B256, TxKind, U256},
    rpc::types::{BlockOverrides, TransactionRequest, state::StateOverride},
};
use revm::{
    context::{
        BlockEnv, CfgEnv, TxEnv,
        result::{ExecutionResult, HaltReason, InvalidTransaction, Output, ResultAndState},
    },
    context_interface::either::Either,
};
use serde_json::Value;
use tandem_evm::{
    Rejected, WorldState,
    block::{block_env, cfg_env},
    execute::transact,
    fees::DataCharge,
    transaction::CHECKPOINT_GAS,
};
use tandem_store::{MissingPreimage, Store};

use super::{halts, json, overrides::Overrides, precompiles::is_precompile, prices, replay::Execution, unsigned};
use crate::{
    mempool::words,
    rpc::{Params, RpcContext, RpcError},
};

/// Most gas of one transaction (EIP-7825).
const TRANSACTION_GAS_MAX: u64 = 1 << 24;
/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;
/// Gas that comes with a value.
const CALL_STIPEND: u64 = 2_300;

pub fn call(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let mut simulation = Simulation::new(context, params, context.limits.call_gas_max)?;
    let gas_limit = simulation.gas_limit_max()?;
    match simulation.run(gas_limit)?.result {
        ExecutionResult::Success { output, .. } => json::value(match &output {
            Output::Call(bytes) | Output::Create(bytes, _) => bytes,
        }),
        failed => Err(simulation.failure(failed, gas_limit)),
    }
}

/// A gas limit that is enough: for execution, by bisection, seen to be enough and at most one part in sixty-four above what is needed; and for
/// the data, with some room, since what the wallet will sign is not known yet (EVM-FEE-4).
pub fn estimate_gas(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let mut simulation = Simulation::new(context, params, transaction_gas_max(context))?;
    simulation.make_later(params)?;
    let mut high = simulation.gas_limit_max()?;
    let data_gas = simulation.data_gas()?;
    if data_gas > high {
        return Err(RpcError::Execution(format!("out of gas: gas required exceeds allowance ({high})")));
    }
    if simulation.is_transfer()? && (data_gas..=high).contains(&TRANSFER_GAS) && simulation.succeeds(TRANSFER_GAS)? {
        return json::quantity(TRANSFER_GAS);
    }
    let (used, spent) = match simulation.run(high)?.result {
        ExecutionResult::Success { gas, .. } => (gas.tx_gas_used(), gas.total_gas_spent()),
        failed => return Err(simulation.failure(failed, high)),
    };
    // Gas below what was used fails. A call gets 63 of 64 parts of what its caller has, and 2,300 more than that if it carries value.
    let mut low = used.saturating_sub(1);
    let mut attempt = spent.saturating_add(CALL_STIPEND).saturating_mul(64) / 63;
    while high - low > high / 64 {
        context.turns.check_time()?;
        let middle = low + (high - low) / 2;
        // Most calls need little more than they used: begin there, and halve the gap only then.
        let gas_limit = attempt.clamp(low + 1, middle.max(low + 1));
        attempt = u64::MAX;
        if simulation.succeeds(gas_limit)? {
            high = gas_limit;
        } else {
            low = gas_limit;
        }
        if high - low <= 1 {
            break;
        }
    }
    json::quantity(high.max(data_gas))
}

/// The accounts and slots that a call touches, with the gas it uses when they are declared (EIP-2930).
pub fn create_access_list(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let mut simulation = Simulation::new(context, params, transaction_gas_max(context))?;
    let gas_limit = simulation.gas_limit_max()?;
    let touched = simulation.run(gas_limit)?;
    // Warm without being listed: sender, recipient, fee recipient, precompiles. Their slots are not.
    let request = &simulation.request;
    let warm = [
        request.from.unwrap_or_default(),
        request.to.and_then(TxKind::into_to).unwrap_or_default(),
        simulation.block.beneficiary,
    ];
    let mut items: Vec<AccessListItem> = touched
        .state
        .iter()
        .map(|(address, account)| {
            let mut storage_keys: Vec<B256> = account.storage.keys().map(|slot| B256::from(*slot)).collect();
            storage_keys.sort_unstable();
            AccessListItem { address: *address, storage_keys }
        })
        .filter(|item| !item.storage_keys.is_empty() || !(warm.contains(&item.address) || is_precompile(item.address)))
        .collect();
    items.sort_unstable_by_key(|item| item.address);
    simulation.request.access_list = Some(AccessList(items.clone()));
    context.turns.check_time()?;
    let listed = simulation.run(gas_limit)?.result;
    let gas_used = listed.tx_gas_used().max(simulation.data_gas()?);
    let mut answer = serde_json::json!({ "accessList": json::value(&items)?, "gasUsed": json::quantity(gas_used)? });
    if !listed.is_success() {
        // What it touched until then is an answer all the same.
        answer["error"] = simulation.failure(listed, gas_limit).to_string().into();
    }
    Ok(answer)
}

/// Most gas of a call that stands for a transaction.
fn transaction_gas_max(context: &RpcContext) -> u64 {
    let block_gas = context.chain.block_gas_limit.saturating_sub(CHECKPOINT_GAS);
    context.limits.call_gas_max.min(TRANSACTION_GAS_MAX).min(block_gas)
}

/// A call on a state, repeatable.
pub struct Simulation {
    block: BlockEnv,
    gas_cap: u64,
    /// Whether an operator can raise that.
    is_cap_of_node: bool,
    pub state: WorldState<Store>,
    request: TransactionRequest,
    cfg: CfgEnv,
}

impl Simulation {
    /// The call, block and overrides that the parameters of `eth_call` and its siblings name.
    fn new(context: &RpcContext, params: &Params, gas_cap: u64) -> Result<Self, RpcError> {
        let request: TransactionRequest = params.required_object(0, "a call")?;
        let id = params.block(1)?;
        let state: Option<StateOverride> = params.object(2, "state overrides")?;
        let block: Option<BlockOverrides> = params.object(3, "block overrides")?;
        Self::of(context, request, id, Overrides { state, block }, gas_cap)
    }

    /// Lets code see a time after that of the block whose state it runs on, unless the caller chose one: what is estimated is sent later, and code that
    /// keeps time (an exchange's price oracle) does work in a new second that it is spared within one.
    fn make_later(&mut self, params: &Params) -> Result<(), RpcError> {
        let chosen: Option<BlockOverrides> = params.object(3, "block overrides")?;
        if chosen.is_none_or(|chosen| chosen.time.is_none()) {
            self.block.timestamp = self.block.timestamp.saturating_add(U256::ONE);
        }
        Ok(())
    }

    /// A call on the state after a block.
    pub fn of(
        context: &RpcContext,
        request: TransactionRequest,
        id: Option<BlockId>,
        overrides: Overrides,
        gas_cap: u64,
    ) -> Result<Self, RpcError> {
        let (block, state) = context.state(id)?;
        // As other nodes do it, code sees the block whose state it runs on; only the fee is the one to pay next.
        let next_base_fee = prices::next_base_fee(context, &block)?;
        let header = Header { base_fee_per_gas: Some(next_base_fee), ..block };
        Self::on(context, request, &header, state, overrides, gas_cap)
    }

    /// A call on any state, in the block with this header.
    pub fn on(
        context: &RpcContext,
        mut request: TransactionRequest,
        header: &Header,
        mut state: WorldState<Store>,
        overrides: Overrides,
        gas_cap: u64,
    ) -> Result<Self, RpcError> {
        one_input(&mut request)?;
        one_price(&request)?;
        let mut block = block_env(header);
        overrides.apply(&mut block, &mut state)?;
        let mut cfg = cfg_env(context.chain.l2_chain_id);
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        // The node's own cap instead of those of transactions and blocks.
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        cfg.disable_block_gas_limit = true;
        let asks_fee = request.gas_price.or(request.max_fee_per_gas).unwrap_or_default() > 0;
        cfg.disable_base_fee = !asks_fee;
        let is_cap_of_node = gas_cap == context.limits.call_gas_max;
        Ok(Self { block, gas_cap, is_cap_of_node, state, request, cfg })
    }

    /// All that one run takes, with as much gas as it may have.
    pub fn execution(&mut self) -> Result<Execution, RpcError> {
        let gas_limit = self.gas_limit_max()?;
        self.execution_with(gas_limit)
    }

    /// The gas asked for, as far as the limits, and the sender's balance if a price is offered, allow.
    fn gas_limit_max(&mut self) -> Result<u64, RpcError> {
        let gas_limit = self.request.gas.unwrap_or(self.gas_cap).min(self.gas_cap);
        let price = gas_price(&self.request);
        if price == 0 {
            return Ok(gas_limit);
        }
        let balance = self.state.balance(self.request.from.unwrap_or_default())?;
        let value = self.request.value.unwrap_or_default();
        let available = balance.checked_sub(value).ok_or(RpcError::InsufficientFunds { balance, value })?;
        Ok(gas_limit.min((available / U256::from(price)).saturating_to()))
    }

    /// Gas that the data of this call takes at most, signed as a transaction.
    fn data_gas(&mut self) -> Result<u64, RpcError> {
        let nonce = self.state.account(self.request.from.unwrap_or_default())?.map_or(0, |info| info.nonce);
        Ok(unsigned::data_gas_max(&self.request, self.cfg.chain_id, nonce))
    }

    /// Whether this is nothing but a payment to an account without code.
    fn is_transfer(&mut self) -> Result<bool, RpcError> {
        let request = &self.request;
        let Some(TxKind::Call(to)) = request.to else { return Ok(false) };
        let plain = request.input.input().is_none_or(|input| input.is_empty())
            && request.access_list.as_ref().is_none_or(|list| list.is_empty())
            && request.authorization_list.as_ref().is_none_or(Vec::is_empty);
        Ok(plain && self.state.code(to)?.is_empty())
    }

    fn succeeds(&mut self, gas_limit: u64) -> Result<bool, RpcError> {
        match self.run(gas_limit) {
            Ok(outcome) => Ok(outcome.result.is_success()),
            Err(RpcError::Execution(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn execution_with(&self, gas_limit: u64) -> Result<Execution, RpcError> {
        let tx = tx_env(&self.request, gas_limit, self.cfg.chain_id);
        Ok(Execution { block: self.block.clone(), cfg: self.cfg.clone(), tx, charge: DataCharge::default() })
    }

    fn run(&mut self, gas_limit: u64) -> Result<ResultAndState, RpcError> {
        let Execution { block, cfg, tx, charge } = self.execution_with(gas_limit)?;
        transact(&mut self.state, block, cfg, tx, charge).map_err(refused)
    }
}

impl Simulation {
    /// Why a run with so much gas failed.
    fn failure(&self, result: ExecutionResult, gas_limit: u64) -> RpcError {
        match result {
            ExecutionResult::Revert { output, .. } => RpcError::Reverted(output),
            ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. }
                if self.is_cap_of_node && gas_limit == self.gas_cap =>
            {
                RpcError::CallGas { limit: gas_limit }
            }
            ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. } => {
                RpcError::Execution(format!("out of gas: gas required exceeds allowance ({gas_limit})"))
            }
            ExecutionResult::Halt { reason, .. } => RpcError::Execution(halts::words(&reason)),
            ExecutionResult::Success { .. } => RpcError::Internal("a success is no failure".into()),
        }
    }
}

/// Leaves the call's input in one of the two fields that callers use for it, unless they name two.
pub fn one_input(request: &mut TransactionRequest) -> Result<(), RpcError> {
    let named = std::mem::take(&mut request.input);
    request.input.input = named.try_into_unique_input().map_err(|_| RpcError::TwoInputs)?;
    Ok(())
}

/// Refuses a call with prices of both kinds.
pub fn one_price(request: &TransactionRequest) -> Result<(), RpcError> {
    let names_new_price = request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
    match request.gas_price.is_some() && names_new_price {
        true => Err(RpcError::TwoPrices),
        false => Ok(()),
    }
}

/// A call with one input as the EVM takes it.
pub fn tx_env(request: &TransactionRequest, gas_limit: u64, chain_id: u64) -> TxEnv {
    TxEnv {
        tx_type: transaction_type(request),
        caller: request.from.unwrap_or_default(),
        gas_limit,
        gas_price: gas_price(request),
        gas_priority_fee: request.max_fee_per_gas.map(|_| request.max_priority_fee_per_gas.unwrap_or_default()),
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: request.input.input().cloned().unwrap_or_default(),
        chain_id: Some(request.chain_id.unwrap_or(chain_id)),
        access_list: request.access_list.clone().unwrap_or_default(),
        authorization_list: request.authorization_list.iter().flatten().cloned().map(Either::Left).collect(),
        ..Default::default()
    }
}

/// Wei that each gas is offered at most.
fn gas_price(request: &TransactionRequest) -> u128 {
    request.max_fee_per_gas.or(request.gas_price).unwrap_or_default()
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

/// Why a call was not executed.
pub fn refused(rejected: Rejected<MissingPreimage>) -> RpcError {
    match rejected {
        Rejected::State(error) => error.into(),
        Rejected::Invalid(invalid) => rejection(&invalid),
        rejected => RpcError::Execution(rejected.to_string()),
    }
}

/// Why the rules refuse a call, in the words that tools look for.
fn rejection(invalid: &InvalidTransaction) -> RpcError {
    match invalid {
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
            RpcError::InsufficientFunds { balance: **balance, value: **fee }
        }
        InvalidTransaction::GasPriceLessThanBasefee => {
            RpcError::Execution("max fee per gas less than block base fee".into())
        }
        _ => RpcError::Execution(words(invalid)),
    }
}
