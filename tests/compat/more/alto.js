// Pimlico's bundler beside the node: user operations go through its own JSON-RPC, as applications send them. Without the tracer in JavaScript that its
// strict mode asks for.
"use strict";
const assert = require("assert/strict");
const { spawn } = require("child_process");
const net = require("net");
const path = require("path");
const { createPublicClient, createWalletClient, defineChain, encodeFunctionData, http, parseEther } = require("viem");
const { createBundlerClient } = require("viem/account-abstraction");
const { generatePrivateKey, privateKeyToAccount } = require("viem/accounts");
const { toSimpleSmartAccount } = require("permissionless/accounts");
const { artifact } = require("../harness/solidity");
const { suite, until } = require("../harness/suite");

const ENTRY_POINTS = { "0.6": ["0x5FF137D4b0FDCD49DcA30c7CF57E578a026d2789", "entry-point-0.6"], "0.7": ["0x0000000071727De22E5E9d8BAf0edAc6f37da032", "entry-point-0.7"] };

/** How long it may take to start on a loaded machine, in milliseconds: it deploys contracts of its own. */
const START_MS = 180_000;

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

suite("alto", async ({ check, rpc, key, chainId }) => {
  const chain = defineChain({ id: chainId, name: "Tandem", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 }, rpcUrls: { default: { http: [rpc] } } });
  const client = createPublicClient({ chain, transport: http(), pollingInterval: 100 });
  const account = privateKeyToAccount(key);
  const wallet = createWalletClient({ account, chain, transport: http() });
  const sent = async (hash) => client.waitForTransactionReceipt({ hash });
  const [executor, utility] = [generatePrivateKey(), generatePrivateKey()];
  for (const each of [executor, utility]) await sent(await wallet.sendTransaction({ to: privateKeyToAccount(each).address, value: parseEther("0.3") }));
  const port = await freePort();
  const words = [
    path.join(__dirname, "node_modules/@pimlico/alto/esm/cli/alto.js"), "run", "--rpc-url", rpc, "--port", String(port),
    "--entrypoints", Object.values(ENTRY_POINTS).map(([address]) => address).join(","), "--executor-private-keys", executor, "--utility-private-key", utility,
    "--safe-mode", "false", "--min-balance", "0", "--deploy-simulations-contract", "true", "--log-level", "error", "--block-time", "1000", "--chain-type", "default",
  ];
  const alto = spawn("node", words, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [alto.stdout, alto.stderr]) stream.on("data", (data) => (said += data));
  try {
    const url = `http://127.0.0.1:${port}`;
    const bundler = createBundlerClient({ client, chain, transport: http(url), pollingInterval: 200 });
    await check("starts, and names the EntryPoints", async () => {
      const supported = await until(async () => {
        if (alto.exitCode !== null) throw new Error(said.slice(-1_500));
        return bundler.getSupportedEntryPoints().catch(() => undefined);
      }, START_MS);
      assert.deepEqual(supported.map((address) => address.toLowerCase()).sort(), Object.values(ENTRY_POINTS).map(([address]) => address.toLowerCase()).sort());
      assert.equal(await bundler.getChainId(), chainId);
    }, 2 * START_MS);
    const probe = artifact("Probe");
    const target = (await sent(await wallet.deployContract({ ...probe, args: [0n] }))).contractAddress;
    for (const [version, [address, name]] of Object.entries(ENTRY_POINTS)) {
      await check(`a user operation is estimated, sent, and included (EntryPoint ${version})`, async () => {
        const { abi, bytecode } = require(`${name}/artifacts/SimpleAccountFactory.json`);
        const factoryAddress = (await sent(await wallet.deployContract({ abi, bytecode: bytecode.object ?? bytecode, args: [address] }))).contractAddress;
        const smart = await toSimpleSmartAccount({ client, owner: privateKeyToAccount(generatePrivateKey()), factoryAddress, entryPoint: { address, version } });
        await sent(await wallet.sendTransaction({ to: smart.address, value: parseEther("0.05") }));
        const data = encodeFunctionData({ abi: probe.abi, functionName: "store", args: [1n, 9n] });
        const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas();
        const hash = await bundler.sendUserOperation({ account: smart, calls: [{ to: target, data }], maxFeePerGas: maxFeePerGas * 2n, maxPriorityFeePerGas: maxPriorityFeePerGas * 2n });
        const receipt = await bundler.waitForUserOperationReceipt({ hash, timeout: 50_000 });
        assert.equal(receipt.success, true);
        assert.equal(await client.readContract({ address: target, abi: probe.abi, functionName: "stored", args: [1n] }), 9n);
      });
    }
    await check("an operation that nobody pays for is refused in its words", async () => {
      const [address, name] = ENTRY_POINTS["0.7"];
      const { abi, bytecode } = require(`${name}/artifacts/SimpleAccountFactory.json`);
      const factoryAddress = (await sent(await wallet.deployContract({ abi, bytecode: bytecode.object ?? bytecode, args: [address] }))).contractAddress;
      const poor = await toSimpleSmartAccount({ client, owner: privateKeyToAccount(generatePrivateKey()), factoryAddress, entryPoint: { address, version: "0.7" } });
      await assert.rejects(bundler.sendUserOperation({ account: poor, calls: [{ to: target, data: "0x" }], maxFeePerGas: 10n ** 9n, maxPriorityFeePerGas: 1n }), /AA21|prefund|funds/i);
    });
  } finally {
    alto.kill();
  }
});
