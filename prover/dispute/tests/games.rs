//! A sample of the simulated games, call by call, for the contracts to play: `tests/vectors/dispute`, read by `contracts/test/dispute/Games.t.sol`.
//!
//! The machine is a real one, so the contracts' own step decides. A file is a game: every call with its time, caller, bond and data, the error that
//! refuses it or none, and a digest of what holds afterwards. Regenerating must change nothing: the test compares, and writes only when
//! `TANDEM_WRITE_VECTORS` is set.

use std::{collections::BTreeMap, fs, path::PathBuf};

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use alloy_sol_types::{SolCall, sol};
use serde_json::{Value, json};
use tandem_dispute::{
    Act, Caller, Children, CommitmentStatus, Dispute, DisputeError, Ending, MatchRef, MatchStatus, Side,
    TournamentStatus,
    sim::{ADVERSARY, HONEST, Machine, Manner, Occasion, Setup, Theft, play},
};
use tandem_vm::{
    asm::{self, ECALL, reg},
    key::OracleKey,
    oracle::PreimageMap,
    reference::Reference,
    state::State,
};

sol! {
    struct SolRef { bytes32 tournament; bytes32 one; bytes32 two; }
    struct SolChildren { bytes32 left; bytes32 right; }
    function join(bytes32 id, SolChildren children, bytes lastState, bytes32[] path) external payable;
    function joinInner(bytes32 id, SolChildren children, bytes32 last, bytes32[] path) external payable;
    function advance(SolRef of, uint8 height, SolChildren opened, SolChildren next) external;
    function seal(SolRef of, SolChildren opened, bytes32 agreed, bytes32[] path) external;
    function step(SolRef of, bytes witness) external;
    function timeout(SolRef of) external;
    function propagate(SolRef of) external;
    function bye(bytes32 id) external;
    function decide(bytes32 slot) external;
    function kill(bytes32 id) external;
    function reclaimWaiting(bytes32 id, uint8 rank) external;
    function reclaimMatch(SolRef of) external;
    function withdraw(address to) external;
}

const SLOT: B256 = B256::repeat_byte(0x51);

/// A program that stores, loads, reads its inputs by hash, says an output, and exits; with every state and witness of its run.
struct Real {
    machine: Machine,
    guest_hash: B256,
    inputs: [B256; 3],
    packed: BTreeMap<B256, Vec<u8>>,
    witnesses: BTreeMap<B256, Vec<u8>>,
}

fn program() -> Vec<u32> {
    let mut words = vec![
        asm::u(0x37, reg::T0, 0x20000),
        asm::addi(reg::T1, reg::ZERO, 7),
        asm::s(3, reg::T0, reg::T1, 0),
        asm::i(0x03, 3, reg::A0, reg::T0, 0),
        asm::addi(reg::A7, reg::ZERO, 1001),
        ECALL,
        asm::addi(reg::A7, reg::ZERO, 1003),
        ECALL,
    ];
    words.extend(asm::exit(0));
    words
}

fn real(liars: u64) -> Real {
    let inputs = [1, 2, 3].map(B256::repeat_byte);
    let image = asm::image(&program()).unwrap();
    let mut oracle = PreimageMap::default();
    oracle.insert(&inputs.map(|word| word.0).concat());
    let mut reference = Reference::new(&image, OracleKey::inputs(inputs[0], inputs[1], inputs[2]));
    let (mut states, mut packed, mut witnesses) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    loop {
        let hash = reference.state.hash();
        states.push(hash);
        packed.insert(hash, reference.state.pack().to_vec());
        let is_halted = reference.state.exited;
        witnesses.insert(hash, reference.step(&mut oracle).unwrap().0);
        if is_halted {
            break;
        }
    }
    let output = reference.state.result().expect("the program exits with 0");
    let lies = (0..liars)
        .map(|liar| {
            let mut invented = State::initial(B256::repeat_byte(liar as u8 + 0x10), OracleKey(B256::ZERO));
            invented.exited = liar % 3 != 2;
            invented.exit_code = if liar % 3 == 1 { 101 } else { 0 };
            invented.output = B256::repeat_byte(liar as u8 + 0x90);
            packed.insert(invented.hash(), invented.pack().to_vec());
            let ending = match liar % 3 {
                0 => Ending::Output(invented.output),
                1 => Ending::Trapped,
                _ => Ending::Unhalted,
            };
            (invented.hash(), ending)
        })
        .collect();
    let machine = Machine::new(states, Ending::Output(output), lies);
    Real { machine, guest_hash: image.memory_root(), inputs, packed, witnesses }
}

fn sol_ref(of: &MatchRef) -> SolRef {
    SolRef { tournament: of.tournament, one: of.one, two: of.two }
}

const fn sol_children(children: &Children) -> SolChildren {
    SolChildren { left: children.left, right: children.right }
}

impl Real {
    fn calldata(&self, act: &Act) -> Vec<u8> {
        match act {
            Act::Join { id, joining, .. } => joinCall {
                id: *id,
                children: sol_children(&joining.children),
                lastState: self.packed[&joining.last].clone().into(),
                path: joining.path.clone(),
            }
            .abi_encode(),
            Act::JoinInner { id, joining } => joinInnerCall {
                id: *id,
                children: sol_children(&joining.children),
                last: joining.last,
                path: joining.path.clone(),
            }
            .abi_encode(),
            Act::Advance { of, height, opened, next } => {
                advanceCall { of: sol_ref(of), height: *height, opened: sol_children(opened), next: sol_children(next) }
                    .abi_encode()
            }
            Act::Seal { of, opened, agreed, path } => {
                sealCall { of: sol_ref(of), opened: sol_children(opened), agreed: *agreed, path: path.clone() }
                    .abi_encode()
            }
            Act::Step { of, agreed, .. } => {
                stepCall { of: sol_ref(of), witness: self.witnesses[agreed].clone().into() }.abi_encode()
            }
            Act::Timeout { of } => timeoutCall { of: sol_ref(of) }.abi_encode(),
            Act::Propagate { of } => propagateCall { of: sol_ref(of) }.abi_encode(),
            Act::Bye { id } => byeCall { id: *id }.abi_encode(),
            Act::Decide => decideCall { slot: SLOT }.abi_encode(),
            Act::Kill { id, .. } => killCall { id: *id }.abi_encode(),
            Act::ReclaimWaiting { id, rank } => reclaimWaitingCall { id: *id, rank: *rank }.abi_encode(),
            Act::ReclaimMatch { of } => reclaimMatchCall { of: sol_ref(of) }.abi_encode(),
            Act::Withdraw { account } => withdrawCall { to: *account }.abi_encode(),
        }
    }
}

/// The match that a call is about, or its tournament and the root that joins it.
fn place_of(act: &Act, dispute: &Dispute) -> MatchRef {
    match act {
        Act::Join { id, joining, .. } | Act::JoinInner { id, joining } => {
            MatchRef { tournament: *id, one: joining.children.node(), two: B256::ZERO }
        }
        Act::Advance { of, .. }
        | Act::Seal { of, .. }
        | Act::Step { of, .. }
        | Act::Timeout { of }
        | Act::Propagate { of }
        | Act::ReclaimMatch { of } => *of,
        Act::Bye { id } | Act::Kill { id, .. } | Act::ReclaimWaiting { id, .. } => {
            MatchRef { tournament: *id, one: B256::ZERO, two: B256::ZERO }
        }
        Act::Decide | Act::Withdraw { .. } => {
            MatchRef { tournament: dispute.round_id(), one: B256::ZERO, two: B256::ZERO }
        }
    }
}

/// What holds at a place, as words: the tournament, the match, the two commitments, the credits. Twin: `Games.t.sol`.
fn digest(dispute: &Dispute, of: &MatchRef) -> B256 {
    let tournament = dispute.tournament(of.tournament).expect("calls are about tournaments that exist");
    let status = match tournament.status {
        TournamentStatus::Open => 1,
        TournamentStatus::Over => 2,
        TournamentStatus::Dead => 3,
    };
    let mut words: Vec<U256> = [
        status,
        u64::from(tournament.level()),
        tournament.starts_at,
        tournament.closes_at,
        tournament.waiting_ranks(),
        tournament.live_ranks(),
    ]
    .map(U256::from)
    .to_vec();
    match tournament.matches.get(of) {
        Some(game) => {
            words.extend([game.node, game.others.left, game.others.right].map(|node| U256::from_be_bytes(node.0)));
            let status = if game.status == MatchStatus::Descending { 1 } else { 2 };
            let turn = u64::from(game.turn == Side::Two);
            let [one, two] = game.allowances.map(u64::from);
            words.extend([status, u64::from(game.height), turn, game.index, game.since, one, two].map(U256::from));
        }
        None => words.extend([U256::ZERO; 10]),
    }
    for root in [of.one, of.two] {
        match tournament.commitments.get(&root) {
            Some(found) => {
                let status = match found.status {
                    CommitmentStatus::Waiting => 1,
                    CommitmentStatus::Playing => 2,
                    CommitmentStatus::Fallen => 3,
                    CommitmentStatus::Returned => 4,
                };
                let (ending, output) = match found.ending {
                    Ending::Output(output) => (0, output),
                    Ending::Trapped => (1, B256::ZERO),
                    Ending::Unhalted => (2, B256::ZERO),
                    Ending::BacksOne => (3, B256::ZERO),
                    Ending::BacksTwo => (4, B256::ZERO),
                };
                let numbers = [status, ending, u64::from(found.rank), u64::from(found.allowance)];
                words.extend(numbers.map(U256::from));
                words.push(U256::from_be_bytes(output.0));
            }
            None => words.extend([U256::ZERO; 5]),
        }
    }
    words.extend([HONEST, ADVERSARY].map(|account| U256::from(dispute.credit_of(account))));
    keccak256(words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect::<Vec<u8>>())
}

/// The contract's error, by its signature.
fn selector(error: &DisputeError) -> String {
    let signature = match error {
        DisputeError::ClockOut { .. } => "Clock_Out(uint256)",
        DisputeError::NotOpen { .. } => "Dispute_NotOpen(bytes32,uint8)",
        DisputeError::NoMatch { .. } => "Dispute_NoMatch(bytes32,bytes32)",
        DisputeError::InTime => "Dispute_InTime(bytes32,bytes32)",
        DisputeError::NotDescending => "Match_NotDescending(uint8)",
        DisputeError::NotSealed => "Match_NotSealed(uint8)",
        DisputeError::WrongHeight { .. } => "Match_WrongHeight(uint8,uint8)",
        DisputeError::WrongNode { .. } => "Match_WrongNode(bytes32,bytes32)",
        DisputeError::WrongLevel { .. } => "Dispute_WrongLevel(bytes32,uint8)",
        DisputeError::AlreadyJoined { .. } => "Dispute_AlreadyJoined(bytes32,bytes32)",
        DisputeError::Joining { .. } => "Tournament_Joining(uint256)",
        DisputeError::NoBye { .. } => "Tournament_NoBye(uint64,uint64)",
        DisputeError::Unfinished { .. } => "Tournament_Unfinished(uint64,uint64)",
        DisputeError::Judged => "Dispute_Judged(bytes32)",
        DisputeError::Alive { .. } => "Dispute_Alive(bytes32)",
        DisputeError::NotDead { .. } => "Dispute_NotDead(bytes32,uint8)",
        DisputeError::NobodyWaits { .. } => "Tournament_NobodyWaits(uint256)",
        other => panic!("no game has this: {other}"),
    };
    hex::encode_prefixed(&keccak256(signature)[..4])
}

/// The columns of a file.
#[derive(Default)]
struct Game {
    is_dead: bool,
    burned_gwei: u64,
    times: Vec<u64>,
    honest: Vec<bool>,
    /// Whether the settlement says by then that the slot is about nothing.
    died: Vec<bool>,
    bonds: Vec<u64>,
    calls: Vec<String>,
    errors: Vec<String>,
    places: Vec<MatchRef>,
    digests: Vec<B256>,
}

impl Game {
    fn push(
        &mut self,
        real: &Real,
        now: u64,
        act: &Act,
        account: Address,
        error: Option<DisputeError>,
        after: &Dispute,
    ) {
        let place = place_of(act, after);
        self.times.push(now);
        self.honest.push(account == HONEST);
        self.died.push(self.is_dead);
        self.bonds.push(match act {
            Act::Join { .. } => after.terms().bond_gwei(0),
            Act::JoinInner { .. } => after.terms().bond_gwei(1),
            _ => 0,
        });
        self.calls.push(hex::encode_prefixed(real.calldata(act)));
        self.errors.push(error.as_ref().map_or_else(String::new, selector));
        self.places.push(place);
        self.digests.push(digest(after, &place));
    }

    /// The call as it was made, and some that are refused then: the same again, a timeout, a decision.
    fn record(
        &mut self,
        real: &Real,
        now: u64,
        act: &Act,
        account: Address,
        error: Option<DisputeError>,
        after: &Dispute,
    ) {
        // Nobody can tell before somebody stops a tournament.
        self.burned_gwei = after.burned_gwei();
        self.is_dead |= matches!(act, Act::Kill { .. });
        self.push(real, now, act, account, error, after);
        let mut attempts = Vec::new();
        if self.calls.len().is_multiple_of(13) {
            let id = after.round_id();
            attempts.push(Act::Kill { id, is_playable: !self.is_dead });
            attempts.push(Act::ReclaimWaiting { id, rank: 0 });
        }
        if let Act::Advance { of, .. } | Act::Seal { of, .. } | Act::ReclaimMatch { of } = act
            && self.calls.len().is_multiple_of(3)
        {
            attempts.push(Act::ReclaimMatch { of: *of });
        }
        if self.calls.len().is_multiple_of(5) {
            attempts.push(act.clone());
        }
        if let Act::Advance { of, .. } | Act::Seal { of, .. } | Act::Step { of, .. } = act
            && self.calls.len().is_multiple_of(7)
        {
            attempts.push(Act::Timeout { of: *of });
            attempts.push(Act::Propagate { of: *of });
            attempts.push(Act::Bye { id: of.tournament });
        }
        if self.calls.len().is_multiple_of(11) && after.verdict().is_none() {
            attempts.push(Act::Decide);
        }
        for attempt in attempts {
            let caller = Caller { account: ADVERSARY, refund_gwei: 0 };
            if let Err(error) = attempt.apply(&mut after.clone(), now, caller) {
                self.push(real, now, &attempt, ADVERSARY, Some(error), after);
            }
        }
    }

    fn json(&self, real: &Real, setup: &Setup) -> Value {
        let text = |words: &mut dyn Iterator<Item = B256>| words.map(|word| word.to_string()).collect::<Vec<_>>();
        let roots = |of: fn(&MatchRef) -> B256| text(&mut self.places.iter().map(of));
        json!({
            "seed": setup.seed,
            "burned_gwei": self.burned_gwei,
            "died": self.died,
            "guest_hash": real.guest_hash.to_string(),
            "inputs": text(&mut real.inputs.into_iter()),
            "times": self.times,
            "honest": self.honest,
            "bonds_gwei": self.bonds,
            "calls": self.calls,
            "errors": self.errors,
            "tournaments": roots(|of| of.tournament),
            "ones": roots(|of| of.one),
            "twos": roots(|of| of.two),
            "digests": text(&mut self.digests.iter().copied()),
        })
    }
}

/// Opponents and seeds of the sample with random adversaries.
const SAMPLE: [(u64, u64); 10] = [(1, 0), (1, 1), (1, 2), (1, 4), (1, 5), (2, 2), (2, 3), (3, 5), (3, 7), (4, 4)];
const HOUR: u64 = 3_600;

fn random(opponents: u64, seed: u64) -> (String, Setup) {
    let setup = Setup {
        seed,
        opponents,
        inner_sybils: seed % 2,
        manner: if seed % 3 == 2 { Manner::Draining } else { Manner::Mixed },
        censorship_seconds: if seed.is_multiple_of(2) { 7 * 86_400 } else { 0 },
        silence: None,
        theft: None,
        dies_after_seconds: None,
        reorganises: false,
        gas_price_gwei: 0,
    };
    (format!("game-{opponents}-{seed}.json"), setup)
}

/// Games with a purpose: all censorship at once, every act in the last second, stolen roots, and slots that die while matches are played.
fn purposes() -> Vec<(String, Setup)> {
    let game = |name: &str, opponents: u64, change: &dyn Fn(&mut Setup)| {
        let (_, mut setup) = random(opponents, 100 + opponents);
        change(&mut setup);
        (format!("game-{name}.json"), setup)
    };
    vec![
        game("slowest", 2, &|setup| (setup.manner, setup.inner_sybils) = (Manner::Slowest, 2)),
        game("last-second", 2, &|setup| setup.manner = Manner::LastSecond),
        game("meeting", 3, &|setup| setup.manner = Manner::Meeting),
        game("silent-inside", 1, &|setup| {
            (setup.censorship_seconds, setup.silence) = (7 * 86_400, Some(Occasion::TurnInside));
        }),
        game("silent-proof", 1, &|setup| {
            (setup.censorship_seconds, setup.silence) = (7 * 86_400, Some(Occasion::Proof));
            setup.manner = Manner::Slowest;
        }),
        game("stolen-first", 2, &|setup| setup.theft = Some(Theft::First)),
        game("stolen-last", 1, &|setup| setup.theft = Some(Theft::Last)),
        game("dead-outside", 3, &|setup| setup.dies_after_seconds = Some(8 * HOUR)),
        game("dead-inside", 1, &|setup| {
            (setup.manner, setup.inner_sybils) = (Manner::Slowest, 2);
            (setup.dies_after_seconds, setup.censorship_seconds) = (Some(240 * HOUR), 0);
        }),
    ]
}

fn games() -> impl Iterator<Item = (String, Value, Vec<String>)> {
    let setups = SAMPLE.map(|(opponents, seed)| random(opponents, seed)).into_iter().chain(purposes());
    setups.map(|(name, setup)| {
        let real = real(setup.opponents);
        let mut game = Game::default();
        play(&real.machine, setup, &mut |now, act, account, result, after| {
            game.record(&real, now, act, account, result.err(), after);
        });
        (name, game.json(&real, &setup), game.errors)
    })
}

#[test]
fn committed_games_are_what_this_code_plays() {
    let directory: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../tests/vectors/dispute"].iter().collect();
    let mut kinds = std::collections::BTreeSet::new();
    for (name, fresh, errors) in games() {
        kinds.extend(errors);
        let text = serde_json::to_string_pretty(&fresh).unwrap() + "\n";
        let path = directory.join(&name);
        if std::env::var_os("TANDEM_WRITE_VECTORS").is_some() {
            fs::create_dir_all(&directory).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(found == text, "{name} differs from what this code writes");
    }
    assert!(kinds.len() > 7, "few kinds of refusal are in the games: {kinds:?}");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), games().count(), "a file that nobody writes");
}
