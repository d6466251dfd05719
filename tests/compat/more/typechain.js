// TypeChain writes bindings from an ABI; TypeScript compiles them; they work.
"use strict";
const assert = require("assert/strict");
const fs = require("fs");
const path = require("path");
const { JsonRpcProvider, Wallet } = require("ethers");
const { artifact } = require("../harness/solidity");
const { suite } = require("../harness/suite");

suite("typechain", async ({ check, rpc, key }) => {
  // Beside the packages that the written code names.
  const folder = fs.mkdtempSync(path.join(__dirname, "node_modules/.typechain-"));
  const { abi, bytecode } = artifact("Probe");
  try {
    await check("bindings are written and compiled", async () => {
      const { glob, runTypeChain } = require("typechain");
      fs.writeFileSync(path.join(folder, "Probe.json"), JSON.stringify({ contractName: "Probe", abi, bytecode }));
      const files = glob(folder, ["*.json"]);
      await runTypeChain({ cwd: folder, filesToProcess: files, allFiles: files, outDir: path.join(folder, "types"), target: "ethers-v6" });
      const ts = require("typescript");
      const sources = fs.readdirSync(path.join(folder, "types"), { recursive: true }).filter((name) => name.endsWith(".ts"));
      for (const name of sources) {
        const source = fs.readFileSync(path.join(folder, "types", name), "utf8");
        const { outputText } = ts.transpileModule(source, { compilerOptions: { module: "commonjs", target: "es2022" } });
        fs.writeFileSync(path.join(folder, "types", name.replace(/(\.d)?\.ts$/, ".js")), outputText);
      }
    });
    await check("they deploy, call, send and query", async () => {
      const { Probe__factory } = require(path.join(folder, "types"));
      const node = new JsonRpcProvider(rpc, undefined, { cacheTimeout: -1, polling: true, pollingInterval: 100 });
      const contract = await (await new Probe__factory(new Wallet(key, node)).deploy(7n)).waitForDeployment();
      assert.equal(await contract.value(), 7n);
      await (await contract.store(1n, 2n)).wait();
      const [event] = await contract.queryFilter(contract.filters.Stored(undefined, 1n), 0);
      assert.equal(event.args.value, 2n);
    });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
