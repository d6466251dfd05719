//! The contracts that decide contested slots, as Rust types. Twins: `contracts/src/dispute`, `contracts/src/vm/Step.sol`.

use alloy::sol;

sol! {
    #![sol(abi)]

    /// Decides contested slots by tournaments (DISP-*).
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    contract Dispute {
        enum Verdict { None, Output, Failed }
        enum TournamentStatus { None, Open, Over, Dead }
        enum CommitmentStatus { None, Waiting, Playing, Fallen, Returned }
        enum Ending { Output, Trapped, Unhalted, BacksOne, BacksTwo }
        enum MatchStatus { None, Descending, Sealed }
        enum Outcome { OneWins, TwoWins, BothFall }

        struct Terms {
            uint32 allowanceSeconds;
            uint32 computeSeconds0;
            uint32 computeSeconds1;
            uint32 turnSeconds;
            uint32 sealedTurnSeconds;
            uint16 gasPriceCapGwei;
        }

        struct SlotDispute {
            bytes32 start;
            bytes32 output;
            address champion;
            uint32 round;
            Verdict verdict;
        }

        struct Children {
            bytes32 left;
            bytes32 right;
        }

        struct MatchRef {
            bytes32 tournament;
            bytes32 one;
            bytes32 two;
        }

        struct Turn {
            MatchStatus status;
            uint8 height;
            bool twoMoves;
            uint32 index;
            uint40 since;
            uint32 allowanceOne;
            uint32 allowanceTwo;
            uint48 spentOne;
            uint48 spentTwo;
        }

        struct Match {
            bytes32 node;
            bytes32 left;
            bytes32 right;
            Turn turn;
        }

        struct Commitment {
            bytes32 left;
            bytes32 right;
            bytes32 output;
            address joiner;
            uint32 allowance;
            uint8 rank;
            CommitmentStatus status;
            Ending ending;
        }

        struct Rank {
            bytes32 waiting;
            uint32 live;
        }

        event TournamentOpened(
            bytes32 indexed tournament, bytes32 indexed parent, uint8 level, bytes32 start, uint256 startsAt, uint256 closesAt
        );
        event CommitmentJoined(
            bytes32 indexed tournament, bytes32 indexed root, address indexed joiner, Ending ending, bytes32 output, uint32 allowance
        );
        event MatchBegan(bytes32 indexed tournament, bytes32 one, bytes32 two, uint256 rank);
        event MatchAdvanced(bytes32 indexed tournament, bytes32 indexed matchId, uint8 height);
        event MatchSealed(
            bytes32 indexed tournament, bytes32 indexed matchId, uint256 index, bytes32 agreed, bytes32 contestedOne, bytes32 contestedTwo
        );
        event MatchEnded(bytes32 indexed tournament, bytes32 indexed matchId, Outcome result, uint256 burnedGwei);
        event BondReturned(bytes32 indexed tournament, bytes32 indexed root, address indexed joiner, uint256 amount);
        event SlotJudged(bytes32 indexed slotId, Verdict verdict, bytes32 output, address champion);
        event TournamentDied(bytes32 indexed tournament);
        event Withdrawn(address indexed account, address indexed to, uint256 amount);

        error Clock_Out(uint256 deadline);
        error Commitment_WrongPath(bytes32 expected, bytes32 actual);
        error Dispute_Alive(bytes32 tournament);
        error Dispute_AlreadyJoined(bytes32 tournament, bytes32 root);
        error Dispute_AlreadyOpen(bytes32 slotId);
        error Dispute_InTime(bytes32 tournament, bytes32 matchId);
        error Dispute_Judged(bytes32 slotId);
        error Dispute_NoMachine(address machine);
        error Dispute_NoMatch(bytes32 tournament, bytes32 matchId);
        error Dispute_NotDead(bytes32 tournament, TournamentStatus status);
        error Dispute_NotOpen(bytes32 tournament, TournamentStatus status);
        error Dispute_NotPlayable(bytes32 slotId);
        error Dispute_OtherJudge(bytes32 slotId, address dispute);
        error Dispute_SealInstead(bytes32 tournament, bytes32 matchId);
        error Dispute_Unopened(bytes32 slotId);
        error Dispute_WrongBond(uint256 sent, uint256 needed);
        error Dispute_WrongEnding(bytes32 last);
        error Dispute_WrongLevel(bytes32 tournament, uint8 level);
        error Match_NotDescending(MatchStatus status);
        error Match_NotSealed(MatchStatus status);
        error Match_WrongAgreed(bytes32 expected, bytes32 actual);
        error Match_WrongAgreedPath(bytes32 root);
        error Match_WrongHeight(uint8 actual, uint8 given);
        error Match_WrongNode(bytes32 expected, bytes32 actual);
        error Purse_NoCredit(address account);
        error Purse_PayoutFailed(address to);
        error Terms_OutOfRange(Terms terms);
        error Tournament_Joining(uint256 closesAt);
        error Tournament_NoBye(uint64 waitingRanks, uint64 liveRanks);
        error Tournament_NobodyWaits(uint256 rank);
        error Tournament_Unfinished(uint64 waitingRanks, uint64 liveRanks);
        error Tree_PathLength(uint256 actual, uint256 expected);

        function open(bytes32 slotId) external;
        function join(bytes32 id, Children children, bytes lastState, bytes32[] path) external payable;
        function joinInner(bytes32 id, Children children, bytes32 last, bytes32[] path) external payable;
        function advance(MatchRef ref, uint8 height, Children opened, Children next) external;
        function seal(MatchRef ref, Children opened, bytes32 agreed, bytes32[] path) external;
        function step(MatchRef ref, bytes witness) external;
        function timeout(MatchRef ref) external;
        function propagate(MatchRef ref) external;
        function bye(bytes32 id) external;
        function decide(bytes32 slotId) external;
        function kill(bytes32 id) external;
        function reclaimWaiting(bytes32 id, uint8 rank) external;
        function reclaimMatch(MatchRef ref) external;
        function withdraw(address to) external;

        function settlement() external view returns (address);
        function machine() external view returns (address);
        function allowanceSeconds() external view returns (uint32);
        function computeSeconds0() external view returns (uint32);
        function computeSeconds1() external view returns (uint32);
        function turnSeconds() external view returns (uint32);
        function sealedTurnSeconds() external view returns (uint32);
        function gasPriceCapGwei() external view returns (uint16);
        function claimWindowSecondsMin() external view returns (uint32);
        function claimBondMin() external view returns (uint128);
        function bondOf(uint8 level) external view returns (uint256);
        function creditOf(address account) external view returns (uint256);
        function verdictOf(bytes32 slotId) external view returns (Verdict verdict, bytes32 output, address champion);
        function slotDisputeOf(bytes32 slotId) external view returns (SlotDispute memory);
        function tournamentIdOf(bytes32 slotId, uint256 round) external pure returns (bytes32);
        function innerIdOf(bytes32 tournament, bytes32 matchId) external pure returns (bytes32);
        function tournamentOf(bytes32 id) external view returns (
            TournamentStatus status, uint8 level, bytes32 parent, bytes32 matchId, uint256 startsAt, uint256 closesAt, uint64 waitingRanks,
            uint64 liveRanks
        );
        function rankOf(bytes32 id, uint8 rank) external view returns (Rank memory place);
        function commitmentOf(bytes32 id, bytes32 root) external view returns (Commitment memory);
        function matchOf(MatchRef ref) external view returns (Match memory);
    }

    /// One step of the machine on L1 (VM-4, VM-8).
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    contract Step {
        error Step_Length(uint256 actual);
        error Step_StateHash(bytes32 actual);
        error Step_Malformed();
        error Step_CodeProof(bytes32 actual);
        error Step_MemoryProof(bytes32 actual);
        error Step_Key(bytes32 actual);
        error Step_BlobIndex(uint256 index);
        error Step_PointEvaluation();

        function step(bytes32 stateHash, bytes witness) external view returns (bytes32 next);
        function initialState(bytes32 memoryRoot, bytes32 previousOutput, bytes32 firstBatchHash, bytes32 lastBatchHash)
            external pure returns (bytes32 stateHash);
        function readState(bytes packed) external pure returns (bytes32 stateHash, bool exited, uint64 exitCode, bytes32 output);
    }
}

impl Dispute::MatchRef {
    /// The match's name within its tournament; twin: `Matches.id`.
    pub fn id(&self) -> alloy::primitives::B256 {
        match_id(self.one, self.two)
    }
}

/// The name of a match within its tournament, by its two roots (DISP-OPEN-2).
pub fn match_id(one: alloy::primitives::B256, two: alloy::primitives::B256) -> alloy::primitives::B256 {
    alloy::primitives::keccak256([one.as_slice(), two.as_slice()].concat())
}
