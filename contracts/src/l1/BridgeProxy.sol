// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TransparentUpgradeableProxy } from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";

/// @title The address of the Bridge: holds the escrow and calls the implementation.
/// @notice Only its ProxyAdmin can upgrade it, and that obeys the timelock alone.
contract BridgeProxy is TransparentUpgradeableProxy {
    /// @param implementation the Bridge
    /// @param timelock owner of the ProxyAdmin that this constructor creates
    /// @param initialization call of `Bridge.initialize`
    constructor(address implementation, address timelock, bytes memory initialization)
        TransparentUpgradeableProxy(implementation, timelock, initialization)
    { }
}
