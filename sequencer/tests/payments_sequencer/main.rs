//! The sequencer of a payments chain over an L1 that the test plays: who is refused, what survives, what L1 overrules, and what provers may do.

mod admission;
mod feed;
mod hostile;
mod l1;
mod proving;
mod replayed;
mod restart;
mod rig;
mod ruled;
