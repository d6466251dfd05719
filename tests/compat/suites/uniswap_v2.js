// Uniswap v2 from its own packages' artefacts: factory, router, WETH, a pair, liquidity, swaps.
"use strict";
const assert = require("assert/strict");
const { Contract, ContractFactory, JsonRpcProvider, NonceManager, Wallet, getCreate2Address, keccak256, parseEther, solidityPacked } = require("ethers");
const factoryBuild = require("@uniswap/v2-core/build/UniswapV2Factory.json");
const pairBuild = require("@uniswap/v2-core/build/UniswapV2Pair.json");
const routerBuild = require("@uniswap/v2-periphery/build/UniswapV2Router02.json");
const wethBuild = require("@uniswap/v2-periphery/build/WETH9.json");
const { artifact } = require("../harness/solidity");
const { suite } = require("../harness/suite");

suite("uniswap-v2", async ({ check, rpc, key }) => {
  const node = new JsonRpcProvider(rpc, undefined, { cacheTimeout: -1, polling: true, pollingInterval: 100 });
  const wallet = new NonceManager(new Wallet(key, node));
  const own = await wallet.getAddress();
  const token = artifact("Token");
  const deploy = async ({ abi, bytecode, evm }, ...args) => {
    const code = evm?.bytecode.object ?? bytecode;
    const contract = await (await new ContractFactory(abi, code, wallet).deploy(...args)).waitForDeployment();
    return Object.assign(contract, { at: await contract.getAddress() });
  };
  const done = async (sent) => {
    const receipt = await (await sent).wait();
    assert.equal(receipt.status, 1);
    return receipt;
  };
  const later = async () => (await node.getBlock("latest")).timestamp + 600;

  const weth = await check("WETH9 is deployed and wraps", async () => {
    const weth = await deploy(wethBuild);
    await done(weth.deposit({ value: parseEther("0.5") }));
    await done(weth.withdraw(parseEther("0.25")));
    assert.equal(await weth.balanceOf(own), parseEther("0.25"));
    return weth;
  });
  const factory = await check("the factory is deployed", () => deploy(factoryBuild, own));
  const router = await check("the router is deployed", () => deploy(routerBuild, factory.at, weth.at));
  const [a, b] = await check("two tokens", async () => [await deploy(token, parseEther("1000000")), await deploy(token, parseEther("1000000"))]) ?? [];
  await check("a pair is created at the address that everybody computes", async () => {
    await done(factory.createPair(a.at, b.at));
    const [first, second] = [a.at, b.at].sort((x, y) => (x.toLowerCase() < y.toLowerCase() ? -1 : 1));
    const code = `0x${(pairBuild.evm?.bytecode.object ?? pairBuild.bytecode).replace(/^0x/, "")}`;
    const expected = getCreate2Address(factory.at, keccak256(solidityPacked(["address", "address"], [first, second])), keccak256(code));
    assert.equal(await factory.getPair(a.at, b.at), expected);
  });
  await check("liquidity is added", async () => {
    for (const coin of [a, b]) await done(coin.approve(router.at, 2n ** 255n));
    await done(router.addLiquidity(a.at, b.at, parseEther("1000"), parseEther("4000"), 0, 0, own, await later()));
    const pair = new Contract(await factory.getPair(a.at, b.at), pairBuild.abi, wallet);
    assert.equal(await pair.totalSupply(), parseEther("2000"));
  });
  await check("a swap gives what was quoted", async () => {
    const path = [a.at, b.at];
    const [, quoted] = await router.getAmountsOut(parseEther("1"), path);
    const before = await b.balanceOf(own);
    await done(router.swapExactTokensForTokens(parseEther("1"), quoted, path, own, await later()));
    assert.equal((await b.balanceOf(own)) - before, quoted);
  });
  await check("a swap for less than was wanted is refused in the router's words", () => router.swapExactTokensForTokens.staticCall(1n, parseEther("1"), [a.at, b.at], own, 2n ** 40n).then(
    () => assert.fail("it succeeded"),
    (error) => assert.match(error.reason, /INSUFFICIENT_OUTPUT_AMOUNT/),
  ));
  await check("liquidity and swaps with ether", async () => {
    await done(router.addLiquidityETH(a.at, parseEther("100"), 0, 0, own, await later(), { value: parseEther("0.1") }));
    const before = await a.balanceOf(own);
    await done(router.swapExactETHForTokens(0, [weth.at, a.at], own, await later(), { value: parseEther("0.01") }));
    assert.ok((await a.balanceOf(own)) > before);
  });
  await check("liquidity is taken out with a permit of the pair", async () => {
    const pair = new Contract(await factory.getPair(a.at, b.at), pairBuild.abi, wallet);
    const liquidity = parseEther("10");
    const deadline = await later();
    const domain = { name: "Uniswap V2", version: "1", chainId: (await node.getNetwork()).chainId, verifyingContract: await pair.getAddress() };
    const types = { Permit: ["owner address", "spender address", "value uint256", "nonce uint256", "deadline uint256"].map((field) => ({ name: field.split(" ")[0], type: field.split(" ")[1] })) };
    const message = { owner: own, spender: router.at, value: liquidity, nonce: await pair.nonces(own), deadline };
    const { Signature } = require("ethers");
    const { v, r, s } = Signature.from(await new Wallet(key).signTypedData(domain, types, message));
    const before = await pair.balanceOf(own);
    // What the pair's contract signs for is fixed when it is created: the chain's id as its code asks for it.
    await done(router.removeLiquidityWithPermit(a.at, b.at, liquidity, 0, 0, own, deadline, false, v, r, s));
    assert.equal(before - (await pair.balanceOf(own)), liquidity);
  });
  await check("its events are found by an indexer's query", async () => {
    const pair = new Contract(await factory.getPair(a.at, b.at), pairBuild.abi, node);
    assert.equal((await pair.queryFilter("Swap", 0)).length, 1);
    assert.ok((await pair.queryFilter("Sync", 0)).length >= 3);
    assert.equal((await factory.queryFilter("PairCreated", 0)).length, 2);
  });
});
