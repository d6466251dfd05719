// Libraries that gather calls.
"use strict";
const assert = require("assert/strict");
const { Contract, ContractFactory, JsonRpcProvider, Wallet } = require("ethers");
const { artifact } = require("../harness/solidity");
const { suite } = require("../harness/suite");

suite("multicall", async ({ check, rpc, key, chainId }) => {
  const node = new JsonRpcProvider(rpc, chainId, { cacheTimeout: -1, polling: true, pollingInterval: 100, staticNetwork: true });
  const { abi, bytecode } = artifact("Probe");
  const contract = await check("a contract to ask", async () => (await new ContractFactory(abi, bytecode, new Wallet(key, node)).deploy(7n)).waitForDeployment());
  const address = await contract.getAddress();

  await check("Multicall3 by hand: aggregate3, balances, block context", async () => {
    const multicall = new Contract("0xcA11bde05977b3631167028862bE2a173976CA11", [
      "function aggregate3(tuple(address target, bool allowFailure, bytes callData)[] calls) payable returns (tuple(bool success, bytes returnData)[])",
      "function getEthBalance(address) view returns (uint256)",
      "function getCurrentBlockTimestamp() view returns (uint256)",
      "function getBasefee() view returns (uint256)",
    ], node);
    const call = (name, ...args) => ({ target: address, allowFailure: true, callData: contract.interface.encodeFunctionData(name, args) });
    const results = await multicall.aggregate3.staticCall([call("value"), call("failWithReason"), call("sum", 1n, 2n)]);
    assert.deepEqual(results.map(({ success }) => success), [true, false, true]);
    assert.ok((await multicall.getEthBalance(new Wallet(key).address)) > 0n);
    assert.equal(await multicall.getCurrentBlockTimestamp(), BigInt((await node.getBlock("latest")).timestamp));
  });
  await check("ethers-multicall-provider", async () => {
    const { MulticallWrapper } = require("ethers-multicall-provider");
    const wrapped = MulticallWrapper.wrap(node);
    const reading = contract.connect(wrapped);
    assert.deepEqual(await Promise.all([reading.value(), reading.sum(1n, 2n), reading.sum(3n, 4n)]), [7n, 3n, 7n]);
  });
});
