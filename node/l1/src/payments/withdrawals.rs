//! Withdrawals of a batch as L1 is shown them: their index, and the proof that the settlement takes. Rules: PAY-WITHDRAWAL-ROOT, PAY-CLAIM.
//!
//! The tree itself is `tandem_payments::withdrawals`.

use alloy::{
    primitives::{B256, Bytes},
    sol_types::SolValue,
};
use tandem_chain::OutputFields;
use tandem_payments::{
    data::{Withdrawal, elements},
    withdrawals::{POSITION_BITS, proof as path},
};

use crate::bindings::payments::{OutputFields as SolOutputFields, Withdrawal as SolWithdrawal};

/// The index of a withdrawal, by which it is claimed once.
pub fn index(batch: u64, position: u32) -> u64 {
    batch << POSITION_BITS | u64::from(position)
}

/// Batch and position of an index.
pub fn place(index: u64) -> (u64, u32) {
    (index >> POSITION_BITS, index as u32)
}

/// The siblings of a withdrawal in a posted segment, from the leaf upwards; none if the segment has no such position, or is none.
pub fn siblings(segment: &[u8], position: u32) -> Option<Vec<B256>> {
    let withdrawals = Withdrawal::decode_all(&elements(segment).ok()?).ok()?;
    path(&withdrawals, usize::try_from(position).ok()?)
}

/// The proof that the settlement takes (PAY-WITHDRAWAL-ROOT).
pub fn proof(fields: OutputFields, siblings: Vec<B256>) -> Bytes {
    (SolOutputFields::from(fields), siblings).abi_encode_params().into()
}

impl From<Withdrawal> for SolWithdrawal {
    fn from(Withdrawal { recipient, token, amount }: Withdrawal) -> Self {
        Self { recipient, token, amount }
    }
}
