// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Hashing } from "../../src/l1/Hashing.sol";
import { Withdrawal } from "../../src/payments/Records.sol";
import { Leaf } from "../../src/payments/StateTree.sol";
import { ValiditySettlement } from "../../src/payments/ValiditySettlement.sol";
import { PlainToken } from "../l1/Tokens.sol";
import { vm } from "../utils/Vm.sol";
import { LedgerChain } from "./LedgerChain.sol";

/// @title What users of a payments chain pay on L1: gas of calls and bytes of contracts, in `snapshots/payments.json`.
/// @notice Every call is a transaction of its own, with its base cost and calldata.
/// forge-config: default.isolate = true
/// forge-config: payments.isolate = true
contract PaymentsGasTest is LedgerChain {
    using Hashing for *;

    PlainToken private _token;

    /// @dev Isolated transactions see a base fee of zero; the checkpoints that the fixture expects must too.
    function setUp() public override {
        super.setUp();
        vm.fee(0);
        storeCheckpoint();
        _token = new PlainToken("Token", "TKN");
        _token.mint(alice, 100);
        vm.prank(alice);
        _token.approve(address(bridge), 100);
        queueDeposit(alice, ETH, 1 ether);
        vm.deal(alice, 10 ether);
        vm.deal(bob, 1);
    }

    function test_gas_messages() external {
        nextBlock();
        vm.prank(alice, alice);
        bridge.depositETH{ value: 1 ether }(alice);
        vm.snapshotGasLastCall("payments", "gas PaymentsBridge.depositETH");
        vm.prank(alice, alice);
        bridge.depositERC20(address(_token), alice, 1);
        nextBlock();
        vm.prank(alice, alice);
        bridge.depositERC20(address(_token), alice, 1);
        vm.snapshotGasLastCall("payments", "gas PaymentsBridge.depositERC20");
        nextBlock();
        vm.prank(alice, alice);
        bridge.forceWithdrawal(ETH);
        vm.snapshotGasLastCall("payments", "gas PaymentsBridge.forceWithdrawal");
        nextBlock();
        vm.prank(alice, alice);
        bridge.setSessionKey(uint256(keccak256("key")) >> 3);
        vm.snapshotGasLastCall("payments", "gas PaymentsBridge.setSessionKey");
    }

    function test_gas_exits() external {
        queueDeposit(mallory, address(_token), 1000);
        settle();
        for (uint256 i = 0; i < 14; ++i) {
            withdraw(mallory, bob, ETH, 0);
        }
        transfer(alice, mallory, ETH, 10);
        withdraw(mallory, bob, ETH, 1);
        withdraw(mallory, bob, address(_token), 2);
        _token.mint(bob, 1);
        uint64 index = settle();
        claim(index, 14, Withdrawal(bob, ETH, 1));
        vm.snapshotGasLastCall("payments", "gas PaymentsBridge.withdraw ETH, of 16");
        claim(index, 15, Withdrawal(bob, address(_token), 2));
        vm.snapshotGasLastCall("payments", "gas PaymentsBridge.withdraw ERC-20, of 16");

        uint64 waiting = queueDeposit(alice, ETH, 1 ether);
        vm.deal(alice, 1);
        skipTime(FORCED_SECONDS + ESCAPE_SECONDS + 1);
        settlement.freeze();
        vm.snapshotGasLastCall("payments", "gas ValiditySettlement.freeze");
        uint32 leaf = indexOfLeaf(alice, ETH);
        escape(leaf, alice, alice);
        vm.snapshotGasLastCall("payments", "gas PaymentsBridge.escape ETH");
        refund(waiting, alice, alice);
        vm.snapshotGasLastCall("payments", "gas PaymentsBridge.refundDeposit ETH");
    }

    function test_sizes() external {
        deploySchedule();
        _size("ValiditySettlement", address(new ValiditySettlement(address(schedule), ESCAPE_SECONDS)));
        _size("PaymentsBridge", address(implementation));
    }

    function _size(string memory name, address deployed) private {
        vm.snapshotValue("payments", string.concat("bytes ", name), deployed.code.length);
        vm.assertLe(deployed.code.length, 24_576); // EIP-170
    }
}
