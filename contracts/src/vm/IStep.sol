// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title One step of the fraud-proof machine, and what a dispute needs to know of its states
/// @notice Rules: docs/spec/vm.md. All functions depend on their arguments only.
interface IStep {
    /// @notice The witness is shorter or longer than its step needs.
    error Step_Length(uint256 actual);
    /// @notice The witness is for another state.
    error Step_StateHash(bytes32 actual);
    /// @notice No machine is ever in this state.
    error Step_Malformed();
    /// @notice The instruction is not in memory.
    error Step_CodeProof(bytes32 actual);
    /// @notice The data is not in memory.
    error Step_MemoryProof(bytes32 actual);
    /// @notice The pre-image is another key's.
    error Step_Key(bytes32 actual);
    /// @notice A blob has no such element.
    error Step_BlobIndex(uint256 index);
    /// @notice The blob has another value there.
    error Step_PointEvaluation();

    /// @notice The successor of a state (VM-4). Anyone may call; nothing changes.
    /// @param stateHash The state before.
    /// @param witness What VM-8 asks for; reverts with one of the errors above when it is anything else.
    /// @return next The hash of the state after.
    function step(bytes32 stateHash, bytes calldata witness) external view returns (bytes32 next);

    /// @notice The hash of the state before the first step (VM-3).
    /// @param memoryRoot Root of the guest's memory.
    function initialState(bytes32 memoryRoot, bytes32 previousOutput, bytes32 firstBatchHash, bytes32 lastBatchHash)
        external
        pure
        returns (bytes32 stateHash);

    /// @notice Reads a packed state (VM-1); reverts with `Step_Length` or `Step_Malformed`.
    /// @return stateHash Its hash.
    /// @return exited Whether the machine has halted; if not, the rest means nothing.
    /// @return exitCode 0 if `output` is the run's result; any other says that there is none.
    /// @return output The output word.
    function readState(bytes calldata packed)
        external
        pure
        returns (bytes32 stateHash, bool exited, uint64 exitCode, bytes32 output);
}
