//! Seeded games of one honest party against adversaries who join, move, drain clocks and fall silent as they like, on an L1 that delays the honest
//! party and reorganises.
//!
//! Time jumps from act to act. Every duty (a turn, a join, a call that cleans up) is given a time when it arises: the honest party's within its grace, later
//! only by what censorship takes from its budget; an adversary's by its manner. After every act the invariants of `docs/spec/dispute.md` are checked.

mod acting;
pub mod campaign;
mod check;
mod duties;
mod duty;
mod machine;
mod rng;
mod timing;
mod world;

use alloy_primitives::Address;

use self::world::{REORG_SECONDS, World};
pub use self::{
    machine::Machine,
    rng::Rng,
    world::{ADVERSARY, HONEST, Manner, Occasion, Recorder, Report, Setup, Theft},
};
use crate::{Act, Caller};

/// Plays a game to its end. Panics if an invariant does not hold, and says which seed: the rules are wrong then, or the simulation is.
pub fn play(machine: &Machine, setup: Setup, record: &mut Recorder<'_>) -> Report {
    let mut world = World::new(machine, setup, 1_700_000_000);
    while !world.is_over() {
        world.turn(record);
        assert!(world.report.acts < 2_000_000, "seed {}: no end", setup.seed);
    }
    world.report.seconds = world.now - world.contested_at;
    world.pay_out(record);
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

    /// Everybody takes what is his.
    fn pay_out(&mut self, record: &mut Recorder<'_>) {
        for account in [HONEST, ADVERSARY] {
            if self.dispute.credit_of(account) != 0 {
                self.make(account, &Act::Withdraw { account }, record);
            }
        }
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
        if !is_due || self.history.is_empty() || self.is_over() {
            return;
        }
        let kept = self.rng.within(0, self.history.len() as u64 - 1) as usize;
        self.dispute = self.history[kept].1.clone();
        self.history.truncate(kept);
        self.last_reorg = self.now;
        self.schedule.clear();
        self.report.reorganisations += 1;
    }
}
