// viem, as an application with its own chain definition uses it.
"use strict";
const assert = require("assert/strict");
const {
  BaseError, ContractFunctionRevertedError, InsufficientFundsError, createPublicClient, createTestClient, createWalletClient, decodeEventLog, defineChain,
  encodeFunctionData, fallback, getContract, getContractAddress, http, keccak256, parseAbi, parseEther, parseGwei, parseSignature, publicActions,
  serializeTransaction, toHex, webSocket, zeroAddress,
} = require("viem");
const { generatePrivateKey, privateKeyToAccount } = require("viem/accounts");
const { artifact } = require("../harness/solidity");
const { suite, until } = require("../harness/suite");

const CREATE2_DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C";
const MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11";

suite("viem", async ({ check, rpc, ws, key, chainId }) => {
  const chain = defineChain({
    id: chainId,
    name: "Tandem",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [rpc], webSocket: [ws] } },
    contracts: { multicall3: { address: MULTICALL3 } },
  });
  const account = privateKeyToAccount(key);
  const node = createPublicClient({ chain, transport: http(), pollingInterval: 100 });
  const wallet = createWalletClient({ account, chain, transport: http(), pollingInterval: 100 });
  const probe = artifact("Probe");
  const token = artifact("Token");
  const sent = async (hash) => {
    const receipt = await node.waitForTransactionReceipt({ hash });
    assert.equal(receipt.status, "success");
    return receipt;
  };

  await check("chain id, block number, gas price, client version", async () => {
    assert.equal(await node.getChainId(), chainId);
    assert.ok((await node.getBlockNumber()) > 0n);
    assert.ok((await node.getGasPrice()) > 0n);
    assert.match(await node.request({ method: "web3_clientVersion" }), /^tandem\//);
  });
  await check("blocks by every tag, with and without transactions", async () => {
    for (const blockTag of ["latest", "pending", "safe", "finalized", "earliest"]) {
      const [hashes, whole] = [await node.getBlock({ blockTag }), await node.getBlock({ blockTag, includeTransactions: true })];
      assert.ok(hashes.gasLimit > 0n && whole.timestamp >= hashes.timestamp, blockTag);
    }
  });
  const address = await check("deploys a contract", async () => {
    const receipt = await sent(await wallet.deployContract({ ...probe, args: [7n] }));
    assert.equal(receipt.contractAddress.toLowerCase(), getContractAddress({ from: account.address, nonce: 0n }).toLowerCase());
    return receipt.contractAddress;
  });
  const contract = getContract({ address: address ?? zeroAddress, abi: probe.abi, client: { public: node, wallet } });
  await check("reads a contract, pure and view", async () => {
    assert.equal(await contract.read.value(), 7n);
    assert.equal(await contract.read.sum([2n, 40n]), 42n);
    const [, where] = await contract.read.whoAndWhere();
    assert.equal(where, BigInt(chainId));
  });
  await check("simulates, writes, decodes the event", async () => {
    const { request, result } = await node.simulateContract({ account, address, abi: probe.abi, functionName: "store", args: [1n, 99n] });
    assert.equal(result, 99n);
    const receipt = await sent(await wallet.writeContract(request));
    const event = decodeEventLog({ abi: probe.abi, ...receipt.logs[0] });
    assert.deepEqual(event, { eventName: "Stored", args: { by: account.address, slot: 1n, value: 99n } });
    assert.equal(await contract.read.value(), 99n);
    assert.equal(receipt.logs[0].blockTimestamp !== undefined, true, "logs have their block's time");
  });
  const revert = (functionName, args = []) =>
    node.simulateContract({ account, address, abi: probe.abi, functionName, args }).then(
      () => assert.fail("it succeeded"),
      (error) => error.walk((cause) => cause instanceof ContractFunctionRevertedError) ?? assert.fail(error.message),
    );
  await check("a revert with a reason is one", async () => assert.equal((await revert("failWithReason")).reason, "as it was asked"));
  await check("a custom error is decoded with its arguments", async () => {
    const { data } = await revert("failWithError");
    assert.deepEqual([data.errorName, data.args], ["Denied", [account.address, 42n]]);
  });
  await check("a division by zero is a panic", async () => assert.match((await revert("failWithPanic", [0n])).message, /[Dd]ivision/));
  await check("a failed assertion is a panic", async () => assert.match((await revert("failWithAssert")).message, /assert/));
  await check("a silent revert is one", async () => assert.match((await revert("failSilently")).message, /reverted/));
  await check("estimates gas of a call, a creation and a transfer", async () => {
    const gas = await node.estimateContractGas({ account, address, abi: probe.abi, functionName: "store", args: [2n, 1n] });
    assert.ok(gas > 40_000n && gas < 100_000n, String(gas));
    assert.equal(await node.estimateGas({ account, to: zeroAddress, value: 1n }), 21_000n);
    assert.ok((await node.estimateGas({ account, data: probe.bytecode + "0".repeat(64) })) > 500_000n);
  });
  await check("a failing estimate says why", () =>
    assert.rejects(node.estimateContractGas({ account, address, abi: probe.abi, functionName: "failWithReason" }), /as it was asked/));
  await check("multicall, with one call that fails", async () => {
    const call = (functionName, args = []) => ({ address, abi: probe.abi, functionName, args });
    const results = await node.multicall({ contracts: [call("value"), call("sum", [1n, 2n]), call("failWithReason")] });
    assert.deepEqual(results.map(({ status }) => status), ["success", "success", "failure"]);
  });
  await check("multicall of a contract that is not deployed (deployless)", async () => {
    const result = await node.multicall({ deployless: true, contracts: [{ address, abi: probe.abi, functionName: "value" }], allowFailure: false });
    assert.deepEqual(result, [99n]);
  });
  await check("calls are batched by the client", async () => {
    const batching = createPublicClient({ chain, transport: http(rpc, { batch: true }), batch: { multicall: true } });
    const reads = Array.from({ length: 20 }, (_, i) => batching.readContract({ address, abi: probe.abi, functionName: "sum", args: [BigInt(i), 1n] }));
    assert.deepEqual(await Promise.all(reads), Array.from({ length: 20 }, (_, i) => BigInt(i) + 1n));
    const balances = Array.from({ length: 20 }, () => batching.getBalance(account));
    assert.equal(new Set(await Promise.all(balances)).size, 1);
  });
  await check("a legacy transaction", async () => {
    const hash = await wallet.sendTransaction({ to: zeroAddress, value: 1n, type: "legacy", gasPrice: await node.getGasPrice() });
    await sent(hash);
    assert.equal((await node.getTransaction({ hash })).type, "legacy");
  });
  await check("an EIP-2930 transaction with an access list", async () => {
    const data = encodeFunctionData({ abi: probe.abi, functionName: "store", args: [3n, 3n] });
    const { accessList } = await node.createAccessList({ account, to: address, data });
    assert.ok(accessList.length > 0);
    const hash = await wallet.sendTransaction({ to: address, data, type: "eip2930", accessList, gasPrice: await node.getGasPrice() });
    const receipt = await sent(hash);
    assert.equal(receipt.type, "eip2930");
    assert.deepEqual((await node.getTransaction({ hash })).accessList, accessList);
  });
  await check("an EIP-1559 transaction at stated fees", async () => {
    const { maxFeePerGas, maxPriorityFeePerGas } = await node.estimateFeesPerGas();
    const hash = await wallet.sendTransaction({ to: zeroAddress, value: 1n, maxFeePerGas: maxFeePerGas * 2n, maxPriorityFeePerGas });
    const receipt = await sent(hash);
    assert.ok(receipt.effectiveGasPrice <= maxFeePerGas * 2n);
  });
  await check("EIP-7702: an account delegates and runs a batch as itself", async () => {
    const batcher = artifact("Batcher");
    const code = (await sent(await wallet.deployContract(batcher))).contractAddress;
    const self = privateKeyToAccount(generatePrivateKey());
    await sent(await wallet.sendTransaction({ to: self.address, value: parseEther("0.1") }));
    const own = createWalletClient({ account: self, chain, transport: http() });
    const authorization = await own.signAuthorization({ contractAddress: code, executor: "self" });
    const store = (slot) => ({ to: address, value: 0n, data: encodeFunctionData({ abi: probe.abi, functionName: "store", args: [slot, slot] }) });
    const data = encodeFunctionData({ abi: batcher.abi, functionName: "run", args: [[store(10n), store(11n)]] });
    const hash = await own.sendTransaction({ authorizationList: [authorization], to: self.address, data });
    const receipt = await sent(hash);
    assert.equal(receipt.type, "eip7702");
    assert.equal(await contract.read.stored([11n]), 11n);
    assert.equal((await node.getCode(self)).toLowerCase(), `0xef0100${code.slice(2).toLowerCase()}`);
    assert.equal((await node.getTransaction({ hash })).authorizationList.length, 1);
  });
  await check("EIP-7702: someone else pays for the delegation, which is then taken back", async () => {
    const self = privateKeyToAccount(generatePrivateKey());
    const delegate = async (contractAddress) => {
      const authorization = await wallet.signAuthorization({ account: self, contractAddress });
      await sent(await wallet.sendTransaction({ authorizationList: [authorization], to: self.address }));
      return node.getCode(self);
    };
    assert.match(await delegate(address), /^0xef0100/);
    assert.equal(await delegate(zeroAddress), undefined);
  });
  await check("CREATE2 through the deterministic deployer", async () => {
    const salt = keccak256(toHex(`salt ${key}`));
    const initCode = `${probe.bytecode}${"0".repeat(63)}5`;
    const at = getContractAddress({ opcode: "CREATE2", from: CREATE2_DEPLOYER, salt, bytecode: initCode });
    await sent(await wallet.sendTransaction({ to: CREATE2_DEPLOYER, data: salt + initCode.slice(2) }));
    assert.equal(await node.readContract({ address: at, abi: probe.abi, functionName: "value" }), 5n);
  });
  const coin = await check("a token is deployed", async () => (await sent(await wallet.deployContract({ ...token, args: [parseEther("1000")] }))).contractAddress);
  await check("a permit (EIP-2612) is signed and used", async () => {
    const [name, nonce] = await Promise.all(
      [["name"], ["nonces", [account.address]]].map(([functionName, args]) => node.readContract({ address: coin, abi: token.abi, functionName, args })),
    );
    const spender = "0x00000000000000000000000000000000000000aa";
    const deadline = (await node.getBlock()).timestamp + 3_600n;
    const fields = ["owner address", "spender address", "value uint256", "nonce uint256", "deadline uint256"].map((field) => {
      const [name, type] = field.split(" ");
      return { name, type };
    });
    const signature = await account.signTypedData({
      domain: { name, version: "1", chainId, verifyingContract: coin },
      types: { Permit: fields },
      primaryType: "Permit",
      message: { owner: account.address, spender, value: 5n, nonce, deadline },
    });
    const { v, r, s } = parseSignature(signature);
    const args = [account.address, spender, 5n, deadline, Number(v), r, s];
    await sent(await wallet.writeContract({ address: coin, abi: token.abi, functionName: "permit", args }));
    assert.equal(await node.readContract({ address: coin, abi: token.abi, functionName: "allowance", args: [account.address, spender] }), 5n);
  });
  await check("signatures of accounts are verified (EIP-191, EIP-712, EIP-6492)", async () => {
    const message = "hello";
    const signature = await account.signMessage({ message });
    assert.equal(await node.verifyMessage({ address: account.address, message, signature }), true);
    assert.equal(await node.verifyMessage({ address: zeroAddress.replace(/0$/, "1"), message, signature }), false);
  });
  await check("logs by event, by argument, by range", async () => {
    const fromBlock = 0n;
    const all = await node.getContractEvents({ address, abi: probe.abi, eventName: "Stored", fromBlock });
    const one = await node.getContractEvents({ address, abi: probe.abi, eventName: "Stored", args: { slot: 1n }, fromBlock });
    assert.ok(all.length >= 3 && one.length === 1);
    const either = await node.getContractEvents({ address, abi: probe.abi, eventName: "Stored", args: { slot: [1n, 3n] }, fromBlock });
    assert.equal(either.length, 2);
    const { blockHash } = one[0];
    assert.equal((await node.getLogs({ address, blockHash })).length, 1);
    assert.equal((await node.getLogs({ address: [address, coin], fromBlock, toBlock: one[0].blockNumber })).length >= 1, true);
  });
  await check("an event filter, its changes, its logs, its end", async () => {
    const filter = await node.createContractEventFilter({ address, abi: probe.abi, eventName: "Noted", fromBlock: 0n });
    await sent(await contract.write.note(["one"]));
    assert.equal((await node.getFilterChanges({ filter })).length, 1);
    assert.equal((await node.getFilterChanges({ filter })).length, 0);
    assert.equal((await node.getFilterLogs({ filter })).length, 1);
    assert.equal(await node.uninstallFilter({ filter }), true);
    assert.equal(await node.uninstallFilter({ filter }), false);
    await assert.rejects(node.getFilterChanges({ filter }), /filter not found/);
  });
  await check("filters of blocks and of pending transactions", async () => {
    const [blocks, pending] = [await node.createBlockFilter(), await node.createPendingTransactionFilter()];
    const hash = await wallet.sendTransaction({ to: zeroAddress, value: 1n });
    const { blockHash } = await sent(hash);
    assert.ok((await node.getFilterChanges({ filter: pending })).includes(hash));
    assert.ok((await node.getFilterChanges({ filter: blocks })).includes(blockHash));
  });
  const live = createPublicClient({ chain, transport: webSocket(ws) });
  await check("a WebSocket serves everything else too", async () => {
    assert.equal(await live.getChainId(), chainId);
    assert.equal(await live.readContract({ address, abi: probe.abi, functionName: "sum", args: [1n, 1n] }), 2n);
  });
  await check("watches block numbers, blocks, events and pending transactions over a WebSocket", async () => {
    const seen = { number: 0, block: 0, pending: [], events: [] };
    const stops = [
      live.watchBlockNumber({ onBlockNumber: () => seen.number++ }),
      live.watchBlocks({ includeTransactions: true, onBlock: () => seen.block++ }),
      live.watchPendingTransactions({ onTransactions: (hashes) => seen.pending.push(...hashes) }),
      live.watchContractEvent({ address, abi: probe.abi, eventName: "Noted", onLogs: (logs) => seen.events.push(...logs) }),
    ];
    await new Promise((resolve) => setTimeout(resolve, 300));
    const hash = await contract.write.note(["two"]);
    await sent(hash);
    await until(() => seen.number > 0 && seen.block > 0 && seen.pending.includes(hash) && seen.events.some(({ args }) => args.note === "two"), 15_000);
    stops.forEach((stop) => stop());
  });
  await check("watches by polling over HTTP", async () => {
    const notes = [];
    const stop = node.watchContractEvent({ address, abi: probe.abi, eventName: "Noted", onLogs: (logs) => notes.push(...logs) });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await sent(await contract.write.note(["three"]));
    await until(() => notes.some(({ args }) => args.note === "three"), 15_000);
    stop();
  });
  await check("fee history with percentiles", async () => {
    const history = await node.getFeeHistory({ blockCount: 5, rewardPercentiles: [10, 50, 90] });
    assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1);
    assert.ok(history.reward.every((row) => row.length === 3));
  });
  await check("a Merkle proof of account and slot", async () => {
    const proof = await node.getProof({ address, storageKeys: [toHex(0, { size: 32 })] });
    assert.ok(proof.accountProof.length > 0 && proof.storageProof[0].value === 3n || proof.storageProof[0].value > 0n);
    const root = (await node.getBlock()).stateRoot;
    assert.match(root, /^0x/);
    assert.equal(keccak256(proof.accountProof[0]).length, 66);
  });
  await check("state overrides in calls", async () => {
    const poor = "0x00000000000000000000000000000000000000bb";
    const data = encodeFunctionData({ abi: probe.abi, functionName: "value" });
    const stateOverride = [{ address, stateDiff: [{ slot: toHex(0, { size: 32 }), value: toHex(1234, { size: 32 }) }] }, { address: poor, balance: parseEther("9") }];
    const result = await node.call({ account: poor, to: address, data, stateOverride });
    assert.equal(BigInt(result.data), 1234n);
    const elsewhere = "0x00000000000000000000000000000000000000cc";
    const code = await node.getCode({ address });
    const moved = await node.readContract({ address: elsewhere, abi: probe.abi, functionName: "sum", args: [4n, 4n], stateOverride: [{ address: elsewhere, code }] });
    assert.equal(moved, 8n);
  });
  await check("block overrides in calls", async () => {
    const data = encodeFunctionData({ abi: probe.abi, functionName: "whoAndWhere" });
    const result = await node.call({ to: address, data, blockOverrides: { number: 77n, time: 88n } });
    assert.equal(BigInt(result.data.slice(0, 2) + result.data.slice(2 + 128, 2 + 192)), 77n);
    assert.equal(BigInt(`0x${result.data.slice(2 + 192, 2 + 256)}`), 88n);
  });
  await check("calls without a contract (deployless)", async () => {
    const abi = probe.abi;
    const code = `${probe.bytecode}${"0".repeat(64)}`;
    const result = await node.readContract({ code, abi, functionName: "sum", args: [20n, 22n] });
    assert.equal(result, 42n);
  });
  await check("eth_simulateV1: simulateBlocks and simulateCalls", async () => {
    const blocks = await node.simulateBlocks({
      blocks: [{ blockOverrides: { time: (await node.getBlock()).timestamp + 100n }, calls: [{ from: account.address, to: address, abi: probe.abi, functionName: "store", args: [5n, 55n] }, { to: address, abi: probe.abi, functionName: "value" }] }],
    });
    assert.equal(blocks.at(-1).calls[1].result, 55n);
    const { results, assetChanges } = await node.simulateCalls({ account: account.address, traceAssetChanges: true, calls: [{ to: zeroAddress, value: 5n }] });
    assert.equal(results[0].status, "success");
    assert.ok(Array.isArray(assetChanges));
  });
  await check("a transaction is replaced at a higher price, and its waiter told", async () => {
    const nonce = await node.getTransactionCount({ ...account, blockTag: "pending" });
    const late = { to: zeroAddress, nonce: nonce + 1, gas: 21_000n, maxPriorityFeePerGas: 1n };
    const { maxFeePerGas } = await node.estimateFeesPerGas();
    const first = await wallet.sendTransaction({ ...late, value: 1n, maxFeePerGas });
    const waiter = node.waitForTransactionReceipt({ hash: first, onReplaced: ({ reason }) => (waiter.reason = reason) });
    await new Promise((resolve) => setTimeout(resolve, 400));
    const second = await wallet.sendTransaction({ ...late, value: 1n, maxFeePerGas: maxFeePerGas * 2n, maxPriorityFeePerGas: 2n });
    await sent(await wallet.sendTransaction({ to: zeroAddress, nonce, value: 1n }));
    assert.equal((await waiter).transactionHash, second);
    assert.equal(waiter.reason, "repriced");
  });
  await check("waits for confirmations", async () => {
    const hash = await wallet.sendTransaction({ to: zeroAddress, value: 1n });
    await node.waitForTransactionReceipt({ hash, confirmations: 3 });
    assert.ok((await node.getTransactionConfirmations({ hash })) >= 3n);
  });
  await check("eth_sendRawTransactionSync", async () => {
    const request = await wallet.prepareTransactionRequest({ to: zeroAddress, value: 1n });
    const receipt = await node.sendRawTransactionSync({ serializedTransaction: await wallet.signTransaction(request) });
    assert.equal(receipt.status, "success");
  });
  await check("too little money is told as InsufficientFundsError", async () => {
    const poor = createWalletClient({ account: privateKeyToAccount(generatePrivateKey()), chain, transport: http() });
    const error = await poor.sendTransaction({ to: zeroAddress, value: parseEther("1") }).catch((error) => error);
    assert.ok(error instanceof BaseError && error.walk((cause) => cause instanceof InsufficientFundsError), String(error));
  });
  await check("a nonce that was used is told as NonceTooLowError", () =>
    assert.rejects(wallet.sendTransaction({ to: zeroAddress, nonce: 0, gas: 21_000n }), (error) => error.walk((cause) => cause.name === "NonceTooLowError") !== null));
  await check("a fee cap below the base fee is told as FeeCapTooLow", () =>
    assert.rejects(wallet.sendTransaction({ to: zeroAddress, gas: 21_000n, maxFeePerGas: 1n, maxPriorityFeePerGas: 0n }), (error) => /fee|underpriced/i.test(error.details ?? error.message)));
  await check("transactions by block and index, receipts of a block, counts", async () => {
    const { blockNumber, transactionIndex, transactionHash, blockHash } = await sent(await wallet.sendTransaction({ to: zeroAddress, value: 1n }));
    const byIndex = await node.getTransaction({ blockNumber, index: transactionIndex });
    assert.equal(byIndex.hash, transactionHash);
    assert.equal((await node.getTransaction({ blockHash, index: transactionIndex })).hash, transactionHash);
    assert.ok((await node.getBlockTransactionCount({ blockNumber })) > transactionIndex);
    const receipts = await node.request({ method: "eth_getBlockReceipts", params: [toHex(blockNumber)] });
    assert.ok(receipts.some((receipt) => receipt.transactionHash === transactionHash));
  });
  await check("state of old blocks", async () => {
    const before = await node.getBlockNumber();
    await sent(await contract.write.store([20n, 2020n]));
    assert.equal(await node.readContract({ address, abi: probe.abi, functionName: "stored", args: [20n], blockNumber: before }), 0n);
    assert.equal(await contract.read.stored([20n]), 2020n);
    assert.equal(await node.getTransactionCount({ ...account, blockNumber: 0n }), 0);
    assert.ok((await node.getBalance({ ...account, blockNumber: 0n })) === 0n);
  });
  await check("txpool by viem's test client", async () => {
    const test = createTestClient({ mode: "anvil", chain, transport: http() }).extend(publicActions);
    const [status, content, inspected] = [await test.getTxpoolStatus(), await test.getTxpoolContent(), await test.inspectTxpool()];
    assert.ok(status.pending >= 0 && "pending" in content && "queued" in inspected);
  });
  await check("a fallback transport moves on from a dead node", async () => {
    const tolerant = createPublicClient({ chain, transport: fallback([http("http://127.0.0.1:1"), http(rpc)], { retryCount: 0 }) });
    assert.equal(await tolerant.getChainId(), chainId);
  });
  await check("a transaction that was signed for another chain is refused", async () => {
    const signed = await account.signTransaction({ type: "eip1559", chainId: chainId + 1, nonce: 0, gas: 21_000n, maxFeePerGas: parseGwei("1"), to: zeroAddress });
    await assert.rejects(node.sendRawTransaction({ serializedTransaction: signed }), /chain/i);
    await assert.rejects(node.sendRawTransaction({ serializedTransaction: serializeTransaction({ type: "eip1559", chainId, to: zeroAddress }) }));
  });
});
