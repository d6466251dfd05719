//! JSON-RPC over HTTP and WebSocket.
//!
//! Every byte that arrives is adversarial: sizes, counts and concurrent work are limited, and what exceeds a limit is refused at once.

mod arity;
mod bodies;
pub(crate) mod common;
pub(crate) mod connections;
mod context;
mod dispatch;
mod error;
pub(crate) mod filters;
mod hosts;
mod installed;
pub(crate) mod json;
mod l1_clock;
mod limits;
mod news;
mod params;
pub(crate) mod percentiles;
mod reverts;
pub(crate) mod rollup;
mod send;
mod server;
mod service;
mod subscriptions;
mod turns;
mod websocket;
mod written;

pub use context::{Methods, RpcContext};
pub use error::RpcError;
pub use hosts::{HOSTS_FLAG, Host, Hosts};
pub use limits::{LimitTooSmall, RpcLimits, flag};
pub use server::serve;
pub use service::Service;
pub use turns::Turns;

pub(crate) use installed::Filters;
pub use news::{BlockNews, News};
pub use params::Params;
pub(crate) use written::Slot;
