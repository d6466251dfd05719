// Foundry: cast, forge create, forge script, a test on a fork.
"use strict";
const assert = require("assert/strict");
const fs = require("fs");
const os = require("os");
const path = require("path");
const { execFileSync, spawn } = require("child_process");
const { Wallet, ZeroAddress, hexlify, randomBytes } = require("ethers");
const { suite } = require("../harness/suite");

const contracts = path.join(__dirname, "../../../contracts");

suite("foundry", async ({ check, rpc, ws, key, chainId }) => {
  // A copy, so that runs side by side share no cache.
  const project = fs.mkdtempSync(path.join(os.tmpdir(), "tandem-foundry-"));
  fs.cpSync(path.join(__dirname, "project"), project, { recursive: true, dereference: true });
  const settings = path.join(project, "foundry.toml");
  fs.writeFileSync(settings, fs.readFileSync(settings, "utf8").replace(/^solc = .*$/m, `solc = ${JSON.stringify(path.join(contracts, "solc"))}`));
  const from = new Wallet(key).address;
  const run = (tool, words) =>
    new Promise((resolve, reject) => {
      const program = execFileSync(path.join(contracts, "foundry-bin.sh"), [tool]).toString().trim();
      const child = spawn(program, words, { cwd: project, env: { ...process.env, FOUNDRY_DISABLE_NIGHTLY_WARNING: "1" }, stdio: ["ignore", "pipe", "pipe"] });
      const said = ["", ""];
      child.stdout.on("data", (data) => (said[0] += data));
      child.stderr.on("data", (data) => (said[1] += data));
      child.on("close", (code) => (code === 0 ? resolve(said[0].trim()) : reject(new Error(`${tool} ${words.join(" ")}: ${said.join("\n")}`))));
    });
  const cast = (...words) => run("cast", [...words, "--rpc-url", rpc]);
  const SLOW_MS = 240_000;

  await check("cast: chain, block, gas price, balance, nonce, code", async () => {
    assert.equal(Number(await cast("chain-id")), chainId);
    assert.ok(Number(await cast("block-number")) > 0);
    assert.match(await cast("block", "latest"), /baseFeePerGas/);
    for (const tag of ["pending", "safe", "finalized", "earliest"]) assert.match(await cast("block", tag, "--json"), /hash/);
    assert.ok(Number(await cast("gas-price")) > 0 && Number(await cast("base-fee")) > 0);
    assert.ok(Number(await cast("balance", from)) > 0);
    assert.equal(await cast("nonce", from), "0");
    assert.notEqual(await cast("code", "0xcA11bde05977b3631167028862bE2a173976CA11"), "0x");
    assert.match(await cast("client"), /tandem/);
    assert.match(await cast("age"), /20/);
  });
  await check("cast send: ether, legacy and not; receipts", async () => {
    const sent = JSON.parse(await cast("send", ZeroAddress, "--value", "1", "--private-key", key, "--json"));
    assert.equal(sent.status, "0x1");
    const legacy = JSON.parse(await cast("send", ZeroAddress, "--value", "1", "--legacy", "--private-key", key, "--json"));
    assert.equal(legacy.type, "0x0");
    assert.match(await cast("receipt", sent.transactionHash), /blockHash/);
    assert.match(await cast("tx", sent.transactionHash), /maxFeePerGas/);
    assert.match(await cast("tx", sent.transactionHash, "--raw"), /^0x02/);
  });
  const address = await check("forge create", async () => {
    const said = await run("forge", ["create", "src/Probe.sol:Probe", "--rpc-url", rpc, "--private-key", key, "--broadcast", "--json", "--constructor-args", "7"]);
    return JSON.parse(said.slice(said.indexOf("{"))).deployedTo;
  }, SLOW_MS);
  await check("cast call, estimate, storage, proof, access list, logs", async () => {
    assert.equal(await cast("call", address, "value()(uint256)"), "7");
    assert.ok(Number(await cast("estimate", address, "store(uint256,uint256)", "1", "2", "--from", from)) > 21_000);
    assert.equal(Number(await cast("storage", address, "0")), 7);
    assert.match(await cast("proof", address, "0"), /accountProof/);
    assert.match(await cast("access-list", address, "store(uint256,uint256)", "1", "2", "--from", from), /access list|storage|0x/i);
    JSON.parse(await cast("send", address, "store(uint256,uint256)", "1", "2", "--private-key", key, "--json"));
    assert.match(await cast("logs", "--address", address, "--from-block", "0"), /topics/);
    assert.match(await cast("index", "uint256", "1", "1").catch(() => "0x"), /0x/);
  });
  await check("cast call tells a reason", () => assert.rejects(cast("call", address, "failWithReason()"), /as it was asked/));
  await check("cast run replays a transaction with its trace", async () => {
    const { transactionHash } = JSON.parse(await cast("send", address, "note(string)", "hello", "--private-key", key, "--json"));
    assert.match(await cast("run", transactionHash, "--quick"), /Noted|hello|Traces/);
    assert.match(await cast("rpc", "debug_traceTransaction", transactionHash, '{"tracer":"callTracer"}'), /CALL/);
  }, SLOW_MS);
  await check("cast over a WebSocket, and a subscription", async () => {
    assert.equal(Number(await run("cast", ["chain-id", "--rpc-url", ws])), chainId);
  });
  await check("cast with an EIP-7702 authorization", async () => {
    const self = Wallet.createRandom();
    const authorization = await run("cast", ["wallet", "sign-auth", address, "--private-key", self.privateKey, "--rpc-url", rpc, "--nonce", "0"]);
    const sent = JSON.parse(await cast("send", self.address, "--auth", authorization, "--private-key", key, "--json"));
    assert.equal(sent.status, "0x1");
    assert.match(await cast("code", self.address), /^0xef0100/);
  });
  await check("forge script deploys, calls, and uses CREATE2", async () => {
    const words = ["script", "script/Deploy.s.sol", "--sig", "run(bytes32)", hexlify(randomBytes(32)), "--rpc-url", rpc, "--private-key", key, "--broadcast"];
    const said = await run("forge", words);
    assert.match(said, /ONCHAIN EXECUTION COMPLETE & SUCCESSFUL/);
  }, SLOW_MS);
  await check("forge script resumes what was broadcast", async () => {
    const said = await run("forge", ["script", "script/Deploy.s.sol", "--sig", "run(bytes32)", hexlify(randomBytes(32)), "--rpc-url", rpc, "--private-key", key, "--broadcast", "--slow"]);
    assert.match(said, /SUCCESSFUL/);
  }, SLOW_MS);
  await check("forge test on a fork", async () => {
    assert.match(await run("forge", ["test", "--fork-url", rpc, "--match-contract", "ForkTest"]), /1 passed/);
  }, SLOW_MS);
  await check("anvil forks the chain", async () => {
    const program = execFileSync(path.join(contracts, "foundry-bin.sh"), ["anvil"]).toString().trim();
    const anvil = spawn(program, ["--fork-url", rpc, "--port", "0"], { stdio: ["ignore", "pipe", "pipe"] });
    try {
      const port = await new Promise((resolve, reject) => {
        let said = "";
        anvil.stdout.on("data", (data) => {
          said += data;
          const found = said.match(/Listening on 127\.0\.0\.1:(\d+)/);
          if (found) resolve(found[1]);
        });
        anvil.on("close", () => reject(new Error(said)));
      });
      assert.equal(await run("cast", ["call", address, "value()(uint256)", "--rpc-url", `http://127.0.0.1:${port}`]), "2");
    } finally {
      anvil.kill();
    }
  }, SLOW_MS);
  fs.rmSync(project, { recursive: true });
});
