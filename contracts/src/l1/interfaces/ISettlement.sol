// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What is final: the only thing that the Bridge knows of a proof system.
/// @notice Two implementations: by fraud proofs (`FraudSettlement`) and by validity proofs.
interface ISettlement {
    /// @notice Whether the chain's state `output` is final and contains the message `messageHash` at `index`.
    /// @dev Never true for an output that is not final, a zero hash or a zero root. Malformed proofs give false or revert.
    /// @param output hash of a state after a batch (L1-OUT-1)
    /// @param index position of the message (L1-WD-2)
    /// @param messageHash hash of the message (L1-WD-1)
    /// @param proof whatever the implementation needs
    function verifyMessage(bytes32 output, uint64 index, bytes32 messageHash, bytes calldata proof)
        external
        view
        returns (bool);
}
