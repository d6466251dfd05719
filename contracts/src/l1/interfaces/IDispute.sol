// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title How contested slots are decided: the contract that a schedule entry names.
/// @notice It pulls what it needs from the settlement (`slotOf`, `disputeOf`, `isPlayable`) and is asked for its verdict; the
/// settlement never calls it while somebody claims, so no dispute contract can hinder a claim.
interface IDispute {
    enum Verdict {
        None, // not decided yet
        Output, // `output` is right
        Failed // the guest program has no answer
    }

    /// @notice The settlement whose slots it decides, and no other's: it asks that one what they are about.
    function settlement() external view returns (address);

    /// @notice A claim must be open to rivals for at least so long, in seconds: to detect, compute and be included.
    function claimWindowSecondsMin() external view returns (uint32);

    /// @notice A claim must stake at least so much, in wei: defending a right claim locks no more than a wrong one loses.
    function claimBondMin() external view returns (uint128);

    /// @notice The verdict on a slot. Once it is not None it never changes.
    /// @param slotId the contested slot of the calling settlement
    /// @return verdict None, Output or Failed
    /// @return output the right output, if the verdict is Output
    /// @return champion who joined for the winning commitment: gets a share of every losing claim's bond; may be zero
    function verdictOf(bytes32 slotId) external view returns (Verdict verdict, bytes32 output, address champion);
}
