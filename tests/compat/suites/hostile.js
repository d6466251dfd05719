// Wrong and hostile use, with the codes and words that geth's users know.
"use strict";
const assert = require("assert/strict");
const http = require("http");
const net = require("net");
const { WebSocket } = require("ws");
const { Wallet, ZeroAddress, encodeRlp, id, keccak256, parseEther, toBeHex } = require("ethers");
const { artifact } = require("../harness/solidity");
const { suite, until } = require("../harness/suite");

/** The order of secp256k1. */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const LONG = "0x" + "ab".repeat(60_000);

suite("hostile", async ({ check, rpc, direct, key, chainId }) => {
  const send = async (body, headers = { "content-type": "application/json" }, method = "POST") => {
    const answer = await fetch(rpc, { method, headers, body: method === "POST" ? body : undefined });
    const text = await answer.text();
    try {
      return { status: answer.status, text, headers: answer.headers, json: JSON.parse(text) };
    } catch {
      return { status: answer.status, text, headers: answer.headers };
    }
  };
  const request = async (method, params = [], more = {}) => (await send(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params, ...more }))).json;
  const ask = async (method, ...params) => {
    const { error, result } = await request(method, params);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  const refused = async (code, words, method, params) => {
    const { error } = await request(method, params);
    assert.ok(error, `${method} was answered`);
    assert.ok([code].flat().includes(error.code), `${error.code} instead of ${code}: ${error.message}`);
    assert.match(error.message, words);
    return error;
  };

  // What a request is.
  await check("no JSON: -32700", async () => assert.equal((await send("{")).json.error.code, -32700));
  await check("bytes that are no UTF-8: -32700", async () => assert.equal((await send(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))).json.error.code, -32700));
  await check("an empty body is answered", async () => assert.ok((await send("")).status >= 200));
  await check("JSON that is no request: -32600", async () => {
    for (const body of ["1", '"x"', "null", "{}", '{"jsonrpc":"2.0","id":1}', '{"id":1,"method":5,"jsonrpc":"2.0"}'])
      assert.equal((await send(body)).json.error.code, -32600, body);
  });
  await check("an empty batch: -32600", async () => assert.equal((await send("[]")).json.error.code, -32600));
  await check("a batch of requests that are none is answered one by one", async () => {
    const { json } = await send("[1,{}]");
    assert.deepEqual(json.map(({ error }) => error.code), [-32600, -32600]);
  });
  await check("a batch of 1,000 is answered in order", async () => {
    const batch = Array.from({ length: 1_000 }, (_, id) => ({ jsonrpc: "2.0", id, method: "eth_chainId", params: [] }));
    const { json } = await send(JSON.stringify(batch));
    assert.deepEqual(json.map(({ id }) => id), batch.map(({ id }) => id));
  });
  await check("a batch that is too long: one error, -32600", async () => {
    const batch = Array.from({ length: 5_000 }, (_, id) => ({ jsonrpc: "2.0", id, method: "eth_chainId", params: [] }));
    const { json } = await send(JSON.stringify(batch));
    const error = Array.isArray(json) ? json[0].error : json.error;
    assert.equal(error.code, -32600);
  });
  await check("notifications are not answered", async () => {
    assert.equal((await send('{"jsonrpc":"2.0","method":"eth_chainId","params":[]}')).text, "");
    const { json } = await send('[{"jsonrpc":"2.0","method":"eth_chainId"},{"jsonrpc":"2.0","id":9,"method":"eth_chainId"}]');
    assert.deepEqual(json.map(({ id }) => id), [9]);
  });
  await check("ids of all kinds come back as they were", async () => {
    for (const id of [0, -1, 1.5, "x", "", 2 ** 53 - 1, "💰"]) assert.equal((await request("eth_chainId", [], { id })).id, id);
    assert.equal((await send('{"jsonrpc":"2.0","id":null,"method":"eth_chainId"}')).json?.id ?? null, null);
  });
  await check("params may be absent, null or an empty array", async () => {
    for (const params of ["", ',"params":null', ',"params":[]'])
      assert.equal(Number((await send(`{"jsonrpc":"2.0","id":1,"method":"eth_chainId"${params}}`)).json.result), chainId);
  });
  await check("params as an object are refused: -32602 non-array args", () => refused(-32602, /non-array args/, "eth_getBalance", { address: ZeroAddress }));
  await check("unknown methods: -32601 in geth's words", async () => {
    for (const method of ["eth_noSuchMethod", "", "eth_", "admin_peers", "personal_unlockAccount", "debug_setHead", "miner_start"]) {
      const error = await refused(-32601, /does not exist\/is not available/, method, []);
      assert.equal(error.message, `the method ${method} does not exist/is not available`);
    }
  });
  await check("a method's name is not guessed", () => refused(-32601, /./, "ETH_chainId", []));
  await check("a name of a million characters is refused, and not echoed whole", async () => {
    const { json, text } = await send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "x".repeat(1_000_000), params: [] }));
    assert.equal(json.error.code, -32601);
    assert.ok(text.length < 10_000, `${text.length} characters come back`);
  });
  await check("JSON that is nested too deep is refused", async () => {
    const { json } = await send(`{"jsonrpc":"2.0","id":1,"method":"eth_call","params":${"[".repeat(100_000)}${"]".repeat(100_000)}}`);
    assert.ok([-32700, -32600, -32602].includes(json.error.code));
  });
  await check("a body beyond the limit: 413", async () => assert.equal((await send(" ".repeat(30_000_000)).catch(() => ({ status: 413 }))).status, 413));
  await check("a GET is told that it is none", async () => assert.ok([200, 405].includes((await send(undefined, {}, "GET")).status)));
  await check("content types: JSON is taken, others are refused as geth does or read as JSON", async () => {
    assert.equal((await send('{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}', { "content-type": "application/json; charset=utf-8" })).status, 200);
    assert.ok([200, 415].includes((await send('{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}', { "content-type": "text/plain" })).status));
  });
  await check("a browser on another origin may ask (CORS, with preflight)", async () => {
    const { headers } = await send('{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}', { "content-type": "application/json", origin: "https://app.example" });
    assert.ok(["*", "https://app.example"].includes(headers.get("access-control-allow-origin")));
    const preflight = await new Promise((resolve, reject) => {
      const { hostname, port } = new URL(rpc);
      const wanted = { origin: "https://app.example", "access-control-request-method": "POST", "access-control-request-headers": "content-type", "access-control-request-private-network": "true" };
      http.request({ hostname, port, method: "OPTIONS", path: "/", headers: wanted }, resolve).on("error", reject).end();
    });
    assert.ok(preflight.statusCode < 300 && preflight.headers["access-control-allow-origin"]);
    assert.match(preflight.headers["access-control-allow-headers"], /content-type|\*/i);
    assert.equal(preflight.headers["access-control-allow-private-network"], "true");
  });

  // Parameters.
  await check("a parameter that is missing: -32602 in geth's words", () => refused(-32602, /missing value for required argument 0/, "eth_getBalance", []));
  await check("an address that is too short, too long, no hex, no text", async () => {
    for (const address of ["0x12", `${ZeroAddress}00`, `0x${"g".repeat(40)}`, 5, {}, [], true]) await refused(-32602, /invalid argument 0/, "eth_getBalance", [address, "latest"]);
  });
  await check("a block that is none", async () => {
    for (const block of ["newest", "0x", "0x01", "0xg", 1.5, [], { blockHash: "0x12" }, {}]) await refused(-32602, /invalid argument 1/, "eth_getBalance", [ZeroAddress, block]);
  });
  await check("too many parameters: -32602 as geth counts them", () => refused(-32602, /too many arguments, want at most 2/, "eth_getBalance", [ZeroAddress, "latest", 1]));
  await check("blocks that are not there: null or header not found", async () => {
    assert.equal(await ask("eth_getBlockByNumber", "0xffffffff", false), null);
    assert.equal(await ask("eth_getBlockByHash", id("x"), true), null);
    await refused(-32000, /header not found/, "eth_getBalance", [ZeroAddress, "0xffffffff"]);
    await refused(-32000, /header not found|header for hash not found/, "eth_getBalance", [ZeroAddress, { blockHash: id("x") }]);
    await refused(-32000, /header not found/, "eth_call", [{ to: ZeroAddress }, "0xffffffff"]);
  });
  await check("things that are not there are null", async () => {
    assert.equal(await ask("eth_getTransactionByHash", id("x")), null);
    assert.equal(await ask("eth_getTransactionReceipt", id("x")), null);
    assert.equal(await ask("eth_getTransactionByBlockNumberAndIndex", "latest", "0xffff"), null);
    assert.equal(await ask("eth_getBlockTransactionCountByHash", id("x")), null);
    assert.equal(await ask("eth_getUncleByBlockNumberAndIndex", "latest", "0x0"), null);
  });
  await check("storage slots in every way of writing them", async () => {
    for (const slot of ["0x0", "0x00", `0x${"0".repeat(64)}`]) assert.equal(await ask("eth_getStorageAt", ZeroAddress, slot, "latest"), `0x${"0".repeat(64)}`);
    await refused([-32602, -32000], /./, "eth_getStorageAt", [ZeroAddress, `0x${"0".repeat(66)}`, "latest"]);
  });

  // Calls.
  const wallet = new Wallet(key);
  let nonce = Number(await ask("eth_getTransactionCount", wallet.address, "pending"));
  const fees = async () => ({ type: 2, chainId, maxFeePerGas: BigInt(await ask("eth_gasPrice")) * 3n, maxPriorityFeePerGas: 1n });
  const signed = async (fields) => wallet.signTransaction({ ...(await fees()), nonce, to: ZeroAddress, gasLimit: 21_000n, ...fields });
  const included = (hash) => until(() => ask("eth_getTransactionReceipt", hash));
  const probe = artifact("Probe");
  const to = await check("a contract to ask", async () => {
    const hash = await ask("eth_sendRawTransaction", await signed({ to: null, data: `${probe.bytecode}${"0".repeat(64)}`, gasLimit: 3_000_000n }));
    nonce += 1;
    return (await included(hash)).contractAddress;
  });
  const selector = (signature) => id(signature).slice(0, 10);
  await check("a revert with a reason: code 3, words, data", async () => {
    const error = await refused(3, /^execution reverted: as it was asked$/, "eth_call", [{ to, data: selector("failWithReason()") }, "latest"]);
    assert.match(error.data, /^0x08c379a0/);
  });
  await check("a custom error: code 3, no words of our own, data", async () => {
    const error = await refused(3, /^execution reverted$/, "eth_call", [{ to, data: selector("failWithError()") }, "latest"]);
    assert.equal(error.data.slice(0, 10), selector("Denied(address,uint256)"));
  });
  await check("a panic: geth's words", () => refused(3, /^execution reverted: division or modulo by zero$/, "eth_call", [{ to, data: selector("failWithPanic(uint256)") + "0".repeat(64) }, "latest"]));
  await check("an assertion: geth's words", () => refused(3, /^execution reverted: assert\(false\)$/, "eth_call", [{ to, data: selector("failWithAssert()") }, "latest"]));
  await check("a silent revert: code 3 with empty data", async () => {
    const error = await refused(3, /^execution reverted$/, "eth_call", [{ to, data: selector("failSilently()") }, "latest"]);
    assert.equal(error.data, "0x");
  });
  await check("an invalid opcode", () => refused(-32000, /invalid opcode/, "eth_call", [{ to, data: selector("failInvalid()") }, "latest"]));
  await check("a loop without end runs out of gas", () => refused(-32000, /out of gas/, "eth_call", [{ to, data: selector("burnGas()") }, "latest"]));
  await check("estimates of what reverts say so", () => refused(3, /as it was asked/, "eth_estimateGas", [{ to, data: selector("failWithReason()") }]));
  await check("a call with more value than the caller has", () => refused(-32000, /insufficient funds/, "eth_call", [{ from: "0x00000000000000000000000000000000000000ee", to: ZeroAddress, value: "0x1" }, "latest"]));
  await check("a call with data and another input", () => refused([-32000, -32602], /both "data" and "input" are set and not equal/, "eth_call", [{ to, data: "0x01", input: "0x02" }, "latest"]));
  await check("a call with fees that contradict each other", async () => {
    await refused([-32000, -32602], /both gasPrice and/, "eth_call", [{ to, gasPrice: "0x1", maxFeePerGas: "0x1" }, "latest"]);
    await refused([-32000, -32602], /max priority fee per gas higher than max fee per gas|maxFeePerGas .* < maxPriorityFeePerGas/, "eth_call", [{ to, maxFeePerGas: "0x1", maxPriorityFeePerGas: "0x2" }, "latest"]);
  });
  await check("fields of calls that are malformed", async () => {
    for (const call of [{ to: 5 }, { to, gas: "0x01" }, { to, gas: -1 }, { to, value: "1" }, { to, data: "0x1" }, { to, data: "hello" }, "x", 5, []])
      await refused(-32602, /invalid argument 0/, "eth_call", [call, "latest"]);
  });
  await check("quantities as numbers are refused, hex of either case is taken", async () => {
    assert.equal(await ask("eth_call", { to, data: "0x3FA4F245", gas: "0xFFFFF" }, "latest"), `0x${"0".repeat(64)}`);
  });
  await check("a call of 60,000 bytes to nobody is answered", async () => assert.equal(await ask("eth_call", { to: "0x00000000000000000000000000000000000000ee", data: LONG }, "latest"), "0x"));

  // Transactions.
  const refusedRaw = async (words, raw, code = -32000) => refused(code, words, "eth_sendRawTransaction", [raw]);
  /** A transaction of type 2 with fields and a signature that libraries would not make. */
  const byHand = ({ tip = 1n, cap = 10n ** 9n }, resign = (signature) => signature) => {
    const number = (value) => (BigInt(value) === 0n ? "0x" : toBeHex(value));
    const fields = [number(chainId), number(nonce), number(tip), number(cap), number(21_000), ZeroAddress, "0x", "0x", []];
    const { r, s, yParity } = wallet.signingKey.sign(keccak256(`0x02${encodeRlp(fields).slice(2)}`));
    const own = { r: BigInt(r), s: BigInt(s), yParity };
    const signature = typeof resign === "function" ? resign(own) : { ...own, ...resign };
    return `0x02${encodeRlp([...fields, number(signature.yParity), number(signature.r), number(signature.s)]).slice(2)}`;
  };
  await check("bytes that are no transaction", async () => {
    for (const raw of ["0x", "0x00", "0x02", "0xc0", "0x02f8", "0x02c0", `0x${"ff".repeat(100)}`, LONG]) await refusedRaw(/./, raw, [-32000, -32602]);
    for (const raw of ["x", 5, null, {}, "0x1"]) await refusedRaw(/argument/, raw, -32602);
  });
  await check("a transaction with bytes behind it, and one with bytes missing", async () => {
    const raw = await signed({});
    await refusedRaw(/./, `${raw}00`, [-32000, -32602]);
    await refusedRaw(/./, raw.slice(0, -2), [-32000, -32602]);
  });
  await check("for another chain", async () => refusedRaw(/chain id/, await signed({ chainId: chainId + 1 })));
  await check("for another chain, with a nonce that was used here", async () => refusedRaw(/chain id/, await signed({ chainId: chainId + 1, nonce: 0 })));
  await check("without a chain (before EIP-155), as keyless deployments are: taken", async () => {
    const { maxFeePerGas: gasPrice } = await fees();
    const hash = await ask("eth_sendRawTransaction", await wallet.signTransaction({ type: 0, nonce, gasLimit: 21_000n, gasPrice, to: ZeroAddress, chainId: 0n }));
    nonce += 1;
    assert.equal((await included(hash)).status, "0x1");
  });
  await check("with a nonce that was used", async () => refusedRaw(/nonce too low/, await signed({ nonce: 0 })));
  await check("the same one twice: already known", async () => {
    const raw = await signed({ nonce: nonce + 3 });
    await ask("eth_sendRawTransaction", raw);
    await refusedRaw(/already known/, raw);
  });
  await check("a replacement that pays no more: replacement transaction underpriced", async () => refusedRaw(/replacement transaction underpriced/, await signed({ nonce: nonce + 3, value: 1n })));
  await check("with more value than there is: insufficient funds for gas * price + value", async () => refusedRaw(/insufficient funds for gas \* price \+ value/, await signed({ value: parseEther("1000000") })));
  await check("with too little gas: intrinsic gas too low", async () => refusedRaw(/intrinsic gas too low/, await signed({ gasLimit: 20_999n })));
  await check("with too little gas for its data (EIP-7623)", async () => refusedRaw(/floor|intrinsic gas too low/, await signed({ data: LONG.slice(0, 2_002), gasLimit: 40_000n })));
  await check("with more gas than a block has: exceeds block gas limit", async () => refusedRaw(/exceeds block gas limit|gas limit too high/, await signed({ gasLimit: 1_000_000_000n })));
  await check("with a tip above its cap", async () => refusedRaw(/max priority fee per gas higher than max fee per gas/, byHand({ tip: 11n, cap: 10n })));
  await check("with a cap below every base fee", async () => refusedRaw(/underpriced|less than block base fee/, await signed({ maxFeePerGas: 1n, maxPriorityFeePerGas: 0n })));
  await check("with init code that is too large: max initcode size exceeded", async () => refusedRaw(/max initcode size exceeded/, await signed({ to: null, data: `0x${"00".repeat(49_153)}`, gasLimit: 10_000_000n })));
  await check("with code that is too large: included, failed", async () => {
    const creation = "0x6160016000f3"; // Returns 24,577 zero bytes: one more than code may have.
    const estimate = await request("eth_estimateGas", [{ from: wallet.address, data: creation }]);
    assert.match(estimate.error.message, /max code size exceeded/);
    const hash = await ask("eth_sendRawTransaction", await signed({ to: null, data: creation, gasLimit: 8_000_000n }));
    nonce += 1;
    assert.equal((await included(hash)).status, "0x0");
  });
  await check("blobs are refused in words", async () => {
    const fields = [toBeHex(chainId), "0x", "0x01", "0x3b9aca00", "0x5208", ZeroAddress, "0x", "0x", [], "0x01", [`0x01${"00".repeat(31)}`], "0x", `0x${"11".repeat(32)}`, `0x${"22".repeat(32)}`];
    await refusedRaw(/transaction type not supported/, `0x03${encodeRlp(fields).slice(2)}`);
  });
  await check("a type that does not exist", async () => refusedRaw(/transaction type not supported/, `0x05${(await signed({})).slice(4)}`));
  await check("a signature that is none", () => refusedRaw(/invalid|signature/, byHand({}, { r: 0n, s: 0n }), [-32000, -32602]));
  await check("a signature with a high s (EIP-2)", () =>
    refusedRaw(/invalid|signature/, byHand({}, ({ r, s, yParity }) => ({ r, s: ORDER - s, yParity: 1 - yParity })), [-32000, -32602]));
  await check("eth_sendTransaction and eth_sign: this node has no keys", async () => {
    assert.deepEqual(await ask("eth_accounts"), []);
    for (const method of ["eth_sendTransaction", "eth_sign", "eth_signTransaction"]) await refused([-32601, -32000], /./, method, [{ from: wallet.address, to: ZeroAddress }]);
  });

  // Logs and filters.
  await check("a range that is reversed: invalid block range params", () => refused([-32602, -32000], /invalid block range/, "eth_getLogs", [{ fromBlock: "0x2", toBlock: "0x1" }]));
  await check("a range beyond the head", () => refused([-32602, -32000], /block range extends beyond current head block/, "eth_getLogs", [{ fromBlock: "0x0", toBlock: "0xffffffff" }]));
  await check("a block hash beside a range", () => refused([-32602, -32000], /cannot specify both|invalid argument 0/, "eth_getLogs", [{ blockHash: id("x"), fromBlock: "0x0" }]));
  await check("logs of an unknown block", () => refused([-32000, -32602], /unknown block|not found/, "eth_getLogs", [{ blockHash: id("x") }]));
  await check("five topics, and topics that are none", async () => {
    await refused([-32602, -32000], /./, "eth_getLogs", [{ topics: [null, null, null, null, null] }]);
    for (const topics of [["0x12"], [5], "x", [{}]]) await refused(-32602, /invalid argument 0/, "eth_getLogs", [{ topics }]);
  });
  await check("filters that are not there", async () => {
    await refused(-32000, /filter not found/, "eth_getFilterChanges", ["0x123"]);
    assert.equal(await ask("eth_uninstallFilter", "0x123"), false);
  });
  await check("subscriptions over HTTP: notifications not supported", () => refused([-32601, -32000], /notifications not supported/, "eth_subscribe", ["newHeads"]));
  await check("tracers in JavaScript are refused in words", () => refused([-32602, -32000], /JavaScript/, "debug_traceCall", [{ to }, "latest", { tracer: "{data: [], fault: function() {}, result: function() { return 1 } }" }]));
  await check("a fee history of a million blocks, with percentiles that are none", async () => {
    const history = await ask("eth_feeHistory", "0xf4240", "latest", []);
    assert.ok(history.gasUsedRatio.length <= 1024);
    await refused([-32000, -32602], /percentile/i, "eth_feeHistory", ["0x2", "latest", [50, 10]]);
    await refused([-32000, -32602], /percentile/i, "eth_feeHistory", ["0x2", "latest", [101]]);
  });

  // Connections.
  const { hostname, port } = new URL(direct);
  await check("half-open connections do not keep others out", async () => {
    const sockets = Array.from({ length: 50 }, () => net.connect(Number(port), hostname));
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
    sockets.forEach((socket) => socket.write("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{"));
    assert.equal(Number(await ask("eth_chainId")), chainId);
    sockets.forEach((socket) => socket.destroy());
  });
  await check("bytes that are no HTTP are refused, and the next caller is served", async () => {
    const socket = net.connect(Number(port), hostname);
    socket.on("error", () => undefined);
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x00, 0xff, 0x00, 0x0d, 0x0a, 0x0d, 0x0a]));
    await new Promise((resolve) => socket.once("close", resolve).once("data", resolve));
    assert.equal(Number(await ask("eth_chainId")), chainId);
    socket.destroy();
  });
  const connect = async () => {
    const socket = new WebSocket(`ws://${hostname}:${port}`);
    socket.on("error", () => undefined);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    const waiting = new Map();
    const pushed = [];
    let next = 0;
    socket.on("message", (data) => {
      const message = JSON.parse(data);
      if (message.method) pushed.push(message);
      else waiting.get(message.id)?.(message);
    });
    const say = (method, ...params) =>
      new Promise((resolve) => {
        waiting.set(++next, resolve);
        socket.send(JSON.stringify({ jsonrpc: "2.0", id: next, method, params }));
      });
    return { socket, say, pushed };
  };
  await check("a WebSocket: no JSON, binary, batches, pings", async () => {
    const { socket } = await connect();
    const said = [];
    socket.on("message", (data) => said.push(JSON.parse(data)));
    socket.send("{");
    await until(() => said.some(({ error }) => error?.code === -32700));
    socket.send('[{"jsonrpc":"2.0","id":5,"method":"eth_chainId"},{"jsonrpc":"2.0","id":6,"method":"eth_blockNumber"}]');
    await until(() => said.some((message) => Array.isArray(message) && message.length === 2));
    await new Promise((resolve) => {
      socket.once("pong", resolve);
      socket.ping();
    });
    socket.terminate();
  });
  await check("subscriptions: unknown kinds, unknown ids, twice the same end", async () => {
    const { socket, say } = await connect();
    assert.match((await say("eth_subscribe", "noSuchThing")).error.message, /no "noSuchThing" subscription in eth namespace/);
    assert.match((await say("eth_unsubscribe", "0x123")).error.message, /subscription not found/);
    const { result } = await say("eth_subscribe", "newHeads");
    assert.equal((await say("eth_unsubscribe", result)).result, true);
    assert.match((await say("eth_unsubscribe", result)).error.message, /subscription not found/);
    socket.terminate();
  });
  await check("thousands of subscriptions are limited, and the connection still serves", async () => {
    const { socket, say } = await connect();
    const answers = await Promise.all(Array.from({ length: 3_000 }, () => say("eth_subscribe", "newHeads")));
    assert.ok(answers.every(({ result, error }) => result || error.code === -32005));
    assert.equal(Number((await say("eth_chainId")).result), chainId);
    socket.terminate();
  });
});
