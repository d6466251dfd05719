// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { BridgeBase } from "./BridgeBase.sol";
import { Hashing } from "./Hashing.sol";
import { TokenMetadata } from "./TokenMetadata.sol";
import { L2Message, Message } from "./Types.sol";
import { IERC20Release, IL2Bridge } from "./interfaces/IL2Bridge.sol";
import { IMessageExecutor } from "./interfaces/IMessageExecutor.sol";

/// @title The money: deposits into the queue, and what final outputs pay out, each exactly once.
/// @notice Rules: L1-MSG-3, L1-WD-1, L1-WD-4, L1-BR-*. Behind a proxy that only the upgrade gate can upgrade; its storage may only be appended to.
/// Invariant, for ETH and every token: escrow = L2 supply + unconsumed deposits + unclaimed withdrawals + what was burned on L2.
/// Adversarial: tokens, callees, whoever executes messages, the guardian.
contract Bridge is BridgeBase {
    using Hashing for *;
    using SafeERC20 for IERC20;

    /// @notice The bridge predeploy on L2.
    address public constant L2_BRIDGE = 0x5400000000000000000000000000000000000002;
    /// @notice L2 gas of a plain deposit of ETH.
    uint64 public constant ETH_MESSAGE_GAS = 100_000;
    /// @notice L2 gas of a token deposit, enough to create the bridged token.
    uint64 public constant TOKEN_MESSAGE_GAS = 1_500_000;

    uint8 private constant KIND_CALL = 0;
    /// @dev Upper bound of what calling a token costs before its first instruction.
    uint256 private constant RELEASE_OVERHEAD_GAS = 10_000;
    uint256 private constant RELEASE_BYTES = 4 + 3 * 32;

    IMessageExecutor public immutable executor;

    event MessageSent(uint64 indexed index, address indexed from, address indexed to, uint256 mint, uint256 value);
    event ETHDeposited(uint64 indexed index, address indexed from, address indexed to, uint256 amount);
    event ERC20Deposited(uint64 indexed index, address indexed token, address indexed from, address to, uint256 amount);
    event MessageExecuted(uint64 indexed index, address indexed sender, address indexed target, uint256 value);
    event ERC20Released(uint64 indexed index, address indexed token, address indexed to, uint256 amount);

    error Bridge_ForbiddenSender(address sender);
    error Bridge_ValueToBridge(uint256 value);
    error Bridge_MalformedRelease(bytes data);
    error Bridge_TooLittleGas(uint256 available, uint64 gasLimit);

    /// @param schedule_ names the Inbox and the Settlement
    /// @param executor_ makes calls for the proxy in front of this implementation
    constructor(address schedule_, address executor_) BridgeBase(schedule_) {
        executor = IMessageExecutor(executor_);
    }

    /// @notice Deposits ETH to the sender's own address on L2. Only for accounts that act for themselves: the alias of a contract
    /// may be nobody's.
    receive() external payable {
        if (msg.sender != tx.origin) revert Bridge_ContractMustNameRecipient(msg.sender);
        depositETH(msg.sender, msg.sender);
    }

    /// @notice Deposits ETH (L1-BR-1). Caller: anyone, unless deposits are paused.
    /// @param to who gets the ETH on L2; if it is a contract there it is called with the ETH, without data
    /// @param refund who gets it on L2 if that call fails
    /// @return index position in the queue
    function depositETH(address to, address refund) public payable returns (uint64 index) {
        if (msg.value == 0) revert Bridge_ZeroValue();
        if (to == address(0)) revert Bridge_ZeroAddress();
        index = _send(to, msg.value, ETH_MESSAGE_GAS, refund, "");
        emit ETHDeposited(index, msg.sender, to, msg.value);
    }

    /// @notice Has `to` called on L2 (L1-BR-1), from the caller's address there (L1-MSG-3). The ETH sent along is credited to that
    /// address first; what the call passes on comes out of everything that it has then, so that ETH on L2 can be moved from here.
    /// Caller: anyone; with ETH, unless deposits are paused.
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
    /// @dev What arrives is credited, not what was asked for. If the deposit fails on L2, the tokens can be released to the caller.
    /// @param to who gets the bridged token on L2
    /// @return index position in the queue
    function depositERC20(address token, address to, uint256 amount) external nonReentrant returns (uint64 index) {
        _checkNotPaused();
        if (to == address(0)) revert Bridge_ZeroAddress();
        uint256 arrived = _pull(token, amount);
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

    /// @dev The only way tokens leave (L1-BR-3). Shares the guard of `depositERC20`, whose measurement it would disturb.
    function _release(L2Message calldata message) private nonReentrant {
        if (message.sender != L2_BRIDGE) revert Bridge_ForbiddenSender(message.sender);
        if (message.value != 0) revert Bridge_ValueToBridge(message.value);
        if (message.data.length != RELEASE_BYTES || bytes4(message.data) != IERC20Release.releaseERC20.selector) {
            revert Bridge_MalformedRelease(message.data);
        }
        (address token, address to, uint256 amount) = abi.decode(message.data[4:], (address, address, uint256));
        _takeFromEscrow(token, amount);
        emit ERC20Released(message.index, token, to, amount);
        // A token that catches failures of its own must not be starved by whoever pays for this transaction.
        uint256 available = gasleft();
        if (available < RELEASE_OVERHEAD_GAS + uint256(message.gasLimit) * 64 / 63) {
            revert Bridge_TooLittleGas(available, message.gasLimit);
        }
        IERC20(token).safeTransfer(to, amount);
    }

    function _checkOthers() internal view override {
        if (executor.bridge() != address(this)) revert Bridge_WrongAddress(executor.bridge(), address(this));
    }
}
