//! The calls by which duties are met.

use alloy_primitives::{Address, B256, keccak256};

use super::{
    duty::Duty,
    world::{ADVERSARY, HONEST, World, any_leaf},
};
use crate::{Act, Ending, Joining, MatchRef, Run, Tree, inner_id};

impl World<'_> {
    /// The call by which a duty is met, if it still can be.
    pub(super) fn act_of(&mut self, duty: &Duty) -> Option<(Address, Act)> {
        match duty {
            Duty::HonestJoins => {
                let machine = self.machine;
                self.join(HONEST, machine.outer(), machine.ending)
            }
            Duty::LiarJoins(liar, _) => {
                let run = self.machine.lie(*liar, self.liars[*liar]);
                self.join(ADVERSARY, &run, self.machine.lies[*liar].1)
            }
            Duty::HonestJoinsInner(of) => {
                let machine = self.machine;
                self.join_inner(HONEST, of, machine.inner(self.stride_of(of)?))
            }
            Duty::WrongInner(of, for_two, sybil) => self.join_wrong_inner(of, *for_two, *sybil),
            Duty::Turn(of, height) => self.turn_act(of, *height),
            Duty::Step(of) => {
                let agreed = self.dispute.game(of)?.node;
                let successor = self.machine.successor(agreed)?;
                let account = if self.is_honest_match(of) { HONEST } else { ADVERSARY };
                Some((account, Act::Step { of: *of, agreed, successor }))
            }
            // Whoever cleans up: the honest party does, since nobody else need.
            Duty::Timeout(of, _) => {
                let is_out = self.timeout_time(of) <= self.now;
                is_out.then_some((HONEST, Act::Timeout { of: *of }))
            }
            Duty::Propagate(of, _) => Some((HONEST, Act::Propagate { of: *of })),
            Duty::Bye(id, _) => {
                let mut tried = self.dispute.clone();
                tried.bye(self.now, *id).ok().map(|()| (HONEST, Act::Bye { id: *id }))
            }
            Duty::Decide(_) => Some((HONEST, Act::Decide)),
        }
    }

    fn join(&mut self, account: Address, run: &Run, ending: Ending) -> Option<(Address, Act)> {
        let id = self.dispute.round_id();
        let joining = self.joining(account, id, run)?;
        Some((account, Act::Join { id, joining, ending }))
    }

    fn join_inner(&mut self, account: Address, of: &MatchRef, run: &Run) -> Option<(Address, Act)> {
        let id = inner_id(of);
        let joining = self.joining(account, id, run)?;
        Some((account, Act::JoinInner { id, joining }))
    }

    /// A wrong trace that backs a side; if that side is the honest one's, a wrong trace for the right state.
    fn join_wrong_inner(&mut self, of: &MatchRef, for_two: bool, sybil: u64) -> Option<(Address, Act)> {
        let game = self.dispute.game(of)?;
        let last = if for_two { game.others.right } else { game.others.left };
        let junk = keccak256([inner_id(of).0.as_slice(), &sybil.to_be_bytes(), &[u8::from(for_two)]].concat());
        let (stride, from) = (game.index, any_leaf(&mut self.rng));
        let run = self.machine.wrong_inner(stride, from, junk, last);
        self.join_inner(ADVERSARY, of, &run)
    }

    /// What joining shows; nothing if the root is there already.
    fn joining(&mut self, joiner: Address, id: B256, run: &Run) -> Option<Joining> {
        let tournament = self.dispute.tournament(id)?;
        if tournament.commitments.contains_key(&run.root()) || self.now >= tournament.closes_at {
            return None;
        }
        self.runs.insert((id, run.root()), run.clone());
        Some(Joining::with(joiner, run))
    }

    fn turn_act(&mut self, of: &MatchRef, height: u8) -> Option<(Address, Act)> {
        let game = self.dispute.game(of)?;
        let root = of.root(game.turn);
        let run = self.runs.get(&(of.tournament, root))?;
        let account = if self.honest_root(of.tournament) == Some(root) { HONEST } else { ADVERSARY };
        let start = self.dispute.tournament(of.tournament)?.start;
        (game.height == height).then(|| (account, Act::turn(of, game, start, run)))
    }
}
