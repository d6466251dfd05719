// The requests that browser wallets make, one by one: the price from eth_feeHistory with a quarter on top, or, as `PRICE=legacy`, one price from
// eth_gasPrice as it is; the gas limit from eth_estimateGas as it is. Signed away from the node, as hardware wallets do.
"use strict";
const { Transaction, Wallet } = require("ethers");
const { POLL_MS, TRANSFER_GAS, run } = require("./common");

run(async ({ rpc, key, to }) => {
  const ask = async (method, ...params) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const answer = await fetch(rpc, { method: "POST", headers: { "content-type": "application/json" }, body });
    const { error, result } = await answer.json();
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  const from = new Wallet(key).address;
  const chainId = BigInt(await ask("eth_chainId"));
  const nonce = Number(await ask("eth_getTransactionCount", from, "pending"));
  const balance = BigInt(await ask("eth_getBalance", from, "latest"));
  const fees = {};
  if (process.env.PRICE === "legacy") {
    fees.gasPrice = BigInt(await ask("eth_gasPrice"));
  } else {
    const history = await ask("eth_feeHistory", "0x5", "latest", [10, 50, 90]);
    fees.maxPriorityFeePerGas = BigInt(await ask("eth_maxPriorityFeePerGas"));
    fees.maxFeePerGas = (BigInt(history.baseFeePerGas.at(-1)) * 5n) / 4n + fees.maxPriorityFeePerGas;
  }
  const price = fees.gasPrice ?? fees.maxFeePerGas;
  const gasLimit = BigInt(await ask("eth_estimateGas", { from, to, value: "0x1" }));
  if (gasLimit !== TRANSFER_GAS) throw new Error(`a transfer is estimated at ${gasLimit} gas`);
  const type = fees.gasPrice ? 0 : 2;
  const transaction = Transaction.from({ type, chainId, nonce, to, value: balance - gasLimit * price, gasLimit, ...fees });
  transaction.signature = new Wallet(key).signingKey.sign(transaction.unsignedHash);
  const hash = await ask("eth_sendRawTransaction", transaction.serialized);
  while (!(await ask("eth_getTransactionReceipt", hash))) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return hash;
});
