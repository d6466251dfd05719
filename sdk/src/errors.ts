// Why the client did not do what it was asked. Each class asks for another thing to be done about it.

import type { SignedTransaction } from "./transaction.js";

/** What all errors of the client have in common. Input that could never be right throws RangeError or TypeError instead. */
export class PaymentsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The node did not answer in time, or what answered is no node. Ask again, or another node. */
export class UnreachableError extends PaymentsError {}

/** The node answered something that the method never answers. Do not believe this node. */
export class MalformedAnswerError extends PaymentsError {
  constructor(
    readonly method: string,
    readonly expected: string,
  ) {
    super(`${method}: the node's answer is not ${expected}`);
  }
}

/** The node answered with an error, which says in words what to do. Nothing was sent. */
export class NodeError extends PaymentsError {
  constructor(
    readonly method: string,
    readonly code: number,
    /** The node's own words. */
    readonly reason: string,
  ) {
    super(`${method}: ${reason} (${code})`);
  }
}

/** The node serves another chain than the one that is meant. Nothing was signed. */
export class WrongChainError extends PaymentsError {
  constructor(
    readonly what: "chain id" | "genesis hash",
    readonly expected: string,
    readonly found: string,
  ) {
    super(`the node serves a chain with ${what} ${found}, not ${expected}: nothing was signed`);
  }
}

/** The node asks more per gas than the client may pay, both in wei. Nothing was signed. */
export class PriceError extends PaymentsError {
  constructor(
    readonly asked: bigint,
    readonly limit: bigint,
  ) {
    super(`the node asks ${asked} wei per gas, more than the limit of ${limit}: nothing was signed`);
  }
}

/**
 * Whether the node has the transaction is not known: the connection ended, or the caller gave up, while it was sent. Give `transaction` to
 * `PaymentsClient.submit`, which pays at most once; another `send` could pay twice.
 */
export class UncertainError extends PaymentsError {
  constructor(
    readonly transaction: SignedTransaction,
    cause: unknown,
  ) {
    super(`whether the node has transaction ${transaction.hash} is not known: submit the same transaction again`, { cause });
  }
}

/** The node gave the transaction up before it was in a batch: it will not be applied unless somebody sends it again. */
export class DroppedError extends PaymentsError {
  constructor(
    readonly hash: string,
    /** The node's own words. */
    readonly reason: string,
  ) {
    super(`the node dropped transaction ${hash}: ${reason}`);
  }
}

/** L1 has frozen the chain, which has ended, so that the transaction waits in vain: `tandem escape exit` pays out what the account has. */
export class ChainEndedError extends PaymentsError {
  constructor(readonly hash: string) {
    super(`transaction ${hash} waits in vain: L1 has frozen the chain, which has ended; tandem escape exit pays out what the account has`);
  }
}

/** The time for waiting is over. The transaction may still be applied, until it expires. */
export class WaitTimeoutError extends PaymentsError {
  constructor(
    readonly hash: string,
    readonly waitedMs: number,
    cause: unknown,
  ) {
    super(`gave up after ${waitedMs} ms waiting for transaction ${hash}, which may still be applied until it expires`, { cause });
  }
}
