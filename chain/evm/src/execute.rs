//! Executing one transaction: as on Ethereum, but for the least gas that its data takes, and for what is paid.
//!
//! Rules: EVM-FEE-4, EVM-FEE-5, EVM-ENV-1 (`docs/spec/evm.md`). Twin: none, the guest runs this code. Transactions are adversarial.
//! Invariant: the sender pays gas used times effective price, the beneficiary gets it, and no other wei comes or goes.

use alloy_primitives::U256;
use revm::{
    Context, MainBuilder, MainContext, MainnetEvm,
    context::{
        Block, BlockEnv, CfgEnv, ContextTr, JournalTr, Transaction, TxEnv,
        journaled_state::account::JournaledAccountTr,
        result::{EVMError, HaltReason, InvalidTransaction, ResultAndState},
    },
    context_interface::ContextSetters,
    handler::{EthFrame, FrameResult, Handler, MainnetContext, MainnetHandler},
    inspector::{Inspector, InspectorHandler},
    interpreter::{Gas, InitialAndFloorGas, interpreter::EthInterpreter},
};
use tandem_chain::PreimageSource;

use crate::{
    cryptography,
    fees::DataCharge,
    rejected::Rejected,
    state::{StateError, WorldState},
};

/// What an inspector sees of an execution: the EVM's context over the state.
pub type ExecutionContext<'a, S> = MainnetContext<&'a mut WorldState<S>>;
type Evm<'a, S, I = ()> = MainnetEvm<ExecutionContext<'a, S>, I>;
type Failure<S> = EVMError<StateError<<S as PreimageSource>::Error>>;

/// Executes one transaction on `state` without committing it.
pub fn transact<S: PreimageSource>(
    state: &mut WorldState<S>,
    block: BlockEnv,
    cfg: CfgEnv,
    tx: TxEnv,
    charge: DataCharge,
) -> Result<ResultAndState, Rejected<S::Error>> {
    cryptography::installed();
    let mut evm = evm(state, block, cfg, tx);
    let result = FeeHandler::new(charge).run(&mut evm)?;
    Ok(ResultAndState::new(result, evm.ctx.journal_mut().finalize()))
}

/// As [`transact`], watched by an inspector, which must not interfere.
pub fn inspect<'a, S: PreimageSource, I: Inspector<ExecutionContext<'a, S>>>(
    state: &'a mut WorldState<S>,
    block: BlockEnv,
    cfg: CfgEnv,
    tx: TxEnv,
    charge: DataCharge,
    inspector: I,
) -> Result<ResultAndState, Rejected<S::Error>> {
    cryptography::installed();
    let mut evm = evm(state, block, cfg, tx).with_inspector(inspector);
    let result = FeeHandler::new(charge).inspect_run(&mut evm)?;
    Ok(ResultAndState::new(result, evm.ctx.journal_mut().finalize()))
}

/// Whether a transaction is valid, as [`transact`] would find.
pub(crate) fn validate<S: PreimageSource>(
    state: &mut WorldState<S>,
    block: BlockEnv,
    cfg: CfgEnv,
    tx: TxEnv,
    charge: DataCharge,
) -> Result<(), Rejected<S::Error>> {
    FeeHandler::new(charge).validate(&mut evm(state, block, cfg, tx))?;
    Ok(())
}

fn evm<S: PreimageSource>(state: &mut WorldState<S>, block: BlockEnv, cfg: CfgEnv, tx: TxEnv) -> Evm<'_, S> {
    let mut evm = Context::mainnet().with_db(state).with_cfg(cfg).with_block(block).build_mainnet();
    evm.ctx.set_tx(tx);
    evm
}

/// Ethereum's handler with three of its steps changed.
struct FeeHandler<'a, S: PreimageSource, I = ()> {
    charge: DataCharge,
    mainnet: MainnetHandler<Evm<'a, S, I>, Failure<S>, EthFrame>,
}

impl<S: PreimageSource, I> FeeHandler<'_, S, I> {
    fn new(charge: DataCharge) -> Self {
        Self { charge, mainnet: MainnetHandler::default() }
    }

    /// Wei taken from the sender before execution, and what of them is paid (EVM-FEE-5). All factors are below 2^128.
    fn taken_and_paid(&self, evm: &Evm<'_, S, I>, gas: &Gas) -> (U256, U256) {
        let (tx, block) = (evm.ctx.tx(), evm.ctx.block());
        let refunded = u64::try_from(gas.refunded()).unwrap_or_default();
        let unused = gas.remaining().saturating_add(gas.reservoir()).saturating_add(refunded);
        let gas_used = tx.gas_limit().saturating_sub(unused);
        let bid = tx.effective_gas_price(block.basefee().into());
        let price = self.charge.effective_price(bid, gas_used);
        let cost = |gas: u64, price: u128| U256::from(gas).saturating_mul(U256::from(price));
        (cost(tx.gas_limit(), bid), cost(gas_used, price))
    }
}

impl<'a, S: PreimageSource, I> Handler for FeeHandler<'a, S, I> {
    type Evm = Evm<'a, S, I>;
    type Error = Failure<S>;
    type HaltReason = HaltReason;

    /// EVM-FEE-4: the data's gas is a floor as EIP-7623's is, to be allowed for before, and to be used at least.
    fn validate_initial_tx_gas(&self, evm: &mut Self::Evm) -> Result<InitialAndFloorGas, Self::Error> {
        let gas = self.mainnet.validate_initial_tx_gas(evm)?;
        let (gas_floor, gas_limit) = (gas.floor_gas().max(self.charge.gas), evm.ctx.tx().gas_limit());
        if gas_floor > gas_limit {
            return Err(InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit }.into());
        }
        Ok(gas.with_floor_gas(gas_floor))
    }

    fn reimburse_caller(&self, evm: &mut Self::Evm, executed: &mut FrameResult) -> Result<(), Self::Error> {
        let (taken, paid) = self.taken_and_paid(evm, executed.gas());
        let caller = evm.ctx.tx().caller();
        evm.ctx.journal_mut().load_account_mut(caller)?.incr_balance(taken.saturating_sub(paid));
        Ok(())
    }

    fn reward_beneficiary(&self, evm: &mut Self::Evm, executed: &mut FrameResult) -> Result<(), Self::Error> {
        let (_, paid) = self.taken_and_paid(evm, executed.gas());
        let beneficiary = evm.ctx.block().beneficiary();
        evm.ctx.journal_mut().load_account_mut(beneficiary)?.incr_balance(paid);
        Ok(())
    }
}

impl<'a, S: PreimageSource, I: Inspector<ExecutionContext<'a, S>>> InspectorHandler for FeeHandler<'a, S, I> {
    type IT = EthInterpreter;
}
