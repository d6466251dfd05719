// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @notice A withdrawal of a payments chain (PAY-WITHDRAWAL).
/// @param recipient who is paid on L1
/// @param token the ERC-20 on L1; zero for ETH
/// @param amount in base units
struct Withdrawal {
    address recipient;
    address token;
    uint128 amount;
}

/// @title The records that L1 and the circuits share: two elements of 31 bytes each.
/// @notice Rules: PAY-MESSAGE, PAY-WITHDRAWAL. Every field is typed, so that no record can be malformed. Twin: `chain/payments/src/data/message.rs`.
library Records {
    /// @dev Bytes of a record.
    uint256 internal constant BYTES = 62;

    uint8 private constant WITHDRAWAL = 0x01;
    uint8 private constant DEPOSIT = 0x09;
    uint8 private constant FORCED_WITHDRAWAL = 0x0a;
    uint8 private constant SESSION_KEY = 0x0b;

    /// @notice The message of a deposit: value that the Bridge holds for an account.
    function deposit(address account, address token, uint128 amount) internal pure returns (bytes memory) {
        return _value(DEPOSIT, account, token, amount);
    }

    /// @notice The message by which an account asks for all that one of its leaves holds.
    function forcedWithdrawal(address account, address token) internal pure returns (bytes memory) {
        return _value(FORCED_WITHDRAWAL, account, token, 0);
    }

    /// @notice The message by which an account sets its session key; any word, which may be no hash of a key.
    function sessionKey(address account, uint256 keyHash) internal pure returns (bytes memory) {
        return abi.encodePacked(SESSION_KEY, account, uint80(keyHash >> 176), uint72(0), uint176(keyHash));
    }

    /// @notice What the segment of withdrawals holds of one.
    function withdrawal(Withdrawal memory paid) internal pure returns (bytes memory) {
        return _value(WITHDRAWAL, paid.recipient, paid.token, paid.amount);
    }

    function _value(uint8 kind, address account, address token, uint128 amount) private pure returns (bytes memory) {
        return abi.encodePacked(
            kind, account, uint16(0), uint64(amount >> 64), token, uint24(0), uint64(amount & type(uint64).max)
        );
    }
}
