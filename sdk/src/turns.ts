// One after the other, by name: what one account sends reads its nonce after what it sent before has been answered.

/** Queues by name. A name without work takes no memory. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Does `work` when all that came before under the name has ended, however it ended. The signal ends the wait; work that has begun must heed it itself. */
  async take<T>(name: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    const before = this.#last.get(name) ?? Promise.resolve();
    let end = () => {};
    const own = new Promise<void>((resolve) => (end = resolve));
    const last = before.then(() => own);
    this.#last.set(name, last);
    try {
      await unlessAborted(before, signal);
      return await work();
    } finally {
      end();
      if (this.#last.get(name) === last) this.#last.delete(name);
    }
  }
}

function unlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    void promise.then(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
  });
}
