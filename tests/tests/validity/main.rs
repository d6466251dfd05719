//! A payments chain on a real L1 node: batches that are really proven, posted and paid; whoever attacks the composition; reorganisations; and the
//! end of a chain that nobody proves. With the small circuits, whose keys and proofs take seconds.

mod attacks;
mod commands;
mod escape;
mod force;
mod life;
mod prove;
mod reorg;
mod sequenced;
