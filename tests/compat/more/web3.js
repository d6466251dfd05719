// web3.js 4.
"use strict";
const assert = require("assert/strict");
const { Web3, WebSocketProvider } = require("web3");
const { artifact } = require("../harness/solidity");
const { suite, until } = require("../harness/suite");

suite("web3.js", async ({ check, rpc, ws, key, chainId }) => {
  const web3 = new Web3(rpc);
  const account = web3.eth.accounts.wallet.add(key)[0];
  const from = account.address;
  web3.eth.transactionPollingInterval = 100;
  const { abi, bytecode } = artifact("Probe");

  await check("chain, blocks, gas price, client", async () => {
    assert.equal(await web3.eth.getChainId(), BigInt(chainId));
    assert.ok((await web3.eth.getBlock("latest")).number > 0n);
    assert.ok((await web3.eth.getBlock("latest", true)).hash);
    assert.ok((await web3.eth.getGasPrice()) > 0n);
    assert.match(await web3.eth.getNodeInfo(), /tandem/);
    assert.equal(await web3.eth.net.isListening(), true);
    assert.equal(await web3.eth.isSyncing(), false);
    assert.ok((await web3.eth.calculateFeeData()).maxFeePerGas > 0n);
  });
  const contract = await check("deploys", async () => {
    const deployed = await new web3.eth.Contract(abi).deploy({ data: bytecode, arguments: [7] }).send({ from });
    return new web3.eth.Contract(abi, deployed.options.address);
  });
  await check("calls and sends; the receipt has the event", async () => {
    assert.equal(await contract.methods.value().call(), 7n);
    const receipt = await contract.methods.store(1, 5).send({ from });
    assert.equal(receipt.events.Stored.returnValues.value, 5n);
    assert.ok((await contract.methods.store(2, 2).estimateGas({ from })) > 21_000n);
  });
  await check("a reason and a custom error", async () => {
    await assert.rejects(contract.methods.failWithReason().call({ from }), (error) => /as it was asked/.test(error.message + error.cause?.message));
    await assert.rejects(contract.methods.failWithError().call({ from }), (error) => (error.cause?.errorName ?? error.innerError?.errorName ?? error.errorName) === "Denied");
  });
  await check("a transfer, with every event of its way", async () => {
    const seen = [];
    const sending = web3.eth.sendTransaction({ from, to: from, value: 1, gas: 21_000 });
    for (const event of ["sending", "sent", "transactionHash", "receipt"]) sending.on(event, () => seen.push(event));
    const receipt = await sending;
    assert.equal(receipt.status, 1n);
    assert.deepEqual(seen, ["sending", "sent", "transactionHash", "receipt"]);
    assert.equal((await web3.eth.getTransaction(receipt.transactionHash)).hash, receipt.transactionHash);
    assert.equal((await web3.eth.getTransactionFromBlock(receipt.blockNumber, receipt.transactionIndex)).hash, receipt.transactionHash);
  });
  await check("legacy and access-list transactions", async () => {
    const gasPrice = await web3.eth.getGasPrice();
    for (const type of [0, 1]) assert.equal((await web3.eth.sendTransaction({ from, to: from, value: 1, gas: 21_000, gasPrice, type })).status, 1n);
    assert.ok(await web3.eth.createAccessList({ from, to: contract.options.address, data: contract.methods.store(1, 1).encodeABI() }));
  });
  await check("past events, logs, storage, proof, fee history", async () => {
    assert.equal((await contract.getPastEvents("Stored", { fromBlock: 0 })).length, 1);
    assert.equal((await web3.eth.getPastLogs({ address: contract.options.address, fromBlock: 0 })).length, 1);
    assert.ok(await web3.eth.getStorageAt(contract.options.address, 0));
    assert.ok((await web3.eth.getProof(contract.options.address, [`0x${"0".repeat(64)}`], "latest")).accountProof.length > 0);
    assert.ok((await web3.eth.getFeeHistory(3, "latest", [50])).oldestBlock >= 0n);
    assert.equal(await web3.eth.getBlockUncleCount("latest"), 0n);
    assert.deepEqual(await web3.eth.getPendingTransactions().catch(() => []), []);
  });
  await check("a batch", async () => {
    const batch = new web3.BatchRequest();
    const asked = [batch.add({ method: "eth_chainId", params: [] }), batch.add({ method: "eth_blockNumber", params: [] })];
    await batch.execute();
    assert.equal(Number(await asked[0]), chainId);
  });
  await check("subscriptions: heads, logs, pending transactions, a contract's events", async () => {
    const live = new Web3(new WebSocketProvider(ws));
    const seen = { newHeads: [], logs: [], pendingTransactions: [], noted: [] };
    for (const name of ["newHeads", "logs", "pendingTransactions"]) (await live.eth.subscribe(name, name === "logs" ? { address: contract.options.address } : undefined)).on("data", (data) => seen[name].push(data));
    const listening = new live.eth.Contract(abi, contract.options.address);
    listening.events.Noted({}).on("data", (event) => seen.noted.push(event.returnValues[0]));
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { transactionHash } = await contract.methods.note("hello").send({ from });
    await until(() => seen.newHeads.length > 0 && seen.logs.length > 0 && seen.pendingTransactions.includes(transactionHash) && seen.noted.includes("hello"), 20_000);
    await live.eth.clearSubscriptions();
    live.currentProvider.disconnect();
  });
  await check("signs away from the node", async () => {
    const transaction = { from, to: from, value: 1, gas: 21_000, maxFeePerGas: 10n ** 9n, maxPriorityFeePerGas: 1n, nonce: await web3.eth.getTransactionCount(from), chainId };
    const { rawTransaction } = await account.signTransaction(transaction);
    assert.equal((await web3.eth.sendSignedTransaction(rawTransaction)).status, 1n);
  });
  await check("errors of sending are told", () => assert.rejects(web3.eth.sendTransaction({ from, to: from, value: 10n ** 30n, gas: 21_000 }), (error) => /insufficient funds/.test(`${error.message} ${error.reason} ${error.cause?.message} ${error.innerError?.message}`)));
});
