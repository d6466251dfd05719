// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { BridgeBase } from "../../src/l1/BridgeBase.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { PaymentsBridge } from "../../src/payments/PaymentsBridge.sol";
import { Withdrawal } from "../../src/payments/Records.sol";
import { FalseToken, FeeToken, NoReturnToken, PlainToken, ReentrantToken } from "../l1/Tokens.sol";
import { vm } from "../utils/Vm.sol";
import { Chain } from "./Chain.sol";
import { Holder } from "./Holders.sol";

/// @title `PaymentsBridge.withdraw`: PAY-CLAIM.
contract PaymentsWithdrawTest is Chain {
    using Hashing for *;

    PlainToken private _token;
    Holder private _holder;
    Withdrawal[] private _paid;
    uint64 private _batch;

    function setUp() public override {
        super.setUp();
        _token = new PlainToken("Token", "TKN");
        _holder = new Holder();
        deposit(mallory, 100 ether);
        _token.mint(alice, 1000);
        vm.startPrank(alice);
        _token.approve(address(bridge), 1000);
        bridge.depositERC20(address(_token), alice, 1000);
        vm.stopPrank();
        records.push(depositRecord(alice, address(_token), 1000));
        _paid.push(Withdrawal(bob, ETH, 5 ether));
        _paid.push(Withdrawal(bob, address(_token), 300));
        _paid.push(Withdrawal(address(_holder), ETH, 7 ether));
        _paid.push(Withdrawal(bob, ETH, 5 ether)); // the same again is another one
        _paid.push(Withdrawal(alice, ETH, 0));
        _paid.push(Withdrawal(address(0), ETH, 1));
        bytes memory segment;
        for (uint256 i = 0; i < _paid.length; ++i) {
            segment = bytes.concat(segment, withdrawalRecord(_paid[i]));
        }
        _batch = append(segment);
    }

    function _again(uint256 position) private view returns (bytes memory) {
        return abi.encodeWithSelector(BridgeBase.Bridge_AlreadyExecuted.selector, indexOf(_batch, position));
    }

    function testFuzz_withdraw_paysOnceWhoeverCalls(address caller) external {
        vm.assume(caller != address(gate.admin()) && caller != bob);
        vm.expectEmit(address(bridge));
        emit PaymentsBridge.Withdrawn(indexOf(_batch, 0), bob, ETH, 5 ether, bob);
        claim(_batch, 0, _paid[0], caller, bob);
        vm.assertEq(bob.balance, 5 ether);
        vm.assertEq(bridge.escrowOf(ETH), 95 ether);
        vm.assertTrue(bridge.isExecuted(indexOf(_batch, 0)));
        refusedClaim(_batch, 0, _paid[0], _again(0));
        claim(_batch, 1, _paid[1], caller, bob);
        vm.assertEq(_token.balanceOf(bob), 300);
        vm.assertEq(bridge.escrowOf(address(_token)), 700);
        refusedClaim(_batch, 1, _paid[1], _again(1));
    }

    /// @notice Two withdrawals with the same record are two.
    function test_withdraw_theSameTwice() external {
        claim(_batch, 0, _paid[0]);
        claim(_batch, 3, _paid[3]);
        vm.assertEq(bob.balance, 10 ether);
        refusedClaim(_batch, 0, _paid[0], _again(0));
        refusedClaim(_batch, 3, _paid[3], _again(3));
        refusedClaim(_batch, 2, _paid[0], notProven(_batch, 2));
    }

    function testFuzz_withdraw_refusesAnythingElse(address recipient, address token, uint128 amount) external {
        vm.assume(recipient != bob && token != ETH && amount != 5 ether);
        refusedClaim(_batch, 0, Withdrawal(recipient, ETH, 5 ether), notProven(_batch, 0));
        refusedClaim(_batch, 0, Withdrawal(bob, token, 5 ether), notProven(_batch, 0));
        refusedClaim(_batch, 0, Withdrawal(bob, ETH, amount), notProven(_batch, 0));
    }

    /// @notice A deposit's record is no withdrawal's, nor is a forced one's.
    function test_withdraw_refusesOtherRecords() external {
        uint64 index = append(bytes.concat(depositRecord(mallory, ETH, 3), forcedRecord(mallory, ETH)));
        refusedClaim(index, 0, Withdrawal(mallory, ETH, 3), notProven(index, 0));
        refusedClaim(index, 1, Withdrawal(mallory, ETH, 0), notProven(index, 1));
    }

    function testFuzz_withdraw_toWhomTheRecipientNames(address stranger, address to) external {
        vm.assume(stranger != bob && to != bob && stranger != address(gate.admin()) && to != address(0));
        bytes32 output = fieldsOf[_batch].hash();
        bytes memory proof = proofOf(_batch, 1);
        uint64 index = indexOf(_batch, 1);
        Withdrawal memory paid = _paid[1];
        vm.expectRevert(abi.encodeWithSelector(PaymentsBridge.Bridge_NotPayee.selector, bob, stranger));
        vm.prank(stranger);
        bridge.withdraw(output, index, paid, proof, to);
        vm.expectRevert(BridgeBase.Bridge_ZeroAddress.selector);
        vm.prank(bob);
        bridge.withdraw(output, index, paid, proof, address(0));
        uint256 before = _token.balanceOf(to);
        claim(_batch, 1, paid, bob, to);
        if (to != address(bridge)) vm.assertEq(_token.balanceOf(to), before + 300);
        refusedClaim(_batch, 1, paid, _again(1));
    }

    /// @notice Nothing is nothing, and nobody's is nobody's.
    function test_withdraw_ofNothingAndNobody() external {
        refusedClaim(_batch, 4, _paid[4], abi.encodeWithSelector(PaymentsBridge.Bridge_NothingToPay.selector));
        refusedClaim(_batch, 5, _paid[5], abi.encodeWithSelector(BridgeBase.Bridge_ZeroAddress.selector));
        bytes32 output = fieldsOf[_batch].hash();
        bytes memory proof = proofOf(_batch, 5);
        uint64 index = indexOf(_batch, 5);
        Withdrawal memory paid = _paid[5];
        vm.expectRevert(abi.encodeWithSelector(PaymentsBridge.Bridge_NotPayee.selector, address(0), mallory));
        vm.prank(mallory);
        bridge.withdraw(output, index, paid, proof, mallory);
    }

    /// @notice Who cannot be paid is paid later, or names somebody else.
    function testFuzz_withdraw_recipientThatReverts(bool later) external {
        _holder.set(true, address(0), "");
        refusedClaim(
            _batch,
            2,
            _paid[2],
            abi.encodeWithSelector(PaymentsBridge.Bridge_PaymentFailed.selector, address(_holder), 7 ether)
        );
        vm.assertFalse(bridge.isExecuted(indexOf(_batch, 2)));
        vm.assertEq(bridge.escrowOf(ETH), 100 ether);
        if (later) {
            _holder.set(false, address(0), "");
            claim(_batch, 2, _paid[2]);
            vm.assertEq(address(_holder).balance, 7 ether);
        } else {
            _holder.run(
                address(bridge),
                abi.encodeCall(
                    bridge.withdraw, (fieldsOf[_batch].hash(), indexOf(_batch, 2), _paid[2], proofOf(_batch, 2), alice)
                )
            );
            vm.assertEq(alice.balance, 7 ether);
        }
        vm.assertEq(bridge.escrowOf(ETH), 93 ether);
    }

    /// @notice The Bridge does not pay itself into somebody's account.
    function test_withdraw_toTheBridge() external {
        bytes32 output = fieldsOf[_batch].hash();
        bytes memory proof = proofOf(_batch, 0);
        uint64 index = indexOf(_batch, 0);
        Withdrawal memory paid = _paid[0];
        vm.expectRevert(abi.encodeWithSelector(PaymentsBridge.Bridge_PaymentFailed.selector, address(bridge), 5 ether));
        vm.prank(bob, bob);
        bridge.withdraw(output, index, paid, proof, address(bridge));
    }

    function test_withdraw_reentranceByTheRecipient() external {
        bytes[3] memory attacks = [
            abi.encodeCall(
                bridge.withdraw,
                (fieldsOf[_batch].hash(), indexOf(_batch, 2), _paid[2], proofOf(_batch, 2), address(_holder))
            ),
            abi.encodeCall(
                bridge.withdraw, (fieldsOf[_batch].hash(), indexOf(_batch, 3), _paid[3], proofOf(_batch, 3), bob)
            ),
            abi.encodeCall(bridge.depositETH, (mallory))
        ];
        for (uint256 i = 0; i < attacks.length; ++i) {
            uint256 state = vm.snapshotState();
            _holder.set(false, address(bridge), attacks[i]);
            claim(_batch, 2, _paid[2]);
            vm.assertTrue(_holder.wasCalled());
            vm.assertTrue(_holder.failure() == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
            vm.assertEq(address(_holder).balance, 7 ether);
            vm.assertEq(bridge.escrowOf(ETH), 93 ether);
            vm.revertToState(state);
        }
    }

    function test_withdraw_reentranceByTheToken() external {
        ReentrantToken token = new ReentrantToken();
        token.mint(alice, 100);
        token.approveBy(alice, address(bridge));
        vm.prank(alice);
        bridge.depositERC20(address(token), alice, 100);
        records.push(depositRecord(alice, address(token), 100));
        Withdrawal memory paid = Withdrawal(bob, address(token), 40);
        uint64 index = append(bytes.concat(withdrawalRecord(paid), withdrawalRecord(paid)));
        token.arm(
            address(bridge),
            abi.encodeCall(bridge.withdraw, (fieldsOf[index].hash(), indexOf(index, 1), paid, proofOf(index, 1), bob))
        );
        claim(index, 0, paid);
        vm.assertTrue(token.failure() == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        vm.assertEq(bridge.escrowOf(address(token)), 60);
        claim(index, 1, paid);
        vm.assertEq(token.balanceOf(bob), 80);
    }

    /// @notice A token that fails makes the whole call fail, so that it can be made again.
    function test_withdraw_tokenThatFails() external {
        FalseToken token = new FalseToken();
        token.setFailing(false);
        token.mint(alice, 10);
        vm.startPrank(alice);
        token.approve(address(bridge), 10);
        bridge.depositERC20(address(token), alice, 10);
        vm.stopPrank();
        records.push(depositRecord(alice, address(token), 10));
        Withdrawal memory paid = Withdrawal(bob, address(token), 10);
        uint64 index = append(withdrawalRecord(paid));
        token.setFailing(true);
        refusedClaim(
            index, 0, paid, abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token))
        );
        vm.assertEq(bridge.escrowOf(address(token)), 10);
        token.setFailing(false);
        claim(index, 0, paid);
        vm.assertEq(token.balanceOf(bob), 10);
    }

    /// @notice A token never pays more than was deposited of it, whatever is proven, and however much the Bridge has.
    function testFuzz_withdraw_refusesMoreThanTheEscrow(uint128 amount) external {
        amount = uint128(bound(amount, 1001, type(uint128).max));
        _token.mint(address(bridge), type(uint128).max);
        Withdrawal memory paid = Withdrawal(bob, address(_token), amount);
        uint64 index = append(withdrawalRecord(paid));
        refusedClaim(
            index,
            0,
            paid,
            abi.encodeWithSelector(BridgeBase.Bridge_EscrowTooSmall.selector, address(_token), 1000, amount)
        );
        vm.deal(address(bridge), type(uint128).max);
        paid = Withdrawal(bob, ETH, uint128(100 ether + uint256(amount) % 100 ether + 1));
        index = append(withdrawalRecord(paid));
        refusedClaim(
            index,
            0,
            paid,
            abi.encodeWithSelector(BridgeBase.Bridge_EscrowTooSmall.selector, ETH, 100 ether, paid.amount)
        );
    }

    function test_withdraw_oddTokens() external {
        NoReturnToken silent = new NoReturnToken();
        FeeToken fee = new FeeToken();
        silent.mint(alice, 500);
        fee.mint(alice, 1000);
        vm.startPrank(alice);
        silent.approve(address(bridge), 500);
        fee.approve(address(bridge), 1000);
        bridge.depositERC20(address(silent), alice, 500);
        bridge.depositERC20(address(fee), alice, 1000);
        vm.stopPrank();
        records.push(depositRecord(alice, address(silent), 500));
        records.push(depositRecord(alice, address(fee), 990));
        Withdrawal memory first = Withdrawal(bob, address(silent), 500);
        Withdrawal memory second = Withdrawal(bob, address(fee), 990);
        uint64 index = append(bytes.concat(withdrawalRecord(first), withdrawalRecord(second)));
        claim(index, 0, first);
        claim(index, 1, second);
        vm.assertEq(silent.balanceOf(bob), 500);
        vm.assertEq(fee.balanceOf(bob), 981); // the fee is the recipient's
        vm.assertEq(bridge.escrowOf(address(silent)), 0);
        vm.assertEq(bridge.escrowOf(address(fee)), 0);
    }

    /// @notice Neither pause, nor later batches, nor the end of the chain takes it away.
    function testFuzz_withdraw_atAnyTimeLater(uint256 late, bool ended) external {
        append();
        pause();
        if (ended) freeze();
        skipTime(bound(late, 0, 3650 days));
        claim(_batch, 0, _paid[0]);
        claim(_batch, 1, _paid[1]);
        vm.assertEq(bob.balance, 5 ether);
    }
}
