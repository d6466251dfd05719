//! Poseidon over the BN254 scalar field with circomlib's parameters (x^5, 8 full rounds, widths 2 to 17).
//!
//! Twins: the gadget in `prover/circuits/src/gadgets/poseidon.rs`, the JavaScript in `sdk/`.
//! The constants come out of the Grain generator (`grain.rs`) on first use and are kept in the form with
//! sparse partial rounds (`parameters.rs`); tests compare them with the textbook permutation, with
//! circomlib's published outputs and with an independent crate.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "widths and numbers of inputs are constants of the caller, asserted where they come in"
)]

mod grain;
mod parameters;
mod rounds;

use ark_bn254::Fr;
use ark_ff::{Field, PrimeField, Zero};

pub use parameters::{Parameters, Shared, Sparse};
pub use rounds::{FULL_ROUNDS, WIDTH_MAX, partial_rounds};

/// Inputs that one hash takes at most.
pub const INPUTS_MAX: usize = WIDTH_MAX - 1;

/// A domain tag: the ASCII bytes, read as one big-endian integer, that open every tagged hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(&'static str);

impl Tag {
    /// The tag of these ASCII bytes.
    ///
    /// # Panics
    /// Unless there are 1 to 31 ASCII bytes, so that the tag is a canonical field element (a compile error in
    /// constants).
    pub const fn new(ascii: &'static str) -> Self {
        assert!(!ascii.is_empty() && ascii.len() <= 31 && ascii.is_ascii(), "a tag is 1 to 31 ASCII bytes");
        Self(ascii)
    }

    /// The text of the tag.
    pub const fn as_str(&self) -> &'static str {
        self.0
    }

    /// The tag as a field element.
    pub fn to_fr(&self) -> Fr {
        Fr::from_be_bytes_mod_order(self.0.as_bytes())
    }
}

/// Poseidon of 1 to 16 elements: circomlib's `Poseidon(n)`, untagged.
///
/// # Panics
/// If the number of inputs is outside 1 to 16: it is always the caller's constant.
pub fn hash(inputs: &[Fr]) -> Fr {
    parameters::with_width!(inputs.len() + 1, T => digest::<T>(parameters::shared::<T>(), inputs))
}

/// Poseidon of a tag and 1 to 15 elements.
///
/// # Panics
/// If the number of inputs is outside 1 to 15.
pub fn hash_tagged(tag: Tag, inputs: &[Fr]) -> Fr {
    assert!(inputs.len() < INPUTS_MAX, "a tagged hash takes at most 15 elements");
    let mut state = [Fr::zero(); INPUTS_MAX];
    state[0] = tag.to_fr();
    state[1..=inputs.len()].copy_from_slice(inputs);
    hash(&state[..=inputs.len()])
}

fn digest<const T: usize>(parameters: &Parameters<T>, inputs: &[Fr]) -> Fr {
    let mut state = [Fr::zero(); T];
    state[1..].copy_from_slice(inputs);
    permute(parameters, &mut state);
    state[0]
}

/// The permutation itself, in the form with sparse partial rounds.
pub fn permute<const T: usize>(parameters: &Parameters<T>, state: &mut [Fr; T]) {
    let (before, after) = parameters.full_constants.split_at(FULL_ROUNDS / 2);
    for constants in before {
        full_round(parameters, constants, state);
    }
    for (constant, sparse) in parameters.partial_constants.iter().zip(&parameters.sparse) {
        let first = quintic(state[0] + constant);
        state[0] = first;
        state[0] = Fr::sum_of_products(&sparse.row, state);
        for (element, factor) in state.iter_mut().zip(&sparse.column).skip(1) {
            *element += *factor * first;
        }
    }
    state[0] = quintic(state[0] + parameters.partial_constants[parameters.sparse.len()]);
    *state = multiply(&parameters.last_partial, state);
    for constants in after {
        full_round(parameters, constants, state);
    }
}

fn full_round<const T: usize>(parameters: &Parameters<T>, constants: &[Fr; T], state: &mut [Fr; T]) {
    for (element, constant) in state.iter_mut().zip(constants) {
        *element = quintic(*element + constant);
    }
    *state = multiply(&parameters.mds, state);
}

fn multiply<const T: usize>(matrix: &[[Fr; T]; T], state: &[Fr; T]) -> [Fr; T] {
    core::array::from_fn(|i| Fr::sum_of_products(&matrix[i], state))
}

fn quintic(x: Fr) -> Fr {
    x.square().square() * x
}

/// The parameters of one width, made on first use and kept.
pub fn parameters<const T: usize>() -> &'static Parameters<T>
where
    Parameters<T>: Shared,
{
    parameters::shared::<T>()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use light_poseidon::{Poseidon, PoseidonHasher};
    use std::{string::String, vec::Vec};

    #[derive(serde::Deserialize)]
    struct Case {
        inputs: Vec<String>,
        hash: String,
    }

    fn fr(decimal: &str) -> Fr {
        decimal.parse().unwrap()
    }

    #[test]
    fn circomlib_vectors_of_every_width_agree() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../tests/vectors/payments/poseidon.json")).unwrap();
        assert_eq!(cases.len(), 32);
        for case in cases {
            let inputs: Vec<Fr> = case.inputs.iter().map(|x| fr(x)).collect();
            assert_eq!(hash(&inputs), fr(&case.hash), "{} inputs", inputs.len());
        }
    }

    #[test]
    fn light_poseidon_agrees_where_it_goes() {
        let mut x = Fr::from(7u64);
        for count in 1..=12 {
            let inputs: Vec<Fr> = (0..count)
                .map(|i| {
                    x = x.square() + Fr::from(i as u64 + 3);
                    x
                })
                .collect();
            let expected = Poseidon::<Fr>::new_circom(count).unwrap().hash(&inputs).unwrap();
            assert_eq!(hash(&inputs), expected, "{count} inputs");
        }
    }

    #[test]
    fn a_tag_is_the_first_input() {
        let tag = Tag::new("ab");
        assert_eq!(tag.to_fr(), Fr::from(0x6162u64));
        assert_eq!(hash_tagged(tag, &[Fr::from(5u64)]), hash(&[Fr::from(0x6162u64), Fr::from(5u64)]));
        assert_ne!(hash_tagged(tag, &[Fr::from(5u64)]), hash_tagged(Tag::new("ac"), &[Fr::from(5u64)]));
    }

    #[test]
    #[should_panic(expected = "inputs")]
    fn no_inputs_are_refused() {
        hash(&[]);
    }

    #[test]
    #[should_panic(expected = "inputs")]
    fn seventeen_inputs_are_refused() {
        hash(&[Fr::zero(); 17]);
    }
}
