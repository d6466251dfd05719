// Runs suites of other people's software against a devnet and says what passed.
//
//   node run.js [--devnet DIR] [--ci] [--least RATIO] [SUITE ...]
//
// `DIR` is a running devnet's folder (`devnet.json`); without it one is started, in a folder of its own, on ports that are free. Every suite is a program of its own with an account of its own. `--ci` runs the subset that
// needs no more than `devnet/install.sh`. Prints each failed check with what was said to the node, then `compat.passed` as a line of JSON;
// fails when the ratio is below the least one (1 for the subset, 0.96 for all).
"use strict";
const fs = require("fs");
const net = require("net");
const os = require("os");
const path = require("path");
const { spawn } = require("child_process");
const { createPublicClient, createWalletClient, http, parseEther } = require("viem");
const { generatePrivateKey, privateKeyToAccount } = require("viem/accounts");
const { SUITES } = require("./suites.json");

/** Ether of each suite's account, on either chain. */
const ALLOWANCE = parseEther("1.5");
/** How long a suite may take, in milliseconds. */
const SUITE_DEADLINE_MS = 8 * 60_000;
/** Suites that run at a time. */
const LANES = 2;

const options = (() => {
  const words = process.argv.slice(2);
  const flag = (name) => {
    const at = words.indexOf(name);
    return at < 0 ? undefined : words.splice(at, 2)[1];
  };
  const ci = words.includes("--ci");
  if (ci) words.splice(words.indexOf("--ci"), 1);
  return { devnet: flag("--devnet"), ci, least: Number(flag("--least") ?? (ci ? 1 : 0.96)), names: words };
})();

/** Where the workspace's programs are built. */
const PROGRAMS = path.join(process.env.CARGO_TARGET_DIR ?? path.join(__dirname, "../../target"), "debug");
/** How long a devnet may take to get ready, in milliseconds. */
const DEVNET_DEADLINE_MS = 180_000;

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Starts a devnet; its folder, and what ends it. */
const startDevnet = async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tandem-compat-"));
  const ports = [];
  for (const flag of ["--l1-port", "--rpc-port", "--faucet-port"]) ports.push(flag, String(await freePort()));
  const devnet = spawn(path.join(PROGRAMS, "tandem-devnet"), ["--dir", folder, "--quiet", ...ports], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  devnet.stderr.on("data", (data) => (said += data));
  const ended = new Promise((resolve) => devnet.on("close", resolve).on("error", (error) => resolve((said += error.message))));
  const deadline = Date.now() + DEVNET_DEADLINE_MS;
  while (!fs.existsSync(path.join(folder, "devnet.json"))) {
    if (devnet.exitCode !== null || Date.now() > deadline) throw new Error(`the devnet did not get ready (make build): ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const stop = async () => {
    devnet.kill("SIGINT");
    await ended;
    fs.rmSync(folder, { recursive: true, force: true });
  };
  return { folder, stop };
};

/** What the devnet tells of itself, once there is one. */
let info;
let deployment;

/** Gives every suite a key with ether on both chains. */
const fund = async (count) => {
  const keys = Array.from({ length: count }, generatePrivateKey);
  for (const [url, account] of [
    [info.l2Rpc, privateKeyToAccount(info.accounts[8].key)],
    [info.l1Rpc, privateKeyToAccount(info.accounts[9].key)],
  ]) {
    const transport = http(url);
    const node = createPublicClient({ transport, pollingInterval: 100 });
    const wallet = createWalletClient({ account, transport, chain: { id: await node.getChainId(), nativeCurrency: { decimals: 18 } } });
    let nonce = await node.getTransactionCount({ address: account.address, blockTag: "pending" });
    const hashes = [];
    for (const key of keys) {
      const to = privateKeyToAccount(key).address;
      hashes.push(await wallet.sendTransaction({ to, value: ALLOWANCE, nonce: nonce++, gas: 21_000n }));
    }
    for (const hash of hashes) await node.waitForTransactionReceipt({ hash });
  }
  return keys;
};

/** What programs tell of themselves: one line of JSON for each check. */
const runSuite = ({ name, command }, key, chainId) =>
  new Promise((resolve) => {
    const begun = Date.now();
    const [program, ...words] = command;
    const environment = {
      ...process.env,
      TANDEM_RPC: info.l2Rpc,
      TANDEM_L1_RPC: info.l1Rpc,
      TANDEM_DEPLOYMENT: deployment,
      TANDEM_CHAIN_ID: String(chainId),
      TANDEM_KEY: key,
    };
    const child = spawn(program, words, { cwd: __dirname, env: environment, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const outcomes = [];
    const rest = [];
    let buffer = "";
    const line = (text) => {
      try {
        const outcome = JSON.parse(text);
        if (typeof outcome.passed === "boolean") return outcomes.push(outcome);
      } catch {}
      rest.push(text);
    };
    child.stdout.on("data", (data) => {
      const lines = (buffer + data).split("\n");
      buffer = lines.pop();
      lines.forEach(line);
    });
    child.stderr.on("data", (data) => rest.push(String(data)));
    const timer = setTimeout(() => process.kill(-child.pid, "SIGKILL"), SUITE_DEADLINE_MS);
    const end = (why) => {
      clearTimeout(timer);
      if (buffer) line(buffer);
      if (why || outcomes.length === 0) {
        const error = `${why ?? "told of no check"}\n${rest.join("\n").slice(-2_000)}`;
        outcomes.push({ suite: name, check: "ends in order", passed: false, error, said: [] });
      }
      resolve({ name, outcomes, seconds: (Date.now() - begun) / 1_000 });
    };
    child.on("error", (error) => end(error.message));
    child.on("close", (code, signal) => end(code === 0 ? undefined : `ended with ${signal ?? code}`));
  });

const main = async () => {
  const devnet = options.devnet ? { folder: options.devnet, stop: async () => undefined } : await startDevnet();
  try {
    return await runAll(devnet);
  } finally {
    await devnet.stop();
  }
};

/** Runs the chosen suites against a devnet; whether enough passed. */
const runAll = async (devnet) => {
  info = JSON.parse(fs.readFileSync(path.join(devnet.folder, "devnet.json"), "utf8"));
  deployment = path.join(devnet.folder, "deployment.json");
  const suites = SUITES.filter(({ name, ci }) => (options.names.length > 0 ? options.names.includes(name) : ci || !options.ci));
  if (suites.length === 0) throw new Error(`no suite is called ${options.names.join(" or ")}`);
  const chainId = await createPublicClient({ transport: http(info.l2Rpc) }).getChainId();
  const keys = await fund(suites.length);
  const waiting = suites.map((suite, index) => [suite, keys[index]]);
  const results = [];
  const lane = async () => {
    for (;;) {
      const next = waiting.shift();
      if (!next) return;
      const result = await runSuite(...next, chainId);
      results.push(result);
      const failed = result.outcomes.filter(({ passed }) => !passed);
      const passed = result.outcomes.length - failed.length;
      console.log(`${result.name}: ${passed} of ${result.outcomes.length} in ${result.seconds.toFixed(1)} s`);
      for (const { check, error, said } of failed) {
        console.log(`  FAILED ${result.name}: ${check}\n    ${error.replaceAll("\n", "\n    ")}`);
        for (const { request, answer } of said ?? []) console.log(`    > ${request}\n    < ${answer}`);
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const all = results.flatMap(({ outcomes }) => outcomes);
  const passed = all.filter((outcome) => outcome.passed).length;
  const ratio = passed / all.length;
  console.log(JSON.stringify({ name: "compat.passed", value: Number(ratio.toFixed(4)), unit: "1", passed, checks: all.length }));
  return ratio >= options.least;
};

main().then(
  (passed) => process.exit(passed ? 0 : 1),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
