// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title A contract that holds an account: calls what it is told to, and does what it is told to when it is paid.
contract Holder {
    bool public refuses;
    bool public wasCalled;
    /// @notice Why the call that it made while it was paid failed; zero if it did not.
    bytes4 public failure;

    address private _callee;
    bytes private _call;

    /// @notice Whether it refuses ether, and what it calls when it gets some.
    function set(bool refuses_, address callee, bytes calldata call_) external {
        (refuses, _callee, _call) = (refuses_, callee, call_);
    }

    /// @notice Calls as the account that it is.
    function run(address callee, bytes calldata call_) external payable returns (bytes memory answer) {
        bool success;
        (success, answer) = callee.call{ value: msg.value }(call_);
        if (success) return answer;
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }

    receive() external payable {
        require(!refuses, "no");
        if (_callee == address(0) || wasCalled) return;
        wasCalled = true;
        (bool success, bytes memory answer) = _callee.call(_call);
        if (!success) failure = bytes4(answer);
    }
}
