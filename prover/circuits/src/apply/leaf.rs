//! Leaves (PAY-LEAF). Twin: `tandem_payments::leaf`.
//!
//! Fields of an opened leaf are not range-checked: whatever is in the tree was checked when it was written (PAY-RANGE), and the
//! hash admits nothing else.

use crate::gadgets::poseidon;
use ark_bn254::Fr;
use ark_r1cs_std::{alloc::AllocVar, fields::fp::FpVar};
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};
use tandem_payments::leaf::Leaf;
use tandem_payments::tags;

/// The fields of an opened leaf as variables.
#[derive(Clone)]
pub(super) struct LeafVar {
    pub(super) address: FpVar<Fr>,
    pub(super) token: FpVar<Fr>,
    pub(super) next_address: FpVar<Fr>,
    pub(super) next_token: FpVar<Fr>,
    pub(super) nonce: FpVar<Fr>,
    pub(super) balance: FpVar<Fr>,
    pub(super) key_hash: FpVar<Fr>,
    pub(super) session_hash: FpVar<Fr>,
}

impl LeafVar {
    pub(super) fn new_witness(cs: &ConstraintSystemRef<Fr>, leaf: &Leaf) -> Result<Self, SynthesisError> {
        let [address, token, next_address, next_token, nonce, balance, key_hash, session_hash] =
            leaf.fields().map(|field| FpVar::new_witness(cs.clone(), || Ok(field)));
        Ok(Self {
            address: address?,
            token: token?,
            next_address: next_address?,
            next_token: next_token?,
            nonce: nonce?,
            balance: balance?,
            key_hash: key_hash?,
            session_hash: session_hash?,
        })
    }

    /// Its hash: 414 constraints.
    pub(super) fn hash(&self) -> Result<FpVar<Fr>, SynthesisError> {
        let fields = [
            &self.address,
            &self.token,
            &self.next_address,
            &self.next_token,
            &self.nonce,
            &self.balance,
            &self.key_hash,
            &self.session_hash,
        ];
        poseidon::hash_tagged(tags::LEAF, &fields.map(Clone::clone))
    }
}
