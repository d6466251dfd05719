// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Initializable } from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { Hashing } from "./Hashing.sol";
import { TokenMetadata } from "./TokenMetadata.sol";
import { L2Message, Message } from "./Types.sol";
import { IERC20Release, IL2Bridge } from "./interfaces/IL2Bridge.sol";
import { IInbox } from "./interfaces/IInbox.sol";
import { IMessageExecutor } from "./interfaces/IMessageExecutor.sol";
import { ISchedule } from "./interfaces/ISchedule.sol";
import { ISettlement } from "./interfaces/ISettlement.sol";

/// @title The money: deposits into the queue, and what final outputs pay out, each exactly once.
/// @notice Rules: L1-MSG-3, L1-WD-1, L1-WD-4, L1-BR-*. Behind a proxy that only the upgrade gate can upgrade; its storage may only be appended to.
/// Invariant, for ETH and every token: escrow = L2 supply + unconsumed deposits + unclaimed withdrawals + what was burned on L2.
/// Adversarial: tokens, callees, whoever executes messages, the guardian.
///
/// Tokens: what arrives is credited, at most what was asked for, so a fee on transfer is the depositor's. Escrow is counted per token: if a token's balances
/// grow by themselves the surplus stays here, and if they shrink the last ones to leave lack it. No such token touches another.
contract Bridge is Initializable, ReentrancyGuardTransient {
    using Hashing for *;
    using SafeERC20 for IERC20;

    /// @notice The bridge predeploy on L2.
    address public constant L2_BRIDGE = 0x5400000000000000000000000000000000000002;
    /// @notice L2 gas of a plain deposit of ETH.
    uint64 public constant ETH_MESSAGE_GAS = 100_000;
    /// @notice L2 gas of a token deposit, enough to create the bridged token.
    uint64 public constant TOKEN_MESSAGE_GAS = 1_500_000;

    /// @notice Most that the guardian's pauses may last, all together (L1-BR-6).
    uint64 public constant MAX_PAUSE_SECONDS = 30 days;

    uint8 private constant KIND_CALL = 0;
    /// @dev Upper bound of what calling a token costs before its first instruction.
    uint256 private constant RELEASE_OVERHEAD_GAS = 10_000;
    uint256 private constant RELEASE_BYTES = 4 + 3 * 32;

    ISchedule public immutable schedule;
    IInbox public immutable inbox;
    ISettlement public immutable settlement;
    IMessageExecutor public immutable executor;

    /// @notice Whether the message from L2 with this index was executed.
    mapping(uint64 index => bool) public isExecuted;
    /// @notice Tokens held against their bridged supply, in base units.
    mapping(address token => uint256) public escrowOf;
    /// @notice Who may pause deposits.
    address public guardian;
    /// @notice Deposits of value are refused before this time, seconds.
    uint64 public pausedUntil;
    /// @notice How long deposits can be paused in future, all pauses together, seconds.
    uint64 public pauseSecondsLeft;

    event MessageSent(uint64 indexed index, address indexed from, address indexed to, uint256 mint, uint256 value);
    event ETHDeposited(uint64 indexed index, address indexed from, address indexed to, uint256 amount);
    event ERC20Deposited(uint64 indexed index, address indexed token, address indexed from, address to, uint256 amount);
    event MessageExecuted(uint64 indexed index, address indexed sender, address indexed target, uint256 value);
    event ERC20Released(uint64 indexed index, address indexed token, address indexed to, uint256 amount);
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
    error Bridge_ForbiddenSender(address sender);
    error Bridge_ValueToBridge(uint256 value);
    error Bridge_MalformedRelease(bytes data);
    error Bridge_EscrowTooSmall(address token, uint256 escrow, uint256 amount);
    error Bridge_TooLittleGas(uint256 available, uint64 gasLimit);
    error Bridge_NotGuardian(address caller);
    error Bridge_NotOwner(address caller);
    error Bridge_AlreadyPaused(uint64 until);
    error Bridge_NotPaused();
    error Bridge_PauseTooLong(uint64 seconds_, uint64 secondsLeft);

    /// @param schedule_ names the Inbox and the Settlement
    /// @param executor_ makes calls for the proxy in front of this implementation
    constructor(address schedule_, address executor_) {
        schedule = ISchedule(schedule_);
        inbox = IInbox(ISchedule(schedule_).inbox());
        settlement = ISettlement(ISchedule(schedule_).settlement());
        executor = IMessageExecutor(executor_);
        _disableInitializers();
    }

    /// @notice Called once, by the proxy's constructor: checks that the other contracts name the proxy.
    /// @param guardian_ may be zero: nobody can pause
    /// @param pauseSecondsLeft_ what all pauses together may last; at most MAX_PAUSE_SECONDS
    function initialize(address guardian_, uint64 pauseSecondsLeft_) external initializer {
        if (schedule.bridge() != address(this)) revert Bridge_WrongAddress(schedule.bridge(), address(this));
        if (inbox.bridge() != address(this)) revert Bridge_WrongAddress(inbox.bridge(), address(this));
        if (inbox.schedule() != address(schedule)) revert Bridge_WrongAddress(inbox.schedule(), address(schedule));
        if (executor.bridge() != address(this)) revert Bridge_WrongAddress(executor.bridge(), address(this));
        if (address(settlement).code.length == 0) revert Bridge_WrongAddress(address(settlement), address(0));
        if (pauseSecondsLeft_ > MAX_PAUSE_SECONDS) revert Bridge_PauseTooLong(pauseSecondsLeft_, MAX_PAUSE_SECONDS);
        guardian = guardian_;
        pauseSecondsLeft = pauseSecondsLeft_;
        emit GuardianChanged(address(0), guardian_);
    }

    /// @notice Deposits ETH to the sender's own address on L2. Only for accounts that act for themselves: the alias of a contract
    /// may be nobody's.
    receive() external payable {
        if (msg.sender != tx.origin) revert Bridge_ContractMustNameRecipient(msg.sender);
        depositETH(msg.sender, msg.sender);
    }

    /// @notice Deposits ETH. Caller: anyone, unless deposits are paused.
    /// @param to who gets the ETH on L2; if it is a contract there it is called with the ETH, without data
    /// @param refund who gets it on L2 if that call fails
    /// @return index position in the queue
    function depositETH(address to, address refund) public payable returns (uint64 index) {
        if (msg.value == 0) revert Bridge_ZeroValue();
        if (to == address(0)) revert Bridge_ZeroAddress();
        index = _send(to, msg.value, ETH_MESSAGE_GAS, refund, "");
        emit ETHDeposited(index, msg.sender, to, msg.value);
    }

    /// @notice Has `to` called on L2, from the caller's address there (L1-MSG-3). The ETH sent along is credited to that address first;
    /// what the call passes on comes out of everything that it has then, so that ETH on L2 can be moved from here. Caller: anyone; with
    /// ETH, unless deposits are paused.
    /// @param value wei that the call passes on; 2^256 - 1: everything. More than there is: the call fails (L1-MSG-4)
    /// @param gasLimit L2 gas; bounded below by the length of `data` (L1-MSG-5)
    /// @param refund who gets the ETH sent along on L2 if the call fails
    /// @return index position in the queue
    function sendMessage(address to, uint256 value, uint64 gasLimit, address refund, bytes calldata data)
        external
        payable
        returns (uint64 index)
    {
        index = _send(to, value, gasLimit, refund, data);
        emit MessageSent(index, msg.sender, to, msg.value, value);
    }

    /// @notice Deposits tokens that the caller has approved. Caller: anyone, unless deposits are paused.
    /// @dev Refuses tokens that say they are ERC-721: a number of theirs is no amount, and could not be released again.
    /// What arrives is credited, not what was asked for. If the deposit fails on L2, the tokens can be released to the caller.
    /// @param to who gets the bridged token on L2
    /// @return index position in the queue
    function depositERC20(address token, address to, uint256 amount) external nonReentrant returns (uint64 index) {
        _checkNotPaused();
        if (to == address(0)) revert Bridge_ZeroAddress();
        if (TokenMetadata.isNonFungible(token)) revert Bridge_NotFungible(token);
        uint256 balanceBefore = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 balanceAfter = IERC20(token).balanceOf(address(this));
        if (balanceAfter <= balanceBefore) revert Bridge_NothingArrived(token);
        uint256 arrived = balanceAfter - balanceBefore;
        if (arrived > amount) arrived = amount; // growth of what was here before, accounted for during the transfer
        escrowOf[token] += arrived;

        bytes memory data = abi.encodeCall(
            IL2Bridge.finalizeDeposit,
            (
                token,
                msg.sender,
                to,
                arrived,
                TokenMetadata.nameOf(token),
                TokenMetadata.symbolOf(token),
                TokenMetadata.decimalsOf(token)
            )
        );
        index = inbox.enqueue(
            Message({
                kind: KIND_CALL,
                sender: Hashing.aliasOf(address(this)),
                to: L2_BRIDGE,
                mint: 0,
                value: 0,
                gasLimit: TOKEN_MESSAGE_GAS,
                refund: to,
                data: data
            })
        );
        emit ERC20Deposited(index, token, msg.sender, to, arrived);
    }

    /// @notice Executes a message from L2 that a final output contains. Caller: anyone. Nothing can stop it.
    /// @dev Once only, by index. If the call fails everything reverts and the message can be executed later. Messages to the Bridge
    /// itself are token releases of the bridge predeploy; any other call comes from the executor, which holds nothing.
    /// @param output a final output (L1-OUT-1)
    /// @param proof as the settlement wants it (L1-WD-3)
    function executeMessage(bytes32 output, L2Message calldata message, bytes calldata proof) external {
        uint64 index = message.index;
        if (isExecuted[index]) revert Bridge_AlreadyExecuted(index);
        if (!settlement.verifyMessage(output, index, message.hash(), proof)) revert Bridge_NotProven(output, index);
        isExecuted[index] = true;
        emit MessageExecuted(index, message.sender, message.target, message.value);
        if (message.target == address(this)) {
            _release(message);
        } else {
            executor.execute{ value: message.value }(message.sender, message.target, message.gasLimit, message.data);
        }
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

    function _send(address to, uint256 value, uint64 gasLimit, address refund, bytes memory data)
        private
        returns (uint64)
    {
        if (msg.value != 0) _checkNotPaused();
        if (refund == address(0)) revert Bridge_ZeroAddress();
        return inbox.enqueue(
            Message({
                kind: KIND_CALL,
                sender: msg.sender == tx.origin ? msg.sender : Hashing.aliasOf(msg.sender),
                to: to,
                mint: msg.value,
                value: value,
                gasLimit: gasLimit,
                refund: refund,
                data: data
            })
        );
    }

    /// @dev The only way tokens leave. Shares the guard of `depositERC20`, whose measurement it would disturb.
    function _release(L2Message calldata message) private nonReentrant {
        if (message.sender != L2_BRIDGE) revert Bridge_ForbiddenSender(message.sender);
        if (message.value != 0) revert Bridge_ValueToBridge(message.value);
        if (message.data.length != RELEASE_BYTES || bytes4(message.data) != IERC20Release.releaseERC20.selector) {
            revert Bridge_MalformedRelease(message.data);
        }
        (address token, address to, uint256 amount) = abi.decode(message.data[4:], (address, address, uint256));
        uint256 escrow = escrowOf[token];
        if (amount > escrow) revert Bridge_EscrowTooSmall(token, escrow, amount);
        escrowOf[token] = escrow - amount;
        emit ERC20Released(message.index, token, to, amount);
        // A token that catches failures of its own must not be starved by whoever pays for this transaction.
        uint256 available = gasleft();
        if (available < RELEASE_OVERHEAD_GAS + uint256(message.gasLimit) * 64 / 63) {
            revert Bridge_TooLittleGas(available, message.gasLimit);
        }
        IERC20(token).safeTransfer(to, amount);
    }

    function _checkNotPaused() private view {
        if (block.timestamp < pausedUntil) revert Bridge_DepositsPaused(pausedUntil);
    }

    function _checkGuardian() private view {
        if (msg.sender != guardian) revert Bridge_NotGuardian(msg.sender);
    }
}
