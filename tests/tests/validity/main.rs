//! A payments chain on a real L1 node: batches that are really proven, posted and paid; whoever attacks the composition, or lies to the prover; kills and
//! reorganisations; what the SDK sends; and the end of a chain that nobody proves. With the small circuits, whose keys and proofs take seconds.

mod attacks;
mod commands;
mod escape;
mod farm;
mod follower;
mod force;
mod killed;
mod life;
mod lying;
mod prove;
mod reorg;
mod reorged;
mod ruled;
mod sdk;
mod sequenced;
mod sums;
