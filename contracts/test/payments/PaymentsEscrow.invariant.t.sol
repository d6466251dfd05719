// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Withdrawal } from "../../src/payments/Records.sol";
import { Leaf } from "../../src/payments/StateTree.sol";
import { ValiditySettlement } from "../../src/payments/ValiditySettlement.sol";
import { FeeToken, NoReturnToken, PlainToken } from "../l1/Tokens.sol";
import { vm } from "../utils/Vm.sol";
import { LedgerChain } from "./LedgerChain.sol";

/// @title The escrow equation, beside a ledger, for ETH, a plain token, one with a fee and one without return values, over the whole life of a chain.
/// @notice escrow = leaves + unconsumed deposits + unclaimed withdrawals, and what the Bridge has is at least that; when all have left, it is zero.
contract PaymentsEscrowInvariantTest is LedgerChain {
    /// @dev A signed operation that the next batch of the sequencer holds; there is none in a forced one, and none after the end.
    struct Operation {
        bool leaves; // a withdrawal, else a transfer
        address from;
        address to;
        address asset;
        uint256 amount;
    }

    address[] private _assets;
    address[] private _people;
    Operation[] private _operations;
    mapping(uint64 index => bool) private _isRefunded;
    mapping(uint32 index => bool) private _isEscaped;
    /// @dev What each should have when all is over, and what each was paid.
    mapping(address account => mapping(address asset => uint256)) private _due;
    mapping(address account => mapping(address asset => uint256)) private _paid;

    function setUp() public override {
        super.setUp();
        _assets = [ETH, address(new PlainToken("Plain", "PLN")), address(new FeeToken()), address(new NoReturnToken())];
        _people = [alice, bob, makeAddr("carol"), operator];
        bytes4[] memory selectors = new bytes4[](14);
        selectors[0] = this.actDeposit.selector;
        selectors[1] = this.actForce.selector;
        selectors[2] = this.actKey.selector;
        selectors[3] = this.actTransfer.selector;
        selectors[4] = this.actWithdraw.selector;
        selectors[5] = this.actSettle.selector;
        selectors[6] = this.actClaim.selector;
        selectors[7] = this.actClaimFalsely.selector;
        selectors[8] = this.actGive.selector;
        selectors[9] = this.actFreeze.selector;
        selectors[10] = this.actEscape.selector;
        selectors[11] = this.actRefund.selector;
        selectors[12] = this.actForceBatch.selector;
        selectors[13] = this.actDeposit.selector;
        targetContract(address(this));
        targetSelector(address(this), selectors);
    }

    function arrivedOf(address asset, uint128 amount) internal view override returns (uint128) {
        return asset == _assets[2] ? amount - amount / 100 : amount;
    }

    function _person(uint256 which) private view returns (address) {
        return _people[which % _people.length];
    }

    function _asset(uint256 which) private view returns (address) {
        return _assets[which % _assets.length];
    }

    function actDeposit(uint256 who, uint256 which, uint96 amount) external {
        nextBlock();
        amount = uint96(bound(amount, 1, 1e24));
        address asset = _asset(which);
        queueDeposit(_person(who), asset, amount);
        _due[_person(who)][asset] += arrivedOf(asset, amount);
    }

    function actForce(uint256 who, uint256 which) external {
        nextBlock();
        queueForced(_person(who), _asset(which));
    }

    function actKey(uint256 who, uint256 keyHash) external {
        nextBlock();
        queueKey(_person(who), keyHash);
    }

    function actTransfer(uint256 from, uint256 to, uint256 which, uint256 amount) external {
        _operations.push(Operation(false, _person(from), _person(to), _asset(which), amount));
    }

    function actWithdraw(uint256 from, uint256 to, uint256 which, uint256 amount) external {
        _operations.push(Operation(true, _person(from), _person(to), _asset(which), amount));
    }

    /// @dev The sequencer's batch.
    function actSettle() external {
        if (settlement.isFrozen()) return _expectNoBatch();
        for (uint256 i = 0; i < _operations.length; ++i) {
            Operation memory done = _operations[i];
            uint128 balance = balanceOf(done.from, done.asset);
            if (balance == 0) continue;
            uint128 amount = uint128(bound(done.amount, 1, balance));
            if (done.leaves) withdraw(done.from, done.to, done.asset, amount);
            else transfer(done.from, done.to, done.asset, amount);
            _due[done.from][done.asset] -= amount;
            _due[done.to][done.asset] += amount;
        }
        delete _operations;
        settle();
    }

    /// @dev Anybody's batch of messages alone, once there are overdue ones.
    function actForceBatch(uint256 age) external {
        if (settlement.isFrozen()) return _expectNoBatch();
        skipTime(bound(age, 1, FORCED_SECONDS));
        if (inbox.isForcible()) settle(mallory, 0);
    }

    function _expectNoBatch() private {
        storeCheckpoint();
        refused(
            batch(),
            abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_Frozen.selector, settlement.frozenAt())
        );
    }

    function _pays(address to, address asset, uint256 amount) private {
        _paid[to][asset] += arrivedOf(asset, uint128(amount));
    }

    function actClaim(uint256 which) external {
        if (posted.length == 0) return;
        Posted storage one = posted[which % posted.length];
        if (one.isClaimed) return;
        one.isClaimed = true;
        claim(one.batch, one.position, one.paid);
        _pays(one.paid.recipient, one.paid.token, one.paid.amount);
    }

    /// @dev Twice, or more than was withdrawn, or another's, or from a place beside: always refused.
    function actClaimFalsely(uint256 which, uint256 how) external {
        if (posted.length == 0) return;
        Posted memory one = posted[which % posted.length];
        uint64 index = indexOf(one.batch, one.position);
        bytes memory proof = proofOf(one.batch, one.position);
        how = one.isClaimed ? how % 5 : how % 4;
        if (how == 0) one.paid.amount += 1;
        if (how == 1) one.paid.recipient = mallory;
        if (how == 2) index += 2 ** 32;
        if (how == 3) index += 1;
        bytes32 output = settlement.outputOf(one.batch);
        vm.prank(mallory);
        (bool success,) =
            address(bridge).call(abi.encodeCall(bridge.withdraw, (output, index, one.paid, proof, one.paid.recipient)));
        vm.assertFalse(success, "a false claim was paid");
    }

    /// @dev What is forced upon the Bridge belongs to nobody.
    function actGive(uint256 which, uint96 amount) external {
        address asset = _asset(which);
        if (asset == ETH) vm.deal(address(bridge), address(bridge).balance + amount);
        else PlainToken(asset).mint(address(bridge), amount);
    }

    /// @dev Now and then the chain comes to its end.
    function actFreeze(uint256 dice, uint256 age) external {
        if (dice % 8 != 0 || settlement.isFrozen()) return;
        skipTime(bound(age, 1, 2 * (FORCED_SECONDS + ESCAPE_SECONDS)));
        uint256 from = settlement.freezableAt();
        if (from != 0 && vm.getBlockTimestamp() > from) settlement.freeze();
    }

    function actEscape(uint256 which) external {
        uint32 index = uint32(which % ledger.length);
        Leaf memory leaf = ledger[index];
        bool allowed = settlement.isFrozen() && !_isEscaped[index] && leaf.balance != 0;
        if (settlement.isFrozen() || which % 4 == 0) {
            uint256[3][16] memory path;
            if (inbox.batchCount() != 0) path = pathOf(index);
            try bridge.escape(index, leaf, path, leaf.account) {
                vm.assertTrue(allowed, "a leaf left against the rules");
                _isEscaped[index] = true;
                _pays(leaf.account, leaf.token, leaf.balance);
            } catch {
                vm.assertFalse(allowed, "a leaf could not leave");
            }
        }
    }

    function actRefund(uint256 which) external {
        if (queue.length == 0) return;
        uint64 index = uint64(which % queue.length);
        Queued memory message = queue[index];
        bool allowed = settlement.isFrozen() && !_isRefunded[index] && index >= inbox.queueConsumed()
            && message.kind == Kind.Deposit;
        try bridge.refundDeposit(index, message.account, message.token, uint128(message.value), message.account) {
            vm.assertTrue(allowed, "a deposit was refunded against the rules");
            _isRefunded[index] = true;
            _pays(message.account, message.token, message.value);
        } catch {
            vm.assertFalse(allowed, "a deposit could not be refunded");
        }
    }

    function _owed(address asset) private view returns (uint256 owed) {
        for (uint32 i = 0; i < ledger.length; ++i) {
            if (ledger[i].token == asset && !_isEscaped[i]) owed += ledger[i].balance;
        }
        for (uint64 i = inbox.queueConsumed(); i < queue.length; ++i) {
            if (queue[i].kind == Kind.Deposit && queue[i].token == asset && !_isRefunded[i]) owed += queue[i].value;
        }
        for (uint256 i = 0; i < posted.length; ++i) {
            if (posted[i].paid.token == asset && !posted[i].isClaimed) owed += posted[i].paid.amount;
        }
    }

    function _held(address asset) private view returns (uint256) {
        return asset == ETH ? address(bridge).balance : PlainToken(asset).balanceOf(address(bridge));
    }

    function invariant_escrowEquation() external view {
        for (uint256 i = 0; i < _assets.length; ++i) {
            uint256 escrow = bridge.escrowOf(_assets[i]);
            vm.assertEq(escrow, _owed(_assets[i]), "escrow");
            vm.assertLe(escrow, _held(_assets[i]), "held");
        }
    }

    /// @notice However a run ended: the chain ends, all leave, and all have exactly what is theirs.
    function afterInvariant() external {
        _leave();
    }

    function _leave() private {
        if (!settlement.isFrozen()) {
            delete _operations;
            nextBlock();
            freezeByMessage();
        }
        for (uint256 i = 0; i < ledger.length; ++i) {
            this.actEscape(i);
        }
        for (uint256 i = 0; i < queue.length; ++i) {
            this.actRefund(i);
        }
        for (uint256 i = 0; i < posted.length; ++i) {
            this.actClaim(i);
        }
        this.invariant_escrowEquation();
        for (uint256 i = 0; i < _assets.length; ++i) {
            address asset = _assets[i];
            vm.assertEq(bridge.escrowOf(asset), 0, "left");
            for (uint256 j = 0; j < _people.length; ++j) {
                uint256 has = asset == ETH ? _people[j].balance : PlainToken(asset).balanceOf(_people[j]);
                vm.assertEq(has, _paid[_people[j]][asset], "paid");
                if (asset != _assets[2]) vm.assertEq(has, _due[_people[j]][asset], "due");
            }
        }
    }

    /// @dev A message that nobody proves.
    function freezeByMessage() private {
        queueForced(mallory, ETH);
        skipTime(FORCED_SECONDS + ESCAPE_SECONDS + 1);
        settlement.freeze();
    }

    /// @notice The actions reach every way out: a run by hand.
    function test_escrow_emptiesCompletely() external {
        for (uint256 i = 0; i < 4; ++i) {
            this.actDeposit(i, i, 1000 + uint96(i));
            this.actDeposit(i + 1, i, 500);
        }
        this.actSettle();
        this.actTransfer(0, 1, 0, 300);
        this.actWithdraw(1, 2, 0, 100);
        this.actWithdraw(2, 2, 2, 77);
        this.actForce(3, 3);
        this.actSettle();
        vm.assertEq(posted.length, 3);
        this.actClaim(1);
        this.actClaimFalsely(1, 4);
        this.actClaimFalsely(0, 0);
        this.actForce(0, 1);
        this.actForce(1, 1);
        skipTime(FORCED_SECONDS);
        this.actForceBatch(100);
        vm.assertEq(posted.length, 4);
        this.actTransfer(0, 1, 0, 11); // in no batch any more
        this.actDeposit(2, 0, 9);
        this.actDeposit(2, 1, 8);
        this.actFreeze(0, 2 * (FORCED_SECONDS + ESCAPE_SECONDS));
        vm.assertTrue(settlement.isFrozen());
        this.actSettle();
        this.actEscape(0);
        this.actEscape(1);
        this.actEscape(1);
        this.actRefund(0);
        this.actRefund(queue.length - 1);
        this.actRefund(queue.length - 1);
        this.actDeposit(0, 3, 6); // into a chain that has ended
        this.invariant_escrowEquation();
        _leave();
    }
}
