// Pays from an account of a payments chain: makes a session key, waits until the account has money, pays, and waits until the payment is proven.
//
//   npm run build && node dist/examples/pay.js
//
// What it takes from the environment:
//   TANDEM_L2_RPC      a node of the chain
//   TANDEM_CHAIN_ID    the chain, as `tandem status` names it (l2ChainId)
//   TANDEM_GENESIS     its genesis hash (genesisHash)
//   TANDEM_ACCOUNT     the account that pays
//   TANDEM_RECIPIENT   the account that is paid
//   TANDEM_AMOUNT_WEI  how much, in wei
//   TANDEM_KEY_SEED    32 secret bytes that the session key is made of; random if absent
//   TANDEM_PATIENCE_S  how long it waits for each thing, in seconds; 600 if absent
//
// The account's owner has its session key set with `tandem bridge set-session-key --hash HASH`, while this waits or before.

import { Kind, NodeError, PaymentsClient, SecretKey, type Sender, keyHash } from "@tandem/session";

function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

function seed(): Uint8Array {
  const hex = process.env["TANDEM_KEY_SEED"];
  if (!hex) return crypto.getRandomValues(new Uint8Array(32));
  if (!/^0x[0-9a-fA-F]{64}$/.test(hex)) throw new Error("TANDEM_KEY_SEED is not 0x and 64 hexadecimal digits");
  return Uint8Array.from(Buffer.from(hex.slice(2), "hex"));
}

const patienceMs = 1000 * Number(process.env["TANDEM_PATIENCE_S"] ?? 600);

/** Looks until there is something, twice a second. */
async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  console.log(`waiting until ${what}`);
  for (const deadline = Date.now() + patienceMs; ; await new Promise((resolve) => setTimeout(resolve, 500))) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() >= deadline) throw new Error(`gave up waiting until ${what}`);
  }
}

async function main(): Promise<void> {
  const chain = { chainId: BigInt(variable("TANDEM_CHAIN_ID")), genesisHash: variable("TANDEM_GENESIS") };
  const client = new PaymentsClient(variable("TANDEM_L2_RPC"), chain);
  const from: Sender = { account: variable("TANDEM_ACCOUNT"), key: new SecretKey(seed()) };
  const [recipient, amount] = [variable("TANDEM_RECIPIENT"), BigInt(variable("TANDEM_AMOUNT_WEI"))];
  await client.check();
  console.log(`session key hash: ${keyHash(from.key.publicKey)}`);

  const balance = await until(`${from.account} has more than ${amount} wei`, async () => {
    const balance = await client.balance(from.account);
    return balance > amount ? balance : undefined;
  });
  console.log(`balance: ${balance} wei`);

  const sent = await until("the node takes the payment", async () => {
    try {
      return await client.send({ kind: Kind.transfer, recipient, amount }, from);
    } catch (error) {
      // The session key is not set yet: nothing was sent. Everything else is for whoever runs this.
      if (error instanceof NodeError && error.reason.includes("session key")) return undefined;
      throw error;
    }
  });
  console.log(`sent: ${sent.hash}`);

  const { batch, fee } = await client.waitForReceipt(sent.hash, { until: "settled", timeoutMs: patienceMs });
  console.log(`settled: in batch ${batch}, for a fee of ${fee} wei`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
