// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ClaimId } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { AppendArgs, L2Message, OutputFields } from "../../src/l1/Types.sol";
import { IERC20Release } from "../../src/l1/interfaces/IL2Bridge.sol";
import { vm } from "../utils/Vm.sol";
import { DepositFixture } from "./BridgeDeposit.t.sol";
import { PlainToken } from "./Tokens.sol";

/// @title What users and operators pay: gas of calls and bytes of contracts, in `snapshots/l1.json`.
/// @notice Every call is a transaction of its own, with its base cost and calldata.
/// forge-config: default.isolate = true
/// forge-config: l1.isolate = true
contract GasTest is DepositFixture {
    using Hashing for *;

    /// @dev Isolated transactions see a base fee of zero; the checkpoints that the fixture expects must too.
    function setUp() public override {
        super.setUp();
        vm.fee(0);
        storeCheckpoint();
    }

    function test_gas_deposits() external {
        vm.deal(alice, 10 ether);
        _depositETH();
        nextBlock();
        _depositETH();
        vm.snapshotGasLastCall("l1", "gas Bridge.depositETH");
        PlainToken token = new PlainToken("Token", "TKN");
        token.mint(alice, 2);
        vm.prank(alice);
        token.approve(address(bridge), 2);
        vm.startPrank(alice, alice);
        bridge.depositERC20(address(token), alice, 1);
        nextBlock();
        bridge.depositERC20(address(token), alice, 1);
        vm.snapshotGasLastCall("l1", "gas Bridge.depositERC20");
        bridge.sendMessage(bob, type(uint256).max, 200_000, alice, new bytes(1000));
        vm.snapshotGasLastCall("l1", "gas Bridge.sendMessage 1000 bytes");
    }

    function _depositETH() private {
        vm.prank(alice, alice);
        bridge.depositETH{ value: 1 ether }(alice, alice);
    }

    function test_gas_appends() external {
        append(0);
        storeCheckpoint();
        AppendArgs memory args = appendArgs(0);
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, new bytes(100_000));
        vm.snapshotGasLastCall("l1", "gas Inbox.appendCalldata 100 kB");
        args = appendArgs(0); // the least that an epoch costs (L1-EPOCH-2)
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, "");
        vm.snapshotGasLastCall("l1", "gas Inbox.appendCalldata empty, same block");
        enqueue(100_000);
        skipTime(FORCED_SECONDS + 1);
        storeCheckpoint();
        args = appendArgs(1);
        inbox.appendForced(args);
        vm.snapshotGasLastCall("l1", "gas Inbox.appendForced");
        nextBlock();
        inbox.checkpoint();
        vm.snapshotGasLastCall("l1", "gas Inbox.checkpoint");
    }

    function test_gas_settlement() external {
        vm.deal(alice, 1 ether);
        vm.prank(alice, alice);
        bridge.depositETH{ value: 1 ether }(alice, alice);
        PlainToken token = new PlainToken("Token", "TKN");
        token.mint(alice, 2);
        vm.prank(alice);
        token.approve(address(bridge), 2);
        vm.prank(alice, alice);
        bridge.depositERC20(address(token), alice, 2);
        L2Message memory payment = sendFromL2(bob, bob, 1, 100_000, "");
        L2Message memory release = sendFromL2(
            L2_BRIDGE, address(bridge), 0, 0, abi.encodeCall(IERC20Release.releaseERC20, (address(token), bob, 1))
        );
        append();
        OutputFields memory fields = fieldsOf(1);
        ClaimId claimId = claimAs(alice, settlement.genesisClaim(), fields);
        vm.snapshotGasLastCall("l1", "gas FraudSettlement.claim, first of a stake");
        skipTime(WINDOW_SECONDS);
        settlement.finalize(claimId);
        vm.snapshotGasLastCall("l1", "gas FraudSettlement.finalize");
        bytes memory proof = proofOf(fields, 0);
        bridge.executeMessage(fields.hash(), payment, proof);
        vm.snapshotGasLastCall("l1", "gas Bridge.executeMessage ETH");
        proof = proofOf(fields, 1);
        bridge.executeMessage(fields.hash(), release, proof);
        vm.snapshotGasLastCall("l1", "gas Bridge.executeMessage ERC-20");
    }

    /// @dev One stake moves along, and several epochs share a transaction.
    function test_gas_manyEpochs() external {
        ClaimId parent = settlement.genesisClaim();
        for (uint64 epoch = 1; epoch <= 10; ++epoch) {
            append();
        }
        parent = claimAs(alice, parent, fieldsOf(1));
        ClaimId second = claimAs(alice, parent, fieldsOf(2));
        vm.snapshotGasLastCall("l1", "gas FraudSettlement.claim");
        bytes[] memory claims = new bytes[](8);
        bytes[] memory ends = new bytes[](8);
        parent = second;
        for (uint64 epoch = 3; epoch <= 10; ++epoch) {
            OutputFields memory fields = fieldsOf(epoch);
            claims[epoch - 3] = abi.encodeCall(settlement.claim, (parent, fields, new ClaimId[](0)));
            (, bytes32 entryHash) = schedule.entryOf(epoch);
            parent = settlement.claimIdOf(settlement.slotIdOf(parent, entryHash, fields.batchHash), fields.hash());
            ends[epoch - 3] = abi.encodeCall(settlement.finalize, (parent));
        }
        vm.prank(alice);
        settlement.multicall(claims);
        vm.snapshotGasLastCall("l1", "gas FraudSettlement.multicall, 8 claims");
        skipTime(WINDOW_SECONDS);
        settlement.finalize(_parentOf(second));
        settlement.finalize(second);
        vm.prank(alice);
        settlement.multicall(ends);
        vm.snapshotGasLastCall("l1", "gas FraudSettlement.multicall, 8 finalizations");
        vm.assertEq(settlement.claimOf(settlement.lastFinalClaim()).epoch, 10);
    }

    function _parentOf(ClaimId claimId) private view returns (ClaimId) {
        return settlement.slotOf(slotOfClaim(claimId)).parent;
    }

    function test_sizes() external {
        _size("Schedule", address(schedule));
        _size("Inbox", address(inbox));
        _size("FraudSettlement", address(settlement));
        _size("MessageExecutor", address(executor));
        _size("Bridge", address(implementation));
        _size("BridgeProxy", address(bridge));
        _size("UpgradeGate", address(gate));
    }

    function _size(string memory name, address deployed) private {
        vm.snapshotValue("l1", string.concat("bytes ", name), deployed.code.length);
        vm.assertLe(deployed.code.length, 24_576); // EIP-170
    }
}

/// @title Appending blobs, in a test's one transaction: isolated ones cannot carry blobs here.
contract GasBlobsTest is DepositFixture {
    function test_gas_appendBlobs() external {
        append(0);
        storeCheckpoint();
        AppendArgs memory args = appendArgs(0);
        bytes32[] memory hashes = new bytes32[](6);
        for (uint256 i = 0; i < 6; ++i) {
            hashes[i] = bytes32(i + 1);
        }
        vm.blobhashes(hashes);
        vm.prank(sequencer, sequencer);
        inbox.appendBlobs(args);
        vm.snapshotGasLastCall("l1", "gas Inbox.appendBlobs 6 blobs, warm");
    }
}
