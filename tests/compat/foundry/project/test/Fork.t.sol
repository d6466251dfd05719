// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// A test on a fork of the chain: state is fetched from the node as it is needed.
contract ForkTest {
    function test_the_fork_has_what_the_chain_has() external view {
        require(block.chainid == 5454 || block.chainid != 31337, "not the fork's chain");
        require(address(0xcA11bde05977b3631167028862bE2a173976CA11).code.length > 0, "no Multicall3");
        require(address(0x4e59b44847b379578588920cA78FbF26c0B4956C).code.length > 0, "no deployer");
    }
}
