//! Runtime bytecode of the contracts that genesis installs, each pinned by its hash (PRE-CODE-1).
//!
//! Ours are built from `contracts/src/l2`; `contracts/script/predeploys.sh --check` rebuilds and compares. The others are
//! what Ethereum runs at the same addresses: EIP-2935's code, the deterministic deployment proxy, Multicall3.

use alloy_primitives::{B256, b256, hex};

/// A contract's runtime bytecode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytecode {
    /// The bytes that the account's code consists of.
    pub code: &'static [u8],
    /// Its keccak hash: the account's code hash.
    pub hash: B256,
}

/// Decodes a committed file while compiling; a file that is not hexadecimal does not compile.
macro_rules! bytecode {
    ($file:literal, $hash:literal) => {{
        const HEX: &[u8] = include_bytes!(concat!("bytecode/", $file, ".hex")).trim_ascii();
        const CODE: [u8; HEX.len() / 2] = match hex::const_decode_to_array(HEX) {
            Ok(code) => code,
            Err(_) => panic!("not hexadecimal"),
        };
        Bytecode { code: &CODE, hash: b256!($hash) }
    }};
}

/// The code of `contracts/src/l2/MessagePasser.sol`.
pub const MESSAGE_PASSER: Bytecode =
    bytecode!("MessagePasser", "e14665840a780a2fdc1796adebc7e550e0994d640af5f90abe3cd450e38a383e");
/// The code of `contracts/src/l2/L2Bridge.sol`.
pub const L2_BRIDGE: Bytecode =
    bytecode!("L2Bridge", "0d8078789dbedd8c279493c9efcad234ac29b2b8e2bda8df3855513ce26774c1");
/// The code of `contracts/src/l2/L1Info.sol`.
pub const L1_INFO: Bytecode = bytecode!("L1Info", "0089df44e438ec5febe511ab0770f13df25066022fc31464d3089b84dcc6d416");
/// The code of `contracts/src/l2/FeeVault.sol`.
pub const FEE_VAULT: Bytecode =
    bytecode!("FeeVault", "1d318adfbce1d2b07d6c019cae02f889d290241c25abc750d097d68f64779935");
/// The code of `contracts/src/l2/BridgedToken.sol`.
pub const BRIDGED_TOKEN: Bytecode =
    bytecode!("BridgedToken", "5cb928797b46ef139aad36b2ca37b2d2840155bd5c0bbd71d71dacdf8f330f1d");
/// The code of `contracts/src/l2/AddressTable.sol`.
pub const ADDRESS_TABLE: Bytecode =
    bytecode!("AddressTable", "b32975378e29647bcdb9813ba97f731cad2736c589c4518a7ffcc22a5dd0fc81");
/// EIP-2935, as the EIP gives it.
pub const HISTORY_STORAGE: Bytecode =
    bytecode!("HistoryStorage", "6e49e66782037c0555897870e29fa5e552daf4719552131a0abce779daec0a5d");
/// The deterministic deployment proxy.
pub const CREATE2_DEPLOYER: Bytecode =
    bytecode!("Create2Deployer", "2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989");
/// The code of Multicall3, as it is on other chains.
pub const MULTICALL3: Bytecode =
    bytecode!("Multicall3", "d5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891");
