//! Sending what is due, one call after a look.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{B256, Bytes},
    sol_types::SolInterface,
};
use tandem_l1::{
    Outcome, SubmitError,
    bindings::{Dispute::DisputeErrors, FraudSettlement::FraudSettlementErrors},
    submit::Journal,
};

use super::{Challenger, Due, error::ChallengerError, watch::Head};
use crate::proposer::DerivedOutputs;

/// A call that reverted is not tried again for twice as long, and twice as long again each time: at most four minutes.
const REVERTED_REST: Duration = Duration::from_secs(1);

impl<O: DerivedOutputs, J: Journal> Challenger<O, J> {
    /// Makes the first call that L1 takes, earliest deadline first.
    pub(super) async fn act(&mut self, mut due: Vec<Due>, head: Head) -> Result<bool, ChallengerError> {
        if self.refused.0 != Some(head.id.hash) {
            self.refused = (Some(head.id.hash), BTreeSet::new());
        }
        due.retain(|due| due.from <= head.timestamp && head.timestamp < due.lost_at && !due.may_wait);
        due.retain(|due| !self.refused.1.contains(&due.call.id()) && !self.is_resting(due.call.id()));
        due.sort_by_key(|due| (due.free_until, due.lost_at));
        if due.is_empty() {
            self.sender.rest();
        }
        for Due { epoch, free_until, call, .. } in due {
            let (purpose, id) = (call.purpose.clone(), call.id());
            // Nothing hurries what only clears up.
            let left_s = (free_until != u64::MAX).then(|| free_until.saturating_sub(head.timestamp));
            tracing::info!(epoch, call = purpose, left_s, l1_block = head.id.number, "a call in a dispute");
            match self.sender.submit(call).await {
                Ok(Outcome::Included(receipt)) => {
                    let gas = receipt.gas_used;
                    tracing::info!(epoch, call = purpose, gas, transaction = %receipt.transaction_hash, "L1 took a call in a dispute");
                    self.status.send_modify(|status| status.calls += 1);
                    self.reverted.remove(&id);
                    return Ok(true);
                }
                Ok(Outcome::Reverted { data, .. }) => {
                    tracing::warn!(
                        purpose,
                        reason = reason(&data),
                        "a call in a dispute reverted: somebody else was first, or L1 reorganised"
                    );
                    let times = self.reverted.get(&id).map_or(0, |(times, _)| *times);
                    self.reverted.insert(id, (times + 1, Instant::now()));
                    return Ok(true);
                }
                // The submitter told; the next look decides anew.
                Ok(Outcome::Displaced { .. } | Outcome::Superseded { .. }) | Err(SubmitError::NonceFreed { .. }) => {
                    return Ok(true);
                }
                Err(SubmitError::Refused { data }) => {
                    self.troubles.refused(&purpose, &reason(&data));
                    self.refused.1.insert(id);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// Whether a call reverted lately: it costs gas each time, so that it is tried more and more seldom.
    fn is_resting(&self, id: B256) -> bool {
        let rest = |times: u32| REVERTED_REST.saturating_mul(1 << times.min(8));
        self.reverted.get(&id).is_some_and(|(times, at)| at.elapsed() < rest(*times))
    }
}

fn reason(data: &Bytes) -> String {
    let known = DisputeErrors::abi_decode(data).map(|error| format!("{error:?}"));
    let known = known.or_else(|_| FraudSettlementErrors::abi_decode(data).map(|error| format!("{error:?}")));
    known.unwrap_or_else(|_| data.to_string())
}
