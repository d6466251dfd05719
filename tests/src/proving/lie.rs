//! What a sequencer can say of a batch that is not so. Rules: PAY-SESSION-TX, PAY-TREE, L1-MSG-2.

use tandem_payments::{
    eddsa::SessionTransaction,
    operation::{Call, Operation},
};
use tandem_proto::v1::{ClosedBatch, SignedOperation, entry::Entry as Item};

use crate::payments::Chain;

/// A lie about a batch of messages, and behind them operations of user 0, the first of which is a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Another root after it.
    Root,
    /// An operation that nobody signed: one that somebody signed, of another amount.
    Unsigned,
    /// It ends before a message that it takes. The queue's hash is the one of that place.
    QueueEnd,
    /// Another operator, to whom its fees would go.
    Operator,
    /// The same transaction twice.
    Twice,
    /// An operation that its sender signed for another chain.
    OtherChain,
    /// An operation that its sender signed for a chain of the same number and another configuration.
    OtherGenesis,
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Root, Self::Unsigned, Self::QueueEnd, Self::Operator, Self::Twice, Self::OtherChain, Self::OtherGenesis];

    /// The batch as the lie has it; everything else of it is right.
    pub fn about(self, batch: &ClosedBatch, chain: &Chain) -> ClosedBatch {
        let mut told = batch.clone();
        match self {
            Self::Root => told.root_after[31] ^= 1,
            Self::Unsigned => replace(&mut told, |signed| {
                let Call::Transfer { recipient, amount } = signed.operation.call else { panic!("it is a transfer") };
                let call = Call::Transfer { recipient, amount: amount + 1 };
                let operation = Operation { call, ..signed.operation };
                SessionTransaction { operation, ..signed }
            }),
            Self::QueueEnd => {
                told.queue_end -= 1;
                told.queue_hash_end = chain.queue_hash(told.queue_end as usize).to_vec();
            }
            Self::Operator => told.operator = chain.stranger().address().to_vec(),
            Self::Twice => {
                let place = first_operation(&told);
                told.entries.push(told.entries[place].clone());
            }
            Self::OtherChain => replace(&mut told, |signed| sign(chain, signed.operation, 1, false)),
            Self::OtherGenesis => replace(&mut told, |signed| sign(chain, signed.operation, 0, true)),
        }
        told
    }

    /// Words with which a prover says that it is none of the truth.
    pub const fn is_found_as(self) -> &'static str {
        match self {
            // Fees that go elsewhere give another state.
            Self::Root | Self::Operator => "after it, its entries give",
            Self::Unsigned | Self::OtherGenesis => "the signature does not belong to key and message",
            Self::QueueEnd => "its entries end before",
            Self::Twice => "nonce 0, the account is at",
            Self::OtherChain => "the transaction is for chain",
        }
    }
}

/// What user 0 signs for a chain whose number is greater by `more`, or which is of another configuration.
fn sign(chain: &Chain, operation: Operation, more: u64, is_of_other_genesis: bool) -> SessionTransaction {
    let mut genesis = chain.chain().hash();
    genesis.0[0] ^= u8::from(is_of_other_genesis);
    let chain_id = chain.chain().l2_chain_id + more;
    SessionTransaction::sign(chain_id, genesis, operation, &chain.session_key(0)).unwrap()
}

fn first_operation(batch: &ClosedBatch) -> usize {
    batch.entries.iter().position(|entry| matches!(entry.entry, Some(Item::Operation(_)))).unwrap()
}

/// Puts another envelope in the place of the first operation's.
fn replace(batch: &mut ClosedBatch, change: impl FnOnce(SessionTransaction) -> SessionTransaction) {
    let place = first_operation(batch);
    let Some(Item::Operation(SignedOperation { envelope, .. })) = &mut batch.entries[place].entry else {
        unreachable!("it was found as an operation")
    };
    *envelope = change(SessionTransaction::decode(envelope).unwrap()).encode();
}
