// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TimelockController } from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Owner of the Bridge's ProxyAdmin: whatever the owner decides waits in public.
/// @notice The delay is the notice period plus the forced-inclusion and claim windows. Execution is open to all, and there is no
/// administrator beside the timelock itself. The delay is the same for ever: otherwise one wait would end all waiting.
contract Timelock is TimelockController {
    error Timelock_FixedDelay();

    /// @param delaySeconds from proposal to execution
    /// @param owner may propose and cancel
    constructor(uint256 delaySeconds, address owner)
        TimelockController(delaySeconds, _list(owner), _list(address(0)), address(0))
    { }

    /// @notice Always reverts.
    function updateDelay(uint256) public pure override {
        revert Timelock_FixedDelay();
    }

    function _list(address account) private pure returns (address[] memory accounts) {
        accounts = new address[](1);
        accounts[0] = account;
    }
}
