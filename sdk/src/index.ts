// Session keys of the Tandem payments chain (docs/spec/session-keys.md).

export { type Point, SecretKey, type Signature, isPublicKey, keyHash, verify } from "./eddsa.js";
export { type SessionKeyRequest, type SignText, deriveSessionKey, sessionKey, sessionKeyDigest, sessionKeyText } from "./session.js";
export {
  type Chain,
  Kind,
  type Operation,
  SESSION_TX_TYPE,
  type SignedTransaction,
  domain,
  operationHash,
  signOperation,
} from "./transaction.js";
