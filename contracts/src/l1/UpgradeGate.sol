// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ProxyAdmin } from "@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol";
import {
    ITransparentUpgradeableProxy
} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";
import { IFinality } from "./interfaces/IFinality.sol";
import { IInbox } from "./interfaces/IInbox.sol";
import { ISchedule } from "./interfaces/ISchedule.sol";

/// @title The only way to another Bridge: owner of the proxy's admin for ever.
/// @notice Rules: L1-GATE-1 to L1-GATE-3. Proposed -> marked -> executed. After the delay anyone marks the batch that is the last one then;
/// once the epoch that holds it has been final for the grace, anyone executes. So whoever had a message forced into a batch
/// within the delay can withdraw before the Bridge changes, however long disputes take. The gate makes one kind of call: it can
/// neither be upgraded nor hand the admin over. Immutable. Adversarial: the owner.
contract UpgradeGate {
    /// @param implementation what the proxy is to call; zero: nothing is proposed
    /// @param maturesAt when the delay is over, seconds
    /// @param isMarked whether the last batch of the old Bridge is known
    /// @param epoch the epoch that holds it, if it is; zero if there was no batch
    /// @param data call of the new implementation, made with the upgrade; may be empty
    struct Upgrade {
        address implementation;
        uint64 maturesAt;
        bool isMarked;
        uint64 epoch;
        bytes data;
    }

    ISchedule public immutable schedule;
    /// @notice The proxy that is the Bridge's address.
    address public immutable proxy;
    /// @notice The contract that the proxy makes in its constructor and obeys.
    ProxyAdmin public immutable admin;

    Upgrade private _upgrade;

    event UpgradeProposed(address indexed implementation, uint64 maturesAt, bytes data);
    event UpgradeCancelled(address indexed implementation);
    event UpgradeMarked(address indexed implementation, uint64 epoch);
    event UpgradeExecuted(address indexed implementation);

    error UpgradeGate_NotOwner(address caller);
    error UpgradeGate_NothingProposed();
    error UpgradeGate_ZeroAddress();
    error UpgradeGate_Immature(uint64 maturesAt);
    error UpgradeGate_AlreadyMarked(uint64 epoch);
    error UpgradeGate_NotMarked();
    error UpgradeGate_EpochNotFinal(uint64 neededEpoch, uint64 finalEpoch);
    error UpgradeGate_GraceRuns(uint64 endsAt);

    /// @param schedule_ names the Bridge's proxy, which need not exist yet
    constructor(address schedule_) {
        schedule = ISchedule(schedule_);
        proxy = ISchedule(schedule_).bridge();
        // The first contract that the proxy creates: H(rlp([proxy, 1])).
        admin = ProxyAdmin(address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", proxy, hex"01"))))));
    }

    modifier onlyOwner() {
        if (msg.sender != schedule.owner()) revert UpgradeGate_NotOwner(msg.sender);
        _;
    }

    /// @notice Proposes an upgrade, in the place of any other that is under way. Caller: the schedule's owner.
    function propose(address implementation, bytes calldata data) external onlyOwner {
        if (implementation == address(0)) revert UpgradeGate_ZeroAddress();
        uint64 maturesAt = uint64(block.timestamp) + schedule.delaySeconds();
        _upgrade = Upgrade(implementation, maturesAt, false, 0, data);
        emit UpgradeProposed(implementation, maturesAt, data);
    }

    /// @notice Takes the proposal back. Caller: the schedule's owner.
    function cancel() external onlyOwner {
        emit UpgradeCancelled(_proposed().implementation);
        delete _upgrade;
    }

    /// @notice L1-GATE-2, after the delay: the epoch of the last batch is the last one that people are waited for. Caller: anyone.
    function mark() external {
        Upgrade storage upgrade = _proposed();
        if (block.timestamp < upgrade.maturesAt) revert UpgradeGate_Immature(upgrade.maturesAt);
        if (upgrade.isMarked) revert UpgradeGate_AlreadyMarked(upgrade.epoch);
        IInbox inbox = IInbox(schedule.inbox());
        uint64 closed = inbox.epochCount();
        upgrade.isMarked = true;
        upgrade.epoch = inbox.epochEnd(closed) == inbox.batchCount() ? closed : closed + 1;
        emit UpgradeMarked(upgrade.implementation, upgrade.epoch);
    }

    /// @notice Upgrades. Caller: anyone.
    /// @param claimId a final claim of the marked epoch, or of a later one, that has been final for the grace
    function execute(bytes32 claimId) external {
        Upgrade memory upgrade = _proposed();
        if (!upgrade.isMarked) revert UpgradeGate_NotMarked();
        (uint64 epoch, uint64 finalAt) = IFinality(schedule.settlement()).finality(claimId);
        if (epoch < upgrade.epoch) revert UpgradeGate_EpochNotFinal(upgrade.epoch, epoch);
        uint64 endsAt = finalAt + schedule.graceSeconds();
        if (block.timestamp < endsAt) revert UpgradeGate_GraceRuns(endsAt);
        delete _upgrade;
        emit UpgradeExecuted(upgrade.implementation);
        admin.upgradeAndCall(ITransparentUpgradeableProxy(proxy), upgrade.implementation, upgrade.data);
    }

    /// @notice The upgrade under way; all zero if there is none.
    function upgradeUnderWay() external view returns (Upgrade memory) {
        return _upgrade;
    }

    function _proposed() private view returns (Upgrade storage upgrade) {
        upgrade = _upgrade;
        if (upgrade.implementation == address(0)) revert UpgradeGate_NothingProposed();
    }
}
