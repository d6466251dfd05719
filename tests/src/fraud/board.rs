//! What L1 says of a chain's claims and disputes: events folded into who claims, who joined, and which matches live.
//!
//! Whoever plays or narrates keeps a board of his own. After a reorganisation it is made anew from the first block.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolValue,
};
use tandem_chain::OutputFields;
use tandem_l1::{
    BlockRef, ClaimEvent, Deployment, DisputeEvent, DisputeLog, L1Block, L1Client, L1Update, Reader, ReaderConfig,
    bindings::Dispute::{Ending, MatchRef, Outcome, Verdict},
    bindings::FraudSettlement::ClaimStatus,
};

/// A claim, as far as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimSeen {
    /// The slot that it is in.
    pub slot: B256,
    /// The claim that it builds on.
    pub parent: B256,
    /// The epoch that it ends.
    pub epoch: u64,
    /// What it claims; of a claim that a verdict made only the hash is known.
    pub output: Option<OutputFields>,
    /// Hash of what it claims.
    pub output_hash: B256,
    /// Who posted it; nobody, if a verdict made it.
    pub claimant: Option<Address>,
    /// What became of it.
    pub status: ClaimStatus,
    /// Wei of the stake behind it that burned with it.
    pub burned: U256,
}

/// Who joined a tournament for a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinedSeen {
    /// Who locked the bond.
    pub joiner: Address,
    /// How the run ends.
    pub ending: Ending,
}

/// The first difference of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contest {
    /// Index of the contested leaf.
    pub index: u64,
    /// Hash of the state before.
    pub agreed: B256,
    /// Hash of the state after, as side one has it.
    pub one: B256,
    /// As side two has it.
    pub two: B256,
}

/// A tournament, as far as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TournamentSeen {
    /// Level 0: the slot. Level 1: the tournament of the match that it decides.
    pub parent: B256,
    /// 0 for whole runs, 1 for those within a stride.
    pub level: u8,
    /// Before that no clock runs, in seconds since the Unix epoch.
    pub starts_at: u64,
    /// Nobody joins from then on, in seconds since the Unix epoch.
    pub closes_at: u64,
    /// Who is in it, by root.
    pub joined: BTreeMap<B256, JoinedSeen>,
    /// Matches that live, by their names.
    pub matches: BTreeMap<B256, MatchRef>,
    /// What sealed matches are about, by their names.
    pub sealed: BTreeMap<B256, Contest>,
    /// Whether it is about nothing any more.
    pub is_dead: bool,
}

/// One thing that happened, with its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// The L1 block that did it.
    pub block: BlockRef,
    /// The block's time, in seconds since the Unix epoch.
    pub timestamp: u64,
    /// The event, by the contract that emitted it.
    pub what: What,
}

/// What happens to claims and in disputes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a few per block")]
pub enum What {
    /// In the settlement.
    Claim(ClaimEvent),
    /// In a dispute contract.
    Dispute(DisputeLog),
}

/// Claims, joiners and matches as L1 has them, kept up to date by whoever looks.
#[derive(Debug)]
pub struct Board {
    client: L1Client,
    config: ReaderConfig,
    reader: Reader,
    /// Time of the newest block that was read, in seconds since the Unix epoch.
    pub now: u64,
    /// All claims, by id.
    pub claims: BTreeMap<B256, ClaimSeen>,
    /// When slots were contested, in seconds since the Unix epoch.
    pub contested: BTreeMap<B256, u64>,
    /// Winners of slots that the settlement has decided.
    pub decided: BTreeMap<B256, B256>,
    /// Slots of which the settlement says that they failed.
    pub failed: Vec<B256>,
    /// What dispute contracts found about slots: the verdict, the right output, and the champion.
    pub judged: BTreeMap<B256, (Verdict, B256, Address)>,
    /// All tournaments, by id.
    pub tournaments: BTreeMap<B256, TournamentSeen>,
    /// Matches that were decided: tournament, match, outcome.
    pub ended: Vec<(B256, B256, Outcome)>,
    /// How often it was made anew: what was seen before may not have happened.
    pub reorgs: u64,
}

impl Board {
    /// A board of the deployment's chain and its dispute contract, with nothing read yet.
    pub fn new(client: L1Client, deployment: &Deployment) -> Self {
        let chain = &deployment.chain;
        let mut config = ReaderConfig::new(chain.inbox, chain.settlement, deployment.start_block);
        config.disputes = vec![deployment.dispute];
        Self::with(client, config)
    }

    fn with(client: L1Client, config: ReaderConfig) -> Self {
        Self {
            reader: Reader::new(client.clone(), config.clone()),
            client,
            config,
            now: 0,
            claims: BTreeMap::new(),
            contested: BTreeMap::new(),
            decided: BTreeMap::new(),
            failed: Vec::new(),
            judged: BTreeMap::new(),
            tournaments: BTreeMap::new(),
            ended: Vec::new(),
            reorgs: 0,
        }
    }

    fn begin_anew(&mut self) {
        *self = Self { reorgs: self.reorgs + 1, ..Self::with(self.client.clone(), self.config.clone()) };
    }

    /// Reads on to L1's newest block; what happened meanwhile.
    pub async fn refresh(&mut self) -> anyhow::Result<Vec<Happening>> {
        let mut happenings = Vec::new();
        while let Some(update) = self.reader.try_next().await? {
            match update {
                L1Update::Block(block) => happenings.extend(self.take(block)),
                L1Update::Reorg { .. } => {
                    self.begin_anew();
                    happenings.clear();
                }
                L1Update::Heads(_) => {}
            }
        }
        Ok(happenings)
    }

    fn take(&mut self, block: L1Block) -> Vec<Happening> {
        let (id, timestamp) = (block.id(), block.timestamp);
        self.now = timestamp;
        let happening = |what| Happening { block: id, timestamp, what };
        let mut happenings = Vec::new();
        for event in block.claims {
            self.claim(&event, timestamp);
            happenings.push(happening(What::Claim(event)));
        }
        for log in block.disputes {
            self.dispute(&log.event);
            happenings.push(happening(What::Dispute(log)));
        }
        happenings
    }

    fn claim(&mut self, event: &ClaimEvent, timestamp: u64) {
        match *event {
            ClaimEvent::Posted { claim_id, slot_id, parent, epoch, output, claimant } => {
                let seen = ClaimSeen {
                    slot: slot_id,
                    parent,
                    epoch,
                    output: Some(output),
                    output_hash: output.hash(),
                    claimant: Some(claimant),
                    status: ClaimStatus::Pending,
                    burned: U256::ZERO,
                };
                self.claims.insert(claim_id, seen);
            }
            ClaimEvent::Contested { slot_id } => _ = self.contested.insert(slot_id, timestamp),
            ClaimEvent::Decided { slot_id, winner, output } => {
                self.decided.insert(slot_id, winner);
                let Some(sibling) = self.claims.values().find(|claim| claim.slot == slot_id).cloned() else { return };
                self.claims.entry(winner).or_insert(ClaimSeen {
                    output: None,
                    output_hash: output,
                    claimant: None,
                    status: ClaimStatus::Pending,
                    ..sibling
                });
            }
            ClaimEvent::Failed { slot_id } => self.failed.push(slot_id),
            ClaimEvent::Finalized { claim_id, .. } => self.settle(claim_id, ClaimStatus::Final, U256::ZERO),
            ClaimEvent::Discarded { claim_id, status, burned } => self.settle(claim_id, status, burned),
        }
    }

    fn settle(&mut self, claim_id: B256, status: ClaimStatus, burned: U256) {
        if let Some(claim) = self.claims.get_mut(&claim_id) {
            (claim.status, claim.burned) = (status, burned);
        }
    }

    fn dispute(&mut self, event: &DisputeEvent) {
        match event {
            DisputeEvent::TournamentOpened { tournament, parent, level, starts_at, closes_at, .. } => {
                let seen = TournamentSeen {
                    parent: *parent,
                    level: *level,
                    starts_at: *starts_at,
                    closes_at: *closes_at,
                    joined: BTreeMap::new(),
                    matches: BTreeMap::new(),
                    sealed: BTreeMap::new(),
                    is_dead: false,
                };
                self.tournaments.insert(*tournament, seen);
            }
            DisputeEvent::Joined { tournament, root, joiner, ending, .. } => {
                let seen = JoinedSeen { joiner: *joiner, ending: *ending };
                self.of(*tournament, |found| _ = found.joined.insert(*root, seen));
            }
            DisputeEvent::MatchBegan { reference, .. } => {
                self.of(reference.tournament, |found| _ = found.matches.insert(reference.id(), reference.clone()));
            }
            DisputeEvent::Sealed { tournament, match_id, index, agreed, contested_one, contested_two } => {
                let contest = Contest { index: *index, agreed: *agreed, one: *contested_one, two: *contested_two };
                self.of(*tournament, |found| _ = found.sealed.insert(*match_id, contest));
            }
            DisputeEvent::Ended { tournament, match_id, outcome, .. } => {
                self.of(*tournament, |found| _ = found.matches.remove(match_id));
                self.ended.push((*tournament, *match_id, *outcome));
            }
            DisputeEvent::Judged { slot_id, verdict, output, champion } => {
                self.judged.insert(*slot_id, (*verdict, *output, *champion));
            }
            DisputeEvent::Died { tournament } => self.of(*tournament, |found| found.is_dead = true),
            DisputeEvent::Advanced { .. } | DisputeEvent::BondReturned { .. } | DisputeEvent::Withdrawn { .. } => {}
        }
    }

    fn of(&mut self, tournament: B256, change: impl FnOnce(&mut TournamentSeen)) {
        if let Some(found) = self.tournaments.get_mut(&tournament) {
            change(found);
        }
    }

    /// The newest tournament of level 0 of a slot's dispute, with its id.
    pub fn round_of(&self, slot: B256) -> Option<(B256, &TournamentSeen)> {
        let rounds = self.tournaments.iter().filter(|(_, found)| found.level == 0 && found.parent == slot);
        rounds.max_by_key(|(_, found)| found.starts_at).map(|(id, found)| (*id, found))
    }

    /// The tournaments of a slot's dispute, those within matches included.
    pub fn tournaments_of(&self, slot: B256) -> impl Iterator<Item = (B256, &TournamentSeen)> {
        self.tournaments
            .iter()
            .filter(move |(_, found)| self.slot_of(found) == Some(slot))
            .map(|(id, found)| (*id, found))
    }

    /// The slot that a tournament is about.
    pub fn slot_of(&self, tournament: &TournamentSeen) -> Option<B256> {
        match tournament.level {
            0 => Some(tournament.parent),
            _ => self.tournaments.get(&tournament.parent).map(|outer| outer.parent),
        }
    }

    /// What a tournament of level 1 decides: the contested leaf of the match around it.
    pub fn contest_of(&self, tournament: B256) -> Option<&Contest> {
        let outer_id = self.tournaments.get(&tournament)?.parent;
        let outer = self.tournaments.get(&outer_id)?;
        outer.sealed.iter().find(|(name, _)| inner_id(outer_id, **name) == tournament).map(|(_, contest)| contest)
    }
}

/// The tournament inside a sealed match of level 0: `H(abi("inner", tournament, match))`, DISP-OPEN-2.
pub fn inner_id(tournament: B256, match_id: B256) -> B256 {
    keccak256(("inner".to_owned(), tournament, match_id).abi_encode_params())
}
