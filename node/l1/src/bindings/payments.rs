//! The contracts of a payments chain, as Rust types. Twins: `ValiditySettlement.sol` with the libraries that it verifies with, `PaymentsBridge.sol`.

use super::{AppendArgs as OrderArgs, Checkpoint as OrderCheckpoint, OutputFields as OrderFields};
use alloy::sol;
use tandem_chain::OutputFields as ChainOutputFields;

sol! {
    #![sol(abi)]

    #[derive(Debug, PartialEq, Eq)]
    struct Checkpoint {
        uint64 number;
        uint64 timestamp;
        uint256 baseFee;
        uint256 blobBaseFee;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct AppendArgs {
        uint64 index;
        bytes32 parentContentHash;
        uint64 queueEnd;
        bytes32 queueHash;
        uint64 workGas;
        Checkpoint checkpoint;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct OutputFields {
        bytes32 configHash;
        bytes32 batchHash;
        bytes32 lastBlockHash;
        bytes32 stateRoot;
        bytes32 messageRoot;
        uint64 queueIndex;
    }

    /// What every slot of a batch shares (PAY-PUBLIC, env).
    #[derive(Debug, PartialEq, Eq)]
    struct BatchEnv {
        uint64 timestamp;
        address operator;
    }

    /// An Apply chunk with its proof.
    #[derive(Debug, PartialEq, Eq)]
    struct ApplyChunk {
        uint256 circuit;
        uint256 rootOut;
        uint256 countsOut;
        uint256 feeOut;
        uint256 dataDigest;
        uint256 valueDigest;
        uint256[3] evaluationsOut;
        uint256 product;
        uint256[8] proof;
    }

    /// An Authorise chunk with its proof.
    #[derive(Debug, PartialEq, Eq)]
    struct AuthoriseChunk {
        uint256 circuit;
        uint256 valueDigest;
        uint256 product;
        uint256[8] proof;
    }

    /// A leaf of the state tree (PAY-LEAF).
    #[derive(Debug, PartialEq, Eq)]
    struct Leaf {
        address account;
        address token;
        address nextAccount;
        address nextToken;
        uint64 nonce;
        uint128 balance;
        uint256 keyHash;
        uint256 sessionHash;
    }

    /// A withdrawal of a proven batch (PAY-WITHDRAWAL).
    #[derive(Debug, PartialEq, Eq)]
    struct Withdrawal {
        address recipient;
        address token;
        uint128 amount;
    }

    /// What is final on a payments chain (PAY-APPEND, PAY-OUTPUT, PAY-FREEZE).
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    contract ValiditySettlement {
        event BatchProven(
            uint64 indexed index, bytes32 indexed output, OutputFields fields, BatchEnv env, uint64 leafCount
        );
        event KeysStored(bytes32 indexed keysHash, address set);
        event Frozen(uint64 lastBatch, uint64 queueIndex);

        error ValiditySettlement_WrongAddress(address expected, address actual);
        error ValiditySettlement_OtherChainKind(uint8 kind);
        error ValiditySettlement_EscapeDelayOutOfRange(uint64 seconds_, uint64 min, uint64 max);
        error ValiditySettlement_NoticeTooShort(uint64 delaySeconds, uint256 neededSeconds);
        error ValiditySettlement_NotStarted(uint64 genesisTimestamp);
        error ValiditySettlement_Frozen(uint64 frozenAt);
        error ValiditySettlement_NotPlainAccount(address caller);
        error ValiditySettlement_NotSequencer(address caller);
        error ValiditySettlement_ForcedWithOperations(uint256 authoriseChunks);
        error ValiditySettlement_TimeOutOfRange(uint64 timestamp, uint64 min, uint64 max);
        error ValiditySettlement_OtherMessages(bytes32 expected, bytes32 actual);
        error ValiditySettlement_PartialRecord(uint256 segment, uint256 length);
        error ValiditySettlement_OffsetOutOfRange(uint256 segment, uint256 offset);
        error ValiditySettlement_NotFreezable(uint256 freezableAt);
        error ValiditySettlement_NothingUnproven();
        error ValiditySettlement_NotFinal(bytes32 batch);
        error Keys_Truncated();
        error Keys_NotAscending(uint256 circuit);
        error Keys_UnknownCircuit(uint256 circuit);
        error Keys_WrongInputCount(uint256 circuit, uint256 inputs);
        error Keys_Identity(uint256 circuit);
        error Keys_InvalidPoint(uint256 circuit);
        error Keys_NotDistinct(uint256 circuit);
        error Keys_IsGenerator(uint256 circuit);
        error Keys_SharedDelta(uint256 first, uint256 second);
        error Keys_NoApply();
        error Keys_NotStored();
        error Proof_NoApply();
        error Proof_NotApply(uint256 circuit);
        error Proof_NotAuthorise(uint256 circuit);
        error Proof_HeaderOutOfRange();
        error Proof_CountsOutOfRange(uint256 counts);
        error Proof_FeeOutOfRange(uint256 fee);
        error Proof_SegmentTooLong(uint256 segment);
        error Proof_CountsDiffer(uint256 counts, uint256 expected);
        error Proof_EvaluationDiffers(uint256 segment);
        error Proof_FeeLeft(uint256 fee);
        error Proof_ProductsDiffer(uint256 applied, uint256 authorised);
        error Proof_ProductZero();
        error Field_NotCanonical(uint256 scalar);
        error Field_PartialElement(uint256 length);
        error Groth16_Empty();
        error Groth16_NoKey(uint256 circuit);
        error Groth16_WrongInputCount(uint256 circuit, uint256 found);
        error Groth16_ZeroCoefficient(uint256 index);
        error Groth16_PrecompileFailed(uint256 precompile);
        error Groth16_InvalidProof();

        function storeKeys(bytes keys) external returns (address set);
        function append(
            AppendArgs args, BatchEnv env, bytes[3] segments, ApplyChunk[] applied, AuthoriseChunk[] authorised
        ) external;
        function freeze() external;

        function schedule() external view returns (address);
        function inbox() external view returns (address);
        function escapeDelaySeconds() external view returns (uint64);
        function stateTree() external view returns (address);
        function dom() external view returns (uint256);
        function stateRoot() external view returns (uint256);
        function leafCount() external view returns (uint64);
        function timestamp() external view returns (uint64);
        function frozenAt() external view returns (uint64);
        function keySetOf(bytes32 keysHash) external view returns (address);
        function freezableAt() external view returns (uint256);
        function isFrozen() external view returns (bool);
        function verifyLeaf(uint32 index, Leaf leaf, uint256[3][16] siblings) external view returns (bool);
        function verifyMessage(bytes32 output, uint64 index, bytes32 messageHash, bytes proof) external view returns (bool);
        function outputOf(uint64 batch) external view returns (bytes32);
        function finality(bytes32 claimId) external view returns (uint64 epoch, uint64 finalAt);
        function failedFrom() external pure returns (uint64);
        function MIN_ESCAPE_DELAY_SECONDS() external view returns (uint64);
        function MAX_ESCAPE_DELAY_SECONDS() external view returns (uint64);
    }

    /// The money of a payments chain (PAY-CLAIM, PAY-ESCAPE).
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    contract PaymentsBridge {
        event Deposited(uint64 indexed index, address indexed account, address indexed token, address from, uint128 amount);
        event WithdrawalForced(uint64 indexed index, address indexed account, address indexed token);
        event SessionKeySet(uint64 indexed index, address indexed account, uint256 keyHash);
        event Withdrawn(uint64 indexed index, address indexed recipient, address indexed token, uint128 amount, address to);
        event Escaped(uint32 indexed index, address indexed account, address indexed token, uint128 amount, address to);
        event Refunded(uint64 indexed index, address indexed account, address indexed token, uint128 amount, address to);
        event DepositsPaused(uint64 until, uint64 secondsLeft);
        event DepositsResumed(uint64 secondsLeft);
        event GuardianChanged(address indexed previous, address indexed current);

        error Bridge_WrongAddress(address expected, address actual);
        error Bridge_ZeroAddress();
        error Bridge_ZeroValue();
        error Bridge_NothingArrived(address token);
        error Bridge_NotFungible(address token);
        error Bridge_ContractMustNameRecipient(address sender);
        error Bridge_DepositsPaused(uint64 until);
        error Bridge_AlreadyExecuted(uint64 index);
        error Bridge_NotProven(bytes32 output, uint64 index);
        error Bridge_EscrowTooSmall(address token, uint256 escrow, uint256 amount);
        error Bridge_NotGuardian(address caller);
        error Bridge_NotOwner(address caller);
        error Bridge_AlreadyPaused(uint64 until);
        error Bridge_NotPaused();
        error Bridge_PauseTooLong(uint64 seconds_, uint64 secondsLeft);
        error Bridge_EscrowFull(address token, uint256 escrow, uint256 amount);
        error Bridge_NotPayee(address payee, address caller);
        error Bridge_NotAToken(address token);
        error Bridge_NotFrozen();
        error Bridge_OtherChainKind(uint8 kind);
        error Bridge_NotALeaf(uint32 index);
        error Bridge_AlreadyEscaped(uint32 index);
        error Bridge_NothingToPay();
        error Bridge_NotADeposit(uint64 index);
        error Bridge_AlreadyConsumed(uint64 index);
        error Bridge_AlreadyRefunded(uint64 index);
        error Bridge_PaymentFailed(address to, uint128 amount);

        function initialize(address guardian_, uint64 pauseSecondsLeft_) external;
        function depositETH(address account) external payable returns (uint64 index);
        function depositERC20(address token, address account, uint256 amount) external returns (uint64 index);
        function forceWithdrawal(address token) external returns (uint64 index);
        function setSessionKey(uint256 keyHash) external returns (uint64 index);
        function withdraw(bytes32 output, uint64 index, Withdrawal paid, bytes proof, address to) external;
        function escape(uint32 index, Leaf leaf, uint256[3][16] siblings, address to) external;
        function refundDeposit(uint64 index, address account, address token, uint128 amount, address to) external;
        function pauseDeposits(uint64 seconds_) external;
        function resumeDeposits() external;
        function setGuardian(address next) external;

        function schedule() external view returns (address);
        function inbox() external view returns (address);
        function settlement() external view returns (address);
        function isExecuted(uint64 index) external view returns (bool);
        function isEscaped(uint32 index) external view returns (bool);
        function isRefunded(uint64 index) external view returns (bool);
        function escrowOf(address token) external view returns (uint256);
        function guardian() external view returns (address);
        function pausedUntil() external view returns (uint64);
        function pauseSecondsLeft() external view returns (uint64);
        function MAX_PAUSE_SECONDS() external view returns (uint64);
        function SLOT_GAS() external view returns (uint64);
        function DEPOSIT_GAS() external view returns (uint64);
    }
}

// `sol!` knows only structs of its own block: those that cross into the order are copies.

impl From<OutputFields> for ChainOutputFields {
    fn from(fields: OutputFields) -> Self {
        let OutputFields { configHash, batchHash, lastBlockHash, stateRoot, messageRoot, queueIndex } = fields;
        OrderFields { configHash, batchHash, lastBlockHash, stateRoot, messageRoot, queueIndex }.into()
    }
}

impl From<ChainOutputFields> for OutputFields {
    fn from(fields: ChainOutputFields) -> Self {
        let OrderFields { configHash, batchHash, lastBlockHash, stateRoot, messageRoot, queueIndex } = fields.into();
        Self { configHash, batchHash, lastBlockHash, stateRoot, messageRoot, queueIndex }
    }
}

impl From<OrderArgs> for AppendArgs {
    fn from(args: OrderArgs) -> Self {
        let OrderArgs { index, parentContentHash, queueEnd, queueHash, workGas, checkpoint } = args;
        let OrderCheckpoint { number, timestamp, baseFee, blobBaseFee } = checkpoint;
        let checkpoint = Checkpoint { number, timestamp, baseFee, blobBaseFee };
        Self { index, parentContentHash, queueEnd, queueHash, workGas, checkpoint }
    }
}
