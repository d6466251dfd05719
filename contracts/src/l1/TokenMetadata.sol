// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Kind, name, symbol and decimals of a token that may lie, revert, burn gas, or answer in the wrong type.
/// @notice Rules: L1-BR-2, L1-BR-4. Never reverts on the token's account. Text is cut to 64 bytes and need not be UTF-8. Adversarial: the token,
/// and a caller who brings too little gas, hoping that the token's name is lost.
library TokenMetadata {
    uint256 internal constant MAX_TEXT_BYTES = 64;
    uint256 internal constant READ_GAS = 50_000;
    uint8 internal constant DEFAULT_DECIMALS = 18;
    /// @dev offset word, length word, text
    uint256 private constant MAX_RETURN_BYTES = 128;

    error TokenMetadata_TooLittleGas(uint256 available, uint256 needed);

    /// @notice Whether a token says that it is ERC-721 (ERC-165). Any other answer, or none, means no.
    function isNonFungible(address token) internal view returns (bool) {
        (bool success, uint256 size, bytes memory data) =
            _read(token, abi.encodeWithSelector(0x01ffc9a7, bytes4(0x80ac58cd)));
        return success && size >= 32 && _word(data, 0) == 1;
    }

    /// @notice `name()` of a token, or nothing.
    function nameOf(address token) internal view returns (string memory) {
        return _text(token, 0x06fdde03);
    }

    /// @notice `symbol()` of a token, or nothing.
    function symbolOf(address token) internal view returns (string memory) {
        return _text(token, 0x95d89b41);
    }

    /// @notice `decimals()` of a token, or 18.
    function decimalsOf(address token) internal view returns (uint8) {
        (bool success, uint256 size, bytes memory data) = _read(token, abi.encodeWithSelector(0x313ce567));
        if (!success || size < 32) return DEFAULT_DECIMALS;
        uint256 decimals = _word(data, 0);
        return decimals > type(uint8).max ? DEFAULT_DECIMALS : uint8(decimals);
    }

    /// @dev A string, or a `bytes32` padded with zeros, as some old tokens have.
    function _text(address token, bytes4 selector) private view returns (string memory) {
        (bool success, uint256 size, bytes memory data) = _read(token, abi.encodeWithSelector(selector));
        if (!success || size < 32) return "";
        uint256 start = 0;
        uint256 length = 0;
        if (size == 32) {
            while (length < 32 && data[length] != 0) ++length;
        } else if (size >= 64 && _word(data, 0) == 32) {
            start = 64;
            length = _word(data, 32);
            if (length > size - 64) length = size - 64;
            if (length > MAX_TEXT_BYTES) length = MAX_TEXT_BYTES;
        }
        bytes memory text = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            text[i] = data[start + i];
        }
        return string(text);
    }

    /// @dev `size` is what the token returned, `data` its first bytes, zero-padded to MAX_RETURN_BYTES.
    function _read(address token, bytes memory call_)
        private
        view
        returns (bool success, uint256 size, bytes memory data)
    {
        uint256 neededGas = READ_GAS * 64 / 63 + 5000;
        if (gasleft() < neededGas) revert TokenMetadata_TooLittleGas(gasleft(), neededGas);
        data = new bytes(MAX_RETURN_BYTES);
        assembly ("memory-safe") {
            success := staticcall(READ_GAS, token, add(call_, 0x20), mload(call_), add(data, 0x20), MAX_RETURN_BYTES)
            size := returndatasize()
        }
    }

    function _word(bytes memory data, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), offset))
        }
    }
}
