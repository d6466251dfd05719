//! Whether a proven batch still fits what L1 holds. Rules: PAY-APPEND, PAY-TIME, PAY-TRANSCRIPT.
//!
//! Proofs are of a header. What is not in it (the parent's content, the checkpoint, who sends, when) is read from L1 at the last moment and voids nothing.

use alloy::primitives::B256;
use tandem_circuits::groth16::Header;
use tandem_payments::field::integer;

use super::view::View;

/// What of L1 moved on, so that the proofs are of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Moved {
    /// Nothing can be appended any more.
    #[error("the chain was frozen at {at} (seconds since 1970)")]
    Frozen {
        /// When, in seconds.
        at: u64,
    },
    /// The index is taken.
    #[error("somebody else appended batch {index} meanwhile")]
    Appended {
        /// Index of the batch that was being proven.
        index: u64,
    },
    /// The batches below are other ones.
    #[error("L1 reorganised below batch {index}: the state that it was proven on is not the chain's any more")]
    OtherState {
        /// Index of the batch.
        index: u64,
    },
    /// A message that the batch takes is another one, or gone.
    #[error("L1 reorganised: messages {start} to {end} of the queue are other ones now")]
    OtherMessages {
        /// The first message of the batch.
        start: u64,
        /// The first that it leaves.
        end: u64,
    },
    /// An entry of the schedule has begun.
    #[error("other rules or keys hold for the next batch since an entry of the schedule has matured")]
    OtherRules,
    /// The batch's time is too old for L1, or ahead of it.
    #[error("the batch's time is {timestamp}, and L1 takes {min} to {max} now (seconds since 1970)")]
    OutOfTime {
        /// The batch's time, in seconds.
        timestamp: u64,
        /// The earliest that L1 takes.
        min: u64,
        /// The latest that L1 takes.
        max: u64,
    },
    /// The first message is not overdue, which it was: L1 reorganised.
    #[error("L1 reorganised: the first message that waits is not overdue any more")]
    NotOverdue,
    /// A message became overdue that the batch leaves.
    #[error("message {0} became overdue meanwhile and must be taken too")]
    OverdueLeft(u64),
}

impl Moved {
    /// Whether others have done what the batch was for.
    pub fn is_done_by_others(&self) -> bool {
        matches!(self, Self::Appended { .. })
    }
}

/// The queue's hash at both ends of what a batch takes, as L1 has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The queue's hash before the batch's first message.
    pub start: B256,
    /// The queue's hash after the batch's last message.
    pub end: B256,
}

/// The time of a batch, in seconds.
pub fn timestamp(header: &Header) -> u64 {
    header.env.as_limbs()[0]
}

/// Compares a header with L1.
///
/// # Errors
/// The first thing that differs.
pub fn check(header: &Header, view: &View, ends: Ends) -> Result<(), Moved> {
    let Header { index, queue_start: start, queue_end: end, .. } = *header;
    if view.frozen_at != 0 {
        return Err(Moved::Frozen { at: view.frozen_at });
    }
    if view.batches >= index {
        return Err(Moved::Appended { index });
    }
    let state = (view.batches.saturating_add(1), view.state_root, view.leaf_count, view.consumed);
    if state != (index, integer(header.root_in), header.leaf_count_in, start) {
        return Err(Moved::OtherState { index });
    }
    if view.queued < end || (ends.start, ends.end) != (header.queue_hash_start, header.queue_hash_end) {
        return Err(Moved::OtherMessages { start, end });
    }
    if (view.rules.config_hash, view.rules.keys_hash) != (header.config_hash, header.key_set_hash) {
        return Err(Moved::OtherRules);
    }
    let (timestamp, min, max) = (timestamp(header), view.timestamp_min(), view.head.timestamp);
    if timestamp < min || timestamp > max {
        return Err(Moved::OutOfTime { timestamp, min, max });
    }
    if !view.is_overdue() {
        return Err(Moved::NotOverdue);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Address, U256};
    use tandem_l1::{BlockRef, L1Header, payments::EntryRules};
    use tandem_payments::{Fr, ledger::Env};

    const NOW: u64 = 1_800_000_000;

    fn view() -> View {
        View {
            head: L1Header {
                id: BlockRef { number: 100, hash: B256::repeat_byte(1) },
                parent_hash: B256::ZERO,
                timestamp: NOW,
                base_fee: 1,
            },
            frozen_at: 0,
            batches: 6,
            last_content_hash: B256::repeat_byte(2),
            state_root: U256::from(77),
            leaf_count: 5,
            last_timestamp: NOW - 90_000,
            consumed: 10,
            queued: 14,
            first_queued_at: NOW - 3_601,
            window_s: 3_600,
            rules: EntryRules {
                config_hash: B256::repeat_byte(3),
                keys_hash: B256::repeat_byte(4),
                messages_max: 64,
                message_gas_max: 8_000_000,
                age_max_s: 3_600,
            },
        }
    }

    const ENDS: Ends = Ends { start: B256::repeat_byte(5), end: B256::repeat_byte(6) };

    fn header() -> Header {
        Header {
            config_hash: B256::repeat_byte(3),
            key_set_hash: B256::repeat_byte(4),
            index: 7,
            root_in: Fr::from(77u64),
            leaf_count_in: 5,
            queue_start: 10,
            queue_hash_start: ENDS.start,
            queue_end: 13,
            queue_hash_end: ENDS.end,
            env: Env { operator: Address::repeat_byte(0xff), timestamp: NOW - 100 }.pack(),
            dom: Fr::from(1u64),
        }
    }

    /// Tests PAY-APPEND, PAY-TIME: what does not enter the transcript voids nothing.
    #[test]
    fn proofs_hold_whatever_else_moves() {
        assert_eq!(check(&header(), &view(), ENDS), Ok(()));
        let mut later = view();
        (later.last_content_hash, later.queued) = (B256::repeat_byte(9), 30);
        later.head.id = BlockRef { number: 200, hash: B256::repeat_byte(8) };
        later.head.timestamp += 3_500;
        assert_eq!(check(&header(), &later, ENDS), Ok(()));
    }

    /// Tests PAY-APPEND, PAY-TIME: each thing that the transcript has, or that L1 holds the caller to, alone.
    #[test]
    fn everything_that_voids_a_proof_is_told() {
        let moved = |change: fn(&mut View)| {
            let mut view = view();
            change(&mut view);
            check(&header(), &view, ENDS).unwrap_err()
        };
        assert_eq!(moved(|view| view.frozen_at = 9), Moved::Frozen { at: 9 });
        assert_eq!(moved(|view| view.batches = 7), Moved::Appended { index: 7 });
        assert_eq!(moved(|view| view.batches = 9), Moved::Appended { index: 7 });
        assert!(moved(|view| view.batches = 7).is_done_by_others());
        for change in [
            (|view: &mut View| view.batches = 5) as fn(&mut View),
            |view| view.state_root += U256::ONE,
            |view| view.leaf_count += 1,
            |view| view.consumed = 9,
        ] {
            assert_eq!(moved(change), Moved::OtherState { index: 7 });
            assert!(!moved(change).is_done_by_others());
        }
        assert_eq!(moved(|view| view.queued = 12), Moved::OtherMessages { start: 10, end: 13 });
        for ends in [Ends { start: B256::ZERO, ..ENDS }, Ends { end: B256::ZERO, ..ENDS }] {
            assert_eq!(check(&header(), &view(), ends), Err(Moved::OtherMessages { start: 10, end: 13 }));
        }
        assert_eq!(moved(|view| view.rules.config_hash = B256::ZERO), Moved::OtherRules);
        assert_eq!(moved(|view| view.rules.keys_hash = B256::ZERO), Moved::OtherRules);
        for change in [
            (|view: &mut View| view.head.timestamp += 3_501) as fn(&mut View),
            |view| view.last_timestamp = NOW - 99,
            |view| view.head.timestamp = NOW - 101,
        ] {
            assert!(matches!(moved(change), Moved::OutOfTime { timestamp, .. } if timestamp == NOW - 100));
        }
        assert_eq!(moved(|view| view.first_queued_at += 1), Moved::NotOverdue);
    }
}
