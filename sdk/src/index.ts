// The Tandem payments chain for users: session keys (docs/spec/session-keys.md), and a client that sends with them.

export { type Point, SecretKey, type Signature, isPublicKey, keyHash, verify } from "./eddsa.js";
export {
  type Call,
  type ClientOptions,
  MAX_FEE_PER_GAS,
  PaymentsClient,
  type Receipt,
  type SendOptions,
  type Sender,
  type Sent,
  type TransactionStatus,
  type WaitOptions,
} from "./client.js";
export {
  ChainEndedError,
  DroppedError,
  MalformedAnswerError,
  NodeError,
  PaymentsError,
  PriceError,
  UncertainError,
  UnreachableError,
  WaitTimeoutError,
  WrongChainError,
} from "./errors.js";
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
