// Safe: its contracts from their package's artefacts, a wallet of two owners by its protocol kit.
"use strict";
const assert = require("assert/strict");
const { ContractFactory, JsonRpcProvider, NonceManager, Wallet, parseEther } = require("ethers");
const { suite } = require("../harness/suite");
const build = (file) => require(`@safe-global/safe-contracts/build/artifacts/contracts/${file}.sol/${file.split("/").at(-1)}.json`);

suite("safe", async ({ check, rpc, key, chainId }) => {
  const node = new JsonRpcProvider(rpc, undefined, { cacheTimeout: -1, polling: true, pollingInterval: 100 });
  const wallet = new NonceManager(new Wallet(key, node));
  const own = await wallet.getAddress();
  const second = Wallet.createRandom();
  const deploy = async (file) => (await (await new ContractFactory(build(file).abi, build(file).bytecode, wallet).deploy()).waitForDeployment()).getAddress();
  const FILES = {
    safeSingletonAddress: "Safe",
    safeProxyFactoryAddress: "proxies/SafeProxyFactory",
    multiSendAddress: "libraries/MultiSend",
    multiSendCallOnlyAddress: "libraries/MultiSendCallOnly",
    fallbackHandlerAddress: "handler/CompatibilityFallbackHandler",
    signMessageLibAddress: "libraries/SignMessageLib",
    createCallAddress: "libraries/CreateCall",
    simulateTxAccessorAddress: "accessors/SimulateTxAccessor",
    tokenCallbackHandlerAddress: "handler/TokenCallbackHandler",
  };
  const addresses = {};
  for (const [name, file] of Object.entries(FILES)) await check(`${file} is deployed`, async () => (addresses[name] = await deploy(file)));
  // Only used with passkeys, which nobody has here.
  addresses.safeWebAuthnSignerFactoryAddress = addresses.safeWebAuthnSharedSignerAddress = addresses.createCallAddress;
  const contractNetworks = { [chainId]: addresses };
  const { default: Kit } = require("@safe-global/protocol-kit");
  const Safe = Kit.default ?? Kit;

  const safe = await check("a wallet of two owners is predicted and deployed", async () => {
    const predictedSafe = { safeAccountConfig: { owners: [own, second.address], threshold: 2 }, safeDeploymentConfig: { saltNonce: String(Date.now()), safeVersion: "1.4.1" } };
    const planned = await Safe.init({ provider: rpc, signer: key, predictedSafe, contractNetworks });
    const address = await planned.getAddress();
    const { to, data, value } = await planned.createSafeDeploymentTransaction();
    await (await wallet.sendTransaction({ to, data, value })).wait();
    const safe = await Safe.init({ provider: rpc, signer: key, safeAddress: address, contractNetworks });
    assert.equal(await safe.isSafeDeployed(), true);
    assert.equal(await safe.getThreshold(), 2);
    return safe;
  });
  await check("it is paid, and pays when both have signed", async () => {
    const address = await safe.getAddress();
    await (await wallet.sendTransaction({ to: address, value: parseEther("0.1") })).wait();
    const to = Wallet.createRandom().address;
    let transaction = await safe.createTransaction({ transactions: [{ to, value: parseEther("0.01").toString(), data: "0x" }] });
    transaction = await safe.signTransaction(transaction);
    const other = await Safe.init({ provider: rpc, signer: second.privateKey, safeAddress: address, contractNetworks });
    transaction = await other.signTransaction(transaction);
    assert.equal(await safe.isValidTransaction(transaction), true);
    const { hash } = await safe.executeTransaction(transaction);
    await node.waitForTransaction(hash);
    wallet.reset();
    assert.equal(await node.getBalance(to), parseEther("0.01"));
  });
  await check("several payments at once by MultiSend", async () => {
    const targets = [Wallet.createRandom().address, Wallet.createRandom().address];
    let transaction = await safe.createTransaction({ transactions: targets.map((to) => ({ to, value: "5", data: "0x" })) });
    transaction = await safe.signTransaction(transaction);
    const other = await Safe.init({ provider: rpc, signer: second.privateKey, safeAddress: await safe.getAddress(), contractNetworks });
    transaction = await other.signTransaction(transaction);
    await node.waitForTransaction((await safe.executeTransaction(transaction)).hash);
    wallet.reset();
    for (const to of targets) assert.equal(await node.getBalance(to), 5n);
  });
  await check("one signature is not enough", async () => {
    let transaction = await safe.createTransaction({ transactions: [{ to: own, value: "1", data: "0x" }] });
    transaction = await safe.signTransaction(transaction);
    await assert.rejects(safe.executeTransaction(transaction), /signature|GS020/i);
  });
});
