//! How far tournaments, matches and commitments are: the contract's enumerations.

/// What a tournament is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TournamentStatus {
    /// It is being played.
    Open,
    /// Its result was taken.
    Over,
    /// About nothing any more.
    Dead,
}

/// How far a match is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchStatus {
    /// Nodes are opened, towards the first difference.
    Descending,
    /// The contested leaf is known.
    Sealed,
}

/// Where a commitment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitmentStatus {
    /// In its rank's place, for an equal.
    Waiting,
    /// It plays a match.
    Playing,
    /// It has lost a match.
    Fallen,
    /// Its bond went back: it has won, or the tournament is dead.
    Returned,
}
