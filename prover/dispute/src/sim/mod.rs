//! Seeded games of one honest party against adversaries who join, move, drain clocks and fall silent as they like, on an L1 that delays the honest
//! party and reorganises.
//!
//! Time jumps from act to act. Every duty (a turn, a join, a call that cleans up) is given a time when it arises: the honest party's within its grace, later
//! only by what censorship takes from its budget; an adversary's by its manner. After every act the invariants of `docs/spec/dispute.md` are checked.

mod act;
mod duties;
mod machine;
mod rng;

use std::collections::{BTreeMap, VecDeque};

use alloy_primitives::{Address, B256};

pub use act::Act;
use duties::Duty;
pub use machine::Machine;
pub use rng::Rng;

use crate::{Caller, CommitmentStatus, Dispute, DisputeError, MatchRef, Run, Terms, Verdict};

/// The account of the honest party.
pub const HONEST: Address = Address::repeat_byte(0xaa);
/// That of all adversaries.
pub const ADVERSARY: Address = Address::repeat_byte(0xbb);
/// L1 gives up blocks no older than this.
const REORG_SECONDS: u64 = 600;
/// An act that was given up and sent again is late by so much at most: L1's fault, like censorship.
const REORG_DELAY_SECONDS: u64 = 1_200;
/// What the honest party keeps of its clock, whatever censorship within the bound does.
const MARGIN_SECONDS: u64 = 43_200;

/// How adversaries use their clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Each as it likes: in time, at the last second, or never.
    Mixed,
    /// Every act in its last second: the longest dispute.
    Draining,
    /// A fresh opponent joins whenever the honest root waits; otherwise as mixed.
    Meeting,
}

/// What one simulated game is like.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Decides everything that is left open.
    pub seed: u64,
    /// Wrong commitments of level 0.
    pub opponents: u64,
    /// Wrong commitments in each inner tournament, besides one for every wrong side.
    pub inner_sybils: u64,
    /// How the adversary plays.
    pub manner: Manner,
    /// What the honest party's acts are delayed by in all.
    pub censorship_seconds: u64,
    /// Whether L1 reorganises now and then.
    pub reorganises: bool,
    /// Refunds are paid at this price.
    pub gas_price_gwei: u64,
}

/// How a game went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// From the contest to the verdict.
    pub seconds: u64,
    /// How many calls were made.
    pub acts: u64,
    /// Matches of the honest party's roots, at both levels.
    pub honest_matches: u64,
    /// Most that it had locked.
    pub honest_locked_gwei: u64,
    /// What its calls cost.
    pub honest_gas: u64,
    /// Of that, what was refunded.
    pub refunded_gas: u64,
    /// Rivals in the largest inner tournament.
    pub inner_opponents: u64,
    /// Blocks given up, in times.
    pub reorganisations: u64,
}

/// Told of every call that was made: when, by whom, how it ended, and what holds after it.
pub type Recorder<'a> = dyn FnMut(u64, &Act, Address, Result<(), DisputeError>, &Dispute) + 'a;

/// A game under way.
pub(crate) struct World<'a> {
    machine: &'a Machine,
    setup: Setup,
    rng: Rng,
    now: u64,
    dispute: Dispute,
    /// What is known of who joined: by tournament and root.
    runs: BTreeMap<(B256, B256), Run>,
    /// When each duty will be met.
    schedule: BTreeMap<Duty, u64>,
    /// By liar: the leaf from which it lies.
    liars: Vec<u64>,
    censorship_left: u64,
    history: VecDeque<(u64, Dispute)>,
    last_reorg: u64,
    report: Report,
}

/// Plays a game to its end. Panics if an invariant does not hold, and says which seed: the rules are wrong then, or the simulation is.
pub fn play(machine: &Machine, setup: Setup, record: &mut Recorder<'_>) -> Report {
    let contested_at = 1_700_000_000;
    let mut rng = Rng::new(setup.seed);
    let liars = (0..setup.opponents).map(|_| duties::any_leaf(&mut rng)).collect();
    let dispute = Dispute::open(Terms::MAINNET, B256::repeat_byte(0x51), machine.start(), contested_at);
    let mut world = World {
        machine,
        setup,
        rng,
        now: contested_at,
        dispute,
        runs: BTreeMap::new(),
        schedule: BTreeMap::new(),
        liars,
        censorship_left: setup.censorship_seconds,
        history: VecDeque::new(),
        last_reorg: contested_at,
        report: Report::default(),
    };
    while world.dispute.verdict().is_none() {
        world.turn(record);
        assert!(world.report.acts < 2_000_000, "seed {}: no end", setup.seed);
    }
    world.report.seconds = world.now - contested_at;
    world.check_end();
    world.report
}

impl World<'_> {
    /// The next act, whoever's it is.
    fn turn(&mut self, record: &mut Recorder<'_>) {
        self.update_schedule();
        let Some((at, duty)) = self.schedule.iter().map(|(duty, at)| (*at, duty.clone())).min() else {
            panic!("seed {}: nothing to do and no verdict (invariant 6)", self.setup.seed);
        };
        assert!(at != u64::MAX, "seed {}: everybody is silent for ever (invariant 6)", self.setup.seed);
        self.now = self.now.max(at);
        // Whatever becomes of it: a duty that still stands then gets another time, or none.
        self.schedule.insert(duty.clone(), u64::MAX);
        if let Some((account, act)) = self.act_of(&duty) {
            self.make(account, &act, record);
        }
        self.maybe_reorganise();
    }

    fn make(&mut self, account: Address, act: &Act, record: &mut Recorder<'_>) {
        let (gas, is_refunded) = act.gas();
        let refund_gwei = if is_refunded { gas * self.setup.gas_price_gwei } else { 0 };
        let before = self.dispute.clone();
        let result = act.apply(&mut self.dispute, self.now, Caller { account, refund_gwei });
        record(self.now, act, account, result, &self.dispute);
        self.report.acts += 1;
        if result.is_err() {
            assert!(self.dispute == before, "seed {}: a refused call changed something", self.setup.seed);
            assert!(account != HONEST, "seed {}: the honest party was refused {act:?}: {result:?}", self.setup.seed);
            return;
        }
        if account == HONEST {
            self.report.honest_gas += gas;
            self.report.refunded_gas += if is_refunded { gas } else { 0 };
        }
        self.check(&before);
        self.history.push_back((self.now, before));
    }

    /// L1 gives up its last blocks: calls are undone, though not what people know, and everybody decides again.
    fn maybe_reorganise(&mut self) {
        while self.history.front().is_some_and(|(at, _)| at + REORG_SECONDS < self.now) {
            self.history.pop_front();
        }
        let is_due = self.setup.reorganises && self.now > self.last_reorg + 3 * 3_600 && self.rng.once_in(40);
        if !is_due || self.history.is_empty() || self.dispute.verdict().is_some() {
            return;
        }
        let kept = self.rng.within(0, self.history.len() as u64 - 1) as usize;
        self.dispute = self.history[kept].1.clone();
        self.history.truncate(kept);
        self.last_reorg = self.now;
        self.schedule.clear();
        self.report.reorganisations += 1;
    }

    /// The honest party's root in a tournament, if it has one there.
    fn honest_root(&self, id: B256) -> Option<B256> {
        let tournament = self.dispute.tournament(id)?;
        match &tournament.of {
            None => Some(self.machine.outer_root()),
            Some(of) => {
                of.side(self.machine.outer_root())?;
                Some(self.machine.inner_root(self.stride_of(of)?))
            }
        }
    }

    /// The stride that a sealed match of level 0 is about.
    fn stride_of(&self, of: &MatchRef) -> Option<u64> {
        self.dispute.game(of).map(|game| game.index)
    }

    /// The invariants, after an act.
    fn check(&mut self, before: &Dispute) {
        let seed = self.setup.seed;
        assert!(self.dispute.is_balanced(), "seed {seed}: invariant 5");
        let (mut locked, mut begun) = (0, 0);
        for (id, tournament) in self.dispute.tournaments() {
            let status = |wanted| tournament.commitments.values().filter(|found| found.status == wanted).count() as u64;
            let live = tournament.matches.len() as u64;
            assert_eq!(status(CommitmentStatus::Playing), 2 * live, "seed {seed}: invariant 2");
            for (of, game) in &tournament.matches {
                let earlier = before.game(of).map_or(game.allowances, |earlier| earlier.allowances);
                let grew = game.allowances.iter().zip(earlier).any(|(now, before)| *now > before);
                assert!(!grew, "seed {seed}: invariant 3");
            }
            let Some(root) = self.honest_root(*id) else { continue };
            let Some(honest) = tournament.commitments.get(&root) else { continue };
            begun +=
                tournament.matches.keys().filter(|of| of.side(root).is_some() && before.game(of).is_none()).count();
            assert!(honest.status != CommitmentStatus::Fallen, "seed {seed}: invariant 7: the honest root fell");
            let left = u64::from(honest.allowance) + REORG_DELAY_SECONDS * self.report.reorganisations;
            assert!(left >= MARGIN_SECONDS, "seed {seed}: invariant 7: {} s left, {:?}", honest.allowance, self.setup);
            if honest.joiner == HONEST && honest.status != CommitmentStatus::Returned {
                locked += self.dispute.terms().bond_gwei(tournament.level());
            }
            let ranks = (tournament.commitments.len() as u64).next_power_of_two().trailing_zeros();
            assert!(u32::from(honest.rank) <= ranks, "seed {seed}: invariant 7: rank {}", honest.rank);
        }
        self.report.honest_matches += begun as u64;
        self.report.honest_locked_gwei = self.report.honest_locked_gwei.max(locked);
    }

    fn check_end(&mut self) {
        let seed = self.setup.seed;
        let (verdict, champion) = self.dispute.verdict().expect("the game is over");
        assert_eq!(self.dispute.round(), 0, "seed {seed}: everybody fell");
        let crate::Ending::Output(output) = self.machine.ending else { panic!("the machine has an answer") };
        assert_eq!(verdict, Verdict::Output(output), "seed {seed}: a wrong verdict");
        assert_eq!(champion, HONEST, "seed {seed}: another champion");
        let inner = self.dispute.tournaments().filter(|(_, tournament)| tournament.level() == 1);
        let largest = inner.map(|(_, tournament)| tournament.commitments.len() as u64).max().unwrap_or(0);
        self.report.inner_opponents = largest.saturating_sub(1);
        // Whoever cleans up comes some seconds after the deadline; and a reorganisation takes minutes.
        let slack = 60 * self.report.acts + REORG_DELAY_SECONDS * self.report.reorganisations;
        let longest = Terms::MAINNET.longest_seconds(self.setup.opponents, self.report.inner_opponents) + slack;
        assert!(self.report.seconds <= longest, "seed {seed}: {} s, more than {longest}", self.report.seconds);
        self.dispute.withdraw(HONEST);
        self.dispute.withdraw(ADVERSARY);
        assert!(self.dispute.is_balanced(), "seed {seed}: invariant 5");
    }
}
