// A node of one chain in this process, that applies transfers at once, and that tests can have answer otherwise.

import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { fromHex, toHex } from "../src/field.js";

/** What a node answers with an error. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
}

/** Answers one request in place of the node: a value is the result; undefined leaves it to the node. */
export type Answer = (params: unknown[], response: ServerResponse) => unknown;

/** An answer that is an error. */
export class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message);
  }
}

/** Thrown by an answer that has written to the response itself, or never will. */
export class Answered extends Error {}

/** The fake's chain. */
export const CHAIN = { chainId: 31338n, genesisHash: "0x" + "47".repeat(32) };

/** A node that knows one account. */
export class FakeNode {
  /** Answers by method that replace the node's own. */
  readonly answers = new Map<string, Answer>();
  /** Methods in the order in which they were asked. */
  readonly asked: string[] = [];
  /** Envelopes that the node took, in order. */
  readonly taken: string[] = [];
  /** The price that it asks. */
  price = 7n;
  /** Whether batches are proven. */
  isProven = true;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  /** Starts to listen; its address. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Ends every connection. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += chunk;
    const { id, method, params } = JSON.parse(text) as { id: number; method: string; params: unknown[] };
    this.asked.push(method);
    try {
      const given = await this.answers.get(method)?.(params, response);
      const result = given === undefined ? this.#answer(method, params) : given;
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
    } catch (error) {
      if (error instanceof Answered) return;
      const refusal = error instanceof Refused ? error.refusal : { code: -32603, message: String(error) };
      response.end(JSON.stringify({ jsonrpc: "2.0", id, error: refusal }));
    }
  }

  #answer(method: string, params: unknown[]): unknown {
    const hex = (value: bigint | number) => "0x" + value.toString(16);
    const place = () => this.taken.map(hashOf).indexOf(params[0] as string);
    switch (method) {
      case "eth_chainId":
        return hex(CHAIN.chainId);
      case "eth_getBlockByNumber":
        return { number: "0x0", hash: CHAIN.genesisHash };
      case "eth_gasPrice":
        return hex(this.price);
      case "eth_getBalance":
        return hex(10n ** 18n);
      case "eth_call":
        return "0x" + "00".repeat(31) + "2a";
      case "eth_getTransactionCount":
        return hex(this.taken.length);
      case "eth_sendRawTransaction":
        return this.#take(params[0] as string);
      case "eth_getTransactionReceipt": {
        if (place() < 0) return null;
        const block = { blockNumber: hex(place() + 1), blockHash: "0x" + "bb".repeat(32) };
        return { ...block, transactionHash: params[0], status: "0x1", gasUsed: hex(21000), effectiveGasPrice: hex(this.price) };
      }
      case "rollup_transactionStatus":
        return place() < 0 ? { status: "unknown" } : { status: "included", promise: this.isProven ? "settled" : "latest" };
      default:
        throw new Refused({ code: -32601, message: `the method ${method} does not exist/is not available` });
    }
  }

  #take(raw: string): string {
    const nonce = nonceOf(raw);
    if (nonce < this.taken.length) {
      throw new Refused({ code: -32000, message: `nonce too low: next nonce ${this.taken.length}, tx nonce ${nonce}` });
    }
    if (nonce > this.taken.length) throw new Refused({ code: -32000, message: "nonce too high" });
    this.taken.push(raw);
    return hashOf(raw);
  }
}

/** The hash of an envelope. */
export function hashOf(raw: string): string {
  return toHex(keccak_256(fromHex(raw)));
}

/** The nonce in an envelope, if it is below 128: it stands after the type, the list's head, the chain id of three bytes and the sender of 21. */
export function nonceOf(raw: string): number {
  const bytes = fromHex(raw);
  const head = bytes[1]! - 0xf7 + 1;
  const byte = bytes[1 + head + 3 + 21]!;
  return byte === 0x80 ? 0 : byte;
}

/** What a promise is rejected with; throws if it is not. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`not rejected: ${String(value)}`);
}
