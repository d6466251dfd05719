//! How engine, watcher and poster wake each other.

use std::sync::Arc;

use tokio::sync::Notify;

/// Shared by the three. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// A batch was closed, or L1 changed.
    pub changed: Arc<Notify>,
    /// L1 must hold a batch that the watcher has not seen.
    pub behind: Arc<Notify>,
}
