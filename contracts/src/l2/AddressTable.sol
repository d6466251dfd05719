// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Short names for addresses: batches may write an index instead of 20 bytes (PRE-TABLE-*).
/// @notice Anyone may register any address, once; an index never changes its meaning.
/// @dev Read by the rulebook from state: slot 0 is the count, slot keccak256(uint256(0)) + i holds address i. The zero
/// address has no index, so that one slot tells whether an index is taken.
/// Slot 1 is the way back: mapping from address to index + 1.
contract AddressTable {
    address[] private _addresses;
    mapping(address account => uint256 indexPlusOne) private _indexPlusOne;

    /// @notice `account` can be named by `index` from the batch after this one on.
    event AddressRegistered(uint64 indexed index, address indexed account);

    error AddressTable_ZeroAddress();
    error AddressTable_NotRegistered(address account);
    error AddressTable_NoSuchIndex(uint64 index);

    /// @notice PRE-TABLE-2: gives `account` the next index, or finds the one it has. Anyone may call. Reverts for the zero address.
    function register(address account) external returns (uint64 index) {
        if (account == address(0)) revert AddressTable_ZeroAddress();
        uint256 known = _indexPlusOne[account];
        // forge-lint: disable-next-line(unsafe-typecast)
        if (known != 0) return uint64(known - 1);
        // forge-lint: disable-next-line(unsafe-typecast)
        index = uint64(_addresses.length); // Nobody pays for 2^64 addresses.
        _addresses.push(account);
        _indexPlusOne[account] = uint256(index) + 1;
        emit AddressRegistered(index, account);
    }

    /// @notice The address with this index. Reverts if there is none.
    function addressOf(uint64 index) external view returns (address) {
        if (index >= _addresses.length) revert AddressTable_NoSuchIndex(index);
        return _addresses[index];
    }

    /// @notice The index of `account`. Reverts if it has none.
    function indexOf(address account) external view returns (uint64) {
        uint256 known = _indexPlusOne[account];
        if (known == 0) revert AddressTable_NotRegistered(account);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(known - 1); // It was a uint64, plus one.
    }

    /// @notice How many addresses are registered, and the next index.
    function addressCount() external view returns (uint64) {
        return uint64(_addresses.length);
    }
}
