// The contracts of `contracts/`, compiled by the compiler that the project's own contracts are pinned to.
"use strict";
const fs = require("fs");
const path = require("path");
const solc = require("../../../contracts/node_modules/solc");

let artifacts;

/** `{ abi, bytecode }` of a contract of `contracts/Probe.sol`. */
exports.artifact = (name) => {
  artifacts ??= compile();
  const { abi, evm } = artifacts[name];
  return { abi, bytecode: `0x${evm.bytecode.object}` };
};

const compile = () => {
  const content = fs.readFileSync(path.join(__dirname, "../contracts/Probe.sol"), "utf8");
  const settings = {
    optimizer: { enabled: true, runs: 200 },
    evmVersion: "prague",
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
  };
  const input = { language: "Solidity", sources: { "Probe.sol": { content } }, settings };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join("\n"));
  return output.contracts["Probe.sol"];
};
