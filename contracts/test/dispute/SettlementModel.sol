// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { FraudSettlement, SlotId, SlotStatus } from "../../src/l1/FraudSettlement.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title The settlement as a dispute contract sees it; slots are about the run of `TinyMachine` unless a test says otherwise.
contract SettlementModel {
    address public dispute;
    bytes32 private _guestHash;
    bytes32[3] private _inputs = [TinyMachine.PARENT_OUTPUT, TinyMachine.FIRST_BATCH, TinyMachine.LAST_BATCH];

    constructor() {
        (_guestHash,) = TinyMachine.code();
    }

    /// @param inputs previous output, first and last batch hash
    function setRun(bytes32 guestHash, bytes32[3] calldata inputs) external {
        _guestHash = guestHash;
        _inputs = inputs;
    }
    mapping(bytes32 slotId => bool) private _isContested;
    mapping(bytes32 slotId => uint64) private _contestedAt;

    function setDispute(address dispute_) external {
        dispute = dispute_;
    }

    function contest(bytes32 slotId) external {
        _isContested[slotId] = true;
        _contestedAt[slotId] = uint64(block.timestamp);
    }

    /// @notice As if its parent had died.
    function abandon(bytes32 slotId) external {
        _isContested[slotId] = false;
    }

    function isPlayable(SlotId slotId) external view returns (bool) {
        return _isContested[SlotId.unwrap(slotId)];
    }

    function slotOf(SlotId slotId) external view returns (FraudSettlement.Slot memory slot) {
        if (_contestedAt[SlotId.unwrap(slotId)] == 0) return slot;
        slot.dispute = dispute;
        slot.status = SlotStatus.Contested;
    }

    function disputeOf(SlotId slotId) external view returns (FraudSettlement.Dispute memory) {
        return FraudSettlement.Dispute({
            parentOutput: _inputs[0],
            firstBatchHash: _inputs[1],
            lastBatchHash: _inputs[2],
            entryHash: keccak256("entry"),
            guestHash: _guestHash,
            contestedAt: _contestedAt[SlotId.unwrap(slotId)]
        });
    }
}
