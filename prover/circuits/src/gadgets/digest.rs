//! Digests of long lists (PAY-DIGEST). Twin: `tandem_payments::digest`.

use super::poseidon;
use ark_bn254::Fr;
use ark_r1cs_std::fields::{FieldVar, fp::FpVar};
use ark_relations::gr1cs::SynthesisError;
use tandem_payments::digest::{BLOCK_ITEMS, start};
use tandem_payments::poseidon::{INPUTS_MAX, Tag};

/// The digest of `items` as used by circuit `circuit_id`: 609 constraints for every 15 items.
pub fn digest(tag: Tag, circuit_id: u64, items: &[FpVar<Fr>]) -> Result<FpVar<Fr>, SynthesisError> {
    let start = FpVar::Constant(start(tag, circuit_id, items.len()));
    items.chunks(BLOCK_ITEMS).try_fold(start, |chain, block| {
        let mut inputs = Vec::with_capacity(INPUTS_MAX);
        inputs.push(chain);
        inputs.extend_from_slice(block);
        inputs.resize(INPUTS_MAX, FpVar::zero());
        poseidon::hash(&inputs)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::proving;
    use ark_r1cs_std::{GR1CSVar, alloc::AllocVar};
    use tandem_payments::tags;

    #[test]
    fn equals_its_native_twin() {
        for count in [0u64, 1, 14, 15, 16, 31] {
            let values: Vec<Fr> = (0..count).map(Fr::from).collect();
            let cs = proving();
            let items: Vec<_> = values.iter().map(|x| FpVar::new_witness(cs.clone(), || Ok(*x)).unwrap()).collect();
            let digest = digest(tags::DIGEST_DATA, 7, &items).unwrap();
            assert_eq!(digest.value().unwrap(), tandem_payments::digest::digest(tags::DIGEST_DATA, 7, &values));
            cs.finalize();
            assert!(cs.is_satisfied().unwrap());
        }
    }
}
