// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { Bridge } from "../../src/l1/Bridge.sol";
import { BridgeBase } from "../../src/l1/BridgeBase.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { Inbox } from "../../src/l1/Inbox.sol";
import { TokenMetadata } from "../../src/l1/TokenMetadata.sol";
import { Message } from "../../src/l1/Types.sol";
import { IL2Bridge } from "../../src/l1/interfaces/IL2Bridge.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import {
    AccruingToken,
    Bytes32Token,
    FalseToken,
    FeeToken,
    NonFungibleToken,
    NoReturnToken,
    PlainToken,
    PretendingToken,
    RawToken,
    RebasingToken,
    ReentrantToken
} from "./Tokens.sol";

abstract contract DepositFixture is Fixture {
    address internal constant L2_BRIDGE = 0x5400000000000000000000000000000000000002;

    /// @dev Expects the next call to put exactly this message into the queue.
    function expectMessage(Message memory expected) internal {
        bytes memory encoded = Hashing.encodeMessage(expected);
        uint64 index = inbox.queueLength();
        bytes32 queueHash = keccak256(abi.encode(inbox.queueHashOf(index), keccak256(encoded)));
        vm.expectEmit(address(inbox));
        emit Inbox.MessageEnqueued(index, queueHash, encoded);
    }

    function aliasOf(address account) internal pure returns (address) {
        unchecked {
            return address(uint160(account) + uint160(0x1111000000000000000000000000000000001111));
        }
    }

    function tokenMessage(
        address token,
        address from,
        address to,
        uint256 amount,
        string memory name,
        string memory symbol,
        uint8 decimals
    ) internal view returns (Message memory) {
        return Message({
            kind: 0,
            sender: aliasOf(address(bridge)),
            to: L2_BRIDGE,
            mint: 0,
            value: 0,
            gasLimit: 1_500_000,
            refund: to,
            data: abi.encodeCall(IL2Bridge.finalizeDeposit, (token, from, to, amount, name, symbol, decimals))
        });
    }

    function pause() internal {
        vm.prank(guardian);
        bridge.pauseDeposits(1 days);
    }

    function pausedError() internal view returns (bytes memory) {
        return abi.encodeWithSelector(BridgeBase.Bridge_DepositsPaused.selector, bridge.pausedUntil());
    }
}

/// @title `Bridge.sendMessage`: L1-MSG-1, L1-MSG-3, L1-MSG-4, L1-BR-1.
contract BridgeSendMessageTest is DepositFixture {
    /// @notice What is sent along is minted, and only that; what the call spends is for the sender to say.
    function testFuzz_sendMessage_fromAccount(
        address to,
        uint96 mint,
        uint256 value,
        uint64 gasLimit,
        bytes memory data
    ) external {
        gasLimit = uint64(bound(gasLimit, 100_000 + 40 * data.length, 8_000_000));
        vm.deal(alice, mint);
        expectMessage(Message(0, alice, to, mint, value, gasLimit, bob, data));
        vm.expectEmit(address(bridge));
        emit Bridge.MessageSent(0, alice, to, mint, value);
        vm.prank(alice, alice);
        vm.assertEq(bridge.sendMessage{ value: mint }(to, value, gasLimit, bob, data), 0);
        vm.assertEq(address(bridge).balance, mint);
    }

    function testFuzz_sendMessage_fromContractIsAliased(address sender, address origin, address to) external {
        vm.assume(sender != origin && sender != address(gate.admin()));
        expectMessage(Message(0, aliasOf(sender), to, 0, type(uint256).max, 100_000, bob, ""));
        vm.prank(sender, origin);
        bridge.sendMessage(to, type(uint256).max, 100_000, bob, "");
    }

    function testFuzz_sendMessage_revertsWithoutRefund(address to, uint96 value, uint64 gasLimit, bytes memory data)
        external
    {
        vm.deal(alice, value);
        vm.expectRevert(BridgeBase.Bridge_ZeroAddress.selector);
        vm.prank(alice, alice);
        bridge.sendMessage{ value: value }(to, value, gasLimit, address(0), data);
    }

    function testFuzz_sendMessage_revertsOnGasOutOfRange(uint64 gasLimit) external {
        vm.assume(gasLimit < 100_000 || gasLimit > 8_000_000);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_MessageGasOutOfRange.selector, gasLimit, 100_000, 8_000_000));
        vm.prank(alice, alice);
        bridge.sendMessage(bob, 0, gasLimit, alice, "");
    }

    /// @notice L1-BR-6: a pause stops ether on its way in and nothing else: what moves ether that L2 has already passes.
    function testFuzz_sendMessage_pausedOnlyWithEther(uint96 mint, uint256 value) external {
        mint = uint96(bound(mint, 1, type(uint96).max));
        vm.deal(alice, mint);
        pause();
        vm.expectRevert(pausedError());
        vm.prank(alice, alice);
        bridge.sendMessage{ value: mint }(bob, value, 100_000, alice, "");
        vm.prank(alice, alice);
        bridge.sendMessage(bob, value, 100_000, alice, "");
        skipTime(1 days);
        vm.prank(alice, alice);
        bridge.sendMessage{ value: mint }(bob, value, 100_000, alice, "");
    }
}

/// @title `Bridge.depositETH` and plain transfers: L1-BR-1.
contract BridgeDepositETHTest is DepositFixture {
    function testFuzz_depositETH_sendsAMessage(address to, address refund, uint96 value) external {
        vm.assume(to != address(0) && refund != address(0));
        value = uint96(bound(value, 1, type(uint96).max));
        vm.deal(alice, value);
        expectMessage(Message(0, alice, to, value, value, 100_000, refund, ""));
        vm.expectEmit(address(bridge));
        emit Bridge.ETHDeposited(0, alice, to, value);
        vm.prank(alice, alice);
        bridge.depositETH{ value: value }(to, refund);
        vm.assertEq(address(bridge).balance, value);
    }

    function testFuzz_depositETH_fromContract(address sender, uint96 value) external {
        vm.assume(sender != alice && sender != address(gate.admin()) && sender != address(bridge));
        value = uint96(bound(value, 1, type(uint96).max));
        vm.deal(sender, value);
        expectMessage(Message(0, aliasOf(sender), bob, value, value, 100_000, bob, ""));
        vm.prank(sender, alice);
        bridge.depositETH{ value: value }(bob, bob);
    }

    function testFuzz_depositETH_revertsOnZeroAddress(address other, uint96 value, bool isRefund) external {
        value = uint96(bound(value, 1, type(uint96).max));
        vm.deal(alice, value);
        (address to, address refund) = isRefund ? (other, address(0)) : (address(0), other);
        vm.expectRevert(BridgeBase.Bridge_ZeroAddress.selector);
        vm.prank(alice, alice);
        bridge.depositETH{ value: value }(to, refund);
    }

    function testFuzz_depositETH_revertsOnZeroValue(address to, address refund) external {
        vm.expectRevert(BridgeBase.Bridge_ZeroValue.selector);
        vm.prank(alice, alice);
        bridge.depositETH(to, refund);
    }

    function testFuzz_receive_depositsToSelf(uint96 value) external {
        value = uint96(bound(value, 1, type(uint96).max));
        vm.deal(alice, value);
        expectMessage(Message(0, alice, alice, value, value, 100_000, alice, ""));
        vm.prank(alice, alice);
        (bool success,) = address(bridge).call{ value: value }("");
        vm.assertTrue(success);
    }

    function testFuzz_receive_revertsFromContract(address sender) external {
        vm.assume(sender != alice && sender != address(bridge));
        vm.deal(sender, 1);
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_ContractMustNameRecipient.selector, sender));
        vm.prank(sender, alice);
        (bool success,) = address(bridge).call{ value: 1 }("");
        success; // `expectRevert` has looked at it
    }

    function testFuzz_depositETH_revertsWhilePaused(uint96 value) external {
        value = uint96(bound(value, 1, type(uint96).max));
        vm.deal(alice, value);
        pause();
        vm.expectRevert(pausedError());
        vm.prank(alice, alice);
        bridge.depositETH{ value: value }(alice, alice);
    }
}

/// @title `Bridge.depositERC20`: L1-BR-2, L1-BR-4.
contract BridgeDepositERC20Test is DepositFixture {
    function _approved(PlainToken token, uint256 amount) private {
        token.mint(alice, amount);
        vm.prank(alice);
        token.approve(address(bridge), amount);
    }

    function _deposit(address token, uint256 amount) private {
        vm.prank(alice, alice);
        bridge.depositERC20(token, bob, amount);
    }

    function testFuzz_depositERC20_sendsAMessage(uint256 amount, address to, address origin) external {
        vm.assume(to != address(0));
        amount = bound(amount, 1, type(uint256).max);
        PlainToken token = new PlainToken("Token", "TKN");
        _approved(token, amount);
        expectMessage(tokenMessage(address(token), alice, to, amount, "Token", "TKN", 18));
        vm.expectEmit(address(bridge));
        emit Bridge.ERC20Deposited(0, address(token), alice, to, amount);
        vm.prank(alice, origin); // the depositor is never aliased: it is who gets a failed deposit back
        bridge.depositERC20(address(token), to, amount);
        vm.assertEq(bridge.escrowOf(address(token)), amount);
        vm.assertEq(token.balanceOf(address(bridge)), amount);
    }

    /// @notice The caller's tokens and nobody else's.
    function testFuzz_depositERC20_takesFromCallerOnly(address caller) external {
        vm.assume(caller != alice && caller != address(0) && caller != address(bridge));
        PlainToken token = new PlainToken("Token", "TKN");
        _approved(token, 100);
        vm.expectRevert();
        vm.prank(caller);
        bridge.depositERC20(address(token), caller, 100);
    }

    function testFuzz_depositERC20_revertsOnZeroRecipient(uint256 amount) external {
        PlainToken token = new PlainToken("Token", "TKN");
        _approved(token, amount);
        vm.expectRevert(BridgeBase.Bridge_ZeroAddress.selector);
        vm.prank(alice);
        bridge.depositERC20(address(token), address(0), amount);
    }

    /// @notice An ERC-721 token would come in as an amount of one, and never out again.
    function testFuzz_depositERC20_revertsOnNonFungible(uint256 id) external {
        NonFungibleToken token = new NonFungibleToken();
        token.mint(alice, id);
        vm.startPrank(alice);
        token.approve(address(bridge), id);
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_NotFungible.selector, address(token)));
        bridge.depositERC20(address(token), alice, id);
    }

    /// @notice Only a plain `true` refuses: whoever reverts, burns gas, answers too much or nothing is an ERC-20 token still.
    function testFuzz_depositERC20_otherAnswersAreNo(uint8 mode, bytes memory answer) external {
        mode = uint8(bound(mode, 0, 3));
        RawToken token = new RawToken();
        token.set(mode, answer);
        _approved(token, 1);
        if (mode == 0 && answer.length >= 32 && uint256(bytes32(answer)) == 1) return;
        _deposit(address(token), 1);
        vm.assertEq(bridge.escrowOf(address(token)), 1);
    }

    function testFuzz_depositERC20_creditsWhatArrived(uint128 amount) external {
        amount = uint128(bound(amount, 100, type(uint128).max));
        FeeToken token = new FeeToken();
        _approved(token, amount);
        uint256 arrived = amount - amount / 100;
        expectMessage(tokenMessage(address(token), alice, bob, arrived, "Fee", "FEE", 18));
        _deposit(address(token), amount);
        vm.assertEq(bridge.escrowOf(address(token)), arrived);
        vm.assertEq(token.balanceOf(address(bridge)), arrived);
    }

    function testFuzz_depositERC20_noReturnValue(uint128 amount) external {
        amount = uint128(bound(amount, 1, type(uint128).max));
        NoReturnToken token = new NoReturnToken();
        token.mint(alice, amount);
        vm.prank(alice);
        token.approve(address(bridge), amount);
        expectMessage(tokenMessage(address(token), alice, bob, amount, "No Return", "NRT", 6));
        _deposit(address(token), amount);
    }

    /// @notice Escrow is what came in by deposits: growth by itself belongs to nobody, and hides nothing.
    function test_depositERC20_rebasing() external {
        RebasingToken token = new RebasingToken();
        _approved(token, 300);
        _deposit(address(token), 100);
        token.rebase(50);
        expectMessage(tokenMessage(address(token), alice, bob, 50, "Rebasing", "REB", 18));
        _deposit(address(token), 50);
        vm.assertEq(bridge.escrowOf(address(token)), 150);
        token.rebase(200);
        vm.assertEq(bridge.escrowOf(address(token)), 150);
    }

    /// @notice Nobody deposits little to be credited with what the escrow has grown by meanwhile.
    function testFuzz_depositERC20_growthIsNobodys(uint128 before, uint128 amount) external {
        before = uint128(bound(before, 1, type(uint128).max));
        amount = uint128(bound(amount, 1, type(uint128).max));
        AccruingToken token = new AccruingToken();
        _approved(token, before);
        _deposit(address(token), before);
        nextBlock();
        _approved(token, amount);
        expectMessage(tokenMessage(address(token), alice, bob, amount, "Accruing", "ACC", 18));
        _deposit(address(token), amount);
        vm.assertEq(bridge.escrowOf(address(token)), uint256(before) + amount);
        vm.assertEq(token.balanceOf(address(bridge)), uint256(before) + before / 10 + amount);
    }

    function test_depositERC20_revertsOnFalse() external {
        FalseToken token = new FalseToken();
        _approved(token, 100);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
        _deposit(address(token), 100);
    }

    function testFuzz_depositERC20_revertsIfNothingArrives(uint256 amount) external {
        PretendingToken token = new PretendingToken();
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_NothingArrived.selector, address(token)));
        _deposit(address(token), amount);
        PlainToken plain = new PlainToken("Token", "TKN");
        vm.expectRevert(abi.encodeWithSelector(BridgeBase.Bridge_NothingArrived.selector, address(plain)));
        _deposit(address(plain), 0);
    }

    function testFuzz_depositERC20_revertsWithoutCode(address token) external {
        vm.assume(token.code.length == 0 && uint160(token) > 0xffff);
        vm.expectRevert();
        _deposit(token, 1);
    }

    /// @notice A deposit inside a deposit would be counted twice.
    function test_depositERC20_notReentrant() external {
        ReentrantToken token = new ReentrantToken();
        token.mint(address(token), 50);
        token.approveBy(address(token), address(bridge));
        _approved(token, 30);
        token.arm(address(bridge), abi.encodeCall(Bridge.depositERC20, (address(token), mallory, 50)));
        _deposit(address(token), 30);
        vm.assertTrue(token.tried());
        vm.assertEq(bytes32(token.failure()), bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
        vm.assertEq(bridge.escrowOf(address(token)), 30);
        vm.assertEq(token.balanceOf(address(bridge)), 30);
    }

    function test_depositERC20_revertsWhilePaused() external {
        PlainToken token = new PlainToken("Token", "TKN");
        _approved(token, 1);
        pause();
        vm.expectRevert(pausedError());
        _deposit(address(token), 1);
    }

    function _expectMetadata(address token, string memory name, string memory symbol, uint8 decimals) private {
        _approved(PlainToken(token), 1);
        expectMessage(tokenMessage(token, alice, bob, 1, name, symbol, decimals));
        _deposit(token, 1);
        nextBlock();
    }

    function test_depositERC20_bytes32Metadata() external {
        _expectMetadata(address(new Bytes32Token()), "Maker", "0123456789abcdef0123456789abcdef", 18);
    }

    function testFuzz_depositERC20_cutsLongNames(uint256 length) external {
        length = bound(length, 0, 300);
        bytes memory name = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            name[i] = bytes1(uint8(33 + i % 90));
        }
        bytes memory cut = new bytes(length < 64 ? length : 64);
        for (uint256 i = 0; i < cut.length; ++i) {
            cut[i] = name[i];
        }
        _expectMetadata(address(new PlainToken(string(name), "S")), string(cut), "S", 18);
    }

    function test_depositERC20_lyingMetadata() external {
        RawToken token = new RawToken();
        token.set(1, "");
        _expectMetadata(address(token), "", "", 18); // reverts
        token.set(2, "");
        _expectMetadata(address(token), "", "", 18); // burns its gas
        token.set(3, "");
        string memory zeros = string(new bytes(64));
        _expectMetadata(address(token), zeros, zeros, 32); // huge; its first word happens to be 32
        token.set(0, abi.encode(uint256(32), type(uint256).max));
        _expectMetadata(address(token), "", "", 32); // a length beyond the answer
        token.set(0, abi.encode(type(uint256).max, uint256(3), bytes32("abc")));
        _expectMetadata(address(token), "", "", 18); // an offset beyond the answer
        token.set(0, hex"0102");
        _expectMetadata(address(token), "", "", 18); // too short for anything
    }

    function testFuzz_depositERC20_anyMetadata(bytes memory answer) external {
        // It answers every question alike: beginning with a true, it would say that it is no ERC-20.
        vm.assume(answer.length < 32 || bytes32(answer) != bytes32(uint256(1)));
        RawToken token = new RawToken();
        token.set(0, answer);
        _approved(token, 1);
        _deposit(address(token), 1);
    }

    /// @notice Nobody makes a token nameless on L2 by bringing too little gas: either its name is read or all reverts.
    function testFuzz_depositERC20_tooLittleGasLosesNoName(uint256 gas_) external {
        PlainToken token = new PlainToken("Token", "TKN");
        _approved(token, 1);
        gas_ = bound(gas_, 50_000, 600_000);
        vm.recordLogs();
        vm.prank(alice, alice);
        try bridge.depositERC20{ gas: gas_ }(address(token), bob, 1) {
            bytes32 expected =
                keccak256(Hashing.encodeMessage(tokenMessage(address(token), alice, bob, 1, "Token", "TKN", 18)));
            vm.assertEq(inbox.queueHashOf(1), keccak256(abi.encode(bytes32(0), expected)));
        } catch { }
    }

    function testFuzz_metadata_revertsOnTooLittleGas(uint256 gas_) external {
        gas_ = bound(gas_, 5000, 50_000);
        MetadataReader reader = new MetadataReader();
        (bool success, bytes memory answer) =
            address(reader).call{ gas: gas_ }(abi.encodeCall(reader.nameOf, (address(this))));
        vm.assertFalse(success);
        vm.assertEq(bytes32(bytes4(answer)), bytes32(TokenMetadata.TokenMetadata_TooLittleGas.selector));
    }
}

contract MetadataReader {
    function nameOf(address token) external view returns (string memory) {
        return TokenMetadata.nameOf(token);
    }
}
