//! Whoever plays in disputes for runs of his choice: joins, moves, and falls silent where his habits say so.
//!
//! Not the challenger: that one is the program under test. This one is small, sees L1 through a [`Board`] of its own, and plays for whatever
//! it is given, in all tournaments of a slot; it cleans nothing up and proves no steps, which a liar has no use for.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, B256, U256},
    sol_types::SolCall,
};
use anyhow::Context;
use tandem_cli::wallet::{Call, Wallet, WalletError};
use tandem_l1::{
    Deployment,
    bindings::Dispute::{self, Children, MatchRef, MatchStatus},
};
use tandem_trace::Trace;
use tandem_vm::{Commitment, commit::HEIGHT};
use tokio_util::sync::CancellationToken;

use super::board::Board;

/// Between looks at L1.
const POLL: Duration = Duration::from_millis(300);

/// A move in a dispute, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Joining the tournament of whole runs.
    Join,
    /// Opening a node of a height above 1, at a level: the first turn at this height or below, since sides take turns.
    Advance(u8, u8),
    /// Opening the lowest node, at a level.
    Seal(u8),
    /// Joining the tournament inside the contested stride.
    JoinInner,
}

/// What somebody does, and what not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Habits {
    /// From this move on nothing comes any more.
    pub silent_at: Option<Move>,
    /// Joins only where somebody has joined: so he is side two, which opens nodes of odd heights and the lowest one.
    pub joins_second: bool,
}

/// A party to the disputes about one slot, which plays the runs that it was given.
pub struct Player {
    wallet: Wallet,
    dispute: Address,
    slot: B256,
    board: Board,
    runs: Vec<Arc<dyn Trace>>,
    habits: Habits,
    /// Tournaments that each run has joined, or whose root somebody else has joined for.
    joined: BTreeSet<(usize, B256)>,
    is_silent: bool,
}

impl Player {
    /// Plays `runs` in the dispute of a slot.
    pub fn new(wallet: Wallet, deployment: &Deployment, slot: B256, runs: Vec<Arc<dyn Trace>>, habits: Habits) -> Self {
        let board = Board::new(wallet.client().clone(), deployment);
        Self {
            wallet,
            dispute: deployment.dispute,
            slot,
            board,
            runs,
            habits,
            joined: BTreeSet::new(),
            is_silent: false,
        }
    }

    /// Plays until the slot is judged, `token` is cancelled, or its habits have it fall silent; whether it did.
    pub async fn play(mut self, token: CancellationToken) -> anyhow::Result<bool> {
        loop {
            let reorgs = self.board.reorgs;
            self.board.refresh().await?;
            if self.board.reorgs != reorgs {
                self.joined.clear();
            }
            if self.board.judged.contains_key(&self.slot) || self.is_silent {
                return Ok(self.is_silent);
            }
            if let Err(error) = self.turn().await {
                // Somebody was quicker, a clock ran out in between, or L1 became dearer than the bid: the next look tells.
                let passes = matches!(
                    error.downcast_ref(),
                    Some(
                        WalletError::Refused(_)
                            | WalletError::Reverted(_)
                            | WalletError::Rpc(_)
                            | WalletError::Late { .. }
                    )
                );
                if !passes {
                    return Err(error);
                }
            }
            tokio::select! {
                () = token.cancelled() => return Ok(self.is_silent),
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// One call at most, so that every call is made with fresh eyes.
    async fn turn(&mut self) -> anyhow::Result<()> {
        let Some((round, _)) = self.board.round_of(self.slot) else {
            return self.send(Dispute::openCall { slotId: self.slot }.abi_encode(), U256::ZERO).await;
        };
        for run in 0..self.runs.len() {
            if self.join(run, round).await? {
                return Ok(());
            }
        }
        let live = self.board.tournaments_of(self.slot).filter(|(_, found)| !found.is_dead);
        let matches: Vec<(u8, MatchRef)> =
            live.flat_map(|(_, found)| found.matches.values().map(|of| (found.level, of.clone()))).collect();
        for (level, of) in matches {
            for run in 0..self.runs.len() {
                if self.play_match(run, level, &of).await? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether it joined the round with a run.
    async fn join(&mut self, run: usize, round: B256) -> anyhow::Result<bool> {
        if self.joined.contains(&(run, round)) || self.waits_for_others(round) || self.falls_silent(Move::Join) {
            return Ok(false);
        }
        let trace = self.runs[run].clone();
        let (commitment, last) = blocking(move || Ok((trace.coarse()?, trace.last_state()?))).await?;
        if found_in(&self.board, round, commitment.root()) {
            self.joined.insert((run, round));
            return Ok(false);
        }
        let call = Dispute::joinCall {
            id: round,
            children: children(&commitment, HEIGHT, 0),
            lastState: last.to_vec().into(),
            path: last_path(&commitment),
        };
        self.send(call.abi_encode(), self.bond(0).await?).await?;
        self.joined.insert((run, round));
        Ok(true)
    }

    /// Whether it made a move in a match for a run, or joined inside it.
    async fn play_match(&mut self, run: usize, level: u8, of: &MatchRef) -> anyhow::Result<bool> {
        let Some(commitment) = self.commitment(run, level, of.tournament).await? else { return Ok(false) };
        let root = commitment.root();
        if root != of.one && root != of.two {
            return Ok(false);
        }
        let contract = Dispute::new(self.dispute, self.wallet.client().provider());
        let game = self.wallet.client().call(async { contract.matchOf(of.clone()).call().await }).await?;
        let turn = game.turn;
        match turn.status {
            MatchStatus::Descending if turn.twoMoves == (root == of.two) => {}
            MatchStatus::Sealed if level == 0 => return self.join_inner(run, of).await,
            _ => return Ok(false),
        }
        let (height, index) = (usize::from(turn.height), u64::from(turn.index));
        let next = if height > 1 { Move::Advance(level, turn.height) } else { Move::Seal(level) };
        if self.falls_silent(next) {
            return Ok(false);
        }
        let opened = children(&commitment, height, index);
        let goes_right = opened.left == game.left;
        let child = 2 * index + u64::from(goes_right);
        let call = if height > 1 {
            let next = children(&commitment, height - 1, child);
            Dispute::advanceCall { r#ref: of.clone(), height: turn.height, opened, next }.abi_encode()
        } else {
            let (agreed, path) = match (goes_right, child) {
                (true, _) => (opened.left, Vec::new()),
                (false, 0) => (self.start_of(run, level, of.tournament)?, Vec::new()),
                (false, _) => (commitment.leaf(child - 1), commitment.proof(child - 1).to_vec()),
            };
            Dispute::sealCall { r#ref: of.clone(), opened, agreed, path }.abi_encode()
        };
        self.send(call, U256::ZERO).await?;
        Ok(true)
    }

    async fn join_inner(&mut self, run: usize, of: &MatchRef) -> anyhow::Result<bool> {
        let inner = super::board::inner_id(of.tournament, of.id());
        if self.joined.contains(&(run, inner)) || self.waits_for_others(inner) || self.falls_silent(Move::JoinInner) {
            return Ok(false);
        }
        // L1 can know of the seal before the board does; then the next look joins.
        let Some(commitment) = self.commitment(run, 1, inner).await? else { return Ok(false) };
        let root = commitment.root();
        if found_in(&self.board, inner, root) {
            self.joined.insert((run, inner));
            return Ok(false);
        }
        let call = Dispute::joinInnerCall {
            id: inner,
            children: children(&commitment, HEIGHT, 0),
            last: commitment.leaf((1 << HEIGHT) - 1),
            path: last_path(&commitment),
        };
        self.send(call.abi_encode(), self.bond(1).await?).await?;
        self.joined.insert((run, inner));
        Ok(true)
    }

    /// The commitment of a run in a tournament; none inside a match about a stride that is not known yet.
    async fn commitment(&self, run: usize, level: u8, tournament: B256) -> anyhow::Result<Option<Arc<Commitment>>> {
        let trace = self.runs[run].clone();
        if level == 0 {
            return Ok(Some(blocking(move || Ok(trace.coarse()?)).await?));
        }
        let Some(stride) = self.board.contest_of(tournament).map(|contest| contest.index) else { return Ok(None) };
        Ok(Some(blocking(move || Ok(trace.fine(stride)?)).await?))
    }

    fn start_of(&self, run: usize, level: u8, tournament: B256) -> anyhow::Result<B256> {
        match level {
            0 => Ok(self.runs[run].start()),
            _ => Ok(self.board.contest_of(tournament).context("a match without a contest around it")?.agreed),
        }
    }

    fn waits_for_others(&self, tournament: B256) -> bool {
        let is_empty = self.board.tournaments.get(&tournament).is_none_or(|found| found.joined.is_empty());
        self.habits.joins_second && is_empty
    }

    fn falls_silent(&mut self, next: Move) -> bool {
        self.is_silent |= match (self.habits.silent_at, next) {
            (Some(Move::Advance(level, height)), Move::Advance(of, at)) => of == level && at <= height,
            (at, next) => at == Some(next),
        };
        self.is_silent
    }

    async fn bond(&self, level: u8) -> anyhow::Result<U256> {
        let contract = Dispute::new(self.dispute, self.wallet.client().provider());
        Ok(self.wallet.client().call(async { contract.bondOf(level).call().await }).await?)
    }

    async fn send(&self, input: Vec<u8>, value: U256) -> anyhow::Result<()> {
        self.wallet.send(Call::new(self.dispute, input).value(value)).await?;
        Ok(())
    }
}

fn found_in(board: &Board, tournament: B256, root: B256) -> bool {
    board.tournaments.get(&tournament).is_some_and(|found| found.joined.contains_key(&root))
}

fn children(commitment: &Commitment, height: usize, index: u64) -> Children {
    let (left, right) = commitment.children(height, index);
    Children { left, right }
}

/// Siblings of the last leaf below the root's right child.
fn last_path(commitment: &Commitment) -> Vec<B256> {
    commitment.proof((1 << HEIGHT) - 1)[..HEIGHT - 1].to_vec()
}

/// What takes minutes, on a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?
}
