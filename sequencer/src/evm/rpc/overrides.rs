//! Calls on a state and in a block that are not the chain's. What cannot be overridden is refused, never ignored.

use alloy::{
    primitives::{Address, B256, U256, map::B256HashMap},
    rpc::types::{
        BlockOverrides,
        state::{AccountOverride, StateOverride},
    },
};
use revm::{
    DatabaseCommit,
    context::BlockEnv,
    context_interface::block::BlobExcessGasAndPrice,
    state::{Account, AccountStatus},
};
use tandem_evm::WorldState;
use tandem_store::Store;

use super::precompiles::is_precompile;
use crate::rpc::RpcError;

/// What a caller wants to be otherwise.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Balance, nonce, code and storage of accounts.
    pub state: Option<StateOverride>,
    /// What code sees of the block.
    pub block: Option<BlockOverrides>,
}

impl Overrides {
    /// Changes the block that code sees, and the state that it runs on.
    pub fn apply(self, block: &mut BlockEnv, state: &mut WorldState<Store>) -> Result<(), RpcError> {
        if let Some(overrides) = self.block {
            override_block(overrides, block, state)?;
        }
        for (address, account) in self.state.into_iter().flatten() {
            override_account(address, account, state)?;
        }
        Ok(())
    }
}

/// The number in a field, as far as the EVM can hold it.
fn number<T: TryFrom<U256>>(value: U256, what: &'static str) -> Result<T, RpcError> {
    T::try_from(value).map_err(|_| RpcError::BadOverride { what })
}

fn override_block(
    overrides: BlockOverrides,
    block: &mut BlockEnv,
    state: &mut WorldState<Store>,
) -> Result<(), RpcError> {
    let BlockOverrides {
        number: block_number,
        difficulty,
        time,
        gas_limit,
        coinbase,
        random,
        base_fee,
        blob_base_fee,
        block_hash,
        beacon_root,
    } = overrides;
    if difficulty.is_some_and(|difficulty| !difficulty.is_zero()) {
        return Err(RpcError::BadOverride { what: "a difficulty: there is none; prevRandao is what its opcode gives" });
    }
    if beacon_root.is_some() {
        return Err(RpcError::BadOverride { what: "beaconRoot: calls do not begin a block" });
    }
    block.number = block_number.unwrap_or(block.number);
    block.timestamp = time.map_or(block.timestamp, U256::from);
    block.gas_limit = gas_limit.unwrap_or(block.gas_limit);
    block.beneficiary = coinbase.unwrap_or(block.beneficiary);
    block.prevrandao = random.or(block.prevrandao);
    if let Some(base_fee) = base_fee {
        block.basefee = number(base_fee, "a base fee of 2^64 or more")?;
    }
    if let Some(price) = blob_base_fee {
        let blob_gasprice = number(price, "a blob base fee of 2^128 or more")?;
        block.blob_excess_gas_and_price = Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice });
    }
    for (block_number, hash) in block_hash.into_iter().flatten() {
        state.record_block_hash(block_number, hash)?;
    }
    Ok(())
}

fn override_account(address: Address, account: AccountOverride, state: &mut WorldState<Store>) -> Result<(), RpcError> {
    let AccountOverride { balance, nonce, code, state: all_slots, state_diff, move_precompile_to } = account;
    if move_precompile_to.is_some() {
        return Err(RpcError::BadOverride { what: "movePrecompileToAddress: precompiles stay where they are" });
    }
    if code.is_some() && is_precompile(address) {
        return Err(RpcError::BadOverride { what: "the code of a precompile" });
    }
    if all_slots.is_some() && state_diff.is_some() {
        return Err(RpcError::BadOverride { what: "both state and stateDiff of an account" });
    }
    let info = state.account(address)?.unwrap_or_default();
    let code = match code {
        Some(code) => code,
        None => state.code(address)?,
    };
    if all_slots.is_some() {
        // Destroyed, its storage is empty; what follows makes it anew.
        let mut destroyed = Account::default();
        destroyed.status = AccountStatus::Touched | AccountStatus::SelfDestructed;
        state.commit([(address, destroyed)].into_iter().collect());
    }
    let slots = |slots: B256HashMap<B256>| slots.into_iter().map(|(slot, value)| (slot.into(), value.into()));
    let storage: Vec<(U256, U256)> = all_slots.or(state_diff).map(slots).into_iter().flatten().collect();
    state.insert(address, nonce.unwrap_or(info.nonce), balance.unwrap_or(info.balance), &code, &storage);
    Ok(())
}
