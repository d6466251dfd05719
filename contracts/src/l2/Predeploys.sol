// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Where the predeploys live, and who may speak to them (rules PRE-1, PRE-2 of `docs/spec/predeploys.md`).
/// @dev Twin: `chain/evm/src/predeploys/mod.rs`.
library Predeploys {
    address internal constant MESSAGE_PASSER = 0x5400000000000000000000000000000000000001;
    address internal constant L2_BRIDGE = 0x5400000000000000000000000000000000000002;
    address internal constant L1_INFO = 0x5400000000000000000000000000000000000003;
    address internal constant FEE_VAULT = 0x5400000000000000000000000000000000000004;
    address internal constant BRIDGED_TOKEN = 0x5400000000000000000000000000000000000005;
    address internal constant ADDRESS_TABLE = 0x5400000000000000000000000000000000000006;

    /// @dev Caller of the rulebook's own calls; nobody holds its key.
    address internal constant SYSTEM = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE;

    /// @dev What an L1 contract's address is moved by when it sends a message (L1-MSG-3).
    uint160 private constant ALIAS_OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @dev The address under which `l1Contract` appears on L2, modulo 2^160.
    function aliasOf(address l1Contract) internal pure returns (address) {
        unchecked {
            return address(uint160(l1Contract) + ALIAS_OFFSET);
        }
    }
}
