// JSON-RPC over fetch: one request, one answer, within a time limit. Adversarial: every byte of an answer.

import { MalformedAnswerError, NodeError, UnreachableError } from "./errors.js";

/** Most bytes of an answer; those that the client asks for have less than a thousandth of it. */
const ANSWER_BYTES_MAX = 4 * 2 ** 20;

/** The code of a request that a node has no time for. */
export const OVERLOADED = -32005;

/** A JSON object whose fields nobody has checked yet. */
export type Fields = Record<string, unknown>;

/** A node's JSON-RPC endpoint. */
export class JsonRpc {
  #id = 0;

  constructor(
    readonly url: string,
    /** Time limit of one request, in milliseconds. */
    readonly timeoutMs: number,
  ) {}

  /**
   * The `result` of a method. Throws NodeError if the node answers with an error, UnreachableError if it does not answer,
   * MalformedAnswerError if what it answers is no JSON-RPC, and the signal's reason when the caller gives up.
   */
  async request(method: string, params: readonly unknown[], signal?: AbortSignal): Promise<unknown> {
    signal?.throwIfAborted();
    const id = ++this.#id;
    const limit = AbortSignal.timeout(this.timeoutMs);
    let status: number;
    let text: string;
    try {
      const response = await fetch(this.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      status = response.status;
      text = await bounded(response, method);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof MalformedAnswerError) throw error;
      const why = limit.aborted ? `no answer within ${this.timeoutMs} ms` : "it cannot be reached";
      throw new UnreachableError(`${method}: ${this.url}: ${why}`, { cause: error });
    }
    const answer = parsed(text);
    if (!isFields(answer) || answer["jsonrpc"] !== "2.0") {
      if (status < 200 || status > 299) throw new UnreachableError(`${method}: ${this.url} answers with HTTP status ${status}`);
      throw new MalformedAnswerError(method, "JSON-RPC 2.0");
    }
    const error = answer["error"];
    if (isFields(error) && typeof error["code"] === "number" && typeof error["message"] === "string") {
      if (answer["id"] === id || error["code"] !== OVERLOADED) throw new NodeError(method, error["code"], error["message"]);
      // A request that took too long, which is answered without its id: the node may go on with it.
      throw new UnreachableError(`${method}: ${this.url}: ${error["message"]}`);
    }
    if (error !== undefined || answer["id"] !== id || answer["result"] === undefined) {
      throw new MalformedAnswerError(method, "a result or an error of this request");
    }
    return answer["result"];
  }
}

/** The body as text; ends the connection when there is too much of it. */
async function bounded(response: Response, method: string): Promise<string> {
  const [reader, decoder] = [response.body?.getReader(), new TextDecoder()];
  let [text, length] = ["", 0];
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) return text + decoder.decode();
    length += value.length;
    if (length > ANSWER_BYTES_MAX) {
      await reader?.cancel();
      throw new MalformedAnswerError(method, `an answer of at most ${ANSWER_BYTES_MAX} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a value is a JSON object. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A number of at most `bits` bits out of an answer to `method`: `0x` and digits without leading zeros. */
export function quantity(value: unknown, bits: number, method: string): bigint {
  if (typeof value === "string" && /^0x(0|[1-9a-fA-F][0-9a-fA-F]*)$/.test(value) && value.length <= 2 + bits / 4) return BigInt(value);
  throw new MalformedAnswerError(method, `a quantity of at most ${bits} bits`);
}

/** A word of 32 bytes out of an answer to `method`, digits in lower case. */
export function word(value: unknown, method: string): string {
  if (typeof value === "string" && /^0x[0-9a-fA-F]{64}$/.test(value)) return value.toLowerCase();
  throw new MalformedAnswerError(method, "a word of 32 bytes");
}
