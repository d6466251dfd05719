//! One slot's dispute: the contract's calls as methods, each with the time at which it is made.
//!
//! Twins: `contracts/src/dispute/Moves.sol`, `Dispute.sol`. Adversarial: everything that a call brings. A refused call changes nothing.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, keccak256};

use crate::{
    Children, Commitment, CommitmentStatus, DisputeError, Ending, HEIGHT, Match, MatchRef, MatchStatus, Outcome, Side,
    Terms, Tournament, TournamentStatus, clock, tree::ancestor,
};

/// What was decided about a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This output is right.
    Output(B256),
    /// The program has no answer.
    Failed,
}

/// Who makes a call, and what the contract refunds him for it: the simulation knows, and measures nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account that is refunded.
    pub account: Address,
    /// At most the cap of the act (DISP-BOND-2).
    pub refund_gwei: u64,
}

/// What a call that joins brings along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// Who locks the bond.
    pub joiner: Address,
    /// The two nodes below the root.
    pub children: Children,
    /// The commitment's last leaf.
    pub last: B256,
    /// Its siblings below the root's right child.
    pub path: Vec<B256>,
}

/// The dispute of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    terms: Terms,
    slot: B256,
    start: B256,
    round: u32,
    verdict: Option<(Verdict, Address)>,
    tournaments: BTreeMap<B256, Tournament>,
    credits_gwei: BTreeMap<Address, u64>,
    balance_gwei: u64,
    burned_gwei: u64,
}

/// The level-0 tournament of a round: `H(abi("round", slot, round))`, DISP-OPEN-2.
pub fn round_id(slot: B256, round: u32) -> B256 {
    tagged("round", slot, U256::from(round).into())
}

/// The tournament inside a match: `H(abi("inner", tournament, match))`, DISP-OPEN-2.
pub fn inner_id(of: &MatchRef) -> B256 {
    tagged("inner", of.tournament, of.id())
}

/// The hash of the ABI encoding of a short string and two words.
fn tagged(tag: &str, first: B256, second: B256) -> B256 {
    let mut bytes = U256::from(96).to_be_bytes_vec();
    bytes.extend(first);
    bytes.extend(second);
    bytes.extend(U256::from(tag.len()).to_be_bytes::<32>());
    bytes.extend(tag.as_bytes());
    bytes.resize(160, 0);
    keccak256(bytes)
}

impl Dispute {
    /// Opens the dispute of a slot that became contested at `contested_at`; `start` is the machine's state before the first step.
    pub fn open(terms: Terms, slot: B256, start: B256, contested_at: u64) -> Self {
        let mut opened = Self {
            terms,
            slot,
            start,
            round: 0,
            verdict: None,
            tournaments: BTreeMap::new(),
            credits_gwei: BTreeMap::new(),
            balance_gwei: 0,
            burned_gwei: 0,
        };
        opened.open_round(contested_at);
        opened
    }

    /// Joins the round's tournament; `ending` is what the last state says, whose hash is the last leaf.
    pub fn join(&mut self, now: u64, id: B256, joining: &Joining, ending: Ending) -> Result<B256, DisputeError> {
        self.joinable(id, 0)?;
        check_last(joining)?;
        self.enter_new(now, id, joining, self.terms.allowance_seconds, ending)
    }

    /// Joins a tournament inside a match, for the side whose contested state is the last leaf.
    pub fn join_inner(&mut self, now: u64, id: B256, joining: &Joining) -> Result<B256, DisputeError> {
        let tournament = self.joinable(id, 1)?;
        let outer = self.outer(tournament)?;
        let (side, ending) = if joining.last == outer.others.right {
            (Side::Two, Ending::BacksTwo)
        } else if joining.last == outer.others.left {
            (Side::One, Ending::BacksOne)
        } else {
            return Err(DisputeError::WrongEnding { last: joining.last });
        };
        let inherited = outer.allowance(side);
        check_last(joining)?;
        self.enter_new(now, id, joining, inherited, ending)
    }

    /// Goes one node down towards the first difference.
    pub fn advance(
        &mut self,
        now: u64,
        of: &MatchRef,
        height: u8,
        opened: Children,
        next: Children,
        caller: Caller,
    ) -> Result<(), DisputeError> {
        let (starts_at, grace) = (self.opened(of.tournament)?.starts_at, self.terms.turn_seconds);
        let mut changed = self.live(of)?.clone();
        changed.check_descending(height)?;
        if height < 2 {
            return Err(DisputeError::SealInstead);
        }
        let mover = changed.turn;
        changed.charge(now, mover, grace)?;
        changed.advance(opened, next)?;
        changed.since = now.max(starts_at);
        self.refund(&mut changed, mover, caller);
        self.store(of, changed);
        Ok(())
    }

    /// Opens the lowest node; at level 0 a tournament opens inside, at level 1 both clocks run.
    pub fn seal(
        &mut self,
        now: u64,
        of: &MatchRef,
        opened: Children,
        agreed: B256,
        path: &[B256],
        caller: Caller,
    ) -> Result<(), DisputeError> {
        let tournament = self.opened(of.tournament)?;
        let (starts_at, level, start) = (tournament.starts_at, tournament.level(), tournament.start);
        let mut changed = self.live(of)?.clone();
        changed.check_descending(1)?;
        let mover = changed.turn;
        changed.charge(now, mover, self.terms.turn_seconds)?;
        changed.close(of, opened, agreed, path, start)?;
        changed.since = now.max(starts_at);
        self.refund(&mut changed, mover, caller);
        if level == 0 {
            let largest = changed.allowances[0].max(changed.allowances[1]);
            let starts_at = now + u64::from(self.terms.compute_seconds[1]);
            self.begin(inner_id(of), of.tournament, Some(*of), agreed, starts_at, largest);
        }
        self.store(of, changed);
        Ok(())
    }

    /// Decides a sealed match of level 1; `successor` is what L1 computes for the agreed state.
    pub fn step(&mut self, now: u64, of: &MatchRef, successor: B256, caller: Caller) -> Result<(), DisputeError> {
        let level = self.opened(of.tournament)?.level();
        let mut changed = self.live(of)?.clone();
        if level != 1 {
            return Err(DisputeError::WrongLevel { tournament: of.tournament, level });
        }
        changed.check_sealed()?;
        changed.charge(now, Side::One, self.terms.sealed_turn_seconds)?;
        changed.charge(now, Side::Two, self.terms.sealed_turn_seconds)?;
        let outcome = if successor == changed.others.left {
            Outcome::Wins(Side::One)
        } else if successor == changed.others.right {
            Outcome::Wins(Side::Two)
        } else {
            Outcome::BothFall
        };
        self.end(now, of, &changed, outcome, caller);
        Ok(())
    }

    /// Ends a match in which a clock is out.
    pub fn timeout(&mut self, now: u64, of: &MatchRef, caller: Caller) -> Result<(), DisputeError> {
        let level = self.opened(of.tournament)?.level();
        let mut changed = self.live(of)?.clone();
        let is_sealed = changed.status == MatchStatus::Sealed;
        if is_sealed && level == 0 {
            return Err(DisputeError::InTime);
        }
        let grace = if is_sealed { self.terms.sealed_turn_seconds } else { self.terms.turn_seconds };
        let outcome = changed.timed_out(now, is_sealed, grace).ok_or(DisputeError::InTime)?;
        if let (true, Outcome::Wins(side)) = (is_sealed, outcome) {
            changed.charge(now, side, grace)?;
        }
        self.end(now, of, &changed, outcome, caller);
        Ok(())
    }

    /// Decides a sealed match of level 0 by its inner tournament.
    pub fn propagate(&mut self, now: u64, of: &MatchRef, caller: Caller) -> Result<(), DisputeError> {
        let level = self.opened(of.tournament)?.level();
        let mut changed = self.live(of)?.clone();
        if level != 0 {
            return Err(DisputeError::WrongLevel { tournament: of.tournament, level });
        }
        changed.check_sealed()?;
        let id = inner_id(of);
        let inner = self.opened_mut(id)?;
        let mut outcome = Outcome::BothFall;
        if let Some(root) = inner.finish(now)? {
            let winner = &inner.commitments[&root];
            let side = if winner.ending == Ending::BacksTwo { Side::Two } else { Side::One };
            outcome = Outcome::Wins(side);
            changed.allowances[side as usize] = winner.allowance;
            let joiner = winner.joiner;
            self.credit(joiner, self.terms.bond_gwei(1));
        }
        self.end(now, of, &changed, outcome, caller);
        Ok(())
    }

    /// Lets the lowest that waits rise by a rank, when nobody can come to meet it any more.
    pub fn bye(&mut self, now: u64, id: B256) -> Result<(), DisputeError> {
        let tournament = self.opened_mut(id)?;
        let root = tournament.bye(now)?;
        tournament.enter(now, id, root);
        Ok(())
    }

    /// Takes the result of the round's tournament: a verdict, or the next round.
    pub fn decide(&mut self, now: u64) -> Result<(), DisputeError> {
        if self.verdict.is_some() {
            return Err(DisputeError::Judged);
        }
        let tournament = self.opened_mut(round_id(self.slot, self.round))?;
        let Some(root) = tournament.finish(now)? else {
            self.round += 1;
            self.open_round(now);
            return Ok(());
        };
        let winner = &tournament.commitments[&root];
        let verdict = match winner.ending {
            Ending::Output(output) => Verdict::Output(output),
            _ => Verdict::Failed,
        };
        let joiner = winner.joiner;
        self.verdict = Some((verdict, joiner));
        self.credit(joiner, self.terms.bond_gwei(0));
        Ok(())
    }

    /// Ends a tournament that is about nothing any more; `is_playable` is what the settlement says of the slot.
    pub fn kill(&mut self, id: B256, is_playable: bool) -> Result<(), DisputeError> {
        let tournament = self.opened(id)?;
        let is_alive = match &tournament.of {
            None => is_playable,
            Some(of) => {
                self.tournaments.get(&of.tournament).is_some_and(|outer| outer.status != TournamentStatus::Dead)
            }
        };
        if is_alive {
            return Err(DisputeError::Alive { tournament: id });
        }
        self.opened_mut(id)?.status = TournamentStatus::Dead;
        Ok(())
    }

    /// Returns the bond of who waits at a rank of a dead tournament.
    pub fn reclaim_waiting(&mut self, id: B256, rank: u8) -> Result<(), DisputeError> {
        let tournament = self.dead_mut(id)?;
        let level = tournament.level();
        let root = tournament.ranks.get_mut(&rank).and_then(|place| place.waiting.take());
        let root = root.ok_or(DisputeError::NobodyWaits { rank })?;
        tournament.set_status(root, CommitmentStatus::Returned);
        let joiner = tournament.commitments[&root].joiner;
        self.credit(joiner, self.terms.bond_gwei(level));
        Ok(())
    }

    /// Returns what is left of both bonds of a match in a dead tournament.
    pub fn reclaim_match(&mut self, of: &MatchRef) -> Result<(), DisputeError> {
        let tournament = self.dead_mut(of.tournament)?;
        let level = tournament.level();
        let Some(ended) = tournament.matches.get(of).cloned() else {
            return Err(DisputeError::NoMatch { tournament: of.tournament, id: of.id() });
        };
        tournament.depart(of);
        for side in [Side::One, Side::Two] {
            let tournament = self.dead_mut(of.tournament)?;
            tournament.set_status(of.root(side), CommitmentStatus::Returned);
            let joiner = tournament.commitments[&of.root(side)].joiner;
            self.credit(joiner, self.terms.bond_gwei(level) - ended.spent_gwei[side as usize]);
        }
        Ok(())
    }

    /// Pays out an account's credit; nothing if there is none.
    pub fn withdraw(&mut self, account: Address) -> u64 {
        let amount = self.credits_gwei.remove(&account).unwrap_or(0);
        self.balance_gwei -= amount;
        amount
    }

    /// The constants of this dispute.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// How often everybody has fallen.
    pub const fn round(&self) -> u32 {
        self.round
    }

    /// The tournament of the round.
    pub fn round_id(&self) -> B256 {
        round_id(self.slot, self.round)
    }

    /// What was decided, and who joined for it.
    pub const fn verdict(&self) -> Option<(Verdict, Address)> {
        self.verdict
    }

    /// The tournament with this id.
    pub fn tournament(&self, id: B256) -> Option<&Tournament> {
        self.tournaments.get(&id)
    }

    /// All tournaments that ever were.
    pub fn tournaments(&self) -> impl Iterator<Item = (&B256, &Tournament)> {
        self.tournaments.iter()
    }

    /// A match that lives.
    pub fn game(&self, of: &MatchRef) -> Option<&Match> {
        self.tournaments.get(&of.tournament)?.matches.get(of)
    }

    /// What an account may withdraw.
    pub fn credit_of(&self, account: Address) -> u64 {
        self.credits_gwei.get(&account).copied().unwrap_or(0)
    }

    /// What has burned: it stays in the contract and nobody can take it out.
    pub const fn burned_gwei(&self) -> u64 {
        self.burned_gwei
    }

    /// Whether every gwei that came in is a bond, a credit, or burned (invariant 5).
    pub fn is_balanced(&self) -> bool {
        let bonds: u64 = self.tournaments.values().map(|tournament| self.bonds_gwei(tournament)).sum();
        bonds + self.credits_gwei.values().sum::<u64>() + self.burned_gwei == self.balance_gwei
    }

    fn bonds_gwei(&self, tournament: &Tournament) -> u64 {
        let locked = |status| matches!(status, CommitmentStatus::Waiting | CommitmentStatus::Playing);
        let count = tournament.commitments.values().filter(|commitment| locked(commitment.status)).count() as u64;
        let spent: u64 = tournament.matches.values().flat_map(|game| game.spent_gwei).sum();
        count * self.terms.bond_gwei(tournament.level()) - spent
    }

    fn open_round(&mut self, opened_at: u64) {
        let starts_at = opened_at + u64::from(self.terms.compute_seconds[0]);
        let id = round_id(self.slot, self.round);
        self.begin(id, self.slot, None, self.start, starts_at, self.terms.allowance_seconds);
    }

    fn begin(&mut self, id: B256, parent: B256, of: Option<MatchRef>, start: B256, starts_at: u64, largest: u32) {
        let opened = Tournament {
            parent,
            of,
            start,
            starts_at,
            closes_at: starts_at + u64::from(largest),
            status: TournamentStatus::Open,
            ranks: BTreeMap::new(),
            commitments: BTreeMap::new(),
            matches: BTreeMap::new(),
        };
        self.tournaments.insert(id, opened);
    }

    fn joinable(&self, id: B256, level: u8) -> Result<&Tournament, DisputeError> {
        let tournament = self.opened(id)?;
        if tournament.level() != level {
            return Err(DisputeError::WrongLevel { tournament: id, level: tournament.level() });
        }
        Ok(tournament)
    }

    /// The match around an inner tournament, if its own tournament is open.
    fn outer(&self, tournament: &Tournament) -> Result<&Match, DisputeError> {
        let outer = self.opened(tournament.parent)?;
        tournament.of.and_then(|of| outer.matches.get(&of)).ok_or(DisputeError::NotSealed)
    }

    fn enter_new(
        &mut self,
        now: u64,
        id: B256,
        joining: &Joining,
        inherited: u32,
        ending: Ending,
    ) -> Result<B256, DisputeError> {
        let root = joining.children.node();
        let tournament = self.opened_mut(id)?;
        if tournament.commitments.contains_key(&root) {
            return Err(DisputeError::AlreadyJoined { tournament: id, root });
        }
        let level = tournament.level();
        let allowance = clock::charge(now, inherited, tournament.starts_at, 0)?;
        let (children, joiner) = (joining.children, joining.joiner);
        let status = CommitmentStatus::Waiting;
        tournament.commitments.insert(root, Commitment { children, joiner, allowance, rank: 0, status, ending });
        tournament.enter(now, id, root);
        self.balance_gwei += self.terms.bond_gwei(level);
        Ok(root)
    }

    /// DISP-BOND-3, DISP-BOND-4: the winner's bond is whole again; what is left of the loser's, beyond the caller's refund, burns.
    fn end(&mut self, now: u64, of: &MatchRef, ended: &Match, outcome: Outcome, caller: Caller) {
        let Some(tournament) = self.tournaments.get_mut(&of.tournament) else { return };
        let bond = self.terms.bond_gwei(tournament.level());
        tournament.depart(of);
        let mut burned = bond - ended.spent_gwei[0] - ended.spent_gwei[1];
        for side in [Side::One, Side::Two] {
            if outcome != Outcome::Wins(side) {
                tournament.set_status(of.root(side), CommitmentStatus::Fallen);
            }
        }
        match outcome {
            Outcome::Wins(side) => {
                let root = of.root(side);
                if let Some(winner) = tournament.commitments.get_mut(&root) {
                    winner.allowance = ended.allowance(side);
                }
                tournament.lift(root);
                tournament.enter(now, of.tournament, root);
            }
            Outcome::BothFall => burned += bond,
        }
        self.burned_gwei += burned - caller.refund_gwei;
        self.credit(caller.account, caller.refund_gwei);
    }

    fn refund(&mut self, game: &mut Match, side: Side, caller: Caller) {
        game.spent_gwei[side as usize] += caller.refund_gwei;
        self.credit(caller.account, caller.refund_gwei);
    }

    fn credit(&mut self, account: Address, amount_gwei: u64) {
        if amount_gwei != 0 {
            *self.credits_gwei.entry(account).or_default() += amount_gwei;
        }
    }

    fn opened(&self, id: B256) -> Result<&Tournament, DisputeError> {
        let found = self.tournaments.get(&id);
        let status = found.map(|tournament| tournament.status);
        found
            .filter(|tournament| tournament.status == TournamentStatus::Open)
            .ok_or(DisputeError::NotOpen { tournament: id, status })
    }

    fn opened_mut(&mut self, id: B256) -> Result<&mut Tournament, DisputeError> {
        let found = self.tournaments.get_mut(&id);
        let status = found.as_ref().map(|tournament| tournament.status);
        found
            .filter(|tournament| tournament.status == TournamentStatus::Open)
            .ok_or(DisputeError::NotOpen { tournament: id, status })
    }

    fn dead_mut(&mut self, id: B256) -> Result<&mut Tournament, DisputeError> {
        let found = self.tournaments.get_mut(&id).filter(|tournament| tournament.status == TournamentStatus::Dead);
        found.ok_or(DisputeError::NotDead { tournament: id })
    }

    fn live(&self, of: &MatchRef) -> Result<&Match, DisputeError> {
        self.game(of).ok_or(DisputeError::NoMatch { tournament: of.tournament, id: of.id() })
    }

    fn store(&mut self, of: &MatchRef, changed: Match) {
        if let Some(tournament) = self.tournaments.get_mut(&of.tournament) {
            tournament.matches.insert(*of, changed);
        }
    }
}

/// DISP-JOIN-1: the last leaf is the one that the root commits to.
fn check_last(joining: &Joining) -> Result<(), DisputeError> {
    let actual = ancestor(joining.last, u64::MAX, &joining.path, HEIGHT - 1)?;
    let expected = joining.children.right;
    if actual == expected { Ok(()) } else { Err(DisputeError::WrongPath { expected, actual }) }
}
