// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { vm } from "./Vm.sol";

/// @title Base of the test contracts: what `vm` does not offer in one call.
/// @dev Assertions are the cheat codes `vm.assertEq` and so on: they revert at once.
abstract contract Test {
    /// @notice Tells Foundry that this is a test contract.
    // forge-lint: disable-next-line(screaming-snake-case-const)
    bool public constant IS_TEST = true;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    address[] private _targetContracts;
    address[] private _targetSenders;
    FuzzSelector[] private _targetSelectors;

    /// @notice Read by the invariant runner: contracts whose functions it calls.
    function targetContracts() public view returns (address[] memory) {
        return _targetContracts;
    }

    /// @notice Read by the invariant runner: senders of its calls.
    function targetSenders() public view returns (address[] memory) {
        return _targetSenders;
    }

    /// @notice Read by the invariant runner: functions that it calls; all functions of a contract that is not named here.
    function targetSelectors() public view returns (FuzzSelector[] memory) {
        return _targetSelectors;
    }

    function targetContract(address target) internal {
        _targetContracts.push(target);
    }

    function targetSender(address sender) internal {
        _targetSenders.push(sender);
    }

    function targetSelector(address target, bytes4[] memory selectors) internal {
        _targetSelectors.push(FuzzSelector(target, selectors));
    }

    /// @notice A labelled address without code, derived from its name.
    function makeAddr(string memory name) internal returns (address account) {
        account = address(uint160(uint256(keccak256(bytes(name)))));
        vm.label(account, name);
    }

    /// @notice `value` folded into [min, max]; fuzzed inputs reach both ends.
    function bound(uint256 value, uint256 min, uint256 max) internal pure returns (uint256) {
        require(min <= max, "bound: empty range");
        if (value >= min && value <= max) return value;
        uint256 size = max - min + 1;
        if (size == 0) return value;
        return min + value % size;
    }

    /// @notice Moves `seconds_` and as many twelve-second blocks ahead, one block at least.
    function skipTime(uint256 seconds_) internal {
        vm.warp(vm.getBlockTimestamp() + seconds_);
        vm.roll(vm.getBlockNumber() + seconds_ / 12 + 1);
    }

    /// @notice The next block, twelve seconds later.
    function nextBlock() internal {
        vm.warp(vm.getBlockTimestamp() + 12);
        vm.roll(vm.getBlockNumber() + 1);
    }
}
