//! How long workers of a farm are waited for.

use std::time::Duration;

/// How long workers of a farm are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarmConfig {
    /// A job whose worker says nothing for so long goes to another: the engine's acknowledgement wait.
    pub lease: Duration,
    /// A job of which no proof came for so long since a worker began is put out anew, whatever its worker says; and so is one that a worker holds for so long without a word.
    pub patience: Duration,
}

impl Default for FarmConfig {
    fn default() -> Self {
        Self { lease: Duration::from_secs(60), patience: Duration::from_secs(1_200) }
    }
}
