// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { IERC20Errors } from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import { BridgedToken } from "../../src/l2/BridgedToken.sol";
import { IL1Bridge } from "../../src/l2/IL1Bridge.sol";
import { L2Bridge } from "../../src/l2/L2Bridge.sol";
import { Predeploys } from "../../src/l2/Predeploys.sol";
import { vm } from "../utils/Vm.sol";
import { L2Test } from "./L2Test.sol";

/// @title What every test of the bridge needs: deposits as the L1 Bridge makes them.
abstract contract L2BridgeTest is L2Test {
    address internal immutable L1_TOKEN = makeAddr("L1 token");
    address internal immutable ALICE = makeAddr("alice");
    address internal immutable BOB = makeAddr("bob");

    function deposit(address l1Token, address from, address to, uint256 amount) internal {
        vm.prank(Predeploys.aliasOf(L1_BRIDGE));
        BRIDGE.finalizeDeposit(l1Token, from, to, amount, "Token", "TKN", 6);
    }

    function tokenOf(address l1Token) internal view returns (BridgedToken) {
        return BridgedToken(BRIDGE.bridgedToken(l1Token));
    }

    function releaseCall(address l1Token, address to, uint256 amount) internal view returns (bytes memory) {
        bytes memory release = abi.encodeCall(IL1Bridge.releaseERC20, (l1Token, to, amount));
        return abi.encodeCall(PASSER.send, (L1_BRIDGE, BRIDGE.RELEASE_GAS(), release));
    }
}

/// @title `L2Bridge.finalizeDeposit`: PRE-BRIDGE-3, PRE-BRIDGE-4, PRE-BRIDGE-5.
contract L2BridgeFinalizeDepositTest is L2BridgeTest {
    function testFuzz_deploysOnceAndMints(address l1Token, address to, uint128 first, uint128 second) external {
        vm.assume(l1Token != address(0) && to != address(0));
        BridgedToken token = tokenOf(l1Token);
        vm.assertEq(address(token).code.length, 0);

        vm.expectEmit(Predeploys.L2_BRIDGE);
        emit L2Bridge.TokenDeployed(l1Token, address(token));
        vm.expectEmit(Predeploys.L2_BRIDGE);
        emit L2Bridge.DepositFinalized(l1Token, address(token), to, ALICE, first);
        deposit(l1Token, ALICE, to, first);
        deposit(l1Token, ALICE, to, second);

        vm.assertEq(token.balanceOf(to), uint256(first) + second);
        vm.assertEq(token.totalSupply(), uint256(first) + second);
        vm.assertEq(token.name(), "Token");
        vm.assertEq(token.symbol(), "TKN");
        vm.assertEq(token.decimals(), 6);
        vm.assertEq(token.l1Token(), l1Token);
        vm.assertEq(BRIDGE.l1TokenOf(address(token)), l1Token);
        vm.assertEq(PASSER.messageCount(), 0);
    }

    function testFuzz_tokensDoNotMix(address l1Token, address other) external {
        vm.assume(l1Token != other && l1Token != address(0) && other != address(0));
        deposit(l1Token, ALICE, BOB, 5);
        deposit(other, ALICE, BOB, 7);
        vm.assertTrue(address(tokenOf(l1Token)) != address(tokenOf(other)));
        vm.assertEq(tokenOf(l1Token).balanceOf(BOB), 5);
        vm.assertEq(tokenOf(other).balanceOf(BOB), 7);
    }

    function testFuzz_isForTheL1BridgeAlone(address caller) external {
        vm.assume(caller != Predeploys.aliasOf(L1_BRIDGE));
        _refuse(caller);
    }

    function test_refusesTheL1BridgeWithoutItsAlias() external {
        _refuse(L1_BRIDGE);
        _refuse(Predeploys.L2_BRIDGE);
        _refuse(Predeploys.aliasOf(address(0)));
    }

    function testFuzz_comesBackIfTheSupplyWouldOverflow(uint256 first, uint256 second) external {
        first = bound(first, 1, type(uint256).max);
        second = bound(second, type(uint256).max - first + 1, type(uint256).max);
        deposit(L1_TOKEN, ALICE, BOB, first);
        _expectReturn(L1_TOKEN, second);
        deposit(L1_TOKEN, ALICE, BOB, second);
        vm.assertEq(tokenOf(L1_TOKEN).totalSupply(), first);
    }

    function testFuzz_comesBackIfTheRecipientIsZero(uint256 amount) external {
        _expectReturn(L1_TOKEN, amount);
        deposit(L1_TOKEN, ALICE, address(0), amount);
        // Undone as a whole: the next deposit deploys.
        vm.assertEq(address(tokenOf(L1_TOKEN)).code.length, 0);
        vm.assertEq(BRIDGE.l1TokenOf(address(tokenOf(L1_TOKEN))), address(0));
        deposit(L1_TOKEN, ALICE, BOB, 1);
        vm.assertEq(tokenOf(L1_TOKEN).totalSupply(), 1);
    }

    function test_comesBackForTheZeroToken() external {
        _expectReturn(address(0), 1);
        deposit(address(0), ALICE, BOB, 1);
    }

    /// @dev Whatever gas there is for minting: either minted or sent back, never lost, never both.
    function testFuzz_comesBackIfGasRunsOut(uint256 gasLimit, uint128 amount) external {
        amount = uint128(bound(amount, 1, type(uint128).max));
        gasLimit = bound(gasLimit, BRIDGE.RETURN_GAS() + 20_000, 1_000_000);
        bytes memory call = abi.encodeCall(BRIDGE.finalizeDeposit, (L1_TOKEN, ALICE, BOB, amount, "Token", "TKN", 6));
        _worstTree();
        uint256 messages = PASSER.messageCount();
        vm.prank(Predeploys.aliasOf(L1_BRIDGE));
        (bool isDone,) = Predeploys.L2_BRIDGE.call{ gas: gasLimit }(call);
        vm.assertTrue(isDone);
        bool isMinted = address(tokenOf(L1_TOKEN)).code.length != 0;
        vm.assertEq(PASSER.messageCount() - messages, isMinted ? 0 : 1);
        if (isMinted) vm.assertEq(tokenOf(L1_TOKEN).totalSupply(), amount);
    }

    /// @dev What the L1 Bridge must give every token deposit; `docs/spec/predeploys.md` names the figure.
    function test_worstFirstDepositFitsIntoItsGas() external {
        bytes memory long = new bytes(100);
        for (uint256 i; i < long.length; ++i) {
            long[i] = "x";
        }
        bytes memory call = abi.encodeCall(
            BRIDGE.finalizeDeposit, (L1_TOKEN, ALICE, BOB, type(uint256).max, string(long), string(long), 255)
        );
        vm.prank(Predeploys.aliasOf(L1_BRIDGE));
        (bool isDone,) = Predeploys.L2_BRIDGE.call{ gas: 700_000 }(call);
        vm.assertTrue(isDone);
        vm.assertEq(tokenOf(L1_TOKEN).balanceOf(BOB), type(uint256).max);
    }

    function testFuzz_mintDeposit_isForTheBridgeItself(address caller) external {
        vm.assume(caller != Predeploys.L2_BRIDGE);
        vm.expectRevert(abi.encodeWithSelector(L2Bridge.L2Bridge_NotSelf.selector, caller));
        vm.prank(caller);
        BRIDGE.mintDeposit(L1_TOKEN, BOB, 1, "Token", "TKN", 6);
    }

    function testFuzz_aliasWrapsAround(address l1Bridge) external {
        vm.store(Predeploys.L2_BRIDGE, bytes32(0), bytes32(uint256(uint160(l1Bridge))));
        uint256 expected = (uint256(uint160(l1Bridge)) + (0x1111 << 144 | 0x1111)) % 2 ** 160;
        vm.prank(address(uint160(expected)));
        BRIDGE.finalizeDeposit(L1_TOKEN, ALICE, BOB, 1, "Token", "TKN", 6);
        vm.assertEq(tokenOf(L1_TOKEN).totalSupply(), 1);
    }

    function _refuse(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(L2Bridge.L2Bridge_NotL1Bridge.selector, caller));
        vm.prank(caller);
        BRIDGE.finalizeDeposit(L1_TOKEN, ALICE, BOB, 1, "Token", "TKN", 6);
    }

    function _expectReturn(address l1Token, uint256 amount) private {
        vm.expectCall(Predeploys.MESSAGE_PASSER, 0, releaseCall(l1Token, ALICE, amount));
        vm.expectEmit(Predeploys.L2_BRIDGE);
        emit L2Bridge.DepositReturned(l1Token, ALICE, amount, 0);
    }

    /// @dev A tree whose next leaf joins as many stored nodes as can be, and stores one more.
    function _worstTree() private {
        vm.store(Predeploys.MESSAGE_PASSER, bytes32(uint256(1)), bytes32(uint256(2 ** 31 - 1)));
    }
}

/// @title `L2Bridge.withdraw`: PRE-BRIDGE-6.
contract L2BridgeWithdrawTest is L2BridgeTest {
    function testFuzz_burnsAndReleases(address to, uint256 minted, uint256 amount) external {
        vm.assume(to != address(0) && to != L1_BRIDGE);
        minted = bound(minted, 1, type(uint256).max);
        amount = bound(amount, 1, minted);
        deposit(L1_TOKEN, ALICE, BOB, minted);
        address token = address(tokenOf(L1_TOKEN));
        vm.expectCall(Predeploys.MESSAGE_PASSER, 0, releaseCall(L1_TOKEN, to, amount));
        vm.expectEmit(Predeploys.L2_BRIDGE);
        emit L2Bridge.TokenWithdrawn(L1_TOKEN, BOB, to, amount, 0);
        vm.prank(BOB);
        BRIDGE.withdraw(token, to, amount);
        vm.assertEq(tokenOf(L1_TOKEN).balanceOf(BOB), minted - amount);
        vm.assertEq(tokenOf(L1_TOKEN).totalSupply(), minted - amount);
    }

    function testFuzz_refusesMoreThanThereIs(uint256 minted, uint256 amount) external {
        minted = bound(minted, 0, type(uint256).max - 1);
        amount = bound(amount, minted + 1, type(uint256).max);
        deposit(L1_TOKEN, ALICE, BOB, minted);
        address token = address(tokenOf(L1_TOKEN));
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, BOB, minted, amount));
        vm.prank(BOB);
        BRIDGE.withdraw(token, BOB, amount);
        vm.assertEq(PASSER.messageCount(), 0);
    }

    function testFuzz_takesNobodyElsesTokens(address caller, uint256 amount) external {
        vm.assume(caller != BOB && caller != address(0));
        amount = bound(amount, 1, type(uint256).max);
        deposit(L1_TOKEN, ALICE, BOB, amount);
        address token = address(tokenOf(L1_TOKEN));
        vm.prank(BOB);
        BridgedToken(token).approve(Predeploys.L2_BRIDGE, amount);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, caller, 0, amount));
        vm.prank(caller);
        BRIDGE.withdraw(token, caller, amount);
    }

    function testFuzz_refusesTokensThatItDidNotDeploy(address token, address to, uint256 amount) external {
        vm.expectRevert(abi.encodeWithSelector(L2Bridge.L2Bridge_NotBridged.selector, token));
        BRIDGE.withdraw(token, to, amount);
    }

    function test_refusesATokenThatClaimsToBeBridged() external {
        deposit(L1_TOKEN, ALICE, BOB, 1);
        HostileToken hostile = new HostileToken(L1_TOKEN);
        vm.expectRevert(abi.encodeWithSelector(L2Bridge.L2Bridge_NotBridged.selector, address(hostile)));
        BRIDGE.withdraw(address(hostile), BOB, 1);
        vm.assertFalse(hostile.wasCalled());
    }

    /// @notice Nobody gets what is sent to zero, nor what the L1 Bridge would hold beside its escrow.
    function testFuzz_refusesRecipientsThatCannotUseIt(uint256 amount, bool isZero) external {
        deposit(L1_TOKEN, ALICE, BOB, amount);
        address token = address(tokenOf(L1_TOKEN));
        address to = isZero ? address(0) : L1_BRIDGE;
        vm.expectRevert(abi.encodeWithSelector(L2Bridge.L2Bridge_BadRecipient.selector, to));
        vm.prank(BOB);
        BRIDGE.withdraw(token, to, amount);
    }

    function testFuzz_refusesNothing(address to) external {
        vm.assume(to != address(0) && to != L1_BRIDGE);
        deposit(L1_TOKEN, ALICE, BOB, 1);
        address token = address(tokenOf(L1_TOKEN));
        vm.expectRevert(L2Bridge.L2Bridge_ZeroAmount.selector);
        vm.prank(BOB);
        BRIDGE.withdraw(token, to, 0);
    }
}

/// @title `L2Bridge.withdrawETH`: PRE-BRIDGE-7.
contract L2BridgeWithdrawETHTest is L2BridgeTest {
    function testFuzz_burnsAndPaysOut(address from, address to, uint256 value) external {
        vm.assume(to != address(0) && to != L1_BRIDGE && from != Predeploys.MESSAGE_PASSER);
        value = bound(value, 1, type(uint256).max);
        vm.deal(from, value);
        vm.expectCall(Predeploys.MESSAGE_PASSER, value, abi.encodeCall(PASSER.send, (to, BRIDGE.ETHER_GAS(), "")));
        vm.expectEmit(Predeploys.L2_BRIDGE);
        emit L2Bridge.EtherWithdrawn(from, to, value, 0);
        vm.prank(from);
        BRIDGE.withdrawETH{ value: value }(to);
        vm.assertEq(from.balance, 0);
        vm.assertEq(Predeploys.L2_BRIDGE.balance, 0);
        vm.assertEq(Predeploys.MESSAGE_PASSER.balance, value);
    }

    function testFuzz_refusesNothing(address to) external {
        vm.assume(to != address(0) && to != L1_BRIDGE);
        vm.expectRevert(L2Bridge.L2Bridge_ZeroAmount.selector);
        BRIDGE.withdrawETH(to);
    }

    function testFuzz_refusesRecipientsThatCannotTakeIt(uint256 value, bool isZero) external {
        address to = isZero ? address(0) : L1_BRIDGE;
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(L2Bridge.L2Bridge_BadRecipient.selector, to));
        BRIDGE.withdrawETH{ value: value }(to);
    }

    function testFuzz_keepsNoEther(uint256 value) external {
        value = bound(value, 1, type(uint256).max);
        vm.deal(address(this), value);
        (bool isTaken,) = Predeploys.L2_BRIDGE.call{ value: value }("");
        vm.assertFalse(isTaken);
    }
}

/// @title A token that says it is bridged, and withdraws again while it is burned.
contract HostileToken {
    address public immutable l1Token;
    bool public wasCalled;

    constructor(address l1Token_) {
        l1Token = l1Token_;
    }

    function burn(address from, uint256 amount) external {
        wasCalled = true;
        L2Bridge(Predeploys.L2_BRIDGE).withdraw(address(this), from, amount);
    }
}
