// What indexers, explorers and debuggers ask: traces, archives, code without its source.
"use strict";
const assert = require("assert/strict");
const { createPublicClient, createWalletClient, defineChain, http, parseEther, toHex } = require("viem");
const { privateKeyToAccount } = require("viem/accounts");
const { artifact } = require("../harness/solidity");
const { suite } = require("../harness/suite");

suite("indexers", async ({ check, rpc, key, chainId }) => {
  const chain = defineChain({ id: chainId, name: "Tandem", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 }, rpcUrls: { default: { http: [rpc] } } });
  const account = privateKeyToAccount(key);
  const node = createPublicClient({ chain, transport: http(), pollingInterval: 100 });
  const wallet = createWalletClient({ account, chain, transport: http() });
  const probe = artifact("Probe");
  const token = artifact("Token");
  const sent = async (hash) => node.waitForTransactionReceipt({ hash });
  const address = (await sent(await wallet.deployContract({ ...probe, args: [1n] }))).contractAddress;
  const coin = (await sent(await wallet.deployContract({ ...token, args: [100n] }))).contractAddress;
  const paid = await sent(await wallet.writeContract({ address, abi: probe.abi, functionName: "pay", args: ["0x00000000000000000000000000000000000000ef"], value: parseEther("0.01") }));
  const moved = await sent(await wallet.writeContract({ address: coin, abi: token.abi, functionName: "transfer", args: [address, 3n] }));
  const ask = (method, ...params) => node.request({ method, params });

  await check("callTracer: the inner call and its value", async () => {
    const trace = await ask("debug_traceTransaction", paid.transactionHash, { tracer: "callTracer" });
    assert.deepEqual([trace.type, trace.calls.length, BigInt(trace.calls[0].value)], ["CALL", 1, parseEther("0.01")]);
  });
  await check("callTracer with logs, top call only", async () => {
    const withLog = await ask("debug_traceTransaction", moved.transactionHash, { tracer: "callTracer", tracerConfig: { withLog: true } });
    assert.equal(withLog.logs.length, 1);
    const top = await ask("debug_traceTransaction", paid.transactionHash, { tracer: "callTracer", tracerConfig: { onlyTopCall: true } });
    assert.equal(top.calls, undefined);
  });
  await check("prestateTracer, with and without differences", async () => {
    const before = await ask("debug_traceTransaction", moved.transactionHash, { tracer: "prestateTracer" });
    assert.ok(before[coin.toLowerCase()].storage);
    const { pre, post } = await ask("debug_traceTransaction", moved.transactionHash, { tracer: "prestateTracer", tracerConfig: { diffMode: true } });
    assert.ok(pre[coin.toLowerCase()] && post[coin.toLowerCase()]);
  });
  await check("struct logs, without stack and storage", async () => {
    const { structLogs, failed } = await ask("debug_traceTransaction", moved.transactionHash, { disableStack: true, disableStorage: true });
    assert.ok(!failed && structLogs.length > 100 && structLogs.every(({ stack }) => stack === undefined));
  });
  await check("4byteTracer and muxTracer", async () => {
    const bytes = await ask("debug_traceTransaction", moved.transactionHash, { tracer: "4byteTracer" });
    assert.ok(Object.keys(bytes)[0].startsWith("0xa9059cbb"));
    const both = await ask("debug_traceTransaction", moved.transactionHash, { tracer: "muxTracer", tracerConfig: { callTracer: {}, prestateTracer: {} } });
    assert.ok(both.callTracer && both.prestateTracer);
  });
  await check("whole blocks are traced", async () => {
    const traces = await ask("debug_traceBlockByNumber", toHex(moved.blockNumber), { tracer: "callTracer" });
    assert.ok(traces.some(({ txHash }) => txHash === moved.transactionHash));
  });
  await check("trace_block, trace_transaction, trace_filter tell the same", async () => {
    const block = await ask("trace_block", toHex(paid.blockNumber));
    const transaction = await ask("trace_transaction", paid.transactionHash);
    const filtered = await ask("trace_filter", { fromBlock: toHex(paid.blockNumber), toBlock: toHex(paid.blockNumber), toAddress: ["0x00000000000000000000000000000000000000ef"] });
    assert.deepEqual(block.filter(({ transactionHash }) => transactionHash === paid.transactionHash), transaction);
    assert.deepEqual(filtered, [transaction[1]]);
  });
  await check("viem-tracer explains a call", async () => {
    const { traceActions } = require("viem-tracer");
    const tracing = node.extend(traceActions);
    const trace = await tracing.traceCall({ account, to: address, value: 5n, data: "0x" });
    assert.equal(trace.type, "CALL");
  });
  await check("micro-eth-signer scans a range for internal transactions (trace_filter)", async () => {
    const { internalTransactions } = await import("micro-eth-signer/net/trace.js");
    const actions = await internalTransactions({ call: (method, ...params) => ask(method, ...params) }, account.address, { fromBlock: Number(paid.blockNumber) - 10 });
    assert.ok(actions.length >= 4, `${actions.length} actions`);
  });
  await check("whatsabi finds functions in code, and what proxies point to", async () => {
    const { whatsabi } = require("@shazow/whatsabi");
    const code = await node.getCode({ address });
    assert.ok(whatsabi.selectorsFromBytecode(code).includes("0xcad0899b"));
    const result = await whatsabi.autoload(address, { provider: node, abiLoader: false, signatureLookup: false });
    assert.ok(result.abi.length > 5);
  });
  await check("evm-proxy-detection tells a minimal proxy", async () => {
    const run = require("evm-proxy-detection").default;
    const clone = await sent(await wallet.sendTransaction({ data: `0x3d602d80600a3d3981f3363d3d373d3d3d363d73${address.slice(2)}5af43d82803e903d91602b57fd5bf3` }));
    const found = await run(clone.contractAddress, ({ method, params }) => ask(method, ...params));
    assert.equal((found.target ?? found).toString().toLowerCase(), address.toLowerCase());
  });
  await check("raw blocks, headers, receipts and transactions, as archives store them", async () => {
    for (const method of ["debug_getRawHeader", "debug_getRawBlock"]) assert.match(await ask(method, toHex(moved.blockNumber)), /^0xf9/);
    assert.ok((await ask("debug_getRawReceipts", toHex(moved.blockNumber))).length > 0);
    assert.equal(await ask("debug_getRawTransaction", moved.transactionHash), await ask("eth_getRawTransactionByHash", moved.transactionHash));
  });
  await check("blocks follow one another by their hashes", async () => {
    const blocks = await Promise.all([2n, 1n, 0n].map((back) => node.getBlock({ blockNumber: moved.blockNumber - back, includeTransactions: true })));
    for (const [index, block] of blocks.entries()) if (index > 0) assert.equal(block.parentHash, blocks[index - 1].hash);
    const receipts = await ask("eth_getBlockReceipts", toHex(moved.blockNumber));
    assert.equal(receipts.length, blocks[2].transactions.length);
  });
});
