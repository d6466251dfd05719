// Uniswap v3 from its own packages' artefacts: factory, position manager, router, quoter; a pool, a position, swaps, fees.
"use strict";
const assert = require("assert/strict");
const { Contract, ContractFactory, JsonRpcProvider, NonceManager, Wallet, ZeroAddress, parseEther } = require("ethers");
const { artifact } = require("../harness/solidity");
const { suite } = require("../harness/suite");
const build = (name, file) => require(`@uniswap/${name}/artifacts/contracts/${file}.sol/${file.split("/").at(-1)}.json`);

/** A price of one: 2^96. */
const PRICE_ONE = 2n ** 96n;

suite("uniswap-v3", async ({ check, rpc, key }) => {
  const node = new JsonRpcProvider(rpc, undefined, { cacheTimeout: -1, polling: true, pollingInterval: 100 });
  const wallet = new NonceManager(new Wallet(key, node));
  const own = await wallet.getAddress();
  const token = artifact("Token");
  const weth9 = require("@uniswap/v2-periphery/build/WETH9.json");
  const deploy = async ({ abi, bytecode, evm }, ...args) => {
    const contract = await (await new ContractFactory(abi, evm?.bytecode.object ?? bytecode, wallet).deploy(...args)).waitForDeployment();
    return Object.assign(contract, { at: await contract.getAddress() });
  };
  const done = async (sent) => {
    const receipt = await (await sent).wait();
    assert.equal(receipt.status, 1);
    return receipt;
  };
  const deadline = 2n ** 40n;

  const weth = await check("WETH9", () => deploy(weth9));
  const factory = await check("the factory, with its fee tiers", async () => {
    const factory = await deploy(build("v3-core", "UniswapV3Factory"));
    assert.equal(await factory.feeAmountTickSpacing(3000), 60n);
    return factory;
  });
  const router = await check("the swap router", () => deploy(build("v3-periphery", "SwapRouter"), factory.at, weth.at));
  const positions = await check("the position manager", () => deploy(build("v3-periphery", "NonfungiblePositionManager"), factory.at, weth.at, ZeroAddress));
  const quoter = await check("the quoter", () => deploy(build("v3-periphery", "lens/QuoterV2"), factory.at, weth.at));
  const [a, b] = (await check("two tokens", async () => [await deploy(token, parseEther("1000000")), await deploy(token, parseEther("1000000"))].sort((x, y) => (x.at.toLowerCase() < y.at.toLowerCase() ? -1 : 1)))) ?? [];
  const pool = await check("a pool is created, at the address that its packages compute", async () => {
    await done(positions.createAndInitializePoolIfNecessary(a.at, b.at, 3000, PRICE_ONE));
    const at = await factory.getPool(a.at, b.at, 3000);
    const { computePoolAddress } = require("@uniswap/v3-sdk");
    const { Token } = require("@uniswap/sdk-core");
    const coins = [a, b].map(({ at }) => new Token(1, at, 18));
    assert.equal(computePoolAddress({ factoryAddress: factory.at, tokenA: coins[0], tokenB: coins[1], fee: 3000 }), at);
    return new Contract(at, build("v3-core", "UniswapV3Pool").abi, node);
  });
  await check("a position is minted", async () => {
    for (const coin of [a, b]) for (const spender of [positions.at, router.at]) await done(coin.approve(spender, 2n ** 255n));
    await done(positions.mint({ token0: a.at, token1: b.at, fee: 3000, tickLower: -600, tickUpper: 600, amount0Desired: parseEther("1000"), amount1Desired: parseEther("1000"), amount0Min: 0, amount1Min: 0, recipient: own, deadline }));
    assert.equal(await positions.ownerOf(1), own);
    assert.ok((await pool.liquidity()) > 0n);
  });
  await check("a swap gives what the quoter said", async () => {
    const { amountOut } = await quoter.quoteExactInputSingle.staticCall({ tokenIn: a.at, tokenOut: b.at, amountIn: parseEther("1"), fee: 3000, sqrtPriceLimitX96: 0 });
    const before = await b.balanceOf(own);
    await done(router.exactInputSingle({ tokenIn: a.at, tokenOut: b.at, fee: 3000, recipient: own, deadline, amountIn: parseEther("1"), amountOutMinimum: amountOut, sqrtPriceLimitX96: 0 }));
    assert.equal((await b.balanceOf(own)) - before, amountOut);
  });
  await check("fees are collected, liquidity taken out, by multicall", async () => {
    const { liquidity } = await positions.positions(1);
    const calls = [
      positions.interface.encodeFunctionData("decreaseLiquidity", [{ tokenId: 1, liquidity: liquidity / 2n, amount0Min: 0, amount1Min: 0, deadline }]),
      positions.interface.encodeFunctionData("collect", [{ tokenId: 1, recipient: own, amount0Max: 2n ** 127n, amount1Max: 2n ** 127n }]),
    ];
    const { logs } = await done(positions.multicall(calls));
    const told = logs.filter(({ address }) => address === positions.at).map((log) => positions.interface.parseLog(log)?.name);
    assert.ok(told.includes("Collect") && told.includes("DecreaseLiquidity"));
  });
  await check("its oracle observes", async () => {
    await done(pool.connect(wallet).increaseObservationCardinalityNext(4));
    assert.equal((await pool.observe([0])).tickCumulatives.length, 1);
  });
  await check("its events are found, and what has no descriptor says so", async () => {
    await assert.rejects(positions.tokenURI(1));
    assert.equal((await pool.queryFilter("Swap", 0)).length, 1);
  });
});
