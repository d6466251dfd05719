// Transactions signed by session keys. Twin: chain/payments/src/eddsa/envelope.rs.

import { keccak_256 } from "@noble/hashes/sha3.js";
import { type SecretKey, type Signature, type Point } from "./eddsa.js";
import { concat, fromBytes, fromHex, toBytes, toHex } from "./field.js";
import { poseidonTagged } from "./poseidon.js";

/** The envelope's type byte (EIP-2718). */
export const SESSION_TX_TYPE = 0x73;

/** Operations that a session key may sign. */
export const Kind = { transfer: 2, tokenTransfer: 3, withdrawEth: 5, withdrawToken: 6 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

const ZERO_ADDRESS = "0x" + "00".repeat(20);

/** An operation as it is signed. Addresses in hexadecimal, amounts in wei or the token's unit. */
export interface Operation {
  readonly kind: Kind;
  readonly sender: string;
  /** The nonce of the sender's account. */
  readonly nonce: bigint;
  /** The token on L1, for kinds that move one. */
  readonly token?: string;
  /** Who receives, on the chain or on L1. */
  readonly recipient: string;
  readonly amount: bigint;
  readonly gasLimit: bigint;
  readonly maxFeePerGas: bigint;
  /** The last timestamp at which it may be applied, in seconds. */
  readonly expiry: bigint;
}

/** A chain, as signatures name it. */
export interface Chain {
  readonly chainId: bigint;
  /** 32 bytes in hexadecimal. */
  readonly genesisHash: string;
}

/** A signed transaction, ready for `eth_sendRawTransaction`. */
export interface SignedTransaction {
  readonly raw: string;
  readonly hash: string;
  readonly operationHash: bigint;
  readonly signature: Signature;
}

/** The signing domain of a chain. */
export function domain({ chainId, genesisHash }: Chain): bigint {
  return fromBytes(keccak_256(concat(toBytes(chainId, 32), fromHex(genesisHash, 32))).subarray(1));
}

function checked(value: bigint, bits: number, name: string): bigint {
  if (value < 0n || value >> BigInt(bits) !== 0n) throw new RangeError(`${name} does not fit ${bits} bits`);
  return value;
}

function tokenOf(operation: Operation): string {
  const takesToken = operation.kind === Kind.tokenTransfer || operation.kind === Kind.withdrawToken;
  if (!takesToken && operation.kind !== Kind.transfer && operation.kind !== Kind.withdrawEth) {
    throw new TypeError("session keys do not sign this kind");
  }
  const token = operation.token ?? ZERO_ADDRESS;
  if (takesToken === (fromBytes(fromHex(token, 20)) === 0n)) throw new TypeError("the token does not go with the kind");
  return token;
}

/** What is signed: the operation hash in the chain's domain (PAY-OPHASH). */
export function operationHash(chain: Chain, operation: Operation): bigint {
  const address = (hex: string) => fromBytes(fromHex(hex, 20));
  const u64 = (value: bigint, name: string) => checked(value, 64, name);
  return poseidonTagged("tandem/operation", [
    domain(chain),
    address(operation.sender) | (u64(operation.nonce, "nonce") << 160n),
    address(tokenOf(operation)) | (BigInt(operation.kind) << 160n) | (u64(operation.gasLimit, "gasLimit") << 168n),
    address(operation.recipient) | (u64(operation.expiry, "expiry") << 160n),
    checked(operation.amount, 128, "amount") | (u64(operation.maxFeePerGas, "maxFeePerGas") << 128n),
    0n,
  ]);
}

/** Signs an operation for a chain. */
export function signOperation(chain: Chain, operation: Operation, key: SecretKey): SignedTransaction {
  const hash = operationHash(chain, operation);
  const signature = key.sign(hash);
  const raw = encode(chain, operation, key.publicKey, signature);
  return { raw: toHex(raw), hash: toHex(keccak_256(raw)), operationHash: hash, signature };
}

function encode(chain: Chain, operation: Operation, key: Point, { r8, s }: Signature): Uint8Array {
  const items = [
    rlpInteger(checked(chain.chainId, 64, "chainId")),
    rlpBytes(fromHex(operation.sender, 20)),
    rlpInteger(operation.nonce),
    rlpInteger(BigInt(operation.kind)),
    rlpBytes(fromHex(tokenOf(operation), 20)),
    rlpBytes(fromHex(operation.recipient, 20)),
    rlpInteger(operation.amount),
    rlpInteger(operation.gasLimit),
    rlpInteger(operation.maxFeePerGas),
    rlpInteger(operation.expiry),
    ...[...key, ...r8, s].map(rlpInteger),
  ];
  const payload = concat(...items);
  return concat(Uint8Array.of(SESSION_TX_TYPE), rlpHeader(0xc0, payload.length), payload);
}

function rlpHeader(base: number, length: number): Uint8Array {
  if (length < 56) return Uint8Array.of(base + length);
  const size = length < 256 ? 1 : 2;
  return concat(Uint8Array.of(base + 55 + size), toBytes(BigInt(length), size));
}

function rlpBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 1 && bytes[0]! < 0x80) return bytes;
  return concat(rlpHeader(0x80, bytes.length), bytes);
}

function rlpInteger(value: bigint): Uint8Array {
  return rlpBytes(toBytes(value, value === 0n ? 0 : Math.ceil(value.toString(16).length / 2)));
}
