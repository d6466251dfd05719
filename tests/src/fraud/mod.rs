//! Disputes from outside: whoever claims what is not so, and what becomes of him and of those who are honest.
//!
//! * [`board`]: what L1 says of claims and disputes.
//! * [`epoch`]: an epoch from L1 alone, and the machine's run of it.
//! * [`lie`]: wrong runs, by where they leave the right one.
//! * [`player`]: somebody who plays for runs of his choice, and falls silent where he likes.
//! * [`behaviour`]: the ways in which people are dishonest, and what else happens meanwhile.
//! * [`case`]: one wrong claim from the first transaction to the last payout, with everybody's accounts in the end.
//! * [`narrator`]: a dispute told move by move.

pub mod behaviour;
pub mod board;
pub mod case;
pub mod epoch;
pub mod lie;
pub mod narrator;
pub mod player;
