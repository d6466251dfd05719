//! What L1 says of claims at one block, and what derivation says of them.

use std::collections::BTreeMap;

use alloy::{
    eips::BlockId,
    primitives::{Address, B256},
    providers::DynProvider,
};
use tandem_l1::{
    L1Client, RpcFailure,
    bindings::{
        FraudSettlement::{self, ClaimStatus, FraudSettlementInstance, Slot},
        Inbox::{self, InboxInstance},
        Schedule,
    },
};

use super::{epoch::EpochName, error::LookError};
use crate::proposer::DerivedOutputs;

/// Claims and epochs, compared with derivation. What it remembers holds until L1 reorganises.
#[derive(Debug)]
pub(super) struct Chain<O> {
    client: L1Client,
    outputs: O,
    inbox: InboxInstance<DynProvider>,
    settlement: FraudSettlementInstance<DynProvider>,
    schedule: Address,
    names: BTreeMap<u64, EpochName>,
    right: BTreeMap<B256, bool>,
}

impl<O: DerivedOutputs> Chain<O> {
    pub fn new(client: L1Client, inbox: Address, settlement: Address, schedule: Address, outputs: O) -> Self {
        let inbox = Inbox::new(inbox, client.provider().clone());
        let settlement = FraudSettlement::new(settlement, client.provider().clone());
        Self { client, outputs, inbox, settlement, schedule, names: BTreeMap::new(), right: BTreeMap::new() }
    }

    /// Forgets what it remembers, since L1 reorganised.
    pub fn forget(&mut self) {
        self.names.clear();
        self.right.clear();
    }

    /// Dispute contracts that entries of the schedule ever named.
    pub async fn disputes(&self) -> Result<Vec<Address>, RpcFailure> {
        let schedule = Schedule::new(self.schedule, self.client.provider());
        let count = self.client.call(async { schedule.entryCount().call().await }).await?;
        let mut disputes = Vec::new();
        for id in 0..count {
            let record = self.client.call(async { schedule.record(id).call().await }).await?;
            let dispute = record.entry.rules.dispute;
            if dispute != Address::ZERO && !disputes.contains(&dispute) {
                disputes.push(dispute);
            }
        }
        Ok(disputes)
    }

    /// The last final claim and its epoch.
    pub async fn last_final(&self, at: BlockId) -> Result<(B256, u64), RpcFailure> {
        let claim = self.client.call(async { self.settlement.lastFinalClaim().block(at).call().await }).await?;
        let epoch = self.client.call(async { self.settlement.claimOf(claim).block(at).call().await }).await?.epoch;
        Ok((claim, epoch.saturating_to()))
    }

    pub async fn slot(&self, slot: B256, at: BlockId) -> Result<Slot, RpcFailure> {
        self.client.call(async { self.settlement.slotOf(slot).block(at).call().await }).await
    }

    pub async fn status(&self, claim: B256, at: BlockId) -> Result<ClaimStatus, RpcFailure> {
        Ok(self.client.call(async { self.settlement.claimOf(claim).block(at).call().await }).await?.status)
    }

    pub async fn is_playable(&self, slot: B256, at: BlockId) -> Result<bool, RpcFailure> {
        self.client.call(async { self.settlement.isPlayable(slot).block(at).call().await }).await
    }

    /// The program that a slot is about.
    pub async fn guest_hash(&self, slot: B256, at: BlockId) -> Result<B256, RpcFailure> {
        Ok(self.client.call(async { self.settlement.disputeOf(slot).block(at).call().await }).await?.guestHash)
    }

    pub async fn epoch_count(&self, at: BlockId) -> Result<u64, RpcFailure> {
        self.client.call(async { self.inbox.epochCount().block(at).call().await }).await
    }

    /// A closed epoch of which derivation has every batch; none if it is open, or this node is behind.
    pub async fn name(&mut self, epoch: u64, at: BlockId) -> Result<Option<EpochName>, LookError> {
        if let Some(name) = self.names.get(&epoch) {
            return Ok(Some(*name));
        }
        let (first, Some(last_batch)) =
            (self.epoch_end(epoch.saturating_sub(1), at).await?, self.epoch_end(epoch, at).await?)
        else {
            return Ok(None);
        };
        let Some(output) = self.outputs.output(last_batch)? else { return Ok(None) };
        let held = self.client.call(async { self.inbox.batchHashOf(last_batch).block(at).call().await }).await?;
        if epoch != 0 && held != output.batch_hash {
            return Ok(None);
        }
        let first_batch = first.map_or(1, |last| last + 1);
        let name = EpochName { epoch, first_batch, last_batch, last_batch_hash: output.batch_hash };
        self.names.insert(epoch, name);
        Ok(Some(name))
    }

    /// The hash of what derivation yields for an epoch.
    pub async fn derived(&mut self, epoch: u64, at: BlockId) -> Result<Option<B256>, LookError> {
        let Some(name) = self.name(epoch, at).await? else { return Ok(None) };
        Ok(self.outputs.output(name.last_batch)?.map(|output| output.hash()))
    }

    /// Whether a claim and all those that it builds on, down to a final one, are what derivation yields; none if this node is behind.
    pub async fn is_right(&mut self, claim: B256, at: BlockId) -> Result<Option<bool>, LookError> {
        let (mut line, mut id) = (Vec::new(), claim);
        let is_right = loop {
            if let Some(known) = self.right.get(&id) {
                break *known;
            }
            let found = self.client.call(async { self.settlement.claimOf(id).block(at).call().await }).await?;
            let Some(derived) = self.derived(found.epoch.saturating_to(), at).await? else { return Ok(None) };
            line.push(id);
            if found.output != derived {
                break false;
            }
            if found.status == ClaimStatus::Final {
                break true;
            }
            id = self.slot(found.slot, at).await?.parent;
        };
        for id in line {
            self.right.insert(id, is_right);
        }
        Ok(Some(is_right))
    }

    /// The last batch of a closed epoch; genesis ends with none.
    async fn epoch_end(&self, epoch: u64, at: BlockId) -> Result<Option<u64>, RpcFailure> {
        if epoch == 0 {
            return Ok(Some(0));
        }
        let last = self.client.call(async { self.inbox.epochEnd(epoch).block(at).call().await }).await?;
        Ok((last != 0).then_some(last))
    }
}
