// Runs the project of this folder against the node.
"use strict";
const fs = require("fs");
const path = require("path");
const { spawn } = require("child_process");
const { suite } = require("../harness/suite");

/** Compiling and all tests, on a loaded machine. */
const DEADLINE_MS = 420_000;

suite("hardhat", async ({ check, rpc, key }) => {
  fs.copyFileSync(path.join(__dirname, "../contracts/Probe.sol"), path.join(__dirname, "contracts/Probe.sol"));
  for (const left of ["deployments", "ignition/deployments", ".openzeppelin"]) fs.rmSync(path.join(__dirname, left), { recursive: true, force: true });
  const environment = { ...process.env, RPC: rpc, KEY: key, HARDHAT_DISABLE_TELEMETRY_PROMPT: "true" };
  const outcomes = [];
  await check("the project compiles and its tests run", () =>
    new Promise((resolve, reject) => {
      const words = ["node_modules/hardhat/internal/cli/bootstrap.js", "test", "--network", "tandem"];
      const child = spawn("node", words, { cwd: __dirname, env: environment, stdio: ["ignore", "pipe", "pipe"] });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
      child.on("close", () => {
        for (const line of said.split("\n").filter((line) => line.startsWith('{"title"'))) outcomes.push(JSON.parse(line));
        if (outcomes.length > 0) resolve();
        else reject(new Error(said.slice(-1_500)));
      });
    }), DEADLINE_MS);
  for (const { title, error } of outcomes)
    await check(title, () => {
      if (error) throw new Error(error);
    });
});
