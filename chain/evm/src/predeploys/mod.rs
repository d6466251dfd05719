//! The contracts that every EVM chain has from genesis: where they are, and what the rulebook reads and calls of them.
//!
//! Rules: `docs/spec/predeploys.md` (PRE-*). Twins: `contracts/src/l2`, above all `Predeploys.sol`. Storage read here was written
//! by that bytecode alone, so its form can be relied upon; its content is the users'.

pub mod bytecode;

pub use bytecode::Bytecode;

use alloy_primitives::{Address, B256, Bytes, Log, U256, address, keccak256};
use alloy_sol_types::{SolCall, SolEvent, sol};
use tandem_chain::{Checkpoint, L2Message};

/// Messages to L1 (PRE-MSG-*).
pub const MESSAGE_PASSER: Address = address!("5400000000000000000000000000000000000001");
/// Token bridge and factory (PRE-BRIDGE-*).
pub const L2_BRIDGE: Address = address!("5400000000000000000000000000000000000002");
/// The checkpoint and the data fee (PRE-INFO-*, FEE-L1).
pub const L1_INFO: Address = address!("5400000000000000000000000000000000000003");
/// Where all fees go (PRE-FEE-*).
pub const FEE_VAULT: Address = address!("5400000000000000000000000000000000000004");
/// Code behind every bridged token (PRE-TOKEN-*).
pub const BRIDGED_TOKEN: Address = address!("5400000000000000000000000000000000000005");
/// Addresses by index (PRE-TABLE-*).
pub const ADDRESS_TABLE: Address = address!("5400000000000000000000000000000000000006");
/// The contract that keeps block hashes (EIP-2935).
pub const HISTORY_STORAGE: Address = address!("0000F90827F1C53a10cb7A02335B175320002935");
/// The deterministic deployment proxy, where tools expect it.
pub const CREATE2_DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");
/// Multicall3, where tools expect it.
pub const MULTICALL3: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");

/// Caller of the rulebook's own calls (PRE-2).
pub const SYSTEM: Address = address!("fffffffffffffffffffffffffffffffffffffffe");

/// Whether nobody may sign or send as `address` (PRE-3): the system, and what has or may get a place among the predeploys.
pub fn is_reserved(address: Address) -> bool {
    address == SYSTEM || address.0.first_chunk::<19>() == MESSAGE_PASSER.0.first_chunk::<19>()
}

/// Slot of the message passer with the root of the message tree (PRE-MSG-2).
pub const MESSAGE_ROOT_SLOT: U256 = U256::ZERO;
/// Slot of the message passer with the number of messages (PRE-MSG-2).
pub const MESSAGE_COUNT_SLOT: U256 = U256::ONE;
/// Slot of the message passer with the address of the Bridge on L1 (PRE-MSG-2).
pub const PASSER_L1_BRIDGE_SLOT: U256 = U256::from_limbs([34, 0, 0, 0]);
/// Slot of the bridge with the address of the Bridge on L1 (PRE-BRIDGE-2).
pub const L1_BRIDGE_SLOT: U256 = U256::ZERO;
/// Slot of the fee vault with the recipient on L1 (PRE-FEE-1).
pub const L1_FEE_RECIPIENT_SLOT: U256 = U256::ZERO;
/// Slot of the address table with the number of addresses (PRE-TABLE-1).
pub const ADDRESS_COUNT_SLOT: U256 = U256::ZERO;

/// keccak256(uint256(0)): where Solidity puts the elements of an array in slot 0.
const ADDRESS_ELEMENTS_SLOT: B256 =
    alloy_primitives::b256!("290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563");

sol! {
    function set(uint64 number, uint64 timestamp, uint256 baseFee, uint256 blobBaseFee);
    event MessageSent(
        uint64 indexed index,
        address indexed sender,
        address indexed target,
        uint256 value,
        uint64 gasLimit,
        bytes data,
        bytes32 messageHash
    );
}

/// Slot of the address table with address `index` (PRE-TABLE-1); zero there means that none has this index.
pub fn address_slot(index: u64) -> U256 {
    U256::from_be_bytes(ADDRESS_ELEMENTS_SLOT.0).wrapping_add(U256::from(index))
}

/// Where the address table keeps the index of `account`, plus one (PRE-TABLE-1): a Solidity mapping at slot 1.
pub fn address_index_slot(account: Address) -> U256 {
    let mut key = [0; 64];
    let (word, slot) = key.split_at_mut(32);
    word.copy_from_slice(account.into_word().as_slice());
    slot.copy_from_slice(B256::with_last_byte(1).as_slice());
    keccak256(key).into()
}

/// What [`SYSTEM`] calls [`L1_INFO`] with to store a checkpoint (PRE-INFO-1).
pub fn set_checkpoint_calldata(checkpoint: &Checkpoint) -> Bytes {
    let call = setCall {
        number: checkpoint.number,
        timestamp: checkpoint.timestamp,
        baseFee: checkpoint.base_fee,
        blobBaseFee: checkpoint.blob_base_fee,
    };
    call.abi_encode().into()
}

/// The message to L1 that `log` announces, if it is the message passer's (PRE-MSG-1).
pub fn message_from_log(log: &Log) -> Option<L2Message> {
    if log.address != MESSAGE_PASSER {
        return None;
    }
    let sent = MessageSent::decode_log_data(&log.data).ok()?;
    Some(L2Message {
        index: sent.index,
        sender: sent.sender,
        target: sent.target,
        value: sent.value,
        gas_limit: sent.gasLimit,
        data: sent.data,
    })
}

#[cfg(test)]
mod tests;
