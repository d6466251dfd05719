// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Initializable } from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { TokenMetadata } from "./TokenMetadata.sol";
import { IInbox } from "./interfaces/IInbox.sol";
import { ISchedule } from "./interfaces/ISchedule.sol";
import { ISettlement } from "./interfaces/ISettlement.sol";

/// @title What the Bridges of both kinds of chains share: escrow, what was paid out, and the guardian's pauses.
/// @notice Rules: L1-BR-4, L1-BR-6. Behind a proxy that only the upgrade gate can upgrade; its storage may only be appended to, after that of the contract
/// that derives from it. Adversarial: tokens, the guardian.
///
/// Tokens: what arrives is credited, at most what was asked for, so a fee on transfer is the depositor's. Escrow is counted per token: if a token's balances
/// grow by themselves the surplus stays here, and if they shrink the last ones to leave lack it. No such token touches another.
abstract contract BridgeBase is Initializable, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice Most that the guardian's pauses may last, all together (L1-BR-6).
    uint64 public constant MAX_PAUSE_SECONDS = 30 days;

    ISchedule public immutable schedule;
    IInbox public immutable inbox;
    ISettlement public immutable settlement;

    /// @notice Whether the message from L2 with this index was executed.
    mapping(uint64 index => bool) public isExecuted;
    /// @notice What is held against the supply on L2, in base units.
    mapping(address token => uint256) public escrowOf;
    /// @notice Who may pause deposits.
    address public guardian;
    /// @notice Deposits of value are refused before this time, seconds.
    uint64 public pausedUntil;
    /// @notice How long deposits can be paused in future, all pauses together, seconds.
    uint64 public pauseSecondsLeft;

    event DepositsPaused(uint64 until, uint64 secondsLeft);
    event DepositsResumed(uint64 secondsLeft);
    event GuardianChanged(address indexed previous, address indexed current);

    error Bridge_WrongAddress(address expected, address actual);
    error Bridge_ZeroAddress();
    error Bridge_ZeroValue();
    error Bridge_NothingArrived(address token);
    error Bridge_NotFungible(address token);
    error Bridge_ContractMustNameRecipient(address sender);
    error Bridge_DepositsPaused(uint64 until);
    error Bridge_AlreadyExecuted(uint64 index);
    error Bridge_NotProven(bytes32 output, uint64 index);
    error Bridge_EscrowTooSmall(address token, uint256 escrow, uint256 amount);
    error Bridge_NotGuardian(address caller);
    error Bridge_NotOwner(address caller);
    error Bridge_AlreadyPaused(uint64 until);
    error Bridge_NotPaused();
    error Bridge_PauseTooLong(uint64 seconds_, uint64 secondsLeft);

    /// @param schedule_ names the Inbox and the Settlement
    constructor(address schedule_) {
        schedule = ISchedule(schedule_);
        inbox = IInbox(ISchedule(schedule_).inbox());
        settlement = ISettlement(ISchedule(schedule_).settlement());
        _disableInitializers();
    }

    /// @notice Called once, by the proxy's constructor: checks that the other contracts name the proxy.
    /// @param guardian_ may be zero: nobody can pause
    /// @param pauseSecondsLeft_ what all pauses together may last; at most MAX_PAUSE_SECONDS
    function initialize(address guardian_, uint64 pauseSecondsLeft_) external initializer {
        if (schedule.bridge() != address(this)) revert Bridge_WrongAddress(schedule.bridge(), address(this));
        if (inbox.bridge() != address(this)) revert Bridge_WrongAddress(inbox.bridge(), address(this));
        if (inbox.schedule() != address(schedule)) revert Bridge_WrongAddress(inbox.schedule(), address(schedule));
        if (address(settlement).code.length == 0) revert Bridge_WrongAddress(address(settlement), address(0));
        _checkOthers();
        if (pauseSecondsLeft_ > MAX_PAUSE_SECONDS) revert Bridge_PauseTooLong(pauseSecondsLeft_, MAX_PAUSE_SECONDS);
        guardian = guardian_;
        pauseSecondsLeft = pauseSecondsLeft_;
        emit GuardianChanged(address(0), guardian_);
    }

    /// @notice Refuses deposits of value for a while. Caller: the guardian.
    function pauseDeposits(uint64 seconds_) external {
        _checkGuardian();
        if (block.timestamp < pausedUntil) revert Bridge_AlreadyPaused(pausedUntil);
        if (seconds_ > pauseSecondsLeft) revert Bridge_PauseTooLong(seconds_, pauseSecondsLeft);
        pauseSecondsLeft -= seconds_;
        pausedUntil = uint64(block.timestamp) + seconds_;
        emit DepositsPaused(pausedUntil, pauseSecondsLeft);
    }

    /// @notice Ends a pause early; what is left of it can be used later. Caller: the guardian.
    function resumeDeposits() external {
        _checkGuardian();
        if (block.timestamp >= pausedUntil) revert Bridge_NotPaused();
        pauseSecondsLeft += pausedUntil - uint64(block.timestamp);
        pausedUntil = uint64(block.timestamp);
        emit DepositsResumed(pauseSecondsLeft);
    }

    /// @notice Names another guardian, or none. Caller: the owner of the schedule.
    function setGuardian(address next) external {
        if (msg.sender != schedule.owner()) revert Bridge_NotOwner(msg.sender);
        emit GuardianChanged(guardian, next);
        guardian = next;
    }

    /// @dev What a kind of Bridge checks beside the contracts that all have.
    function _checkOthers() internal view virtual { }

    /// @dev Takes tokens from the caller. Refuses those that say they are ERC-721: a number of theirs is no amount, and could not be released again.
    /// The caller of this function holds the guard against reentrance, which the measurement needs.
    /// @return arrived what arrived, at most what was asked for
    function _pull(address token, uint256 amount) internal returns (uint256 arrived) {
        if (TokenMetadata.isNonFungible(token)) revert Bridge_NotFungible(token);
        uint256 balanceBefore = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 balanceAfter = IERC20(token).balanceOf(address(this));
        if (balanceAfter <= balanceBefore) revert Bridge_NothingArrived(token);
        arrived = balanceAfter - balanceBefore;
        if (arrived > amount) arrived = amount; // growth of what was here before, accounted for during the transfer
    }

    /// @dev Takes an amount out of the escrow, before it is paid.
    function _takeFromEscrow(address token, uint256 amount) internal {
        uint256 escrow = escrowOf[token];
        if (amount > escrow) revert Bridge_EscrowTooSmall(token, escrow, amount);
        escrowOf[token] = escrow - amount;
    }

    function _checkNotPaused() internal view {
        if (block.timestamp < pausedUntil) revert Bridge_DepositsPaused(pausedUntil);
    }

    function _checkGuardian() private view {
        if (msg.sender != guardian) revert Bridge_NotGuardian(msg.sender);
    }
}
