// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title The contract that makes the calls that L2 asks for.
interface IMessageExecutor {
    /// @notice The only caller of `execute`.
    function bridge() external view returns (address);

    /// @notice The L2 sender of the message in execution. Reverts at any other time.
    function l2Sender() external view returns (address);

    /// @notice Calls `target` with the value sent along, on behalf of `sender` on L2, with at least `gasLimit` gas. Reverts if the call
    /// does.
    function execute(address sender, address target, uint64 gasLimit, bytes calldata data) external payable;
}
