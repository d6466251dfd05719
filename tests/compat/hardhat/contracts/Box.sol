// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

contract Box {
    bool private isInitialised;
    uint256 public value;

    function initialize(uint256 first) external {
        require(!isInitialised, "once");
        isInitialised = true;
        value = first;
    }

    function set(uint256 next) external {
        value = next;
    }
}

contract BoxWithName {
    bool private isInitialised;
    uint256 public value;
    string public name;

    function rename(string calldata next) external {
        name = next;
    }
}
