// Balances as Hardhat's matchers compare them: what a sender paid is taken from the receipt.
"use strict";
const { expect } = require("chai");
const { ethers } = require("hardhat");

describe("changeEtherBalances", () => {
  const bob = "0x00000000000000000000000000000000000b0b0b";
  let alice;

  before(async () => {
    [alice] = await ethers.getSigners();
  });

  it("passes for a transfer", async () => {
    const send = () => alice.sendTransaction({ to: bob, value: 1_234n });
    await expect(send).to.changeEtherBalances([alice, bob], [-1_234n, 1_234n]);
    await expect(send).to.changeEtherBalance(alice, -1_234n);
  });

  it("passes for a call with data that costs more to post than to execute", async () => {
    const data = ethers.randomBytes(3_000);
    const send = () => alice.sendTransaction({ to: bob, value: 5n, data });
    await expect(send).to.changeEtherBalances([alice, bob], [-5n, 5n]);
  });

  it("passes for a creation that uses much gas, most of whose price is given back", async () => {
    // PUSH1 1 PUSH1 slot SSTORE, twenty times.
    const stores = Array.from({ length: 20 }, (_, slot) => `600160${slot.toString(16).padStart(2, "0")}55`);
    const send = () => alice.sendTransaction({ data: `0x${stores.join("")}00` });
    await expect(send).to.changeEtherBalance(alice, 0n);
  });

  it("tells the fee that the receipt tells", async () => {
    const sent = await alice.sendTransaction({ to: bob, value: 7n });
    const { fee, gasUsed, gasPrice } = await sent.wait();
    expect(gasUsed).to.equal(21_000n);
    expect(fee).to.equal(gasUsed * gasPrice);
    await expect(sent).to.changeEtherBalance(alice, -7n - fee, { includeFee: true });
  });
});
