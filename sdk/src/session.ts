// A session key out of one wallet signature. Twin: chain/payments/src/eddsa/session.rs.

import { keccak_256 } from "@noble/hashes/sha3.js";
import { SecretKey } from "./eddsa.js";
import { ascii, concat, fromBytes, fromHex, toBytes } from "./field.js";

/** Which key is asked for. */
export interface SessionKeyRequest {
  /** Chain id of the payments chain. */
  readonly chainId: bigint;
  /** Hash of its genesis, 32 bytes in hexadecimal. */
  readonly genesisHash: string;
  /** The account, 20 bytes in hexadecimal. */
  readonly account: string;
  /** Number of the key, below 2^32. */
  readonly index: number;
}

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** The text that the wallet shows and signs (`personal_sign`). */
export function sessionKeyText(request: SessionKeyRequest): string {
  const { chainId, genesisHash, account, index } = request;
  if (chainId < 0n || chainId >> 64n !== 0n) throw new RangeError("the chain id does not fit 64 bits");
  if (!Number.isInteger(index) || index < 0 || index >= 2 ** 32) throw new RangeError("the key number does not fit 32 bits");
  fromHex(genesisHash, 32);
  fromHex(account, 20);
  return (
    "Tandem session key\n\n" +
    "Whoever has this signature can spend from your account. Sign it only in a wallet or page you trust with that.\n\n" +
    `Chain: ${chainId}\nGenesis: ${genesisHash.toLowerCase()}\nAccount: ${account.toLowerCase()}\nKey: ${index}`
  );
}

/** The digest that the wallet signs (EIP-191). */
export function sessionKeyDigest(request: SessionKeyRequest): Uint8Array {
  const text = ascii(sessionKeyText(request));
  return keccak_256(concat(ascii(`\x19Ethereum Signed Message:\n${text.length}`), text));
}

/** The key of a wallet signature (r, s, v) over the request's text. Both forms of s give the same key. */
export function sessionKey(request: SessionKeyRequest, walletSignature: string): SecretKey {
  const bytes = fromHex(walletSignature, 65);
  const [r, s] = [fromBytes(bytes.subarray(0, 32)), fromBytes(bytes.subarray(32, 64))];
  if (r === 0n || r >= ORDER || s === 0n || s >= ORDER) throw new RangeError("r or s of the wallet signature is out of range");
  const lowS = s > ORDER / 2n ? ORDER - s : s;
  const seed = concat(ascii("tandem/session-key"), sessionKeyDigest(request), toBytes(r, 32), toBytes(lowS, 32));
  return new SecretKey(keccak_256(seed));
}

/** What signs a text with the account's Ethereum key: a wallet's `personal_sign`. */
export type SignText = (text: string) => Promise<string>;

/**
 * Asks a wallet for the key, twice: a wallet that signs at random would give a key that can never be had again.
 */
export async function deriveSessionKey(request: SessionKeyRequest, signText: SignText): Promise<SecretKey> {
  const text = sessionKeyText(request);
  const first = sessionKey(request, await signText(text));
  const second = sessionKey(request, await signText(text));
  if (first.publicKey[0] !== second.publicKey[0] || first.publicKey[1] !== second.publicKey[1]) {
    throw new Error("the wallet does not sign deterministically: its session key could not be recovered");
  }
  return first;
}
