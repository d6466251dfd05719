//! The invariants of `docs/spec/dispute.md`.

use alloy_primitives::Address;

use super::world::{ADVERSARY, HONEST, MARGIN_SECONDS, REORG_DELAY_SECONDS, Theft, World};
use crate::{CommitmentStatus, Dispute, Ending, Terms, Verdict};

impl World<'_> {
    /// The invariants, after an act.
    pub(super) fn check(&mut self, before: &Dispute) {
        let seed = self.setup.seed;
        assert!(self.dispute.is_balanced(), "seed {seed}: invariant 5");
        let (mut locked, mut begun) = (0, 0);
        let mut least = self.report.honest_left_seconds_min;
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
            least = least.min(u64::from(honest.allowance));
            let left = u64::from(honest.allowance) + REORG_DELAY_SECONDS * self.report.reorganisations;
            assert!(left >= MARGIN_SECONDS, "seed {seed}: invariant 7: {} s left, {:?}", honest.allowance, self.setup);
            if honest.joiner == HONEST && honest.status != CommitmentStatus::Returned {
                locked += self.dispute.terms().bond_gwei(tournament.level());
            }
            let ranks = (tournament.commitments.len() as u64).next_power_of_two().trailing_zeros();
            assert!(u32::from(honest.rank) <= ranks, "seed {seed}: invariant 7: rank {}", honest.rank);
        }
        self.report.honest_left_seconds_min = least;
        self.report.honest_matches += begun as u64;
        self.report.honest_locked_gwei = self.report.honest_locked_gwei.max(locked);
    }

    /// What holds at the end of a game.
    pub(super) fn check_end(&mut self) {
        let seed = self.setup.seed;
        match self.dispute.verdict() {
            Some(verdict) => self.check_verdict(verdict),
            None => self.check_death(),
        }
        let inner = self.dispute.tournaments().filter(|(_, tournament)| tournament.level() == 1);
        let largest = inner.map(|(_, tournament)| tournament.commitments.len() as u64).max().unwrap_or(0);
        self.report.inner_opponents = largest.saturating_sub(1);
        self.report.seconds_bound = Terms::MAINNET.longest_seconds(self.setup.opponents, self.report.inner_opponents);
        // Whoever cleans up comes some seconds after the deadline; and a reorganisation takes minutes.
        let slack = 60 * self.report.acts + REORG_DELAY_SECONDS * self.report.reorganisations;
        let longest = self.report.seconds_bound + slack;
        assert!(
            self.is_dead || self.report.seconds <= longest,
            "seed {seed}: {} s, more than {longest}",
            self.report.seconds
        );
        assert!(self.dispute.is_balanced(), "seed {seed}: invariant 5");
        let credits = [HONEST, ADVERSARY].map(|account| self.dispute.credit_of(account));
        assert_eq!(credits, [0, 0], "seed {seed}: not paid out");
    }

    /// The right output won, in the first round, for whoever joined for it.
    fn check_verdict(&self, (verdict, champion): (Verdict, Address)) {
        let seed = self.setup.seed;
        assert_eq!(self.dispute.round(), 0, "seed {seed}: everybody fell");
        let Ending::Output(output) = self.machine.ending else { panic!("the machine has an answer") };
        assert_eq!(verdict, Verdict::Output(output), "seed {seed}: a wrong verdict");
        let joiner = if self.setup.theft == Some(Theft::First) { ADVERSARY } else { HONEST };
        assert_eq!(champion, joiner, "seed {seed}: another champion");
    }

    /// Nobody waits or plays any more, and the honest party's bonds went back.
    fn check_death(&self) {
        let seed = self.setup.seed;
        for (_, tournament) in self.dispute.tournaments() {
            for commitment in tournament.commitments.values() {
                let is_settled = matches!(commitment.status, CommitmentStatus::Fallen | CommitmentStatus::Returned);
                assert!(is_settled, "seed {seed}: {:?} in a dead slot", commitment.status);
                let fell = commitment.status == CommitmentStatus::Fallen;
                assert!(!fell || commitment.joiner != HONEST, "seed {seed}: an honest bond is lost");
            }
        }
    }
}
