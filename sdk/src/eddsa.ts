// EdDSA over BabyJubJub with Poseidon, circomlib's conventions. Twin: chain/payments/src/eddsa. Not constant in time: it runs
// where the wallet runs, on keys that can spend and not on keys that own.

import { keccak_256 } from "@noble/hashes/sha3.js";
import { L, R, ascii, concat, fromBytes, invert, mod, toBytes } from "./field.js";
import { poseidon, poseidonTagged } from "./poseidon.js";

/** A point of the curve. */
export type Point = readonly [x: bigint, y: bigint];

/** A signature: R and S. */
export interface Signature {
  readonly r8: Point;
  readonly s: bigint;
}

const A = 168700n;
const D = 168696n;
const IDENTITY: Point = [0n, 1n];

/** The generator of the prime subgroup, circomlib's Base8. */
export const GENERATOR: Point = [
  5299619240641551281634865583518297030282874472190772894086521144482721001553n,
  16950150798460657717958625567821834550301663161624707787222815936182638968203n,
];

function isOnCurve([x, y]: Point): boolean {
  const [xx, yy] = [x * x, y * y];
  return x >= 0n && x < R && y >= 0n && y < R && mod(A * xx + yy - 1n - D * ((xx * yy) % R), R) === 0n;
}

// Projective points (X : Y : Z): one inversion at the end.
type Projective = readonly [bigint, bigint, bigint];

function add([x1, y1, z1]: Projective, [x2, y2, z2]: Projective): Projective {
  const z = (z1 * z2) % R;
  const zz = (z * z) % R;
  const [xx, yy] = [(x1 * x2) % R, (y1 * y2) % R];
  const e = (D * ((xx * yy) % R)) % R;
  const [f, g] = [zz - e, zz + e];
  const cross = (x1 + y1) * (x2 + y2) - xx - yy;
  return [mod(((z * f) % R) * (cross % R), R), mod(((z * g) % R) * ((yy - A * xx) % R), R), mod(f * g, R)];
}

function multiply(point: Point, scalar: bigint): Point {
  let sum: Projective = [0n, 1n, 1n];
  let power: Projective = [point[0], point[1], 1n];
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) sum = add(sum, power);
    power = add(power, power);
  }
  return affine(sum);
}

function affine([x, y, z]: Projective): Point {
  const inverse = invert(z, R);
  return [mod(x * inverse, R), mod(y * inverse, R)];
}

function sumOf(a: Point, b: Point): Point {
  return affine(add([a[0], a[1], 1n], [b[0], b[1], 1n]));
}

function equal(a: Point, b: Point): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

/** Whether a point may be a public key: in the prime subgroup, and not the identity. */
export function isPublicKey(point: Point): boolean {
  return isOnCurve(point) && !equal(point, IDENTITY) && equal(multiply(point, L), IDENTITY);
}

/** What the account's leaf stores of a public key. */
export function keyHash(key: Point): bigint {
  return poseidonTagged("tandem/key/session", key);
}

/** Whether `signature` is one of `message` under `key`. */
export function verify(key: Point, message: bigint, { r8, s }: Signature): boolean {
  if (!isPublicKey(key) || !isOnCurve(r8) || s < 0n || s >= L || message < 0n || message >= R) return false;
  const challenge = poseidon([...r8, ...key, message]);
  return equal(multiply(GENERATOR, s), sumOf(r8, multiply(key, mod(challenge * 8n, L))));
}

/** A secret key of 32 secret bytes. */
export class SecretKey {
  readonly publicKey: Point;
  readonly #scalar: bigint;
  readonly #seed: Uint8Array;

  constructor(seed: Uint8Array) {
    if (seed.length !== 32) throw new RangeError("a seed has 32 bytes");
    this.#seed = seed.slice();
    this.#scalar = wideScalar("tandem/eddsa/scalar", this.#seed);
    this.publicKey = multiply(GENERATOR, this.#scalar);
  }

  /** Signs a field element; the same signature every time. */
  sign(message: bigint): Signature {
    if (message < 0n || message >= R) throw new RangeError("the message is not a field element");
    const nonce = wideScalar("tandem/eddsa/nonce", this.#seed, toBytes(message, 32));
    const r8 = multiply(GENERATOR, nonce);
    const challenge = poseidon([...r8, ...this.publicKey, message]);
    const s = mod(nonce + challenge * 8n * this.#scalar, L);
    const signature = { r8, s };
    // A fault while signing could give the key away.
    if (!verify(this.publicKey, message, signature)) throw new Error("the signature just made does not verify");
    return signature;
  }
}

// 512 bits of keccak modulo L, never zero.
function wideScalar(domain: string, ...parts: Uint8Array[]): bigint {
  const half = (index: number) => keccak_256(concat(ascii(domain), ...parts, Uint8Array.of(index)));
  for (let index = 0; index < 256; index += 2) {
    const scalar = fromBytes(concat(half(index), half(index + 1))) % L;
    if (scalar !== 0n) return scalar;
  }
  throw new Error("unreachable: 128 multiples of L in a row");
}
