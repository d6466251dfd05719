// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title How many bytes FastLZ, level 1, makes of some bytes; it only counts them (FEE-L1-1).
/// @dev Twin: `fastlz_length` in `chain/evm/src/fee_estimate.rs`, step by step. Matches start and end far enough from the end of
/// `data` for every read to stay inside; positions fit in 32 bits, since no calldata is longer.
library FastLz {
    uint256 private constant HASH_BITS = 13;
    uint256 private constant HASH_MULTIPLIER = 2_654_435_769;
    uint256 private constant DISTANCE_MAX = 2 ** HASH_BITS - 1;
    /// @dev A match is found by its first bytes.
    uint256 private constant PROBE_BYTES = 3;
    /// @dev A longer match is written as several of this length and a rest.
    uint256 private constant MATCH_BYTES_MAX = 262;
    /// @dev Matches take two bytes, and a third from this length on.
    uint256 private constant LONG_MATCH_BYTES = 9;
    /// @dev One control byte before each run.
    uint256 private constant LITERAL_RUN_BYTES_MAX = 32;
    /// @dev No match begins in the last bytes, or before the third,
    uint256 private constant MATCH_START_TAIL_BYTES = 14;
    uint256 private constant MATCH_START_MIN = 2;
    /// @dev and none ends in these.
    uint256 private constant MATCH_END_TAIL_BYTES = 5;
    /// @dev Entries of the table of last positions are packed, so that it takes 32 KiB of memory.
    uint256 private constant ENTRY_BYTES = 4;

    /// @dev The length of `data` after compression.
    function compressedLength(bytes memory data) internal pure returns (uint256 length) {
        unchecked {
            uint256 dataLength = data.length;
            uint256 startEnd = dataLength < MATCH_START_TAIL_BYTES ? 0 : dataLength - MATCH_START_TAIL_BYTES;
            // One word more: an entry is written together with the rest of the word that begins with it.
            bytes memory table = new bytes(ENTRY_BYTES * 2 ** HASH_BITS + 32);
            uint256 literalsStart;
            uint256 position = MATCH_START_MIN;
            while (position < startEnd) {
                uint256 probe = _probe(data, position);
                uint256 candidate = _replace(table, probe, position);
                if (position - candidate > DISTANCE_MAX || _probe(data, candidate) != probe) {
                    ++position;
                    continue;
                }
                length += _literalsLength(position - literalsStart);
                uint256 end = _matchEnd(data, candidate, position, dataLength - MATCH_END_TAIL_BYTES);
                length += _matchLength(end - position);
                _replace(table, _probe(data, end - 2), end - 2);
                _replace(table, _probe(data, end - 1), end - 1);
                literalsStart = end;
                position = end;
            }
            length += _literalsLength(dataLength - literalsStart);
        }
    }

    /// @dev Sets where these three bytes, or others of the same hash, were seen last; returns where before, or zero.
    function _replace(bytes memory table, uint256 probe, uint256 position) private pure returns (uint256 previous) {
        assembly ("memory-safe") {
            let hash := shr(sub(32, HASH_BITS), and(mul(probe, HASH_MULTIPLIER), 0xffffffff))
            let entry := add(add(table, 0x20), mul(hash, ENTRY_BYTES))
            let word := mload(entry)
            previous := shr(224, word)
            mstore(entry, or(shl(224, position), and(word, shr(32, not(0)))))
        }
    }

    /// @dev The three bytes at a position as an integer, little-endian.
    function _probe(bytes memory data, uint256 position) private pure returns (uint256 probe) {
        assembly ("memory-safe") {
            let word := mload(add(add(data, 0x20), position))
            probe := or(byte(0, word), or(shl(8, byte(1, word)), shl(16, byte(2, word))))
        }
    }

    /// @dev Where the match ends that begins at both positions with equal probes; `end` at the latest.
    function _matchEnd(bytes memory data, uint256 candidate, uint256 position, uint256 end)
        private
        pure
        returns (uint256 matchEnd)
    {
        unchecked {
            uint256 distance = position - candidate;
            matchEnd = position + PROBE_BYTES;
            while (matchEnd < end && data[matchEnd] == data[matchEnd - distance]) ++matchEnd;
        }
    }

    function _literalsLength(uint256 count) private pure returns (uint256) {
        unchecked {
            return count + (count + LITERAL_RUN_BYTES_MAX - 1) / LITERAL_RUN_BYTES_MAX;
        }
    }

    function _matchLength(uint256 count) private pure returns (uint256) {
        unchecked {
            uint256 rest = count - PROBE_BYTES;
            uint256 last = rest % MATCH_BYTES_MAX >= LONG_MATCH_BYTES - PROBE_BYTES ? 3 : 2;
            return 3 * (rest / MATCH_BYTES_MAX) + last;
        }
    }
}
