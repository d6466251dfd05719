//! The JSON-RPC of a payments chain, asked over HTTP and WebSocket as wallets and libraries ask it.

mod accounts;
mod blocks;
mod calls;
mod rig;
mod sending;
mod subscriptions;
mod tokens;
