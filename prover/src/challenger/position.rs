//! The dispute of a slot at one block, as the pure model has it: events name what there is, views say what is true of it.

use std::collections::BTreeMap;

use alloy::{
    eips::BlockId,
    primitives::{Address, B256},
    providers::DynProvider,
};
use futures::future::{BoxFuture, try_join_all};
use tandem_dispute::{
    Children, Commitment, CommitmentStatus, Ending, Match, MatchRef, MatchStatus, Rank, Side, Terms, Tournament,
    TournamentStatus, inner_id, round_id, strategy::Position,
};
use tandem_l1::{
    L1Client, RpcFailure,
    bindings::Dispute::{self, DisputeInstance},
};

use super::watch::Seen;

/// A dispute contract, asked about one block.
#[derive(Clone, Debug)]
pub struct Judge {
    client: L1Client,
    contract: DisputeInstance<DynProvider>,
    at: BlockId,
}

/// What a dispute contract says of a slot.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Hash of the state before the first step; zero before the dispute is open.
    pub start: B256,
    /// Whether there is a verdict.
    pub is_judged: bool,
    /// Id of the round's tournament.
    pub round: B256,
    /// Tournaments of the round, by id.
    pub tournaments: BTreeMap<B256, Tournament>,
}

impl Standing {
    /// What the strategy looks at.
    pub fn position<'a>(&'a self, terms: &'a Terms, is_playable: bool) -> Position<'a> {
        let Self { round, is_judged, tournaments, .. } = self;
        Position { terms, round: *round, is_judged: *is_judged, is_playable, tournaments }
    }
}

impl Judge {
    /// The contract at an address, at the block with this hash.
    pub fn new(client: L1Client, address: Address, block_hash: B256) -> Self {
        let contract = Dispute::new(address, client.provider().clone());
        Self { client, contract, at: BlockId::hash(block_hash) }
    }

    /// The contract's constants.
    pub async fn terms(&self) -> Result<Terms, RpcFailure> {
        let Self { client, contract, at } = self;
        Ok(Terms {
            allowance_seconds: client.call(async { contract.allowanceSeconds().block(*at).call().await }).await?,
            compute_seconds: [
                client.call(async { contract.computeSeconds0().block(*at).call().await }).await?,
                client.call(async { contract.computeSeconds1().block(*at).call().await }).await?,
            ],
            turn_seconds: client.call(async { contract.turnSeconds().block(*at).call().await }).await?,
            sealed_turn_seconds: client.call(async { contract.sealedTurnSeconds().block(*at).call().await }).await?,
            gas_price_cap_gwei: client.call(async { contract.gasPriceCapGwei().block(*at).call().await }).await?,
        })
    }

    /// Wei that an account may withdraw.
    pub async fn credit_of(&self, account: Address) -> Result<alloy::primitives::U256, RpcFailure> {
        self.client.call(async { self.contract.creditOf(account).block(self.at).call().await }).await
    }

    /// The dispute of a slot.
    pub async fn standing(&self, slot: B256, seen: &Seen) -> Result<Standing, RpcFailure> {
        let about = self.client.call(async { self.contract.slotDisputeOf(slot).block(self.at).call().await }).await?;
        let round = round_id(slot, about.round);
        let mut tournaments = BTreeMap::new();
        if about.start != B256::ZERO
            && let Some(outer) = self.tournament(round, None, about.start, seen).await?
        {
            let sealed = outer.matches.iter().filter(|(_, game)| game.status == MatchStatus::Sealed);
            for (of, game) in sealed {
                let id = inner_id(of);
                if let Some(inner) = self.tournament(id, Some(*of), game.node, seen).await? {
                    tournaments.insert(id, inner);
                }
            }
            tournaments.insert(round, outer);
        }
        Ok(Standing { start: about.start, is_judged: about.verdict != Dispute::Verdict::None, round, tournaments })
    }

    async fn tournament(
        &self,
        id: B256,
        of: Option<MatchRef>,
        start: B256,
        seen: &Seen,
    ) -> Result<Option<Tournament>, RpcFailure> {
        let found = self.client.call(async { self.contract.tournamentOf(id).block(self.at).call().await }).await?;
        let status = match found.status {
            Dispute::TournamentStatus::Open => TournamentStatus::Open,
            Dispute::TournamentStatus::Over => TournamentStatus::Over,
            Dispute::TournamentStatus::Dead => TournamentStatus::Dead,
            _ => return Ok(None),
        };
        let has = |bits: u64, rank: u8| bits >> rank & 1 == 1;
        let taken = (0..64_u8).filter(|rank| has(found.waitingRanks | found.liveRanks, *rank));
        let ranks = try_join_all(taken.map(|rank| async move {
            let place = self.client.call(async { self.contract.rankOf(id, rank).block(self.at).call().await }).await?;
            let waiting = has(found.waitingRanks, rank).then_some(place.waiting);
            Ok::<_, RpcFailure>((rank, Rank { waiting, live: place.live }))
        }));
        let commitments = try_join_all(seen.joined(id).iter().map(|(root, _)| self.commitment(id, *root)));
        let matches: Vec<BoxFuture<'_, _>> = seen.matches(id).map(|of| Box::pin(self.game(of)) as _).collect();
        let (ranks, commitments, matches) = (ranks.await?, commitments.await?, try_join_all(matches).await?);
        Ok(Some(Tournament {
            parent: found.parent,
            of,
            start,
            starts_at: found.startsAt.saturating_to(),
            closes_at: found.closesAt.saturating_to(),
            status,
            ranks: ranks.into_iter().collect(),
            commitments: commitments.into_iter().flatten().collect(),
            matches: matches.into_iter().flatten().collect(),
        }))
    }

    async fn commitment(&self, id: B256, root: B256) -> Result<Option<(B256, Commitment)>, RpcFailure> {
        let found =
            self.client.call(async { self.contract.commitmentOf(id, root).block(self.at).call().await }).await?;
        let status = match found.status {
            Dispute::CommitmentStatus::Waiting => CommitmentStatus::Waiting,
            Dispute::CommitmentStatus::Playing => CommitmentStatus::Playing,
            Dispute::CommitmentStatus::Fallen => CommitmentStatus::Fallen,
            Dispute::CommitmentStatus::Returned => CommitmentStatus::Returned,
            _ => return Ok(None),
        };
        let ending = match found.ending {
            Dispute::Ending::Output => Ending::Output(found.output),
            Dispute::Ending::Trapped => Ending::Trapped,
            Dispute::Ending::BacksOne => Ending::BacksOne,
            Dispute::Ending::BacksTwo => Ending::BacksTwo,
            _ => Ending::Unhalted,
        };
        let children = Children { left: found.left, right: found.right };
        let commitment =
            Commitment { children, joiner: found.joiner, allowance: found.allowance, rank: found.rank, status, ending };
        Ok(Some((root, commitment)))
    }

    async fn game(&self, of: MatchRef) -> Result<Option<(MatchRef, Match)>, RpcFailure> {
        let reference = match_ref(&of);
        let found = self.client.call(async { self.contract.matchOf(reference).block(self.at).call().await }).await?;
        let turn = found.turn;
        let status = match turn.status {
            Dispute::MatchStatus::Descending => MatchStatus::Descending,
            Dispute::MatchStatus::Sealed => MatchStatus::Sealed,
            _ => return Ok(None),
        };
        let game = Match {
            node: found.node,
            others: Children { left: found.left, right: found.right },
            status,
            height: turn.height,
            turn: if turn.twoMoves { Side::Two } else { Side::One },
            index: turn.index.into(),
            since: turn.since.saturating_to(),
            allowances: [turn.allowanceOne, turn.allowanceTwo],
            spent_gwei: [turn.spentOne.saturating_to(), turn.spentTwo.saturating_to()],
        };
        Ok(Some((of, game)))
    }
}

/// The contract's name of a match.
pub fn match_ref(of: &MatchRef) -> Dispute::MatchRef {
    Dispute::MatchRef { tournament: of.tournament, one: of.one, two: of.two }
}
