//! `make e2e-validity`: a payments chain as `make devnet SETTLEMENT=validity` starts it, with all programs, the real circuits and a real L1; driven from outside, as
//! users do, through its whole life, through a flood of transfers, and with the huge circuits. Minutes of two cores, and some more the first time, when keys are made: so none of it is
//! part of `make test`.

mod flood;
mod huge;
mod life;
mod people;

/// Each scenario has the machine to itself: proofs take all of it, and what is waited for is waited for in its time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
