//! The proven batch on its way to L1, as anybody sends it once messages are overdue. Rules: PAY-APPEND, L1-BATCH-4, L1-BATCH-7, L1-CP-2.
//!
//! Before each attempt L1 is looked at again: what does not enter the transcript is taken as it is now, and if anything else moved the batch is not sent.

use std::time::Duration;

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, U256},
    providers::Provider,
    rpc::types::TransactionReceipt,
    sol_types::SolValue,
};
use tandem_chain::Checkpoint;
use tandem_circuits::groth16::{Calldata, Header, ProvenBatch};
use tandem_l1::{
    Deployment, FileJournal, L1Call, L1Client, Outcome, SubmitError, Submitter,
    bindings::Inbox::{self, InboxErrors},
    checkpoint,
    payments::{ProvenAppend, Refusal},
};
use tandem_payments::batch::Load;
use tandem_service::Report;
use tokio_util::sync::CancellationToken;

use super::{
    error::ForceError,
    fit::{self, Ends, Moved},
    view::View,
};

/// Attempts at sending before the command gives up; each has waited for a block of L1, or found that it had changed.
const ATTEMPTS_MAX: u32 = 30;
/// Gas of storing a checkpoint, with a margin.
const CHECKPOINT_GAS: u64 = 120_000;

/// What became of the batch.
#[derive(Debug)]
pub enum Appended {
    /// It is on L1.
    Included(Box<TransactionReceipt>),
    /// It is of no use any more; nothing was sent, or what was sent reverted.
    Moved(Moved),
}

/// Sends a batch, and looks at L1 for it.
#[derive(Debug)]
pub struct Sending<'a> {
    /// The connection to L1.
    pub client: &'a L1Client,
    /// The chain that the batch is for.
    pub deployment: &'a Deployment,
    /// The stranger's way to L1.
    pub submitter: Submitter<FileJournal>,
    /// Time between looks at L1.
    pub poll_interval: Duration,
    /// Ends the attempt when it is cancelled.
    pub token: CancellationToken,
}

/// Refuses before anything is proven what could not be paid.
///
/// # Errors
/// If the account has less than the batch may take at L1's present price.
pub async fn check_funds(client: &L1Client, account: Address, load: &Load) -> Result<(), ForceError> {
    let price = client.request(client.provider().get_gas_price()).await?;
    let balance = client.request(client.provider().get_balance(account)).await?;
    let gas = load.l1_gas().saturating_add(CHECKPOINT_GAS);
    let needed = U256::from(gas).saturating_mul(U256::from(price));
    if balance < needed { Err(ForceError::Underfunded { account, balance, needed }) } else { Ok(()) }
}

/// Refuses an account from which L1 takes no batch: one with code, to which its owner has delegated it (EIP-7702).
///
/// # Errors
/// If it has code.
pub async fn check_plain(client: &L1Client, account: Address) -> Result<(), ForceError> {
    let code = client.request(client.provider().get_code_at(account)).await?;
    if code.is_empty() { Ok(()) } else { Err(ForceError::NotPlain { account }) }
}

/// The queue's hashes at the ends of a batch, and everything else that it must fit.
async fn look(client: &L1Client, deployment: &Deployment, header: &Header) -> Result<(View, Ends), ForceError> {
    let view = View::read(client, deployment, client.latest().await?).await?;
    let inbox = Inbox::new(deployment.chain.inbox, client.provider());
    let hash = async |end| {
        let at = BlockId::hash(view.head.id.hash);
        client.call(async { inbox.queueHashOf(end).block(at).call().await }).await
    };
    // Beyond its end the queue has no hash to ask for.
    let end = if header.queue_end <= view.queued { hash(header.queue_end).await? } else { B256::ZERO };
    let start = if header.queue_start <= view.queued { hash(header.queue_start).await? } else { B256::ZERO };
    Ok((view, Ends { start, end }))
}

impl Sending<'_> {
    /// Appends the batch.
    ///
    /// # Errors
    /// If it cannot be brought to an end. L1 having moved on is none.
    pub async fn append(&mut self, proven: &ProvenBatch, report: Report) -> Result<Appended, ForceError> {
        let header = &proven.header;
        let mut checkpoint: Option<Checkpoint> = None;
        report.progress(format_args!("sending batch {} to L1, after a checkpoint that it names", header.index));
        for _ in 0..ATTEMPTS_MAX {
            let (view, ends) = look(self.client, self.deployment, header).await?;
            if let Err(moved) = fit::check(header, &view, ends) {
                return Ok(Appended::Moved(moved));
            }
            let Some(stored) = checkpoint else {
                checkpoint = self.store_checkpoint().await?;
                continue;
            };
            let call = self.call(proven, &view, stored)?;
            let data = match self.submit(call).await {
                Ok(Outcome::Included(receipt)) => return Ok(Appended::Included(receipt)),
                Ok(Outcome::Reverted { data, .. }) | Err(ForceError::Submit(SubmitError::Refused { data })) => data,
                // The nonce went to something else, or came back: what is right is decided anew.
                Ok(Outcome::Displaced { .. } | Outcome::Superseded { .. })
                | Err(ForceError::Submit(SubmitError::NonceFreed { .. })) => continue,
                Err(error) => return Err(error),
            };
            match Refusal::decode(data) {
                // It is the newest block's: the next one can name it.
                Refusal::Inbox(InboxErrors::Inbox_CheckpointNotEarlier(_)) => self.wait().await?,
                Refusal::Inbox(
                    InboxErrors::Inbox_UnknownCheckpoint(_)
                    | InboxErrors::Inbox_CheckpointTooOld(_)
                    | InboxErrors::Inbox_CheckpointBeforeLast(_),
                ) => checkpoint = None,
                Refusal::Inbox(InboxErrors::Inbox_OverdueMessageLeft(left)) => {
                    return Ok(Appended::Moved(Moved::OverdueLeft(left.index)));
                }
                refusal => {
                    let (view, ends) = look(self.client, self.deployment, header).await?;
                    return match fit::check(header, &view, ends) {
                        Err(moved) => Ok(Appended::Moved(moved)),
                        Ok(()) => Err(ForceError::Refused(Box::new(refusal))),
                    };
                }
            }
        }
        Err(ForceError::NotIncluded(ATTEMPTS_MAX))
    }

    /// Where the batch lands now, and what it is.
    fn call(&self, proven: &ProvenBatch, view: &View, checkpoint: Checkpoint) -> Result<L1Call, ForceError> {
        let header = &proven.header;
        let Calldata { env, segments, applied, authorised } = proven.calldata();
        let append = ProvenAppend {
            index: header.index,
            parent_content_hash: view.last_content_hash,
            queue_end: header.queue_end,
            queue_hash: header.queue_hash_end,
            checkpoint,
            arguments: (env, segments, applied, authorised).abi_encode_params().into(),
        };
        Ok(append.to_call(self.deployment.chain.settlement)?)
    }

    /// A checkpoint of the block that includes the call; none if the nonce went to something else.
    async fn store_checkpoint(&mut self) -> Result<Option<Checkpoint>, ForceError> {
        let inbox = self.deployment.chain.inbox;
        let Outcome::Included(receipt) = self.submit(checkpoint::call(inbox)).await? else { return Ok(None) };
        Ok(checkpoint::stored_by(self.client, inbox, &receipt).await?)
    }

    async fn submit(&mut self, call: L1Call) -> Result<Outcome, ForceError> {
        let account = self.submitter.account();
        let outcome = tokio::select! {
            () = self.token.cancelled() => return Err(ForceError::Cancelled),
            outcome = self.submitter.submit(call) => outcome,
        };
        outcome.map_err(|error| match error {
            SubmitError::Underfunded { .. } => ForceError::CannotPay(account),
            error => error.into(),
        })
    }

    async fn wait(&self) -> Result<(), ForceError> {
        tokio::select! {
            () = self.token.cancelled() => Err(ForceError::Cancelled),
            () = tokio::time::sleep(self.poll_interval) => Ok(()),
        }
    }
}
