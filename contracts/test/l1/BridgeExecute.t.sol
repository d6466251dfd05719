// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { Bridge } from "../../src/l1/Bridge.sol";
import { BridgeBase } from "../../src/l1/BridgeBase.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { MessageExecutor } from "../../src/l1/MessageExecutor.sol";
import { L2Message, OutputFields } from "../../src/l1/Types.sol";
import { IERC20Release } from "../../src/l1/interfaces/IL2Bridge.sol";
import { vm } from "../utils/Vm.sol";
import { DepositFixture } from "./BridgeDeposit.t.sol";
import { CatchingToken, FalseToken, NoReturnToken, PlainToken, RebasingToken, ReentrantToken } from "./Tokens.sol";

/// @title A callee that remembers, or does what the test wants.
contract Callee {
    MessageExecutor private immutable EXECUTOR;
    address public lastSender;
    address public lastL2Sender;
    uint256 public lastValue;
    bytes public lastData;
    uint256 public gasSeen;

    bool public refusing;
    bytes private _call;
    address private _callee;

    constructor(MessageExecutor executor) {
        EXECUTOR = executor;
    }

    function setRefusing(bool refusing_) external {
        refusing = refusing_;
    }

    function arm(address callee, bytes calldata call_) external {
        (_callee, _call) = (callee, call_);
    }

    receive() external payable {
        _take();
    }

    fallback() external payable {
        _take();
    }

    function _take() private {
        gasSeen = gasleft();
        if (refusing) revert("refusing");
        (lastSender, lastL2Sender, lastValue, lastData) = (msg.sender, EXECUTOR.l2Sender(), msg.value, msg.data);
        if (_callee == address(0)) return;
        (bool success, bytes memory answer) = _callee.call{ value: msg.value }(_call);
        if (!success) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }
}

abstract contract ExecuteFixture is DepositFixture {
    using Hashing for *;

    Callee internal callee;

    function setUp() public virtual override {
        super.setUp();
        callee = new Callee(executor);
        vm.deal(alice, 1000 ether);
        vm.prank(alice, alice);
        bridge.depositETH{ value: 1000 ether }(alice, alice);
    }

    function execute(OutputFields memory fields, L2Message memory sent) internal {
        bridge.executeMessage(fields.hash(), sent, proofOf(fields, sent.index));
    }

    function release(address token, address to, uint256 amount) internal returns (L2Message memory) {
        return
            sendFromL2(
                L2_BRIDGE, address(bridge), 0, 0, abi.encodeCall(IERC20Release.releaseERC20, (token, to, amount))
            );
    }

    function expectRefused(OutputFields memory fields, L2Message memory sent, bytes memory reason) internal {
        bytes memory proof = proofOf(fields, sent.index);
        bytes32 output = fields.hash();
        vm.expectRevert(reason);
        bridge.executeMessage(output, sent, proof);
        vm.assertFalse(bridge.isExecuted(sent.index));
    }

    function notProven(OutputFields memory fields, uint64 index) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(BridgeBase.Bridge_NotProven.selector, fields.hash(), index);
    }
}

/// @title `Bridge.executeMessage`: L1-WD-1, L1-WD-4, L1-BR-5.
contract BridgeExecuteMessageTest is ExecuteFixture {
    using Hashing for *;

    function testFuzz_executeMessage_callsTheTarget(address sender, uint96 value, bytes memory data, address caller)
        external
    {
        vm.assume(sender != address(0));
        value = uint96(bound(value, 0, 1000 ether));
        L2Message memory sent = sendFromL2(sender, address(callee), value, 100_000, data);
        (OutputFields memory fields,) = settle();
        bytes memory proof = proofOf(fields, 0);
        vm.expectEmit(address(bridge));
        emit Bridge.MessageExecuted(0, sender, address(callee), value);
        vm.prank(caller, caller);
        bridge.executeMessage(fields.hash(), sent, proof);
        vm.assertEq(callee.lastSender(), address(executor));
        vm.assertEq(callee.lastL2Sender(), sender);
        vm.assertEq(callee.lastValue(), value);
        vm.assertEq(callee.lastData(), data);
        vm.assertEq(address(bridge).balance, 1000 ether - value);
        vm.assertEq(address(executor).balance, 0);
        vm.assertTrue(bridge.isExecuted(0));
    }

    function testFuzz_executeMessage_paysAccounts(uint160 to, uint96 value) external {
        to = uint160(bound(to, 1 << 32, 1 << 100));
        value = uint96(bound(value, 0, 1000 ether));
        L2Message memory sent = sendFromL2(bob, address(to), value, 0, "");
        (OutputFields memory fields,) = settle();
        execute(fields, sent);
        vm.assertEq(address(to).balance, value);
    }

    function test_executeMessage_revertsTwice() external {
        L2Message memory sent = sendFromL2(bob, bob, 1, 0, "");
        (OutputFields memory fields,) = settle();
        execute(fields, sent);
        bytes memory proof = proofOf(fields, 0);
        bytes32 output = fields.hash();
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_AlreadyExecuted.selector, 0));
        bridge.executeMessage(output, sent, proof);
    }

    /// @notice Not under a later output either, which contains the message too.
    function test_executeMessage_revertsTwiceUnderAnotherOutput() external {
        L2Message memory sent = sendFromL2(bob, bob, 1, 0, "");
        (OutputFields memory first,) = settle();
        execute(first, sent);
        sendFromL2(alice, alice, 1, 0, "");
        (OutputFields memory second,) = settle();
        bytes memory proof = proofOf(second, 0);
        bytes32 output = second.hash();
        vm.assertTrue(settlement.verifyMessage(output, 0, sent.hash(), proof));
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_AlreadyExecuted.selector, 0));
        bridge.executeMessage(output, sent, proof);
    }

    function test_executeMessage_revertsBeforeFinality() external {
        L2Message memory sent = sendFromL2(bob, bob, 1, 0, "");
        append();
        OutputFields memory fields = fieldsOf(1);
        claimAs(alice, settlement.genesisClaim(), fields);
        expectRefused(fields, sent, notProven(fields, 0));
    }

    /// @notice Any field of the message that differs from what L2 said.
    function testFuzz_executeMessage_revertsOnForgedMessage(uint256 which, uint160 wrong) external {
        L2Message memory sent = sendFromL2(bob, bob, 1, 0, "");
        sendFromL2(alice, alice, 2, 0, "");
        (OutputFields memory fields,) = settle();
        bytes32 before = sent.hash();
        which = bound(which, 0, 5);
        if (which == 0) sent.index = uint64(wrong);
        if (which == 1) sent.sender = address(wrong);
        if (which == 2) sent.target = address(wrong);
        if (which == 3) sent.value = wrong;
        if (which == 4) sent.gasLimit = uint64(wrong);
        if (which == 5) sent.data = abi.encode(wrong);
        vm.assume(sent.hash() != before);
        bytes memory proof = proofOf(fields, 0);
        bytes32 output = fields.hash();
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_NotProven.selector, output, sent.index));
        bridge.executeMessage(output, sent, proof);
    }

    /// @notice A failing call leaves everything as it was, and can be repeated.
    function testFuzz_executeMessage_retriesAfterFailure(uint96 value) external {
        value = uint96(bound(value, 0, 1000 ether));
        L2Message memory sent = sendFromL2(bob, address(callee), value, 100_000, "");
        (OutputFields memory fields,) = settle();
        callee.setRefusing(true);
        bytes memory reason = abi.encodeWithSignature("Error(string)", "refusing");
        expectRefused(
            fields,
            sent,
            abi.encodeWithSelector(MessageExecutor.MessageExecutor_CallFailed.selector, address(callee), reason)
        );
        vm.assertEq(address(bridge).balance, 1000 ether);
        callee.setRefusing(false);
        execute(fields, sent);
        vm.assertEq(address(callee).balance, value);
    }

    /// @notice The callee has the gas that L2 promised it, or nothing happens.
    function testFuzz_executeMessage_gasIsGuaranteed(uint64 gasLimit, uint256 gas_) external {
        gasLimit = uint64(bound(gasLimit, 100_000, 3_000_000));
        L2Message memory sent = sendFromL2(bob, address(callee), 1, gasLimit, "");
        (OutputFields memory fields,) = settle();
        bytes memory proof = proofOf(fields, 0);
        bytes32 output = fields.hash();
        gas_ = bound(gas_, 100_000, uint256(gasLimit) + 300_000);
        try bridge.executeMessage{ gas: gas_ }(output, sent, proof) {
            vm.assertGe(callee.gasSeen() + 500, gasLimit);
        } catch {
            vm.assertFalse(bridge.isExecuted(0));
        }
    }

    /// @notice The error tells what was there, which is less than the call needs, and what was asked for.
    function testFuzz_executeMessage_revertsOnTooLittleGas(uint64 gasLimit, uint256 gas_) external {
        gasLimit = uint64(bound(gasLimit, 1_000_000, type(uint64).max));
        gas_ = bound(gas_, 300_000, 1_000_000);
        L2Message memory sent = sendFromL2(bob, bob, 0, gasLimit, "");
        (OutputFields memory fields,) = settle();
        bytes memory call_ = abi.encodeCall(bridge.executeMessage, (fields.hash(), sent, proofOf(fields, 0)));
        (bool success, bytes memory failure) = address(bridge).call{ gas: gas_ }(call_);
        vm.assertFalse(success);
        vm.assertEq(failure.length, 68);
        vm.assertEq(bytes32(bytes4(failure)), bytes32(MessageExecutor.MessageExecutor_TooLittleGas.selector));
        uint256 available;
        uint256 asked;
        assembly {
            available := mload(add(failure, 0x24))
            asked := mload(add(failure, 0x44))
        }
        vm.assertEq(asked, gasLimit);
        vm.assertGt(available, 0);
        vm.assertLt(available, gas_);
        vm.assertLt(available, 40_000 + uint256(gasLimit) * 64 / 63);
        vm.assertFalse(bridge.isExecuted(0));
    }

    /// @notice Nothing stops what final outputs promised: no pause, no role.
    function test_executeMessage_whilePaused() external {
        L2Message memory sent = sendFromL2(bob, bob, 1, 0, "");
        (OutputFields memory fields,) = settle();
        pause();
        execute(fields, sent);
        vm.assertEq(bob.balance, 1);
    }

    /// @notice L1 to L2 and back and forth: the callee deposits in the same transaction.
    function test_executeMessage_calleeMayDeposit() external {
        L2Message memory sent = sendFromL2(bob, address(callee), 1 ether, 100_000, "");
        (OutputFields memory fields,) = settle();
        callee.arm(address(bridge), abi.encodeCall(Bridge.depositETH, (bob, bob)));
        execute(fields, sent);
        vm.assertEq(address(bridge).balance, 1000 ether);
        vm.assertEq(inbox.queueLength(), 2);
    }

    /// @notice A callee cannot have another message executed inside its own, nor its own again.
    function testFuzz_executeMessage_notReentrant(bool same) external {
        L2Message memory outer = sendFromL2(bob, address(callee), 0, 100_000, "");
        L2Message memory inner = sendFromL2(mallory, bob, 0, 0, "");
        (OutputFields memory fields,) = settle();
        L2Message memory nested = same ? outer : inner;
        callee.arm(
            address(bridge),
            abi.encodeCall(Bridge.executeMessage, (fields.hash(), nested, proofOf(fields, nested.index)))
        );
        bytes memory inside = same
            ? abi.encodeWithSelector(BridgeBase.Bridge_AlreadyExecuted.selector, 0)
            : abi.encodeWithSelector(MessageExecutor.MessageExecutor_Busy.selector);
        expectRefused(
            fields,
            outer,
            abi.encodeWithSelector(MessageExecutor.MessageExecutor_CallFailed.selector, address(callee), inside)
        );
    }

    /// @notice Calls come from the executor, so a message to a token moves none of the escrow.
    function testFuzz_executeMessage_cannotTouchEscrow(uint256 amount, bool approve) external {
        PlainToken token = new PlainToken("Token", "TKN");
        token.mint(alice, 1000);
        vm.prank(alice);
        token.approve(address(bridge), 1000);
        vm.prank(alice);
        bridge.depositERC20(address(token), alice, 1000);
        amount = bound(amount, 1, 1000);
        bytes memory data = approve
            ? abi.encodeCall(token.approve, (mallory, amount))
            : abi.encodeCall(token.transfer, (mallory, amount));
        L2Message memory sent = sendFromL2(L2_BRIDGE, address(token), 0, 100_000, data);
        (OutputFields memory fields,) = settle();
        bytes memory proof = proofOf(fields, 0);
        try bridge.executeMessage(fields.hash(), sent, proof) { } catch { }
        vm.assertEq(token.balanceOf(address(bridge)), 1000);
        vm.assertEq(token.allowance(address(bridge), mallory), 0);
    }

    /// @notice Nor can messages to the Inbox, the Settlement or the executor act with anyone's rights.
    function test_executeMessage_executorHasNoRights() external {
        L2Message memory toInbox =
            sendFromL2(mallory, address(inbox), 0, 0, abi.encodeCall(inbox.enqueue, (message(100_000, ""))));
        L2Message memory toExecutor =
            sendFromL2(mallory, address(executor), 0, 0, abi.encodeCall(executor.execute, (alice, mallory, 0, "")));
        L2Message memory toExecutorWithValue = sendFromL2(mallory, address(executor), 1, 0, "");
        (OutputFields memory fields,) = settle();
        for (uint64 i = 0; i < 3; ++i) {
            L2Message memory sent = [toInbox, toExecutor, toExecutorWithValue][i];
            bytes memory proof = proofOf(fields, i);
            bytes32 output = fields.hash();
            vm.expectPartialRevert(MessageExecutor.MessageExecutor_CallFailed.selector);
            bridge.executeMessage(output, sent, proof);
        }
        vm.assertEq(address(executor).balance, 0);
    }
}

/// @title Token releases: L1-BR-3, L1-WD-4.
contract BridgeReleaseTest is ExecuteFixture {
    using Hashing for *;

    PlainToken internal token;

    function setUp() public override {
        super.setUp();
        token = new PlainToken("Token", "TKN");
        _deposit(token, 1000);
    }

    function _deposit(PlainToken token_, uint256 amount) private {
        token_.mint(alice, amount);
        vm.prank(alice);
        token_.approve(address(bridge), amount);
        vm.prank(alice);
        bridge.depositERC20(address(token_), alice, amount);
    }

    function testFuzz_release_paysOut(uint256 amount, address to) external {
        vm.assume(to != address(0) && to != address(bridge));
        amount = bound(amount, 0, 1000);
        L2Message memory sent = release(address(token), to, amount);
        (OutputFields memory fields,) = settle();
        bytes memory proof = proofOf(fields, 0);
        vm.expectEmit(address(bridge));
        emit Bridge.ERC20Released(0, address(token), to, amount);
        bridge.executeMessage(fields.hash(), sent, proof);
        vm.assertEq(token.balanceOf(to), amount);
        vm.assertEq(bridge.escrowOf(address(token)), 1000 - amount);
    }

    function testFuzz_release_revertsFromOthers(address sender) external {
        vm.assume(sender != L2_BRIDGE);
        bytes memory data = abi.encodeCall(IERC20Release.releaseERC20, (address(token), mallory, 1000));
        L2Message memory sent = sendFromL2(sender, address(bridge), 0, 0, data);
        (OutputFields memory fields,) = settle();
        expectRefused(fields, sent, abi.encodeWithSelector(Bridge.Bridge_ForbiddenSender.selector, sender));
    }

    function testFuzz_release_revertsWithValue(uint256 value) external {
        value = bound(value, 1, type(uint256).max);
        bytes memory data = abi.encodeCall(IERC20Release.releaseERC20, (address(token), mallory, 1000));
        L2Message memory sent = sendFromL2(L2_BRIDGE, address(bridge), value, 0, data);
        (OutputFields memory fields,) = settle();
        expectRefused(fields, sent, abi.encodeWithSelector(Bridge.Bridge_ValueToBridge.selector, value));
    }

    function testFuzz_release_revertsOnOtherCalls(bytes memory data) external {
        L2Message memory sent = sendFromL2(L2_BRIDGE, address(bridge), 0, 0, data);
        (OutputFields memory fields,) = settle();
        expectRefused(fields, sent, abi.encodeWithSelector(Bridge.Bridge_MalformedRelease.selector, data));
    }

    function testFuzz_release_revertsOnOtherSelector(bytes4 selector) external {
        vm.assume(selector != IERC20Release.releaseERC20.selector);
        bytes memory data = abi.encodeWithSelector(selector, address(token), mallory, 1000);
        L2Message memory sent = sendFromL2(L2_BRIDGE, address(bridge), 0, 0, data);
        (OutputFields memory fields,) = settle();
        expectRefused(fields, sent, abi.encodeWithSelector(Bridge.Bridge_MalformedRelease.selector, data));
    }

    /// @notice Escrow is per token and bounded by what was deposited, surplus or not.
    function testFuzz_release_revertsBeyondEscrow(uint256 amount, uint256 surplus) external {
        surplus = bound(surplus, 0, 1e18);
        amount = bound(amount, 1001, type(uint256).max);
        token.mint(address(bridge), surplus);
        L2Message memory sent = release(address(token), mallory, amount);
        (OutputFields memory fields,) = settle();
        expectRefused(
            fields,
            sent,
            abi.encodeWithSelector(BridgeBase.Bridge_EscrowTooSmall.selector, address(token), 1000, amount)
        );
    }

    function test_release_retriesWhenTheTokenFails() external {
        FalseToken failing = new FalseToken();
        failing.setFailing(false);
        _deposit(failing, 10);
        L2Message memory sent = release(address(failing), bob, 10);
        (OutputFields memory fields,) = settle();
        failing.setFailing(true);
        expectRefused(
            fields, sent, abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(failing))
        );
        vm.assertEq(bridge.escrowOf(address(failing)), 10);
        failing.setFailing(false);
        execute(fields, sent);
        vm.assertEq(failing.balanceOf(bob), 10);
    }

    /// @notice A token that catches failures of its own has the gas that L2 promised, or nothing happens: whoever pays cannot have its
    /// bookkeeping fail on its own.
    function testFuzz_release_gasIsGuaranteed(uint64 gasLimit, uint256 gas_) external {
        gasLimit = uint64(bound(gasLimit, 100_000, 3_000_000));
        CatchingToken catching = new CatchingToken();
        _deposit(catching, 10);
        bytes memory data = abi.encodeCall(IERC20Release.releaseERC20, (address(catching), bob, 10));
        L2Message memory sent = sendFromL2(L2_BRIDGE, address(bridge), 0, gasLimit, data);
        (OutputFields memory fields,) = settle();
        bytes memory proof = proofOf(fields, 0);
        bytes32 output = fields.hash();
        gas_ = bound(gas_, 100_000, uint256(gasLimit) + 300_000);
        try bridge.executeMessage{ gas: gas_ }(output, sent, proof) {
            vm.assertGe(catching.gasSeen() + 500, gasLimit);
        } catch {
            vm.assertFalse(bridge.isExecuted(0));
            vm.assertEq(bridge.escrowOf(address(catching)), 10);
        }
    }

    /// @notice As much gas as the promise takes is enough for a token that needs less.
    function test_release_withTheGasOfTheMessage() external {
        bytes memory data = abi.encodeCall(IERC20Release.releaseERC20, (address(token), bob, 10));
        L2Message memory sent = sendFromL2(L2_BRIDGE, address(bridge), 0, 300_000, data);
        (OutputFields memory fields,) = settle();
        bytes memory call_ = abi.encodeCall(bridge.executeMessage, (fields.hash(), sent, proofOf(fields, 0)));
        (bool success, bytes memory failure) = address(bridge).call{ gas: 300_000 }(call_);
        vm.assertFalse(success);
        vm.assertEq(bytes32(bytes4(failure)), bytes32(Bridge.Bridge_TooLittleGas.selector));
        vm.assertFalse(bridge.isExecuted(0));
        (success,) = address(bridge).call{ gas: 500_000 }(call_);
        vm.assertTrue(success);
        vm.assertEq(token.balanceOf(bob), 10);
    }

    function test_release_noReturnValue() external {
        NoReturnToken other = new NoReturnToken();
        other.mint(alice, 10);
        vm.prank(alice);
        other.approve(address(bridge), 10);
        vm.prank(alice);
        bridge.depositERC20(address(other), alice, 10);
        L2Message memory sent = release(address(other), bob, 10);
        (OutputFields memory fields,) = settle();
        execute(fields, sent);
        vm.assertEq(other.balanceOf(bob), 10);
    }

    /// @notice When a token shrinks the first to leave are paid, the last wait; other tokens are untouched.
    function test_release_shrunkToken() external {
        RebasingToken shrinking = new RebasingToken();
        _deposit(shrinking, 100);
        L2Message memory first = release(address(shrinking), bob, 40);
        L2Message memory second = release(address(shrinking), bob, 60);
        L2Message memory other = release(address(token), bob, 1000);
        (OutputFields memory fields,) = settle();
        shrinking.rebase(50);
        execute(fields, first);
        bytes memory proof = proofOf(fields, second.index);
        bytes32 output = fields.hash();
        vm.expectRevert();
        bridge.executeMessage(output, second, proof);
        execute(fields, other);
        shrinking.rebase(500);
        execute(fields, second);
    }

    /// @notice A release inside a deposit would disturb its measurement, and the other way round.
    function testFuzz_release_notReentrant(bool releaseOutside) external {
        ReentrantToken hostile = new ReentrantToken();
        hostile.mint(address(hostile), 50);
        hostile.approveBy(address(hostile), address(bridge));
        _deposit(hostile, 100);
        L2Message memory sent = release(address(hostile), mallory, 40);
        (OutputFields memory fields,) = settle();
        if (releaseOutside) {
            hostile.arm(address(bridge), abi.encodeCall(Bridge.depositERC20, (address(hostile), mallory, 50)));
            execute(fields, sent);
        } else {
            hostile.mint(alice, 7);
            vm.prank(alice);
            hostile.approve(address(bridge), 7);
            hostile.arm(
                address(bridge), abi.encodeCall(Bridge.executeMessage, (fields.hash(), sent, proofOf(fields, 0)))
            );
            vm.prank(alice);
            bridge.depositERC20(address(hostile), alice, 7);
        }
        vm.assertTrue(hostile.tried());
        vm.assertEq(bytes32(hostile.failure()), bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
        vm.assertEq(bridge.escrowOf(address(hostile)), hostile.balanceOf(address(bridge)));
        vm.assertEq(bridge.escrowOf(address(hostile)), releaseOutside ? 60 : 107);
    }
}

/// @title `MessageExecutor.execute`: who may call it, and what a callee can do to it.
contract ExecutorTest is ExecuteFixture {
    using Hashing for *;

    function testFuzz_execute_revertsUnlessBridge(address caller) external {
        vm.assume(caller != address(bridge));
        vm.expectRevert(abi.encodeWithSelector(MessageExecutor.MessageExecutor_NotBridge.selector, caller));
        vm.prank(caller);
        executor.execute(alice, address(callee), 0, "");
    }

    function test_l2Sender_revertsWhenIdle() external {
        vm.expectRevert(MessageExecutor.MessageExecutor_Idle.selector);
        executor.l2Sender();
        L2Message memory sent = sendFromL2(bob, address(callee), 0, 0, "");
        (OutputFields memory fields,) = settle();
        execute(fields, sent);
        vm.expectRevert(MessageExecutor.MessageExecutor_Idle.selector);
        executor.l2Sender();
    }

    /// @notice A return bomb costs the callee's own gas, and a long reason is cut.
    function testFuzz_execute_cutsReasons(uint256 length) external {
        length = bound(length, 0, 100_000);
        Bomb bomb = new Bomb(length);
        bytes memory reason = new bytes(length < 1024 ? length : 1024);
        vm.expectRevert(
            abi.encodeWithSelector(MessageExecutor.MessageExecutor_CallFailed.selector, address(bomb), reason)
        );
        vm.prank(address(bridge));
        executor.execute(alice, address(bomb), 0, "");
    }

    function test_execute_ignoresReturnBomb() external {
        ReturnBomb bomb = new ReturnBomb();
        vm.prank(address(bridge));
        uint256 before = gasleft();
        executor.execute(alice, address(bomb), 0, "");
        // 100 kB of memory in the callee cost about 30,000 gas; copying them here would double that.
        vm.assertLt(before - gasleft(), 60_000);
    }
}

contract Bomb {
    uint256 private immutable LENGTH;

    constructor(uint256 length) {
        LENGTH = length;
    }

    fallback() external payable {
        uint256 length = LENGTH;
        assembly {
            revert(0x1000, length)
        }
    }
}

contract ReturnBomb {
    fallback() external payable {
        assembly {
            return(0, 100000)
        }
    }
}
