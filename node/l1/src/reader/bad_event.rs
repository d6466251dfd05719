//! Why an event is refused.

use alloy::primitives::{B256, U256};
use tandem_chain::{batch::UnknownDataKind, message::MessageTooShort};

/// What is wrong with an event.
#[derive(Debug, thiserror::Error)]
pub enum BadEvent {
    /// Not the ABI of its topic.
    #[error(transparent)]
    Abi(#[from] alloy::sol_types::Error),
    /// The bytes of the event are no message.
    #[error(transparent)]
    Message(#[from] MessageTooShort),
    /// No such data kind.
    #[error(transparent)]
    DataKind(#[from] UnknownDataKind),
    /// The fields hash to something else than the event names.
    #[error("its fields hash to {found}, it names {named}")]
    WrongHash {
        /// The hash in the event.
        named: B256,
        /// The hash of the fields in the event.
        found: B256,
    },
    /// Of another block than asked for, or removed.
    #[error("it belongs to another block")]
    WrongBlock,
    /// The log has no transaction.
    #[error("it has no transaction")]
    NoTransaction,
    /// A time, a rank or an index is more than any contract writes.
    #[error("{0} in it is beyond 64 bits")]
    TooLarge(U256),
}
