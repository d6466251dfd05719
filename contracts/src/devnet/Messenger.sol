// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

interface IBridgeOnL1 {
    function sendMessage(address to, uint256 value, uint64 gasLimit, address refund, bytes calldata data)
        external
        payable
        returns (uint64);
}

interface IPasserOnL2 {
    function send(address target, uint64 gasLimit, bytes calldata data) external payable returns (uint64);
}

/// @title Two of these, one on each chain, talk to each other: an example, used by the end-to-end scenarios.
contract Messenger {
    event Noted(address indexed caller, uint256 indexed number, uint256 value);

    address private constant PASSER = 0x5400000000000000000000000000000000000001;

    address public lastCaller;
    uint256 public lastNumber;

    /// @notice What the other side calls.
    function note(uint256 number) external payable {
        lastCaller = msg.sender;
        lastNumber = number;
        emit Noted(msg.sender, number, msg.value);
    }

    /// @notice On L1: has `target.note(number)` called on L2.
    function noteOnL2(address bridge, address target, uint64 gasLimit, uint256 number) external payable {
        bytes memory data = abi.encodeCall(this.note, (number));
        IBridgeOnL1(bridge).sendMessage{ value: msg.value }(target, msg.value, gasLimit, msg.sender, data);
    }

    /// @notice On L2: has `target.note(number)` called on L1.
    function noteOnL1(address target, uint64 gasLimit, uint256 number) external payable {
        IPasserOnL2(PASSER).send{ value: msg.value }(target, gasLimit, abi.encodeCall(this.note, (number)));
    }
}
