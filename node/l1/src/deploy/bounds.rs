//! Values that L1 takes: each between two others.

use super::error::DeployError;

/// A rule in words for people, the least and the greatest value that L1 takes, and the value found, all in the rule's unit.
pub(super) type Bound = (&'static str, u128, u128, u128);

/// Refuses the first value that is out of its bounds.
pub(super) fn within<const N: usize>(bounds: [Bound; N]) -> Result<(), DeployError> {
    match bounds.into_iter().find(|(_, min, max, found)| !(min..=max).contains(&found)) {
        Some((rule, min, max, found)) => Err(DeployError::Bounds { rule, min, max, found }),
        None => Ok(()),
    }
}
