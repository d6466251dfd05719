// wagmi's core, as a browser application uses it: a connector over a wallet that asks the node.
"use strict";
const assert = require("assert/strict");
const { createWalletClient, custom, defineChain, http, parseEther } = require("viem");
const { privateKeyToAccount } = require("viem/accounts");
const { artifact } = require("../harness/solidity");
const { suite, until } = require("../harness/suite");

suite("wagmi", async ({ check, rpc, ws, key, chainId }) => {
  // An extension is looked for in a window.
  globalThis.window ??= globalThis;
  const events = new EventTarget();
  for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) globalThis[name] ??= events[name].bind(events);
  const wagmi = await import("@wagmi/core");
  const chain = defineChain({ id: chainId, name: "Tandem", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 }, rpcUrls: { default: { http: [rpc], webSocket: [ws] } }, contracts: { multicall3: { address: "0xcA11bde05977b3631167028862bE2a173976CA11" } } });
  const account = privateKeyToAccount(key);
  const wallet = createWalletClient({ account, chain, transport: http() });
  // What an extension does: signs what it is asked to send, passes everything else on.
  const provider = {
    on: () => undefined,
    removeListener: () => undefined,
    request: async ({ method, params }) => {
      if (method === "eth_requestAccounts" || method === "eth_accounts") return [account.address];
      if (method === "wallet_switchEthereumChain") return null;
      if (method === "eth_sendTransaction") {
        const { to, data, value, gas } = params[0];
        return wallet.sendTransaction({ to, data, value: value && BigInt(value), gas: gas && BigInt(gas) });
      }
      if (method === "personal_sign") return account.signMessage({ message: { raw: params[0] } });
      return wallet.request({ method, params });
    },
  };
  const config = wagmi.createConfig({ chains: [chain], connectors: [wagmi.injected({ target: { id: "test", name: "Test", provider } })], transports: { [chainId]: http(rpc) }, pollingInterval: 200 });
  const { abi, bytecode } = artifact("Probe");

  await check("connects", async () => {
    const { accounts } = await wagmi.connect(config, { connector: config.connectors[0] });
    assert.deepEqual(accounts, [account.address]);
  });
  await check("balance, block, fees, chain", async () => {
    assert.ok((await wagmi.getBalance(config, { address: account.address })).value > 0n);
    assert.ok((await wagmi.getBlockNumber(config)) > 0n);
    assert.ok((await wagmi.estimateFeesPerGas(config)).maxFeePerGas > 0n);
    assert.equal(wagmi.getChainId(config), chainId);
  });
  await check("sends ether and waits", async () => {
    const hash = await wagmi.sendTransaction(config, { to: account.address, value: 1n });
    assert.equal((await wagmi.waitForTransactionReceipt(config, { hash })).status, "success");
  });
  const address = await check("deploys", async () => (await wagmi.waitForTransactionReceipt(config, { hash: await wagmi.deployContract(config, { abi, bytecode, args: [7n] }) })).contractAddress);
  await check("simulates, writes, reads", async () => {
    const { request } = await wagmi.simulateContract(config, { abi, address, functionName: "store", args: [1n, 2n] });
    await wagmi.waitForTransactionReceipt(config, { hash: await wagmi.writeContract(config, request) });
    assert.equal(await wagmi.readContract(config, { abi, address, functionName: "value" }), 2n);
  });
  await check("reads many at once", async () => {
    const results = await wagmi.readContracts(config, { contracts: [{ abi, address, functionName: "value" }, { abi, address, functionName: "sum", args: [1n, 2n] }, { abi, address, functionName: "failWithReason" }] });
    assert.deepEqual(results.map(({ status }) => status), ["success", "success", "failure"]);
  });
  await check("watches blocks and events", async () => {
    const seen = { blocks: 0, notes: [] };
    const stops = [wagmi.watchBlockNumber(config, { onBlockNumber: () => seen.blocks++ }), wagmi.watchContractEvent(config, { abi, address, eventName: "Noted", onLogs: (logs) => seen.notes.push(...logs) })];
    await new Promise((resolve) => setTimeout(resolve, 500));
    await wagmi.writeContract(config, { abi, address, functionName: "note", args: ["w"] });
    await until(() => seen.blocks > 0 && seen.notes.length > 0, 20_000);
    stops.forEach((stop) => stop());
  });
  await check("signs and verifies a message", async () => {
    const signature = await wagmi.signMessage(config, { message: "hi" });
    assert.equal(await wagmi.verifyMessage(config, { address: account.address, message: "hi", signature }), true);
  });
  await check("a revert is told", () => assert.rejects(wagmi.simulateContract(config, { abi, address, functionName: "failWithReason" }), /as it was asked/));
  await check("a transfer beyond the balance is told", () => assert.rejects(wagmi.estimateGas(config, { to: account.address, value: parseEther("99999") }), /funds|balance/i));
});
