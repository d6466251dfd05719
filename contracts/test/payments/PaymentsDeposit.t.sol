// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { BridgeBase } from "../../src/l1/BridgeBase.sol";
import { Inbox } from "../../src/l1/Inbox.sol";
import { MessageMeter } from "../../src/l1/MessageMeter.sol";
import { PaymentsBridge } from "../../src/payments/PaymentsBridge.sol";
import { Withdrawal } from "../../src/payments/Records.sol";
import {
    AccruingToken,
    FalseToken,
    FeeToken,
    NonFungibleToken,
    NoReturnToken,
    PlainToken,
    PretendingToken,
    RebasingToken,
    ReentrantToken
} from "../l1/Tokens.sol";
import { vm } from "../utils/Vm.sol";
import { Chain } from "./Chain.sol";
import { Holder } from "./Holders.sol";

abstract contract RecordFixture is Chain {
    uint256 internal constant MAX_ESCROW = type(uint128).max;

    /// @dev Expects the next call to put exactly this record into the queue, at this gas.
    function expectRecord(bytes memory record, uint64 gasLimit) internal {
        uint64 index = inbox.queueLength();
        vm.assertEq(record.length, 62);
        bytes32 queueHash = keccak256(abi.encode(inbox.queueHashOf(index), keccak256(record)));
        vm.expectCall(address(inbox), abi.encodeCall(inbox.enqueueRecord, (record, gasLimit)));
        vm.expectEmit(address(inbox));
        emit Inbox.MessageEnqueued(index, queueHash, record);
    }

    function approved(address token, address account, uint256 amount) internal {
        PlainToken(token).mint(account, amount);
        vm.prank(account);
        NoReturnToken(token).approve(address(bridge), amount);
    }

    function escrowFull(address token, uint256 escrow, uint256 amount) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(PaymentsBridge.Bridge_EscrowFull.selector, token, escrow, amount);
    }

    function paused() internal view returns (bytes memory) {
        return abi.encodeWithSelector(BridgeBase.Bridge_DepositsPaused.selector, bridge.pausedUntil());
    }
}

/// @title The records of tests/vectors/payments, which the native code wrote: PAY-MESSAGE.
contract RecordVectorsTest is RecordFixture {
    function test_records_areTheNativeOnes() external {
        string memory json = vm.readFile("../tests/vectors/payments/batch.json");
        bytes memory segment = vm.parseJsonBytesArray(json, ".segments")[2];
        expectRecord(segment, 200_000);
        vm.deal(alice, 1 ether);
        vm.prank(alice);
        bridge.depositETH{ value: 1 ether }(0x0202020202020202020202020202020202020202);
    }

    /// @notice Withdrawals of the native batch, as the Bridge hashes them.
    function test_withdrawals_areTheNativeOnes() external {
        string memory json = vm.readFile("../tests/vectors/payments/batch.json");
        bytes memory segment = vm.parseJsonBytesArray(json, ".segments")[1];
        vm.assertEq(segment.length, 124);
        address recipient = 0xaAaAaAaaAaAaAaaAaAAAAAAAAaaaAaAaAaaAaaAa;
        bytes memory first = withdrawalRecord(Withdrawal(recipient, ETH, 3 ether));
        bytes memory second = withdrawalRecord(Withdrawal(recipient, 0x7070707070707070707070707070707070707070, 5077));
        vm.assertEq(segment, bytes.concat(first, second));
        uint64 index = append(segment);
        vm.deal(alice, 3 ether);
        vm.prank(alice);
        bridge.depositETH{ value: 3 ether }(alice);
        claim(index, 0, Withdrawal(recipient, ETH, 3 ether));
        vm.assertEq(recipient.balance, 3 ether);
    }

    /// @notice All bits of every field, each where it belongs.
    function test_records_byHand() external {
        address account = 0x00112233445566778899AABbCCdDeeFf00112233;
        vm.deal(alice, 0x0102030405060708090a0b0c0d0e0f10);
        expectRecord(
            hex"0900112233445566778899aabbccddeeff0011223300000102030405060708"
            hex"0000000000000000000000000000000000000000000000090a0b0c0d0e0f10",
            200_000
        );
        vm.prank(alice);
        bridge.depositETH{ value: 0x0102030405060708090a0b0c0d0e0f10 }(account);

        address token = 0xFFEEDDCCbBaa99887766554433221100fFeedDcC;
        expectRecord(
            hex"0a00112233445566778899aabbccddeeff0011223300000000000000000000"
            hex"ffeeddccbbaa99887766554433221100ffeeddcc0000000000000000000000",
            100_000
        );
        vm.prank(account);
        bridge.forceWithdrawal(token);

        expectRecord(
            hex"0b00112233445566778899aabbccddeeff001122330102030405060708090a"
            hex"0000000000000000000b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
            100_000
        );
        vm.prank(account);
        bridge.setSessionKey(0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20);
    }
}

/// @title `PaymentsBridge.depositETH` and ether that is just sent.
contract DepositETHTest is RecordFixture {
    function testFuzz_depositETH_queuesItsRecord(address sender, address account, uint128 amount) external {
        vm.assume(account != address(0) && sender != address(gate.admin()) && sender != address(bridge));
        amount = uint128(bound(amount, 1, MAX_ESCROW));
        vm.deal(sender, amount);
        expectRecord(depositRecord(account, ETH, amount), 200_000);
        vm.expectEmit(address(bridge));
        emit PaymentsBridge.Deposited(0, account, ETH, sender, amount);
        vm.prank(sender);
        vm.assertEq(bridge.depositETH{ value: amount }(account), 0);
        vm.assertEq(bridge.escrowOf(ETH), amount);
        vm.assertEq(address(bridge).balance, amount);
    }

    function testFuzz_receive_depositsToThePlainSender(uint128 amount) external {
        amount = uint128(bound(amount, 1, MAX_ESCROW));
        vm.deal(alice, amount);
        expectRecord(depositRecord(alice, ETH, amount), 200_000);
        vm.prank(alice, alice);
        (bool success,) = address(bridge).call{ value: amount }("");
        vm.assertTrue(success);
    }

    /// @notice A contract that just sends ether may be none that can act: it has to say so.
    function testFuzz_receive_revertsForContracts(address sender, address origin) external {
        vm.assume(sender != origin && sender != address(gate.admin()) && sender != address(bridge));
        vm.deal(sender, 1);
        vm.prank(sender, origin);
        (bool success, bytes memory answer) = address(bridge).call{ value: 1 }("");
        vm.assertFalse(success);
        vm.assertEq(answer, abi.encodeWithSelector(BridgeBase.Bridge_ContractMustNameRecipient.selector, sender));
    }

    /// @notice Nothing is aliased: a contract's account is at its own address.
    function test_depositETH_ofAContractForItself() external {
        Holder holder = new Holder();
        vm.deal(alice, 5);
        expectRecord(depositRecord(address(holder), ETH, 5), 200_000);
        vm.prank(alice, alice);
        holder.run{ value: 5 }(address(bridge), abi.encodeCall(bridge.depositETH, (address(holder))));
    }

    function test_depositETH_refusesNothingAndNobody() external {
        vm.deal(alice, 2);
        vm.startPrank(alice, alice);
        vm.expectRevert(BridgeBase.Bridge_ZeroValue.selector);
        bridge.depositETH(alice);
        vm.expectRevert(BridgeBase.Bridge_ZeroAddress.selector);
        bridge.depositETH{ value: 1 }(address(0));
        (bool success, bytes memory answer) = address(bridge).call("");
        vm.assertFalse(success);
        vm.assertEq(answer, abi.encodeWithSelector(BridgeBase.Bridge_ZeroValue.selector));
        vm.stopPrank();
    }

    function test_depositETH_isPaused() external {
        pause();
        vm.deal(alice, 2);
        bytes memory expected = paused();
        vm.expectRevert(expected);
        vm.prank(alice, alice);
        bridge.depositETH{ value: 1 }(alice);
        vm.prank(alice, alice);
        (bool success, bytes memory answer) = address(bridge).call{ value: 1 }("");
        vm.assertFalse(success);
        vm.assertEq(answer, expected);
        skipTime(1 days);
        deposit(alice, 1);
    }

    /// @notice All balances together stay within what one leaf can hold, so that no credit overflows.
    function testFuzz_depositETH_capsTheEscrow(uint256 first, uint256 excess) external {
        first = bound(first, 1, MAX_ESCROW);
        uint256 room = MAX_ESCROW - first;
        excess = bound(excess, 1, type(uint128).max);
        vm.deal(alice, type(uint256).max);
        vm.startPrank(alice, alice);
        bridge.depositETH{ value: first }(alice);
        vm.expectRevert(escrowFull(ETH, first, room + excess));
        bridge.depositETH{ value: room + excess }(alice);
        if (room != 0) bridge.depositETH{ value: room }(alice);
        vm.assertEq(bridge.escrowOf(ETH), MAX_ESCROW);
        vm.expectRevert(escrowFull(ETH, MAX_ESCROW, 1));
        bridge.depositETH{ value: 1 }(alice);
        vm.stopPrank();
    }

    function test_depositETH_capInOneDeposit() external {
        vm.deal(alice, 2 ** 129);
        vm.startPrank(alice, alice);
        vm.expectRevert(escrowFull(ETH, 0, 2 ** 128));
        bridge.depositETH{ value: 2 ** 128 }(alice);
        bridge.depositETH{ value: 2 ** 128 - 1 }(alice);
        vm.stopPrank();
        records.push(depositRecord(alice, ETH, type(uint128).max));
        // What leaves makes room.
        uint64 index = append(withdrawalRecord(Withdrawal(bob, ETH, 9)));
        claim(index, 0, Withdrawal(bob, ETH, 9));
        deposit(alice, 9);
        vm.deal(alice, 1);
        vm.expectRevert(escrowFull(ETH, MAX_ESCROW, 1));
        vm.prank(alice, alice);
        bridge.depositETH{ value: 1 }(alice);
    }

    /// @notice Ether that is forced upon the Bridge is in nobody's account.
    function test_depositETH_ignoresWhatCameUninvited() external {
        vm.deal(address(bridge), 100 ether);
        deposit(alice, 5);
        vm.assertEq(bridge.escrowOf(ETH), 5);
    }
}

/// @title `PaymentsBridge.depositERC20`, and what tokens do to it.
contract DepositERC20Test is RecordFixture {
    function testFuzz_depositERC20_queuesItsRecord(address account, uint256 amount) external {
        vm.assume(account != address(0));
        amount = bound(amount, 1, MAX_ESCROW);
        PlainToken token = new PlainToken("Token", "TKN");
        approved(address(token), alice, amount);
        expectRecord(depositRecord(account, address(token), uint128(amount)), 200_000);
        vm.expectEmit(address(bridge));
        emit PaymentsBridge.Deposited(0, account, address(token), alice, uint128(amount));
        vm.prank(alice);
        vm.assertEq(bridge.depositERC20(address(token), account, amount), 0);
        vm.assertEq(bridge.escrowOf(address(token)), amount);
        vm.assertEq(token.balanceOf(address(bridge)), amount);
    }

    function test_depositERC20_capsTheEscrow() external {
        PlainToken token = new PlainToken("Token", "TKN");
        approved(address(token), alice, 2 ** 130);
        vm.startPrank(alice);
        vm.expectRevert(escrowFull(address(token), 0, 2 ** 128));
        bridge.depositERC20(address(token), alice, 2 ** 128);
        bridge.depositERC20(address(token), alice, 2 ** 128 - 2);
        vm.expectRevert(escrowFull(address(token), 2 ** 128 - 2, 2));
        bridge.depositERC20(address(token), alice, 2);
        bridge.depositERC20(address(token), alice, 1);
        vm.expectRevert(escrowFull(address(token), 2 ** 128 - 1, 1));
        bridge.depositERC20(address(token), alice, 1);
        vm.stopPrank();
        // A full token fills no other.
        PlainToken other = new PlainToken("Other", "OTH");
        approved(address(other), alice, 1);
        vm.prank(alice);
        bridge.depositERC20(address(other), alice, 1);
    }

    function testFuzz_depositERC20_creditsWhatArrives(uint256 amount) external {
        amount = bound(amount, 100, MAX_ESCROW);
        FeeToken token = new FeeToken();
        approved(address(token), alice, amount);
        uint128 arrived = uint128(amount - amount / 100);
        expectRecord(depositRecord(bob, address(token), arrived), 200_000);
        vm.prank(alice);
        bridge.depositERC20(address(token), bob, amount);
        vm.assertEq(bridge.escrowOf(address(token)), arrived);
    }

    /// @notice Interest on what was here before is nobody's deposit.
    function test_depositERC20_creditsNoMoreThanWasAskedFor() external {
        AccruingToken token = new AccruingToken();
        approved(address(token), alice, 2000);
        vm.prank(alice);
        bridge.depositERC20(address(token), alice, 1000);
        expectRecord(depositRecord(alice, address(token), 1000), 200_000);
        vm.prank(alice);
        bridge.depositERC20(address(token), alice, 1000);
        vm.assertEq(bridge.escrowOf(address(token)), 2000);
        vm.assertGt(token.balanceOf(address(bridge)), 2000);
        RebasingToken rebasing = new RebasingToken();
        approved(address(rebasing), alice, 1000);
        vm.prank(alice);
        bridge.depositERC20(address(rebasing), alice, 1000);
        rebasing.rebase(150);
        vm.assertEq(bridge.escrowOf(address(rebasing)), 1000);
    }

    function test_depositERC20_takesTokensWithoutAnswers() external {
        NoReturnToken token = new NoReturnToken();
        approved(address(token), alice, 7);
        vm.prank(alice);
        bridge.depositERC20(address(token), alice, 7);
        vm.assertEq(bridge.escrowOf(address(token)), 7);
    }

    function test_depositERC20_refusesWhatIsNoToken() external {
        NonFungibleToken nft = new NonFungibleToken();
        nft.mint(alice, 1);
        vm.startPrank(alice);
        nft.approve(address(bridge), 1);
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_NotFungible.selector, address(nft)));
        bridge.depositERC20(address(nft), alice, 1);
        vm.expectRevert(abi.encodeWithSelector(PaymentsBridge.Bridge_NotAToken.selector, ETH));
        bridge.depositERC20(ETH, alice, 1);
        vm.expectRevert(); // no code
        bridge.depositERC20(bob, alice, 1);
        vm.expectRevert(); // a contract that knows no balances
        bridge.depositERC20(address(bridge), alice, 1);
        vm.expectRevert();
        bridge.depositERC20(address(settlement), alice, 1);
        vm.stopPrank();
        vm.assertEq(inbox.queueLength(), 0);
    }

    function test_depositERC20_refusesNothingAndNobody() external {
        PlainToken token = new PlainToken("Token", "TKN");
        approved(address(token), alice, 5);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_NothingArrived.selector, address(token)));
        bridge.depositERC20(address(token), alice, 0);
        vm.expectRevert(BridgeBase.Bridge_ZeroAddress.selector);
        bridge.depositERC20(address(token), address(0), 5);
        PretendingToken pretending = new PretendingToken();
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_NothingArrived.selector, address(pretending)));
        bridge.depositERC20(address(pretending), alice, 5);
        FalseToken false_ = new FalseToken();
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(false_)));
        bridge.depositERC20(address(false_), alice, 5);
        vm.expectRevert(); // not approved
        bridge.depositERC20(address(token), alice, 6);
        vm.stopPrank();
    }

    function test_depositERC20_isPaused() external {
        PlainToken token = new PlainToken("Token", "TKN");
        approved(address(token), alice, 5);
        pause();
        bytes memory expected = paused();
        vm.expectRevert(expected);
        vm.prank(alice);
        bridge.depositERC20(address(token), alice, 5);
    }

    /// @notice A token that deposits again while it is measured would be credited twice for the same arrival.
    function test_depositERC20_reentrance() external {
        ReentrantToken token = new ReentrantToken();
        token.mint(alice, 100);
        token.mint(address(token), 100);
        token.approveBy(alice, address(bridge));
        token.approveBy(address(token), address(bridge));
        token.arm(address(bridge), abi.encodeCall(bridge.depositERC20, (address(token), mallory, 100)));
        vm.prank(alice);
        bridge.depositERC20(address(token), alice, 50);
        vm.assertTrue(token.tried());
        vm.assertTrue(token.failure() == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        vm.assertEq(bridge.escrowOf(address(token)), 50);
        vm.assertEq(inbox.queueLength(), 1);
    }
}

/// @title Messages by which an account acts: for itself alone, at any time.
contract AccountMessageTest is RecordFixture {
    function testFuzz_forceWithdrawal_isTheCallersOwn(address sender, address origin, address token) external {
        vm.assume(sender != address(gate.admin()));
        expectRecord(forcedRecord(sender, token), 100_000);
        vm.expectEmit(address(bridge));
        emit PaymentsBridge.WithdrawalForced(0, sender, token);
        vm.prank(sender, origin);
        vm.assertEq(bridge.forceWithdrawal(token), 0);
    }

    function testFuzz_setSessionKey_isTheCallersOwn(address sender, address origin, uint256 keyHash) external {
        vm.assume(sender != address(gate.admin()));
        expectRecord(keyRecord(sender, keyHash), 100_000);
        vm.expectEmit(address(bridge));
        emit PaymentsBridge.SessionKeySet(0, sender, keyHash);
        vm.prank(sender, origin);
        vm.assertEq(bridge.setSessionKey(keyHash), 0);
    }

    /// @notice A contract acts for its own address, not for whoever calls it.
    function test_messages_ofContracts() external {
        Holder holder = new Holder();
        expectRecord(forcedRecord(address(holder), ETH), 100_000);
        vm.prank(alice, alice);
        holder.run(address(bridge), abi.encodeCall(bridge.forceWithdrawal, (ETH)));
        expectRecord(keyRecord(address(holder), 5), 100_000);
        vm.prank(alice, alice);
        holder.run(address(bridge), abi.encodeCall(bridge.setSessionKey, (5)));
    }

    function test_messages_areNotPaused() external {
        pause();
        force(alice, ETH);
        setKey(alice, 5);
        vm.assertEq(inbox.queueLength(), 2);
    }

    /// @notice L1 burns gas for them, and takes only so many in a block.
    function test_messages_areMetered() external {
        for (uint256 i = 0; i < 160; ++i) {
            force(mallory, ETH);
        }
        vm.expectRevert(abi.encodeWithSelector(MessageMeter.MessageMeter_BlockFull.selector, 16_100_000, 16_000_000));
        vm.prank(alice);
        bridge.forceWithdrawal(ETH);
        nextBlock();
        uint256 burn = inbox.messageBurnGas(100_000);
        vm.assertGt(burn, 5_000);
        vm.prank(alice);
        uint256 before = gasleft();
        bridge.forceWithdrawal(ETH);
        vm.assertGe(before - gasleft(), burn);
        vm.assertEq(inbox.queuedGas(0, 161), 16_100_000);
    }

    function testFuzz_messages_enterByTheBridgeAlone(address caller, uint64 gasLimit) external {
        vm.assume(caller != address(bridge));
        bytes memory record = depositRecord(caller, ETH, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_NotBridge.selector, caller));
        vm.prank(caller);
        inbox.enqueueRecord(record, gasLimit);
    }
}
