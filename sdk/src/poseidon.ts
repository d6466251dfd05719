// Poseidon over the BN254 scalar field with circomlib's parameters, as the paper writes it: constants from the Grain
// generator, no optimised rounds. Twin: chain/payments/src/poseidon.

import { R, ascii, fromBytes, invert, mod } from "./field.js";

const FULL_ROUNDS = 8;
const PARTIAL_ROUNDS = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68];

interface Parameters {
  /** By round and element. */
  constants: bigint[][];
  matrix: bigint[][];
  partial: number;
}

/** The Grain LFSR of the permutation of `width` elements. */
class Grain {
  private readonly state: number[] = [];
  private at = 0;

  constructor(width: number, partial: number) {
    const push = (value: number, bits: number) => {
      for (let i = bits - 1; i >= 0; i--) this.state.push(Math.floor(value / 2 ** i) % 2);
    };
    push(1, 2);
    push(0, 4);
    push(254, 12);
    push(width, 12);
    push(FULL_ROUNDS, 10);
    push(partial, 10);
    push(2 ** 30 - 1, 30);
    for (let i = 0; i < 160; i++) this.step();
  }

  private step(): number {
    const tap = (distance: number) => this.state[(this.at + distance) % 80]!;
    const bit = tap(62) ^ tap(51) ^ tap(38) ^ tap(23) ^ tap(13) ^ tap(0);
    this.state[this.at] = bit;
    this.at = (this.at + 1) % 80;
    return bit;
  }

  private bit(): number {
    while (this.step() === 0) this.step();
    return this.step();
  }

  private integer(): bigint {
    let text = "0b";
    for (let i = 0; i < 254; i++) text += this.bit();
    return BigInt(text);
  }

  constant(): bigint {
    for (;;) {
      const value = this.integer();
      if (value < R) return value;
    }
  }

  reduced(): bigint {
    return this.integer() % R;
  }
}

const known = new Map<number, Parameters>();

function parameters(width: number): Parameters {
  const cached = known.get(width);
  if (cached) return cached;
  const partial = PARTIAL_ROUNDS[width - 2];
  if (partial === undefined) throw new RangeError("Poseidon takes 1 to 16 inputs");
  const grain = new Grain(width, partial);
  const row = () => Array.from({ length: width }, () => grain.constant());
  const constants = Array.from({ length: FULL_ROUNDS + partial }, row);
  const xs = Array.from({ length: width }, () => grain.reduced());
  const ys = Array.from({ length: width }, () => grain.reduced());
  const matrix = xs.map((x) => ys.map((y) => invert(x + y, R)));
  const made = { constants, matrix, partial };
  known.set(width, made);
  return made;
}

/** Poseidon of 1 to 16 elements, each in [0, R). */
export function poseidon(inputs: readonly bigint[]): bigint {
  if (inputs.some((input) => input < 0n || input >= R)) throw new RangeError("an input is not a field element");
  const { constants, matrix, partial } = parameters(inputs.length + 1);
  let state = [0n, ...inputs];
  const half = FULL_ROUNDS / 2;
  constants.forEach((row, round) => {
    const full = round < half || round >= half + partial;
    const boxed = state.map((element, i) => {
      const x = element + row[i]!;
      if (i > 0 && !full) return x;
      const square = (x * x) % R;
      return (((square * square) % R) * x) % R;
    });
    state = matrix.map((line) => line.reduce((sum, m, i) => sum + m * boxed[i]!, 0n) % R);
  });
  return mod(state[0]!, R);
}

/** Poseidon that starts with a tag: an ASCII text as a big-endian integer. */
export function poseidonTagged(tag: string, inputs: readonly bigint[]): bigint {
  return poseidon([fromBytes(ascii(tag)), ...inputs]);
}
