// Writes artifacts/entry-points/<version>.hex, the init code of the ERC-4337 EntryPoints as their authors publish it on npm; with --check compares instead.
// Needs `npm ci` in tests/compat.
"use strict";
const fs = require("fs");
const path = require("path");

const PACKAGES = { "0.6": "entry-point-0.6", "0.7": "entry-point-0.7", "0.8": "@account-abstraction/contracts" };
const packages = path.join(__dirname, "../../tests/compat/node_modules");

for (const [version, name] of Object.entries(PACKAGES)) {
  const { bytecode } = JSON.parse(fs.readFileSync(path.join(packages, name, "artifacts/EntryPoint.json"), "utf8"));
  const content = `${(bytecode.object ?? bytecode).replace(/^0x/, "")}\n`;
  const file = path.join(__dirname, `../artifacts/entry-points/${version}.hex`);
  if (process.argv[2] !== "--check") fs.writeFileSync(file, content);
  else if (fs.readFileSync(file, "utf8") !== content) {
    console.error(`entry_points.js: artifacts/entry-points/${version}.hex is not what ${name} publishes`);
    process.exit(1);
  }
}
