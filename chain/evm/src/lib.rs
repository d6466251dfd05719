//! Placeholder.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod genesis;
pub mod payload;
pub mod predeploys;
