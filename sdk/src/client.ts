// Sending on a payments chain, through a node's JSON-RPC (docs/rpc.md). Twin: `tandem session` (node/cli/src/session).
//
// The node is not believed: what is signed names the chain that the caller means, and pays what the caller allows.

import type { SecretKey } from "./eddsa.js";
import {
  ChainEndedError,
  DroppedError,
  MalformedAnswerError,
  NodeError,
  PriceError,
  UncertainError,
  UnreachableError,
  WaitTimeoutError,
  WrongChainError,
} from "./errors.js";
import { fromBytes, fromHex, toHex } from "./field.js";
import { JsonRpc, OVERLOADED, isFields, quantity, word } from "./rpc.js";
import { type Chain, Kind, type Operation, type SignedTransaction, signOperation } from "./transaction.js";
import { Turns } from "./turns.js";

/** The default of `maxFeePerGas`: 100 gwei, at which a transfer to a new account costs 0.0042 ether. */
export const MAX_FEE_PER_GAS = 100_000_000_000n;

/** Gas by kind, that of an account created for the recipient included (PAY-GAS). */
const GAS_LIMIT: Record<Kind, bigint> = {
  [Kind.transfer]: 42_000n,
  [Kind.tokenTransfer]: 63_000n,
  [Kind.withdrawEth]: 30_000n,
  [Kind.withdrawToken]: 32_000n,
};

/** A transaction that is not told when it expires is good for so many seconds: through any time for which an honest operator's prover may be away. */
const EXPIRY_S = 86_400;

/** Promises that hold for a proven batch alone. */
const PROVEN = ["safe", "settled", "finalized"];

/** The words with which a node refuses what it does not know before it has read L1, as after each start. */
const SYNCING = "the node reads L1";

/** JSON-RPC's code of a fault of the node's own. */
const INTERNAL = -32603;

/** What a client may do. Times in milliseconds. */
export interface ClientOptions {
  /** Highest price per gas that is ever signed, in wei: MAX_FEE_PER_GAS if absent. */
  readonly maxFeePerGas?: bigint;
  /** Time limit of one request: 20,000 if absent. */
  readonly timeoutMs?: number;
  /** Time between two looks at what is waited for: 500 if absent. */
  readonly pollMs?: number;
}

/** What is to be done: a payment or a withdrawal. */
export type Call = Pick<Operation, "kind" | "token" | "recipient" | "amount">;

/** Whose account pays, and the session key that it has on the chain. */
export interface Sender {
  /** The account, 20 bytes in hexadecimal. */
  readonly account: string;
  readonly key: SecretKey;
}

/** How one transaction is sent. What is absent is chosen by the client. */
export interface SendOptions {
  readonly gasLimit?: bigint;
  /** The operation's nonce: the account's next if absent. Of a payment that is repeated, the one that was signed before. */
  readonly nonce?: bigint;
  /** The last timestamp at which it may be applied, in seconds: a day from now if absent. */
  readonly expiry?: bigint;
  readonly signal?: AbortSignal;
}

/** A transaction that the node has acknowledged. */
export interface Sent extends SignedTransaction {
  readonly operation: Operation;
}

/** How long is waited, and for what. */
export interface WaitOptions {
  /** `latest`: a closed batch holds it, by the sequencer's word; `settled`: L1 has the batch with its proof. `latest` if absent. */
  readonly until?: "latest" | "settled";
  /** In milliseconds: 120,000 if absent. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A transaction in its batch. */
export interface Receipt {
  readonly hash: string;
  /** Index of the batch, which is the number of its block. */
  readonly batch: bigint;
  readonly gasUsed: bigint;
  /** What was charged, in wei per gas. */
  readonly gasPrice: bigint;
  /** What was charged in all, in wei. */
  readonly fee: bigint;
  /** Of a withdrawal: the index by which it is claimed on L1 once it is settled (`tandem bridge claim INDEX`). */
  readonly withdrawal?: bigint;
}

/** Where a transaction is, as the node says. */
export interface TransactionStatus {
  /** `included`, `waiting`, `dropped` or `unknown`. */
  readonly status: string;
  /** The strongest promise that holds for it, if a batch holds it. */
  readonly promise?: string;
  /** Why it was dropped. */
  readonly reason?: string;
  /** What it waits for, while it waits (docs/rpc.md): `nothing` on a chain that has ended. */
  readonly waitsFor?: string;
}

/** A payments chain by way of a node of it. */
export class PaymentsClient {
  readonly #rpc: JsonRpc;
  readonly #maxFeePerGas: bigint;
  readonly #pollMs: number;
  readonly #turns = new Turns();
  #isChecked = false;

  constructor(
    url: string,
    /** The chain that is signed for. From its operator's deployment file, not from the node. */
    readonly chain: Chain,
    options: ClientOptions = {},
  ) {
    this.#rpc = new JsonRpc(new URL(url).href, options.timeoutMs ?? 20_000);
    this.#maxFeePerGas = options.maxFeePerGas ?? MAX_FEE_PER_GAS;
    this.#pollMs = options.pollMs ?? 500;
  }

  /** The nonce of an account's next transaction, after all that the node holds of it. */
  async nonce(account: string, signal?: AbortSignal): Promise<bigint> {
    const method = "eth_getTransactionCount";
    return quantity(await this.#rpc.request(method, [address(account), "pending"], signal), 64, method);
  }

  /** What the operator asks, in wei per gas. */
  async gasPrice(signal?: AbortSignal): Promise<bigint> {
    return quantity(await this.#rpc.request("eth_gasPrice", [], signal), 256, "eth_gasPrice");
  }

  /** What an account holds after the last closed batch, in wei, or of a token in its unit. */
  async balance(account: string, token?: string, signal?: AbortSignal): Promise<bigint> {
    if (token === undefined) {
      return quantity(await this.#rpc.request("eth_getBalance", [address(account), "latest"], signal), 256, "eth_getBalance");
    }
    // balanceOf(address)
    const data = "0x70a08231" + "00".repeat(12) + address(account).slice(2);
    return BigInt(word(await this.#rpc.request("eth_call", [{ to: address(token), data }, "latest"], signal), "eth_call"));
  }

  /** Throws WrongChainError unless the node serves the chain that is meant: by its id, and by the hash of block 0, which is that of its genesis. */
  async check(signal?: AbortSignal): Promise<void> {
    if (this.#isChecked) return;
    const { chainId } = this.chain;
    const found = quantity(await this.#rpc.request("eth_chainId", [], signal), 256, "eth_chainId");
    if (found !== chainId) throw new WrongChainError("chain id", chainId.toString(), found.toString());
    const method = "eth_getBlockByNumber";
    const block = await this.#rpc.request(method, ["0x0", false], signal);
    if (block === null) throw new UnreachableError("the node has no block 0 yet, because it has not read L1: ask again");
    if (!isFields(block)) throw new MalformedAnswerError(method, "block 0");
    const [genesis, served] = [this.chain.genesisHash.toLowerCase(), word(block["hash"], method)];
    if (served !== genesis) throw new WrongChainError("genesis hash", genesis, served);
    this.#isChecked = true;
  }

  /**
   * Signs a call at the price that the node asks, and sends it. Resolves once the node has acknowledged it. Calls of one account take
   * turns, so that each has its own nonce; one that fails leaves its nonce to the next.
   *
   * Throws RangeError for a withdrawal that L1 would never pay out, WrongChainError or PriceError if nothing was signed, NodeError if the node says that it did not take
   * the transaction, and UncertainError where that is not known. What was signed could be applied until it expires, whatever the node says: whoever pays again gives the
   * same `nonce`, and pays once at most.
   */
  async send(call: Call, from: Sender, options: SendOptions = {}): Promise<Sent> {
    const account = address(from.account);
    checkPaidOut(call);
    return this.#turns.take(account, options.signal, async () => {
      const { signal } = options;
      await this.check(signal);
      const maxFeePerGas = await this.gasPrice(signal);
      if (maxFeePerGas > this.#maxFeePerGas) throw new PriceError(maxFeePerGas, this.#maxFeePerGas);
      const operation: Operation = {
        ...call,
        sender: account,
        nonce: options.nonce ?? (await this.nonce(account, signal)),
        gasLimit: options.gasLimit ?? GAS_LIMIT[call.kind],
        maxFeePerGas,
        expiry: options.expiry ?? BigInt(Math.floor(Date.now() / 1000) + EXPIRY_S),
      };
      const signed = signOperation(this.chain, operation, from.key);
      await this.#offer(signed, signal);
      return { ...signed, operation };
    });
  }

  /** Sends a transaction that is signed already, once more if need be. Resolves if the node has it, from now or from before. */
  async submit(signed: SignedTransaction, signal?: AbortSignal): Promise<void> {
    try {
      await this.#offer(signed, signal);
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      // A node that still reads L1 cannot say whether it has it.
      if (isTransient(error)) throw new UncertainError(signed, error);
      const { status } = await this.status(signed.hash, signal);
      // A node that has lost its memory may have applied it, and know the nonce alone.
      if (status === "unknown" && error.reason.includes("nonce too low")) throw new UncertainError(signed, error);
      if (status === "dropped" || status === "unknown") throw error;
    }
  }

  async #offer(signed: SignedTransaction, signal?: AbortSignal): Promise<void> {
    const method = "eth_sendRawTransaction";
    signal?.throwIfAborted();
    let answer: unknown;
    try {
      answer = await this.#rpc.request(method, [signed.raw], signal);
    } catch (error) {
      // A node that fails or stops while it answers may have kept the transaction.
      if (error instanceof NodeError && error.code !== INTERNAL && !error.reason.includes("shutting down")) throw error;
      throw new UncertainError(signed, error);
    }
    if (answer !== signed.hash) throw new UncertainError(signed, new MalformedAnswerError(method, "the transaction's hash"));
  }

  /** Where a transaction is. */
  async status(hash: string, signal?: AbortSignal): Promise<TransactionStatus> {
    const method = "rollup_transactionStatus";
    const answer = await this.#rpc.request(method, [hash], signal);
    if (!isFields(answer) || typeof answer["status"] !== "string") throw new MalformedAnswerError(method, "a status");
    const { status, promise, message, waitsFor } = answer;
    return {
      status,
      ...(typeof promise === "string" ? { promise } : {}),
      ...(typeof message === "string" ? { reason: message } : {}),
      ...(typeof waitsFor === "string" ? { waitsFor } : {}),
    };
  }

  /** The receipt of a transaction; undefined while no closed batch holds it. */
  async receipt(hash: string, signal?: AbortSignal): Promise<Receipt | undefined> {
    const method = "eth_getTransactionReceipt";
    const answer = await this.#rpc.request(method, [hash], signal);
    if (answer === null) return undefined;
    if (!isFields(answer)) throw new MalformedAnswerError(method, "a receipt");
    if (answer["blockHash"] === null || answer["blockNumber"] === null) return undefined;
    // What could not be applied is in no batch, so that no receipt tells of a failure.
    if (word(answer["transactionHash"], method) !== hash || answer["status"] !== "0x1") {
      throw new MalformedAnswerError(method, "the receipt of a transaction that was applied");
    }
    const batch = quantity(answer["blockNumber"], 64, method);
    const gasUsed = quantity(answer["gasUsed"], 64, method);
    const gasPrice = quantity(answer["effectiveGasPrice"], 64, method);
    const withdrawal = isFields(answer["withdrawal"]) ? { withdrawal: quantity(answer["withdrawal"]["index"], 64, method) } : {};
    return { hash, batch, gasUsed, gasPrice, fee: gasUsed * gasPrice, ...withdrawal };
  }

  /**
   * Waits until a batch holds a transaction, or until that batch is proven. A node that does not answer, or has just begun and reads L1, is asked again until the time is over.
   *
   * Throws DroppedError if the node gives it up, ChainEndedError if L1 has frozen the chain, WaitTimeoutError when the time is over, and the signal's reason when
   * the caller gives up.
   */
  async waitForReceipt(hash: string, options: WaitOptions = {}): Promise<Receipt> {
    const { until = "latest", timeoutMs = 120_000, signal } = options;
    const transaction = toHex(fromHex(hash, 32));
    const deadline = Date.now() + timeoutMs;
    for (let last: unknown; ; await pause(this.#pollMs, signal)) {
      try {
        const receipt = await this.#settledReceipt(transaction, until, signal);
        if (receipt) return receipt;
      } catch (error) {
        if (!isTransient(error)) throw error;
        last = error;
      }
      if (Date.now() >= deadline) throw new WaitTimeoutError(transaction, timeoutMs, last);
    }
  }

  async #settledReceipt(hash: string, until: "latest" | "settled", signal?: AbortSignal): Promise<Receipt | undefined> {
    const receipt = await this.receipt(hash, signal);
    if (receipt && until === "latest") return receipt;
    const { status, promise, reason, waitsFor } = await this.status(hash, signal);
    if (status === "dropped") throw new DroppedError(hash, reason ?? "it does not say why");
    if (waitsFor === "nothing") throw new ChainEndedError(hash);
    return receipt && promise !== undefined && PROVEN.includes(promise) ? receipt : undefined;
  }
}

/**
 * Throws RangeError for a withdrawal that L1 would never pay out: its money would stay with the bridge for ever. Twin: `NotAdmitted::check_call` in
 * sequencer/src/payments/engine/refusal.rs, which knows the chain's contracts as well.
 */
function checkPaidOut({ kind, recipient, amount }: Call): void {
  if (kind !== Kind.withdrawEth && kind !== Kind.withdrawToken) return;
  if (amount === 0n) throw new RangeError("a withdrawal of 0 is never paid out on L1");
  if (fromBytes(fromHex(recipient, 20)) === 0n) throw new RangeError("nobody has the zero address, which L1 pays nothing");
}

/** Whether the same question may be answered later. */
function isTransient(error: unknown): boolean {
  if (error instanceof NodeError) return error.code === OVERLOADED || error.reason.includes(SYNCING);
  return error instanceof UnreachableError;
}

/** An address in lower case. */
function address(text: string): string {
  return toHex(fromHex(text, 20));
}

/** Resolves after a time, or rejects when the caller gives up. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
