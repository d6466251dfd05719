// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title The token messages that the Bridge and the bridge predeploy on L2 send each other.
interface IL2Bridge {
    /// @notice On L2, from the alias of the Bridge: credits `amount` of the token bridged from `l1Token` to `to`.
    function finalizeDeposit(
        address l1Token,
        address from,
        address to,
        uint256 amount,
        string calldata name,
        string calldata symbol,
        uint8 decimals
    ) external;
}

interface IERC20Release {
    /// @notice In messages of the bridge predeploy to the Bridge: pays `amount` of `l1Token` out of escrow to `to`.
    function releaseERC20(address l1Token, address to, uint256 amount) external;
}
