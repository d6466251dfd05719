// Against the vectors that the Rust code writes, and those of circomlib.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { GENERATOR } from "../src/eddsa.js";
import { L, R, toHex } from "../src/field.js";
import {
  type Kind,
  deriveSessionKey,
  isPublicKey,
  keyHash,
  operationHash,
  sessionKey,
  sessionKeyDigest,
  sessionKeyText,
  signOperation,
  verify,
} from "../src/index.js";
import { poseidon } from "../src/poseidon.js";

const directory = new URL("../../../tests/vectors/payments/", import.meta.url);
const read = new Set<string>();

function vectors<T>(name: string): T {
  read.add(`${name}.json`);
  return JSON.parse(readFileSync(new URL(`${name}.json`, directory), "utf8")) as T;
}

interface KeyCase {
  chainId: number;
  genesisHash: string;
  account: string;
  index: number;
  text: string;
  digest: string;
  walletSignature: string;
  publicKey: [string, string];
  keyHash: string;
}

interface TransactionCase {
  walletSignature: string;
  index: number;
  keyHash: string;
  chainId: number;
  genesisHash: string;
  kind: Kind;
  sender: string;
  nonce: string;
  token: string;
  recipient: string;
  amount: string;
  gasLimit: string;
  maxFeePerGas: string;
  expiry: string;
  operationHash: string;
  signature: { r8: [string, string]; s: string };
  envelope: string;
  hash: string;
}

const session = vectors<{ keys: KeyCase[]; transactions: TransactionCase[] }>("session");

test("Poseidon gives circomlib's outputs in every width", () => {
  const cases = vectors<{ inputs: string[]; hash: string }[]>("poseidon");
  assert.equal(cases.length, 32);
  for (const { inputs, hash } of cases) assert.equal(poseidon(inputs.map(BigInt)), BigInt(hash));
});

test("signatures of circomlib verify, changed ones do not", () => {
  const cases = vectors<{ message: string; publicKey: [string, string]; r8: [string, string]; s: string }[]>("eddsa");
  assert.equal(cases.length, 4);
  for (const given of cases) {
    const key = [BigInt(given.publicKey[0]), BigInt(given.publicKey[1])] as const;
    const r8 = [BigInt(given.r8[0]), BigInt(given.r8[1])] as const;
    const [message, s] = [BigInt(given.message), BigInt(given.s)];
    assert.ok(verify(key, message, { r8, s }));
    assert.ok(!verify(key, (message + 1n) % R, { r8, s }));
    assert.ok(!verify(key, message, { r8, s: s + L }));
    assert.ok(!verify(key, message, { r8: [R - r8[0], r8[1]], s }));
    assert.ok(!verify([R - key[0], R - key[1]], message, { r8, s }), "a key outside the subgroup");
  }
});

test("keys of small order and off the curve are none", () => {
  assert.ok(isPublicKey(GENERATOR));
  assert.ok(!isPublicKey([0n, 1n]));
  assert.ok(!isPublicKey([0n, R - 1n]));
  assert.ok(!isPublicKey([1n, 1n]));
  assert.ok(!isPublicKey([GENERATOR[0] + R, GENERATOR[1]]));
});

test("a wallet signature gives the key that Rust derives", async () => {
  assert.equal(session.keys.length, 4);
  for (const given of session.keys) {
    const request = { chainId: BigInt(given.chainId), genesisHash: given.genesisHash, account: given.account, index: given.index };
    assert.equal(sessionKeyText(request), given.text);
    assert.equal(toHex(sessionKeyDigest(request)), given.digest);
    const key = sessionKey(request, given.walletSignature);
    assert.deepEqual(key.publicKey, given.publicKey.map(BigInt));
    assert.equal(keyHash(key.publicKey), BigInt(given.keyHash));
    const derived = await deriveSessionKey(request, async (text) => {
      assert.equal(text, given.text);
      return given.walletSignature;
    });
    assert.deepEqual(derived.publicKey, key.publicKey);
  }
  const [first, second] = session.keys;
  assert.deepEqual(first?.publicKey, second?.publicKey, "both forms of s");
});

test("a wallet that signs at random is found out", async () => {
  const given = session.keys[0]!;
  const request = { chainId: 1n, genesisHash: given.genesisHash, account: given.account, index: 0 };
  let calls = 0;
  const random = async () => given.walletSignature.slice(0, -4) + String(10 + calls++) + "1b";
  await assert.rejects(deriveSessionKey(request, random), /deterministically/);
});

test("bad wallet signatures and requests give no key", () => {
  const given = session.keys[0]!;
  const request = { chainId: 1n, genesisHash: given.genesisHash, account: given.account, index: 0 };
  for (const bad of ["0x", "0x" + "11".repeat(64), "0x" + "00".repeat(65), "0x" + "ff".repeat(65), "11".repeat(65)]) {
    assert.throws(() => sessionKey(request, bad));
  }
  assert.throws(() => sessionKeyText({ ...request, index: -1 }), RangeError);
  assert.throws(() => sessionKeyText({ ...request, index: 2 ** 32 }), RangeError);
  assert.throws(() => sessionKeyText({ ...request, chainId: 1n << 64n }), RangeError);
  assert.throws(() => sessionKeyText({ ...request, account: "0x12" }), RangeError);
});

function parse(given: TransactionCase) {
  const { kind, sender, token, recipient } = given;
  const [nonce, amount, expiry] = [BigInt(given.nonce), BigInt(given.amount), BigInt(given.expiry)];
  const [gasLimit, maxFeePerGas] = [BigInt(given.gasLimit), BigInt(given.maxFeePerGas)];
  const chain = { chainId: BigInt(given.chainId), genesisHash: given.genesisHash };
  return { chain, operation: { kind, sender, nonce, token, recipient, amount, gasLimit, maxFeePerGas, expiry } };
}

test("signed transactions are Rust's, byte for byte", () => {
  assert.equal(session.transactions.length, 4);
  for (const given of session.transactions) {
    const { chain, operation } = parse(given);
    const key = sessionKey({ ...chain, account: operation.sender, index: given.index }, given.walletSignature);
    assert.equal(keyHash(key.publicKey), BigInt(given.keyHash));
    assert.equal(operationHash(chain, operation), BigInt(given.operationHash));
    const signed = signOperation(chain, operation, key);
    assert.deepEqual(signed.signature, { r8: given.signature.r8.map(BigInt), s: BigInt(given.signature.s) });
    assert.equal(signed.raw, given.envelope);
    assert.equal(signed.hash, given.hash);
  }
});

test("every field of an operation enters its hash, and none overflows into the next", () => {
  const { chain, operation } = parse(session.transactions[1]!);
  const hash = operationHash(chain, operation);
  const other = "0x" + "09".repeat(20);
  for (const change of [
    { kind: 6 as Kind },
    { sender: other },
    { nonce: operation.nonce + 1n },
    { token: other },
    { recipient: other },
    { amount: operation.amount - 1n },
    { gasLimit: operation.gasLimit + 1n },
    { maxFeePerGas: operation.maxFeePerGas + 1n },
    { expiry: operation.expiry + 1n },
  ]) {
    assert.notEqual(operationHash(chain, { ...operation, ...change }), hash, JSON.stringify(Object.keys(change)));
  }
  assert.notEqual(operationHash({ ...chain, chainId: 1n }, operation), hash);
  assert.notEqual(operationHash({ ...chain, genesisHash: "0x" + "00".repeat(32) }, operation), hash);
  for (const change of [
    { nonce: 1n << 64n },
    { nonce: -1n },
    { amount: 1n << 128n },
    { gasLimit: 1n << 64n },
    { maxFeePerGas: 1n << 64n },
    { expiry: 1n << 64n },
    { sender: "0x" + "00".repeat(21) },
  ]) {
    assert.throws(() => operationHash(chain, { ...operation, ...change }), RangeError);
  }
});

test("kinds and tokens are checked", () => {
  const { chain, operation } = parse(session.transactions[0]!);
  assert.throws(() => operationHash(chain, { ...operation, kind: 7 as Kind }), TypeError);
  assert.throws(() => operationHash(chain, { ...operation, token: "0x" + "01".repeat(20) }), TypeError);
  assert.throws(() => operationHash(chain, { ...operation, kind: 3 }), TypeError);
});

test("no vector file is unread", () => {
  // those of the contracts (contracts/test/payments)
  const contracts = /^(batch|attack-\d|segments|state_tree|transcript|withdrawals)\.json$/;
  const others = readdirSync(directory).filter((name) => !contracts.test(name));
  assert.deepEqual(others.sort(), [...read].sort());
});
