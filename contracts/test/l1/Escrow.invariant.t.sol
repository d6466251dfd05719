// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ClaimId } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { L2Message, OutputFields } from "../../src/l1/Types.sol";
import { IERC20Release } from "../../src/l1/interfaces/IL2Bridge.sol";
import { vm } from "../utils/Vm.sol";
import { DepositFixture } from "./BridgeDeposit.t.sol";
import { MessageTreeModel } from "./MessageTreeModel.sol";
import { FeeToken, NoReturnToken, PlainToken } from "./Tokens.sol";

/// @title The escrow equation, beside a model of L2, for ETH, a plain token, one with a fee and one without return values (L1-BR-1, L1-BR-2, L1-BR-3).
/// @notice escrow = L2 supply + unconsumed deposits + unclaimed withdrawals + what was burned on L2 (+ what came uninvited).
contract EscrowInvariantTest is DepositFixture {
    using Hashing for *;
    using MessageTreeModel for bytes32[];

    address private constant ETH = address(0);

    struct Asset {
        uint256 supply;
        uint256 unconsumed;
        uint256 unclaimed;
        uint256 burned;
        uint256 uninvited;
    }

    struct Deposit {
        address asset;
        uint256 amount;
        bool withdraws; // a message that has the L2 bridge withdraw `value`
        uint256 value;
    }

    address[] private _assets;
    mapping(address asset => Asset) private _model;
    Deposit[] private _deposits; // by queue index
    L2Message[] private _withdrawals; // by message index
    Deposit[] private _withdrawn;
    OutputFields private _final;
    uint256 private _finalLeafCount;
    uint256 private _claims;

    function setUp() public override {
        super.setUp();
        _assets = [ETH, address(new PlainToken("Plain", "PLN")), address(new FeeToken()), address(new NoReturnToken())];
        bytes4[] memory selectors = new bytes4[](10);
        selectors[0] = this.actDepositETH.selector;
        selectors[1] = this.actDepositToken.selector;
        selectors[2] = this.actConsume.selector;
        selectors[3] = this.actWithdraw.selector;
        selectors[4] = this.actBurn.selector;
        selectors[5] = this.actSettle.selector;
        selectors[6] = this.actClaim.selector;
        selectors[7] = this.actClaimFalsely.selector;
        selectors[8] = this.actGive.selector;
        selectors[9] = this.actForceWithdraw.selector;
        targetContract(address(this));
        targetSelector(address(this), selectors);
    }

    function actDepositETH(uint96 amount, bool asMessage) external {
        nextBlock();
        amount = uint96(bound(amount, 1, 1e24));
        vm.deal(alice, amount);
        vm.prank(alice, alice);
        if (asMessage) bridge.sendMessage{ value: amount }(bob, amount, 200_000, alice, "hello");
        else bridge.depositETH{ value: amount }(bob, alice);
        _deposits.push(Deposit(ETH, amount, false, 0));
        _model[ETH].unconsumed += amount;
    }

    function actDepositToken(uint256 which, uint96 amount) external {
        nextBlock();
        amount = uint96(bound(amount, 1, 1e24));
        address token = _assets[bound(which, 1, _assets.length - 1)];
        PlainToken(token).mint(alice, amount);
        vm.prank(alice);
        NoReturnToken(token).approve(address(bridge), amount);
        vm.prank(alice);
        bridge.depositERC20(token, bob, amount);
        uint256 arrived = token == _assets[2] ? amount - amount / 100 : amount;
        _deposits.push(Deposit(token, arrived, false, 0));
        _model[token].unconsumed += arrived;
    }

    /// @dev Moves what L2 holds out by a message, with ether sent along or without, covered or not. What is unconsumed is what was sent
    /// along and never what the message names.
    function actForceWithdraw(uint96 mint, uint256 value, bool all) external {
        nextBlock();
        mint = uint96(bound(mint, 0, 1e24));
        if (all) value = type(uint256).max;
        else value = bound(value, 0, 2e24);
        vm.deal(bob, mint);
        vm.prank(bob, bob);
        bridge.sendMessage{ value: mint }(
            L2_BRIDGE, value, 400_000, bob, abi.encodeWithSignature("withdrawETH(address)", bob)
        );
        _deposits.push(Deposit(ETH, mint, true, value));
        _model[ETH].unconsumed += mint;
    }

    /// @dev L1-MSG-4 for a chain on which Bob has all ether.
    function _spend(Asset storage asset, uint256 value) private {
        if (value == type(uint256).max) value = asset.supply;
        if (value == 0 || value > asset.supply) return;
        asset.supply -= value;
        asset.unclaimed += value;
        _withdrawn.push(Deposit(ETH, value, false, 0));
        _withdrawals.push(sendFromL2(L2_BRIDGE, bob, value, 100_000, ""));
    }

    function actConsume() external {
        uint64 start = inbox.queueConsumed();
        append();
        for (uint64 i = start; i < inbox.queueConsumed(); ++i) {
            Asset storage asset = _model[_deposits[i].asset];
            asset.unconsumed -= _deposits[i].amount;
            asset.supply += _deposits[i].amount;
            if (_deposits[i].withdraws) _spend(asset, _deposits[i].value);
        }
    }

    function actWithdraw(uint256 which, uint256 amount) external {
        address token = _assets[bound(which, 0, _assets.length - 1)];
        amount = bound(amount, 0, _model[token].supply);
        _model[token].supply -= amount;
        _model[token].unclaimed += amount;
        _withdrawn.push(Deposit(token, amount, false, 0));
        _withdrawals.push(
            token == ETH
                ? sendFromL2(bob, bob, amount, 50_000, "")
                : sendFromL2(
                    L2_BRIDGE, address(bridge), 0, 0, abi.encodeCall(IERC20Release.releaseERC20, (token, bob, amount))
                )
        );
    }

    function actBurn(uint256 which, uint256 amount) external {
        Asset storage asset = _model[_assets[bound(which, 0, _assets.length - 1)]];
        amount = bound(amount, 0, asset.supply);
        asset.supply -= amount;
        asset.burned += amount;
    }

    function actSettle() external {
        this.actConsume();
        OutputFields memory fields;
        // Claim every epoch since the last final one; the model gives the newest the current tree.
        uint64 epoch = settlement.claimOf(settlement.lastFinalClaim()).epoch;
        while (epoch < inbox.epochCount()) {
            fields = fieldsOf(++epoch);
            ClaimId claimId = claimAs(alice, settlement.lastFinalClaim(), fields);
            skipTime(WINDOW_SECONDS);
            settlement.finalize(claimId);
        }
        _final = fields;
        _finalLeafCount = leaves.length;
    }

    function actClaim(uint256 which) external {
        if (_finalLeafCount == 0) return;
        uint64 index = uint64(bound(which, 0, _finalLeafCount - 1));
        if (bridge.isExecuted(index)) return;
        bridge.executeMessage(_final.hash(), _withdrawals[index], _proof(index));
        _model[_withdrawn[index].asset].unclaimed -= _withdrawn[index].amount;
        ++_claims;
    }

    /// @dev Twice, too early, or more than was sent: always refused.
    function actClaimFalsely(uint256 which, uint96 more) external {
        if (_finalLeafCount == 0) return;
        uint64 index = uint64(bound(which, 0, leaves.length - 1));
        L2Message memory sent = _withdrawals[index];
        bool genuine = index < _finalLeafCount && !bridge.isExecuted(index);
        if (genuine) sent.value += uint256(more) + 1;
        bytes memory proof = index < _finalLeafCount ? _proof(index) : proofOf(_final, index);
        (bool success,) = address(bridge).call(abi.encodeCall(bridge.executeMessage, (_final.hash(), sent, proof)));
        vm.assertFalse(success, "a false claim was paid");
    }

    /// @dev ETH forced into the Bridge and tokens sent to it belong to nobody.
    function actGive(uint256 which, uint96 amount) external {
        address token = _assets[bound(which, 0, _assets.length - 1)];
        if (token == ETH) vm.deal(address(bridge), address(bridge).balance + amount);
        else PlainToken(token).mint(address(bridge), amount);
        _model[token].uninvited += amount;
    }

    function invariant_escrowEquation() external view {
        for (uint256 i = 0; i < _assets.length; ++i) {
            Asset memory asset = _model[_assets[i]];
            uint256 owed = asset.supply + asset.unconsumed + asset.unclaimed + asset.burned;
            if (_assets[i] == ETH) {
                vm.assertEq(address(bridge).balance, owed + asset.uninvited, "ETH");
            } else {
                vm.assertEq(bridge.escrowOf(_assets[i]), owed, "escrow");
                vm.assertEq(PlainToken(_assets[i]).balanceOf(address(bridge)), owed + asset.uninvited, "balance");
            }
        }
        vm.assertEq(address(executor).balance, 0);
    }

    /// @dev Stakes and credits are all that the Settlement holds.
    function invariant_settlementHoldsStakesOnly() external view {
        vm.assertEq(address(settlement).balance, settlement.creditOf(alice) + settlement.stakeOf(alice).amount);
    }

    /// @notice The actions reach payouts: a run by hand, to the last wei.
    function test_escrow_emptiesCompletely() external {
        this.actDepositETH(5 ether, true);
        this.actDepositToken(1, 700);
        this.actDepositToken(2, 1000);
        this.actDepositToken(3, 11);
        this.actConsume();
        for (uint256 i = 0; i < 4; ++i) {
            this.actWithdraw(i, type(uint256).max - 3 + i);
        }
        for (uint256 i = 0; i < 4; ++i) {
            // `bound` folds amounts; the rest goes with a second withdrawal of exactly what is left
            this.actWithdraw(i, _model[_assets[i]].supply);
        }
        this.actSettle();
        for (uint256 i = 0; i < 8; ++i) {
            this.actClaim(i);
        }
        vm.assertEq(_claims, 8);
        this.invariant_escrowEquation();
        for (uint256 i = 1; i < 4; ++i) {
            vm.assertEq(bridge.escrowOf(_assets[i]), 0);
        }
        vm.assertEq(address(bridge).balance, 0);
        vm.assertEq(bob.balance, 5 ether);
    }

    /// @notice A message that names more than it brings takes what L2 holds and not a wei of the escrow of others' deposits.
    function test_escrow_forcedWithdrawals() external {
        this.actDepositETH(5 ether, false);
        this.actForceWithdraw(1 ether, 7 ether, false); // not covered: Bob has 6
        this.actForceWithdraw(0, 2 ether, false);
        this.actForceWithdraw(0, 0, true);
        this.actDepositETH(3 ether, false);
        this.actForceWithdraw(0, 1 ether, false);
        vm.assertEq(_model[ETH].unconsumed, 9 ether);
        this.actConsume();
        this.invariant_escrowEquation();
        vm.assertEq(_model[ETH].supply, 2 ether);
        this.actSettle();
        for (uint256 i = 0; i < 3; ++i) {
            this.actClaim(i);
        }
        this.invariant_escrowEquation();
        vm.assertEq(bob.balance, 7 ether);
        vm.assertEq(address(bridge).balance, 2 ether);
    }

    function _proof(uint64 index) private view returns (bytes memory) {
        bytes32[] memory tree = new bytes32[](_finalLeafCount);
        for (uint256 i = 0; i < tree.length; ++i) {
            tree[i] = leaves[i];
        }
        return abi.encode(_final, tree.siblings(index));
    }
}
