// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TransparentUpgradeableProxy } from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";

/// @title The address of the Bridge: holds the escrow and calls the implementation.
/// @notice Only its ProxyAdmin can upgrade it, and that obeys the gate alone (L1-GATE-1).
contract BridgeProxy is TransparentUpgradeableProxy {
    /// @param implementation the Bridge
    /// @param gate owner of the ProxyAdmin that this constructor creates
    /// @param initialization call of `initialize` of the implementation
    constructor(address implementation, address gate, bytes memory initialization)
        TransparentUpgradeableProxy(implementation, gate, initialization)
    { }
}
