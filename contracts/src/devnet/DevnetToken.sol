// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title The devnet's token on L1. Anyone mints: it is worth nothing.
contract DevnetToken is ERC20("Devnet Token", "DEV") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
