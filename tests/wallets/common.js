// What the scripts share: where the node is, whose key, where to, and how they answer.
"use strict";

/** Gas of a plain transfer, as every wallet knows it. */
exports.TRANSFER_GAS = 21_000n;
/** How often receipts are asked for, in milliseconds. */
exports.POLL_MS = 100;

/** Runs a wallet: `send` gets `{ rpc, key, to }` and returns the hash of what it sent. */
exports.run = async (send) => {
  const { RPC: rpc, KEY: key, TO: to } = process.env;
  try {
    console.log(await send({ rpc, key, to }));
    process.exit(0);
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
};
