//! What dispute contracts emit, as typed events. Rules DISP-OPEN-2, DISP-OPEN-3, DISP-JOIN-1, DISP-MATCH-1 to DISP-MATCH-6, DISP-END-2,
//! DISP-DEAD-1, DISP-BOND-5, DISP-BOND-6.
//!
//! Adversarial: the endpoint. A match is named by its two roots where it begins; that its later events name the same is for whoever acts on
//! them to see, since a call that names another reverts.

use super::bad_event::BadEvent;
use crate::bindings::{
    Dispute,
    Dispute::{Ending, MatchRef, Outcome, Verdict},
};
use alloy::{
    primitives::{Address, B256, TxHash, U256},
    rpc::types::Log,
    sol_types::SolEvent,
};

/// Something that happened in a dispute contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisputeLog {
    /// The contract that emitted it.
    pub contract: Address,
    /// The transaction that did it: who, and for how much gas, is in its receipt.
    pub transaction_hash: TxHash,
    /// What the contract says of it.
    pub event: DisputeEvent,
}

/// What happens in disputes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisputeEvent {
    /// A tournament opened.
    TournamentOpened {
        /// Id of the tournament.
        tournament: B256,
        /// Level 0: the slot. Level 1: the tournament of the match that it decides.
        parent: B256,
        /// 0 for whole runs, 1 for those within a stride.
        level: u8,
        /// Hash of the state before the first leaf of its commitments.
        start: B256,
        /// No clock runs before, in seconds since the Unix epoch.
        starts_at: u64,
        /// Nobody joins from then on, in seconds since the Unix epoch.
        closes_at: u64,
    },
    /// A commitment joined a tournament.
    Joined {
        /// Id of the tournament.
        tournament: B256,
        /// The commitment: root of its tree.
        root: B256,
        /// Who locked the bond.
        joiner: Address,
        /// How its run ends.
        ending: Ending,
        /// The run's output word; zero unless it ends with an output.
        output: B256,
        /// Seconds on its clock.
        allowance_seconds: u32,
    },
    /// Two commitments meet; the first one moves first.
    MatchBegan {
        /// The match, by its tournament and its two roots.
        reference: MatchRef,
        /// How many matches each of the two has behind it, or has been spared.
        rank: u64,
    },
    /// A match went one node down.
    Advanced {
        /// Id of the tournament.
        tournament: B256,
        /// Name of the match within it ([`MatchRef::id`]).
        match_id: B256,
        /// Height of the node that is to be opened next.
        height: u8,
    },
    /// The first difference of a match is found.
    Sealed {
        /// Id of the tournament.
        tournament: B256,
        /// Name of the match within it.
        match_id: B256,
        /// Index of the contested leaf.
        index: u64,
        /// Hash of the state before the contested one.
        agreed: B256,
        /// Hash of the contested state of side one.
        contested_one: B256,
        /// Hash of the contested state of side two.
        contested_two: B256,
    },
    /// A match was decided.
    Ended {
        /// Id of the tournament.
        tournament: B256,
        /// Name of the match within it.
        match_id: B256,
        /// Who won, if anybody.
        outcome: Outcome,
        /// Gwei of the bonds that burned.
        burned_gwei: U256,
    },
    /// A bond, or what is left of it, was credited to who joined.
    BondReturned {
        /// Id of the tournament.
        tournament: B256,
        /// The commitment: root of its tree.
        root: B256,
        /// Who joined for it.
        joiner: Address,
        /// The amount, in wei.
        amount: U256,
    },
    /// A slot was judged.
    Judged {
        /// Id of the slot.
        slot_id: B256,
        /// What was found.
        verdict: Verdict,
        /// The right output, if the verdict is one.
        output: B256,
        /// Who joined for the winner.
        champion: Address,
    },
    /// A tournament is about nothing any more.
    Died {
        /// Id of the tournament.
        tournament: B256,
    },
    /// Credit was paid out.
    Withdrawn {
        /// Whose credit it was.
        account: Address,
        /// Where it went.
        to: Address,
        /// The amount, in wei.
        amount: U256,
    },
}

/// Topics of the events that [`read`] knows: all that a dispute contract emits.
pub(super) fn topics() -> [B256; 10] {
    [
        Dispute::TournamentOpened::SIGNATURE_HASH,
        Dispute::CommitmentJoined::SIGNATURE_HASH,
        Dispute::MatchBegan::SIGNATURE_HASH,
        Dispute::MatchAdvanced::SIGNATURE_HASH,
        Dispute::MatchSealed::SIGNATURE_HASH,
        Dispute::MatchEnded::SIGNATURE_HASH,
        Dispute::BondReturned::SIGNATURE_HASH,
        Dispute::SlotJudged::SIGNATURE_HASH,
        Dispute::TournamentDied::SIGNATURE_HASH,
        Dispute::Withdrawn::SIGNATURE_HASH,
    ]
}

/// The event of a log of a dispute contract; none if it is of another kind.
pub(super) fn read(topic: B256, log: &Log) -> Result<Option<DisputeLog>, BadEvent> {
    let Some(event) = event(topic, log)? else { return Ok(None) };
    let transaction_hash = log.transaction_hash.ok_or(BadEvent::NoTransaction)?;
    Ok(Some(DisputeLog { contract: log.address(), transaction_hash, event }))
}

fn event(topic: B256, log: &Log) -> Result<Option<DisputeEvent>, BadEvent> {
    Ok(Some(match topic {
        Dispute::TournamentOpened::SIGNATURE_HASH => {
            let event = Dispute::TournamentOpened::decode_log_validate(&log.inner)?.data;
            DisputeEvent::TournamentOpened {
                tournament: event.tournament,
                parent: event.parent,
                level: event.level,
                start: event.start,
                starts_at: small(event.startsAt)?,
                closes_at: small(event.closesAt)?,
            }
        }
        Dispute::CommitmentJoined::SIGNATURE_HASH => {
            let event = Dispute::CommitmentJoined::decode_log_validate(&log.inner)?.data;
            DisputeEvent::Joined {
                tournament: event.tournament,
                root: event.root,
                joiner: event.joiner,
                ending: event.ending,
                output: event.output,
                allowance_seconds: event.allowance,
            }
        }
        Dispute::MatchBegan::SIGNATURE_HASH => {
            let Dispute::MatchBegan { tournament, one, two, rank } =
                Dispute::MatchBegan::decode_log_validate(&log.inner)?.data;
            DisputeEvent::MatchBegan { reference: MatchRef { tournament, one, two }, rank: small(rank)? }
        }
        Dispute::MatchAdvanced::SIGNATURE_HASH => {
            let event = Dispute::MatchAdvanced::decode_log_validate(&log.inner)?.data;
            DisputeEvent::Advanced { tournament: event.tournament, match_id: event.matchId, height: event.height }
        }
        Dispute::MatchSealed::SIGNATURE_HASH => {
            let event = Dispute::MatchSealed::decode_log_validate(&log.inner)?.data;
            DisputeEvent::Sealed {
                tournament: event.tournament,
                match_id: event.matchId,
                index: small(event.index)?,
                agreed: event.agreed,
                contested_one: event.contestedOne,
                contested_two: event.contestedTwo,
            }
        }
        Dispute::MatchEnded::SIGNATURE_HASH => {
            let event = Dispute::MatchEnded::decode_log_validate(&log.inner)?.data;
            DisputeEvent::Ended {
                tournament: event.tournament,
                match_id: event.matchId,
                outcome: event.result,
                burned_gwei: event.burnedGwei,
            }
        }
        Dispute::BondReturned::SIGNATURE_HASH => {
            let Dispute::BondReturned { tournament, root, joiner, amount } =
                Dispute::BondReturned::decode_log_validate(&log.inner)?.data;
            DisputeEvent::BondReturned { tournament, root, joiner, amount }
        }
        Dispute::SlotJudged::SIGNATURE_HASH => {
            let event = Dispute::SlotJudged::decode_log_validate(&log.inner)?.data;
            DisputeEvent::Judged {
                slot_id: event.slotId,
                verdict: event.verdict,
                output: event.output,
                champion: event.champion,
            }
        }
        Dispute::TournamentDied::SIGNATURE_HASH => {
            let event = Dispute::TournamentDied::decode_log_validate(&log.inner)?.data;
            DisputeEvent::Died { tournament: event.tournament }
        }
        Dispute::Withdrawn::SIGNATURE_HASH => {
            let Dispute::Withdrawn { account, to, amount } = Dispute::Withdrawn::decode_log_validate(&log.inner)?.data;
            DisputeEvent::Withdrawn { account, to, amount }
        }
        _ => return Ok(None),
    }))
}

/// A time, a rank or an index of a leaf: 64 bits in the contract too.
fn small(value: U256) -> Result<u64, BadEvent> {
    u64::try_from(value).map_err(|_| BadEvent::TooLarge(value))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            ReaderConfig,
            events::{collect, topics as all_topics},
        },
        *,
    };
    use crate::client::{BlockRef, L1Header};
    use alloy::primitives::{LogData, aliases::U40};

    const JUDGE: Address = Address::repeat_byte(5);
    const ID: B256 = B256::repeat_byte(1);
    const ROOT: B256 = B256::repeat_byte(2);
    const OTHER: B256 = B256::repeat_byte(3);

    fn header() -> L1Header {
        let id = BlockRef { number: 7, hash: B256::repeat_byte(7) };
        L1Header { id, parent_hash: B256::repeat_byte(6), timestamp: 70, base_fee: 1 }
    }

    fn read_all(data: Vec<LogData>, judges: Vec<Address>) -> Result<Vec<DisputeEvent>, super::super::ReaderError> {
        let mut config = ReaderConfig::new(Address::repeat_byte(8), Address::repeat_byte(9), 1);
        config.disputes = judges;
        let logs = data.into_iter().enumerate().map(|(index, data)| Log {
            inner: alloy::primitives::Log { address: JUDGE, data },
            block_hash: Some(header().id.hash),
            block_number: Some(7),
            log_index: Some(index as u64),
            transaction_hash: Some(B256::repeat_byte(9)),
            ..Log::default()
        });
        Ok(collect(&header(), &config, logs.collect())?.disputes.into_iter().map(|log| log.event).collect())
    }

    /// One of each, as the contract emits it and as it must come out.
    fn pairs() -> Vec<(LogData, DisputeEvent)> {
        let (joiner, tournament, match_id) = (Address::repeat_byte(4), ID, OTHER);
        vec![
            (
                Dispute::TournamentOpened {
                    tournament,
                    parent: OTHER,
                    level: 1,
                    start: ROOT,
                    startsAt: U256::from(8),
                    closesAt: U256::from(U40::MAX),
                }
                .encode_log_data(),
                DisputeEvent::TournamentOpened {
                    tournament,
                    parent: OTHER,
                    level: 1,
                    start: ROOT,
                    starts_at: 8,
                    closes_at: (1 << 40) - 1,
                },
            ),
            (
                Dispute::CommitmentJoined {
                    tournament,
                    root: ROOT,
                    joiner,
                    ending: Ending::BacksTwo,
                    output: OTHER,
                    allowance: 6,
                }
                .encode_log_data(),
                DisputeEvent::Joined {
                    tournament,
                    root: ROOT,
                    joiner,
                    ending: Ending::BacksTwo,
                    output: OTHER,
                    allowance_seconds: 6,
                },
            ),
            (
                Dispute::MatchBegan { tournament, one: ROOT, two: OTHER, rank: U256::from(2) }.encode_log_data(),
                DisputeEvent::MatchBegan { reference: MatchRef { tournament, one: ROOT, two: OTHER }, rank: 2 },
            ),
            (
                Dispute::MatchAdvanced { tournament, matchId: match_id, height: 19 }.encode_log_data(),
                DisputeEvent::Advanced { tournament, match_id, height: 19 },
            ),
            (
                Dispute::MatchSealed {
                    tournament,
                    matchId: match_id,
                    index: U256::from(11),
                    agreed: ID,
                    contestedOne: ROOT,
                    contestedTwo: OTHER,
                }
                .encode_log_data(),
                DisputeEvent::Sealed {
                    tournament,
                    match_id,
                    index: 11,
                    agreed: ID,
                    contested_one: ROOT,
                    contested_two: OTHER,
                },
            ),
            (
                Dispute::MatchEnded {
                    tournament,
                    matchId: match_id,
                    result: Outcome::BothFall,
                    burnedGwei: U256::from(12),
                }
                .encode_log_data(),
                DisputeEvent::Ended { tournament, match_id, outcome: Outcome::BothFall, burned_gwei: U256::from(12) },
            ),
            (
                Dispute::BondReturned { tournament, root: ROOT, joiner, amount: U256::from(13) }.encode_log_data(),
                DisputeEvent::BondReturned { tournament, root: ROOT, joiner, amount: U256::from(13) },
            ),
            (
                Dispute::SlotJudged { slotId: ROOT, verdict: Verdict::Output, output: OTHER, champion: joiner }
                    .encode_log_data(),
                DisputeEvent::Judged { slot_id: ROOT, verdict: Verdict::Output, output: OTHER, champion: joiner },
            ),
            (Dispute::TournamentDied { tournament }.encode_log_data(), DisputeEvent::Died { tournament }),
            (
                Dispute::Withdrawn { account: joiner, to: JUDGE, amount: U256::from(14) }.encode_log_data(),
                DisputeEvent::Withdrawn { account: joiner, to: JUDGE, amount: U256::from(14) },
            ),
        ]
    }

    #[test]
    fn every_event_of_a_dispute_comes_out() {
        let (logs, events): (Vec<_>, Vec<_>) = pairs().into_iter().unzip();
        assert_eq!(logs.len(), Dispute::abi::events().len(), "each of the contract's events");
        let config = ReaderConfig { disputes: vec![JUDGE], ..ReaderConfig::new(JUDGE, JUDGE, 1) };
        for log in &logs {
            assert!(all_topics(&config).contains(&log.topics()[0]), "the reader asks for it");
        }
        assert_eq!(read_all(logs.clone(), vec![JUDGE]).unwrap(), events);
        assert_eq!(read_all(logs, vec![ID[..20].try_into().unwrap()]).unwrap(), [], "another contract's");
    }

    #[test]
    fn times_and_indices_beyond_64_bits_are_refused() {
        let began = Dispute::MatchBegan { tournament: ID, one: ROOT, two: OTHER, rank: U256::from(1) << 64 };
        let error = read_all(vec![began.encode_log_data()], vec![JUDGE]).unwrap_err();
        let super::super::ReaderError::BadEvent { reason, .. } = error else { panic!("{error}") };
        assert!(matches!(*reason, BadEvent::TooLarge(_)));
    }
}
