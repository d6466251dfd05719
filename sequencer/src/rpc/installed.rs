//! The filters that callers installed, each a cursor into the news: at most so many, each asked at least so often.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use alloy::{primitives::B128, rpc::types::Filter};
use serde_json::{Value, json};

use super::{RpcError, flag};

/// What somebody wants to hear of.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// Hashes of new blocks.
    Blocks,
    /// Hashes of transactions that arrive, or all of them.
    Transactions { full: bool },
    /// Logs that fit this filter.
    Logs(Box<Filter>),
}

#[derive(Clone, Debug)]
pub(super) struct Installed {
    pub wanted: Wanted,
    pub cursor: u64,
    asked: Instant,
}

/// All filters of a node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Filters {
    /// By an id that nobody guesses. A lock, since every question to a filter moves its cursor; held for look-ups alone.
    installed: Arc<Mutex<HashMap<B128, Installed>>>,
    count_max: usize,
    idle_max: Duration,
}

impl Filters {
    /// At most so many, each asked at least so often.
    pub fn new(count_max: usize, idle_max: Duration) -> Self {
        Self { installed: Arc::default(), count_max, idle_max }
    }

    pub(super) fn install(&self, wanted: Wanted, cursor: u64) -> Result<Value, RpcError> {
        let mut installed = self.lock();
        installed.retain(|_, filter| filter.asked.elapsed() < self.idle_max);
        if installed.len() >= self.count_max {
            let limit = self.count_max as u64;
            return Err(RpcError::LimitExceeded { what: "filters at a time", limit, flag: flag::FILTERS });
        }
        let id = B128::from(rand::random::<[u8; 16]>());
        installed.insert(id, Installed { wanted, cursor, asked: Instant::now() });
        Ok(json!(id))
    }

    /// A filter that somebody asks now.
    pub(super) fn ask(&self, id: &B128) -> Result<Installed, RpcError> {
        let mut installed = self.lock();
        let filter = installed.get_mut(id).filter(|filter| filter.asked.elapsed() < self.idle_max);
        let filter = filter.ok_or(RpcError::UnknownFilter)?;
        filter.asked = Instant::now();
        Ok(filter.clone())
    }

    pub(super) fn advance(&self, id: &B128, cursor: u64) {
        if let Some(filter) = self.lock().get_mut(id) {
            filter.cursor = cursor;
        }
    }

    pub(super) fn remove(&self, id: &B128) -> bool {
        self.lock().remove(id).is_some_and(|filter| filter.asked.elapsed() < self.idle_max)
    }

    // What a panic left is whole: no change is made by halves.
    fn lock(&self) -> MutexGuard<'_, HashMap<B128, Installed>> {
        self.installed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_fills_the_node_with_filters_and_forgotten_ones_go() {
        let filters = Filters::new(2, Duration::from_millis(50));
        let first = filters.install(Wanted::Blocks, 0).unwrap();
        filters.install(Wanted::Blocks, 0).unwrap();
        let error = filters.install(Wanted::Blocks, 0).unwrap_err();
        assert!(error.to_string().contains(flag::FILTERS), "{error}");
        std::thread::sleep(Duration::from_millis(60));
        let first: B128 = serde_json::from_value(first).unwrap();
        assert!(matches!(filters.ask(&first), Err(RpcError::UnknownFilter)));
        filters.install(Wanted::Blocks, 0).unwrap();
        assert_eq!(filters.lock().len(), 1);
        assert!(!filters.remove(&first));
    }
}
