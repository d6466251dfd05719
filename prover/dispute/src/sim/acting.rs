//! The calls by which duties are met.

use alloy_primitives::{Address, B256, keccak256};

use super::{
    duty::Duty,
    world::{ADVERSARY, HONEST, Manner, World, any_leaf},
};
use crate::{Act, Joining, MatchRef, Run, Tree, inner_id};

impl World<'_> {
    /// The call by which a duty is met, if it still can be.
    pub(super) fn act_of(&mut self, duty: &Duty) -> Option<(Address, Act)> {
        match duty {
            Duty::LiarJoins(liar, _) => {
                let run = self.machine.lie(*liar, self.liars[*liar]);
                let id = self.dispute.round_id();
                let joining = self.joining(id, &run)?;
                Some((ADVERSARY, Act::Join { id, joining, ending: self.machine.lies[*liar].1 }))
            }
            Duty::WrongInner(of, for_two, sybil) => self.join_wrong_inner(of, *for_two, *sybil),
            Duty::Turn(of, height) if self.is_adversarys(of) => self.turn_act(of, *height),
            Duty::Step(of) if !self.is_honest_match(of) => {
                let agreed = self.dispute.game(of)?.node;
                let successor = self.machine.successor_of(agreed)?;
                Some((ADVERSARY, Act::Step { of: *of, agreed, successor }))
            }
            Duty::Theft(of) => self.theft(of.as_ref()),
            Duty::Dies => {
                self.is_dead = true;
                None
            }
            _ => {
                let mut planned = self.honest_plan().into_iter().filter(|(known, _)| known == duty).peekable();
                if planned.peek().is_none() {
                    return Self::last_act(duty).map(|act| (ADVERSARY, act));
                }
                let (_, planned) = planned.find(|(_, planned)| planned.from <= self.now)?;
                Some((HONEST, planned.act))
            }
        }
    }

    /// What nobody but the adversary does: he stops what is dead, and has his bonds go back.
    const fn last_act(duty: &Duty) -> Option<Act> {
        match duty {
            Duty::Kill(id) => Some(Act::Kill { id: *id, is_playable: false }),
            Duty::ReclaimWaiting(id, rank) => Some(Act::ReclaimWaiting { id: *id, rank: *rank }),
            Duty::ReclaimMatch(of) => Some(Act::ReclaimMatch { of: *of }),
            _ => None,
        }
    }

    /// The adversary joins an honest root, or tries to.
    fn theft(&mut self, of: Option<&MatchRef>) -> Option<(Address, Act)> {
        let machine = self.machine;
        let Some(of) = of else {
            let id = self.dispute.round_id();
            self.runs.insert((id, machine.outer_root()), machine.outer().clone());
            let joining = Joining::with(ADVERSARY, machine.outer());
            return Some((ADVERSARY, Act::Join { id, joining, ending: machine.ending }));
        };
        let (id, run) = (inner_id(of), machine.inner(self.stride_of(of)?));
        self.runs.insert((id, run.root()), run.clone());
        Some((ADVERSARY, Act::JoinInner { id, joining: Joining::with(ADVERSARY, run) }))
    }

    /// Whether it is the adversary's turn.
    fn is_adversarys(&self, of: &MatchRef) -> bool {
        self.dispute.game(of).is_some_and(|game| self.honest_root(of.tournament) != Some(of.root(game.turn)))
    }

    /// A wrong trace that backs a side; if that side is the honest one's, a wrong trace for the right state.
    fn join_wrong_inner(&mut self, of: &MatchRef, for_two: bool, sybil: u64) -> Option<(Address, Act)> {
        let game = self.dispute.game(of)?;
        // Where time is all that counts, most back the side that has more of it.
        let has_more = game.allowances[1] > game.allowances[0];
        let for_two = if self.setup.manner == Manner::Slowest && sybil != 0 { has_more } else { for_two };
        let last = if for_two { game.others.right } else { game.others.left };
        let junk = keccak256([inner_id(of).0.as_slice(), &sybil.to_be_bytes(), &[u8::from(for_two)]].concat());
        let (stride, from) = (game.index, any_leaf(&mut self.rng));
        let run = self.machine.wrong_inner(stride, from, junk, last);
        let id = inner_id(of);
        let joining = self.joining(id, &run)?;
        Some((ADVERSARY, Act::JoinInner { id, joining }))
    }

    /// What joining shows; nothing if the root is there already.
    fn joining(&mut self, id: B256, run: &Run) -> Option<Joining> {
        let tournament = self.dispute.tournament(id)?;
        if tournament.commitments.contains_key(&run.root()) || self.now >= tournament.closes_at {
            return None;
        }
        self.runs.insert((id, run.root()), run.clone());
        Some(Joining::with(ADVERSARY, run))
    }

    fn turn_act(&mut self, of: &MatchRef, height: u8) -> Option<(Address, Act)> {
        let game = self.dispute.game(of)?;
        let root = of.root(game.turn);
        let run = self.runs.get(&(of.tournament, root))?;
        let start = self.dispute.tournament(of.tournament)?.start;
        (game.height == height).then(|| (ADVERSARY, Act::turn(of, game, start, run)))
    }
}
