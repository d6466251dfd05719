// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { FraudSettlement, SlotId, SlotStatus } from "../../src/l1/FraudSettlement.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title The settlement as a dispute contract sees it, with one kind of slot, about the run of `TinyMachine`.
contract SettlementModel {
    address public dispute;
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
        (bytes32 memoryRoot,) = TinyMachine.code();
        return FraudSettlement.Dispute({
            parentOutput: TinyMachine.PARENT_OUTPUT,
            firstBatchHash: TinyMachine.FIRST_BATCH,
            lastBatchHash: TinyMachine.LAST_BATCH,
            entryHash: keccak256("entry"),
            guestHash: memoryRoot,
            contestedAt: _contestedAt[SlotId.unwrap(slotId)]
        });
    }
}
