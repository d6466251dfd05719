// ethers sends everything but 21,000 times the price that it offers. It asks for the gas limit itself.
"use strict";
const { JsonRpcProvider, Wallet } = require("ethers");
const { POLL_MS, TRANSFER_GAS, run } = require("./common");

run(async ({ rpc, key, to }) => {
  const provider = new JsonRpcProvider(rpc, undefined, { cacheTimeout: -1, polling: true, pollingInterval: POLL_MS });
  const wallet = new Wallet(key, provider);
  const balance = await provider.getBalance(wallet.address);
  const { maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData();
  const value = balance - TRANSFER_GAS * maxFeePerGas;
  const sent = await wallet.sendTransaction({ to, value, maxFeePerGas, maxPriorityFeePerGas });
  const receipt = await sent.wait();
  const left = await provider.getBalance(wallet.address);
  if (left !== TRANSFER_GAS * maxFeePerGas - receipt.fee) throw new Error(`${left} wei are left`);
  return sent.hash;
});
