//! What L1 says about epochs and claims.

use alloy::{
    primitives::{Address, B256, U256},
    providers::DynProvider,
    rpc::types::Filter,
    sol_types::SolEvent,
};
use tandem_chain::{
    OutputFields,
    output::{claim_id, slot_id},
};
use tandem_l1::{
    L1Client, RpcFailure,
    bindings::{
        FraudSettlement::{self, Claim, FraudSettlementInstance, Slot, Stake},
        Inbox::{self, InboxInstance},
        Schedule,
    },
};
use tokio::sync::OnceCell;

/// The newest final claim.
#[derive(Clone, Copy, Debug)]
pub(super) struct FinalClaim {
    pub claim_id: B256,
    pub epoch: u64,
    pub output: B256,
    /// Since when the claim is final, in seconds since the Unix epoch.
    pub final_at: u64,
}

/// Where the claim of an epoch belongs.
#[derive(Clone, Debug)]
pub(super) struct ClaimPlace {
    pub parent: B256,
    pub epoch: u64,
    pub last_batch: u64,
    /// What derivation yields there.
    pub output: OutputFields,
    pub slot_id: B256,
    /// The claim of `output`, whether it exists or not.
    pub claim_id: B256,
    pub slot: Slot,
    /// Wei that a claim costs.
    pub bond: u128,
}

#[derive(Debug)]
pub(super) struct View {
    client: L1Client,
    inbox: InboxInstance<DynProvider>,
    settlement: FraudSettlementInstance<DynProvider>,
    start_block: u64,
    schedule: OnceCell<Address>,
}

impl View {
    pub fn new(client: L1Client, inbox: Address, settlement: Address, start_block: u64) -> Self {
        let inbox = Inbox::new(inbox, client.provider().clone());
        let settlement = FraudSettlement::new(settlement, client.provider().clone());
        Self { client, inbox, settlement, start_block, schedule: OnceCell::new() }
    }

    pub async fn last_final(&self) -> Result<FinalClaim, RpcFailure> {
        let claim_id = self.client.call(async { self.settlement.lastFinalClaim().call().await }).await?;
        let claim = self.claim(claim_id).await?;
        Ok(FinalClaim {
            claim_id,
            epoch: claim.epoch.saturating_to(),
            output: claim.output,
            final_at: claim.finalAt.saturating_to(),
        })
    }

    pub async fn claim(&self, claim_id: B256) -> Result<Claim, RpcFailure> {
        self.client.call(async { self.settlement.claimOf(claim_id).call().await }).await
    }

    /// The last batch of a closed epoch; none while it is open. Epoch 0 is genesis.
    pub async fn epoch_end(&self, epoch: u64) -> Result<Option<u64>, RpcFailure> {
        if epoch == 0 {
            return Ok(Some(0));
        }
        let last_batch = self.client.call(async { self.inbox.epochEnd(epoch).call().await }).await?;
        Ok((last_batch != 0).then_some(last_batch))
    }

    pub async fn batch_hash(&self, batch_index: u64) -> Result<B256, RpcFailure> {
        self.client.call(async { self.inbox.batchHashOf(batch_index).call().await }).await
    }

    pub async fn place(
        &self,
        parent: B256,
        epoch: u64,
        last_batch: u64,
        output: OutputFields,
    ) -> Result<ClaimPlace, RpcFailure> {
        let schedule = Schedule::new(self.schedule().await?, self.client.provider());
        let entry = self.client.call(async { schedule.entryOf(last_batch).call().await }).await?;
        let slot_id = slot_id(parent, entry.entryHash, output.batch_hash);
        let claim_id = claim_id(slot_id, output.hash());
        let slot = self.slot(slot_id).await?;
        let bond = entry.entry.rules.claimBond;
        Ok(ClaimPlace { parent, epoch, last_batch, output, slot_id, claim_id, slot, bond })
    }

    /// L1's time, in seconds.
    pub async fn now(&self) -> Result<u64, RpcFailure> {
        Ok(self.client.latest().await?.timestamp)
    }

    /// How long the first epoch of an entry waits after its parent, in seconds (L1-NOTICE-3).
    pub async fn grace_seconds(&self) -> Result<u64, RpcFailure> {
        self.client.call(async { self.settlement.graceSeconds().call().await }).await
    }

    /// A claim in a slot that is not the right one, if there is any.
    pub async fn rival_of(&self, place: &ClaimPlace) -> Result<Option<B256>, RpcFailure> {
        let filter = Filter::new()
            .address(*self.settlement.address())
            .event_signature(FraudSettlement::ClaimPosted::SIGNATURE_HASH)
            .topic2(place.slot_id)
            .from_block(self.start_block);
        let logs = self.client.logs(&filter).await?;
        let claims = logs.iter().filter_map(|log| FraudSettlement::ClaimPosted::decode_log_validate(&log.inner).ok());
        Ok(claims.map(|event| event.data.claimId).find(|claim_id| *claim_id != place.claim_id))
    }

    /// The slot of a claim.
    pub async fn slot(&self, slot_id: B256) -> Result<Slot, RpcFailure> {
        self.client.call(async { self.settlement.slotOf(slot_id).call().await }).await
    }

    /// What an account has staked, and where.
    pub async fn stake(&self, account: Address) -> Result<Stake, RpcFailure> {
        self.client.call(async { self.settlement.stakeOf(account).call().await }).await
    }

    /// Whether the open epoch holds a batch and its time is over.
    pub async fn is_epoch_closable(&self) -> Result<bool, RpcFailure> {
        let first_batch = self.client.call(async { self.inbox.epochFirstBatch().call().await }).await?;
        if self.client.call(async { self.inbox.batchCount().call().await }).await? < first_batch {
            return Ok(false);
        }
        let posted_at = self.client.call(async { self.inbox.epochFirstPostedAt().call().await }).await?;
        let schedule = Schedule::new(self.schedule().await?, self.client.provider());
        let rules = self.client.call(async { schedule.activeEntry().call().await }).await?.rules;
        let now = self.client.latest().await?.timestamp;
        Ok(now >= posted_at.saturating_add(rules.epochSeconds.into()))
    }

    pub async fn credit(&self, account: Address) -> Result<U256, RpcFailure> {
        self.client.call(async { self.settlement.creditOf(account).call().await }).await
    }

    async fn schedule(&self) -> Result<Address, RpcFailure> {
        let schedule = self.schedule.get_or_try_init(|| self.client.call(async { self.inbox.schedule().call().await }));
        schedule.await.copied()
    }
}
