// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { BridgeBase } from "../l1/BridgeBase.sol";
import { Hashing } from "../l1/Hashing.sol";
import { ChainKind } from "../l1/Types.sol";
import { ILeaves } from "./ILeaves.sol";
import { Records, Withdrawal } from "./Records.sol";
import { Leaf } from "./StateTree.sol";

/// @title The money of a payments chain: deposits into the queue, and what proven batches pay out, each exactly once.
/// @notice Rules: PAY-MESSAGE, PAY-MESSAGE-GAS, PAY-CLAIM, PAY-ESCAPE, L1-BR-4, L1-BR-6. Behind a proxy that only the upgrade gate can upgrade; its storage may only be
/// appended to. Nothing is aliased: a contract that holds an account acts for it from its own address. Invariant, for ETH and every token: escrow = balances of all
/// leaves + unconsumed deposits + unclaimed withdrawals. Adversarial: tokens, recipients, whoever claims, the guardian.
contract PaymentsBridge is BridgeBase {
    using Hashing for bytes32;
    using SafeERC20 for IERC20;

    /// @notice L2 gas of a slot that a message takes (PAY-MESSAGE-GAS).
    uint64 public constant SLOT_GAS = 100_000;
    /// @notice A deposit may need a leaf created before it.
    uint64 public constant DEPOSIT_GAS = 2 * SLOT_GAS;

    address private constant ETH = address(0);

    /// @notice Whether the leaf at this index of the last state has left.
    mapping(uint32 index => bool) public isEscaped;
    /// @notice Whether the deposit at this position in the queue was refunded.
    mapping(uint64 index => bool) public isRefunded;

    event Deposited(uint64 indexed index, address indexed account, address indexed token, address from, uint128 amount);
    event WithdrawalForced(uint64 indexed index, address indexed account, address indexed token);
    event SessionKeySet(uint64 indexed index, address indexed account, uint256 keyHash);
    event Withdrawn(uint64 indexed index, address indexed recipient, address indexed token, uint128 amount, address to);
    event Escaped(uint32 indexed index, address indexed account, address indexed token, uint128 amount, address to);
    event Refunded(uint64 indexed index, address indexed account, address indexed token, uint128 amount, address to);

    error Bridge_EscrowFull(address token, uint256 escrow, uint256 amount);
    error Bridge_NotPayee(address payee, address caller);
    error Bridge_NotAToken(address token);
    error Bridge_NotFrozen();
    error Bridge_OtherChainKind(uint8 kind);
    error Bridge_NotALeaf(uint32 index);
    error Bridge_AlreadyEscaped(uint32 index);
    error Bridge_NothingToPay();
    error Bridge_NotADeposit(uint64 index);
    error Bridge_AlreadyConsumed(uint64 index);
    error Bridge_AlreadyRefunded(uint64 index);
    error Bridge_PaymentFailed(address to, uint128 amount);

    /// @param schedule_ names the Inbox and the Settlement
    constructor(address schedule_) BridgeBase(schedule_) { }

    /// @notice Deposits ETH to the sender's own account. Only for accounts that act for themselves; a contract names one.
    receive() external payable {
        if (msg.sender != tx.origin) revert Bridge_ContractMustNameRecipient(msg.sender);
        depositETH(msg.sender);
    }

    /// @notice Deposits ETH. Caller: anyone, unless deposits are paused.
    /// @param account whose it becomes on L2; an account that could not act on L1 could not be used there either
    /// @return index position in the queue
    function depositETH(address account) public payable nonReentrant returns (uint64 index) {
        _checkNotPaused();
        if (msg.value == 0) revert Bridge_ZeroValue();
        return _deposit(account, ETH, msg.value);
    }

    /// @notice Deposits tokens that the caller has approved. Caller: anyone, unless deposits are paused.
    /// @dev What arrives is credited, not what was asked for.
    /// @return index position in the queue
    function depositERC20(address token, address account, uint256 amount) external nonReentrant returns (uint64 index) {
        _checkNotPaused();
        if (token == ETH) revert Bridge_NotAToken(token);
        return _deposit(account, token, _pull(token, amount));
    }

    /// @notice Asks for everything that the caller's account holds of a token, zero meaning ETH. Batches must take the message, whatever the sequencer does.
    /// Caller: anyone; nothing pauses it.
    /// @return index position in the queue
    function forceWithdrawal(address token) external returns (uint64 index) {
        index = inbox.enqueueRecord(Records.forcedWithdrawal(msg.sender, token), SLOT_GAS);
        emit WithdrawalForced(index, msg.sender, token);
    }

    /// @notice Sets the session key of the caller's account; zero removes it. Caller: anyone; nothing pauses it.
    /// @param keyHash hash of the key (PAY-EDDSA-KEY); a word that is none changes nothing or authorises nothing
    /// @return index position in the queue
    function setSessionKey(uint256 keyHash) external returns (uint64 index) {
        index = inbox.enqueueRecord(Records.sessionKey(msg.sender, keyHash), SLOT_GAS);
        emit SessionKeySet(index, msg.sender, keyHash);
    }

    /// @notice Pays a withdrawal of a proven batch, once (PAY-CLAIM). Caller: anyone. Nothing can stop it, a frozen chain included.
    /// @param output state after the batch (L1-OUT-1)
    /// @param index the batch's index times 2^32, and the position in it
    /// @param proof as the settlement wants it (PAY-WITHDRAWAL-ROOT)
    /// @param to who is paid: the recipient, unless he calls himself
    function withdraw(bytes32 output, uint64 index, Withdrawal calldata paid, bytes calldata proof, address to)
        external
        nonReentrant
    {
        if (isExecuted[index]) revert Bridge_AlreadyExecuted(index);
        bytes32 recordHash = keccak256(Records.withdrawal(paid));
        if (!settlement.verifyMessage(output, index, recordHash, proof)) revert Bridge_NotProven(output, index);
        isExecuted[index] = true;
        emit Withdrawn(index, paid.recipient, paid.token, paid.amount, to);
        _pay(paid.recipient, paid.token, paid.amount, to);
    }

    /// @notice Pays out a leaf of the last state of a frozen chain, once (PAY-ESCAPE). Caller: anyone.
    /// @param siblings as the settlement wants them
    /// @param to who is paid: the account, unless it calls itself
    function escape(uint32 index, Leaf calldata leaf, uint256[3][16] calldata siblings, address to)
        external
        nonReentrant
    {
        ILeaves leaves = ILeaves(address(settlement));
        if (!leaves.isFrozen()) revert Bridge_NotFrozen();
        if (isEscaped[index]) revert Bridge_AlreadyEscaped(index);
        if (!leaves.verifyLeaf(index, leaf, siblings)) revert Bridge_NotALeaf(index);
        isEscaped[index] = true;
        emit Escaped(index, leaf.account, leaf.token, leaf.balance, to);
        _pay(leaf.account, leaf.token, leaf.balance, to);
    }

    /// @notice Gives back a deposit that no batch of a frozen chain has consumed, once (PAY-ESCAPE). Caller: anyone.
    /// @param index position in the queue
    /// @param to who is paid: the account that it was for, unless it calls itself
    function refundDeposit(uint64 index, address account, address token, uint128 amount, address to)
        external
        nonReentrant
    {
        if (!ILeaves(address(settlement)).isFrozen()) revert Bridge_NotFrozen();
        if (isRefunded[index]) revert Bridge_AlreadyRefunded(index);
        if (index < inbox.queueConsumed()) revert Bridge_AlreadyConsumed(index);
        bytes32 recordHash = keccak256(Records.deposit(account, token, amount));
        // A position that does not exist has a zero hash, which extends nothing.
        if (
            index >= inbox.queueLength()
                || inbox.queueHashOf(index).extendQueue(recordHash) != inbox.queueHashOf(index + 1)
        ) {
            revert Bridge_NotADeposit(index);
        }
        isRefunded[index] = true;
        emit Refunded(index, account, token, amount, to);
        _pay(account, token, amount, to);
    }

    /// @dev A settlement by claims knows no leaves: what was deposited could not leave.
    function _checkOthers() internal view override {
        if (schedule.kind() != ChainKind.PAYMENTS) revert Bridge_OtherChainKind(schedule.kind());
        ILeaves(address(settlement)).isFrozen();
    }

    function _deposit(address account, address token, uint256 amount) private returns (uint64 index) {
        if (account == address(0)) revert Bridge_ZeroAddress();
        uint256 escrow = escrowOf[token];
        // No balance on L2 can overflow, since all of them together are within the escrow.
        if (amount > type(uint128).max - escrow) revert Bridge_EscrowFull(token, escrow, amount);
        escrowOf[token] = escrow + amount;
        index = inbox.enqueueRecord(Records.deposit(account, token, uint128(amount)), DEPOSIT_GAS);
        emit Deposited(index, account, token, msg.sender, uint128(amount));
    }

    /// @dev The only way out. Everything that it depends on has been written before.
    function _pay(address payee, address token, uint128 amount, address to) private {
        if (to != payee && msg.sender != payee) revert Bridge_NotPayee(payee, msg.sender);
        if (to == address(0)) revert Bridge_ZeroAddress();
        if (amount == 0) revert Bridge_NothingToPay();
        _takeFromEscrow(token, amount);
        if (token == ETH) {
            (bool success,) = to.call{ value: amount }("");
            if (!success) revert Bridge_PaymentFailed(to, amount);
        } else {
            IERC20(token).safeTransfer(to, amount);
        }
    }
}
