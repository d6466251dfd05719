//! The queue's messages, as they are kept.

use super::QueuedRecord;

/// Messages of the queue by index. Copies share what they have in common, so that one costs nothing, however long the queue is.
pub type Messages = rpds::VectorSync<QueuedRecord>;

/// Where messages are found by their index in the queue.
pub trait Queued {
    /// The message with an index, if it is known.
    fn queued(&self, index: u64) -> Option<&QueuedRecord>;
}

impl Queued for Messages {
    fn queued(&self, index: u64) -> Option<&QueuedRecord> {
        self.get(usize::try_from(index).ok()?)
    }
}

impl Queued for Vec<QueuedRecord> {
    fn queued(&self, index: u64) -> Option<&QueuedRecord> {
        self.get(usize::try_from(index).ok()?)
    }
}
