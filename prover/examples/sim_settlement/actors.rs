//! Who acts, and how L1 takes it.

use std::sync::LazyLock;

use crate::{
    BOND, C, DAY, DELAY, GRACE, HOUR, STEP, Scenario, WINDOW_MAX, WINDOW_MIN, commitment_bonds, dispute_time,
    model::{Account, ClaimId, Entry, Revert, Settlement, Status},
};

const HONEST: Account = 1;
const COPIER: Account = 2;
const INTERLEAVER: Account = 3;
/// Of those who lie, each for one slot.
const FIRST_LIAR: Account = 100;

/// What calls cost, as the contracts' tests measure it.
struct Gas {
    /// A claim and a finalization, of eight in a bundle.
    claim: u64,
    finalize: u64,
    /// The first claim of a stake, by itself.
    first_claim: u64,
    /// An empty batch, which is an epoch at the least that one costs.
    epoch: u64,
}

static GAS: LazyLock<Gas> = LazyLock::new(|| {
    let snapshot: serde_json::Value =
        serde_json::from_str(include_str!("../../../contracts/snapshots/l1.json")).expect("the snapshot is JSON");
    let of = |name: &str| -> u64 {
        let found = snapshot[format!("gas {name}")].as_str().and_then(|gas| gas.parse().ok());
        found.unwrap_or_else(|| panic!("the snapshot has no {name}"))
    };
    Gas {
        claim: of("FraudSettlement.multicall, 8 claims") / 8,
        finalize: of("FraudSettlement.multicall, 8 finalizations") / 8,
        first_claim: of("FraudSettlement.claim, first of a stake"),
        epoch: of("Inbox.appendCalldata empty, same block"),
    }
});

/// The generator SplitMix64, with its state.
pub struct Rng(u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// L1 and its time.
pub struct World {
    pub scenario: Scenario,
    pub rng: Rng,
    pub now: u64,
    pub l1: Settlement,
    /// While before this time nothing that is honest is included.
    pub censored_until: u64,
    censored_next: u64,
    flooded: u64,
}

impl World {
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        let first = Entry { matures_at: 0, window: WINDOW_MIN, bond: BOND };
        let l1 = Settlement::new(first, DELAY, GRACE);
        Self { scenario, rng: Rng(seed), now: 0, l1, censored_until: 0, censored_next: 40 * DAY, flooded: 0 }
    }

    pub fn is_censored(&self) -> bool {
        self.now < self.censored_until
    }

    /// One an hour, and a flood in one week of thirteen.
    pub fn close_epochs(&mut self) {
        let floods = self.scenario.flood > 0 && self.now / (7 * DAY) % 13 == 1;
        let count = if floods { self.scenario.flood } else { u64::from(self.now.is_multiple_of(HOUR)) };
        for _ in 0..count {
            self.l1.close_epoch(self.now);
        }
        if floods {
            self.flooded += count;
        }
        // Honest transactions are delayed for the whole bound, now and then.
        if self.scenario.trouble && self.now >= self.censored_next {
            self.censored_until = self.now + C;
            self.censored_next = self.now + 150 * DAY;
        }
    }

    pub fn flood_gas(&self) -> u64 {
        self.flooded * GAS.epoch
    }

    /// Verdicts, when they are due: right below a right parent, where the honest join; what its makers like below an invented one.
    pub fn decide(&mut self) {
        for parent in self.l1.contested.clone() {
            let slot = &self.l1.slots[&parent];
            let opponents = slot.claims.len() as u64;
            let right = self.l1.claims[parent].is_right;
            let due = slot.contested_at + if right { dispute_time(opponents.saturating_sub(1).max(1)) } else { DAY };
            if self.now < due {
                continue;
            }
            let (winner, champion) =
                if right { (self.l1.find(parent, 0), HONEST) } else { (slot.claims.first().copied(), FIRST_LIAR) };
            // A right output that nobody claimed would become a claim here; the honest claim it long before.
            let winner = winner.expect("nobody claimed the right output in time");
            self.l1.decide(parent, winner, champion);
        }
    }

    /// Every epoch was final in its time; the longest that one took.
    pub fn check_finality(&self) -> u64 {
        let (mut line, mut claim) = (Vec::new(), self.l1.last_final);
        while claim != 0 {
            line.push(claim);
            claim = self.l1.claims[claim].slot;
        }
        let (mut bound, mut longest, mut alone) = (0, 0, 0);
        for &claim in line.iter().rev() {
            let found = &self.l1.claims[claim];
            assert!(found.is_right && found.status == Status::Final, "a wrong claim is final");
            let (slot, epoch) = (&self.l1.slots[&found.slot], self.l1.epochs[found.epoch]);
            let window = self.l1.entries[epoch.entry].window;
            let opponents = slot.claims.len() as u64 - 1;
            let dispute = if opponents == 0 { 0 } else { dispute_time(opponents) };
            // Claimed and finalized in spite of censorship, alone or after a dispute that began in the last second; after the parent; and after the grace.
            let own = epoch.closed_at + C + window + dispute;
            let after_parent = if slot.starts_entry { bound + GRACE } else { bound };
            bound = own.max(after_parent);
            let slack = C + 3 * STEP;
            assert!(
                found.final_at <= bound + slack,
                "epoch {} was final {} s late",
                found.epoch,
                found.final_at - bound
            );
            longest = longest.max(found.final_at - epoch.closed_at);
            alone = alone.max(C + window + dispute);
        }
        // While an epoch waits, an entry may begin in every delay, and each adds a grace.
        let closed_form = (alone + GRACE) * DELAY / (DELAY - GRACE);
        assert!(longest <= closed_form + C + 3 * STEP, "an epoch took {longest} s, and {closed_form} s are promised");
        longest
    }
}

/// Claims what is right with one stake, joins disputes, cleans up.
#[derive(Default)]
pub struct Honest {
    /// The right claims by epoch, as far as they are claimed.
    line: Vec<ClaimId>,
    pub peak: u64,
    pub gas: u64,
}

impl Honest {
    pub fn forget_after(&mut self, l1: &Settlement) {
        let holds = |epoch: usize, claim: ClaimId| {
            l1.claims.get(claim).is_some_and(|found| found.epoch == epoch && found.is_right)
        };
        while let Some(&last) = self.line.last()
            && !holds(self.line.len() - 1, last)
        {
            self.line.pop();
        }
    }

    pub fn act(&mut self, world: &mut World) {
        if self.line.is_empty() {
            self.line.push(0);
        }
        let censored = world.is_censored();
        loop {
            let parent = *self.line.last().expect("genesis is there");
            if self.line.len() > world.l1.last_epoch() {
                break;
            }
            let made = world.l1.find(parent, 0);
            if let Some(made) = made {
                self.line.push(made);
                continue;
            }
            if world.scenario.trouble && self.help(world, parent) {
                continue;
            }
            if censored {
                break;
            }
            let tip = world.l1.stakes.get(&HONEST).map_or(0, |stake| stake.tip);
            let from = world.l1.claims[tip].epoch + 1;
            let path = self.line.get(from..).unwrap_or_default();
            let claim = world.l1.claim(world.now, HONEST, parent, 0, path, true).expect("an honest claim is taken");
            self.gas += GAS.claim + 5_000 * path.len() as u64;
            self.line.push(claim);
        }
        if !censored {
            self.finalize(world);
        }
        let contested = world.l1.contested.iter().filter(|&&parent| world.l1.claims[parent].is_right);
        let joined = contested.count() as u64 * commitment_bonds();
        let staked = world.l1.stakes.get(&HONEST).map_or(0, |stake| stake.amount);
        self.peak = self.peak.max(staked + joined);
        assert!(staked == 0 || staked >= BOND, "an honest stake is lost");
    }

    /// Others claim what is right too: a copy that comes first, or an epoch in between.
    fn help(&self, world: &mut World, parent: ClaimId) -> bool {
        let account = match world.rng.below(40) {
            0..6 => COPIER,
            6..10 => INTERLEAVER,
            _ => return false,
        };
        let tip = world.l1.stakes.get(&account).map_or(0, |stake| stake.tip);
        let from = world.l1.claims[tip].epoch + 1;
        let path = self.line.get(from..).unwrap_or_default().to_vec();
        world.l1.claim(world.now, account, parent, 0, &path, true).is_ok()
    }

    fn finalize(&mut self, world: &mut World) {
        loop {
            let next = world.l1.claims[world.l1.last_final].epoch + 1;
            match self.line.get(next) {
                Some(&claim) if world.l1.finalize(world.now, claim).is_ok() => self.gas += GAS.finalize,
                _ => return,
            }
        }
    }

    /// The year is settled: the stake comes back whole.
    pub fn finish(&mut self, world: &mut World) {
        for account in [HONEST, COPIER, INTERLEAVER] {
            let staked = world.l1.stakes.get(&account).map_or(0, |stake| stake.amount);
            if staked > 0 {
                assert_eq!(world.l1.unstake(account), Ok(staked), "an honest stake does not come back");
            }
        }
    }
}

/// Lies, and tries every way to lie for less.
#[derive(Default)]
pub struct Hostile {
    liars: Account,
    wrong: Vec<ClaimId>,
    /// Greatest sum of what those who lie had at stake.
    pub peak: u64,
    pub gas: u64,
}

impl Hostile {
    pub fn forget_after(&mut self, l1: &Settlement) {
        self.wrong.retain(|&claim| l1.claims.get(claim).is_some_and(|found| !found.is_right));
    }

    pub fn act(&mut self, world: &mut World) {
        if world.scenario.trouble && world.rng.one_in(1_000) {
            let window = if world.rng.one_in(2) { WINDOW_MIN } else { WINDOW_MAX };
            let bond = match world.scenario.bond_max {
                BOND => BOND,
                max => [BOND, max][world.rng.below(2) as usize],
            };
            let _ = world.l1.schedule(world.now, window, bond);
            assert_eq!(world.l1.schedule(world.now, WINDOW_MIN, BOND), Err(Revert::EntryWaiting));
        }
        let steps = 365 * DAY / STEP;
        if world.scenario.attacks > 0 && world.rng.below(steps) < world.scenario.attacks {
            self.attack(world);
        }
        self.cheat(world);
    }

    /// Wrong claims in a slot of the right lineage: first, or as rivals, and more below them.
    fn attack(&mut self, world: &mut World) {
        let settled = world.l1.claims[world.l1.last_final].epoch;
        let ahead = world.rng.below((world.l1.last_epoch() - settled).max(1) as u64);
        let mut parent = world.l1.last_final;
        for _ in 0..ahead {
            match world.l1.find(parent, 0) {
                Some(next) => parent = next,
                None => break,
            }
        }
        for _ in 0..world.scenario.opponents {
            let liar = FIRST_LIAR + self.liars;
            self.liars += 1;
            let mut above = parent;
            for depth in 0..1 + world.rng.below(3) {
                let output = if depth == 0 { 1 + self.liars } else { 0 };
                let Ok(claim) = world.l1.claim(world.now, liar, above, output, &[], true) else { break };
                self.gas += if depth == 0 { GAS.first_claim } else { GAS.claim };
                self.wrong.push(claim);
                above = claim;
            }
        }
    }

    /// A stake that moved on is put to use above its tip, without paying.
    fn cheat(&self, world: &mut World) {
        for account in [COPIER, INTERLEAVER] {
            let Some(stake) = world.l1.stakes.get(&account).copied() else { continue };
            if world.l1.claims[stake.tip].status != Status::Pending {
                continue;
            }
            let parent = world.l1.claims[stake.tip].slot;
            for path in [&[][..], &[stake.tip], &[parent, stake.tip]] {
                let found = world.l1.lie_for_nothing(world.now, account, parent, path);
                // Under a higher bond what is at stake may be too little for any claim.
                let is_small = world.scenario.bond_max > BOND && found == Some(Revert::StakeTooSmall);
                assert!(is_small || found == Some(Revert::StakeElsewhere), "a stake was used twice: {found:?}");
            }
        }
    }

    /// Tries to make every lie final, to take stakes back, and, as anybody would, to end what is dead.
    pub fn insist(&mut self, world: &mut World) {
        let mut pending = Vec::new();
        for &claim in &self.wrong {
            assert!(world.l1.finalize(world.now, claim).is_err(), "a wrong claim is final");
            let account = world.l1.claims[claim].claimant;
            let _ = world.l1.discard(claim);
            if world.l1.claims[claim].status == Status::Pending {
                assert_eq!(world.l1.unstake(account), Err(Revert::StakeElsewhere), "a stake left its claim");
                pending.push(claim);
            } else if let Ok(amount) = world.l1.unstake(account) {
                assert_eq!(amount, 0, "a liar took his stake back");
            }
        }
        self.wrong = pending;
        let stakes = world.l1.stakes.iter().filter(|(account, _)| **account >= FIRST_LIAR);
        self.peak = self.peak.max(stakes.map(|(_, stake)| stake.amount).sum());
    }

    /// What the lies cost: burned, and given to the honest.
    pub fn paid(&self, world: &World) -> u64 {
        world.l1.burned + world.l1.credits.values().sum::<u64>()
    }
}
