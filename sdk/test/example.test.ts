// The example as a process, the way in which people and `make e2e-validity` run it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { SecretKey, keyHash } from "../src/index.js";
import { CHAIN, FakeNode, Refused, failure } from "./fake.js";

const run = promisify(execFile);
const script = fileURLToPath(new URL("../examples/pay.js", import.meta.url));

const settings = {
  TANDEM_CHAIN_ID: CHAIN.chainId.toString(),
  TANDEM_GENESIS: CHAIN.genesisHash,
  TANDEM_ACCOUNT: "0x" + "0a".repeat(20),
  TANDEM_RECIPIENT: "0x" + "0b".repeat(20),
  TANDEM_AMOUNT_WEI: "5",
  TANDEM_KEY_SEED: "0x" + "05".repeat(32),
  TANDEM_PATIENCE_S: "60",
};

test("the example waits for money and key, pays, and says when it is proven", async (t) => {
  const node = new FakeNode();
  const url = await node.start();
  t.after(() => node.stop());
  const balances = ["0x0", "0x5"];
  node.answers.set("eth_getBalance", () => balances.shift());
  let refusals = 1;
  node.answers.set("eth_sendRawTransaction", () => {
    if (refusals-- > 0) throw new Refused({ code: -32000, message: "the key that signed is not the session key of 0x0a" });
    return undefined;
  });
  const { stdout } = await run(process.execPath, [script], { env: { ...settings, TANDEM_L2_RPC: url } });
  const hash = keyHash(new SecretKey(new Uint8Array(32).fill(5)).publicKey);
  assert.match(stdout, new RegExp(`session key hash: ${hash}\n`));
  assert.match(stdout, /settled: in batch 1, for a fee of 147000 wei\n$/);
  assert.equal(node.taken.length, 1);
});

test("the example fails where it cannot pay, and says why", async (t) => {
  const node = new FakeNode();
  const url = await node.start();
  t.after(() => node.stop());
  const complaint = async (env: Record<string, string>) => {
    const { code, stderr } = (await failure(run(process.execPath, [script], { env }))) as { code: number; stderr: string };
    assert.equal(code, 1);
    return stderr;
  };
  const whole = { ...settings, TANDEM_L2_RPC: url };
  assert.match(await complaint(settings), /TANDEM_L2_RPC is not set/);
  assert.match(await complaint({ ...whole, TANDEM_KEY_SEED: "0x05" }), /TANDEM_KEY_SEED/);
  assert.match(await complaint({ ...whole, TANDEM_CHAIN_ID: "1" }), /nothing was signed/);
  node.answers.set("eth_getBalance", () => "0x0");
  assert.match(await complaint({ ...whole, TANDEM_PATIENCE_S: "0" }), /gave up waiting until 0x0a.* has more than 5 wei/);
  node.answers.delete("eth_getBalance");
  node.answers.set("eth_sendRawTransaction", () => {
    throw new Refused({ code: -32000, message: "insufficient funds" });
  });
  assert.match(await complaint(whole), /insufficient funds/);
  assert.equal(node.taken.length, 0);
});
