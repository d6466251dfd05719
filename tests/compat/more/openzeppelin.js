// OpenZeppelin's presets, proxies, governance by their package's artefacts.
"use strict";
const assert = require("assert/strict");
const { Contract, ContractFactory, JsonRpcProvider, NonceManager, Wallet, ZeroHash, id, parseEther } = require("ethers");
const { artifact } = require("../harness/solidity");
const { suite } = require("../harness/suite");
const build = (name) => require(`@openzeppelin/contracts/build/contracts/${name}.json`);

suite("openzeppelin", async ({ check, rpc, key }) => {
  const node = new JsonRpcProvider(rpc, undefined, { cacheTimeout: -1, polling: true, pollingInterval: 100 });
  const wallet = new NonceManager(new Wallet(key, node));
  const own = await wallet.getAddress();
  const deploy = async ({ abi, bytecode }, ...args) => {
    const contract = await (await new ContractFactory(abi, bytecode, wallet).deploy(...args)).waitForDeployment();
    return Object.assign(contract, { at: await contract.getAddress() });
  };
  const done = async (sent) => {
    const receipt = await (await sent).wait();
    assert.equal(receipt.status, 1);
    return receipt;
  };
  const someone = Wallet.createRandom().address;

  await check("ERC-20: mints, transfers, burns, pauses", async () => {
    const token = await deploy(build("ERC20PresetMinterPauser"), "Token", "TOK");
    await done(token.mint(own, 100n));
    await done(token.transfer(someone, 10n));
    await done(token.burn(5n));
    assert.deepEqual([await token.balanceOf(own), await token.totalSupply()], [85n, 95n]);
    await done(token.pause());
    await assert.rejects(token.transfer.staticCall(someone, 1n), /paused/);
    assert.equal((await token.queryFilter("Transfer", 0)).length, 3);
  });
  await check("ERC-721: mints, is enumerated, transfers", async () => {
    const token = await deploy(build("ERC721PresetMinterPauserAutoId"), "Art", "ART", "https://example/");
    await done(token.mint(own));
    await done(token.mint(own));
    await done(token["safeTransferFrom(address,address,uint256)"](own, someone, 1n));
    assert.deepEqual([await token.ownerOf(1n), await token.tokenURI(0n), await token.totalSupply()], [someone, "https://example/0", 2n]);
  });
  await check("ERC-1155: batches", async () => {
    const token = await deploy(build("ERC1155PresetMinterPauser"), "https://example/");
    await done(token.mintBatch(own, [1n, 2n], [10n, 20n], "0x"));
    await done(token.safeBatchTransferFrom(own, someone, [1n, 2n], [1n, 2n], "0x"));
    assert.deepEqual([...(await token.balanceOfBatch([own, someone], [1n, 2n]))], [9n, 2n]);
  });
  await check("a transparent proxy is upgraded by its admin", async () => {
    const [first, second] = [await deploy(artifact("Probe"), 1n), await deploy(artifact("Probe"), 2n)];
    const admin = await deploy(build("ProxyAdmin"));
    const proxy = await deploy(build("TransparentUpgradeableProxy"), first.at, admin.at, "0x");
    const through = new Contract(proxy.at, artifact("Probe").abi, wallet);
    await done(through.store(1n, 7n));
    await done(admin.upgrade(proxy.at, second.at));
    assert.equal(await through.value(), 7n);
    const slot = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";
    assert.equal(BigInt(await node.getStorage(proxy.at, slot)), BigInt(second.at));
  });
  await check("minimal proxies (ERC-1167) and a beacon", async () => {
    const probe = await deploy(artifact("Probe"), 1n);
    const clone = await (await wallet.sendTransaction({ data: `0x3d602d80600a3d3981f3363d3d373d3d3d363d73${probe.at.slice(2).toLowerCase()}5af43d82803e903d91602b57fd5bf3` })).wait();
    assert.equal(await new Contract(clone.contractAddress, artifact("Probe").abi, node).sum(1n, 2n), 3n);
    const beacon = await deploy(build("UpgradeableBeacon"), probe.at);
    const proxy = await deploy(build("BeaconProxy"), beacon.at, "0x");
    assert.equal(await new Contract(proxy.at, artifact("Probe").abi, node).sum(1n, 2n), 3n);
  });
  await check("a timelock schedules and executes", async () => {
    const timelock = await deploy(build("TimelockController"), 1n, [own], [own], own);
    await done(wallet.sendTransaction({ to: timelock.at, value: 9n }));
    await done(timelock.schedule(someone, 9n, "0x", ZeroHash, id("salt"), 1n));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await done(wallet.sendTransaction({ to: own, value: 1n }));
    await done(timelock.execute(someone, 9n, "0x", ZeroHash, id("salt")));
    assert.equal(await node.getBalance(someone), 9n);
  });
  await check("a Merkle tree's proof is verified on chain", async () => {
    const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");
    const tree = StandardMerkleTree.of([[own, 1n], [someone, 2n]], ["address", "uint256"]);
    assert.equal(StandardMerkleTree.verify(tree.root, ["address", "uint256"], [someone, 2n], tree.getProof(1)), true);
    const payer = await deploy(build("PaymentSplitter"), [own, someone], [1n, 3n]);
    await done(wallet.sendTransaction({ to: payer.at, value: parseEther("0.004") }));
    await done(payer["release(address)"](someone));
    assert.equal(await node.getBalance(someone), parseEther("0.003") + 9n);
  });
});
