// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title The evidence that a settlement by fraud proofs cannot go on.
interface IFailure {
    /// @notice The first batch that is not settled, if a tournament found, under a final parent, that its epoch's program has no
    /// answer; zero otherwise.
    function failedFrom() external view returns (uint64 firstBatch);
}
