//! The accounts of an EVM chain before its first block (PRE-GEN-1, EVM-GEN-1).
//!
//! Nothing holds ether: all of it comes from deposits, which is what makes the escrow equation start at zero.

use alloc::{vec, vec::Vec};

use alloy_primitives::{Address, Bytes, U256};
use tandem_chain::{ChainConfig, message_tree};

use crate::predeploys::{self, Bytecode, bytecode};

/// Nonce of every account at genesis: that of a contract (EIP-161), so that none is empty.
const CONTRACT_NONCE: u64 = 1;

/// One account of the genesis state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisAccount {
    /// Transactions sent or contracts created.
    pub nonce: u64,
    /// Wei; zero for every account.
    pub balance: U256,
    /// The runtime bytecode, empty for an account without code.
    pub code: Bytes,
    /// Slots that are not zero, with their values.
    pub storage: Vec<(U256, U256)>,
}

/// All accounts of the genesis state, by address.
pub fn genesis_accounts(config: &ChainConfig) -> Vec<(Address, GenesisAccount)> {
    let empty_message_root = message_tree::empty_roots().last().copied().unwrap_or_default();
    let mut accounts = vec![
        contract(
            predeploys::MESSAGE_PASSER,
            bytecode::MESSAGE_PASSER,
            &[
                (predeploys::MESSAGE_ROOT_SLOT, U256::from_be_bytes(empty_message_root.0)),
                (predeploys::PASSER_L1_BRIDGE_SLOT, word(config.bridge)),
            ],
        ),
        contract(predeploys::L2_BRIDGE, bytecode::L2_BRIDGE, &[(predeploys::L1_BRIDGE_SLOT, word(config.bridge))]),
        contract(predeploys::L1_INFO, bytecode::L1_INFO, &[]),
        contract(
            predeploys::FEE_VAULT,
            bytecode::FEE_VAULT,
            &[(predeploys::L1_FEE_RECIPIENT_SLOT, word(config.l1_fee_recipient))],
        ),
        contract(predeploys::BRIDGED_TOKEN, bytecode::BRIDGED_TOKEN, &[]),
        contract(predeploys::ADDRESS_TABLE, bytecode::ADDRESS_TABLE, &[]),
        contract(predeploys::HISTORY_STORAGE, bytecode::HISTORY_STORAGE, &[]),
        contract(predeploys::CREATE2_DEPLOYER, bytecode::CREATE2_DEPLOYER, &[]),
        contract(predeploys::MULTICALL3, bytecode::MULTICALL3, &[]),
    ];
    accounts.sort_by_key(|(address, _)| *address);
    accounts
}

fn contract(address: Address, bytecode: Bytecode, storage: &[(U256, U256)]) -> (Address, GenesisAccount) {
    let account = GenesisAccount {
        nonce: CONTRACT_NONCE,
        balance: U256::ZERO,
        code: Bytes::from_static(bytecode.code),
        storage: storage.iter().copied().filter(|(_, value)| !value.is_zero()).collect(),
    };
    (address, account)
}

fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}
