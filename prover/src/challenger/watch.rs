//! What L1 told so far of claims and disputes, block by block, and what of it stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy::{
    eips::BlockId,
    primitives::{Address, B256},
};
use tandem_dispute::MatchRef;
use tandem_l1::{BlockRef, ClaimEvent, DisputeEvent, L1Block, L1Client, L1Update, Reader, ReaderConfig, ReaderError};

/// The newest block that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number and hash.
    pub id: BlockRef,
    /// Its time, seconds.
    pub timestamp: u64,
}

impl Head {
    /// Has views answer for this block, and not for another of its height.
    pub fn at(&self) -> BlockId {
        BlockId::hash(self.id.hash)
    }
}

/// A claim as it was posted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posted {
    pub slot: B256,
    pub parent: B256,
    pub epoch: u64,
    /// Hash of what it claims.
    pub output: B256,
}

/// Events folded into what they come to. Names alone: what is true of them now, views tell.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Slots that were contested and are neither decided nor failed.
    pub(super) contested: BTreeSet<B256>,
    pub(super) winners: BTreeMap<B256, B256>,
    pub(super) failed: BTreeSet<B256>,
    pub(super) claims: BTreeMap<B256, Posted>,
    pub(super) ended: BTreeSet<B256>,
    pub(super) finals: BTreeSet<B256>,
    /// By tournament: roots that joined, and for whom.
    joined: BTreeMap<B256, Vec<(B256, Address)>>,
    /// By tournament: matches that began and did not end.
    matches: BTreeMap<B256, BTreeSet<MatchRef>>,
    /// By slot: tournaments of all its rounds.
    rounds: BTreeMap<B256, Vec<B256>>,
}

impl Seen {
    /// Roots that joined a tournament, and who joined for them.
    pub fn joined(&self, tournament: B256) -> &[(B256, Address)] {
        self.joined.get(&tournament).map_or(&[], Vec::as_slice)
    }

    /// Matches of a tournament that live, unless a block that was not read yet ended them.
    pub fn matches(&self, tournament: B256) -> impl Iterator<Item = MatchRef> {
        self.matches.get(&tournament).into_iter().flatten().copied()
    }

    /// Slots in whose tournaments of level 0 an account joined.
    pub(super) fn slots_joined_by(&self, account: Address) -> impl Iterator<Item = B256> {
        let is_there = move |id: &B256| self.joined(*id).iter().any(|(_, joiner)| *joiner == account);
        self.rounds.iter().filter(move |(_, ids)| ids.iter().any(is_there)).map(|(slot, _)| *slot)
    }

    /// Takes a block in.
    pub fn add(&mut self, block: &L1Block) {
        block.claims.iter().for_each(|event| self.add_claim(event));
        block.disputes.iter().for_each(|log| self.add_dispute(&log.event));
    }

    fn add_claim(&mut self, event: &ClaimEvent) {
        match *event {
            ClaimEvent::Posted { claim_id, slot_id, parent, epoch, ref output, .. } => {
                self.claims.insert(claim_id, Posted { slot: slot_id, parent, epoch, output: output.hash() });
            }
            ClaimEvent::Finalized { claim_id, .. } => _ = self.finals.insert(claim_id),
            ClaimEvent::Contested { slot_id } => _ = self.contested.insert(slot_id),
            ClaimEvent::Decided { slot_id, winner, .. } => {
                self.contested.remove(&slot_id);
                self.winners.insert(slot_id, winner);
            }
            ClaimEvent::Failed { slot_id } => {
                self.contested.remove(&slot_id);
                self.failed.insert(slot_id);
            }
            ClaimEvent::Discarded { claim_id, .. } => _ = self.ended.insert(claim_id),
        }
    }

    fn add_dispute(&mut self, event: &DisputeEvent) {
        match *event {
            DisputeEvent::TournamentOpened { tournament, parent, level: 0, .. } => {
                self.rounds.entry(parent).or_default().push(tournament);
            }
            DisputeEvent::Joined { tournament, root, joiner, .. } => {
                self.joined.entry(tournament).or_default().push((root, joiner));
            }
            DisputeEvent::MatchBegan { ref reference, .. } => {
                let of = MatchRef { tournament: reference.tournament, one: reference.one, two: reference.two };
                self.matches.entry(of.tournament).or_default().insert(of);
            }
            DisputeEvent::Ended { tournament, match_id, .. } => {
                self.matches.entry(tournament).or_default().retain(|of| of.id() != match_id);
            }
            _ => {}
        }
    }
}

/// Follows L1 to its newest block. Holds all blocks with events, so that those that a reorganisation voids can be taken back.
#[derive(Debug)]
pub struct Watch {
    reader: Reader,
    head: Option<Head>,
    blocks: Vec<L1Block>,
    /// Shared with whoever looks at it, and changed when nobody does.
    seen: Arc<Seen>,
    reorgs: u64,
}

impl Watch {
    /// Follows from `config.start_block` on, and the dispute contracts that it names.
    pub fn new(client: L1Client, config: ReaderConfig) -> Self {
        Self { reader: Reader::new(client, config), head: None, blocks: Vec::new(), seen: Arc::default(), reorgs: 0 }
    }

    /// Reads all that there is; the newest block then.
    pub async fn catch_up(&mut self) -> Result<Option<Head>, ReaderError> {
        while let Some(update) = self.reader.try_next().await? {
            match update {
                L1Update::Block(block) => {
                    self.head = Some(Head { id: block.id(), timestamp: block.timestamp });
                    if !block.claims.is_empty() || !block.disputes.is_empty() {
                        Arc::make_mut(&mut self.seen).add(&block);
                        self.blocks.push(block);
                    }
                }
                L1Update::Reorg { to } => {
                    (self.head, self.reorgs) = (None, self.reorgs + 1);
                    self.blocks.retain(|block| block.number <= to.number);
                    let mut seen = Seen::default();
                    self.blocks.iter().for_each(|block| seen.add(block));
                    self.seen = Arc::new(seen);
                }
                L1Update::Heads(_) => {}
            }
        }
        Ok(self.head)
    }

    /// The newest block that was read; none right after a reorganisation.
    pub fn head(&self) -> Option<Head> {
        self.head
    }

    /// How often L1 took blocks back.
    pub fn reorgs(&self) -> u64 {
        self.reorgs
    }

    /// What was read so far.
    pub fn seen(&self) -> &Arc<Seen> {
        &self.seen
    }
}
