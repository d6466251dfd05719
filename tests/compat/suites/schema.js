// Every method against a schema: the published OpenRPC document of the execution API (as `@metamask/api-specs` carries it) where it has the method, ours
// (`schemas.json`, written from the field tables of specification and clients) where it has not. Every method that the node's sources name is walked.
"use strict";
const assert = require("assert/strict");
const fs = require("fs");
const path = require("path");
const Ajv = require("ajv");
const { WebSocket } = require("ws");
const { Wallet, ZeroAddress, id, toBeHex } = require("ethers");
const published = require("@metamask/api-specs/dist/build/openrpc.json");
const own = require("../schemas.json");
const { artifact } = require("../harness/solidity");
const { suite, until } = require("../harness/suite");

/** Where the node's methods are named. */
const SOURCES = ["rpc/common.rs", "rpc/dispatch.rs", "rpc/arity.rs", "evm/rpc/mod.rs"].map((file) => path.join(__dirname, "../../../sequencer/src", file));
/** Methods of a payments chain alone, whose shapes sequencer/tests/payments_rpc checks. */
const PAYMENTS = ["rollup_account"];
/** Methods that move L1's clock: other suites run beside this one. */
const CLOCKS = ["evm_increaseTime", "evm_mine"];
/** Fields of receipts and transactions that only a rollup has: docs/rpc.md. */
const ROLLUP_FIELDS = ["l1Fee", "l1GasPrice", "l1BlobBaseFee", "rollupStatus", "sourceHash", "mint", "isSystemTx"];

suite("schema", async ({ check, rpc, ws, key, chainId }) => {
  const request = async (method, params = []) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    return (await fetch(rpc, { method: "POST", headers: { "content-type": "application/json" }, body })).json();
  };
  const ask = async (method, ...params) => {
    const { error, result } = await request(method, params);
    if (error) throw new Error(`${method}: ${error.code} ${error.message}`);
    return result;
  };

  const ajv = new Ajv({ strict: false, allErrors: true });
  ajv.addSchema({ $id: "published", components: published.components });
  ajv.addSchema({ $id: "own", ...own });
  const qualified = (schema) => JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"published#/components/'));
  const validators = new Map();
  const validator = (method) => {
    const ours = own.methods[method];
    const theirs = published.methods.find(({ name }) => name === method);
    const schema = ours ? { $ref: `own#/methods/${method}` } : theirs && qualified(theirs.result.schema);
    if (!schema) throw new Error(`${method} is in no schema`);
    if (!validators.has(method)) validators.set(method, ajv.compile(schema));
    return validators.get(method);
  };
  const plain = (value) => {
    if (Array.isArray(value)) return value.map(plain);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).filter(([name]) => !ROLLUP_FIELDS.includes(name)).map(([name, value]) => [name, plain(value)]));
  };
  const valid = (method, result) => {
    const validate = validator(method);
    const ok = validate(own.methods[method] ? result : plain(result));
    assert.ok(ok, `${method}: ${ajv.errorsText(validate.errors).slice(0, 800)}\n${JSON.stringify(result)?.slice(0, 1_500)}`);
  };

  // Something of everything, to ask about.
  const wallet = new Wallet(key);
  let nonce = Number(await ask("eth_getTransactionCount", wallet.address, "pending"));
  const included = (hash) => until(() => ask("eth_getTransactionReceipt", hash));
  const raw = async (fields) => {
    const price = BigInt(await ask("eth_gasPrice")) * 3n;
    const fees = fields.type < 2 ? { gasPrice: price } : { maxFeePerGas: price, maxPriorityFeePerGas: 1n };
    return wallet.signTransaction({ chainId, nonce: nonce++, to: ZeroAddress, gasLimit: 100_000n, ...fees, ...fields });
  };
  const probe = artifact("Probe");
  const creation = await included(await ask("eth_sendRawTransaction", await raw({ type: 2, to: null, data: `${probe.bytecode}${"0".repeat(64)}`, gasLimit: 3_000_000n })));
  const to = creation.contractAddress;
  const data = id("noteMany(uint256)").slice(0, 10) + toBeHex(3, 32).slice(2);
  const receipts = [creation];
  const authorization = await Wallet.createRandom().authorize({ address: to, nonce: 0, chainId });
  for (const fields of [{ type: 0 }, { type: 1, accessList: [{ address: to, storageKeys: [toBeHex(0, 32)] }] }, { type: 2, accessList: [] }, { type: 4, authorizationList: [authorization] }])
    receipts.push(await included(await ask("eth_sendRawTransaction", await raw({ to, data, gasLimit: 300_000n, ...fields }))));
  const last = receipts.at(-1);
  const waiting = await ask("eth_sendRawTransaction", await wallet.signTransaction({ type: 2, chainId, nonce: nonce + 2, to: ZeroAddress, gasLimit: 21_000n, maxFeePerGas: 10n ** 9n, maxPriorityFeePerGas: 1n }));
  const deposit = (await ask("eth_getBlockByNumber", "0x1", true)).transactions?.[0]?.hash;
  const filter = await ask("eth_newFilter", { address: to, fromBlock: "0x0" });
  const call = { from: wallet.address, to, data };
  const { blockNumber, blockHash, transactionHash, transactionIndex } = last;
  const encodedBlock = await ask("debug_getRawBlock", blockNumber);
  const batch = await until(async () => ask("rollup_batchOfBlock", blockNumber), 30_000).catch(() => null);

  const named = new Set(SOURCES.flatMap((file) => [...fs.readFileSync(file, "utf8").matchAll(/"((?:eth|web3|net|rpc|debug|trace|txpool|rollup|evm)_[A-Za-z0-9]+)"/g)].map(([, name]) => name)));
  const walks = {
    web3_clientVersion: [[]],
    web3_sha3: [["0x1234"]],
    net_version: [[]],
    net_listening: [[]],
    net_peerCount: [[]],
    rpc_modules: [[]],
    eth_chainId: [[]],
    eth_config: [[]],
    eth_capabilities: [[]],
    eth_fillTransaction: [[{ from: wallet.address, to: ZeroAddress, value: "0x1" }]],
    eth_syncing: [[]],
    eth_accounts: [[]],
    eth_blockNumber: [[]],
    eth_coinbase: [[]],
    eth_protocolVersion: [[]],
    eth_gasPrice: [[]],
    eth_maxPriorityFeePerGas: [[]],
    eth_baseFee: [[]],
    eth_blobBaseFee: [[]],
    eth_feeHistory: [["0x5", "latest", [10, 50]], ["0x1", blockNumber, []], ["0x3", "latest"]],
    eth_getBalance: [[wallet.address, "latest"], [wallet.address, { blockHash }], [ZeroAddress, "0x0"]],
    eth_getCode: [[to, "latest"], [ZeroAddress, "latest"]],
    eth_getStorageAt: [[to, "0x0", "latest"]],
    eth_getStorageValues: [[{ [to]: [toBeHex(0, 32), toBeHex(1, 32)] }, "latest"]],
    eth_getProof: [[to, [toBeHex(0, 32)], "latest"], [ZeroAddress, [], blockNumber]],
    eth_getTransactionCount: [[wallet.address, "pending"], [wallet.address, "latest"]],
    eth_call: [[{ to, data: id("value()").slice(0, 10) }, "latest"]],
    eth_estimateGas: [[call], [call, "latest"]],
    eth_createAccessList: [[call, "latest"], [{ to, data: id("failWithReason()").slice(0, 10) }, "latest"]],
    eth_simulateV1: [[{ blockStateCalls: [{ calls: [call, { to, data: id("failWithReason()").slice(0, 10) }] }], returnFullTransactions: true }, "latest"]],
    eth_getBlockByNumber: [["latest", false], [blockNumber, true], ["0x0", true], ["0x1", true], ["0xffffffff", false], ["pending", false]],
    eth_getBlockByHash: [[blockHash, false], [blockHash, true], [id("x"), true]],
    eth_getHeaderByNumber: [[blockNumber], ["0xffffffff"]],
    eth_getHeaderByHash: [[blockHash]],
    eth_getBlockTransactionCountByNumber: [[blockNumber], ["0xffffffff"]],
    eth_getBlockTransactionCountByHash: [[blockHash], [id("x")]],
    eth_getTransactionByHash: [...receipts.map(({ transactionHash }) => [transactionHash]), [waiting], [id("x")], ...(deposit ? [[deposit]] : [])],
    eth_getTransactionByBlockNumberAndIndex: [[blockNumber, transactionIndex], [blockNumber, "0xfff"]],
    eth_getTransactionByBlockHashAndIndex: [[blockHash, transactionIndex]],
    eth_getRawTransactionByHash: [[transactionHash]],
    eth_getRawTransactionByBlockNumberAndIndex: [[blockNumber, transactionIndex]],
    eth_getRawTransactionByBlockHashAndIndex: [[blockHash, transactionIndex]],
    eth_getTransactionReceipt: [...receipts.map(({ transactionHash }) => [transactionHash]), [id("x")], ...(deposit ? [[deposit]] : [])],
    eth_getBlockReceipts: [[blockNumber], ["0x1"], ["0xffffffff"]],
    eth_getUncleCountByBlockNumber: [["latest"]],
    eth_getUncleCountByBlockHash: [[blockHash]],
    eth_getUncleByBlockNumberAndIndex: [["latest", "0x0"]],
    eth_getUncleByBlockHashAndIndex: [[blockHash, "0x0"]],
    eth_getLogs: [[{ address: to, fromBlock: "0x0" }], [{ blockHash }], [{ address: ZeroAddress }]],
    eth_newFilter: [[{ address: to }]],
    eth_newBlockFilter: [[]],
    eth_newPendingTransactionFilter: [[], [true]],
    eth_getFilterChanges: [[filter]],
    eth_getFilterLogs: [[filter]],
    eth_uninstallFilter: [[filter], ["0x1"]],
    eth_sendRawTransaction: [[await raw({ type: 2 })]],
    eth_sendRawTransactionSync: [[await raw({ type: 2 })]],
    debug_traceTransaction: [[transactionHash, { tracer: "callTracer" }], [transactionHash, {}]],
    debug_traceCall: [[call, "latest", { tracer: "callTracer" }], [call, "latest", {}]],
    debug_traceBlockByNumber: [[blockNumber, { tracer: "callTracer" }]],
    debug_traceBlockByHash: [[blockHash, { tracer: "callTracer" }]],
    debug_traceBlock: [[encodedBlock, { tracer: "callTracer" }]],
    debug_getRawHeader: [[blockNumber]],
    debug_getRawBlock: [[blockNumber]],
    debug_getRawReceipts: [[blockNumber]],
    debug_getRawTransaction: [[transactionHash]],
    trace_transaction: [[transactionHash]],
    trace_block: [[blockNumber]],
    trace_filter: [[{ fromBlock: blockNumber, toBlock: blockNumber }], [{ fromAddress: [wallet.address], fromBlock: blockNumber, toBlock: blockNumber, count: 1 }]],
    txpool_status: [[]],
    txpool_content: [[]],
    txpool_contentFrom: [[wallet.address]],
    txpool_inspect: [[]],
    rollup_config: [[]],
    rollup_status: [[]],
    rollup_blockStatus: [[blockNumber]],
    rollup_transactionStatus: [[transactionHash], [waiting], [id("x")]],
    rollup_batch: [["0xffffff"], ...(batch ? [["0x0"]] : [])],
    rollup_batchOfBlock: [[blockNumber]],
    rollup_getMessages: [["0x0", "0x1"]],
    rollup_getMessageProof: [["0xffffff"]],
    rollup_estimateL1Fee: [[await raw({ type: 2 })]],
  };
  nonce -= 1;

  for (const [method, questions] of Object.entries(walks).filter(([method]) => named.has(method)))
    await check(method, async () => {
      for (const params of questions) valid(method, await ask(method, ...params));
    });

  await check("eth_subscribe and eth_unsubscribe, with what is told", async () => {
    const socket = new WebSocket(ws);
    await new Promise((resolve) => socket.once("open", resolve));
    const said = [];
    socket.on("message", (message) => said.push(JSON.parse(message)));
    const say = (id, method, params) => socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    const answer = (wanted) => until(() => said.find(({ id }) => id === wanted));
    say(1, "eth_subscribe", ["newHeads"]);
    say(2, "eth_subscribe", ["logs", { address: to }]);
    say(3, "eth_subscribe", ["newPendingTransactions", true]);
    const ids = [];
    for (const number of [1, 2, 3]) {
      const { result } = await answer(number);
      valid("eth_subscribe", result);
      ids.push(result);
    }
    nonce = Number(await ask("eth_getTransactionCount", wallet.address, "pending"));
    await included(await ask("eth_sendRawTransaction", await raw({ type: 2, to, data, gasLimit: 300_000n })));
    for (const [index, kind] of ["eth_getHeaderByNumber", "log", "eth_getTransactionByHash"].entries()) {
      const { params } = await until(() => said.find(({ params }) => params?.subscription === ids[index]));
      if (kind === "log") valid("eth_getLogs", [params.result]);
      else valid(kind, params.result);
    }
    say(4, "eth_unsubscribe", [ids[0]]);
    valid("eth_unsubscribe", (await answer(4)).result);
    socket.terminate();
  });
  await check("every method that the sources name is walked, and is in a schema", async () => {
    assert.ok(named.size > 60, `${named.size} methods are named`);
    const elsewhere = ["eth_subscribe", "eth_unsubscribe", ...CLOCKS, ...PAYMENTS];
    assert.deepEqual([...named].filter((name) => !walks[name] && !elsewhere.includes(name)), []);
  });
  await check("a schema refuses what it does not know: these tests can fail", async () => {
    for (const [method, wrong] of [["eth_chainId", "0x01"], ["eth_getBlockByNumber", { number: "0x1" }], ["txpool_status", { pending: 1 }], ["eth_getLogs", [{}]], ["eth_getCode", "hello"]])
      assert.equal(validator(method)(wrong), false, method);
  });
});
