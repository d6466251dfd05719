// An application with ethers: a token, its events, ether from L1 and back.
"use strict";
const assert = require("assert/strict");
const { AbiCoder, Contract, ContractFactory, JsonRpcProvider, Wallet, WebSocketProvider, parseEther, toQuantity } = require("ethers");
const { artifact } = require("../harness/solidity");
const { suite, until } = require("../harness/suite");

const L2_BRIDGE = "0x5400000000000000000000000000000000000002";
const MESSAGE_PASSER = "0x5400000000000000000000000000000000000001";
const FIELDS = "tuple(bytes32 configHash, bytes32 batchHash, bytes32 lastBlockHash, bytes32 stateRoot, bytes32 messageRoot, uint64 queueIndex)";
/** How long an L1 with windows of seconds takes to make a withdrawal final, in milliseconds. */
const SETTLEMENT_MS = 150_000;

suite("dapp-ethers", async ({ check, rpc, ws, key, l1Rpc, deployment }) => {
  const fresh = { cacheTimeout: -1, polling: true, pollingInterval: 200 };
  const l1 = new Wallet(key, new JsonRpcProvider(l1Rpc, undefined, fresh));
  const l2 = new Wallet(key, new JsonRpcProvider(rpc, undefined, fresh));
  const done = async (sent) => {
    const receipt = await (await sent).wait();
    assert.equal(receipt.status, 1);
    return receipt;
  };
  const bridge = new Contract(deployment.chain.bridge, deployment.abis.Bridge, l1);
  const settlement = new Contract(deployment.chain.settlement, deployment.abis.FraudSettlement, l1);
  const l2Bridge = new Contract(L2_BRIDGE, ["function withdrawETH(address to) payable returns (uint64 index)"], l2);
  const passer = new Contract(MESSAGE_PASSER, [
    "event MessageSent(uint64 indexed index, address indexed sender, address indexed target, uint256 value, uint64 gasLimit, bytes data, bytes32 messageHash)",
  ]);
  const { abi, bytecode } = artifact("Token");

  const token = await check("deploys a token", async () => (await new ContractFactory(abi, bytecode, l2).deploy(1_000n)).waitForDeployment());
  await check("transfers, is told of it over a WebSocket, and finds it again", async () => {
    const live = new WebSocketProvider(ws);
    const told = [];
    await token.connect(live).on("Transfer", (from, to, amount, { log }) => told.push([log.transactionHash, amount]));
    await live.getBlockNumber();
    const to = "0x00000000000000000000000000000000000000de";
    const { hash, blockNumber } = await done(token.transfer(to, 10n));
    await until(() => told.some(([transaction, amount]) => transaction === hash && amount === 10n));
    assert.equal(await token.balanceOf(to), 10n);
    assert.equal((await token.queryFilter(token.filters.Transfer(null, to), blockNumber)).length, 1);
  });
  await check("brings ether from L1", async () => {
    const before = await l2.provider.getBalance(l2.address);
    await done(bridge.depositETH(l2.address, l2.address, { value: parseEther("0.5") }));
    await until(async () => (await l2.provider.getBalance(l2.address)) === before + parseEther("0.5"));
  });
  await check(
    "takes ether back to L1, to the wei",
    async () => {
      const to = "0x00000000000000000000000000000000000d0002";
      const before = await l1.provider.getBalance(to);
      const { logs } = await done(l2Bridge.withdrawETH(to, { value: parseEther("0.2") }));
      const { args } = logs.map((log) => passer.interface.parseLog(log)).find((event) => event?.name === "MessageSent");
      const proof = await until(() => l2.provider.send("rollup_getMessageProof", [toQuantity(args.index)]), SETTLEMENT_MS);
      await until(() => settlement.isFinal(proof.output), SETTLEMENT_MS);
      const encoded = AbiCoder.defaultAbiCoder().encode([FIELDS, "bytes32[32]"], [proof.fields, proof.siblings]);
      await done(bridge.executeMessage(proof.output, proof.message, encoded));
      assert.equal(await l1.provider.getBalance(to), before + parseEther("0.2"));
    },
    2 * SETTLEMENT_MS,
  );
});
