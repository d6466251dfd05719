// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { BridgedToken } from "../../src/l2/BridgedToken.sol";
import { Predeploys } from "../../src/l2/Predeploys.sol";
import { vm } from "../utils/Vm.sol";
import { L2BridgeTest } from "./L2Bridge.t.sol";

/// @title Everything that moves tokens over the bridge, with L1's books kept beside it.
contract BridgeActor is L2BridgeTest {
    address[3] private _holders = [address(0xa1), address(0xb2), address(0xc3)];
    address[2] public l1Tokens = [address(0x111), address(0x222)];
    /// @notice Per L1 token: what escrow on L1 took in, and what releases will take out.
    mapping(address l1Token => uint256) public deposited;
    mapping(address l1Token => uint256) public released;
    uint256 public etherBurned;
    uint256 public messages;

    function setUp() public pure override { }

    function depositToken(uint256 which, uint256 to, uint128 amount) external {
        address l1Token = l1Tokens[which % 2];
        deposit(l1Token, _holders[0], _holders[to % 3], amount);
        deposited[l1Token] += amount;
    }

    function depositToNobody(uint256 which, uint128 amount) external {
        address l1Token = l1Tokens[which % 2];
        deposit(l1Token, _holders[0], address(0), amount);
        deposited[l1Token] += amount;
        released[l1Token] += amount;
        messages += 1;
    }

    function depositTooMuch(uint256 which) external {
        address l1Token = l1Tokens[which % 2];
        if (supplyOf(l1Token) == 0) return;
        deposit(l1Token, _holders[0], _holders[1], type(uint256).max);
        // L1 could not hold it; it is as if it never came.
        messages += 1;
    }

    function transfer(uint256 which, uint256 from, uint256 to, uint256 amount) external {
        BridgedToken token = tokenOf(l1Tokens[which % 2]);
        if (address(token).code.length == 0) return;
        address holder = _holders[from % 3];
        amount = bound(amount, 0, token.balanceOf(holder));
        vm.prank(holder);
        vm.assertTrue(token.transfer(_holders[to % 3], amount));
    }

    function withdraw(uint256 which, uint256 from, uint256 amount) external {
        address l1Token = l1Tokens[which % 2];
        BridgedToken token = tokenOf(l1Token);
        address holder = _holders[from % 3];
        if (address(token).code.length == 0 || token.balanceOf(holder) == 0) return;
        amount = bound(amount, 1, token.balanceOf(holder));
        vm.prank(holder);
        BRIDGE.withdraw(address(token), holder, amount);
        released[l1Token] += amount;
        messages += 1;
    }

    function withdrawETH(uint256 from, uint128 value) external {
        if (value == 0) return;
        address holder = _holders[from % 3];
        vm.deal(holder, value);
        vm.prank(holder);
        BRIDGE.withdrawETH{ value: value }(holder);
        etherBurned += value;
        messages += 1;
    }

    function supplyOf(address l1Token) public view returns (uint256) {
        BridgedToken token = tokenOf(l1Token);
        return address(token).code.length == 0 ? 0 : token.totalSupply();
    }
}

/// @title Every bridged token is backed by escrow on L1, whatever is done: PRE-BRIDGE-1.
contract L2BridgeInvariantTest is L2BridgeTest {
    BridgeActor private _actor;

    function setUp() public override {
        super.setUp();
        _actor = new BridgeActor();
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = BridgeActor.depositToken.selector;
        selectors[1] = BridgeActor.depositToNobody.selector;
        selectors[2] = BridgeActor.depositTooMuch.selector;
        selectors[3] = BridgeActor.transfer.selector;
        selectors[4] = BridgeActor.withdraw.selector;
        selectors[5] = BridgeActor.withdrawETH.selector;
        targetContract(address(_actor));
        targetSelector(address(_actor), selectors);
    }

    /// @dev Escrow = supply + releases, for each token (PRE-BRIDGE-1).
    function invariant_everyTokenIsBacked() external view {
        for (uint256 i; i < 2; ++i) {
            address l1Token = _actor.l1Tokens(i);
            vm.assertEq(_actor.deposited(l1Token), _actor.supplyOf(l1Token) + _actor.released(l1Token));
        }
    }

    /// @dev Ether that left is in the message passer, and nowhere else (PRE-MSG-4).
    function invariant_etherIsBurnedOnce() external view {
        vm.assertEq(Predeploys.MESSAGE_PASSER.balance, _actor.etherBurned());
        vm.assertEq(Predeploys.L2_BRIDGE.balance, 0);
    }

    /// @dev One message per release, none besides.
    function invariant_messagesAreReleases() external view {
        vm.assertEq(PASSER.messageCount(), _actor.messages());
    }
}
