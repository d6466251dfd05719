// Writes artifacts/preinstalls/, the init code of contracts that dApps expect at their usual addresses; with --check compares instead.
//
//   node contracts/script/preinstalls.js [--check] [entry-points] [permit2]     both, if none is named
//
// The ERC-4337 EntryPoints are what their authors publish on npm. Permit2 is compiled from the source that Uniswap's v4-periphery carries, with the settings in
// its foundry.toml: 30 seconds. Needs `npm ci` in tests/compat, for Permit2 in tests/compat/more too.
"use strict";
const fs = require("fs");
const path = require("path");

const compat = path.join(__dirname, "../../tests/compat");
const ENTRY_POINTS = { "0.6": "entry-point-0.6", "0.7": "entry-point-0.7", "0.8": "@account-abstraction/contracts" };

const entryPoints = () =>
  Object.entries(ENTRY_POINTS).map(([version, name]) => {
    const file = path.join(compat, "node_modules", name, "artifacts/EntryPoint.json");
    const { bytecode } = JSON.parse(fs.readFileSync(file, "utf8"));
    return [`entry-point-${version}`, (bytecode.object ?? bytecode).replace(/^0x/, "")];
  });

const permit2 = () => {
  const packages = path.join(compat, "more/node_modules");
  const root = path.join(packages, "@uniswap/v4-periphery/lib/permit2");
  // Every source is a key of the input, libraries too: the compiler numbers what it reads in the order of these names, and the numbers decide the code.
  const sources = {};
  const add = (name) => {
    if (sources[name]) return;
    const content = fs.readFileSync(path.join(root, name), "utf8");
    sources[name] = { content };
    for (const [, imported] of content.matchAll(/import\s[^"']*["']([^"']+)["']/g))
      add(imported.startsWith(".") ? path.posix.join(path.posix.dirname(name), imported) : imported.replace(/^solmate\//, "lib/solmate/"));
  };
  add("src/Permit2.sol");
  const settings = {
    remappings: ["solmate/=lib/solmate/"],
    optimizer: { enabled: true, runs: 1_000_000 },
    viaIR: true,
    metadata: { bytecodeHash: "none" },
    outputSelection: { "src/Permit2.sol": { Permit2: ["evm.bytecode.object"] } },
  };
  const sorted = Object.fromEntries(Object.entries(sources).sort(([a], [b]) => (a < b ? -1 : 1)));
  const solc = require(path.join(packages, "solc-0.8.17"));
  const { contracts, errors } = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources: sorted, settings })));
  if (!contracts) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join("\n"));
  return [["permit2", contracts["src/Permit2.sol"].Permit2.evm.bytecode.object]];
};

const names = process.argv.slice(2).filter((word) => word !== "--check");
const made = Object.entries({ "entry-points": entryPoints, permit2 }).flatMap(([name, make]) => (names.length && !names.includes(name) ? [] : make()));
for (const [name, code] of made) {
  const file = path.join(__dirname, `../artifacts/preinstalls/${name}.hex`);
  if (!process.argv.includes("--check")) fs.writeFileSync(file, `${code}\n`);
  else if (fs.readFileSync(file, "utf8") !== `${code}\n`) {
    console.error(`preinstalls.js: artifacts/preinstalls/${name}.hex is not what its source gives`);
    process.exitCode = 1;
  }
}
