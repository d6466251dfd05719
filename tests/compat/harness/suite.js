// How a suite runs: check by check, each with a deadline; every outcome is a line of JSON for `run.js`, a failed one with what was said to the node.
"use strict";
const { record } = require("./recorder");

/** How long a check may take on a loaded machine, in milliseconds. */
const CHECK_DEADLINE_MS = 60_000;
/** Exchanges shown for a failed check: the last ones. */
const SHOWN_EXCHANGES = 4;

const tell = (outcome) => process.stdout.write(`${JSON.stringify(outcome)}\n`);

/** Waits for a promise, but not for ever. */
const within = async (milliseconds, promise) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing after ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};

const describe = (error) => {
  const text = error instanceof Error ? `${error.message}${error.stack ? `\n${error.stack.split("\n").slice(1, 4).join("\n")}` : ""}` : String(error);
  return text.slice(0, 2_000);
};

/**
 * Runs a suite. `body` gets `{ check, rpc, ws, key, l1Rpc, l1Key, deployment, chainId }`: `rpc` and `ws` are the node's address as clients get it,
 * `key` an account with ether of the suite's own. `check(name, body)` returns what its body returns, or undefined if it failed: what follows
 * from a failed check fails by itself.
 */
exports.suite = async (name, body) => {
  const environment = process.env;
  const recorder = await record(environment.TANDEM_RPC);
  const check = async (what, run, deadline = CHECK_DEADLINE_MS) => {
    recorder.take();
    const begun = Date.now();
    try {
      const value = await within(deadline, Promise.resolve().then(run));
      tell({ suite: name, check: what, passed: true, ms: Date.now() - begun });
      return value;
    } catch (error) {
      const said = recorder.take();
      const refused = said.filter(({ answer }) => answer.includes('"error"'));
      const shown = [...new Set([...refused.slice(-SHOWN_EXCHANGES), ...said.slice(-SHOWN_EXCHANGES)])];
      tell({ suite: name, check: what, passed: false, ms: Date.now() - begun, error: describe(error), said: shown });
      return undefined;
    }
  };
  const unexpected = (error) => {
    tell({ suite: name, check: "ends in order", passed: false, ms: 0, error: describe(error), said: recorder.take().slice(-SHOWN_EXCHANGES) });
    process.exit(1);
  };
  process.on("unhandledRejection", unexpected);
  process.on("uncaughtException", unexpected);
  await body({
    check,
    recorder,
    rpc: recorder.url,
    ws: recorder.ws,
    direct: environment.TANDEM_RPC,
    key: environment.TANDEM_KEY,
    l1Rpc: environment.TANDEM_L1_RPC,
    deployment: environment.TANDEM_DEPLOYMENT && JSON.parse(require("fs").readFileSync(environment.TANDEM_DEPLOYMENT, "utf8")),
    chainId: Number(environment.TANDEM_CHAIN_ID),
  });
  process.exit(0);
};

exports.within = within;

/** Asks until `probe` returns something; a failed probe counts as nothing yet. */
exports.until = async (probe, milliseconds = 30_000) => {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
