// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What the L2 bridge asks of the Bridge on L1 (L1-WD-4).
interface IL1Bridge {
    /// @notice Pays `amount` of `l1Token` out of escrow to `to`. Only as a message of the L2 bridge predeploy.
    function releaseERC20(address l1Token, address to, uint256 amount) external;
}
