"use strict";
require("@nomicfoundation/hardhat-ethers");
require("@nomicfoundation/hardhat-chai-matchers");
require("@nomicfoundation/hardhat-ignition-ethers");
require("@nomicfoundation/hardhat-viem");
require("@openzeppelin/hardhat-upgrades");
require("hardhat-deploy");
const { subtask } = require("hardhat/config");
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require("hardhat/builtin-tasks/task-names");

// The compiler of the package instead of a downloaded one.
subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async () => {
  const compilerPath = require.resolve("solc/soljson.js");
  return { compilerPath, isSolcJs: true, version: "0.8.37", longVersion: require("solc").version().replace(/\.Emscripten.*/, "") };
});

module.exports = {
  solidity: { version: "0.8.37", settings: { evmVersion: "prague", optimizer: { enabled: true, runs: 200 } } },
  networks: { tandem: { url: process.env.RPC ?? "http://127.0.0.1:9545", accounts: [process.env.KEY ?? "0x".padEnd(66, "1")] } },
  namedAccounts: { deployer: 0 },
  mocha: { timeout: 120_000, reporter: require.resolve("./reporter.js") },
};
