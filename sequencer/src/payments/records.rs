//! What is known of a batch and of what it holds, as callers see it: a block and its transactions (block n is batch n).
//!
//! A block's hash is a function of L1 data alone ([`block_hash`]), so that every node that follows L1 has the same. Hashes of users' transactions are not on L1: only
//! nodes that saw them have them.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::rlp::{Encodable, Header};
use serde::{Deserialize, Serialize};
pub use tandem_payments::content::block_hash;
use tandem_payments::{
    data::{Message, bytes},
    kind::Kind,
};

/// The type of a message of the L1 queue among transactions, and the first byte of what its hash is of.
pub const MESSAGE_TYPE: u8 = 0x7e;

/// A batch as a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Index of the batch.
    pub number: u64,
    /// The hash that [`block_hash`] gives.
    pub hash: B256,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// The batch's time, in seconds.
    pub timestamp: u64,
    /// Who is credited the fees.
    pub operator: Address,
    /// The root of the state before it (PAY-TREE).
    pub root_before: B256,
    /// The root of the state after it.
    pub state_root: B256,
    /// Leaves after it, the sentinel included.
    pub leaf_count: u64,
    /// Messages of the queue consumed before it.
    pub queue_start: u64,
    /// Messages of the queue consumed after it.
    pub queue_end: u64,
    /// The queue's hash at its end (L1-MSG-2).
    pub queue_hash: B256,
    /// What it holds, in order. None if L1 has a batch with operations that this node never saw: L1 tells effects, and no transactions.
    pub transactions: Option<Vec<Transaction>>,
}

/// What a block holds: an operation that a user signed, or a message of the L1 queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Of an operation the keccak of its envelope, of a message see [`message_transaction_hash`].
    pub hash: B256,
    /// Where it comes from.
    pub origin: Origin,
    /// The byte of its kind (PAY-KIND).
    pub kind: u8,
    /// The sender; of a message the account that it is for.
    pub from: Address,
    /// Who receives, here or on L1; of a message the account that it is for.
    pub to: Address,
    /// The token that moves, zero for ETH.
    pub token: Address,
    /// How much moves, in wei or the token's unit; of a forced withdrawal what was there.
    pub amount: u128,
    /// Gas that was charged (PAY-GAS); none for messages.
    pub gas: u64,
    /// Its place among the batch's withdrawals, if it made one (PAY-CLAIM).
    pub withdrawal: Option<u32>,
    /// False for a message that changed nothing here: a deposit that was refunded, a withdrawal of nothing, a key that could not be set.
    pub took_effect: bool,
}

/// Where a transaction comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A user signed it.
    Operation {
        /// The envelope as it was sent (PAY-SESSION-TX).
        envelope: Bytes,
        /// What was charged, in wei per gas.
        price: u64,
        /// The nonce that was signed.
        nonce: u64,
    },
    /// L1 ordered it.
    Message {
        /// Its position in the queue.
        index: u64,
        /// Its record of 62 bytes (PAY-MESSAGE).
        record: Bytes,
    },
}

impl Transaction {
    /// What it does.
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_byte(self.kind)
    }

    /// The bytes whose keccak is its hash: an operation's envelope as it was sent, or a message as a transaction.
    pub fn encoded(&self) -> Vec<u8> {
        match &self.origin {
            Origin::Operation { envelope, .. } => envelope.to_vec(),
            Origin::Message { index, record } => message_transaction(*index, record),
        }
    }

    /// The ERC-20 transfer that it is: from, to and amount, zero standing for L1. None if no token moved.
    pub fn token_transfer(&self) -> Option<(Address, Address, u128)> {
        let l1 = Address::ZERO;
        if self.token.is_zero() || !self.took_effect {
            return None;
        }
        match self.kind()? {
            Kind::TokenTransfer => Some((self.from, self.to, self.amount)),
            Kind::WithdrawToken | Kind::Forced => Some((self.from, l1, self.amount)),
            Kind::Deposit => Some((l1, self.to, self.amount)),
            _ => None,
        }
    }
}

/// A message of the queue as the bytes of a transaction: `0x7e || rlp([index, record])`.
pub fn message_transaction(index: u64, record: &[u8]) -> Vec<u8> {
    let payload_length = index.length().saturating_add(record.length());
    let mut encoded = vec![MESSAGE_TYPE];
    Header { list: true, payload_length }.encode(&mut encoded);
    index.encode(&mut encoded);
    record.encode(&mut encoded);
    encoded
}

/// The hash under which a message of the queue is a transaction.
pub fn message_transaction_hash(index: u64, record: &[u8]) -> B256 {
    keccak256(message_transaction(index, record))
}

/// A message as a transaction, before it is known what it does.
pub fn of_message(index: u64, message: &Message) -> Transaction {
    let record = bytes(&message.encode());
    let (kind, account, token, amount) = match *message {
        Message::Deposit { key, amount } => (Kind::Deposit, key.address, key.token, amount),
        Message::Forced { key } => (Kind::Forced, key.address, key.token, 0),
        Message::L1Key { account, .. } => (Kind::L1Key, account, Address::ZERO, 0),
    };
    Transaction {
        hash: message_transaction_hash(index, &record),
        origin: Origin::Message { index, record: record.into() },
        kind: kind as u8,
        from: account,
        to: account,
        token,
        amount,
        gas: 0,
        withdrawal: None,
        took_effect: false,
    }
}

#[cfg(test)]
mod tests {
    use tandem_payments::leaf::Key;

    use super::*;

    const TOKEN: Address = Address::repeat_byte(0x70);

    fn deposit(token: Address) -> Transaction {
        let key = Key { address: Address::repeat_byte(1), token };
        of_message(7, &Message::Deposit { key, amount: 5 })
    }

    #[test]
    fn a_message_is_hashed_as_what_it_is_at_its_place() {
        let Origin::Message { index: 7, record } = deposit(TOKEN).origin else { panic!("a message") };
        // 0x7e, a list of 65 bytes: 7, and a string of 62 bytes.
        let encoded = [&[0x7e, 0xf8, 65, 7, 0xb8, 62][..], &record].concat();
        assert_eq!(deposit(TOKEN).hash, keccak256(encoded));
        assert_ne!(message_transaction_hash(8, &record), deposit(TOKEN).hash);
    }

    #[test]
    fn tokens_that_moved_are_transfers_and_nothing_else_is() {
        let credited = Transaction { took_effect: true, ..deposit(TOKEN) };
        let account = Address::repeat_byte(1);
        assert_eq!(credited.token_transfer(), Some((Address::ZERO, account, 5)));
        assert_eq!(deposit(TOKEN).token_transfer(), None, "it was refunded");
        assert_eq!(Transaction { took_effect: true, ..deposit(Address::ZERO) }.token_transfer(), None, "ether");
        let forced = Transaction { kind: Kind::Forced as u8, ..credited.clone() };
        assert_eq!(forced.token_transfer(), Some((account, Address::ZERO, 5)));
        assert_eq!(Transaction { kind: Kind::L1Key as u8, ..credited }.token_transfer(), None);
    }
}
