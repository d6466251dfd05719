// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { BridgeBase } from "../../src/l1/BridgeBase.sol";
import { Field } from "../../src/payments/Field.sol";
import { PaymentsBridge } from "../../src/payments/PaymentsBridge.sol";
import { Withdrawal } from "../../src/payments/Records.sol";
import { Leaf } from "../../src/payments/StateTree.sol";
import { PlainToken, ReentrantToken } from "../l1/Tokens.sol";
import { vm } from "../utils/Vm.sol";
import { LedgerChain } from "./LedgerChain.sol";
import { LedgerTree } from "./LedgerTree.sol";
import { Holder } from "./Holders.sol";

/// @title A chain with leaves of every sort, which has come to its end, and a queue that outlived it.
abstract contract EndFixture is LedgerChain {
    address internal carol = makeAddr("carol");
    PlainToken internal token;
    Holder internal holder;

    uint64 internal waitingETH;
    uint64 internal waitingToken;
    uint64 internal waitingForced;
    uint64 internal waitingKey;

    function setUp() public virtual override {
        super.setUp();
        token = new PlainToken("Token", "TKN");
        holder = new Holder();
        queueDeposit(alice, ETH, 10 ether);
        queueDeposit(bob, address(token), 700);
        queueDeposit(alice, address(token), 50);
        queueDeposit(address(holder), ETH, 3 ether);
        settle();
        transfer(alice, carol, ETH, 4 ether);
        transfer(bob, carol, address(token), 200);
        withdraw(alice, mallory, ETH, 1 ether);
        leafOf(carol, address(token)).sessionHash = 5;
        leafOf(makeAddr("empty"), ETH);
        settle();
        waitingETH = queueDeposit(bob, ETH, 2 ether);
        waitingToken = queueDeposit(bob, address(token), 30);
        waitingForced = queueForced(alice, ETH);
        waitingKey = queueKey(alice, 77);
    }

    function end() internal {
        skipTime(FORCED_SECONDS + ESCAPE_SECONDS + 1);
        settlement.freeze();
    }
}

/// @title Leaves leave a frozen chain, each once, to their owners: PAY-ESCAPE.
contract EscapeTest is EndFixture {
    function test_escape_paysEveryLeaf() external {
        end();
        for (uint32 i = 1; i < ledger.length; ++i) {
            if (ledger[i].balance == 0) continue;
            Leaf memory leaf = ledger[i];
            uint256 escrow = bridge.escrowOf(leaf.token);
            vm.expectEmit(address(bridge));
            emit PaymentsBridge.Escaped(i, leaf.account, leaf.token, leaf.balance, leaf.account);
            escape(i, mallory, leaf.account);
            vm.assertEq(bridge.escrowOf(leaf.token), escrow - leaf.balance);
            vm.assertTrue(bridge.isEscaped(i));
        }
        vm.assertEq(alice.balance, 5 ether);
        vm.assertEq(carol.balance, 4 ether);
        vm.assertEq(address(holder).balance, 3 ether);
        vm.assertEq(token.balanceOf(bob), 500);
        vm.assertEq(token.balanceOf(carol), 200);
        vm.assertEq(token.balanceOf(alice), 50);
        // What is left are the withdrawal, and the deposits that no batch took.
        vm.assertEq(bridge.escrowOf(ETH), 3 ether);
        vm.assertEq(bridge.escrowOf(address(token)), 30);
    }

    function testFuzz_escape_onlyOnce(uint256 which) external {
        end();
        uint32 index = uint32(bound(which, 1, ledger.length - 2)); // the last one is empty
        Leaf memory leaf = ledger[index];
        escape(index, leaf.account, bob);
        bytes memory expected = abi.encodeWithSelector(PaymentsBridge.Bridge_AlreadyEscaped.selector, index);
        refusedEscape(index, leaf, leaf.account, leaf.account, expected);
        refusedEscape(index, leaf, mallory, leaf.account, expected);
    }

    function testFuzz_escape_revertsWhileTheChainLives(uint256 early) external {
        Leaf memory leaf = ledger[1];
        refusedEscape(1, leaf, alice, alice, abi.encodeWithSelector(PaymentsBridge.Bridge_NotFrozen.selector));
        vm.assertFalse(settlement.verifyLeaf(1, leaf, pathOf(1)));
        vm.warp(settlement.freezableAt() - bound(early, 0, ESCAPE_SECONDS));
        refusedEscape(1, leaf, alice, alice, abi.encodeWithSelector(PaymentsBridge.Bridge_NotFrozen.selector));
        end();
        vm.assertTrue(settlement.verifyLeaf(1, leaf, pathOf(1)));
        escape(1, alice, alice);
    }

    /// @notice Every field counts.
    function testFuzz_escape_refusesOtherLeaves(uint256 which, uint160 other) external {
        end();
        uint32 index = uint32(bound(which, 0, ledger.length - 1));
        other = uint160(bound(other, 1, type(uint160).max));
        uint256[3][16] memory path = pathOf(index);
        for (uint256 field = 0; field < 8; ++field) {
            Leaf memory leaf = ledger[index];
            if (field == 0) leaf.account = address(uint160(leaf.account) ^ other);
            if (field == 1) leaf.token = address(uint160(leaf.token) ^ other);
            if (field == 2) leaf.nextAccount = address(uint160(leaf.nextAccount) ^ other);
            if (field == 3) leaf.nextToken = address(uint160(leaf.nextToken) ^ other);
            if (field == 4) leaf.nonce ^= uint64(other | 1);
            if (field == 5) leaf.balance ^= uint128(other | 1);
            if (field == 6) leaf.keyHash ^= other;
            if (field == 7) leaf.sessionHash ^= other;
            vm.expectRevert(notALeaf(index));
            vm.prank(leaf.account);
            bridge.escape(index, leaf, path, leaf.account);
        }
    }

    /// @notice A leaf has one form: else the same one would have many.
    function test_escape_refusesHashesBeyondTheField() external {
        end();
        Leaf memory leaf = ledger[1];
        leaf.keyHash += Field.R;
        uint256[3][16] memory path = pathOf(1);
        vm.expectRevert();
        bridge.escape(1, leaf, path, alice);
        leaf = ledger[1];
        leaf.sessionHash += Field.R;
        vm.expectRevert();
        bridge.escape(1, leaf, path, alice);
        leaf = ledger[1];
        path[7][1] += Field.R;
        vm.expectRevert();
        bridge.escape(1, leaf, path, alice);
    }

    /// @notice A leaf stands at one index: else it would leave under each.
    function testFuzz_escape_refusesOtherIndexes(uint256 which, uint32 other, uint8 bit) external {
        end();
        uint32 index = uint32(bound(which, 1, ledger.length - 1));
        Leaf memory leaf = ledger[index];
        uint256[3][16] memory path = pathOf(index);
        uint32[2] memory changed = [other, index ^ uint32(1 << (bit % 32))];
        for (uint256 i = 0; i < 2; ++i) {
            if (changed[i] == index) continue;
            vm.expectRevert(notALeaf(changed[i]));
            vm.prank(leaf.account);
            bridge.escape(changed[i], leaf, path, leaf.account);
        }
    }

    function test_escape_refusesEveryOtherBitOfTheIndex() external {
        end();
        Leaf memory leaf = ledger[1];
        uint256[3][16] memory path = pathOf(1);
        for (uint256 bit = 0; bit < 32; ++bit) {
            uint32 changed = 1 ^ uint32(1 << bit);
            vm.expectRevert(notALeaf(changed));
            vm.prank(leaf.account);
            bridge.escape(changed, leaf, path, leaf.account);
        }
    }

    function testFuzz_escape_refusesOtherPaths(uint256 level, uint256 child, uint256 other) external {
        end();
        uint256[3][16] memory path = pathOf(1);
        level = bound(level, 0, 15);
        child = bound(child, 0, 2);
        other = bound(other, 0, Field.R - 1);
        vm.assume(path[level][child] != other);
        path[level][child] = other;
        Leaf memory leaf = ledger[1];
        vm.expectRevert(notALeaf(1));
        vm.prank(alice);
        bridge.escape(1, leaf, path, alice);
    }

    /// @notice The state before the last one is over: what was spent since does not leave again.
    function test_escape_refusesOlderStates() external {
        Leaf memory rich = ledger[indexOfLeaf(alice, ETH)];
        uint32 index = indexOfLeaf(alice, ETH);
        uint256[3][16] memory path = pathOf(index);
        transfer(alice, carol, ETH, 5 ether);
        settle();
        queueForced(bob, ETH);
        end();
        vm.expectRevert(notALeaf(index));
        vm.prank(alice);
        bridge.escape(index, rich, path, alice);
        Leaf memory poor = ledger[index];
        refusedEscape(index, poor, alice, alice, abi.encodeWithSelector(PaymentsBridge.Bridge_NothingToPay.selector));
    }

    function test_escape_paysNothingForNothing() external {
        end();
        uint32 last = uint32(ledger.length - 1);
        vm.assertEq(ledger[last].balance, 0);
        Leaf memory leaf = ledger[last];
        refusedEscape(
            last, leaf, mallory, leaf.account, abi.encodeWithSelector(PaymentsBridge.Bridge_NothingToPay.selector)
        );
        // The sentinel is a leaf of nobody's.
        leaf = ledger[0];
        refusedEscape(0, leaf, mallory, ETH, abi.encodeWithSelector(BridgeBase.Bridge_ZeroAddress.selector));
        refusedEscape(
            0, leaf, mallory, mallory, abi.encodeWithSelector(PaymentsBridge.Bridge_NotPayee.selector, ETH, mallory)
        );
        // Nor is there anything where no leaf is.
        Leaf memory nothing;
        refusedEscape(last + 1, nothing, mallory, mallory, notALeaf(last + 1));
    }

    function testFuzz_escape_toWhomTheOwnerNames(address stranger, address to) external {
        end();
        vm.assume(stranger != alice && to != alice && to != address(0));
        uint32 index = indexOfLeaf(alice, address(token));
        Leaf memory leaf = ledger[index];
        bytes memory expected = abi.encodeWithSelector(PaymentsBridge.Bridge_NotPayee.selector, alice, stranger);
        vm.assume(stranger.code.length == 0 && stranger != _admin());
        refusedEscape(index, leaf, stranger, to, expected);
        refusedEscape(index, leaf, alice, address(0), abi.encodeWithSelector(BridgeBase.Bridge_ZeroAddress.selector));
        uint256 before = token.balanceOf(to);
        escape(index, alice, to);
        if (to != address(bridge)) vm.assertEq(token.balanceOf(to), before + 50);
    }

    function _admin() private view returns (address) {
        return address(gate.admin());
    }

    /// @notice A contract that takes no ether names somebody who does.
    function test_escape_ofContracts() external {
        end();
        uint32 index = indexOfLeaf(address(holder), ETH);
        holder.set(true, address(0), "");
        Leaf memory leaf = ledger[index];
        refusedEscape(
            index,
            leaf,
            mallory,
            address(holder),
            abi.encodeWithSelector(PaymentsBridge.Bridge_PaymentFailed.selector, address(holder), 3 ether)
        );
        vm.assertFalse(bridge.isEscaped(index));
        holder.run(address(bridge), abi.encodeCall(bridge.escape, (index, leaf, pathOf(index), carol)));
        vm.assertEq(carol.balance, 3 ether);
    }

    /// @notice While it is paid, a contract gets neither its leaf again, nor anything else of the Bridge.
    function test_escape_reentrance() external {
        end();
        uint32 index = indexOfLeaf(address(holder), ETH);
        Leaf memory leaf = ledger[index];
        bytes[4] memory attacks = [
            abi.encodeCall(bridge.escape, (index, leaf, pathOf(index), address(holder))),
            abi.encodeCall(bridge.escape, (1, ledger[1], pathOf(1), alice)),
            abi.encodeCall(bridge.refundDeposit, (waitingETH, bob, ETH, 2 ether, bob)),
            abi.encodeCall(bridge.depositETH, (mallory))
        ];
        for (uint256 i = 0; i < attacks.length; ++i) {
            uint256 state = vm.snapshotState();
            holder.set(false, address(bridge), attacks[i]);
            escape(index, mallory, address(holder));
            vm.assertTrue(holder.wasCalled());
            vm.assertTrue(
                holder.failure() == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector, "not refused"
            );
            vm.assertEq(address(holder).balance, 3 ether);
            vm.revertToState(state);
        }
        // A key and a withdrawal can be asked for at any time; they move nothing.
        holder.set(false, address(bridge), abi.encodeCall(bridge.forceWithdrawal, (ETH)));
        escape(index, mallory, address(holder));
        vm.assertTrue(holder.failure() == 0);
        vm.assertEq(address(holder).balance, 3 ether);
    }

    function test_escape_reentranceThroughATokenOfTheOwner() external {
        ReentrantToken hostile = new ReentrantToken();
        queueDeposit(mallory, address(hostile), 10);
        settle();
        queueForced(bob, ETH);
        end();
        uint32 index = indexOfLeaf(mallory, address(hostile));
        Leaf memory leaf = ledger[index];
        hostile.arm(address(bridge), abi.encodeCall(bridge.escape, (index, leaf, pathOf(index), mallory)));
        escape(index, mallory, mallory);
        vm.assertTrue(hostile.failure() == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        vm.assertEq(hostile.balanceOf(mallory), 10);
        vm.assertEq(bridge.escrowOf(address(hostile)), 0);
    }

    /// @notice A token that moves nothing harms its own holders and nobody else.
    function test_escape_ofABrokenToken() external {
        end();
        vm.mockCall(address(token), abi.encodeCall(token.transfer, (carol, uint256(200))), abi.encode(false));
        uint32 index = indexOfLeaf(carol, address(token));
        uint256[3][16] memory path = pathOf(index);
        Leaf memory leaf = ledger[index];
        vm.expectRevert();
        bridge.escape(index, leaf, path, carol);
        vm.assertEq(bridge.escrowOf(address(token)), 780);
        escape(indexOfLeaf(carol, ETH), mallory, carol);
        escape(index, carol, bob); // elsewhere
    }

    /// @notice Nothing pauses the way out.
    function test_escape_isNotPaused() external {
        end();
        pause();
        escape(1, mallory, ledger[1].account);
        refund(waitingETH, mallory, bob);
        claim(2, 0, Withdrawal(mallory, ETH, 1 ether));
    }

    /// @notice What was posted before the end is claimed after it, and does not leave by the leaf too.
    function test_escape_withdrawalsAreClaimedAsEver() external {
        end();
        claim(2, 0, Withdrawal(mallory, ETH, 1 ether));
        refusedClaim(
            2,
            0,
            Withdrawal(mallory, ETH, 1 ether),
            abi.encodeWithSelector(BridgeBase.Bridge_AlreadyExecuted.selector, indexOf(2, 0))
        );
        vm.assertEq(mallory.balance, 1 ether);
        vm.assertEq(bridge.escrowOf(ETH), 14 ether);
    }
}

/// @title Deposits that no batch took go back: PAY-ESCAPE.
contract RefundTest is EndFixture {
    function _refused(uint64 index, address account, address asset, uint128 amount, address to, bytes memory expected)
        private
    {
        vm.expectRevert(expected);
        vm.prank(mallory);
        bridge.refundDeposit(index, account, asset, amount, to);
    }

    function _notADeposit(uint64 index, address account, address asset, uint128 amount) private {
        _refused(
            index,
            account,
            asset,
            amount,
            account,
            abi.encodeWithSelector(PaymentsBridge.Bridge_NotADeposit.selector, index)
        );
    }

    function test_refund_paysBack() external {
        end();
        vm.expectEmit(address(bridge));
        emit PaymentsBridge.Refunded(waitingETH, bob, ETH, 2 ether, bob);
        refund(waitingETH, mallory, bob);
        refund(waitingToken, mallory, bob);
        vm.assertEq(bob.balance, 2 ether);
        vm.assertEq(token.balanceOf(bob), 30);
        vm.assertEq(bridge.escrowOf(ETH), 13 ether);
        vm.assertEq(bridge.escrowOf(address(token)), 750);
    }

    function test_refund_onlyOnce() external {
        end();
        refund(waitingETH, bob, carol);
        vm.assertEq(carol.balance, 2 ether);
        _refused(
            waitingETH,
            bob,
            ETH,
            2 ether,
            bob,
            abi.encodeWithSelector(PaymentsBridge.Bridge_AlreadyRefunded.selector, waitingETH)
        );
    }

    function test_refund_revertsWhileTheChainLives() external {
        _refused(waitingETH, bob, ETH, 2 ether, bob, abi.encodeWithSelector(PaymentsBridge.Bridge_NotFrozen.selector));
        vm.warp(settlement.freezableAt() + 10 days);
        _refused(waitingETH, bob, ETH, 2 ether, bob, abi.encodeWithSelector(PaymentsBridge.Bridge_NotFrozen.selector));
    }

    /// @notice What a batch took is in a leaf or was paid out; it is not paid twice.
    function test_refund_refusesWhatWasConsumed() external {
        end();
        for (uint64 i = 0; i < waitingETH; ++i) {
            Queued memory message = queue[i];
            _refused(
                i,
                message.account,
                message.token,
                uint128(message.value),
                message.account,
                abi.encodeWithSelector(PaymentsBridge.Bridge_AlreadyConsumed.selector, i)
            );
        }
    }

    /// @notice No message is both: at every point at which the chain can end, a deposit is in the state or can be refunded.
    function testFuzz_refund_orConsumed(uint256 batches) external {
        for (uint256 i = 0; i < 12; ++i) {
            queueDeposit(carol, ETH, uint128(i + 1));
        }
        batches = bound(batches, 0, 1);
        for (uint256 i = 0; i < batches; ++i) {
            settle();
        }
        end();
        uint256 refunded;
        uint256 total;
        for (uint64 i = 0; i < queue.length; ++i) {
            if (queue[i].kind != Kind.Deposit || queue[i].token != ETH) continue;
            total += queue[i].value;
            bool taken = i < inbox.queueConsumed();
            if (taken) vm.expectPartialRevert(PaymentsBridge.Bridge_AlreadyConsumed.selector);
            bridge.refundDeposit(i, queue[i].account, ETH, uint128(queue[i].value), queue[i].account);
            if (!taken) refunded += queue[i].value;
        }
        vm.assertEq(bridge.escrowOf(ETH), total - refunded);
    }

    function testFuzz_refund_refusesAnotherRecord(address account, address asset, uint128 amount) external {
        end();
        vm.assume(account != bob && asset != ETH && amount != 2 ether);
        _notADeposit(waitingETH, account, ETH, 2 ether);
        _notADeposit(waitingETH, bob, asset, 2 ether);
        _notADeposit(waitingETH, bob, ETH, amount);
        _notADeposit(waitingToken, bob, ETH, 30);
        _notADeposit(waitingToken, bob, ETH, 2 ether);
    }

    /// @notice A message by which an account asks for something is no deposit of its.
    function testFuzz_refund_refusesOtherMessages(uint128 amount) external {
        end();
        _notADeposit(waitingForced, alice, ETH, amount);
        _notADeposit(waitingForced, alice, ETH, 0);
        _notADeposit(waitingKey, alice, ETH, amount);
        _notADeposit(waitingKey, alice, ETH, 77);
        _notADeposit(waitingKey, alice, address(77 << 88), 0);
    }

    function testFuzz_refund_refusesPositionsBeyondTheQueue(uint64 index) external {
        end();
        uint64 length = inbox.queueLength();
        index = uint64(bound(index, length, type(uint64).max));
        _notADeposit(index, bob, ETH, 2 ether);
        _notADeposit(length, bob, ETH, 2 ether);
        _notADeposit(type(uint64).max, bob, ETH, 2 ether);
    }

    function testFuzz_refund_toWhomTheAccountNames(address stranger, address to) external {
        end();
        vm.assume(stranger != bob && to != bob && stranger != address(gate.admin()));
        vm.expectRevert(abi.encodeWithSelector(PaymentsBridge.Bridge_NotPayee.selector, bob, stranger));
        vm.prank(stranger);
        bridge.refundDeposit(waitingETH, bob, ETH, 2 ether, to);
        vm.expectRevert(BridgeBase.Bridge_ZeroAddress.selector);
        vm.prank(bob);
        bridge.refundDeposit(waitingETH, bob, ETH, 2 ether, address(0));
    }

    /// @notice The depositor is not the account: what is given to somebody is his.
    function test_refund_isTheAccountsNotTheDepositors() external {
        vm.deal(mallory, 1 ether);
        vm.prank(mallory);
        uint64 index = bridge.depositETH{ value: 1 ether }(carol);
        end();
        vm.expectRevert(abi.encodeWithSelector(PaymentsBridge.Bridge_NotPayee.selector, carol, mallory));
        vm.prank(mallory);
        bridge.refundDeposit(index, carol, ETH, 1 ether, mallory);
        bridge.refundDeposit(index, carol, ETH, 1 ether, carol);
        vm.assertEq(carol.balance, 1 ether);
    }

    /// @notice Who deposits into a chain that has ended gets it back.
    function test_refund_ofADepositAfterTheEnd() external {
        end();
        uint64 index = queueDeposit(carol, ETH, 9 ether);
        refund(index, mallory, carol);
        vm.assertEq(carol.balance, 9 ether);
    }

    /// @notice To the last wei: leaves, withdrawal, refunds.
    function test_end_emptiesTheEscrow() external {
        end();
        for (uint32 i = 1; i < ledger.length; ++i) {
            if (ledger[i].balance != 0) escape(i, mallory, ledger[i].account);
        }
        claim(2, 0, Withdrawal(mallory, ETH, 1 ether));
        refund(waitingETH, mallory, bob);
        refund(waitingToken, mallory, bob);
        vm.assertEq(bridge.escrowOf(ETH), 0);
        vm.assertEq(bridge.escrowOf(address(token)), 0);
        vm.assertEq(address(bridge).balance, 0);
        vm.assertEq(token.balanceOf(address(bridge)), 0);
    }

    function test_genesis_isATreeOfTheSentinelAlone() external view {
        uint256[] memory hashes = new uint256[](1);
        Leaf memory sentinel;
        hashes[0] = settlement.stateTree().hashOf(sentinel);
        vm.assertEq(settlement.GENESIS_ROOT(), LedgerTree.root(hashes, empties));
    }
}
