// What Hardhat's users write.
"use strict";
const { expect } = require("chai");
const { deployments, ethers, ignition, upgrades, viem } = require("hardhat");
const ProbeModule = require("../ignition/modules/Probe");

describe("Hardhat", () => {
  let owner, probe;

  before(async () => {
    [owner] = await ethers.getSigners();
    probe = await ethers.deployContract("Probe", [7n]);
    await probe.waitForDeployment();
  });

  it("deploys and reads", async () => {
    expect(await probe.value()).to.equal(7n);
    expect(await probe.owner()).to.equal(owner.address);
  });

  it("matches emitted events", async () => {
    // A chain with blocks of its own time: what is matched is waited for first.
    const sent = await probe.store(1n, 2n);
    await sent.wait();
    await expect(sent).to.emit(probe, "Stored").withArgs(owner.address, 1n, 2n);
    await expect(sent).not.to.emit(probe, "Noted");
  });

  it("matches reverts: reason, custom error, panic, none", async () => {
    await expect(probe.failWithReason()).to.be.revertedWith("as it was asked");
    await expect(probe.failWithError()).to.be.revertedWithCustomError(probe, "Denied").withArgs(owner.address, 42n);
    await expect(probe.failWithPanic(0n)).to.be.revertedWithPanic(0x12);
    await expect(probe.failSilently()).to.be.revertedWithoutReason();
    await expect(probe.failWithReason()).to.be.reverted;
    const sent = await probe.store(1n, 1n);
    await sent.wait();
    await expect(sent).not.to.be.reverted;
  });

  it("matches balances of ether", async () => {
    const to = ethers.Wallet.createRandom();
    await expect(() => owner.sendTransaction({ to: to.address, value: 9n })).to.changeEtherBalances([owner, to.address], [-9n, 9n]);
  });

  it("matches balances of tokens", async () => {
    const token = await ethers.deployContract("Token", [1_000n]);
    await token.waitForDeployment();
    const to = ethers.Wallet.createRandom().address;
    await expect(() => token.transfer(to, 10n)).to.changeTokenBalances(token, [owner, to], [-10n, 10n]);
  });

  it("deploys by Ignition, with calls and event arguments", async () => {
    const { token } = await ignition.deploy(ProbeModule, { config: { requiredConfirmations: 1 } });
    expect(await token.totalSupply()).to.equal(2n);
  });

  it("deploys an upgradeable contract and upgrades it", async () => {
    const box = await upgrades.deployProxy(await ethers.getContractFactory("Box"), [7n]);
    await box.waitForDeployment();
    const upgraded = await upgrades.upgradeProxy(await box.getAddress(), await ethers.getContractFactory("BoxWithName"));
    await upgraded.deployTransaction.wait();
    await (await upgraded.rename("named")).wait();
    expect(await upgraded.value()).to.equal(7n);
    expect(await upgraded.name()).to.equal("named");
  });

  it("deploys by hardhat-deploy, and again without doing it twice", async () => {
    await deployments.run("Box", { resetMemory: false });
    const { address } = await deployments.get("Box");
    await deployments.run("Box", { resetMemory: false });
    expect((await deployments.get("Box")).address).to.equal(address);
    expect(await (await ethers.getContractAt("Box", address)).value()).to.equal(42n);
  });

  it("works with viem", async () => {
    // Chains that viem does not list are described to it.
    const { chainId } = await ethers.provider.getNetwork();
    const chain = { id: Number(chainId), name: "Tandem", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 }, rpcUrls: { default: { http: [] } } };
    const client = { public: await viem.getPublicClient({ chain }), wallet: (await viem.getWalletClients({ chain }))[0] };
    const contract = await viem.deployContract("Probe", [1n], { client });
    expect(await contract.read.sum([1n, 2n])).to.equal(3n);
    await client.public.waitForTransactionReceipt({ hash: await contract.write.note(["hi"]) });
    expect((await contract.getEvents.Noted({}, { fromBlock: 0n })).length).to.equal(1);
  });
});
