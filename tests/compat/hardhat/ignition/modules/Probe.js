"use strict";
const { buildModule } = require("@nomicfoundation/hardhat-ignition/modules");

module.exports = buildModule("Probe", (m) => {
  const probe = m.contract("Probe", [7n], { value: 5n });
  const stored = m.call(probe, "store", [1n, 2n]);
  const value = m.readEventArgument(stored, "Stored", "value");
  const token = m.contract("Token", [value], { after: [stored] });
  return { probe, token };
});
