// viem sends everything but 21,000 times the price that it offers. It asks for the gas limit itself.
"use strict";
const { createPublicClient, createWalletClient, defineChain, http } = require("viem");
const { privateKeyToAccount } = require("viem/accounts");
const { POLL_MS, TRANSFER_GAS, run } = require("./common");

run(async ({ rpc, key, to }) => {
  const account = privateKeyToAccount(key);
  const transport = http(rpc);
  const id = await createPublicClient({ transport }).getChainId();
  const nativeCurrency = { name: "Ether", symbol: "ETH", decimals: 18 };
  const chain = defineChain({ id, name: "Tandem", nativeCurrency, rpcUrls: { default: { http: [rpc] } } });
  const node = createPublicClient({ chain, transport, pollingInterval: POLL_MS });
  const wallet = createWalletClient({ account, chain, transport });
  const balance = await node.getBalance(account);
  const { maxFeePerGas, maxPriorityFeePerGas } = await node.estimateFeesPerGas();
  const value = balance - TRANSFER_GAS * maxFeePerGas;
  const hash = await wallet.sendTransaction({ to, value, maxFeePerGas, maxPriorityFeePerGas });
  const receipt = await node.waitForTransactionReceipt({ hash });
  const left = await node.getBalance(account);
  const fee = receipt.gasUsed * receipt.effectiveGasPrice;
  if (left !== TRANSFER_GAS * maxFeePerGas - fee) throw new Error(`${left} wei are left`);
  return hash;
});
