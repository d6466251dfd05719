// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { PaymentsBridge } from "../../src/payments/PaymentsBridge.sol";
import { Withdrawal } from "../../src/payments/Records.sol";
import { Leaf } from "../../src/payments/StateTree.sol";
import { PlainToken } from "../l1/Tokens.sol";
import { vm } from "../utils/Vm.sol";
import { Chain } from "./Chain.sol";
import { LedgerTree } from "./LedgerTree.sol";

/// @title A chain with a ledger behind it: leaves as PAY-TREE orders them, and batches that post what they did.
/// @notice Only what moves value is modelled; fees, nonces and signatures are not.
abstract contract LedgerChain is Chain {
    enum Kind {
        Deposit,
        Forced,
        SessionKey
    }

    /// @dev A message, as the ledger reads it.
    struct Queued {
        Kind kind;
        address account;
        address token;
        uint256 value; // amount or key
    }

    /// @dev A withdrawal that a batch has posted, and where.
    struct Posted {
        uint64 batch;
        uint32 position;
        Withdrawal paid;
        bool isClaimed;
    }

    Leaf[] internal ledger; // by index in the tree
    mapping(address account => mapping(address token => uint256)) private _place; // index plus one
    Queued[] internal queue; // by index
    Posted[] internal posted;
    bytes private _open; // withdrawals that the next batch posts
    Withdrawal[] private _openPaid;
    uint256[] private _hashes; // of the leaves in the last batch
    mapping(uint256 index => bytes32) private _images; // of the leaves that these are the hashes of
    uint256[16] internal empties;

    function setUp() public virtual override {
        super.setUp();
        ledger.push(); // the sentinel
        empties = LedgerTree.empties();
    }

    // ---- messages ----

    function queueDeposit(address account, address token, uint128 amount) internal returns (uint64 index) {
        uint128 arrived = arrivedOf(token, amount);
        queue.push(Queued(Kind.Deposit, account, token, arrived));
        if (token == ETH) return deposit(account, amount);
        PlainToken(token).mint(account, amount);
        vm.startPrank(account, account);
        (bool success,) = token.call(abi.encodeCall(PlainToken(token).approve, (address(bridge), amount)));
        vm.assertTrue(success);
        index = bridge.depositERC20(token, account, amount);
        vm.stopPrank();
        records.push(depositRecord(account, token, arrived));
    }

    /// @dev What of an amount reaches whom it is sent to.
    function arrivedOf(address, uint128 amount) internal view virtual returns (uint128) {
        return amount;
    }

    function queueForced(address account, address token) internal returns (uint64) {
        queue.push(Queued(Kind.Forced, account, token, 0));
        return force(account, token);
    }

    function queueKey(address account, uint256 keyHash) internal returns (uint64) {
        queue.push(Queued(Kind.SessionKey, account, ETH, keyHash));
        return setKey(account, keyHash);
    }

    // ---- the ledger ----

    function balanceOf(address account, address token) internal view returns (uint128) {
        uint256 place = _place[account][token];
        return place == 0 ? 0 : ledger[place - 1].balance;
    }

    function indexOfLeaf(address account, address token) internal view returns (uint32) {
        return uint32(_place[account][token] - 1);
    }

    /// @dev The leaf of this key, made if there is none (PAY-UNIQUE).
    function leafOf(address account, address token) internal returns (Leaf storage leaf) {
        uint256 place = _place[account][token];
        if (place != 0) return ledger[place - 1];
        uint256 low = 0;
        while (_before(ledger[low].nextAccount, ledger[low].nextToken, account, token)) {
            low = _place[ledger[low].nextAccount][ledger[low].nextToken] - 1;
        }
        leaf = ledger.push();
        (leaf.account, leaf.token) = (account, token);
        (leaf.nextAccount, leaf.nextToken) = (ledger[low].nextAccount, ledger[low].nextToken);
        (ledger[low].nextAccount, ledger[low].nextToken) = (account, token);
        _place[account][token] = ledger.length;
    }

    function transfer(address from, address to, address token, uint128 amount) internal {
        leafOf(from, token).balance -= amount;
        leafOf(to, token).balance += amount;
    }

    /// @dev A withdrawal that the account has signed.
    function withdraw(address from, address recipient, address token, uint128 amount) internal {
        leafOf(from, token).balance -= amount;
        Withdrawal memory paid = Withdrawal(recipient, token, amount);
        _open = bytes.concat(_open, withdrawalRecord(paid));
        _openPaid.push(paid);
    }

    // ---- batches ----

    /// @dev The sequencer's batch: what has happened on the ledger, and as much of the queue as a batch takes.
    function settle() internal returns (uint64) {
        return settle(sequencer, 1);
    }

    function settle(address sender, uint256 authorised) internal returns (uint64 index) {
        storeCheckpoint();
        uint64 end = consumable();
        for (uint64 i = inbox.queueConsumed(); i < end; ++i) {
            _apply(queue[i]);
        }
        index = inbox.batchCount() + 1;
        proofs.set(_rehash(), ledger.length);
        post(sender, batch(end, _open), authorised);
        for (uint256 i = 0; i < _openPaid.length; ++i) {
            posted.push(Posted(index, uint32(i), _openPaid[i], false));
        }
        _open = "";
        delete _openPaid;
    }

    function _apply(Queued storage message) private {
        if (message.kind == Kind.Deposit) {
            leafOf(message.account, message.token).balance += uint128(message.value);
        } else if (message.kind == Kind.Forced) {
            uint128 amount = balanceOf(message.account, message.token);
            if (amount != 0) withdraw(message.account, message.account, message.token, amount);
        } else if (_place[message.account][ETH] != 0 && message.value >> 253 == 0) {
            leafOf(message.account, ETH).sessionHash = message.value;
        }
    }

    function _rehash() private returns (uint256) {
        for (uint256 i = 0; i < ledger.length; ++i) {
            bytes32 image = keccak256(abi.encode(ledger[i]));
            if (i == _hashes.length) _hashes.push();
            else if (image == _images[i]) continue;
            _images[i] = image;
            _hashes[i] = settlement.stateTree().hashOf(ledger[i]);
        }
        return LedgerTree.root(_hashes, empties);
    }

    function _before(address account, address token, address otherAccount, address otherToken)
        private
        pure
        returns (bool)
    {
        if (account == ETH && token == ETH) return false; // the end
        return account < otherAccount || (account == otherAccount && token < otherToken);
    }

    // ---- the end ----

    function pathOf(uint32 index) internal view returns (uint256[3][16] memory) {
        return LedgerTree.path(_hashes, empties, index);
    }

    function escape(uint32 index, address sender, address to) internal {
        Leaf memory leaf = ledger[index];
        uint256[3][16] memory path = pathOf(index);
        vm.prank(sender, sender);
        bridge.escape(index, leaf, path, to);
    }

    function refusedEscape(uint32 index, Leaf memory leaf, address sender, address to, bytes memory expected) internal {
        uint256[3][16] memory path = pathOf(index);
        vm.expectRevert(expected);
        vm.prank(sender, sender);
        bridge.escape(index, leaf, path, to);
    }

    function notALeaf(uint32 index) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(PaymentsBridge.Bridge_NotALeaf.selector, index);
    }

    function refund(uint64 index, address sender, address to) internal {
        Queued memory message = queue[index];
        vm.prank(sender, sender);
        bridge.refundDeposit(index, message.account, message.token, uint128(message.value), to);
    }
}
