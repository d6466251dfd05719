//! Checkpoints of L1's blocks: the call that stores one, and where it is found. Rules: L1-CP-1, L1-CP-3.
//!
//! A block has one checkpoint at most, so that the call does nothing where another transaction of its block was first: the event is then in that one's receipt. Adversarial: the endpoint. What
//! it invents is of no use, since L1 refuses a batch that names a checkpoint which is not stored (L1-CP-2).

use crate::{
    bindings::Inbox,
    client::{L1Client, RpcFailure},
    submit::L1Call,
};
use alloy::{
    primitives::Address,
    rpc::types::{Filter, Log, TransactionReceipt},
    sol_types::{SolCall, SolEvent},
};
use tandem_chain::Checkpoint;

/// The call that stores a checkpoint of the block which includes it.
pub fn call(inbox: Address) -> L1Call {
    L1Call::new("checkpoint", inbox, Inbox::checkpointCall {}.abi_encode())
}

/// The checkpoint of the block that includes a successful call, whether this call stored it or another transaction did; none if the endpoint tells of none.
pub async fn stored_by(
    client: &L1Client,
    inbox: Address,
    receipt: &TransactionReceipt,
) -> Result<Option<Checkpoint>, RpcFailure> {
    let own = receipt.logs().iter().find_map(|log| of_log(inbox, log));
    let Some(number) = receipt.block_number.filter(|_| own.is_none()) else { return Ok(own) };
    let logs = client.logs(&events(inbox).select(number)).await?;
    Ok(logs.iter().find_map(|log| of_log(inbox, log)))
}

/// The newest checkpoint that L1 stored in the block `from` or a later one; none if there is none.
pub async fn newest_since(client: &L1Client, inbox: Address, from: u64) -> Result<Option<Checkpoint>, RpcFailure> {
    let logs = client.logs(&events(inbox).from_block(from)).await?;
    Ok(logs.iter().rev().find_map(|log| of_log(inbox, log)))
}

fn events(inbox: Address) -> Filter {
    Filter::new().address(inbox).event_signature(Inbox::CheckpointStored::SIGNATURE_HASH)
}

fn of_log(inbox: Address, log: &Log) -> Option<Checkpoint> {
    let stored = Inbox::CheckpointStored::decode_log(&log.inner).ok()?;
    (stored.address == inbox).then(|| stored.data.checkpoint.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{LogData, U256};

    const INBOX: Address = Address::repeat_byte(1);

    fn log(address: Address, data: LogData) -> Log {
        Log { inner: alloy::primitives::Log { address, data }, ..Log::default() }
    }

    /// Tests L1-CP-3.
    #[test]
    fn only_the_inbox_tells_of_checkpoints() {
        let checkpoint = Checkpoint { number: 7, timestamp: 8, base_fee: U256::from(9), blob_base_fee: U256::ONE };
        let stored = Inbox::CheckpointStored { number: 7, checkpoint: checkpoint.into() }.encode_log_data();
        assert_eq!(of_log(INBOX, &log(INBOX, stored.clone())), Some(checkpoint));
        assert_eq!(of_log(INBOX, &log(Address::repeat_byte(2), stored)), None);
        let other = Inbox::EpochClosed { epoch: 7, lastBatch: 8 }.encode_log_data();
        assert_eq!(of_log(INBOX, &log(INBOX, other)), None);
    }
}
