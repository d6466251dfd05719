// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IMessageExecutor } from "./interfaces/IMessageExecutor.sol";

/// @title The contract that makes the calls that L2 asks for, so that they never come from the Bridge.
/// @notice Rules: L1-WD-4. It holds nothing between transactions and has no rights anywhere: never approve tokens to it. The callee
/// checks that `msg.sender` is this contract and reads `l2Sender()`. Immutable. Adversarial: the callee.
contract MessageExecutor is IMessageExecutor {
    /// @dev Upper bound of what a call with value costs before the callee's first instruction.
    uint256 private constant CALL_OVERHEAD_GAS = 40_000;
    /// @dev Bytes of the callee's revert reason that are passed on.
    uint256 private constant MAX_REASON_BYTES = 1024;

    address public immutable bridge;

    address private transient _l2Sender;
    bool private transient _executing;

    error MessageExecutor_NotBridge(address caller);
    error MessageExecutor_Busy();
    error MessageExecutor_Idle();
    error MessageExecutor_TooLittleGas(uint256 available, uint64 gasLimit);
    error MessageExecutor_CallFailed(address target, bytes reason);

    constructor(address bridge_) {
        bridge = bridge_;
    }

    /// @inheritdoc IMessageExecutor
    /// @dev Caller: the Bridge. Not re-entrant: a callee cannot have another message executed inside its own.
    function execute(address sender, address target, uint64 gasLimit, bytes calldata data) external payable {
        if (msg.sender != bridge) revert MessageExecutor_NotBridge(msg.sender);
        if (_executing) revert MessageExecutor_Busy();
        (_executing, _l2Sender) = (true, sender);

        bytes memory input = data;
        bool success;
        // A callee that catches failures of its own must not be starved by whoever pays for this transaction.
        uint256 available = gasleft();
        uint256 neededGas = CALL_OVERHEAD_GAS + uint256(gasLimit) * 64 / 63;
        if (available < neededGas) revert MessageExecutor_TooLittleGas(available, gasLimit);
        assembly ("memory-safe") {
            // No return data is copied: a callee cannot make us pay for memory.
            success := call(gas(), target, callvalue(), add(input, 0x20), mload(input), 0, 0)
        }
        if (!success) revert MessageExecutor_CallFailed(target, _reason());
        (_executing, _l2Sender) = (false, address(0));
    }

    /// @inheritdoc IMessageExecutor
    function l2Sender() external view returns (address) {
        if (!_executing) revert MessageExecutor_Idle();
        return _l2Sender;
    }

    function _reason() private pure returns (bytes memory reason) {
        uint256 length;
        assembly ("memory-safe") {
            length := returndatasize()
        }
        if (length > MAX_REASON_BYTES) length = MAX_REASON_BYTES;
        reason = new bytes(length);
        assembly ("memory-safe") {
            returndatacopy(add(reason, 0x20), 0, length)
        }
    }
}
