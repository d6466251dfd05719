//! `eth_subscribe`: what one WebSocket connection is told without asking again.

use std::collections::BTreeMap;

use alloy::{
    primitives::B128,
    rpc::types::{Filter, FilterBlockOption},
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    Params, RpcError, RpcLimits, Service, filters, flag,
    news::{ChainEvent, News},
};
use crate::{ring::Overtaken, sync_state::SyncState};

/// Notifications that are made at a time, before they are sent.
const AT_ONCE: usize = 64;

/// What a subscription is for.
#[derive(Debug)]
enum Topic {
    NewHeads,
    Logs(Box<Filter>),
    NewPendingTransactions { full: bool },
    Syncing,
}

#[derive(Debug)]
struct Subscription {
    topic: Topic,
    cursor: u64,
}

/// Why a connection cannot be told everything that it subscribed to. The words fit into the frame that closes a WebSocket: 123 bytes.
#[derive(Debug, thiserror::Error)]
pub enum Gap {
    /// It is behind what is remembered.
    #[error("subscriber is too slow: it missed what happened; connect and subscribe again")]
    Overtaken(#[from] Overtaken),
    /// A block has logs that this node does not know.
    #[error(transparent)]
    LogsUnknown(#[from] RpcError),
}

/// The subscriptions of one connection.
pub struct Subscriptions<S: Service> {
    news: News<S::Arrival>,
    sync: watch::Receiver<SyncState>,
    /// What was told of it last.
    told_sync: SyncState,
    chain: watch::Receiver<u64>,
    pool: watch::Receiver<u64>,
    /// By an id that nobody guesses, though only this connection can use it.
    open: BTreeMap<B128, Subscription>,
    count_max: usize,
}

impl<S: Service> Subscriptions<S> {
    /// Of a connection that has subscribed to nothing yet.
    pub fn new(service: &S) -> Self {
        let news = service.news().clone();
        let (chain, pool) = (news.chain().watch(), news.pool().watch());
        let sync = service.watch_sync();
        let told_sync = *sync.borrow();
        Self {
            news,
            sync,
            told_sync,
            chain,
            pool,
            open: BTreeMap::new(),
            count_max: service.limits().subscriptions_max,
        }
    }

    /// Answers a request that concerns subscriptions; none if it does not.
    pub fn answer(&mut self, service: &S, method: &str, params: &Params) -> Option<Result<Value, RpcError>> {
        match method {
            "eth_subscribe" => Some(self.subscribe(service.limits(), params)),
            "eth_unsubscribe" => Some(self.unsubscribe(params)),
            _ => None,
        }
    }

    fn subscribe(&mut self, limits: &RpcLimits, params: &Params) -> Result<Value, RpcError> {
        let name: String = params.required(0, "the name of a subscription")?;
        let topic = match name.as_str() {
            "newHeads" => Topic::NewHeads,
            "logs" => Topic::Logs(Box::new(log_filter(limits, params)?)),
            "newPendingTransactions" => {
                Topic::NewPendingTransactions { full: params.optional(1, "true or false")?.unwrap_or(false) }
            }
            "syncing" => Topic::Syncing,
            _ => return Err(RpcError::UnknownSubscription { name }),
        };
        if self.open.len() >= self.count_max {
            let limit = self.count_max as u64;
            return Err(RpcError::LimitExceeded {
                what: "subscriptions of a connection",
                limit,
                flag: flag::SUBSCRIPTIONS,
            });
        }
        let cursor = match topic {
            Topic::NewHeads | Topic::Logs(_) => self.news.chain().end(),
            Topic::NewPendingTransactions { .. } => self.news.pool().end(),
            Topic::Syncing => 0,
        };
        let id = B128::from(rand::random::<[u8; 16]>());
        self.open.insert(id, Subscription { topic, cursor });
        Ok(json!(id))
    }

    fn unsubscribe(&mut self, params: &Params) -> Result<Value, RpcError> {
        let id: String = params.required(0, "the id of a subscription")?;
        let id: B128 = id.parse().map_err(|_| RpcError::UnknownSubscriptionId)?;
        self.open.remove(&id).map(|_| true.into()).ok_or(RpcError::UnknownSubscriptionId)
    }

    /// Waits until there may be something to tell; for ever if nothing is subscribed to. Safe to drop and call again.
    pub async fn changed(&mut self) {
        let wants = |wanted: fn(&Topic) -> bool| self.open.values().any(|subscription| wanted(&subscription.topic));
        let wants_chain = wants(|topic| matches!(topic, Topic::NewHeads | Topic::Logs(_)));
        let wants_pool = wants(|topic| matches!(topic, Topic::NewPendingTransactions { .. }));
        let wants_sync = wants(|topic| matches!(topic, Topic::Syncing));
        // The other side of a channel is gone only when the node stops.
        let ended = tokio::select! {
            changed = self.chain.changed(), if wants_chain => changed.is_err(),
            changed = self.pool.changed(), if wants_pool => changed.is_err(),
            changed = self.sync.changed(), if wants_sync => changed.is_err(),
            else => true,
        };
        if ended {
            std::future::pending::<()>().await;
        }
    }

    /// What is to be told now, some of it if that is much: an empty answer means that nothing is left.
    pub fn notifications(&mut self, service: &S) -> Result<Vec<Value>, Gap> {
        let mut found = Vec::new();
        let sync = *self.sync.borrow();
        let news_of_sync = (sync != self.told_sync).then_some(sync);
        self.told_sync = sync;
        for (id, Subscription { topic, cursor }) in &mut self.open {
            let before = found.len();
            match topic {
                Topic::NewHeads => {
                    for event in self.news.chain().read(cursor, AT_ONCE)? {
                        if let ChainEvent::Added(block) = event {
                            found.push(block.head.clone());
                        }
                    }
                }
                Topic::Logs(filter) => {
                    for event in self.news.chain().read(cursor, 1)? {
                        found.extend(filters::matching(filter, &event)?);
                    }
                }
                Topic::NewPendingTransactions { full } => {
                    for transaction in self.news.pool().read(cursor, AT_ONCE)? {
                        found.extend(service.arrival(&transaction, *full));
                    }
                }
                Topic::Syncing => found.extend(news_of_sync.map(|sync| json!(sync == SyncState::Reading))),
            }
            for result in found.iter_mut().skip(before) {
                let params = json!({ "subscription": id, "result": result.take() });
                *result = json!({ "jsonrpc": "2.0", "method": "eth_subscription", "params": params });
            }
        }
        Ok(found)
    }

    /// Whether some subscription has more to read.
    pub fn is_behind(&self) -> bool {
        self.open.values().any(|Subscription { topic, cursor }| match topic {
            Topic::NewHeads | Topic::Logs(_) => *cursor < self.news.chain().end(),
            Topic::NewPendingTransactions { .. } => *cursor < self.news.pool().end(),
            Topic::Syncing => false,
        })
    }
}

/// A filter of logs yet to come, so without a range.
fn log_filter(limits: &RpcLimits, params: &Params) -> Result<Filter, RpcError> {
    let filter = match params.has(1) {
        true => filters::filter(limits, params, 1)?,
        false => Filter::default(),
    };
    let FilterBlockOption::Range { from_block, to_block } = filter.block_option else {
        return Err(RpcError::InvalidParam {
            index: 1,
            expected: "a filter without a block: subscriptions are told of new logs",
        });
    };
    let is_open = |bound: Option<alloy::eips::BlockNumberOrTag>| {
        bound.is_none_or(|bound| bound.is_latest() || bound.is_pending())
    };
    if !is_open(from_block) || !is_open(to_block) {
        return Err(RpcError::InvalidParam {
            index: 1,
            expected: "a filter without a range: subscriptions are told of new logs",
        });
    }
    Ok(Filter { block_option: FilterBlockOption::default(), ..filter })
}
