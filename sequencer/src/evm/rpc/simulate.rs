//! `eth_simulateV1`: blocks of calls that nobody sends, one on the other, as they would be built on a block.
//!
//! Source: the execution API's description of the method, and its error codes. The calls are adversarial: all together get the gas of one call.

use alloy::{
    consensus::{Header, Signed, TxEip1559},
    primitives::{Address, B256, Bloom, Bytes, Signature, TxKind, U256, keccak256},
    rpc::types::{
        TransactionRequest,
        simulate::{MAX_SIMULATE_BLOCKS, SimBlock, SimulatePayload},
    },
};
use revm::{
    DatabaseCommit,
    context::{
        BlockEnv, TxEnv,
        result::{ExecutionResult, InvalidTransaction, ResultAndState},
    },
};
use revm_inspectors::transfer::TransferInspector;
use serde_json::{Value, json};
use tandem_evm::{
    EvmBlock, Receipt, Recovered, Transaction, WorldState,
    block::block_env,
    execute::{inspect, transact},
    fees::DataCharge,
    payload::SignedTransaction,
    receipt::{receipts_root, transactions_root},
};
use tandem_store::Store;

use super::{call, halts, json as shown, overrides::Overrides, prices};
use crate::rpc::{Params, RpcContext, RpcError};

/// Seconds between two simulated blocks.
const BLOCK_TIME_S: u64 = 12;

/// Simulates what parameter 0 describes on the block that parameter 1 names.
pub fn simulate(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let payload: SimulatePayload = params.required_object(0, "a simulation")?;
    let id = params.block(1)?;
    let (base, state) = context.state(id)?;
    let next_base_fee = prices::next_base_fee(context, &base)?;
    let blocks = with_gaps(payload.block_state_calls, base.number)?;
    let mut simulation = Simulated {
        context,
        state,
        parent_hash: base.hash_slow(),
        parent: base,
        gas_left: context.limits.call_gas_max,
        validates: payload.validation,
        shows_transfers: payload.trace_transfers,
        next_base_fee,
    };
    let mut answers = Vec::with_capacity(blocks.len());
    for block in blocks {
        answers.push(simulation.block(block, payload.return_full_transactions)?);
    }
    Ok(Value::Array(answers))
}

/// The blocks in order, with empty ones where numbers are left out.
fn with_gaps(blocks: Vec<SimBlock>, base: u64) -> Result<Vec<SimBlock>, RpcError> {
    if blocks.is_empty() {
        return Err(RpcError::Simulation { code: -32602, what: "empty input".into() });
    }
    let mut all = Vec::new();
    let mut next = base.saturating_add(1);
    for mut block in blocks {
        let overrides = block.block_overrides.get_or_insert_default();
        let number = overrides.number.map_or(next, |number| number.saturating_to());
        if number < next {
            let what = format!("block numbers must be in order: {number} <= {}", next.saturating_sub(1));
            return Err(RpcError::Simulation { code: -38020, what });
        }
        if number.saturating_sub(base) > MAX_SIMULATE_BLOCKS {
            return Err(RpcError::Simulation { code: -38026, what: "too many blocks".into() });
        }
        overrides.number = None;
        all.extend((next..number).map(|_| SimBlock::default()));
        next = number.saturating_add(1);
        all.push(block);
    }
    Ok(all)
}

struct Simulated<'a> {
    context: &'a RpcContext,
    state: WorldState<Store>,
    parent: Header,
    parent_hash: B256,
    /// For all calls together.
    gas_left: u64,
    validates: bool,
    shows_transfers: bool,
    /// Of the first block, in wei.
    next_base_fee: u64,
}

/// A block under construction.
struct Open {
    header: Header,
    env: BlockEnv,
    transactions: Vec<Transaction>,
    receipts: Vec<Receipt>,
    calls: Vec<Value>,
}

impl Simulated<'_> {
    fn block(&mut self, wanted: SimBlock, full: bool) -> Result<Value, RpcError> {
        let SimBlock { block_overrides, state_overrides, calls } = wanted;
        let timestamp = self.timestamp(block_overrides.as_ref().and_then(|overrides| overrides.time))?;
        let base_fee = if self.validates { self.next_base_fee } else { 0 };
        let header = Header {
            parent_hash: self.parent_hash,
            number: self.parent.number.saturating_add(1),
            timestamp,
            base_fee_per_gas: Some(base_fee),
            mix_hash: B256::ZERO,
            gas_used: 0,
            ..self.parent.clone()
        };
        let mut env = block_env(&header);
        self.state.record_block_hash(self.parent.number, self.parent_hash)?;
        Overrides { state: state_overrides, block: block_overrides }.apply(&mut env, &mut self.state)?;
        let header = Header {
            beneficiary: env.beneficiary,
            gas_limit: env.gas_limit,
            base_fee_per_gas: Some(env.basefee),
            mix_hash: env.prevrandao.unwrap_or_default(),
            ..header
        };
        let mut open = Open { header, env, transactions: vec![], receipts: vec![], calls: vec![] };
        for request in calls {
            self.call(&mut open, request)?;
        }
        self.seal(open, full)
    }

    fn timestamp(&self, wanted: Option<u64>) -> Result<u64, RpcError> {
        let last = self.parent.timestamp;
        match wanted {
            None => Ok(last.saturating_add(BLOCK_TIME_S)),
            Some(wanted) if wanted > last => Ok(wanted),
            Some(wanted) => {
                let what = format!("block timestamps must be in order: {wanted} <= {last}");
                Err(RpcError::Simulation { code: -38021, what })
            }
        }
    }

    fn call(&mut self, open: &mut Open, request: TransactionRequest) -> Result<(), RpcError> {
        self.context.turns.check_time()?;
        let tx = self.tx(open, request)?;
        let mut cfg = tandem_evm::block::cfg_env(self.context.chain.l2_chain_id);
        cfg.disable_nonce_check = !self.validates;
        cfg.disable_eip3607 = !self.validates;
        cfg.disable_base_fee = !self.validates;
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        let (env, charge) = (open.env.clone(), DataCharge::default());
        let outcome = match self.shows_transfers {
            true => {
                inspect(&mut self.state, env, cfg, tx.clone(), charge, TransferInspector::new(false).with_logs(true))
            }
            false => transact(&mut self.state, env, cfg, tx.clone(), charge),
        };
        let ResultAndState { result, state } = outcome.map_err(refused)?;
        self.state.commit(state);
        let gas_used = result.tx_gas_used();
        self.gas_left = self.gas_left.saturating_sub(gas_used);
        open.header.gas_used = open.header.gas_used.saturating_add(gas_used);
        open.calls.push(told(&result, gas_used));
        open.receipts.push(Receipt {
            tx_type: 2,
            success: result.is_success(),
            cumulative_gas_used: open.header.gas_used,
            logs: result.into_logs(),
        });
        open.transactions.push(Transaction::Signed(unsigned(&tx)));
        Ok(())
    }

    /// The call with what it leaves open: the account's nonce, and as much gas as there is.
    fn tx(&mut self, open: &Open, mut request: TransactionRequest) -> Result<TxEnv, RpcError> {
        let block_gas_left = open.env.gas_limit.saturating_sub(open.header.gas_used);
        let wanted = request.gas.unwrap_or(block_gas_left);
        if wanted > block_gas_left {
            let what = format!("block gas limit reached: {wanted} > {block_gas_left}");
            return Err(RpcError::Simulation { code: -38015, what });
        }
        call::one_input(&mut request)?;
        let caller = request.from.unwrap_or_default();
        let nonce = match request.nonce {
            Some(nonce) => nonce,
            None => self.state.account(caller)?.map_or(0, |info| info.nonce),
        };
        let chain_id = self.context.chain.l2_chain_id;
        Ok(TxEnv { nonce, ..call::tx_env(&request, wanted.min(self.gas_left), chain_id) })
    }

    /// Completes a block; the next stands on it.
    fn seal(&mut self, open: Open, full: bool) -> Result<Value, RpcError> {
        let Open { mut header, transactions, receipts, calls, .. } = open;
        let (state_root, _) = self.state.seal()?;
        header.state_root = state_root;
        header.transactions_root = transactions_root(&transactions);
        header.receipts_root = receipts_root(&receipts);
        header.logs_bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom());
        let hash = keccak256(alloy::rlp::encode(&header));
        let block = EvmBlock { header, hash, transactions, receipts, message_count: 0 };
        let mut answer = shown::block(&block, None)?;
        if full {
            let whole = block.transactions.iter().enumerate().map(|(index, transaction)| {
                shown::transaction(transaction, Some(shown::Inclusion::unpriced(&block, index)))
            });
            answer["transactions"] = whole.collect::<Result<_, _>>()?;
        }
        let mut position = 0;
        let mut told = Vec::with_capacity(calls.len());
        for (index, (mut call, receipt)) in calls.into_iter().zip(&block.receipts).enumerate() {
            let logs = receipt.logs.iter().map(|log| {
                position += 1;
                shown::log(&block, index, position - 1, log)
            });
            call["logs"] = logs.collect();
            told.push(call);
        }
        answer["calls"] = told.into();
        (self.parent, self.parent_hash) = (block.header, hash);
        Ok(answer)
    }
}

/// The result of a call, its logs apart.
fn told(result: &ExecutionResult, gas_used: u64) -> Value {
    let output = result.output().cloned().unwrap_or_default();
    let mut call = json!({
        "returnData": output,
        "gasUsed": U256::from(gas_used),
        "maxUsedGas": U256::from(result.gas().total_gas_spent().max(gas_used)),
        "status": if result.is_success() { "0x1" } else { "0x0" },
    });
    match result {
        ExecutionResult::Success { .. } => {}
        ExecutionResult::Revert { output, .. } => {
            call["error"] =
                json!({ "code": 3, "message": RpcError::Reverted(output.clone()).to_string(), "data": output });
        }
        ExecutionResult::Halt { reason, .. } => {
            call["returnData"] = json!(Bytes::new());
            call["error"] = json!({ "code": -32015, "message": halts::words(reason) });
        }
    }
    call
}

/// What the call would be as a transaction, without the signature that nobody made.
fn unsigned(tx: &TxEnv) -> Recovered {
    let transaction = TxEip1559 {
        chain_id: tx.chain_id.unwrap_or_default(),
        nonce: tx.nonce,
        gas_limit: tx.gas_limit,
        max_fee_per_gas: tx.gas_price,
        max_priority_fee_per_gas: tx.gas_priority_fee.unwrap_or_default(),
        to: match tx.kind {
            TxKind::Call(to) => TxKind::Call(to),
            TxKind::Create => TxKind::Create,
        },
        value: tx.value,
        access_list: tx.access_list.clone(),
        input: tx.data.clone(),
    };
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    let caller: Address = tx.caller;
    Recovered::new_unchecked(SignedTransaction::Eip1559(Signed::new_unhashed(transaction, signature)), caller)
}

/// Why a call ends the simulation, with the execution API's code.
fn refused(rejected: tandem_evm::block::Rejected<tandem_store::MissingPreimage>) -> RpcError {
    use InvalidTransaction as Invalid;
    let tandem_evm::block::Rejected::Invalid(invalid) = rejected else { return call::refused(rejected) };
    let code = match &invalid {
        Invalid::NonceTooLow { .. } => -38010,
        Invalid::NonceTooHigh { .. } => -38011,
        Invalid::GasPriceLessThanBasefee => -38012,
        Invalid::CallGasCostMoreThanGasLimit { .. } | Invalid::GasFloorMoreThanGasLimit { .. } => -38013,
        Invalid::LackOfFundForMaxFee { .. } => -38014,
        Invalid::CallerGasLimitMoreThanBlock => -38015,
        Invalid::RejectCallerWithCode => -38024,
        Invalid::CreateInitCodeSizeLimit => -38025,
        _ => -32000,
    };
    RpcError::Simulation { code, what: call::refused(tandem_evm::block::Rejected::Invalid(invalid)).to_string() }
}
