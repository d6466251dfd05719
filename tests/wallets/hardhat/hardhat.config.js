"use strict";
require("@nomicfoundation/hardhat-ethers");
require("@nomicfoundation/hardhat-chai-matchers");

module.exports = {
  solidity: "0.8.28",
  networks: { tandem: { url: process.env.RPC ?? "http://127.0.0.1:9545", accounts: [process.env.KEY ?? "0x".padEnd(66, "1")] } },
  mocha: { timeout: 60_000 },
};
