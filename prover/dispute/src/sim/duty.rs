//! What there can be to do in a game.

use alloy_primitives::B256;

use crate::MatchRef;

/// Something that somebody has to do, or may do. It names the position, so that the same place in another position is another duty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// The honest party joins the round.
    HonestJoins,
    /// A liar joins the round; and whether it is to meet the honest root, which waits.
    LiarJoins(usize, bool),
    /// The honest party joins inside its match.
    HonestJoinsInner(MatchRef),
    /// Somebody joins inside, with a wrong trace, for side one or two.
    WrongInner(MatchRef, bool, u64),
    /// Whoever's turn it is opens the node at a height.
    Turn(MatchRef, u8),
    /// Somebody proves the contested step.
    Step(MatchRef),
    /// Somebody ends a match whose clock is out.
    Timeout(MatchRef, u8),
    /// Somebody takes over what an inner tournament decided, with who waits and plays there.
    Propagate(MatchRef, [u64; 2]),
    /// Somebody lets the lowest rise, of who waits and plays.
    Bye(B256, [u64; 2]),
    /// Somebody takes the result, with who waits and plays.
    Decide([u64; 2]),
    /// The adversary joins an honest root, of the round or inside a match.
    Theft(Option<MatchRef>),
    /// The slot's parent turns out to be wrong.
    Dies,
    /// The honest party stops a tournament that is about nothing.
    Kill(B256),
    /// It has the bond of who waits at a rank go back.
    ReclaimWaiting(B256, u8),
    /// It has what is left of a match's bonds go back.
    ReclaimMatch(MatchRef),
}
