// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Probe, Token} from "../src/Probe.sol";

interface Vm {
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// Deploys, calls, and deploys again by CREATE2: what `forge script` simulates first and then broadcasts.
contract Deploy {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function run(bytes32 salt) external returns (Probe probe, Token token) {
        vm.startBroadcast();
        probe = new Probe(7);
        probe.store(1, 2);
        token = new Token{salt: salt}(1_000);
        require(address(probe) != address(token), "two contracts");
        vm.stopBroadcast();
    }
}
