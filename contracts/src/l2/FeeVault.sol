// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { MessagePasser } from "./MessagePasser.sol";
import { Predeploys } from "./Predeploys.sol";

/// @title Where all fees go: base fee, priority fee and L1 data fee (PRE-FEE-*).
/// @notice Anyone may send the balance to the L1 fee recipient, and nothing else can be done with it.
/// @dev Slot 0 is the recipient, set by genesis and never written. The rulebook credits fees without calling.
contract FeeVault {
    /// @notice L1 gas of the payment: enough for a contract that receives and records it.
    uint64 public constant WITHDRAW_GAS = 100_000;

    /// @notice Who is paid on L1.
    address public l1FeeRecipient;

    /// @notice Fees were sent to L1 as message `index`.
    event FeesWithdrawn(address indexed l1FeeRecipient, uint256 value, uint64 index);

    error FeeVault_Empty();

    /// @notice Accepts ether from anyone.
    receive() external payable { }

    /// @notice Sends the whole balance to the L1 fee recipient. Anyone may call. Reverts if there is nothing to send.
    /// @return index Position of the message.
    function withdraw() external returns (uint64 index) {
        uint256 value = address(this).balance;
        if (value == 0) revert FeeVault_Empty();
        index = MessagePasser(Predeploys.MESSAGE_PASSER).send{ value: value }(l1FeeRecipient, WITHDRAW_GAS, "");
        emit FeesWithdrawn(l1FeeRecipient, value, index);
    }
}
