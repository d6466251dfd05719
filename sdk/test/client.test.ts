// The client against a node that is right, one that refuses, one that lies, and one that does not answer.

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import {
  type Call,
  ChainEndedError,
  type ClientOptions,
  DroppedError,
  Kind,
  MalformedAnswerError,
  NodeError,
  PaymentsClient,
  PriceError,
  SecretKey,
  UncertainError,
  UnreachableError,
  WaitTimeoutError,
  WrongChainError,
} from "../src/index.js";
import { Answered, CHAIN, FakeNode, Refused, failure, nonceOf } from "./fake.js";

const ACCOUNT = "0x" + "0a".repeat(20);
const RECIPIENT = "0x" + "0b".repeat(20);
const TOKEN = "0x" + "0c".repeat(20);
const FROM = { account: ACCOUNT, key: new SecretKey(new Uint8Array(32).fill(5)) };
const PAY: Call = { kind: Kind.transfer, recipient: RECIPIENT, amount: 5n };
const UNKNOWN = "0x" + "01".repeat(32);

async function start(t: TestContext, options: ClientOptions = {}, chain = CHAIN): Promise<[FakeNode, PaymentsClient]> {
  const node = new FakeNode();
  const url = await node.start();
  t.after(() => node.stop());
  return [node, new PaymentsClient(url, chain, { pollMs: 5, ...options })];
}

/** Never answers. */
const silent = () => {
  throw new Answered();
};

/** Ends the connection without an answer. */
const hangUp = (_: unknown, response: ServerResponse) => {
  response.destroy();
  throw new Answered();
};

/** Answers with an error. */
const refuse = (message: string, code = -32000) => () => {
  throw new Refused({ code, message });
};

/** Answers with bytes that are no JSON-RPC of this request. */
const raw = (text: string, status = 200) => (_: unknown, response: ServerResponse) => {
  response.writeHead(status).end(text);
  throw new Answered();
};

test("what a node says of accounts and prices is read", async (t) => {
  const [, client] = await start(t);
  assert.equal(await client.gasPrice(), 7n);
  assert.equal(await client.nonce(ACCOUNT), 0n);
  assert.equal(await client.balance(ACCOUNT), 10n ** 18n);
  assert.equal(await client.balance(ACCOUNT, TOKEN), 42n);
  await assert.rejects(client.balance("0x12"), RangeError);
  await assert.rejects(client.nonce("me"), TypeError);
});

test("a payment is signed for the chain, sent, and waited for until it is proven", async (t) => {
  const [node, client] = await start(t);
  const sent = await client.send(PAY, FROM, { expiry: 99n });
  assert.deepEqual(node.taken, [sent.raw]);
  const { operation } = sent;
  assert.deepEqual(
    [operation.nonce, operation.maxFeePerGas, operation.gasLimit, operation.expiry, operation.sender],
    [0n, 7n, 42_000n, 99n, ACCOUNT],
  );
  const receipt = await client.waitForReceipt(sent.hash, { until: "settled" });
  assert.deepEqual(receipt, { hash: sent.hash, batch: 1n, gasUsed: 21_000n, gasPrice: 7n, fee: 147_000n });
});

test("every kind is sent with the gas that it can take", async (t) => {
  const [, client] = await start(t);
  for (const [call, gas] of [
    [PAY, 42_000n],
    [{ ...PAY, kind: Kind.tokenTransfer, token: TOKEN }, 63_000n],
    [{ ...PAY, kind: Kind.withdrawEth }, 30_000n],
    [{ ...PAY, kind: Kind.withdrawToken, token: TOKEN }, 32_000n],
  ] as const) {
    assert.equal((await client.send(call, FROM)).operation.gasLimit, gas);
  }
  assert.equal((await client.send(PAY, FROM, { gasLimit: 21_000n })).operation.gasLimit, 21_000n);
  const now = BigInt(Math.floor(Date.now() / 1000));
  const { expiry } = (await client.send(PAY, FROM)).operation;
  assert.ok(expiry > now + 86_300n && expiry <= now + 86_500n);
});

test("several sends at once have a nonce each, in their order", async (t) => {
  const [node, client] = await start(t);
  const sent = await Promise.all([1n, 2n, 3n, 4n].map((amount) => client.send({ ...PAY, amount }, FROM)));
  assert.deepEqual(node.taken.map(nonceOf), [0, 1, 2, 3]);
  assert.deepEqual(node.taken, sent.map(({ raw }) => raw));
});

test("a send that fails leaves its nonce to the next", async (t) => {
  const [node, client] = await start(t);
  let refusals = 1;
  node.answers.set("eth_sendRawTransaction", () => {
    if (refusals-- > 0) throw new Refused({ code: -32000, message: "insufficient funds" });
    return undefined;
  });
  const [first, second, third] = await Promise.allSettled([client.send(PAY, FROM), client.send(PAY, FROM), client.send(PAY, FROM)]);
  assert.ok(first.status === "rejected" && first.reason instanceof NodeError && first.reason.reason === "insufficient funds");
  assert.ok(second.status === "fulfilled" && third.status === "fulfilled");
  assert.deepEqual(node.taken.map(nonceOf), [0, 1]);
  // Input that could never be right leaves it as well.
  await assert.rejects(client.send({ ...PAY, amount: -1n }, FROM), RangeError);
  await assert.rejects(client.send({ ...PAY, token: TOKEN }, FROM), TypeError);
  assert.equal((await client.send(PAY, FROM)).operation.nonce, 2n);
});

test("a withdrawal that L1 would never pay out is not signed", async (t) => {
  const [node, client] = await start(t);
  const nobody = "0x" + "00".repeat(20);
  const withdrawals: Call[] = [
    { ...PAY, kind: Kind.withdrawEth },
    { ...PAY, kind: Kind.withdrawToken, token: TOKEN },
  ];
  for (const call of withdrawals) {
    await assert.rejects(client.send({ ...call, amount: 0n }, FROM), (error) => error instanceof RangeError && /withdrawal of 0/.test(error.message));
    await assert.rejects(client.send({ ...call, recipient: nobody }, FROM), (error) => error instanceof RangeError && /zero address/.test(error.message));
  }
  assert.deepEqual(node.asked, []);
  // On the chain itself a transfer of 0 is one like any other.
  await client.send({ ...PAY, amount: 0n }, FROM);
  assert.equal(node.taken.length, 1);
});

test("nothing is signed for another chain", async (t) => {
  for (const [chain, what] of [
    [{ ...CHAIN, chainId: 1n }, /chain id 31338, not 1: nothing was signed/],
    [{ ...CHAIN, genesisHash: "0x" + "48".repeat(32) }, /genesis hash 0x47.*, not 0x48/],
  ] as const) {
    const [node, client] = await start(t, {}, chain);
    await assert.rejects(client.send(PAY, FROM), (error) => error instanceof WrongChainError && what.test(error.message));
    await assert.rejects(client.check(), WrongChainError, "it is not taken for checked");
    assert.ok(!node.asked.includes("eth_sendRawTransaction") && !node.asked.includes("eth_getTransactionCount"));
  }
  const [node, client] = await start(t, {}, { ...CHAIN, genesisHash: CHAIN.genesisHash.toUpperCase().replace("0X", "0x") });
  await client.send(PAY, FROM);
  await client.send(PAY, FROM);
  assert.equal(node.asked.filter((method) => method === "eth_chainId").length, 1, "a chain does not change");
});

test("nothing is signed at a price above the limit", async (t) => {
  const [node, client] = await start(t, { maxFeePerGas: 7n });
  await client.send(PAY, FROM);
  node.price = 8n;
  await assert.rejects(client.send(PAY, FROM), (error) => error instanceof PriceError && error.asked === 8n && error.limit === 7n);
  assert.equal(node.taken.length, 1);
  const [, usual] = await start(t);
  node.price = 7n;
  assert.equal((await usual.send(PAY, FROM)).operation.maxFeePerGas, 7n);
});

test("the node's refusals are told in its words", async (t) => {
  const [node, client] = await start(t);
  node.answers.set("eth_sendRawTransaction", refuse("the key that signed is not the session key of the account"));
  await assert.rejects(client.send(PAY, FROM), (error) => {
    assert.ok(error instanceof NodeError);
    assert.deepEqual([error.method, error.code], ["eth_sendRawTransaction", -32000]);
    return /session key/.test(error.reason);
  });
});

test("answers that no node gives are found out", async (t) => {
  const [node, client] = await start(t);
  for (const bad of [7, "7", "0x", "0x07", "0xg", "0x" + "1".repeat(17), "-0x1", {}, [], true]) {
    node.answers.set("eth_getTransactionCount", () => bad);
    await assert.rejects(client.nonce(ACCOUNT), MalformedAnswerError, JSON.stringify(bad));
  }
  for (const bad of ["0x", "0x2a", 42]) {
    node.answers.set("eth_call", () => bad);
    await assert.rejects(client.balance(ACCOUNT, TOKEN), MalformedAnswerError);
  }
  for (const text of [
    "",
    "<html>",
    "null",
    "[]",
    "{}",
    '{"jsonrpc":"2.0","id":1}',
    '{"jsonrpc":"2.0","id":0,"result":"0x1"}',
    '{"jsonrpc":"2.0","id":1,"error":"no"}',
    '{"jsonrpc":"1.0","id":1,"result":"0x1"}',
  ]) {
    node.answers.set("eth_gasPrice", raw(text));
    await assert.rejects(client.gasPrice(), MalformedAnswerError, text);
  }
  node.answers.set("eth_gasPrice", (_, response) => void response.write(" ".repeat(5 * 2 ** 20)));
  await assert.rejects(client.gasPrice(), (error) => error instanceof MalformedAnswerError && /at most/.test(error.message));
  for (const block of ["0x0", { hash: 5 }, {}]) {
    node.answers.set("eth_getBlockByNumber", () => block);
    await assert.rejects(client.check(), MalformedAnswerError);
  }
  node.answers.set("eth_getBlockByNumber", () => null);
  await assert.rejects(client.check(), (error) => error instanceof UnreachableError && /not read L1/.test(error.message));
  node.answers.set("eth_gasPrice", raw("busy", 503));
  await assert.rejects(client.gasPrice(), (error) => error instanceof UnreachableError && /status 503/.test(error.message));
  node.answers.set("eth_gasPrice", raw('{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"invalid host specified"}}', 403));
  await assert.rejects(client.gasPrice(), (error) => error instanceof NodeError && error.reason === "invalid host specified");
});

test("receipts that belong to nothing are found out", async (t) => {
  const [node, client] = await start(t);
  const { hash } = await client.send(PAY, FROM);
  const good = { transactionHash: hash, blockHash: UNKNOWN, blockNumber: "0x1", status: "0x1", gasUsed: "0x1", effectiveGasPrice: "0x2" };
  for (const change of [{ withdrawal: {} }, { transactionHash: UNKNOWN }, { status: "0x0" }, { blockNumber: 1 }, { gasUsed: "1" }, { effectiveGasPrice: undefined }]) {
    node.answers.set("eth_getTransactionReceipt", () => ({ ...good, ...change }));
    await assert.rejects(client.waitForReceipt(hash), MalformedAnswerError, JSON.stringify(change));
  }
  node.answers.set("eth_getTransactionReceipt", () => ({ ...good, blockHash: null, blockNumber: null }));
  assert.equal(await client.receipt(hash), undefined, "it is in no closed batch");
  node.answers.set("eth_getTransactionReceipt", () => good);
  assert.deepEqual(await client.receipt(hash), { hash, batch: 1n, gasUsed: 1n, gasPrice: 2n, fee: 2n });
  node.answers.set("eth_getTransactionReceipt", () => ({ ...good, withdrawal: { index: "0x100000002" } }));
  assert.equal((await client.receipt(hash))?.withdrawal, 2n ** 32n + 2n);
  node.answers.set("rollup_transactionStatus", () => ({}));
  await assert.rejects(client.waitForReceipt(hash, { until: "settled" }), MalformedAnswerError);
  await assert.rejects(client.waitForReceipt("0x12"), RangeError);
});

test("a node that does not answer is told from one that refuses", async (t) => {
  const [node, client] = await start(t, { timeoutMs: 50 });
  node.answers.set("eth_chainId", silent);
  await assert.rejects(client.send(PAY, FROM), (error) => error instanceof UnreachableError && /within 50 ms/.test(error.message));
  node.answers.set("eth_chainId", hangUp);
  await assert.rejects(client.send(PAY, FROM), (error) => error instanceof UnreachableError && /cannot be reached|within/.test(error.message));
  assert.ok(!node.asked.includes("eth_sendRawTransaction"));
});

test("where it is not known whether a node has a transaction, submitting it again pays once", async (t) => {
  const [node, client] = await start(t);
  // Taken, and the answer is lost.
  node.answers.set("eth_sendRawTransaction", ([envelope], response) => {
    node.taken.push(envelope as string);
    return hangUp(undefined, response);
  });
  const lost = await failure(client.send(PAY, FROM));
  assert.ok(lost instanceof UncertainError && lost.cause instanceof UnreachableError);
  node.answers.delete("eth_sendRawTransaction");
  await client.submit(lost.transaction);
  assert.deepEqual(node.taken, [lost.transaction.raw]);
  // Never taken, for whatever reason.
  const slow = '{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"request took longer than 10 seconds"}}';
  for (const answer of [raw(slow, 408), hangUp, raw("gone", 502), raw("?"), () => UNKNOWN, refuse("internal error", -32603), refuse("node is shutting down")]) {
    node.answers.set("eth_sendRawTransaction", answer);
    const before = node.taken.length;
    const lost = await failure(client.send(PAY, FROM));
    assert.ok(lost instanceof UncertainError, String(lost));
    node.answers.delete("eth_sendRawTransaction");
    await client.submit(lost.transaction);
    assert.equal(node.taken.length, before + 1);
  }
  // Refused in earnest.
  node.answers.set("eth_sendRawTransaction", refuse("insufficient funds"));
  const signed = { ...lost.transaction, hash: UNKNOWN };
  await assert.rejects(client.submit(signed), NodeError);
  // A node that knows the nonce and has forgotten the transaction may have applied it.
  node.answers.set("eth_sendRawTransaction", refuse("nonce too low"));
  await assert.rejects(client.submit(signed), UncertainError);
  // So may one that still reads L1, and cannot say so.
  const syncing = refuse("the node reads L1: try again in a moment");
  for (const method of ["eth_sendRawTransaction", "rollup_transactionStatus"]) node.answers.set(method, syncing);
  await assert.rejects(client.submit(signed), UncertainError);
  node.answers.delete("rollup_transactionStatus");
  // Whoever pays again and wants to pay once gives the nonce.
  node.answers.delete("eth_sendRawTransaction");
  await assert.rejects(client.send(PAY, FROM, { nonce: 3n }), /tx nonce 3/);
});

test("waiting ends when the node drops the transaction, when it is proven, or with the time", async (t) => {
  const [node, client] = await start(t);
  const { hash } = await client.send(PAY, FROM);
  node.isProven = false;
  await client.waitForReceipt(hash);
  const limit = { until: "settled", timeoutMs: 20 } as const;
  await assert.rejects(client.waitForReceipt(hash, limit), (error) => error instanceof WaitTimeoutError && error.hash === hash);
  const settled = client.waitForReceipt(hash, { until: "settled" });
  node.isProven = true;
  assert.equal((await settled).batch, 1n);
  await assert.rejects(client.waitForReceipt(UNKNOWN, { timeoutMs: 20 }), WaitTimeoutError);
  node.answers.set("rollup_transactionStatus", () => ({ status: "dropped", message: "expired" }));
  await assert.rejects(client.waitForReceipt(UNKNOWN), (error) => error instanceof DroppedError && error.reason === "expired");
  // A batch that a foreign one displaced: there was a receipt, and there is none any more.
  node.answers.set("eth_getTransactionReceipt", () => null);
  await assert.rejects(client.waitForReceipt(hash, { until: "settled" }), DroppedError);
  node.answers.set("rollup_transactionStatus", () => ({ status: "waiting", waitsFor: "nothing" }));
  await assert.rejects(client.waitForReceipt(hash), (error) => error instanceof ChainEndedError && error.hash === hash);
});

test("waiting outlasts a node that is away or has too much to do", async (t) => {
  const [node, client] = await start(t);
  const { hash } = await client.send(PAY, FROM);
  const syncing = refuse("the node reads L1: try again in a moment");
  const faults = [hangUp, raw("", 503), refuse("node is overloaded, try again", -32005), syncing];
  node.answers.set("eth_getTransactionReceipt", (params, response) => faults.shift()?.(params, response));
  assert.equal((await client.waitForReceipt(hash)).batch, 1n);
  assert.equal(faults.length, 0);
  node.answers.set("eth_getTransactionReceipt", hangUp);
  await assert.rejects(
    client.waitForReceipt(hash, { timeoutMs: 20 }),
    (error) => error instanceof WaitTimeoutError && error.cause instanceof UnreachableError,
  );
  node.answers.set("eth_getTransactionReceipt", refuse("no such method", -32601));
  await assert.rejects(client.waitForReceipt(hash), NodeError);
});

test("callers can give up, and are told if a transaction may be under way", async (t) => {
  const [node, client] = await start(t);
  const reason = new Error("enough");
  const aborted = AbortSignal.abort(reason);
  await assert.rejects(client.gasPrice(aborted), reason);
  await assert.rejects(client.send(PAY, FROM, { signal: aborted }), reason);
  await assert.rejects(client.waitForReceipt(UNKNOWN, { signal: aborted }), reason);
  assert.deepEqual(node.asked, []);

  const waiting = new AbortController();
  const wait = client.waitForReceipt(UNKNOWN, { signal: waiting.signal });
  setTimeout(() => waiting.abort(reason), 20);
  await assert.rejects(wait, reason);

  // One that has begun, and one that waits for its turn.
  const [first, second] = [new AbortController(), new AbortController()];
  node.answers.set("eth_sendRawTransaction", () => {
    first.abort(reason);
    return silent();
  });
  const sending = client.send(PAY, FROM, { signal: first.signal });
  const queued = client.send(PAY, FROM, { signal: second.signal });
  const third = client.send(PAY, FROM);
  second.abort(reason);
  await assert.rejects(queued, reason);
  await assert.rejects(sending, (error) => error instanceof UncertainError && error.cause === reason);
  node.answers.delete("eth_sendRawTransaction");
  // Whoever comes after is not held up, and begins after those before have ended.
  assert.equal((await third).operation.nonce, 0n);
});
