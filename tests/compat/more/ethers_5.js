// ethers v5, which many applications still carry.
"use strict";
const assert = require("assert/strict");
const { BigNumber, Contract, ContractFactory, Wallet, constants, providers, utils } = require("ethers-5");
const { artifact } = require("../harness/solidity");
const { suite, until } = require("../harness/suite");

suite("ethers-5", async ({ check, rpc, ws, key, chainId }) => {
  const node = new providers.JsonRpcProvider(rpc);
  node.pollingInterval = 100;
  const wallet = new Wallet(key, node);
  const { abi, bytecode } = artifact("Probe");
  const done = async (sent) => {
    const receipt = await (await sent).wait();
    assert.equal(receipt.status, 1);
    return receipt;
  };
  const fails = (promise, code) => promise.then(() => assert.fail("it succeeded"), (error) => (assert.equal(error.code, code, error.message), error));

  await check("network, blocks, fee data", async () => {
    assert.equal((await node.getNetwork()).chainId, chainId);
    assert.ok((await node.getBlock("latest")).baseFeePerGas.gt(0));
    assert.ok((await node.getBlockWithTransactions("latest")).transactions);
    assert.ok((await node.getFeeData()).maxFeePerGas.gt(0));
  });
  const contract = await check("deploys", async () => (await new ContractFactory(abi, bytecode, wallet).deploy(7)).deployed());
  await check("calls, writes, reads the event", async () => {
    assert.ok((await contract.value()).eq(7));
    const { events } = await done(contract.store(1, 5));
    assert.deepEqual([events[0].event, events[0].args.value.toNumber()], ["Stored", 5]);
  });
  await check("a reason is told in callStatic", async () => assert.match((await fails(contract.callStatic.failWithReason(), "CALL_EXCEPTION")).reason, /as it was asked/));
  await check("a custom error is told by name", async () => assert.equal((await fails(contract.callStatic.failWithError(), "CALL_EXCEPTION")).errorName, "Denied"));
  await check("an estimate that fails: UNPREDICTABLE_GAS_LIMIT with the reason", async () =>
    assert.match(String((await fails(contract.estimateGas.failWithReason(), "UNPREDICTABLE_GAS_LIMIT")).message), /as it was asked/));
  await check("a transaction that reverts: CALL_EXCEPTION", async () => {
    const sent = await wallet.sendTransaction({ to: contract.address, data: contract.interface.encodeFunctionData("failWithReason"), gasLimit: 100_000 });
    await fails(sent.wait(), "CALL_EXCEPTION");
  });
  await check("types 0, 1, 2", async () => {
    const gasPrice = await node.getGasPrice();
    for (const type of [0, 1, 2]) await done(wallet.sendTransaction({ to: constants.AddressZero, value: 1, type, ...(type < 2 ? { gasPrice } : {}) }));
  });
  await check("events by polling and over a WebSocket", async () => {
    const live = new providers.WebSocketProvider(ws);
    const [polled, pushed] = [[], []];
    contract.on("Noted", (text) => polled.push(text));
    contract.connect(live).on("Noted", (text) => pushed.push(text));
    await new Promise((resolve) => setTimeout(resolve, 500));
    await done(contract.note("x"));
    await until(() => polled.includes("x") && pushed.includes("x"), 20_000);
    contract.removeAllListeners();
    await live.destroy();
  });
  await check("queries logs", async () => assert.equal((await contract.queryFilter(contract.filters.Stored(), 0)).length, 1));
  await check("insufficient funds, nonce expired, replacement underpriced", async () => {
    const poor = new Wallet(Wallet.createRandom().privateKey, node);
    await fails(poor.sendTransaction({ to: constants.AddressZero, value: utils.parseEther("1") }), "INSUFFICIENT_FUNDS");
    await fails(wallet.sendTransaction({ to: constants.AddressZero, nonce: 0, gasLimit: 21_000 }), "NONCE_EXPIRED");
    const nonce = (await wallet.getTransactionCount("pending")) + 4;
    const late = { to: constants.AddressZero, nonce, gasLimit: 21_000, maxFeePerGas: BigNumber.from(10).pow(10), maxPriorityFeePerGas: 10 };
    await wallet.sendTransaction({ ...late, value: 1 });
    await fails(wallet.sendTransaction({ ...late, value: 2 }), "REPLACEMENT_UNDERPRICED");
  });
  await check("a batching provider", async () => {
    const batching = new providers.JsonRpcBatchProvider(rpc);
    assert.equal(new Set((await Promise.all(Array.from({ length: 30 }, () => batching.getBalance(wallet.address)))).map(String)).size, 1);
  });
  await check("reads through an interface alone", async () => assert.equal((await new Contract(contract.address, ["function owner() view returns (address)"], node).owner()), wallet.address));
});
